//! The same rules on real files.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use common::{ORIGIN, RUNS, append, config, record};
use credit_ledger::{
    AppendError, Config, FileStorage, Ledger, OpenError, Part, ReadError, Reader, Storage,
    StorageError,
};

fn open(dir: &Path) -> Result<Ledger, OpenError> {
    let config = Config {
        lock_wait: Duration::from_secs(30),
        ..config()
    };
    Ledger::open(Box::new(FileStorage::new(dir, "ledger")), RUNS, config)
}

fn reader(dir: &Path) -> Result<Reader, ReadError> {
    Reader::open(Box::new(FileStorage::new(dir, "ledger")), RUNS)
}

#[test]
fn makes_its_directory_and_files() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("runs/monitoring");
    assert!(matches!(reader(&dir), Err(ReadError::Missing)));
    let ledger = open(&dir).unwrap();
    assert!(reader(&dir).unwrap().verify().unwrap().ok());
    append(&ledger, 0..3);
    ledger.close().unwrap();
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["ledger.HEAD", "ledger.jsonl", "ledger.lock"]);
    assert_eq!(
        fs::read_to_string(dir.join("ledger.jsonl"))
            .unwrap()
            .lines()
            .count(),
        3
    );
    assert_eq!(open(&dir).unwrap().origin(), ORIGIN);
}

#[test]
fn two_handles_share_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let writers = [open(dir.path()).unwrap(), open(dir.path()).unwrap()];
    thread::scope(|scope| {
        for (w, writer) in writers.iter().enumerate() {
            scope.spawn(move || {
                for n in 0..100 {
                    let id = format!("w{w}-{n}");
                    writer.append(record(&id, &id)).unwrap();
                    // Both want this one; one of them gets it.
                    writer.append(record(&format!("both-{n}"), "same")).unwrap();
                }
            });
        }
    });
    let stats = writers.iter().map(Ledger::stats);
    let (appended, duplicates) = stats.fold((0, 0), |(a, d), stats| {
        (a + stats.appended, d + stats.duplicates)
    });
    assert_eq!((appended, duplicates), (300, 100));
    drop(writers);
    let verification = reader(dir.path()).unwrap().verify().unwrap();
    assert!(
        verification.ok() && verification.lines == 300,
        "{verification:?}"
    );
    assert_eq!(verification.recorded, verification.head);
}

#[test]
fn many_threads_share_a_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    thread::scope(|scope| {
        for t in 0..4 {
            let ledger = &ledger;
            scope.spawn(move || append(ledger, t * 50..(t + 1) * 50));
        }
    });
    assert_eq!(ledger.len(), 200);
    assert!(ledger.reader().verify().unwrap().ok());
}

#[test]
fn the_lock_names_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let holder = FileStorage::new(dir.path(), "ledger");
    holder.lock(Duration::ZERO).unwrap();
    // Neither another handle nor a second user of the same one gets in.
    assert!(matches!(
        holder.lock(Duration::ZERO),
        Err(StorageError::Locked { .. })
    ));
    let storage = Box::new(FileStorage::new(dir.path(), "ledger"));
    let config = Config {
        lock_wait: Duration::from_millis(3),
        ..config()
    };
    match Ledger::open(storage, RUNS, config) {
        Err(OpenError::Locked { pid }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    let other = FileStorage::new(dir.path(), "ledger");
    let waits = other.wait_until_unlocked(Duration::from_millis(3));
    let Err(locked @ StorageError::Locked { pid }) = waits else {
        panic!("{waits:?}")
    };
    assert_eq!(pid, Some(std::process::id()));
    let named = format!("(process {})", std::process::id());
    assert!(locked.to_string().contains(&named), "{locked}");
    // Where no lock was ever taken, there is nothing to wait for.
    let elsewhere = FileStorage::new(dir.path(), "other");
    elsewhere.wait_until_unlocked(Duration::ZERO).unwrap();
    assert_eq!(elsewhere.lines_path(), dir.path().join("other.jsonl"));
    holder.unlock();
    other.wait_until_unlocked(Duration::ZERO).unwrap();
    // A lock file that somebody removed is made again, and excludes again.
    open(dir.path()).unwrap();
    fs::remove_file(dir.path().join("ledger.lock")).unwrap();
    holder.lock(Duration::from_millis(10)).unwrap();
    let other = FileStorage::new(dir.path(), "ledger");
    assert!(matches!(
        other.lock(Duration::ZERO),
        Err(StorageError::Locked { .. })
    ));
}

#[test]
fn a_torn_tail_is_kept_in_recovered() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()).unwrap(), 0..3);
    let path = dir.path().join("ledger.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes.extend_from_slice(b"{\"Run_ID\":\"torn");
    fs::write(&path, &bytes).unwrap();
    // A reader sees the whole lines; the tail is only a finding.
    assert_eq!(
        reader(dir.path()).unwrap().head().unwrap().unwrap().end,
        end as u64
    );
    let ledger = open(dir.path()).unwrap();
    let kept = Path::new(&ledger.recovered().unwrap().kept_at);
    assert_eq!(fs::read(kept).unwrap(), b"{\"Run_ID\":\"torn");
    let name = kept.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with(&format!("ledger-{end}-")) && name.ends_with(".bin"),
        "{name}"
    );
    assert_eq!(kept.parent().unwrap(), dir.path().join("recovered"));
    assert_eq!(fs::read(&path).unwrap(), bytes[..end]);
}

#[test]
fn a_replaced_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 0..3);
    let (path, copy) = (dir.path().join("ledger.jsonl"), dir.path().join("copy"));
    fs::copy(&path, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    let replaced = |result| matches!(result, Err(AppendError::Storage(StorageError::Replaced)));
    assert!(replaced(ledger.append(record("r-3", "m-3"))));
    fs::remove_file(&path).unwrap();
    assert!(replaced(ledger.append(record("r-3", "m-3"))));
    assert!(!path.exists(), "nothing is made anew");

    // Also by a writer that has not written yet.
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()).unwrap(), 0..3);
    let ledger = open(dir.path()).unwrap();
    let (path, copy) = (dir.path().join("ledger.jsonl"), dir.path().join("copy"));
    fs::copy(&path, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    assert!(replaced(ledger.append(record("r-3", "m-3"))));
}

#[test]
fn readable_in_a_directory_one_may_not_write() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()).unwrap(), 0..3);
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&dir.path().join("ledger.jsonl"), 0o444);
    mode(&dir.path().join("ledger.HEAD"), 0o444);
    fs::remove_file(dir.path().join("ledger.lock")).unwrap();
    mode(dir.path(), 0o555);
    let before = fs::metadata(dir.path()).unwrap().modified().unwrap();
    let reader = reader(dir.path()).unwrap();
    assert!(reader.verify().unwrap().ok());
    assert!(reader.find("r-2").unwrap().is_some());
    assert_eq!(reader.head().unwrap().map(|head| head.seq), Some(2));
    // The superuser may write everywhere, so also look that nothing did.
    assert!(!dir.path().join("ledger.lock").exists());
    assert_eq!(
        fs::metadata(dir.path()).unwrap().modified().unwrap(),
        before
    );
    mode(dir.path(), 0o755);
}

#[test]
fn two_ledgers_in_one_directory_do_not_meet() {
    let dir = tempfile::tempdir().unwrap();
    let runs = open(dir.path()).unwrap();
    let storage = FileStorage::new(dir.path(), "events");
    let events = Ledger::open(Box::new(storage), RUNS, Config::default()).unwrap();
    append(&runs, 0..2);
    append(&events, 0..1);
    assert_ne!(runs.origin(), events.origin());
    assert_eq!((runs.len(), events.len()), (2, 1));
}

#[test]
fn a_storage_behind_a_pointer_is_a_storage() {
    let dir = tempfile::tempdir().unwrap();
    let shared = std::sync::Arc::new(FileStorage::new(dir.path(), "ledger"));
    let ledger = Ledger::open(Box::new(std::sync::Arc::clone(&shared)), RUNS, config()).unwrap();
    append(&ledger, 0..2);
    assert_eq!(
        shared.size(Part::Lines).unwrap(),
        ledger.head().map(|head| head.end)
    );
}
