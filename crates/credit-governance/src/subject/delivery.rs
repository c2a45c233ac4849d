//! A step towards telling people something, as whoever delivers records it.

use std::fmt;
use std::str::FromStr;

use credit_core::{CaseId, RunId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A step of a delivery: about whom, and what as its author wrote it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The run that people are told about, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The case that people are told about, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// What was done.
    pub step: DeliveryStep,
}

/// A JSON object whose keys are its author's: it is kept byte for byte and decides nothing here.
///
/// ```
/// use credit_governance::DeliveryStep;
///
/// let step: DeliveryStep = r#"{"sent":{"item":"alert/7/RUN-1"}}"#.parse()?;
/// assert_eq!(step.as_str(), r#"{"sent":{"item":"alert/7/RUN-1"}}"#);
/// assert!("\"sent\"".parse::<DeliveryStep>().is_err());
/// # Ok::<(), credit_governance::StepError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct DeliveryStep(Box<str>);

impl DeliveryStep {
    /// The object's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeliveryStep {
    type Err = StepError;

    fn from_str(json: &str) -> Result<DeliveryStep, StepError> {
        // Line breaks would end the record in the chain.
        let one_line = json.starts_with('{') && !json.contains(['\n', '\r']);
        match serde_json::from_str::<&RawValue>(json) {
            Ok(_) if one_line => Ok(DeliveryStep(json.into())),
            _ => Err(StepError),
        }
    }
}

/// A text that is not the step of a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is not a JSON object in one line")]
pub struct StepError;

impl fmt::Debug for DeliveryStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for DeliveryStep {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DeliveryStep {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<DeliveryStep, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(serde::de::Error::custom)
    }
}
