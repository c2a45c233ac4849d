//! How long does judging one run take, here and with engines that read any policy?
//!
//! Each goes through the same thousand runs again and again; the figure is for all of them.

use std::hint::black_box;

use credit_peers::{Cel, JsonLogic, Ours, Port, Sample, samples};
use criterion::{Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    peers(&mut criterion, &samples(1_000));
    criterion.final_summary();
}

fn peers(criterion: &mut Criterion, samples: &[Sample]) {
    let mut group = criterion.benchmark_group("judging a thousand runs");
    group.throughput(Throughput::Elements(samples.len() as u64));

    let ours = Ours::new();
    let inputs: Vec<_> = samples.iter().map(|sample| ours.prepare(sample)).collect();
    group.bench_function("credit-policy", |bencher| {
        bencher.iter(|| {
            inputs
                .iter()
                .map(|input| ours.judge(black_box(input)))
                .sum::<i64>()
        });
    });

    let port = Port::new();
    let inputs: Vec<_> = samples.iter().map(|sample| port.prepare(sample)).collect();
    group.bench_function("typical port", |bencher| {
        bencher.iter(|| {
            inputs
                .iter()
                .map(|input| port.judge(black_box(input)))
                .sum::<i64>()
        });
    });

    let logic = JsonLogic::new();
    let inputs: Vec<_> = samples.iter().map(|sample| logic.prepare(sample)).collect();
    group.bench_function("datalogic-rs", |bencher| {
        let mut session = logic.session();
        bencher.iter(|| {
            let verdicts = inputs
                .iter()
                .map(|input| logic.judge(&mut session, black_box(input)));
            verdicts.sum::<i64>()
        });
    });

    let cel = Cel::new();
    let inputs: Vec<_> = samples.iter().map(|sample| cel.prepare(sample)).collect();
    group.bench_function("cel", |bencher| {
        bencher.iter(|| {
            inputs
                .iter()
                .map(|input| cel.judge(black_box(input)))
                .sum::<i64>()
        });
    });
    group.finish();
}
