//! Runs in, outcomes out: what is kept, what is refused, and what survives.

mod common;

use std::fs;
use std::thread;

use common::{House, now, operator, run, steady};
use credit_monitor::baseline::Window;
use credit_monitor::core::{BaselineStatus, RiskFlag, RiskFlags, Severity, Sha256};
use credit_monitor::governance::What;
use credit_monitor::ledger::{FileStorage, Ledger};
use credit_monitor::{
    Archive, Dispatch, EVENTS, Error, Grounds, Monitor, ObserveError, RUNS, Refusal, Tree,
};

const AT: &str = "2025-01-31T10:00:00Z";

#[test]
fn a_run_is_in_the_ledger_and_in_its_file_when_observe_returns() {
    let house = House::new();
    let outcome = house
        .open()
        .observe(run("R-1", "EXPORT", AT, "12.5"), now())
        .unwrap();
    assert_eq!(outcome.verdict.severity, Severity::Sev1);
    assert_eq!(outcome.verdict.baseline_status, BaselineStatus::Missing);
    assert!(
        outcome
            .verdict
            .summary
            .starts_with("Baseline not found for scenario")
    );

    let line = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
    assert!(line.contains(&format!("\"Hash\":\"{}\"", outcome.receipt.hash())));
    let file = house.read("runs/CREDIT_MONITORING/2025-01-31/run_R-1.json");
    let sidecar = house.read("runs/CREDIT_MONITORING/2025-01-31/run_R-1.json.sha256");
    let hash = Sha256::of(file.as_bytes());
    assert_eq!(sidecar, format!("{hash}  run_R-1.json\n"));
    assert!(line.contains(&format!("\"Run_Sha256\":\"{hash}\"")));
}

#[test]
fn the_same_run_again_adds_nothing_and_tells_the_verdict_that_stands() {
    let house = House::new();
    let monitor = house.open();
    let first = monitor
        .observe(run("R-1", "EXPORT", AT, "1000"), now())
        .unwrap();
    // What comes later does not change what was judged before, and the run is the same: its
    // identity is that of its input, before its scenario's configuration is added.
    house.baselines(&[("EXPORT", "100")]);
    let scenario = r#"{"is_backfill":true,"max_items":5}"#;
    fs::write(house.path("config/scenarios/EXPORT.json"), scenario).unwrap();
    let before = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
    let again = monitor
        .observe(run("R-1", "EXPORT", AT, "1000"), now())
        .unwrap();
    assert!(again.duplicate && !first.duplicate);
    assert_eq!(again.verdict, first.verdict);
    assert_eq!(again.receipt, first.receipt);
    assert_eq!(again.alert, None, "nobody is told twice");
    assert_eq!(house.read("runs/CREDIT_MONITORING/ledger.jsonl"), before);
}

#[test]
fn another_run_of_the_same_id_is_refused_and_overwrites_nothing() {
    let house = House::new();
    let monitor = house.open();
    monitor
        .observe(run("R-1", "EXPORT", AT, "10"), now())
        .unwrap();
    let before = house.snapshot();
    let error = monitor
        .observe(run("R-1", "EXPORT", AT, "11"), now())
        .unwrap_err();
    assert!(matches!(
        error,
        ObserveError::Refused(Refusal::Conflict { .. })
    ));
    assert_eq!(house.snapshot(), before);
}

#[test]
fn what_operators_edit_is_seen_by_the_next_run() {
    let house = House::new();
    let monitor = house.open();
    let judged = |id: &str| {
        let mut run = run(id, "EXPORT", AT, "550");
        run.retry_count = 7;
        monitor.observe(run, now()).unwrap().verdict
    };
    assert_eq!(judged("R-1").baseline_status, BaselineStatus::Missing);
    house.baselines(&[("EXPORT", "100")]);
    assert_eq!(judged("R-2").severity, Severity::Sev1);

    fs::write(
        house.path("config/scenarios/EXPORT.json"),
        r#"{"is_backfill":true}"#,
    )
    .unwrap();
    let backfill = judged("R-3");
    assert_eq!(
        backfill.severity,
        Severity::Sev2,
        "5.5 is below 5 times 1.4"
    );
    assert!(backfill.risk_flags.contains(RiskFlag::BackfillMode));

    let policy = house.read("config/sintraprime-policy.json");
    fs::write(
        house.tree.policy(),
        policy.replace("\"max_retries\": 5", "\"max_retries\": 9"),
    )
    .unwrap();
    assert!(judged("R-3b").risk_flags == RiskFlags::NONE.with(RiskFlag::BackfillMode));
}

#[test]
fn a_broken_policy_stops_everything_and_nothing_is_written() {
    let house = House::new();
    let monitor = house.open();
    monitor
        .observe(run("R-1", "EXPORT", AT, "10"), now())
        .unwrap();
    for broken in ["", "{", "{\"version\":\"1\"}"] {
        fs::write(house.tree.policy(), broken).unwrap();
        let before = house.snapshot();
        let error = monitor
            .observe(run("R-2", "EXPORT", AT, "10"), now())
            .unwrap_err();
        let ObserveError::Failed(Error::Config { path, .. }) = error else {
            panic!("{error}")
        };
        assert_eq!(path, house.tree.policy());
        assert_eq!(house.snapshot(), before);
        assert!(Monitor::open(&house.tree, now()).is_err());
    }
    fs::remove_file(house.tree.policy()).unwrap();
    let error = monitor
        .observe(run("R-2", "EXPORT", AT, "10"), now())
        .unwrap_err();
    assert!(error.to_string().contains("creditctl init"), "{error}");
}

#[test]
fn missing_or_corrupt_baselines_are_never_no_baselines() {
    let house = House::new();
    let monitor = house.open();
    fs::write(house.tree.baselines(), "{\"version\":\"1.0.0\"").unwrap();
    assert!(matches!(
        monitor.observe(run("R-1", "EXPORT", AT, "10"), now()),
        Err(ObserveError::Failed(Error::Config { .. }))
    ));
    fs::remove_file(house.tree.baselines()).unwrap();
    assert!(
        monitor
            .observe(run("R-1", "EXPORT", AT, "10"), now())
            .is_err()
    );
    assert!(Archive::new(&house.tree).head().unwrap().is_none());
}

#[test]
fn a_policy_that_differs_from_its_sidecar_is_refused() {
    let house = House::new();
    let policy = house.read("config/sintraprime-policy.json");
    let sidecar = format!(
        "{}  sintraprime-policy.json\n",
        Sha256::of(policy.as_bytes())
    );
    let path = house.path("config/sintraprime-policy.json.sha256");
    fs::write(path, sidecar).unwrap();
    house.open();
    fs::write(house.tree.policy(), policy.replace("10", "9")).unwrap();
    let error = Monitor::open(&house.tree, now()).unwrap_err();
    assert!(error.is_integrity(), "{error}");
}

#[test]
fn a_broken_scenario_file_refuses_that_scenario_s_runs_only() {
    let house = House::new();
    let path = house.path("config/scenarios/BROKEN.json");
    fs::write(&path, r#"{"max_items":"many"}"#).unwrap();
    let runs = vec![
        run("R-1", "EXPORT", AT, "10"),
        run("R-2", "BROKEN", AT, "10"),
        run("R-3", "EXPORT", AT, "10"),
    ];
    let batch = house.open().observe_batch(runs, now()).unwrap();
    let kept: Vec<bool> = batch.outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(kept, [true, false, true]);
    let refusal = batch.outcomes[1].as_ref().unwrap_err().to_string();
    assert!(
        refusal.contains("BROKEN.json") && refusal.contains("`max_items`"),
        "{refusal}"
    );
}

#[test]
fn dispatch_is_answered_from_the_ledger_and_unknown_means_no() {
    let house = House::new();
    house.baselines(&[("MAIL", "100")]);
    let monitor = house.open();
    let mut leak = run("R-LEAK", "MAIL", AT, "1000");
    leak.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    let outcome = monitor.observe(leak, now()).unwrap();
    assert_eq!(outcome.verdict.severity, Severity::Sev0);
    assert!(outcome.alert.unwrap().escalate);
    monitor
        .observe(run("R-OK", "MAIL", AT, "100"), now())
        .unwrap();
    drop(monitor);

    // After a restart, and for who may only read.
    let monitor = house.open();
    let archive = Archive::new(&house.tree);
    for (id, allowed) in [("R-LEAK", false), ("R-OK", true), ("R-UNKNOWN", false)] {
        let id = id.parse().unwrap();
        assert_eq!(
            monitor.may_dispatch(&id).unwrap() == Dispatch::Allowed,
            allowed
        );
        assert_eq!(
            archive.may_dispatch(&id).unwrap() == Dispatch::Allowed,
            allowed
        );
    }
    let file = house.read("runs/CREDIT_MONITORING/2025-01-31/run_R-LEAK.json");
    assert!(file.contains("\"dispatch_blocked\": true"));
    let file = house.read("runs/CREDIT_MONITORING/2025-01-31/run_R-OK.json");
    assert!(!file.contains("dispatch_blocked"));
}

#[test]
fn many_threads_and_two_monitors_share_one_tree() {
    let house = House::new();
    let (one, two) = (house.open(), house.open());
    thread::scope(|scope| {
        for t in 0..8 {
            let monitor = if t % 2 == 0 { &one } else { &two };
            scope.spawn(move || {
                for n in 0..25 {
                    // Every run is observed by two threads.
                    let id = format!("R-{}-{n}", t / 2);
                    monitor
                        .observe(run(&id, "EXPORT", AT, "10"), now())
                        .unwrap();
                }
            });
        }
    });
    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    assert_eq!(verified.findings, []);
    assert_eq!((verified.lines, verified.run_files), (100, 100));
}

#[test]
fn a_run_file_that_cannot_be_written_does_not_cost_the_run() {
    let house = House::new();
    let monitor = house.open();
    let day = house.path("runs/CREDIT_MONITORING/2025-01-31");
    fs::write(&day, "in the way").unwrap();
    let batch = monitor
        .observe_batch(vec![run("R-1", "EXPORT", AT, "10")], now())
        .unwrap();
    assert!(batch.outcomes[0].is_ok());
    assert_eq!(batch.run_file_errors.len(), 1);

    // Once the way is free, observing the run again writes the file from its line.
    fs::remove_file(&day).unwrap();
    assert!(
        monitor
            .observe(run("R-1", "EXPORT", AT, "10"), now())
            .unwrap()
            .duplicate
    );
    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    assert_eq!(verified.findings, []);
}

#[test]
fn everything_but_the_ledgers_and_config_can_be_made_again() {
    let house = House::new();
    let monitor = house.open();
    monitor.observe_all(steady("EXPORT"), now()).unwrap();
    let window = Window {
        as_of: now(),
        days: 30,
    };
    let scenario = "EXPORT".parse().unwrap();
    monitor
        .propose_baseline(
            &scenario,
            window,
            Grounds::default(),
            &operator("ops-2:O2"),
            now(),
        )
        .unwrap();
    monitor
        .approve_baseline(&scenario, &operator("lead-3:O3"), now())
        .unwrap();
    let before = house.snapshot();
    let docket = Archive::new(&house.tree).docket().unwrap();
    drop(monitor);

    let monitoring = house.path("runs/CREDIT_MONITORING");
    for entry in fs::read_dir(&monitoring).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        }
    }
    assert_ne!(house.snapshot(), before);

    let monitor = house.open();
    monitor.observe_all(steady("EXPORT"), now()).unwrap();
    assert!(Archive::new(&house.tree).docket().unwrap() == docket);
    let runs = |files: Vec<(std::path::PathBuf, Vec<u8>)>| -> Vec<_> {
        let day = |p: &std::path::Path| p.to_string_lossy().contains("/run_");
        files.into_iter().filter(|(path, _)| day(path)).collect()
    };
    assert_eq!(runs(house.snapshot()), runs(before));
}

#[test]
fn a_torn_tail_is_set_aside_and_told_as_an_event() {
    let house = House::new();
    house
        .open()
        .observe(run("R-1", "EXPORT", AT, "10"), now())
        .unwrap();
    let path = house.tree.ledger();
    let mut bytes = fs::read(&path).unwrap();
    let whole = bytes.len();
    bytes.extend_from_slice(b"{\"Run_ID\":\"R-2\",\"Timest");
    fs::write(&path, &bytes).unwrap();

    let monitor = house.open();
    assert_eq!(fs::read(&path).unwrap().len(), whole);
    let mut told = Vec::new();
    monitor
        .archive()
        .each_event(|event| {
            if event.what.case().is_none() {
                told.push(event.what);
            }
            Ok(())
        })
        .unwrap();
    let [
        What::TailRecovered {
            offset,
            bytes,
            kept_in,
            ..
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!((*offset, *bytes), (whole as u64, 23));
    let kept = fs::read_dir(house.path("runs/CREDIT_MONITORING/recovered")).unwrap();
    assert_eq!(kept.count(), 2, "the bytes and their sidecar");
    assert!(kept_in.contains("recovered"), "{kept_in}");
}

/// The cut comes first: who made it may die before it can tell.
#[test]
fn a_tail_that_another_process_cut_off_is_told_once_by_the_next() {
    let house = House::new();
    let first = run("R-1", "EXPORT", AT, "10");
    house.open().observe(first, now()).unwrap();
    let monitoring = house.path("runs/CREDIT_MONITORING");
    for (stem, schema) in [("ledger", RUNS), ("events", EVENTS)] {
        let path = monitoring.join(format!("{stem}.jsonl"));
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"torn");
        fs::write(&path, &bytes).unwrap();
        let storage = FileStorage::new(&monitoring, stem);
        let ledger = Ledger::open(Box::new(storage), schema, Default::default()).unwrap();
        assert!(ledger.recovered().is_some());
    }
    // What else lies there is not ours to tell of.
    fs::write(monitoring.join("recovered/note.txt"), b"by hand").unwrap();
    fs::create_dir(monitoring.join("recovered/ledger-1-2.bin")).unwrap();
    let told = |monitor: &Monitor| {
        let mut told = Vec::new();
        let each = |event: credit_monitor::governance::Event| {
            if let What::TailRecovered {
                ledger,
                bytes,
                kept_in,
                ..
            } = event.what
            {
                assert_eq!(fs::read(&kept_in).unwrap().len() as u64, bytes);
                told.push(ledger);
            }
            Ok(())
        };
        monitor.archive().each_event(each).unwrap();
        told
    };
    for _ in 0..2 {
        assert_eq!(told(&house.open()), ["events.jsonl", "ledger.jsonl"]);
    }
}

#[test]
fn a_ledger_is_never_made_anew_over_lost_state() {
    let house = House::new();
    house
        .open()
        .observe(run("R-1", "EXPORT", AT, "10"), now())
        .unwrap();
    let ledger = fs::read(house.tree.ledger()).unwrap();
    fs::remove_file(house.tree.ledger()).unwrap();
    let error = Monitor::open(&house.tree, now()).unwrap_err();
    assert!(error.is_integrity(), "{error}");

    // Not even when HEAD is gone with it, as long as run files are there.
    let head = house.path("runs/CREDIT_MONITORING/ledger.HEAD");
    let head_bytes = fs::read(&head).unwrap();
    fs::remove_file(&head).unwrap();
    let error = Monitor::open(&house.tree, now()).unwrap_err();
    assert!(error.is_integrity(), "{error}");

    fs::write(house.tree.ledger(), ledger).unwrap();
    fs::write(&head, head_bytes).unwrap();
    assert!(
        house
            .open()
            .observe(run("R-2", "EXPORT", AT, "10"), now())
            .is_ok()
    );
}

#[test]
fn a_tampered_line_stops_the_writer() {
    let house = House::new();
    let monitor = house.open();
    monitor
        .observe(run("R-1", "EXPORT", AT, "10"), now())
        .unwrap();
    monitor
        .observe(run("R-2", "EXPORT", AT, "10"), now())
        .unwrap();
    let text = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
    fs::write(
        house.tree.ledger(),
        text.replacen("\"Credits_Total\":10,", "\"Credits_Total\":90,", 1),
    )
    .unwrap();
    let error = Monitor::open(&house.tree, now()).unwrap_err();
    assert!(error.is_integrity(), "{error}");
    // A running writer notices that its file was shortened under it.
    let lines: Vec<&str> = text.lines().collect();
    fs::write(house.tree.ledger(), format!("{}\n", lines[0])).unwrap();
    let error = monitor
        .observe(run("R-3", "EXPORT", AT, "10"), now())
        .unwrap_err();
    let ObserveError::Failed(error) = error else {
        panic!("{error}")
    };
    assert!(error.is_integrity(), "{error}");
}

#[test]
fn every_input_of_a_verdict_is_kept_under_its_hash() {
    let house = House::new();
    house.baselines(&[("EXPORT", "100")]);
    let scenario = r#"{"max_items":10}"#;
    fs::write(house.path("config/scenarios/EXPORT.json"), scenario).unwrap();
    house
        .open()
        .observe(run("R-1", "EXPORT", AT, "10"), now())
        .unwrap();
    let files = [
        house.tree.policy(),
        house.tree.baselines(),
        house.path("config/scenarios/EXPORT.json"),
    ];
    let line = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
    for (file, named) in files.iter().zip([true, false, true]) {
        let bytes = fs::read(file).unwrap();
        let hash = Sha256::of(&bytes);
        assert_eq!(fs::read(house.tree.object(hash)).unwrap(), bytes);
        assert_eq!(line.contains(&hash.to_string()), named);
    }
}

#[test]
fn a_tree_without_config_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let error = Monitor::open(&Tree::new(dir.path()), now()).unwrap_err();
    assert!(error.to_string().contains("creditctl init"), "{error}");
    assert!(!dir.path().join("runs").exists());
}
