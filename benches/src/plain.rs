//! Records that a ledger and other stores keep alike: an id, and text to fill them up.

use credit_monitor::ledger::{Digest, Schema};

/// What a ledger takes them for: nothing is indexed, and they have no files.
pub const PLAIN: Schema = Schema {
    id: "Run_ID",
    identity: "Input_Sha256",
    file_hash: None,
    origin: "Ledger_Origin",
    time: None,
    severity: None,
    scenario: None,
};

/// How long each of them is.
pub const PLAIN_BYTES: usize = 700;

/// The record of this number, as JSON.
pub fn plain(n: usize) -> Vec<u8> {
    let identity = Digest::of(&n.to_le_bytes());
    let start = format!(r#"{{"Run_ID":"r-{n}","Input_Sha256":"{identity}","Note":""#);
    let padding = "x".repeat(PLAIN_BYTES - start.len() - 2);
    format!("{start}{padding}\"}}").into_bytes()
}
