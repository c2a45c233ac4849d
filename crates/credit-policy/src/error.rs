//! What is wrong with a policy file or a file of test cases, where, and what to do about it.

use std::fmt;

use credit_core::json::Excerpt;
use credit_core::{Multiplier, UnknownWord};

/// Why a text is no policy, or no file of test cases: where, which key, and what to do.
///
/// ```
/// use credit_policy::{Policy, STANDARD_JSON};
///
/// let text = STANDARD_JSON.replace("\"multiplier\": 5,", "\"multiplier\": \"5\",");
/// assert_eq!(
///     Policy::parse(&text).unwrap_err().to_string(),
///     "line 16: `severity_policy.sev1.multiplier`: must be a number from 0.000001 to 1000000 \
///      with at most six decimals, not `\"5\"`"
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {}{problem}", PathPrefix(path))]
pub struct PolicyError {
    /// The line of the text, counted from 1.
    pub line: usize,
    /// The key with the keys it lies in, such as `severity_policy.sev1.multiplier` or
    /// `severity_policy.sev1.action[0]`; empty where the text as a whole is wrong.
    pub path: String,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a key or a text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not one well-formed JSON object.
    #[error("not a JSON object: {reason} (column {column})")]
    Json {
        /// The parser's words.
        reason: String,
        /// The column, counted from 1.
        column: usize,
    },
    /// A list, but not a well-formed one.
    #[error("not a JSON list: {reason} (column {column})")]
    List {
        /// The parser's words.
        reason: String,
        /// The column, counted from 1.
        column: usize,
    },
    /// A byte order mark, which is invisible and no JSON.
    #[error("begins with a byte order mark; save the file as UTF-8 without one")]
    ByteOrderMark,
    /// A key that must be there is not.
    #[error("is missing; add it, for example {example}")]
    Missing {
        /// A value it might have.
        example: &'static str,
    },
    /// A key that nobody reads.
    #[error("is not a known key; {}known here are {}", DidYouMean(suggestion), known.join(", "))]
    UnknownKey {
        /// The nearest known key.
        suggestion: Option<&'static str>,
        /// Every known key of this object.
        known: &'static [&'static str],
    },
    /// A key or an entry of a list that is there already.
    #[error("is given twice; keep one")]
    Twice,
    /// A value of another type, or out of bounds.
    #[error("must be {wanted}, not {found}")]
    Value {
        /// What is expected.
        wanted: String,
        /// What was found.
        found: String,
    },
    /// A word that is none of the allowed ones.
    #[error(
        "`{}` is not a known {}; {}allowed are {}",
        Excerpt(&word.value), word.what, DidYouMean(suggestion), word.allowed.join(", ")
    )]
    Word {
        /// The word and the allowed ones.
        word: UnknownWord,
        /// The nearest allowed one.
        suggestion: Option<&'static str>,
    },
    /// A threshold that does not lie below that of the next graver severity.
    #[error(
        "{value} is not below the {limit} of `{graver}`; a graver severity needs a higher threshold"
    )]
    NotBelow {
        /// The threshold.
        value: Multiplier,
        /// The graver severity's threshold.
        limit: Multiplier,
        /// The path of the graver severity's threshold.
        graver: &'static str,
    },
    /// A run of a test case that could not be read.
    #[error(transparent)]
    Run(credit_core::Problem),
    /// A test case that could not fail.
    #[error("expects nothing; add a key of the verdict, for example \"Severity\": \"SEV4\"")]
    ExpectsNothing,
    /// A file of no test cases.
    #[error("is an empty list; add a case or remove the file")]
    NoCases,
    /// Cut-offs of the likelihood in the wrong order.
    #[error("{medium} is not below the {high} of `likelihood.high`; lower it or raise the other")]
    CutOffs {
        /// The cut-off of Medium.
        medium: i32,
        /// The cut-off of High.
        high: i32,
    },
    /// A flag that counts both ways.
    #[error("has both `misconfig_weight` and `legit_weight`; keep the one that is meant")]
    BothWeights,
    /// A second place that says something else.
    #[error("differs from `{other}`; make them equal or remove one")]
    Differs {
        /// The path of the other place.
        other: &'static str,
    },
}

struct PathPrefix<'a>(&'a str);

impl fmt::Display for PathPrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, "`{}`: ", Excerpt(self.0))
        }
    }
}

struct DidYouMean<'a>(&'a Option<&'static str>);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(word) => write!(f, "did you mean `{word}`? "),
            None => Ok(()),
        }
    }
}

/// The word nearest to `text`, if it is near enough to be meant and no other is as near.
pub(crate) fn nearest(text: &str, words: &'static [&'static str]) -> Option<&'static str> {
    // Longer texts are no slips, and comparing them takes time.
    const LENGTH_MAX: usize = 64;
    if text.len() > LENGTH_MAX {
        return None;
    }
    let text = text.to_lowercase();
    let slips_max = 1 + text.chars().count() / 4;
    let slips = |word: &str| edits(&text, &word.to_lowercase());
    let fewest = words.iter().map(|word| slips(word)).min()?;
    let mut nearest = words.iter().filter(|word| slips(word) == fewest);
    match (nearest.next(), nearest.next()) {
        (Some(word), None) if fewest <= slips_max => Some(*word),
        _ => None,
    }
}

/// How many characters must be inserted, removed or replaced to make one text the other.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, f) in from.chars().enumerate() {
        // The row above, one to the left.
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, t) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(f != t);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
