//! With thousands of records in flight, what does the ledger add to writing and syncing?
//!
//! The same batches go to a bare file and to the ledger, by `append_batch` and by `submit` from
//! several threads, and to a ledger whose storage drops everything: what that takes is checking
//! nothing, building lines with their hashes and keeping the index, and is subtracted. They take
//! turns, the best turn counts.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal, which ends where something fails"
)]

use std::fs::File;
use std::io::Write;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use credit_benches::{PLAIN, PLAIN_BYTES, leave, plain};
use credit_ledger::{Config, FileStorage, Ledger, Part, Record, Storage, StorageError};

const THREADS: usize = 8;
const TURNS: usize = 60;

fn main() {
    let dir = tempfile::tempdir_in(".").unwrap();
    for size in [2_000, 8_000] {
        let dir = dir.path().join(size.to_string());
        let ledger = open(Box::new(FileStorage::new(&dir, "ledger")));
        let submitted = open(Box::new(FileStorage::new(&dir, "submitted")));
        let dropping = open(Box::new(Dropping::default()));
        let mut bare = File::create(dir.join("bare")).unwrap();
        let mut best = [Duration::MAX; 4];
        for turn in 0..TURNS {
            let records: Vec<Record> = (turn * size..(turn + 1) * size).map(record).collect();
            let took = [
                keep_bare(&mut bare, &records),
                append(&ledger, records.clone()),
                submit(&submitted, &records),
                append(&dropping, records),
            ];
            for (best, took) in best.iter_mut().zip(took) {
                *best = took.min(*best);
            }
        }
        let [bare, append, submit, building] = best;
        println!("{size} records in flight, {PLAIN_BYTES} bytes a record:");
        for (case, took) in [("bare write + fdatasync", bare), ("append_batch", append)] {
            leave(&format!("{size} in flight"), case, took, size);
        }
        row("bare write + fdatasync", size, bare, bare);
        row("building lines alone", size, building, bare);
        row("append_batch", size, append, bare);
        row(
            "  less building lines",
            size,
            append.saturating_sub(building),
            bare,
        );
        row("submit", size, submit, bare);
        row(
            "  less building lines",
            size,
            submit.saturating_sub(building),
            bare,
        );
    }
}

fn row(name: &str, size: usize, took: Duration, bare: Duration) {
    let (rate, ratio) = (
        size as f64 / took.as_secs_f64(),
        bare.as_secs_f64() / took.as_secs_f64(),
    );
    println!("  {name:<23} {took:>9.1?} {rate:>10.0} records/s {ratio:>6.2} of bare");
}

fn keep_bare(file: &mut File, records: &[Record]) -> Duration {
    let lines: Vec<&[u8]> = records.iter().map(Record::body).collect();
    let bytes = lines.join(&b'\n');
    let start = Instant::now();
    file.write_all(&bytes).unwrap();
    file.sync_data().unwrap();
    start.elapsed()
}

fn append(ledger: &Ledger, records: Vec<Record>) -> Duration {
    let start = Instant::now();
    let answers = ledger.append_batch(records).unwrap();
    let took = start.elapsed();
    assert!(answers.iter().all(Result::is_ok));
    took
}

/// Each thread submits its share and waits for all its receipts. The threads are there already,
/// as those of a service are.
fn submit(ledger: &Ledger, records: &[Record]) -> Duration {
    let [there, start, end] = [(); 3].map(|()| Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for share in records.chunks(records.len().div_ceil(THREADS)) {
            let (there, start, end) = (&there, &start, &end);
            scope.spawn(move || {
                there.wait();
                start.wait();
                let submitted = share.iter().map(|record| ledger.submit(record.clone()));
                let pending: Vec<_> = submitted.map(Result::unwrap).collect();
                for pending in pending {
                    pending.wait().unwrap();
                }
                end.wait();
            });
        }
        there.wait();
        // Nobody starts before this thread lets them.
        let started = Instant::now();
        start.wait();
        end.wait();
        started.elapsed()
    })
}

fn open(storage: Box<dyn Storage>) -> Ledger {
    Ledger::open(storage, PLAIN, Config::default()).unwrap()
}

fn record(n: usize) -> Record {
    Record::new(&PLAIN, plain(n)).unwrap()
}

/// Knows how long its lines are, and nothing else.
#[derive(Debug, Default)]
struct Dropping {
    lines: AtomicU64,
}

impl Storage for Dropping {
    fn lock(&self, _wait: Duration) -> Result<(), StorageError> {
        Ok(())
    }

    fn unlock(&self) {}

    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        let size = self.lines.load(Ordering::Relaxed);
        Ok((part == Part::Lines && size > 0).then_some(size))
    }

    fn read_at(&self, _part: Part, _at: u64, _buffer: &mut [u8]) -> Result<usize, StorageError> {
        Ok(0)
    }

    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        if part == Part::Lines {
            self.lines
                .store(offset + bytes.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<(), StorageError> {
        self.lines.store(size, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self, _part: Part) -> Result<(), StorageError> {
        Ok(())
    }

    fn set_aside(&self, _offset: u64, _bytes: &[u8]) -> Result<String, StorageError> {
        Ok(String::new())
    }
}
