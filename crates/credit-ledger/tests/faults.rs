//! A storage that fails on demand: what was acknowledged stays, nothing else does.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{RUNS, append, config, lines_of, open, record};
use credit_ledger::{
    AppendError, Config, Durability, FindingKind, Ledger, MemoryStorage, OpenError, Part, Record,
    Refused, Storage, StorageError,
};

/// Fails chosen calls; a failing write keeps half of its bytes.
#[derive(Clone, Debug)]
struct Faulty {
    memory: MemoryStorage,
    fault: Arc<AtomicU32>,
}

const NONE: u32 = 0;
const WRITE: u32 = 1;
const WRITE_NO_SPACE: u32 = 2;
const WRITE_AND_TRUNCATE: u32 = 3;
const SYNC: u32 = 4;
const SYNC_HEAD: u32 = 5;
const WRITE_HEAD: u32 = 6;
const SET_ASIDE: u32 = 7;

impl Faulty {
    fn new() -> Self {
        Self {
            memory: MemoryStorage::new(),
            fault: Arc::default(),
        }
    }

    fn open(&self) -> Result<Ledger, OpenError> {
        Ledger::open(Box::new(self.clone()), RUNS, config())
    }

    fn set(&self, fault: u32) {
        self.fault.store(fault, Ordering::Relaxed);
    }

    fn is(&self, faults: &[u32]) -> bool {
        faults.contains(&self.fault.load(Ordering::Relaxed))
    }

    fn check(&self, faults: &[u32]) -> Result<(), StorageError> {
        if self.is(faults) {
            Err(std::io::Error::other("broken").into())
        } else {
            Ok(())
        }
    }
}

impl Storage for Faulty {
    fn lock(&self, wait: Duration) -> Result<(), StorageError> {
        self.memory.lock(wait)
    }

    fn unlock(&self) {
        self.memory.unlock();
    }

    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        self.memory.size(part)
    }

    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        // Short reads are no fault, and must be understood everywhere.
        let most = buffer.len().min(1000);
        self.memory
            .read_at(part, offset, buffer.split_at_mut(most).0)
    }

    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let half = bytes.split_at(bytes.len() / 2).0;
        match part {
            Part::Lines if self.is(&[WRITE, WRITE_AND_TRUNCATE, WRITE_NO_SPACE]) => {
                self.memory.write_at(part, offset, half)?;
                self.check(&[WRITE, WRITE_AND_TRUNCATE])?;
                Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into())
            }
            Part::Head if self.is(&[WRITE_HEAD]) => {
                self.memory.write_at(part, offset, half)?;
                self.check(&[WRITE_HEAD])
            }
            _ => self.memory.write_at(part, offset, bytes),
        }
    }

    fn truncate(&self, size: u64) -> Result<(), StorageError> {
        self.check(&[WRITE_AND_TRUNCATE])?;
        self.memory.truncate(size)
    }

    fn sync(&self, part: Part) -> Result<(), StorageError> {
        match part {
            Part::Lines => self.check(&[SYNC]),
            Part::Head => self.check(&[SYNC_HEAD]),
        }
    }

    fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError> {
        self.check(&[SET_ASIDE])?;
        self.memory.set_aside(offset, bytes)
    }
}

fn one(n: u32) -> Record {
    record(&format!("r-{n}"), &format!("m-{n}"))
}

#[test]
fn a_failed_write_is_cut_back_and_can_be_tried_again() {
    let storage = Faulty::new();
    let ledger = storage.open().unwrap();
    append(&ledger, 0..3);
    let before = lines_of(&storage.memory);
    storage.set(WRITE);
    assert!(matches!(
        ledger.append(one(3)),
        Err(AppendError::Storage(_))
    ));
    storage.set(WRITE_NO_SPACE);
    let many: Vec<Record> = (3..5000).map(one).collect();
    assert!(matches!(
        ledger.append_batch(many.clone()),
        Err(AppendError::NoSpace(_))
    ));
    assert_eq!(lines_of(&storage.memory), before);
    assert!(ledger.find("r-3").unwrap().is_none());

    storage.set(NONE);
    assert_eq!(ledger.append(one(3)).unwrap().receipt().seq(), 3);
    assert_eq!(ledger.append_batch(many).unwrap().len(), 4997);
    assert_eq!(ledger.stats().duplicates, 1);
    assert!(ledger.reader().verify().unwrap().ok());
    assert_eq!(ledger.len(), 5000);
}

#[test]
fn after_a_failed_sync_everything_is_poisoned_until_reopened() {
    let storage = Faulty::new();
    let ledger = storage.open().unwrap();
    append(&ledger, 0..3);
    storage.set(SYNC);
    assert!(matches!(
        ledger.append(one(3)),
        Err(AppendError::Poisoned(Some(_)))
    ));
    storage.set(NONE);
    // Not even what is safely there is answered, and nothing is tried again.
    for n in [3, 0] {
        assert!(matches!(
            ledger.append(one(n)),
            Err(AppendError::Poisoned(None))
        ));
    }
    assert!(ledger.find("r-0").unwrap().is_some());
    assert!(matches!(ledger.close(), Err(AppendError::Poisoned(None))));
    let ledger = storage.open().unwrap();
    assert!(matches!(ledger.append(one(3)).unwrap().receipt().seq(), 3));
    assert!(ledger.reader().verify().unwrap().ok());
}

#[test]
fn a_write_that_cannot_be_cut_back_poisons() {
    let storage = Faulty::new();
    let ledger = storage.open().unwrap();
    append(&ledger, 0..3);
    storage.set(WRITE_AND_TRUNCATE);
    assert!(matches!(
        ledger.append(one(3)),
        Err(AppendError::Poisoned(Some(_)))
    ));
    storage.set(NONE);
    assert!(matches!(
        ledger.append(one(3)),
        Err(AppendError::Poisoned(None))
    ));
    drop(ledger);
    // The half that stayed is a torn tail; it is not cut before it is safe elsewhere.
    let torn = lines_of(&storage.memory);
    storage.set(SET_ASIDE);
    assert!(matches!(storage.open(), Err(OpenError::Storage(_))));
    assert_eq!(lines_of(&storage.memory), torn);
    storage.set(NONE);
    let ledger = storage.open().unwrap();
    assert_eq!((ledger.len(), ledger.recovered().is_some()), (3, true));
}

#[test]
fn head_failures_do_not_take_receipts_back() {
    let storage = Faulty::new();
    let ledger = storage.open().unwrap();
    storage.set(WRITE_HEAD);
    assert!(ledger.append(one(0)).is_ok());
    assert!(ledger.append(one(1)).is_ok());
    assert_eq!(ledger.stats().head_failures, 2);
    storage.set(NONE);
    assert!(ledger.append(one(2)).is_ok());
    storage.set(SYNC_HEAD);
    assert!(matches!(ledger.close(), Err(AppendError::Poisoned(_))));
    storage.set(NONE);
    assert_eq!(storage.open().unwrap().len(), 3);
}

#[test]
fn a_ledger_that_could_not_be_made_is_made_by_the_next_open() {
    for fault in [WRITE_HEAD, SYNC_HEAD, SYNC] {
        let storage = Faulty::new();
        storage.set(fault);
        assert!(storage.open().is_err());
        storage.set(NONE);
        append(&storage.open().unwrap(), [0]);
    }
}

#[test]
fn duplicates_and_conflicts() {
    let storage = MemoryStorage::new();
    let ledger = open(&storage).unwrap();
    let first = append(&ledger, [0, 1])[1];
    let batch = vec![
        one(1),
        record("r-1", "else"),
        one(2),
        one(2),
        record("r-2", "else"),
    ];
    let answers = ledger.append_batch(batch).unwrap();
    let taken = |id: &str, seq| {
        Err(Refused::Conflict {
            id: id.to_owned(),
            seq,
        })
    };
    let again = credit_ledger::Appended::Duplicate;
    let new = answers[2].clone().unwrap();
    assert_eq!(answers[0], Ok(again(first)));
    assert_eq!(answers[1], taken("r-1", 1));
    assert_eq!(new.receipt().seq(), 2);
    assert_eq!(answers[3], Ok(again(new.receipt())));
    assert_eq!(answers[4], taken("r-2", 2));
    let error = ledger.append(record("r-0", "else")).unwrap_err();
    assert!(matches!(
        error,
        AppendError::Refused(Refused::Conflict { seq: 0, .. })
    ));
    drop(ledger);

    let ledger = open(&storage).unwrap();
    let lines = lines_of(&storage);
    assert_eq!(ledger.append(one(1)).unwrap(), again(first));
    assert!(ledger.append(record("r-2", "else")).is_err());
    assert_eq!(lines_of(&storage), lines);
    let other = credit_ledger::Schema {
        file_hash: None,
        ..RUNS
    };
    let other = Record::new(&other, common::body("r-9", "x")).unwrap();
    let refused = ledger.append_batch(vec![other]).unwrap();
    assert_eq!(
        refused,
        [Err(Refused::OtherSchema {
            id: "r-9".to_owned()
        })]
    );
}

#[test]
fn a_file_changed_under_its_writer_is_noticed() {
    let storage = MemoryStorage::new();
    let ledger = open(&storage).unwrap();
    append(&ledger, 0..3);
    let lines = lines_of(&storage);

    storage.replace(Part::Lines, Some(lines[..lines.len() - 1].to_vec()));
    let error = ledger.append(one(3)).unwrap_err();
    assert!(matches!(
        error,
        AppendError::Reopen {
            kind: FindingKind::RolledBack { .. },
            ..
        }
    ));
    storage.replace(
        Part::Lines,
        Some([&lines, b"garbage\n".as_slice()].concat()),
    );
    for _ in 0..2 {
        let error = ledger.append(one(3)).unwrap_err();
        assert!(matches!(
            error,
            AppendError::Reopen {
                kind: FindingKind::NotALine { .. },
                ..
            }
        ));
    }
    storage.replace(Part::Lines, Some(lines));
    assert_eq!(ledger.append(one(3)).unwrap().receipt().seq(), 3);
}

#[test]
fn buffered_lines_are_synced_with_head() {
    let storage = MemoryStorage::new();
    let durability = Durability::Buffered;
    let config = Config {
        durability,
        head_sync_every: 4,
        ..config()
    };
    let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config).unwrap();
    for n in 0..10 {
        append(&ledger, [n]);
    }
    assert_eq!(
        (ledger.stats().syncs, ledger.stats().durability),
        (2, durability)
    );
    let recorded = || {
        ledger
            .reader()
            .verify()
            .unwrap()
            .recorded
            .map(|head| head.seq)
    };
    assert_eq!(recorded(), Some(7));
    let reader = ledger.reader();
    ledger.close().unwrap();
    assert_eq!(
        reader.verify().unwrap().recorded.map(|head| head.seq),
        Some(9)
    );
}

#[test]
fn unsound_configurations_are_refused() {
    let open = |schema, config| Ledger::open(Box::new(MemoryStorage::new()), schema, config);
    for id in ["", "Seq", "Input_Sha256", "a\"b", "Ledger_Origin"] {
        let schema = credit_ledger::Schema { id, ..RUNS };
        assert!(
            matches!(open(schema, config()), Err(OpenError::Schema)),
            "{id}"
        );
    }
    let config = Config {
        origin: Some("A".repeat(32)),
        ..config()
    };
    assert!(matches!(open(RUNS, config), Err(OpenError::Origin { .. })));
    let random = || open(RUNS, Config::default()).unwrap().origin().to_owned();
    assert_ne!(random(), random());
}
