//! Every run of the traces next to the repository reads, and reads back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on should stop where it is, and say when it did nothing"
)]

use std::path::Path;

use credit_core::{Run, RunFacts, TotalCredits};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

/// The text of a trace, if the traces are there.
fn trace(name: &str) -> Option<String> {
    if !Path::new(DATA).is_dir() {
        eprintln!("SKIPPED: {name} was not checked, because there is no folder {DATA}");
        return None;
    }
    Some(std::fs::read_to_string(Path::new(DATA).join(name)).unwrap())
}

#[track_caller]
fn check(name: &str, count: usize) {
    let Some(text) = trace(name) else { return };
    assert_eq!(text.lines().count(), count, "{name}");
    let mut total = TotalCredits::default();
    let mut last_instead_of_first = TotalCredits::default();
    for (i, line) in text.lines().enumerate() {
        let place = i + 1;
        let parsed = Run::parse(line).unwrap_or_else(|e| panic!("{name}:{place}: {e}"));
        assert!(
            parsed.ignored.is_empty(),
            "{name}:{place}: {:?}",
            parsed.ignored
        );
        let bytes = parsed.run.to_json();
        let again = Run::parse(&bytes).unwrap().run;
        assert_eq!(again, parsed.run, "{name}:{place}");
        assert_eq!(again.to_json(), bytes, "{name}:{place}");
        // Nothing that the line said is lost: each of its values is in the run's bytes.
        let (before, after): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(line).unwrap(),
            serde_json::from_str(&bytes).unwrap(),
        );
        for (key, value) in before.as_object().unwrap() {
            if key.starts_with("Credits_") {
                let exact =
                    |v: &serde_json::Value| v.to_string().parse::<credit_core::Credits>().unwrap();
                assert_eq!(
                    after.get(key).map(exact),
                    Some(exact(value)),
                    "{name}:{place}: {key}"
                );
            } else {
                assert_eq!(after.get(key), Some(value), "{name}:{place}: {key}");
            }
        }
        // A run is not yet a record.
        assert!(RunFacts::parse(&bytes).is_err());
        total += parsed.run.credits;
    }
    for line in text.lines().rev() {
        last_instead_of_first += Run::parse(line).unwrap().run.credits;
    }
    assert_eq!(total, last_instead_of_first);
    assert!(total.mean(count as u64).is_some());
}

#[test]
fn every_call_of_the_small_trace_reads() {
    check("llm_small.jsonl", 2_366);
}

#[test]
fn every_batch_of_the_benchmark_trace_reads() {
    check("aider_bench.jsonl", 178);
}
