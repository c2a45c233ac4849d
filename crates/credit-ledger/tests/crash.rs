//! The story of the crash: one or several processes append to a ledger, fail, are killed, open
//! it again and close it, and at some moment the power goes. Synced bytes are there afterwards.
//! Of what was not synced any part may be: nothing, all of it, some writes without the ones
//! before them, the newest one in part, with or without the file's new length. The lines and
//! HEAD are two files, and what became of one says nothing about the other.
//!
//! After every such crash the ledger opens, has every acknowledged line with the hash of its
//! receipt, has nothing that nobody submitted, verifies, and takes the next line.
//!
//! One session in four begins with lines that no ledger wrote: the first process imports them, and
//! whatever a crash leaves of that, they are there byte for byte and imported or to be imported.
//!
//! With `Durability::Buffered` an acknowledged line may be lost, and only then: the same sessions
//! show that the ledger opens after each crash, that of the acknowledged lines the first ones are
//! left in their order with the hashes of their receipts, and that none is missing of those that
//! `Stats::lines_synced`, or a close that succeeded, told to be durable. In the place of the others
//! may be lines whose append failed: that they were cut off was not durable either.
//!
//! A crash point is counted once for each different pair of files it leaves behind. The short
//! setting stops after 120,000 of them, `CREDIT_LONG=1` after five million. `CREDIT_SEED=n` runs
//! one session again.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy does not take helpers for tests"
)]

mod common;
#[path = "crash/disk.rs"]
mod disk;
#[path = "crash/known.rs"]
mod known;

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::{RUNS, Rng, Seed};
use credit_ledger::{Config, Durability, ImportError, Ledger, OpenError, Part, Record};
use disk::{Fault, FaultKind, File, Handle, Moment, SECTOR};
use known::Known;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let target = if common::long() { 5_000_000 } else { 120_000 };
    let Some(counts) = sessions(Durability::Synced, target) else {
        return;
    };
    println!("crash: {counts}, 0 acknowledged lines lost, 0 invented, all reopened");
    assert!(counts.points() >= 100_000);
    // The simulation did what it is for.
    for (what, count, least) in [
        ("faults", &counts.faults, 100),
        ("crashes during recovery", &counts.nested, 1000),
        ("torn tails", &counts.recovered, 10_000),
    ] {
        let count = count.load(Ordering::Relaxed);
        assert!(count >= least, "hardly any {what}: {count}");
    }
}

#[test]
fn buffered_lines_are_lost_from_the_end_only_and_never_once_they_are_synced() {
    let target = if common::long() { 500_000 } else { 20_000 };
    let Some(counts) = sessions(Durability::Buffered, target) else {
        return;
    };
    let lost = counts.lost.load(Ordering::Relaxed);
    println!(
        "crash: buffered, {counts}, {lost} of them without some acknowledged lines, 0 synced \
         lines lost, 0 invented, all reopened"
    );
    // Otherwise it would not be shown that this durability promises less.
    assert!(lost > 100, "hardly anything is lost: {lost}");
}

/// Sessions until there are so many crash points; only one, uncounted, if a seed is given.
fn sessions(durability: Durability, target: usize) -> Option<Counts> {
    let counts = Counts::default();
    if let Some(seed) = std::env::var_os("CREDIT_SEED") {
        let seed = seed.to_str().unwrap().parse().unwrap();
        session(seed, durability, &counts);
        return None;
    }
    let next_seed = AtomicU64::new(1);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while counts.points() < target {
                    let seed = next_seed.fetch_add(1, Ordering::Relaxed);
                    session(seed, durability, &counts);
                    counts.sessions.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    Some(counts)
}

/// Of two buffered writers one fails to sync, and the system drops the other's bytes as well. That
/// one does not hear of it; what it syncs later is there all the same.
#[test]
fn a_sync_that_failed_elsewhere_is_made_good() {
    let (counts, mut failed) = (Counts::default(), 0);
    for (seed, after) in (0..30).flat_map(|seed| (0..14).map(move |after| (seed, after))) {
        let _seed = Seed(seed);
        let disk = Handle::new(None, None, Rng(seed));
        let buffered = |head_sync_every| Config {
            durability: Durability::Buffered,
            head_sync_every,
            ..config(seed, &mut Rng(seed))
        };
        let open = |every| Ledger::open(Box::new(disk.other()), RUNS, buffered(every)).unwrap();
        let (one, other) = (open(0), open(1));
        let mut known = Known {
            synced: Some(0),
            ..Known::default()
        };
        let batch = known.submit(0);
        known.acknowledge(&one.append_batch(batch).unwrap(), &[0]);
        let kind = FaultKind::Io;
        disk.arm(Some(Fault {
            after,
            lasts: 1,
            kind,
        }));
        failed += usize::from(other.append_batch(known.submit(0)).is_err());
        disk.arm(None);
        let batch = known.submit(0);
        known.acknowledge(&one.append_batch(batch).unwrap(), &[2]);
        known.hear_of_syncs(one.len());
        one.close().unwrap();
        let moment = disk.moment();
        let mut check = Check {
            known: &known,
            config: &buffered(1),
            counts: &counts,
            seen: &mut HashSet::new(),
        };
        let left = [&moment.lines, &moment.head].map(|file| file.with(|_| false));
        let [lines, head] = left;
        check.reopen(lines, head, false);
        drop(other);
    }
    assert!(failed > 100, "hardly any failure: {failed}");
}

/// A batch that is written in several pieces: the later ones may get there without the first.
#[test]
fn a_batch_of_several_pieces_is_torn_between_and_within_them() {
    let seed = Seed(0);
    let counts = Counts::default();
    let mut rng = Rng(seed.0);
    let disk = Handle::new(None, None, rng.clone());
    let config = config(seed.0, &mut rng);
    let ledger = Ledger::open(Box::new(disk.clone()), RUNS, config.clone()).unwrap();
    let mut known = Known::default();
    let first = known.submit(100);
    known.acknowledge(&ledger.append_batch(first).unwrap(), &[0]);
    disk.moments();
    let numbers: Vec<usize> = (1..31).collect();
    let batch = numbers.iter().flat_map(|_| known.submit(50_000)).collect();
    let answers = ledger.append_batch(batch).unwrap();
    let moments = disk.moments();
    let pieces = moments.iter().filter(|m| m.newest == Some(Part::Lines));
    assert!(pieces.count() >= 2, "the batch is larger than a piece");
    let mut check = Check {
        known: &known,
        config: &config,
        counts: &counts,
        seen: &mut HashSet::new(),
    };
    for moment in moments.iter().filter(|m| !m.lines.nothing_pending()) {
        let (offset, length) = moment.lines.newest_write().unwrap_or_default();
        for i in 0..8 {
            let at = length * i / 8 + i;
            let keeps = |from: usize, to: usize| from..to.min(at).max(from);
            check.reopen(
                moment.lines.torn(false, keeps),
                moment.head.with(|_| false),
                false,
            );
            // The newest piece alone, and zeros before it.
            let last = moment.lines.pending() - 1;
            let alone = moment.lines.with(|change| change == last);
            let alone = alone.map(|bytes| bytes[..bytes.len().min(offset + at)].to_vec());
            check.reopen(alone, moment.head.with(|_| true), false);
        }
    }
    known.acknowledge(&answers, &numbers);
    let mut check = Check {
        known: &known,
        config: &config,
        counts: &counts,
        seen: &mut HashSet::new(),
    };
    check.all(&disk.moment(), &mut rng, 0);
    println!(
        "crash: {} crash points in a batch of several pieces",
        counts.points()
    );
}

#[derive(Debug, Default)]
struct Counts {
    sessions: AtomicU64,
    /// The files of all crash points so far, hashed.
    states: Mutex<HashSet<u64>>,
    faults: AtomicU64,
    nested: AtomicU64,
    recovered: AtomicU64,
    /// Crash points without lines that were acknowledged before a sync.
    lost: AtomicU64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} crash points in {} sessions ({} faults met, {} points during recovery, {} with a \
             torn tail)",
            self.points(),
            self.sessions.load(Ordering::Relaxed),
            self.faults.load(Ordering::Relaxed),
            self.nested.load(Ordering::Relaxed),
            self.recovered.load(Ordering::Relaxed),
        )
    }
}

impl Counts {
    fn points(&self) -> usize {
        self.states.lock().unwrap().len()
    }
}

fn config(seed: u64, rng: &mut Rng) -> Config {
    Config {
        origin: Some(format!("{:032x}", seed + 1)),
        lock_wait: Duration::ZERO,
        head_sync_every: [1, 2, 3, 0, 64][rng.below(5)],
        ..Config::default()
    }
}

/// Some processes' life with one ledger, with a crash at every moment of it.
fn session(seed: u64, durability: Durability, counts: &Counts) {
    let _seed = Seed(seed);
    let mut rng = Rng(seed);
    let old = rng.once_in(4).then(|| old_lines(&mut rng));
    let disk = Handle::new(old.clone(), None, Rng(rng.next()));
    let config = Config {
        durability,
        ..config(seed, &mut rng)
    };
    let mut known = Known {
        old: old.unwrap_or_default(),
        synced: (durability == Durability::Buffered).then_some(0),
        ..Known::default()
    };
    let mut processes: Vec<Option<(Handle, Ledger)>> = (0..3).map(|_| None).collect();
    let mut seen = HashSet::new();
    let mut crash = |known: &Known, rng: &mut Rng, disk: &Handle| {
        let mut check = Check {
            known,
            config: &config,
            counts,
            seen: &mut seen,
        };
        for moment in disk.moments().into_iter().chain([disk.moment()]) {
            check.all(&moment, rng, 16);
        }
    };
    if !known.old.is_empty() {
        // A crash during the import, which may fail as well.
        disk.arm(rng.once_in(2).then(|| fault(&mut rng)));
        drop(start(&disk, &config));
        crash(&known, &mut rng, &disk);
        disk.arm(None);
    }
    for _ in 0..4 + rng.below(12) {
        if rng.once_in(2) {
            disk.arm(Some(fault(&mut rng)));
        }
        let which = rng.below(processes.len());
        match (rng.below(8), processes[which].take()) {
            (0, Some((_, ledger))) => drop(ledger),
            (1, Some((_, ledger))) => {
                let lines = ledger.len();
                let closed = ledger.close();
                // The crash that comes before the answer is known.
                crash(&known, &mut rng, &disk);
                if closed.is_ok() {
                    known.hear_of_syncs(lines);
                }
            }
            (2, Some((handle, ledger))) => {
                handle.kill();
                drop(ledger);
            }
            (_, process) => {
                let process = match process {
                    Some(process) => Some(process),
                    None => start(&disk, &config),
                };
                // One that does not open is tried again without the fault.
                let Some((handle, ledger)) = process.or_else(|| {
                    disk.arm(None);
                    crash(&known, &mut rng, &disk);
                    start(&disk, &config)
                }) else {
                    panic!("does not open although nothing fails");
                };
                let (numbers, batch) = batch(&mut known, &mut rng);
                let mut answered = ledger.append_batch(batch);
                // The crash that comes before the answer is known.
                crash(&known, &mut rng, &disk);
                if answered.is_err() {
                    assert!(disk.faults_met() > 0, "{answered:?}");
                    disk.arm(None);
                    let batch = numbers.iter().map(|n| known.record(*n)).collect();
                    answered = ledger.append_batch(batch);
                    crash(&known, &mut rng, &disk);
                }
                if let Ok(answers) = answered {
                    known.acknowledge(&answers, &numbers);
                    known.hear_of_syncs(ledger.stats().lines_synced);
                    processes[which] = Some((handle, ledger));
                }
            }
        }
        // Right after the answer.
        crash(&known, &mut rng, &disk);
    }
    counts
        .faults
        .fetch_add(disk.faults_met(), Ordering::Relaxed);
    // Without a loss of power, too.
    disk.arm(None);
    drop(processes);
    let (_, ledger) = start(&disk, &config).unwrap();
    known.compare(&ledger);
}

/// Opens the ledger, or imports what is there if it says that this comes first.
fn start(disk: &Handle, config: &Config) -> Option<(Handle, Ledger)> {
    let handle = disk.other();
    let opened = match Ledger::open(Box::new(handle.clone()), RUNS, config.clone()) {
        Err(OpenError::Unchained) => Ledger::import(Box::new(handle.clone()), RUNS, config.clone()),
        opened => opened.map_err(ImportError::from),
    };
    match opened {
        Ok(ledger) => Some((handle, ledger)),
        Err(ImportError::Open(OpenError::Storage(_))) => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// One to four lines, some longer than a sector.
fn old_lines(rng: &mut Rng) -> Vec<u8> {
    let line = |n| format!("{{\"old\":{n},\"note\":\"{}\"}}\n", "x".repeat(n));
    let lines = (0..1 + rng.below(4)).map(|_| line(rng.below(700)));
    lines.collect::<String>().into_bytes()
}

fn fault(rng: &mut Rng) -> Fault {
    Fault {
        after: rng.below(14),
        lasts: 1 + rng.below(3),
        kind: [FaultKind::Io, FaultKind::NoSpace, FaultKind::Kill][rng.below(3)],
    }
}

fn batch(known: &mut Known, rng: &mut Rng) -> (Vec<usize>, Vec<Record>) {
    let mut numbers = Vec::new();
    let mut batch = Vec::new();
    for _ in 0..[1, 1, 1, 2, 3, 6][rng.below(6)] {
        if !known.submitted.is_empty() && rng.once_in(6) {
            // Somebody asks for one again, whatever became of it.
            let n = rng.below(known.submitted.len());
            numbers.push(n);
            batch.push(known.record(n));
        } else {
            numbers.push(known.submitted.len());
            let padding = if rng.once_in(20) { 2000 } else { 150 };
            batch.extend(known.submit(rng.clone().below(padding)));
            rng.next();
        }
    }
    (numbers, batch)
}

struct Check<'c> {
    known: &'c Known,
    config: &'c Config,
    counts: &'c Counts,
    /// What was looked at already, with so many acknowledged lines.
    seen: &'c mut HashSet<(u64, usize)>,
}

impl Check<'_> {
    /// Every crash this simulation knows at one moment. One in `nested` of them is followed by
    /// a second one while the ledger recovers; none if 0.
    fn all(&mut self, moment: &Moment, rng: &mut Rng, nested: usize) {
        let torn = |part| moment.newest == Some(part);
        let lines = left_behind(&moment.lines, torn(Part::Lines), rng);
        let heads = left_behind(&moment.head, torn(Part::Head), rng);
        let (few, many) = (lines.len().min(heads.len()), lines.len().max(heads.len()));
        if few * many <= 64 {
            for line in &lines {
                for head in &heads {
                    self.reopen(
                        line.clone(),
                        head.clone(),
                        nested > 0 && rng.once_in(nested),
                    );
                }
            }
            return;
        }
        // Each of the longer list beside two of the shorter one.
        for i in 0..many {
            for _ in 0..few.min(2) {
                let pick = |list: &[Option<Vec<u8>>], rng: &mut Rng| {
                    let at = if list.len() == many {
                        i
                    } else {
                        rng.below(few)
                    };
                    list[at].clone()
                };
                let (line, head) = (pick(&lines, rng), pick(&heads, rng));
                self.reopen(line, head, nested > 0 && rng.once_in(nested));
            }
        }
    }

    /// Says whether this was a new crash point.
    fn reopen(&mut self, lines: Option<Vec<u8>>, head: Option<Vec<u8>>, nested: bool) -> bool {
        let mut hasher = DefaultHasher::new();
        (&lines, &head).hash(&mut hasher);
        let state = hasher.finish();
        if !self.seen.insert((state, self.known.acknowledged.len())) {
            return false;
        }
        let disk = Handle::new(lines.clone(), head, Rng(state));
        let (_, ledger) = start(&disk, self.config).expect("nothing fails");
        if let Some(recovery) = ledger.recovered() {
            self.counts.recovered.fetch_add(1, Ordering::Relaxed);
            let cut = &lines.as_deref().unwrap_or_default()[recovery.offset as usize..];
            assert_eq!(disk.set_aside_bytes(), [(recovery.offset, cut.to_vec())]);
        }
        let mut known = self.known.clone();
        let number = known.submitted.len();
        if known.lose_what_is_not_in(&ledger) {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
        let answers = ledger.append_batch(known.submit(0)).unwrap();
        if nested {
            self.during_recovery(&known, &disk);
        }
        known.acknowledge(&answers, &[number]);
        known.compare(&ledger);
        // Counted when it is known to be fine.
        self.counts.states.lock().unwrap().insert(state)
    }

    /// The power goes again while the ledger is opened and takes its next line.
    fn during_recovery(&mut self, known: &Known, disk: &Handle) {
        let mut check = Check {
            known,
            config: self.config,
            counts: self.counts,
            seen: &mut *self.seen,
        };
        for moment in disk.moments() {
            for (lines, head) in [(false, false), (false, true), (true, false), (true, true)] {
                let (lines, head) = (moment.lines.with(|_| lines), moment.head.with(|_| head));
                let new = check.reopen(lines, head, false);
                self.counts
                    .nested
                    .fetch_add(u64::from(new), Ordering::Relaxed);
            }
        }
    }
}

/// What a crash can leave of one file.
fn left_behind(file: &File, torn: bool, rng: &mut Rng) -> Vec<Option<Vec<u8>>> {
    let count = file.pending();
    let mut left = vec![file.with(|_| false)];
    if count == 0 {
        return left;
    }
    left.push(file.with(|_| true));
    // Every prefix, every single change, or every subset if these are few.
    if count <= 3 {
        left.extend((1..1 << count).map(|set: usize| file.with(|i| set >> i & 1 == 1)));
    } else {
        left.extend((1..count).map(|kept| file.with(|i| i < kept)));
        left.push(file.with(|i| i + 1 == count));
        for _ in 0..4 {
            let set = rng.next();
            left.push(file.with(|i| set >> (i % 64) & 1 == 1));
        }
    }
    let Some((offset, length)) = file.newest_write().filter(|_| torn) else {
        return left;
    };
    let mut cut = |at: usize, grown: bool| {
        left.push(file.torn(grown, |from, to| from..to.min(at).max(from)));
    };
    if rng.once_in(16) {
        (0..length).for_each(|at| cut(at, false));
    } else {
        (0..12).for_each(|_| cut(rng.below(length), false));
    }
    cut(0, true);
    cut(rng.below(length), true);
    for boundary in (0..length).filter(|at| (offset + at).is_multiple_of(SECTOR)) {
        cut(boundary, false);
        cut(boundary, true);
    }
    // Some sectors and not the others.
    for _ in 0..4 {
        let mut sectors = rng.clone();
        rng.next();
        left.push(file.torn(rng.once_in(2), |from, to| {
            if sectors.once_in(2) {
                from..to
            } else {
                from..from
            }
        }));
    }
    left
}
