//! `creditctl repair`: what it writes, what it leaves and what it says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{LEDGER, Tree, assert_same, keys, run, sha256};

const DAY: &str = "runs/CREDIT_MONITORING/2024-01-23";
const EVENTS: &str = "runs/CREDIT_MONITORING/events.jsonl";

fn three() -> Tree {
    let tree = Tree::new();
    let lines = ["R-1", "R-2", "R-3"].map(|id| run(id, 100, &[]));
    tree.ingest(lines.concat()).ok();
    tree
}

fn lose(tree: &Tree, name: &str) {
    fs::remove_file(tree.path(&format!("{DAY}/{name}"))).unwrap();
}

fn put(tree: &Tree, name: &str, text: &str) {
    lose(tree, name);
    tree.write(&format!("{DAY}/{name}"), text);
}

#[test]
fn lost_run_files_are_written_again() {
    let tree = three();
    let (whole, ledger) = (tree.read(&format!("{DAY}/run_R-2.json")), tree.ledger());
    lose(&tree, "run_R-2.json");
    put(&tree, "run_R-3.json.sha256", "");
    let told = tree.ctl(["verify"]).code(4);
    assert!(told.stdout.contains("`creditctl repair`"), "{told}");

    let before = tree.untouched();
    let dry = tree.ctl(["repair", "--dry-run"]).ok();
    let says = "2 run files would be rebuilt from 3 ledger lines; nothing was written\n";
    assert_eq!(dry.stdout, says);
    let dry = tree.ctl(["repair", "--dry-run", "--json"]).ok();
    let wanted = ["dry_run", "lines", "rebuilt", "evidence", "failed"];
    assert_eq!(keys(dry.stdout.trim()), wanted);
    assert_eq!(
        (&dry.json()["dry_run"], &dry.json()["rebuilt"]),
        (&json!(true), &json!(2))
    );
    assert_same(&before, &tree.untouched());

    let done = tree.ctl(["repair", "--as", "ops-2"]).ok();
    assert_eq!(done.stdout, "2 run files rebuilt from 3 ledger lines\n");
    assert_eq!(tree.read(&format!("{DAY}/run_R-2.json")), whole);
    assert!(ledger == tree.ledger());
    tree.ctl(["verify"]).ok();
    let events = tree.read(EVENTS);
    // Runs without a baseline have a case, which is told before.
    let last = events.lines().last().unwrap();
    let event: Value = serde_json::from_str(last).unwrap();
    assert_eq!(event["Type"], "projections_rebuilt");
    assert_eq!(event["Subject"], json!({"rebuilt":2,"first":1,"last":2}));

    let before = tree.files();
    let done = tree.ctl(["repair"]).ok();
    assert_eq!(done.stdout, "0 run files rebuilt from 3 ledger lines\n");
    assert_same(&before, &tree.files());
}

#[test]
fn evidence_is_listed_and_left() {
    let tree = three();
    put(&tree, "run_R-1.json", "{}\n");
    let forged = format!("{}  run_R-2.json\n", sha256("x"));
    put(&tree, "run_R-2.json.sha256", &forged);
    lose(&tree, "run_R-3.json");
    for dry in [true, false] {
        let more: &[&str] = if dry { &["--dry-run"] } else { &[] };
        let done = tree.ctl([&["repair", "--json"], more].concat()).code(4);
        let found = done.stdout.lines().next().unwrap();
        let found: Value = serde_json::from_str(found).unwrap();
        assert_eq!(
            (&found["rebuilt"], &found["failed"]),
            (&json!(1), &json!([]))
        );
        let paths = found["evidence"].as_array().unwrap().iter();
        let paths: Vec<_> = paths.map(|e| e["path"].as_str().unwrap()).collect();
        let expected = [1, 2].map(|n| format!("{DAY}/run_R-{n}.json"));
        assert_eq!(paths, expected);
        assert_eq!(done.error()["error"]["code"], "integrity");
        assert_eq!(tree.path(&format!("{DAY}/run_R-3.json")).exists(), !dry);
    }
    let done = tree.ctl(["repair"]).code(4);
    let last = done.stdout.lines().last().unwrap();
    assert_eq!(last, "0 run files rebuilt from 3 ledger lines");
    assert_eq!(done.stdout.lines().count(), 3, "{done}");
    assert_eq!(tree.read(&format!("{DAY}/run_R-1.json")), "{}\n");
    assert_eq!(tree.read(&format!("{DAY}/run_R-2.json.sha256")), forged);
}

#[test]
fn without_a_ledger_nothing_is_begun() {
    for dry in [&["repair"][..], &["repair", "--dry-run"]] {
        let tree = Tree::new();
        let before = tree.untouched();
        tree.ctl(dry).code(6);
        assert_same(&before, &tree.untouched());
    }
    let tree = three();
    tree.write(LEDGER, tree.ledger().replacen("R-1", "R-9", 1));
    tree.ctl(["repair"]).code(4);
    tree.ctl(["repair", "--dry-run"]).code(4);
}
