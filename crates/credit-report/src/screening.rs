//! Which scenarios have a baseline that may be confirmed, which have drifted, and why not.

use credit_baseline::{Criterion, Figure, Limit, Outcome};
use credit_core::{CandidateGate, Credits, Multiplier, Ratio};

use crate::scenarios::Scenario;
use crate::{Ineligible, Screened};

/// Every scenario with runs in the period, screened; each list by id.
#[derive(Debug, Default)]
pub(crate) struct Screening {
    pub(crate) candidates: Vec<Screened>,
    pub(crate) ineligible: Vec<Ineligible>,
    pub(crate) drifted: Vec<Screened>,
}

/// Screens `scenarios`, which are sorted.
pub(crate) fn screen(scenarios: &[Scenario<'_>], gate: &CandidateGate) -> Screening {
    let mut screening = Screening::default();
    for scenario in scenarios {
        let failed: Vec<Criterion> = criteria(scenario, gate)
            .into_iter()
            .filter(|c| c.outcome == Outcome::Failed)
            .collect();
        let screened = screened(scenario);
        if failed.is_empty() {
            screening.candidates.extend(screened);
            continue;
        }
        if failed.iter().all(|c| c.name == VARIANCE) {
            screening.drifted.extend(screened);
        }
        screening.ineligible.push(Ineligible {
            scenario_id: scenario.id.clone(),
            failed,
        });
    }
    screening
}

fn criteria(scenario: &Scenario<'_>, gate: &CandidateGate) -> Vec<Criterion> {
    let count = |count| Limit::AtLeast(Figure::Count(count));
    let is_positive = scenario.baseline.is_some_and(|b| b > Credits::ZERO);
    let mut criteria = vec![
        Criterion::new(
            "runs",
            Some(Figure::Count(scenario.runs)),
            count(gate.runs_min),
            scenario.runs >= gate.runs_min,
        ),
        Criterion::new(
            "incidents",
            Some(Figure::Count(scenario.incidents)),
            Limit::AtMost(Figure::Count(0)),
            scenario.incidents == 0,
        ),
        Criterion::new(
            "cv",
            scenario.cv.map(Figure::Fraction),
            Limit::Below(Figure::Fraction(gate.cv_below)),
            scenario.cv.is_some_and(|cv| cv < gate.cv_below),
        ),
        Criterion::new(
            "baseline",
            scenario.baseline.map(Figure::Credits),
            Limit::Above(Figure::Credits(Credits::ZERO)),
            is_positive,
        ),
    ];
    criteria.extend(
        scenario
            .baseline
            .and_then(|baseline| variance(scenario.median, baseline, gate.variance_below)),
    );
    criteria
}

/// Whether 1/limit < median/baseline < limit, compared exactly; `None` where there is no ratio.
fn variance(median: Credits, baseline: Credits, limit: Multiplier) -> Option<Criterion> {
    let ratio = Ratio::new(median, baseline)?;
    let value = Some(Figure::Multiplier(ratio.multiplier()));
    // Below the band where baseline/median ≥ limit; a median of zero is below any.
    let is_low = Ratio::new(baseline, median).is_none_or(|inverse| inverse.at_least(limit));
    Some(if is_low && median < baseline {
        let low = Limit::Above(Figure::Multiplier(inverse(limit)));
        Criterion::new(VARIANCE, value, low, false)
    } else {
        let high = Limit::Below(Figure::Multiplier(limit));
        Criterion::new(VARIANCE, value, high, !ratio.at_least(limit) && !is_low)
    })
}

/// One over a limit, cut off after six decimals like everything that is shown.
fn inverse(limit: Multiplier) -> Multiplier {
    // A limit has at most six decimals, so its text is an amount without loss.
    Credits::whole(1)
        .zip(limit.to_string().parse().ok())
        .and_then(|(one, limit)| Ratio::new(one, limit))
        .map_or(Multiplier::from_micro(0), Ratio::multiplier)
}

/// `None` where there is no baseline or no variation to show.
fn screened(scenario: &Scenario<'_>) -> Option<Screened> {
    Some(Screened {
        scenario_id: scenario.id.clone(),
        baseline: scenario.baseline?,
        proposed_median_credits: scenario.median,
        variance_multiplier: scenario.variance(),
        mean_variance_multiplier: scenario.mean_variance(),
        run_count: scenario.runs,
        cv: Figure::Fraction(scenario.cv?),
    })
}

const VARIANCE: &str = "variance";
