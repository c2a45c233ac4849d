//! The median of a scenario's healthy runs.

use std::collections::BTreeMap;
use std::fmt;

use credit_core::{
    Credits, CreditsPerItem, HealthyRule, RunFacts, RunId, ScenarioId, Timestamp, Usual,
};

use crate::statistics::{median_per_item, median_whole};
use crate::{Baseline, Unhealthy, coefficient_of_variation, median, unhealthy};

/// The stretch of history that a baseline is calculated from.
///
/// Unlike a review period it includes both ends: whoever passes the last run's own time as `as_of`
/// expects that run to count.
///
/// ```
/// use credit_baseline::Window;
///
/// let window = Window { as_of: "2024-01-31T10:00:00Z".parse()?, days: 30 };
/// assert!(window.contains("2024-01-31T10:00:00.000Z".parse()?));
/// assert!(window.contains("2024-01-01T10:00:00Z".parse()?));
/// assert!(!window.contains("2024-01-01T09:59:59.999Z".parse()?));
/// # Ok::<(), credit_core::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// Its last instant; what came later is unknown.
    pub as_of: Timestamp,
    /// Its length in days of 24 hours.
    pub days: u32,
}

impl Window {
    /// Whether `instant` lies inside or on either end.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.as_of.days_before(self.days) <= instant && !self.is_before(instant)
    }

    fn is_before(self, instant: Timestamp) -> bool {
        self.as_of < instant
    }
}

/// `30 days up to 2024-01-31T10:00:00Z`
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} days up to {}", self.days, self.as_of)
    }
}

/// What a scenario usually costs, and what it was calculated from.
#[derive(Clone, Debug, PartialEq)]
pub struct Calculation {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The median of the window's healthy runs.
    pub credits: Credits,
    /// The medians of what the window's healthy runs took in and cost by the item, of those that
    /// say so.
    pub usual: Usual,
    /// How many healthy runs the window holds.
    pub healthy_runs: u64,
    /// How many of the window's runs did not count, by reason.
    pub excluded: BTreeMap<Unhealthy, u64>,
    /// The coefficient of variation of the healthy runs; `None` where they cost nothing.
    pub cv: Option<f64>,
    /// The first healthy run of all history, also before the window.
    pub first_healthy: Timestamp,
    /// The latest incident of all history up to the window's end, by any run of the scenario.
    pub last_incident: Option<(RunId, Timestamp)>,
    /// The window.
    pub window: Window,
}

impl Calculation {
    /// The line that operators and scripts know, with two decimals rounded half to even.
    ///
    /// ```
    /// # use credit_baseline::{Window, calculate};
    /// # use credit_core::{HealthyRule, RunFacts, Status};
    /// # let run = RunFacts::parse(
    /// #     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
    /// #         "Status":"Success","Credits_Total":1250.505,"Severity":"SEV4","Risk_Flags":[],
    /// #         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":1250,
    /// #         "Baseline_Status":"current","Variance_Multiplier":1.0004,"retry_count":0,"actions":[]}"#,
    /// # )?;
    /// # let rule = HealthyRule { statuses: vec![Status::Success], retries_max: 1 };
    /// # let window = Window { as_of: "2024-01-31T10:00:00Z".parse()?, days: 30 };
    /// let calculation = calculate([&run], &"EXPORT".parse()?, window, &rule)?;
    /// assert_eq!(
    ///     calculation.line(),
    ///     "[baseline-calculator] Calculated baseline for EXPORT: 1250.50 (from 1 healthy runs)"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn line(&self) -> String {
        format!(
            "[baseline-calculator] Calculated baseline for {}: {} (from {} healthy runs)",
            self.scenario_id,
            TwoDecimals(self.credits),
            self.healthy_runs
        )
    }

    /// The entry for the baselines file, calculated as of the window's end and put into force at
    /// `last_updated`.
    ///
    /// ```
    /// # use credit_baseline::{Window, calculate};
    /// # use credit_core::{HealthyRule, RunFacts, Status};
    /// # let run = RunFacts::parse(
    /// #     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
    /// #         "Status":"Success","Credits_Total":1250.505,"Severity":"SEV4","Risk_Flags":[],
    /// #         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":1250,
    /// #         "Baseline_Status":"current","Variance_Multiplier":1.0004,"retry_count":0,"actions":[]}"#,
    /// # )?;
    /// # let rule = HealthyRule { statuses: vec![Status::Success], retries_max: 1 };
    /// # let window = Window { as_of: "2024-01-31T10:00:00Z".parse()?, days: 30 };
    /// let calculation = calculate([&run], &"EXPORT".parse()?, window, &rule)?;
    /// let baseline = calculation.baseline("2024-02-01T08:00:00Z".parse()?);
    /// assert_eq!(baseline.credits.to_string(), "1250.505");
    /// assert_eq!(baseline.calculated_at, window.as_of);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn baseline(&self, last_updated: Timestamp) -> Baseline {
        Baseline {
            scenario_id: self.scenario_id.clone(),
            credits: self.credits,
            calculated_at: self.window.as_of,
            sample_size: self.healthy_runs,
            last_updated,
            usual: self.usual,
        }
    }
}

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
        .for_each(|run| history.add(run, window, rule));
    let cv = coefficient_of_variation(&history.credits);
    let healthy_runs = history.credits.len() as u64;
    match (median(&mut history.credits), history.first_healthy) {
        (Some(credits), Some(first_healthy)) => Ok(Calculation {
            scenario_id: scenario.clone(),
            credits,
            usual: Usual {
                input_tokens: median_whole(&mut history.input_tokens),
                credits_per_item: median_per_item(&mut history.credits_per_item),
            },
            healthy_runs,
            excluded: history.excluded,
            cv,
            first_healthy,
            last_incident: history.last_incident.map(|(at, id)| (id.clone(), at)),
            window,
        }),
        _ if history.is_empty => Err(NoBaseline::UnknownScenario {
            scenario_id: scenario.clone(),
            as_of: window.as_of,
        }),
        _ => Err(NoBaseline::NoHealthyRuns {
            scenario_id: scenario.clone(),
            window,
            runs: history.excluded.values().sum(),
            excluded: history.excluded,
        }),
    }
}

/// What one scenario's runs up to the window's end come to.
struct History<'r> {
    is_empty: bool,
    credits: Vec<Credits>,
    input_tokens: Vec<u64>,
    credits_per_item: Vec<CreditsPerItem>,
    excluded: BTreeMap<Unhealthy, u64>,
    first_healthy: Option<Timestamp>,
    last_incident: Option<(Timestamp, &'r RunId)>,
}

impl Default for History<'_> {
    fn default() -> Self {
        History {
            is_empty: true,
            credits: Vec::new(),
            input_tokens: Vec::new(),
            credits_per_item: Vec::new(),
            excluded: BTreeMap::new(),
            first_healthy: None,
            last_incident: None,
        }
    }
}

impl<'r> History<'r> {
    fn add(&mut self, run: &'r RunFacts<'_>, window: Window, rule: &HealthyRule) {
        self.is_empty = false;
        if run.is_incident() {
            // Of two at the same time the greater id, so that the order of runs does not matter.
            self.last_incident = self.last_incident.max(Some((run.timestamp, &run.run_id)));
        }
        let reason = unhealthy(run, rule);
        if reason.is_none() {
            let first = self.first_healthy.get_or_insert(run.timestamp);
            *first = run.timestamp.min(*first);
        }
        if window.contains(run.timestamp) {
            match reason {
                None => self.add_healthy(run),
                Some(reason) => *self.excluded.entry(reason).or_default() += 1,
            }
        }
    }

    fn add_healthy(&mut self, run: &RunFacts<'_>) {
        self.credits.push(run.credits);
        self.input_tokens.extend(run.input_tokens);
        let items = run.input_item_count;
        let per_item = items.and_then(|items| CreditsPerItem::new(run.credits, items));
        self.credits_per_item.extend(per_item);
    }
}

/// Why there is no baseline to calculate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoBaseline {
    /// No run of the scenario is known: not found.
    #[error("no run of scenario `{scenario_id}` is known up to {as_of}; check its spelling")]
    UnknownScenario {
        /// The scenario.
        scenario_id: ScenarioId,
        /// What came later does not count.
        as_of: Timestamp,
    },
    /// The scenario has runs, but the window holds no healthy one: too little data.
    #[error(
        "scenario `{scenario_id}` has no healthy run in the {window}: {}",
        Counts(*runs, excluded)
    )]
    NoHealthyRuns {
        /// The scenario.
        scenario_id: ScenarioId,
        /// The window.
        window: Window,
        /// How many runs the window holds.
        runs: u64,
        /// Why they do not count.
        excluded: BTreeMap<Unhealthy, u64>,
    },
}

struct Counts<'a>(u64, &'a BTreeMap<Unhealthy, u64>);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("no run at all; widen the window");
        }
        write!(f, "{} left out", self.0)?;
        for (i, (reason, runs)) in self.1.iter().enumerate() {
            write!(f, "{}{runs} {reason}", if i == 0 { " (" } else { ", " })?;
        }
        f.write_str(")")
    }
}

struct TwoDecimals(Credits);

impl fmt::Display for TwoDecimals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HUNDREDTH: u64 = 10_000;
        let (quotient, rest) = (self.0.micro() / HUNDREDTH, self.0.micro() % HUNDREDTH);
        let half = HUNDREDTH / 2;
        let up = rest > half || (rest == half && quotient % 2 == 1);
        let hundredths = quotient + u64::from(up);
        write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}
