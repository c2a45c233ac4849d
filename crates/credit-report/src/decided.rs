//! What people decided, as far as a report tells of it.

use credit_core::{
    CaseId, CaseStatus, Credits, Exposure, RiskFlags, RootCause, RunId, ScenarioId, Timestamp,
};

/// What people decided. It may hold more than one report tells of: each list says what is taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    /// Changes of baselines; those approved in the period are listed.
    pub baseline_changes: Vec<BaselineChange>,
    /// Proposed baselines that nobody has put into force yet.
    pub proposals: Vec<Proposal>,
    /// The cases of runs, at most one each; of several for one run the first counts.
    pub cases: Vec<RunCase>,
    /// What reviews decided about runs, the oldest first; of several about one run the last counts.
    /// Those of the period are listed, and any about a run that is.
    pub decisions: Vec<ReviewDecision>,
    /// The notes to reports, the oldest first; those of the period are listed, and any to this
    /// report.
    pub notes: Vec<ReviewNote>,
    /// What was found about exposures of sensitive data; those found in the period are counted.
    pub exposures: Vec<ExposureFound>,
}

/// A baseline that was changed, and who allowed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BaselineChange {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The value before; `None` for a first baseline.
    pub old: Option<Credits>,
    /// The value after.
    pub new: Credits,
    /// The approving operator.
    pub approved_by: String,
    /// When it was approved.
    pub approved_at: Timestamp,
}

/// A baseline that somebody proposed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proposal {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The value before; `None` for a first baseline.
    pub old: Option<Credits>,
    /// The value after.
    pub new: Credits,
    /// Who proposed it.
    pub proposed_by: String,
}

/// What a report says of a run's case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunCase {
    /// The run.
    pub run_id: RunId,
    /// Its case.
    pub case_id: CaseId,
    /// Where the case stands.
    pub status: CaseStatus,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Whether nothing happened in it for too long.
    pub stale: bool,
    /// Its root cause, where one was found.
    pub root_cause: Option<KnownCause>,
}

impl RunCase {
    /// Whole days since it was opened.
    pub fn age_days(&self, as_of: Timestamp) -> u64 {
        let seconds = as_of.unix().saturating_sub(self.opened_at.unix());
        u64::try_from(seconds / 86_400).unwrap_or(0)
    }
}

/// A root cause that somebody found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownCause {
    /// Which.
    pub root_cause: RootCause,
    /// Whether an approver confirmed it.
    pub confirmed: bool,
}

/// What a review decided about a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReviewDecision {
    /// The run.
    pub run_id: RunId,
    /// The decision.
    pub decision: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A note to a report.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReviewNote {
    /// The `report_id` it is to.
    pub report: String,
    /// What it says.
    pub note: String,
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What was found about the exposure of sensitive data in a case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExposureFound {
    /// The case.
    pub case_id: CaseId,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// The flags that were looked into.
    pub flags: RiskFlags,
    /// What was found.
    pub exposure: Exposure,
    /// When.
    pub at: Timestamp,
}
