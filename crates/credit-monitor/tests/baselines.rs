//! A baseline changes in two steps, and a crash between any two of them is mended.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;

use common::{House, now, operator, run, steady};
use credit_monitor::baseline::Window;
use credit_monitor::core::{RiskFlag, ScenarioId, Severity, Sha256, StoredRecord, StoredVerdict};
use credit_monitor::governance::{Actor, Denied};
use credit_monitor::{Archive, Error, Grounds, Monitor};

const WINDOW_DAYS: u32 = 30;

fn window() -> Window {
    Window {
        as_of: now(),
        days: WINDOW_DAYS,
    }
}

fn scenario() -> ScenarioId {
    "EXPORT".parse().unwrap()
}

fn propose(monitor: &Monitor) {
    let grounds = Grounds {
        reasons: vec!["first baseline".to_owned()],
        ..Grounds::default()
    };
    monitor
        .propose_baseline(&scenario(), window(), grounds, &operator("ops-2:O2"), now())
        .unwrap();
}

fn steady_house() -> (House, Monitor) {
    let house = House::new();
    let monitor = house.open();
    monitor.observe_all(steady("EXPORT"), now()).unwrap();
    (house, monitor)
}

fn events(house: &House) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    Archive::new(&house.tree)
        .each_event(|event| {
            // Runs without a baseline have a case, which is no part of this.
            if event.what.case().is_none() && event.what.kind() != "operators_seen" {
                kinds.push(event.what.kind());
            }
            Ok(())
        })
        .unwrap();
    kinds
}

#[test]
fn a_proposal_changes_nothing_and_an_approval_puts_it_into_force() {
    let (house, monitor) = steady_house();
    let before = fs::read(house.tree.baselines()).unwrap();
    propose(&monitor);
    assert_eq!(fs::read(house.tree.baselines()).unwrap(), before);

    let change = monitor
        .approve_baseline(&scenario(), &operator("lead-3:O3"), now())
        .unwrap();
    assert_eq!(change.old, None);
    assert_eq!(change.new.to_string(), "100");
    assert_eq!(change.approval_id, "O3-lead-3-2025-02-01T10:00:00Z");
    assert_eq!(
        events(&house),
        ["baseline_proposed", "baseline_approved", "baseline_applied"]
    );
    let note = house.read("runs/BASELINE_UPDATES/update_2025-02-01.md");
    assert!(
        note.contains("**Approval:** O3-lead-3-2025-02-01T10:00:00Z"),
        "{note}"
    );
    assert!(note.contains("- first baseline"), "{note}");

    let judged = monitor
        .observe(run("R-1", "EXPORT", "2025-02-01T11:00:00Z", "500"), now())
        .unwrap();
    assert_eq!(judged.verdict.severity, Severity::Sev1);
    assert_eq!(judged.verdict.variance.unwrap().to_string(), "5");
    let history = Archive::new(&house.tree)
        .baseline_history(&scenario())
        .unwrap();
    assert_eq!(history, [change]);
    // The file that was put into force is kept for whoever makes an old report again.
    let now_in_force = fs::read(house.tree.baselines()).unwrap();
    let object = house.tree.object(Sha256::of(&now_in_force));
    assert_eq!(fs::read(object).unwrap(), now_in_force);
}

#[test]
fn who_may_not_is_refused_and_nothing_happens() {
    let (house, monitor) = steady_house();
    let now = now();
    let o1 = operator("view-1:O1");
    assert!(matches!(
        monitor.propose_baseline(&scenario(), window(), Grounds::default(), &o1, now),
        Err(Error::Denied(Denied::Role { .. }))
    ));
    propose(&monitor);
    // But for the denials, which are recorded.
    let snapshot = || {
        let mut files = house.snapshot();
        files.retain(|(path, _)| !path.to_string_lossy().contains("/events."));
        files
    };
    let before = snapshot();
    for actor in [o1, operator("ops-2:O2"), Actor::Service] {
        assert!(matches!(
            monitor.approve_baseline(&scenario(), &actor, now),
            Err(Error::Denied(Denied::Role { .. }))
        ));
    }
    assert_eq!(snapshot(), before);

    // An O3 who proposed cannot approve; another can.
    let lead = operator("lead-3:O3");
    monitor
        .propose_baseline(&scenario(), window(), Grounds::default(), &lead, now)
        .unwrap();
    assert!(matches!(
        monitor.approve_baseline(&scenario(), &lead, now),
        Err(Error::Denied(Denied::OwnProposal { .. }))
    ));
    assert!(
        monitor
            .approve_baseline(&scenario(), &operator("lead-4:O3"), now)
            .is_ok()
    );
}

#[test]
fn an_approval_needs_a_proposal_and_works_once() {
    let (_house, monitor) = steady_house();
    let lead = operator("lead-3:O3");
    let approve = || monitor.approve_baseline(&scenario(), &lead, now());
    assert!(matches!(approve(), Err(Error::Precondition { .. })));
    propose(&monitor);
    approve().unwrap();
    assert!(matches!(approve(), Err(Error::Precondition { .. })));
}

#[test]
fn a_proposal_that_no_longer_follows_from_the_ledger_is_refused() {
    let (house, monitor) = steady_house();
    propose(&monitor);
    // Late runs change the median of the window that was proposed.
    let late = (0..200).map(|n| {
        run(
            &format!("LATE-{n}"),
            "EXPORT",
            "2025-01-31T10:00:00Z",
            "110",
        )
    });
    monitor.observe_all(late, now()).unwrap();
    let error = monitor
        .approve_baseline(&scenario(), &operator("lead-3:O3"), now())
        .unwrap_err();
    assert!(error.to_string().contains("out of date"), "{error}");
    assert_eq!(events(&house), ["baseline_proposed"]);

    // The same if somebody edited the baseline meanwhile.
    propose(&monitor);
    house.baselines(&[("EXPORT", "90")]);
    assert!(
        monitor
            .approve_baseline(&scenario(), &operator("lead-3:O3"), now())
            .is_err()
    );
}

#[test]
fn what_fails_the_gate_needs_a_recorded_reason() {
    let house = House::new();
    let monitor = house.open();
    monitor
        .observe_all(
            (0..5).map(|n| {
                let at = format!("2025-01-3{}T10:00:00Z", n % 2);
                run(
                    &format!("R-{n}"),
                    "EXPORT",
                    &at,
                    &format!("{}", 10 + n * 40),
                )
            }),
            now(),
        )
        .unwrap();
    let ops = operator("ops-2:O2");
    let propose = |grounds| monitor.propose_baseline(&scenario(), window(), grounds, &ops, now());
    let error = propose(Grounds::default()).unwrap_err().to_string();
    for criterion in ["span: ", "healthy_runs: 5", "cv: "] {
        assert!(error.contains(criterion), "{error}");
    }
    assert_eq!(events(&house), [] as [&str; 0]);
    let grounds = Grounds {
        override_reason: Some("a new product, watched by hand".to_owned()),
        ..Grounds::default()
    };
    propose(grounds).unwrap();
    monitor
        .approve_baseline(&scenario(), &operator("lead-3:O3"), now())
        .unwrap();
    let note = house.read("runs/BASELINE_UPDATES/update_2025-02-01.md");
    assert!(note.contains("a new product, watched by hand"), "{note}");
}

#[test]
fn a_large_change_needs_an_investigation() {
    let (house, monitor) = steady_house();
    house.baselines(&[("EXPORT", "60")]);
    let ops = operator("ops-2:O2");
    let propose = |grounds| monitor.propose_baseline(&scenario(), window(), grounds, &ops, now());
    // From 60 to 100 is +66.7 %. An override does not do instead.
    for grounds in [
        Grounds::default(),
        Grounds {
            override_reason: Some("because".to_owned()),
            ..Grounds::default()
        },
    ] {
        let error = propose(grounds).unwrap_err().to_string();
        assert!(
            error.contains("change: 66.67") && error.contains("--investigated"),
            "{error}"
        );
    }
    let grounds = Grounds {
        investigated: Some("CASE-20250131-AAAAAA".to_owned()),
        ..Grounds::default()
    };
    propose(grounds).unwrap();
}

#[test]
fn a_crash_between_approval_and_application_is_mended_by_the_next_call() {
    let (house, monitor) = steady_house();
    propose(&monitor);
    let lead = operator("lead-3:O3");
    let approve = || monitor.approve_baseline(&scenario(), &lead, now());

    // The note cannot be written: a file is where its folder should be.
    let notes = house.path("runs/BASELINE_UPDATES");
    fs::write(&notes, "in the way").unwrap();
    let before = fs::read(house.tree.baselines()).unwrap();
    assert!(matches!(approve(), Err(Error::Io { .. })));
    assert_eq!(events(&house), ["baseline_proposed", "baseline_approved"]);
    assert_eq!(fs::read(house.tree.baselines()).unwrap(), before);

    fs::remove_file(&notes).unwrap();
    approve().unwrap();
    assert_eq!(
        events(&house),
        ["baseline_proposed", "baseline_approved", "baseline_applied"]
    );
    let note = house.read("runs/BASELINE_UPDATES/update_2025-02-01.md");
    assert_eq!(note.matches("# Baseline Update: EXPORT").count(), 1);
}

#[test]
fn two_scenarios_of_one_day_share_a_note() {
    let (house, monitor) = steady_house();
    monitor.observe_all(steady("IMPORT"), now()).unwrap();
    for name in ["EXPORT", "IMPORT"] {
        let scenario = name.parse().unwrap();
        let ops = operator("ops-2:O2");
        monitor
            .propose_baseline(&scenario, window(), Grounds::default(), &ops, now())
            .unwrap();
        monitor
            .approve_baseline(&scenario, &operator("lead-3:O3"), now())
            .unwrap();
    }
    let note = house.read("runs/BASELINE_UPDATES/update_2025-02-01.md");
    assert!(
        note.contains("# Baseline Update: EXPORT") && note.contains("# Baseline Update: IMPORT")
    );
}

#[test]
fn calculating_reads_only() {
    let (house, monitor) = steady_house();
    let before = house.snapshot();
    let config = monitor.config().unwrap();
    let rule = config.policy().value.healthy();
    let archive = Archive::new(&house.tree);
    let calculated = archive
        .calculate_baseline(&scenario(), window(), rule)
        .unwrap();
    assert_eq!(
        calculated.line(),
        "[baseline-calculator] Calculated baseline for EXPORT: 100.00 (from 118 healthy runs)"
    );
    assert!(matches!(
        archive.calculate_baseline(&"NO_SUCH".parse().unwrap(), window(), rule),
        Err(Error::UnknownScenario { .. })
    ));
    assert_eq!(house.snapshot(), before);
}

#[test]
fn lost_events_are_never_no_events() {
    let (house, monitor) = steady_house();
    propose(&monitor);
    drop(monitor);
    fs::remove_file(house.tree.events()).unwrap();
    let archive = Archive::new(&house.tree);
    assert!(archive.docket().unwrap_err().is_integrity());
    assert!(archive.events_head().unwrap_err().is_integrity());
    let config = credit_monitor::Config::load(&house.tree).unwrap();
    let report = archive.weekly_report(&config, "2025-02-01".parse().unwrap(), 7);
    assert!(report.unwrap_err().is_integrity());
}

#[test]
fn what_is_usual_comes_with_the_baseline_and_stays_with_the_verdict() {
    let house = House::new();
    let monitor = house.open();
    let mut runs = steady("EXPORT");
    for run in &mut runs {
        run.input_tokens = Some(12_000);
        run.input_item_count = Some(50);
    }
    monitor.observe_all(runs, now()).unwrap();
    propose(&monitor);
    monitor
        .approve_baseline(&scenario(), &operator("lead-3:O3"), now())
        .unwrap();
    let file = house.read("config/credit-baselines.json");
    assert!(file.contains("\"usual_input_tokens\": 12000"), "{file}");
    assert!(file.contains("\"usual_credits_per_item\": 2"), "{file}");

    let mut grown = run("R-1", "EXPORT", "2025-02-01T11:00:00Z", "1000");
    grown.input_tokens = Some(24_000);
    grown.input_item_count = Some(500);
    let verdict = monitor.observe(grown, now()).unwrap().verdict;
    let flags = [RiskFlag::SuddenPromptGrowth, RiskFlag::LinearScaling];
    assert_eq!(verdict.risk_flags, flags.into_iter().collect());

    // With the baselines gone, the ledger's line alone repeats the verdict.
    let policy = monitor.config().unwrap().policy().value.clone();
    fs::remove_file(house.tree.baselines()).unwrap();
    let line = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
    let stored = StoredRecord::parse(line.lines().last().unwrap()).unwrap();
    assert_eq!(stored.inputs.usual.input_tokens, Some(12_000));
    let replayed = policy.replay(&stored);
    assert_eq!(stored.verdict, StoredVerdict::from(&replayed));
    assert_eq!(replayed.risk_flags, verdict.risk_flags);
}

#[test]
fn a_proposal_whose_usual_values_no_longer_follow_is_refused() {
    let (_house, monitor) = steady_house();
    propose(&monitor);
    // A late run that costs as usual and is the first to say what it took in.
    let mut late = run("R-LATE", "EXPORT", "2025-01-31T09:30:00Z", "100");
    late.input_tokens = Some(12_000);
    monitor.observe(late, now()).unwrap();
    let error = monitor
        .approve_baseline(&scenario(), &operator("lead-3:O3"), now())
        .unwrap_err();
    assert!(error.to_string().contains("the usual input"), "{error}");
    propose(&monitor);
    monitor
        .approve_baseline(&scenario(), &operator("lead-3:O3"), now())
        .unwrap();
}
