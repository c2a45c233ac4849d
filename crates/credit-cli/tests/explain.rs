//! `classify --explain` and `run show`: why a verdict is what it is.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use std::fs;

use serde_json::json;
use support::{BASELINES, POLICY, Tree, assert_same, baselines, run, sha256};

fn tree() -> Tree {
    let tree = Tree::new();
    tree.write(BASELINES, baselines(&[("BINDER_EXPORT_WEEKLY", "100")]));
    tree
}

#[test]
fn classify_explains_for_people() {
    let tree = tree();
    let before = tree.untouched();
    let lines = run("R-1", "199.999999", &[]) + &run("R-2", 1000, &[("retry_count", "9")]);
    let done = tree.ctl_in(["classify", "--explain", "-"], lines).ok();
    // Columns are as wide as they need to be.
    let shown = done.stdout.split(' ').filter(|word| !word.is_empty());
    let shown = shown.collect::<Vec<_>>().join(" ");
    for part in [
        "R-1 of BINDER_EXPORT_WEEKLY: SEV3, misconfiguration Low\n",
        "\n credits 200 +0.000001 SEV2\n",
        "R-2 of BINDER_EXPORT_WEEKLY: SEV1, misconfiguration Medium\n",
        "critical flag",
        "retry_count 9 is above 5\n",
        "Misconfig (retry_loop): Fix scenario config, update max_items\n",
        "2 judged, 0 refused; nothing was written",
    ] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    assert_same(&before, &tree.untouched());
}

#[test]
fn classify_explains_for_programs_beside_the_verdict() {
    let tree = tree();
    let line = run("R-1", "199.999999", &[]);
    let plain = tree.ctl_in(["--json", "classify", "-"], line.clone()).ok();
    let explained = tree
        .ctl_in(["--json", "classify", "--explain", "-"], line)
        .ok();
    let (plain, explained) = (plain.stdout.trim_end(), explained.stdout);
    // The verdict's keys are the same, and one more follows.
    assert!(explained.starts_with(plain.strip_suffix('}').unwrap()));
    // Digit by digit, which a float would not keep.
    let changes = r#""credits":{"graver":{"to":200,"by":0.000001,"severity":"SEV2"},"milder":{"to":149.999999,"by":50,"severity":"SEV4"}}"#;
    assert!(explained.contains(changes), "{explained}");
    let why = &serde_json::from_str::<serde_json::Value>(&explained).unwrap()["explanation"];
    assert_eq!(why["verdict"]["Severity"], json!("SEV3"));
    assert_eq!(why["Run_ID"], json!("R-1"));
}

/// Applying the change that was stated gives the severity that was stated.
#[test]
fn what_is_stated_is_so() {
    let tree = tree();
    let severity = |baseline: &str, credits: &str| {
        let args = [
            "--json",
            "classify",
            "--explain",
            "--baseline",
            baseline,
            "-",
        ];
        tree.ctl_in(args, run("R-1", credits, &[])).ok().json()
    };
    let why = &severity("0.3", "1.000001")["explanation"];
    for (input, direction) in [
        ("credits", "graver"),
        ("credits", "milder"),
        ("baseline", "graver"),
        ("baseline", "milder"),
    ] {
        let step = &why["changes"][input][direction];
        let to = step["to"].to_string();
        let found = match input {
            "credits" => severity("0.3", &to),
            _ => severity(&to, "1.000001"),
        };
        assert_eq!(found["Severity"], step["severity"], "{input} {to}");
        assert_ne!(found["Severity"], why["verdict"]["Severity"]);
    }
}

#[test]
fn run_show_explains_by_what_the_record_keeps() {
    let tree = tree();
    tree.ingest(run("R-1", 500, &[])).ok();
    let before = tree.ctl(["run", "show", "R-1"]).ok().stdout;
    assert!(
        before.contains("\n  * SEV1      5      500     0\n"),
        "{before}"
    );

    // Another baseline and another policy since then: the verdict was what it was.
    tree.write(BASELINES, baselines(&[("BINDER_EXPORT_WEEKLY", "1")]));
    let policy = tree.read(POLICY);
    tree.write(
        POLICY,
        policy.replace("\"multiplier\": 5,", "\"multiplier\": 6,"),
    );
    assert_eq!(tree.ctl(["run", "show", "R-1"]).ok().stdout, before);

    let object = format!("runs/CREDIT_MONITORING/objects/{}", sha256(&policy));
    fs::remove_file(tree.path(&object)).unwrap();
    let shown = tree.ctl(["run", "show", "R-1"]).ok().stdout;
    for part in [
        "\nSEV1: 500 credits are 5.000000 times",
        "\nwhy cannot be said again: ",
        &object,
        "ledger line 1 (",
    ] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
}
