//! From runs to calculations, one scenario or all of them in one pass.

use std::collections::{BTreeMap, HashMap};

use credit_core::{
    Credits, CreditsPerItem, HealthyRule, RunFacts, RunId, ScenarioId, Timestamp, Usual,
};

use crate::statistics::{median_per_item, median_whole};
use crate::{
    Calculation, NoBaseline, Unhealthy, Window, coefficient_of_variation, median, median_bounds,
    robust_variation, unhealthy,
};

/// The median of the healthy runs of `scenario` in `window`, with what the update gate asks for.
///
/// `runs` may hold other scenarios, later runs and any order; it should hold all history up to the
/// window's end, because the observation span and the last incident reach beyond the window.
///
/// # Errors
/// [`NoBaseline`] where there is nothing to calculate from.
///
/// ```
/// use credit_baseline::{Window, calculate};
/// use credit_core::{HealthyRule, RunFacts, Status};
///
/// let run = RunFacts::parse(
///     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
///         "Status":"Success","Credits_Total":1250.5,"Severity":"SEV4","Risk_Flags":[],
///         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":1250,
///         "Baseline_Status":"current","Variance_Multiplier":1.0004,"retry_count":0,"actions":[]}"#,
/// )?;
/// let rule = HealthyRule { statuses: vec![Status::Success], retries_max: 1 };
/// let window = Window { as_of: "2024-01-31T10:00:00Z".parse()?, days: 30 };
/// let calculation = calculate([&run], &"EXPORT".parse()?, window, &rule)?;
/// assert_eq!(
///     calculation.line(),
///     "[baseline-calculator] Calculated baseline for EXPORT: 1250.50 (from 1 healthy runs)"
/// );
/// assert!(calculate([&run], &"OTHER".parse()?, window, &rule).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn calculate<'r, 'a: 'r>(
    runs: impl IntoIterator<Item = &'r RunFacts<'a>>,
    scenario: &ScenarioId,
    window: Window,
    rule: &HealthyRule,
) -> Result<Calculation, NoBaseline> {
    let mut history = History::default();
    runs.into_iter()
        .filter(|run| run.scenario_id == *scenario && !window.is_before(run.timestamp))
        .for_each(|run| history.add(run, window, unhealthy(run, rule)));
    history.finish(scenario, window)
}

/// The runs of all scenarios, taken in one at a time in any order, for a calculation of each. Of a
/// run some dozens of bytes are kept, and nothing is borrowed.
///
/// ```
/// use credit_baseline::{Histories, Window, calculate};
/// use credit_core::{HealthyRule, RunFacts, Status};
///
/// let run = RunFacts::parse(
///     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
///         "Status":"Success","Credits_Total":1250.5,"Severity":"SEV4","Risk_Flags":[],
///         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":1250,
///         "Baseline_Status":"current","Variance_Multiplier":1.0004,"retry_count":0,"actions":[]}"#,
/// )?;
/// let rule = HealthyRule { statuses: vec![Status::Success], retries_max: 1 };
/// let window = Window { as_of: "2024-01-31T10:00:00Z".parse()?, days: 30 };
///
/// let mut histories = Histories::new(window, rule.clone());
/// histories.add(&run);
/// let calculations = histories.calculations();
/// let alone = calculate([&run], &"EXPORT".parse()?, window, &rule);
/// assert_eq!(calculations, [("EXPORT".parse()?, alone)].into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Histories {
    window: Window,
    changed_at: Option<Timestamp>,
    rule: HealthyRule,
    scenarios: HashMap<ScenarioId, History>,
}

impl Histories {
    /// No runs yet.
    pub fn new(window: Window, rule: HealthyRule) -> Histories {
        Histories {
            window,
            changed_at: None,
            rule,
            scenarios: HashMap::new(),
        }
    }

    /// The same where somebody states that the scenarios are others since `changed_at`: runs from
    /// before it do not count, and neither does the span before it.
    #[must_use]
    pub fn changed_at(self, changed_at: Option<Timestamp>) -> Histories {
        Histories { changed_at, ..self }
    }

    /// Takes a run in; one after the window's end does not count.
    pub fn add(&mut self, run: &RunFacts<'_>) {
        if self.window.is_before(run.timestamp) {
            return;
        }
        let is_before = self.changed_at.is_some_and(|at| run.timestamp < at);
        let reason = if is_before {
            Some(Unhealthy::BeforeChange)
        } else {
            unhealthy(run, &self.rule)
        };
        // Looked up first: nearly every run is of a scenario that is known already.
        match self.scenarios.get_mut(&run.scenario_id) {
            Some(history) => history.add(run, self.window, reason),
            None => {
                let mut history = History::default();
                history.add(run, self.window, reason);
                self.scenarios.insert(run.scenario_id.clone(), history);
            }
        }
    }

    /// What each scenario's runs come to.
    pub fn calculations(self) -> BTreeMap<ScenarioId, Result<Calculation, NoBaseline>> {
        let (window, changed_at) = (self.window, self.changed_at);
        let finish = |(id, history): (ScenarioId, History)| {
            let calculation = history.finish(&id, window);
            let calculation = calculation.map(|it| Calculation { changed_at, ..it });
            (id, calculation)
        };
        self.scenarios.into_iter().map(finish).collect()
    }
}

/// What one scenario's runs up to the window's end come to.
#[derive(Clone, Debug, Default)]
struct History {
    runs: Vec<(Timestamp, Credits)>,
    incidents: Vec<(Timestamp, Credits)>,
    input_tokens: Vec<u64>,
    credits_per_item: Vec<CreditsPerItem>,
    excluded: BTreeMap<Unhealthy, u64>,
    first_healthy: Option<Timestamp>,
    last_incident: Option<(Timestamp, RunId)>,
    /// Runs in the window and before it.
    known: u64,
}

impl History {
    /// Takes a run in that counts unless there is a reason why not.
    fn add(&mut self, run: &RunFacts<'_>, window: Window, reason: Option<Unhealthy>) {
        self.known += 1;
        if run.is_incident() {
            self.add_incident(run);
        }
        if reason.is_none() {
            let first = self.first_healthy.get_or_insert(run.timestamp);
            *first = run.timestamp.min(*first);
        }
        if window.contains(run.timestamp) {
            match reason {
                None => self.add_healthy(run),
                Some(reason) => {
                    if reason == Unhealthy::Incident {
                        self.incidents.push((run.timestamp, run.credits));
                    }
                    *self.excluded.entry(reason).or_default() += 1;
                }
            }
        }
    }

    /// Of two at the same time the greater id, so that the order of runs does not matter.
    fn add_incident(&mut self, run: &RunFacts<'_>) {
        let last = self.last_incident.as_ref();
        if last.is_none_or(|(at, id)| (*at, id) < (run.timestamp, &run.run_id)) {
            self.last_incident = Some((run.timestamp, run.run_id.clone()));
        }
    }

    fn add_healthy(&mut self, run: &RunFacts<'_>) {
        self.runs.push((run.timestamp, run.credits));
        self.input_tokens.extend(run.input_tokens);
        let items = run.input_item_count;
        let per_item = items.and_then(|items| CreditsPerItem::new(run.credits, items));
        self.credits_per_item.extend(per_item);
    }

    fn finish(mut self, scenario: &ScenarioId, window: Window) -> Result<Calculation, NoBaseline> {
        let mut credits: Vec<Credits> = self.runs.iter().map(|(_, credits)| *credits).collect();
        let (Some(middle), Some(first_healthy)) = (median(&mut credits), self.first_healthy) else {
            return Err(self.nothing(scenario, window));
        };
        self.runs.sort_unstable();
        self.incidents.sort_unstable();
        Ok(Calculation {
            scenario_id: scenario.clone(),
            credits: middle,
            usual: Usual {
                input_tokens: median_whole(&mut self.input_tokens),
                credits_per_item: median_per_item(&mut self.credits_per_item),
                bounds: median_bounds(&mut credits),
            },
            weekdays: None,
            changed_at: None,
            healthy_runs: credits.len() as u64,
            excluded: self.excluded,
            cv: coefficient_of_variation(&credits),
            robust_variation: robust_variation(&mut credits),
            first_healthy,
            last_incident: self.last_incident.map(|(at, id)| (id, at)),
            window,
            runs: self.runs,
            incidents: self.incidents,
        })
    }

    fn nothing(self, scenario: &ScenarioId, window: Window) -> NoBaseline {
        if self.known == 0 {
            return NoBaseline::UnknownScenario {
                scenario_id: scenario.clone(),
                as_of: window.as_of,
            };
        }
        NoBaseline::NoHealthyRuns {
            scenario_id: scenario.clone(),
            window,
            runs: self.excluded.values().sum(),
            excluded: self.excluded,
        }
    }
}
