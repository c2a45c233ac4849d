//! What all tests of the crate share.

#![allow(dead_code, reason = "no test uses everything")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy does not take these helpers for tests"
)]

pub(crate) mod hooked;

use std::time::Duration;

use credit_ledger::{
    Appended, Config, Digest, Ledger, MemoryStorage, OpenError, Part, Receipt, Record, Schema,
    Storage,
};

pub(crate) const RUNS: Schema = Schema {
    id: "Run_ID",
    identity: "Input_Sha256",
    file_hash: Some("Run_Sha256"),
    origin: "Ledger_Origin",
    time: Some("Timestamp"),
    severity: Some("Severity"),
    scenario: Some("Scenario_ID"),
};

pub(crate) const ORIGIN: &str = "00112233445566778899aabbccddeeff";

/// A fixed origin: the same appends give the same bytes.
pub(crate) fn config() -> Config {
    Config {
        origin: Some(ORIGIN.to_owned()),
        lock_wait: Duration::from_millis(200),
        ..Config::default()
    }
}

pub(crate) fn open(storage: &MemoryStorage) -> Result<Ledger, OpenError> {
    Ledger::open(Box::new(storage.clone()), RUNS, config())
}

/// A record whose identity is that of `meaning`.
#[track_caller]
pub(crate) fn record(id: &str, meaning: &str) -> Record {
    Record::new(&RUNS, body(id, meaning)).unwrap()
}

pub(crate) fn body(id: &str, meaning: &str) -> Vec<u8> {
    let identity = Digest::of(meaning.as_bytes());
    format!(r#"{{"Run_ID":"{id}","Credits":1.50,"Input_Sha256":"{identity}","Flags":["a",{{}}]}}"#)
        .into_bytes()
}

/// Appends a record of its own for each number.
#[track_caller]
pub(crate) fn append(ledger: &Ledger, numbers: impl IntoIterator<Item = u32>) -> Vec<Receipt> {
    let records = numbers
        .into_iter()
        .map(|n| record(&format!("r-{n}"), &format!("m-{n}")));
    let answers = ledger.append_batch(records.collect()).unwrap();
    answers
        .iter()
        .map(|answer| answer.as_ref().map(Appended::receipt).unwrap())
        .collect()
}

/// A closed ledger of `count` lines, one batch for each.
pub(crate) fn sample(count: u32) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let ledger = open(&storage).unwrap();
    for n in 0..count {
        append(&ledger, [n]);
    }
    ledger.close().unwrap();
    storage
}

pub(crate) fn lines_of(storage: &MemoryStorage) -> Vec<u8> {
    storage.contents(Part::Lines).unwrap_or_default()
}

/// A storage of its own with the same contents.
pub(crate) fn copy(storage: &MemoryStorage) -> MemoryStorage {
    let copy = MemoryStorage::new();
    for part in [Part::Lines, Part::Head] {
        copy.replace(part, storage.contents(part));
    }
    copy
}

pub(crate) fn boxed(storage: &MemoryStorage) -> Box<dyn Storage> {
    Box::new(storage.clone())
}

/// A HEAD slot with these numbers and a right check.
pub(crate) fn slot(lines: &str, hash: Digest, end: &str) -> Vec<u8> {
    let covered = format!(r#"{{"Lines":{lines},"Hash":"{hash}","End":{end},"Origin":"{ORIGIN}""#);
    let check = Digest::of(covered.as_bytes()).to_string();
    let text = format!(r#"{covered},"Check":"{}"}}"#, &check[..16]);
    format!("{text:255}\n").into_bytes()
}

/// Whether the long settings were asked for: `CREDIT_LONG=1`.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is asked of whoever starts it"
)]
pub(crate) fn long() -> bool {
    std::env::var_os("CREDIT_LONG").is_some_and(|value| value == "1")
}

/// Numbers that look random and are the same for the same seed (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// Prints the seed if the test fails while this is alive.
#[derive(Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    #[expect(clippy::print_stdout, reason = "a failed test shows it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("FAILED with seed {}", self.0);
        }
    }
}
