//! What a report needs beside the runs.

use std::collections::BTreeMap;

use credit_baseline::Baselines;
use credit_core::{CandidateGate, Credits, Period, RunId, ScenarioId, Sha256, Timestamp};

use crate::Decided;

/// Everything a report is made from, other than the runs.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The period; its end is the report's `as_of` and gives the report its id.
    pub period: Period,
    /// What the report is about.
    pub scope: &'a Scope,
    /// What became of reading the ledger.
    pub ledger: LedgerState,
    /// Runs of the period before of which only sums were read; there may be others of it among the
    /// runs themselves.
    pub earlier: &'a [Earlier],
    /// The last line of the ledger that the runs were read up to.
    pub ledger_head: Option<HeadRef>,
    /// The last line of the second chain that decisions were read up to.
    pub events_head: Option<HeadRef>,
    /// The policy's hash.
    pub policy_sha256: Sha256,
    /// The baselines file's hash.
    pub baselines_sha256: Sha256,
    /// The baselines in force.
    pub baselines: &'a Baselines,
    /// What a baseline candidate must show.
    pub candidate_gate: CandidateGate,
    /// When spikes of one scenario are a pattern.
    pub repetition: Repetition,
    /// What people decided.
    pub decided: &'a Decided,
    /// How sure the severity is of the runs that the report lists by name, as far as that is known.
    pub certainties: &'a BTreeMap<RunId, SeverityCertainty>,
}

/// Whether a severity would be the same at either end of the interval in which the true median of
/// the baseline lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SeverityCertainty {
    /// It would.
    Certain,
    /// It would be another one.
    Uncertain,
}

impl SeverityCertainty {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            SeverityCertainty::Certain => "certain",
            SeverityCertainty::Uncertain => "uncertain",
        }
    }
}

/// A scenario's runs before the period, as far as they are needed: to be counted, and to find when
/// something changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// The scenario; it may occur more than once.
    pub scenario_id: ScenarioId,
    /// When each run finished, and what it cost; runs of other times are left out.
    pub runs: Vec<(Timestamp, Credits)>,
}

/// What a report is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// The regular review: every scenario, over the policy's review period.
    Review,
    /// A question of the moment: another length of time, or one scenario only.
    AdHoc {
        /// The scenario; `None` for all of them.
        scenario: Option<ScenarioId>,
    },
}

impl Scope {
    /// The one scenario it is about, if it is about one.
    pub fn scenario(&self) -> Option<&ScenarioId> {
        match self {
            Scope::Review => None,
            Scope::AdHoc { scenario } => scenario.as_ref(),
        }
    }

    /// Its word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Scope::Review => "review",
            Scope::AdHoc { .. } => "ad_hoc",
        }
    }
}

/// When spikes of one scenario are a pattern: so many within so many days.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Repetition {
    /// How many spikes.
    pub runs_min: usize,
    /// Within how many days.
    pub days: u32,
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
