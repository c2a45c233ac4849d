//! Which runs may shape a baseline.

use std::fmt;

use credit_core::{Action, HealthyRule, RiskFlag, RunFacts, Status};

/// Why a run does not count towards a baseline.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Unhealthy {
    /// It ended in a status that the rule does not list.
    Status,
    /// It needed more retries than the rule allows.
    Retries,
    /// It is SEV0 or SEV1 for what it did; want of a baseline is no incident.
    Incident,
    /// It is a backfill, which is not what the scenario usually does.
    Backfill,
    /// Its artifacts were set aside, whatever for.
    Quarantined,
    /// It is from before the scenario became another one.
    BeforeChange,
}

impl Unhealthy {
    /// The reason in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Unhealthy::Status => "status",
            Unhealthy::Retries => "retries",
            Unhealthy::Incident => "incident",
            Unhealthy::Backfill => "backfill",
            Unhealthy::Quarantined => "quarantined",
            Unhealthy::BeforeChange => "before the change",
        }
    }
}

impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a run counts towards its scenario's baseline.
///
/// ```
/// use credit_baseline::is_healthy;
/// use credit_core::{HealthyRule, RunFacts, Status};
///
/// let run = RunFacts::parse(
///     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
///         "Status":"Success","Credits_Total":120,"Severity":"SEV1","Risk_Flags":[],
///         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":null,
///         "Baseline_Status":"missing","Variance_Multiplier":null,"retry_count":1,"actions":[]}"#,
/// )?;
/// let rule = HealthyRule { statuses: vec![Status::Success], retries_max: 1 };
/// assert!(is_healthy(&run, &rule)); // SEV1 only because there was no baseline yet.
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn is_healthy(run: &RunFacts<'_>, rule: &HealthyRule) -> bool {
    unhealthy(run, rule).is_none()
}

/// The first reason, in the order of [`Unhealthy`], why a run does not count; `None` if it does.
///
/// ```
/// # use credit_baseline::{Unhealthy, unhealthy};
/// # use credit_core::{HealthyRule, RunFacts, Status};
/// # let run = RunFacts::parse(
/// #     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
/// #         "Status":"Success","Credits_Total":120,"Severity":"SEV4","Risk_Flags":["retry_loop"],
/// #         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":100,
/// #         "Baseline_Status":"current","Variance_Multiplier":1.2,"retry_count":9,"actions":[]}"#,
/// # )?;
/// let rule = HealthyRule { statuses: vec![Status::Success], retries_max: 1 };
/// assert_eq!(run.retry_count, 9);
/// assert_eq!(unhealthy(&run, &rule), Some(Unhealthy::Retries));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn unhealthy(run: &RunFacts<'_>, rule: &HealthyRule) -> Option<Unhealthy> {
    let is_quarantined =
        run.status == Status::Quarantined || run.actions.contains(Action::Quarantine);
    if !rule.statuses.contains(&run.status) {
        Some(Unhealthy::Status)
    } else if run.retry_count > rule.retries_max {
        Some(Unhealthy::Retries)
    } else if run.is_incident() {
        Some(Unhealthy::Incident)
    } else if run.risk_flags.contains(RiskFlag::BackfillMode) {
        Some(Unhealthy::Backfill)
    } else if is_quarantined {
        Some(Unhealthy::Quarantined)
    } else {
        None
    }
}
