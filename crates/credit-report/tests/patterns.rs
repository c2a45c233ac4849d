//! What spikes have in common, since when a scenario drifted, and what people decided.

mod common;

use common::{amount, baselines, context, facts, lines, record, time};
use credit_core::{
    CaseStatus, Credits, Exposure, RiskFlag, RiskFlags, RootCause, RunRecord, Severity,
};
use credit_report::{
    Context, Decided, ExposureFound, KnownCause, Pattern, PatternKind, ReviewDecision, ReviewNote,
    RunCase, Scope, WeeklyReport, weekly,
};

/// A run of a scenario with a baseline of 100, on a day of January 2024.
fn at(id: &str, scenario: &str, day: u32, hour: u32, credits: &str) -> RunRecord {
    let time = format!("2024-01-{day:02}T{hour:02}:00:00Z");
    record(id, scenario, &time, credits, Some("100"))
}

/// Three runs a day of about 100 credits from the 15th up to the 28th, both weeks.
fn steady(scenario: &str, credits: impl Fn(u32) -> u32) -> Vec<RunRecord> {
    let slots = (15..29).flat_map(|day| (0..3).map(move |n| (day, n)));
    slots
        .map(|(day, n)| {
            let credits = credits(day) + (day * 7 + n * 3) % 5;
            let id = format!("{scenario}-{day}-{n}");
            at(&id, scenario, day, 6 * n, &credits.to_string())
        })
        .collect()
}

fn report(records: &[RunRecord]) -> WeeklyReport {
    report_with(records, &Decided::default())
}

fn report_with(records: &[RunRecord], decided: &Decided) -> WeeklyReport {
    let lines = lines(records);
    let ids: std::collections::BTreeSet<&str> =
        records.iter().map(|r| r.run.scenario_id.as_str()).collect();
    let baselines = baselines(&ids.iter().map(|id| (*id, "100")).collect::<Vec<_>>());
    let context = Context {
        decided,
        ..context(&baselines)
    };
    weekly(&facts(&lines), &context)
}

fn shown(patterns: &[Pattern]) -> Vec<String> {
    let shown = |p: &Pattern| {
        let ids: Vec<&str> = p.scenario_ids.iter().map(|id| id.as_str()).collect();
        let runs: Vec<&str> = p.run_ids.iter().map(|id| id.as_str()).collect();
        format!("{} {}: {}", p.kind.as_str(), ids.join("+"), runs.join(" "))
    };
    patterns.iter().map(shown).collect()
}

#[test]
fn three_weeks_have_three_labels() {
    let mut quiet: Vec<RunRecord> = ["A", "B", "C", "D", "E"]
        .iter()
        .flat_map(|scenario| steady(scenario, |_| 98))
        .collect();
    assert!(report(&quiet).patterns.is_empty());

    let mut drifting = quiet.clone();
    drifting.extend((22..25).map(|day| at(&format!("D{day}"), "A", day, 12, "250")));
    assert_eq!(
        shown(&report(&drifting).patterns),
        ["drift A: D22 D23 D24"],
        "one scenario again and again"
    );

    let mut systemic = quiet.clone();
    systemic.push(at("S2", "B", 26, 13, "200"));
    systemic.extend(["A", "C"].map(|s| at(&format!("S-{s}"), s, 26, 12, "220")));
    assert_eq!(
        shown(&report(&systemic).patterns),
        ["systemic A+B+C: S-A S-C S2"],
        "many scenarios at once"
    );

    quiet.push(at("T1", "C", 27, 12, "900"));
    quiet.push(at("T2", "E", 23, 12, "300"));
    assert_eq!(
        shown(&report(&quiet).patterns),
        ["transient C: T1", "transient E: T2"],
        "once in a while"
    );
}

#[test]
fn a_few_spiking_scenarios_of_a_large_fleet_are_not_systemic() {
    let fleet = |size: u32| -> Vec<RunRecord> {
        let ids: Vec<String> = (0..size).map(|n| format!("S{n:02}")).collect();
        let quiet = ids
            .iter()
            .map(|id| at(&format!("{id}-q"), id, 23, 1, "100"));
        let spikes = ids
            .iter()
            .take(3)
            .map(|id| at(&format!("{id}-s"), id, 23, 2, "200"));
        quiet.chain(spikes).collect()
    };
    let kinds = |size| -> Vec<PatternKind> {
        let report = report(&fleet(size));
        report.patterns.iter().map(|p| p.kind).collect()
    };
    assert_eq!(kinds(12), [PatternKind::Systemic]);
    assert_eq!(kinds(13), [PatternKind::Transient; 3]);
}

#[test]
fn spikes_are_repeated_within_the_days_of_the_rule_only() {
    let lines = lines(&[
        at("R1", "A", 10, 0, "200"),
        at("R2", "A", 12, 0, "200"),
        at("R3", "A", 17, 0, "200"),
    ]);
    let baselines = baselines(&[]);
    let period = |start: &str| credit_core::Period {
        start: time(start),
        end: time("2024-01-29T00:00:00Z"),
    };
    let scope = Scope::AdHoc { scenario: None };
    let ad_hoc = |days| {
        let standard = context(&baselines);
        let context = Context {
            period: period("2024-01-01T00:00:00Z"),
            scope: &scope,
            repetition: credit_report::Repetition {
                days,
                ..standard.repetition
            },
            ..standard
        };
        weekly(&facts(&lines), &context).patterns[0].kind
    };
    // Exactly seven days lie between the first and the last.
    assert_eq!(ad_hoc(7), PatternKind::Transient);
    assert_eq!(ad_hoc(8), PatternKind::Drift);
}

#[test]
fn a_step_is_drift_with_its_date_and_noise_is_none() {
    let changed = report(&steady("A", |day| if day < 25 { 98 } else { 160 }));
    let [pattern] = changed.patterns.as_slice() else {
        panic!("{:?}", changed.patterns);
    };
    assert_eq!(pattern.kind, PatternKind::Drift);
    assert!(pattern.level_moved);
    assert_eq!(
        pattern.run_count, 12,
        "every run since, though none is a spike"
    );
    let change = pattern.change.unwrap();
    assert_eq!(change.changed_at, time("2024-01-25T00:00:00Z"));
    assert!(change.before <= amount("102") && change.after >= amount("160"));

    // The runs since the change are screened by themselves: the whole week is a mixture.
    let [drifted] = changed.drift_candidates.as_slice() else {
        panic!("{:?}", changed.drift_candidates);
    };
    assert_eq!(drifted.change, Some(change));
    assert_eq!(drifted.direction(), "up");
    assert_eq!(drifted.screened.run_count, 12);
    assert!(drifted.screened.proposed_median_credits >= amount("160"));

    let noisy = report(&steady("A", |day| 85 + day * 13 % 30));
    assert!(noisy.patterns.is_empty() && noisy.drift_candidates.is_empty());
}

#[test]
fn what_came_back_is_no_drift_and_what_fell_is_no_pattern() {
    let back = report(&steady(
        "A",
        |day| if (19..24).contains(&day) { 160 } else { 98 },
    ));
    assert!(
        back.drift_candidates.is_empty(),
        "{:?}",
        back.drift_candidates
    );
    assert!(back.patterns.is_empty(), "{:?}", back.patterns);

    let cheaper = report(&steady("A", |day| if day < 20 { 98 } else { 60 }));
    let [drifted] = cheaper.drift_candidates.as_slice() else {
        panic!("{:?}", cheaper.drift_candidates);
    };
    assert_eq!(drifted.direction(), "down");
    let change = drifted.change.unwrap();
    assert_eq!(
        change.changed_at,
        time("2024-01-20T00:00:00Z"),
        "in the week before"
    );
    assert!(cheaper.patterns.is_empty(), "nothing spiked");
}

#[test]
fn nine_runs_since_a_change_are_too_few_for_a_candidate() {
    let since = |day: u32| report(&steady("A", move |d| if d < day { 98 } else { 160 }));
    assert_eq!(since(25).drift_candidates.len(), 1, "twelve runs");
    assert!(since(26).drift_candidates.is_empty(), "nine runs");
    assert_eq!(
        since(26).patterns[0].kind,
        PatternKind::Drift,
        "though it is seen"
    );
}

#[test]
fn five_runs_are_too_few_to_say_what_is_usual() {
    let all = |count: u32| {
        let runs: Vec<RunRecord> = (0..count)
            .map(|n| at(&format!("R{n}"), "A", 24, n, "150"))
            .collect();
        report(&runs).patterns.len()
    };
    assert_eq!((all(5), all(6)), (0, 1));
}

#[test]
fn evidence_is_the_first_twenty_runs_and_their_number() {
    let spikes: Vec<RunRecord> = (0..23)
        .map(|hour| at(&format!("R{hour:02}"), "A", 24, hour, "300"))
        .collect();
    let patterns = report(&spikes).patterns;
    assert_eq!(patterns[0].run_count, 23);
    assert_eq!(patterns[0].run_ids.len(), 20);
    assert_eq!(patterns[0].run_ids[0].as_str(), "R00");
    assert_eq!(patterns[0].run_ids[19].as_str(), "R19");
}

#[test]
fn a_decision_answers_a_spike_and_the_last_one_counts() {
    let decide = |run: &str, decision: &str, at: &str| ReviewDecision {
        run_id: run.parse().unwrap(),
        decision: decision.to_owned(),
        by: "ops-2".to_owned(),
        at: time(at),
    };
    let decided = Decided {
        decisions: vec![
            decide("OLD", "no case", "2024-01-21T23:59:59Z"),
            decide("LAST-WEEK", "no case", "2024-01-22T10:00:00Z"),
            decide("R", "no case", "2024-01-29T10:00:00Z"),
            decide("R", "a case after all", "2024-01-29T11:00:00Z"),
        ],
        ..Decided::default()
    };
    let report = report_with(
        &[at("R", "A", 24, 0, "200"), at("S", "A", 24, 1, "200")],
        &decided,
    );
    let found: Vec<_> = report
        .top_spike_runs
        .iter()
        .map(|s| {
            (
                s.needs_assessment,
                s.decision.as_ref().map(|d| d.decision.as_str()),
            )
        })
        .collect();
    assert_eq!(found, [(false, Some("a case after all")), (true, None)]);
    assert!(!report.review_queue[0].needs_assessment);
    let listed: Vec<&str> = report
        .review_decisions
        .iter()
        .map(|d| d.run_id.as_str())
        .collect();
    assert_eq!(
        listed,
        ["LAST-WEEK", "R", "R"],
        "of the week, or about a run of it"
    );
    let json = report.to_json();
    assert!(json.contains("\"decision\": \"a case after all\""));
}

#[test]
fn notes_of_the_week_and_to_this_report_are_listed() {
    let note = |report: &str, at: &str| ReviewNote {
        report: report.to_owned(),
        note: format!("{report} {at}"),
        by: "ops-2".to_owned(),
        at: time(at),
    };
    let decided = Decided {
        notes: vec![
            note("CREDIT_REVIEW_2024-01-15", "2024-01-21T23:59:59Z"),
            note("CREDIT_REVIEW_2024-01-22", "2024-01-22T00:00:00Z"),
            note("CREDIT_REVIEW_2024-01-22", "2024-01-29T00:00:00Z"),
            note("CREDIT_REVIEW_2024-01-29", "2024-01-29T00:00:00Z"),
        ],
        ..Decided::default()
    };
    let notes = report_with(&[], &decided).review_notes;
    let found: Vec<&str> = notes.iter().map(|n| n.note.as_str()).collect();
    assert_eq!(
        found,
        [
            "CREDIT_REVIEW_2024-01-22 2024-01-22T00:00:00Z",
            "CREDIT_REVIEW_2024-01-29 2024-01-29T00:00:00Z"
        ]
    );
}

#[test]
fn exposures_are_counted_by_flag_and_by_scenario() {
    let found = |scenario: &str, flags: RiskFlags, exposure, at: &str| ExposureFound {
        case_id: "CASE-20240124-0F0F0F".parse().unwrap(),
        scenario_id: scenario.parse().unwrap(),
        flags,
        exposure,
        at: time(at),
    };
    let pii = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    let both = pii.with(RiskFlag::RegulatoryData);
    let decided = Decided {
        exposures: vec![
            found("A", pii, Exposure::FalsePositive, "2024-01-22T00:00:00Z"),
            found("A", both, Exposure::Confirmed, "2024-01-23T00:00:00Z"),
            found(
                "B",
                both,
                Exposure::FalsePositive,
                "2024-01-28T23:59:59.999Z",
            ),
            found("B", pii, Exposure::Undetermined, "2024-01-25T00:00:00Z"),
            found("C", pii, Exposure::Confirmed, "2024-01-29T00:00:00Z"),
            found("C", pii, Exposure::Confirmed, "2024-01-21T23:59:59Z"),
        ],
        ..Decided::default()
    };
    let counted = report_with(&[], &decided).false_positives;
    let flat = |v: credit_report::Verdicts| (v.false_positives, v.confirmed, v.undetermined);
    let by_flag: Vec<_> = counted
        .by_flag
        .iter()
        .map(|(f, v)| (*f, flat(*v)))
        .collect();
    assert_eq!(
        by_flag,
        [
            (RiskFlag::PiiExposure, (2, 1, 1)),
            (RiskFlag::RegulatoryData, (1, 1, 0))
        ]
    );
    let by_scenario: Vec<_> = counted
        .by_scenario
        .iter()
        .map(|(id, v)| (id.as_str(), flat(*v)))
        .collect();
    assert_eq!(by_scenario, [("A", (1, 1, 0)), ("B", (1, 0, 1))]);
}

#[test]
fn a_violation_tells_of_its_case() {
    let case = |days: &str, root_cause| RunCase {
        run_id: "R".parse().unwrap(),
        case_id: "CASE-20240124-0F0F0F".parse().unwrap(),
        status: CaseStatus::Mitigating,
        opened_at: time(days),
        stale: true,
        root_cause,
    };
    let told = |case: RunCase| {
        let decided = Decided {
            cases: vec![case],
            ..Decided::default()
        };
        let report = report_with(&[at("R", "A", 24, 0, "600")], &decided);
        assert_eq!(report.policy_violations[0].severity, Severity::Sev1);
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        let violation = &json["policy_violations"][0];
        [
            "case_id",
            "case_status",
            "stale",
            "case_age_days",
            "root_cause",
            "root_cause_confirmed",
        ]
        .map(|key| violation[key].to_string())
        .join(" ")
    };
    let cause = |confirmed| {
        Some(KnownCause {
            root_cause: RootCause::Misconfig,
            confirmed,
        })
    };
    assert_eq!(
        told(case("2024-01-24T00:00:00Z", cause(true))),
        r#""CASE-20240124-0F0F0F" "Mitigating" true 5 "Misconfig" true"#
    );
    assert_eq!(
        told(case("2024-01-24T00:00:01Z", None)),
        r#""CASE-20240124-0F0F0F" "Mitigating" true 4 null null"#
    );
}

#[test]
fn one_scenario_is_reported_by_itself() {
    let mut records = steady("A", |_| 98);
    records.extend(steady("B", |_| 98));
    let (lines, baselines) = (lines(&records), baselines(&[("A", "100"), ("B", "100")]));
    let scope = Scope::AdHoc {
        scenario: Some("B".parse().unwrap()),
    };
    let context = Context {
        scope: &scope,
        ..context(&baselines)
    };
    let report = weekly(&facts(&lines), &context);
    assert_eq!(report.report_id(), "CREDIT_REPORT_2024-01-29_7D_B");
    assert_eq!(report.file_stem(), "report_2024-01-29_7d_B");
    assert_eq!(report.summary_stats.total_runs, 21);
    assert_eq!(report.scenarios.len(), 1);
    assert_eq!(report.scenarios[0].prev_run_count, 21);
    assert!(report.to_json().contains("\"scenario_id\": \"B\""));
}

#[test]
fn the_timeline_adds_up_and_has_at_most_62_parts() {
    let records = steady("A", |_| 98);
    let week = report(&records);
    assert_eq!(week.timeline.len(), 7);
    assert_eq!(week.timeline[0].period.start, week.period.start);
    assert!(week.timeline.iter().all(|slice| slice.sums.total_runs == 3));
    let lines = lines(&records);
    let baselines = baselines(&[]);
    for (days, parts) in [(1, 1), (62, 62), (63, 32), (365, 61)] {
        let context = Context {
            period: credit_core::Period::days_until(days, time("2024-01-29T00:00:00Z")),
            ..context(&baselines)
        };
        let report = weekly(&facts(&lines), &context);
        assert_eq!(report.timeline.len(), parts, "{days} days");
        assert_eq!(
            report.timeline.last().unwrap().period.end,
            report.period.end
        );
        let runs: u64 = report.timeline.iter().map(|s| s.sums.total_runs).sum();
        assert_eq!(runs, report.summary_stats.total_runs);
    }
}

#[test]
fn dots_are_few_in_order_and_hold_the_highest_spikes() {
    let mut records: Vec<RunRecord> = (0..400)
        .map(|n| {
            let (day, hour) = (22 + n / 60, n % 24);
            let credits = if n % 10 == 0 { 200 + n } else { 100 };
            at(&format!("R{n:03}"), "A", day, hour, &credits.to_string())
        })
        .collect();
    records.push(record(
        "N",
        "NO_BASELINE",
        "2024-01-24T00:00:00Z",
        "5",
        None,
    ));
    let lines = lines(&records);
    let baselines = baselines(&[("A", "100")]);
    let report = weekly(&facts(&lines), &context(&baselines));
    let [band] = report.bands.as_slice() else {
        panic!("without a baseline there is no band");
    };
    assert_eq!((band.run_count, band.dots.len()), (400, 40));
    assert!(band.dots.is_sorted());
    let above = |limit: u64| {
        let limit = Credits::whole(limit).unwrap();
        band.dots.iter().filter(|dot| dot.credits >= limit).count()
    };
    assert_eq!((above(200), above(500)), (10, 10), "the ten highest");
}
