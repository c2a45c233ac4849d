//! The README's commands, as a newcomer types them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use std::fmt::Write;

use credit_monitor::core::Timestamp;
use support::Tree;

/// The commands of the README's section about the command line: a first run, and from then on.
fn blocks() -> [Vec<&'static str>; 2] {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("## At the command line\n").unwrap();
    let mut fenced = section.split("```").skip(1).step_by(2);
    std::array::from_fn(|_| fenced.next().unwrap().lines().skip(1).collect())
}

#[test]
fn the_first_commands_judge_keep_and_explain_a_run() {
    let [first, _] = blocks();
    // With the clone before them they are five.
    assert_eq!(first.len(), 4);
    let (install, own) = first.split_first().unwrap();
    assert_eq!(*install, "cargo install --path crates/credit-cli");

    let tree = Tree::bare();
    std::fs::create_dir(tree.root()).unwrap();
    let shown = tree.sh(&format!("set -e\n{}", own.join("\n"))).ok().stdout;
    assert!(shown.contains("RUN-1 of EXPORT: SEV1"), "{shown}");
}

#[test]
fn with_a_history_the_other_commands_do_what_is_said_of_them() {
    let [first, then] = blocks();
    let tree = Tree::bare();
    std::fs::create_dir(tree.root()).unwrap();
    for command in &first[1..] {
        tree.sh(command).ok();
    }
    // The history that the README asks for: ten healthy runs, and thirty days.
    let now: Timestamp = tree.line_of("RUN-1")["Timestamp"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut history = String::new();
    for n in 1..=12 {
        let at = now.days_before(3 * n);
        writeln!(
            history,
            r#"{{"Run_ID":"OLD-{n}","Timestamp":"{at}","Scenario_ID":"EXPORT","Job_Type":"OTHER","Status":"Success","Credits_Total":118}}"#
        )
        .unwrap();
    }
    tree.ingest(history).ok();

    assert!(then.len() > 5, "{then:?}");
    for command in then {
        // What is only proposed waits for somebody else, and the doctor says that neither Slack nor
        // Notion is set up.
        let code = match command {
            c if c.starts_with("creditctl baseline update") && !c.contains("--approve") => 3,
            c if c.starts_with("creditctl doctor") => 8,
            _ => 0,
        };
        tree.sh(command).code(code);
    }
    let judged = tree
        .sh("creditctl run log --run-id RUN-3 --scenario EXPORT --credits 119")
        .ok();
    let shown = &judged.stdout;
    assert!(shown.starts_with("SEV4 RUN-3"), "{judged}");
}
