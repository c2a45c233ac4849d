//! A whole ledger beside arbitrary bytes in the place of its HEAD: it opens with all its lines and
//! goes on, or is refused and untouched.

use credit_ledger::{Appended, Config, Ledger, MemoryStorage, Part, Reader, Record, Schema};

const RUNS: Schema = Schema {
    id: "Run_ID",
    identity: "Input_Sha256",
    file_hash: None,
    origin: "Ledger_Origin",
    time: None,
    severity: None,
    scenario: None,
};
const LINES: u64 = 3;

pub(crate) fn check(head: &[u8]) {
    let storage = sample();
    let lines = storage.contents(Part::Lines).unwrap();
    storage.replace(Part::Head, Some(head.to_vec()));

    let reader = Reader::open(Box::new(storage.clone()), RUNS).unwrap();
    let _ = reader.verify().unwrap();
    let opened = Ledger::open(Box::new(storage.clone()), RUNS, Config::default());
    let now = storage.contents(Part::Lines).unwrap();
    let set_aside: Vec<u8> = storage
        .set_aside_bytes()
        .into_iter()
        .flat_map(|(_, b)| b)
        .collect();
    // A HEAD that knows fewer lines makes the others a torn tail, which is kept.
    assert_eq!([now, set_aside].concat(), lines);
    let Ok(ledger) = opened else { return };
    for n in 0..=LINES {
        match ledger.append(record(n)).unwrap() {
            Appended::New(receipt) | Appended::Duplicate(receipt) => assert_eq!(receipt.seq(), n),
        }
    }
    ledger.close().unwrap();
    let verified = reader.verify().unwrap();
    assert!(verified.ok(), "{:?}", verified.findings);
    assert_eq!(verified.lines, LINES + 1);
}

fn sample() -> MemoryStorage {
    let storage = MemoryStorage::new();
    let config = Config {
        origin: Some("0123456789abcdef0123456789abcdef".to_owned()),
        ..Config::default()
    };
    let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config).unwrap();
    for n in 0..LINES {
        ledger.append(record(n)).unwrap();
    }
    ledger.close().unwrap();
    storage
}

fn record(n: u64) -> Record {
    let identity = format!("{n:064x}");
    let body = format!(r#"{{"Run_ID":"r-{n}","Input_Sha256":"{identity}"}}"#);
    Record::new(&RUNS, body.into_bytes()).unwrap()
}
