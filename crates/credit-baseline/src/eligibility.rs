//! Whether a scenario's baseline may be changed.

use std::fmt;

use credit_core::{Credits, Multiplier, UpdateGate, Weekday};

use crate::{Baseline, Calculation, Change};

/// The fewest healthy runs that any gate may ask for: 6 is the smallest number whose range is a
/// distribution-free 95 % confidence interval of the median (1 − 2 · 0.5⁶ = 0.969, but
/// 1 − 2 · 0.5⁵ = 0.938).
pub const HEALTHY_RUNS_FLOOR: u64 = 6;

/// A measured or wanted quantity; displayed as a plain JSON number without its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Figure {
    /// A number of runs.
    Count(u64),
    /// Days, cut off after two decimals.
    Days(f64),
    /// A fraction such as a coefficient of variation, cut off after four decimals.
    Fraction(f64),
    /// Hundredths of a per cent, rounded up when measured.
    Percent(u128),
    /// A multiple of the baseline, with six decimals cut off.
    Multiplier(Multiplier),
    /// An amount.
    Credits(Credits),
}

impl Figure {
    fn unit(self) -> &'static str {
        match self {
            Figure::Days(_) => " days",
            Figure::Percent(_) => "%",
            Figure::Count(_) | Figure::Fraction(_) | Figure::Multiplier(_) | Figure::Credits(_) => {
                ""
            }
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Count(count) => write!(f, "{count}"),
            Figure::Days(days) => write_cut_off(f, *days, 2),
            Figure::Fraction(fraction) => write_cut_off(f, *fraction, 4),
            Figure::Percent(hundredths) => match (hundredths / 100, hundredths % 100) {
                (whole, 0) => write!(f, "{whole}"),
                (whole, rest) if rest % 10 == 0 => write!(f, "{whole}.{}", rest / 10),
                (whole, rest) => write!(f, "{whole}.{rest:02}"),
            },
            Figure::Multiplier(multiplier) => write!(f, "{}", multiplier.six_decimals()),
            Figure::Credits(credits) => write!(f, "{credits}"),
        }
    }
}

/// Writes the shortest decimal that reads back as `number`, cut off after so many decimals; what
/// is no number becomes `null`.
fn write_cut_off(f: &mut fmt::Formatter<'_>, number: f64, decimals: usize) -> fmt::Result {
    if !number.is_finite() {
        return f.write_str("null");
    }
    // Cutting the text avoids 0.29 × 100 = 28.999…: Display never writes an exponent.
    let text = number.to_string();
    match text.split_once('.') {
        None => f.write_str(&text),
        Some((whole, fraction)) => {
            let kept = fraction.get(..decimals).unwrap_or(fraction);
            match kept.trim_end_matches('0') {
                "" => f.write_str(whole),
                kept => write!(f, "{whole}.{kept}"),
            }
        }
    }
}

/// On which side of a limit a value must lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// The limit or more.
    AtLeast(Figure),
    /// The limit or less.
    AtMost(Figure),
    /// Less than the limit.
    Below(Figure),
    /// More than the limit.
    Above(Figure),
}

impl Limit {
    /// The limit itself.
    pub const fn figure(self) -> Figure {
        match self {
            Limit::AtLeast(figure)
            | Limit::AtMost(figure)
            | Limit::Below(figure)
            | Limit::Above(figure) => figure,
        }
    }
}

/// `below 0.3`, `at least 14 days`
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self {
            Limit::AtLeast(_) => "at least",
            Limit::AtMost(_) => "at most",
            Limit::Below(_) => "below",
            Limit::Above(_) => "above",
        };
        write!(f, "{side} {}{}", self.figure(), self.figure().unit())
    }
}

/// What became of a criterion.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It holds, but a person should look at it.
    Noted,
    /// It does not hold.
    Failed,
    /// It does not hold, but a person looked into it.
    Excused,
}

/// One condition of a gate: what was measured, and what was wanted.
///
/// ```
/// use credit_baseline::{Criterion, Figure, Limit, Outcome};
///
/// let criterion = Criterion {
///     name: "cv",
///     value: Some(Figure::Fraction(0.43361)),
///     limit: Limit::Below(Figure::Fraction(0.3)),
///     outcome: Outcome::Failed,
/// };
/// assert_eq!(criterion.to_string(), "cv: 0.4336, must be below 0.3");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Criterion {
    /// Its name.
    pub name: &'static str,
    /// What was measured; `None` where there is nothing to measure.
    pub value: Option<Figure>,
    /// What was wanted.
    pub limit: Limit,
    /// What came of it.
    pub outcome: Outcome,
}

impl Criterion {
    /// A criterion that was passed, or else failed.
    ///
    /// ```
    /// # use credit_baseline::{Criterion, Figure, Limit};
    /// let enough = Limit::AtLeast(Figure::Count(10));
    /// let runs = Criterion::new("runs", Some(Figure::Count(9)), enough, false);
    /// assert_eq!(runs.to_string(), "runs: 9, must be at least 10");
    /// ```
    pub const fn new(
        name: &'static str,
        value: Option<Figure>,
        limit: Limit,
        passed: bool,
    ) -> Criterion {
        let outcome = if passed {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        Criterion {
            name,
            value,
            limit,
            outcome,
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => write!(f, "{}: {value}{}", self.name, value.unit())?,
            None => write!(f, "{}: none", self.name)?,
        }
        write!(f, ", must be {}", self.limit)
    }
}

/// How a calculation stands against an update gate, criterion by criterion.
#[derive(Clone, Debug, PartialEq)]
pub struct Eligibility {
    criteria: Vec<Criterion>,
}

impl Eligibility {
    /// The same, with a change beyond the limit excused: the caller says that somebody
    /// investigated it.
    #[must_use]
    pub fn investigated(mut self) -> Eligibility {
        for criterion in &mut self.criteria {
            if criterion.name == CHANGE && criterion.outcome == Outcome::Failed {
                criterion.outcome = Outcome::Excused;
            }
        }
        self
    }

    /// Every criterion, in a fixed order: `no_incident`, `span`, `healthy_runs`, `cv`, `change`.
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// Whether none failed.
    pub fn is_eligible(&self) -> bool {
        self.failed().next().is_none()
    }

    /// Those that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Criterion> {
        self.criteria
            .iter()
            .filter(|c| c.outcome == Outcome::Failed)
    }
}

/// Holds a calculation against the gate for changing a baseline.
///
/// - `no_incident`: days since the latest SEV0 or SEV1 incident; no incident at all passes.
/// - `span`: days since the first healthy run of all history; where somebody states that the
///   scenario changed, days since then, and only as many as must be without incident.
/// - `healthy_runs`: healthy runs in the window, never fewer than [`HEALTHY_RUNS_FLOOR`].
/// - `cv`: strictly below the limit. Runs that all cost nothing have none, and fail: a scenario
///   that is free gets its baseline of zero by hand.
/// - `change`: the step from the old baseline in per cent, of several weekdays the greatest. No old
///   baseline passes, above [`CHANGE_NOTE_PERCENT`] with a note; a step up from zero, which has no
///   percentage, fails until it is [`Eligibility::investigated`].
///
/// ```
/// use credit_baseline::{Window, calculate, eligibility};
/// use credit_core::{HealthyRule, RunFacts, Status, UpdateGate};
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
///
/// let gate = UpdateGate {
///     quiet_days: 14, span_days: 30, healthy_runs_min: 10, cv_below: 0.3, change_percent_max: 50,
/// };
/// let verdict = eligibility(&calculation, None, &gate);
/// let why: Vec<String> = verdict.failed().map(ToString::to_string).collect();
/// assert_eq!(why, ["span: 8 days, must be at least 30 days", "healthy_runs: 1, must be at least 10"]);
///
/// let doubled = calculation.baseline(window.as_of);
/// let old = credit_baseline::Baseline { credits: "600".parse()?, ..doubled };
/// let verdict = eligibility(&calculation, Some(&old), &gate);
/// assert_eq!(verdict.failed().count(), 3);
/// assert_eq!(verdict.investigated().failed().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn eligibility(
    calculation: &Calculation,
    old: Option<&Baseline>,
    gate: &UpdateGate,
) -> Eligibility {
    let as_of = calculation.window.as_of;
    let days_since = |instant| as_of.seconds_since(instant) / 86_400.0;
    // Exact also where a quotient of floats would round up to the limit.
    let is_days_old = |instant: credit_core::Timestamp, days| instant <= as_of.days_before(days);
    let days = |days: u32| Limit::AtLeast(Figure::Days(f64::from(days)));
    let incident = calculation.last_incident.as_ref().map(|(_, at)| *at);
    let runs_min = gate.healthy_runs_min.max(HEALTHY_RUNS_FLOOR);
    let (span_from, span_days) = match calculation.changed_at {
        // What was before is of another scenario; two quiet weeks of this one have to do.
        Some(changed_at) => (changed_at, gate.quiet_days.min(gate.span_days)),
        None => (calculation.first_healthy, gate.span_days),
    };
    let criteria = vec![
        Criterion::new(
            "no_incident",
            incident.map(|at| Figure::Days(days_since(at))),
            days(gate.quiet_days),
            incident.is_none_or(|at| is_days_old(at, gate.quiet_days)),
        ),
        Criterion::new(
            "span",
            Some(Figure::Days(days_since(span_from))),
            days(span_days),
            is_days_old(span_from, span_days),
        ),
        Criterion::new(
            "healthy_runs",
            Some(Figure::Count(calculation.healthy_runs)),
            Limit::AtLeast(Figure::Count(runs_min)),
            calculation.healthy_runs >= runs_min,
        ),
        Criterion::new(
            "cv",
            calculation.cv.map(Figure::Fraction),
            Limit::Below(Figure::Fraction(gate.cv_below)),
            calculation.cv.is_some_and(|cv| cv < gate.cv_below),
        ),
        change(calculation, old, gate.change_percent_max),
    ];
    Eligibility { criteria }
}

fn change(new: &Calculation, old: Option<&Baseline>, percent_max: u32) -> Criterion {
    let steps = old.map(|old| steps(new, old));
    let greatest = match &steps {
        None => None,
        Some(steps) if steps.contains(&None) => None,
        Some(steps) => {
            let known = steps.iter().flatten().copied();
            known.max_by_key(|step| step.hundredths_up())
        }
    };
    let passed = steps.is_none() || greatest.is_some_and(|step| !step.exceeds(percent_max));
    let mut criterion = Criterion::new(
        CHANGE,
        greatest.map(|step| Figure::Percent(step.hundredths_up())),
        Limit::AtMost(Figure::Percent(u128::from(percent_max) * 100)),
        passed,
    );
    if passed && greatest.is_some_and(|step| step.exceeds(CHANGE_NOTE_PERCENT)) {
        criterion.outcome = Outcome::Noted;
    }
    criterion
}

/// From the old to the new baseline, on each day of the week if either tells them apart.
fn steps(new: &Calculation, old: &Baseline) -> Vec<Option<Change>> {
    if new.weekdays.is_none() && old.weekdays.is_none() {
        return vec![Change::new(old.credits, new.credits)];
    }
    let new = new.baseline(new.window.as_of);
    let step = |day: &Weekday| Change::new(old.on(*day).0, new.on(*day).0);
    Weekday::ALL.iter().map(step).collect()
}

/// A larger change of a baseline is noted for whoever approves it: "typically <20% drift", says the
/// runbook (line 324).
pub const CHANGE_NOTE_PERCENT: u32 = 20;

const CHANGE: &str = "change";
