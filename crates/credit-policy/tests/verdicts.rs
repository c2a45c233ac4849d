//! Golden verdicts: every row of `data/verdicts.json`, and the original's five fixtures.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test may panic, and shares helpers with others"
)]

mod common;

use std::path::Path;

use credit_core::{Run, Severity};
use credit_policy::{Expected, Policy};
use serde_json::{Value, json};

#[test]
fn every_case_gets_its_verdict() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/verdicts.json")).unwrap();
    assert!(cases.len() > 70);
    for case in &cases {
        check(case);
    }
}

/// Judges the case's run and compares what the case expects; what it leaves out is not compared.
#[track_caller]
fn check(case: &Value) {
    let name = case["name"].as_str().unwrap();
    let edits = case["policy"].as_array().into_iter().flatten();
    let policy =
        common::policy(edits.map(|edit| (edit[0].as_str().unwrap(), edit[1].as_str().unwrap())));
    let mut input = json!({
        "Run_ID": "RUN-1", "Timestamp": "2024-01-23T10:00:00Z", "Scenario_ID": "EXPORT",
        "Job_Type": "OTHER", "Status": "Success",
    });
    for (key, value) in case["run"].as_object().into_iter().flatten() {
        input[key] = value.clone();
    }
    let mut run = Run::parse(&with_credits(&input)).unwrap().run;
    run.credits = case["credits"].as_str().unwrap().parse().unwrap();
    let expected = match case["baseline"].as_str() {
        None => Expected::Missing,
        Some(credits) => Expected::Baseline {
            credits: credits.parse().unwrap(),
            manual: case["manual"] == true,
        },
    };

    let verdict = policy.assess(&run, &expected.into());
    let found = json!({
        "severity": verdict.severity,
        "reason": verdict.reason.as_str(),
        "status": verdict.baseline_status,
        "variance": verdict.variance.map(|v| v.six_decimals().to_string()),
        "flags": verdict.risk_flags,
        "score": verdict.score,
        "likelihood": verdict.likelihood,
        "actions": verdict.actions,
    });
    for (key, value) in case.as_object().unwrap() {
        match key.as_str() {
            "name" | "policy" | "run" | "credits" | "manual" => {}
            "baseline" => {
                let baseline = verdict.baseline.map(|b| b.to_string());
                assert_eq!(baseline.as_deref(), value.as_str(), "{name}: baseline");
            }
            _ => assert_eq!(found.get(key), Some(value), "{name}: {key}"),
        }
    }
    assert_eq!(verdict.actions, policy.actions(verdict.severity), "{name}");
    assert_eq!(
        verdict,
        policy.assess(&run, &expected.into()),
        "{name}: again"
    );
    assert!(!policy.summary(&run, &verdict).is_empty(), "{name}");
}

fn with_credits(input: &Value) -> String {
    let mut input = input.clone();
    input["Credits_Total"] = json!(0);
    input.to_string()
}

#[test]
fn the_originals_fixtures_get_the_originals_verdicts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/original");
    let folder = Path::new(folder);
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED: no fixtures of the original at {}",
            folder.display()
        );
        return;
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let policy = Policy::parse(&read("sintraprime-policy.json")).unwrap();
    for (name, baseline, severity, likelihood) in [
        ("high-credit-spike", "320", "SEV1", "Low"),
        ("legit-backfill", "400", "SEV4", "Low"),
        ("pii-exposure", "200", "SEV0", "Medium"),
        ("normal-run", "150", "SEV4", "Low"),
        ("retry-loop-misconfig", "200", "SEV1", "High"),
    ] {
        let parsed = Run::parse(&read(&format!("fixtures/{name}.json"))).unwrap();
        let expected = common::baseline(baseline.parse().unwrap());
        for policy in [&policy, &Policy::standard()] {
            let verdict = policy.assess(&parsed.run, &expected.into());
            assert_eq!(verdict.severity.as_str(), severity, "{name}");
            assert_eq!(verdict.likelihood.as_str(), likelihood, "{name}");
        }
    }
}

#[test]
fn the_originals_policy_loads_and_differs_from_the_standard_only_in_its_databases() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/original/sintraprime-policy.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no policy of the original at {path}");
        return;
    };
    let policy = Policy::parse(&text).unwrap();
    assert_eq!(
        policy.notion_runs_database(),
        Some("${NOTION_RUNS_LEDGER_DB_ID}")
    );
    assert_eq!(
        policy.notion_cases_database(),
        Some("${NOTION_CASES_DB_ID}")
    );
    for severity in Severity::ALL {
        assert_eq!(
            policy.slack_channel(*severity),
            Policy::standard().slack_channel(*severity)
        );
    }
    let mut effective: Value = serde_json::from_str(&policy.to_json()).unwrap();
    effective.as_object_mut().unwrap().remove("notion");
    let standard: Value = serde_json::from_str(credit_policy::STANDARD_JSON).unwrap();
    assert_eq!(effective, standard);
}
