//! The runs of a period by scenario.

use std::collections::HashMap;

use credit_baseline::{
    Baselines, MedianInterval, coefficient_of_variation, median, median_interval, nearest_rank,
};
use credit_core::{
    Credits, Multiplier, Period, Ratio, RunFacts, ScenarioId, Timestamp, TotalCredits,
};

use crate::lists::{Known, is_listed};
use crate::report::count;
use crate::{Earlier, ScenarioTotal, SeverityCertainty};

/// What one scenario's runs of a period come to.
#[derive(Debug)]
pub(crate) struct Scenario<'a> {
    pub(crate) id: &'a ScenarioId,
    /// Its runs in the period, in no order.
    pub(crate) runs: Vec<&'a RunFacts<'a>>,
    /// Its runs in the period before.
    pub(crate) previous: Vec<(Timestamp, Credits)>,
    pub(crate) figures: Figures,
    pub(crate) baseline: Option<Credits>,
    total: TotalCredits,
    p95: Credits,
    max: Credits,
    median_interval: Option<MedianInterval>,
    severity_counts: [u64; 5],
}

/// What a set of runs is screened by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) runs: u64,
    pub(crate) incidents: u64,
    pub(crate) cv: Option<f64>,
    pub(crate) mean: Credits,
    pub(crate) median: Credits,
}

impl Figures {
    /// `None` of no runs.
    pub(crate) fn of(runs: &[&RunFacts<'_>]) -> Option<Figures> {
        Figures::of_amounts(runs, &mut amounts(runs))
    }

    /// `amounts` are the runs' credits, which are reordered.
    fn of_amounts(runs: &[&RunFacts<'_>], amounts: &mut [Credits]) -> Option<Figures> {
        let count = runs.len() as u64;
        let total: TotalCredits = amounts.iter().copied().sum();
        Some(Figures {
            runs: count,
            incidents: runs.iter().filter(|run| run.is_incident()).count() as u64,
            cv: coefficient_of_variation(amounts),
            mean: total.mean(count)?,
            median: median(amounts)?,
        })
    }

    /// Median over baseline, unless there is no ratio.
    pub(crate) fn variance(&self, baseline: Option<Credits>) -> Option<Multiplier> {
        Some(Ratio::new(self.median, baseline?)?.multiplier())
    }

    /// Mean over baseline, unless there is no ratio.
    pub(crate) fn mean_variance(&self, baseline: Option<Credits>) -> Option<Multiplier> {
        Some(Ratio::new(self.mean, baseline?)?.multiplier())
    }
}

impl<'a> Scenario<'a> {
    /// Its runs in the order of their time.
    pub(crate) fn runs_in_order(&self) -> Vec<&'a RunFacts<'a>> {
        let mut runs = self.runs.clone();
        runs.sort_unstable_by_key(|run| (run.timestamp, run.credits, &run.run_id));
        runs
    }

    /// Its runs that cost at least twice the baseline they were judged by.
    pub(crate) fn spikes(&self) -> impl Iterator<Item = &'a RunFacts<'a>> {
        self.runs.iter().copied().filter(|run| is_spike(run))
    }

    pub(crate) fn totals(&self, known: &Known<'_>) -> ScenarioTotal {
        let Figures {
            runs, mean, median, ..
        } = self.figures;
        let is_notable = |baseline: Credits| {
            // Exact, and false where there is no ratio. No overflow: both are at most 10^18.
            baseline > Credits::ZERO && median.micro() > 2 * baseline.micro()
        };
        let uncertain = |run: &&&RunFacts<'_>| {
            known.certainty(run) == Some(SeverityCertainty::Uncertain) && is_listed(run)
        };
        let at_baseline = |baseline| self.runs.iter().map(|_| baseline).sum();
        ScenarioTotal {
            scenario_id: self.id.clone(),
            total_credits: self.total,
            run_count: runs,
            prev_run_count: self.previous.len() as u64,
            avg_credits: mean,
            median_credits: median,
            p95_credits: self.p95,
            max_credits: self.max,
            baseline: self.baseline,
            variance_multiplier: self.figures.variance(self.baseline),
            mean_variance_multiplier: self.figures.mean_variance(self.baseline),
            notable: self.baseline.is_some_and(is_notable),
            expected_credits: self.baseline.map(at_baseline),
            median_interval: self.median_interval,
            severity_counts: self.severity_counts,
            uncertain_count: self.runs.iter().filter(uncertain).count() as u64,
        }
    }
}

pub(crate) fn amounts(runs: &[&RunFacts<'_>]) -> Vec<Credits> {
    runs.iter().map(|run| run.credits).collect()
}

/// Variances are cut off, so one that is shown as at least 2 is at least 2.
pub(crate) fn is_spike(run: &RunFacts<'_>) -> bool {
    run.variance.is_some_and(|variance| variance >= SPIKE)
}

/// Collects runs by scenario, without copying an id.
#[derive(Debug, Default)]
pub(crate) struct Groups<'a> {
    groups: Vec<Group<'a>>,
    index: HashMap<&'a ScenarioId, usize>,
}

#[derive(Debug)]
struct Group<'a> {
    id: &'a ScenarioId,
    runs: Vec<&'a RunFacts<'a>>,
    previous: Vec<(Timestamp, Credits)>,
}

impl<'a> Groups<'a> {
    pub(crate) fn add(&mut self, run: &'a RunFacts<'a>) {
        if let Some(group) = self.group(&run.scenario_id) {
            group.runs.push(run);
        }
    }

    pub(crate) fn add_previous(&mut self, run: &'a RunFacts<'a>) {
        if let Some(group) = self.group(&run.scenario_id) {
            group.previous.push((run.timestamp, run.credits));
        }
    }

    pub(crate) fn add_earlier(&mut self, earlier: &'a Earlier, previous: Period) {
        if let Some(group) = self.group(&earlier.scenario_id) {
            let runs = earlier.runs.iter().copied();
            group
                .previous
                .extend(runs.filter(|(at, _)| previous.contains(*at)));
        }
    }

    /// The scenarios with runs in the period, by id.
    pub(crate) fn finish(self, baselines: &Baselines) -> Vec<Scenario<'a>> {
        let mut scenarios: Vec<Scenario<'a>> = self
            .groups
            .into_iter()
            .filter_map(|group| group.finish(baselines))
            .collect();
        scenarios.sort_unstable_by(|a, b| a.id.cmp(b.id));
        scenarios
    }

    fn group(&mut self, id: &'a ScenarioId) -> Option<&mut Group<'a>> {
        let groups = &mut self.groups;
        let at = *self.index.entry(id).or_insert_with(|| {
            groups.push(Group {
                id,
                runs: Vec::new(),
                previous: Vec::new(),
            });
            groups.len() - 1
        });
        self.groups.get_mut(at)
    }
}

impl<'a> Group<'a> {
    /// `None` for a scenario that ran only in the period before.
    fn finish(self, baselines: &Baselines) -> Option<Scenario<'a>> {
        let mut amounts = amounts(&self.runs);
        let mut severity_counts = [0; 5];
        for run in &self.runs {
            count(&mut severity_counts, run.severity);
        }
        Some(Scenario {
            id: self.id,
            figures: Figures::of_amounts(&self.runs, &mut amounts)?,
            baseline: baselines.get(self.id).map(|b| b.credits),
            total: amounts.iter().copied().sum(),
            p95: nearest_rank(&mut amounts, 95)?,
            max: amounts.iter().copied().max()?,
            median_interval: median_interval(&mut amounts, CONFIDENCE),
            severity_counts,
            runs: self.runs,
            previous: self.previous,
        })
    }
}

/// Of the interval of the median.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// A run of this many times its baseline is a spike.
pub(crate) const SPIKE: Multiplier = Multiplier::from_micro(2_000_000);
