//! Test cases of a policy: files that say which verdict a run must get.
//!
//! A file holds one case or a list of them, each
//! `{"description": …, "run": {…}, "context": {…}, "expect": {…}}`.
//! Every key of it is described in `docs/policy.md`.
//!
//! ```
//! use credit_policy::{Policy, cases};
//!
//! let text = r#"{
//!     "description": "five times the baseline is SEV1",
//!     "run": {"Credits_Total": 2500},
//!     "context": {"baseline": 500},
//!     "expect": {"Severity": "SEV1", "Variance_Multiplier": 5}
//! }"#;
//! let policy = Policy::standard();
//! let mut coverage = cases::Coverage::new(&policy);
//! for case in cases::parse(text)? {
//!     assert!(case.mismatches(&policy).is_empty());
//!     coverage.add(&case);
//! }
//! let gaps: Vec<String> = coverage.gaps().map(|point| point.to_string()).collect();
//! assert!(!gaps.contains(&"severity SEV1".to_owned()));
//! assert!(gaps.contains(&"severity SEV2".to_owned()));
//! # Ok::<(), credit_policy::PolicyError>(())
//! ```

mod coverage;
mod parse;
mod verdict;

use credit_core::{Assessment, Run};

use crate::{Context, Policy, PolicyError};

pub use coverage::{Coverage, Point, Side};
pub use verdict::Mismatch;

/// A run, what it is judged against, and what the verdict must say.
#[derive(Clone, Debug)]
pub struct Case {
    /// The line of the file in which it starts, counted from 1.
    pub line: usize,
    /// What it shows.
    pub description: String,
    /// The run.
    pub run: Run,
    /// What the run is judged against.
    pub context: Context,
    wanted: verdict::Wanted,
}

/// Reads a file of cases.
///
/// # Errors
/// The first thing wrong: its line, the full path of its key, the value and what to do. An unknown
/// key is an error wherever it stands, because a misspelt expectation would otherwise be none.
///
/// ```
/// use credit_policy::cases;
///
/// let error = cases::parse(r#"{"description": "d", "run": {"Credits_Total": 1},
///     "context": {"baseline": 1}, "expect": {"Severty": "SEV4"}}"#).unwrap_err();
/// assert_eq!((error.line, error.path.as_str()), (2, "expect.Severty"));
/// assert!(error.to_string().contains("did you mean `Severity`?"));
/// ```
pub fn parse(text: &str) -> Result<Vec<Case>, PolicyError> {
    parse::cases(text)
}

impl Case {
    /// What `policy` makes of the run.
    pub fn assess(&self, policy: &Policy) -> Assessment {
        policy.assess(&self.run, &self.context)
    }

    /// Where the verdict of `policy` differs from what the case expects; nothing if the case holds.
    ///
    /// ```
    /// use credit_policy::{Policy, cases};
    ///
    /// let text = r#"{"description": "d", "run": {"Credits_Total": 2}, "context": {"baseline": 1},
    ///     "expect": {"Severity": "SEV4", "score": 0}}"#;
    /// let mismatches = cases::parse(text)?[0].mismatches(&Policy::standard());
    /// assert_eq!(mismatches.len(), 1);
    /// assert_eq!(mismatches[0].to_string(), r#"Severity: expected "SEV4", came "SEV2""#);
    /// # Ok::<(), credit_policy::PolicyError>(())
    /// ```
    pub fn mismatches(&self, policy: &Policy) -> Vec<Mismatch> {
        self.wanted
            .mismatches(policy, &self.run, &self.assess(policy))
    }
}
