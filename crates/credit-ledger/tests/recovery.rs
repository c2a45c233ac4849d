//! The story of the crash: a batch is being written when the power goes. HEAD knows the batch
//! before it. Whatever part of the new bytes reached the disk, the ledger opens with every
//! acknowledged line, and what was cut off is kept. A ledger that lost acknowledged bytes does
//! not open and is not touched.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use common::{append, copy, lines_of, open, sample};
use credit_ledger::OpenError::RolledBack;
use credit_ledger::{FindingKind, MemoryStorage, OpenError, Part};

/// Three acknowledged lines and their HEAD, with two more lines that HEAD does not know.
fn unacknowledged() -> (MemoryStorage, usize) {
    let storage = sample(3);
    let acknowledged = lines_of(&storage).len();
    let head = storage.contents(Part::Head);
    let ledger = open(&storage).unwrap();
    append(&ledger, 3..5);
    ledger.close().unwrap();
    storage.replace(Part::Head, head);
    (storage, acknowledged)
}

#[test]
fn a_batch_cut_at_every_byte() {
    let (storage, acknowledged) = unacknowledged();
    let lines = lines_of(&storage);
    for cut in acknowledged..=lines.len() {
        let storage = copy(&storage);
        storage.replace(Part::Lines, Some(lines[..cut].to_vec()));
        let ledger = open(&storage).unwrap();
        let whole = lines[..cut].iter().filter(|&&byte| byte == b'\n').count() as u64;
        assert_eq!(ledger.len(), whole, "cut at {cut}");
        let kept = storage.set_aside_bytes();
        if lines[cut - 1] == b'\n' {
            assert!(
                ledger.recovered().is_none() && kept.is_empty(),
                "cut at {cut}"
            );
        } else {
            let end = ledger.head().unwrap().end;
            let recovery = ledger.recovered().unwrap();
            let bytes = cut as u64 - end;
            assert_eq!((recovery.offset, recovery.bytes), (end, bytes));
            assert_eq!(recovery.kind, FindingKind::TornTail { bytes });
            assert_eq!(kept, [(end, lines[end as usize..cut].to_vec())]);
        }
        append(&ledger, 3..6);
        assert_eq!(ledger.len(), 6);
        assert!(ledger.reader().verify().unwrap().ok(), "cut at {cut}");
        // HEAD knows the lines now: the next open is quiet.
        drop(ledger);
        assert!(open(&storage).unwrap().recovered().is_none());
    }
}

#[test]
fn a_batch_with_any_byte_damaged_is_a_torn_tail_whatever_follows() {
    let (storage, acknowledged) = unacknowledged();
    let lines = lines_of(&storage);
    for at in acknowledged..lines.len() {
        let storage = copy(&storage);
        let mut damaged = lines.clone();
        damaged[at] ^= 0x10;
        storage.replace(Part::Lines, Some(damaged));
        let ledger = open(&storage).unwrap();
        assert!((3..5).contains(&ledger.len()), "byte {at}");
        assert_eq!(storage.set_aside_bytes().len(), 1);
        assert!(ledger.reader().verify().unwrap().ok());
    }
    // Zeros, as after a crash of some file systems.
    let mut zeros = lines[..acknowledged].to_vec();
    zeros.resize(acknowledged + 300_000, 0);
    storage.replace(Part::Lines, Some(zeros));
    let ledger = open(&storage).unwrap();
    assert_eq!(
        (ledger.len(), ledger.recovered().unwrap().bytes),
        (3, 300_000)
    );
}

#[test]
fn the_very_first_batch_cut_at_every_byte() {
    let storage = sample(0);
    let unborn = storage.contents(Part::Head);
    append(&open(&storage).unwrap(), [0]);
    let lines = lines_of(&storage);
    for cut in 0..lines.len() {
        storage.replace(Part::Head, unborn.clone());
        storage.replace(Part::Lines, Some(lines[..cut].to_vec()));
        let ledger = open(&storage).unwrap();
        assert_eq!(ledger.recovered().is_some(), cut > 0);
        assert_eq!(append(&ledger, [0]).len(), 1);
        assert_eq!(lines_of(&storage), lines, "the origin is the one HEAD knew");
    }
}

#[test]
fn a_head_that_was_torn_when_the_ledger_was_made() {
    let head = sample(0).contents(Part::Head).unwrap();
    assert_eq!(head.len(), 256);
    for cut in 0..256 {
        let storage = MemoryStorage::new();
        storage.replace(Part::Head, Some(head[..cut].to_vec()));
        assert!(open(&storage).unwrap().is_empty(), "cut at {cut}");
    }
}

#[test]
fn a_torn_head_slot_never_loses_both() {
    let (storage, lines) = (sample(3), 3);
    let before = storage.contents(Part::Head).unwrap();
    append(&open(&storage).unwrap(), [3]);
    // One batch and a close write one slot.
    let after = storage.contents(Part::Head).unwrap();
    let first = before.iter().zip(&after).position(|(a, b)| a != b).unwrap();
    let slot = first / 256;
    assert_eq!(
        before[256 - 256 * slot..][..256],
        after[256 - 256 * slot..][..256]
    );
    for cut in 0..=256 {
        let mut torn = before.clone();
        let range = slot * 256..slot * 256 + cut;
        torn[range.clone()].copy_from_slice(&after[range]);
        storage.replace(Part::Head, Some(torn));
        let verification = open(&storage).unwrap().reader().verify().unwrap();
        assert!(verification.ok() && verification.lines == lines + 1);
    }
}

#[test]
fn a_file_shorter_than_head_is_rolled_back_and_left_alone() {
    let storage = sample(3);
    let lines = lines_of(&storage);
    for cut in 0..lines.len() {
        storage.replace(Part::Lines, Some(lines[..cut].to_vec()));
        let error = open(&storage).unwrap_err();
        let RolledBack { head, size } = error else {
            panic!("cut at {cut}: {error}")
        };
        assert_eq!((head.seq, size), (2, cut as u64));
        assert_eq!(lines_of(&storage), lines[..cut]);
    }
    storage.replace(Part::Lines, None);
    assert!(matches!(open(&storage), Err(RolledBack { .. })));
    assert_eq!(storage.contents(Part::Lines), None, "nothing is made anew");
}

#[test]
fn a_change_before_head_is_corrupt() {
    let storage = sample(3);
    let lines = lines_of(&storage);
    let second = lines.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for at in second..second + 20 {
        let mut changed = lines.clone();
        changed[at] ^= 1;
        storage.replace(Part::Lines, Some(changed));
        match open(&storage) {
            Err(OpenError::Corrupt { seq, offset, .. }) => {
                assert_eq!((seq, offset), (1, second as u64));
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn another_history_is_forked() {
    let storage = sample(3);
    let other = MemoryStorage::new();
    let ledger = open(&other).unwrap();
    append(&ledger, [0, 1, 7, 3, 4]);
    ledger.close().unwrap();
    let theirs = lines_of(&other);
    storage.replace(Part::Lines, Some(theirs.clone()));
    assert!(matches!(
        open(&storage),
        Err(OpenError::Forked { head: Some(_) })
    ));
    assert_eq!(lines_of(&storage), theirs);

    let config = credit_ledger::Config {
        origin: Some("a".repeat(32)),
        ..common::config()
    };
    let foreign = MemoryStorage::new();
    let ledger =
        credit_ledger::Ledger::open(common::boxed(&foreign), common::RUNS, config).unwrap();
    append(&ledger, 0..9);
    for head_of in [sample(3), sample(0)] {
        head_of.replace(Part::Lines, foreign.contents(Part::Lines));
        assert!(matches!(
            open(&head_of),
            Err(OpenError::Forked { head: None })
        ));
    }
}

#[test]
fn without_a_head_only_a_whole_chain_opens() {
    let storage = sample(3);
    let lines = lines_of(&storage);
    for head in [None, Some(b"not a head".to_vec()), Some(vec![b' '; 512])] {
        storage.replace(Part::Head, head);
        for cut in 1..lines.len() {
            storage.replace(Part::Lines, Some(lines[..cut].to_vec()));
            if lines[cut - 1] == b'\n' {
                let head = storage.contents(Part::Head);
                drop(open(&storage).unwrap());
                storage.replace(Part::Head, head);
            } else {
                assert!(
                    matches!(open(&storage), Err(OpenError::Corrupt { .. })),
                    "{cut}"
                );
            }
        }
    }
    // A HEAD of full length that is damaged shows that there was a ledger.
    storage.replace(Part::Head, Some(vec![0; 512]));
    for lines in [None, Some(Vec::new())] {
        storage.replace(Part::Lines, lines);
        assert!(matches!(open(&storage), Err(OpenError::Corrupt { .. })));
    }
}
