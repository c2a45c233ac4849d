//! A baseline changes in two steps, and a crash between any two of them is mended.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;

use common::{House, now, operator, run, steady};
use credit_monitor::baseline::Window;
use credit_monitor::core::{
    Credits, RiskFlag, Run, ScenarioId, Severity, Sha256, StoredRecord, StoredVerdict, Timestamp,
};
use credit_monitor::governance::{Actor, ConfigFile, Denied};
use credit_monitor::{
    Archive, Error, Grounds, Monitor, ReportRequest, Standing, TellWeekdays, VersionBy,
};

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
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].by, VersionBy::Approval(change));
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
    let events = house.tree.events();
    let away = house.path("away");
    fs::rename(&events, &away).unwrap();
    // Nor to a process that read them already, which goes on once they are back.
    let count = || monitor.with_docket(|docket| docket.pending_scenarios().len());
    let lost = count().unwrap_err();
    assert!(lost.is_integrity(), "{lost}");
    assert!(
        lost.to_string().contains("restore it from a copy"),
        "{lost}"
    );
    fs::rename(&away, &events).unwrap();
    assert_eq!(count().unwrap(), 1);
    drop(monitor);
    fs::remove_file(&events).unwrap();
    let archive = Archive::new(&house.tree);
    assert!(archive.docket().unwrap_err().is_integrity());
    assert!(archive.events_head().unwrap_err().is_integrity());
    let config = credit_monitor::Config::load(&house.tree).unwrap();
    let report = archive.weekly_report(
        &config,
        &ReportRequest::review("2025-02-01".parse().unwrap()),
    );
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

/// Forty days of four runs a day, a third as dear at weekends.
fn weekly(scenario: &str) -> Vec<Run> {
    let mut runs = steady(scenario);
    for run in &mut runs {
        if run.timestamp.weekday().is_weekend() {
            run.credits = Credits::from_micro(run.credits.micro() / 3).unwrap();
        }
    }
    runs
}

#[test]
fn all_that_are_stable_are_proposed_and_approved_in_one_go() {
    let (house, monitor) = steady_house();
    for name in ["IMPORT", "MAIL"] {
        monitor.observe_all(steady(name), now()).unwrap();
    }
    // Not stable: too few runs.
    let few = (0..3).map(|n| run(&format!("FEW-{n}"), "FEW", "2025-01-31T10:00:00Z", "5"));
    monitor.observe_all(few, now()).unwrap();
    let (ops, lead) = (operator("ops-2:O2"), operator("lead-3:O3"));
    let grounds = Grounds {
        reasons: vec!["weekly review".to_owned()],
        ..Grounds::default()
    };
    let proposed = monitor
        .propose_stable_baselines(window(), &grounds, &ops, now())
        .unwrap();
    let names: Vec<String> = proposed
        .iter()
        .map(|(_, draft)| draft.calculation.scenario_id.to_string())
        .collect();
    assert_eq!(names, ["EXPORT", "IMPORT", "MAIL"]);

    // One of them is out of date by the time of the approval, one belongs to nobody.
    let late = (0..200).map(|n| run(&format!("L-{n}"), "IMPORT", "2025-01-31T10:00:00Z", "110"));
    monitor.observe_all(late, now()).unwrap();
    // One is named twice.
    let scenarios = ["EXPORT", "IMPORT", "NO_SUCH", "MAIL", "EXPORT"].map(|s| s.parse().unwrap());
    let results = monitor.approve_baselines(&scenarios, &lead, now()).unwrap();
    let told: Vec<String> = results
        .iter()
        .map(|one| match (&one.scenario_id, &one.change) {
            (scenario, Ok(change)) => format!("{scenario} {}", change.new),
            (scenario, Err(e)) => format!("{scenario}: {}", &e.to_string()[..20]),
        })
        .collect();
    assert_eq!(
        told,
        [
            "EXPORT 100",
            "IMPORT: the proposal for `IM",
            "NO_SUCH: no baseline is propo",
            "MAIL 100"
        ]
    );
    let kinds = events(&house);
    assert_eq!(
        kinds,
        [
            "baseline_proposed",
            "baseline_proposed",
            "baseline_proposed",
            "baseline_approved",
            "baseline_approved",
            "baseline_applied",
            "baseline_applied"
        ]
    );
    let note = house.read("runs/BASELINE_UPDATES/update_2025-02-01.md");
    assert_eq!(note.matches("# Baseline Update: ").count(), 2, "{note}");
    assert_eq!(note.matches("- weekly review").count(), 2, "{note}");
    let file = house.read("config/credit-baselines.json");
    assert_eq!(file.matches("\"median_lower\"").count(), 2, "{file}");
    // Approved again, only the one that is open is left, and it is still out of date.
    assert!(
        monitor
            .approve_baselines(&scenarios, &lead, now())
            .unwrap()
            .iter()
            .all(|one| one.change.is_err())
    );
    assert_eq!(events(&house).len(), kinds.len());
    // Whoever may not is refused before anything is looked at.
    assert!(matches!(
        monitor.approve_baselines(&scenarios, &ops, now()),
        Err(Error::Denied(Denied::Role { .. }))
    ));
}

#[test]
fn runs_are_judged_by_their_weekday_where_the_entry_says_so() {
    let house = House::new();
    let monitor = house.open();
    monitor.observe_all(weekly("EXPORT"), now()).unwrap();
    let (ops, lead) = (operator("ops-2:O2"), operator("lead-3:O3"));
    let propose = |weekdays| {
        let grounds = Grounds {
            weekdays,
            ..Grounds::default()
        };
        monitor.propose_baseline(&scenario(), window(), grounds, &ops, now())
    };
    // All days together scatter too much; each kind of day by itself does not.
    let error = propose(TellWeekdays::AsInForce).unwrap_err().to_string();
    assert!(error.contains("cv: 0.3"), "{error}");
    propose(TellWeekdays::Apart).unwrap();
    monitor.approve_baseline(&scenario(), &lead, now()).unwrap();
    let file = house.read("config/credit-baselines.json");
    assert!(file.contains("\"saturday\": {"), "{file}");
    let config = monitor.config().unwrap();
    let entry = config.baselines().value.get(&scenario()).unwrap().clone();
    let note = house.read("runs/BASELINE_UPDATES/update_2025-02-01.md");
    assert!(note.contains("- On saturday: "), "{note}");

    // Saturday and Monday: the same cost, another severity.
    for (id, at, severity) in [
        ("R-SAT", "2025-02-01T11:00:00Z", Severity::Sev2),
        ("R-MON", "2025-02-03T11:00:00Z", Severity::Sev4),
    ] {
        let (expected, bounds) = entry.on(at.parse::<Timestamp>().unwrap().weekday());
        let verdict = monitor
            .observe(run(id, "EXPORT", at, "100"), now())
            .unwrap()
            .verdict;
        assert_eq!(verdict.severity, severity, "{id}");
        // The line keeps the value that was used, and repeats the verdict without the file.
        let line = monitor
            .archive()
            .run(&id.parse().unwrap())
            .unwrap()
            .unwrap();
        let stored = StoredRecord::parse(std::str::from_utf8(line.raw()).unwrap()).unwrap();
        assert_eq!(stored.verdict.baseline, Some(expected), "{id}");
        assert_eq!(stored.inputs.usual.bounds, bounds, "{id}");
        assert!(bounds.unwrap().contains(expected), "{id}");
        let policy = &monitor.config().unwrap().policy().value.clone();
        let again = policy.replay(&stored);
        assert_eq!(StoredVerdict::from(&again), stored.verdict);
        let why = monitor
            .archive()
            .explain(std::str::from_utf8(line.raw()).unwrap())
            .unwrap();
        assert_eq!(why.certainty.unwrap().severity, severity);
    }

    // Proposed again without a word, it stays apart; together only if that is asked for.
    let (_, draft) = propose(TellWeekdays::AsInForce).unwrap();
    assert!(draft.calculation.weekdays.is_some());
    let together = monitor.archive().draft_baseline(
        &monitor.config().unwrap(),
        &scenario(),
        window(),
        &Grounds {
            weekdays: TellWeekdays::Together,
            ..Grounds::default()
        },
    );
    let error = together.unwrap_err().to_string();
    // A Saturday would cost three times as much as it does now.
    assert!(error.contains("change: "), "{error}");
}

#[test]
fn a_baseline_that_no_longer_holds_is_told_with_its_date() {
    let house = House::new();
    let monitor = house.open();
    let mut runs = steady("EXPORT");
    runs.extend(steady("CALM"));
    let since: Timestamp = "2025-01-20T00:00:00Z".parse().unwrap();
    for (n, run) in runs.iter_mut().enumerate() {
        let micro = run.credits.micro();
        if run.scenario_id.as_str() == "EXPORT" && run.timestamp >= since {
            run.credits = Credits::from_micro(micro * 3 / 2).unwrap();
        } else if n % 17 == 0 {
            // Spikes are no drift.
            run.credits = Credits::from_micro(micro * 4).unwrap();
        }
    }
    monitor.observe_all(runs, now()).unwrap();
    house.baselines(&[("EXPORT", "100"), ("CALM", "100"), ("IDLE", "5")]);
    let config = monitor.config().unwrap();
    let archive = monitor.archive();
    let drifted = archive.drifted(&config, window()).unwrap();
    let names: Vec<&str> = drifted.keys().map(ScenarioId::as_str).collect();
    assert_eq!(names, ["EXPORT"]);
    let found = drifted.values().next().unwrap();
    assert_eq!(found.change.at, since);
    assert_eq!(found.times.unwrap().to_string(), "1.485");

    // Once the baseline is where the scenario is, nothing is told any more.
    house.baselines(&[("EXPORT", "150")]);
    let config = monitor.config().unwrap();
    assert!(archive.drifted(&config, window()).unwrap().is_empty());
    // A tree without a ledger has none either.
    let empty = House::new();
    let config = credit_monitor::Config::load(&empty.tree).unwrap();
    assert!(
        Archive::new(&empty.tree)
            .drifted(&config, window())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_value_entered_by_hand_counts_and_is_told_apart_until_it_is_adopted() {
    let (house, monitor) = steady_house();
    let lead = operator("lead-3:O3");
    propose(&monitor);
    monitor.approve_baseline(&scenario(), &lead, now()).unwrap();
    let standing = |name: &str| {
        let config = credit_monitor::Config::load(&house.tree).unwrap();
        let all = Archive::new(&house.tree)
            .baseline_standings(&config)
            .unwrap();
        all[&name.parse::<ScenarioId>().unwrap()]
    };
    assert_eq!(standing("EXPORT"), Standing::Current);

    let file = house.read("config/credit-baselines.json");
    let entry = r#"{"scenario_id":"NEW_ONE","median_credits":1250,"calculated_at":"2025-02-01T10:00:00Z","sample_size":0,"last_updated":"2025-02-01T10:00:00Z"}"#;
    let edited = file
        .replace("\"baselines\": [", &format!("\"baselines\": [{entry},"))
        .replace("\"median_credits\": 100,", "\"median_credits\": 120,");
    fs::write(house.tree.baselines(), edited).unwrap();
    assert_eq!(standing("NEW_ONE"), Standing::ManualNotAdopted);
    assert_eq!(standing("EXPORT"), Standing::NotAdopted);
    // It counts all the same.
    let judged = monitor.observe(
        run("R-NEW", "NEW_ONE", "2025-02-01T11:00:00Z", "1300"),
        now(),
    );
    assert_eq!(judged.unwrap().verdict.severity, Severity::Sev4);

    let later: Timestamp = "2025-02-02T10:00:00Z".parse().unwrap();
    let reason = "by estimate".parse().unwrap();
    monitor
        .adopt_config(&ConfigFile::Baselines, reason, &lead, later)
        .unwrap();
    assert_eq!(standing("NEW_ONE"), Standing::Manual);
    assert_eq!(standing("EXPORT"), Standing::Current);

    let archive = Archive::new(&house.tree);
    let versions = archive.baseline_history(&scenario()).unwrap();
    let told: Vec<_> = versions.iter().map(|v| (v.since, v.old, v.new)).collect();
    let credits = |n| Credits::whole(n);
    assert_eq!(
        told,
        [
            (now(), None, credits(100)),
            (later, credits(100), credits(120))
        ]
    );
    let by_hand = archive
        .baseline_history(&"NEW_ONE".parse().unwrap())
        .unwrap();
    assert_eq!(by_hand.len(), 1);
    assert_eq!(
        by_hand[0].by,
        VersionBy::Adoption {
            by: "lead-3".to_owned(),
            reason: "by estimate".to_owned()
        }
    );
    let config = credit_monitor::Config::load(&house.tree).unwrap();
    let as_of = |at: &str| {
        let found = archive.baseline_as_of(&config, &scenario(), at.parse().unwrap());
        found.unwrap().credits
    };
    // Both sides of each boundary.
    assert_eq!(as_of("2025-02-01T09:59:59Z"), None);
    assert_eq!(as_of("2025-02-01T10:00:00Z"), credits(100));
    assert_eq!(as_of("2025-02-02T09:59:59.999Z"), credits(100));
    assert_eq!(as_of("2025-02-02T10:00:00Z"), credits(120));

    // What was adopted is not what it was: an error, never another history.
    let adopted = Sha256::of(&fs::read(house.tree.baselines()).unwrap());
    let object = house.tree.object(adopted);
    fs::remove_file(&object).unwrap();
    assert!(matches!(
        archive.baseline_history(&scenario()),
        Err(Error::Io { .. })
    ));
    fs::write(&object, file).unwrap();
    assert!(
        archive
            .baseline_history(&scenario())
            .unwrap_err()
            .is_integrity()
    );
}
