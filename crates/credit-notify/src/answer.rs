//! What the other side said, by what the caller does next.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text;

/// What came of one request, named by what the caller does next.
///
/// The set is closed: a caller that has handled these has handled everything.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Answer<T> {
    /// It is done; go on.
    Done(T),
    /// It is not done: leave the whole destination alone for `wait`, then send again.
    Pause {
        /// For how long; where the other side did not say, the caller's backoff decides.
        wait: Option<Duration>,
        /// What the other side said.
        reason: Reason,
    },
    /// It is surely not done: send again after the caller's backoff.
    Retry {
        /// What happened.
        reason: Reason,
    },
    /// It may be done or not: find out first, or send again marked as a possible repeat.
    Unknown {
        /// What happened.
        reason: Reason,
    },
    /// It is refused, and will be until somebody changes the set-up or the message: set it aside
    /// and tell the operator.
    Park {
        /// What the other side said.
        reason: Reason,
    },
}

impl<T> Answer<T> {
    /// Changes what a done answer holds.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        self.and_then(|done| Answer::Done(change(done)))
    }

    /// Goes on from a done answer with a further step, whose answer counts.
    pub fn and_then<U>(self, step: impl FnOnce(T) -> Answer<U>) -> Answer<U> {
        match self {
            Answer::Done(done) => step(done),
            Answer::Pause { wait, reason } => Answer::Pause { wait, reason },
            Answer::Retry { reason } => Answer::Retry { reason },
            Answer::Unknown { reason } => Answer::Unknown { reason },
            Answer::Park { reason } => Answer::Park { reason },
        }
    }

    /// What a done answer holds.
    pub fn done(self) -> Option<T> {
        match self {
            Answer::Done(done) => Some(done),
            _ => None,
        }
    }

    /// The same answer, with every occurrence of `secret` in its reason masked.
    pub(crate) fn without(self, secret: &str) -> Answer<T> {
        match self {
            Answer::Done(done) => Answer::Done(done),
            Answer::Pause { wait, reason } => Answer::Pause {
                wait,
                reason: reason.without(secret),
            },
            Answer::Retry { reason } => Answer::Retry {
                reason: reason.without(secret),
            },
            Answer::Unknown { reason } => Answer::Unknown {
                reason: reason.without(secret),
            },
            Answer::Park { reason } => Answer::Park {
                reason: reason.without(secret),
            },
        }
    }
}

/// Why something is not done, safe to log and to keep: one line of at most 300 characters, in
/// which words that look like an address or a token are masked.
///
/// ```
/// use credit_notify::Reason;
///
/// let reason = Reason::new("no answer from https://hooks.slack.com/services/T0/B0/secret\n");
/// assert_eq!(reason.to_string(), "no answer from ***");
/// ```
#[derive(Clone, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Reason(String);

impl Reason {
    /// A reason in whatever words somebody else chose.
    pub fn new(words: &str) -> Reason {
        const UNITS_MAX: usize = 300;
        // What cannot be seen goes first: within a token it would hide the token.
        let visible = text::line(words, usize::MAX);
        let masked: Vec<&str> = visible
            .split_whitespace()
            .map(|word| if looks_secret(word) { "***" } else { word })
            .collect();
        Reason(text::line(&masked.join(" "), UNITS_MAX))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn without(self, secret: &str) -> Reason {
        Reason(self.0.replace(secret, "***"))
    }
}

/// A stored reason is cleaned again: what stores it may have been edited.
impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
        let words = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Ok(Reason::new(&words))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Addresses (a webhook's is its secret) and the beginnings of Slack's and Notion's tokens.
fn looks_secret(word: &str) -> bool {
    const SIGNS: &[&str] = &["://", "/services/", "xox", "xapp-", "secret_", "ntn_"];
    SIGNS.iter().any(|sign| word.contains(sign))
}
