//! `policy backtest`: what people and scripts are told about another policy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use serde_json::{Value, json};
use support::{BASELINES, POLICY, Tree, baselines, run, sha256};

const CANDIDATE: &str = "candidate.json";

/// Four runs against a baseline of 100: SEV4, SEV2, SEV1, SEV0; and a policy in which SEV1 begins
/// at 7 times the baseline instead of 5.
fn tree() -> Tree {
    let tree = Tree::new();
    tree.write(BASELINES, baselines(&[("BINDER_EXPORT_WEEKLY", "100")]));
    let at = |day: &str| format!("\"2024-01-{day}T00:00:00Z\"");
    let (first, second, third, fourth) = (at("01"), at("05"), at("10"), at("15"));
    let personal = [("Risk_Flags", "[\"pii_exposure\"]"), ("Timestamp", &fourth)];
    let lines = [
        run("R-1", 100, &[("Timestamp", &first)]),
        run("R-2", 200, &[("Timestamp", &second)]),
        run("R-3", 600, &[("Timestamp", &third)]),
        run("R-4", 1000, &personal),
    ];
    tree.ingest(lines.concat()).ok();
    let policy = tree.read(POLICY);
    assert!(policy.contains("\"multiplier\": 5,"));
    let candidate = policy.replace("\"multiplier\": 5,", "\"multiplier\": 7,");
    tree.write(CANDIDATE, candidate);
    tree
}

fn args(tree: &Tree, more: &[&str]) -> Vec<String> {
    let candidate = tree.path(CANDIDATE).display().to_string();
    let mut args = vec!["policy".to_owned(), "backtest".to_owned()];
    args.extend(["--policy".to_owned(), candidate]);
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

#[test]
fn people_get_tables() {
    let tree = tree();
    let files = tree.files();
    let done = tree.ctl(args(&tree, &[])).ok();
    let rows: Vec<Vec<&str>> = done
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for row in [
        "4 runs, 1900 credits replayed",
        "SEV0 1 0 0 0 0",
        "SEV1 0 0 1 0 0",
        "SEV2 0 0 1 0 0",
        "SEV3 0 0 0 0 0",
        "SEV4 0 0 0 0 1",
        "alerts: 2 (1.00 a week), then 1 (0.50 a week)",
        "changed: 1 runs, 600 credits; graver 0 runs, 0 credits; milder 1 runs, 600 credits",
    ] {
        let wanted: Vec<&str> = row.split_whitespace().collect();
        assert!(rows.contains(&wanted), "no {row:?} in\n{done}");
    }
    let change = done.stdout.lines().find(|line| line.contains("R-3"));
    let change: Vec<&str> = change.unwrap().split_whitespace().collect();
    assert!(change.ends_with(&["SEV1", "SEV2", "lost", "-"]), "{done}");
    assert!(
        done.stderr.is_empty(),
        "no bar where there is no terminal: {done}"
    );
    assert_eq!(tree.files(), files, "a backtest writes nothing");

    let short = tree.ctl(args(&tree, &["--limit", "0"])).ok();
    assert!(!short.stdout.contains("R-3"), "{short}");
}

#[test]
fn scripts_get_one_object_and_its_digest() {
    let tree = tree();
    let done = tree.ctl(args(&tree, &["--json"])).ok();
    let found = done.json();
    let backtest = found.get("backtest").unwrap();
    let result = backtest.get("result").unwrap();
    assert_eq!(result.pointer("/matrix/SEV1/SEV2"), Some(&json!(1)));
    assert_eq!(result.pointer("/changes/0/run_id"), Some(&json!("R-3")));
    let candidate = tree.read(CANDIDATE);
    let hash = Value::from(sha256(candidate.as_bytes()));
    assert_eq!(backtest.get("policy_sha256"), Some(&hash));
    // The digest is that of the member as it was printed.
    let (_, text) = done.stdout.trim_end().split_once("\"backtest\":").unwrap();
    let text = text.strip_suffix('}').unwrap();
    let digest = Value::from(sha256(text.as_bytes()));
    assert_eq!(found.get("digest"), Some(&digest));
    // The same question, the same bytes; and the number people compare with is the same.
    assert_eq!(
        tree.ctl(args(&tree, &["--json", "--limit", "0"])).stdout,
        done.stdout
    );
    let people = tree.ctl(args(&tree, &[])).ok();
    let last = people.stdout.lines().last().unwrap();
    assert_eq!(last, format!("digest {}", digest.as_str().unwrap()));
}

#[test]
fn outcomes_say_what_would_be_missed() {
    let tree = tree();
    let outcomes = tree.write(
        "outcomes.jsonl",
        "{\"Run_ID\":\"R-3\",\"Root_Cause\":\"Misconfig\"}\n\
         {\"Run_ID\":\"R-9\",\"Root_Cause\":\"Legit Load\"}\n",
    );
    let outcomes = outcomes.display().to_string();
    let done = tree.ctl(args(&tree, &["--outcomes", &outcomes])).ok();
    for says in [
        "misconfigurations that would now be missed: 1",
        "outcomes of runs that were not replayed: 1\n  R-9\n",
    ] {
        assert!(done.stdout.contains(says), "no {says:?} in\n{done}");
    }
    let found = tree
        .ctl(args(&tree, &["--json", "--outcomes", &outcomes]))
        .ok()
        .json();
    let result = found.pointer("/backtest/result").unwrap();
    let missed = result.pointer("/scores/misconfig/no_longer_alerted");
    assert_eq!(missed, Some(&json!(["R-3"])));
    assert_eq!(result.get("outcomes_unmatched"), Some(&json!(["R-9"])));
}

#[test]
fn resolved_cases_are_outcomes_too() {
    let tree = tree();
    let scored = |tree: &Tree| {
        let done = tree.ctl(args(tree, &["--json", "--cases"])).ok();
        let report = done.json().pointer("/backtest").unwrap().clone();
        let missed = report.pointer("/result/scores/misconfig/no_longer_alerted");
        (missed.unwrap().clone(), report["outcomes_sha256"].clone())
    };
    let (missed, nothing) = scored(&tree);
    assert_eq!(missed, json!([]));
    assert_eq!(nothing, json!(sha256(b"")));

    // are of one case, which personal data makes SEV0.
    let list = tree.ctl(["case", "list", "--json"]).ok().json();
    let case = list["cases"][0]["case"].as_str().unwrap();
    let act = |name: &str, words: &[&str]| tree.ctl([words, &["--as", name]].concat()).ok();
    act("ops-2", &["case", "ack", case]);
    let cause = ["case", "root-cause", case, "--cause", "Misconfig"];
    let why = ["--explanation", "no limit"];
    act("ops-2", &[&cause[..], &why].concat());
    act("lead-3", &["case", "root-cause", case, "--confirm"]);
    let assess = ["case", "assess", case, "--exposure", "false_positive"];
    act("lead-3", &[&assess[..], &["--notes", "no reader"]].concat());
    let note = ["case", "note", case, "log of the 15th", "--topic"];
    act("ops-2", &[&note[..], &["no-exposure"]].concat());
    act("ops-2", &["case", "mitigate", case, "--what", "a limit"]);
    let url = "https://chat.example/archives/C1/p17";
    act("ops-2", &["case", "thread", case, url]);
    act("ops-2", &["case", "status", case, "Mitigating"]);
    // Until it is resolved, a root cause can still change.
    assert_eq!(scored(&tree), (json!([]), nothing));
    act("lead-3", &["case", "resolve", case, "--note", "a limit"]);

    let (missed, known) = scored(&tree);
    assert_eq!(missed, json!(["R-3"]));
    // The same as from a file that says the same.
    let text = "{\"Run_ID\":\"R-3\",\"Root_Cause\":\"Misconfig\"}\n\
                {\"Run_ID\":\"R-4\",\"Root_Cause\":\"Misconfig\"}\n";
    assert_eq!(known, json!(sha256(text.as_bytes())));
    let file = tree.write("known.jsonl", text).display().to_string();
    let by_file = tree.ctl(args(&tree, &["--json", "--outcomes", &file])).ok();
    let by_cases = tree.ctl(args(&tree, &["--json", "--cases"])).ok();
    assert_eq!(by_file.stdout, by_cases.stdout);
    tree.ctl(args(&tree, &["--cases", "--outcomes", &file]))
        .code(2);
}

#[test]
fn a_period_can_be_given_in_two_ways() {
    let tree = tree();
    let replayed = |more: &[&str]| {
        let mut more = more.to_vec();
        more.push("--json");
        let found = tree.ctl(args(&tree, &more)).ok().json();
        found
            .pointer("/backtest/result/replayed/runs")
            .unwrap()
            .as_u64()
            .unwrap()
    };
    assert_eq!(replayed(&["--from", "2024-01-05T00:00:00Z"]), 3);
    assert_eq!(replayed(&["--to", "2024-01-05T00:00:00Z"]), 1);
    assert_eq!(
        replayed(&["--days", "5", "--at", "2024-01-15T00:00:00Z"]),
        1
    );
    assert_eq!(
        replayed(&["--days", "10", "--at", "2024-01-15T00:00:01Z"]),
        2
    );
    let backwards = [
        "--from",
        "2024-01-05T00:00:00Z",
        "--to",
        "2024-01-04T00:00:00Z",
    ];
    tree.ctl(args(&tree, &backwards))
        .code(1)
        .says(&["is after --to"]);
    tree.ctl(args(
        &tree,
        &["--days", "5", "--to", "2024-01-04T00:00:00Z"],
    ))
    .code(2);
}

#[test]
fn bad_files_are_named() {
    let tree = tree();
    let outcomes = tree.write(
        "outcomes.json",
        "[{\"Run_ID\":\"R-3\",\"Root_Cause\":\"Bug\"}]",
    );
    let outcomes = outcomes.display().to_string();
    tree.ctl(args(&tree, &["--outcomes", &outcomes]))
        .code(1)
        .says(&["outcomes.json", "\"Bug\"", "Legit Load", "line 1"]);
    tree.ctl(args(&tree, &["--outcomes", "nowhere.json"]))
        .code(1)
        .says(&["nowhere.json"]);
    let candidate = tree.read(CANDIDATE);
    tree.write(CANDIDATE, candidate.replace("retry_loop", "retry_lop"));
    tree.ctl(args(&tree, &[]))
        .code(1)
        .says(&["candidate.json", "retry_lop"]);
    tree.write(CANDIDATE, [0xFF]);
    tree.ctl(args(&tree, &[]))
        .code(1)
        .says(&["candidate.json", "utf-8"]);

    let empty = Tree::new();
    empty.write(CANDIDATE, candidate);
    empty.ctl(args(&empty, &[])).code(6);
}
