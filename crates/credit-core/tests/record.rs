//! A stored record says what its verdict was, in bytes that do not change by accident.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod common;

use credit_core::{
    Action, Actions, Assessment, BaselineStatus, Bounds, Credits, Inputs, Likelihood, Multiplier,
    Problem, Ratio, Reason, RiskFlag, Run, RunFacts, RunRecord, Severity, Sha256, StoredRecord,
    StoredVerdict, Usual,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_facts_of_a_record_are_read_back(record in common::record()) {
        let text = record.to_json();
        let facts = RunFacts::parse(&text).unwrap();
        let (run, verdict) = (&record.run, &record.assessment);
        prop_assert_eq!(&facts.run_id, &run.run_id);
        prop_assert_eq!(facts.timestamp, run.timestamp);
        prop_assert_eq!(&facts.scenario_id, &run.scenario_id);
        prop_assert_eq!(facts.status, run.status);
        prop_assert_eq!(facts.credits, run.credits);
        prop_assert_eq!(facts.retry_count, run.retry_count);
        prop_assert_eq!(facts.input_tokens, run.input_tokens);
        prop_assert_eq!(facts.input_item_count, run.input_item_count);
        prop_assert_eq!(facts.severity, verdict.severity);
        prop_assert_eq!(facts.risk_flags, verdict.risk_flags);
        prop_assert_eq!(facts.likelihood, verdict.likelihood);
        prop_assert_eq!(facts.baseline, verdict.baseline);
        prop_assert_eq!(facts.baseline_status, verdict.baseline_status);
        prop_assert_eq!(facts.variance, verdict.variance);
        prop_assert_eq!(&facts.summary, &record.summary);
        prop_assert_eq!(facts.actions, verdict.actions);
        prop_assert_eq!(facts.json, text.as_str());
        prop_assert!(!text.contains('\n'));
    }

    #[test]
    fn a_record_is_read_back_whole(record in common::record()) {
        let text = record.to_json();
        let stored = StoredRecord::parse(&text).unwrap();
        prop_assert_eq!(&stored.run, &record.run);
        prop_assert_eq!(&stored.inputs, &record.inputs);
        prop_assert_eq!(stored.verdict, StoredVerdict::from(&record.assessment));
        prop_assert_eq!(&stored.summary, &record.summary);
        // As a whole ledger line, too.
        let line = text.replacen('{', r#"{"Seq":7,"Prev_Hash":"00","#, 1);
        prop_assert_eq!(StoredRecord::parse(&line).unwrap(), stored);
    }

    #[test]
    fn what_is_no_whole_record_is_refused_and_says_why(
        record in common::record(),
        at in 0_usize..9,
        text in any::<String>(),
    ) {
        const NEEDED: [&str; 9] = [
            "Run_ID", "Job_Type", "Severity", "Severity_Reason", "Risk_Flags", "Baseline_Status",
            "Misconfig_Likelihood", "Policy_Sha256", "Input_Sha256",
        ];
        let needed = NEEDED.get(at).unwrap();
        let cut = record.to_json().replacen(&format!("\"{needed}\":"), "\"x_other\":", 1);
        let error = StoredRecord::parse(&cut).unwrap_err();
        let missing = Problem::Missing { also: Vec::new() };
        prop_assert_eq!((error.field.as_str(), error.problem), (*needed, missing));
        let _ = StoredRecord::parse(&text);
    }

    #[test]
    fn a_record_given_as_a_run_is_the_run_again(record in common::record()) {
        let read = Run::parse(&record.to_json()).unwrap();
        // The verdict is left out; of the flags it knows only those of the record.
        let mut expected = record.run.clone();
        expected.risk_flags = record.assessment.risk_flags;
        prop_assert_eq!(read.run, expected);
        for key in ["Severity", "Severity_Reason", "Risk_Summary", "actions", "Input_Sha256"] {
            prop_assert!(read.ignored.iter().any(|k| k == key), "{}", key);
        }
    }

    #[test]
    fn keys_are_distinct_and_in_one_order(a in common::record(), b in common::record()) {
        let keys = |record: &RunRecord| -> Vec<String> {
            let text = record.to_json();
            credit_core::json::Object::parse(&text).unwrap().iter().map(|(k, _)| k.to_owned()).collect()
        };
        let (a, b) = (keys(&a), keys(&b));
        let known = |k: &&String| !k.is_empty() && !k.starts_with("x_");
        let common_a: Vec<_> = a.iter().filter(known).filter(|k| b.contains(k)).collect();
        let common_b: Vec<_> = b.iter().filter(known).filter(|k| a.contains(k)).collect();
        prop_assert_eq!(common_a, common_b);
    }

    #[test]
    fn reading_facts_from_any_text_does_not_panic(text in any::<String>()) {
        let _ = RunFacts::parse(&text);
    }

    #[test]
    fn a_record_without_a_field_has_no_facts(record in common::record(), at in 0_usize..12) {
        const NEEDED: [&str; 12] = [
            "Run_ID", "Timestamp", "Scenario_ID", "Status", "Credits_Total", "Severity", "Risk_Flags",
            "Misconfig_Likelihood", "Baseline_Status", "retry_count", "actions", "Run_ID",
        ];
        let needed = NEEDED.get(at).unwrap();
        let text = record.to_json().replacen(&format!("\"{needed}\":"), "\"x_other\":", 1);
        prop_assert!(RunFacts::parse(&text).is_err());
    }
}

#[test]
fn a_full_run_has_these_bytes() {
    check_golden("run.json", &full_run().to_json());
}

#[test]
fn a_full_record_has_these_bytes() {
    check_golden("record.json", &full_record().to_json());
}

#[test]
fn the_golden_record_reads_back() {
    let record = full_record();
    let text = record.to_json();
    let facts = RunFacts::parse(&text).unwrap();
    assert_eq!(facts.variance, Some("12.5".parse::<Multiplier>().unwrap()));
    assert!(facts.is_incident());
    // As a whole ledger line, too.
    let line = text.replacen('{', r#"{"Seq":7,"Prev_Hash":"00","#, 1);
    assert_eq!(RunFacts::parse(&line).unwrap().run_id, record.run.run_id);
}

#[test]
fn dispatch_blocked_is_there_only_where_it_is_true() {
    let mut record = full_record();
    assert!(record.to_json().contains(r#""dispatch_blocked":true"#));
    record.assessment.actions = Actions::NONE.with(Action::LedgerOnly);
    assert!(!record.to_json().contains("dispatch_blocked"));
}

#[test]
fn a_floor_for_sensitive_data_makes_no_incident_of_a_usual_cost() {
    let mut record = full_record();
    record.assessment.baseline_status = BaselineStatus::Current;
    let mut incident = |reason, severity| {
        record.assessment.reason = reason;
        record.assessment.severity = severity;
        RunFacts::parse(&record.to_json()).unwrap().is_incident()
    };
    assert!(incident(Reason::Ratio, Severity::Sev1));
    assert!(!incident(Reason::SensitiveFloor, Severity::Sev1));
    // What was raised to SEV0 may have been SEV1 before.
    assert!(incident(Reason::SensitiveFloor, Severity::Sev0));
    assert!(incident(Reason::SensitiveSpike, Severity::Sev0));
    // A record that does not say why is taken at its severity.
    record.assessment.severity = Severity::Sev1;
    let silent = record
        .to_json()
        .replace("\"Severity_Reason\"", "\"x_reason\"");
    assert!(RunFacts::parse(&silent).unwrap().is_incident());
}

#[test]
fn want_of_a_baseline_is_no_incident() {
    let mut record = full_record();
    let mut incident = |status, severity| {
        record.assessment.baseline_status = status;
        record.assessment.severity = severity;
        RunFacts::parse(&record.to_json()).unwrap().is_incident()
    };
    for status in [BaselineStatus::Current, BaselineStatus::Manual] {
        assert!(incident(status, Severity::Sev0));
        assert!(incident(status, Severity::Sev1));
        assert!(!incident(status, Severity::Sev2));
    }
    for status in [BaselineStatus::Missing, BaselineStatus::Zero] {
        assert!(!incident(status, Severity::Sev0));
    }
}

#[test]
fn what_has_no_ratio_has_null() {
    let mut record = full_record();
    record.assessment.baseline = None;
    record.assessment.variance = None;
    let text = record.to_json();
    assert!(text.contains(r#""Baseline_Expected_Credits":null"#));
    assert!(text.contains(r#""Variance_Multiplier":null"#));
    let facts = RunFacts::parse(&text).unwrap();
    assert_eq!((facts.baseline, facts.variance), (None, None));
}

fn full_run() -> Run {
    Run::parse(
        r#"{
            "z_unknown": [1.50, {"deep": 1e2}], "a_unknown": "caf\u00e9 \ud83d\ude80", "empty": null,
            "Run_ID": "RUN-20240123-ABC123",
            "Timestamp": "2024-01-23T23:30:00.250-05:00",
            "Scenario_Name": "Email \"send\"",
            "Scenario_ID": "EMAIL_SEND_v2",
            "Job_Type": "EMAIL_SEND",
            "Status": "Escalated",
            "Credits_Total": 1250.5,
            "Credits_In": 1.2500e3,
            "Credits_Out": 0.5,
            "Model": "model-4",
            "Input_Tokens": 9007199254740991,
            "Output_Tokens": 0,
            "Artifacts_Link": "https://example.com/a?b=c&d",
            "Risk_Flags": ["pii_exposure", "retry_loop", "pii_exposure"],
            "retry_count": 6,
            "has_max_items_config": false,
            "has_idempotency_key": true,
            "prompt_version": "v3",
            "deployment_timestamp": "2024-01-24T02:00:00Z",
            "is_batch_job": true,
            "is_backfill": false,
            "input_item_count": 40,
            "rerun_of": "RUN-20240122-000001"
        }"#,
    )
    .unwrap()
    .run
}

fn full_record() -> RunRecord {
    let run = full_run();
    let baseline: Credits = "100.04".parse().unwrap();
    let flags = [RiskFlag::UnboundedIterator, RiskFlag::BatchJob]
        .into_iter()
        .collect();
    RunRecord {
        assessment: Assessment {
            severity: Severity::Sev0,
            reason: Reason::SensitiveSpike,
            baseline: Some(baseline),
            baseline_status: BaselineStatus::Current,
            variance: Ratio::new(run.credits, baseline).map(Ratio::multiplier),
            risk_flags: run.risk_flags.union(flags),
            score: 5,
            likelihood: Likelihood::Medium,
            actions: Actions::NONE
                .with(Action::SlackEscalate)
                .with(Action::Quarantine)
                .with(Action::BlockDispatch),
        },
        inputs: Inputs {
            policy_sha256: Sha256::of(b"policy"),
            scenario_sha256: Some(Sha256::of(b"scenario")),
            input_sha256: run.sha256(),
            baseline_updated: "2024-01-20T00:00:00Z".parse().ok(),
            usual: Usual {
                input_tokens: Some(12_000),
                credits_per_item: "2.501".parse().ok(),
                bounds: Bounds::new("95.5".parse().unwrap(), "104".parse().unwrap()),
            },
        },
        summary: "12.5 times the baseline, with personal data.".to_owned(),
        run,
    }
}

/// `UPDATE_GOLDEN=1` writes the file anew.
#[expect(
    clippy::disallowed_methods,
    reason = "a developer asks for new golden files through the environment"
)]
#[track_caller]
fn check_golden(name: &str, found: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let found = format!("{found}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        found, expected,
        "{name} differs; UPDATE_GOLDEN=1 accepts what is new"
    );
}

#[test]
fn a_baseline_that_contradicts_its_status_is_refused() {
    let text = full_record().to_json();
    for (from, to) in [
        (
            r#""Baseline_Status":"current""#,
            r#""Baseline_Status":"missing""#,
        ),
        (
            r#""Baseline_Status":"current""#,
            r#""Baseline_Status":"zero""#,
        ),
        (
            r#""Baseline_Expected_Credits":100.04"#,
            r#""Baseline_Expected_Credits":null"#,
        ),
        (
            r#""Baseline_Expected_Credits":100.04"#,
            r#""Baseline_Expected_Credits":0"#,
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert_eq!(
            StoredRecord::parse(&changed).unwrap_err().to_string(),
            "line 1: `Baseline_Expected_Credits`: contradicts `Baseline_Status`; the record was \
             not written by one judgement"
        );
    }
}
