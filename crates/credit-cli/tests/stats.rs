//! `report stats` as a script calls it, and what `report weekly` writes down for it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

mod support;

use std::io::Write as _;
use std::process::Command;

use serde_json::{Value, json};
use support::Tree;

/// So many runs of four scenarios over sixty days, amounts of many kinds, not in the order of time.
fn fleet(count: u64) -> Tree {
    let tree = Tree::new();
    let baselines = support::baselines(&[("S0", "100"), ("S1", "0.3"), ("S2", "7.000001")]);
    tree.write("config/credit-baselines.json", baselines);
    let line = |n: u64| {
        let dice = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let (month, day) = (1 + dice % 2, 1 + dice / 2 % 28);
        let credits = match dice % 5 {
            0 => format!("0.{:06}", dice % 1_000_000),
            1 => (dice % 2_000).to_string(),
            2 => "200".to_owned(),
            _ => format!("{}.{}", 80 + dice % 40, dice % 10),
        };
        let run = json!({
            "Run_ID": format!("R-{n:05}"), "Scenario_ID": format!("S{}", dice / 7 % 4),
            "Timestamp": format!("2024-{month:02}-{day:02}T{:02}:30:00.{:03}Z", dice % 24, dice % 1000),
            "Job_Type": "OTHER", "Status": "Success", "Credits_Total": "?",
        });
        run.to_string().replace("\"?\"", &credits)
    };
    let lines: Vec<String> = (0..count).map(line).collect();
    tree.ingest(lines.join("\n")).ok();
    tree
}

fn stats(tree: &Tree, more: &[&str]) -> support::Done {
    tree.ctl(["report", "stats"].iter().chain(more))
}

#[test]
fn all_forms_tell_the_same_and_nothing_is_written() {
    let tree = fleet(300);
    let before = tree.files();
    let json = stats(&tree, &["--json"]).ok().json();
    assert_eq!(json["summary_stats"]["total_runs"], 300);
    assert_eq!(json, stats(&tree, &["--json", "--unchecked"]).ok().json());
    let csv = stats(&tree, &["--csv"]).ok().stdout;
    let mut rows = csv.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    assert_eq!(csv.lines().count(), 5);
    for (row, scenario) in rows.zip(json["scenarios"].as_array().unwrap()) {
        for (key, cell) in header.iter().zip(row) {
            let value = &scenario[*key];
            let told = value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned);
            assert_eq!(cell, told.replace("null", ""), "{key}");
        }
    }
    let text = stats(&tree, &[]).ok().stdout;
    assert!(
        text.starts_with("2024-01-01 to 2024-02-28: 300 runs, "),
        "{text}"
    );
    let dearest = json["dearest_runs"][0]["run_id"].as_str().unwrap();
    assert!(text.contains(&format!("Dearest: {dearest} of ")), "{text}");
    assert_eq!(tree.files(), before);

    // A part of the time, one scenario, and nobody.
    let count = |more: &[&str]| {
        let found = stats(&tree, &[more, &["--json"]].concat()).ok().json();
        found["summary_stats"]["total_runs"].as_u64().unwrap()
    };
    let january = count(&["--until", "2024-02-01"]);
    let february = count(&["--until", "2024-03-01", "--days", "29"]);
    assert_eq!(january + february, 300);
    let of_one: u64 = (0..4)
        .map(|n| count(&["--scenario", &format!("S{n}")]))
        .sum();
    assert_eq!(of_one, 300);
    assert_eq!(count(&["--scenario", "NOBODY"]), 0);
    assert_eq!(count(&["--days", "7"]), 0, "long ago");
}

#[test]
fn what_cannot_be_counted_is_told() {
    let tree = Tree::new();
    let done = stats(&tree, &[]).code(6);
    assert!(done.stderr.contains("ledger"), "{done}");
    stats(&tree, &["--days", "0"]).code(2);
    stats(&tree, &["--until", "yesterday"]).code(2);
    stats(&tree, &["--csv", "--json"]).code(2);
    let tree = fleet(50);
    let path = "runs/CREDIT_MONITORING/ledger.jsonl";
    let text = tree.read(path);
    tree.write(
        path,
        text.replacen("\"Severity\":\"SEV", "\"Severity\":\"sev", 1),
    );
    // Checked, the line is no line; unchecked, the file is believed, and what is no run is told.
    stats(&tree, &[]).code(4);
    let done = stats(&tree, &["--unchecked"]).ok();
    assert!(done.stderr.contains("1 lines could not be read"), "{done}");
}

#[test]
fn a_report_writes_down_what_past_days_come_to_and_nothing_changes() {
    let tree = fleet(4_200);
    let partials = tree.path("runs/CREDIT_MONITORING/ledger.partials");
    let statistics = stats(&tree, &["--json"]).ok().stdout;
    let figures = || {
        let text = tree.ctl(["metrics"]).ok().stdout;
        let of_runs = text.lines().filter(|line| line.starts_with("credit_run"));
        of_runs.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let counted = figures();
    assert!(!counted.is_empty());
    let week = ["report", "weekly", "--until", "2024-02-01"];
    tree.ctl(week.iter().chain(&["--dry-run"])).ok();
    assert!(!partials.exists(), "a dry run writes nothing");
    tree.ctl(week).ok();
    assert!(partials.exists());
    let again = tree.ctl(week.iter().chain(&["--json"])).ok().json();
    assert_eq!(again["identical"], true);
    assert_eq!(stats(&tree, &["--json"]).ok().stdout, statistics);
    assert_eq!(figures(), counted);
    let written = again["path"].as_str().unwrap();
    tree.ctl(["report", "reproduce", written]).ok();
    tree.ctl(["verify"]).ok();

    // Changed, it is found, and not believed.
    let mut bytes = std::fs::read(&partials).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&partials, bytes).unwrap();
    assert_eq!(stats(&tree, &["--json"]).ok().stdout, statistics);
    let done = tree.ctl(["verify"]).code(4);
    assert!(done.stdout.contains("ledger.partials"), "{done}");
}

/// By other programs, where there are any.
#[test]
fn python_and_duckdb_find_the_same_figures() {
    let tree = fleet(1_000);
    let whole = tree.path("stats.json");
    std::fs::write(&whole, stats(&tree, &["--json"]).ok().stdout).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent/stats.py");
    let Ok(done) = Command::new("python3")
        .arg(script)
        .arg(tree.path("runs/CREDIT_MONITORING/ledger.jsonl"))
        .arg(&whole)
        .output()
    else {
        let told = writeln!(
            std::io::stderr(),
            "SKIPPED: there is no python3; this test counts again in it"
        );
        told.unwrap();
        return;
    };
    let (found, notes) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    // That DuckDB is not there is said.
    std::io::stderr().write_all(notes.as_bytes()).unwrap();
    assert!(done.status.success(), "{found}{notes}");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&whole).unwrap()).unwrap();
    assert_eq!(json["scenarios"].as_array().unwrap().len(), 4);
}
