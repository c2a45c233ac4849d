//! Whoever knows how hashes are made writes lines that fit together, and is found all the same.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use common::{append, boxed, lines_of, open, record, sample};
use credit_ledger::{FindingKind, MemoryStorage, OpenError, Part, Reader, Verification};

fn verify(storage: &MemoryStorage) -> Verification {
    Reader::open(boxed(storage), common::RUNS)
        .unwrap()
        .verify()
        .unwrap()
}

/// Somebody rewrites the ledger with correct hashes: only a remembered head tells.
#[test]
fn a_rehashed_ledger_is_found_by_its_head() {
    let storage = sample(3);
    let head = verify(&storage).head.unwrap();
    let forged = MemoryStorage::new();
    let ledger = open(&forged).unwrap();
    append(&ledger, 0..2);
    ledger.append(record("r-2", "something else")).unwrap();
    ledger.close().unwrap();
    assert!(verify(&forged).ok());

    let reader = Reader::open(boxed(&forged), common::RUNS).unwrap();
    assert!(!reader.contains(head.seq, head.hash).unwrap());
    let honest = Reader::open(boxed(&storage), common::RUNS).unwrap();
    assert!(honest.contains(head.seq, head.hash).unwrap());
    assert!(!honest.contains(head.seq + 1, head.hash).unwrap());

    // The forged lines under the remembered HEAD.
    storage.replace(Part::Lines, forged.contents(Part::Lines));
    let found = verify(&storage).findings;
    assert!(
        matches!(found[..], [ref one] if one.kind == FindingKind::Forked { head }),
        "{found:?}"
    );
}

/// Only somebody who makes correct hashes can write these.
/// A ledger of five lines that somebody wrote who knows how hashes are made, and not its rules.
fn forged(change: impl Fn(usize, String) -> String) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let config = credit_ledger::Config {
        origin: Some("f".repeat(32)),
        ..common::config()
    };
    let ledger = credit_ledger::Ledger::open(boxed(&storage), common::RUNS, config).unwrap();
    append(&ledger, 0..5);
    drop(ledger);
    let text = String::from_utf8(lines_of(&storage)).unwrap();
    let mut prev = None;
    let mut forged = String::new();
    for (n, line) in text.lines().enumerate() {
        let mut line = change(n, line.to_owned());
        if let Some(prev) = prev {
            let at = line.find("\"Prev_Hash\":\"").unwrap() + 13;
            line.replace_range(at..at + 64, &format!("{prev}"));
        }
        line.truncate(line.len() - 75);
        let hash = credit_ledger::Digest::of(line.as_bytes());
        forged += &format!("{line},\"Hash\":\"{hash}\"}}\n");
        prev = Some(hash);
    }
    storage.replace(Part::Lines, Some(forged.into_bytes()));
    storage.replace(Part::Head, None);
    storage
}

#[test]
fn a_forged_id_or_file_hash_is_found() {
    let storage = forged(|n, line| match n {
        2 => line.replace("\"r-2\"", "\"r-1\""),
        3 => line.replace("1.50", "1.51"),
        4 => line.replace("\"Flags\"", "\"Credits\""),
        _ => line,
    });
    let found: Vec<_> = verify(&storage)
        .findings
        .into_iter()
        .map(|f| (f.seq, f.kind))
        .collect();
    let id = "r-1".to_owned();
    assert_eq!(
        found,
        [
            (Some(2), FindingKind::FileHash),
            (Some(2), FindingKind::DuplicateId { id, first_seq: 1 }),
            (Some(3), FindingKind::FileHash),
            (
                Some(4),
                FindingKind::NotALine {
                    reason: "it has a key twice"
                }
            ),
        ]
    );
    let reader = Reader::open(boxed(&storage), common::RUNS).unwrap();
    assert!(reader.verify_chain().unwrap().ok());
    let error = open(&storage).unwrap_err();
    let OpenError::Corrupt { seq: 2, kind, .. } = error else {
        panic!("{error:?}")
    };
    let id = "r-1".to_owned();
    assert_eq!(kind, FindingKind::DuplicateId { id, first_seq: 1 });
}

#[test]
fn a_forged_record_is_no_line_whoever_reads_it() {
    for (from, to, reason) in [
        ("\"r-2\"", "\"../2\"", "its id is not safe as a file name"),
        (
            "Sha256\":\"",
            "Sha256\":\"x",
            "its identity is not a SHA-256",
        ),
        ("\"Credits\":", "\"Credits\": ", "it is not compact JSON"),
        ("\"Run_ID\"", "\"Run_Id\"", "it has no id or no identity"),
        (
            "\"Flags\"",
            "\"Ledger_Origin\"",
            "it has a reserved key where none belongs",
        ),
        ("\"Flags\"", "\"Run_ID\"", "it has a key twice"),
    ] {
        let storage = forged(|n, line| match n {
            2 => line.replacen(from, to, 1),
            _ => line,
        });
        let kinds: Vec<_> = verify(&storage)
            .findings
            .into_iter()
            .map(|f| f.kind)
            .collect();
        assert_eq!(kinds, [FindingKind::NotALine { reason }], "{to}");
        let error = open(&storage).unwrap_err();
        let OpenError::Corrupt {
            seq: 2,
            kind: FindingKind::NotALine { .. },
            ..
        } = error
        else {
            panic!("{to}: {error:?}")
        };
    }
}
