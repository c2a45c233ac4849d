//! A window in parts is the same window: the same lines, each once, and the same damage found.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use common::{RUNS, config, lines_of};
use credit_ledger::{Config, Digest, Ledger, MemoryStorage, ReadError, Reader, Record, Window};

const LINES: u32 = 4000;

fn sample() -> MemoryStorage {
    let storage = MemoryStorage::new().with_index();
    let config = Config {
        index_every: 300_000,
        ..config()
    };
    let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config).unwrap();
    for start in (0..LINES).step_by(200) {
        let records = (start..start + 200).map(|n| {
            let identity = Digest::of(&n.to_le_bytes());
            let pad = "x".repeat(100 + n as usize * 37 % 400);
            let (day, hour) = (1 + n / 200, n / 10 % 20);
            let body = format!(
                r#"{{"Run_ID":"r-{n}","Timestamp":"2025-01-{day:02}T{hour:02}:00:00Z","Input_Sha256":"{identity}","Pad":"{pad}"}}"#
            );
            Record::new(&RUNS, body.into_bytes()).unwrap()
        });
        ledger.append_batch(records.collect()).unwrap();
    }
    ledger.close().unwrap();
    storage
}

fn reader(storage: &MemoryStorage) -> Reader {
    Reader::open(Box::new(storage.clone()), RUNS).unwrap()
}

fn in_one(reader: &Reader, window: &Window<'_>) -> Result<Vec<u64>, ReadError> {
    let mut scan = reader.window(window)?;
    let mut seqs = Vec::new();
    while let Some(line) = scan.next_line()? {
        seqs.push(line.seq());
    }
    Ok(seqs)
}

fn in_parts(
    reader: &Reader,
    window: &Window<'_>,
    parts: usize,
) -> Result<Vec<Vec<u64>>, ReadError> {
    let parts = reader.window_parts(window, parts)?;
    parts
        .into_iter()
        .map(|mut part| {
            let mut seqs = Vec::new();
            while let Some(line) = part.next_line()? {
                seqs.push(line.seq());
            }
            assert!(part.next_line()?.is_none(), "the end is the end");
            Ok(seqs)
        })
        .collect()
}

fn windows() -> [Window<'static>; 3] {
    [
        Window::default(),
        Window {
            from: Some("2025-01-05T00:00:00Z"),
            to: Some("2025-01-18T00:00:00Z"),
            ..Window::default()
        },
        Window {
            from: Some("2025-01-20T00:00:00Z"),
            ..Window::default()
        },
    ]
}

#[test]
fn each_line_comes_once_and_in_order() {
    let storage = sample();
    for indexed in [true, false] {
        if !indexed {
            storage.replace_index(Vec::new());
        }
        let reader = reader(&storage);
        for window in windows() {
            let all = in_one(&reader, &window).unwrap();
            for parts in [1, 2, 3, 5, 1000] {
                let found = in_parts(&reader, &window, parts).unwrap();
                assert!(found.len() <= parts);
                assert_eq!(found.concat(), all, "{parts} parts of {window:?}");
            }
        }
        let found = in_parts(&reader, &Window::default(), 2).unwrap();
        let [first, second] = found.as_slice() else {
            unreachable!("there are two");
        };
        let shares = first.len() as f64 / second.len() as f64;
        assert!((0.9..1.1).contains(&shares), "about the same length");
    }
}

#[test]
fn what_is_damaged_is_found_in_parts_as_in_one_pass() {
    let storage = sample();
    storage.replace_index(Vec::new());
    let lines = lines_of(&storage);
    let all = Window::default();
    let starts: Vec<usize> = std::iter::once(0)
        .chain(
            lines
                .iter()
                .zip(1..)
                .filter(|(b, _)| **b == b'\n')
                .map(|(_, at)| at),
        )
        .collect();
    let borders: Vec<u64> = in_parts(&reader(&storage), &all, 4)
        .unwrap()
        .iter()
        .skip(1)
        .map(|part| part[0])
        .collect();
    assert_eq!(borders.len(), 3);
    // Lines are taken out beside every border, and here and there; bytes are changed.
    for border in borders.into_iter().chain([7, 1234]) {
        for line in [border - 1, border, border + 1] {
            let line = usize::try_from(line).unwrap();
            let (start, end) = (starts[line], starts[line + 1]);
            let mut gone = lines.clone();
            gone.drain(start..end);
            let mut edited = lines.clone();
            edited[start + 20] ^= 1;
            for damaged in [gone, edited] {
                let damaged = MemoryStorage::with_lines(damaged);
                let reader = reader(&damaged);
                assert!(in_one(&reader, &all).is_err());
                for parts in [2, 4] {
                    let found = in_parts(&reader, &all, parts);
                    assert!(found.is_err(), "line {line} in {parts} parts");
                }
            }
        }
    }
}
