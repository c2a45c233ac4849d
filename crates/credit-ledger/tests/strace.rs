//! The story of the failing call: a small session (open, append three lines, close, open again,
//! append one) runs under strace, once undisturbed and then once for each of its calls that
//! touch the ledger's directory and each thing that can happen to that call: EIO, ENOSPC, EINTR,
//! a write that writes nothing, SIGKILL. A second session begins with a torn tail and a third with
//! lines that no ledger wrote, so that the calls of a recovery and of an import are among them.
//!
//! The session goes on as a program would: it tries again and opens again. Afterwards, with
//! nothing failing, the ledger opens, verifies, holds every line whose receipt was told, and
//! takes another.
//!
//! strace can make a write say that it wrote a part, but not write a part. Writes that do are in
//! `crash.rs` and, by a real kernel, in `full_disk.rs`.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "clippy does not take helpers for tests, and the child is told by its environment \
              what to do"
)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{RUNS, append, config, record};
use credit_ledger::hashed_file::HashedDir;
use credit_ledger::{Appended, Config, FileStorage, ImportError, Ledger, OpenError};

const DIR: &str = "CREDIT_STRACE_DIR";
/// Where files are written instead of a ledger.
const FILES_DIR: &str = "CREDIT_STRACE_FILES_DIR";
const LOG: &str = "strace.log";

/// What is there when a session begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Before {
    Nothing,
    TornTail,
    Unchained,
}

const UNCHAINED: &[u8] = b"{\"Run_ID\":\"s-0\"}\n{ \"Run_ID\" : \"old\" }\n";

fn main() {
    if let Some(dir) = std::env::var_os(DIR) {
        return session(Path::new(&dir));
    }
    if let Some(dir) = std::env::var_os(FILES_DIR) {
        return durable_files(Path::new(&dir));
    }
    // Asked for by name, as by `cargo test <filter>`: this is one test.
    let mut names = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let listed = std::env::args().any(|arg| arg == "--list");
    if listed || names.next().is_some_and(|name| !"strace".contains(&name)) || !strace_works() {
        return;
    }
    every_call_fails_once_in_every_way();
    a_line_is_synced_between_its_write_and_the_output_that_acknowledges_it();
    a_durable_file_is_synced_before_it_has_its_name();
    a_kernel_without_openat2_opens_the_same_and_follows_no_link();
}

fn every_call_fails_once_in_every_way() {
    for before in [Before::Nothing, Before::TornTail, Before::Unchained] {
        let clean = Session::run(before, None);
        assert_eq!(clean.told.len(), 4, "{}", clean.log);
        clean.check();
        let calls = clean.calls();
        let cases: Vec<(&Call, &str)> = calls
            .iter()
            .flat_map(|call| call.faults().into_iter().map(move |fault| (call, fault)))
            .collect();
        let (next, met) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            // Most of the time is spent waiting for strace and the disk.
            for _ in 0..2 * thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    while let Some((call, fault)) = cases.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let session = Session::run(before, Some((call, fault)));
                        assert!(session.was_disturbed(), "{call:?} {fault}\n{}", session.log);
                        session.check();
                        met.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let mut names = BTreeMap::<&str, usize>::new();
        for call in &calls {
            *names.entry(&call.name).or_default() += 1;
        }
        println!(
            "strace: {} of {} injections ({} occurrences of calls, at first {before:?}: \
             {names:?}), the ledger verified after each",
            met.into_inner(),
            cases.len(),
            calls.len(),
        );
    }
}

/// What the promise is about: the bytes are on the disk before anybody hears of it.
fn a_line_is_synced_between_its_write_and_the_output_that_acknowledges_it() {
    let session = Session::run(Before::Nothing, None);
    let mut state = "nothing written";
    let mut told = 0;
    for line in session.log.lines() {
        let of_lines = line.contains("ledger.jsonl>");
        if line.contains("write") && of_lines && !line.contains(r#", "", 0"#) {
            state = "written";
        } else if line.contains(" fdatasync(") && of_lines && line.ends_with("= 0") {
            assert_ne!(state, "told", "{}", session.log);
            state = "synced";
        } else if line.contains(" write(1") && line.contains("ack ") {
            assert_eq!(state, "synced", "{}", session.log);
            state = "told";
            told += 1;
        }
    }
    assert_eq!(told, 4, "{}", session.log);
    println!("strace: {told} of {told} lines were synced between their write and their receipt");
}

/// The file, its sidecar and the directory, however short the file is.
fn a_durable_file_is_synced_before_it_has_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let output = strace(dir.path(), FILES_DIR, None);
    let log = fs::read_to_string(dir.path().join(LOG)).unwrap();
    assert!(output.status.success(), "{log}");
    let (mut unsynced, mut syncs, mut told) = (false, 0, 0);
    for line in log.lines() {
        if line.contains(" write(1") && line.contains("ack") {
            assert!(!unsynced && syncs == 3, "{log}");
            (syncs, told) = (0, told + 1);
        } else if line.contains("/day") && line.contains("write") {
            unsynced = true;
        } else if line.contains("/day") && line.contains(" fsync(") {
            (unsynced, syncs) = (false, syncs + 1);
        } else if line.contains("rename") {
            assert!(!unsynced, "{log}");
        }
    }
    assert_eq!(told, FILES.len(), "{log}");
    println!("strace: {told} of {told} durable files were synced before they had their names");
}

/// Older kernels and some sandboxes: each `openat2` fails as they let it fail.
fn a_kernel_without_openat2_opens_the_same_and_follows_no_link() {
    for error in ["ENOSYS", "EPERM"] {
        let fault = format!("inject=openat2:error={error}");
        for before in [Before::Nothing, Before::TornTail, Before::Unchained] {
            let session = Session::run_with(before, Some(&fault));
            assert_eq!(session.told.len(), 4, "{}", session.log);
            assert!(session.was_disturbed());
            assert!(session.log.contains("O_NOFOLLOW"), "{}", session.log);
            session.check();
        }
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("target");
        fs::write(&target, b"").unwrap();
        fs::create_dir(dir.path().join("new")).unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join("new/ledger.jsonl")).unwrap();
        let output = strace(dir.path(), DIR, Some(&fault));
        let log = fs::read_to_string(dir.path().join(LOG)).unwrap();
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{log}"
        );
        assert!(log.contains("ELOOP"), "{log}");
        assert_eq!(fs::read(&target).unwrap(), b"");
    }
    println!("strace: without openat2 the same lines, and no link followed");
}

/// What runs under strace.
fn session(dir: &Path) {
    let mut ledger = None;
    for n in 0..4 {
        if n == 3
            && let Some(ledger) = ledger.take()
        {
            let _safe_already = Ledger::close(ledger);
        }
        // One call fails, so what depends on it may fail, and what comes next may not.
        for attempt in 0..4 {
            assert!(attempt < 3, "line {n} cannot be appended");
            let Some(open) = ledger.take().or_else(|| open(dir).ok()) else {
                continue;
            };
            match open.append(record(&format!("s-{n}"), "the same")) {
                Ok(appended) => {
                    let told = format!("ack {n} {}\n", Appended::receipt(&appended));
                    std::io::stdout().write_all(told.as_bytes()).unwrap();
                    ledger = Some(open);
                    break;
                }
                // A first failure may pass by itself; after a second one it is opened again.
                Err(_) if attempt == 0 => ledger = Some(open),
                Err(_) => drop(open),
            }
        }
    }
    if let Some(ledger) = ledger {
        let _safe_already = ledger.close();
    }
}

/// Names and lengths: short, long, and there already.
const FILES: [(&str, usize); 3] = [("a.json", 9), ("b.json", 9_000), ("a.json", 9)];

/// What runs under strace in the place of a session.
fn durable_files(dir: &Path) {
    let dir = HashedDir::open_or_create_in(dir, "day").unwrap();
    for (name, length) in FILES {
        let written = dir.write_once_durable(name, &vec![b'x'; length], None);
        let told = format!("ack {:?}\n", written.unwrap());
        std::io::stdout().write_all(told.as_bytes()).unwrap();
    }
}

/// Opens the ledger, or imports what is there if it says that this comes first. Its index is
/// written at once, so that its calls are among those that fail.
fn open(dir: &Path) -> Result<Ledger, ImportError> {
    let storage = || Box::new(FileStorage::new(&dir.join("new"), "ledger"));
    let config = || Config {
        index_every: 1,
        ..config()
    };
    match Ledger::open(storage(), RUNS, config()) {
        Err(OpenError::Unchained) => Ledger::import(storage(), RUNS, config()),
        opened => Ok(opened?),
    }
}

/// Runs what `session` names in a directory, where strace leaves its log.
fn strace(dir: &Path, session: &str, fault: Option<&str>) -> Output {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-y", "-s", "64", "-o"])
        .arg(dir.join(LOG));
    strace.args(["-e", "trace=%file,%desc"]);
    if let Some(fault) = fault {
        strace.args(["-e", fault]);
    }
    strace
        .arg(std::env::current_exe().unwrap())
        .env(session, dir)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

struct Session {
    dir: tempfile::TempDir,
    /// What strace wrote.
    log: String,
    /// Which line has which receipt.
    told: Vec<(String, String)>,
    /// Lines that were there before.
    before: Vec<(String, String)>,
    imported: &'static [u8],
    what: String,
}

/// One call of the undisturbed session.
#[derive(Debug)]
struct Call {
    name: String,
    /// Which one of this name it is.
    occurrence: usize,
}

impl Session {
    fn run(before: Before, disturbed: Option<(&Call, &str)>) -> Self {
        let fault = disturbed.map(|(Call { name, occurrence }, fault)| {
            format!("inject={name}:{fault}:when={occurrence}")
        });
        Self::run_with(before, fault.as_deref())
    }

    fn run_with(before: Before, fault: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (mut lines, mut imported) = (Vec::new(), b"".as_slice());
        match before {
            Before::Nothing => {}
            Before::TornTail => lines = torn_tail(dir.path()),
            Before::Unchained => {
                imported = UNCHAINED;
                fs::create_dir(dir.path().join("new")).unwrap();
                fs::write(dir.path().join("new/ledger.jsonl"), imported).unwrap();
            }
        }
        let what = fault.unwrap_or("undisturbed").to_owned();
        let output = strace(dir.path(), DIR, fault);
        let told = String::from_utf8(output.stdout).unwrap();
        let killed = what.contains("KILL");
        assert!(
            output.status.success() || killed,
            "{what}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told = told.lines().filter_map(|line| {
            let (n, receipt) = line.split_once("ack ")?.1.split_once(' ')?;
            Some((format!("s-{n}"), receipt.to_owned()))
        });
        Self {
            told: told.collect(),
            before: lines,
            imported,
            log: fs::read_to_string(dir.path().join(LOG)).unwrap(),
            dir,
            what,
        }
    }

    /// Every call that names the ledger's directory or one of its files.
    fn calls(&self) -> Vec<Call> {
        let dir = self.dir.path().join("new").display().to_string();
        let mut counts = HashMap::<(&str, &str), usize>::new();
        let mut calls = Vec::new();
        for line in self.log.lines() {
            let Some((thread, call)) = line.split_once(' ') else {
                continue;
            };
            let Some((name, arguments)) = call.trim_start().split_once('(') else {
                continue;
            };
            // strace counts for each thread by itself.
            let count = counts.entry((thread, name)).or_default();
            *count += 1;
            if arguments.contains(&dir) {
                calls.push(Call {
                    name: name.to_owned(),
                    occurrence: *count,
                });
            }
        }
        assert!(calls.len() > 20, "{}", self.log);
        calls
    }

    fn was_disturbed(&self) -> bool {
        self.log.contains("(INJECTED)") || self.log.contains("+++ killed by SIGKILL +++")
    }

    #[track_caller]
    fn check(&self) {
        let what = &self.what;
        let ledger = match open(self.dir.path()) {
            Ok(ledger) => ledger,
            Err(error) => panic!("{what}: does not open: {error:?}\n{}", self.log),
        };
        append(&ledger, [7]);
        let reader = ledger.reader();
        let verification = reader.verify().unwrap();
        assert!(verification.ok(), "{what}: {:?}", verification.findings);
        for (id, receipt) in self.before.iter().chain(&self.told) {
            let line = ledger.find(id).unwrap();
            let found = line.map(|line| format!("{}:{}", line.seq(), line.hash()));
            assert_eq!(found.as_ref(), Some(receipt), "{what}: {id}\n{}", self.log);
        }
        let bytes = fs::read(self.dir.path().join("new/ledger.jsonl")).unwrap();
        assert!(bytes.starts_with(self.imported), "{what}: imported lines");
        let imported = reader.imported().unwrap().map_or(0, |import| import.bytes);
        assert_eq!(imported, self.imported.len() as u64, "{what}");
        let most = (self.before.len() + 4 + 1) as u64;
        assert!(verification.lines <= most, "{what}: invented lines");
    }
}

impl Call {
    fn faults(&self) -> Vec<&'static str> {
        let mut faults = vec!["error=EIO", "error=ENOSPC", "error=EINTR", "signal=KILL"];
        if self.name.contains("write") {
            faults.push("retval=0");
        }
        faults
    }
}

/// Two lines and a half, as a crash leaves them.
fn torn_tail(dir: &Path) -> Vec<(String, String)> {
    let ledger = open(dir).unwrap();
    let receipts = append(&ledger, 0..2);
    let head = fs::read(dir.join("new/ledger.HEAD")).unwrap();
    append(&ledger, 2..3);
    drop(ledger);
    let lines = fs::read(dir.join("new/ledger.jsonl")).unwrap();
    fs::write(dir.join("new/ledger.jsonl"), &lines[..lines.len() - 100]).unwrap();
    fs::write(dir.join("new/ledger.HEAD"), head).unwrap();
    (0..2)
        .map(|n| (format!("r-{n}"), receipts[n].to_string()))
        .collect()
}

fn strace_works() -> bool {
    let status = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    let works = status.is_ok_and(|status| status.success());
    if !works {
        eprintln!("SKIPPED: strace is missing or may not trace here; failing calls are not tested");
    }
    works
}
