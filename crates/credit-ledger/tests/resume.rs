//! A pass that goes on behind a line that was read before.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use common::{append, copy, lines_of, open, sample};
use credit_ledger::{FindingKind, Head, MemoryStorage, Part, ReadError, Reader};

/// The numbers of the lines behind `head`.
fn behind(reader: &Reader, head: Head) -> Result<Vec<u64>, ReadError> {
    let mut scan = reader.scan_verified_after(head)?;
    let mut seqs = Vec::new();
    while let Some(line) = scan.next_line()? {
        seqs.push(line.seq());
    }
    Ok(seqs)
}

/// The heads of a ledger after each of its lines.
fn heads(storage: &MemoryStorage) -> Vec<Head> {
    let ledger = open(storage).unwrap();
    let reader = ledger.reader();
    let mut scan = reader.scan().unwrap();
    let mut heads = Vec::new();
    while let Some(line) = scan.next_line().unwrap() {
        let head = Head {
            seq: line.seq(),
            hash: line.hash(),
            end: line.offset() + line.raw().len() as u64 + 1,
        };
        assert_eq!(line.head(), head);
        heads.push(head);
    }
    heads
}

#[test]
fn every_line_is_a_place_to_go_on_from() {
    let storage = sample(7);
    let heads = heads(&storage);
    let ledger = open(&storage).unwrap();
    for head in &heads {
        let rest: Vec<u64> = (head.seq + 1..7).collect();
        assert_eq!(behind(&ledger.reader(), *head).unwrap(), rest);
    }
    append(&ledger, 7..9);
    assert_eq!(behind(&ledger.reader(), heads[6]).unwrap(), [7, 8]);
}

#[test]
fn a_line_that_is_another_one_is_no_place_to_go_on_from() {
    let storage = sample(3);
    let heads = heads(&storage);
    let ledger = open(&storage).unwrap();
    let reader = ledger.reader();

    let forged = Head {
        hash: heads[0].hash,
        ..heads[1]
    };
    let error = behind(&reader, forged).unwrap_err();
    assert!(
        matches!(error, ReadError::Broken { kind: FindingKind::Forked { head }, .. } if head == forged)
    );
    let elsewhere = Head {
        end: heads[1].end - 1,
        ..heads[1]
    };
    assert!(matches!(
        behind(&reader, elsewhere),
        Err(ReadError::Broken { .. })
    ));
    let beyond = Head {
        end: heads[2].end + 1,
        ..heads[2]
    };
    assert!(matches!(
        behind(&reader, beyond),
        Err(ReadError::Broken {
            kind: FindingKind::RolledBack { .. },
            ..
        })
    ));
}

#[test]
fn what_was_changed_behind_it_is_not_handed_out() {
    let storage = sample(4);
    let heads = heads(&storage);
    let lines = lines_of(&storage);
    for at in heads[1].end as usize..lines.len() {
        let storage = copy(&storage);
        let mut changed = lines.clone();
        changed[at] ^= 1;
        storage.replace(Part::Lines, Some(changed));
        let reader = Reader::open(Box::new(storage), common::RUNS).unwrap();
        assert!(behind(&reader, heads[1]).is_err(), "byte {at}");
    }
}
