//! The runbook's regular checks, over facts that somebody else gathered.
//!
//! A check reads what the docket knows and what it is told; it opens no file and changes nothing.

mod daily;
mod monthly;
mod quarterly;
mod weekly;
mod wilson;

use credit_core::Timestamp;
use serde::Serialize;

pub use daily::{
    BackfillClaim, DailyFacts, GovernedFile, GovernedKind, Suppressed, SwitchedOff, daily,
};
pub use monthly::{MonthlyFacts, PolicyEffect, monthly};
pub use quarterly::{QuarterlyFacts, Shift, ThresholdTrial, quarterly};
pub use weekly::{WeeklyFacts, weekly};
pub use wilson::Share;

/// The checks of one audit and what they found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Audit {
    /// `daily`, `weekly`, `monthly` or `quarterly`.
    pub audit: &'static str,
    /// As of when.
    pub at: Timestamp,
    /// Whether no check found anything.
    pub passed: bool,
    /// The checks, in their fixed order.
    pub checks: Vec<Check>,
}

/// One check: it passed if it found nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Its short name, which stays the same.
    pub id: &'static str,
    /// What holds if it passes.
    pub title: &'static str,
    /// What does not.
    pub findings: Vec<Finding>,
    /// What a reviewer wants to see even if it passes.
    pub figures: Vec<Figure>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What.
    pub what: String,
    /// How it is known: hashes, times, names.
    pub evidence: String,
    /// What to do next.
    pub next_command: String,
}

/// A figure with its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was counted or compared.
    pub name: String,
    /// What came out.
    pub value: String,
}

impl Audit {
    fn new(audit: &'static str, at: Timestamp, checks: Vec<Check>) -> Audit {
        Audit {
            audit,
            at,
            passed: checks.iter().all(Check::passed),
            checks,
        }
    }

    /// One JSON object, the keys in the order of the fields.
    pub fn to_json(&self) -> String {
        // Strings and booleans always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Check {
    /// Whether it found nothing.
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }

    fn new(
        id: &'static str,
        title: &'static str,
        findings: impl IntoIterator<Item = Finding>,
    ) -> Check {
        Check {
            id,
            title,
            findings: findings.into_iter().collect(),
            figures: Vec::new(),
        }
    }

    fn with(self, figures: impl IntoIterator<Item = (String, String)>) -> Check {
        let figures = figures
            .into_iter()
            .map(|(name, value)| Figure { name, value });
        Check {
            figures: figures.collect(),
            ..self
        }
    }
}

fn finding(
    what: impl Into<String>,
    evidence: impl Into<String>,
    next_command: impl Into<String>,
) -> Finding {
    Finding {
        what: what.into(),
        evidence: evidence.into(),
        next_command: next_command.into(),
    }
}
