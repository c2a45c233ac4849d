//! The story of the kill: a command with several steps is killed before each of its calls that
//! change the disk, one call a time; then it is run again, as an operator would. However far it
//! had come, what it does is done once in the end, and the tree verifies.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and tells its figures"
)]

#[path = "../../credit-monitor/tests/killing/mod.rs"]
mod killing;
mod support;

use std::process::{Command, Output};

use killing::{Call, DISK, at_each, calls, strace_works, traced};
use support::{POLICY, Tree, baselines, run, sha256};

const CREDITCTL: &str = env!("CARGO_BIN_EXE_creditctl");

const POLICY_NAME: &str = "sintraprime-policy.json";

/// What is run, from which tree, and what must be so in the end.
struct Story {
    name: &'static str,
    tree: fn() -> Tree,
    command: &'static [&'static str],
    /// Whether running it once more, when it was done already, is refused.
    refused_when_done: bool,
    check: fn(&Tree),
}

const STORIES: [Story; 7] = [
    Story {
        name: "a SEV0 run with a payload",
        tree: leak,
        command: &["ingest", "leak.jsonl"],
        refused_when_done: false,
        check: |tree| {
            assert_eq!(
                decisions(tree),
                ["run_quarantined", "dispatch_blocked", "case_opened"]
            );
            assert_eq!(tree.lines().len(), 1);
            assert!(!tree.path("out/people.csv").exists());
            assert_eq!(tree.read("runs/QUARANTINE/RUN-LEAK/people.csv"), "name\n");
            let copy = tree.read("runs/QUARANTINE/RUN-LEAK/run_RUN-LEAK.json");
            let record = "runs/CREDIT_MONITORING/2024-01-23/run_RUN-LEAK.json";
            assert_eq!(copy, tree.read(record));
        },
    },
    Story {
        name: "a baseline's approval",
        tree: proposal,
        command: &[
            "baseline",
            "update",
            "--scenario",
            "STEADY",
            "--approve",
            "--as",
            "lead-3",
        ],
        refused_when_done: true,
        check: |tree| {
            let about: Vec<String> = decisions(tree)
                .into_iter()
                .filter(|kind| kind.starts_with("baseline"))
                .collect();
            assert_eq!(
                about,
                ["baseline_proposed", "baseline_approved", "baseline_applied"]
            );
            let baselines = tree.read("config/credit-baselines.json");
            assert_eq!(baselines.matches("\"STEADY\"").count(), 1, "{baselines}");
            let notes = std::fs::read_dir(tree.path("runs/BASELINE_UPDATES")).unwrap();
            let notes = notes.map(|entry| entry.unwrap().path());
            let notes: Vec<_> = notes.filter(|path| path.extension().is_some()).collect();
            assert_eq!(notes.len(), 1, "{notes:?}");
        },
    },
    Story {
        name: "a release with a payload",
        tree: releasable,
        command: &[
            "quarantine",
            "release",
            "RUN-LEAK",
            "--reason",
            "false positive",
            "--yes",
            "--as",
            "lead-3",
        ],
        refused_when_done: true,
        check: |tree| {
            assert_eq!(count(tree, "quarantine_released"), 1);
            assert_eq!(tree.read("out/people.csv"), "name\n");
            // A half-written manifest of the killed one may lie beside it.
            let list = "ls -A runs/QUARANTINE/RUN-LEAK runs/QUARANTINE/.releases";
            let left = tree.sh(&format!("{list} | grep -v '^[.]tmp-'"));
            let expected = "runs/QUARANTINE/.releases:\n\nruns/QUARANTINE/RUN-LEAK:\n\
                            .quarantine.json\n";
            assert_eq!(left.stdout, expected);
            let manifest = tree.read("runs/QUARANTINE/RUN-LEAK/.quarantine.json");
            assert!(manifest.contains("\"by\": \"lead-3\""), "{manifest}");
            let show = tree.ctl(["run", "show", "RUN-LEAK"]).ok();
            assert!(show.stdout.ends_with("dispatch is allowed\n"), "{show}");
        },
    },
    Story {
        name: "a quarantine by hand",
        tree: spike,
        command: &[
            "quarantine",
            "apply",
            "RUN-SPIKE",
            "--reason",
            "wrong recipient",
            "--yes",
            "--as",
            "lead-3",
        ],
        refused_when_done: true,
        check: |tree| {
            assert_eq!(count(tree, "run_quarantined"), 1);
            assert!(!tree.path("out/people.csv").exists());
            assert_eq!(tree.read("runs/QUARANTINE/RUN-SPIKE/people.csv"), "name\n");
            tree.ctl(["quarantine", "show", "RUN-SPIKE"]).ok();
        },
    },
    Story {
        name: "a policy's adoption",
        tree: another_policy,
        command: &[
            "policy",
            "adopt",
            "new.json",
            "--reason",
            "tried on history",
            "--yes",
            "--as",
            "lead-3",
        ],
        refused_when_done: true,
        check: |tree| {
            assert_eq!(count(tree, "policy_adopted"), 1);
            assert_eq!(tree.read(POLICY), tree.read("../new.json"));
            // One hash, the right one.
            let sums = format!(
                "cd config && sha256sum -c --strict {POLICY_NAME}.sha256 && wc -l < {POLICY_NAME}.sha256"
            );
            assert_eq!(
                tree.sh(&sums).ok().stdout,
                format!("{POLICY_NAME}: OK\n1\n")
            );
        },
    },
    Story {
        name: "the adoption of a file of config/",
        tree: edited_scenario,
        command: &[
            "config",
            "adopt",
            "config/scenarios/STEADY.json",
            "--reason",
            "a limit",
            "--as",
            "lead-3",
        ],
        refused_when_done: true,
        check: |tree| {
            assert_eq!(count(tree, "config_adopted"), 1);
            let file = tree.read("config/scenarios/STEADY.json");
            let object = format!("runs/CREDIT_MONITORING/objects/{}", sha256(file.as_bytes()));
            assert_eq!(tree.read(&object), file);
        },
    },
    Story {
        name: "the approval of two baselines at once",
        tree: two_proposals,
        command: &[
            "baseline",
            "update",
            "--all-stable",
            "--approve",
            "--as",
            "lead-3",
        ],
        refused_when_done: false,
        check: |tree| {
            let mut about: Vec<String> = decisions(tree)
                .into_iter()
                .filter(|kind| kind.starts_with("baseline"))
                .collect();
            about.sort();
            let once = ["baseline_applied", "baseline_approved", "baseline_proposed"];
            assert_eq!(about, once.map(|kind| [kind; 2]).concat());
            let baselines = tree.read("config/credit-baselines.json");
            for name in ["STEADY", "OTHER"] {
                let quoted = format!("\"{name}\"");
                assert_eq!(baselines.matches(&quoted).count(), 1, "{baselines}");
            }
            let notes = std::fs::read_dir(tree.path("runs/BASELINE_UPDATES")).unwrap();
            let notes = notes.map(|entry| entry.unwrap().path());
            // A kill may leave the temporary file of a note behind, which has no such name.
            let notes = notes.filter(|path| path.extension().is_some());
            let notes: String = notes
                .map(|path| std::fs::read_to_string(path).unwrap())
                .collect();
            assert_eq!(notes.matches("# Baseline Update: ").count(), 2, "{notes}");
        },
    },
];

#[test]
fn a_command_killed_anywhere_is_finished_by_running_it_again() {
    if !strace_works() {
        return;
    }
    for story in STORIES {
        // Undisturbed first: what is asserted holds, and these are its calls.
        let tree = (story.tree)();
        let clean = strace(&tree, story.command, None);
        assert!(clean.status.success(), "{}: {clean:?}", story.name);
        (story.check)(&tree);
        let calls = calls(&clean, DISK);
        at_each(&calls, 1, |call| killed(&story, call));
        println!(
            "killed: {} at {} calls, finished by running it again each time",
            story.name,
            calls.len()
        );
    }
}

/// Kills the story's command before this call, and runs it again.
#[track_caller]
fn killed(story: &Story, call: &Call) {
    let tree = (story.tree)();
    let output = strace(&tree, story.command, Some(call));
    let at = format!("{}, {call}", story.name);
    assert!(!output.status.success(), "{at}: it was not killed");

    let again = tree.ctl(story.command);
    let code = again.code;
    assert!(
        code == 0 || (story.refused_when_done && code == 5),
        "{at}:\n{again}"
    );
    (story.check)(&tree);
    let verified = tree.ctl(["verify"]);
    assert_eq!(verified.code, 0, "{at}:\n{verified}");
}

fn strace(tree: &Tree, command: &[&str], kill: Option<&Call>) -> Output {
    let mut creditctl = Command::new(CREDITCTL);
    creditctl
        .arg("--root")
        .arg(tree.root())
        .args(command)
        .current_dir(tree.root().parent().unwrap());
    traced(&creditctl, DISK, kill)
}

/// What was decided, without what recovery told about itself.
fn decisions(tree: &Tree) -> Vec<String> {
    let events = tree.read("runs/CREDIT_MONITORING/events.jsonl");
    let kinds = events.lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event.get("Type").unwrap().as_str().unwrap().to_owned()
    });
    kinds
        .filter(|kind| !matches!(kind.as_str(), "tail_recovered" | "projections_rebuilt"))
        .collect()
}

fn count(tree: &Tree, kind: &str) -> usize {
    decisions(tree)
        .iter()
        .filter(|found| *found == kind)
        .count()
}

fn leak() -> Tree {
    let tree = Tree::new();
    tree.write(
        "config/credit-baselines.json",
        baselines(&[("BINDER_EXPORT_WEEKLY", "10")]),
    );
    tree.write("out/people.csv", "name\n");
    let members = [
        ("Risk_Flags", r#"["pii_exposure"]"#),
        ("Artifacts_Link", r#""out/people.csv""#),
    ];
    tree.write("../leak.jsonl", run("RUN-LEAK", 130, &members));
    tree
}

/// The leak, investigated and resolved.
fn releasable() -> Tree {
    let tree = leak();
    tree.ctl(["ingest", "leak.jsonl"]).ok();
    let cases = tree.ctl(["case", "list", "--json"]).ok().json();
    let case = cases["cases"][0]["case"].as_str().unwrap().to_owned();
    let case = case.as_str();
    let (ops, lead) = ("ops-2", "lead-3");
    for (who, args) in [
        (ops, vec!["ack", case]),
        (
            lead,
            vec![
                "assess",
                case,
                "--exposure",
                "false_positive",
                "--notes",
                "x",
            ],
        ),
        (
            ops,
            vec![
                "root-cause",
                case,
                "--cause",
                "Misconfig",
                "--explanation",
                "x",
            ],
        ),
        (lead, vec!["root-cause", case, "--confirm"]),
        (ops, vec!["mitigate", case, "--what", "x"]),
        (ops, vec!["note", case, "x", "--topic", "no-exposure"]),
        (ops, vec!["status", case, "Mitigating"]),
        (lead, vec!["resolve", case, "--note", "x"]),
    ] {
        tree.ctl([&["case"], &args[..], &["--as", who]].concat())
            .ok();
    }
    tree
}

/// A run that only a person would set aside.
fn spike() -> Tree {
    let tree = Tree::new();
    let baselines = baselines(&[("BINDER_EXPORT_WEEKLY", "100")]);
    tree.write("config/credit-baselines.json", baselines);
    tree.write("out/people.csv", "name\n");
    let link = [("Artifacts_Link", r#""out/people.csv""#)];
    tree.ingest(run("RUN-SPIKE", 130, &link)).ok();
    tree
}

/// A policy that is guarded by a sidecar, and another one.
fn another_policy() -> Tree {
    let tree = Tree::new();
    tree.ingest(run("R-1", 100, &[])).ok();
    tree.sh(&format!(
        "cd config && sha256sum {POLICY_NAME} > {POLICY_NAME}.sha256 && \
         jq '.severity_policy.sev1.multiplier = 6' {POLICY_NAME} > ../../new.json"
    ))
    .ok();
    tree
}

fn edited_scenario() -> Tree {
    let tree = Tree::new();
    tree.ingest(run("R-1", 100, &[("Scenario_ID", "\"STEADY\"")]))
        .ok();
    tree.write("config/scenarios/STEADY.json", r#"{"max_items":1000}"#);
    tree
}

fn proposal() -> Tree {
    proposed(&["STEADY"])
}

fn two_proposals() -> Tree {
    proposed(&["STEADY", "OTHER"])
}

fn proposed(scenarios: &[&str]) -> Tree {
    let tree = Tree::new();
    let mut runs = String::new();
    for scenario in scenarios {
        for n in 0..40 {
            let (month, day) = (1 + n / 28, 1 + n % 28);
            let at = format!("\"2024-{month:02}-{day:02}T10:00:00Z\"");
            let id = format!("\"{scenario}\"");
            let members = [("Timestamp", at.as_str()), ("Scenario_ID", id.as_str())];
            runs += &run(&format!("R-{scenario}-{n}"), 100 + n % 3, &members);
        }
    }
    tree.ingest(runs).ok();
    let propose = [
        "baseline",
        "update",
        "--all-stable",
        "--as",
        "ops-2",
        "--at",
        "2024-03-01T00:00:00Z",
    ];
    // A proposal alone changes nothing: exit 3.
    tree.ctl(propose).code(3);
    tree
}
