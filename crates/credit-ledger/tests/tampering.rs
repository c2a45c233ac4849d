//! Whatever is done to the bytes afterwards is found.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy does not take helpers for tests"
)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{append, boxed, copy, lines_of, open, record, sample, slot};
use credit_ledger::{
    Digest, FindingKind, Head, Ledger, MemoryStorage, OpenError, Part, ReadError, Reader, Storage,
    StorageError, Verification, Window,
};
use proptest::prelude::*;

fn verify(storage: &MemoryStorage) -> Verification {
    Reader::open(boxed(storage), common::RUNS)
        .unwrap()
        .verify()
        .unwrap()
}

/// The kinds of all findings after `change` was done to the lines of a sample of five.
fn findings(change: impl Fn(&mut Vec<String>)) -> Vec<(Option<u64>, FindingKind)> {
    let storage = sample(5);
    let text = String::from_utf8(lines_of(&storage)).unwrap();
    let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    change(&mut lines);
    storage.replace(Part::Lines, Some(lines.concat().into_bytes()));
    let verification = verify(&storage);
    assert!(
        verification
            .findings
            .iter()
            .all(|finding| !finding.to_string().is_empty())
    );
    verification
        .findings
        .into_iter()
        .map(|finding| (finding.seq, finding.kind))
        .collect()
}

#[test]
fn an_untouched_ledger_has_no_findings() {
    let storage = sample(5);
    let verification = verify(&storage);
    assert!(verification.ok());
    assert_eq!(
        (verification.lines, verification.head),
        (5, verification.recorded)
    );
    assert_eq!(findings(|_| {}), []);
}

#[test]
fn every_flipped_bit_of_every_byte_is_found() {
    let storage = sample(3);
    let lines = lines_of(&storage);
    for at in 0..lines.len() {
        for bit in [1, 0x20, 0x80] {
            let mut changed = lines.clone();
            changed[at] ^= bit;
            storage.replace(Part::Lines, Some(changed));
            assert!(!verify(&storage).ok(), "byte {at}, bit {bit:#x}");
            assert!(open(&storage).is_err(), "byte {at}, bit {bit:#x}");
        }
    }
}

#[test]
fn deleted_lines_are_found() {
    let gap = FindingKind::SeqGap { expected: 2 };
    assert_eq!(findings(|lines| drop(lines.remove(2))), [(Some(3), gap)]);
    let first = findings(|lines| drop(lines.remove(0)));
    assert_eq!(first, [(Some(1), FindingKind::SeqGap { expected: 0 })]);
    let last = findings(|lines| drop(lines.pop()));
    assert!(
        matches!(last.as_slice(), [(None, FindingKind::RolledBack { .. })]),
        "{last:?}"
    );
}

#[test]
fn doubled_and_swapped_lines_are_found() {
    let doubled = findings(|lines| lines.insert(2, lines[1].clone()));
    assert_eq!(
        doubled,
        [(Some(1), FindingKind::SeqRepeated { expected: 2 })]
    );
    let swapped = findings(|lines| lines.swap(1, 2));
    let gap = FindingKind::SeqGap { expected: 1 };
    assert_eq!(
        swapped,
        [
            (Some(2), gap),
            (Some(1), FindingKind::SeqRepeated { expected: 3 })
        ]
    );
}

#[test]
fn inserted_and_foreign_lines_are_found() {
    let inserted = findings(|lines| lines.insert(2, "{\"Run_ID\":\"x\"}\n".to_owned()));
    assert!(
        matches!(inserted.as_slice(), [(None, FindingKind::NotALine { .. })]),
        "{inserted:?}"
    );
    let overlong = findings(|lines| lines.insert(2, "x".repeat(70_000) + "\n"));
    assert!(matches!(
        overlong.as_slice(),
        [(None, FindingKind::NotALine { .. })]
    ));
    let huge = findings(|lines| lines.insert(2, "x".repeat(3_000_000) + "\n"));
    assert!(
        matches!(huge.as_slice(), [(None, FindingKind::NotALine { .. })]),
        "{huge:?}"
    );
    // Nor does it matter where its newline lies in what is read at once.
    for away in -2..=2 {
        let found = findings(|lines| {
            let before = lines[0].len() + lines[1].len();
            let bytes = (256 * 1024 - before).checked_add_signed(away).unwrap();
            lines.insert(2, "x".repeat(bytes) + "\n");
        });
        assert!(
            matches!(found.as_slice(), [(None, FindingKind::NotALine { .. })]),
            "{away}: {found:?}"
        );
    }
    let torn = findings(|lines| lines.push("{\"Run".to_owned()));
    assert_eq!(torn, [(None, FindingKind::TornTail { bytes: 5 })]);
}

#[test]
fn all_findings_are_reported_not_only_the_first() {
    let found = findings(|lines| {
        lines[0] = lines[0].replace("1.50", "1.51");
        lines[3] = lines[3].replace("1.50", "1.51");
        lines.remove(1);
    });
    let edited = FindingKind::Edited;
    let gap = FindingKind::SeqGap { expected: 1 };
    assert_eq!(
        found,
        [(Some(0), edited.clone()), (Some(2), gap), (Some(3), edited)]
    );
}

#[test]
fn lines_of_another_ledger_do_not_fit() {
    let storage = MemoryStorage::new();
    let config = credit_ledger::Config {
        origin: Some("f".repeat(32)),
        ..common::config()
    };
    let other = credit_ledger::Ledger::open(boxed(&storage), common::RUNS, config).unwrap();
    append(&other, 0..5);
    let foreign = String::from_utf8(lines_of(&storage)).unwrap();
    let line = |n: usize| foreign.lines().nth(n).unwrap().to_owned() + "\n";
    let first = findings(|lines| lines[0] = line(0));
    assert_eq!(first[0], (Some(0), FindingKind::OtherOrigin));
    assert_eq!(first[1], (Some(1), FindingKind::BrokenLink));
    assert_eq!(findings(|lines| lines[2] = line(2)).len(), 2);
}

#[test]
fn a_verified_scan_and_find_do_not_hand_out_edited_lines() {
    let storage = sample(3);
    let text = String::from_utf8(lines_of(&storage)).unwrap();
    let at = text.rfind("1.50").unwrap();
    let mut lines = text.into_bytes();
    lines[at] = b'9';
    storage.replace(Part::Lines, Some(lines));
    let reader = Reader::open(boxed(&storage), common::RUNS).unwrap();
    let edited = |error| {
        matches!(
            error,
            ReadError::Broken {
                kind: FindingKind::Edited,
                ..
            }
        )
    };
    assert!(edited(reader.find("r-2").unwrap_err()));
    assert!(edited(reader.head().unwrap_err()));
    assert!(reader.find("r-1").unwrap().is_some());
    let mut scan = reader.scan_verified().unwrap();
    assert!(scan.next_line().is_ok() && scan.next_line().is_ok());
    assert!(edited(scan.next_line().unwrap_err()));
    let mut scan = reader.scan().unwrap();
    while scan.next_line().unwrap().is_some() {}
}

/// Pieces of the file are looked at by several threads; lines lie across their borders.
#[test]
fn large_ledgers_are_verified_like_small_ones() {
    let storage = MemoryStorage::new();
    let ledger = open(&storage).unwrap();
    append(&ledger, 0..12_000);
    ledger.close().unwrap();
    let intact = lines_of(&storage);
    assert!(intact.len() > 3 * 1024 * 1024);
    let reader = Reader::open(boxed(&storage), common::RUNS).unwrap();
    for verification in [reader.verify().unwrap(), reader.verify_chain().unwrap()] {
        assert!(verification.ok(), "{verification:?}");
        assert_eq!(
            (verification.lines, verification.head),
            (12_000, ledger_head(&reader))
        );
    }
    let starts: Vec<usize> = std::iter::once(0)
        .chain(
            intact
                .iter()
                .enumerate()
                .filter(|(_, b)| **b == b'\n')
                .map(|(at, _)| at + 1),
        )
        .collect();
    let border = starts.partition_point(|start| *start <= 2 * 1024 * 1024);
    for line in [0, 1, border - 2, border - 1, border, 7000, 11_999] {
        for at in [0, 40, starts[line + 1] - starts[line] - 2] {
            let mut changed = intact.clone();
            changed[starts[line] + at] ^= 1;
            storage.replace(Part::Lines, Some(changed));
            for verification in [reader.verify().unwrap(), reader.verify_chain().unwrap()] {
                let first = &verification.findings[0];
                assert_eq!(first.line, line as u64 + 1, "{verification:?}");
            }
        }
    }
    // Something overlong across several pieces is one finding, and the rest is looked at.
    let mut changed = intact.clone();
    let long = [vec![b'x'; 2_500_000], b"\n".to_vec()].concat();
    changed.splice(starts[5000]..starts[5000], long);
    storage.replace(Part::Lines, Some(changed));
    let verification = reader.verify().unwrap();
    assert_eq!(
        (verification.lines, verification.findings.len()),
        (12_001, 1),
        "{verification:?}"
    );
    let mut changed = intact.clone();
    changed.truncate(starts[11_999] + 10);
    storage.replace(Part::Lines, Some(changed));
    let found = reader.verify().unwrap().findings;
    assert_eq!(found[0].kind, FindingKind::TornTail { bytes: 10 });
    assert!(matches!(found[1].kind, FindingKind::RolledBack { .. }));
}

fn ledger_head(reader: &Reader) -> Option<credit_ledger::Head> {
    reader.head().unwrap()
}

#[test]
fn verification_goes_on_from_a_remembered_head() {
    let storage = sample(10);
    let reader = Reader::open(boxed(&storage), common::RUNS).unwrap();
    let head = reader.verify().unwrap().head.unwrap();
    let again = reader.verify_from(head).unwrap();
    assert!(again.ok());
    assert_eq!((again.lines, again.head), (10, Some(head)));
    append(&open(&storage).unwrap(), 10..20);
    let later = reader.verify_from(head).unwrap();
    assert!(later.ok() && later.lines == 20, "{later:?}");
    let full = reader.verify().unwrap();
    assert_eq!((later.head, later.recorded), (full.head, full.recorded));

    let text = String::from_utf8(lines_of(&storage)).unwrap();
    let change = |line: usize| {
        let lines = text.lines().enumerate().map(|(n, l)| {
            let l = if n == line {
                l.replace("1.50", "1.51")
            } else {
                l.to_owned()
            };
            l + "\n"
        });
        storage.replace(Part::Lines, Some(lines.collect::<String>().into_bytes()));
        reader.verify_from(head).unwrap().findings
    };
    let found = change(15);
    assert_eq!(
        (found[0].seq, found[0].line, &found[0].kind),
        (Some(15), 16, &FindingKind::Edited)
    );
    assert_eq!(change(3), [], "what is before the head is not looked at");
    assert!(matches!(change(9)[0].kind, FindingKind::Forked { head: h } if h == head));
    storage.replace(Part::Lines, Some(text.as_bytes()[..200].to_vec()));
    let found = reader.verify_from(head).unwrap().findings;
    assert!(matches!(found[0].kind, FindingKind::RolledBack { .. }));
}

/// One that is longer than what is read at once, wherever it is met.
#[test]
fn an_overlong_line_is_an_error_and_what_follows_is_there() {
    let storage = sample(5);
    let text = String::from_utf8(lines_of(&storage)).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let overlong = "x".repeat(300_000) + "\n";
    lines.insert(2, &overlong);
    storage.replace(Part::Lines, Some(lines.concat().into_bytes()));
    storage.replace(Part::Head, None);
    let too_long = |kind: &FindingKind| matches!(kind, FindingKind::NotALine { reason } if reason.contains("too long"));

    let reader = reader(&storage);
    let mut scan = reader.scan().unwrap();
    let mut seen = Vec::new();
    loop {
        match scan.next_line() {
            Ok(Some(line)) => seen.push(Ok(line.seq())),
            Ok(None) => break,
            Err(ReadError::Broken { offset, kind }) if too_long(&kind) => seen.push(Err(offset)),
            Err(error) => panic!("{error}"),
        }
    }
    let offset = (lines[0].len() + lines[1].len()) as u64;
    assert_eq!(seen, [Ok(0), Ok(1), Err(offset), Ok(2), Ok(3), Ok(4)]);
    let error = open(&storage).unwrap_err();
    assert!(
        matches!(&error, OpenError::Corrupt { seq: 2, kind, .. } if too_long(kind)),
        "{error:?}"
    );
}

#[test]
fn a_finding_says_what_is_wrong_and_what_to_do() {
    let head = Head {
        seq: 7,
        hash: Digest::of(b"line 7"),
        end: 3_000,
    };
    let id = "r-1".to_owned();
    for (kind, words) in [
        (
            FindingKind::BrokenLink,
            "does not follow the line before it",
        ),
        (
            FindingKind::DuplicateId { id, first_seq: 1 },
            "its id `r-1` is that of seq 1",
        ),
        (FindingKind::Edited, "the hash it states"),
        (FindingKind::FileHash, "another hash for its record's file"),
        (FindingKind::Forked { head }, &*format!("knows {head} here")),
        (FindingKind::HeadUnreadable, "the HEAD file is damaged"),
        (
            FindingKind::ImportChanged { bytes: 9 },
            "are not the 9 that were imported",
        ),
        (
            FindingKind::NotALine { reason: "why" },
            "not a line of this ledger: why",
        ),
        (FindingKind::OtherOrigin, "of another origin"),
        (
            FindingKind::RolledBack { head },
            &*format!("the HEAD file knows {head}"),
        ),
        (
            FindingKind::SeqGap { expected: 3 },
            "seq 3 should be here; restore",
        ),
        (
            FindingKind::SeqRepeated { expected: 3 },
            "seq 3 should be here; the line was doubled",
        ),
        (
            FindingKind::TornTail { bytes: 5 },
            "the last 5 bytes are not a whole line",
        ),
    ] {
        let told = kind.to_string();
        assert!(told.contains(words), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    })]

    /// Any one replacement of a range by other bytes is found, unless nothing changed.
    #[test]
    fn any_replaced_range_is_found(
        from in any::<prop::sample::Index>(),
        length in 0usize..400,
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let storage = copy(&sample(4));
        let before = lines_of(&storage);
        let from = from.index(before.len());
        let to = (from + length).min(before.len());
        let mut after = before.clone();
        after.splice(from..to, bytes);
        storage.replace(Part::Lines, Some(after.clone()));
        prop_assert_eq!(verify(&storage).ok(), after == before);
    }
}

/// A shortened ledger must not pass for a small one: what reports and queries read through
/// fails, and verification still says what is there.
#[test]
fn nothing_is_read_from_a_ledger_that_was_cut_before_its_head() {
    let storage = sample(4);
    let intact = lines_of(&storage);
    let known = reader(&storage).head().unwrap();
    for cut in 0..intact.len() {
        storage.replace(Part::Lines, Some(intact[..cut].to_vec()));
        let reader = reader(&storage);
        for (what, kind) in refusals(&reader) {
            let Some(FindingKind::RolledBack { head }) = kind else {
                panic!("cut at {cut}: {what} gave {kind:?}");
            };
            assert_eq!(Some(head), known, "cut at {cut}: {what}");
        }
        let verification = reader.verify().unwrap();
        let last = verification.findings.last().map(|finding| &finding.kind);
        assert!(matches!(last, Some(FindingKind::RolledBack { .. })));
        // What is still there can be found; that something is not there cannot be said.
        let first = intact.iter().position(|&byte| byte == b'\n').unwrap();
        assert_eq!(reader.find("r-0").is_ok(), cut > first, "cut at {cut}");
    }
    storage.replace(Part::Lines, Some(intact));
    assert!(refusals(&reader(&storage)).iter().all(|(_, k)| k.is_none()));
}

#[test]
fn nothing_is_read_from_another_history_than_heads() {
    let storage = sample(4);
    let intact = lines_of(&storage);
    // Another ledger of the same origin, with lines of the same lengths.
    let other = MemoryStorage::new();
    let ledger = open(&other).unwrap();
    let records = (0..4).map(|n| record(&format!("r-{n}"), "another meaning"));
    let answers = ledger.append_batch(records.collect()).unwrap();
    assert!(answers.iter().all(Result::is_ok));
    ledger.close().unwrap();
    assert_eq!(lines_of(&other).len(), intact.len());
    storage.replace(Part::Lines, Some(lines_of(&other)));
    for (what, kind) in refusals(&reader(&storage)) {
        assert!(matches!(kind, Some(FindingKind::Forked { .. })), "{what}");
    }
    // Cut, and made as long as before: the place HEAD knows is behind no newline.
    let mut padded = intact[..intact.len() - 100].to_vec();
    padded.resize(intact.len() + 100, 0);
    storage.replace(Part::Lines, Some(padded));
    for (what, kind) in refusals(&reader(&storage)) {
        assert!(matches!(kind, Some(FindingKind::NotALine { .. })), "{what}");
    }
    // A HEAD that knows less, as one from before the last lines does, is none of this.
    let earlier = sample(2);
    storage.replace(Part::Lines, Some(intact));
    storage.replace(Part::Head, earlier.contents(Part::Head));
    assert!(refusals(&reader(&storage)).iter().all(|(_, k)| k.is_none()));
}

/// HEAD is read before the lines' length, so that lines added in between are no alarm.
#[test]
fn a_ledger_that_grows_at_every_call_is_read_without_alarm() {
    let storage = sample(1);
    let growing = Growing {
        writer: open(&storage).unwrap(),
        lines: AtomicU32::new(1),
        storage,
    };
    let reader = Reader::open(Box::new(growing), common::RUNS).unwrap();
    assert!(refusals(&reader).iter().all(|(_, kind)| kind.is_none()));
}

/// Somebody appends a line after each look at it, a hundred times.
#[derive(Debug)]
struct Growing {
    storage: MemoryStorage,
    writer: Ledger,
    lines: AtomicU32,
}

impl Growing {
    fn grow(&self) {
        let n = self.lines.fetch_add(1, Ordering::Relaxed);
        if n <= 100 {
            append(&self.writer, [n]);
        }
    }
}

impl Storage for Growing {
    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        let size = self.storage.size(part);
        self.grow();
        size
    }

    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        let count = self.storage.read_at(part, offset, buffer);
        self.grow();
        count
    }

    fn lock(&self, wait: Duration) -> Result<(), StorageError> {
        self.storage.lock(wait)
    }

    fn unlock(&self) {
        self.storage.unlock();
    }

    fn write_at(&self, _: Part, _: u64, _: &[u8]) -> Result<(), StorageError> {
        panic!("a reader writes")
    }

    fn truncate(&self, _: u64) -> Result<(), StorageError> {
        panic!("a reader cuts")
    }

    fn sync(&self, _: Part) -> Result<(), StorageError> {
        panic!("a reader syncs")
    }

    fn set_aside(&self, _: u64, _: &[u8]) -> Result<String, StorageError> {
        panic!("a reader sets aside")
    }
}

fn reader(storage: &MemoryStorage) -> Reader {
    Reader::open(boxed(storage), common::RUNS).unwrap()
}

/// What each way to read says that is against reading, before the first line.
fn refusals(reader: &Reader) -> [(&'static str, Option<FindingKind>); 4] {
    let kind = |error: Option<ReadError>| match error {
        None => None,
        Some(ReadError::Broken { kind, .. }) => Some(kind),
        Some(error) => panic!("{error}"),
    };
    let window = Window::default();
    [
        ("head", kind(reader.head().err())),
        ("scan_verified", kind(reader.scan_verified().err())),
        ("window", kind(reader.window(&window).err())),
        ("find", kind(reader.find("absent").err())),
    ]
}

/// Without its lines, a ledger whose HEAD names some is not one that never was.
#[test]
fn a_ledger_whose_lines_are_gone_altogether_is_rolled_back() {
    let storage = sample(5);
    let reader = Reader::open(boxed(&storage), common::RUNS).unwrap();
    storage.replace(Part::Lines, None);
    let verification = reader.verify().unwrap();
    let kinds: Vec<_> = verification.findings.iter().map(|f| &f.kind).collect();
    assert!(
        matches!(kinds[..], [FindingKind::RolledBack { .. }]),
        "{kinds:?}"
    );
    assert_eq!((verification.lines, verification.head), (0, None));
    storage.replace(Part::Head, None);
    assert!(matches!(reader.verify(), Err(ReadError::Missing)));
}

/// A HEAD with a right check that leads beside its line: what does not open is not fine.
#[test]
fn a_head_whose_line_ends_elsewhere_is_found() {
    let storage = sample(5);
    let head = reader(&storage).head().unwrap().unwrap();
    let write = |end: u64| {
        let storage = copy(&storage);
        let slot = slot("5", head.hash, &end.to_string());
        storage.replace(Part::Head, Some(slot));
        storage
    };
    assert!(verify(&write(head.end)).ok() && open(&write(head.end)).is_ok());
    for end in [1, head.end - 1, head.end + 1, head.end + 1000, u64::MAX] {
        let storage = write(end);
        assert!(open(&storage).is_err(), "{end}");
        let found = verify(&storage);
        assert_eq!(found.findings.len(), 1, "{end}: {found:?}");
        let from = reader(&storage).verify_from(head).unwrap();
        assert_eq!(from.findings.len(), 1, "{end}: {from:?}");
    }
}

/// What reads as a number but is not what is written for it does not count, whatever its check.
#[test]
fn a_head_has_one_form() {
    let storage = sample(3);
    let head = reader(&storage).head().unwrap().unwrap();
    let end = head.end.to_string();
    let counts = |slot: Vec<u8>| {
        storage.replace(Part::Head, Some(slot));
        verify(&storage).recorded.is_some()
    };
    assert!(counts(slot("3", head.hash, &end)));
    for (lines, end) in [
        ("+3", end.clone()),
        ("03", end.clone()),
        ("3", format!("0{end}")),
    ] {
        assert!(!counts(slot(lines, head.hash, &end)), "{lines} {end}");
    }
    let mut spaces = slot("3", head.hash, &end);
    let check = spaces.len() - 2;
    spaces[check] = b'\t';
    assert!(!counts(spaces));
}

/// Whatever number is remembered, asking for it is an answer.
#[test]
fn a_remembered_head_may_have_any_number() {
    let storage = sample(3);
    let reader = reader(&storage);
    let known = reader.head().unwrap().unwrap();
    for seq in [0, 3, (1 << 53) - 1, u64::MAX] {
        for end in [0, 1, known.end, u64::MAX] {
            let head = credit_ledger::Head { seq, end, ..known };
            assert_eq!(reader.verify_from(head).unwrap().findings.len(), 1);
            assert!(reader.scan_verified_after(head).is_err());
            assert!(!reader.contains(seq, known.hash).unwrap());
        }
    }
}
