//! Somebody who may write beside the ledger puts links in its way: none is followed.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use common::{RUNS, append, config};
use credit_ledger::hashed_file::{HashedDir, HashedFileError, Written};
use credit_ledger::{FileStorage, Ledger, OpenError, ReadError, Reader};

fn open(dir: &Path) -> Result<Ledger, OpenError> {
    Ledger::open(Box::new(FileStorage::new(dir, "ledger")), RUNS, config())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn links_in_place_of_the_ledgers_files_are_not_followed() {
    for name in ["ledger.jsonl", "ledger.HEAD", "ledger.lock"] {
        let (outside, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        append(&open(dir.path()).unwrap(), 0..3);
        let (there, target) = (dir.path().join(name), outside.path().join("target"));
        fs::rename(&there, &target).unwrap();
        let before = fs::read(&target).unwrap();
        symlink(&target, &there).unwrap();
        assert!(
            matches!(open(dir.path()), Err(OpenError::Storage(_))),
            "{name}"
        );
        assert_eq!(fs::read(&target).unwrap(), before, "{name}");
        let reader = Reader::open(Box::new(FileStorage::new(dir.path(), "ledger")), RUNS);
        let read = reader.and_then(|reader| reader.verify());
        if name == "ledger.lock" {
            assert!(read.unwrap().ok(), "readers take no lock");
        } else {
            assert!(matches!(read, Err(ReadError::Storage(_))), "{name}");
        }
        // Nor one that leads nowhere: nothing is made at its other end.
        fs::remove_file(&target).unwrap();
        assert!(open(dir.path()).is_err(), "{name}");
        assert!(!target.exists(), "{name}");
    }
}

#[test]
fn a_link_that_takes_the_place_of_an_open_file_is_noticed() {
    let (outside, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 0..3);
    let (there, target) = (
        dir.path().join("ledger.jsonl"),
        outside.path().join("target"),
    );
    fs::rename(&there, &target).unwrap();
    symlink(&target, &there).unwrap();
    assert!(ledger.append(common::record("r-3", "m-3")).is_err());
}

#[test]
fn links_in_place_of_the_index_or_recovered_lead_nowhere() {
    let (outside, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = outside.path().join("idx");
    symlink(&target, dir.path().join("ledger.idx")).unwrap();
    symlink(outside.path(), dir.path().join("recovered")).unwrap();
    let config = credit_ledger::Config {
        index_every: 1,
        ..config()
    };
    let storage = Box::new(FileStorage::new(dir.path(), "ledger"));
    let ledger = Ledger::open(storage, RUNS, config).unwrap();
    append(&ledger, 0..3);
    assert!(ledger.stats().index_failures > 0 && !target.exists());
    drop(ledger);
    let path = dir.path().join("ledger.jsonl");
    let mut torn = fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"torn");
    fs::write(&path, &torn).unwrap();
    // What cannot be set aside safely is not cut off.
    assert!(matches!(open(dir.path()), Err(OpenError::Storage(_))));
    assert_eq!(fs::read(&path).unwrap(), torn);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn hashed_files_do_not_follow_links() {
    let (outside, parent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    symlink(outside.path(), parent.path().join("2026-01-31")).unwrap();
    assert!(HashedDir::open_or_create_in(parent.path(), "2026-01-31").is_err());
    assert!(HashedDir::open_in(parent.path(), "2026-01-31").is_err());
    for name in ["..", ".", "", "a/b"] {
        assert!(
            HashedDir::open_or_create_in(parent.path(), name).is_err(),
            "{name}"
        );
    }
    assert!(
        HashedDir::open_in(parent.path(), "absent")
            .unwrap()
            .is_none()
    );
    let dir = HashedDir::open_or_create_in(parent.path(), "day").unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, b"{}\n").unwrap();
    symlink(&secret, parent.path().join("day/run_r-1.json")).unwrap();
    let io = |result| matches!(result, Err(HashedFileError::Io { .. }));
    assert!(io(dir.write_once("run_r-1.json", b"{}\n", None).map(drop)));
    assert!(io(dir.check("run_r-1.json").map(drop)));
    assert_eq!(fs::read(&secret).unwrap(), b"{}\n");
    assert_eq!(
        dir.write_once("run_r-2.json", b"{}\n", None).unwrap(),
        Written::Created
    );
}

#[test]
fn modes() {
    let parent = tempfile::tempdir().unwrap();
    append(&open(parent.path()).unwrap(), 0..3);
    // Whatever the umask takes away, nothing more is given.
    for name in ["ledger.jsonl", "ledger.HEAD", "ledger.lock"] {
        assert_eq!(mode(&parent.path().join(name)) & !0o640, 0, "{name}");
    }
    let dir = HashedDir::open_or_create_in(parent.path(), "day").unwrap();
    dir.write_once("a.json", b"{}\n", None).unwrap();
    for name in ["day/a.json", "day/a.json.sha256"] {
        assert_eq!(mode(&parent.path().join(name)) & !0o444, 0, "{name}");
    }
}
