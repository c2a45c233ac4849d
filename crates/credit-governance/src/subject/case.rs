//! What events about cases say.

use credit_core::{
    CaseCategory, CaseId, CaseStatus, Exposure, ExposureBand, Likelihood, RiskFlags, RootCause,
    ScenarioId, Severity, Status,
};
use serde::{Deserialize, Serialize};

use crate::{RunRef, Text, ThreadUrl};

/// What makes runs of one scenario one case as long as it is unresolved.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Runs that cost too much, with sensitive data or without.
    Spike,
    /// Runs that have nothing to be compared with.
    NoBaseline,
    /// Moderate spikes again and again.
    Pattern,
    /// Somebody opened it.
    Manual,
}

/// How a run belongs to a case.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The case was opened for it.
    Primary,
    /// It has the same scenario and cause.
    Related,
    /// It repeats a run of the case.
    Rerun,
}

/// A run of a case and what a case wants to know about it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LinkedRun {
    /// The run.
    pub run: RunRef,
    /// How it belongs to the case.
    pub relation: Relation,
    /// Its severity.
    pub severity: Severity,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// How likely it is a misconfiguration.
    pub likelihood: Likelihood,
    /// How it ended.
    pub status: Status,
}

impl LinkedRun {
    /// Whether it cost more than a rerun is expected to: SEV2 or graver.
    pub fn spiked(&self) -> bool {
        self.severity <= Severity::Sev2
    }

    /// Whether it is a rerun that ended well within its expected range.
    pub fn is_successful_rerun(&self) -> bool {
        self.relation == Relation::Rerun && self.status == Status::Success && !self.spiked()
    }
}

/// A case was opened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseOpened {
    /// Its name.
    pub case: CaseId,
    /// What it is called.
    pub title: Text,
    /// The scenario of its runs.
    pub scenario_id: ScenarioId,
    /// What makes further runs belong to it.
    pub cause: Cause,
    /// What it is about.
    pub category: CaseCategory,
    /// Who is hurt if the worst is true.
    pub exposure_band: ExposureBand,
    /// Its runs, the primary one first.
    pub runs: Vec<LinkedRun>,
}

/// Somebody takes care of a case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseAcknowledged {
    /// The case.
    pub case: CaseId,
}

/// Somebody looked whether sensitive data was accessed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExposureAssessed {
    /// The case.
    pub case: CaseId,
    /// What was found.
    pub exposure: Exposure,
    /// The critical flags that were looked into.
    pub flags: RiskFlags,
    /// How it was found.
    pub notes: Text,
}

/// A root cause was proposed or confirmed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RootCauseFound {
    /// The case.
    pub case: CaseId,
    /// The root cause.
    pub root_cause: RootCause,
    /// Why it is this one.
    pub explanation: Text,
}

/// A case moved on or back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseStatusChanged {
    /// The case.
    pub case: CaseId,
    /// Where it stood.
    pub from: CaseStatus,
    /// Where it stands.
    pub to: CaseStatus,
}

/// What was done against the cause.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MitigationDocumented {
    /// The case.
    pub case: CaseId,
    /// What was done.
    pub mitigation: Text,
}

/// What a note is evidence of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Nothing in particular.
    General,
    /// That sensitive data was not exposed.
    NoExposure,
    /// Why a baseline is changed, or why not.
    BaselineRationale,
}

/// A note.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseNoted {
    /// The case.
    pub case: CaseId,
    /// What it is evidence of.
    pub topic: Topic,
    /// What it says.
    pub note: Text,
}

/// Where people talk about the case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ThreadLinked {
    /// The case.
    pub case: CaseId,
    /// The address.
    pub url: ThreadUrl,
}

/// A further run belongs to a case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RunLinked {
    /// The case.
    pub case: CaseId,
    /// The run.
    pub linked: LinkedRun,
}

/// Why more people must look at a case.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    /// Nobody acknowledged it in time.
    AckOverdue,
    /// Nobody assessed the exposure in time.
    AssessmentOverdue,
    /// Sensitive data was exposed: the security team must know.
    ConfirmedExposure,
    /// A rerun spiked again.
    RepeatSpike,
    /// Somebody asked for it.
    Asked,
}

/// More people must look at a case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseEscalated {
    /// The case.
    pub case: CaseId,
    /// Why.
    pub escalation: Escalation,
    /// Why, in words.
    pub reason: Text,
}

/// A case is over.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseResolved {
    /// The case.
    pub case: CaseId,
    /// What came of it.
    pub note: Text,
}

/// A case is not over after all, or is wanted back from the archive.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseReopened {
    /// The case.
    pub case: CaseId,
    /// Why.
    pub reason: Text,
}

/// A resolved case was put away.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseArchived {
    /// The case.
    pub case: CaseId,
}
