//! Whole reports, byte for byte; `UPDATE_GOLDEN=1` writes the files anew.

#![expect(
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{amount, baselines, context, facts, lines, record, time};
use credit_core::{
    Action, Actions, CaseStatus, Exposure, RiskFlag, RiskFlags, RootCause, Run, RunRecord,
    Severity, Sha256, Status,
};
use credit_report::{
    BaselineChange, Context, Decided, ExposureFound, HeadRef, KnownCause, LedgerState, Proposal,
    ReviewDecision, ReviewNote, RunCase, SeverityCertainty, weekly,
};

#[track_caller]
fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    #[expect(
        clippy::disallowed_methods,
        reason = "how a developer asks for new golden files"
    )]
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if is_update {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{} differs", path.display());
}

/// Twelve runs a week of one scenario, around `credits`.
fn steady(scenario: &str, credits: u64, baseline: &str) -> Vec<RunRecord> {
    (0..12)
        .map(|n| {
            let at = format!("2024-01-{:02}T0{}:00:00Z", 22 + n / 2, n % 2);
            let credits = (credits + n).to_string();
            record(
                &format!("RUN-{scenario}-{n:02}"),
                scenario,
                &at,
                &credits,
                Some(baseline),
            )
        })
        .collect()
}

fn week() -> Vec<RunRecord> {
    let mut records = steady("STEADY", 100, "104");
    records.extend(steady("DRIFTED_UP", 140, "104.5"));
    records.extend(steady("DRIFTED_DOWN", 40, "104.5"));
    records.extend(steady("FREE", 0, "0").into_iter().take(1));
    for (id, at, credits) in [
        ("RUN-20240123-ABC123", "2024-01-23T23:30:00-05:00", "1300"),
        ("RUN-EXACTLY-TWICE", "2024-01-24T10:00:00.250Z", "200.00"),
        ("RUN-JUST-BELOW", "2024-01-24T11:00:00Z", "199.999999"),
        ("RUN-NORMAL", "2024-01-25T10:00:00Z", "0.1107"),
        ("RUN-LAST-WEEK", "2024-01-21T23:59:59.999Z", "100"),
        ("RUN-NEXT-WEEK", "2024-01-29T00:00:00Z", "100"),
    ] {
        records.push(record(id, "BINDER_EXPORT_WEEKLY", at, credits, Some("100")));
    }
    let sensitive = records
        .iter_mut()
        .find(|r| r.run.run_id.as_str() == "RUN-20240123-ABC123");
    let verdict = &mut sensitive.unwrap().assessment;
    verdict.severity = Severity::Sev0;
    verdict.risk_flags = RiskFlags::NONE
        .with(RiskFlag::RetryLoop)
        .with(RiskFlag::PiiExposure);
    verdict.actions = Actions::NONE
        .with(Action::Quarantine)
        .with(Action::BlockDispatch);
    records.push(record(
        "RUN-NEW",
        "NEW_ONE",
        "2024-01-26T10:00:00Z",
        "7",
        None,
    ));
    records.push(with_extra_fields());
    records
}

/// A run that brought fields of its own, one of them with a name that the report uses.
fn with_extra_fields() -> RunRecord {
    let mut stored = record(
        "RUN-EXTRA",
        "MAIL",
        "2024-01-27T10:00:00Z",
        "30",
        Some("10"),
    );
    stored.run = Run::parse(
        r#"{"Run_ID":"RUN-EXTRA","Timestamp":"2024-01-27T10:00:00Z","Scenario_ID":"MAIL",
            "Scenario_Name":"Mail \"out\"","Job_Type":"EMAIL_SEND","Status":"Failed",
            "Credits_Total":30,"case_id":"theirs","tags":{"ratio":1.50,"list":[]}}"#,
    )
    .unwrap()
    .run;
    assert_eq!(stored.run.status, Status::Failed);
    stored
}

#[test]
fn a_small_week() {
    let lines = lines(&week());
    let baselines = baselines(&[
        ("BINDER_EXPORT_WEEKLY", "99"),
        ("STEADY", "104"),
        ("DRIFTED_UP", "104.5"),
        ("DRIFTED_DOWN", "104.5"),
        ("FREE", "0"),
        ("MAIL", "10"),
    ]);
    let decided = decided();
    let context = Context {
        events_head: Some(HeadRef {
            seq: 7,
            hash: Sha256::of(b"events"),
        }),
        decided: &decided,
        certainties: &BTreeMap::from([
            (
                "RUN-20240123-ABC123".parse().unwrap(),
                SeverityCertainty::Certain,
            ),
            (
                "RUN-EXACTLY-TWICE".parse().unwrap(),
                SeverityCertainty::Uncertain,
            ),
            // It is not listed, so nothing is said of it.
            ("RUN-NORMAL".parse().unwrap(), SeverityCertainty::Uncertain),
        ]),
        ..context(&baselines)
    };
    let report = weekly(&facts(&lines), &context);
    check("week.json", &report.to_json());
    check("week.html", &report.to_html());
    check("week.csv", &report.scenarios_csv());
}

/// A case, a decision, notes, changes, a proposal and two looks at an exposure.
fn decided() -> Decided {
    let change = |scenario: &str, old: Option<&str>, at: &str| BaselineChange {
        scenario_id: scenario.parse().unwrap(),
        old: old.map(amount),
        new: amount("104.5"),
        approved_by: "lead-3".to_owned(),
        approved_at: time(at),
    };
    let note = |report: &str, at: &str| ReviewNote {
        report: report.to_owned(),
        note: "\"stable\" <so far>".to_owned(),
        by: "ops-2".to_owned(),
        at: time(at),
    };
    let found = |exposure, at: &str| ExposureFound {
        case_id: "CASE-20240124-0F0F0F".parse().unwrap(),
        scenario_id: "BINDER_EXPORT_WEEKLY".parse().unwrap(),
        flags: RiskFlags::NONE.with(RiskFlag::PiiExposure),
        exposure,
        at: time(at),
    };
    Decided {
        baseline_changes: vec![
            change("DRIFTED_UP", None, "2024-01-23T10:00:00Z"),
            change("DRIFTED_DOWN", Some("110"), "2024-01-22T10:00:00Z"),
            change("STEADY", Some("1"), "2024-01-29T00:00:00Z"),
        ],
        proposals: vec![Proposal {
            scenario_id: "DRIFTED_UP".parse().unwrap(),
            old: Some(amount("104.5")),
            new: amount("145.5"),
            proposed_by: "ops-2".to_owned(),
        }],
        cases: vec![RunCase {
            run_id: "RUN-20240123-ABC123".parse().unwrap(),
            case_id: "CASE-20240124-0F0F0F".parse().unwrap(),
            status: CaseStatus::Investigating,
            opened_at: time("2024-01-24T05:00:00Z"),
            stale: true,
            root_cause: Some(KnownCause {
                root_cause: RootCause::LegitLoad,
                confirmed: false,
            }),
        }],
        decisions: vec![ReviewDecision {
            run_id: "RUN-EXTRA".parse().unwrap(),
            decision: "transient load, no case".to_owned(),
            by: "ops-2".to_owned(),
            at: time("2024-01-29T10:00:00Z"),
        }],
        notes: vec![
            note("CREDIT_REVIEW_2024-01-22", "2024-01-22T10:30:00Z"),
            note("CREDIT_REVIEW_2024-01-22", "2024-01-29T10:30:00Z"),
            note("CREDIT_REVIEW_2024-01-29", "2024-01-29T10:31:00Z"),
        ],
        exposures: vec![
            found(Exposure::FalsePositive, "2024-01-28T23:59:59Z"),
            found(Exposure::Confirmed, "2024-01-29T00:00:00Z"),
        ],
    }
}

#[test]
fn an_empty_week_says_why() {
    let baselines = baselines(&[]);
    for (ledger, name) in [
        (LedgerState::Missing, "ledger_missing"),
        (LedgerState::Empty, "ledger_empty"),
        (LedgerState::Read, "no_runs_in_period"),
        (LedgerState::Unreadable, "parse_errors"),
    ] {
        let context = Context {
            ledger,
            ledger_head: None,
            ..context(&baselines)
        };
        let json = weekly(&[], &context).to_json();
        assert!(json.contains(&format!("\"data_status\": \"{name}\"")));
        check(&format!("empty_{name}.json"), &json);
    }
}

#[test]
fn a_week_with_lines_that_could_not_be_read_is_never_ok() {
    let lines = lines(&[record("R", "S", "2024-01-25T10:00:00Z", "1", Some("1"))]);
    let baselines = baselines(&[]);
    let read = weekly(&facts(&lines), &context(&baselines));
    assert_eq!(read.data_status.as_str(), "ok");
    let context = Context {
        ledger: LedgerState::Unreadable,
        ..context(&baselines)
    };
    assert_eq!(
        weekly(&facts(&lines), &context).data_status.as_str(),
        "parse_errors"
    );
}
