//! The story of the long ledger: one that is eight times as long is verified, searched, read for a
//! window and appended to, and none of it needs more memory. Each size has a process of its own,
//! whose peak the kernel counted.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "clippy does not take helpers for tests, and the child is told by its environment \
              what to do"
)]

mod common;

use std::path::Path;
use std::process::Command;

use common::RUNS;
use credit_ledger::{Config, Digest, FileStorage, Ledger, Reader, Record, Window};

const DIR: &str = "CREDIT_MEMORY_DIR";
const MIB: u64 = 1024 * 1024;

#[test]
fn a_long_ledger_needs_no_more_memory_than_a_short_one() {
    if std::fs::read_to_string("/proc/self/status").is_err() {
        println!("SKIPPED: no /proc here; the peak of memory is not measured");
        return;
    }
    let (short, long) = if common::long() { (64, 1024) } else { (8, 64) };
    let [(short, _), (long, lines)] = [short, long].map(|size| {
        let dir = tempfile::tempdir().unwrap();
        let lines = fill(dir.path(), size * MIB);
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        let peak = text.split("peak ").nth(1).unwrap();
        let peak: u64 = peak.split(' ').next().unwrap().parse().unwrap();
        println!(
            "memory: {size} MiB, {lines} lines: a peak of {} KiB",
            peak / 1024
        );
        (peak, lines)
    });
    // The filter of ids grows by ten bytes a line, up to 32 MiB.
    let filter = (10 * lines).min(32 * MIB);
    assert!(long < short + filter + 2 * MIB, "{short} and {long} bytes");
    assert!(short < 16 * MIB, "{short} bytes");
}

/// What is measured in the test above; on its own it does nothing.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let storage = || Box::new(FileStorage::new(Path::new(&dir), "ledger"));
    let reader = Reader::open(storage(), RUNS).unwrap();
    let verification = reader.verify().unwrap();
    assert!(verification.ok(), "{:?}", verification.findings);
    assert!(reader.verify_chain().unwrap().ok());
    let window = Window {
        from: Some("2025-01-01T00:00:03Z"),
        to: Some("2025-01-01T00:00:04Z"),
        ..Window::default()
    };
    let mut lines = reader.window(&window).unwrap();
    let mut count = 0;
    while lines.next_line().unwrap().is_some() {
        count += 1;
    }
    assert!(count > 0);
    assert!(reader.find("r-0").unwrap().is_some());
    assert!(reader.find("absent").unwrap().is_none());
    let ledger = Ledger::open(storage(), RUNS, Config::default()).unwrap();
    ledger.append(record(u64::MAX)).unwrap();
    ledger.close().unwrap();
    println!("peak {} bytes", peak());
}

/// What this process had at most, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// Makes a ledger of at least so many bytes; returns how many lines they are.
fn fill(dir: &Path, bytes: u64) -> u64 {
    let storage = FileStorage::new(dir, "ledger");
    let ledger = Ledger::open(Box::new(storage), RUNS, Config::default()).unwrap();
    while ledger.stats().bytes < bytes {
        let first = ledger.len();
        let records = (first..first + 2000).map(record);
        ledger.append_batch(records.collect()).unwrap();
    }
    let lines = ledger.len();
    ledger.close().unwrap();
    lines
}

fn record(n: u64) -> Record {
    let identity = Digest::of(&n.to_le_bytes());
    let second = n / 1000 % 60;
    let note = "x".repeat(600);
    let body = format!(
        r#"{{"Run_ID":"r-{n}","Timestamp":"2025-01-01T00:00:{second:02}Z","Input_Sha256":"{identity}","Note":"{note}"}}"#
    );
    Record::new(&RUNS, body.into_bytes()).unwrap()
}
