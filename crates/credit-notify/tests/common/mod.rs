//! Records, rows and messages to say something about.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and UPDATE_GOLDEN is the tests' own switch"
)]

use std::fs;
use std::path::Path;

use credit_core::{
    Action, Actions, Assessment, BaselineStatus, Credits, Inputs, JobType, Likelihood, Period,
    Ratio, Reason, RiskFlag, RiskFlags, Run, RunRecord, Severity, Sha256, Status, Timestamp,
};
use credit_notify::notion::{CaseRow, Choice, Owner};
use credit_notify::{Alert, Links, TopScenario, Weekly};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn record(actions: &[Action]) -> RunRecord {
    let credits = Credits::whole(2500).unwrap();
    let baseline = Credits::whole(500).unwrap();
    let mut run = Run::new(
        "RUN-1".parse().unwrap(),
        "EXPORT".parse().unwrap(),
        at("2025-01-31T10:00:00Z"),
        Status::Success,
        credits,
    );
    run.scenario_name = Some("Nightly <export> & mail".to_owned());
    run.job_type = JobType::BinderExport;
    run.credits_in = Some("2000.5".parse().unwrap());
    run.model = Some("model, large".to_owned());
    run.input_tokens = Some(120_000);
    run.artifacts_link = Some("https://example.org/a?b=1&c=2".to_owned());
    RunRecord {
        run,
        assessment: Assessment {
            severity: Severity::Sev1,
            reason: Reason::Ratio,
            baseline: Some(baseline),
            baseline_status: BaselineStatus::Current,
            variance: Ratio::new(credits, baseline).map(Ratio::multiplier),
            risk_flags: RiskFlags::NONE
                .with(RiskFlag::RetryLoop)
                .with(RiskFlag::PiiExposure),
            score: 3,
            likelihood: Likelihood::Medium,
            actions: actions.iter().copied().collect::<Actions>(),
        },
        inputs: Inputs {
            policy_sha256: Sha256::of(b"policy"),
            scenario_sha256: None,
            input_sha256: Sha256::of(b"input"),
            baseline_updated: None,
            usual: Default::default(),
        },
        summary: "5 times <!channel> its baseline".to_owned(),
    }
}

pub(crate) fn alert(severity: Severity) -> Alert {
    let escalate = severity == Severity::Sev0;
    let action = if escalate {
        Action::SlackEscalate
    } else {
        Action::SlackAlert
    };
    Alert {
        severity,
        ..Alert::of(&record(&[action])).unwrap()
    }
}

pub(crate) fn links() -> Links {
    Links {
        case_id: Some("CASE-20250131-ABC123".parse().unwrap()),
        case_url: Some("https://notion.so/case?v=1&p=2".parse().unwrap()),
        run_url: Some("https://notion.so/run".parse().unwrap()),
    }
}

pub(crate) fn weekly() -> Weekly {
    let credits = |n: &str| [n.parse::<Credits>().unwrap()].into_iter().sum();
    Weekly {
        period: Period::days_until(7, at("2025-02-03T00:00:00Z")),
        data_problem: None,
        total_credits: credits("12345.5"),
        total_runs: 321,
        severity_counts: [1, 2, 3, 4, 311],
        top_scenarios: vec![
            TopScenario {
                scenario_id: "EXPORT".parse().unwrap(),
                total_credits: credits("10000"),
                variance: Some("5.25".parse().unwrap()),
            },
            TopScenario {
                scenario_id: "MAIL".parse().unwrap(),
                total_credits: credits("2345.5"),
                variance: None,
            },
        ],
        needs_assessment: 2,
        baseline_candidates: 1,
        report_url: Some("https://example.org/weekly.json".parse().unwrap()),
    }
}

pub(crate) fn case() -> CaseRow {
    CaseRow {
        case_id: "CASE-20250131-ABC123".parse().unwrap(),
        title: "EXPORT cost 5 times its baseline".to_owned(),
        category: Choice::new("Data/PII").unwrap(),
        severity: Severity::Sev0,
        exposure_band: Choice::new("Privacy").unwrap(),
        status: Choice::new("Open").unwrap(),
        root_cause: None,
        primary_run_id: "RUN-1".parse().unwrap(),
        related_run_ids: vec!["RUN-2".parse().unwrap(), "RUN-3".parse().unwrap()],
        risk_flags: RiskFlags::CRITICAL,
        created_at: at("2025-01-31T10:00:00Z"),
        owner: owner(),
    }
}

pub(crate) fn owner() -> Owner {
    Owner::new("operations").unwrap()
}

/// Compares with a file; `UPDATE_GOLDEN=1` writes it anew.
#[track_caller]
pub(crate) fn assert_golden(name: &str, found: &impl serde::Serialize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let found = serde_json::to_string_pretty(found).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, golden, "{name} differs; UPDATE_GOLDEN=1 rewrites it");
}
