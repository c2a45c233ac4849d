//! How many records a second become durable, in batches of 1, 100 and 10,000?
//!
//! Floor: one SHA-256 of each line, one write and one fdatasync of the same bytes.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::time::{Duration, Instant};

use credit_benches::{judge, keep_lines, ledger, ledger_text, new_file, runs, tree};
use credit_monitor::ledger::Record;
use credit_monitor::{Config, RUNS, Tree};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    append(&mut criterion);
    criterion.final_summary();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.sampling_mode(SamplingMode::Flat);
    for (batch, samples) in [(1, 50), (100, 50), (10_000, 20)] {
        group.sample_size(samples);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::new("ours", batch), |bencher| {
            bencher.iter_custom(|times| ours(batch, times));
        });
        group.bench_function(BenchmarkId::new("floor", batch), |bencher| {
            bencher.iter_custom(|times| floor(batch, times));
        });
    }
    group.finish();
}

fn ours(batch: usize, times: u64) -> Duration {
    let (_folder, tree) = tree();
    let bodies = bodies(&tree, batch);
    let ledger = ledger(&tree);
    let mut spent = Duration::ZERO;
    for time in 0..times {
        // Every record needs an id of its own, and the id ends at the first `",`.
        let id_end = format!(".{time:06}\",");
        let bodies = bodies
            .iter()
            .map(|body| body.replacen("\",", &id_end, 1).into_bytes());
        let bodies: Vec<Vec<u8>> = bodies.collect();
        let start = Instant::now();
        let records = bodies.into_iter().flat_map(|body| Record::new(&RUNS, body));
        let answers = ledger.append_batch(records.collect());
        spent += start.elapsed();
        assert!(answers.is_ok_and(|all| all.len() == batch && all.iter().all(Result::is_ok)));
    }
    spent
}

fn floor(batch: usize, times: u64) -> Duration {
    let (folder, _) = tree();
    let text = ledger_text(runs(batch));
    let mut file = new_file(folder.path());
    let mut spent = Duration::ZERO;
    for _ in 0..times {
        let start = Instant::now();
        keep_lines(&mut file, &text);
        spent += start.elapsed();
    }
    spent
}

fn bodies(tree: &Tree, count: usize) -> Vec<String> {
    let config = Config::load(tree).expect("the tree was just made");
    let runs = runs(count).into_iter();
    runs.map(|run| judge(&config, run).to_json()).collect()
}
