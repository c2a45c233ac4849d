//! Run files and sidecars follow from the ledger: what is lost is written again, what differs stays.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{House, now, operator, run, steady};
use credit_monitor::core::{Run, Sha256, Timestamp};
use credit_monitor::governance::{Actor, Event, What};
use credit_monitor::{Archive, Error, Monitor, Repair};

const DAY: &str = "runs/CREDIT_MONITORING/2025-01-31";

fn house() -> House {
    let house = House::new();
    house.open().observe_all(steady("EXPORT"), now()).unwrap();
    house
}

fn repair(monitor: &Monitor) -> Repair {
    monitor.repair(&Actor::Service, now(), &|_, _| {}).unwrap()
}

fn would(house: &House) -> Repair {
    let before = house.snapshot();
    let repair = Archive::new(&house.tree)
        .missing_run_files(&|_, _| {})
        .unwrap();
    assert_eq!(house.snapshot(), before, "looking writes nothing");
    repair
}

fn events(house: &House) -> Vec<Event> {
    let mut events = Vec::new();
    let archive = Archive::new(&house.tree);
    archive
        .each_event(|event| {
            // Runs without a baseline have a case, which is no part of this.
            if event.what.case().is_none() && event.what.kind() != "operators_seen" {
                events.push(event);
            }
            Ok(())
        })
        .unwrap();
    events
}

/// All files but those of the events.
fn files(house: &House) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = house.snapshot();
    files.retain(|(path, _)| !path.to_string_lossy().contains("/events."));
    files
}

/// Many runs of one day, so that opening does not look at all of them.
fn many(count: u32) -> Vec<Run> {
    let start: Timestamp = "2025-01-31T00:00:00Z".parse().unwrap();
    (0..count)
        .map(|n| {
            let at = Timestamp::from_unix(start.unix() + i64::from(n)).unwrap();
            run(&format!("R-{n:04}"), "EXPORT", &at.to_string(), "10")
        })
        .collect()
}

#[test]
fn what_is_absent_or_empty_is_written_again_and_recorded_once() {
    let house = house();
    let whole = files(&house);
    let monitor = house.open();
    assert_eq!(monitor.rebuilt_on_open(), 0);
    for lost in ["001.json", "002.json.sha256"] {
        fs::remove_file(house.path(&format!("{DAY}/run_EXPORT-{lost}"))).unwrap();
    }
    for name in ["000.json", "003.json.sha256"] {
        // Files are sealed; an empty one takes their place.
        let path = house.path(&format!("{DAY}/run_EXPORT-{name}"));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
    }
    for both in ["100.json", "100.json.sha256"] {
        let day = "runs/CREDIT_MONITORING/2025-01-06";
        fs::remove_file(house.path(&format!("{day}/run_EXPORT-{both}"))).unwrap();
    }
    fs::remove_dir_all(house.path("runs/CREDIT_MONITORING/2025-01-01")).unwrap();

    let told = would(&house);
    assert_eq!((told.lines, told.rebuilt), (160, 9));
    assert!(told.evidence.is_empty());
    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    assert_eq!(verified.findings.len(), 6);
    for finding in &verified.findings {
        assert!(
            finding.problem.contains("`creditctl repair`"),
            "{finding:?}"
        );
    }

    let actor = operator("ops-2:O2");
    let done = monitor.repair(&actor, now(), &|_, _| {}).unwrap();
    assert_eq!((done.lines, done.rebuilt), (160, 9));
    assert!(done.evidence.is_empty() && done.failed.is_empty());
    assert_eq!(files(&house), whole);
    let what = What::ProjectionsRebuilt {
        rebuilt: 9,
        first: 0,
        last: 123,
    };
    assert_eq!(events(&house), [Event::new(now(), &actor, what)]);

    // Nothing is left to do, nor to record.
    let before = house.snapshot();
    assert_eq!(repair(&monitor).rebuilt, 0);
    assert_eq!(house.open().rebuilt_on_open(), 0);
    assert_eq!(house.snapshot(), before);
}

#[test]
fn what_differs_is_evidence_and_stays() {
    let house = house();
    let monitor = house.open();
    let path = |name: &str| house.path(&format!("{DAY}/run_EXPORT-{name}"));
    let put = |name: &str, text: &str| {
        fs::remove_file(path(name)).unwrap();
        fs::write(path(name), text).unwrap();
    };
    put("000.json", "{}\n");
    let forged = "{\"forged\":true}\n";
    put("001.json", forged);
    let hash = Sha256::of(forged.as_bytes());
    put("001.json.sha256", &format!("{hash}  run_EXPORT-001.json\n"));
    put("002.json.sha256", &format!("{hash}  run_EXPORT-002.json\n"));
    // Its sidecar would not fit what is written.
    put("003.json.sha256", &format!("{hash}  run_EXPORT-003.json\n"));
    fs::remove_file(path("003.json")).unwrap();

    let told = would(&house);
    let before = house.snapshot();
    let done = repair(&monitor);
    assert_eq!(house.snapshot(), before);
    assert_eq!(done.rebuilt, 0);
    assert_eq!(done.evidence, told.evidence);
    let found: Vec<String> = done
        .evidence
        .iter()
        .map(|f| format!("{}: {}", f.path.display(), f.problem))
        .collect();
    assert_eq!(found.len(), 4, "{found:#?}");
    for (n, (found, says)) in found
        .iter()
        .zip([
            "not the file its ledger line states",
            "its sidecar was rewritten to match",
            "its sidecar states",
            "is missing, and the .sha256 beside it is of another file",
        ])
        .enumerate()
    {
        assert!(
            found.contains(&format!("run_EXPORT-00{n}.json: ")),
            "{found}"
        );
        assert!(found.contains(says), "{found}");
        assert!(found.contains("evidence"), "{found}");
    }
    // Verification says the same, and opening does not touch it either.
    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    assert_eq!(verified.findings, done.evidence);
    house.open();
    assert_eq!(house.snapshot(), before);
    assert!(events(&house).is_empty());
}

#[test]
fn a_lost_file_beside_evidence_is_written() {
    let house = house();
    let monitor = house.open();
    let path = |n: u32| house.path(&format!("{DAY}/run_EXPORT-00{n}.json"));
    fs::remove_file(path(1)).unwrap();
    fs::remove_file(path(2)).unwrap();
    fs::write(path(2), "{}\n").unwrap();
    let done = repair(&monitor);
    assert_eq!((done.rebuilt, done.evidence.len()), (1, 1));
    assert!(path(1).exists());
    assert_eq!(fs::read(path(2)).unwrap(), b"{}\n");
}

/// A kill between the lines of a batch and its files.
#[test]
fn opening_writes_what_a_crash_left_out_of_the_last_batch() {
    let house = House::new();
    let monitor = house.open();
    monitor.observe_all(many(600), now()).unwrap();
    let late = (0..40).map(|n| run(&format!("L-{n}"), "EXPORT", "2025-02-01T00:00:00Z", "10"));
    monitor.observe_all(late, now()).unwrap();
    drop(monitor);
    let whole = files(&house);
    let day = "runs/CREDIT_MONITORING/2025-02-01";
    // Killed between creating a file and filling it: the rest is not there.
    let half = house.path(&format!("{day}/run_L-10.json"));
    fs::remove_file(&half).unwrap();
    fs::write(&half, "").unwrap();
    fs::remove_file(house.path(&format!("{day}/run_L-10.json.sha256"))).unwrap();
    for n in 11..40 {
        fs::remove_file(house.path(&format!("{day}/run_L-{n}.json"))).unwrap();
        fs::remove_file(house.path(&format!("{day}/run_L-{n}.json.sha256"))).unwrap();
    }

    assert_eq!(house.open().rebuilt_on_open(), 30);
    assert_eq!(files(&house), whole);
    let what = What::ProjectionsRebuilt {
        rebuilt: 30,
        first: 610,
        last: 639,
    };
    let recorded = [Event::new(now(), &Actor::Service, what)];
    assert_eq!(events(&house), recorded);
    assert_eq!(house.open().rebuilt_on_open(), 0);
    assert_eq!(events(&house), recorded);
}

/// Opening stays cheap; the whole ledger is the repair's.
#[test]
fn opening_stops_behind_many_whole_files_and_repair_does_not() {
    let house = House::new();
    house.open().observe_all(many(600), now()).unwrap();
    let old = house.path(&format!("{DAY}/run_R-0343.json"));
    let near = house.path(&format!("{DAY}/run_R-0344.json"));
    fs::remove_file(&old).unwrap();
    let monitor = house.open();
    assert_eq!((monitor.rebuilt_on_open(), old.exists()), (0, false));
    fs::remove_file(&near).unwrap();
    // One that is lost among the last 256 makes it look further.
    let monitor = house.open();
    assert_eq!((monitor.rebuilt_on_open(), old.exists()), (2, true));
    fs::remove_file(house.path(&format!("{DAY}/run_R-0000.json"))).unwrap();
    assert_eq!(repair(&monitor).rebuilt, 1);
}

#[test]
fn files_are_written_in_the_order_of_their_lines() {
    let house = House::new();
    // Two days in turn, and so many that a clock of some milliseconds tells them apart.
    let day = |n: u32| 30 + n % 2;
    let runs = (0..1000).map(|n| {
        let at = format!("2025-01-{}T00:00:00Z", day(n));
        run(&format!("R-{n}"), "EXPORT", &at, "10")
    });
    house.open().observe_all(runs, now()).unwrap();
    let modified = |n: u32| {
        let path = format!("runs/CREDIT_MONITORING/2025-01-{}/run_R-{n}.json", day(n));
        fs::metadata(house.path(&path)).unwrap().modified().unwrap()
    };
    assert!((0..999).all(|n| modified(n) <= modified(n + 1)));
}

#[test]
fn a_damaged_ledger_is_not_written_from() {
    let house = house();
    let monitor = house.open();
    fs::remove_file(house.path(&format!("{DAY}/run_EXPORT-001.json"))).unwrap();
    let text = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
    let broken = text.replacen("\"retry_count\":0", "\"retry_count\":9", 1);
    fs::write(house.tree.ledger(), broken).unwrap();
    let before = house.snapshot();
    let error = monitor
        .repair(&Actor::Service, now(), &|_, _| {})
        .unwrap_err();
    assert!(error.is_integrity(), "{error}");
    assert_eq!(house.snapshot(), before);
}

#[test]
fn a_viewer_may_not_repair() {
    let house = house();
    let monitor = house.open();
    let viewer = operator("eve:O1");
    let error = monitor.repair(&viewer, now(), &|_, _| {}).unwrap_err();
    assert!(matches!(error, Error::Denied(_)), "{error}");
    let recorded = events(&house);
    assert_eq!(recorded.last().unwrap().what.kind(), "refused");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let house = house();
    let monitor = house.open();
    let day = house.path(DAY);
    fs::remove_dir_all(&day).unwrap();
    fs::write(&day, "in the way").unwrap();
    let done = repair(&monitor);
    assert_eq!((done.rebuilt, done.evidence.len()), (0, 1));
    assert_eq!(done.evidence.first().unwrap().path, PathBuf::from(DAY));
    fs::remove_file(&day).unwrap();
    assert_eq!(repair(&monitor).rebuilt, 4);
}
