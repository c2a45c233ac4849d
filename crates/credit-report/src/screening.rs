//! Which scenarios have a baseline that may be confirmed, which have drifted, and why not.

use credit_baseline::{Criterion, Figure, Limit, Outcome};
use credit_core::{CandidateGate, Credits, Multiplier, Ratio};

use crate::drift::{Drift, side};
use crate::scenarios::{Figures, Scenario};
use crate::{Drifted, Ineligible, Screened};

/// Every scenario with runs in the period, screened; each list by id.
#[derive(Debug, Default)]
pub(crate) struct Screening {
    pub(crate) candidates: Vec<Screened>,
    pub(crate) ineligible: Vec<Ineligible>,
    pub(crate) drifted: Vec<Drifted>,
}

/// Screens scenarios, which are sorted and come with their drift.
pub(crate) fn screen<'a>(
    scenarios: impl Iterator<Item = (&'a Scenario<'a>, Option<&'a Drift<'a>>)>,
    gate: &CandidateGate,
) -> Screening {
    let mut screening = Screening::default();
    for (scenario, drift) in scenarios {
        let failed = failed(&scenario.figures, scenario.baseline, gate);
        if failed.is_empty() {
            let screened = screened(scenario, &scenario.figures);
            screening.candidates.extend(screened);
            continue;
        }
        screening.ineligible.push(Ineligible {
            scenario_id: scenario.id.clone(),
            failed,
        });
        let drifted = drift.and_then(|drift| drifted(scenario, drift, gate));
        screening.drifted.extend(drifted);
    }
    screening
}

/// What drifted is a candidate if its runs since then fail nothing but the nearness to the
/// baseline.
fn drifted(scenario: &Scenario<'_>, drift: &Drift<'_>, gate: &CandidateGate) -> Option<Drifted> {
    let figures = Figures::of(&drift.runs)?;
    let failed = failed(&figures, scenario.baseline, gate);
    let is_stable = failed.iter().all(|criterion| criterion.name == VARIANCE);
    is_stable.then_some(Drifted {
        screened: screened(scenario, &figures)?,
        change: drift.change,
    })
}

fn failed(figures: &Figures, baseline: Option<Credits>, gate: &CandidateGate) -> Vec<Criterion> {
    let mut criteria = criteria(figures, baseline, gate);
    criteria.retain(|criterion| criterion.outcome == Outcome::Failed);
    criteria
}

fn criteria(figures: &Figures, baseline: Option<Credits>, gate: &CandidateGate) -> Vec<Criterion> {
    let count = |count| Limit::AtLeast(Figure::Count(count));
    let is_positive = baseline.is_some_and(|b| b > Credits::ZERO);
    let mut criteria = vec![
        Criterion::new(
            "runs",
            Some(Figure::Count(figures.runs)),
            count(gate.runs_min),
            figures.runs >= gate.runs_min,
        ),
        Criterion::new(
            "incidents",
            Some(Figure::Count(figures.incidents)),
            Limit::AtMost(Figure::Count(0)),
            figures.incidents == 0,
        ),
        Criterion::new(
            "cv",
            figures.cv.map(Figure::Fraction),
            Limit::Below(Figure::Fraction(gate.cv_below)),
            figures.cv.is_some_and(|cv| cv < gate.cv_below),
        ),
        Criterion::new(
            "baseline",
            baseline.map(Figure::Credits),
            Limit::Above(Figure::Credits(Credits::ZERO)),
            is_positive,
        ),
    ];
    criteria.extend(
        baseline.and_then(|baseline| variance(figures.median, baseline, gate.variance_below)),
    );
    criteria
}

/// Whether 1/limit < median/baseline < limit, compared exactly; `None` where there is no ratio.
fn variance(median: Credits, baseline: Credits, limit: Multiplier) -> Option<Criterion> {
    let ratio = Ratio::new(median, baseline)?;
    let value = Some(Figure::Multiplier(ratio.multiplier()));
    Some(match side(median, baseline, limit) {
        Some(false) => {
            let low = Limit::Above(Figure::Multiplier(inverse(limit)));
            Criterion::new(VARIANCE, value, low, false)
        }
        found => {
            let high = Limit::Below(Figure::Multiplier(limit));
            Criterion::new(VARIANCE, value, high, found.is_none())
        }
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
fn screened(scenario: &Scenario<'_>, figures: &Figures) -> Option<Screened> {
    Some(Screened {
        scenario_id: scenario.id.clone(),
        baseline: scenario.baseline?,
        proposed_median_credits: figures.median,
        variance_multiplier: figures.variance(scenario.baseline),
        mean_variance_multiplier: figures.mean_variance(scenario.baseline),
        run_count: figures.runs,
        cv: Figure::Fraction(figures.cv?),
    })
}

const VARIANCE: &str = "variance";
