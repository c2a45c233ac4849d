//! What a report needs beside the runs.

use credit_baseline::Baselines;
use credit_core::{CandidateGate, CaseId, Credits, Period, RunId, ScenarioId, Sha256, Timestamp};

/// Everything a weekly report is made from, other than the runs.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The period; its end is the report's `as_of` and gives the report its id.
    pub period: Period,
    /// What became of reading the ledger.
    pub ledger: LedgerState,
    /// The last line of the ledger that the runs were read up to.
    pub ledger_head: Option<HeadRef>,
    /// The last line of the second chain that cases and changes were read up to.
    pub events_head: Option<HeadRef>,
    /// The policy's hash.
    pub policy_sha256: Sha256,
    /// The baselines file's hash.
    pub baselines_sha256: Sha256,
    /// The baselines in force.
    pub baselines: &'a Baselines,
    /// What a baseline candidate must show.
    pub candidate_gate: CandidateGate,
    /// Changes of baselines; those approved in the period are listed.
    pub baseline_changes: &'a [BaselineChange],
    /// The cases of runs, at most one each; of several for one run the first counts.
    pub cases: &'a [RunCase],
}

/// What became of reading the ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LedgerState {
    /// It was read.
    Read,
    /// There is no ledger.
    Missing,
    /// There is one, without a single run.
    Empty,
    /// Some of its lines could not be read, so the figures are too low.
    Unreadable,
}

/// The place of a chain's line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeadRef {
    /// Its sequence number.
    pub seq: u64,
    /// Its hash.
    pub hash: Sha256,
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

/// What a report says of a run's case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunCase {
    /// The run.
    pub run_id: RunId,
    /// Its case.
    pub case_id: CaseId,
    /// The case's status.
    pub status: String,
    /// Whether nothing happened in it for too long.
    pub stale: bool,
    /// Its root cause, where one was found.
    pub root_cause: Option<String>,
}
