//! The index only saves time: whatever becomes of it, the answers are those of the lines.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::hooked::{Call, Hooked};
use common::{RUNS, config, lines_of};
use credit_ledger::{
    Appended, Config, Digest, FileStorage, FindingKind, Ledger, MemoryStorage, OpenError, Part,
    ReadError, Reader, Record, Refused, Storage, Window,
};
use proptest::prelude::*;

const LINES: u32 = 3000;

/// How many of them a look at everything looks at.
const STEP: usize = 137;

fn often() -> Config {
    Config {
        index_every: 20_000,
        ..config()
    }
}

fn open(storage: &dyn Fn() -> Box<dyn Storage>) -> Result<Ledger, OpenError> {
    Ledger::open(storage(), RUNS, often())
}

fn time_of(n: u32) -> String {
    format!("2025-01-{:02}T{:02}:00:00Z", 1 + n / 240 % 28, n / 10 % 24)
}

fn record_at(n: u32, time: &str, meaning: &str) -> Record {
    let identity = Digest::of(meaning.as_bytes());
    let pad = "x".repeat(200);
    let body = format!(
        r#"{{"Run_ID":"r-{n}","Timestamp":"{time}","Severity":"SEV{}","Scenario_ID":"S-{}","Input_Sha256":"{identity}","Pad":"{pad}"}}"#,
        if n.is_multiple_of(500) { 1 } else { 3 },
        n / 100,
    );
    Record::new(&RUNS, body.into_bytes()).unwrap()
}

fn record(n: u32) -> Record {
    record_at(n, &time_of(n), &format!("m-{n}"))
}

fn fill(ledger: &Ledger, numbers: std::ops::Range<u32>) {
    for n in numbers.step_by(50) {
        let batch = (n..n + 50).map(record).collect();
        assert!(
            ledger
                .append_batch(batch)
                .unwrap()
                .iter()
                .all(Result::is_ok)
        );
    }
}

/// A closed ledger with an index, the last lines of which it may not know.
fn sample() -> MemoryStorage {
    let storage = MemoryStorage::new().with_index();
    filled(Ledger::open(Box::new(storage.clone()), RUNS, often()).unwrap());
    storage
}

/// One that begins with lines that no ledger wrote.
fn imported() -> MemoryStorage {
    let storage = MemoryStorage::with_lines(b"{\"old\":1}\n".to_vec()).with_index();
    filled(Ledger::import(Box::new(storage.clone()), RUNS, often()).unwrap());
    storage
}

fn filled(ledger: Ledger) {
    fill(&ledger, 0..LINES);
    assert_eq!(ledger.stats().index_failures, 0);
    ledger.close().unwrap();
}

fn copy(storage: &MemoryStorage) -> MemoryStorage {
    let copy = MemoryStorage::new().with_index();
    for part in [Part::Lines, Part::Head] {
        copy.replace(part, storage.contents(part));
    }
    copy.replace_index(storage.index_contents());
    copy
}

/// Counts what is read of the lines.
#[derive(Clone, Debug)]
struct Counted {
    storage: Hooked,
    read: Arc<AtomicU64>,
    index_breaks: Arc<AtomicBool>,
}

impl Counted {
    fn new(memory: &MemoryStorage) -> Self {
        let (read, index_breaks): (Arc<AtomicU64>, Arc<AtomicBool>) = Default::default();
        let (count, breaks) = (Arc::clone(&read), Arc::clone(&index_breaks));
        let storage = Hooked::new(memory, move |call| match call {
            Call::Read(Part::Lines, bytes) => {
                count.fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(())
            }
            Call::WriteIndex if breaks.load(Ordering::Relaxed) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        });
        Self {
            storage,
            read,
            index_breaks,
        }
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.storage.clone())
    }

    fn taken(&self) -> u64 {
        self.read.swap(0, Ordering::Relaxed)
    }
}

/// Every record is where it should be, nothing else is, and appending goes on.
#[track_caller]
fn answers_are_right(storage: &MemoryStorage) {
    let ledger = open(&|| Box::new(storage.clone())).unwrap();
    assert_eq!(ledger.len(), u64::from(LINES));
    let reader = Reader::open(Box::new(storage.clone()), RUNS).unwrap();
    for n in (0..LINES).step_by(STEP) {
        let id = format!("r-{n}");
        assert_eq!(ledger.find(&id).unwrap().unwrap().seq(), u64::from(n));
        assert_eq!(reader.find(&id).unwrap().unwrap().seq(), u64::from(n));
        let again = ledger.append(record(n)).unwrap();
        assert!(matches!(again, Appended::Duplicate(receipt) if receipt.seq() == u64::from(n)));
    }
    for absent in ["r-", "r-3000", "x"] {
        assert!(ledger.find(absent).unwrap().is_none());
        assert!(reader.find(absent).unwrap().is_none());
    }
    let other = record_at(7, "2025-01-01T00:00:00Z", "else");
    let refused = ledger.append_batch(vec![other]).unwrap().remove(0);
    assert!(matches!(refused, Err(Refused::Conflict { seq: 7, .. })));
    fill(&ledger, LINES..LINES + 500);
    ledger.close().unwrap();
    assert!(reader.verify().unwrap().ok());
    assert_eq!(
        open(&|| Box::new(storage.clone())).unwrap().len(),
        u64::from(LINES) + 500
    );
}

#[test]
fn opening_and_finding_read_little() {
    for storage in [sample(), imported()] {
        reads_little(&Counted::new(&storage));
    }
}

fn reads_little(storage: &Counted) {
    let size = lines_of(&storage.storage.memory).len() as u64;
    let ledger = open(&|| storage.boxed()).unwrap();
    let opened = storage.taken();
    assert!(opened < 200_000 && opened < size / 4, "{opened} of {size}");
    assert!(ledger.find("r-17").unwrap().is_some() && ledger.find("absent").unwrap().is_none());
    let reader = Reader::open(storage.boxed(), RUNS).unwrap();
    assert!(reader.find("r-17").unwrap().is_some() && reader.find("absent").unwrap().is_none());
    let found = storage.taken();
    assert!(found < 300_000, "{found} of {size}");
    drop(ledger);
    answers_are_right(&storage.storage.memory);
}

#[test]
fn an_index_that_is_gone_or_damaged_only_costs_time() {
    let storage = sample();
    answers_are_right(&copy(&storage));
    let index = storage.index_contents();
    for damage in [
        Vec::new(),
        vec![0; index.len()],
        vec![0xff; 100],
        index[..8192].to_vec(),
    ] {
        let storage = copy(&storage);
        storage.replace_index(damage);
        answers_are_right(&storage);
    }
    // Every page in turn, also under a ledger that is open.
    for page in (0..index.len() / 4096).step_by(9) {
        let storage = copy(&storage);
        let mut damaged = index.clone();
        damaged[page * 4096 + page % 4096] ^= 0x55;
        storage.replace_index(damaged.clone());
        answers_are_right(&storage);
    }
    let storage = copy(&storage);
    let ledger = open(&|| Box::new(storage.clone())).unwrap();
    storage.replace_index(vec![0; index.len()]);
    assert!(matches!(
        ledger.append(record(5)).unwrap(),
        Appended::Duplicate(_)
    ));
    assert_eq!(ledger.stats().index_failures, 1);
    fill(&ledger, LINES..LINES + 500);
    assert!(ledger.find("r-5").unwrap().is_some());
}

/// The damage may be met in the middle of a batch, whose first lines are not in the file yet; the
/// index is made anew all the same, and nothing of what was damaged is in it.
#[test]
fn a_damaged_page_is_met_in_the_middle_of_a_batch() {
    let sample = sample();
    let index = sample.index_contents();
    let mut met = 0;
    for page in 2..index.len() / 4096 {
        let storage = copy(&sample);
        let mut damaged = index.clone();
        damaged[page * 4096 + 2000] ^= 0x55;
        let ledger = open(&|| Box::new(storage.clone())).unwrap();
        storage.replace_index(damaged);
        let batch = [LINES, 0, LINES / 2, LINES - 600, LINES, LINES + 1].map(record);
        let answers = ledger.append_batch(batch.to_vec()).unwrap();
        let new = |answer: &Result<_, _>| matches!(answer, Ok(Appended::New(_)));
        let is_new: Vec<bool> = answers.iter().map(new).collect();
        let wanted = [true, false, false, false, false, true];
        assert_eq!(is_new, wanted, "page {page}");
        met += u32::from(ledger.stats().index_failures > 0);
        fill(&ledger, LINES + 50..LINES + 550);
        let failures = ledger.stats().index_failures;
        for n in (0..LINES).step_by(7) {
            let found = ledger.find(&format!("r-{n}")).unwrap();
            assert_eq!(found.map(|line| line.seq()), Some(u64::from(n)));
        }
        let later = ledger.stats().index_failures - failures;
        assert!(later <= 1, "page {page}: made anew {later} times");
        assert!(ledger.reader().verify().unwrap().ok());
    }
    assert!(met > 0, "no batch met the damage");
}

/// The index is not synced, so a loss of power may take its manifest back and leave pages that were
/// written after it; and the next one may do the reverse. What the first left must not pass for
/// what the second took, or ids that are there would seem to be new.
#[test]
fn pages_that_two_losses_of_power_mixed_are_not_believed() {
    const MANIFESTS: usize = 2 * 4096;
    let closing = |storage: &MemoryStorage, numbers: std::ops::Range<u32>| {
        let config = Config {
            // Written at close only, then at once.
            index_every: 400_000,
            ..config()
        };
        let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config).unwrap();
        let batch = numbers.map(record).collect();
        ledger.append_batch(batch).unwrap();
        ledger.close().unwrap();
        storage.index_contents()
    };
    for (first, second) in [(100, 10), (100, 100), (200, 50), (80, 1)] {
        let storage = sample();
        let before = storage.index_contents();
        let pages = closing(&storage, LINES..LINES + first);
        assert_ne!(before, pages);
        let manifests_back = [&before[..MANIFESTS], &pages[MANIFESTS..]].concat();
        storage.replace_index(manifests_back);
        let last = LINES + first + second;
        let newest = closing(&storage, LINES + first..last);
        let mut mixed = newest.clone();
        let stale = pages.len().min(newest.len());
        mixed[MANIFESTS..stale].copy_from_slice(&pages[MANIFESTS..stale]);
        storage.replace_index(mixed);
        let ledger = open(&|| Box::new(storage.clone())).unwrap();
        for n in 0..last {
            let again = ledger.append(record(n)).unwrap();
            let is_there = matches!(again, Appended::Duplicate(_));
            assert!(is_there, "{first} and {second}: r-{n} was taken for new");
        }
    }
}

/// Its checks find damage, not somebody who writes them: no number makes reckoning with it overflow.
#[test]
fn an_index_with_absurd_numbers_only_costs_time() {
    let storage = sample();
    let index = storage.index_contents();
    // Behind the magic and a hash: what the manifest says of all lines and of the first segment.
    for word in 0..16 {
        for absurd in [1 << 47, u64::MAX] {
            let mut index = index.clone();
            for slot in 0..2_u64 {
                let page = &mut index[slot as usize * 4096..][..4096];
                page[48 + word * 8..][..8].copy_from_slice(&absurd.to_le_bytes());
                let place = [0_u64.to_le_bytes(), slot.to_le_bytes()].concat();
                let check = Digest::of(&[&place, &page[..4088]].concat());
                page[4088..].copy_from_slice(&check.as_bytes()[..8]);
            }
            let storage = copy(&storage);
            storage.replace_index(index);
            answers_are_right(&storage);
        }
    }
}

/// Nearly every run is a new one, so nearly every append asks for an id that is not there. One that
/// is there lies close to where its hash says, however long the index is.
#[test]
fn an_id_costs_a_few_reads() {
    let reads = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&reads);
    let memory = MemoryStorage::new().with_index();
    let storage = Hooked::new(&memory, move |call| {
        if matches!(call, Call::ReadIndex | Call::Read(Part::Lines, _)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let config = Config {
        index_every: 5_000_000,
        ..config()
    };
    let ledger = Ledger::open(Box::new(storage), RUNS, config).unwrap();
    fill(&ledger, 0..20_000);
    let reads_of = |ids: std::ops::Range<u32>, is_there: bool| {
        reads.store(0, Ordering::Relaxed);
        let asked = ids.len() as f64;
        for n in ids {
            let found = ledger.find(&format!("r-{n}")).unwrap();
            assert_eq!(found.is_some(), is_there, "{n}");
        }
        reads.load(Ordering::Relaxed) as f64 / asked
    };
    let (known, unknown) = (reads_of(0..2_000, true), reads_of(20_000..22_000, false));
    println!("{known} reads for an id that is there, {unknown} for one that is not");
    assert!(known < 5.5 && unknown < 2.0, "{known} and {unknown}");
}

/// Room is used again: what stood in a place before must not pass for what belongs there now, or an
/// id would seem to be new.
#[test]
fn a_page_of_an_earlier_part_of_the_index_is_not_believed() {
    const PAGE: usize = 4096;
    let storage = MemoryStorage::new().with_index();
    let ledger = Ledger::open(Box::new(storage.clone()), RUNS, often()).unwrap();
    let mut earlier: Vec<Vec<u8>> = Vec::new();
    for n in (0..LINES).step_by(50) {
        fill(&ledger, n..n + 50);
        let index = storage.index_contents();
        if earlier.last() != Some(&index) {
            earlier.push(index);
        }
    }
    ledger.close().unwrap();
    let newest = storage.index_contents();
    let mut stale: Vec<(usize, &[u8])> = Vec::new();
    for (page, now) in newest.chunks(PAGE).enumerate() {
        for index in &earlier {
            let then = index
                .get(page * PAGE..(page + 1) * PAGE)
                .unwrap_or_default();
            if then != now && then.iter().any(|byte| *byte != 0) {
                stale.push((page, then));
            }
        }
    }
    stale.sort_unstable();
    stale.dedup();
    assert!(stale.len() > 50, "{} pages were used twice", stale.len());
    for (page, then) in stale {
        let mut index = newest.clone();
        index[page * PAGE..(page + 1) * PAGE].copy_from_slice(then);
        let copy = copy(&storage);
        copy.replace_index(index);
        let ledger = open(&|| Box::new(copy.clone())).unwrap();
        for n in (page as u32 % 7..LINES).step_by(7) {
            let found = ledger.find(&format!("r-{n}")).unwrap();
            assert_eq!(
                found.map(|line| line.seq()),
                Some(u64::from(n)),
                "page {page}"
            );
        }
    }
}

#[test]
fn an_index_of_other_lines_is_not_used() {
    let storage = sample();
    let other = MemoryStorage::new().with_index();
    let ledger = open(&|| Box::new(other.clone())).unwrap();
    for n in (0..LINES).step_by(50) {
        let batch = (n..n + 50).map(|n| record_at(n + 1, &time_of(n), "other"));
        let _answers = ledger.append_batch(batch.collect()).unwrap();
    }
    ledger.close().unwrap();
    storage.replace_index(other.index_contents());
    answers_are_right(&storage);
    // One made for another schema neither.
    let schema = credit_ledger::Schema {
        severity: None,
        ..RUNS
    };
    let storage = copy(&sample());
    let ledger = Ledger::open(Box::new(storage.clone()), schema, often()).unwrap();
    assert!(ledger.find("r-3").unwrap().is_some());
    ledger.close().unwrap();
    answers_are_right(&copy(&sample()));
}

#[test]
fn a_noted_line_is_found_by_a_few_reads_whatever_became_of_the_others() {
    let storage = Counted::new(&sample());
    let reader = Reader::open(storage.boxed(), RUNS).unwrap();
    let noted: Vec<(u64, Digest)> = {
        let mut scan = reader.scan().unwrap();
        std::iter::from_fn(|| {
            scan.next_line()
                .unwrap()
                .map(|line| (line.seq(), line.hash()))
        })
        .collect()
    };
    let size = storage.taken();
    for (seq, hash) in &noted {
        assert!(reader.contains(*seq, *hash).unwrap());
        let read = storage.taken();
        assert!(read < size / 8, "{read} of {size} bytes for line {seq}");
    }
    let (seq, hash) = noted[7];
    assert!(!reader.contains(seq + 1, hash).unwrap());
    assert!(!reader.contains(u64::from(LINES), hash).unwrap());

    // The order of the numbers is what a few reads rely on: without it all lines are looked at.
    let lines = lines_of(&storage.storage.memory);
    let mut lines: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    let memory = &storage.storage.memory;
    lines.swap(10, 2900);
    lines.remove(1500);
    memory.replace(Part::Lines, Some(lines.concat()));
    for (seq, hash) in noted.iter().step_by(STEP / 10).chain(&noted[1500..1501]) {
        assert_eq!(reader.contains(*seq, *hash).unwrap(), *seq != 1500, "{seq}");
    }
}

#[test]
fn an_index_that_cannot_be_written_only_costs_memory() {
    let storage = Counted::new(&MemoryStorage::new().with_index());
    let ledger = open(&|| storage.boxed()).unwrap();
    fill(&ledger, 0..500);
    storage.index_breaks.store(true, Ordering::Relaxed);
    fill(&ledger, 500..2000);
    assert!(ledger.stats().index_failures > 0);
    assert!((0..2000).all(|n| ledger.find(&format!("r-{n}")).unwrap().is_some()));
    storage.index_breaks.store(false, Ordering::Relaxed);
    fill(&ledger, 2000..LINES);
    ledger.close().unwrap();
    answers_are_right(&storage.storage.memory);
}

/// What it says then is of the batches before: one whose sync fails is not in it.
#[test]
fn the_index_is_written_while_the_disk_is_waited_for() {
    let memory = MemoryStorage::new().with_index();
    let (calls, breaks): (Arc<Mutex<Vec<Call>>>, Arc<AtomicBool>) = Default::default();
    let hooked = |memory: &MemoryStorage| {
        let (log, breaks) = (Arc::clone(&calls), Arc::clone(&breaks));
        Hooked::new(memory, move |call| {
            log.lock().unwrap().push(call);
            match call {
                Call::Sync(Part::Lines) if breaks.load(Ordering::Relaxed) => {
                    Err(io::Error::other("broken"))
                }
                _ => Ok(()),
            }
        })
    };
    let open_hooked =
        |memory: &MemoryStorage| Ledger::open(Box::new(hooked(memory)), RUNS, often()).unwrap();
    let ledger = open_hooked(&memory);
    let mut during_sync = 0;
    for n in (0..LINES).step_by(10) {
        calls.lock().unwrap().clear();
        let batch = (n..n + 10).map(record).collect();
        ledger.append_batch(batch).unwrap();
        let calls = calls.lock().unwrap();
        let place = |wanted| calls.iter().position(|call| *call == wanted);
        let head = place(Call::Write(Part::Head));
        during_sync += usize::from(place(Call::WriteIndex).is_some_and(|at| Some(at) < head));
    }
    assert!(during_sync > 50, "{during_sync}");
    drop(ledger);
    answers_are_right(&copy(&memory));

    for first in 1..8 {
        let memory = copy(&memory);
        breaks.store(false, Ordering::Relaxed);
        let ledger = open_hooked(&memory);
        let last = LINES + 10 * first;
        for n in (LINES..last).step_by(10) {
            let batch = (n..n + 10).map(record).collect();
            ledger.append_batch(batch).unwrap();
        }
        breaks.store(true, Ordering::Relaxed);
        let batch = (last..last + 10).map(record).collect();
        assert!(ledger.append_batch(batch).is_err());
        drop(ledger);
        // The batch is gone, as after a loss of power.
        let lines = lines_of(&memory);
        let kept = lines
            .split_inclusive(|byte| *byte == b'\n')
            .take(last as usize);
        memory.replace(Part::Lines, Some(kept.collect::<Vec<_>>().concat()));
        let ledger = open(&|| Box::new(memory.clone())).unwrap();
        assert_eq!(ledger.len(), u64::from(last));
        assert!(ledger.find(&format!("r-{last}")).unwrap().is_none());
        assert!(ledger.find(&format!("r-{}", last - 1)).unwrap().is_some());
    }
}

#[test]
fn writers_that_take_turns_share_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let storage = || -> Box<dyn Storage> { Box::new(FileStorage::new(dir.path(), "ledger")) };
    let writers = [
        open(&storage).unwrap(),
        open(&storage).unwrap(),
        open(&storage).unwrap(),
    ];
    for n in (0..6000).step_by(50) {
        let writer = &writers[n as usize / 50 % 3];
        fill(writer, n..n + 50);
        // What another one wrote, and has maybe written out.
        assert!(writer.find(&format!("r-{}", n / 2)).unwrap().is_some());
    }
    assert!(writers.iter().all(|writer| writer.stats().duplicates == 0));
    drop(writers);
    let reader = Reader::open(storage(), RUNS).unwrap();
    assert!(reader.verify().unwrap().ok());
    for n in (0..6000).step_by(41) {
        assert_eq!(reader.find(&format!("r-{n}")).unwrap().unwrap().seq(), n);
    }
    assert!(dir.path().join("ledger.idx").exists());
}

/// Decision 7: what the index vouches for is not read when opening, but whatever hands a line out
/// still checks it, and `verify` looks at all of it.
#[test]
fn what_was_changed_before_the_index_is_found_when_it_is_read() {
    let storage = sample();
    let mut lines = lines_of(&storage);
    let needle = br#""Run_ID":"r-10","#;
    let at = lines
        .windows(needle.len())
        .position(|w| w == needle)
        .unwrap();
    lines[at + 60] ^= 1;
    storage.replace(Part::Lines, Some(lines));
    let ledger = open(&|| Box::new(storage.clone())).unwrap();
    let edited = |result: Result<_, ReadError>| {
        matches!(
            result,
            Err(ReadError::Broken {
                kind: FindingKind::Edited,
                ..
            })
        )
    };
    assert!(edited(ledger.find("r-10").map(drop)));
    let reader = ledger.reader();
    assert!(edited(reader.find("r-10").map(drop)));
    // An append that would have to compare with it is refused, others are not.
    assert!(ledger.append(record(10)).is_err());
    assert!(ledger.append(record(9000)).is_ok());
    assert!(!reader.verify().unwrap().ok());
    let day = Window {
        to: Some("2025-01-01T23:00:00Z"),
        ..Window::default()
    };
    let mut scan = reader.window(&day).unwrap();
    let broken = loop {
        match scan.next_line() {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(error) => break edited(Err::<(), _>(error)),
        }
    };
    assert!(broken);
    // Without the index everything is verified.
    drop(ledger);
    storage.replace_index(Vec::new());
    assert!(matches!(
        open(&|| Box::new(storage.clone())),
        Err(OpenError::Corrupt {
            seq: 10,
            kind: FindingKind::Edited,
            ..
        })
    ));
}

fn window(reader: &Reader, window: &Window<'_>) -> Vec<u64> {
    let mut scan = reader.window(window).unwrap();
    let mut seqs = Vec::new();
    while let Some(line) = scan.next_line().unwrap() {
        seqs.push(line.seq());
    }
    seqs
}

#[test]
fn a_window_reads_its_blocks_only() {
    let storage = Counted::new(&sample());
    let size = lines_of(&storage.storage.memory).len() as u64;
    let reader = Reader::open(storage.boxed(), RUNS).unwrap();
    storage.taken();
    let all = window(&reader, &Window::default());
    assert_eq!(all, (0..u64::from(LINES)).collect::<Vec<_>>());
    assert!(storage.taken() >= size);
    let day = Window {
        from: Some("2025-01-05T00:00:00Z"),
        to: Some("2025-01-05T23:59:59.999Z"),
        ..Window::default()
    };
    let seqs = window(&reader, &day);
    assert!((960..1200).all(|seq| seqs.contains(&seq)), "{seqs:?}");
    assert!(seqs.len() < 1200, "{}", seqs.len());
    let one = Window {
        scenario: Some("S-7"),
        ..Window::default()
    };
    let seqs = window(&reader, &one);
    assert!((700..800).all(|seq| seqs.contains(&seq)), "{seqs:?}");
    assert!(seqs.len() < 1200, "{}", seqs.len());
    let rare = Window {
        severity: Some("SEV1"),
        ..Window::default()
    };
    let seqs = window(&reader, &rare);
    assert!((0..6).all(|k| seqs.contains(&(k * 500))));
    // What lies between is left out.
    assert!(seqs.len() < 1200, "{}", seqs.len());
    let none = Window {
        severity: Some("SEV4"),
        ..Window::default()
    };
    assert!(
        window(&reader, &none).len() < 200,
        "only what the index does not know yet"
    );
    // Without an index everything is handed out.
    storage.storage.memory.replace_index(Vec::new());
    assert_eq!(window(&reader, &none), all);
}

/// What is not written plainly may be anything: it is handed out rather than left out.
#[test]
fn a_line_that_the_index_cannot_tell_is_in_every_window() {
    let storage = MemoryStorage::new().with_index();
    let ledger = open(&|| Box::new(storage.clone())).unwrap();
    let odd = [
        r#""Timestamp":"2025-01-01T00:00:00Z","Severity":"SEV\u0034","Scenario_ID":"S-1""#,
        r#""Timestamp":"2025-01-01T00:00:00Z","Severity":"SEV3","Scenario_ID":"S-\u0058""#,
        r#""Timestamp":"2030-01-01T00:00:00+01:00","Severity":"SEV3","Scenario_ID":"S-1""#,
        r#""Timestamp":"2029-12-31T23:00:00,5Z","Severity":"SEV3","Scenario_ID":"S-1""#,
        r#""Severity":"SEV3","Scenario_ID":"S-1""#,
    ];
    let mut seqs = Vec::new();
    for (n, members) in (0..LINES).step_by(600).zip(odd) {
        fill(&ledger, n..n + 600);
        let identity = Digest::of(members.as_bytes());
        let body = format!(r#"{{"Run_ID":"odd-{n}",{members},"Input_Sha256":"{identity}"}}"#);
        let record = Record::new(&RUNS, body.into_bytes()).unwrap();
        seqs.push(ledger.append(record).unwrap().receipt().seq());
    }
    // What comes last the index need not know yet.
    fill(&ledger, LINES..LINES + 300);
    ledger.close().unwrap();
    let reader = Reader::open(Box::new(storage), RUNS).unwrap();
    let severity = Window {
        severity: Some("SEV4"),
        ..Window::default()
    };
    let scenario = Window {
        scenario: Some("S-X"),
        ..Window::default()
    };
    let time = Window {
        from: Some("2029-12-31T23:00:00Z"),
        to: Some("2029-12-31T23:00:01Z"),
        ..Window::default()
    };
    for (wanted, odd) in [
        (severity, &seqs[..1]),
        (scenario, &seqs[1..2]),
        (time, &seqs[2..]),
    ] {
        let found = window(&reader, &wanted);
        assert!(odd.iter().all(|seq| found.contains(seq)), "{wanted:?}");
        assert!(found.len() < 2_000, "{wanted:?}: {}", found.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 24,
        ..ProptestConfig::default()
    })]

    /// Backfills come in any order of time: a window misses none of its lines.
    #[test]
    fn no_line_of_a_window_is_missed(
        hours in prop::collection::vec(0u32..2000, 50..400),
        batch in 1usize..60,
        (from, length) in (0u32..2000, 0u32..300),
        severity in prop::option::of(0u32..5),
    ) {
        let storage = MemoryStorage::new().with_index();
        let config = Config { index_every: 5000, ..config() };
        let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config).unwrap();
        let time = |hour: u32| format!("2025-{:02}-{:02}T{:02}:30:00Z", 1 + hour / 672, 1 + hour / 24 % 28, hour % 24);
        let numbered: Vec<(u32, u32)> = (0..).zip(hours.iter().copied()).collect();
        for chunk in numbered.chunks(batch) {
            let records = chunk.iter().map(|(n, hour)| record_at(*n, &time(*hour), &format!("m-{n}")));
            ledger.append_batch(records.collect()).unwrap();
        }
        ledger.close().unwrap();
        let to = from + length;
        let (from_text, to_text) = (time(from), time(to));
        let severity = severity.map(|s| format!("SEV{s}"));
        let wanted = Window {
            from: Some(&from_text),
            to: Some(&to_text),
            severity: severity.as_deref(),
            scenario: None,
        };
        let reader = Reader::open(Box::new(storage), RUNS).unwrap();
        let seqs = window(&reader, &wanted);
        prop_assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]));
        for (n, hour) in numbered {
            let of = if n.is_multiple_of(500) { "SEV1" } else { "SEV3" };
            let matches = (from..=to).contains(&hour) && severity.as_deref().is_none_or(|s| s == of);
            prop_assert!(!matches || seqs.contains(&u64::from(n)), "{n} at {hour}");
        }
    }
}

/// Times from everywhere and in every order, some equal, and some that are none: what a window asks
/// for is in it, and what the index can tell apart is not read.
#[test]
fn windows_over_times_that_are_not_in_order() {
    const TIMES: [&str; 14] = [
        "2025-01-31T10:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "2025-01-31T10:00:00Z",
        "0001-01-01T00:00:00Z",
        "2025-01-31T10:00:00.999999999Z",
        "1970-01-01T00:00:00Z",
        "2016-12-31T23:59:60Z",
        "2025-01-30T10:00:00Z",
        // No time that the index reads: such a line may be of any.
        "2025-01-31T12:00:00+02:00",
        "2025-01-31T10:00:00z",
        "\\u0032025-01-31T10:00:00Z",
        "soon",
        "",
    ];
    let (readable, unreadable) = TIMES.split_at(9);
    let storage = Counted::new(&MemoryStorage::new().with_index());
    let config = Config {
        index_every: 1,
        ..config()
    };
    let ledger = Ledger::open(storage.boxed(), RUNS, config).unwrap();
    // Each time fills blocks of its own: those of others need not be read.
    for (k, time) in (0..).zip(TIMES) {
        let records = (0..200).map(|n| record_at(1000 * k + n, time, &format!("{k}-{n}")));
        let answers = ledger.append_batch(records.collect()).unwrap();
        assert!(answers.iter().all(Result::is_ok));
    }
    let without_time = br#"{"Run_ID":"none","Input_Sha256":"#;
    let identity = format!("\"{}\"}}", Digest::of(b"none"));
    let body = [without_time, identity.as_bytes()].concat();
    ledger.append(Record::new(&RUNS, body).unwrap()).unwrap();
    ledger.close().unwrap();
    let reader = Reader::open(storage.boxed(), RUNS).unwrap();
    let size = lines_of(&storage.storage.memory).len() as u64;
    let last = 200 * TIMES.len() as u64;
    let seconds = |time: &str| time[..19].to_owned();
    for from in readable {
        for to in readable {
            let wanted = Window {
                from: Some(from),
                to: Some(to),
                ..Window::default()
            };
            storage.taken();
            let seqs = window(&reader, &wanted);
            let read = storage.taken();
            let between = |second: String| seconds(from) <= second && second <= seconds(to);
            let inside = |k: usize| k >= readable.len() || between(seconds(TIMES[k]));
            for seq in 0..=last {
                let k = seq as usize / 200;
                let is_wanted = k >= TIMES.len() || inside(k);
                assert!(!is_wanted || seqs.contains(&seq), "{seq} in {from} to {to}");
            }
            if from == to {
                let most = size * (2 + 3 + unreadable.len() as u64) / TIMES.len() as u64;
                assert!(read < most, "{read} of {size} read for {from}");
            }
        }
    }
}

/// Sixteen bytes an id, two of a filter, and now and then a block: a page holds many of them.
#[test]
fn an_index_is_small_beside_its_lines() {
    let storage = sample();
    let (index, lines) = (storage.index_contents().len(), lines_of(&storage).len());
    println!("{index} bytes of index for {lines} bytes of lines");
    assert!(index * 6 < lines, "{index} bytes for {lines}");
}
