//! What a report says of scenarios.

use credit_baseline::{Criterion, Figure, MedianInterval};
use credit_core::{Credits, Multiplier, RunId, ScenarioId, Severity, Timestamp, TotalCredits};

/// What one scenario cost in the period.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioTotal {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The sum.
    pub total_credits: TotalCredits,
    /// Its runs in the period.
    pub run_count: u64,
    /// Its runs in the period before.
    pub prev_run_count: u64,
    /// The mean, rounded half to even to a micro-credit.
    pub avg_credits: Credits,
    /// The median.
    pub median_credits: Credits,
    /// The 95th percentile by nearest rank.
    pub p95_credits: Credits,
    /// The dearest run.
    pub max_credits: Credits,
    /// The baseline in force.
    pub baseline: Option<Credits>,
    /// Median over baseline.
    pub variance_multiplier: Option<Multiplier>,
    /// Mean over baseline, which skewed runs raise without any change.
    pub mean_variance_multiplier: Option<Multiplier>,
    /// Whether the median is more than twice the baseline.
    pub notable: bool,
    /// What so many runs would have cost at the baseline.
    pub expected_credits: Option<TotalCredits>,
    /// Where the true median lies with 95 % confidence; six runs are the fewest that tell.
    pub median_interval: Option<MedianInterval>,
    /// How many runs of each severity, SEV0 first.
    pub severity_counts: [u64; 5],
    /// How many of the runs that the report lists by name have a severity that is not certain.
    pub uncertain_count: u64,
}

impl ScenarioTotal {
    /// How many runs more than in the period before.
    pub fn run_count_change(&self) -> i128 {
        i128::from(self.run_count) - i128::from(self.prev_run_count)
    }
}

/// A scenario that is stable, with the figures it was screened by.
#[derive(Clone, Debug, PartialEq)]
pub struct Screened {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The baseline in force.
    pub baseline: Credits,
    /// The median: what the baseline would become if these runs were all there is.
    pub proposed_median_credits: Credits,
    /// Median over baseline.
    pub variance_multiplier: Option<Multiplier>,
    /// Mean over baseline.
    pub mean_variance_multiplier: Option<Multiplier>,
    /// How many runs the figures are of.
    pub run_count: u64,
    /// Their coefficient of variation.
    pub cv: Figure,
}

/// A scenario that is no candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Ineligible {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// What it failed.
    pub failed: Vec<Criterion>,
}

/// A scenario that is stable, but somewhere else than at its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Drifted {
    /// The figures of its runs since it changed, as far as they are of the period.
    pub screened: Screened,
    /// Where it came from; `None` where no change is found in this period and the one before.
    pub change: Option<Level>,
}

impl Drifted {
    /// `up` where it costs more than the baseline, `down` where it costs less.
    pub fn direction(&self) -> &'static str {
        if self.screened.proposed_median_credits > self.screened.baseline {
            "up"
        } else {
            "down"
        }
    }
}

/// Since when a scenario costs something else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Level {
    /// The first run after the change.
    pub changed_at: Timestamp,
    /// The median before.
    pub before: Credits,
    /// The median since.
    pub after: Credits,
}

/// What spikes have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Which pattern.
    pub kind: PatternKind,
    /// The scenarios it is seen in, by id.
    pub scenario_ids: Vec<ScenarioId>,
    /// How many runs show it.
    pub run_count: u64,
    /// The first twenty of them.
    pub run_ids: Vec<RunId>,
    /// Whether the scenario's usual cost is outside the band around its baseline, too; spikes
    /// alone may come of noise.
    pub level_moved: bool,
    /// Since when, if that is found.
    pub change: Option<Level>,
}

/// Which pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PatternKind {
    /// One scenario again and again.
    Drift,
    /// Many scenarios at once.
    Systemic,
    /// A scenario once in a while.
    Transient,
}

impl PatternKind {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            PatternKind::Drift => "drift",
            PatternKind::Systemic => "systemic",
            PatternKind::Transient => "transient",
        }
    }

    /// What the runbook says to do about it.
    pub const fn suggestion(self) -> &'static str {
        match self {
            PatternKind::Drift => {
                "open a case, find the cause, then update the baseline or correct the configuration"
            }
            PatternKind::Systemic => "open a case and look for what the scenarios have in common",
            PatternKind::Transient => "write it down in the review's notes; nothing else is needed",
        }
    }
}

/// Runs of a scenario against its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The baseline in force.
    pub baseline: Credits,
    /// From here up to `high` a median confirms the baseline.
    pub low: Credits,
    /// The upper end of that.
    pub high: Credits,
    /// Its runs in the period, of which not all are dots.
    pub run_count: u64,
    /// Its highest runs and others at even distances, the oldest first.
    pub dots: Vec<Dot>,
}

/// One run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Dot {
    /// When it finished.
    pub at: Timestamp,
    /// What it cost.
    pub credits: Credits,
    /// How it was judged.
    pub severity: Severity,
}
