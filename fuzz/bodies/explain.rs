//! `Policy::explain` on arbitrary records and policies: it agrees with `assess`, and the changes
//! that it states give the severities that it states.
//!
//! The text is a policy file, an empty line and a stored record; without the empty line it is a
//! record, or a run, for the standard policy.

use credit_core::{Credits, Run, Severity, StoredRecord};
use credit_policy::explain::Nearest;
use credit_policy::{Context, Expected, Policy};

pub(crate) fn check(text: &str) {
    let (policy, record) = match text.split_once("\n\n") {
        None => (Ok(Policy::standard()), text),
        Some((policy, record)) => (Policy::parse(policy), record),
    };
    let Ok(policy) = policy else {
        return;
    };
    if let Ok(stored) = StoredRecord::parse(record) {
        judged(&policy, &stored.run, Context::of(&stored));
    } else if let Ok(parsed) = Run::parse(record) {
        judged(&policy, &parsed.run, Expected::Missing.into());
        for baseline in [Credits::ZERO, parsed.run.credits, Credits::MAX] {
            judged(&policy, &parsed.run, against(baseline));
        }
    }
}

fn judged(policy: &Policy, run: &Run, context: Context) {
    let why = policy.explain(run, &context);
    assert_eq!(why.assessment, policy.assess(run, &context));
    assert!(!why.to_string().is_empty());
    assert!(serde_json_reads(&why.to_json()));

    let now = why.assessment.severity;
    let costs = |credits| {
        let mut run = run.clone();
        run.credits = credits;
        policy.assess(&run, &context).severity
    };
    flips(now, why.changes.credits, run.credits, costs);
    if let Some(baseline) = why.assessment.baseline.filter(|b| *b > Credits::ZERO) {
        let expects = |credits| {
            let expected = against(credits).expected;
            policy
                .assess(
                    run,
                    &Context {
                        expected,
                        ..context
                    },
                )
                .severity
        };
        flips(now, why.changes.baseline, baseline, expects);
    }
}

/// That each step gives what it states, and one micro-credit nearer gives what is now.
fn flips(
    now: Severity,
    nearest: Nearest,
    present: Credits,
    severity: impl Fn(Credits) -> Severity,
) {
    for step in [nearest.graver, nearest.milder].into_iter().flatten() {
        assert_eq!(severity(step.to), step.severity);
        assert_ne!(step.severity, now);
        let nearer = if step.to > present {
            step.to.micro() - 1
        } else {
            step.to.micro() + 1
        };
        assert_eq!(severity(Credits::from_micro(nearer).unwrap()), now);
    }
}

fn against(credits: Credits) -> Context {
    let manual = false;
    Expected::Baseline { credits, manual }.into()
}

fn serde_json_reads(json: &str) -> bool {
    credit_core::json::Object::parse(json).is_ok()
}
