//! Reading a ledger line's facts without a JSON parser.
//!
//! A parser spends most of its time proving that a text is JSON. Of a line whose hash was checked
//! that is known: the ledger takes in nothing else. What is left is finding some keys.

mod tally;

use std::borrow::Cow;
use std::str::FromStr;

use memchr::memchr2;

use crate::{
    Actions, BaselineStatus, Credits, Likelihood, Multiplier, Reason, RiskFlags, RunFacts, RunId,
    ScenarioId, Severity, Status, Timestamp,
};

pub use self::tally::RunTally;

/// What a sum over runs needs of one of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunSum<'a> {
    /// `Timestamp`.
    pub timestamp: Timestamp,
    /// `Scenario_ID`, as it stands: not checked to be one.
    pub scenario_id: &'a str,
    /// `Credits_Total`.
    pub credits: Credits,
}

impl<'a> RunFacts<'a> {
    /// Reads a stored record several times as fast as [`RunFacts::parse`], if it has the usual
    /// form: no white space, and no escapes in what is read. `None` asks for [`RunFacts::parse`].
    ///
    /// `json` must be one JSON object with distinct keys, as every ledger line is whose hash was
    /// checked; then this is what [`RunFacts::parse`] reads, or `None`. Of any other text the
    /// answer means nothing.
    ///
    /// ```
    /// use credit_core::RunFacts;
    ///
    /// let line = r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT","Status":"Success","Credits_Total":250,"Severity":"SEV2","Risk_Flags":[],"Misconfig_Likelihood":"Low","Baseline_Expected_Credits":100,"Baseline_Status":"current","Variance_Multiplier":2.500000,"retry_count":0,"actions":[]}"#;
    /// let facts = RunFacts::scan(line).unwrap();
    /// assert_eq!(facts.credits, RunFacts::parse(line)?.credits);
    /// assert!(RunFacts::scan(&line.replace(',', ", ")).is_none());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn scan(json: &'a str) -> Option<RunFacts<'a>> {
        let mut found = Found::default();
        let mut members = Members::of(json)?;
        while let Some((key, value)) = members.next()? {
            found.take(key, value)?;
        }
        Some(RunFacts {
            run_id: found.run_id?,
            timestamp: found.timestamp?,
            scenario_id: found.scenario_id?,
            status: found.status?,
            credits: found.credits?,
            severity: found.severity?,
            reason: found.reason,
            risk_flags: found.risk_flags?,
            likelihood: found.likelihood?,
            baseline: found.baseline,
            baseline_status: found.baseline_status?,
            variance: found.variance,
            summary: Cow::Borrowed(found.summary.unwrap_or("")),
            input_tokens: found.input_tokens,
            input_item_count: found.input_item_count,
            retry_count: found.retry_count?,
            actions: found.actions?,
            json,
        })
    }
}

impl<'a> RunSum<'a> {
    /// Reads a stored record as far as it must, on the terms of [`RunFacts::scan`].
    ///
    /// ```
    /// use credit_core::RunSum;
    ///
    /// let line = r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT","Status":"Success","Credits_Total":250.5}"#;
    /// let sum = RunSum::scan(line).unwrap();
    /// assert_eq!((sum.scenario_id, sum.credits), ("EXPORT", "250.5".parse()?));
    /// # Ok::<(), credit_core::CreditsError>(())
    /// ```
    pub fn scan(json: &'a str) -> Option<RunSum<'a>> {
        let (mut timestamp, mut scenario_id, mut credits) = (None, None, None);
        let mut members = Members::of(json)?;
        while let Some((key, value)) = members.next()? {
            match brief(key) {
                TIMESTAMP if key == "Timestamp" => timestamp = Some(value.word()?),
                SCENARIO_ID if key == "Scenario_ID" => scenario_id = Some(value.text()?),
                CREDITS if key == "Credits_Total" => credits = Some(value.number()?),
                _ => continue,
            }
            if let (Some(timestamp), Some(scenario_id), Some(credits)) =
                (timestamp, scenario_id, credits)
            {
                return Some(RunSum {
                    timestamp,
                    scenario_id,
                    credits,
                });
            }
        }
        None
    }
}

/// The members that were met.
#[derive(Default)]
struct Found<'a> {
    run_id: Option<RunId>,
    timestamp: Option<Timestamp>,
    scenario_id: Option<ScenarioId>,
    status: Option<Status>,
    credits: Option<Credits>,
    severity: Option<Severity>,
    reason: Option<Reason>,
    risk_flags: Option<RiskFlags>,
    likelihood: Option<Likelihood>,
    baseline: Option<Credits>,
    baseline_status: Option<BaselineStatus>,
    variance: Option<Multiplier>,
    summary: Option<&'a str>,
    input_tokens: Option<u64>,
    input_item_count: Option<u64>,
    retry_count: Option<u64>,
    actions: Option<Actions>,
}

impl<'a> Found<'a> {
    /// `None` where the strict parser has to look.
    fn take(&mut self, key: &str, value: Value<'a>) -> Option<()> {
        match brief(key) {
            RUN_ID if key == "Run_ID" => self.run_id = Some(value.word()?),
            TIMESTAMP if key == "Timestamp" => self.timestamp = Some(value.word()?),
            SCENARIO_ID if key == "Scenario_ID" => self.scenario_id = Some(value.word()?),
            STATUS if key == "Status" => self.status = Some(value.word()?),
            CREDITS if key == "Credits_Total" => self.credits = Some(value.number()?),
            SEVERITY if key == "Severity" => self.severity = Some(value.word()?),
            REASON if key == "Severity_Reason" => self.reason = value.word_or_null()?,
            FLAGS if key == "Risk_Flags" => self.risk_flags = Some(value.words()?),
            LIKELIHOOD if key == "Misconfig_Likelihood" => self.likelihood = Some(value.word()?),
            BASELINE if key == "Baseline_Expected_Credits" => {
                self.baseline = value.number_or_null()?;
            }
            BASELINE_STATUS if key == "Baseline_Status" => {
                self.baseline_status = Some(value.word()?);
            }
            VARIANCE if key == "Variance_Multiplier" => self.variance = value.number_or_null()?,
            SUMMARY if key == "Risk_Summary" => self.summary = Some(value.text()?),
            TOKENS if key == "Input_Tokens" => self.input_tokens = value.number_or_null()?,
            ITEMS if key == "input_item_count" => self.input_item_count = value.number_or_null()?,
            RETRIES if key == "retry_count" => self.retry_count = Some(value.number()?),
            ACTIONS if key == "actions" => self.actions = Some(value.words()?),
            _ => {}
        }
        Some(())
    }
}

/// The length and the first seven bytes of a key as one number: most keys of a line are not
/// wanted, and comparing numbers tells that without a call.
const fn brief(key: &str) -> u64 {
    let mut brief = key.len() as u64;
    let mut rest = key.as_bytes();
    let mut shift = 8;
    while let [first, after @ ..] = rest {
        if shift > 56 {
            break;
        }
        brief |= (*first as u64) << shift;
        shift += 8;
        rest = after;
    }
    brief
}

const RUN_ID: u64 = brief("Run_ID");
const TIMESTAMP: u64 = brief("Timestamp");
const SCENARIO_ID: u64 = brief("Scenario_ID");
const STATUS: u64 = brief("Status");
const CREDITS: u64 = brief("Credits_Total");
const SEVERITY: u64 = brief("Severity");
const REASON: u64 = brief("Severity_Reason");
const FLAGS: u64 = brief("Risk_Flags");
const LIKELIHOOD: u64 = brief("Misconfig_Likelihood");
const BASELINE: u64 = brief("Baseline_Expected_Credits");
const BASELINE_STATUS: u64 = brief("Baseline_Status");
const VARIANCE: u64 = brief("Variance_Multiplier");
const SUMMARY: u64 = brief("Risk_Summary");
const TOKENS: u64 = brief("Input_Tokens");
const ITEMS: u64 = brief("input_item_count");
const RETRIES: u64 = brief("retry_count");
const ACTIONS: u64 = brief("actions");

/// A value, as much of it as is told apart.
#[derive(Clone, Copy)]
enum Value<'a> {
    /// A string without escapes.
    Text(&'a str),
    /// An array, its brackets included.
    Array(&'a str),
    /// A number, `true`, `false` or `null`.
    Token(&'a str),
    /// A string with escapes, or an object.
    Other,
}

impl<'a> Value<'a> {
    fn text(self) -> Option<&'a str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn word<T: FromStr>(self) -> Option<T> {
        self.text()?.parse().ok()
    }

    /// `None` is no answer, `Some(None)` is null.
    #[expect(
        clippy::option_option,
        reason = "the two are told apart where it is used"
    )]
    fn word_or_null<T: FromStr>(self) -> Option<Option<T>> {
        match self {
            Value::Token("null") => Some(None),
            value => value.word().map(Some),
        }
    }

    fn number<T: FromStr>(self) -> Option<T> {
        match self {
            Value::Token(token) => token.parse().ok(),
            _ => None,
        }
    }

    /// `None` is no answer, `Some(None)` is null.
    #[expect(
        clippy::option_option,
        reason = "the two are told apart where it is used"
    )]
    fn number_or_null<T: FromStr>(self) -> Option<Option<T>> {
        match self {
            Value::Token("null") => Some(None),
            value => value.number().map(Some),
        }
    }

    fn words<T: FromStr, C: FromIterator<T>>(self) -> Option<C> {
        let Value::Array(array) = self else {
            return None;
        };
        let inside = array.strip_prefix('[')?.strip_suffix(']')?;
        if inside.is_empty() {
            return Some(std::iter::empty().collect());
        }
        let word = |quoted: &str| {
            let word = quoted.strip_prefix('"')?.strip_suffix('"')?;
            word.parse().ok()
        };
        inside.split(',').map(word).collect()
    }
}

/// The members of an object without white space, from the first to the last.
struct Members<'a> {
    rest: &'a str,
    is_first: bool,
}

impl<'a> Members<'a> {
    fn of(json: &'a str) -> Option<Members<'a>> {
        Some(Members {
            rest: json.strip_prefix('{')?,
            is_first: true,
        })
    }

    /// `None` for what is unusual, `Some(None)` behind the last member.
    #[expect(clippy::option_option, reason = "the end is no surprise")]
    fn next(&mut self) -> Option<Option<(&'a str, Value<'a>)>> {
        if self.rest == "}" {
            return Some(None);
        }
        if !self.is_first {
            self.rest = self.rest.strip_prefix(',')?;
        }
        self.is_first = false;
        let (key, rest) = string(self.rest.strip_prefix('"')?)?;
        let Value::Text(key) = key else {
            return None;
        };
        let (value, rest) = value(rest.strip_prefix(':')?)?;
        self.rest = rest;
        Some(Some((key, value)))
    }
}

fn value(text: &str) -> Option<(Value<'_>, &str)> {
    match text.as_bytes().first()? {
        b'"' => string(text.get(1..)?),
        b'[' => {
            let (array, rest) = text.split_at_checked(nested(text)?)?;
            Some((Value::Array(array), rest))
        }
        b'{' => Some((Value::Other, text.get(nested(text)?..)?)),
        _ => {
            let end = text.bytes().position(|b| matches!(b, b',' | b'}'))?;
            let (token, rest) = text.split_at_checked(end)?;
            Some((Value::Token(token), rest))
        }
    }
}

/// A string from behind its first quote, and what comes behind its last.
fn string(text: &str) -> Option<(Value<'_>, &str)> {
    let end = memchr2(b'"', b'\\', text.as_bytes())?;
    if text.as_bytes().get(end) == Some(&b'"') {
        return Some((Value::Text(text.get(..end)?), text.get(end + 1..)?));
    }
    Some((Value::Other, text.get(end_of_string(text)?..)?))
}

/// Where a string ends that starts before `text`: behind its closing quote.
fn end_of_string(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        // The escaped byte is no end; of `\uXXXX` the digits are none either.
        at += 2;
    }
}

/// Where an array or object ends that starts `text`.
fn nested(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.as_bytes().get(at)? {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => {
                at += 1 + end_of_string(text.get(at + 1..)?)?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}
