//! What any set of runs counts up to, so that sets can be joined.

use std::cmp::Reverse;

use credit_core::{
    Action, Actions, Credits, RunFacts, RunId, ScenarioId, Severity, Timestamp, TotalCredits,
};

/// Counts and sums over runs. Joining those of two sets gives those of both together, in whatever
/// order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sums {
    /// How many of each severity, SEV0 first.
    pub severity_counts: [u64; 5],
    /// What they cost, by severity.
    pub severity_credits: [TotalCredits; 5],
    /// How many block what comes downstream.
    pub blocked: u64,
    /// How many had their artifacts set aside.
    pub quarantined: u64,
    /// When the latest of them finished.
    pub last: Option<Timestamp>,
}

impl Sums {
    /// How many runs.
    pub fn run_count(&self) -> u64 {
        self.severity_counts.iter().sum()
    }

    /// What they cost together.
    pub fn total_credits(&self) -> TotalCredits {
        let mut total = TotalCredits::default();
        self.severity_credits.iter().for_each(|c| total += *c);
        total
    }

    /// Adds a run.
    pub fn add(&mut self, at: Timestamp, credits: Credits, severity: Severity, actions: Actions) {
        let rung = rung(severity);
        if let Some(count) = self.severity_counts.get_mut(rung) {
            *count += 1;
        }
        if let Some(total) = self.severity_credits.get_mut(rung) {
            *total += credits;
        }
        self.blocked += u64::from(actions.contains(Action::BlockDispatch));
        self.quarantined += u64::from(actions.contains(Action::Quarantine));
        self.last = later(self.last, Some(at));
    }

    /// Adds what other runs count up to.
    pub fn join(&mut self, other: &Sums) {
        let counts = self.severity_counts.iter_mut();
        counts
            .zip(other.severity_counts)
            .for_each(|(count, more)| *count += more);
        let credits = self.severity_credits.iter_mut();
        credits
            .zip(other.severity_credits)
            .for_each(|(total, more)| *total += more);
        self.blocked += other.blocked;
        self.quarantined += other.quarantined;
        self.last = later(self.last, other.last);
    }
}

/// 0 for the gravest.
pub(crate) const fn rung(severity: Severity) -> usize {
    match severity {
        Severity::Sev0 => 0,
        Severity::Sev1 => 1,
        Severity::Sev2 => 2,
        Severity::Sev3 => 3,
        Severity::Sev4 => 4,
    }
}

/// The later one; of the same instant in two spellings always the same.
fn later(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    let key = |at: &Timestamp| (*at, at.decimals());
    a.into_iter().chain(b).max_by_key(key)
}

/// One of the runs that cost most.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DearRun {
    /// What it cost.
    pub credits: Credits,
    /// The run.
    pub run_id: RunId,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// When it finished.
    pub timestamp: Timestamp,
    /// Its severity.
    pub severity: Severity,
}

impl From<&RunFacts<'_>> for DearRun {
    fn from(run: &RunFacts<'_>) -> DearRun {
        DearRun {
            credits: run.credits,
            run_id: run.run_id.clone(),
            scenario_id: run.scenario_id.clone(),
            timestamp: run.timestamp,
            severity: run.severity,
        }
    }
}

/// The five runs that cost most, the dearest first, ties by run id. Those of two sets joined are
/// those of both together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dearest(Vec<DearRun>);

impl Dearest {
    /// So many runs.
    pub const COUNT: usize = 5;

    /// Whether a run of that cost may be one of them: of most runs nothing else need be looked at.
    pub fn may_take(&self, credits: Credits) -> bool {
        self.0.len() < Dearest::COUNT || self.0.last().is_none_or(|run| credits >= run.credits)
    }

    /// Adds a run, if it is one of them. A run is given once.
    pub fn take(&mut self, run: DearRun) {
        let key = |run: &DearRun| (Reverse(run.credits), run.run_id.clone());
        let at = self.0.partition_point(|other| key(other) < key(&run));
        self.0.insert(at, run);
        self.0.truncate(Dearest::COUNT);
    }

    /// Adds those of other runs.
    pub fn join(&mut self, other: &Dearest) {
        for run in &other.0 {
            if self.may_take(run.credits) {
                self.take(run.clone());
            }
        }
    }

    /// Them, the dearest first.
    pub fn runs(&self) -> &[DearRun] {
        &self.0
    }
}
