//! How long does a verdict take?

use std::hint::black_box;

use credit_benches::run;
use credit_monitor::core::Credits;
use credit_monitor::policy::{Expected, Policy};
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    assess(&mut criterion);
    criterion.final_summary();
}

fn assess(criterion: &mut Criterion) {
    let policy = Policy::standard();
    let known = Expected::Baseline {
        credits: Credits::whole(100).unwrap_or(Credits::MAX),
        manual: false,
    };
    let normal = run(110);
    let mut retry_loop = run(620);
    retry_loop.retry_count = 12;
    retry_loop.has_max_items_config = Some(false);
    retry_loop.has_idempotency_key = Some(false);
    let mut backfill = run(240);
    backfill.is_backfill = Some(true);
    backfill.is_batch_job = Some(true);

    let mut group = criterion.benchmark_group("assess");
    for (name, run, expected) in [
        ("normal", &normal, known),
        ("retry loop", &retry_loop, known),
        ("backfill", &backfill, known),
        ("missing baseline", &normal, Expected::Missing),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(&policy).assess(black_box(run), black_box(&expected.into())));
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
