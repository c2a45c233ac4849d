//! Scenarios that cost something else than their baseline says, and since when.
//!
//! A spike comes and goes; drift stays. So drift is looked for where the usual cost, of the whole
//! period or of its latest runs, is outside the band that a baseline is confirmed by.

use credit_baseline::{DriftRule, HEALTHY_RUNS_FLOOR, change_points, median};
use credit_core::{CandidateGate, Credits, Multiplier, Ratio, RunFacts, Timestamp};

use crate::Level;
use crate::scenarios::{Scenario, amounts};

/// A scenario whose usual cost has left the band around its baseline.
#[derive(Debug)]
pub(crate) struct Drift<'a> {
    /// Where it came from, if that is found in this period and the one before.
    pub(crate) change: Option<Level>,
    /// Its runs since, as far as they are of the period, the oldest first.
    pub(crate) runs: Vec<&'a RunFacts<'a>>,
    /// Whether it costs more than before.
    pub(crate) is_up: bool,
}

/// `None` where there is no baseline to drift from, for fewer runs than tell what is usual, and for
/// what is within the band.
pub(crate) fn drift<'a>(scenario: &Scenario<'a>, gate: &CandidateGate) -> Option<Drift<'a>> {
    let baseline = scenario.baseline.filter(|b| *b > Credits::ZERO)?;
    let limit = gate.variance_below;
    let is_off = |level| side(level, baseline, limit).is_some();
    if scenario.runs.len() < RUNS_MIN {
        return None;
    }
    let runs = scenario.runs_in_order();
    if !is_off(scenario.figures.median) && !is_off(latest_level(&runs)?) {
        return None;
    }
    let series: Vec<(Timestamp, Credits)> = scenario
        .previous
        .iter()
        .copied()
        .chain(runs.iter().map(|run| (run.timestamp, run.credits)))
        .collect();
    let rule = DriftRule {
        significance: SIGNIFICANCE,
        ratio_min: limit,
        runs_min: RUNS_MIN,
    };
    let change = change_points(&series, &rule).last().map(|point| Level {
        changed_at: point.at,
        before: point.before,
        after: point.after,
    });
    let since = change.map(|change| change.changed_at);
    let runs: Vec<&RunFacts<'_>> = runs
        .into_iter()
        .filter(|run| since.is_none_or(|since| run.timestamp >= since))
        .collect();
    let level = median(&mut amounts(&runs))?;
    let is_up = side(level, baseline, limit)?;
    Some(Drift {
        change,
        runs,
        is_up,
    })
}

/// Whether the period's median is above the band, of however few runs.
pub(crate) fn is_above(scenario: &Scenario<'_>, gate: &CandidateGate) -> bool {
    let baseline = scenario.baseline.filter(|b| *b > Credits::ZERO);
    let side = baseline.and_then(|b| side(scenario.figures.median, b, gate.variance_below));
    side == Some(true)
}

/// The median of the last quarter of the runs, of six at least.
fn latest_level(runs: &[&RunFacts<'_>]) -> Option<Credits> {
    let latest = runs.len().div_ceil(4).max(RUNS_MIN);
    let earlier = runs.len().checked_sub(latest)?;
    median(&mut amounts(runs.get(earlier..)?))
}

/// Whether an amount is above (`true`) or below (`false`) the band from 1/limit to limit times the
/// baseline, which must not be zero; `None` inside. Compared exactly.
pub(crate) fn side(amount: Credits, baseline: Credits, limit: Multiplier) -> Option<bool> {
    if Ratio::new(amount, baseline)?.at_least(limit) {
        return Some(amount >= baseline);
    }
    // Below the band where baseline/amount ≥ limit; zero is below any.
    let is_low = Ratio::new(baseline, amount).is_none_or(|inverse| inverse.at_least(limit));
    is_low.then_some(false)
}

/// One division in a hundred that is none.
const SIGNIFICANCE: f64 = 0.01;

/// The fewest runs that say anything about a median.
const RUNS_MIN: usize = HEALTHY_RUNS_FLOOR as usize;
