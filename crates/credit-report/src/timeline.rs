//! The period in equal parts, and single runs against their baseline.

use std::cmp::Reverse;
use std::collections::HashSet;

use credit_core::{Credits, Multiplier, Period, RunFacts, ScenarioId};

use crate::report::period_days;
use crate::scenarios::{Scenario, is_spike};
use crate::{Band, Dot, Drifted, Slice, SpikeRun, SummaryStats};

/// The period by days or, where these are too many, by several days at once; the last part may be
/// shorter.
pub(crate) fn timeline(period: Period, runs: &[&RunFacts<'_>]) -> Vec<Slice> {
    let mut slices = slices(period);
    let Some(length) = slices.first().map(|s| seconds(s.period)) else {
        return slices;
    };
    for run in runs {
        let since = run.timestamp.unix() - period.start.unix();
        let at = usize::try_from(since.div_euclid(length.max(1))).unwrap_or(0);
        if let Some(slice) = slices.get_mut(at) {
            slice.sums.add(run.credits, run.severity);
        }
    }
    slices
}

fn slices(period: Period) -> Vec<Slice> {
    let days = period_days(period).unsigned_abs();
    let days_each = days.div_ceil(SLICES_MAX).max(1);
    let mut slices = Vec::new();
    let mut start = period.start;
    while start < period.end {
        let end = start
            .days_after(u32::try_from(days_each).unwrap_or(u32::MAX))
            .min(period.end);
        let part = Period { start, end };
        slices.push(Slice {
            period: part,
            sums: SummaryStats::default(),
        });
        start = end;
    }
    slices
}

fn seconds(period: Period) -> i64 {
    period.end.unix() - period.start.unix()
}

/// The scenarios worth a look: those that drifted, those of the highest spikes, and then the
/// dearest, as far as there is a baseline to look against.
pub(crate) fn bands(
    scenarios: &[Scenario<'_>],
    by_total: &[&ScenarioId],
    drifted: &[Drifted],
    spikes: &[SpikeRun],
    limit: Multiplier,
) -> Vec<Band> {
    let drifted = drifted.iter().map(|drifted| &drifted.screened.scenario_id);
    let spiked = spikes.iter().map(|spike| &spike.scenario_id);
    let mut seen = HashSet::new();
    drifted
        .chain(spiked)
        .chain(by_total.iter().copied())
        .filter(|id| seen.insert(*id))
        .filter_map(|id| {
            let at = scenarios.binary_search_by(|s| s.id.cmp(id)).ok()?;
            band(scenarios.get(at)?, limit)
        })
        .take(BANDS_MAX)
        .collect()
}

fn band(scenario: &Scenario<'_>, limit: Multiplier) -> Option<Band> {
    let baseline = scenario.baseline.filter(|b| *b > Credits::ZERO)?;
    let (mut spikes, rest): (Vec<&RunFacts<'_>>, Vec<&RunFacts<'_>>) = scenario
        .runs_in_order()
        .into_iter()
        .partition(|run| is_spike(run));
    spikes.sort_by_key(|run| (Reverse(run.variance), run.timestamp));
    spikes.truncate(SPIKE_DOTS_MAX);
    let room = DOTS_MAX - spikes.len();
    let step = rest.len().div_ceil(room).max(1);
    let mut dots: Vec<Dot> = spikes
        .into_iter()
        .chain(rest.into_iter().step_by(step))
        .map(|run| Dot {
            at: run.timestamp,
            credits: run.credits,
            severity: run.severity,
        })
        .collect();
    dots.sort_unstable();
    Some(Band {
        scenario_id: scenario.id.clone(),
        baseline,
        low: scaled(baseline, MICRO, limit.micro()?)?,
        high: scaled(baseline, limit.micro()?, MICRO)?,
        run_count: scenario.figures.runs,
        dots,
    })
}

/// An amount times a fraction, cut off to a micro-credit; what is beyond every amount is the
/// greatest.
fn scaled(credits: Credits, by: u64, of: u64) -> Option<Credits> {
    let product = u128::from(credits.micro()) * u128::from(by);
    let micro = product.checked_div(u128::from(of))?;
    let found = u64::try_from(micro).ok().and_then(Credits::from_micro);
    Some(found.unwrap_or(Credits::MAX))
}

const MICRO: u64 = 1_000_000;

/// More parts would not be told apart.
const SLICES_MAX: u64 = 62;

/// Of so many scenarios single runs are shown, …
const BANDS_MAX: usize = 12;

/// … so many of each at most, …
const DOTS_MAX: usize = 40;

/// … and so many of these for being spikes.
const SPIKE_DOTS_MAX: usize = 10;
