//! How long does a weekly report take, whatever came before the week?
//!
//! The ledgers have 20,000 runs a week and end with the report's week; the index is fresh. Without
//! partials the week and the one before are read, with them the week alone. Floor of either: reading
//! so much of the file and one SHA-256 of each line, on all cores; a bare read stands beside that.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use credit_benches::{BATCH, batches, keep, ledger, now, parallel, review, runs, tree};
use credit_monitor::core::{Run, RunFacts, Sha256, Timestamp};
use credit_monitor::report::weekly;
use credit_monitor::{Archive, Config, Monitor, ReportRequest, Tree};
use criterion::{Criterion, SamplingMode, Throughput};

/// Runs a week.
const WEEK: usize = 20_000;

const WEEK_SECONDS: i64 = 7 * 86_400;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    figures(&mut criterion);
    for weeks in [5, 50] {
        report(&mut criterion, weeks);
    }
    criterion.final_summary();
}

/// So many weeks of runs in the order of their time, ending now.
fn fill(tree: &Tree, weeks: usize) {
    let config = Config::load(tree).expect("the tree was just made");
    let ledger = ledger(tree);
    let seconds = WEEK_SECONDS * i64::try_from(weeks).expect("few weeks");
    let lines = i64::try_from(WEEK * weeks).expect("few lines");
    let start = now().unix() - seconds;
    let at = |(n, mut run): (usize, Run)| {
        let n = i64::try_from(n).expect("few lines");
        run.timestamp = Timestamp::from_unix(start + n * seconds / lines).expect("in range");
        run
    };
    let runs: Vec<_> = runs(WEEK * weeks).into_iter().enumerate().collect();
    keep(&config, &ledger, batches(runs, BATCH), at);
    ledger.close().expect("nothing fails here");
}

/// The pure function alone.
fn figures(criterion: &mut Criterion) {
    let (_folder, tree) = tree();
    fill(&tree, 2);
    let config = Config::load(&tree).expect("the tree was just made");
    let text = fs::read_to_string(tree.ledger()).expect("it was just filled");
    let facts: Result<Vec<RunFacts<'_>>, _> = text.lines().map(RunFacts::parse).collect();
    let facts = facts.expect("they were printed from records");
    let context = review(&config);
    let mut group = criterion.benchmark_group("weekly");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.throughput(Throughput::Elements(2 * WEEK as u64));
    group.bench_function("from parsed facts", |bencher| {
        bencher.iter(|| weekly(black_box(&facts), &context));
    });
    group.bench_function("scanning lines, one thread", |bencher| {
        bencher.iter(|| text.lines().filter_map(RunFacts::scan).count());
    });
    let report = weekly(&facts, &context);
    group.bench_function("its JSON", |bencher| bencher.iter(|| report.to_json()));
    group.bench_function("its page", |bencher| bencher.iter(|| report.to_html()));
    group.finish();
}

fn report(criterion: &mut Criterion, weeks: usize) {
    let (_folder, tree) = tree();
    fill(&tree, weeks);
    let config = Config::load(&tree).expect("the tree was just made");
    let archive = Archive::new(&tree);
    let request = ReportRequest::review(now().day());
    // It notes down that the ledger came without run files, so it comes before the reports.
    let monitor = Monitor::open(&tree, now()).expect("the ledger is whole");
    let made = archive.weekly_report(&config, &request);
    let without = made.expect("the ledger is whole");
    assert_eq!(without.summary_stats.total_runs, WEEK as u64);

    let file = File::open(tree.ledger()).expect("it was just filled");
    let size = file.metadata().expect("it is open").len();
    let tail = usize::try_from(size).expect("it fits") * 2 / weeks;
    let halves = || {
        let half = tail.div_ceil(2);
        let start = size - tail as u64;
        vec![(start, half), (start + half as u64, tail - half)]
    };
    let read = |(offset, length): (u64, usize)| {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset).expect("it is there");
        bytes
    };

    let mut group = criterion.benchmark_group(format!("weekly of {} lines", WEEK * weeks));
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.throughput(Throughput::Bytes(tail as u64));
    group.bench_function("report, without partials", |bencher| {
        bencher.iter(|| archive.weekly_report(&config, &request));
    });
    monitor
        .save_partials(now())
        .expect("every line can be read");
    let with = archive.weekly_report(&config, &request);
    assert_eq!(with.expect("the ledger is whole"), without);
    group.bench_function("report, with partials", |bencher| {
        bencher.iter(|| archive.weekly_report(&config, &request));
    });
    group.bench_function("bare read of two weeks", |bencher| {
        bencher.iter(|| parallel(halves(), |half| read(half).len()));
    });
    let hashed = |half| {
        let bytes = read(half);
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| Sha256::of(line).as_bytes()[0]).max()
    };
    group.bench_function("floor of two weeks: read and SHA-256", |bencher| {
        bencher.iter(|| parallel(halves(), hashed));
    });
    group.bench_function("floor of one week: read and SHA-256", |bencher| {
        let one_week = || halves().into_iter().map(|(at, length)| (at, length / 2));
        bencher.iter(|| parallel(one_week().collect(), hashed));
    });
    group.finish();
}
