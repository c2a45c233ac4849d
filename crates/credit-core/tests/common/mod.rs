//! Runs, records and their inputs for the properties.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part"
)]

use credit_core::{
    Action, Assessment, BaselineStatus, Bounds, Credits, CreditsPerItem, Inputs, JobType,
    Likelihood, Ratio, Reason, RiskFlag, Run, RunRecord, Severity, Sha256, Status, Usual,
};
use proptest::prelude::*;

/// The keys with two spellings.
pub(crate) const PASCAL: &[(&str, &str)] = &[
    ("Run_ID", "run_id"),
    ("Timestamp", "timestamp"),
    ("Scenario_Name", "scenario_name"),
    ("Scenario_ID", "scenario_id"),
    ("Job_Type", "job_type"),
    ("Status", "status"),
    ("Credits_Total", "credits_total"),
    ("Credits_In", "credits_in"),
    ("Credits_Out", "credits_out"),
    ("Model", "model"),
    ("Input_Tokens", "input_tokens"),
    ("Output_Tokens", "output_tokens"),
    ("Artifacts_Link", "artifacts_link"),
    ("Risk_Flags", "risk_flags"),
];

/// The fields without which there is no run.
pub(crate) const REQUIRED: &[&str] = &[
    "Run_ID",
    "Timestamp",
    "Scenario_ID",
    "Job_Type",
    "Status",
    "Credits_Total",
];

/// The members of one input: each key with the text of its value.
pub(crate) type Members = Vec<(String, String)>;

/// The members as one object, with `space` wherever white space may be.
pub(crate) fn object(members: &Members, space: &str) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(k, v)| format!("{space}{}{space}:{space}{v}{space}", quoted(k)))
        .collect();
    format!("{space}{{{}}}{space}", members.join(","))
}

pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

pub(crate) fn id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9_-]{0,30}"
}

pub(crate) fn credits() -> impl Strategy<Value = Credits> {
    prop_oneof![0..=Credits::MAX.micro(), 0..=50_000_000_u64]
        .prop_map(|m| Credits::from_micro(m).unwrap())
}

fn time() -> impl Strategy<Value = String> {
    (
        1_600_000_000..1_800_000_000_i64,
        "(\\.[0-9]{1,9})?",
        -14_i64..=14,
    )
        .prop_map(|(s, fraction, hours)| {
            let local = chrono::DateTime::from_timestamp(s + hours * 3_600, 0).unwrap();
            let sign = if hours < 0 { '-' } else { '+' };
            let clock = local.format("%Y-%m-%dT%H:%M:%S");
            quoted(&format!("{clock}{fraction}{sign}{:02}:00", hours.abs()))
        })
}

fn words<T: Copy + std::fmt::Debug + 'static>(
    all: &'static [T],
    text: fn(T) -> &'static str,
) -> impl Strategy<Value = String> {
    prop::sample::select(all).prop_map(move |w| quoted(text(w)))
}

fn whole() -> impl Strategy<Value = String> {
    prop_oneof![0..10_u64, 0..(1_u64 << 53)].prop_map(|n| n.to_string())
}

fn token() -> impl Strategy<Value = String> {
    credits().prop_map(|c| c.to_string())
}

/// Number tokens that a float would spoil, nested values, strings with escapes.
fn unknown_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|s| quoted(&s)),
        Just("null".to_owned()),
        Just("[1.0,{\"a\":[true,1e2]},\"\\u00e9\\ud83d\\ude80\"]".to_owned()),
        Just("{}".to_owned()),
    ]
}

pub(crate) fn unknown() -> impl Strategy<Value = Members> {
    prop::collection::btree_map("(x_[a-z\"\\\\ é]{0,6}|)", unknown_value(), 0..5)
        .prop_map(|m| m.into_iter().collect())
}

/// The members of a valid run, in `PascalCase`; optional ones sometimes, unknown ones sometimes.
pub(crate) fn members() -> impl Strategy<Value = Members> {
    let text = || any::<String>().prop_map(|s| quoted(&s));
    let flags = prop::collection::vec(words(RiskFlag::ALL, RiskFlag::as_str), 0..6)
        .prop_map(|f| format!("[{}]", f.join(",")));
    let boolean = || any::<bool>().prop_map(|b| b.to_string());
    let quoted_id = || id().prop_map(|t| quoted(&t));
    let required = (
        quoted_id(),
        time(),
        quoted_id(),
        words(JobType::ALL, JobType::as_str),
        words(Status::ALL, Status::as_str),
        token(),
    );
    let optional: Vec<(&str, BoxedStrategy<String>)> = vec![
        ("Scenario_Name", text().boxed()),
        ("Credits_In", token().boxed()),
        ("Credits_Out", token().boxed()),
        ("Model", text().boxed()),
        ("Input_Tokens", whole().boxed()),
        ("Output_Tokens", whole().boxed()),
        ("Artifacts_Link", text().boxed()),
        ("Risk_Flags", flags.boxed()),
        ("retry_count", whole().boxed()),
        ("has_max_items_config", boolean().boxed()),
        ("has_idempotency_key", boolean().boxed()),
        ("prompt_version", text().boxed()),
        ("deployment_timestamp", time().boxed()),
        ("is_batch_job", boolean().boxed()),
        ("is_backfill", boolean().boxed()),
        ("input_item_count", whole().boxed()),
        ("rerun_of", quoted_id().boxed()),
    ];
    let optional: Vec<_> = optional
        .into_iter()
        .map(|(key, value)| {
            prop::option::of(value).prop_map(move |v| v.map(|v| (key.to_owned(), v)))
        })
        .collect();
    (required, optional, unknown()).prop_map(|(required, optional, unknown)| {
        let (a, b, c, d, e, f) = required;
        let required = REQUIRED
            .iter()
            .map(|k| (*k).to_owned())
            .zip([a, b, c, d, e, f]);
        required
            .chain(optional.into_iter().flatten())
            .chain(unknown)
            .collect()
    })
}

pub(crate) fn run() -> impl Strategy<Value = Run> {
    members().prop_map(|m| Run::parse(&object(&m, "")).unwrap().run)
}

fn usual() -> impl Strategy<Value = Usual> {
    let per_item = (credits(), 1..1_000_u64).prop_map(|(c, n)| CreditsPerItem::new(c, n).unwrap());
    let bounds = (credits(), credits()).prop_map(|(a, b)| Bounds::new(a.min(b), a.max(b)).unwrap());
    (
        prop::option::of(0..(1_u64 << 53)),
        prop::option::of(per_item),
        prop::option::of(bounds),
    )
        .prop_map(|(input_tokens, credits_per_item, bounds)| Usual {
            input_tokens,
            credits_per_item,
            bounds,
        })
}

pub(crate) fn record() -> impl Strategy<Value = RunRecord> {
    let reason = prop::sample::select(Reason::ALL);
    let verdict = (
        prop::sample::select(Severity::ALL),
        reason,
        prop::option::of(credits()),
        prop::sample::select(vec![BaselineStatus::Current, BaselineStatus::Manual]),
        prop::collection::vec(prop::sample::select(RiskFlag::ALL), 0..6),
        -20..20_i32,
        prop::sample::select(Likelihood::ALL),
        prop::collection::vec(prop::sample::select(Action::ALL), 0..6),
    );
    let hash = || any::<[u8; 32]>().prop_map(Sha256::from_bytes);
    let inputs = (
        hash(),
        prop::option::of(hash()),
        prop::option::of(1_600_000_000..1_800_000_000_i64),
        usual(),
    );
    (run(), verdict, inputs, any::<String>()).prop_map(
        |(run, v, (policy, scenario, updated, usual), summary)| RunRecord {
            assessment: Assessment {
                severity: v.0,
                reason: v.1,
                baseline: v.2,
                baseline_status: match v.2 {
                    None => BaselineStatus::Missing,
                    Some(Credits::ZERO) => BaselineStatus::Zero,
                    Some(_) => v.3,
                },
                variance: v
                    .2
                    .and_then(|b| Ratio::new(run.credits, b))
                    .map(Ratio::multiplier),
                risk_flags: v.4.into_iter().collect(),
                score: v.5,
                likelihood: v.6,
                actions: v.7.into_iter().collect(),
            },
            inputs: Inputs {
                policy_sha256: policy,
                scenario_sha256: scenario,
                input_sha256: run.sha256(),
                baseline_updated: updated.and_then(credit_core::Timestamp::from_unix),
                usual,
            },
            run,
            summary,
        },
    )
}
