//! The runbook's decisions as an operator makes them: from the alert to the release, through the
//! binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use serde_json::Value;
use support::{BASELINES, Done, POLICY, Tree, assert_same, baselines, run, sha256};

const DAY: &str = "runs/CREDIT_MONITORING/2024-01-23";

/// A tree with one run of `credits` against a baseline of 100, and the run's case.
fn with_case(id: &str, credits: u32, members: &[(&str, &str)]) -> (Tree, String) {
    let tree = Tree::new();
    tree.write(BASELINES, baselines(&[("BINDER_EXPORT_WEEKLY", "100")]));
    let case = ingest(&tree, &run(id, credits, members))["case"].clone();
    (tree, case.as_str().unwrap().to_owned())
}

/// Keeps one run; what `ingest --json` says of it.
fn ingest(tree: &Tree, line: &str) -> Value {
    let file = tree.write("../one.jsonl", line);
    let done = tree.ctl(["ingest".as_ref(), file.as_os_str(), "--json".as_ref()]);
    done.ok().json()
}

/// `creditctl` as somebody.
fn act(tree: &Tree, name: &str, args: &[&str]) -> Done {
    tree.ctl([args, &["--as", name]].concat())
}

fn shown(tree: &Tree, case: &str) -> Value {
    tree.ctl(["case", "show", case, "--json"]).ok().json()
}

fn missing(tree: &Tree, case: &str) -> Vec<String> {
    let shown = shown(tree, case);
    let missing = shown["missing"].as_array().unwrap().iter();
    missing.map(|m| m.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_sev0_run_is_set_aside_investigated_resolved_and_released() {
    let (tree, case) = with_case(
        "RUN-A",
        1000,
        &[("Risk_Flags", r#"["pii_exposure"]"#), ("retry_count", "7")],
    );
    // Step 1: what was done without anybody.
    let quarantined = tree.sh("cd runs/QUARANTINE/RUN-A && sha256sum -c --quiet *.sha256 && ls");
    assert_eq!(
        quarantined.ok().stdout,
        "run_RUN-A.json\nrun_RUN-A.json.sha256\n"
    );
    tree.sh(&format!("grep dispatch_blocked {DAY}/run_RUN-A.json"))
        .ok();
    let list = tree.ctl(["quarantine", "list", "--json"]).ok().json();
    assert_eq!(list["quarantined"][0]["run_id"], "RUN-A");

    // Step 2: the acknowledgment, in time.
    assert!(shown(&tree, &case)["acknowledge_by"].is_string());
    let phrase = format!("ACK - O2 ops-2 investigating {case}");
    tree.ctl(["say", &phrase]).ok();
    let after = shown(&tree, &case);
    assert_eq!(after["case"]["status"], "Investigating");
    assert_eq!(after["case"]["acknowledged"]["by"], "ops-2");
    assert_eq!(after["acknowledge_by"], Value::Null);
    assert_eq!(after["case"]["risk_flags"][1], "pii_exposure");

    // Nothing is resolved or released before it is documented.
    let resolve = ["case", "resolve", &case, "--note", "limit set"];
    act(&tree, "lead-3", &resolve).code(5).says(&[
        "the status Mitigating",
        "a root cause with its explanation",
        "a mitigation",
        "an assessment of all critical flags",
    ]);
    let release = ["quarantine", "release", "RUN-A", "--reason", "no exposure"];
    act(&tree, "lead-3", &release)
        .code(5)
        .says(&["the resolution of", &case]);

    // Steps 3 to 5.
    let assess = ["case", "assess", &case, "--exposure", "false_positive"];
    let notes = ["--notes", "the access log has no reader"];
    act(&tree, "lead-3", &[&assess[..], &notes].concat()).ok();
    let cause = ["case", "root-cause", &case, "--cause", "Misconfig"];
    let why = ["--explanation", "the retry had no limit"];
    act(&tree, "ops-2", &[&cause[..], &why].concat()).ok();
    act(&tree, "lead-3", &["case", "root-cause", &case, "--confirm"]).ok();
    let url = "https://chat.example/archives/C1/p17";
    act(&tree, "ops-2", &["case", "thread", &case, url]).ok();
    let what = ["case", "mitigate", &case, "--what", "retry limit 3"];
    act(&tree, "ops-2", &what).ok();
    act(&tree, "ops-2", &["case", "status", &case, "Mitigating"]).ok();
    assert_eq!(
        missing(&tree, &case),
        ["a note with the evidence that nothing was exposed"]
    );
    let note = ["case", "note", &case, "log of the 23rd", "--topic"];
    act(&tree, "ops-2", &[&note[..], &["no-exposure"]].concat()).ok();
    act(&tree, "ops-2", &resolve).code(3);
    act(&tree, "lead-3", &resolve).ok();
    let after = shown(&tree, &case);
    assert_eq!(after["case"]["status"], "Resolved");
    assert!(after["case"]["resolved_at"].is_string());
    assert_eq!(after["case"]["root_cause"]["root_cause"], "Misconfig");

    // Step 6: the release, in the runbook's words.
    act(&tree, "ops-2", &release).code(3);
    let dry = act(&tree, "lead-3", &[&release[..], &["--dry-run"]].concat()).ok();
    let words = "would record: Quarantine released on ";
    assert!(dry.stdout.starts_with(words), "{dry}");
    let release = [&release[..], &["--json"]].concat();
    let event = act(&tree, "lead-3", &release).ok().json();
    let today = &event["Timestamp"].as_str().unwrap()[..10];
    let note = format!("Quarantine released on {today} by O3 lead-3");
    assert_eq!(event["Subject"]["note"], note);
    let show = tree.ctl(["run", "show", "RUN-A"]).ok();
    assert!(show.stdout.ends_with("dispatch is allowed\n"), "{show}");
    tree.ctl(["verify"]).ok();
}

#[test]
fn an_artifact_that_was_changed_in_quarantine_is_not_released() {
    let (tree, _) = with_case("RUN-A", 1000, &[("Risk_Flags", r#"["pii_exposure"]"#)]);
    let copy = tree.path("runs/QUARANTINE/RUN-A/run_RUN-A.json");
    std::fs::remove_file(&copy).unwrap();
    std::fs::write(&copy, "{}").unwrap();
    let done = tree.ctl(["quarantine", "show", "RUN-A"]).code(4);
    assert!(done.stdout.contains("damaged: run_RUN-A.json"), "{done}");
}

#[test]
fn a_sev1_run_is_repeated_once_under_an_approval() {
    let (tree, case) = with_case("RUN-B", 600, &[]);
    act(&tree, "ops-2", &["rerun", "begin", "RUN-B"])
        .code(3)
        .says(&["nobody has acknowledged"]);
    act(&tree, "ops-2", &["case", "ack", &case]).ok();
    act(&tree, "ops-2", &["rerun", "begin", "RUN-B"])
        .code(3)
        .says(&["nobody has asked for it"]);
    let request = ["rerun", "request", "RUN-B", "--reason", "the export is due"];
    act(&tree, "lead-3", &request).ok();

    // Who asked does not approve; nobody approves what is not understood.
    let approve = ["rerun", "approve", "RUN-B", "--mitigation", "limit added"];
    act(&tree, "lead-4", &approve)
        .code(5)
        .says(&["a root cause of"]);
    let cause = ["case", "root-cause", &case, "--cause", "Misconfig"];
    let why = ["--explanation", "no limit"];
    act(&tree, "ops-2", &[&cause[..], &why].concat()).ok();
    act(&tree, "lead-3", &approve)
        .code(3)
        .says(&["`lead-3` proposed this"]);
    let phrase = "APPROVED for rerun — max_items limit added";
    act(&tree, "lead-4", &["say", phrase, "--case", &case]).ok();

    // It is bound to the configuration that was approved.
    let scenario = "config/scenarios/BINDER_EXPORT_WEEKLY.json";
    tree.write(scenario, r#"{"max_items":9}"#);
    tree.ctl(["rerun", "begin", "RUN-B"])
        .code(3)
        .says(&["the configuration is not the approved one"]);
    std::fs::remove_file(tree.path(scenario)).unwrap();

    let status = tree.ctl(["rerun", "status", "RUN-B", "--json"]).ok().json();
    assert_eq!(status["may_begin"], true);
    let begun = tree.ctl(["rerun", "begin", "RUN-B", "--json"]).ok().json();
    assert_eq!(begun["consumed"]["Type"], "rerun_consumed");
    tree.ctl(["rerun", "begin", "RUN-B"])
        .code(3)
        .says(&["the approval was used by service"]);

    // The rerun joins the case; so would one that spikes, and calls for help.
    let well = run("RUN-B2", 100, &[("rerun_of", "\"RUN-B\"")]);
    assert_eq!(ingest(&tree, &well)["case"], case.as_str());
    let linked = &shown(&tree, &case)["case"]["runs"][1];
    assert_eq!(linked["run"]["run_id"], "RUN-B2");
    assert_eq!(linked["relation"], "rerun");
    let badly = run("RUN-B3", 700, &[("rerun_of", "\"RUN-B\"")]);
    ingest(&tree, &badly);
    let calls = &shown(&tree, &case)["case"]["calls"];
    assert_eq!(calls[0]["escalation"], "repeat_spike");
}

#[test]
fn a_denied_rerun_stays_closed() {
    let (tree, case) = with_case("RUN-B", 600, &[]);
    act(&tree, "ops-2", &["case", "ack", &case]).ok();
    let deny = "DENIED - root cause not yet identified, investigation ongoing";
    act(&tree, "lead-3", &["say", deny, "--run", "RUN-B"]).code(5);
    tree.ctl(["rerun", "request", "RUN-B", "--reason", "again"])
        .ok();
    act(&tree, "lead-3", &["say", deny, "--case", &case]).ok();
    tree.ctl(["rerun", "begin", "RUN-B"])
        .code(3)
        .says(&["denied by lead-3: root cause not yet identified"]);
}

#[test]
fn legitimate_load_takes_a_rationale_for_the_baseline() {
    let (tree, case) = with_case("RUN-C", 600, &[]);
    act(&tree, "ops-2", &["case", "ack", &case]).ok();
    let cause = ["case", "root-cause", &case, "--cause", "Legit Load"];
    let why = ["--explanation", "twice the customers"];
    act(&tree, "ops-2", &[&cause[..], &why].concat()).ok();
    act(&tree, "lead-3", &["case", "root-cause", &case, "--confirm"]).ok();
    let what = ["case", "mitigate", &case, "--what", "baseline proposed"];
    act(&tree, "ops-2", &what).ok();
    act(&tree, "ops-2", &["case", "status", &case, "Mitigating"]).ok();
    let resolve = ["case", "resolve", &case, "--note", "growth"];
    act(&tree, "lead-3", &resolve)
        .code(5)
        .says(&["missing: a note with the rationale for the baseline"]);
    let note = ["case", "note", &case, "new median 600", "--topic"];
    act(
        &tree,
        "ops-2",
        &[&note[..], &["baseline-rationale"]].concat(),
    )
    .ok();
    act(&tree, "lead-3", &resolve).ok();
    // A resolved case comes back, and is not put away before its time.
    act(&tree, "lead-3", &["case", "archive", &case]).code(5);
    let reopen = ["case", "reopen", &case, "--reason", "once more"];
    act(&tree, "ops-2", &reopen).ok();
    assert_eq!(shown(&tree, &case)["case"]["status"], "Investigating");
}

#[test]
fn nobody_speaks_for_somebody_else() {
    let (tree, case) = with_case("RUN-A", 600, &[]);
    let phrase = format!("ACK - O2 ops-2 investigating {case}");
    act(&tree, "lead-3", &["say", &phrase])
        .code(3)
        .says(&["the phrase names `ops-2`, but `lead-3` acts"]);
    let stranger = format!("ACK - O2 nobody-9 investigating {case}");
    tree.ctl(["say", &stranger]).code(3);
    let viewer = format!("ACK - O2 ops-1 investigating {case}");
    tree.ctl(["say", &viewer]).code(3);
    tree.ctl(["say", "I have it"])
        .code(1)
        .says(&["expected `ACK - O2 <name> investigating CASE-"]);
    assert_eq!(shown(&tree, &case)["case"]["acknowledged"], Value::Null);
    act(&tree, "ops-2", &["say", &phrase]).ok();
}

#[test]
fn what_is_not_there_is_exit_6() {
    let (tree, case) = with_case("RUN-A", 600, &[]);
    let none = "CASE-20240101-ZZZZZZ";
    let rows: &[&[&str]] = &[
        &["case", "show", none],
        &["case", "ack", none],
        &[
            "case",
            "assess",
            none,
            "--exposure",
            "confirmed",
            "--notes",
            "x",
        ],
        &["case", "root-cause", none, "--confirm"],
        &["case", "status", none, "Mitigating"],
        &["case", "mitigate", none, "--what", "x"],
        &["case", "note", none, "x"],
        &["case", "thread", none, "https://chat.example/1"],
        &["case", "link", none, "--run", "RUN-A"],
        &["case", "link", &case, "--run", "RUN-NONE"],
        &["case", "escalate", none, "--reason", "x"],
        &["case", "resolve", none, "--note", "x"],
        &["case", "reopen", none, "--reason", "x"],
        &["case", "archive", none],
        &["case", "unarchive", none, "--reason", "x"],
        &["case", "open", "--run", "RUN-NONE"],
        &["quarantine", "show", "RUN-NONE"],
        &["quarantine", "show", "RUN-A"],
        &["quarantine", "apply", "RUN-NONE", "--reason", "x"],
        &["quarantine", "release", "RUN-NONE", "--reason", "x"],
        &["rerun", "request", "RUN-NONE", "--reason", "x"],
        &["rerun", "approve", "RUN-NONE", "--mitigation", "x"],
        &["rerun", "deny", "RUN-NONE", "--reason", "x"],
        &["rerun", "begin", "RUN-NONE"],
        &["rerun", "status", "RUN-NONE"],
        &["review", "decide", "--run", "RUN-NONE", "--decision", "x"],
        &["say", "DENIED - x", "--run", "RUN-NONE"],
        &["say", "DENIED - x", "--case", none],
    ];
    // Whoever asked may have held a lock; what there is to know is as it was.
    let files = || {
        let mut files = tree.files();
        files.retain(|path, _| path.extension().is_none_or(|ending| ending != "lock"));
        files
    };
    let before = files();
    for row in rows {
        act(&tree, "lead-3", row).code(6);
    }
    assert_same(&before, &files());
}

#[test]
fn alerts_are_held_back_for_a_while() {
    let (tree, _) = with_case("RUN-A", 600, &[]);
    let mute = ["alerts", "mute", "--reason", "the channel is broken"];
    act(&tree, "lead-3", &[&mute[..], &["--scope", "SEV0"]].concat())
        .code(2)
        .says(&["--include-sev0"]);
    act(&tree, "lead-3", &[&mute[..], &["--hours", "5"]].concat())
        .code(5)
        .says(&["must lie after"]);
    act(&tree, "lead-3", &["alerts", "unmute", "--reason", "x"]).code(5);
    act(
        &tree,
        "lead-3",
        &[&mute[..], &["--scope", "SEV1,SEV2"]].concat(),
    )
    .ok();
    let status = tree.ctl(["alerts", "status", "--json"]).ok().json();
    assert_eq!(status["muted"], true);
    assert_eq!(status["mutes"][0]["by"], "lead-3");
    assert_eq!(status["mutes"][0]["include_sev0"], false);
    let scope = &status["mutes"][0]["scope"]["severities"];
    assert_eq!(scope.as_array().unwrap(), &["SEV1", "SEV2"]);
    act(&tree, "lead-3", &["alerts", "unmute", "--reason", "mended"]).ok();
    let status = tree.ctl(["alerts", "status", "--json"]).ok().json();
    assert_eq!(status["muted"], false);
}

#[test]
fn a_backfill_has_a_beginning_and_an_end() {
    let (tree, _) = with_case("RUN-A", 600, &[]);
    let scenario = ["--scenario", "BINDER_EXPORT_WEEKLY"];
    let start = ["backfill", "start", "--reason", "the lost week"];
    let start = [&start[..], &scenario].concat();
    let end = [&["backfill", "end"][..], &scenario].concat();
    act(&tree, "lead-3", &end).code(5);
    act(&tree, "lead-3", &[&start[..], &["--days", "15"]].concat()).code(5);
    act(&tree, "lead-3", &start).ok();
    act(&tree, "lead-3", &start)
        .code(5)
        .says(&["open backfill already"]);
    let status = || tree.ctl(["backfill", "status", "--json"]).ok().json();
    assert_eq!(status()["backfills"][0]["status"], "open");
    act(&tree, "lead-3", &end).ok();
    assert_eq!(status()["backfills"][0]["status"], "ended");
}

#[test]
fn a_policy_is_in_force_after_it_is_recorded() {
    let (tree, _) = with_case("RUN-A", 600, &[]);
    let old = tree.read(POLICY);
    let sidecar = format!("{POLICY}.sha256");
    let name = POLICY.rsplit('/').next().unwrap();
    tree.write(&sidecar, format!("{}  {name}\n", sha256(&old)));
    let new = old.clone() + "\n";
    let file = tree.write("../new.json", &new);
    let adopt = [
        "policy",
        "adopt",
        file.to_str().unwrap(),
        "--reason",
        "tried",
    ];
    let before = tree.files();
    act(&tree, "lead-3", &[&adopt[..], &["--dry-run"]].concat()).ok();
    assert_same(&before, &tree.files());

    let done = act(&tree, "lead-3", &[&adopt[..], &["--json"]].concat()).ok();
    let event = done.json();
    assert_eq!(event["Type"], "policy_adopted");
    assert_eq!(event["Subject"]["old"], sha256(&old));
    assert_eq!(event["Subject"]["new"], sha256(&new));
    assert_eq!(tree.read(POLICY), new);
    tree.sh("cd config && sha256sum -c --quiet *.sha256").ok();
    act(&tree, "lead-3", &adopt)
        .code(5)
        .says(&["in force already"]);

    // A crash between record and file: the same call writes the file and records nothing.
    tree.write(POLICY, &old);
    tree.write(&sidecar, format!("{}  {name}\n", sha256(&old)));
    let events = tree.read("runs/CREDIT_MONITORING/events.jsonl");
    act(&tree, "lead-3", &adopt).ok();
    assert_eq!(tree.read(POLICY), new);
    assert_eq!(tree.read("runs/CREDIT_MONITORING/events.jsonl"), events);

    // Changed by hand, and approved of as it lies there.
    std::fs::remove_file(tree.path(&sidecar)).unwrap();
    let edited = new.clone() + "\n";
    tree.write(POLICY, &edited);
    let adopt = ["policy", "adopt", "--reason", "by hand", "--json"];
    let event = act(&tree, "lead-3", &adopt).ok().json();
    assert_eq!(event["Subject"]["old"], sha256(&new));
    assert_eq!(event["Subject"]["new"], sha256(&edited));

    // What is no policy is not adopted.
    let bad = tree.write("../bad.json", "{}");
    let adopt = ["policy", "adopt", bad.to_str().unwrap(), "--reason", "x"];
    let before = tree.files();
    act(&tree, "lead-3", &adopt).code(1).says(&["bad.json"]);
    assert_same(&before, &tree.files());
}

#[test]
fn files_that_were_changed_by_hand_are_approved_of() {
    let (tree, _) = with_case("RUN-A", 600, &[]);
    let path = "config/scenarios/BINDER_EXPORT_WEEKLY.json";
    let adopt = ["config", "adopt", path, "--reason", "a limit", "--json"];
    act(&tree, "lead-3", &adopt).code(5).says(&["is not there"]);
    tree.write(path, r#"{"max_items":1000}"#);
    let event = act(&tree, "lead-3", &adopt).ok().json();
    assert_eq!(event["Subject"]["new"], sha256(r#"{"max_items":1000}"#));
    act(&tree, "lead-3", &adopt).code(5).says(&["already"]);
    tree.write(path, r#"{"max_items":"many"}"#);
    act(&tree, "lead-3", &adopt).code(1).says(&["max_items"]);
    let other = ["config", "adopt", "config/other.json", "--reason", "x"];
    act(&tree, "lead-3", &other)
        .code(1)
        .says(&["none of the tree's governed files"]);
}

#[test]
fn reviews_and_approvals_are_listed() {
    let (tree, case) = with_case("RUN-A", 600, &[]);
    let decide = ["review", "decide", "--run", "RUN-A", "--decision", "watch"];
    act(&tree, "ops-2", &decide).ok();
    let note = [
        "review",
        "note",
        "--report",
        "CREDIT_REVIEW_2024-01-29",
        "calm",
    ];
    act(&tree, "ops-2", &note).ok();
    let review = tree.ctl(["review", "list", "--json"]).ok().json();
    assert_eq!(review["decisions"][0]["decision"], "watch");
    assert_eq!(review["notes"][0]["report"], "CREDIT_REVIEW_2024-01-29");

    act(&tree, "ops-2", &["alerts", "mute", "--reason", "x"]).code(3);
    let confirm = [
        "case",
        "root-cause",
        &case,
        "--confirm",
        "--cause",
        "Misconfig",
    ];
    let why = ["--explanation", "no limit"];
    act(&tree, "lead-3", &[&confirm[..], &why].concat()).ok();
    let list = tree.ctl(["approvals", "list", "--json"]).ok().json();
    let approvals = list["approvals"].as_array().unwrap();
    let told: Vec<_> = approvals
        .iter()
        .map(|a| (a["by"].as_str().unwrap(), a["approved"].as_bool().unwrap()))
        .collect();
    assert_eq!(told, [("ops-2", false), ("lead-3", true)]);
    // The number of its line in the chain.
    let events = tree.read("runs/CREDIT_MONITORING/events.jsonl");
    let seq = usize::try_from(approvals[1]["seq"].as_u64().unwrap()).unwrap();
    let line: Value = serde_json::from_str(events.lines().nth(seq).unwrap()).unwrap();
    assert_eq!(line["Event_ID"], approvals[1]["event_id"]);
}
