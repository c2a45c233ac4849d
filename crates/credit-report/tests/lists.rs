//! Which runs are listed where, and in which order.

#![expect(
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

mod common;

use common::{baselines, context, facts, lines, record, time};
use credit_core::{
    Action, Actions, CaseStatus, Period, RiskFlag, RiskFlags, RootCause, RunRecord, Severity,
};
use credit_report::{Context, Decided, KnownCause, RunCase, Violation, WeeklyReport, weekly};

fn report(records: &[RunRecord], cases: &[RunCase]) -> WeeklyReport {
    let (lines, baselines) = (lines(records), baselines(&[]));
    let decided = Decided {
        cases: cases.to_vec(),
        ..Decided::default()
    };
    let context = Context {
        decided: &decided,
        ..context(&baselines)
    };
    weekly(&facts(&lines), &context)
}

fn at(id: &str, hour: u32, credits: &str) -> RunRecord {
    record(
        id,
        "S",
        &format!("2024-01-25T{hour:02}:00:00Z"),
        credits,
        Some("100"),
    )
}

fn case(run: &str) -> RunCase {
    RunCase {
        run_id: run.parse().unwrap(),
        case_id: "CASE-20240125-0F0F0F".parse().unwrap(),
        status: CaseStatus::Resolved,
        opened_at: time("2024-01-25T00:00:00Z"),
        stale: false,
        root_cause: Some(KnownCause {
            root_cause: RootCause::LegitLoad,
            confirmed: true,
        }),
    }
}

#[test]
fn the_five_highest_spikes_from_exactly_twice_on() {
    let records = [
        at("B", 1, "200"),
        at("A", 2, "200"),
        at("BELOW", 3, "199.999999"),
        at("HIGH", 4, "450"),
    ];
    let report_few = report(&records, &[]);
    let ids = |report: &WeeklyReport| -> Vec<String> {
        report
            .top_spike_runs
            .iter()
            .map(|s| s.run_id.to_string())
            .collect()
    };
    assert_eq!(ids(&report_few), ["HIGH", "A", "B"]);
    let many: Vec<RunRecord> = (0..9)
        .map(|n| at(&format!("R{n}"), n, &format!("{}", 200 + n)))
        .collect();
    assert_eq!(ids(&report(&many, &[])), ["R8", "R7", "R6", "R5", "R4"]);
    // All of them wait for the review all the same.
    assert_eq!(report(&many, &[]).review_queue.len(), 9);
}

#[test]
fn a_moderate_spike_without_a_case_needs_assessment() {
    let records = [
        at("WITH", 1, "210"),
        at("WITHOUT", 2, "220"),
        at("GRAVE", 3, "600"),
    ];
    let report = report(&records, &[case("WITH")]);
    let found: Vec<_> = report
        .top_spike_runs
        .iter()
        .map(|s| (s.run_id.as_str(), s.case_id.is_some(), s.needs_assessment))
        .collect();
    assert_eq!(
        found,
        [
            ("GRAVE", false, false),
            ("WITHOUT", false, true),
            ("WITH", true, false)
        ]
    );
    let queued: Vec<_> = report
        .review_queue
        .iter()
        .map(|q| q.needs_assessment)
        .collect();
    assert_eq!(queued, [false, true]);
}

#[test]
fn the_review_gets_what_is_moderate_sensitive_or_asked_for() {
    let mut sensitive = at("SENSITIVE", 3, "1");
    sensitive.assessment.risk_flags = RiskFlags::NONE.with(RiskFlag::RegulatoryData);
    let mut asked = at("ASKED", 2, "1");
    asked.assessment.actions = Actions::NONE.with(Action::WeeklyReview);
    let mut optional = at("OPTIONAL", 1, "1");
    optional.assessment.actions = Actions::NONE.with(Action::WeeklyReviewOptional);
    let mut moderate = at("MODERATE", 4, "200");
    moderate.assessment.actions = Actions::NONE;
    moderate.assessment.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    let report = report(&[moderate, sensitive, optional, asked], &[]);
    let found: Vec<String> = report
        .review_queue
        .iter()
        .map(|q| {
            let reasons: Vec<_> = q.reasons.iter().map(|r| r.as_str()).collect();
            format!("{}: {}", q.run_id, reasons.join(" "))
        })
        .collect();
    assert_eq!(
        found,
        [
            "ASKED: weekly_review",
            "SENSITIVE: critical_flag",
            "MODERATE: sev2 critical_flag"
        ]
    );
}

#[test]
fn violations_come_gravest_first_with_their_case() {
    let mut gravest = at("GRAVEST", 9, "2000");
    gravest.assessment.severity = Severity::Sev0;
    let unjudged = record("UNJUDGED", "NEW", "2024-01-25T02:00:00Z", "5", None);
    let above_zero = record("ABOVE-ZERO", "FREE", "2024-01-25T03:00:00Z", "5", Some("0"));
    let records = [
        at("LATE", 8, "700"),
        at("EARLY", 1, "600"),
        above_zero,
        unjudged,
        gravest,
        at("OK", 1, "1"),
    ];
    let report = report(&records, &[case("EARLY")]);
    let found: Vec<_> = report
        .policy_violations
        .iter()
        .map(|v| (v.run_id.as_str(), v.violation_type, v.case.is_some()))
        .collect();
    assert_eq!(
        found,
        [
            ("GRAVEST", Violation::Sev0Incident, false),
            ("EARLY", Violation::Sev1Incident, true),
            ("UNJUDGED", Violation::MissingBaseline, false),
            ("ABOVE-ZERO", Violation::AboveZeroBaseline, false),
            ("LATE", Violation::Sev1Incident, false),
        ]
    );
    let json = report.to_json();
    assert!(json.contains("\"case_status\": \"Resolved\",\n      \"stale\": false,\n      \"root_cause\": \"Legit Load\""));
}

#[test]
fn run_counts_are_compared_with_the_week_before() {
    let mut records = vec![
        record("P1", "S", "2024-01-15T00:00:00Z", "1", Some("1")),
        record("P2", "S", "2024-01-21T23:59:59.999Z", "1", Some("1")),
        record("OLD", "S", "2024-01-14T23:59:59.999Z", "1", Some("1")),
        record("GONE", "GONE", "2024-01-18T00:00:00Z", "1", Some("1")),
    ];
    records.push(record("NOW", "S", "2024-01-22T00:00:00Z", "1", Some("1")));
    let report = report(&records, &[]);
    let [totals] = report.top_scenarios_by_total() else {
        panic!("a scenario that did not run this week is not listed");
    };
    assert_eq!(
        (
            totals.run_count,
            totals.prev_run_count,
            totals.run_count_change()
        ),
        (1, 2, -1)
    );
}

#[test]
fn a_run_on_the_boundary_counts_once() {
    let baselines = baselines(&[]);
    let week = context(&baselines);
    let next = Period::days_until(7, "2024-02-05T00:00:00Z".parse().unwrap());
    assert_eq!(next.start, week.period.end);
    for time in [
        "2024-01-29T00:00:00Z",
        "2024-01-29T00:00:00.000Z",
        "2024-01-28T19:00:00-05:00",
    ] {
        let lines = lines(&[record("R", "S", time, "1", Some("1"))]);
        let count =
            |context: &Context<'_>| weekly(&facts(&lines), context).summary_stats.total_runs;
        assert_eq!(count(&week), 0, "{time}");
        assert_eq!(
            count(&Context {
                period: next,
                ..week
            }),
            1,
            "{time}"
        );
    }
}

#[test]
fn the_stored_record_keeps_its_tokens() {
    let json = record("R", "S", "2024-01-25T00:00:00Z", "300", Some("100")).to_json();
    let line = json.replacen("{", r#"{ "odd" : [1.50, 2e3], "case_id":"theirs", "#, 1);
    let lines = [line];
    let baselines = baselines(&[]);
    let report = weekly(&facts(&lines), &context(&baselines));
    let record = &report.top_spike_runs[0].record;
    assert!(record.starts_with(r#"{"odd":[1.50, 2e3],"Run_ID":"R","#));
    assert!(record.ends_with(
        r#","case_id":null,"needs_assessment":true,"decision":null,"severity_certainty":null}"#
    ));
    assert!(
        report
            .to_json()
            .contains("\"odd\": [\n        1.50,\n        2e3\n      ]")
    );
    assert!(!report.to_json().contains("theirs"));
}
