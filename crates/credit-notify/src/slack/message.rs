//! What Slack shows, in blocks that every client and every consumer of webhooks knows: header,
//! section and context.
//!
//! Foreign text stands in inline code only, where nothing but Slack's three escapes has a meaning,
//! so that it can neither notify nor link nor format. Ids and words of closed vocabularies stand
//! as they are: they are safe by their types.

use credit_core::{RiskFlags, Severity};
use serde::Serialize;

use crate::text::{code, escaped};
use crate::{
    Alert, Call, CaseState, DigestOf, Exposure, Link, Links, Mention, Reply, TopScenario, Weekly,
};

/// One message, ready to be sent. Every limit of Slack's is kept and every foreign text escaped
/// by construction.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Message {
    /// What notifications show, and clients without blocks.
    pub(super) text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) blocks: Vec<Block>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    Header {
        text: Text,
    },
    Section {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<Text>,
    },
    Context {
        elements: Vec<Text>,
    },
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Text {
    PlainText {
        text: String,
    },
    Mrkdwn {
        text: String,
        /// Addresses and names in the text are not made into links.
        verbatim: bool,
    },
}

impl Message {
    /// A text of our own or anybody else's, shown as it is.
    pub fn plain(text: &str) -> Message {
        let shown = code(text, TEXT_MAX);
        Message {
            text: shown.clone(),
            blocks: vec![section(shown)],
        }
    }

    /// An alert about one run. `on_call` are notified if the alert is escalated, and only then.
    ///
    /// ```
    /// use credit_core::{Credits, Likelihood, RiskFlags, Severity};
    /// use credit_notify::slack::Message;
    /// use credit_notify::{Alert, Links};
    ///
    /// let alert = Alert {
    ///     severity: Severity::Sev1,
    ///     run_id: "RUN-1".parse()?,
    ///     scenario_id: "EXPORT".parse()?,
    ///     timestamp: "2025-01-31T10:00:00Z".parse()?,
    ///     credits: "2500".parse()?,
    ///     baseline: Some("500".parse()?),
    ///     variance: Some("5".parse()?),
    ///     likelihood: Likelihood::Medium,
    ///     risk_flags: RiskFlags::NONE,
    ///     summary: "looks like a <!channel> retry loop".to_owned(),
    ///     escalate: false,
    /// };
    /// let json = serde_json::to_string(&Message::alert(&alert, &Links::default(), &[]))?;
    /// assert!(json.contains("2500 of 500 expected, 5 times"));
    /// assert!(json.contains("looks like a &lt;!channel&gt; retry loop"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn alert(alert: &Alert, links: &Links, on_call: &[Mention]) -> Message {
        let title = format!("{} credit alert: {}", alert.severity, alert.scenario_id);
        let mut blocks = vec![header(&title)];
        if alert.escalate && !on_call.is_empty() {
            blocks.push(section(format!("Escalated to {}", mentions(on_call))));
        }
        blocks.push(section(code(&alert.summary, TEXT_MAX)));
        blocks.push(fields(vec![
            field("Credits", &credits(alert)),
            field("Misconfiguration", alert.likelihood.as_str()),
            field("Risk flags", &flags(alert.risk_flags)),
            field("Scenario", &format!("`{}`", alert.scenario_id)),
            field("Finished", &alert.timestamp.to_string()),
            field("Case", &case(links)),
            field(
                "Run",
                &linked(alert.run_id.as_str(), links.run_url.as_ref()),
            ),
        ]));
        Message {
            text: escaped(
                &format!("{title}, run {}: {}", alert.run_id, credits(alert)),
                TEXT_MAX,
            ),
            blocks,
        }
    }

    /// An alert's message as it is to be once something has happened in its case: a channel shows
    /// then which alerts somebody takes care of. It takes the place of the one that was posted
    /// ([`SlackThreads::update`](crate::SlackThreads::update)), which notifies nobody.
    ///
    /// ```
    /// use credit_core::CaseStatus;
    /// use credit_notify::CaseState;
    /// use credit_notify::slack::Message;
    ///
    /// let state = CaseState {
    ///     status: CaseStatus::Investigating,
    ///     by: Some("O2 Ada".to_owned()),
    ///     since: "2025-01-31T10:00:00Z".parse()?,
    /// };
    /// let message = Message::plain("hello").in_state(&state);
    /// assert_eq!(message.text(), "`hello` (Investigating)");
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    #[must_use]
    pub fn in_state(&self, state: &CaseState) -> Message {
        let CaseState { status, by, since } = state;
        let by = by
            .as_deref()
            .map(|by| format!(", by {}", code(by, NAME_MAX)));
        let shown = format!("*Case* {status} since {since}{}", by.unwrap_or_default());
        let is_header = |block: &&Block| matches!(block, Block::Header { .. });
        let headers = self.blocks.iter().take_while(is_header).count();
        let mut blocks = self.blocks.clone();
        blocks.insert(headers, section(shown));
        // The text is far below Slack's own limit, so that the word still fits.
        Message {
            text: format!("{} ({status})", self.text),
            blocks,
        }
    }

    /// Many alerts as one message, the gravest first, a few of them by name.
    ///
    /// ```
    /// # use credit_notify::DigestOf;
    /// # use credit_notify::slack::Message;
    /// let muted = DigestOf::Muted {
    ///     by: "O3 Ada".to_owned(),
    ///     reason: "a planned load test".to_owned(),
    ///     from: "2025-01-31T10:00:00Z".parse()?,
    ///     until: "2025-01-31T12:00:00Z".parse()?,
    /// };
    /// assert_eq!(Message::digest(&muted, &[]).text(), "0 credit alerts while muted");
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn digest(of: &DigestOf, alerts: &[Alert]) -> Message {
        let mut sorted: Vec<&Alert> = alerts.iter().collect();
        sorted.sort_by_key(|a| (a.severity, a.timestamp));
        let title = match of {
            DigestOf::Storm => format!(
                "{}: {}",
                count(alerts.len(), "credit alert"),
                tally(&sorted)
            ),
            DigestOf::Muted { .. } => {
                format!("{} while muted", count(alerts.len(), "credit alert"))
            }
        };
        let mut blocks = vec![header(&title)];
        if let DigestOf::Muted {
            by,
            reason,
            from,
            until,
        } = of
        {
            blocks.push(section(format!(
                "Muted from {from} to {until} by {}: {}",
                code(by, NAME_MAX),
                code(reason, NOTE_MAX)
            )));
        }
        let mut list: Vec<String> = sorted.iter().take(LIST_MAX).map(|a| in_a_line(a)).collect();
        if let Some(more) = sorted.len().checked_sub(LIST_MAX).filter(|more| *more > 0) {
            list.push(format!("and {more} more"));
        }
        if !list.is_empty() {
            blocks.push(section(list.join("\n")));
        }
        Message {
            text: escaped(&title, TEXT_MAX),
            blocks,
        }
    }

    /// The week in figures.
    pub fn weekly(week: &Weekly) -> Message {
        let title = format!(
            "Credit review {} to {}",
            week.period.start.day(),
            week.period.end.day()
        );
        let mut blocks = vec![header(&title)];
        if let Some(problem) = &week.data_problem {
            blocks.push(section(format!(
                "*The figures are incomplete:* {}",
                code(problem, NOTE_MAX)
            )));
        }
        let severities = Severity::ALL.iter().zip(week.severity_counts);
        let severities: Vec<String> = severities.map(|(s, n)| format!("{n} {s}")).collect();
        blocks.push(fields(vec![
            field("Credits", &week.total_credits.to_string()),
            field("Runs", &week.total_runs.to_string()),
            field("Severities", &severities.join(", ")),
            field("To be assessed", &week.needs_assessment.to_string()),
            field("Baseline candidates", &week.baseline_candidates.to_string()),
        ]));
        let dearest: Vec<String> = week.top_scenarios.iter().take(LIST_MAX).map(top).collect();
        if !dearest.is_empty() {
            blocks.push(section(format!(
                "*Dearest scenarios*\n{}",
                dearest.join("\n")
            )));
        }
        if let Some(report) = &week.report_url {
            blocks.push(context(link(report, "The whole report")));
        }
        let text = format!("{title}: {} credits", week.total_credits);
        Message {
            text: escaped(&text, TEXT_MAX),
            blocks,
        }
    }

    /// A confirmed exposure of sensitive data, for the people responsible for security.
    pub fn exposure(exposure: &Exposure, links: &Links, security: &[Mention]) -> Message {
        let title = format!("Exposure confirmed: {}", exposure.case_id);
        let mut blocks = vec![header(&title)];
        if !security.is_empty() {
            blocks.push(section(format!("Escalated to {}", mentions(security))));
        }
        blocks.push(section(code(&exposure.notes, TEXT_MAX)));
        let case_id = exposure.case_id.as_str();
        blocks.push(fields(vec![
            field("Risk flags", &flags(exposure.risk_flags)),
            field("Assessed by", &code(&exposure.assessed_by, NAME_MAX)),
            field("Case", &linked(case_id, links.case_url.as_ref())),
            field(
                "Run",
                &linked(exposure.run_id.as_str(), links.run_url.as_ref()),
            ),
        ]));
        Message {
            text: escaped(&format!("{title}, run {}", exposure.run_id), TEXT_MAX),
            blocks,
        }
    }

    /// A call for more people to a case, who are notified by name.
    pub fn call(call: &Call, links: &Links, people: &[Mention]) -> Message {
        let title = format!(
            "{} case {}: more people are needed",
            call.severity, call.case_id
        );
        let mut blocks = vec![header(&title)];
        if !people.is_empty() {
            blocks.push(section(format!("Escalated to {}", mentions(people))));
        }
        blocks.push(section(code(&call.reason, TEXT_MAX)));
        let case_id = call.case_id.as_str();
        blocks.push(fields(vec![
            field("Case", &linked(case_id, links.case_url.as_ref())),
            field("What", &code(&call.title, NAME_MAX)),
            field("Status", &code(&call.status, NAME_MAX)),
            field("Open since", &call.opened_at.to_string()),
        ]));
        Message {
            text: format!(
                "{}: {}",
                escaped(&title, NAME_MAX),
                code(&call.reason, NOTE_MAX)
            ),
            blocks,
        }
    }

    /// What happened in a case, for the thread of its alert.
    ///
    /// ```
    /// use credit_notify::Reply;
    /// use credit_notify::slack::Message;
    ///
    /// let message = Message::reply(&Reply::Denied {
    ///     by: "O3 Ada".to_owned(),
    ///     reason: "the cause is <unknown>".to_owned(),
    /// });
    /// let json = serde_json::to_string(&message)?;
    /// assert!(json.contains("*Rerun denied* by `O3 Ada`: `the cause is &lt;unknown&gt;`"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn reply(reply: &Reply) -> Message {
        let name = |by: &str| code(by, NAME_MAX);
        let note = |text: &str| code(text, NOTE_MAX);
        let (text, shown) = match reply {
            Reply::Acknowledged { by } => {
                ("Acknowledged", format!("*Acknowledged* by {}", name(by)))
            }
            Reply::Approved { by, mitigation } => (
                "Approved for rerun",
                format!("*Approved for rerun* by {}: {}", name(by), note(mitigation)),
            ),
            Reply::Denied { by, reason } => (
                "Rerun denied",
                format!("*Rerun denied* by {}: {}", name(by), note(reason)),
            ),
            Reply::Released { by, at } => (
                "Quarantine released",
                format!("*Quarantine released* on {} by {}", at.day(), name(by)),
            ),
            Reply::Resolved {
                by,
                root_cause,
                notes,
            } => (
                "Resolved",
                format!(
                    "*Resolved* by {}, root cause {}: {}",
                    name(by),
                    code(root_cause, NAME_MAX),
                    note(notes)
                ),
            ),
        };
        Message {
            text: text.to_owned(),
            blocks: vec![section(shown)],
        }
    }

    /// What notifications show of it, and clients without blocks: escaped, in one line.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same message, marked: nobody knows whether it was posted before.
    ///
    /// ```
    /// # use credit_notify::slack::Message;
    /// let message = Message::plain("hello").as_possible_repeat();
    /// assert_eq!(message.text(), "(possible repeat) `hello`");
    /// ```
    #[must_use]
    pub fn as_possible_repeat(&self) -> Message {
        const MARK: &str = "(possible repeat) ";
        let mut blocks = vec![context(
            "Possible repeat of a message sent before".to_owned(),
        )];
        blocks.extend(self.blocks.iter().cloned());
        // The text is far below Slack's own limit, so that the mark still fits.
        Message {
            text: format!("{MARK}{}", self.text),
            blocks,
        }
    }
}

fn header(title: &str) -> Block {
    Block::Header {
        text: Text::PlainText {
            text: escaped(title, HEADER_MAX),
        },
    }
}

fn section(text: String) -> Block {
    Block::Section {
        text: Some(mrkdwn(text)),
        fields: Vec::new(),
    }
}

fn fields(fields: Vec<Text>) -> Block {
    Block::Section { text: None, fields }
}

fn context(text: String) -> Block {
    Block::Context {
        elements: vec![mrkdwn(text)],
    }
}

fn field(name: &str, value: &str) -> Text {
    mrkdwn(format!("*{name}*\n{value}"))
}

fn mrkdwn(text: String) -> Text {
    Text::Mrkdwn {
        text,
        verbatim: true,
    }
}

fn mentions(whom: &[Mention]) -> String {
    let shown: Vec<String> = whom.iter().take(LIST_MAX).map(Mention::to_string).collect();
    shown.join(" ")
}

/// What the run cost, against what was expected.
fn credits(alert: &Alert) -> String {
    match (alert.baseline, alert.variance) {
        (Some(baseline), Some(variance)) => {
            format!("{} of {baseline} expected, {variance} times", alert.credits)
        }
        (Some(baseline), None) => format!("{} of {baseline} expected", alert.credits),
        (None, _) => format!("{}, no baseline", alert.credits),
    }
}

fn flags(flags: RiskFlags) -> String {
    if flags.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<&str> = flags.iter().map(|f| f.as_str()).collect();
    words.join(", ")
}

fn case(links: &Links) -> String {
    match &links.case_id {
        Some(id) => linked(id.as_str(), links.case_url.as_ref()),
        None => "none".to_owned(),
    }
}

fn linked(id: &str, url: Option<&Link>) -> String {
    match url {
        Some(url) => link(url, id),
        None => format!("`{id}`"),
    }
}

/// An address is checked where it is read, and what is left to escape in it is `&`. One that
/// would be cut is not shown: half an address leads elsewhere.
fn link(url: &Link, label: &str) -> String {
    let address = url.as_str().replace('&', "&amp;");
    if address.len() + label.len() > LINK_MAX {
        return format!("`{label}`");
    }
    format!("<{address}|{label}>")
}

fn in_a_line(alert: &Alert) -> String {
    let Alert {
        severity,
        run_id,
        scenario_id,
        ..
    } = alert;
    format!(
        "{severity} `{run_id}` of `{scenario_id}`: {}",
        credits(alert)
    )
}

fn top(scenario: &TopScenario) -> String {
    let times = match scenario.variance {
        Some(variance) => format!(", {variance} times its baseline"),
        None => String::new(),
    };
    format!(
        "`{}`: {}{times}",
        scenario.scenario_id, scenario.total_credits
    )
}

/// How many of each severity there are.
fn tally(alerts: &[&Alert]) -> String {
    let of = |severity: &Severity| alerts.iter().filter(|a| a.severity == *severity).count();
    let counts = Severity::ALL.iter().map(|s| (of(s), s));
    let shown: Vec<String> = counts
        .filter(|(n, _)| *n > 0)
        .map(|(n, s)| format!("{n} {s}"))
        .collect();
    shown.join(", ")
}

fn count(n: usize, noun: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{ending}")
}

// Slack's limits, or less; where they come from: Slack's block kit reference. All lengths are in
// UTF-16 units after escaping. A message as a whole is refused from about 13,200 characters
// (`msg_blocks_too_long`, not documented), which is why free text is kept shorter than a section
// may be.
const HEADER_MAX: usize = 150;
const TEXT_MAX: usize = 2_500;
const NOTE_MAX: usize = 1_500;
const NAME_MAX: usize = 100;
const LINK_MAX: usize = 1_900;
/// How many items of a list are shown.
const LIST_MAX: usize = 10;
