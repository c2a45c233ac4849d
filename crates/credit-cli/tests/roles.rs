//! Every role and every verb that changes something: allowed or refused, and what a refusal leaves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use std::path::Path;

use credit_monitor::governance::Verb;
use serde_json::Value;
use support::{BASELINES, Tree, assert_same, baselines, run};

/// Who, with which role; the service acts without `--as`.
const ACTORS: [(&str, Option<&str>); 4] = [
    ("ops-1", Some("O1")),
    ("ops-2", Some("O2")),
    ("lead-3", Some("O3")),
    ("service", None),
];

/// A command, the verb it takes, the lowest role, whether the service may, and how it ends for
/// whoever may.
struct Row<'a> {
    args: Vec<&'a str>,
    verb: &'a str,
    requires: &'a str,
    service: bool,
    code: i32,
}

fn row<'a, const N: usize>(
    args: [&'a str; N],
    verb: &'a str,
    requires: &'a str,
    service: bool,
) -> Row<'a> {
    let args = args.to_vec();
    Row {
        args,
        verb,
        requires,
        service,
        code: 0,
    }
}

impl Row<'_> {
    fn code(self, code: i32) -> Self {
        Row { code, ..self }
    }

    fn allows(&self, role: Option<&str>) -> bool {
        role.map_or(self.service, |role| role >= self.requires)
    }
}

#[test]
fn every_role_may_what_the_table_says_and_a_refusal_is_only_recorded() {
    let tree = Tree::new();
    tree.write(BASELINES, baselines(&[("BINDER_EXPORT_WEEKLY", "100")]));
    let pii = [("Risk_Flags", r#"["pii_exposure"]"#)];
    let calm = run("CALM", 100, &[]) + &run("MINOR", 100, &[]);
    tree.ingest(run("GRAVE", 1000, &pii) + &calm).ok();
    let cases = tree.ctl(["case", "list", "--json"]).ok().json();
    let case = cases["cases"][0]["case"].as_str().unwrap().to_owned();
    let case = case.as_str();
    let opened = ["case", "open", "--run", "MINOR", "--as", "ops-2", "--json"];
    let opened = tree.ctl(opened).ok().json();
    let minor = opened["Subject"]["case"].as_str().unwrap();
    tree.write("../more.jsonl", run("MORE", 100, &[]));
    let spare = "config/scenarios/SPARE.json";
    tree.write(spare, "{}");
    let sc = "--scenario";

    #[rustfmt::skip] // One row a line.
    let rows = [
        row(["ingest", "more.jsonl"], "ingest", "O2", true),
        row(["run", "log", "--run-id", "LOGGED", "--credits", "1", sc, "S"], "ingest", "O2", true),
        row(["ledger", "import"], "import_ledger", "O2", true).code(5),
        row(["repair"], "repair", "O2", true),
        row(["report", "weekly"], "report", "O2", true),
        row(["baseline", "update", sc, "BINDER_EXPORT_WEEKLY"], "propose_baseline", "O2", true).code(5),
        row(["baseline", "update", sc, "BINDER_EXPORT_WEEKLY", "--approve"], "approve_baseline", "O3", false),
        row(["case", "open", "--run", "CALM"], "open_case", "O2", true),
        row(["case", "ack", case], "acknowledge_case", "O2", false),
        row(["case", "assess", case, "--exposure", "undetermined", "--notes", "x"], "assess_exposure", "O3", false),
        row(["case", "root-cause", case, "--cause", "Unknown", "--explanation", "x"], "propose_root_cause", "O2", false),
        row(["case", "root-cause", case, "--confirm", "--cause", "Misconfig", "--explanation", "x"], "confirm_root_cause", "O3", false),
        row(["case", "status", case, "Investigating"], "change_case_status", "O2", false),
        row(["case", "mitigate", case, "--what", "x"], "document_mitigation", "O2", false),
        row(["case", "note", case, "x"], "note_case", "O2", true),
        row(["case", "thread", case, "https://chat.example/1"], "link_thread", "O2", true),
        row(["case", "link", case, "--run", "CALM"], "link_run", "O2", true),
        row(["case", "escalate", case, "--reason", "x"], "escalate_case", "O2", true),
        row(["case", "resolve", case, "--note", "x"], "resolve_grave_case", "O3", false).code(5),
        row(["case", "resolve", minor, "--note", "x"], "resolve_case", "O2", false).code(5),
        row(["case", "reopen", case, "--reason", "x"], "reopen_case", "O2", true).code(5),
        row(["case", "archive", case], "archive_case", "O2", true).code(5),
        row(["case", "archive", "--due"], "archive_case", "O2", true),
        row(["case", "unarchive", case, "--reason", "x"], "unarchive_case", "O2", false).code(5),
        row(["quarantine", "apply", "CALM", "--reason", "x"], "quarantine_run", "O3", false),
        row(["quarantine", "release", "GRAVE", "--reason", "x"], "release_run", "O3", false).code(5),
        row(["rerun", "request", "GRAVE", "--reason", "x"], "request_rerun", "O2", true),
        row(["rerun", "approve", "GRAVE", "--mitigation", "x"], "approve_rerun", "O3", false).code(5),
        row(["rerun", "deny", "GRAVE", "--reason", "x"], "deny_rerun", "O3", false).code(5),
        row(["rerun", "begin", "CALM"], "begin_rerun", "O2", true),
        row(["say", "APPROVED for rerun - x", "--run", "GRAVE"], "approve_rerun", "O3", false).code(5),
        row(["say", "DENIED - x", "--run", "GRAVE"], "deny_rerun", "O3", false).code(5),
        row(["alerts", "mute", "--reason", "x", "--include-sev0"], "mute_alerts", "O3", false),
        row(["alerts", "unmute", "--reason", "x"], "unmute_alerts", "O3", false).code(5),
        row(["backfill", "start", sc, "S", "--reason", "x"], "start_backfill", "O3", false),
        row(["backfill", "end", sc, "S"], "end_backfill", "O3", false).code(5),
        row(["review", "decide", "--run", "CALM", "--decision", "x"], "decide_review", "O2", false),
        row(["review", "note", "--report", "R", "x"], "note_review", "O2", false),
        row(["policy", "adopt", "--reason", "x"], "adopt_policy", "O3", false),
        row(["config", "adopt", spare, "--reason", "x"], "adopt_config", "O3", false),
    ];
    // Everybody may look, nobody acts for the policy; the others have tests of their own.
    let elsewhere = ["view", "protect", "init", "drain"];
    for verb in Verb::ALL {
        let tried = rows.iter().any(|row| row.verb == verb.as_str());
        assert!(
            tried || elsewhere.contains(&verb.as_str()),
            "{verb} is not tried"
        );
    }
    for row in &rows {
        for (name, role) in ACTORS {
            if row.allows(role) {
                allowed(&tree, row, name, role);
            } else {
                refused(&tree, row, name, role);
            }
        }
    }
}

fn call(tree: &Tree, row: &Row<'_>, name: &str, role: Option<&str>, more: &str) -> support::Done {
    let mut args = row.args.clone();
    args.extend([more, "--json"]);
    if role.is_some() {
        args.extend(["--as", name]);
    }
    tree.ctl(args)
}

/// A dry run answers as the command would, and writes nothing.
#[track_caller]
fn allowed(tree: &Tree, row: &Row<'_>, name: &str, role: Option<&str>) {
    let before = tree.untouched();
    let done = call(tree, row, name, role, "--dry-run").code(row.code);
    // These answer as they would otherwise.
    let plain = ["ingest", "repair", "report", "approve_baseline"].contains(&row.verb);
    if row.code == 0 && !plain {
        assert_eq!(done.json()["dry_run"], true, "{done}");
    }
    assert_same(&before, &tree.untouched());
}

#[track_caller]
fn refused(tree: &Tree, row: &Row<'_>, name: &str, role: Option<&str>) {
    let before = tree.files();
    let done = call(tree, row, name, role, "--yes").code(3);
    let denied = &done.error()["denied"];
    assert_eq!(denied["verb"], row.verb, "{done}");
    assert_eq!(denied["requires"], row.requires, "{done}");
    assert_eq!(
        denied["role"],
        role.map_or(Value::Null, Value::from),
        "{done}"
    );
    assert_eq!(done.stdout, "", "{done}");

    let is_record = |path: &Path| {
        path.starts_with("runs/CREDIT_MONITORING") && {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("events.")
        }
    };
    let others = |mut files: std::collections::BTreeMap<_, _>| {
        files.retain(|path: &std::path::PathBuf, _: &mut String| !is_record(path));
        files
    };
    assert_same(&others(before), &others(tree.files()));
    let events = tree.read("runs/CREDIT_MONITORING/events.jsonl");
    // The same refusal twice in a second is one event, so it need not be the last one.
    let recorded = events.lines().any(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["Type"] == "refused" && event["By"] == name && event["Subject"]["verb"] == row.verb
    });
    assert!(recorded, "{done}");
}

#[test]
fn a_viewer_writes_no_configuration() {
    let tree = Tree::new();
    std::fs::remove_file(tree.path(support::POLICY)).unwrap();
    let before = tree.untouched();
    let done = tree.ctl(["init", "--as", "ops-1", "--json"]).code(3);
    assert_eq!(done.error()["denied"]["verb"], "init");
    assert_same(&before, &tree.untouched());
    tree.ctl(["init", "--as", "ops-2"]).ok();
    assert!(tree.path(support::POLICY).exists());
}
