//! The median of a scenario's healthy runs.

use std::collections::BTreeMap;
use std::fmt;

use credit_core::{Credits, RunId, ScenarioId, Timestamp, Usual, Weekdays};

use crate::weekday::variation_within;
use crate::{Baseline, ChangePoint, DriftRule, Unhealthy, change_points, weekday_medians};

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

    pub(crate) fn is_before(self, instant: Timestamp) -> bool {
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
    /// Between which amounts the true median lies, from six healthy runs on, and the medians of what
    /// the window's healthy runs took in and cost by the item, of those that say so.
    pub usual: Usual,
    /// The days of the week that differ; `None` unless asked for with [`Calculation::by_weekday`].
    pub weekdays: Option<Weekdays>,
    /// Since when the scenario is another one, if somebody says so: no run before it counts.
    pub changed_at: Option<Timestamp>,
    /// How many healthy runs the window holds.
    pub healthy_runs: u64,
    /// How many of the window's runs did not count, by reason.
    pub excluded: BTreeMap<Unhealthy, u64>,
    /// The coefficient of variation of the healthy runs; `None` where they cost nothing. By weekday,
    /// the greatest one of the days that share a median.
    pub cv: Option<f64>,
    /// The same from medians, which a few wild runs do not move; `None` where the median is zero.
    pub robust_variation: Option<f64>,
    /// The first healthy run of all history, also before the window.
    pub first_healthy: Timestamp,
    /// The latest incident of all history up to the window's end, by any run of the scenario.
    pub last_incident: Option<(RunId, Timestamp)>,
    /// The window.
    pub window: Window,
    /// The window's healthy runs, the oldest first.
    pub runs: Vec<(Timestamp, Credits)>,
    /// The window's runs that would be healthy if they were no incidents, the oldest first: where a
    /// scenario suddenly costs five times as much, every run is one.
    pub incidents: Vec<(Timestamp, Credits)>,
}

impl Calculation {
    /// The same with what is usual on each day of the week, [`weekday_medians`]: the scatter is then
    /// that of runs around what is usual on their days.
    #[must_use]
    pub fn by_weekday(mut self) -> Calculation {
        let weekdays = weekday_medians(&self.runs);
        self.cv = variation_within(&self.runs, &weekdays);
        self.weekdays = Some(weekdays);
        self
    }

    /// Since when the scenario costs something else, oldest first: the change points of the window's
    /// healthy runs and incidents. The median of a window that holds one is of neither side.
    pub fn changes(&self, rule: &DriftRule) -> Vec<ChangePoint> {
        change_points(&[self.runs.as_slice(), &self.incidents].concat(), rule)
    }

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
            weekdays: self.weekdays.clone(),
        }
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
