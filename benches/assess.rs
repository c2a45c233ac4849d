//! How long does a verdict take, alone and in columns?

use std::hint::black_box;

use credit_benches::{Sample, columns, every_flag, known, run, samples};
use credit_monitor::core::Credits;
use credit_monitor::policy::{Columns, Expected, Policy, Verdicts};
use criterion::{Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    assess(&mut criterion);
    assess_columns(&mut criterion);
    criterion.final_summary();
}

/// A verdict is looked at where it is: a copy of it, which a harness makes of what it is given, is
/// no part of judging.
fn assess(criterion: &mut Criterion) {
    let policy = Policy::standard();
    let known = known();
    let normal = run(110);
    let mut retry_loop = run(620);
    retry_loop.retry_count = 12;
    retry_loop.has_max_items_config = Some(false);
    retry_loop.has_idempotency_key = Some(false);
    let mut backfill = run(240);
    backfill.is_backfill = Some(true);
    backfill.is_batch_job = Some(true);
    let every_flag = every_flag();

    let mut group = criterion.benchmark_group("assess");
    for (name, run, context) in [
        ("normal", &normal, known),
        ("retry loop", &retry_loop, known),
        ("backfill", &backfill, known),
        (
            "every fact stated, every flag",
            &every_flag.run,
            every_flag.context,
        ),
        ("missing baseline", &normal, Expected::Missing.into()),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                black_box(&black_box(&policy).assess(black_box(run), black_box(&context)));
            });
        });
    }
    // Struct in, struct out: the copy is the harness's.
    group.bench_function("every fact stated, every flag, and a copy", |bencher| {
        let (run, context) = (&every_flag.run, &every_flag.context);
        bencher.iter(|| black_box(&policy).assess(black_box(run), black_box(context)));
    });
    group.bench_function("floor: one exact comparison", |bencher| {
        bencher.iter(|| {
            let (credits, baseline) = (black_box(110_u64), black_box(100_u64));
            let threshold = black_box(1_500_000_000_000_u128);
            u128::from(credits) * 1_000_000_000_000 >= threshold * u128::from(baseline)
        });
    });
    group.finish();

    // What a processor has learnt of one run helps with none of these.
    let samples = samples(1_000);
    let mut group = criterion.benchmark_group("assess runs of every kind");
    group.throughput(Throughput::Elements(samples.len() as u64));
    group.bench_function("1000 runs", |bencher| {
        bencher.iter(|| {
            for Sample { run, context } in black_box(&samples) {
                black_box(&policy.assess(run, context));
            }
        });
    });
    group.finish();
}

/// Runs of all severities in no order, so that no branch is guessed right by habit.
fn assess_columns(criterion: &mut Criterion) {
    const RUNS: usize = 4096;
    let (credits, expected, flags) = columns(RUNS);
    let baselines: Vec<Credits> = expected
        .iter()
        .filter_map(|expected| match expected {
            Expected::Baseline { credits, .. } => Some(*credits),
            Expected::Missing => None,
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
