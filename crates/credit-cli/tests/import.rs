//! `creditctl ledger import`: a tree that the original kept goes on with this ledger.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{LEDGER, Tree, assert_same, data, keys, run, sha256};

const EVENTS: &str = "runs/CREDIT_MONITORING/events.jsonl";

/// Lines in the original's shape: the verdict inside, no chain, numbers as JavaScript writes them.
const OLD: &str = concat!(
    r#"{"Run_ID":"RUN-OLD-001","Timestamp":"2023-12-01T08:30:00Z","Scenario_Name":"Binder","Scenario_ID":"BINDER_EXPORT_WEEKLY","Job_Type":"EXPORT","Status":"Success","Credits_Total":155,"Severity":"SEV4","Misconfig_Likelihood":"Low","Baseline_Expected_Credits":150,"Variance_Multiplier":0.033333333333333215,"Risk_Flags":["retry_loop"]}"#,
    "\n",
    r#"{"Run_ID":"RUN-OLD-002","Timestamp":"2023-12-02T08:30:00Z","Scenario_ID":"BINDER_EXPORT_WEEKLY","Credits_Total":900,"Severity":"SEV0"}"#,
    "\n",
);

fn kept_by_the_original() -> Tree {
    let tree = Tree::new();
    tree.write(LEDGER, OLD);
    tree
}

fn imported() -> Tree {
    let tree = kept_by_the_original();
    tree.ctl(["ledger", "import"]).ok();
    tree.ingest(run("RUN-NEW-001", 100, &[]) + &run("RUN-NEW-002", 100, &[]))
        .ok();
    tree
}

#[test]
fn whatever_needs_the_ledger_says_that_it_must_be_imported_first() {
    let tree = kept_by_the_original();
    tree.write("runs.jsonl", run("RUN-NEW-001", 100, &[]));
    let before = tree.untouched();
    let first = |args: &[&str]| {
        let done = tree.ctl(args).code(5);
        done.says(&[LEDGER, "`creditctl ledger import`"]);
    };
    first(&["query"]);
    first(&["verify"]);
    first(&["repair"]);
    first(&["report", "weekly"]);
    first(&["run", "show", "RUN-OLD-001"]);
    assert_same(&before, &tree.untouched());
    let file = tree.path("runs.jsonl").display().to_string();
    first(&["ingest", &file]);
    assert_eq!(tree.read(LEDGER), OLD);
    assert!(!tree.path(LEDGER).with_extension("HEAD").exists());
}

#[test]
fn importing_keeps_every_byte_and_is_recorded() {
    let tree = kept_by_the_original();
    let before = tree.untouched();
    let told = format!("2 lines, {} bytes, SHA-256 {}\n", OLD.len(), sha256(OLD));
    let dry = tree.ctl(["ledger", "import", "--dry-run"]).ok();
    assert_eq!(
        dry.stdout,
        told.clone() + "they can be imported; nothing was written\n"
    );
    let dry = tree.ctl(["ledger", "import", "--dry-run", "--json"]).ok();
    assert_eq!(
        keys(dry.stdout.trim()),
        ["dry_run", "lines", "bytes", "sha256"]
    );
    assert_same(&before, &tree.untouched());

    let done = tree.ctl(["ledger", "import", "--as", "ops-2"]).ok();
    assert!(done.stdout.starts_with(&told), "{done}");
    assert_eq!(tree.read(LEDGER), OLD);
    // The first thing that an operator does tells how their file was.
    let events = tree.read(EVENTS);
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [seen, event] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(seen["Type"], "operators_seen");
    assert_eq!(
        (&event["Type"], &event["By"]),
        (&json!("ledger_imported"), &json!("ops-2"))
    );
    let subject = json!({"lines": 2, "bytes": OLD.len(), "sha256": sha256(OLD)});
    assert_eq!(event["Subject"], subject);

    // Once, and before the first run.
    tree.ctl(["ledger", "import"])
        .code(5)
        .says(&["there is a HEAD file already"]);
    tree.ingest(run("RUN-NEW-001", 100, &[])).ok();
    tree.ctl(["ledger", "import", "--dry-run"]).code(5);
    let ledger = tree.read(LEDGER);
    let (old, new) = ledger.split_at(OLD.len());
    assert_eq!(old, OLD);
    let line: Value = serde_json::from_str(new).unwrap();
    assert_eq!(
        (&line["Run_ID"], &line["Seq"]),
        (&json!("RUN-NEW-001"), &json!(0))
    );
    assert_eq!(line["Ledger_Import_Bytes"], json!(OLD.len()));
    assert_eq!(line["Ledger_Import_Sha256"], json!(sha256(OLD)));
    // By hand.
    let done = tree
        .sh(&format!("head -c {} {LEDGER} | sha256sum", OLD.len()))
        .ok();
    assert_eq!(done.stdout.trim_end(), format!("{}  -", sha256(OLD)));
}

#[test]
fn an_import_that_was_killed_before_its_event_is_recorded_when_asked_again() {
    let tree = kept_by_the_original();
    tree.ctl(["ledger", "import"]).ok();
    for file in ["events.jsonl", "events.HEAD"] {
        fs::remove_file(tree.path("runs/CREDIT_MONITORING").join(file)).unwrap();
    }
    tree.ctl(["ledger", "import"]).ok();
    assert!(tree.read(EVENTS).contains("ledger_imported"));
    tree.ctl(["ledger", "import"]).code(5);
    assert_eq!(tree.read(EVENTS).lines().count(), 1);
}

#[test]
fn what_cannot_be_imported_stays_and_says_where() {
    for (content, code, says) in [
        (
            OLD.trim_end().to_owned(),
            1,
            "line 2 (byte 331) does not end with a newline",
        ),
        (
            format!("{OLD}not JSON\n"),
            1,
            "line 3 (byte 466) cannot be kept: not JSON at byte 0",
        ),
        (
            format!("{OLD}{{\"Seq\":1}}\n"),
            4,
            "line 3 (byte 466) has the key `Seq`",
        ),
        (String::new(), 6, "there are no lines to import"),
    ] {
        let tree = Tree::new();
        tree.write(LEDGER, &content);
        let before = tree.untouched();
        for dry in [
            &["ledger", "import", "--dry-run"][..],
            &["ledger", "import"],
        ] {
            let done = tree.ctl(dry).code(code);
            done.says(&["runs/CREDIT_MONITORING/ledger.jsonl", says]);
        }
        assert_same(&before, &tree.untouched());
    }
    let nothing = Tree::new();
    let before = nothing.untouched();
    nothing.ctl(["ledger", "import"]).code(6);
    assert_same(&before, &nothing.untouched());
}

#[test]
fn the_queries_of_the_runbook_read_old_and_new_lines_alike() {
    let tree = imported();
    let jq = |program: &str| tree.sh(&format!("jq -sc '{program}' {LEDGER}")).ok().json();
    let counts = jq("group_by(.Severity) | map({severity: .[0].Severity, count: length})");
    assert_eq!(
        counts,
        json!([{"severity": "SEV0", "count": 1}, {"severity": "SEV1", "count": 2},
            {"severity": "SEV4", "count": 1}])
    );
    let totals = jq(
        "group_by(.Scenario_ID) | map({scenario: .[0].Scenario_ID, total: map(.Credits_Total) | add})",
    );
    assert_eq!(
        totals,
        json!([{"scenario": "BINDER_EXPORT_WEEKLY", "total": 1255}])
    );
    let severe = tree
        .sh(&format!(
            "jq -r 'select(.Severity == \"SEV0\").Run_ID' {LEDGER}"
        ))
        .ok();
    assert_eq!(severe.stdout, "RUN-OLD-002\n");
    let flagged = tree
        .sh(&format!(
            "jq -r 'select(.Risk_Flags[]? == \"retry_loop\").Run_ID' {LEDGER}"
        ))
        .ok();
    assert_eq!(flagged.stdout, "RUN-OLD-001\n");
    // What creditctl itself answers is about the chain.
    let ids = tree.ctl(["query"]).ok().json_lines();
    assert_eq!(
        ids.iter().map(|l| &l["Run_ID"]).collect::<Vec<_>>(),
        ["RUN-NEW-001", "RUN-NEW-002"]
    );
    tree.ctl(["run", "show", "RUN-OLD-001"]).code(6);
}

#[test]
fn verification_covers_what_was_imported() {
    let tree = imported();
    // The original's run files are those of imported lines; this one is nobody's.
    let day = "runs/CREDIT_MONITORING/2023-12-01";
    tree.write(&format!("{day}/run_RUN-OLD-001.json"), "{}\n");
    let told = tree
        .ctl(["verify"])
        .ok()
        .says(&["2 imported lines", "2 ledger lines"]);
    assert_eq!(told.json()["imported"], 2);
    tree.ctl(["repair"]).ok();
    tree.write(&format!("{day}/run_RUN-OLD-009.json"), "{}\n");
    let told = tree.ctl(["verify"]).code(4);
    assert!(
        told.stdout
            .contains("run_RUN-OLD-009.json: belongs to no line"),
        "{told}"
    );
    fs::remove_file(tree.path(day).join("run_RUN-OLD-009.json")).unwrap();

    let ledger = tree.read(LEDGER);
    tree.write(LEDGER, ledger.replacen("900", "90", 1));
    let told = tree.ctl(["verify"]).code(4);
    assert!(
        told.stdout.contains("are not the 466 that were imported"),
        "{told}"
    );
    // A changed line of the chain is named by its place in the file.
    tree.write(LEDGER, ledger.replacen("RUN-NEW-002", "RUN-NEW-003", 1));
    let told = tree.ctl(["verify"]).code(4);
    assert!(told.stdout.contains("ledger.jsonl:4: "), "{told}");
}

/// The original's own records, one a line as it appended them.
#[test]
fn the_records_of_the_original_can_be_imported() {
    let Some(fixtures) = data("original/fixtures") else {
        return;
    };
    let mut lines = String::new();
    let mut count = 0;
    for entry in fs::read_dir(fixtures).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let record: Value = serde_json::from_str(&text).unwrap();
        lines += &format!("{record}\n");
        count += 1;
    }
    let tree = Tree::new();
    tree.write(LEDGER, &lines);
    let done = tree.ctl(["ledger", "import", "--json"]).ok().json();
    assert_eq!(
        (&done["lines"], &done["bytes"]),
        (&json!(count), &json!(lines.len()))
    );
    tree.ingest(run("RUN-NEW-001", 100, &[])).ok();
    tree.ctl(["verify"]).ok();
    let all = tree
        .sh(&format!("jq -s 'map(.Run_ID) | length' {LEDGER}"))
        .ok();
    assert_eq!(all.json(), count + 1);
}
