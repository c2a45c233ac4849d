//! How long does a weekly report over 100,000 ledger lines take?
//!
//! All lines lie in the report's week or the one before, so none can be skipped. Floor: reading
//! the file and one SHA-256 over it.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::fs;
use std::hint::black_box;

use credit_benches::{fill, now, runs, tree};
use credit_monitor::core::{Period, RunFacts, Sha256};
use credit_monitor::report::{Context, Decided, LedgerState, Repetition, Scope, weekly};
use credit_monitor::{Archive, Config, ReportRequest};
use criterion::{Criterion, SamplingMode, Throughput};

const LINES: usize = 100_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    report(&mut criterion);
    criterion.final_summary();
}

fn report(criterion: &mut Criterion) {
    let (_folder, tree) = tree();
    fill(&tree, runs(LINES));
    let config = Config::load(&tree).expect("the tree was just made");
    let archive = Archive::new(&tree);
    let text = fs::read_to_string(tree.ledger()).expect("it was just filled");
    let facts: Result<Vec<RunFacts<'_>>, _> = text.lines().map(RunFacts::parse).collect();
    let facts = facts.expect("they were printed from records");
    let context = Context {
        period: Period::days_until(7, now()),
        ledger: LedgerState::Read,
        ledger_head: None,
        events_head: None,
        policy_sha256: config.policy().sha256,
        baselines_sha256: config.baselines().sha256,
        baselines: &config.baselines().value,
        candidate_gate: *config.policy().value.candidate_gate(),
        scope: &Scope::Review,
        repetition: Repetition {
            runs_min: 3,
            days: 7,
        },
        decided: &Decided::default(),
    };

    let mut group = criterion.benchmark_group("weekly");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("from parsed facts", |bencher| {
        bencher.iter(|| weekly(black_box(&facts), &context));
    });
    group.bench_function("from the ledger file", |bencher| {
        bencher.iter(|| {
            let report = archive.weekly_report(&config, &ReportRequest::review(now().day()));
            report.expect("the ledger is whole")
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
