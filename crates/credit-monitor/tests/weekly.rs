//! The weekly report of a tree: what it tells of cases and decisions, and that it is made again
//! byte for byte however much was added since.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{House, now, operator, run, steady};
use credit_monitor::baseline::Window;
use credit_monitor::core::{
    CaseId, Exposure, RiskFlag, RiskFlags, RootCause, Run, RunId, Sha256, Timestamp,
};
use credit_monitor::governance::{
    Actor, CaseAcknowledged, ExposureAssessed, ReviewDecided, ReviewNoted, RootCauseFound, RunRef,
    Text, What,
};
use credit_monitor::report::{PatternKind, SeverityCertainty, WeeklyReport};
use credit_monitor::{Archive, Config, Grounds, Monitor, ReportRequest};

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn ops() -> Actor {
    operator("ops-2:O2")
}

fn lead() -> Actor {
    operator("lead-3:O3")
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// Forty steady days of EXPORT at about 100 credits, and then a week with everything in it: a
/// leak, a run without a baseline, two moderate spikes.
fn house() -> (House, Monitor) {
    let house = House::new();
    house.baselines(&[("EXPORT", "100"), ("MAIL", "10")]);
    let monitor = house.open();
    monitor.observe_all(steady("EXPORT"), now()).unwrap();
    let mut leak = run("LEAK", "MAIL", "2025-01-28T10:00:00Z", "130");
    leak.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    let week: [Run; 5] = [
        leak,
        run("NEW", "NEW_ONE", "2025-01-28T11:00:00Z", "7"),
        run("TWICE", "EXPORT", "2025-01-29T10:00:00Z", "200"),
        run("THRICE", "EXPORT", "2025-01-30T10:00:00Z", "300"),
        run("LAST-WEEK", "EXPORT", "2025-01-24T10:00:00Z", "100"),
    ];
    let observed = at("2025-01-31T12:00:00Z");
    let batch = monitor.observe_all(week, observed).unwrap();
    assert!(batch.unsettled.is_none());
    (house, monitor)
}

fn case_of(monitor: &Monitor, run: &str) -> CaseId {
    let run: RunId = run.parse().unwrap();
    let case = monitor.with_docket(|docket| docket.case_of(&run).map(|case| case.id.clone()));
    case.unwrap().unwrap()
}

fn run_ref(monitor: &Monitor, run: &str) -> RunRef {
    let run_id: RunId = run.parse().unwrap();
    let line = monitor.archive().run(&run_id).unwrap().unwrap();
    RunRef {
        run_id,
        seq: line.seq(),
        hash: Sha256::from_bytes(*line.hash().as_bytes()),
    }
}

fn decide(monitor: &Monitor, who: &Actor, what: What, time: &str) {
    let kind = what.kind();
    monitor
        .decide(who, what, at(time))
        .unwrap_or_else(|e| panic!("{kind}: {e}"));
}

/// What the people of the house did in that week.
fn decide_the_week(monitor: &Monitor) {
    let case = || case_of(monitor, "LEAK");
    let acknowledged = What::CaseAcknowledged(CaseAcknowledged { case: case() });
    decide(monitor, &ops(), acknowledged, "2025-01-31T12:05:00Z");
    let assessed = What::ExposureAssessed(ExposureAssessed {
        case: case(),
        exposure: Exposure::FalsePositive,
        flags: RiskFlags::NONE.with(RiskFlag::PiiExposure),
        notes: text("test accounts only"),
    });
    decide(monitor, &lead(), assessed, "2025-01-31T12:10:00Z");
    let proposed = What::RootCauseProposed(RootCauseFound {
        case: case(),
        root_cause: RootCause::Misconfig,
        explanation: text("no limit on items"),
    });
    decide(monitor, &ops(), proposed, "2025-01-31T12:20:00Z");
    let decided = What::ReviewDecided(ReviewDecided {
        run: run_ref(monitor, "TWICE"),
        decision: text("transient load, no case"),
    });
    decide(monitor, &ops(), decided, "2025-02-01T10:00:00Z");
    let noted = What::ReviewNoted(ReviewNoted {
        report: text("CREDIT_REVIEW_2025-02-01"),
        note: text("<b>quiet</b> week"),
    });
    decide(monitor, &ops(), noted, "2025-02-01T10:30:00Z");
    let window = Window {
        as_of: at("2025-01-31T00:00:00Z"),
        days: 30,
    };
    let grounds = Grounds {
        reasons: vec!["weekly, stable".to_owned()],
        ..Grounds::default()
    };
    let scenario = "EXPORT".parse().unwrap();
    monitor
        .propose_baseline(
            &scenario,
            window,
            grounds,
            &ops(),
            at("2025-01-31T13:00:00Z"),
        )
        .unwrap();
}

fn review(house: &House) -> WeeklyReport {
    let config = Config::load(&house.tree).unwrap();
    let request = ReportRequest::review("2025-02-01".parse().unwrap());
    Archive::new(&house.tree)
        .weekly_report(&config, &request)
        .unwrap()
}

fn written(house: &House, report: &WeeklyReport) -> PathBuf {
    let config = Config::load(&house.tree).unwrap();
    Archive::new(&house.tree)
        .write_report(report, &config)
        .unwrap()
        .path
}

#[test]
fn a_report_tells_what_the_docket_knows() {
    let (house, monitor) = house();
    decide_the_week(&monitor);
    let report = review(&house);

    let violations: Vec<String> = report
        .policy_violations
        .iter()
        .map(|v| {
            let case = v.case.as_ref().unwrap();
            let cause = case
                .root_cause
                .map(|c| (c.root_cause.as_str(), c.confirmed));
            format!("{} {} {} {cause:?}", v.run_id, case.status, case.stale)
        })
        .collect();
    assert_eq!(
        violations,
        [
            "LEAK Investigating false Some((\"Misconfig\", false))",
            "NEW Open false None"
        ]
    );
    let spikes: Vec<_> = report
        .top_spike_runs
        .iter()
        .map(|s| (s.run_id.as_str(), s.case_id.is_some(), s.needs_assessment))
        .collect();
    assert_eq!(
        spikes,
        [
            ("LEAK", true, false),
            ("THRICE", false, true),
            ("TWICE", false, false)
        ]
    );
    let decision = report.top_spike_runs[2].decision.as_ref().unwrap();
    assert_eq!(decision.decision, "transient load, no case");
    assert_eq!(report.review_notes.len(), 1);
    assert_eq!(report.false_positives.by_flag[0].1.false_positives, 1);
    assert_eq!(report.pending_baselines[0].scenario_id.as_str(), "EXPORT");
    let kinds: Vec<PatternKind> = report.patterns.iter().map(|p| p.kind).collect();
    assert_eq!(kinds, [PatternKind::Transient, PatternKind::Transient]);
    let needs: Vec<String> = report
        .needs()
        .iter()
        .map(|need| format!("{}: {}", need.kind.heading(), need.subject))
        .collect();
    let (leak, new) = (case_of(&monitor, "LEAK"), case_of(&monitor, "NEW"));
    let mut cases = [leak, new].map(|case| format!("Bring a case forward: {case}"));
    cases.sort();
    let [first, second] = cases;
    assert_eq!(
        needs,
        [
            first,
            second,
            "Assess a spike: THRICE".to_owned(),
            "Approve a baseline: EXPORT".to_owned(),
        ]
    );
}

#[test]
fn a_case_is_stale_after_fourteen_days_without_news() {
    let (house, monitor) = house();
    let config = Config::load(&house.tree).unwrap();
    let stale = |until: &str| {
        let request = ReportRequest {
            days: Some(60),
            ..ReportRequest::review(until.parse().unwrap())
        };
        let report = monitor.archive().weekly_report(&config, &request).unwrap();
        report.policy_violations[0].case.as_ref().unwrap().stale
    };
    // It was opened on 2025-01-31 at 12:00; a report looks back from midnight.
    assert!(!stale("2025-02-14"));
    assert!(stale("2025-02-15"));
}

#[test]
fn a_report_is_made_again_whatever_came_after() {
    let (house, monitor) = house();
    decide_the_week(&monitor);
    let report = review(&house);
    let path = written(&house, &report);
    let again = || Archive::new(&house.tree).reproduce_report(&path).unwrap();
    assert_eq!(again().difference, None);
    assert_eq!(again().report, report);

    // More runs, of that week, too; a case that is confirmed; a baseline that is approved; another
    // policy and other baselines; all of it later.
    let late = [
        run("LATE", "EXPORT", "2025-01-29T12:00:00Z", "900"),
        run("LATER", "MAIL", "2025-03-01T12:00:00Z", "900"),
    ];
    let batch = monitor
        .observe_all(late, at("2025-03-01T13:00:00Z"))
        .unwrap();
    assert!(batch.unsettled.is_none());
    let confirmed = What::RootCauseConfirmed(RootCauseFound {
        case: case_of(&monitor, "LEAK"),
        root_cause: RootCause::Misconfig,
        explanation: text("no limit on items"),
    });
    decide(&monitor, &lead(), confirmed, "2025-03-01T14:00:00Z");
    let decided = What::ReviewDecided(ReviewDecided {
        run: run_ref(&monitor, "THRICE"),
        decision: text("a case after all"),
    });
    decide(&monitor, &ops(), decided, "2025-03-01T15:00:00Z");
    let policy = house.read("config/sintraprime-policy.json");
    let policy = policy.replacen("\"credit_review_days\": 7", "\"credit_review_days\": 9", 1);
    fs::write(house.tree.policy(), policy).unwrap();
    house.baselines(&[("EXPORT", "1"), ("MAIL", "1"), ("NEW_ONE", "1")]);
    drop(monitor);

    assert_eq!(again().difference, None);
    let index = house.path("runs/CREDIT_MONITORING/ledger.idx");
    if index.exists() {
        fs::remove_file(index).unwrap();
    }
    assert_eq!(again().difference, None, "without what is derived");
    assert_ne!(review(&house), report, "made now, it is another one");
}

#[test]
fn what_is_not_the_report_is_found_where_it_differs() {
    let (house, _monitor) = house();
    let report = review(&house);
    let path = written(&house, &report);
    let json = fs::read_to_string(&path).unwrap();
    let archive = Archive::new(&house.tree);
    let forged = house.path("forged.json");
    let difference = |text: &str| {
        fs::write(&forged, text).unwrap();
        archive.reproduce_report(&forged).unwrap().difference
    };
    assert_eq!(difference(&json), None);
    let total = "\"sev2_count\": 2,\n    \"sev3_count\": 0,\n    \"sev4_count\": 28\n  }\n}\n";
    assert!(json.ends_with(total), "{json}");
    let found = difference(&json.replace(total, &total.replace('2', "1"))).unwrap();
    assert_eq!(found.file, "    \"sev1_count\": 1,\n");
    assert_eq!(found.again, "    \"sev2_count\": 2,\n");
    assert_eq!(
        json.lines().nth(found.line - 1).unwrap(),
        "    \"sev2_count\": 2,"
    );
    let cut = difference(json.trim_end()).unwrap();
    assert_eq!((cut.file.as_str(), cut.again.as_str()), ("}", "}\n"));
    let longer = difference(&format!("{json}\n")).unwrap();
    assert_eq!((longer.file.as_str(), longer.again.as_str()), ("\n", ""));
}

#[test]
fn what_a_report_stands_on_must_still_be_there() {
    let (house, monitor) = house();
    drop(monitor);
    let report = review(&house);
    let path = written(&house, &report);
    let json = fs::read_to_string(&path).unwrap();
    let archive = Archive::new(&house.tree);
    let refused = |text: String, wanted: &str| {
        let other = house.path("other.json");
        fs::write(&other, text).unwrap();
        let error = archive.reproduce_report(&other).unwrap_err();
        let told = match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        assert!(told.contains(wanted), "{told}");
        error.is_integrity()
    };
    let head = report.ledger_head.unwrap();
    let other_head = json.replace(&head.hash.to_string(), &Sha256::of(b"x").to_string());
    assert!(refused(other_head, "which the report stands on"));
    let beyond = json.replace(
        &format!("\"seq\": {},", head.seq),
        &format!("\"seq\": {},", head.seq + 1),
    );
    assert!(refused(beyond, "which the report stands on"));
    assert!(!refused(
        json.replace("\"schema_version\": 3", "\"schema_version\": 2"),
        "schema version 2; this program makes version 3"
    ));
    assert!(!refused("{}".to_owned(), "is no report"));
    assert!(!refused("nothing".to_owned(), "is no report"));

    let object = house.tree.object(report.policy_sha256);
    let policy = fs::read(&object).unwrap();
    fs::remove_file(&object).unwrap();
    assert!(refused(json.clone(), "was not kept"));
    fs::write(&object, [policy.as_slice(), b" "].concat()).unwrap();
    assert!(refused(json.clone(), "does not have the SHA-256"));
    fs::write(&object, policy).unwrap();
    assert_eq!(archive.reproduce_report(&path).unwrap().difference, None);
}

#[test]
fn a_report_on_nothing_is_made_again_when_there_is_something() {
    let house = House::new();
    let missing = review(&house);
    let missing_path = written(&house, &missing);
    let monitor = house.open();
    let empty = review(&house);
    assert_ne!(missing, empty);
    let empty_path = written(&house, &empty);
    assert!(empty_path.ends_with("weekly_2025-02-01.r2.json"));
    monitor.observe_all(steady("EXPORT"), now()).unwrap();
    for path in [missing_path, empty_path] {
        let again = monitor.archive().reproduce_report(&path).unwrap();
        assert_eq!(again.difference, None, "{}", path.display());
    }
}

#[test]
fn a_question_of_the_moment_is_no_review() {
    let (house, monitor) = house();
    let config = Config::load(&house.tree).unwrap();
    let ask = |days, scenario: Option<&str>| {
        let request = ReportRequest {
            until: "2025-02-01".parse().unwrap(),
            days,
            scenario: scenario.map(|id| id.parse().unwrap()),
        };
        monitor.archive().weekly_report(&config, &request).unwrap()
    };
    let names: Vec<String> = [
        ask(None, None),
        ask(Some(7), None),
        ask(Some(30), None),
        ask(None, Some("MAIL")),
    ]
    .iter()
    .map(|report| {
        let path = written(&house, report);
        let again = monitor.archive().reproduce_report(&path).unwrap();
        assert_eq!(again.difference, None, "{}", path.display());
        path.file_name().unwrap().to_str().unwrap().to_owned()
    })
    .collect();
    assert_eq!(
        names,
        [
            "weekly_2025-02-01.json",
            "weekly_2025-02-01.json",
            "report_2025-02-01_30d.json",
            "report_2025-02-01_7d_MAIL.json"
        ]
    );
    assert_eq!(ask(None, Some("MAIL")).summary_stats.total_runs, 1);
    assert_eq!(
        ask(None, Some("NOBODY")).data_status.as_str(),
        "no_runs_in_period"
    );
    assert_eq!(ask(Some(30), None).summary_stats.total_runs, 125);
}

/// 200 credits are SEV2 at a baseline of 100, but SEV3 at one of 104.
#[test]
fn a_report_says_how_sure_the_severities_are() {
    let house = House::new();
    let entry = |id: &str, bounds: &str| {
        format!(
            r#"{{"scenario_id":"{id}","median_credits":100,{bounds}"calculated_at":"2025-01-01T00:00:00Z","sample_size":20,"last_updated":"2025-01-01T00:00:00Z"}}"#
        )
    };
    let (sure, unsure) = (
        r#""median_lower":99,"median_upper":101,"#,
        r#""median_lower":95,"median_upper":104,"#,
    );
    fs::write(
        house.tree.baselines(),
        format!(
            r#"{{"version":"1.0.0","updated_at":"2025-01-01T00:00:00Z","baselines":[{},{},{}]}}"#,
            entry("SURE", sure),
            entry("UNSURE", unsure),
            entry("UNKNOWN", "")
        ),
    )
    .unwrap();
    let monitor = house.open();
    for (id, credits) in [("SURE", "300"), ("UNSURE", "200"), ("UNKNOWN", "200")] {
        let run = run(id, id, "2025-01-30T10:00:00Z", credits);
        monitor.observe(run, now()).unwrap();
    }
    let report = review(&house);
    let certainties: Vec<_> = report
        .review_queue
        .iter()
        .map(|queued| {
            let word = queued.certainty.map(SeverityCertainty::as_str);
            (queued.run_id.as_str(), word)
        })
        .collect();
    let expected = [
        ("SURE", Some("certain")),
        ("UNKNOWN", None),
        ("UNSURE", Some("uncertain")),
    ];
    assert_eq!(certainties, expected);
    let needs = report.needs();
    let unsure = needs.iter().find(|need| need.subject == "UNSURE").unwrap();
    assert!(unsure.why.ends_with("(uncertain)"), "{}", unsure.why);
    let of = |id: &str| {
        let mut scenarios = report.scenarios.iter();
        let of = scenarios.find(|s| s.scenario_id.as_str() == id);
        of.unwrap().uncertain_count
    };
    assert_eq!((of("SURE"), of("UNSURE"), of("UNKNOWN")), (0, 1, 0));
    let path = written(&house, &report);
    let again = monitor.archive().reproduce_report(&path).unwrap();
    assert_eq!(again.difference, None);
}
