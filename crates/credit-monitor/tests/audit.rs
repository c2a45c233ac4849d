//! The regular audits over a tree: a clean one passes, and each planted fault is found by the
//! check that is there for it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;

use common::{House, operator, run};
use credit_monitor::core::{Exposure, RiskFlag, RiskFlags, Run, Timestamp};
use credit_monitor::governance::audit::Audit;
use credit_monitor::governance::{
    Actor, CaseAcknowledged, ConfigFile, ExposureAssessed, ReviewNoted, Text, What,
};
use credit_monitor::notify::routing::Webhooks;
use credit_monitor::{Archive, ReportRequest};

const AT: &str = "2025-01-31T10:00:00Z";
const BASELINES: &str = "config/credit-baselines.json";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn lead() -> Actor {
    operator("lead-3:O3")
}

/// A house with one run that cost what it always costs.
fn house() -> House {
    let house = House::new();
    house.baselines(&[("EXPORT", "10")]);
    observe(&house, run("R-1", "EXPORT", AT, "10"));
    house
}

fn observe(house: &House, run: Run) {
    house.open().observe(run, at(AT)).unwrap();
}

fn leak(id: &str) -> Run {
    let mut run = run(id, "EXPORT", AT, "130");
    run.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    run
}

fn daily(house: &House) -> Audit {
    let before = house.snapshot();
    let archive = Archive::new(&house.tree);
    let audit = archive.audit_daily(&Webhooks::none(), at("2025-01-31T10:05:00Z"));
    assert!(before == house.snapshot(), "an audit changed the tree");
    audit.unwrap()
}

fn failed(audit: &Audit) -> Vec<&'static str> {
    let failed = audit.checks.iter().filter(|check| !check.passed());
    failed.map(|check| check.id).collect()
}

/// Everything that a check found, as text.
fn told(audit: &Audit, id: &str) -> String {
    let check = audit.checks.iter().find(|check| check.id == id).unwrap();
    format!("{:?}", check.findings)
}

fn edit(house: &House, path: &str, old: &str, new: &str) {
    let before = house.read(path);
    let after = before.replacen(old, new, 1);
    assert_ne!(before, after, "nothing to replace in {path}");
    fs::write(house.path(path), after).unwrap();
}

#[test]
fn a_clean_day_passes_every_check() {
    assert_eq!(failed(&daily(&house())), Vec::<&str>::new());
}

#[test]
fn a_changed_line_and_a_lost_sidecar_are_found() {
    let house = house();
    let sidecar = "runs/CREDIT_MONITORING/2025-01-31/run_R-1.json.sha256";
    fs::remove_file(house.path(sidecar)).unwrap();
    let audit = daily(&house);
    assert_eq!(failed(&audit), ["run_files"]);
    assert!(told(&audit, "run_files").contains("creditctl repair"));

    edit(
        &house,
        "runs/CREDIT_MONITORING/ledger.jsonl",
        "SEV4",
        "SEV3",
    );
    assert!(failed(&daily(&house)).contains(&"ledger"));
}

#[test]
fn a_case_is_overdue_at_its_deadline_and_not_before() {
    let house = house();
    observe(&house, leak("R-2"));
    let archive = Archive::new(&house.tree);
    let audit = |now| archive.audit_daily(&Webhooks::none(), at(now)).unwrap();
    assert_eq!(failed(&audit("2025-01-31T10:14:59Z")), Vec::<&str>::new());
    assert_eq!(failed(&audit("2025-01-31T10:15:00Z")), ["overdue"]);
}

#[test]
fn a_sev0_run_whose_case_is_lost_is_found() {
    let house = house();
    let is_event = |path: &std::path::Path| path.to_string_lossy().contains("events.");
    let before = house.snapshot();
    observe(&house, leak("R-2"));
    for (path, _) in house.snapshot() {
        if is_event(&path) || path.ends_with("docket.snapshot") {
            fs::remove_file(path).unwrap();
        }
    }
    for (path, bytes) in before.iter().filter(|(path, _)| is_event(path)) {
        fs::write(path, bytes).unwrap();
    }
    let audit = daily(&house);
    assert!(failed(&audit).contains(&"sev0_cases"), "{audit:?}");
    assert!(told(&audit, "sev0_cases").contains("creditctl case open --run R-2"));
}

#[test]
fn a_day_without_a_run_and_alerts_switched_off_are_found() {
    let house = house();
    let archive = Archive::new(&house.tree);
    let audit = |off: &Webhooks, now| archive.audit_daily(off, at(now)).unwrap();
    let late = audit(&Webhooks::none(), "2025-02-01T10:00:00Z");
    assert_eq!(failed(&late), ["silence"]);
    let empty = |off: &'static [&'static str]| {
        Webhooks::read(|variable| off.contains(&variable).then(String::new)).unwrap()
    };
    let off = audit(&empty(&["SLACK_WEBHOOK_URL_SEV0"]), AT);
    assert_eq!(failed(&off), ["kill_switch"]);
    assert!(told(&off, "kill_switch").contains("alerts of SEV0 are off"));
    // Where the default is empty, that is all that the policy would send and has no other address.
    let off = audit(&empty(&["SLACK_WEBHOOK_URL_DEFAULT"]), AT);
    let told = told(&off, "kill_switch");
    for (severity, is_off) in [
        ("SEV0", true),
        ("SEV1", true),
        ("SEV2", false),
        ("SEV3", false),
    ] {
        let named = told.contains(&format!("alerts of {severity} are off"));
        assert_eq!(named, is_off, "{told}");
    }
}

/// The processes that see the empty variable may be others than the one that audits.
#[test]
fn what_an_empty_variable_kept_from_people_is_found_for_a_week() {
    let house = house();
    let off = |variable| (variable == "SLACK_WEBHOOK_URL_SEV0").then(String::new);
    let to = credit_monitor::Destinations {
        webhooks: Some(Webhooks::read(off).unwrap()),
        ..credit_monitor::Destinations::default()
    };
    let monitor = house.open().with_destinations(to, at(AT)).unwrap();
    let case = monitor.observe(leak("R-2"), at(AT)).unwrap().case.unwrap();
    let acknowledged = What::CaseAcknowledged(CaseAcknowledged { case: case.clone() });
    let soon = at("2025-01-31T10:01:00Z");
    monitor.decide(&lead(), acknowledged, soon).unwrap();
    let exposure = What::ExposureAssessed(ExposureAssessed {
        case,
        exposure: Exposure::FalsePositive,
        flags: RiskFlags::NONE.with(RiskFlag::PiiExposure),
        notes: text("test data"),
    });
    monitor.decide(&lead(), exposure, soon).unwrap();
    let audit = |now| {
        let archive = Archive::new(&house.tree);
        archive.audit_daily(&Webhooks::none(), at(now)).unwrap()
    };
    let found = audit("2025-01-31T10:05:00Z");
    assert_eq!(failed(&found), ["kill_switch"]);
    let told = told(&found, "kill_switch");
    for part in [
        "messages about SEV0 that nobody got: 1",
        "SLACK_WEBHOOK_URL_SEV0 was empty and no mute by an O3 covered them",
        AT,
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(failed(&audit("2025-02-07T10:00:00Z")).contains(&"kill_switch"));
    assert!(!failed(&audit("2025-02-07T10:00:01Z")).contains(&"kill_switch"));
}

#[test]
fn a_policy_changed_by_hand_is_found_until_it_is_adopted_and_so_is_its_return() {
    let house = house();
    let path = "config/sintraprime-policy.json";
    let old = house.read(path);
    fs::write(house.path(path), format!("{old}\n")).unwrap();
    let audit = daily(&house);
    assert_eq!(failed(&audit), ["config"]);
    for text in [old.clone(), format!("{old}\n")] {
        let hash = credit_monitor::core::Sha256::of(text.as_bytes()).to_string();
        assert!(told(&audit, "config").contains(&hash), "{audit:?}");
    }
    let monitor = house.open();
    let in_place = credit_monitor::Candidate::InPlace;
    let adopted = monitor.adopt_policy(&in_place, text("spacing"), None, &lead(), at(AT));
    adopted.unwrap();
    drop(monitor);
    assert_eq!(failed(&daily(&house)), Vec::<&str>::new());
    fs::write(house.path(path), old).unwrap();
    assert_eq!(failed(&daily(&house)), ["config"]);
}

#[test]
fn baselines_scenarios_and_operators_changed_by_hand_are_found_until_they_are_adopted() {
    let house = house();
    let scenario = || ConfigFile::Scenario("EXPORT".parse().unwrap());
    let adopt = |file: ConfigFile| {
        let monitor = house.open();
        monitor
            .adopt_config(&file, text("wanted"), &lead(), at(AT))
            .unwrap();
    };
    edit(
        &house,
        BASELINES,
        r#""median_credits":10"#,
        r#""median_credits":20"#,
    );
    let audit = daily(&house);
    assert_eq!(failed(&audit), ["config"]);
    assert!(told(&audit, "config").contains("creditctl config adopt"));
    adopt(ConfigFile::Baselines);
    assert_eq!(failed(&daily(&house)), Vec::<&str>::new());
    edit(
        &house,
        BASELINES,
        r#""median_credits":20"#,
        r#""median_credits":30"#,
    );
    assert_eq!(failed(&daily(&house)), ["config"]);
    adopt(ConfigFile::Baselines);

    fs::write(
        house.tree.scenario(&"EXPORT".parse().unwrap()),
        r#"{"max_items":5}"#,
    )
    .unwrap();
    assert_eq!(failed(&daily(&house)), ["config"]);
    adopt(scenario());
    assert_eq!(failed(&daily(&house)), Vec::<&str>::new());

    // Nobody has adopted the operators' file: it is known since the first of them decided.
    edit(&house, "config/operators.json", "lead-4", "lead-5");
    let audit = daily(&house);
    assert_eq!(failed(&audit), ["config"]);
    assert!(told(&audit, "config").contains("config/operators.json was changed"));
    adopt(ConfigFile::Operators);
    assert_eq!(failed(&daily(&house)), Vec::<&str>::new());
}

/// A value, what is usual beside it, a new entry, and what is no value at all.
#[test]
fn every_change_of_a_baselines_file_is_found_by_value_or_by_hash() {
    let house = house();
    let monitor = house.open();
    let adopted = || {
        let baselines = ConfigFile::Baselines;
        monitor
            .adopt_config(&baselines, text("known"), &lead(), at(AT))
            .unwrap();
    };
    edit(
        &house,
        BASELINES,
        "2025-01-01T00:00:00Z\"}",
        "2025-01-02T00:00:00Z\"}",
    );
    let audit = daily(&house);
    assert!(
        told(&audit, "config").contains("10 credits of 2025-01-02T00:00:00Z"),
        "{audit:?}"
    );
    adopted();
    let whole = house.read(BASELINES);
    let entry = r#"{"scenario_id":"NEW","median_credits":7,"calculated_at":"2025-01-01T00:00:00Z","sample_size":0,"last_updated":"2025-01-01T00:00:00Z"}"#;
    for (old, new, told_of) in [
        (
            "\"baselines\":[",
            format!("\"baselines\":[{entry},"),
            "the baseline of NEW",
        ),
        (
            "\"sample_size\":20",
            "\"sample_size\":21".to_owned(),
            "though no value in it",
        ),
        (
            "\"version\":\"1.0.0\"",
            "\"version\":\"1.0.1\"".to_owned(),
            "though no value in it",
        ),
        (
            "\"median_credits\":10",
            "\"median_credits\":10.0".to_owned(),
            "though no value in it",
        ),
    ] {
        edit(&house, BASELINES, old, &new);
        let audit = daily(&house);
        assert_eq!(failed(&audit), ["config"], "{new}");
        let told = told(&audit, "config");
        assert!(told.contains(told_of), "{new}: {told}");
        for text in [&whole, &house.read(BASELINES)] {
            let hash = credit_monitor::core::Sha256::of(text.as_bytes()).to_string();
            assert!(told.contains(&hash), "{new}: {told}");
        }
        fs::write(house.path(BASELINES), &whole).unwrap();
        assert_eq!(failed(&daily(&house)), Vec::<&str>::new());
    }
}

/// Approving one scenario's baseline does not make another one's edit known.
#[test]
fn an_edit_does_not_hide_behind_an_approval() {
    let house = house();
    let monitor = house.open();
    monitor.observe_all(common::steady("MAIL"), at(AT)).unwrap();
    edit(
        &house,
        BASELINES,
        r#""median_credits":10"#,
        r#""median_credits":20"#,
    );
    let (now, mail) = (common::now(), "MAIL".parse().unwrap());
    let window = credit_monitor::baseline::Window {
        as_of: now,
        days: 30,
    };
    let grounds = credit_monitor::Grounds {
        reasons: vec!["weekly".to_owned()],
        ..credit_monitor::Grounds::default()
    };
    monitor
        .propose_baseline(&mail, window, grounds, &operator("ops-2:O2"), now)
        .unwrap();
    monitor.approve_baseline(&mail, &lead(), now).unwrap();
    let audit = told(&daily(&house), "config");
    assert!(audit.contains("the baseline of EXPORT"), "{audit}");
    assert!(!audit.contains("the baseline of MAIL"), "{audit}");
}

#[test]
fn what_is_moved_out_of_the_quarantine_by_hand_is_found() {
    let house = house();
    observe(&house, leak("R-2"));
    assert_eq!(failed(&daily(&house)), Vec::<&str>::new());
    let folder = house.path("runs/QUARANTINE/R-2");
    for name in ["run_R-2.json", "run_R-2.json.sha256"] {
        let to = house.path("runs/CREDIT_MONITORING/2025-01-31").join(name);
        fs::rename(folder.join(name), to).unwrap();
    }
    let audit = daily(&house);
    assert_eq!(failed(&audit), ["quarantine"]);
    assert!(told(&audit, "quarantine").contains("R-2 released without approval"));
}

#[test]
fn a_run_that_claims_a_backfill_nobody_started_is_found() {
    let house = house();
    let mut claim = run("R-2", "EXPORT", AT, "10");
    claim.is_backfill = Some(true);
    observe(&house, claim);
    assert_eq!(failed(&daily(&house)), ["backfills"]);
}

#[test]
fn a_week_wants_its_report_and_recent_baselines() {
    let house = house();
    let archive = Archive::new(&house.tree);
    let weekly = |now| archive.audit_weekly(at(now)).unwrap();
    let audit = weekly("2025-01-31T12:00:00Z");
    assert_eq!(failed(&audit), ["weekly_report", "baselines"]);

    let config = credit_monitor::Config::load(&house.tree).unwrap();
    let report = archive
        .weekly_report(&config, &ReportRequest::review(at(AT).day()))
        .unwrap();
    archive.write_report(&report, &config).unwrap();
    let audit = weekly("2025-01-31T12:00:00Z");
    assert!(told(&audit, "weekly_report").contains("CREDIT_REVIEW_2025-01-31 was not reviewed"));

    let (id, note) = (text("CREDIT_REVIEW_2025-01-31"), text("read"));
    let noted = What::ReviewNoted(ReviewNoted { report: id, note });
    house
        .open()
        .decide(&operator("ops-2:O2"), noted, at(AT))
        .unwrap();
    assert_eq!(failed(&weekly("2025-01-31T12:00:00Z")), ["baselines"]);
    house.baselines(&[]);
    assert_eq!(failed(&weekly("2025-01-31T12:00:00Z")), Vec::<&str>::new());
    assert_eq!(failed(&weekly("2025-02-08T12:00:00Z")), ["weekly_report"]);
}

#[test]
fn a_baseline_entered_by_hand_is_found_until_it_is_adopted() {
    let house = house();
    let monthly = || Archive::new(&house.tree).audit_monthly(at(AT)).unwrap();
    assert_eq!(failed(&monthly()), Vec::<&str>::new());
    edit(
        &house,
        BASELINES,
        r#""sample_size":20"#,
        r#""sample_size":0"#,
    );
    assert_eq!(failed(&monthly()), ["manual_baselines"]);
    let monitor = house.open();
    let adopted = monitor.adopt_config(&ConfigFile::Baselines, text("quoted"), &lead(), at(AT));
    adopted.unwrap();
    assert_eq!(failed(&monthly()), Vec::<&str>::new());
}

#[test]
fn a_month_tells_what_each_policy_made_of_the_runs() {
    let house = house();
    let first =
        credit_monitor::core::Sha256::of(house.read("config/sintraprime-policy.json").as_bytes());
    edit(
        &house,
        "config/sintraprime-policy.json",
        "\"1.0.0\"",
        "\"1.0.1\"",
    );
    let second =
        credit_monitor::core::Sha256::of(house.read("config/sintraprime-policy.json").as_bytes());
    observe(&house, leak("R-2"));
    observe(&house, run("R-3", "EXPORT", "2025-01-30T10:00:00Z", "21"));
    let monthly = Archive::new(&house.tree).audit_monthly(at(AT)).unwrap();
    let policy = &monthly.checks[0];
    assert_eq!(policy.id, "policy");
    let told: Vec<String> = policy
        .figures
        .iter()
        .map(|figure| format!("{}: {}", figure.name, figure.value))
        .collect();
    assert_eq!(
        told,
        [
            format!(
                "under {first}: 1 runs from {AT} to {AT}, 0 SEV0, 0 SEV1, 0 SEV2, 0 SEV3, 1 SEV4"
            ),
            format!(
                "under {second}: 2 runs from 2025-01-30T10:00:00Z to {AT}, 1 SEV0, 0 SEV1, 1 SEV2, 0 SEV3, 0 SEV4"
            ),
        ]
    );
}

/// Each threshold, a fifth lower and a quarter higher, is tried on the runs of 92 days.
#[test]
fn a_quarter_tries_each_threshold_on_its_runs() {
    let house = house();
    for (id, day, credits) in [
        ("OLD", "2024-10-30", "45"),
        ("A", "2025-01-10", "45"),
        ("B", "2025-01-11", "55"),
        ("C", "2025-01-12", "17"),
        ("D", "2025-01-13", "13"),
    ] {
        let mut run = run(id, "EXPORT", &format!("{day}T10:00:00Z"), credits);
        run.scenario_id = "EXPORT".parse().unwrap();
        observe(&house, run);
    }
    let monitor = house.open();
    let id = "B".parse().unwrap();
    let case = monitor
        .with_docket(|docket| docket.case_of(&id).unwrap().id.clone())
        .unwrap();
    common::resolve(&monitor, &case, at("2025-01-12T10:00:00Z"));
    let quarterly = |now| Archive::new(&house.tree).audit_quarterly(at(now)).unwrap();
    let audit = quarterly("2025-01-31T11:00:00Z");
    assert_eq!(failed(&audit), Vec::<&str>::new());
    let told: Vec<String> = audit.checks[0]
        .figures
        .iter()
        .map(|figure| format!("{}: {}", figure.name, figure.value))
        .collect();
    let trial = |name: &str, value: &str, scored: &str| {
        format!(
            "{name}: {value}; misconfigurations: {scored}; legitimate loads: 0 more alerted, 0 spared"
        )
    };
    let unscored = "0 more found, 0 missed";
    let same = "0 runs graver, 0 milder; 1 alerts instead of 1";
    assert_eq!(
        told,
        [
            "runs judged again: 5, 0 left out".to_owned(),
            trial("SEV0 from 8 times instead of 10", same, unscored),
            trial("SEV0 from 12.5 times instead of 10", same, unscored),
            trial(
                "SEV1 from 4 times instead of 5",
                "1 runs graver, 0 milder; 2 alerts instead of 1",
                unscored
            ),
            trial(
                "SEV1 from 6.25 times instead of 5",
                "0 runs graver, 1 milder; 0 alerts instead of 1",
                "0 more found, 1 missed"
            ),
            trial(
                "SEV2 from 1.6 times instead of 2",
                "1 runs graver, 0 milder; 1 alerts instead of 1",
                unscored
            ),
            trial("SEV2 from 2.5 times instead of 2", same, unscored),
            trial(
                "SEV3 from 1.2 times instead of 1.5",
                "1 runs graver, 0 milder; 1 alerts instead of 1",
                unscored
            ),
            trial(
                "SEV3 from 1.875 times instead of 1.5",
                "0 runs graver, 1 milder; 1 alerts instead of 1",
                unscored
            ),
        ]
    );
    assert_eq!(failed(&quarterly("2025-06-01T00:00:00Z")), ["thresholds"]);
}
