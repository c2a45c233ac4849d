//! Runs and policies for tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part"
)]

use credit_core::{
    Bounds, Credits, CreditsPerItem, RiskFlag, Run, Severity, Status, Timestamp, Usual,
};
use credit_policy::{Context, Expected, Policy, STANDARD_JSON};
use proptest::prelude::*;

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

/// Amounts of every size, small ones as often as large ones.
pub(crate) fn micro() -> impl Strategy<Value = u64> {
    (0..60_u32, any::<u64>()).prop_map(|(bits, n)| (n >> (63 - bits)).min(Credits::MAX.micro()))
}

/// Whole numbers of every size that a run may state.
fn whole() -> impl Strategy<Value = u64> {
    (0..53_u32, any::<u64>()).prop_map(|(bits, n)| n >> (63 - bits) & ((1 << 53) - 1))
}

fn fact() -> impl Strategy<Value = Option<bool>> {
    proptest::option::of(any::<bool>())
}

/// Any run, as far as a verdict depends on it.
pub(crate) fn any_run() -> impl Strategy<Value = Run> {
    let flags = proptest::collection::vec(proptest::sample::select(RiskFlag::ALL), 0..4);
    let facts = (fact(), fact(), fact(), fact());
    let numbers = (
        0..12_u64,
        proptest::option::of(whole()),
        proptest::option::of(prop_oneof![0..5_u64, whole()]),
        // Hours around the limit of a day, before and after the run.
        proptest::option::of(-30..30_i64),
    );
    (micro(), flags, facts, numbers).prop_map(|(credits, flags, facts, numbers)| {
        let mut run = run(Credits::from_micro(credits).unwrap());
        run.risk_flags = flags.into_iter().collect();
        run.has_max_items_config = facts.0;
        run.has_idempotency_key = facts.1;
        run.is_batch_job = facts.2;
        run.is_backfill = facts.3;
        run.retry_count = numbers.0;
        run.input_tokens = numbers.1;
        run.input_item_count = numbers.2;
        run.deployment_timestamp = numbers
            .3
            .and_then(|hours| Timestamp::from_unix(run.timestamp.unix() + hours * 3_600));
        run
    })
}

pub(crate) fn any_context() -> impl Strategy<Value = Context> {
    let expected = prop_oneof![
        1 => Just(Expected::Missing),
        6 => (prop_oneof![9 => micro(), 1 => Just(0)], any::<bool>()).prop_map(|(micro, manual)| {
            Expected::Baseline {
                credits: Credits::from_micro(micro).unwrap(),
                manual,
            }
        }),
    ];
    let per_item = (micro(), 1..1_000_u64).prop_map(|(micro, items)| {
        CreditsPerItem::new(Credits::from_micro(micro).unwrap(), items).unwrap()
    });
    let usual = (
        proptest::option::of(whole()),
        proptest::option::of(per_item),
        proptest::option::of(any_bounds()),
    );
    (expected, usual).prop_map(
        |(expected, (input_tokens, credits_per_item, bounds))| Context {
            expected,
            usual: Usual {
                input_tokens,
                credits_per_item,
                bounds,
            },
        },
    )
}

fn any_bounds() -> impl Strategy<Value = Bounds> {
    let credits = || micro().prop_map(|micro| Credits::from_micro(micro).unwrap());
    (credits(), credits()).prop_map(|(a, b)| Bounds::new(a.min(b), a.max(b)).unwrap())
}

/// The standard policy with other floors, thresholds and weights, some of them off.
pub(crate) fn any_policy() -> impl Strategy<Value = Policy> {
    let severity = || proptest::sample::select(Severity::ALL);
    let floors = (
        proptest::option::of(severity()),
        proptest::option::of((1..=1_000_000_000_u64, severity())),
    );
    let scale = 1_000_000..=3_000_000_u64;
    (floors, scale, any::<bool>(), severity()).prop_map(|(floors, scale, needed, missing)| {
        let sensitive = floors
            .0
            .map(|floor| format!(", \"sensitive_floor\": \"{floor}\""));
        let impact = floors.1.map(|(micro, at_most)| {
            let credits = Credits::from_micro(micro).unwrap();
            format!(", \"impact_floor\": {{\"credits\": {credits}, \"at_most\": \"{at_most}\"}}")
        });
        let floors = [sensitive, impact].map(Option::unwrap_or_default).concat();
        let scale = format!("{}.{:06}", scale / 1_000_000, scale % 1_000_000);
        policy([
            ("\"1.0.0\"", format!("\"1.0.0\"{floors}").as_str()),
            (
                "\"threshold_scale\": 1.4",
                &format!("\"threshold_scale\": {scale}"),
            ),
            (
                "\"pii_or_regulatory\": true",
                &format!("\"pii_or_regulatory\": {needed}"),
            ),
            (
                "\"severity\": \"SEV1\"",
                &format!("\"severity\": \"{missing}\""),
            ),
        ])
    })
}
