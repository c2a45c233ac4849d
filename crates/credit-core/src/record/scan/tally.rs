//! What counting a run takes, found with a few searches where a line's form allows that.

use std::str::FromStr;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

use super::{ACTIONS, CREDITS, Members, RUN_ID, SCENARIO_ID, SEVERITY, TIMESTAMP, Value, brief};
use crate::{Actions, Credits, Severity, Timestamp};

/// What counting a run needs of it: when it finished, what it cost, and how it was judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunTally<'a> {
    /// `Run_ID`, as it stands: not checked to be one.
    pub run_id: &'a str,
    /// `Timestamp`.
    pub timestamp: Timestamp,
    /// `Scenario_ID`, as it stands: not checked to be one.
    pub scenario_id: &'a str,
    /// `Credits_Total`.
    pub credits: Credits,
    /// `Severity`.
    pub severity: Severity,
    /// `actions`.
    pub actions: Actions,
}

impl<'a> RunTally<'a> {
    /// Reads a stored record on the terms of [`RunFacts::scan`](crate::RunFacts::scan), several
    /// times as fast where its members come in the order of this library's own records.
    ///
    /// ```
    /// use credit_core::{RunTally, Severity};
    ///
    /// let line = r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT","Status":"Success","Credits_Total":250,"Severity":"SEV2","actions":["weekly_review"]}"#;
    /// let tally = RunTally::scan(line).unwrap();
    /// assert_eq!((tally.run_id, tally.severity), ("R1", Severity::Sev2));
    /// ```
    pub fn scan(json: &'a str) -> Option<RunTally<'a>> {
        RunTally::search(json).or_else(|| RunTally::walk(json))
    }

    /// Where no value is an object, `,"key":` stands nowhere but before the value of the key: in a
    /// string its quotes were escaped.
    fn search(json: &'a str) -> Option<RunTally<'a>> {
        let rest = json.strip_prefix(r#"{"Run_ID":""#)?;
        if memchr(b'{', rest.as_bytes()).is_some() {
            return None;
        }
        let (run_id, rest) = text(rest)?;
        let (timestamp, rest) = text(behind(&KEYS.timestamp, rest)?)?;
        let (scenario_id, rest) = text(behind(&KEYS.scenario_id, rest)?)?;
        let rest = behind(&KEYS.credits, rest)?;
        let (credits, rest) = rest.split_at_checked(memchr2(b',', b'}', rest.as_bytes())?)?;
        let (severity, rest) = text(behind(&KEYS.severity, rest)?)?;
        let rest = behind(&KEYS.actions, rest)?;
        let (actions, _) = rest.split_at_checked(memchr(b']', rest.as_bytes())? + 1)?;
        Some(RunTally {
            run_id,
            timestamp: Timestamp::from_str(timestamp).ok()?,
            scenario_id,
            credits: Credits::from_str(credits).ok()?,
            severity: Severity::from_str(severity).ok()?,
            actions: Value::Array(actions).words()?,
        })
    }

    fn walk(json: &'a str) -> Option<RunTally<'a>> {
        let (mut run_id, mut timestamp, mut scenario_id) = (None, None, None);
        let (mut credits, mut severity, mut actions) = (None, None, None);
        let mut members = Members::of(json)?;
        while let Some((key, value)) = members.next()? {
            match brief(key) {
                RUN_ID if key == "Run_ID" => run_id = Some(value.text()?),
                TIMESTAMP if key == "Timestamp" => timestamp = Some(value.word()?),
                SCENARIO_ID if key == "Scenario_ID" => scenario_id = Some(value.text()?),
                CREDITS if key == "Credits_Total" => credits = Some(value.number()?),
                SEVERITY if key == "Severity" => severity = Some(value.word()?),
                ACTIONS if key == "actions" => actions = Some(value.words()?),
                _ => {}
            }
        }
        Some(RunTally {
            run_id: run_id?,
            timestamp: timestamp?,
            scenario_id: scenario_id?,
            credits: credits?,
            severity: severity?,
            actions: actions?,
        })
    }
}

/// What comes behind a key.
fn behind<'a>(key: &Finder<'_>, text: &'a str) -> Option<&'a str> {
    let at = key.find(text.as_bytes())?;
    text.get(at + key.needle().len()..)
}

/// A string without escapes from behind its first quote, and what comes behind its last.
fn text(text: &str) -> Option<(&str, &str)> {
    let end = memchr2(b'"', b'\\', text.as_bytes())?;
    let (value, rest) = text.split_at_checked(end)?;
    Some((value, rest.strip_prefix('"')?))
}

struct Keys {
    timestamp: Finder<'static>,
    scenario_id: Finder<'static>,
    credits: Finder<'static>,
    severity: Finder<'static>,
    actions: Finder<'static>,
}

/// Prepared once: preparing takes as long as a search.
static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    timestamp: Finder::new(r#","Timestamp":""#),
    scenario_id: Finder::new(r#","Scenario_ID":""#),
    credits: Finder::new(r#","Credits_Total":"#),
    severity: Finder::new(r#","Severity":""#),
    actions: Finder::new(r#","actions":"#),
});
