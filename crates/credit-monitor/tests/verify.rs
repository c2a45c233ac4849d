//! Whatever is changed by hand is found, and looking changes nothing.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::sync::Mutex;

use common::{House, now, run, steady};
use credit_monitor::core::Sha256;
use credit_monitor::governance::Actor;
use credit_monitor::ledger::{Config as LedgerConfig, Digest, FileStorage, Ledger, Record, Schema};
use credit_monitor::{Archive, Config, Error, Monitor, ReportRequest, Tree};

const DAY: &str = "runs/CREDIT_MONITORING/2025-01-31";

fn house() -> House {
    let house = House::new();
    let monitor = house.open();
    monitor.observe_all(steady("EXPORT"), now()).unwrap();
    let archive = monitor.archive();
    let config = Config::load(&house.tree).unwrap();
    let report = archive
        .weekly_report(
            &config,
            &ReportRequest::review("2025-02-01".parse().unwrap()),
        )
        .unwrap();
    archive.write_report(&report, &config).unwrap();
    house
}

/// What verification says after `tamper`, as `path: problem` lines.
#[track_caller]
fn found_after(tamper: impl FnOnce(&House), expected: &[&str]) {
    let house = house();
    tamper(&house);
    let before = house.snapshot();
    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    let found: Vec<String> = verified
        .findings
        .iter()
        .map(|f| format!("{}: {}", f.path.display(), f.problem))
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        let parts: Vec<&str> = expected.split(" … ").collect();
        assert!(
            parts.iter().all(|part| found.contains(part)),
            "{found}\nexpected {expected}"
        );
    }
    assert_eq!(verified.ok(), expected.is_empty());
    assert_eq!(house.snapshot(), before, "verifying writes nothing");
}

fn rewrite(house: &House, path: &str, from: &str, to: &str) {
    let text = house.read(path);
    assert!(text.contains(from), "{path} has no {from}");
    fs::write(house.path(path), text.replacen(from, to, 1)).unwrap();
}

#[test]
fn an_untouched_tree_is_fine() {
    found_after(|_| {}, &[]);
}

#[test]
fn a_changed_run_file() {
    let path = format!("{DAY}/run_EXPORT-001.json");
    found_after(
        |house| {
            rewrite(
                house,
                &path,
                "\"Status\": \"Success\"",
                "\"Status\": \"Failed\"",
            )
        },
        &["run_EXPORT-001.json … not the file its ledger line states"],
    );
}

#[test]
fn a_run_file_rewritten_together_with_its_sidecar() {
    let path = format!("{DAY}/run_EXPORT-001.json");
    found_after(
        |house| {
            rewrite(house, &path, "Success", "Failed");
            let hash = Sha256::of(house.read(&path).as_bytes());
            let sidecar = format!("{hash}  run_EXPORT-001.json\n");
            fs::write(house.path(&format!("{path}.sha256")), sidecar).unwrap();
        },
        &["run_EXPORT-001.json … sidecar was rewritten to match"],
    );
}

#[test]
fn missing_files() {
    found_after(
        |house| {
            fs::remove_file(house.path(&format!("{DAY}/run_EXPORT-001.json"))).unwrap();
            fs::remove_file(house.path(&format!("{DAY}/run_EXPORT-002.json.sha256"))).unwrap();
            fs::remove_dir_all(house.path("runs/CREDIT_MONITORING/2025-01-01")).unwrap();
        },
        &[
            "2025-01-01: is missing with 4 run files",
            "run_EXPORT-001.json: is missing",
            "run_EXPORT-002.json: has no .sha256",
        ],
    );
}

#[test]
fn a_day_of_many_files_is_told_once_and_progress_only_grows() {
    let house = House::new();
    let at = "2025-01-31T08:00:00Z";
    let runs: Vec<_> = (0..600)
        .map(|n| run(&format!("R-{n}"), "EXPORT", at, "100"))
        .collect();
    house.open().observe_all(runs, now()).unwrap();
    let told = Mutex::new(Vec::new());
    let tell = |done: u64, total: u64| told.lock().unwrap().push((done, total));
    assert!(Archive::new(&house.tree).verify(None, &tell).unwrap().ok());
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted() && told.len() > 2, "{told:?}");
    assert_eq!(
        (told.first(), told.last()),
        (Some(&(0, 600)), Some(&(600, 600)))
    );

    fs::remove_dir_all(house.path(DAY)).unwrap();
    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    let [lost] = &verified.findings[..] else {
        panic!("{:#?}", verified.findings);
    };
    assert!(
        lost.problem.contains("is missing with 600 run files"),
        "{lost:?}"
    );
}

#[test]
fn files_that_no_line_knows() {
    found_after(
        |house| {
            let from = house.path(&format!("{DAY}/run_EXPORT-001.json"));
            fs::copy(from, house.path(&format!("{DAY}/run_FORGED.json"))).unwrap();
            // A sync marker is none of them.
            fs::write(
                house.path(&format!("{DAY}/run_EXPORT-001.notion.json")),
                "{}",
            )
            .unwrap();
        },
        &["run_FORGED.json … no line of the ledger"],
    );
}

#[test]
fn an_edited_line() {
    found_after(
        |house| {
            let ledger = "runs/CREDIT_MONITORING/ledger.jsonl";
            rewrite(house, ledger, "\"retry_count\":0", "\"retry_count\":9");
        },
        &["ledger.jsonl … do not have the hash it states"],
    );
}

#[test]
fn a_removed_line() {
    found_after(
        |house| {
            let text = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
            let lines: Vec<&str> = text.lines().collect();
            let rest = [&lines[..3], &lines[4..]].concat().join("\n") + "\n";
            fs::write(house.tree.ledger(), rest).unwrap();
        },
        &[
            "run_EXPORT-003.json … no line of the ledger",
            "run_EXPORT-003.json.sha256 … no line of the ledger",
            "ledger.jsonl … seq 3 should be here",
        ],
    );
}

#[test]
fn a_changed_report_and_a_changed_object() {
    found_after(
        |house| {
            let report = "runs/CREDIT_REVIEWS/weekly_2025-02-01.json";
            rewrite(house, report, "\"total_runs\": 28", "\"total_runs\": 1");
            let hash = Config::load(&house.tree).unwrap().policy().sha256;
            fs::write(house.tree.object(hash), "{}").unwrap();
        },
        &[
            "objects/ … SHA-256",
            "weekly_2025-02-01.json … its sidecar states",
        ],
    );
}

#[test]
fn lost_events() {
    found_after(
        |house| {
            fs::remove_file(house.path("runs/CREDIT_MONITORING/events.HEAD")).unwrap();
            fs::remove_file(house.tree.events()).ok();
        },
        &["events.jsonl: is missing"],
    );
}

#[test]
fn a_remembered_head_that_is_gone() {
    let house = house();
    let archive = Archive::new(&house.tree);
    let head = archive.head().unwrap().unwrap();
    let verify = |seq, hash| {
        let verified = archive.verify(Some((seq, hash)), &|_, _| {}).unwrap();
        verified.ok()
    };
    assert!(verify(head.seq, head.hash));
    assert!(!verify(head.seq + 1, head.hash));
    assert!(!verify(head.seq, Digest::of(b"another")));
    assert!(!verify(u64::MAX, head.hash));
}

#[test]
fn a_whole_rewritten_history_is_found_by_a_remembered_head_only() {
    let house = house();
    let head = Archive::new(&house.tree).head().unwrap().unwrap();
    // Somebody makes the tree again from other runs: every hash in it is right.
    fs::remove_dir_all(house.path("runs")).unwrap();
    let mut runs = steady("EXPORT");
    runs[0] = run("EXPORT-000", "EXPORT", "2025-01-31T18:00:00Z", "1");
    house.open().observe_all(runs, now()).unwrap();
    let archive = Archive::new(&house.tree);
    assert!(archive.verify(None, &|_, _| {}).unwrap().ok());
    let verified = archive
        .verify(Some((head.seq, head.hash)), &|_, _| {})
        .unwrap();
    assert!(!verified.ok());
}

/// What is gone must not look like a quiet week.
#[test]
fn nothing_is_let_through_when_the_events_were_emptied() {
    let house = house();
    let id = "EXPORT-000".parse().unwrap();
    let archive = Archive::new(&house.tree);
    let _known = archive.may_dispatch(&id).unwrap();
    fs::write(house.tree.events(), "").unwrap();
    let error = archive.may_dispatch(&id).unwrap_err();
    assert!(error.is_integrity(), "{error}");
}

#[test]
fn no_report_is_made_from_a_ledger_whose_tail_was_cut() {
    let house = house();
    // A torn tail that is set aside is an event: both ledgers have lines then.
    let mut torn = fs::read(house.tree.ledger()).unwrap();
    torn.extend_from_slice(b"torn");
    fs::write(house.tree.ledger(), torn).unwrap();
    drop(house.open());
    let archive = Archive::new(&house.tree);
    let config = Config::load(&house.tree).unwrap();
    let until = "2025-02-01".parse().unwrap();
    let report = || archive.weekly_report(&config, &ReportRequest::review(until));
    assert!(report().is_ok());
    for path in [house.tree.ledger(), house.tree.events()] {
        let intact = fs::read(&path).unwrap();
        let last = intact[..intact.len() - 1]
            .iter()
            .rposition(|&byte| byte == b'\n');
        let lines_less_one = last.map_or(0, |newline| newline + 1);
        for cut in [lines_less_one, intact.len() - 1, 0] {
            fs::write(&path, &intact[..cut]).unwrap();
            let error = report().unwrap_err();
            assert!(error.is_integrity(), "{}, {cut}: {error}", path.display());
        }
        fs::write(&path, intact).unwrap();
    }
    assert!(report().is_ok());
}

/// Lines are counted as `sed -n 3p` does, imported ones too.
#[test]
fn a_line_behind_imported_ones_that_is_no_run_record() {
    const PLAIN: Schema = Schema {
        id: "Run_ID",
        identity: "Input_Sha256",
        file_hash: Some("Run_Sha256"),
        origin: "Ledger_Origin",
        time: None,
        severity: None,
        scenario: None,
    };
    let house = House::new();
    fs::create_dir_all(house.tree.monitoring()).unwrap();
    fs::write(
        house.tree.ledger(),
        "{\"Run_ID\":\"OLD-1\"}\n{\"Run_ID\":\"OLD-2\"}\n",
    )
    .unwrap();
    Monitor::import_ledger(&house.tree, &Actor::Service, now()).unwrap();
    let storage = FileStorage::new(&house.tree.monitoring(), "ledger");
    let ledger = Ledger::open(Box::new(storage), PLAIN, LedgerConfig::default()).unwrap();
    let identity = Digest::of(b"no run");
    let body = format!(r#"{{"Run_ID":"no-run","Input_Sha256":"{identity}"}}"#);
    let record = Record::new(&PLAIN, body.into_bytes()).unwrap();
    ledger.append(record).unwrap();
    ledger.close().unwrap();

    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    assert_eq!((verified.lines, verified.imported), (1, 2));
    let [found] = &verified.findings[..] else {
        panic!("{:#?}", verified.findings)
    };
    assert_eq!(found.line, Some(3));
    assert!(found.problem.starts_with("is no run record: "), "{found:?}");
}

#[test]
fn where_there_is_no_ledger_nothing_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    let error = Archive::new(&Tree::new(dir.path()))
        .verify(None, &|_, _| {})
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(matches!(error, Error::Read { .. }));
}

/// Whoever may write to the day's directory can put a link there; nothing is read or written
/// through it.
#[test]
fn links_in_place_of_run_files_and_days_are_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let house = house();
    let day = house.tree.root().join(DAY);
    let target = elsewhere.path().join("day");
    fs::rename(&day, &target).unwrap();
    std::os::unix::fs::symlink(&target, &day).unwrap();
    let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
    assert!(!verified.ok());
    let before = fs::read_dir(&target).unwrap().count();
    let mut later = steady("EXPORT").remove(0);
    later.run_id = "later".parse().unwrap();
    let batch = house.open().observe_all([later], now()).unwrap();
    assert_eq!((batch.outcomes.len(), batch.run_file_errors.len()), (1, 1));
    assert!(batch.outcomes[0].is_ok());
    assert_eq!(fs::read_dir(&target).unwrap().count(), before);
}

/// Events that are chained as they should be and contradict each other: somebody wrote them past
/// the monitor.
#[test]
fn decisions_that_do_not_follow_from_each_other_are_found() {
    use credit_monitor::governance::{Event, QuarantineReleased, RunRef, What};

    let released = |tree: &Tree| {
        let archive = Archive::new(tree);
        let run = archive.judged(&"EXPORT-000".parse().unwrap()).unwrap().run;
        let case = "CASE-20250131-000000".parse().unwrap();
        let released = QuarantineReleased {
            run: RunRef { ..run },
            case,
            note: "released".parse().unwrap(),
            reason: "x".parse().unwrap(),
        };
        let event = Event::new(now(), &Actor::Service, What::QuarantineReleased(released));
        let storage = FileStorage::new(&tree.monitoring(), "events");
        let config = LedgerConfig::default();
        let ledger = Ledger::open(Box::new(storage), credit_monitor::EVENTS, config).unwrap();
        let record = Record::new(&credit_monitor::EVENTS, event.to_json().into_bytes());
        ledger.append(record.unwrap()).unwrap();
    };
    found_after(
        |house| released(&house.tree),
        &["runs/CREDIT_MONITORING/events.jsonl: run EXPORT-000 is not quarantined"],
    );
}

/// What is in the place of a folder or a kept input is a finding, and hides no other.
#[test]
fn what_cannot_be_listed_or_read_hides_nothing_else() {
    let put_file = |house: &House, path: &str| {
        let path = house.path(path);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::write(path, b"no folder").unwrap();
    };
    found_after(
        |house| {
            put_file(house, "runs/CREDIT_MONITORING/2025-03-01");
            put_file(house, "runs/CREDIT_REVIEWS");
            let objects = house.path("runs/CREDIT_MONITORING/objects");
            let object = fs::read_dir(objects).unwrap().next().unwrap().unwrap();
            fs::remove_file(object.path()).unwrap();
            fs::create_dir(object.path()).unwrap();
            fs::write(house.path(&format!("{DAY}/run_X-1.json")), b"{}\n").unwrap();
        },
        &[
            "2025-01-31/run_X-1.json: belongs to no line",
            "2025-03-01: has the name of a day and is no folder",
            "objects/ … cannot be read",
            "CREDIT_REVIEWS: cannot be read",
        ],
    );
    found_after(
        |house| put_file(house, DAY),
        &["2025-01-31: is no directory that can be opened"],
    );
    found_after(
        |house| put_file(house, "runs/CREDIT_MONITORING/objects"),
        &["objects: cannot be read"],
    );
}
