//! From where on a run has each severity.

use credit_core::{Assessment, Credits, Multiplier, Reason, Severity};
use serde::Serialize;

use super::{Case, first};

/// One severity: from where on this run would have it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Rung {
    /// Which.
    pub severity: Severity,
    /// Its threshold in times the baseline, for a backfill already scaled.
    pub threshold: Multiplier,
    /// The least cost that is at least so grave, floors and all; `None` where none is.
    pub from: Option<Credits>,
    /// What makes it begin there.
    pub begins: Begins,
    /// Whether the run is at least so grave.
    pub reached: bool,
    /// How far the run's cost is from `from`: above it if it is reached, below it if not.
    pub credits_away: Option<Credits>,
    /// How far its ratio, as it is shown, is from the threshold; `None` where there is no ratio.
    pub times_away: Option<Multiplier>,
}

/// What makes a severity begin where it does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Begins {
    /// Its threshold.
    Threshold,
    /// Its threshold, scaled for a backfill.
    BackfillThreshold,
    /// The policy's least severity for a run with a critical flag.
    SensitiveFloor,
    /// The policy's least amount above the baseline.
    ImpactFloor,
    /// It takes a critical flag, which the run does not have.
    CriticalFlagNeeded,
    /// There is no baseline above 0 to take a ratio of.
    NoRatio,
    /// Its threshold lies beyond any cost.
    BeyondAnyCost,
}

pub(super) fn of(case: &Case<'_>, assessment: &Assessment) -> Vec<Rung> {
    let rungs = Severity::ALL.iter();
    rungs
        .map(|severity| rung(case, assessment, *severity))
        .collect()
}

fn rung(case: &Case<'_>, assessment: &Assessment, severity: Severity) -> Rung {
    let threshold = case
        .policy
        .ladder
        .rung(severity)
        .threshold_for(case.is_backfill());
    let from = first(0, Credits::MAX.micro(), |micro| {
        case.costing(micro).severity() <= severity
    });
    let credits = from.and_then(Credits::from_micro);
    Rung {
        severity,
        threshold,
        from: credits,
        begins: begins(case, assessment, severity, from),
        reached: assessment.severity <= severity,
        credits_away: credits.map(|credits| credits.abs_diff(case.credits)),
        times_away: assessment.variance.map(|times| times.abs_diff(threshold)),
    }
}

fn begins(
    case: &Case<'_>,
    assessment: &Assessment,
    severity: Severity,
    from: Option<u64>,
) -> Begins {
    if assessment.variance.is_none() {
        return Begins::NoRatio;
    }
    let Some(from) = from else {
        let needs_flag = severity == Severity::Sev0 && case.policy.sev0_needs_critical_flag();
        return if needs_flag && !case.is_critical() {
            Begins::CriticalFlagNeeded
        } else {
            Begins::BeyondAnyCost
        };
    };
    let below = from
        .checked_sub(1)
        .map(|micro| case.costing(micro).judged());
    if case.costing(from).judged().1 == Reason::SensitiveFloor {
        Begins::SensitiveFloor
    } else if below.is_some_and(|(_, reason)| reason == Reason::ImpactFloor) {
        Begins::ImpactFloor
    } else if case.is_backfill() && is_relaxed(severity) {
        Begins::BackfillThreshold
    } else {
        Begins::Threshold
    }
}

/// Whether a backfill has another threshold of this severity.
fn is_relaxed(severity: Severity) -> bool {
    matches!(severity, Severity::Sev1 | Severity::Sev2 | Severity::Sev3)
}
