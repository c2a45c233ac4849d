//! Judging takes nothing from the heap.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{baseline, policy, run};
use credit_core::{Credits, RiskFlag, RiskFlags, Usual};
use credit_policy::{Columns, Context, Expected, Policy, Verdicts};

#[test]
fn a_verdict_allocates_nothing() {
    let weighed = policy([
        ("\"1.0.0\"", "\"1.0.0\", \"sensitive_floor\": \"SEV1\""),
        ("\"misconfig_weight\": 0", "\"misconfig_weight\": 1"),
    ]);
    let mut judged = run("620".parse().unwrap());
    judged.retry_count = 12;
    judged.has_max_items_config = Some(false);
    judged.has_idempotency_key = Some(false);
    judged.is_batch_job = Some(true);
    judged.is_backfill = Some(true);
    judged.input_tokens = Some(5_000);
    judged.input_item_count = Some(300);
    judged.deployment_timestamp = "2024-01-23T09:00:00Z".parse().ok();
    judged.risk_flags = RiskFlags::CRITICAL;
    let known = Context {
        expected: baseline("100".parse().unwrap()),
        usual: Usual {
            input_tokens: Some(1_000),
            credits_per_item: "2".parse().ok(),
            ..Usual::default()
        },
    };
    let flags = weighed.risk_flags(&judged, &known);
    assert_eq!(flags.len(), RiskFlag::ALL.len());

    for policy in [&Policy::standard(), &weighed] {
        for context in [
            known,
            Expected::Missing.into(),
            baseline(Credits::ZERO).into(),
        ] {
            let info = allocation_counter::measure(|| {
                std::hint::black_box(policy.assess(&judged, &context));
            });
            assert_eq!(info.count_total, 0, "{context:?}");
        }
        let (credits, expected, flags) = ([judged.credits; 64], [known.expected; 64], [flags; 64]);
        let columns = Columns::new(&credits, &expected, &flags).unwrap();
        let mut verdicts = Verdicts::default();
        policy.assess_columns(columns, &mut verdicts);
        let info = allocation_counter::measure(|| policy.assess_columns(columns, &mut verdicts));
        assert_eq!(info.count_total, 0);
    }
    // The counter counts.
    let info = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(info.count_total, 1);
}
