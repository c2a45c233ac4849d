//! What events about single runs say.

use credit_core::{CaseId, Sha256, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{EventId, RunRef, Text};

/// What made something happen.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The policy's actions.
    Automatic,
    /// A person.
    Manual,
}

/// A run's artifacts were set aside.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RunQuarantined {
    /// The run.
    pub run: RunRef,
    /// Its case, if it has one.
    pub case: Option<CaseId>,
    /// Who wanted it.
    pub trigger: Trigger,
    /// Why.
    pub reason: Text,
    /// The payload that was moved, as paths below the root.
    pub moved: Vec<String>,
    /// The payload that could not be moved, as the run named it.
    pub not_moved: Vec<String>,
}

/// A run's artifacts were given back, and dispatch may use them again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineReleased {
    /// The run.
    pub run: RunRef,
    /// The case that was resolved before.
    pub case: CaseId,
    /// `Quarantine released on <date> by O3 <name>`.
    pub note: Text,
    /// Why.
    pub reason: Text,
}

/// Nothing downstream may use a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DispatchBlocked {
    /// The run.
    pub run: RunRef,
    /// Its case, if it has one.
    pub case: Option<CaseId>,
    /// Who wanted it.
    pub trigger: Trigger,
    /// Why.
    pub reason: Text,
}

/// A run that was blocked, but not quarantined, may be used again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DispatchUnblocked {
    /// The run.
    pub run: RunRef,
    /// The case that was resolved before.
    pub case: CaseId,
    /// Why.
    pub reason: Text,
}

/// Somebody wants a run to be repeated.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RerunRequested {
    /// The run.
    pub run: RunRef,
    /// Its case, if it has one yet.
    pub case: Option<CaseId>,
    /// What for.
    pub reason: Text,
}

/// A run may be repeated, once.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RerunApproved {
    /// The request's event.
    pub request: EventId,
    /// The run.
    pub run: RunRef,
    /// Its case.
    pub case: CaseId,
    /// What was done so that it does not spike again.
    pub mitigation: Text,
    /// The configuration under which it may run.
    pub config_sha256: Sha256,
    /// The first instant at which it may not run any more.
    pub expires: Timestamp,
}

/// A run may not be repeated.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RerunDenied {
    /// The request's event.
    pub request: EventId,
    /// The run.
    pub run: RunRef,
    /// Why.
    pub reason: Text,
}

/// A rerun began, and its approval is used up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RerunConsumed {
    /// The approval's event.
    pub approval: EventId,
    /// The run that is repeated.
    pub run: RunRef,
    /// The configuration under which it runs.
    pub config_sha256: Sha256,
}

/// What the weekly review decided about a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecided {
    /// The run.
    pub run: RunRef,
    /// The decision.
    pub decision: Text,
}

/// A note to a weekly report.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewNoted {
    /// The report's `report_id`.
    pub report: Text,
    /// What it says.
    pub note: Text,
}
