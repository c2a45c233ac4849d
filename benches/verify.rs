//! How long does verification take beside SHA-256 of the bytes it has to hash?
//!
//! Floors: SHA-256 of the same bytes as one stream for each core, once from memory, once read
//! from the file in the ledger's pieces. The bytes are the ledger's lines for the chain; lines and
//! laid-out run files for the whole ledger; these and the run files on the disk for the tree.
//! They take turns, the best turn counts; on one core: `taskset -c 0` before the command.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal, which ends where something fails"
)]

use std::fs::{self, File};
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use credit_benches::{fill, leave, now, runs, tree};
use credit_ledger::layout;
use credit_monitor::core::Day;
use credit_monitor::ledger::{FileStorage, Reader};
use credit_monitor::{Archive, Monitor, RUNS, Tree};
use sha2::{Digest, Sha256};

const LINES: usize = 200_000;
const RUN_FILES: usize = 10_000;
const CHUNK_BYTES: usize = 256 * 1024;
/// Noise only ever adds time.
const TURNS: usize = 9;

fn main() {
    ledger();
    with_run_files();
}

fn ledger() {
    let (_folder, tree) = tree();
    fill(&tree, runs(LINES));
    let lines = fs::read(tree.ledger()).unwrap();
    let path = tree.ledger();
    let laid_out = laid_out(&lines);
    let storage = FileStorage::new(&tree.monitoring(), "ledger");
    let reader = Reader::open(Box::new(storage), RUNS).unwrap();
    let [memory, file, chain, both, whole] = best([
        &|| hash(&[&lines]),
        &|| hash_file(&path),
        &|| assert!(reader.verify_chain().unwrap().ok()),
        &|| hash(&[&lines, &laid_out]),
        &|| assert!(reader.verify().unwrap().ok()),
    ]);
    let mb = |bytes: usize, took: Duration| bytes as f64 / took.as_secs_f64() / 1e6;
    let size = lines.len();
    println!("{LINES} lines, {} MB:", size / 1_000_000);
    println!(
        "  SHA-256 of the lines      {memory:>9.1?} {:>5.0} MB/s",
        mb(size, memory)
    );
    println!(
        "  the same, read from disk  {file:>9.1?} {:>5.0} MB/s",
        mb(size, file)
    );
    row("verify_chain", chain, memory, file);
    leave("verify", "SHA-256 of the lines", memory, 1);
    leave("verify", "verify_chain", chain, 1);
    let all = size + laid_out.len();
    println!(
        "  SHA-256 of lines, layouts {both:>9.1?} {:>5.0} MB/s",
        mb(all, both)
    );
    row("verify", whole, both, both + file.saturating_sub(memory));
}

fn with_run_files() {
    let (_folder, tree) = tree();
    let monitor = Monitor::open(&tree, now()).unwrap();
    monitor.observe_all(runs(RUN_FILES), now()).unwrap();
    drop(monitor);
    let lines = fs::read(tree.ledger()).unwrap();
    let laid_out = laid_out(&lines);
    let paths = run_files(&tree);
    let archive = Archive::new(&tree);
    let [plain, read, whole] = best([
        &|| hash(&[&lines, &laid_out, &laid_out]),
        &|| read_all(&paths),
        &|| assert!(archive.verify(None, &|_, _| {}).unwrap().ok()),
    ]);
    println!("{RUN_FILES} lines with run files and sidecars:");
    println!("  SHA-256 of all bytes      {plain:>9.1?}");
    println!("  opening, reading, closing {read:>9.1?}");
    row("Archive::verify", whole, plain, plain + read);
}

fn row(name: &str, took: Duration, plain: Duration, with_reading: Duration) {
    let ratio = |floor: Duration| floor.as_secs_f64() / took.as_secs_f64();
    println!(
        "  {name:<25} {took:>9.1?} {:>5.2} of SHA-256, {:>4.2} of reading and SHA-256",
        ratio(plain),
        ratio(with_reading),
    );
}

/// The shortest time of each, in turns.
fn best<const N: usize>(works: [&dyn Fn(); N]) -> [Duration; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..TURNS {
        for (work, best) in works.iter().zip(&mut best) {
            let start = Instant::now();
            work();
            *best = start.elapsed().min(*best);
        }
    }
    best
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// One stream for each core.
fn hash(texts: &[&[u8]]) {
    for text in texts {
        let share = text.len().div_ceil(cores());
        thread::scope(|scope| {
            for share in text.chunks(share) {
                scope.spawn(move || std::hint::black_box(Sha256::digest(share)));
            }
        });
    }
}

/// The same from a file that is read in pieces.
fn hash_file(path: &Path) {
    let size = fs::metadata(path).unwrap().len();
    let share = size.div_ceil(cores() as u64);
    thread::scope(|scope| {
        for start in (0..size).step_by(share as usize) {
            scope.spawn(move || {
                let file = File::open(path).unwrap();
                let mut buffer = vec![0; CHUNK_BYTES];
                let mut hasher = Sha256::new();
                let (mut at, end) = (start, (start + share).min(size));
                while at < end {
                    let room = buffer.len().min((end - at) as usize);
                    let room = buffer.get_mut(..room).unwrap();
                    let count = file.read_at(room, at).unwrap();
                    hasher.update(room.get(..count).unwrap());
                    at += count as u64;
                }
                std::hint::black_box(hasher.finalize());
            });
        }
    });
}

/// Opens, reads and closes the files, on all cores.
fn read_all(paths: &[PathBuf]) {
    let share = paths.len().div_ceil(cores());
    thread::scope(|scope| {
        for share in paths.chunks(share) {
            scope.spawn(move || {
                for path in share {
                    std::hint::black_box(fs::read(path).unwrap());
                }
            });
        }
    });
}

/// The run files of all lines, one after the other.
fn laid_out(lines: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for line in lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let text = std::str::from_utf8(line).unwrap();
        let (body, _) = text.split_once(",\"Run_Sha256\"").unwrap();
        all.extend(layout::pretty(format!("{body}}}").as_bytes()).unwrap());
    }
    all
}

/// Each run file and its sidecar.
fn run_files(tree: &Tree) -> Vec<PathBuf> {
    let days = fs::read_dir(tree.monitoring()).unwrap().map(Result::unwrap);
    let days = days.filter(|day| day.file_name().to_str().unwrap().parse::<Day>().is_ok());
    let files = days.flat_map(|day| fs::read_dir(day.path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}
