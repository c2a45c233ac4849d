//! How many runs a second are taken in: judged and kept durably?
//!
//! In the ledger alone; floor: one SHA-256 of each line, one write and one fdatasync a batch.
//! And by the whole monitor, with a run file and a sidecar each; floor: a bare loop that creates
//! the same files with the same bytes.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for the terminal; a bench that cannot be set up has nothing to measure"
)]

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use credit_benches::{
    BATCH, batches, keep, keep_lines, leave, ledger, ledger_text, new_file, now, record, runs, tree,
};
use credit_monitor::core::Run;
use credit_monitor::{Config, Monitor, Tree};
use criterion::{Criterion, SamplingMode, Throughput};
use tempfile::TempDir;

type Folders = RefCell<Vec<TempDir>>;

/// For the ledger alone.
const RUNS: usize = 100_000;

/// With run files: two files each, which take a while.
const RUNS_WITH_FILES: usize = 10_000;

/// With run files, for each side.
const TURNS: usize = 6;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    ledger_alone(&mut criterion);
    criterion.final_summary();
    with_run_files();
}

fn ledger_alone(criterion: &mut Criterion) {
    let runs = runs(RUNS);
    let json: Vec<String> = runs.iter().map(Run::to_json).collect();
    let text = ledger_text(runs.clone());
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let texts: Vec<String> = lines.chunks(BATCH).map(|batch| batch.concat()).collect();

    let folders = Folders::default();
    let mut group = criterion.benchmark_group("ingest, ledger alone");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements(RUNS as u64));
    group.bench_function("ours, from values", |bencher| {
        bencher.iter_custom(|times| {
            repeated(times, &folders, |tree| {
                let (config, ledger) = (load(tree), ledger(tree));
                let batches = batches(runs.clone(), BATCH);
                timed(|| keep(&config, &ledger, batches, |run| run))
            })
        });
    });
    group.bench_function("ours, from JSON", |bencher| {
        bencher.iter_custom(|times| {
            repeated(times, &folders, |tree| {
                let (config, ledger) = (load(tree), ledger(tree));
                let batches = batches(json.iter().collect(), BATCH);
                timed(|| keep(&config, &ledger, batches, |text: &String| parse(text)))
            })
        });
    });
    group.bench_function("floor", |bencher| {
        bencher.iter_custom(|times| {
            repeated(times, &folders, |tree| {
                let mut file = new_file(tree.root());
                timed(|| {
                    for text in &texts {
                        keep_lines(&mut file, text);
                    }
                })
            })
        });
    });
    group.finish();
}

/// Both sides in turns, each turn in new trees and the other side first; the best turn counts.
///
/// One after the other, as criterion measures, would compare two states of the file system: what
/// creating a file costs depends for minutes on what was deleted before.
fn with_run_files() {
    let runs = runs(RUNS_WITH_FILES);
    let files = files(&runs);
    let folders = Folders::default();
    let ours = || repeated(1, &folders, |tree| observe(tree, runs.clone()));
    let floor = || repeated(1, &folders, |tree| timed(|| create(tree.root(), &files)));
    let (mut best, mut best_floor) = (Duration::MAX, Duration::MAX);
    println!("ingest, with run files: {RUNS_WITH_FILES} runs, ours and the floor");
    for turn in 0..TURNS {
        let (ours, floor) = if turn % 2 == 0 {
            (ours(), floor())
        } else {
            let floor = floor();
            (ours(), floor)
        };
        (best, best_floor) = (best.min(ours), best_floor.min(floor));
        let ratio = ours.as_secs_f64() / floor.as_secs_f64();
        println!("  {ours:>9.1?} {floor:>9.1?} {ratio:>6.2}");
    }
    let group = "ingest, with run files";
    leave(group, "ours", best, RUNS_WITH_FILES);
    leave(group, "floor", best_floor, RUNS_WITH_FILES);
}

fn observe(tree: &Tree, runs: Vec<Run>) -> Duration {
    let monitor = Monitor::open(tree, now()).expect("the tree was just made");
    timed(|| {
        let batch = monitor.observe_all(runs, now()).expect("there is room");
        assert!(batch.outcomes.iter().all(Result::is_ok));
        assert!(batch.run_file_errors.is_empty());
    })
}

/// `work` in so many new trees, one after the other.
///
/// They are removed at the end only: a file system that has just deleted thousands of files is
/// busy for a while, and would slow down whoever is measured next.
fn repeated(times: u64, folders: &Folders, work: impl Fn(&Tree) -> Duration) -> Duration {
    (0..times)
        .map(|_| {
            let (folder, tree) = tree();
            settle(folder.path());
            folders.borrow_mut().push(folder);
            work(&tree)
        })
        .sum()
}

/// Lets the file system finish what earlier work left to it.
fn settle(folder: &Path) {
    let settled = File::open(folder).and_then(|folder| folder.sync_all());
    settled.expect("the folder was just made");
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The run files and sidecars that the monitor makes of runs: folder, name, bytes.
fn files(runs: &[Run]) -> Vec<(PathBuf, String, Vec<u8>)> {
    let (_folder, tree) = tree();
    let config = load(&tree);
    let mut files = Vec::with_capacity(2 * runs.len());
    for run in runs {
        let day = PathBuf::from(run.timestamp.day().to_string());
        let name = format!("run_{}.json", run.run_id);
        let record = record(&config, run.clone());
        let (bytes, hash) = record
            .file_bytes()
            .zip(record.file_hash())
            .expect("runs have files");
        files.push((day.clone(), name.clone(), bytes.to_vec()));
        let sidecar = format!("{hash}  {name}\n").into_bytes();
        files.push((day, format!("{name}.sha256"), sidecar));
    }
    files
}

/// The bare loop: no temporary names, no locks, no syncs, one thread.
fn create(root: &Path, files: &[(PathBuf, String, Vec<u8>)]) {
    for (day, name, bytes) in files {
        let folder = root.join(day);
        if !folder.exists() {
            fs::create_dir(&folder).expect("there is room");
        }
        let mut file = File::create(folder.join(name)).expect("there is room");
        file.write_all(bytes).expect("there is room");
    }
}

fn parse(text: &str) -> Run {
    Run::parse(text).expect("it was printed from a run").run
}

fn load(tree: &Tree) -> Config {
    Config::load(tree).expect("the tree was just made")
}
