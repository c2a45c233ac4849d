//! The runs of a period by scenario.

use std::collections::HashMap;

use credit_baseline::{Baselines, coefficient_of_variation, median, nearest_rank};
use credit_core::{Credits, Multiplier, Ratio, RunFacts, ScenarioId, TotalCredits};

use crate::ScenarioTotal;

/// What one scenario's runs of a period come to.
#[derive(Debug)]
pub(crate) struct Scenario<'a> {
    pub(crate) id: &'a ScenarioId,
    pub(crate) runs: u64,
    pub(crate) incidents: u64,
    pub(crate) cv: Option<f64>,
    pub(crate) total: TotalCredits,
    pub(crate) mean: Credits,
    pub(crate) median: Credits,
    pub(crate) baseline: Option<Credits>,
    previous_runs: u64,
    p95: Credits,
    max: Credits,
}

impl Scenario<'_> {
    /// Median over baseline, unless there is no ratio.
    pub(crate) fn variance(&self) -> Option<Multiplier> {
        Some(Ratio::new(self.median, self.baseline?)?.multiplier())
    }

    /// Mean over baseline, unless there is no ratio.
    pub(crate) fn mean_variance(&self) -> Option<Multiplier> {
        Some(Ratio::new(self.mean, self.baseline?)?.multiplier())
    }

    pub(crate) fn totals(&self) -> ScenarioTotal {
        let is_notable = |baseline: Credits| {
            // Exact, and false where there is no ratio. No overflow: both are at most 10^18.
            baseline > Credits::ZERO && self.median.micro() > 2 * baseline.micro()
        };
        ScenarioTotal {
            scenario_id: self.id.clone(),
            total_credits: self.total,
            run_count: self.runs,
            prev_run_count: self.previous_runs,
            avg_credits: self.mean,
            median_credits: self.median,
            p95_credits: self.p95,
            max_credits: self.max,
            baseline: self.baseline,
            variance_multiplier: self.variance(),
            mean_variance_multiplier: self.mean_variance(),
            notable: self.baseline.is_some_and(is_notable),
        }
    }
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
    credits: Vec<Credits>,
    incidents: u64,
    previous_runs: u64,
}

impl<'a> Groups<'a> {
    pub(crate) fn add(&mut self, run: &'a RunFacts<'_>) {
        if let Some(group) = self.group(&run.scenario_id) {
            group.credits.push(run.credits);
            group.incidents += u64::from(run.is_incident());
        }
    }

    pub(crate) fn add_previous(&mut self, run: &'a RunFacts<'_>) {
        if let Some(group) = self.group(&run.scenario_id) {
            group.previous_runs += 1;
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
                credits: Vec::new(),
                incidents: 0,
                previous_runs: 0,
            });
            groups.len() - 1
        });
        self.groups.get_mut(at)
    }
}

impl<'a> Group<'a> {
    /// `None` for a scenario that ran only in the period before.
    fn finish(mut self, baselines: &Baselines) -> Option<Scenario<'a>> {
        let runs = self.credits.len() as u64;
        let total: TotalCredits = self.credits.iter().copied().sum();
        Some(Scenario {
            id: self.id,
            runs,
            incidents: self.incidents,
            cv: coefficient_of_variation(&self.credits),
            total,
            mean: total.mean(runs)?,
            median: median(&mut self.credits)?,
            baseline: baselines.get(self.id).map(|b| b.credits),
            previous_runs: self.previous_runs,
            p95: nearest_rank(&mut self.credits, 95)?,
            max: self.credits.iter().copied().max()?,
        })
    }
}
