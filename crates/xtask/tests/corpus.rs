//! Every fuzz target over its corpus, on the stable toolchain.

#![allow(
    clippy::expect_used,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "the bodies are tests, and clippy does not take them for any"
)]

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/bodies/baselines.rs"]
mod baselines;
#[path = "../../../fuzz/bodies/cases.rs"]
mod cases;
#[path = "../../../fuzz/bodies/compact.rs"]
mod compact;
#[path = "../../../fuzz/bodies/docket.rs"]
mod docket;
#[path = "../../../fuzz/bodies/event.rs"]
mod event;
#[path = "../../../fuzz/bodies/explain.rs"]
mod explain;
#[path = "../../../fuzz/bodies/ledger_head.rs"]
mod ledger_head;
#[path = "../../../fuzz/bodies/ledger_index.rs"]
mod ledger_index;
#[path = "../../../fuzz/bodies/ledger_open.rs"]
mod ledger_open;
#[path = "../../../fuzz/bodies/ledger_record.rs"]
mod ledger_record;
#[path = "../../../fuzz/bodies/names.rs"]
mod names;
#[path = "../../../fuzz/bodies/notify_answer.rs"]
mod notify_answer;
#[path = "../../../fuzz/bodies/numbers.rs"]
mod numbers;
#[path = "../../../fuzz/bodies/operators.rs"]
mod operators;
#[path = "../../../fuzz/bodies/outcomes.rs"]
mod outcomes;
#[path = "../../../fuzz/bodies/partials.rs"]
mod partials;
#[path = "../../../fuzz/bodies/phrase.rs"]
mod phrase;
#[path = "../../../fuzz/bodies/policy.rs"]
mod policy;
#[path = "../../../fuzz/bodies/run.rs"]
mod run;
#[path = "../../../fuzz/bodies/run_facts.rs"]
mod run_facts;
#[path = "../../../fuzz/bodies/scenario.rs"]
mod scenario;
#[path = "../../../fuzz/bodies/settings.rs"]
mod settings;
#[path = "../../../fuzz/bodies/stored_record.rs"]
mod stored_record;
#[path = "../../../fuzz/bodies/timestamp.rs"]
mod timestamp;

/// A target by its name, with what it does to some bytes.
const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("baselines", |bytes| text(bytes, baselines::check)),
    ("cases", |bytes| text(bytes, cases::check)),
    ("compact", |bytes| text(bytes, compact::check)),
    ("docket", |bytes| text(bytes, docket::check)),
    ("event", |bytes| text(bytes, event::check)),
    ("explain", |bytes| text(bytes, explain::check)),
    ("ledger_head", ledger_head::check),
    ("ledger_index", ledger_index::check),
    ("ledger_open", ledger_open::check),
    ("ledger_record", ledger_record::check),
    ("names", |bytes| text(bytes, names::check)),
    ("notify_answer", notify_answer::check),
    ("numbers", |bytes| text(bytes, numbers::check)),
    ("operators", |bytes| text(bytes, operators::check)),
    ("outcomes", |bytes| text(bytes, outcomes::check)),
    ("partials", partials::check),
    ("phrase", |bytes| text(bytes, phrase::check)),
    ("policy", |bytes| text(bytes, policy::check)),
    ("run", |bytes| text(bytes, run::check)),
    ("run_facts", |bytes| text(bytes, run_facts::check)),
    ("scenario", scenario::check),
    ("settings", |bytes| text(bytes, settings::check)),
    ("stored_record", |bytes| text(bytes, stored_record::check)),
    ("timestamp", |bytes| text(bytes, timestamp::check)),
];

#[test]
fn every_target_stands_its_corpus() {
    let corpus = fuzz().join("corpus");
    let mut replayed = 0;
    for (name, check) in TARGETS {
        let files: Vec<Vec<u8>> = fs::read_dir(corpus.join(name))
            .unwrap()
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in &files {
            check(file);
            replayed += 1;
            // What a fuzzer would try first: the file cut off, and each of its bytes changed.
            for at in 0..file.len().min(2000) {
                check(&file[..at]);
                let mut changed = file.clone();
                changed[at] ^= 1 << (at % 8);
                check(&changed);
                replayed += 2;
            }
        }
    }
    println!(
        "fuzz: {replayed} inputs from the corpus of {} targets",
        TARGETS.len()
    );
}

#[test]
fn every_target_and_every_corpus_is_replayed() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for folder in ["bodies", "corpus", "fuzz_targets"] {
        let mut found: Vec<String> = fs::read_dir(fuzz().join(folder))
            .unwrap()
            .map(|file| {
                file.unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        found.sort();
        assert_eq!(found, names, "{folder}");
    }
}

fn text(bytes: &[u8], check: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
    }
}

fn fuzz() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}
