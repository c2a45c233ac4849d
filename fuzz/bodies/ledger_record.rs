//! `Record::new`: what it accepts is JSON, and its file is the same JSON laid out.

use credit_ledger::{Record, Schema, layout};

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
    if let Ok(compact) = layout::compact(bytes) {
        assert_eq!(layout::compact(&compact).as_ref(), Ok(&compact));
        let pretty = layout::pretty(&compact).unwrap();
        assert_eq!(layout::compact(&pretty), Ok(compact));
    }
    let Ok(record) = Record::new(&RUNS, bytes.to_vec()) else {
        return;
    };
    assert_eq!(
        layout::compact(record.file_bytes().unwrap()).as_deref(),
        Ok(bytes)
    );
    assert!(!record.id().contains('/') && !record.id().contains(".."));
}
