//! A window in parts is the same window: the same lines, each once, and the same damage found.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use std::io::ErrorKind;

use common::{RUNS, config, lines_of};
use credit_ledger::{
    Config, Digest, Head, Ledger, MemoryStorage, Part, ReadError, Reader, Record, StorageError,
    Window,
};

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

/// The heads behind the lines with these numbers.
fn heads(storage: &MemoryStorage, seqs: &[u64]) -> Vec<Head> {
    let reader = reader(storage);
    let mut scan = reader.scan().unwrap();
    let mut heads = Vec::new();
    while let Some(line) = scan.next_line().unwrap() {
        if seqs.contains(&line.seq()) {
            heads.push(Head {
                seq: line.seq(),
                hash: line.hash(),
                end: line.offset() + line.raw().len() as u64 + 1,
            });
        }
    }
    heads
}

fn behind(
    reader: &Reader,
    head: Head,
    window: &Window<'_>,
    parts: usize,
) -> Result<Vec<u64>, ReadError> {
    let mut seqs = Vec::new();
    for mut part in reader.window_parts_after(head, window, parts)? {
        while let Some(line) = part.next_line()? {
            seqs.push(line.seq());
        }
    }
    Ok(seqs)
}

#[test]
fn behind_a_line_that_is_known_comes_the_rest_of_the_window() {
    let storage = sample();
    let last = u64::from(LINES) - 1;
    for indexed in [true, false] {
        if !indexed {
            storage.replace_index(Vec::new());
        }
        let reader = reader(&storage);
        for head in heads(&storage, &[0, 7, 1999, 2000, 3500, last - 1, last]) {
            for window in windows() {
                let mut rest = in_one(&reader, &window).unwrap();
                rest.retain(|seq| *seq > head.seq);
                for parts in [1, 2, 5] {
                    let found = behind(&reader, head, &window, parts).unwrap();
                    assert_eq!(found, rest, "{parts} parts behind {head} of {window:?}");
                }
            }
        }
    }
}

#[test]
fn a_line_that_is_known_must_be_there_and_what_follows_must_continue_it() {
    let storage = sample();
    storage.replace_index(Vec::new());
    let [head, next] = heads(&storage, &[99, 100]).try_into().unwrap();
    let all = Window::default();
    let refused = |lines: Vec<u8>, head: Head| {
        let reader = reader(&MemoryStorage::with_lines(lines));
        let error = behind(&reader, head, &all, 2).unwrap_err();
        assert!(matches!(error, ReadError::Broken { .. }), "{error}");
    };
    let lines = lines_of(&storage);
    let (end, next_end) = (head.end as usize, next.end as usize);
    // Another line in its place, none at all, and the one behind it taken out.
    let mut edited = lines.clone();
    edited[end - 100] ^= 1;
    refused(edited, head);
    let other = Head {
        hash: Digest::of(b"other"),
        ..head
    };
    refused(lines.clone(), other);
    refused(lines[..end - 1].to_vec(), head);
    let gone = [&lines[..end], &lines[next_end..]].concat();
    refused(gone, head);
}

#[test]
fn the_bare_text_is_every_line_once() {
    let storage = sample();
    let reader = reader(&storage);
    let lines = lines_of(&storage);
    let last = u64::from(LINES) - 1;
    for head in heads(&storage, &[0, 1999, last]) {
        for parts in [1, 2, 3, 1000] {
            let mut text = Vec::new();
            for mut part in reader.text_parts(head, parts).unwrap() {
                while let Some(lines) = part.next_text().unwrap() {
                    assert!(lines.ends_with(b"\n"));
                    text.extend_from_slice(lines);
                }
                assert!(part.next_text().unwrap().is_none(), "the end is the end");
            }
            assert!(
                text == lines[..head.end as usize],
                "{parts} parts up to {head}"
            );
        }
    }
    let head = heads(&storage, &[last])[0];
    let other = Head { seq: 5, ..head };
    assert!(reader.text_parts(other, 2).is_err());

    // More without a newline than any line may be long.
    let mut endless = lines;
    for byte in &mut endless[..300_000] {
        *byte = b'x';
    }
    storage.replace(Part::Lines, Some(endless));
    let mut parts = reader.text_parts(head, 1).unwrap();
    let error = parts[0].next_text().unwrap_err();
    assert!(
        matches!(&error, StorageError::Io(error) if error.kind() == ErrorKind::InvalidData),
        "{error}"
    );
}
