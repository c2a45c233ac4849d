//! A batch so large that a second thread writes it: the same lines as one by one, all or nothing,
//! and its failures are those of a small one.

#![cfg(feature = "faults")]
#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use common::{RUNS, config, lines_of};
use credit_ledger::faults::{Call, Fault, FaultyStorage};
use credit_ledger::{
    AppendError, Appended, Digest, FindingKind, Ledger, MemoryStorage, Part, Record,
};

const RECORDS: u32 = 100;

/// 2 MB in all.
fn batch() -> Vec<Record> {
    (0..RECORDS).map(large).collect()
}

fn large(n: u32) -> Record {
    let identity = Digest::of(&n.to_le_bytes());
    let pad = "x".repeat(20_000);
    let body = format!(r#"{{"Run_ID":"r-{n}","Input_Sha256":"{identity}","Pad":"{pad}"}}"#);
    Record::new(&RUNS, body.into_bytes()).unwrap()
}

#[test]
fn it_gives_the_same_bytes_as_its_records_one_by_one() {
    let (together, single) = (MemoryStorage::new(), MemoryStorage::new());
    let ledger = common::open(&together).unwrap();
    let answers = ledger.append_batch(batch()).unwrap();
    let one = common::open(&single).unwrap();
    for (record, answer) in batch().into_iter().zip(answers) {
        assert_eq!(one.append(record).unwrap(), answer.unwrap());
    }
    assert_eq!(lines_of(&together), lines_of(&single));
    assert_eq!(ledger.stats().syncs, 1);

    // Once more it is known, record by record, and nothing is written.
    let again = ledger.append_batch(batch()).unwrap();
    for (n, answer) in (0..).zip(again) {
        assert!(matches!(answer, Ok(Appended::Duplicate(receipt)) if receipt.seq() == n));
    }
    assert_eq!(lines_of(&together), lines_of(&single));
}

#[test]
fn wherever_a_write_of_it_fails_nothing_is_left_and_it_can_be_tried_again() {
    // It has eight pieces; a failing one may be met while others wait.
    for after in 0..8 {
        for fault in [Fault::Error, Fault::NoSpace, Fault::Torn] {
            let memory = MemoryStorage::new();
            let storage = FaultyStorage::new(memory.clone());
            let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config()).unwrap();
            common::append(&ledger, [7000]);
            let before = lines_of(&memory);

            storage.fail(Call::Write(Part::Lines), after, fault);
            let failed = ledger.append_batch(batch()).unwrap_err();
            let is_full = matches!(failed, AppendError::NoSpace(_));
            assert_eq!(is_full, fault == Fault::NoSpace, "{failed:?}");
            assert_eq!(lines_of(&memory), before, "{after} {fault:?}");
            assert_eq!(ledger.len(), 1);

            let answers = ledger.append_batch(batch()).unwrap();
            assert!(answers.iter().all(|a| matches!(a, Ok(Appended::New(_)))));
            let verified = ledger.reader().verify().unwrap();
            assert!(verified.ok(), "{:?}", verified.findings);
            assert_eq!(verified.lines, u64::from(RECORDS) + 1);
        }
    }
}

#[test]
fn a_write_of_it_that_cannot_be_cut_back_poisons_and_so_does_its_sync() {
    for (call, and) in [
        (Call::Write(Part::Lines), Some(Call::Truncate)),
        (Call::Sync(Part::Lines), None),
    ] {
        let memory = MemoryStorage::new();
        let storage = FaultyStorage::new(memory.clone());
        let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config()).unwrap();
        common::append(&ledger, [7000]);
        storage.fail(call, u32::from(and.is_some()) * 3, Fault::Torn);
        if let Some(and) = and {
            storage.fail(and, 0, Fault::Error);
        }
        let failed = ledger.append_batch(batch());
        assert!(matches!(failed, Err(AppendError::Poisoned(Some(_)))));
        let again = ledger.append_batch(batch());
        assert!(matches!(again, Err(AppendError::Poisoned(None))));
        drop(ledger);
        // What was acknowledged is there.
        let ledger = common::open(&memory).unwrap();
        assert!(ledger.find("r-7000").unwrap().is_some());
        assert!(ledger.reader().verify().unwrap().ok());
    }
}

/// Places, numbers and the index count from behind the old bytes.
#[test]
fn behind_imported_lines_it_is_written_found_and_verified_in_its_place() {
    const OLD: &str = "{\"Run_ID\":\"r-1\"}\n{\"Run_ID\":\"old\"}\n";
    const OLD_LINES: u64 = 2;
    let storage = MemoryStorage::with_lines(OLD.into()).with_index();
    let ledger = Ledger::import(Box::new(storage.clone()), RUNS, config()).unwrap();
    let answers = ledger.append_batch(batch()).unwrap();
    assert!(answers.iter().all(|a| matches!(a, Ok(Appended::New(_)))));
    ledger.close().unwrap();
    assert!(lines_of(&storage).starts_with(OLD.as_bytes()));

    let ledger = common::open(&storage).unwrap();
    assert_eq!(ledger.stats().index_failures, 0);
    let again = ledger.append_batch(batch()).unwrap();
    for (n, answer) in (0..).zip(again) {
        assert!(matches!(answer, Ok(Appended::Duplicate(receipt)) if receipt.seq() == n));
    }
    let reader = ledger.reader();
    let mut noted = Vec::new();
    let verified = reader.verify_noting(|line| line.seq(), |seq| noted.push(seq));
    let verified = verified.unwrap();
    assert!(verified.ok(), "{:?}", verified.findings);
    let lines = u64::from(RECORDS);
    assert_eq!((verified.lines, verified.imported), (lines, OLD_LINES));
    assert_eq!(noted, (0..lines).collect::<Vec<_>>());

    let mut bytes = lines_of(&storage);
    let in_the_last = bytes.len() - 10_000;
    bytes[in_the_last] ^= 1;
    storage.replace(Part::Lines, Some(bytes));
    let findings = reader.verify().unwrap().findings;
    assert_eq!(findings[0].kind, FindingKind::Edited);
    assert_eq!(findings[0].seq, Some(lines - 1));
    assert_eq!(findings[0].line, OLD_LINES + lines);
}
