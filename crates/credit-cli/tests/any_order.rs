//! Any order of ingestion and any batch size give the same verdicts and the same run files; the
//! same order gives the same ledger, byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use credit_monitor::core::Run;
use credit_monitor::core::json::{Object, ObjectWriter};
use credit_monitor::ledger::{Config, Durability};
use credit_monitor::{Monitor, Tree as Layout};
use proptest::prelude::*;
use support::{BASELINES, Tree, baselines, data, run};

const CHAIN: [&str; 4] = ["Seq", "Prev_Hash", "Hash", "Ledger_Origin"];

/// Runs of several scenarios, with and without baselines, near thresholds and with flags.
fn runs() -> impl Strategy<Value = Vec<String>> {
    let one = (
        prop::sample::select(vec!["A", "B", "FREE", "UNKNOWN"]),
        prop::sample::select(vec![
            "0", "1.499999", "1.5", "2", "4.999999", "5", "10", "700.25",
        ]),
        prop::sample::select(vec![
            "[]",
            "[\"pii_exposure\"]",
            "[\"batch_job\",\"retry_loop\"]",
        ]),
        0..9_u8,
        1..28_u8,
    );
    prop::collection::vec(one, 1..24).prop_map(|all| {
        let line = |(n, (scenario, credits, flags, retries, day))| {
            let (scenario, retries) = (format!("\"{scenario}\""), format!("{retries}"));
            let time = format!("\"2024-01-{day:02}T10:00:00+14:00\"");
            let members = [
                ("Scenario_ID", scenario.as_str()),
                ("Risk_Flags", flags),
                ("retry_count", &retries),
                ("Timestamp", &time),
            ];
            run(&format!("RUN-{n}"), credits, &members)
        };
        all.into_iter().enumerate().map(line).collect()
    })
}

/// The same runs in another order, and where to cut both into batches.
fn orders() -> impl Strategy<Value = (Vec<String>, Vec<String>, Vec<usize>)> {
    (runs(), prop::collection::vec(1..9_usize, 1..6))
        .prop_flat_map(|(runs, sizes)| (Just(runs.clone()), Just(runs).prop_shuffle(), Just(sizes)))
}

fn prepared() -> Tree {
    let tree = Tree::new();
    tree.write(
        BASELINES,
        baselines(&[("A", "1"), ("B", "100"), ("FREE", "0")]),
    );
    tree.write(
        "config/scenarios/B.json",
        "{\"is_backfill\":true,\"max_items\":5}",
    );
    tree
}

/// Keeps runs through the library, in batches of the given sizes, over and over.
fn observe(lines: &[String], sizes: &[usize], origin: char) -> Tree {
    let tree = prepared();
    let config = Config {
        durability: Durability::Buffered,
        origin: Some(origin.to_string().repeat(32)),
        ..Config::default()
    };
    let now = "2024-02-01T00:00:00Z".parse().unwrap();
    let monitor = Monitor::open_with(&Layout::new(tree.root()), now, &config).unwrap();
    let mut rest = lines;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (batch, after) = rest.split_at((*size).min(rest.len()));
        let runs = batch.iter().map(|l| Run::parse(l.trim_end()).unwrap().run);
        let outcomes = monitor
            .observe_batch(runs.collect(), "2025-01-31T10:00:00Z".parse().unwrap())
            .unwrap();
        assert!(outcomes.run_file_errors.is_empty());
        assert!(
            outcomes
                .outcomes
                .iter()
                .all(|o| !o.as_ref().unwrap().duplicate)
        );
        rest = after;
    }
    tree
}

/// Run files and sidecars with their hashes.
fn run_files(tree: &Tree) -> BTreeMap<PathBuf, String> {
    let mut files = tree.files();
    files.retain(|path, _| path.to_string_lossy().contains("/run_"));
    files
}

/// Each ledger line without what ties it to its place in the chain.
fn unchained(tree: &Tree) -> Vec<String> {
    let unchain = |line: &str| {
        let mut out = ObjectWriter::new();
        for (key, value) in Object::parse(line).unwrap().iter() {
            if !CHAIN.contains(&key) {
                out.token(key, value.get());
            }
        }
        out.finish()
    };
    tree.ledger().lines().map(unchain).collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 24,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_order_and_batch_size_gives_the_same((given, shuffled, sizes) in orders()) {
        let all_at_once = observe(&given, &[given.len()], 'a');
        let in_batches = observe(&given, &sizes, 'a');
        prop_assert!(all_at_once.ledger() == in_batches.ledger());
        prop_assert_eq!(run_files(&all_at_once), run_files(&in_batches));

        let elsewhere = observe(&given, &sizes, 'b');
        prop_assert!(elsewhere.ledger() != in_batches.ledger());
        prop_assert_eq!(unchained(&elsewhere), unchained(&in_batches));

        let one_by_one = observe(&shuffled, &[1], 'c');
        prop_assert_eq!(run_files(&one_by_one), run_files(&all_at_once));
        prop_assert_eq!(sorted(unchained(&one_by_one)), sorted(unchained(&all_at_once)));
    }
}

#[test]
fn real_runs_backwards_and_by_scenario() {
    let Some(file) = data("llm_small.jsonl") else {
        return;
    };
    let text = std::fs::read_to_string(file).unwrap();
    let given: Vec<String> = text.lines().step_by(4).map(str::to_owned).collect();
    let first = observe(&given, &[4096], 'a');
    let mut other = given;
    other.reverse();
    other.sort_by_key(|line| line.split_once("Scenario_ID").unwrap().1.to_owned());
    let second = observe(&other, &[7, 100, 1], 'b');
    assert!(run_files(&first) == run_files(&second));
    assert!(sorted(unchained(&first)) == sorted(unchained(&second)));
}

/// The same through the real binary: a file, one run at a time backwards, and an array.
#[test]
fn the_binary_agrees() {
    let line = |n: usize| {
        let scenario = ["\"A\"", "\"B\"", "\"UNKNOWN\""][n % 3];
        let time = format!("\"2024-01-{:02}T23:30:00.25-05:00\"", n + 10);
        let members = [
            ("Scenario_ID", scenario),
            ("Timestamp", &time),
            ("retry_count", "6"),
        ];
        run(&format!("RUN-{n}"), format!("{n}.5"), &members)
    };
    let lines: Vec<String> = (0..8).map(line).collect();
    let together = prepared();
    together.ingest(lines.concat()).ok();
    let single = prepared();
    for line in lines.iter().rev() {
        single.ingest(line).ok();
    }
    let array = prepared();
    let runs: Vec<&str> = lines.iter().map(|l| l.trim_end()).collect();
    array
        .ctl_in(["ingest", "-"], format!("[\n{}\n]\n", runs.join(",\n")))
        .ok();
    assert_eq!(run_files(&together), run_files(&single));
    assert_eq!(run_files(&together), run_files(&array));
    assert_eq!(unchained(&together), unchained(&array));
    assert_eq!(sorted(unchained(&together)), sorted(unchained(&single)));
    for tree in [together, single, array] {
        tree.ctl(["verify"]).ok();
    }
}
