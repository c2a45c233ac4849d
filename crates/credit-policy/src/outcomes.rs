//! What people found out about runs afterwards.

use std::collections::HashMap;

use credit_core::{RootCause, RunId};
use serde::Deserialize;

/// The root causes of runs, as people found them out: what a backtest is scored against.
///
/// ```
/// use credit_core::RootCause;
/// use credit_policy::Outcomes;
///
/// let outcomes = Outcomes::parse(
///     r#"{"Run_ID": "R-1", "Root_Cause": "Misconfig"}
///        {"Run_ID": "R-2", "Root_Cause": "Legit Load"}"#,
/// )?;
/// assert_eq!(outcomes.root_cause(&"R-2".parse()?), Some(RootCause::LegitLoad));
/// assert!(Outcomes::parse(r#"[{"Run_ID": "R-1", "Root_Cause": "legit"}]"#).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes(HashMap<RunId, RootCause>);

/// Why a text does not say what became of runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutcomesError {
    /// Not the objects that it must be made of.
    #[error("each outcome is an object of `Run_ID` and `Root_Cause` and nothing else: {0}")]
    Malformed(serde_json::Error),
    /// A run that is there twice.
    #[error("`Run_ID`: `{run_id}` is there twice; leave one of them")]
    Repeated {
        /// The run.
        run_id: RunId,
    },
}

impl Outcomes {
    /// Reads an array of objects, or objects one after the other (JSON Lines).
    ///
    /// # Errors
    /// The first object that is not one of exactly `Run_ID` and `Root_Cause`, with line and
    /// column, or that speaks of a run for the second time.
    pub fn parse(text: &str) -> Result<Outcomes, OutcomesError> {
        let read: Result<Vec<Outcome>, _> = if text.trim_start().starts_with('[') {
            serde_json::from_str(text)
        } else {
            serde_json::Deserializer::from_str(text)
                .into_iter()
                .collect()
        };
        let mut outcomes = HashMap::new();
        for outcome in read.map_err(OutcomesError::Malformed)? {
            let run_id = outcome.run_id;
            if outcomes.contains_key(&run_id) {
                return Err(OutcomesError::Repeated { run_id });
            }
            outcomes.insert(run_id, outcome.root_cause);
        }
        Ok(Outcomes(outcomes))
    }

    /// The root cause of a run; `None` if nothing is said about it.
    pub fn root_cause(&self, run_id: &RunId) -> Option<RootCause> {
        self.0.get(run_id).copied()
    }

    /// Whether nothing is said about any run.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The runs that something is said about, in no particular order.
    pub fn run_ids(&self) -> impl Iterator<Item = &RunId> {
        self.0.keys()
    }
}

/// Of what is said twice about a run, the later counts.
impl FromIterator<(RunId, RootCause)> for Outcomes {
    fn from_iter<I: IntoIterator<Item = (RunId, RootCause)>>(outcomes: I) -> Outcomes {
        Outcomes(outcomes.into_iter().collect())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    #[serde(rename = "Run_ID")]
    run_id: RunId,
    #[serde(rename = "Root_Cause")]
    root_cause: RootCause,
}
