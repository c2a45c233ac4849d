//! What is odd about a valid policy: what it asks for and cannot have, and what it says to no
//! effect.

mod actions;
mod numbers;
mod place;

use std::fmt;

use serde::Serialize;

use crate::{Policy, PolicyError};

/// Something odd about a policy, and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// The line of the file, counted from 1; `None` where the key is not in it.
    pub line: Option<usize>,
    /// The key with the keys it lies in, such as `severity_policy.sev1.action[2]`.
    pub path: String,
    /// What is so.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The policy asks for something that cannot happen, or for two things that exclude each other.
    Warning,
    /// The policy says something that changes nothing; that may be meant.
    Note,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Warning => "warning",
            Level::Note => "note",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            level,
            path,
            what,
            why,
            remedy,
            ..
        } = self;
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{level}: `{path}`: {what}; {why}; {remedy}")
    }
}

/// What is odd about the policy that `text` is, the warnings first.
///
/// # Errors
/// As [`Policy::parse`], where it is no policy at all.
///
/// ```
/// use credit_policy::{Level, STANDARD_JSON, lint};
///
/// let text = STANDARD_JSON.replace("\"high\": 6,", "\"high\": 60,");
/// let finding = &lint(&text)?[0];
/// assert_eq!(
///     (finding.level, finding.line, finding.path.as_str()),
///     (Level::Warning, Some(77), "likelihood.high")
/// );
/// assert_eq!(
///     finding.what,
///     "no run can be High: all flags together score at most 13"
/// );
/// // The standard policy has nothing that is wrong.
/// assert!(lint(STANDARD_JSON)?.iter().all(|f| f.level == Level::Note));
/// # Ok::<(), credit_policy::PolicyError>(())
/// ```
pub fn lint(text: &str) -> Result<Vec<Finding>, PolicyError> {
    let policy = Policy::parse(text)?;
    let mut findings = numbers::findings(text, &policy);
    findings.extend(actions::findings(text, &policy));
    for finding in &mut findings {
        finding.line = place::line(text, &finding.path);
    }
    findings.sort_by(|a, b| (a.level, a.line, &a.path).cmp(&(b.level, b.line, &b.path)));
    Ok(findings)
}

/// A finding whose line is not looked up yet.
fn finding(
    level: Level,
    path: impl Into<String>,
    what: impl Into<String>,
    why: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        level,
        line: None,
        path: path.into(),
        what: what.into(),
        why: why.into(),
        remedy: remedy.into(),
    }
}
