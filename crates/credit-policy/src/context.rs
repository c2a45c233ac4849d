//! What a run is judged against.

use credit_core::{BaselineStatus, Credits, RunRecord, StoredRecord, Usual};

/// Everything that a verdict depends on besides the run and the policy: what is known of the
/// scenario. It is kept with the verdict, so that judging again needs no history.
///
/// ```
/// use credit_core::Usual;
/// use credit_policy::{Context, Expected};
///
/// let context = Context {
///     expected: Expected::Baseline { credits: "500".parse()?, manual: false },
///     usual: Usual { input_tokens: Some(12_000), ..Usual::default() },
/// };
/// // Where nothing is known but the expectation:
/// assert_eq!(Context::from(Expected::Missing).usual, Usual::default());
/// # assert!(context.usual.credits_per_item.is_none());
/// # Ok::<(), credit_core::CreditsError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Context {
    /// What a run of the scenario is expected to cost.
    pub expected: Expected,
    /// What its runs usually take in and cost by the item; a signal whose value is unknown is not
    /// raised.
    pub usual: Usual,
}

impl Context {
    /// What the verdict of a stored record was judged against.
    ///
    /// Of a baseline of zero a record does not keep whether it was entered by hand; no verdict
    /// depends on it.
    pub fn of(record: &StoredRecord) -> Context {
        let verdict = &record.verdict;
        Context {
            expected: Expected::of(verdict.baseline, verdict.baseline_status),
            usual: record.inputs.usual,
        }
    }
}

/// What the verdict of a record was judged against.
impl From<&RunRecord> for Context {
    fn from(record: &RunRecord) -> Context {
        let verdict = &record.assessment;
        Context {
            expected: Expected::of(verdict.baseline, verdict.baseline_status),
            usual: record.inputs.usual,
        }
    }
}

impl From<Expected> for Context {
    fn from(expected: Expected) -> Context {
        Context {
            expected,
            usual: Usual::default(),
        }
    }
}

/// What a run of a scenario is expected to cost. That nobody knows is a value of its own, and never
/// an expectation of 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// The scenario has no baseline.
    Missing,
    /// The scenario has one.
    Baseline {
        /// How much.
        credits: Credits,
        /// Whether somebody entered it by hand.
        manual: bool,
    },
}

impl Expected {
    fn of(baseline: Option<Credits>, status: BaselineStatus) -> Expected {
        match baseline {
            None => Expected::Missing,
            Some(credits) => Expected::Baseline {
                credits,
                manual: status == BaselineStatus::Manual,
            },
        }
    }
}
