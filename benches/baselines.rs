//! How long do the baselines of 1,000 scenarios with 1,000 healthy runs each take?
//!
//! From parsed runs, with and without what is looked for besides (days of the week, change
//! points), and from a ledger of 100,000 lines, read once for all its scenarios. Floors: sorting
//! the same amounts scenario by scenario; reading the file and one SHA-256 over it.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::fs;
use std::hint::black_box;

use credit_benches::{fill, now, runs, tree};
use credit_examples::SplitMix64;
use credit_monitor::baseline::{Calculation, DriftRule, Histories, NoBaseline, Window};
use credit_monitor::core::{Credits, RunFacts, ScenarioId, Sha256, Timestamp};
use credit_monitor::{Archive, Config};
use criterion::{Criterion, SamplingMode, Throughput};

const SCENARIOS: usize = 1_000;
const RUNS: usize = 1_000;
const LINES: usize = 100_000;

const WINDOW_DAYS: u32 = 30;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    baselines(&mut criterion);
    criterion.final_summary();
}

fn baselines(criterion: &mut Criterion) {
    let (_folder, tree) = tree();
    fill(&tree, runs(LINES));
    let config = Config::load(&tree).expect("the tree was just made");
    let archive = Archive::new(&tree);
    let policy = &config.policy().value;
    let window = Window {
        as_of: now(),
        days: WINDOW_DAYS,
    };
    let lines = fs::read_to_string(tree.ledger()).expect("it was just filled");
    let line = lines.lines().next().expect("it has lines");
    let facts = RunFacts::parse(line).expect("it was printed from a record");
    let history = history();
    let one_pass = || {
        let mut histories = Histories::new(window, policy.healthy().clone());
        let mut run = facts.clone();
        for (scenario, amounts) in &history {
            run.scenario_id = scenario.clone();
            for (at, credits) in amounts {
                run.timestamp = *at;
                run.credits = *credits;
                histories.add(&run);
            }
        }
        histories.calculations()
    };
    assert!(one_pass().values().all(|it| has(it, RUNS as u64)));

    let mut group = criterion.benchmark_group("baselines");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements((SCENARIOS * RUNS) as u64));
    group.bench_function("of 1,000 scenarios", |bencher| bencher.iter(&one_pass));
    group.bench_function("with weekdays and change points", |bencher| {
        let rule = DriftRule::of(policy.candidate_gate());
        bencher.iter(|| {
            let known = one_pass().into_values().flatten();
            let looked_at = known.map(|it| (it.changes(&rule).len(), it.by_weekday().cv));
            looked_at.collect::<Vec<_>>()
        });
    });
    group.bench_function("floor: sorting the amounts", |bencher| {
        bencher.iter(|| {
            for (_, amounts) in &history {
                let mut credits: Vec<Credits> = amounts.iter().map(|(_, c)| *c).collect();
                credits.sort_unstable();
                black_box(credits);
            }
        });
    });
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("from a ledger file", |bencher| {
        bencher.iter(|| archive.calculate_baselines(window, policy.healthy()));
    });
    group.bench_function("floor: reading the file", |bencher| {
        bencher.iter(|| {
            let bytes = fs::read(tree.ledger()).expect("it was just filled");
            Sha256::of(&bytes)
        });
    });
    group.finish();
}

fn has(calculation: &Result<Calculation, NoBaseline>, runs: u64) -> bool {
    calculation.as_ref().is_ok_and(|it| it.healthy_runs == runs)
}

/// The healthy runs of each scenario: about a hundred credits, in no order, within the window.
fn history() -> Vec<(ScenarioId, Vec<(Timestamp, Credits)>)> {
    let mut dice = SplitMix64(7);
    let scenario = |n: usize| {
        let id = format!("SCENARIO_{n}").parse().expect("letters and digits");
        let amounts = (0..RUNS).map(|_| {
            let ago = dice.between(1, u64::from(WINDOW_DAYS) * 86_400);
            let at = now().unix() - i64::try_from(ago).expect("a month");
            let at = Timestamp::from_unix(at).expect("of this century");
            let micro = dice.between(90_000_000, 110_000_000);
            (at, Credits::from_micro(micro).expect("small"))
        });
        (id, amounts.collect())
    };
    (0..SCENARIOS).map(scenario).collect()
}
