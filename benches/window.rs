//! Do opening, finding one record or a noted line, and reading the last week cost the same, however
//! long the ledger?
//!
//! Ledgers of 10 MB, 100 MB and 1 GB, 10 MB in each week of their history. The shortest of several
//! turns counts. `CREDIT_BENCH_MB=10,100` takes other sizes.
//!
//! ```sh
//! cargo bench -p credit-benches --bench window
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal, which ends where something fails"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use credit_benches::leave;
use credit_ledger::{Config, Digest, FileStorage, Ledger, Reader, Record, Schema, Window};

const RUNS: Schema = Schema {
    id: "Run_ID",
    identity: "Input_Sha256",
    file_hash: Some("Run_Sha256"),
    origin: "Ledger_Origin",
    time: Some("Timestamp"),
    severity: Some("Severity"),
    scenario: Some("Scenario_ID"),
};
const MB: u64 = 1_000_000;
const WEEK_BYTES: u64 = 10 * MB;
const TURNS: usize = 15;

fn main() {
    let sizes = std::env::var("CREDIT_BENCH_MB").unwrap_or("10,100,1000".to_owned());
    for size in sizes.split(',').map(|size| size.parse::<u64>().unwrap()) {
        let dir = tempfile::tempdir_in(".").unwrap();
        let storage = || Box::new(FileStorage::new(dir.path(), "ledger"));
        let (lines, weeks) = fill(dir.path(), size * MB);
        let reader = Reader::open(storage(), RUNS).unwrap();
        let from = second(weeks - 1, 0);
        let window = Window {
            from: Some(&from),
            ..Window::default()
        };
        let mut last_week = 0;
        let noted = reader.find(&id(lines / 3)).unwrap().unwrap();
        let (seq, hash) = (noted.seq(), noted.hash());
        let [open, found, absent, contained, week] = best([
            &mut || drop(Ledger::open(storage(), RUNS, Config::default()).unwrap()),
            &mut || assert!(reader.find(&id(lines / 2)).unwrap().is_some()),
            &mut || assert!(reader.find("absent").unwrap().is_none()),
            &mut || assert!(reader.contains(seq, hash).unwrap()),
            &mut || last_week = read(&reader, &window),
        ]);
        for (what, took) in [("open", open), ("find", found), ("last week", week)] {
            leave(what, &format!("of {size} MB"), took, 1);
        }
        println!(
            "{size} MB, {lines} lines, {weeks} weeks: open and close {open:.1?}, find {found:.1?}, \
             find what is absent {absent:.1?}, contains {contained:.1?}, last week ({last_week} lines) {week:.1?}"
        );
    }
}

fn best<const N: usize>(mut works: [&mut dyn FnMut(); N]) -> [Duration; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..TURNS {
        for (work, best) in works.iter_mut().zip(&mut best) {
            let start = Instant::now();
            work();
            *best = start.elapsed().min(*best);
        }
    }
    best
}

fn read(reader: &Reader, window: &Window<'_>) -> usize {
    let mut lines = reader.window(window).unwrap();
    let mut count = 0;
    while let Some(line) = lines.next_line().unwrap() {
        std::hint::black_box(line.raw());
        count += 1;
    }
    count
}

/// Returns how many lines and weeks there are.
fn fill(dir: &Path, bytes: u64) -> (u64, u64) {
    let storage = FileStorage::new(dir, "ledger");
    let ledger = Ledger::open(Box::new(storage), RUNS, Config::default()).unwrap();
    while ledger.stats().bytes < bytes {
        let (first, week) = (ledger.len(), ledger.stats().bytes / WEEK_BYTES);
        let bodies = (first..first + 1000).map(|n| body(n, week)).collect();
        let records = Record::new_all(&RUNS, bodies).into_iter();
        let answers = ledger.append_batch(records.map(Result::unwrap).collect());
        assert!(answers.unwrap().iter().all(Result::is_ok));
    }
    let lines = ledger.len();
    ledger.close().unwrap();
    (lines, bytes.div_ceil(WEEK_BYTES))
}

fn body(n: u64, week: u64) -> Vec<u8> {
    let (id, second) = (id(n), second(week, n % 60));
    let (severity, scenario) = (n % 5, n % 97);
    let identity = Digest::of(&n.to_le_bytes());
    let note = "x".repeat(500);
    format!(
        r#"{{"Run_ID":"{id}","Timestamp":"{second}","Scenario_ID":"S-{scenario}","Severity":"SEV{severity}","Input_Sha256":"{identity}","Note":"{note}"}}"#
    )
    .into_bytes()
}

fn id(n: u64) -> String {
    format!("run-{n:09}")
}

/// A second of a week: each has a month of its own, so that no calendar is needed.
fn second(week: u64, second: u64) -> String {
    format!(
        "{}-{:02}-01T00:00:{second:02}Z",
        2000 + week / 12,
        week % 12 + 1
    )
}
