//! What is said, as values. All text in them is data: whoever renders it escapes it.

use std::fmt;
use std::str::FromStr;

use credit_core::{
    Action, Actions, CaseId, CaseStatus, Credits, Likelihood, Multiplier, Period, RiskFlags, Run,
    RunId, RunRecord, ScenarioId, Severity, StoredRecord, StoredVerdict, Timestamp, TotalCredits,
};

use crate::{Link, SettingError};

/// What an alert about one run says.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// How serious.
    pub severity: Severity,
    /// Which run.
    pub run_id: RunId,
    /// Of which scenario.
    pub scenario_id: ScenarioId,
    /// When it finished.
    pub timestamp: Timestamp,
    /// What it cost.
    pub credits: Credits,
    /// What was expected.
    pub baseline: Option<Credits>,
    /// How many times the baseline.
    pub variance: Option<Multiplier>,
    /// How likely a misconfiguration.
    pub likelihood: Likelihood,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// The verdict in words.
    pub summary: String,
    /// Whether it goes to the people on call.
    pub escalate: bool,
}

impl Alert {
    /// The alert that a record's actions ask for; `None` where they ask for none.
    pub fn of(record: &RunRecord) -> Option<Alert> {
        let verdict = StoredVerdict::from(&record.assessment);
        Alert::made(&record.run, &verdict, &record.summary)
    }

    /// The same of a record that was read back.
    pub fn of_stored(record: &StoredRecord) -> Option<Alert> {
        Alert::made(&record.run, &record.verdict, &record.summary)
    }

    fn made(run: &Run, verdict: &StoredVerdict, summary: &str) -> Option<Alert> {
        if !verdict.actions.intersects(Actions::ALERTS) {
            return None;
        }
        Some(Alert {
            severity: verdict.severity,
            run_id: run.run_id.clone(),
            scenario_id: run.scenario_id.clone(),
            timestamp: run.timestamp,
            credits: run.credits,
            baseline: verdict.baseline,
            variance: verdict.variance,
            likelihood: verdict.likelihood,
            risk_flags: verdict.risk_flags,
            summary: summary.to_owned(),
            escalate: verdict.actions.contains(Action::SlackEscalate),
        })
    }
}

/// Where more about a run or a case can be read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Links {
    /// The case, where there is one.
    pub case_id: Option<CaseId>,
    /// The case's page, where it is known.
    pub case_url: Option<Link>,
    /// The run's page or record, where it is known.
    pub run_url: Option<Link>,
}

/// The week in figures, as a message shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Weekly {
    /// Which week.
    pub period: Period,
    /// What was wrong with the data, as the report says it; `None` where all of it was read.
    pub data_problem: Option<String>,
    /// What all runs cost.
    pub total_credits: TotalCredits,
    /// How many runs there were.
    pub total_runs: u64,
    /// How many of each severity, SEV0 first.
    pub severity_counts: [u64; 5],
    /// The dearest scenarios, the dearest first.
    pub top_scenarios: Vec<TopScenario>,
    /// How many runs wait for a person's assessment.
    pub needs_assessment: u64,
    /// How many scenarios are candidates for a new baseline.
    pub baseline_candidates: u64,
    /// The report itself.
    pub report_url: Option<Link>,
}

/// A scenario of the weekly summary.
#[derive(Clone, Debug, PartialEq)]
pub struct TopScenario {
    /// Which.
    pub scenario_id: ScenarioId,
    /// What its runs cost together.
    pub total_credits: TotalCredits,
    /// Its median over its baseline.
    pub variance: Option<Multiplier>,
}

/// Why many alerts come as one message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DigestOf {
    /// There were too many at once.
    Storm,
    /// They were held back.
    Muted {
        /// Who had them held back.
        by: String,
        /// And why.
        reason: String,
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
}

/// A run's sensitive data was exposed: for the people responsible for security.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// Which case.
    pub case_id: CaseId,
    /// Which run.
    pub run_id: RunId,
    /// What it touched.
    pub risk_flags: RiskFlags,
    /// Who found that it was exposed.
    pub assessed_by: String,
    /// What they found.
    pub notes: String,
}

/// More people must look at a case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// Which case.
    pub case_id: CaseId,
    /// What it is called.
    pub title: String,
    /// How serious it is.
    pub severity: Severity,
    /// How far it is, in governance's words.
    pub status: String,
    /// Since when it is open.
    pub opened_at: Timestamp,
    /// Why more people are called.
    pub reason: String,
}

/// What happened in a case, told in the thread of its alert.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// Somebody looks at it.
    Acknowledged {
        /// Who.
        by: String,
    },
    /// It may run again.
    Approved {
        /// Who says so.
        by: String,
        /// What was done so that it does not happen again.
        mitigation: String,
    },
    /// It may not run again.
    Denied {
        /// Who says so.
        by: String,
        /// And why.
        reason: String,
    },
    /// What was set aside may go on.
    Released {
        /// Who says so.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The case is closed.
    Resolved {
        /// Who closed it.
        by: String,
        /// What it was, in governance's words.
        root_cause: String,
        /// What is to be remembered.
        notes: String,
    },
}

/// How far the case is that an alert has opened, for the alert's own message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CaseState {
    /// Where it stands.
    pub status: CaseStatus,
    /// Who brought it there, where that is known.
    pub by: Option<String>,
    /// Since when it is.
    pub since: Timestamp,
}

/// Somebody to be notified, from configuration and never from data: the id of a user or a user
/// group, and a name to show where the id cannot be resolved.
///
/// ```
/// use credit_notify::Mention;
///
/// let on_call: Mention = "S0123ABCD @oncall-o3".parse()?;
/// assert_eq!(on_call.to_string(), "<!subteam^S0123ABCD|@oncall-o3>");
/// // A name alone would look like a mention and notify nobody.
/// assert!("@oncall-o3".parse::<Mention>().is_err());
/// # Ok::<(), credit_notify::SettingError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mention {
    id: String,
    name: Option<String>,
}

impl FromStr for Mention {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Mention, SettingError> {
        const LENGTH_MAX: usize = 80;
        let (id, name) = match text.split_once(' ') {
            Some((id, name)) => (id, Some(name)),
            None => (text, None),
        };
        let is_id = id.starts_with(['S', 'U', 'W'])
            && (2..=LENGTH_MAX).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let is_name = |name: &str| {
            let rest = name.strip_prefix('@').unwrap_or(name).as_bytes();
            let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            !rest.is_empty() && name.len() <= LENGTH_MAX && rest.iter().all(plain)
        };
        if !is_id || !name.is_none_or(is_name) {
            return Err(SettingError::NotAMention);
        }
        Ok(Mention {
            id: id.to_owned(),
            name: name.map(str::to_owned),
        })
    }
}

/// As Slack's markup.
impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.id.starts_with('S') {
            "!subteam^"
        } else {
            "@"
        };
        match &self.name {
            Some(name) => write!(f, "<{sign}{}|{name}>", self.id),
            None => write!(f, "<{sign}{}>", self.id),
        }
    }
}
