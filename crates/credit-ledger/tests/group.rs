//! Many callers, few syncs: what is acknowledged is durable, and nobody waits for ever.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::hooked::{Call, Hooked};
use common::{RUNS, config, lines_of, open, record};
use credit_ledger::{
    AppendError, Appended, Config, FileStorage, Ledger, MemoryStorage, Pending, QueueMax, Record,
    Refused,
};

fn one(name: &str) -> Record {
    record(name, name)
}

fn small_queue(records: usize, bytes: usize) -> Config {
    Config {
        queue_max: QueueMax { records, bytes },
        ..config()
    }
}

/// Waits in `sync` until the test lets it go on, or fails there.
#[derive(Clone, Debug)]
struct Gate {
    memory: MemoryStorage,
    state: Arc<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    closed: AtomicBool,
    broken: AtomicBool,
    panics: AtomicBool,
    inside: AtomicU64,
}

impl Gate {
    fn new() -> Self {
        Self {
            memory: MemoryStorage::new(),
            state: Arc::default(),
        }
    }

    fn ledger(&self, config: Config) -> Ledger {
        let state = Arc::clone(&self.state);
        let storage = Hooked::new(&self.memory, move |call| match call {
            Call::Sync(_) => state.pass(),
            _ => Ok(()),
        });
        Ledger::open(Box::new(storage), RUNS, config).unwrap()
    }

    fn close(&self) {
        self.state.inside.store(0, Ordering::SeqCst);
        self.state.closed.store(true, Ordering::SeqCst);
    }

    fn open(&self) {
        self.state.closed.store(false, Ordering::SeqCst);
    }

    /// Until somebody stands in front of it.
    fn reached(&self) {
        while self.state.inside.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
    }
}

impl GateState {
    fn pass(&self) -> io::Result<()> {
        self.inside.fetch_add(1, Ordering::SeqCst);
        while self.closed.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert!(!self.panics.load(Ordering::SeqCst), "asked to panic");
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }
}

#[test]
fn blocking_threads_share_syncs() {
    const THREADS: u64 = 64;
    const EACH: u64 = 40;
    let dir = tempfile::tempdir().unwrap();
    let storage = Box::new(FileStorage::new(dir.path(), "ledger"));
    let ledger = Ledger::open(storage, RUNS, config()).unwrap();
    let start = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for t in 0..THREADS {
            let (ledger, start) = (&ledger, &start);
            scope.spawn(move || {
                start.wait();
                for n in 0..EACH {
                    let name = format!("t{t}-{n}");
                    let receipt = ledger.append(one(&name)).unwrap().receipt();
                    let line = ledger.find(&name).unwrap().unwrap();
                    assert_eq!((line.seq(), line.hash()), (receipt.seq(), receipt.hash()));
                }
            });
        }
    });
    let stats = ledger.stats();
    println!(
        "{THREADS} threads: {} records a sync",
        stats.lines_per_sync()
    );
    assert_eq!(
        (stats.lines, stats.lines_synced),
        (THREADS * EACH, THREADS * EACH)
    );
    let file = dir.path().join("ledger.jsonl").metadata().unwrap();
    assert_eq!(stats.bytes, file.len());
    assert_eq!((stats.queued, stats.queued_bytes), (0, 0));
    assert!(
        stats.syncs < stats.appended && stats.batch_max > 1,
        "{stats:?}"
    );
    assert!(ledger.reader().verify().unwrap().ok());
}

#[test]
fn thousands_in_flight_from_one_thread() {
    let ledger = open(&MemoryStorage::new()).unwrap();
    let pending: Vec<Pending> = (0..5000)
        .map(|n| ledger.submit(one(&format!("r-{n}"))).unwrap())
        .collect();
    let (stats, bytes) = (ledger.stats(), |n| one(&format!("r-{n}")).body().len());
    assert_eq!((ledger.len(), stats.queued), (0, 5000));
    assert_eq!(
        stats.queued_bytes,
        (0..5000).map(bytes).sum::<usize>() as u64
    );
    for (n, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.wait().unwrap().receipt().seq(), n as u64);
    }
    let stats = ledger.stats();
    assert_eq!((stats.syncs, stats.batch_max, stats.queued), (1, 5000, 0));
}

#[test]
fn receipts_of_many_threads_are_all_different() {
    let ledger = open(&MemoryStorage::new()).unwrap();
    let seqs: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|t| {
                let ledger = &ledger;
                scope.spawn(move || {
                    let mut seqs = Vec::new();
                    for round in 0..20 {
                        let submit = |n| ledger.submit(one(&format!("t{t}-{round}-{n}")));
                        let pending: Vec<_> = (0..50).map(|n| submit(n).unwrap()).collect();
                        // Waited for in another order than submitted.
                        for pending in pending.into_iter().rev() {
                            seqs.push(pending.wait().unwrap().receipt().seq());
                        }
                    }
                    seqs
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    assert_eq!(seqs.len(), 8000);
    assert_eq!(seqs.iter().collect::<HashSet<_>>().len(), 8000);
    assert_eq!(ledger.len(), 8000);
    assert!(ledger.reader().verify().unwrap().ok());
}

#[test]
fn answers_go_to_whom_they_belong() {
    let ledger = open(&MemoryStorage::new()).unwrap();
    let first = ledger.submit(one("a")).unwrap();
    let again = ledger.submit(one("a")).unwrap();
    let other = ledger.submit(record("a", "else")).unwrap();
    let batch = ledger.append_batch(vec![one("b"), one("a")]).unwrap();
    assert!(matches!(
        batch[..],
        [Ok(Appended::New(_)), Ok(Appended::Duplicate(_))]
    ));
    let receipt = first.wait().unwrap().receipt();
    assert_eq!(again.wait().unwrap(), Appended::Duplicate(receipt));
    assert!(matches!(
        other.wait(),
        Err(AppendError::Refused(Refused::Conflict { seq: 0, .. }))
    ));
    assert_eq!(ledger.append_batch(Vec::new()).unwrap(), []);
}

#[test]
fn a_dropped_receipt_loses_no_record() {
    let storage = MemoryStorage::new();
    let ledger = open(&storage).unwrap();
    drop(ledger.submit(one("a")).unwrap());
    ledger.append(one("b")).unwrap();
    assert_eq!(ledger.len(), 2);
    drop(ledger.submit(one("c")).unwrap());
    ledger.flush().unwrap();
    assert_eq!(ledger.len(), 3);
    drop(ledger.submit(one("d")).unwrap());
    ledger.close().unwrap();
    let ledger = open(&storage).unwrap();
    let late = ledger.submit(one("e")).unwrap();
    drop(ledger);
    // The receipt outlives the ledger.
    assert_eq!(late.wait().unwrap().receipt().seq(), 4);
    assert_eq!(open(&storage).unwrap().len(), 5);
}

#[test]
fn a_full_queue_says_so_and_is_emptied_by_whoever_blocks() {
    let ledger = Ledger::open(
        Box::new(MemoryStorage::new()),
        RUNS,
        small_queue(3, 1 << 20),
    );
    let ledger = ledger.unwrap();
    let pending: Vec<_> = (0..3)
        .map(|n| ledger.submit(one(&format!("r-{n}"))).unwrap())
        .collect();
    let full = |result| matches!(result, Err(AppendError::Overloaded { records: 3, .. }));
    assert!(full(ledger.submit(one("r-3")).map(drop)));
    assert_eq!(ledger.stats().overloaded, 1);
    // Nobody is writing, so who can wait does.
    assert_eq!(ledger.append(one("r-3")).unwrap().receipt().seq(), 3);
    drop(pending);
    // One batch may be larger than the queue.
    let many = (10..30).map(|n| one(&format!("r-{n}"))).collect();
    assert_eq!(ledger.append_batch(many).unwrap().len(), 20);

    let bytes = one("x").body().len() * 2;
    let ledger = Ledger::open(
        Box::new(MemoryStorage::new()),
        RUNS,
        small_queue(100, bytes),
    );
    let ledger = ledger.unwrap();
    let _pending = [
        ledger.submit(one("a")).unwrap(),
        ledger.submit(one("b")).unwrap(),
    ];
    assert!(matches!(
        ledger.submit(one("c")),
        Err(AppendError::Overloaded { .. })
    ));
}

#[test]
fn a_queue_behind_a_slow_sync_is_bounded() {
    let gate = Gate::new();
    let ledger = gate.ledger(small_queue(5, 1 << 20));
    gate.close();
    thread::scope(|scope| {
        let leader = scope.spawn(|| ledger.append(one("slow")));
        gate.reached();
        let pending: Vec<_> = (0..5)
            .map(|n| ledger.submit(one(&format!("r-{n}"))).unwrap())
            .collect();
        // Also who would wait is told at once: the queue is not his to empty.
        let full = ledger.append(one("r-9"));
        assert!(
            matches!(full, Err(AppendError::Overloaded { records: 5, .. })),
            "{full:?}"
        );
        gate.open();
        assert!(leader.join().unwrap().is_ok());
        for pending in pending {
            assert!(pending.wait().is_ok());
        }
    });
    assert_eq!(ledger.stats().syncs, 2);
}

#[test]
fn those_who_wait_are_called_to_lead() {
    let gate = Gate::new();
    let ledger = gate.ledger(config());
    gate.close();
    thread::scope(|scope| {
        let leader = scope.spawn(|| ledger.append(one("slow")));
        gate.reached();
        let others: Vec<_> = (0..20)
            .map(|n| {
                let ledger = &ledger;
                scope.spawn(move || ledger.append(one(&format!("r-{n}"))))
            })
            .collect();
        while ledger.queued() < 20 {
            thread::yield_now();
        }
        gate.open();
        assert!(leader.join().unwrap().is_ok());
        for other in others {
            assert!(other.join().unwrap().is_ok());
        }
    });
    assert_eq!((ledger.len(), ledger.stats().syncs), (21, 2));
}

#[test]
fn a_failed_sync_is_the_answer_of_everybody_in_the_batch() {
    let gate = Gate::new();
    let ledger = gate.ledger(config());
    ledger.append(one("safe")).unwrap();
    let durable = lines_of(&gate.memory).len();
    let pending: Vec<_> = (0..10)
        .map(|n| ledger.submit(one(&format!("r-{n}"))).unwrap())
        .collect();
    gate.state.broken.store(true, Ordering::SeqCst);
    for pending in pending {
        let error = pending.wait().unwrap_err();
        assert!(matches!(error, AppendError::Poisoned(Some(_))), "{error:?}");
    }
    gate.state.broken.store(false, Ordering::SeqCst);
    let later = ledger.submit(one("later")).unwrap();
    assert!(matches!(later.wait(), Err(AppendError::Poisoned(None))));
    assert!(matches!(ledger.close(), Err(AppendError::Poisoned(_))));
    assert!(lines_of(&gate.memory).len() >= durable);
}

#[test]
fn a_leader_that_panics_leaves_nobody_waiting() {
    let gate = Gate::new();
    let ledger = gate.ledger(config());
    gate.close();
    gate.state.panics.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let leader = scope.spawn(|| ledger.append(one("slow")));
        gate.reached();
        let others: Vec<_> = (0..5)
            .map(|n| {
                let ledger = &ledger;
                scope.spawn(move || ledger.append(one(&format!("r-{n}"))))
            })
            .collect();
        gate.open();
        assert!(leader.join().is_err());
        for other in others {
            assert!(matches!(
                other.join().unwrap(),
                Err(AppendError::Poisoned(None))
            ));
        }
    });
}

#[test]
fn head_is_synced_when_it_gets_old() {
    let head_syncs = |head_age_max| {
        let gate = Gate::new();
        let config = Config {
            head_age_max,
            head_sync_every: 0,
            ..config()
        };
        let ledger = gate.ledger(config);
        gate.state.inside.store(0, Ordering::SeqCst);
        for n in 0..10 {
            ledger.append(one(&format!("r-{n}"))).unwrap();
        }
        gate.state.inside.load(Ordering::SeqCst) - ledger.stats().syncs
    };
    assert_eq!(head_syncs(Duration::ZERO), 10);
    assert_eq!(head_syncs(Duration::MAX), 0);
}
