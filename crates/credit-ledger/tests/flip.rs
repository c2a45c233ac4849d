//! The story of the tampering: somebody who may write the files changes one byte of a line, or
//! removes, doubles, moves or adds lines, or makes the whole chain anew. Verification finds each
//! of these and names the line.
//!
//! Most byte changes are looked at fifty at a time: verification reports everything that is
//! wrong, so one byte is changed in every fourth line and each of these lines must be named for
//! its own bytes, whatever is said of its neighbours. Thousands are also made one by one, where
//! the first finding must name the line. `CREDIT_LONG=1` makes every change of every byte.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy does not take helpers for tests"
)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{RUNS, Rng, Seed, append, boxed, lines_of, open, record, sample};
use credit_ledger::{Finding, FindingKind, MemoryStorage, Part, Reader, Verification};

/// So that changed lines do not touch each other.
const APART: usize = 4;

#[test]
fn every_changed_byte_of_a_200_line_ledger_is_found() {
    let ledger = Sample::new(200);
    let values = if common::long() { 255 } else { 18 };
    let longest = ledger.lines.iter().map(Vec::len).max().unwrap();
    let (next, changes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    in_parallel(|| {
        let storage = ledger.storage();
        loop {
            // The byte's place in its line; all values and lines for each.
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= longest {
                return;
            }
            for value in 0..values {
                for first in 0..APART {
                    let made = ledger.change_many(&storage, first, |line| {
                        let byte = line.get(at).copied()?;
                        // Every bit by itself, then others; each at most once.
                        let mask = if value < 8 {
                            1 << value
                        } else {
                            nth_mask(value - 8, at)
                        };
                        let new = byte ^ mask;
                        (byte != b'\n' && new != b'\n').then_some((at, new))
                    });
                    changes.fetch_add(made, Ordering::Relaxed);
                }
            }
        }
    });
    let changes = changes.into_inner();
    println!("flip: {changes} changed bytes of a 200-line ledger, 100 % found at their line");
    assert!(changes >= 1_000_000, "{changes}");
}

#[test]
fn changed_bytes_of_a_10_000_line_ledger_are_found() {
    let ledger = Sample::new(10_000);
    let next = AtomicUsize::new(0);
    let changes = AtomicUsize::new(0);
    in_parallel(|| {
        let storage = ledger.storage();
        loop {
            let first = next.fetch_add(1, Ordering::Relaxed);
            if first >= 2 * APART {
                return;
            }
            let mut rng = Rng(first as u64);
            let made = ledger.change_many(&storage, first % APART, |line| {
                let at = rng.below(line.len() - 1);
                let new = line[at] ^ (1 + rng.below(255) as u8);
                (new != b'\n').then_some((at, new))
            });
            changes.fetch_add(made, Ordering::Relaxed);
        }
    });
    let changes = changes.into_inner();
    println!("flip: {changes} changed bytes of a 10,000-line ledger, 100 % found at their line");
    assert!(changes >= 10_000, "{changes}");
}

#[test]
fn one_changed_byte_is_the_first_finding() {
    let ledger = Sample::new(200);
    let count = if common::long() { 200_000 } else { 4000 };
    let next = AtomicUsize::new(0);
    in_parallel(|| {
        let storage = ledger.storage();
        let bytes = ledger.lines.concat();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return;
            }
            let _seed = Seed(n as u64);
            let mut rng = Rng(n as u64);
            let mut changed = bytes.clone();
            let line = rng.below(200);
            let inside = rng.below(ledger.lines[line].len());
            // A newline joins two lines, or splits one.
            let at = match n % 4 {
                0 => ledger.offsets[line] + ledger.lines[line].len() - 1,
                _ => ledger.offsets[line] + inside,
            };
            let old = changed[at];
            changed[at] = match n % 4 {
                1 if old != b'\n' => b'\n',
                _ => old ^ (1 + rng.below(255) as u8),
            };
            storage.replace(Part::Lines, Some(changed));
            let found = verify(&storage).findings;
            let last_newline = line == 199 && at + 1 == bytes.len();
            ledger.assert_names(&found, line, last_newline);
        }
    });
    println!("flip: {count} changed bytes one at a time, 100 % found, each first at its line");
}

#[test]
fn lines_deleted_doubled_swapped_and_inserted_are_found() {
    let ledger = Sample::new(200);
    let foreign = MemoryStorage::new();
    let config = credit_ledger::Config {
        origin: Some("f".repeat(32)),
        ..common::config()
    };
    let other = credit_ledger::Ledger::open(boxed(&foreign), RUNS, config).unwrap();
    append(&other, 1000..1200);
    let foreign = split(&lines_of(&foreign));
    let storage = ledger.storage();
    let mut made = 0;
    let mut after = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut lines = ledger.lines.clone();
        change(&mut lines);
        storage.replace(Part::Lines, Some(lines.concat()));
        made += 1;
        verify(&storage).findings.into_iter().next().unwrap()
    };
    for k in 0..200 {
        let seq = k as u64;
        // Deleted.
        let found = after(&|lines| drop(lines.remove(k)));
        if k == 199 {
            assert!(matches!(found.kind, FindingKind::RolledBack { head } if head.seq == seq));
        } else {
            let gap = FindingKind::SeqGap { expected: seq };
            assert_eq!((found.line, found.kind), (seq + 1, gap));
        }
        // Doubled behind itself and elsewhere.
        let far = (k + 77) % 200;
        for place in [k + 1, far.max(k) + 1] {
            let found = after(&|lines| lines.insert(place, lines[k].clone()));
            let expected = place as u64;
            let repeated = FindingKind::SeqRepeated { expected };
            assert_eq!((found.seq, found.kind), (Some(seq), repeated));
        }
        // Swapped with the next and with one far away.
        for other in [(k + 1) % 200, far] {
            let found = after(&|lines| lines.swap(k, other));
            let first = k.min(other) as u64;
            let gap = FindingKind::SeqGap { expected: first };
            assert_eq!((found.line, found.kind), (first + 1, gap));
        }
        // Inserted: not a line, nothing at all, a line of another ledger.
        for new in [b"{\"Run_ID\":\"x\"}\n".as_slice(), b"\n"] {
            let found = after(&|lines| lines.insert(k, new.to_vec()));
            assert_eq!(found.line, seq + 1);
            assert!(matches!(found.kind, FindingKind::NotALine { .. }));
        }
        let found = after(&|lines| lines.insert(k, foreign[k].clone()));
        assert_eq!((found.line, found.seq), (seq + 1, Some(seq)));
        // Replaced by one of another ledger.
        let found = after(&|lines| lines[k] = foreign[k].clone());
        assert_eq!((found.line, found.seq), (seq + 1, Some(seq)));
    }
    println!("flip: {made} times lines deleted, doubled, swapped, inserted, 100 % found");
}

/// Every hash is right again: only a head noted elsewhere, or in HEAD, shows it.
#[test]
fn a_rehashed_chain_is_found_against_a_remembered_head() {
    let honest = Sample::new(200);
    let head = verify(&honest.storage()).head.unwrap();
    for k in 0..200 {
        let forged = MemoryStorage::new();
        let ledger = open(&forged).unwrap();
        let records = (0..200).map(|n| match n {
            n if n == k => record(&format!("r-{n}"), "a lie"),
            n => record(&format!("r-{n}"), &format!("m-{n}")),
        });
        ledger.append_batch(records.collect()).unwrap();
        ledger.close().unwrap();
        assert!(verify(&forged).ok(), "nothing is wrong with it by itself");
        let reader = Reader::open(boxed(&forged), RUNS).unwrap();
        assert!(!reader.contains(head.seq, head.hash).unwrap());
        forged.replace(Part::Head, honest.head.clone());
        let found = verify(&forged).findings;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, FindingKind::Forked { head });
    }
    println!("flip: 200 chains made anew from line 0 to 199, 100 % found by a remembered head");
}

struct Sample {
    /// Newlines included.
    lines: Vec<Vec<u8>>,
    offsets: Vec<usize>,
    head: Option<Vec<u8>>,
}

impl Sample {
    fn new(count: u32) -> Self {
        let storage = sample(0);
        let ledger = open(&storage).unwrap();
        append(&ledger, 0..count);
        ledger.close().unwrap();
        let lines = split(&lines_of(&storage));
        let mut end = 0;
        let offsets = lines.iter().map(|line| {
            end += line.len();
            end - line.len()
        });
        Self {
            offsets: offsets.collect(),
            head: storage.contents(Part::Head),
            lines,
        }
    }

    fn storage(&self) -> MemoryStorage {
        let storage = MemoryStorage::with_lines(self.lines.concat());
        storage.replace(Part::Head, self.head.clone());
        storage
    }

    /// Changes a byte in every fourth line from `first` on, looks at all, and says how many.
    #[track_caller]
    fn change_many(
        &self,
        storage: &MemoryStorage,
        first: usize,
        mut change: impl FnMut(&[u8]) -> Option<(usize, u8)>,
    ) -> usize {
        let mut bytes = self.lines.concat();
        let mut changed = Vec::new();
        for k in (first..self.lines.len()).step_by(APART) {
            if let Some((at, new)) = change(&self.lines[k]) {
                assert_ne!(self.lines[k][at], new);
                bytes[self.offsets[k] + at] = new;
                changed.push((k, at, new));
            }
        }
        storage.replace(Part::Lines, Some(bytes));
        let findings = verify(storage).findings;
        let mut findings = findings.iter().filter(|finding| of_its_bytes(finding));
        for &(k, at, new) in &changed {
            // In file order, each for its own bytes.
            let found = findings.find(|finding| finding.offset == self.offsets[k] as u64);
            let found = found.unwrap_or_else(|| panic!("line {k}, byte {at} as {new} not found"));
            assert_eq!(found.line, k as u64 + 1);
        }
        changed.len()
    }

    /// The first finding is at this line; at the end of the file it may be about the end.
    #[track_caller]
    fn assert_names(&self, found: &[Finding], line: usize, last_newline: bool) {
        let first = found.first().unwrap();
        assert_eq!(first.offset, self.offsets[line] as u64, "{found:?}");
        assert!(
            of_its_bytes(first) || (last_newline && is_end(first)),
            "{found:?}"
        );
    }
}

/// Whether the line is accused for its own bytes, not for its place.
fn of_its_bytes(finding: &Finding) -> bool {
    matches!(
        finding.kind,
        FindingKind::Edited | FindingKind::NotALine { .. }
    )
}

fn is_end(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::TornTail { .. })
}

/// The n-th mask that has more than one bit, from another start for each place.
fn nth_mask(n: usize, at: usize) -> u8 {
    let masks = (1..=255u8).filter(|mask| mask.count_ones() > 1);
    let masks: Vec<u8> = masks.collect();
    masks[(n + 13 * at) % masks.len()]
}

fn verify(storage: &MemoryStorage) -> Verification {
    Reader::open(boxed(storage), RUNS)
        .unwrap()
        .verify()
        .unwrap()
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn in_parallel(work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(&work);
        }
    });
}
