//! How long does a backtest of 100,000 ledger lines take?
//!
//! Every line is of the period, and the candidate changes one verdict in some thirty. Floor:
//! reading the file and one SHA-256 over it.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::fs;

use credit_benches::{fill, runs, tree};
use credit_monitor::core::{Sha256, StoredRecord};
use credit_monitor::policy::{Policy, STANDARD_JSON};
use credit_monitor::{Archive, BacktestRequest, Config, Hashed};
use criterion::{Criterion, SamplingMode, Throughput};

const LINES: usize = 100_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    backtest(&mut criterion);
    criterion.final_summary();
}

fn backtest(criterion: &mut Criterion) {
    let (_folder, tree) = tree();
    fill(&tree, runs(LINES));
    // The runs' policy is kept beside the ledger by whoever observes; `fill` only appends.
    let config = Config::load(&tree).expect("the tree was just made");
    let own = config.policy();
    fs::create_dir_all(tree.objects()).expect("the folder is ours");
    fs::write(tree.object(own.sha256), &own.bytes).expect("the folder is ours");

    let text = STANDARD_JSON.replace("\"multiplier\": 2,", "\"multiplier\": 4,");
    let candidate = Hashed {
        value: Policy::parse(&text).expect("only a number was changed"),
        sha256: Sha256::of(text.as_bytes()),
        bytes: text.into_bytes(),
    };
    let request = BacktestRequest {
        candidate: &candidate,
        outcomes: None,
        from: None,
        to: None,
    };
    let archive = Archive::new(&tree);
    let report = archive.backtest(&request, &|_, _| {});
    let result = report.expect("the ledger is whole").result;
    assert_eq!(result.replayed.runs, LINES as u64);
    assert!(result.affected.runs > 0);
    let lines = fs::read_to_string(tree.ledger()).expect("it was just filled");

    let mut group = criterion.benchmark_group("backtest");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("from the ledger file", |bencher| {
        bencher.iter(|| archive.backtest(&request, &|_, _| {}));
    });
    group.bench_function("reading records back, one thread", |bencher| {
        bencher.iter(|| {
            let records = lines.lines().map(StoredRecord::parse);
            records.filter(Result::is_ok).count()
        });
    });
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            let bytes = fs::read(tree.ledger()).expect("it was just filled");
            Sha256::of(&bytes)
        });
    });
    group.finish();
}
