//! `Ledger::open` and `Ledger::import` on arbitrary lines: they refuse or open, and what is open
//! verifies and goes on behind the same bytes.

use credit_ledger::{Config, Ledger, MemoryStorage, OpenError, Part, Reader, Record, Schema};

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
    let opened = Ledger::open(Box::new(storage.clone()), RUNS, Config::default());
    let ledger = match opened {
        // Without a HEAD only a whole chain opens.
        Ok(ledger) => {
            assert!(verified.ok());
            ledger
        }
        Err(error) => {
            let imported = Ledger::import(Box::new(storage.clone()), RUNS, Config::default());
            // Refused or imported: every byte is still there.
            assert_eq!(storage.contents(Part::Lines).as_deref(), Some(bytes));
            let Ok(ledger) = imported else { return };
            assert!(matches!(error, OpenError::Unchained));
            ledger
        }
    };
    let body = format!(
        r#"{{"Run_ID":"new-run","Input_Sha256":"{}"}}"#,
        "a".repeat(64)
    );
    let _ = ledger.append(Record::new(&RUNS, body.into_bytes()).unwrap());
    assert!(reader.verify().unwrap().ok());
    let lines = storage.contents(Part::Lines).unwrap();
    assert!(lines.starts_with(bytes));
}
