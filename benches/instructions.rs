//! How many instructions do the hot paths take? What `cargo xtask instructions` counts.
//!
//! `instructions` alone lists the cases. `instructions CASE ROUNDS` does a case's work so many
//! times and prints how many things one round works through, so that the difference between two
//! counts, divided by them, is what one of them takes: preparing and starting up cancel out.
//! No times are measured here, no core but one is asked for, and the input is always the same.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal, which ends where something fails"
)]

use std::env;
use std::hint::black_box;

use credit_benches::{
    Sample, batches, columns, every_flag, judge, record, review, runs, samples, tree,
};
use credit_monitor::core::{Run, RunFacts};
use credit_monitor::ledger::{Ledger, MemoryStorage, Reader, Record};
use credit_monitor::policy::{Columns, Policy, Verdicts};
use credit_monitor::report::weekly;
use credit_monitor::{Config, RUNS};

/// What one round works through, and the work.
struct Case {
    things: usize,
    round: Box<dyn FnMut()>,
}

type Prepare = fn() -> Case;

const CASES: &[(&str, Prepare)] = &[
    ("assess_every_flag", assess_every_flag),
    ("assess_mixed_runs", assess_mixed_runs),
    ("assess_columns", assess_columns),
    ("build_record", build_record),
    ("append_lines", append_lines),
    ("verify_lines", verify_lines),
    ("weekly_report", weekly_report),
];

fn main() {
    let mut arguments = env::args().skip(1);
    let Some(name) = arguments.next() else {
        CASES.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let rounds: u64 = arguments.next().unwrap().parse().unwrap();
    let (_, prepare) = CASES.iter().find(|(case, _)| *case == name).unwrap();
    let Case { things, mut round } = prepare();
    (0..rounds).for_each(|_| round());
    println!("{things}");
}

fn case(things: usize, round: impl FnMut() + 'static) -> Case {
    let round = Box::new(round);
    Case { things, round }
}

fn assess_every_flag() -> Case {
    let policy = Policy::standard();
    let Sample { run, context } = every_flag();
    case(1, move || {
        black_box(&black_box(&policy).assess(black_box(&run), black_box(&context)));
    })
}

fn assess_mixed_runs() -> Case {
    let policy = Policy::standard();
    let samples = samples(1_000);
    case(samples.len(), move || {
        for Sample { run, context } in black_box(&samples) {
            black_box(&policy.assess(run, context));
        }
    })
}

fn assess_columns() -> Case {
    let policy = Policy::standard();
    let (credits, expected, flags) = columns(4_096);
    let mut verdicts = Verdicts::default();
    case(credits.len(), move || {
        let columns = Columns::new(black_box(&credits), &expected, &flags).unwrap();
        policy.assess_columns(columns, black_box(&mut verdicts));
    })
}

/// A run's identity, its verdict, the record's text, and what the ledger makes sure of before it
/// takes it.
fn build_record() -> Case {
    let (_folder, tree) = tree();
    let config = Config::load(&tree).unwrap();
    let runs = runs(200);
    case(runs.len(), move || {
        for run in black_box(&runs) {
            black_box(record(&config, run.clone()));
        }
    })
}

/// Building lines, with their hashes and the chain, and handing them to a storage in memory.
fn append_lines() -> Case {
    const BATCH: usize = 100;
    let mut batches = batches(records(500), BATCH).into_iter();
    let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Default::default()).unwrap();
    case(BATCH, move || {
        let answers = ledger.append_batch(batches.next().unwrap()).unwrap();
        assert!(answers.iter().all(Result::is_ok));
    })
}

fn verify_lines() -> Case {
    let storage = MemoryStorage::new();
    let ledger = Ledger::open(Box::new(storage.clone()), RUNS, Default::default()).unwrap();
    let records = records(200);
    let lines = records.len();
    ledger.append_batch(records).unwrap();
    ledger.close().unwrap();
    let reader = Reader::open(Box::new(storage), RUNS).unwrap();
    case(lines, move || assert!(reader.verify().unwrap().ok()))
}

/// Reading records back and reporting on them.
fn weekly_report() -> Case {
    let (_folder, tree) = tree();
    let config = Config::load(&tree).unwrap();
    let runs = runs(1_000).into_iter();
    let text = |run: Run| judge(&config, run).to_json();
    let texts: Vec<String> = runs.map(text).collect();
    case(texts.len(), move || {
        let facts: Result<Vec<RunFacts<'_>>, _> =
            texts.iter().map(|t| RunFacts::parse(t)).collect();
        black_box(weekly(&facts.unwrap(), &review(&config)));
    })
}

fn records(count: usize) -> Vec<Record> {
    let (_folder, tree) = tree();
    let config = Config::load(&tree).unwrap();
    let runs = runs(count).into_iter();
    runs.map(|run| record(&config, run)).collect()
}
