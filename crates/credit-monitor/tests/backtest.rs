//! The ledger's history under another policy.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::cell::Cell;
use std::fs;

use common::{House, now, run, steady};
use credit_monitor::core::{Severity, Sha256, Timestamp};
use credit_monitor::ledger::{FileStorage, Ledger, Record};
use credit_monitor::policy::{Outcomes, Policy, STANDARD_JSON};
use credit_monitor::{Archive, BacktestReport, BacktestRequest, Error, Hashed, RUNS};

fn hashed<T>(value: T, text: String) -> Hashed<T> {
    Hashed {
        value,
        sha256: Sha256::of(text.as_bytes()),
        bytes: text.into_bytes(),
    }
}

fn candidate(from: &str, to: &str) -> Hashed<Policy> {
    assert!(STANDARD_JSON.contains(from), "{from}");
    let text = STANDARD_JSON.replacen(from, to, 1);
    hashed(Policy::parse(&text).unwrap(), text)
}

/// SEV1 from 7 times the baseline instead of 5.
fn milder() -> Hashed<Policy> {
    candidate("\"multiplier\": 5,", "\"multiplier\": 7,")
}

/// Enough runs for several threads: 480 that cost as usual, and three that do not.
fn house() -> House {
    let house = House::new();
    house.baselines(&[("EXPORT", "100"), ("MAIL", "100"), ("SYNC", "100")]);
    let monitor = house.open();
    for scenario in ["EXPORT", "MAIL", "SYNC"] {
        monitor.observe_all(steady(scenario), now()).unwrap();
    }
    let spikes = [
        run("SPIKE-1", "EXPORT", "2025-01-10T00:00:00Z", "600"),
        run("SPIKE-2", "MAIL", "2025-01-20T00:00:00Z", "650"),
        run("SPIKE-3", "SYNC", "2025-01-30T00:00:00Z", "800"),
    ];
    monitor.observe_all(spikes.to_vec(), now()).unwrap();
    house
}

fn backtest(house: &House, candidate: &Hashed<Policy>) -> BacktestReport {
    between(house, candidate, None, None)
}

fn between(
    house: &House,
    candidate: &Hashed<Policy>,
    from: Option<&str>,
    to: Option<&str>,
) -> BacktestReport {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let request = BacktestRequest {
        candidate,
        outcomes: None,
        from: from.map(time),
        to: to.map(time),
    };
    let archive = Archive::new(&house.tree);
    archive.backtest(&request, &|_, _| {}).unwrap()
}

fn changed(report: &BacktestReport) -> Vec<&str> {
    let changes = report.result.changes.iter();
    changes.map(|change| change.run_id.as_str()).collect()
}

/// Appends a line that no monitor wrote.
fn append(house: &House, body: String) {
    let storage = FileStorage::new(&house.tree.monitoring(), "ledger");
    let ledger = Ledger::open(Box::new(storage), RUNS, Default::default()).unwrap();
    let record = Record::new(&RUNS, body.into_bytes()).unwrap();
    ledger.append(record).unwrap();
    ledger.close().unwrap();
}

#[test]
fn under_the_same_policy_every_line_replays_and_nothing_changes() {
    let house = house();
    let before = house.snapshot();
    let same = hashed(Policy::standard(), STANDARD_JSON.to_owned());
    let report = backtest(&house, &same);
    assert_eq!(report.result.replayed.runs, 483);
    assert_eq!(report.ledger_head.unwrap().seq, 482);
    assert!(report.result.changes.is_empty());
    assert!(report.result.left_out.is_empty());
    assert_eq!(house.snapshot(), before, "a backtest writes nothing");
}

#[test]
fn what_changes_is_found_in_every_part_of_the_ledger() {
    let house = house();
    let report = backtest(&house, &milder());
    assert_eq!(changed(&report), ["SPIKE-2", "SPIKE-1"]);
    let matrix = &report.result.matrix;
    assert_eq!(matrix.runs(Severity::Sev1, Severity::Sev2), 2);
    assert_eq!(matrix.runs(Severity::Sev1, Severity::Sev1), 1);
    assert_eq!(report.result.affected.credits.to_string(), "1250");
    // The same ledger and policy give the same bytes, however the threads took turns.
    let again = backtest(&house, &milder());
    assert_eq!(again.to_json().unwrap(), report.to_json().unwrap());
}

#[test]
fn a_period_holds_its_first_instant_and_not_its_last() {
    let house = house();
    for (from, to, expected) in [
        (None, None, vec!["SPIKE-2", "SPIKE-1"]),
        (
            Some("2025-01-10T00:00:00Z"),
            None,
            vec!["SPIKE-2", "SPIKE-1"],
        ),
        (Some("2025-01-10T00:00:00.000001Z"), None, vec!["SPIKE-2"]),
        (None, Some("2025-01-20T00:00:00Z"), vec!["SPIKE-1"]),
        (
            None,
            Some("2025-01-20T00:00:00.000001Z"),
            vec!["SPIKE-2", "SPIKE-1"],
        ),
        (
            Some("2025-01-20T00:00:00Z"),
            Some("2025-01-20T00:00:00Z"),
            vec![],
        ),
    ] {
        let report = between(&house, &milder(), from, to);
        assert_eq!(changed(&report), expected, "{from:?} to {to:?}");
    }
    // Four runs a day of three scenarios; the spikes lie outside.
    let day = between(
        &house,
        &milder(),
        Some("2025-01-12T00:00:00Z"),
        Some("2025-01-13T00:00:00Z"),
    );
    assert_eq!(day.result.replayed.runs, 12);
}

#[test]
fn what_cannot_be_replayed_exactly_is_counted_and_named() {
    let house = house();
    let hash = "0".repeat(64);
    let line = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
    let spike = line.lines().find(|line| line.contains("SPIKE-1")).unwrap();
    let (body, _) = spike.split_once(",\"Run_Sha256\"").unwrap();
    // By hand, from before records kept their inputs, of a policy that is gone, and forged.
    append(
        &house,
        format!(r#"{{"Run_ID":"HAND-1","Input_Sha256":"{hash}"}}"#),
    );
    let renamed = |id: &str| format!("{}}}", body.replace("SPIKE-1", id));
    let own = Sha256::of(STANDARD_JSON.as_bytes()).to_string();
    append(
        &house,
        renamed("OLD-1").replace("Severity_Reason", "Old_Reason"),
    );
    append(&house, renamed("GONE-1").replace(&own, &hash));
    append(&house, renamed("FORGED-1").replace("\"SEV1\"", "\"SEV3\""));

    let report = backtest(&house, &milder());
    assert_eq!(report.result.replayed.runs, 483);
    let left_out = report.result.left_out.iter().map(|left| {
        let id = left.run_id.as_ref().unwrap();
        format!("{} {id}: {}", left.seq, left.reason)
    });
    let expected = [
        "483 HAND-1: `Policy_Sha256`: ".to_owned(),
        "484 OLD-1: `Severity_Reason`: ".to_owned(),
        format!("485 GONE-1: the policy that it names, objects/{hash}, cannot be used: "),
        "486 FORGED-1: the policy that it names gives SEV1, but SEV3 is stored".to_owned(),
    ];
    let left_out: Vec<String> = left_out.collect();
    assert_eq!(left_out.len(), expected.len(), "{left_out:#?}");
    for (found, expected) in left_out.iter().zip(&expected) {
        assert!(found.starts_with(expected), "{found}\nexpected {expected}");
    }
    // What tells no time cannot be said to lie outside a period.
    let day = between(
        &house,
        &milder(),
        Some("2025-01-12T00:00:00Z"),
        Some("2025-01-13T00:00:00Z"),
    );
    let named = day.result.left_out.iter().filter_map(|l| l.run_id.as_ref());
    let named: Vec<&str> = named.map(|id| id.as_str()).collect();
    assert_eq!(named, ["HAND-1"]);

    // A kept policy whose bytes were changed is no policy to confirm anything with.
    let object = house.tree.object(Sha256::of(STANDARD_JSON.as_bytes()));
    fs::remove_file(&object).unwrap();
    fs::write(&object, milder().bytes).unwrap();
    let report = backtest(&house, &milder());
    assert_eq!(report.result.replayed.runs, 0);
    assert_eq!(report.result.left_out.len(), 487);
    let reason = &report.result.left_out.first().unwrap().reason;
    assert!(reason.ends_with("its content has another hash"), "{reason}");
}

#[test]
fn a_damaged_ledger_gives_no_result() {
    let house = house();
    let path = house.tree.ledger();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("SPIKE-1", "SPIKE-9", 1)).unwrap();
    let candidate = milder();
    let request = BacktestRequest {
        candidate: &candidate,
        outcomes: None,
        from: None,
        to: None,
    };
    let archive = Archive::new(&house.tree);
    let error = archive.backtest(&request, &|_, _| {}).unwrap_err();
    assert!(error.is_integrity(), "{error}");

    let empty = House::new();
    let none = Archive::new(&empty.tree).backtest(&request, &|_, _| {});
    assert!(matches!(none, Err(error @ Error::Read { .. }) if error.is_not_found()));
}

#[test]
fn progress_reaches_the_end_and_the_report_names_its_inputs() {
    let house = house();
    let text = r#"{"Run_ID":"SPIKE-1","Root_Cause":"Misconfig"}"#.to_owned();
    let outcomes = hashed(Outcomes::parse(&text).unwrap(), text);
    let candidate = milder();
    let request = BacktestRequest {
        candidate: &candidate,
        outcomes: Some(&outcomes),
        from: None,
        to: None,
    };
    let seen = Cell::new((0, 0));
    let archive = Archive::new(&house.tree);
    let report = archive.backtest(&request, &|done, total| {
        assert!(done >= seen.get().0 && done <= total);
        seen.set((done, total));
    });
    let report = report.unwrap();
    let size = fs::metadata(house.tree.ledger()).unwrap().len();
    assert_eq!(seen.get(), (size, size));
    assert_eq!(report.result.scores.misconfig.no_longer_alerted.len(), 1);
    let json = report.to_json().unwrap();
    let head = report.ledger_head.unwrap();
    for part in [
        format!(
            r#"{{"policy_version":"1.0.0","policy_sha256":"{}""#,
            candidate.sha256
        ),
        format!(r#""ledger_head":{{"seq":482,"hash":"{}"}}"#, head.hash),
        format!(
            r#""from":null,"to":null,"outcomes_sha256":"{}""#,
            outcomes.sha256
        ),
    ] {
        assert!(json.contains(&part), "{part}");
    }
}
