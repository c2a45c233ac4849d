//! A storage that fails on demand: what was acknowledged stays, nothing else does.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use common::hooked::{Call, Hooked};
use common::{RUNS, append, config, lines_of, open, record};
use credit_ledger::{
    AppendError, Config, Durability, FindingKind, Ledger, MemoryStorage, OpenError, Part, Record,
    Refused,
};

/// Fails what it was last told to.
#[derive(Clone, Debug)]
struct Faulty {
    storage: Hooked,
    fault: Arc<Mutex<Option<Fault>>>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Write,
    WriteNoSpace,
    WriteAndTruncate,
    Sync,
    SyncHead,
    WriteHead,
    SetAside,
}

impl Faulty {
    fn new() -> Self {
        let fault: Arc<Mutex<Option<Fault>>> = Arc::default();
        let asked = Arc::clone(&fault);
        let storage = Hooked::new(&MemoryStorage::new(), move |call| {
            let fault = *asked.lock().unwrap();
            fault.map_or(Ok(()), |fault| fault.meets(call))
        });
        Self { storage, fault }
    }

    fn open(&self) -> Result<Ledger, OpenError> {
        Ledger::open(Box::new(self.storage.clone()), RUNS, config())
    }

    fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    fn mend(&self) {
        *self.fault.lock().unwrap() = None;
    }

    fn lines(&self) -> Vec<u8> {
        lines_of(&self.storage.memory)
    }
}

impl Fault {
    fn meets(self, call: Call) -> io::Result<()> {
        match (self, call) {
            (Self::WriteNoSpace, Call::Write(Part::Lines)) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            (Self::Write | Self::WriteAndTruncate, Call::Write(Part::Lines))
            | (Self::WriteAndTruncate, Call::Truncate)
            | (Self::Sync, Call::Sync(Part::Lines))
            | (Self::SyncHead, Call::Sync(Part::Head))
            | (Self::WriteHead, Call::Write(Part::Head))
            | (Self::SetAside, Call::SetAside) => Err(io::Error::other("broken")),
            _ => Ok(()),
        }
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
    let before = storage.lines();
    storage.set(Fault::Write);
    assert!(matches!(
        ledger.append(one(3)),
        Err(AppendError::Storage(_))
    ));
    storage.set(Fault::WriteNoSpace);
    let many: Vec<Record> = (3..5000).map(one).collect();
    assert!(matches!(
        ledger.append_batch(many.clone()),
        Err(AppendError::NoSpace(_))
    ));
    assert_eq!(storage.lines(), before);
    assert!(ledger.find("r-3").unwrap().is_none());

    storage.mend();
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
    storage.set(Fault::Sync);
    assert!(matches!(
        ledger.append(one(3)),
        Err(AppendError::Poisoned(Some(_)))
    ));
    storage.mend();
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
    storage.set(Fault::WriteAndTruncate);
    assert!(matches!(
        ledger.append(one(3)),
        Err(AppendError::Poisoned(Some(_)))
    ));
    storage.mend();
    assert!(matches!(
        ledger.append(one(3)),
        Err(AppendError::Poisoned(None))
    ));
    drop(ledger);
    // The half that stayed is a torn tail; it is not cut before it is safe elsewhere.
    let torn = storage.lines();
    storage.set(Fault::SetAside);
    assert!(matches!(storage.open(), Err(OpenError::Storage(_))));
    assert_eq!(storage.lines(), torn);
    storage.mend();
    let ledger = storage.open().unwrap();
    assert_eq!((ledger.len(), ledger.recovered().is_some()), (3, true));
}

#[test]
fn head_failures_do_not_take_receipts_back() {
    let storage = Faulty::new();
    let ledger = storage.open().unwrap();
    storage.set(Fault::WriteHead);
    assert!(ledger.append(one(0)).is_ok());
    assert!(ledger.append(one(1)).is_ok());
    assert_eq!(ledger.stats().head_failures, 2);
    storage.mend();
    assert!(ledger.append(one(2)).is_ok());
    storage.set(Fault::SyncHead);
    assert!(matches!(ledger.close(), Err(AppendError::Poisoned(_))));
    storage.mend();
    assert_eq!(storage.open().unwrap().len(), 3);
}

#[test]
fn a_ledger_that_could_not_be_made_is_made_by_the_next_open() {
    for fault in [Fault::WriteHead, Fault::SyncHead, Fault::Sync] {
        let storage = Faulty::new();
        storage.set(fault);
        assert!(storage.open().is_err());
        storage.mend();
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
