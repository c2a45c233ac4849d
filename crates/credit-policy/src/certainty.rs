//! How sure a severity is, given how sure the baseline is.

use std::fmt;

use credit_core::{Bounds, Run, Severity};
use serde::Serialize;

use crate::{Context, Expected, Policy};

/// Whether the severity would be another one if the baseline were as low, or as high, as the runs
/// that it comes from allow.
///
/// A baseline is the median of some runs and not the true one. Where both ends of the interval that
/// holds the true median give the severity that the baseline gave, the severity is certain, as far
/// as the baseline is concerned: the higher a baseline, the milder the severity, so no baseline
/// in between gives another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Certainty {
    /// The interval of the baseline.
    pub bounds: Bounds,
    /// The severity of the verdict.
    pub severity: Severity,
    /// The severity if the baseline were the lower end.
    pub at_lower: Severity,
    /// The severity if the baseline were the upper end.
    pub at_upper: Severity,
}

impl Certainty {
    /// Whether both ends give the severity of the verdict.
    pub fn is_certain(self) -> bool {
        self.at_lower == self.severity && self.at_upper == self.severity
    }

    /// `certain` or `uncertain`.
    pub fn as_str(self) -> &'static str {
        if self.is_certain() {
            "certain"
        } else {
            "uncertain"
        }
    }
}

/// `uncertain: the baseline lies between 95 and 104 (95%), which is SEV2 and SEV3`
impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Certainty {
            bounds,
            at_lower,
            at_upper,
            ..
        } = self;
        let (lower, upper) = (bounds.lower(), bounds.upper());
        let label = self.as_str();
        write!(
            f,
            "{label}: the baseline lies between {lower} and {upper} (95%), which is "
        )?;
        if self.is_certain() {
            write!(f, "{at_lower} all the same")
        } else {
            write!(f, "{at_lower} and {at_upper}")
        }
    }
}

impl Policy {
    /// How sure the severity of a run is; `None` where nothing is known of how sure the baseline
    /// is: a baseline that is missing, was entered by hand or comes from fewer than six runs.
    ///
    /// A function of what the verdict is a function of, so that it can be told of a stored record,
    /// too; no severity and no action depends on it.
    ///
    /// ```
    /// use credit_core::{Bounds, Credits, Run, Severity, Status, Usual};
    /// use credit_policy::{Context, Expected, Policy};
    ///
    /// let run = |credits: &str| Run::new(
    ///     "RUN-1".parse().unwrap(),
    ///     "EXPORT".parse().unwrap(),
    ///     "2024-01-23T10:00:00Z".parse().unwrap(),
    ///     Status::Success,
    ///     credits.parse::<Credits>().unwrap(),
    /// );
    /// let context = Context {
    ///     expected: Expected::Baseline { credits: "100".parse()?, manual: false },
    ///     usual: Usual {
    ///         bounds: Bounds::new("95".parse()?, "104".parse()?),
    ///         ..Usual::default()
    ///     },
    /// };
    /// let policy = Policy::standard();
    /// assert!(policy.certainty(&run("300"), &context).unwrap().is_certain());
    /// // 2 times 100, but only 1.92 times 104.
    /// let certainty = policy.certainty(&run("200"), &context).unwrap();
    /// assert_eq!((certainty.severity, certainty.at_upper), (Severity::Sev2, Severity::Sev3));
    /// assert_eq!(certainty.as_str(), "uncertain");
    /// # Ok::<(), credit_core::CreditsError>(())
    /// ```
    pub fn certainty(&self, run: &Run, context: &Context) -> Option<Certainty> {
        let (Some(bounds), Expected::Baseline { manual, .. }) =
            (context.usual.bounds, context.expected)
        else {
            return None;
        };
        let flags = self.risk_flags(run, context);
        let severity = |expected| self.severity(run.credits, expected, flags).0;
        let at = |credits| severity(Expected::Baseline { credits, manual });
        Some(Certainty {
            bounds,
            severity: severity(context.expected),
            at_lower: at(bounds.lower()),
            at_upper: at(bounds.upper()),
        })
    }
}
