//! The story of the cut, in real files: a batch of three lines was being written when the power
//! went, HEAD knows the batch before, and the file ends anywhere within the new bytes. Opened
//! again, the whole lines stay, the rest is in `recovered/` byte for byte, and the ledger goes
//! on. A file that ends or was changed before the place HEAD knows is refused by its name, and
//! not touched.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use std::fs;
use std::path::Path;

use common::{RUNS, append, config};
use credit_ledger::{FileStorage, FindingKind, Ledger, OpenError};

/// Four acknowledged lines, then three that HEAD does not know: both files and the boundary.
fn torn_batch(dir: &Path) -> (Vec<u8>, Vec<u8>, usize) {
    append(&open(dir).unwrap(), 0..4);
    let head = fs::read(dir.join("ledger.HEAD")).unwrap();
    let acknowledged = fs::metadata(dir.join("ledger.jsonl")).unwrap().len();
    append(&open(dir).unwrap(), 4..7);
    let lines = fs::read(dir.join("ledger.jsonl")).unwrap();
    (lines, head, acknowledged as usize)
}

#[test]
fn a_batch_cut_at_every_byte_is_recovered_and_its_bytes_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (lines, head, acknowledged) = torn_batch(dir);
    let recovered = dir.join("recovered");
    let mut cuts = 0;
    for cut in acknowledged..=lines.len() {
        put(dir, &lines[..cut], &head);
        let ledger = open(dir).unwrap();
        let whole = lines[..cut].iter().rposition(|&byte| byte == b'\n');
        let whole = whole.map_or(0, |newline| newline + 1);
        let kept: Vec<Vec<u8>> = match fs::read_dir(&recovered) {
            Ok(files) => files
                .map(|f| fs::read(f.unwrap().path()).unwrap())
                .collect(),
            Err(_) => Vec::new(),
        };
        if whole == cut {
            assert!(ledger.recovered().is_none() && kept.is_empty());
        } else {
            assert_eq!(kept, [&lines[whole..cut]], "cut at {cut}");
            let recovery = ledger.recovered().unwrap();
            assert_eq!(recovery.offset, whole as u64);
            assert_eq!(
                fs::read(&recovery.kept_at).unwrap(),
                lines[whole..cut],
                "where the ledger says"
            );
            fs::remove_dir_all(&recovered).unwrap();
        }
        append(&ledger, 4..8);
        let verification = ledger.reader().verify().unwrap();
        assert!(verification.ok() && verification.lines == 8, "cut at {cut}");
        cuts += 1;
    }
    println!("cut: {cuts} of {cuts} cuts of an unacknowledged batch recovered, cut bytes kept");
}

#[test]
fn a_cut_or_a_change_before_head_is_refused_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (lines, head, acknowledged) = torn_batch(dir);
    let (mut cuts, mut changes) = (0, 0);
    for cut in 0..acknowledged {
        put(dir, &lines[..cut], &head);
        match open(dir) {
            Err(OpenError::RolledBack { head, size }) => {
                assert_eq!((head.seq, size), (3, cut as u64));
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
        assert_eq!(fs::read(dir.join("ledger.jsonl")).unwrap(), lines[..cut]);
        cuts += 1;
    }
    for at in 0..acknowledged {
        let mut changed = lines.clone();
        changed[at] ^= 1;
        put(dir, &changed, &head);
        let line = lines[..at].iter().filter(|&&byte| byte == b'\n').count() as u64;
        match open(dir) {
            Err(OpenError::Corrupt { seq, kind, .. }) => {
                assert_eq!(seq, line, "byte {at}");
                assert!(!matches!(kind, FindingKind::TornTail { .. }));
            }
            // The origin in line 0 is what tells histories apart.
            Err(OpenError::Forked { head: None }) if line == 0 => {}
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(fs::read(dir.join("ledger.jsonl")).unwrap(), changed);
        changes += 1;
    }
    assert!(!dir.join("recovered").exists());
    println!("cut: {cuts} cuts and {changes} changes before HEAD refused by name, files untouched");
}

fn open(dir: &Path) -> Result<Ledger, OpenError> {
    Ledger::open(Box::new(FileStorage::new(dir, "ledger")), RUNS, config())
}

fn put(dir: &Path, lines: &[u8], head: &[u8]) {
    fs::write(dir.join("ledger.jsonl"), lines).unwrap();
    fs::write(dir.join("ledger.HEAD"), head).unwrap();
}
