//! A grave run from the ledger to its release: set aside, blocked, a case, a gate, and back.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use common::{House, now, operator, resolve, run};
use credit_monitor::core::{CaseId, RiskFlag, RiskFlags, RootCause, Run, Severity, Timestamp};
use credit_monitor::governance::{
    Actor, CaseAcknowledged, RerunStanding, RootCauseFound, Text, What,
};
use credit_monitor::notify::routing::Webhooks;
use credit_monitor::{Archive, Dispatch, Error, Monitor, Tree};

const AT: &str = "2025-01-31T10:00:00Z";

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn ops() -> Actor {
    operator("ops-2:O2")
}

fn lead() -> Actor {
    operator("lead-3:O3")
}

/// A run at thirteen times its baseline that touched personal data.
fn leak(id: &str, link: Option<&str>) -> Run {
    let mut run = run(id, "EXPORT", AT, "130");
    run.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    run.artifacts_link = link.map(str::to_owned);
    run
}

fn house() -> House {
    let house = House::new();
    house.baselines(&[("EXPORT", "10"), ("MAIL", "10")]);
    house
}

fn kinds(tree: &Tree) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    Archive::new(tree)
        .each_event(|event| {
            kinds.push(event.what.kind());
            Ok(())
        })
        .unwrap();
    kinds
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_sev0_run_is_set_aside_and_blocked_until_it_is_released() {
    let house = house();
    fs::create_dir_all(house.path("out/2025")).unwrap();
    fs::write(house.path("out/2025/people.csv"), "name\n").unwrap();
    let monitor = house.open();
    let leak = leak("RUN-LEAK", Some("out/2025/people.csv"));
    let outcome = monitor.observe(leak, now()).unwrap();
    assert_eq!(outcome.verdict.severity, Severity::Sev0);
    let case = outcome.case.unwrap();
    assert_eq!(
        kinds(&house.tree),
        ["run_quarantined", "dispatch_blocked", "case_opened"],
        "what protects comes first"
    );

    // Record and sidecar stay where they were; their copies and the payload are set aside.
    let folder = house.path("runs/QUARANTINE/RUN-LEAK");
    assert_eq!(
        names(&folder),
        [
            ".quarantine.json",
            "people.csv",
            "run_RUN-LEAK.json",
            "run_RUN-LEAK.json.sha256"
        ]
    );
    let record = "runs/CREDIT_MONITORING/2025-01-31/run_RUN-LEAK.json";
    let copy = "runs/QUARANTINE/RUN-LEAK/run_RUN-LEAK.json";
    assert_eq!(house.read(record), house.read(copy));
    assert!(!house.path("out/2025/people.csv").exists());

    // It stays blocked when the process starts anew, and nothing is done twice.
    let id = "RUN-LEAK".parse().unwrap();
    drop(monitor);
    let monitor = house.open();
    assert!(matches!(
        monitor.may_dispatch(&id).unwrap(),
        Dispatch::Blocked { .. }
    ));
    assert_eq!(kinds(&house.tree).len(), 3);

    // Every criterion that is missing is named, and nothing moves.
    let error = monitor
        .release(&id, text("done"), &lead(), now())
        .unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    assert!(
        error.to_string().contains("the resolution of CASE-"),
        "{error}"
    );
    assert!(folder.join("people.csv").exists());

    resolve(&monitor, &case, now());
    let denied = monitor
        .release(&id, text("done"), &ops(), now())
        .unwrap_err();
    assert!(matches!(denied, Error::Denied(_)), "{denied}");
    assert_eq!(kinds(&house.tree).last(), Some(&"refused"));

    let released = monitor
        .release(&id, text("false positive"), &lead(), now())
        .unwrap()
        .unwrap();
    let json = released.to_json();
    assert!(
        json.contains("Quarantine released on 2025-02-01 by O3 lead-3"),
        "{json}"
    );
    assert_eq!(monitor.may_dispatch(&id).unwrap(), Dispatch::Allowed);
    assert_eq!(
        Archive::new(&house.tree).may_dispatch(&id).unwrap(),
        Dispatch::Allowed
    );
    assert_eq!(house.read("out/2025/people.csv"), "name\n");
    assert_eq!(names(&folder), [".quarantine.json"]);
    assert!(house.path(record).exists());

    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    assert_eq!(verified.findings, []);
}

#[test]
fn what_was_changed_in_quarantine_is_not_released() {
    type Change = (&'static str, fn(&Path));
    let changes: [Change; 5] = [
        ("payload edited", |dir| {
            fs::write(dir.join("data/a"), "B").unwrap()
        }),
        ("payload removed", |dir| {
            fs::remove_file(dir.join("data/b")).unwrap()
        }),
        ("payload added", |dir| {
            fs::write(dir.join("data/c"), "").unwrap()
        }),
        ("record replaced", |dir| {
            let path = dir.join("run_RUN-LEAK.json");
            fs::remove_file(&path).unwrap();
            fs::write(path, "{}\n").unwrap();
        }),
        ("sidecar gone", |dir| {
            fs::remove_file(dir.join("run_RUN-LEAK.json.sha256")).unwrap();
        }),
    ];
    for (what, change) in changes {
        let house = house();
        fs::create_dir_all(house.path("data")).unwrap();
        fs::write(house.path("data/a"), "A").unwrap();
        fs::write(house.path("data/b"), "B").unwrap();
        let monitor = house.open();
        let outcome = monitor
            .observe(leak("RUN-LEAK", Some("data")), now())
            .unwrap();
        resolve(&monitor, &outcome.case.unwrap(), now());
        change(&house.path("runs/QUARANTINE/RUN-LEAK"));

        let id = "RUN-LEAK".parse().unwrap();
        let error = monitor
            .release(&id, text("done"), &lead(), now())
            .unwrap_err();
        assert!(error.is_integrity(), "{what}: {error}");
        assert!(!house.path("data").exists(), "{what}");
        assert!(matches!(
            monitor.may_dispatch(&id).unwrap(),
            Dispatch::Blocked { .. }
        ));
    }
}

/// Something stands where the payload was: the run is released, and the payload follows as soon as
/// it can, by the same call or when the tree is opened.
#[test]
fn a_payload_that_cannot_go_back_goes_back_later() {
    for by_opening in [false, true] {
        let house = house();
        fs::write(house.path("people.csv"), "name\n").unwrap();
        let monitor = house.open();
        let leak = leak("RUN-LEAK", Some("people.csv"));
        let case = monitor.observe(leak, now()).unwrap().case.unwrap();
        resolve(&monitor, &case, now());
        fs::write(house.path("people.csv"), "another\n").unwrap();

        let id = "RUN-LEAK".parse().unwrap();
        let release = || monitor.release(&id, text("done"), &lead(), now());
        for _ in 0..2 {
            let error = release().unwrap_err();
            assert!(error.to_string().contains("move that away"), "{error}");
        }
        let rehearsed = Archive::new(&house.tree).rehearse().unwrap();
        let would = rehearsed.release(&id, text("done"), &lead(), now());
        assert_eq!(would.unwrap(), None, "it is recorded already");
        house.open();
        assert_eq!(house.read("people.csv"), "another\n");
        let audit = Archive::new(&house.tree).audit_daily(&Webhooks::none(), now());
        let audit = audit.unwrap().to_json();
        assert!(audit.contains("RUN-LEAK is released, but"), "{audit}");

        fs::remove_file(house.path("people.csv")).unwrap();
        if by_opening {
            house.open();
        } else {
            assert_eq!(release().unwrap(), None);
        }
        assert_eq!(house.read("people.csv"), "name\n");
        assert_eq!(
            kinds(&house.tree)
                .iter()
                .filter(|k| **k == "quarantine_released")
                .count(),
            1
        );
        let refused = release().unwrap_err().to_string();
        assert!(refused.contains("it is not held back"), "{refused}");
    }
}

/// No link makes the monitor move anything but a file or folder under the artifacts root.
#[test]
fn a_hostile_link_moves_nothing() {
    let house = house();
    fs::write(house.path("secret"), "s").unwrap();
    std::os::unix::fs::symlink(house.path("config"), house.path("way-in")).unwrap();
    std::os::unix::fs::symlink(house.path("secret"), house.path("alias")).unwrap();
    let root = house.dir.path().display().to_string();
    let links = [
        "../elsewhere".to_owned(),
        "out/../../elsewhere".to_owned(),
        "/etc/passwd".to_owned(),
        "file:///etc/passwd".to_owned(),
        "file://other-host/x".to_owned(),
        "https://example.com/x".to_owned(),
        "s3://bucket/x".to_owned(),
        ".".to_owned(),
        root.clone(),
        "config".to_owned(),
        "config/operators.json".to_owned(),
        "way-in/operators.json".to_owned(),
        "runs/CREDIT_MONITORING/ledger.jsonl".to_owned(),
        "runs".to_owned(),
        format!("{root}/runs/QUARANTINE"),
        "alias".to_owned(),
        "not-there".to_owned(),
    ];
    let monitor = house.open();
    for (n, link) in links.iter().enumerate() {
        let id = format!("RUN-{n}");
        let outcome = monitor.observe(leak(&id, Some(link)), now()).unwrap();
        assert_eq!(outcome.verdict.severity, Severity::Sev0);
        let manifest = house.read(&format!("runs/QUARANTINE/{id}/.quarantine.json"));
        assert!(
            manifest.contains(r#""outcome": "not_moved""#),
            "{link}: {manifest}"
        );
        let folder = house.path(&format!("runs/QUARANTINE/{id}"));
        assert_eq!(names(&folder).len(), 3, "{link}");
    }
    assert_eq!(house.read("secret"), "s");
    assert!(house.path("config/operators.json").exists());
    assert!(house.path("alias").symlink_metadata().is_ok());
    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    assert_eq!(verified.findings, []);
}

/// A payload on another file system is copied, and gone from where it was.
#[test]
fn a_payload_on_another_file_system_is_moved_too() {
    let house = house();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("SKIPPED: /dev/shm cannot be written to");
        return;
    };
    if other.path().metadata().unwrap().dev() == house.dir.path().metadata().unwrap().dev() {
        eprintln!(
            "SKIPPED: /dev/shm is no other file system than {}",
            house.dir.path().display()
        );
        return;
    }
    let payload = other.path().join("job-7");
    fs::create_dir_all(payload.join("deep/er")).unwrap();
    fs::write(payload.join("deep/er/file"), "content").unwrap();
    std::os::unix::fs::symlink("/nowhere", payload.join("link")).unwrap();

    let tree = house.tree.clone().with_artifacts(other.path());
    let monitor = Monitor::open(&tree, now()).unwrap();
    let link = format!("file://{}", payload.display());
    let outcome = monitor.observe(leak("RUN-7", Some(&link)), now()).unwrap();
    assert!(!payload.exists());
    let moved = "runs/QUARANTINE/RUN-7/job-7/deep/er/file";
    assert_eq!(house.read(moved), "content");
    let link = house.path("runs/QUARANTINE/RUN-7/job-7/link");
    assert_eq!(fs::read_link(link).unwrap(), Path::new("/nowhere"));

    resolve(&monitor, &outcome.case.unwrap(), now());
    let id = "RUN-7".parse().unwrap();
    monitor
        .release(&id, text("false positive"), &lead(), now())
        .unwrap();
    assert_eq!(
        fs::read_to_string(payload.join("deep/er/file")).unwrap(),
        "content"
    );
    assert!(!house.path("runs/QUARANTINE/RUN-7/job-7").exists());
}

#[test]
fn a_storm_is_one_case() {
    let house = house();
    let monitor = house.open();
    let storm = (0..50).map(|n| run(&format!("R-{n}"), "EXPORT", AT, "60"));
    let batch = monitor.observe_all(storm, now()).unwrap();
    let cases: Vec<CaseId> = batch
        .outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap().case.unwrap())
        .collect();
    assert!(cases.iter().all(|case| *case == cases[0]));
    let other = monitor
        .observe(run("M-1", "MAIL", AT, "60"), now())
        .unwrap();
    assert_ne!(other.case, Some(cases[0].clone()));
    assert_eq!(
        monitor
            .with_docket(|docket| docket.open_cases().count())
            .unwrap(),
        2
    );
}

#[test]
fn the_third_moderate_spike_in_a_week_opens_a_case() {
    let house = house();
    let monitor = house.open();
    let spike = |n: u32| {
        let at = format!("2025-01-{:02}T10:00:00Z", 10 + n);
        run(&format!("R-{n}"), "EXPORT", &at, "25")
    };
    let mut cases = Vec::new();
    // Days 10 and 18 are too far apart; 18, 20 and 22 are not.
    for n in [0, 8, 10, 12, 13] {
        cases.push(monitor.observe(spike(n), now()).unwrap().case);
    }
    assert_eq!(cases[..3], [None, None, None]);
    assert!(cases[3].is_some());
    assert_eq!(cases[4], cases[3], "the next one joins");
    let runs = monitor
        .with_docket(|docket| docket.case(cases[3].as_ref().unwrap()).unwrap().runs.len())
        .unwrap();
    assert_eq!(runs, 4, "with those that made the pattern");
}

/// However many there were: a case that named them all would be too long for a line of the ledger,
/// and nothing could be decided about the scenario any more.
#[test]
fn a_case_of_a_week_with_thousands_of_moderate_spikes_names_the_newest() {
    let house = house();
    let monitor = house.open();
    let name = |n: u32| format!("R-{n:0126}");
    let spikes = |numbers: std::ops::Range<u32>| {
        // The longest names that there are.
        let spike = |n| run(&name(n), "EXPORT", AT, "25");
        monitor
            .observe_all(numbers.map(spike), now())
            .unwrap()
            .outcomes
    };
    let first = spikes(0..1000).pop().unwrap().unwrap().case.unwrap();
    resolve(&monitor, &first, now());

    let next = spikes(1000..1001).pop().unwrap().unwrap().case.unwrap();
    assert_ne!(next, first, "the resolved one is over");
    let runs: Vec<String> = monitor
        .with_docket(|docket| {
            let runs = &docket.case(&next).unwrap().runs;
            runs.iter().map(|run| run.run.run_id.to_string()).collect()
        })
        .unwrap();
    assert!(runs.len() <= 65, "{} runs", runs.len());
    assert!(runs.contains(&name(1000)) && runs.contains(&name(999)));
    assert!(!runs.contains(&name(0)));
}

/// The gate of a SEV1 run: acknowledged, asked for, approved by somebody else, used once.
#[test]
fn a_rerun_begins_once_under_an_approval_of_its_own() {
    let house = house();
    let monitor = house.open();
    let mut spike = run("R-1", "EXPORT", AT, "60");
    spike.has_max_items_config = Some(false);
    let case = monitor.observe(spike, now()).unwrap().case.unwrap();
    let id = "R-1".parse().unwrap();
    let begin = || monitor.begin_rerun(&id, &Actor::Service, now());
    let closed = |error: Error| match error {
        Error::RerunClosed { standing, .. } => standing,
        other => panic!("{other}"),
    };
    assert!(matches!(
        closed(begin().unwrap_err()),
        RerunStanding::Unacknowledged { .. }
    ));
    let ack = What::CaseAcknowledged(CaseAcknowledged { case: case.clone() });
    monitor.decide(&ops(), ack, now()).unwrap();
    assert!(matches!(
        closed(begin().unwrap_err()),
        RerunStanding::NotRequested
    ));
    monitor
        .request_rerun(&id, text("month end"), &ops(), now())
        .unwrap();
    assert!(matches!(
        closed(begin().unwrap_err()),
        RerunStanding::Waiting { .. }
    ));

    let approve = |who: &Actor| {
        let mitigation = text("limited to 1000 items");
        monitor.approve_rerun(&id, mitigation, RiskFlags::NONE, None, who, now())
    };
    // No root cause yet, and no limit in the scenario's file.
    let error = approve(&lead()).unwrap_err().to_string();
    assert!(
        error.contains("root cause") && error.contains("max_items"),
        "{error}"
    );
    assert!(matches!(approve(&ops()).unwrap_err(), Error::Denied(_)));

    let found = RootCauseFound {
        case,
        root_cause: RootCause::Misconfig,
        explanation: text("no limit"),
    };
    monitor
        .decide(&lead(), What::RootCauseConfirmed(found), now())
        .unwrap();
    let scenario = house.tree.scenario(&"EXPORT".parse().unwrap());
    fs::create_dir_all(scenario.parent().unwrap()).unwrap();
    fs::write(&scenario, r#"{"max_items":1000}"#).unwrap();
    approve(&lead()).unwrap();

    // Bound to the scenario's file as it was.
    fs::write(&scenario, r#"{"max_items":100000}"#).unwrap();
    assert!(matches!(
        closed(begin().unwrap_err()),
        RerunStanding::OtherConfig { .. }
    ));
    fs::write(&scenario, r#"{"max_items":1000}"#).unwrap();
    // And to a day.
    let tomorrow = "2025-02-02T10:00:00Z".parse().unwrap();
    let late = monitor
        .begin_rerun(&id, &Actor::Service, tomorrow)
        .unwrap_err();
    assert!(matches!(closed(late), RerunStanding::Expired { .. }));

    // Of many callers in two processes one begins.
    let other = house.open();
    let start = Barrier::new(16);
    let begun: usize = thread::scope(|scope| {
        let callers: Vec<_> = (0..16)
            .map(|n| {
                let (monitor, start, id) =
                    (if n % 2 == 0 { &monitor } else { &other }, &start, &id);
                scope.spawn(move || {
                    start.wait();
                    usize::from(monitor.begin_rerun(id, &Actor::Service, now()).is_ok())
                })
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum()
    });
    assert_eq!(begun, 1);
    assert!(matches!(
        closed(begin().unwrap_err()),
        RerunStanding::Used { .. }
    ));

    // The rerun belongs to the same case, and the next one needs a new approval.
    let mut again = run("R-2", "EXPORT", "2025-02-01T09:00:00Z", "11");
    again.rerun_of = Some(id.clone());
    let outcome = monitor.observe(again, now()).unwrap();
    let linked = monitor
        .with_docket(|docket| {
            let case = docket.case(outcome.case.as_ref().unwrap()).unwrap();
            case.runs
                .iter()
                .any(|l| l.run.run_id.as_str() == "R-2" && l.is_successful_rerun())
        })
        .unwrap();
    assert!(linked);
}

/// A process that died between the line and what follows from it: the next one does the rest.
#[test]
fn what_a_crash_left_undone_is_done_once_when_the_tree_is_opened() {
    let house = house();
    fs::write(house.path("people.csv"), "name\n").unwrap();
    let monitor = house.open();
    monitor
        .observe(run("R-1", "EXPORT", AT, "60"), now())
        .unwrap();
    drop(monitor);
    let events = |ending: &str| house.path(&format!("runs/CREDIT_MONITORING/events.{ending}"));
    let files =
        ["jsonl", "HEAD", "idx"].map(|ending| (events(ending), fs::read(events(ending)).ok()));

    let monitor = house.open();
    monitor
        .observe(leak("RUN-LEAK", Some("people.csv")), now())
        .unwrap();
    drop(monitor);
    let wanted = kinds(&house.tree);

    // As if the machine had stopped before anything about the second run was recorded: its
    // payload is moved or not, its folder half there.
    for payload_is_back in [true, false] {
        for (path, bytes) in &files {
            match bytes {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => drop(fs::remove_file(path)),
            }
        }
        let folder = house.path("runs/QUARANTINE/RUN-LEAK");
        if payload_is_back {
            fs::rename(folder.join("people.csv"), house.path("people.csv")).unwrap();
            fs::remove_dir_all(&folder).unwrap();
        }
        assert_ne!(kinds(&house.tree), wanted);
        let monitor = house.open();
        assert_eq!(kinds(&house.tree), wanted);
        drop(monitor);
        assert_eq!(house.read("runs/QUARANTINE/RUN-LEAK/people.csv"), "name\n");
        assert!(!house.path("people.csv").exists());
        house.open();
        assert_eq!(kinds(&house.tree), wanted, "not twice");
    }

    // As if only the first of its events had reached the disk.
    let all = fs::read(events("jsonl")).unwrap();
    for (path, bytes) in &files {
        match bytes {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => drop(fs::remove_file(path)),
        }
    }
    let before = files[0].1.as_ref().unwrap().len();
    let first = all[before..]
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap();
    fs::write(events("jsonl"), &all[..=before + first]).unwrap();
    assert_eq!(kinds(&house.tree), wanted[..wanted.len() - 2]);
    let monitor = house.open();
    let done = ["case_opened", "run_quarantined", "run_linked"];
    assert_eq!(kinds(&house.tree), done, "what is quarantined is blocked");
    let blocked = monitor.may_dispatch(&"RUN-LEAK".parse().unwrap()).unwrap();
    assert!(matches!(blocked, Dispatch::Blocked { .. }));
}

#[test]
fn a_docket_follows_what_other_processes_decide() {
    let house = house();
    let (one, other) = (house.open(), house.open());
    let outcome = one.observe(run("R-1", "EXPORT", AT, "60"), now()).unwrap();
    let case = outcome.case.unwrap();
    let ack = || What::CaseAcknowledged(CaseAcknowledged { case: case.clone() });
    other.decide(&ops(), ack(), now()).unwrap();
    let by = one
        .with_docket(|docket| docket.case(&case).unwrap().acknowledged.clone().unwrap().by)
        .unwrap();
    assert_eq!(by, "ops-2");
    let error = one.decide(&lead(), ack(), now()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("acknowledged already, by `ops-2`"),
        "{error}"
    );

    // Lost events are an error, never an empty docket.
    fs::remove_file(house.path("runs/CREDIT_MONITORING/events.jsonl")).unwrap();
    let lost = one
        .with_docket(|docket| docket.open_cases().count())
        .unwrap_err();
    assert!(lost.is_integrity(), "{lost}");
}

#[test]
fn who_does_not_come_in_time_is_called_once() {
    let house = house();
    let monitor = house.open();
    monitor
        .observe(run("R-1", "EXPORT", AT, "60"), now())
        .unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    assert_eq!(
        monitor
            .record_due(at("2025-02-01T10:59:59Z"))
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        monitor
            .record_due(at("2025-02-01T11:00:00Z"))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        monitor
            .record_due(at("2025-02-01T12:00:00Z"))
            .unwrap()
            .len(),
        0
    );
}
