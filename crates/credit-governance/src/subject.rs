//! What events are about, one struct a kind of event.

mod case;
mod config;
mod delivery;
mod run;

use credit_core::{CaseId, RunId, ScenarioId, Sha256};
use serde::{Deserialize, Serialize};

use crate::{Role, Text, Verb};

pub use case::{
    CaseAcknowledged, CaseArchived, CaseEscalated, CaseNoted, CaseOpened, CaseReopened,
    CaseResolved, CaseStatusChanged, Cause, Escalation, ExposureAssessed, LinkedRun,
    MitigationDocumented, Relation, RootCauseFound, RunLinked, ThreadLinked, Topic,
};
pub use config::{
    AlertsMuted, AlertsUnmuted, BackfillEnded, BackfillStarted, BaselineProposal, ConfigAdopted,
    ConfigFile, MuteScope, PolicyAdopted,
};
pub use delivery::{Delivery, DeliveryStep, StepError};
pub use run::{
    DispatchBlocked, DispatchUnblocked, QuarantineReleased, RerunApproved, RerunConsumed,
    RerunDenied, RerunRequested, ReviewDecided, ReviewNoted, RunQuarantined, Trigger,
};

/// A run as the ledger has it: its name, the number of its line and the line's hash.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RunRef {
    /// The run.
    pub run_id: RunId,
    /// The number of its line.
    pub seq: u64,
    /// The hash of its line.
    pub hash: Sha256,
}

/// What somebody was refused: who and with which role is the event's.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// What was asked for.
    pub verb: Verb,
    /// The lowest role that may do it.
    pub requires: Role,
    /// About what.
    pub about: About,
}

/// What a request or a denial is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// A run.
    Run(RunId),
    /// A case.
    Case(CaseId),
    /// A scenario.
    Scenario(ScenarioId),
    /// A file below the root, as `config/operators.json`.
    File(Text),
    /// The monitoring as a whole.
    Everything,
}
