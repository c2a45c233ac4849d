//! A ledger that holds lines which nobody here wrote: whole in its chain, but no runs. Whoever reads
//! it is told so, by line, and nothing is counted wrongly in silence.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{House, now, operator, run};
use credit_monitor::core::{Run, RunId, Sha256};
use credit_monitor::governance::{Actor, ConfigFile};
use credit_monitor::ledger::{Config as LedgerConfig, FileStorage, Ledger, Record};
use credit_monitor::{Archive, Candidate, Config, Error, Monitor, RUNS, ReportRequest};

const LINES: &str = "runs/CREDIT_MONITORING/ledger.jsonl";

/// A line of the chain with this time, by somebody who knows ledgers and not runs.
fn append(house: &House, id: &str, time: &str) {
    let storage = FileStorage::new(&house.tree.monitoring(), "ledger");
    let ledger = Ledger::open(Box::new(storage), RUNS, LedgerConfig::default()).unwrap();
    let identity = Sha256::of(id.as_bytes());
    let body = format!(
        r#"{{"Run_ID":"{id}","Timestamp":{time},"note":"of another program","Input_Sha256":"{identity}"}}"#
    );
    let record = Record::new(&RUNS, body.into_bytes()).unwrap();
    ledger.append(record).unwrap();
    ledger.close().unwrap();
}

fn own(id: &str) -> Run {
    run(id, "EXPORT", "2025-01-31T10:00:00Z", "10")
}

/// A run, a foreign line, and a run.
fn mixed() -> House {
    let house = House::new();
    house.baselines(&[("EXPORT", "10")]);
    house.open().observe(own("R-1"), now()).unwrap();
    append(&house, "F-1", r#""2025-01-31T11:00:00Z""#);
    house.open().observe(own("R-2"), now()).unwrap();
    house
}

#[test]
fn verification_and_repair_name_the_line() {
    let house = mixed();
    let archive = Archive::new(&house.tree);
    let verified = archive.verify(None, &|_, _| {}).unwrap();
    let found: Vec<_> = verified
        .findings
        .iter()
        .map(|f| (f.line, &f.problem))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, Some(2));
    assert!(found[0].1.contains("is no run record"), "{found:?}");

    let would = archive.missing_run_files(&|_, _| {}).unwrap();
    let monitor = house.open();
    let repaired = monitor.repair(&Actor::Service, now(), &|_, _| {}).unwrap();
    for repair in [would, repaired] {
        let told = &repair.evidence;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].line, Some(2));
    }
}

/// A figure that may be too low is not shown as if it were whole.
#[test]
fn a_report_says_that_lines_could_not_be_read() {
    for (time, is_whole) in [
        (r#""2025-01-31T11:00:00Z""#, false),
        // Of another time, or of one that is none but lies elsewhere.
        (r#""2024-01-31T11:00:00Z""#, true),
        (r#""2024-02-30T11:00:00Z""#, true),
        // It may be meant to be of this week.
        (r#""2025-01-32T11:00:00Z""#, false),
        (r#""yesterday""#, false),
        ("7", false),
    ] {
        let house = House::new();
        house.baselines(&[("EXPORT", "10")]);
        house.open().observe(own("R-1"), now()).unwrap();
        append(&house, "F-1", time);
        let config = Config::load(&house.tree).unwrap();
        let request = ReportRequest::review(now().day());
        let archive = Archive::new(&house.tree);
        let report = archive.weekly_report(&config, &request).unwrap().to_json();
        let status = if is_whole { "ok" } else { "parse_errors" };
        let status = format!("\"data_status\": \"{status}\"");
        assert!(report.contains(&status), "{time}: {report}");
        assert!(
            report.contains("\"R-1\"") || report.contains("\"run_count\": 1"),
            "{report}"
        );
    }
}

#[test]
fn what_takes_the_last_line_for_a_run_is_refused() {
    let house = mixed();
    append(&house, "F-2", r#""2025-01-31T12:00:00Z""#);
    let monitor = house.open();
    let text = fs::read_to_string(house.tree.policy()).unwrap();
    let other = text.replace("\"version\": \"1.0.0\"", "\"version\": \"1.0.1\"");
    assert_ne!(other, text);
    let candidate = Candidate::From {
        path: "new-policy.json".into(),
        bytes: other.into_bytes(),
    };
    let lead = operator("lead-3:O3");
    let because = "a new threshold".parse().unwrap();
    let error = monitor
        .adopt_policy(&candidate, because, None, &lead, now())
        .unwrap_err();
    assert!(error.is_integrity(), "{error}");
    assert!(
        error.to_string().contains("the last line is no run record"),
        "{error}"
    );

    // It is a line of the ledger, but nothing can be decided about it.
    let id: RunId = "F-2".parse().unwrap();
    let because = "why not".parse().unwrap();
    let error = monitor.quarantine(&id, because, &lead, now()).unwrap_err();
    assert!(error.to_string().contains("cannot be acted on"), "{error}");
    assert!(matches!(error, Error::Integrity { .. }));
}

/// A file that governs, and the sidecar that an operator laid beside it.
#[test]
fn a_sidecar_that_a_crash_left_half_replaced_is_finished_by_opening() {
    let house = House::new();
    house.baselines(&[("EXPORT", "10")]);
    let file = house.tree.baselines();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let sidecar = file.with_file_name(format!("{name}.sha256"));
    let now_there = Sha256::of(&fs::read(&file).unwrap());
    let line = |hash: Sha256| format!("{hash}  {name}\n");
    let before = Sha256::of(b"what was there before");

    // The hash alone counts as well.
    for stated in [
        now_there.to_string(),
        format!("{now_there} *{name}\n"),
        line(before) + &line(now_there),
        line(now_there) + &line(before),
    ] {
        fs::write(&sidecar, &stated).unwrap();
        house.open();
        let left = fs::read_to_string(&sidecar).unwrap();
        let finished = if stated.lines().count() == 2 {
            line(now_there)
        } else {
            stated
        };
        assert_eq!(left, finished);
    }

    for (stated, told) in [
        (line(before) + &line(before), "which is not what"),
        (String::new(), "does not state the SHA-256 of"),
        (
            line(before) + &line(before) + &line(now_there),
            "does not state the SHA-256 of",
        ),
        (
            format!("{now_there}  another.json\n"),
            "does not state the SHA-256 of",
        ),
        (
            format!("{now_there} {name}\n"),
            "does not state the SHA-256 of",
        ),
        (
            now_there.to_string().to_uppercase(),
            "does not state the SHA-256 of",
        ),
        ("not hex\n".to_owned(), "does not state the SHA-256 of"),
    ] {
        fs::write(&sidecar, &stated).unwrap();
        let error = Monitor::open(&house.tree, now()).map(drop).unwrap_err();
        assert!(error.is_integrity(), "{stated}: {error}");
        assert!(error.to_string().contains(told), "{stated}: {error}");
        assert_eq!(fs::read_to_string(&sidecar).unwrap(), stated);
    }
}

/// What lies beside a report is looked at, whatever became of it.
#[test]
fn a_report_without_its_sidecar_is_told() {
    let house = mixed();
    let config = Config::load(&house.tree).unwrap();
    let archive = Archive::new(&house.tree);
    let report = archive
        .weekly_report(&config, &ReportRequest::review(now().day()))
        .unwrap();
    let written = archive.write_report(&report, &config).unwrap();
    let sidecar = {
        let mut path = written.path.clone().into_os_string();
        path.push(".sha256");
        PathBuf::from(path)
    };
    let problems = || -> Vec<String> {
        let verified = archive.verify(None, &|_, _| {}).unwrap();
        let of_reports = verified
            .findings
            .into_iter()
            .filter(|f| f.path.starts_with("runs/CREDIT_REVIEWS"));
        of_reports.map(|f| f.problem).collect()
    };
    assert_eq!(problems(), [""; 0]);
    fs::remove_file(&sidecar).unwrap();
    assert_eq!(
        problems(),
        ["has no .sha256 beside it; make the report again"]
    );
    fs::write(&sidecar, "what is this\n").unwrap();
    assert_eq!(
        problems(),
        ["has a .sha256 beside it that cannot be read; make the report again"]
    );
    fs::write(&sidecar, format!("{}  x\n", "0".repeat(64))).unwrap();
    assert_eq!(problems().len(), 1);
    // A folder in its place is no report.
    fs::remove_file(&sidecar).unwrap();
    fs::remove_file(&written.path).unwrap();
    fs::create_dir(&written.path).unwrap();
    assert!(
        problems()[0].starts_with("cannot be read: "),
        "{:?}",
        problems()
    );
}

#[test]
fn a_wrong_file_is_not_adopted() {
    let house = House::new();
    let monitor = house.open();
    let lead = operator("lead-3:O3");
    let adopt = |file: &ConfigFile| {
        let because = "looks fine".parse().unwrap();
        monitor
            .adopt_config(file, because, &lead, now())
            .unwrap_err()
    };
    let scenario = ConfigFile::Scenario("EXPORT".parse().unwrap());
    for (file, path) in [
        (ConfigFile::Baselines, house.tree.baselines()),
        (ConfigFile::Operators, house.tree.operators()),
        (scenario, house.tree.scenario(&"EXPORT".parse().unwrap())),
    ] {
        for bytes in [&b"{"[..], b"\xff", b"[]"] {
            fs::write(&path, bytes).unwrap();
            let error = adopt(&file);
            assert!(matches!(error, Error::Config { .. }), "{error}");
            assert!(
                error.to_string().contains(path.to_str().unwrap()),
                "{error}"
            );
        }
    }
    assert!(!house.path(LINES).exists() || house.read(LINES).is_empty());
}

/// Nobody decided about a baseline that was there from the beginning: the file alone tells of it.
#[test]
fn a_baseline_without_a_decision_is_as_old_as_its_file_says() {
    let house = House::new();
    house.baselines(&[("EXPORT", "10")]);
    let config = Config::load(&house.tree).unwrap();
    let archive = Archive::new(&house.tree);
    let as_of = |scenario: &str, at: &str| {
        let scenario = scenario.parse().unwrap();
        let found = archive.baseline_as_of(&config, &scenario, at.parse().unwrap());
        let found = found.unwrap();
        (found.credits.map(|c| c.to_string()), found.since.is_some())
    };
    let ten = Some("10".to_owned());
    assert_eq!(as_of("EXPORT", "2025-01-01T00:00:00Z"), (ten, true));
    assert_eq!(as_of("EXPORT", "2024-12-31T23:59:59Z"), (None, false));
    assert_eq!(as_of("MAIL", "2025-01-31T00:00:00Z"), (None, false));
}

/// Whatever stands in the place of a run file or its sidecar is told and left as it is.
#[test]
fn what_took_the_place_of_a_run_file_is_evidence() {
    type Change = fn(&Path, &Path);
    let cases: [(Change, &str); 5] = [
        (
            |file, _| replace(file, "{}\n"),
            "is not the file its ledger line states",
        ),
        (
            |_, sidecar| replace(sidecar, "what is this\n"),
            "cannot be read",
        ),
        (
            |_, sidecar| replace(sidecar, &format!("{}  run_R-1.json\n", "0".repeat(64))),
            "its sidecar states",
        ),
        (
            |file, _| {
                fs::remove_file(file).unwrap();
                fs::create_dir(file).unwrap();
            },
            "cannot be read",
        ),
        (
            |file, _| {
                fs::remove_file(file).unwrap();
                symlink("/dev/null", file).unwrap();
            },
            "cannot be read",
        ),
    ];
    for (change, told) in cases {
        let house = House::new();
        house.baselines(&[("EXPORT", "10")]);
        house.open().observe(own("R-1"), now()).unwrap();
        let file = house.path("runs/CREDIT_MONITORING/2025-01-31/run_R-1.json");
        let sidecar = house.path("runs/CREDIT_MONITORING/2025-01-31/run_R-1.json.sha256");
        change(&file, &sidecar);
        let before = house.snapshot();
        let monitor = house.open();
        let repair = monitor.repair(&Actor::Service, now(), &|_, _| {}).unwrap();
        assert_eq!(repair.evidence.len(), 1, "{told}: {repair:?}");
        assert!(
            repair.evidence[0].problem.contains(told),
            "{told}: {repair:?}"
        );
        assert!(repair.failed.is_empty(), "{repair:?}");
        assert_eq!(house.snapshot(), before, "{told}");
        let verified = Archive::new(&house.tree).verify(None, &|_, _| {}).unwrap();
        assert_eq!(verified.findings.len(), 1, "{verified:?}");
    }
}

/// Run files are sealed; another takes their place.
fn replace(path: &Path, text: &str) {
    fs::remove_file(path).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_report_that_cannot_be_written_is_an_error_and_no_report() {
    let house = mixed();
    let config = Config::load(&house.tree).unwrap();
    let archive = Archive::new(&house.tree);
    let request = ReportRequest::review(now().day());
    let report = archive.weekly_report(&config, &request).unwrap();
    fs::write(house.tree.reviews(), "a file in the folder's place").unwrap();
    let error = archive.write_report(&report, &config).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");

    fs::remove_file(house.tree.reviews()).unwrap();
    let written = archive.write_report(&report, &config).unwrap();
    // The same report again is the same file, whoever asks.
    assert!(!written.identical);
    assert!(archive.write_report(&report, &config).unwrap().identical);
    // Another in its place is kept, and the report comes beside it.
    replace(&written.path, "{}\n");
    let second = archive.write_report(&report, &config).unwrap();
    assert_ne!(second.path, written.path);
    assert_eq!(fs::read_to_string(&written.path).unwrap(), "{}\n");
}
