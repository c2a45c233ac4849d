//! What a case expects of a verdict, and what the verdict says: both as the JSON text of a record's
//! values, in one form, so that they can be compared and shown.

use std::fmt;
use std::str::FromStr;

use credit_core::{
    Action, Actions, Assessment, BaselineStatus, Credits, Likelihood, Multiplier, Reason, RiskFlag,
    RiskFlags, Run, Severity,
};

use crate::section::Section;
use crate::{Policy, PolicyError, Problem};

/// Every key that a case may expect a value of, spelled as in a record; records have no `score`.
const KEYS: &[&str; 11] = &[
    "Severity",
    "Severity_Reason",
    "Risk_Flags",
    "Risk_Summary",
    "Misconfig_Likelihood",
    "score",
    "Baseline_Expected_Credits",
    "Baseline_Status",
    "Variance_Multiplier",
    "actions",
    "dispatch_blocked",
];

/// What a case expects of each of [`KEYS`], as JSON; `None` where it does not care.
#[derive(Clone, Debug)]
pub(super) struct Wanted([Option<String>; KEYS.len()]);

/// A key of a verdict that does not say what a case expects.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The key.
    pub key: &'static str,
    /// What the case expects, as JSON.
    pub expected: String,
    /// What the verdict says, as JSON.
    pub came: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch {
            key,
            expected,
            came,
        } = self;
        write!(f, "{key}: expected {expected}, came {came}")
    }
}

impl Wanted {
    /// Reads the expectations of a case: any of the keys, at least one.
    pub(super) fn parse(case: &Section<'_>) -> Result<Wanted, PolicyError> {
        let expect = case.child("expect", KEYS)?;
        let wanted = Wanted([
            expect.word::<Severity>("Severity")?.map(quoted),
            expect.word::<Reason>("Severity_Reason")?.map(quoted),
            expect.words_or_none("Risk_Flags")?.map(flags),
            expect.string("Risk_Summary")?.map(|text| string(&text)),
            expect
                .word::<Likelihood>("Misconfig_Likelihood")?
                .map(quoted),
            expect
                .whole::<i32>("score", &(i32::MIN..=i32::MAX))?
                .map(|n| n.to_string()),
            number(&expect, "Baseline_Expected_Credits", |n: Credits| {
                n.to_string()
            })?,
            expect
                .word::<BaselineStatus>("Baseline_Status")?
                .map(quoted),
            number(&expect, "Variance_Multiplier", |n: Multiplier| {
                n.six_decimals().to_string()
            })?,
            expect.words_or_none("actions")?.map(actions),
            expect
                .boolean("dispatch_blocked")?
                .map(|blocked| blocked.to_string()),
        ]);
        if wanted.0.iter().all(Option::is_none) {
            return Err(expect.problem(Problem::ExpectsNothing));
        }
        Ok(wanted)
    }

    /// What of it the verdict on `run` does not say.
    pub(super) fn mismatches(
        &self,
        policy: &Policy,
        run: &Run,
        verdict: &Assessment,
    ) -> Vec<Mismatch> {
        let came = said(policy, run, verdict);
        KEYS.iter()
            .zip(self.0.iter().zip(came))
            .filter_map(|(key, (wanted, came))| {
                let expected = wanted.clone().filter(|expected| *expected != came)?;
                Some(Mismatch {
                    key,
                    expected,
                    came,
                })
            })
            .collect()
    }
}

/// What a verdict says of each of [`KEYS`].
fn said(policy: &Policy, run: &Run, verdict: &Assessment) -> [String; KEYS.len()] {
    let or_null = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    [
        quoted(verdict.severity),
        quoted(verdict.reason),
        list(verdict.risk_flags.iter()),
        string(&policy.summary(run, verdict)),
        quoted(verdict.likelihood),
        verdict.score.to_string(),
        or_null(verdict.baseline.map(|credits| credits.to_string())),
        quoted(verdict.baseline_status),
        or_null(verdict.variance.map(|v| v.six_decimals().to_string())),
        list(verdict.actions.iter()),
        verdict.actions.contains(Action::BlockDispatch).to_string(),
    ]
}

/// A number in the one form in which verdicts are shown, or null.
fn number<T: FromStr>(
    expect: &Section<'_>,
    key: &str,
    show: impl FnOnce(T) -> String,
) -> Result<Option<String>, PolicyError> {
    expect.read(
        key,
        || "a number with at most six decimals, or null".to_owned(),
        |token| match token {
            "null" => Some(token.to_owned()),
            _ => token.parse().ok().map(show),
        },
    )
}

fn flags(flags: Vec<RiskFlag>) -> String {
    list(RiskFlags::from_iter(flags).iter())
}

fn actions(actions: Vec<Action>) -> String {
    list(Actions::from_iter(actions).iter())
}

fn list(words: impl Iterator<Item = impl fmt::Display>) -> String {
    format!("[{}]", words.map(quoted).collect::<Vec<_>>().join(","))
}

fn quoted(word: impl fmt::Display) -> String {
    format!("\"{word}\"")
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
