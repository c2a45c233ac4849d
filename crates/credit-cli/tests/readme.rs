//! The README's first commands, as a newcomer types them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use support::Tree;

#[test]
fn the_first_commands_judge_keep_and_explain_a_run() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("## At the command line\n").unwrap();
    let block = section.split("```").nth(1).unwrap();
    let commands: Vec<&str> = block.lines().skip(1).collect();
    // With the clone before them they are five.
    assert_eq!(commands.len(), 4);
    let (install, own) = commands.split_first().unwrap();
    assert_eq!(*install, "cargo install --path crates/credit-cli");

    let tree = Tree::bare();
    std::fs::create_dir(tree.root()).unwrap();
    let shown = tree.sh(&format!("set -e\n{}", own.join("\n"))).ok().stdout;
    assert!(shown.contains("RUN-1 of EXPORT: SEV1"), "{shown}");
}
