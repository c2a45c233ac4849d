//! Judging columns is judging runs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{baseline, policy, run};
use credit_core::{Credits, RiskFlags, Run};
use credit_policy::{Columns, Context, Expected, Policy, UnequalColumns, Verdicts};
use proptest::prelude::*;

/// Judges runs both ways and compares.
#[track_caller]
fn check(policy: &Policy, runs: &[(Run, Context)], verdicts: &mut Verdicts) {
    let credits: Vec<Credits> = runs.iter().map(|(run, _)| run.credits).collect();
    let expected: Vec<Expected> = runs.iter().map(|(_, context)| context.expected).collect();
    let flags: Vec<RiskFlags> = runs
        .iter()
        .map(|(run, context)| policy.risk_flags(run, context))
        .collect();
    policy.assess_columns(Columns::new(&credits, &expected, &flags).unwrap(), verdicts);

    let mut one_by_one = Vec::new();
    policy.assess_all(runs, &mut one_by_one);
    assert_eq!(one_by_one.len(), runs.len());
    assert_eq!(verdicts.severity.len(), runs.len());
    for (i, assessment) in one_by_one.iter().enumerate() {
        let (run, context) = runs.get(i).unwrap();
        assert_eq!(*assessment, policy.assess(run, context));
        assert_eq!(verdicts.severity.get(i), Some(&assessment.severity));
        assert_eq!(verdicts.reason.get(i), Some(&assessment.reason));
        assert_eq!(verdicts.score.get(i), Some(&assessment.score));
        assert_eq!(verdicts.likelihood.get(i), Some(&assessment.likelihood));
    }
}

#[test]
fn around_every_threshold_and_around_what_64_bits_hold() {
    let policies = [
        Policy::standard(),
        // Thresholds of a backfill with more than six decimals.
        policy([("\"threshold_scale\": 1.4", "\"threshold_scale\": 1.333333")]),
        policy([("\"multiplier\": 10,", "\"multiplier\": 1000000,")]),
        policy([("\"1.0.0\"", "\"1.0.0\", \"sensitive_floor\": \"SEV2\"")]),
    ];
    let largest = u64::MAX / 1_000_000;
    let baselines = [
        1,
        3,
        100,
        1_000_000,
        largest / 10,
        u64::MAX / 10_000_000,
        largest,
    ]
    .into_iter()
    .flat_map(|micro| [micro.saturating_sub(1), micro, micro + 1]);
    let tenths = [0, 15, 20, 21, 28, 50, 70, 100, 1_000];
    let mut runs = Vec::new();
    for against in baselines {
        for tenths in tenths {
            for off in -1..=1 {
                let cost = u128::from(against) * tenths / 10;
                let cost = u64::try_from(cost).unwrap().saturating_add_signed(off);
                let Some(cost) = Credits::from_micro(cost) else {
                    continue;
                };
                let mut judged = run(cost);
                let context = Context::from(baseline(Credits::from_micro(against).unwrap()));
                for backfill in [None, Some(true)] {
                    judged.is_backfill = backfill;
                    for flags in [RiskFlags::NONE, RiskFlags::CRITICAL] {
                        judged.risk_flags = flags;
                        runs.push((judged.clone(), context));
                    }
                }
            }
        }
    }
    let mut verdicts = Verdicts::default();
    for policy in &policies {
        check(policy, &runs, &mut verdicts);
    }
    // The same columns of results serve fewer runs, and none.
    check(&policies[0], runs.get(..5).unwrap(), &mut verdicts);
    check(&policies[0], &[], &mut verdicts);
}

#[test]
fn columns_of_different_lengths_are_refused() {
    let error = Columns::new(&[Credits::ZERO], &[], &[RiskFlags::NONE]).unwrap_err();
    let UnequalColumns {
        credits,
        expected,
        flags,
    } = error;
    assert_eq!((credits, expected, flags), (1, 0, 1));
    assert_eq!(
        error.to_string(),
        "columns of 1 credits, 0 expectations and 1 sets of flags"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_columns_are_judged_as_their_runs(
        policy in common::any_policy(),
        runs in proptest::collection::vec((common::any_run(), common::any_context()), 0..40),
    ) {
        check(&policy, &runs, &mut Verdicts::default());
    }
}
