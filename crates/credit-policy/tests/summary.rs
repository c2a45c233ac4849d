//! What a verdict says in words.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may panic, and shares helpers with others"
)]

mod common;

use common::{baseline, policy, run};
use credit_core::{RiskFlag, RiskFlags};
use credit_policy::{Expected, Policy};

#[track_caller]
fn check(policy: &Policy, credits: &str, flags: &[RiskFlag], expected: Expected, words: &str) {
    let mut judged = run(credits.parse().unwrap());
    judged.risk_flags = flags.iter().copied().collect::<RiskFlags>();
    let verdict = policy.assess(&judged, &expected.into());
    assert_eq!(policy.summary(&judged, &verdict), words);
}

#[test]
fn a_ratio() {
    let (policy, by_500) = (Policy::standard(), baseline("500".parse().unwrap()));
    check(
        &policy,
        "2500",
        &[],
        by_500,
        "2500 credits are 5.000000 times the baseline of 500; SEV1 from 5 times; \
         misconfiguration Low (score 0)",
    );
    check(
        &policy,
        "749.999999",
        &[RiskFlag::RetryLoop, RiskFlag::UnboundedIterator],
        by_500,
        "749.999999 credits are 1.499999 times the baseline of 500; SEV4 below 1.5 times; \
         misconfiguration High (score 7)",
    );
    check(
        &policy,
        "1000.5",
        &[],
        Expected::Baseline {
            credits: "500".parse().unwrap(),
            manual: true,
        },
        "1000.5 credits are 2.001000 times the manual baseline of 500; SEV2 from 2 times; \
         misconfiguration Low (score 0)",
    );
}

#[test]
fn a_backfill() {
    let (policy, by_100) = (Policy::standard(), baseline("100".parse().unwrap()));
    let flags = &[RiskFlag::BackfillMode];
    check(
        &policy,
        "500",
        flags,
        by_100,
        "500 credits are 5.000000 times the baseline of 100; SEV2 from 2.8 times for a backfill; \
         misconfiguration Low (score -4)",
    );
    check(
        &policy,
        "200",
        flags,
        by_100,
        "200 credits are 2.000000 times the baseline of 100; SEV4 below 2.1 times for a backfill; \
         misconfiguration Low (score -4)",
    );
}

#[test]
fn sensitive_data() {
    let (policy, by_100) = (Policy::standard(), baseline("100".parse().unwrap()));
    check(
        &policy,
        "1200",
        &[RiskFlag::PiiExposure, RiskFlag::BackfillMode],
        by_100,
        "1200 credits are 12.000000 times the baseline of 100; SEV0 from 10 times with \
         pii_exposure; misconfiguration Low (score -4)",
    );
    check(
        &policy,
        "1000",
        &[RiskFlag::RegulatoryData, RiskFlag::PiiExposure],
        by_100,
        "1000 credits are 10.000000 times the baseline of 100; SEV0 from 10 times with \
         pii_exposure and regulatory_data; misconfiguration Low (score 0)",
    );
}

#[test]
fn a_sev0_for_the_cost_alone() {
    let policy = policy([(
        "\"pii_or_regulatory\": true",
        "\"pii_or_regulatory\": false",
    )]);
    check(
        &policy,
        "1000",
        &[RiskFlag::BackfillMode],
        baseline("100".parse().unwrap()),
        "1000 credits are 10.000000 times the baseline of 100; SEV0 from 10 times; \
         misconfiguration Low (score -4)",
    );
}

#[test]
fn nothing_to_compare_with() {
    let (policy, by_0) = (Policy::standard(), baseline("0".parse().unwrap()));
    check(
        &policy,
        "1",
        &[RiskFlag::RetryLoop],
        Expected::Missing,
        "Baseline not found for scenario `EXPORT`; judged SEV1 until it has one",
    );
    check(
        &policy,
        "0.5",
        &[RiskFlag::RetryLoop],
        by_0,
        "0.5 credits where the baseline of scenario `EXPORT` is 0; judged SEV1 because there is \
         no ratio; misconfiguration Medium (score 3)",
    );
    check(
        &policy,
        "0",
        &[],
        by_0,
        "0 credits where the baseline of scenario `EXPORT` is 0; SEV4; \
         misconfiguration Low (score 0)",
    );
}
