//! What comes out of a backtest.

use std::fmt;

use credit_core::{Credits, RootCause, RunId, Severity, TotalCredits};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Change, LeftOut};

/// What another policy would have made of a history.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct BacktestResult {
    /// The runs that were judged again.
    pub replayed: RunSum,
    /// How many of them were of which severity and would be of which.
    pub matrix: SeverityMatrix,
    /// How many of them were alerts, and would be.
    pub alerts: Alerts,
    /// The runs about which anything changes.
    pub affected: RunSum,
    /// Of these, the ones that would get a graver severity.
    pub graver: RunSum,
    /// Of these, the ones that would get a milder severity.
    pub milder: RunSum,
    /// What becomes of the runs whose root cause is known.
    pub scores: Scores,
    /// Outcomes whose run was not replayed: there is none, it lies outside the period, or it was
    /// left out.
    pub outcomes_unmatched: Vec<RunId>,
    /// The records that cannot be replayed exactly, in the ledger's order; nothing above counts
    /// them.
    pub left_out: Vec<LeftOut>,
    /// Every run about which anything changes, the worst first.
    pub changes: Vec<Change>,
}

/// So many runs, and what they cost together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct RunSum {
    /// How many.
    pub runs: u64,
    /// What they cost.
    pub credits: TotalCredits,
}

/// Runs by their stored severity and the one that they would have.
///
/// As JSON an object of objects, `{"SEV0": {"SEV0": 1, …}, …}`, the stored severity outside.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SeverityMatrix([[u64; Severity::ALL.len()]; Severity::ALL.len()]);

/// Runs whose actions alert people ([`Actions::ALERTS`](credit_core::Actions::ALERTS)).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Alerts {
    /// As it was.
    pub before: AlertRate,
    /// Under the candidate.
    pub after: AlertRate,
}

/// How many, and how often.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct AlertRate {
    /// Runs of the period that are alerts.
    pub runs: u64,
    /// For each seven days of the period; `None` for a period that is shorter, which says nothing
    /// about a week.
    pub a_week: Option<PerWeek>,
}

/// So many a week, in hundredths, rounded half up.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PerWeek(u64);

/// What becomes of the runs of each root cause.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Scores {
    /// A misconfiguration that is no longer alerted would be missed.
    pub misconfig: Score,
    /// Legitimate load that is no longer alerted would spare people an alert.
    pub legit_load: Score,
    /// Neither good nor bad by itself.
    pub external_dependency: Score,
    /// Nobody found out what it was.
    pub unknown: Score,
}

/// What becomes of the runs of one root cause.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Score {
    /// How many were replayed.
    pub runs: u64,
    /// How many of them were alerts.
    pub alerts_before: u64,
    /// How many of them would be.
    pub alerts_after: u64,
    /// The runs that were alerts and would not be.
    pub no_longer_alerted: Vec<RunId>,
    /// The runs that were no alerts and would be.
    pub newly_alerted: Vec<RunId>,
}

impl RunSum {
    pub(super) fn add(&mut self, credits: Credits) {
        self.runs += 1;
        self.credits += credits;
    }

    pub(super) fn merge(&mut self, other: RunSum) {
        self.runs += other.runs;
        self.credits += other.credits;
    }
}

impl SeverityMatrix {
    pub(super) fn add(&mut self, old: Severity, new: Severity) {
        let row = self.0.get_mut(old as usize);
        if let Some(runs) = row.and_then(|row| row.get_mut(new as usize)) {
            *runs += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &SeverityMatrix) {
        let all = self.0.iter_mut().flatten();
        all.zip(other.0.iter().flatten())
            .for_each(|(runs, more)| *runs += more);
    }

    /// How many runs were of severity `old` and would be of severity `new`.
    pub fn runs(&self, old: Severity, new: Severity) -> u64 {
        let row = self.0.get(old as usize);
        row.and_then(|row| row.get(new as usize))
            .copied()
            .unwrap_or(0)
    }
}

impl Serialize for SeverityMatrix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Row<'a>(&'a SeverityMatrix, Severity);

        impl Serialize for Row<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Row(matrix, old) = self;
                let runs = |new: &Severity| (*new, matrix.runs(*old, *new));
                serializer.collect_map(Severity::ALL.iter().map(runs))
            }
        }

        let rows = Severity::ALL.iter().map(|old| (*old, Row(self, *old)));
        serializer.collect_map(rows)
    }
}

impl PerWeek {
    const WEEK_SECONDS: u64 = 7 * 86_400;

    /// So many runs in so many seconds; `None` if that is less than a week.
    pub(super) fn new(runs: u64, seconds: i64) -> Option<PerWeek> {
        let seconds = u64::try_from(seconds).ok()?;
        if seconds < PerWeek::WEEK_SECONDS {
            return None;
        }
        let hundredths = u128::from(runs) * 100 * u128::from(PerWeek::WEEK_SECONDS);
        let seconds = u128::from(seconds);
        let rounded = (hundredths + seconds / 2) / seconds;
        u64::try_from(rounded).ok().map(PerWeek)
    }
}

impl fmt::Display for PerWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

/// As a plain decimal number, for serde_json's serializer.
impl Serialize for PerWeek {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string())
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

impl Scores {
    /// What becomes of the runs of a root cause.
    pub fn of(&self, root_cause: RootCause) -> &Score {
        match root_cause {
            RootCause::Misconfig => &self.misconfig,
            RootCause::LegitLoad => &self.legit_load,
            RootCause::ExternalDependency => &self.external_dependency,
            RootCause::Unknown => &self.unknown,
        }
    }

    pub(super) fn of_mut(&mut self, root_cause: RootCause) -> &mut Score {
        match root_cause {
            RootCause::Misconfig => &mut self.misconfig,
            RootCause::LegitLoad => &mut self.legit_load,
            RootCause::ExternalDependency => &mut self.external_dependency,
            RootCause::Unknown => &mut self.unknown,
        }
    }

    pub(super) fn merge(&mut self, mut other: Scores) {
        for root_cause in RootCause::ALL {
            let more = std::mem::take(other.of_mut(*root_cause));
            self.of_mut(*root_cause).merge(more);
        }
    }

    /// With the runs of each list in the order of their ids.
    pub(super) fn sorted(mut self) -> Scores {
        for root_cause in RootCause::ALL {
            let score = self.of_mut(*root_cause);
            score.no_longer_alerted.sort_unstable();
            score.newly_alerted.sort_unstable();
        }
        self
    }
}

impl Score {
    pub(super) fn add(&mut self, run_id: &RunId, [before, after]: [bool; 2]) {
        self.runs += 1;
        self.alerts_before += u64::from(before);
        self.alerts_after += u64::from(after);
        match (before, after) {
            (true, false) => self.no_longer_alerted.push(run_id.clone()),
            (false, true) => self.newly_alerted.push(run_id.clone()),
            _ => {}
        }
    }

    fn merge(&mut self, other: Score) {
        self.runs += other.runs;
        self.alerts_before += other.alerts_before;
        self.alerts_after += other.alerts_after;
        self.no_longer_alerted.extend(other.no_longer_alerted);
        self.newly_alerted.extend(other.newly_alerted);
    }
}
