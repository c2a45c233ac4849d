//! `Ledger::open` on arbitrary lines: it refuses or opens, and what it opens verifies and goes on.

use credit_ledger::{Config, Ledger, MemoryStorage, Part, Reader, Record, Schema};

const RUNS: Schema = Schema {
    id: "Run_ID",
    identity: "Input_Sha256",
    file_hash: Some("Run_Sha256"),
    origin: "Ledger_Origin",
    time: None,
    severity: None,
    scenario: None,
};

pub(crate) fn check(bytes: &[u8]) {
    let storage = MemoryStorage::with_lines(bytes.to_vec());
    let reader = Reader::open(Box::new(storage.clone()), RUNS).unwrap();
    let verified = reader.verify().unwrap();
    let Ok(ledger) = Ledger::open(Box::new(storage.clone()), RUNS, Config::default()) else {
        // Refused: every byte is still there.
        assert_eq!(storage.contents(Part::Lines).as_deref(), Some(bytes));
        return;
    };
    // Without a HEAD only a whole chain opens.
    assert!(verified.ok());
    let body = format!(
        r#"{{"Run_ID":"new-run","Input_Sha256":"{}"}}"#,
        "a".repeat(64)
    );
    let _ = ledger.append(Record::new(&RUNS, body.into_bytes()).unwrap());
    assert!(reader.verify().unwrap().ok());
}
