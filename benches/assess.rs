//! How long does a verdict take, alone and in columns?

use std::hint::black_box;

use credit_benches::run;
use credit_examples::SplitMix64;
use credit_monitor::core::{Credits, RiskFlag, RiskFlags, Usual};
use credit_monitor::policy::{Columns, Context, Expected, Policy, Verdicts};
use criterion::{Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    assess(&mut criterion);
    columns(&mut criterion);
    criterion.final_summary();
}

fn assess(criterion: &mut Criterion) {
    let policy = Policy::standard();
    let known = Context {
        expected: Expected::Baseline {
            credits: Credits::whole(100).unwrap_or(Credits::MAX),
            manual: false,
        },
        usual: Usual {
            input_tokens: Some(1_000),
            credits_per_item: "2".parse().ok(),
            ..Usual::default()
        },
    };
    let normal = run(110);
    let mut retry_loop = run(620);
    retry_loop.retry_count = 12;
    retry_loop.has_max_items_config = Some(false);
    retry_loop.has_idempotency_key = Some(false);
    let mut backfill = run(240);
    backfill.is_backfill = Some(true);
    backfill.is_batch_job = Some(true);
    let mut every_flag = retry_loop.clone();
    every_flag.is_backfill = Some(true);
    every_flag.is_batch_job = Some(true);
    every_flag.input_tokens = Some(5_000);
    every_flag.input_item_count = Some(300);
    every_flag.deployment_timestamp = Some(every_flag.timestamp.hours_before(1));
    every_flag.risk_flags = RiskFlags::CRITICAL;

    let mut group = criterion.benchmark_group("assess");
    for (name, run, context) in [
        ("normal", &normal, known),
        ("retry loop", &retry_loop, known),
        ("backfill", &backfill, known),
        ("every fact stated, every flag", &every_flag, known),
        ("missing baseline", &normal, Expected::Missing.into()),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(&policy).assess(black_box(run), black_box(&context)));
        });
    }
    group.bench_function("floor: one exact comparison", |bencher| {
        bencher.iter(|| {
            let (credits, baseline) = (black_box(110_u64), black_box(100_u64));
            let threshold = black_box(1_500_000_000_000_u128);
            u128::from(credits) * 1_000_000_000_000 >= threshold * u128::from(baseline)
        });
    });
    group.finish();
}

/// Runs of all severities in no order, so that no branch is guessed right by habit.
fn columns(criterion: &mut Criterion) {
    const RUNS: usize = 4096;
    let mut dice = SplitMix64(1);
    let mut amounts = |to: u64| -> Vec<Credits> {
        let micro = (0..RUNS).map(|_| dice.between(1, to));
        micro.filter_map(Credits::from_micro).collect()
    };
    let (credits, baselines) = (amounts(2_000_000_000), amounts(400_000_000));
    let expected: Vec<Expected> = baselines
        .iter()
        .map(|credits| Expected::Baseline {
            credits: *credits,
            manual: false,
        })
        .collect();
    let flags: Vec<RiskFlags> = (0..RUNS)
        .map(|_| {
            let flags = RiskFlag::ALL.iter().copied();
            flags.filter(|_| dice.between(1, 8) == 1).collect()
        })
        .collect();
    let policy = Policy::standard();
    let mut verdicts = Verdicts::default();
    let mut spikes = vec![false; RUNS];

    let mut group = criterion.benchmark_group("columns");
    group.throughput(Throughput::Elements(RUNS as u64));
    group.bench_function("4096 runs", |bencher| {
        bencher.iter(|| {
            if let Ok(columns) = Columns::new(black_box(&credits), &expected, &flags) {
                policy.assess_columns(columns, black_box(&mut verdicts));
            }
        });
    });
    group.bench_function("floor: one exact comparison each", |bencher| {
        bencher.iter(|| {
            let threshold = black_box(1_500_000_000_000_u128);
            let pairs = black_box(&credits).iter().zip(&baselines);
            for (spike, (credits, baseline)) in spikes.iter_mut().zip(pairs) {
                *spike = u128::from(credits.micro()) * 1_000_000_000_000
                    >= threshold * u128::from(baseline.micro());
            }
            black_box(&mut spikes);
        });
    });
    group.finish();
}
