//! The story of the full disk: a small file system fills up while a ledger appends. The kernel
//! writes a part of a line and then says that there is no room. Nothing acknowledged is lost,
//! the answer is `NoSpace`, the part is cut off, and the same handle goes on once somebody makes
//! room. The same once more with batches larger than what is left, and with the ledger opened
//! again while the disk is full.
//!
//! The file system is a tmpfs of two megabytes in a mount namespace of its own, made by running
//! this test again under `unshare -m`.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy does not take helpers for tests, and the child is told by its environment \
              what to do"
)]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{RUNS, config};
use credit_ledger::{
    AppendError, Appended, Digest, FileStorage, Ledger, OpenError, Receipt, Record,
};

const DIR: &str = "CREDIT_FULL_DISK_DIR";

#[test]
fn a_full_disk_loses_nothing_and_the_handle_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=2m none "$1" && shift && exec "$@""#;
    let inside = |program: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", script, "sh"]);
        unshare.arg(dir.path()).args(program).stdin(Stdio::null());
        unshare
    };
    let mounts = inside(&["true"]).stderr(Stdio::null()).status();
    if !mounts.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no tmpfs can be mounted here; a full disk is not tested");
        return;
    }
    let this = std::env::current_exe().unwrap();
    let output = inside(&[
        this.to_str().unwrap(),
        "--exact",
        "on_a_small_disk",
        "--nocapture",
    ])
    .env(DIR, dir.path())
    .output()
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    let figure = said.lines().find(|line| line.contains("full disk: "));
    println!("{}", figure.unwrap());
}

/// Runs in the mount namespace of the test above; on its own it does nothing.
#[test]
fn on_a_small_disk() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let dir = Path::new(&dir);
    let mut ledger = open(dir).unwrap();
    let mut acknowledged = Vec::new();
    let mut next = 0;
    let (mut refused, mut reopened_full) = (0, 0);
    for round in 0..24 {
        // From one line a batch to more than there is room for.
        let size = [1, 3, 40, 3000][round % 4];
        // Something else takes nearly all the room, a little less of it each time.
        fill(&dir.join("ballast"), 700 * (round % 7));
        let error = loop {
            let batch: Vec<Record> = (next..next + size).map(line).collect();
            match ledger.append_batch(batch) {
                Ok(answers) => {
                    acknowledged.extend(answers.iter().map(receipt));
                    next += size;
                }
                Err(error) => break error,
            }
        };
        assert!(matches!(error, AppendError::NoSpace(_)), "{error:?}");
        refused += 1;
        // Still full: still typed, nothing lost; readers do not mind.
        let batch = (next..next + size).map(line).collect();
        let again = ledger.append_batch(batch);
        assert!(matches!(again, Err(AppendError::NoSpace(_))), "{again:?}");
        check(&ledger, &acknowledged);
        if round % 3 == 0 {
            drop(ledger);
            ledger = match open(dir) {
                Ok(ledger) => ledger,
                // Recovery may need room itself, and says so.
                Err(OpenError::Storage(_)) => {
                    fs::remove_file(dir.join("ballast")).unwrap();
                    open(dir).unwrap()
                }
                Err(error) => panic!("{error:?}"),
            };
            reopened_full += 1;
            check(&ledger, &acknowledged);
        }
        // Somebody makes room, and the same handle goes on.
        fs::write(dir.join("ballast"), b"").unwrap();
        let answer = ledger.append_batch(vec![line(next)]).unwrap();
        acknowledged.push(receipt(&answer[0]));
        next += 1;
        check(&ledger, &acknowledged);
    }
    ledger.close().unwrap();
    let ledger = open(dir).unwrap();
    check(&ledger, &acknowledged);
    assert_eq!(ledger.len(), acknowledged.len() as u64);
    println!(
        "full disk: {refused} times full, {} lines acknowledged, 0 lost, went on with the same \
         handle each time (opened {reopened_full} times while full)",
        acknowledged.len()
    );
}

fn open(dir: &Path) -> Result<Ledger, OpenError> {
    let storage = FileStorage::new(&dir.join("ledger"), "ledger");
    Ledger::open(Box::new(storage), RUNS, config())
}

fn line(n: usize) -> Record {
    let (identity, note) = (Digest::of(&n.to_le_bytes()), "x".repeat(n % 400));
    let body = format!(r#"{{"Run_ID":"r-{n}","Input_Sha256":"{identity}","Note":"{note}"}}"#);
    Record::new(&RUNS, body.into_bytes()).unwrap()
}

fn receipt(answer: &Result<Appended, credit_ledger::Refused>) -> Receipt {
    match answer {
        Ok(Appended::New(receipt)) => *receipt,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(ledger: &Ledger, acknowledged: &[Receipt]) {
    let reader = ledger.reader();
    let verification = reader.verify().unwrap();
    assert!(verification.ok(), "{:?}", verification.findings);
    assert_eq!(verification.lines, acknowledged.len() as u64);
    let mut scan = reader.scan().unwrap();
    for receipt in acknowledged {
        let line = scan.next_line().unwrap().unwrap();
        assert_eq!((line.seq(), line.hash()), (receipt.seq(), receipt.hash()));
    }
}

/// Writes until there is no room, then leaves so many bytes.
fn fill(ballast: &Path, left: usize) {
    let mut file = fs::File::create(ballast).unwrap();
    let mut size = 0;
    for piece in [64 * 1024, 4096, 512, 1] {
        while file.write_all(&vec![b'x'; piece]).is_ok() {
            size += piece as u64;
        }
        file.set_len(size).unwrap();
    }
    // A page is the least that is given back.
    let room = left.next_multiple_of(4096) as u64;
    file.set_len(size.saturating_sub(room)).unwrap();
}
