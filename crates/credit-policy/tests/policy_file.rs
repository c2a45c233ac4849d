//! Policy files: what is refused and where, what absent keys mean, what the effective file says.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test may panic, and shares helpers with others"
)]

mod common;

use common::{edited, policy};
use credit_core::{Likelihood, Severity, Status};
use credit_policy::{Policy, Problem, STANDARD_JSON};
use proptest::prelude::*;
use serde_json::Value;

const GOLDEN: &str = include_str!("golden/effective-standard.json");

#[test]
fn every_bad_policy_is_refused_with_line_path_and_remedy() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/bad-policies.json")).unwrap();
    assert!(cases.len() > 60);
    let mut failures = Vec::new();
    for case in &cases {
        let edits = case["edits"].as_array().into_iter().flatten();
        let text = case["text"].as_str().map_or_else(
            || edited(edits.map(|edit| (edit[0].as_str().unwrap(), edit[1].as_str().unwrap()))),
            str::to_owned,
        );
        let Err(error) = Policy::parse(&text) else {
            failures.push(format!("{case}\n  was accepted"));
            continue;
        };
        let (path, says) = (
            case["path"].as_str().unwrap(),
            case["says"].as_str().unwrap(),
        );
        let place = if path.is_empty() {
            format!("line {}: ", case["line"])
        } else {
            format!("line {}: `{path}`: ", case["line"])
        };
        let message = error.to_string();
        let as_expected = case["line"] == error.line
            && error.path == path
            && message
                .strip_prefix(&place)
                .is_some_and(|m| m.contains(says));
        if !as_expected {
            failures.push(format!("{case}\n  gave: {message}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_key_with_escapes_is_placed_and_shown_safely() {
    let text = "{\n\n  \"\\u202ev\": 1\n}";
    let error = Policy::parse(text).unwrap_err();
    assert_eq!((error.line, error.path.as_str()), (3, "\u{202e}v"));
    assert!(matches!(error.problem, Problem::UnknownKey { .. }));
    assert!(
        error
            .to_string()
            .starts_with("line 3: `\\u{202e}v`: is not")
    );
}

#[test]
fn the_effective_standard_policy_is_the_golden_file() {
    assert_eq!(Policy::standard().to_json(), GOLDEN.trim_end());
}

#[test]
fn the_standard_policy_has_every_key_written_out() {
    assert_eq!(Policy::parse(STANDARD_JSON).unwrap(), Policy::standard());
    assert_eq!(Policy::standard().to_json(), STANDARD_JSON.trim_end());
}

#[test]
fn absent_keys_take_the_standard_values() {
    let mut file: Value = serde_json::from_str(STANDARD_JSON).unwrap();
    let keys = file.as_object_mut().unwrap();
    keys.retain(|key, _| {
        matches!(
            key.as_str(),
            "version" | "severity_policy" | "risk_flags" | "slack"
        )
    });
    let flags = file["risk_flags"].as_object_mut().unwrap();
    flags.retain(|_, weight| !weight.as_object().unwrap().values().any(|w| *w == 0));
    assert_eq!(flags.len(), 6);
    let sev0 = file["severity_policy"]["sev0"].as_object_mut().unwrap();
    sev0.remove("pii_or_regulatory").unwrap();
    let minimal = Policy::parse(&file.to_string()).unwrap();
    assert_eq!(minimal, Policy::standard());
    assert_eq!(minimal.to_json(), GOLDEN.trim_end());

    for empty in [
        "likelihood",
        "signals",
        "missing_baseline",
        "backfill",
        "review_windows",
        "healthy",
        "update_gate",
        "candidate_gate",
        "rerun_gate",
        "sla",
        "review",
    ] {
        file[empty] = Value::Object(serde_json::Map::new());
    }
    assert_eq!(
        Policy::parse(&file.to_string()).unwrap(),
        Policy::standard()
    );
}

#[test]
fn the_values_reach_whoever_applies_them() {
    let standard = Policy::standard();
    assert_eq!(standard.version(), "1.0.0");
    assert!(standard.sev0_needs_critical_flag());
    assert_eq!(standard.missing_baseline_severity(), Severity::Sev1);
    assert_eq!(
        (standard.retries_max(), standard.backfill_days_max()),
        (5, 14)
    );
    assert_eq!(
        (standard.review_days(), standard.baseline_window_days()),
        (7, 30)
    );
    assert_eq!(standard.notable_from().to_string(), "2");
    assert_eq!(standard.notion_runs_database(), None);
    assert_eq!(standard.healthy().statuses, [Status::Success]);
    assert_eq!(standard.healthy().retries_max, 1);
    assert_eq!(standard.update_gate().healthy_runs_min, 10);
    assert_eq!(standard.candidate_gate().variance_below.to_string(), "1.2");

    assert_eq!(standard.prompt_growth_factor().to_string(), "2");
    assert_eq!(standard.deployment_window_hours(), 24);
    assert_eq!(standard.item_cost_tolerance().to_string(), "0.2");
    assert_eq!(standard.backfill_scale().to_string(), "1.4");
    assert_eq!(
        (standard.sensitive_floor(), standard.impact_floor()),
        (None, None)
    );
    assert_eq!(standard.rerun_gate().sev2_likelihood_min, Likelihood::High);
    let deadlines = standard.deadlines();
    assert_eq!(deadlines.ack_minutes(Severity::Sev0), Some(15));
    assert_eq!(deadlines.ack_minutes(Severity::Sev1), Some(60));
    assert_eq!((deadlines.stale_days, deadlines.archive_days), (14, 30));
    assert_eq!(
        (deadlines.sync_lag_minutes, deadlines.silence_hours),
        (5, 24)
    );

    assert_eq!(standard.review().to_string(), "monday 10:00 UTC");

    let changed = policy([
        (
            "\"version\": \"1.0.0\"",
            "\"version\": \"1.0.0\", \"sensitive_floor\": \"SEV2\", \
             \"impact_floor\": {\"credits\": 0.5, \"at_most\": \"SEV4\"}",
        ),
        ("\"stale_days\": 14", "\"stale_days\": 28"),
        ("\"monday\"", "\"friday\""),
        ("\"10:00\"", "\"09:05\""),
        ("\"UTC\"", "\"Asia/Kolkata\""),
        (
            "\"sev2_min_misconfig\": \"High\"",
            "\"sev2_min_misconfig\": \"Medium\"",
        ),
    ]);
    assert_eq!(changed.sensitive_floor(), Some(Severity::Sev2));
    let half = "0.5".parse().unwrap();
    assert_eq!(changed.impact_floor(), Some((half, Severity::Sev4)));
    assert_eq!(changed.deadlines().stale_days, 28);
    assert_eq!(changed.review().to_string(), "friday 09:05 Asia/Kolkata");
    assert_eq!(changed.rerun_gate().sev2_likelihood_min, Likelihood::Medium);
    assert_eq!(Policy::parse(&changed.to_json()).unwrap(), changed);

    let changed = policy([
        ("\"quiet_days\": 14", "\"quiet_days\": 21"),
        ("\"cv_below\": 0.3", "\"cv_below\": 0.25"),
        ("\"max_retries\": 1\n", "\"max_retries\": 0\n"),
        ("\"min_runs\": 10", "\"min_runs\": 20"),
        (
            "\"version\": \"1.0.0\"",
            "\"version\": \"2 (after the review)\"",
        ),
    ]);
    assert_eq!(changed.update_gate().quiet_days, 21);
    assert!((changed.update_gate().cv_below - 0.25).abs() < f64::EPSILON);
    assert!((changed.candidate_gate().cv_below - 0.3).abs() < f64::EPSILON);
    assert_eq!(changed.healthy().retries_max, 0);
    assert_eq!(changed.candidate_gate().runs_min, 20);
    assert_eq!(changed.version(), "2 (after the review)");
    assert_eq!(Policy::parse(&changed.to_json()).unwrap(), changed);
}

#[test]
fn healthy_statuses_may_stand_in_either_place_or_agree_in_both() {
    const OLDER: &str = "\"healthy_run_statuses\": [\n      \"Success\"\n    ]";
    const NEWER: &str = "\"max_retries\": 1\n";
    let both = |older: &str, newer: &str| Policy::parse(&edited([(OLDER, older), (NEWER, newer)]));
    let two = [Status::Success, Status::Failed];

    let older = policy([(OLDER, r#""healthy_run_statuses": ["Failed", "Success"]"#)]);
    assert_eq!(older.healthy().statuses, two);
    let newer = policy([
        (
            ",\n    \"healthy_run_statuses\": [\n      \"Success\"\n    ]",
            "",
        ),
        (NEWER, r#""statuses": ["Success", "Failed"]"#),
    ]);
    assert_eq!(newer, older);
    let agreeing = both(
        r#""healthy_run_statuses": ["Failed", "Success"]"#,
        r#""statuses": ["Success", "Failed"]"#,
    );
    assert_eq!(agreeing.unwrap(), older);
    let differing = both(
        r#""healthy_run_statuses": ["Failed"]"#,
        r#""statuses": ["Success", "Failed"]"#,
    );
    assert!(matches!(
        differing.unwrap_err().problem,
        Problem::Differs { .. }
    ));
}

#[test]
fn the_manual_names_every_key_and_its_examples_are_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md");
    let Ok(manual) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no manual at {path}");
        return;
    };
    let mut file: Value = serde_json::from_str(STANDARD_JSON).unwrap();
    for key in file.as_object().unwrap().keys() {
        assert!(manual.contains(&format!("\n## `{key}`\n")), "no `{key}`");
    }
    let examples = manual.split("```json\n").skip(1);
    let mut count = 0;
    let examples = examples.filter_map(|rest| rest.split("\n```").next());
    // An example of a key has no braces around it; a test case has.
    for example in examples.filter(|example| !example.starts_with('{')) {
        let example: Value = serde_json::from_str(&format!("{{{example}}}")).unwrap();
        for (key, value) in example.as_object().unwrap() {
            match key.as_str() {
                "sev1" => file["severity_policy"]["sev1"] = value.clone(),
                _ => file[key] = value.clone(),
            }
            count += 1;
        }
    }
    assert_eq!(count, 19);
    Policy::parse(&file.to_string()).unwrap();
}

fn weight() -> impl Strategy<Value = String> {
    (any::<bool>(), 0..=1000).prop_map(|(misconfig, weight)| {
        let key = if misconfig {
            "misconfig_weight"
        } else {
            "legit_weight"
        };
        format!("{{\"{key}\": {weight}}}")
    })
}

/// A number of at most six decimals from `from` to `to` millionths, as its text.
fn multiplier(from: u64, to: u64) -> impl Strategy<Value = String> {
    (from..=to).prop_map(|micro| format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_effective_policy_reads_back_equal(
        sev0 in multiplier(100_000_001, 1_000_000_000_000),
        sev1 in multiplier(10_000_000, 100_000_000),
        sev2 in multiplier(1_000_000, 9_999_999),
        sev3 in multiplier(1, 999_999),
        scale in multiplier(1_000_000, 1_000_000_000),
        cv in multiplier(1, 10_000_000),
        variance in multiplier(1_000_001, 1_000_000_000),
        weight in weight(),
        needed in any::<bool>(),
        missing in proptest::sample::select(Severity::ALL),
        days in 1..=3650,
        name in "[ -~äß€]{1,64}",
    ) {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let text = edited([
            ("\"1.0.0\"", quoted(&name).as_str()),
            ("\"multiplier\": 10,", &format!("\"multiplier\": {sev0},")),
            ("\"multiplier\": 5,", &format!("\"multiplier\": {sev1},")),
            ("\"multiplier\": 2,", &format!("\"multiplier\": {sev2},")),
            ("\"multiplier\": 1.5,", &format!("\"multiplier\": {sev3},")),
            ("\"pii_or_regulatory\": true", &format!("\"pii_or_regulatory\": {needed}")),
            ("{\n      \"misconfig_weight\": 3\n    }", &weight),
            ("\"SEV1\"", &quoted(missing.as_str())),
            ("\"threshold_scale\": 1.4", &format!("\"threshold_scale\": {scale}")),
            ("\"quiet_days\": 14", &format!("\"quiet_days\": {days}")),
            ("\"cv_below\": 0.3", &format!("\"cv_below\": {cv}")),
            ("\"variance_below\": 1.2", &format!("\"variance_below\": {variance}")),
            ("\"#ops-alerts\"", &quoted(&name)),
        ]);
        let policy = Policy::parse(&text).unwrap();
        let effective = policy.to_json();
        let again = Policy::parse(&effective).unwrap();
        prop_assert_eq!(&again, &policy);
        prop_assert_eq!(again.to_json(), effective);
        prop_assert_eq!(policy.version(), name);
    }

    #[test]
    fn any_text_is_read_or_refused_in_one_of_its_lines(
        at in 0..STANDARD_JSON.len(),
        inserted in r#"[\{\}\[\]":,0-9a-z\n\\€-]{0,4}"#,
        removed in 0..40usize,
    ) {
        // The standard policy is ASCII, so that any offset is a boundary.
        let (before, after) = STANDARD_JSON.split_at(at);
        let after = after.get(removed..).unwrap_or("");
        let text = format!("{before}{inserted}{after}");
        match Policy::parse(&text) {
            Ok(policy) => prop_assert_eq!(Policy::parse(&policy.to_json()).unwrap(), policy),
            Err(error) => {
                prop_assert!((1..=1 + text.matches('\n').count()).contains(&error.line));
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
