//! What events about files in force and emergencies say.

use credit_core::{
    Bounds, Credits, CreditsPerItem, ScenarioId, Severity, Sha256, Timestamp, Weekdays,
};
use serde::{Deserialize, Serialize};

use crate::{EventId, Text};

/// A new value for a scenario's baseline and what speaks for it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct BaselineProposal {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The value in force; `None` for a first baseline.
    pub old: Option<Credits>,
    /// The value proposed.
    pub new: Credits,
    /// What its runs usually take in, where they say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_input_tokens: Option<u64>,
    /// What they usually cost by the item, where they say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_credits_per_item: Option<CreditsPerItem>,
    /// Between which amounts the true median lies, where there were enough runs to say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// The days of the week that differ, where the baseline tells them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekdays: Option<Weekdays>,
    /// Since when the scenario is another one, so that no run before counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Healthy runs it was calculated from.
    pub sample_size: u64,
    /// Their coefficient of variation.
    pub cv: Option<f64>,
    /// The window's length in days.
    pub days: u32,
    /// The window's end: the baseline is calculated as of this instant.
    pub as_of: Timestamp,
    /// Why, in the proposer's words.
    pub reasons: Vec<String>,
    /// Criteria that failed and were overridden, with the reason; `None` where all were met.
    #[serde(rename = "override")]
    pub override_reason: Option<String>,
    /// The case or note in which a large change was investigated.
    pub investigated: Option<String>,
}

/// Another policy is in force.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyAdopted {
    /// The hash of the policy before; `None` for the first one.
    pub old: Option<Sha256>,
    /// The hash of the policy since.
    pub new: Sha256,
    /// Why.
    pub reason: Text,
    /// The hash of the backtest that was looked at.
    pub backtest_sha256: Option<Sha256>,
}

/// A file that governs.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigFile {
    /// The baselines.
    Baselines,
    /// Who has which role.
    Operators,
    /// A scenario's own settings.
    Scenario(ScenarioId),
}

/// A change of a file that was made by hand is known and wanted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigAdopted {
    /// The file.
    pub file: ConfigFile,
    /// Its hash before; `None` if it was not there.
    pub old: Option<Sha256>,
    /// Its hash since; `None` if it is gone.
    pub new: Option<Sha256>,
    /// Why.
    pub reason: Text,
}

/// Which alerts are held back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MuteScope {
    /// All.
    All,
    /// Those of one scenario.
    Scenario(ScenarioId),
    /// Those of these severities.
    Severities(Vec<Severity>),
}

/// Alerts are held back for a while.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AlertsMuted {
    /// Which.
    pub scope: MuteScope,
    /// Whether those of SEV0 are held back, too.
    pub include_sev0: bool,
    /// Why.
    pub reason: Text,
    /// The first instant at which they are sent again.
    pub expires: Timestamp,
}

/// Alerts are sent again before the time is over.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AlertsUnmuted {
    /// The event that held them back.
    pub mute: EventId,
    /// Why.
    pub reason: Text,
}

/// A scenario works through what has piled up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackfillStarted {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// Why.
    pub reason: Text,
    /// The first instant at which it counts no more.
    pub expires: Timestamp,
}

/// A backfill is done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackfillEnded {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// What came of it.
    pub note: Text,
}
