//! Each example answers its question.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helper may stop the test; clippy knows only test functions themselves"
)]

#[path = "../backtest_a_policy.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod backtest_a_policy;
#[path = "../classify_only.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod classify_only;
#[path = "../custom_notifier.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod custom_notifier;
#[path = "../custom_storage.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod custom_storage;
#[path = "../embed_in_tokio.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod embed_in_tokio;
#[path = "../rerun_gate_in_a_job_runner.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod rerun_gate_in_a_job_runner;
#[path = "../verify_from_another_machine.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod verify_from_another_machine;
#[path = "../weekly_review.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod weekly_review;

use std::path::Path;

use credit_ledger::{Storage, storage_conformance};
use credit_monitor::Tree;
use credit_monitor::core::Timestamp;
use credit_notify::routing::{Address, Slot};
use custom_storage::Mirrored;

fn now() -> Timestamp {
    "2025-01-31T10:00:00Z".parse().unwrap()
}

/// What an example prints, given an empty folder.
#[track_caller]
fn shown(example: impl FnOnce(&Path, &mut Vec<u8>) -> anyhow::Result<()>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    example(folder.path(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn assert_promised(shown: &str, promised: &[&str]) {
    for promised in promised {
        assert!(shown.contains(promised), "{promised:?} is not in\n{shown}");
    }
}

#[test]
fn runs_are_judged_without_a_file() {
    let shown = shown(|_, out| classify_only::classify(out));
    assert_promised(
        &shown,
        &[
            "SEV4 R-1: ",
            "SEV0 R-2: ",
            "SEV1 R-3: Baseline not found",
            "quarantine",
        ],
    );
}

#[test]
fn a_service_on_tokio_keeps_first_and_tells_second() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let tree = Tree::new(folder.path());
    let told = runtime
        .block_on(embed_in_tokio::serve(tree.clone(), now()))
        .unwrap();
    assert_eq!(told[..2], ["R-1: kept, and told", "R-2: kept, and told"]);
    assert_eq!(told.len(), 4);
    let found = credit_monitor::Archive::new(&tree)
        .verify(None, &|_, _| {})
        .unwrap();
    assert!(found.ok() && found.lines == 2);
}

#[test]
fn a_storage_of_ones_own_does_what_the_ledger_asks_for() {
    assert_promised(
        &shown(custom_storage::keep_twice),
        &["the second has all 3 lines, and its chain is whole"],
    );
    storage_conformance::check(|| {
        let place = tempfile::tempdir().unwrap();
        for folder in ["one", "other"] {
            std::fs::create_dir(place.path().join(folder)).unwrap();
        }
        move || -> Box<dyn Storage> {
            let (one, other) = (place.path().join("one"), place.path().join("other"));
            Box::new(Mirrored::new(&one, &other))
        }
    })
    .unwrap();
}

#[test]
fn a_notifier_of_ones_own_does_what_the_trait_says() {
    assert_promised(
        &shown(|_, out| custom_notifier::page(out)),
        &[
            "SLACK_WEBHOOK_URL_SEV1: done",
            "SLACK_WEBHOOK_URL_SECURITY: for a person: nobody carries",
            "on the pager: ",
        ],
    );
    let pager = custom_notifier::Pager::new(80);
    let [there, nowhere] = [Slot::Sev0, Slot::Default].map(Address::Webhook);
    credit_notify::conformance::slack(&pager, &there, &nowhere).unwrap();
}

#[test]
fn another_policy_is_tried_on_the_runs_there_were() {
    let shown = shown(|folder, out| backtest_a_policy::backtest(&Tree::new(folder), now(), out));
    assert_promised(&shown, &["would be graver", "The digest: "]);
}

#[test]
fn whoever_remembers_one_line_finds_what_was_changed() {
    let shown = shown(|folder, out| verify_from_another_machine::verify(folder, now(), out));
    assert_promised(
        &shown,
        &[
            "the copy as it came: 32 lines, all as they were written",
            "with one digit changed: runs/CREDIT_MONITORING/",
            "another history, whole in itself: runs/CREDIT_MONITORING/ledger.jsonl: does not contain \
             the remembered line 23:",
        ],
    );
}

#[test]
fn the_meeting_leaves_decisions_and_a_note_behind() {
    let shown = shown(|folder, out| weekly_review::review(&Tree::new(folder), now(), out));
    assert_promised(
        &shown,
        &[
            "CREDIT_REVIEW_2025-01-31: 62 runs cost",
            "decided about RUN-",
            "`weekly_report`: passed",
            "kept as weekly_2025-01-31.json",
        ],
    );
}

#[test]
fn a_rerun_begins_once_and_only_when_it_was_approved() {
    let shown =
        shown(|folder, out| rerun_gate_in_a_job_runner::run_jobs(&Tree::new(folder), now(), out));
    assert_promised(
        &shown,
        &[
            "at once: waits",
            "approved by who asked: false",
            "after the approval: begins; the new run names RUN-1",
            "and once more: waits",
        ],
    );
}

/// The list in README.md, the manifest and the folder are the same.
#[test]
fn the_readme_lists_every_example_with_its_question() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let mut examples = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        examples += 1;
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let question = text.lines().next().unwrap().strip_prefix("//! ").unwrap();
        assert!(question.ends_with('?'), "{name}: {question}");
        let row = format!("| `cargo run --example {name}` | {question} |");
        assert!(readme.contains(&row), "README.md does not have\n{row}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
    assert!(examples >= 11);
}
