//! Both storages of the crate do what the trait says, and the suite finds one that does not.
#![cfg(all(feature = "conformance", feature = "faults"))]

use credit_ledger::faults::{Call, Fault, FaultyStorage};
use credit_ledger::storage_conformance::check;
use credit_ledger::{FileStorage, MemoryStorage, Part, Storage};

#[test]
fn memory() {
    for indexed in [false, true] {
        check(|| {
            let storage = MemoryStorage::new();
            let storage = if indexed {
                storage.with_index()
            } else {
                storage
            };
            move || -> Box<dyn Storage> { Box::new(storage.clone()) }
        })
        .unwrap();
    }
}

#[test]
fn files() {
    check(|| {
        let dir = tempfile::tempdir().unwrap();
        move || -> Box<dyn Storage> { Box::new(FileStorage::new(&dir.path().join("new"), "l")) }
    })
    .unwrap_err();
    // The directory is made by the first who locks, as a ledger does.
    check(|| {
        let dir = tempfile::tempdir().unwrap();
        move || -> Box<dyn Storage> { Box::new(FileStorage::new(dir.path(), "l")) }
    })
    .unwrap();
}

#[test]
fn a_storage_that_is_not_told_to_fail_passes_everything_on() {
    check(|| {
        let storage = FaultyStorage::new(MemoryStorage::new().with_index());
        move || -> Box<dyn Storage> { Box::new(storage.clone()) }
    })
    .unwrap();
}

#[test]
fn a_storage_that_fails_or_forgets_is_found() {
    let calls = [
        Call::Lock,
        Call::Read(Part::Lines),
        Call::Read(Part::Head),
        Call::Write(Part::Lines),
        Call::Write(Part::Head),
        Call::Truncate,
        Call::Sync(Part::Lines),
        Call::SetAside,
        Call::WriteIndex,
    ];
    for call in calls {
        for fault in [Fault::Error, Fault::NoSpace, Fault::Torn] {
            let found = check(|| {
                let storage = FaultyStorage::new(MemoryStorage::new().with_index());
                storage.fail(call, 0, fault);
                move || -> Box<dyn Storage> { Box::new(storage.clone()) }
            });
            assert!(found.is_err(), "{call:?}");
        }
    }
    // Two handles on different data are not two handles.
    let found = check(|| || -> Box<dyn Storage> { Box::new(MemoryStorage::new()) });
    assert!(found.unwrap_err().to_string().contains("every handle"));
}
