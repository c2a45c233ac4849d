//! Every role, every verb and every command: allowed or refused, and what a refusal leaves.

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
    /// Whether whoever may only rehearses it.
    dry_run: bool,
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
        dry_run: true,
    }
}

/// What everybody may look at: it changes nothing.
fn view<const N: usize>(args: [&str; N], code: i32) -> Row<'_> {
    row(args, "view", "O1", true).code(code).for_real()
}

impl Row<'_> {
    fn code(self, code: i32) -> Self {
        Row { code, ..self }
    }

    fn for_real(self) -> Self {
        Row {
            dry_run: false,
            ..self
        }
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
    tree.write("../figures.prom", "");
    let report = tree.ctl(["report", "weekly", "--json"]).ok().json();
    let report = tree.path(report["path"].as_str().unwrap());
    let report = report.to_str().unwrap();
    let policy = tree.path(support::POLICY);
    let policy = policy.to_str().unwrap();
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
        row(["init"], "init", "O2", true),
        row(["notion", "schema"], "init", "O2", true).code(5),
        row(["notify", "drain"], "drain", "O2", true),
        row(["notify", "release", "all"], "drain", "O2", true),
        row(["notify", "withdraw", "rows", "--reason", "x"], "mute_alerts", "O3", false),
        row(["metrics", "--out", "figures.prom"], "report", "O2", true).for_real(),
        row(["generate-weekly-report"], "report", "O2", true),
        row(["weekly-review"], "report", "O2", true),
        row(["update-baselines"], "propose_baseline", "O2", true).code(0),
        view(["run", "show", "CALM"], 0),
        view(["classify", "more.jsonl"], 0),
        view(["classify", "--fixture", "more.jsonl"], 0),
        view(["query"], 0),
        view(["verify"], 0),
        view(["baseline", "calculate", sc, "BINDER_EXPORT_WEEKLY"], 5),
        view(["baseline", "list"], 0),
        view(["baseline", "history", sc, "BINDER_EXPORT_WEEKLY"], 0),
        view(["report", "reproduce", report], 0),
        view(["report", "stats"], 0),
        view(["review", "list"], 0),
        view(["case", "list"], 0),
        view(["case", "show", case], 0),
        view(["quarantine", "list"], 0),
        view(["quarantine", "show", "GRAVE"], 0),
        view(["rerun", "status", "GRAVE"], 0),
        view(["notify", "status"], 0),
        view(["alerts", "status"], 0),
        view(["backfill", "status"], 0),
        view(["approvals", "list"], 0),
        view(["audit", "daily"], 8),
        view(["audit", "weekly"], 8),
        view(["audit", "monthly"], 0),
        view(["audit", "quarterly"], 8),
        view(["doctor"], 8),
        view(["metrics"], 0),
        view(["policy", "check"], 0),
        view(["policy", "show"], 0),
        view(["policy", "test", "more.jsonl"], 1),
        view(["policy", "diff", policy, policy], 0),
        view(["policy", "backtest", "--policy", policy], 0),
    ];
    // What the policy wants is done by no command; the library's table has it.
    for verb in Verb::ALL.iter().filter(|verb| **verb != Verb::Protect) {
        let tried = rows.iter().any(|row| row.verb == verb.as_str());
        assert!(tried, "{verb} is not tried");
    }
    for command in commands(&tree) {
        let is_it = |row: &Row<'_>| {
            let words = row.args.join("-");
            let rest = words.strip_prefix(&command);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        assert!(rows.iter().any(is_it), "`{command}` is not tried");
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

/// Every command that asks a tree, its words joined by `-`, as the man pages are called.
fn commands(tree: &Tree) -> Vec<String> {
    let folder = tree.write("../man/creditctl.1", "");
    let folder = folder.parent().unwrap();
    tree.ctl(["man", folder.to_str().unwrap()]).ok();
    let pages = std::fs::read_dir(folder).unwrap();
    let names: Vec<String> = pages
        .filter_map(|page| {
            let name = page.unwrap().file_name().into_string().unwrap();
            let words = name.strip_prefix("creditctl-")?.strip_suffix(".1")?;
            Some(words.to_owned())
        })
        .collect();
    let is_group = |name: &String| {
        let prefix = format!("{name}-");
        names.iter().any(|other| other.starts_with(&prefix))
    };
    let asks = |name: &String| !["completions", "man"].contains(&name.as_str());
    let commands = names.iter().filter(|name| !is_group(name) && asks(name));
    let commands: Vec<String> = commands.cloned().collect();
    assert!(commands.len() > 50, "{commands:?}");
    commands
}

fn call(
    tree: &Tree,
    row: &Row<'_>,
    name: &str,
    role: Option<&str>,
    more: Option<&str>,
) -> support::Done {
    let mut args = row.args.clone();
    args.extend(more);
    args.push("--json");
    if role.is_some() {
        args.extend(["--as", name]);
    }
    tree.ctl(args)
}

/// A dry run answers as the command would, and writes nothing; nor does who only looks.
#[track_caller]
fn allowed(tree: &Tree, row: &Row<'_>, name: &str, role: Option<&str>) {
    let before = tree.untouched();
    let dry_run = row.dry_run.then_some("--dry-run");
    let done = call(tree, row, name, role, dry_run).code(row.code);
    // These answer as they would otherwise.
    let plain = [
        "ingest",
        "repair",
        "report",
        "propose_baseline",
        "approve_baseline",
    ];
    let plain = plain.contains(&row.verb) || row.args.first() == Some(&"notify");
    if row.code == 0 && row.dry_run && !plain {
        assert_eq!(done.json()["dry_run"], true, "{done}");
    }
    assert_same(&before, &tree.untouched());
}

#[track_caller]
fn refused(tree: &Tree, row: &Row<'_>, name: &str, role: Option<&str>) {
    let before = tree.files();
    let done = call(tree, row, name, role, Some("--yes")).code(3);
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
            name.starts_with("events.") || name == "decisions.lock"
        }
    };
    // The record may be the first thing in its folder.
    let is_its_folder = |path: &Path| Path::new("runs/CREDIT_MONITORING").starts_with(path);
    let others = |mut files: std::collections::BTreeMap<_, _>| {
        files.retain(|path: &std::path::PathBuf, _: &mut String| {
            !is_record(path) && !is_its_folder(path)
        });
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

/// Where nothing was decided yet, nothing is but who was refused.
#[test]
fn who_is_refused_at_the_beginning_is_recorded_too() {
    // Before there is a ledger.
    let tree = Tree::new();
    std::fs::remove_file(tree.path(support::POLICY)).unwrap();
    refused(
        &tree,
        &row(["init"], "init", "O2", true),
        "ops-1",
        Some("O1"),
    );
    assert!(!tree.path(support::POLICY).exists());
    let ingest = [
        "run",
        "log",
        "--run-id",
        "R",
        "--credits",
        "1",
        "--scenario",
        "S",
    ];
    refused(
        &tree,
        &row(ingest, "ingest", "O2", true),
        "ops-1",
        Some("O1"),
    );
    let before = tree.untouched();
    tree.ctl(["init", "--as", "ops-1", "--dry-run"]).code(3);
    assert_same(&before, &tree.untouched());
    tree.ctl(["init", "--as", "ops-2"]).ok();
    assert!(tree.path(support::POLICY).exists());
    tree.ingest(run("R-1", 100, &[])).ok();
    tree.ctl(["verify"]).ok();

    // Before the ledger of the time before is imported.
    let tree = Tree::new();
    let line = "{\"Run_ID\":\"RUN-OLD-001\",\"Credits_Total\":155}\n";
    tree.write(support::LEDGER, line);
    let import = row(["ledger", "import"], "import_ledger", "O2", true);
    refused(&tree, &import, "ops-1", Some("O1"));
    // The first thing that somebody did or tried tells how the operators' file was.
    let events = tree.read("runs/CREDIT_MONITORING/events.jsonl");
    assert!(events.contains("operators_seen"), "{events}");
    tree.ctl(["ledger", "import", "--as", "ops-2"]).ok();
    tree.ingest(run("R-1", 100, &[])).ok();
    tree.ctl(["verify"]).ok();
    let operators = tree.read(support::OPERATORS);
    tree.write(support::OPERATORS, format!("{operators}\n"));
    let audit = tree.ctl(["audit", "daily"]).code(8);
    assert!(
        audit.stdout.contains("config/operators.json was changed"),
        "{audit}"
    );
}
