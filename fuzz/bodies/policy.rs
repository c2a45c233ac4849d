//! `Policy::parse`: what it accepts it can write and read again, and judge by.

use credit_core::{Credits, Run, Status};
use credit_policy::{Expected, Policy, lint};

pub(crate) fn check(text: &str) {
    let Ok(policy) = Policy::parse(text) else {
        return;
    };
    assert_eq!(Policy::parse(&policy.to_json()), Ok(policy.clone()));
    assert!(policy.differences(&policy).is_empty());
    let findings = lint(text).unwrap();
    assert!(findings.iter().all(|f| f.line.is_none_or(|line| line >= 1)));
    let run = Run::new(
        "R".parse().unwrap(),
        "S".parse().unwrap(),
        "2024-01-23T10:00:00Z".parse().unwrap(),
        Status::Success,
        Credits::MAX,
    );
    let credits = Credits::from_micro(1).unwrap();
    for expected in [
        Expected::Missing,
        Expected::Baseline {
            credits,
            manual: false,
        },
        Expected::Baseline {
            credits: Credits::ZERO,
            manual: true,
        },
    ] {
        let verdict = policy.assess(&run, &expected.into());
        assert!(!policy.summary(&run, &verdict).is_empty());
    }
}
