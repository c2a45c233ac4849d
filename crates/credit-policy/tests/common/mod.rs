//! Runs and policies for tests.

use credit_core::{Credits, Run, Status};
use credit_policy::{Expected, Policy, STANDARD_JSON};

/// A run that cost so much and of which nothing else is known.
pub(crate) fn run(credits: Credits) -> Run {
    Run::new(
        "RUN-1".parse().unwrap(),
        "EXPORT".parse().unwrap(),
        "2024-01-23T10:00:00Z".parse().unwrap(),
        Status::Success,
        credits,
    )
}

/// A calculated baseline of so much.
pub(crate) fn baseline(credits: Credits) -> Expected {
    Expected::Baseline {
        credits,
        manual: false,
    }
}

/// The standard policy's text with each first text, which must be in it, replaced by the second.
#[track_caller]
pub(crate) fn edited<'a>(edits: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = STANDARD_JSON.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "the standard policy has no {from:?}");
        text = text.replacen(from, to, 1);
    }
    text
}

/// The policy of an edited text.
#[track_caller]
pub(crate) fn policy<'a>(edits: impl IntoIterator<Item = (&'a str, &'a str)>) -> Policy {
    Policy::parse(&edited(edits)).unwrap()
}
