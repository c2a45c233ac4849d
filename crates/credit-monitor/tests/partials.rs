//! What is written down of past days saves time and changes nothing: whatever became of it, reports,
//! statistics and figures are those of the ledger.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs::{self, File};
use std::path::PathBuf;

use common::{House, now, run, steady};
use credit_monitor::core::{Day, Period, RiskFlag, RiskFlags, Run, Timestamp};
use credit_monitor::ledger::{FileStorage, Ledger, Record};
use credit_monitor::report::{Statistics, WeeklyReport};
use credit_monitor::{Checked, Config, Figures, Monitor, RUNS, ReportRequest, rewritten_partials};

/// Forty steady days of two scenarios, a week that costs more and two runs that are dear.
fn house() -> (House, Monitor) {
    let house = House::new();
    house.baselines(&[("EXPORT", "100"), ("MAIL", "30")]);
    let monitor = house.open();
    monitor.observe_all(steady("EXPORT"), now()).unwrap();
    let mut runs = steady("MAIL");
    for run in runs
        .iter_mut()
        .filter(|run| run.timestamp > at("2025-01-21T12:00:00.25Z"))
    {
        run.credits = "63.5".parse().unwrap();
    }
    let mut leak = run("LEAK", "MAIL", "2025-01-18T10:00:00.500Z", "700");
    leak.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    runs.push(leak);
    runs.push(run("DEAR", "EXPORT", "2025-01-23T10:00:00.50Z", "5000"));
    monitor.observe_all(runs, now()).unwrap();
    (house, monitor)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Everything that may make use of what is written down.
#[derive(Debug, PartialEq)]
struct Told {
    reports: Vec<WeeklyReport>,
    statistics: Vec<Statistics>,
    figures: Figures,
}

fn told(house: &House) -> Told {
    let archive = house.archive();
    let config = Config::load(&house.tree).unwrap();
    let request = |until: &str, days, scenario: Option<&str>| ReportRequest {
        until: day(until),
        days,
        scenario: scenario.map(|id| id.parse().unwrap()),
    };
    let requests = [
        request("2025-02-01", None, None),
        request("2025-01-29", None, None),
        request("2025-02-01", Some(30), None),
        request("2025-02-01", None, Some("MAIL")),
        request("2024-01-01", None, None),
    ];
    let mail = "MAIL".parse().unwrap();
    let week = Period::days_until(7, day("2025-01-25").start());
    // Not of whole days, so nothing that is written down fits it.
    let odd = Period {
        start: at("2025-01-20T12:00:00Z"),
        end: at("2025-01-23T10:00:00.5Z"),
    };
    let asked = [
        (None, None),
        (Some(week), None),
        (None, Some(&mail)),
        (Some(odd), None),
    ];
    let reports = requests.iter();
    Told {
        reports: reports
            .map(|r| archive.weekly_report(&config, r).unwrap())
            .collect(),
        statistics: asked
            .iter()
            .map(|(period, scenario)| {
                let checked = archive
                    .statistics(*period, *scenario, Checked::Yes)
                    .unwrap();
                let unchecked = archive.statistics(*period, *scenario, Checked::No).unwrap();
                assert_eq!(checked, unchecked);
                assert_eq!(checked.to_json(), unchecked.to_json());
                checked
            })
            .collect(),
        figures: archive.figures(now()).unwrap(),
    }
}

/// The same without anything written down.
fn told_by_the_ledger(house: &House) -> Told {
    let aside = house.path("aside");
    fs::rename(file(house), &aside).unwrap();
    let told = told(house);
    fs::rename(aside, file(house)).unwrap();
    told
}

fn file(house: &House) -> PathBuf {
    house.tree.monitoring().join("ledger.partials")
}

fn problems(house: &House) -> Vec<String> {
    let verified = house.archive().verify(None, &|_, _| {}).unwrap();
    let findings = verified.findings.into_iter();
    findings
        .map(|f| format!("{}: {}", f.path.display(), f.problem))
        .collect()
}

#[test]
fn nothing_changes_but_what_is_read() {
    let (house, monitor) = house();
    let before = told(&house);
    assert_eq!(before.statistics[0].sums.run_count(), 322);
    assert_eq!(before.statistics[3].sums.run_count(), 24);
    // The change lies in what the partials are asked for.
    let drifted = before.reports[0].drift_candidates[0].change.unwrap();
    assert_eq!(drifted.changed_at, at("2025-01-21T18:00:00Z"));
    let config = Config::load(&house.tree).unwrap();
    let written = house
        .archive()
        .write_report(&before.reports[0], &config)
        .unwrap();

    assert_eq!(house.archive().lines_behind_partials().unwrap(), 322);
    assert!(monitor.save_partials(now()).unwrap());
    assert_eq!(house.archive().lines_behind_partials().unwrap(), 0);
    let after = told(&house);
    assert_eq!(after, before);
    assert_eq!(after, told_by_the_ledger(&house));
    assert_eq!(problems(&house), [] as [&str; 0]);
    let bytes = fs::read(file(&house)).unwrap();
    assert!(rewritten_partials(&bytes) == Some(bytes));
    // That it was written down is no second revision, and no reason not to make a report again.
    let again = house
        .archive()
        .write_report(&after.reports[0], &config)
        .unwrap();
    assert!(again.identical && again.path == written.path);
    let reproduced = house.archive().reproduce_report(&again.path).unwrap();
    assert_eq!(reproduced.difference, None);

    // Saved again with nothing new, nothing happens.
    let head = monitor.archive().events_head().unwrap();
    assert!(monitor.save_partials(now()).unwrap());
    assert_eq!(monitor.archive().events_head().unwrap(), head);
}

/// Runs that come late count in the days in which they finished, whether they were written down or
/// not; and what is added to what was written down is what all of it would be.
#[test]
fn late_runs_count_where_they_belong() {
    let (house, monitor) = house();
    assert!(monitor.save_partials(now()).unwrap());
    let late: [Run; 6] = [
        run("L-1", "EXPORT", "2025-01-22T10:00:00Z", "1000"),
        run("L-2", "NEW_ONE", "2025-01-22T23:59:59.999999999Z", "3"),
        run("L-3", "EXPORT", "2025-01-30T10:00:00Z", "400"),
        run("L-4", "EXPORT", "2024-06-30T10:00:00Z", "77"),
        run("L-5", "MAIL", "2025-01-25T00:00:00Z", "31"),
        run("L-6", "MAIL", "2025-02-01T00:00:00Z", "31"),
    ];
    monitor.observe_all(late, now()).unwrap();
    assert_eq!(house.archive().lines_behind_partials().unwrap(), 6);
    let behind = told(&house);
    assert_eq!(behind, told_by_the_ledger(&house));
    assert_eq!(behind.statistics[0].sums.run_count(), 328);
    assert_eq!(problems(&house), [] as [&str; 0]);

    assert!(monitor.save_partials(now()).unwrap());
    assert_eq!(house.archive().lines_behind_partials().unwrap(), 0);
    assert_eq!(told(&house), behind);
    assert_eq!(problems(&house), [] as [&str; 0]);
    let joined = fs::read(file(&house)).unwrap();
    fs::remove_file(file(&house)).unwrap();
    assert_eq!(house.archive().lines_behind_partials().unwrap(), 328);
    assert!(monitor.save_partials(now()).unwrap());
    assert!(fs::read(file(&house)).unwrap() == joined);
}

/// Whatever is changed in it, it is not used, or not where it was changed; and it is found.
#[test]
fn what_was_changed_is_not_used_and_found() {
    let (house, monitor) = house();
    let early = {
        assert!(monitor.save_partials(now()).unwrap());
        fs::read(file(&house)).unwrap()
    };
    let more = run("MORE", "EXPORT", "2025-01-24T10:00:00Z", "333");
    monitor.observe(more, now()).unwrap();
    assert!(monitor.save_partials(now()).unwrap());
    let whole = fs::read(file(&house)).unwrap();
    let truth = told_by_the_ledger(&house);
    assert_eq!(told(&house), truth);

    let other_house = {
        let (other, monitor) = self::house();
        let alien = run("ALIEN", "EXPORT", "2025-01-24T10:00:00Z", "1");
        monitor.observe(alien, now()).unwrap();
        assert!(monitor.save_partials(now()).unwrap());
        fs::read(file(&other)).unwrap()
    };
    assert_ne!(other_house, whole);
    let mut forgeries: Vec<(String, Vec<u8>)> = vec![
        ("empty".to_owned(), Vec::new()),
        ("older".to_owned(), early),
        ("of another ledger".to_owned(), other_house),
        ("longer".to_owned(), [whole.as_slice(), b"x"].concat()),
    ];
    for cut in [10, 20, whole.len() / 2, whole.len() - 1] {
        forgeries.push((format!("cut at {cut}"), whole[..cut].to_vec()));
    }
    for at in (0..whole.len()).step_by(whole.len() / 12 + 1) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        forgeries.push((format!("byte {at}"), flipped));
    }
    for (what, forgery) in forgeries {
        fs::write(file(&house), &forgery).unwrap();
        assert_eq!(told(&house), truth, "{what}");
        let found = problems(&house);
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        assert!(found[0].starts_with("runs/CREDIT_MONITORING/ledger.partials: "));
        assert!(
            found[0].contains("remove it, it is made again"),
            "{found:?}"
        );
        // It is made again, and is what it was.
        assert!(monitor.save_partials(now()).unwrap());
        assert!(fs::read(file(&house)).unwrap() == whole, "{what}");
        assert_eq!(problems(&house), [] as [&str; 0], "{what}");
    }
}

/// What it claims to hold is not made room for before it is known to be right.
#[test]
fn a_directory_as_long_as_a_disk_costs_no_memory() {
    let (house, monitor) = house();
    assert!(monitor.save_partials(now()).unwrap());
    let truth = told_by_the_ledger(&house);
    let mut claim = fs::read(file(&house)).unwrap();
    claim[18..26].copy_from_slice(&(1_u64 << 39).to_le_bytes());
    fs::write(file(&house), claim).unwrap();
    let with_holes = File::options().write(true).open(file(&house)).unwrap();
    with_holes.set_len(1 << 40).unwrap();
    assert_eq!(told(&house), truth);
    assert_eq!(problems(&house).len(), 1);
}

/// An edited line is no line that a report may rest on, and no partial hides that from `verify`.
#[test]
fn what_is_written_down_hides_no_damage_of_the_ledger() {
    let (house, monitor) = house();
    assert!(monitor.save_partials(now()).unwrap());
    drop(monitor);
    let path = house.tree.ledger();
    let text = fs::read_to_string(&path).unwrap();
    let edited = text.replacen("\"Credits_Total\":5000", "\"Credits_Total\":5001", 1);
    assert_ne!(edited, text);
    fs::write(&path, edited).unwrap();
    let found = problems(&house).join("\n");
    assert!(found.contains("ledger.jsonl"), "{found}");
    // A report on the week of the line itself reads it.
    let config = Config::load(&house.tree).unwrap();
    let request = ReportRequest::review(day("2025-01-25"));
    assert!(house.archive().weekly_report(&config, &request).is_err());

    // Cut back to before what is written down, the ledger counts.
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(&path, lines[..100].concat()).unwrap();
    fs::remove_file(house.tree.monitoring().join("ledger.HEAD")).unwrap();
    let counted = house
        .archive()
        .statistics(None, None, Checked::Yes)
        .unwrap();
    assert_eq!(counted.sums.run_count(), 100);
}

/// Of a ledger with a line that no report can read, nothing is written down: how a report says so
/// must not depend on it.
#[test]
fn a_line_that_cannot_be_read_is_told_and_not_written_down() {
    let (house, monitor) = house();
    assert!(monitor.save_partials(now()).unwrap());
    drop(monitor);
    let storage = FileStorage::new(&house.tree.monitoring(), "ledger");
    let ledger = Ledger::open(Box::new(storage), RUNS, Default::default()).unwrap();
    let body = format!(
        r#"{{"Run_ID":"ODD","Timestamp":"2025-01-22T10:00:00Z","Scenario_ID":"EXPORT","Credits_Total":"many","Input_Sha256":"{}"}}"#,
        "0".repeat(64)
    );
    let record = Record::new(&RUNS, body.into_bytes()).unwrap();
    ledger.append(record).unwrap();
    ledger.close().unwrap();

    let config = Config::load(&house.tree).unwrap();
    let request = ReportRequest::review(day("2025-02-01"));
    let report = || house.archive().weekly_report(&config, &request).unwrap();
    let beside = report();
    assert_eq!(beside.data_status.as_str(), "parse_errors");
    let counted = || {
        house
            .archive()
            .statistics(None, None, Checked::Yes)
            .unwrap()
    };
    assert_eq!(counted().unreadable, 1);
    assert_eq!(
        counted(),
        house.archive().statistics(None, None, Checked::No).unwrap()
    );

    let monitor = house.open();
    assert!(!monitor.save_partials(now()).unwrap());
    assert_eq!(report(), beside);
    fs::remove_file(file(&house)).unwrap();
    assert_eq!(report(), beside);
    assert_eq!(counted().unreadable, 1);
    assert!(!monitor.save_partials(now()).unwrap());
    assert!(!file(&house).exists());
}

#[test]
fn what_a_crash_leaves_of_writing_goes_with_the_next_time() {
    let (house, monitor) = house();
    let left = house.tree.monitoring().join("partials.unfinished.1");
    fs::write(&left, "half").unwrap();
    assert!(monitor.save_partials(now()).unwrap());
    assert!(!left.exists());
    assert_eq!(problems(&house), [] as [&str; 0]);
}

#[test]
fn without_runs_there_is_nothing_to_write_down() {
    let house = House::new();
    let monitor = house.open();
    assert!(!monitor.save_partials(now()).unwrap());
    assert_eq!(house.archive().lines_behind_partials().unwrap(), 0);
    let nothing = house
        .archive()
        .statistics(None, None, Checked::Yes)
        .unwrap();
    assert_eq!((nothing.sums.run_count(), nothing.ledger_head), (0, None));
}
