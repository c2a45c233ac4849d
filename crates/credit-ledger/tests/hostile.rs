//! Somebody who may write beside the ledger puts links in its way: none is followed.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

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

/// What may stand in the place of a file, and how it comes there.
const IN_PLACE: [(&str, fn(&Path)); 4] = [
    ("a FIFO", |path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }),
    ("a directory", |path| fs::create_dir(path).unwrap()),
    ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("a device", |path| symlink("/dev/zero", path).unwrap()),
];

/// Runs it, and fails if it waits for ever.
#[track_caller]
fn in_time<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(run()));
    let done = receiver.recv_timeout(Duration::from_secs(60));
    done.unwrap_or_else(|_| panic!("{what}: waits for ever, or panicked"))
}

fn kind_of(path: &Path) -> fs::FileType {
    fs::symlink_metadata(path).unwrap().file_type()
}

#[test]
fn nothing_in_the_place_of_a_file_is_waited_for() {
    for name in ["ledger.jsonl", "ledger.HEAD", "ledger.lock", "ledger.idx"] {
        for (what, put) in IN_PLACE {
            let dir = tempfile::tempdir().unwrap();
            append(&open(dir.path()).unwrap(), 0..3);
            let there = dir.path().join(name);
            let _may_be_absent = fs::remove_file(&there);
            put(&there);
            let (before, at) = (kind_of(&there), dir.path().to_owned());
            let what = format!("{what} in the place of {name}");
            let failed = in_time(&what, move || {
                let storage = || Box::new(FileStorage::new(&at, "ledger"));
                let opened = open(&at);
                let read = Reader::open(storage(), RUNS).and_then(|reader| {
                    reader.find("r-1")?;
                    reader.find("absent")?;
                    reader.verify()
                });
                let unlocked = storage().wait_until_unlocked(Duration::ZERO);
                [opened.is_err(), read.is_err(), unlocked.is_err()]
            });
            // The index only saves time, and readers take no lock.
            let is_lock = name == "ledger.lock";
            let is_read = !is_lock && name != "ledger.idx";
            assert_eq!(failed, [is_lock || is_read, is_read, is_lock], "{what}");
            assert_eq!(kind_of(&there), before, "{what}");
        }
    }
}

#[test]
fn nothing_in_the_place_of_a_hashed_file_is_waited_for_or_replaced() {
    for name in ["a.json", "a.json.sha256"] {
        for (what, put) in IN_PLACE {
            let parent = tempfile::tempdir().unwrap();
            let dir = HashedDir::open_or_create_in(parent.path(), "day").unwrap();
            dir.write_once("a.json", b"{}\n", None).unwrap();
            let there = parent.path().join("day").join(name);
            fs::remove_file(&there).unwrap();
            put(&there);
            let before = kind_of(&there);
            let what = format!("{what} in the place of {name}");
            let answers = in_time(&what, move || {
                let once = dir.write_once("a.json", b"{}\n", None);
                let durable = dir.write_once_durable("a.json", b"{}\n", None);
                [
                    dir.check("a.json").map(drop),
                    once.map(drop),
                    durable.map(drop),
                ]
            });
            for answer in answers {
                assert!(matches!(answer, Err(HashedFileError::Io { .. })), "{what}");
            }
            assert_eq!(kind_of(&there), before);
        }
    }
}

/// A tail that cannot be kept is not cut off, whatever keeps it from being kept.
#[test]
fn a_tail_is_cut_off_only_when_it_is_kept() {
    let torn = b"{\"torn";
    let kept_as = |end: usize| {
        let hash = credit_ledger::Digest::of(torn).to_string();
        format!("ledger-{end}-{}.bin", &hash[..16])
    };
    let mut ways: Vec<Box<dyn Fn(&Path, &str)>> = vec![Box::new(|recovered, _| {
        fs::write(recovered, b"a file").unwrap();
    })];
    ways.push(Box::new(|recovered, name| {
        // The name is taken by other bytes.
        fs::create_dir(recovered).unwrap();
        fs::write(recovered.join(name), b"others").unwrap();
    }));
    for (_, put) in IN_PLACE {
        ways.push(Box::new(move |recovered, name| {
            fs::create_dir(recovered).unwrap();
            put(&recovered.join(name));
        }));
        ways.push(Box::new(move |recovered, _| put(recovered)));
    }
    for (way, hinder) in ways.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        append(&open(dir.path()).unwrap(), 0..3);
        let path = dir.path().join("ledger.jsonl");
        let mut lines = fs::read(&path).unwrap();
        let name = kept_as(lines.len());
        lines.extend_from_slice(torn);
        fs::write(&path, &lines).unwrap();
        let recovered = dir.path().join("recovered");
        hinder(&recovered, &name);
        let at = dir.path().to_owned();
        let opened = in_time("opening", move || open(&at).map(drop));
        if opened.is_ok() {
            assert_eq!(fs::read(recovered.join(&name)).unwrap(), torn, "way {way}");
        } else {
            assert!(matches!(opened, Err(OpenError::Storage(_))), "way {way}");
            assert_eq!(fs::read(&path).unwrap(), lines, "way {way}");
        }
    }
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
