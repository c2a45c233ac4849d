//! The story of the kill: four processes append to one ledger. Again and again one of them, or
//! all, get a SIGKILL: while they open, wait for the lock, write, sync, or have just told that a
//! line is safe. A new process takes the place of each, submits once more what its predecessor
//! was not told about, and goes on.
//!
//! The file begins with lines that no ledger wrote: whoever comes first imports them, and may be
//! killed at it.
//!
//! In the end every line that was acknowledged is there once, with the hash of its receipt.
//!
//! The short setting kills 600 times, `CREDIT_LONG=1` 5,000 times. Nothing is timed: the moment
//! is chosen by how many lines were acknowledged, and by turning for a while.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy does not take helpers for tests, and the child is told by its environment \
              what to do"
)]

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use common::{RUNS, Rng, Seed, record};
use credit_ledger::{Appended, Config, FileStorage, ImportError, Ledger, OpenError};

const PROCESSES: usize = 4;
const OLD: &[u8] = b"{\"Run_ID\":\"old-1\"}\n{ \"Run_ID\" : \"old-2\" }\n";
const DIR: &str = "CREDIT_KILL_DIR";
const SLOT: &str = "CREDIT_KILL_SLOT";
const FIRST: &str = "CREDIT_KILL_FIRST";
/// Long enough for any machine: something hangs if nothing happens for so long.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn killed_writers_lose_and_double_nothing() {
    let kills = if common::long() { 5000 } else { 600 };
    let seed = Seed(7);
    let mut rng = Rng(seed.0);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ledger.jsonl"), OLD).unwrap();
    let (sender, receiver) = channel();
    let mut house = House {
        dir: dir.path(),
        sender,
        receiver,
        slots: Vec::new(),
        ended: [false; PROCESSES],
        acknowledged: HashMap::new(),
    };
    for slot in 0..PROCESSES {
        let child = house.start(slot, 0);
        house.slots.push((child, 0));
    }
    let (mut killed, mut together) = (0, 0);
    while killed < kills {
        house.wait_for(rng.below(12));
        for _ in 0..rng.below(40_000) {
            std::hint::spin_loop();
        }
        if rng.once_in(10) {
            for slot in 0..PROCESSES {
                house.slots[slot].0.kill().unwrap();
            }
            for slot in 0..PROCESSES {
                house.bury(slot);
            }
            (killed, together) = (killed + PROCESSES, together + 1);
            house.compare();
            for slot in 0..PROCESSES {
                house.restart(slot);
            }
        } else {
            let slot = rng.below(PROCESSES);
            house.slots[slot].0.kill().unwrap();
            house.bury(slot);
            killed += 1;
            house.restart(slot);
        }
    }
    for slot in 0..PROCESSES {
        house.slots[slot].0.kill().unwrap();
        house.bury(slot);
    }
    let (lines, recovered) = house.compare();
    println!(
        "kill: {killed} processes killed with SIGKILL ({together} times all {PROCESSES} at once), \
         {} lines acknowledged, {lines} in the ledger, {recovered} torn tails kept, 0 lost, 0 \
         doubled",
        house.acknowledged.len()
    );
    assert!(house.acknowledged.len() > killed);
}

/// What a killed process is in the test above; on its own it does nothing.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (slot, mut next) = (number(SLOT), number(FIRST));
    let mut ledger = open(Path::new(&dir));
    loop {
        let numbers: Vec<u64> = (next..next + 1 + next % 3).collect();
        let records = numbers.iter().map(|n| record(&id(slot, *n), "the same"));
        let answers = match ledger.append_batch(records.collect()) {
            Ok(answers) => answers,
            // Somebody was killed in the middle of a batch: open again, try again.
            Err(_) => {
                drop(ledger);
                ledger = open(Path::new(&dir));
                continue;
            }
        };
        let mut told = String::new();
        for (n, answer) in numbers.iter().zip(&answers) {
            let receipt = answer.as_ref().map(Appended::receipt).unwrap();
            told.push_str(&format!("ack {n} {receipt}\n"));
        }
        std::io::stdout().write_all(told.as_bytes()).unwrap();
        next += numbers.len() as u64;
    }
}

fn id(slot: u64, n: u64) -> String {
    format!("r-{slot}-{n}")
}

fn open(dir: &Path) -> Ledger {
    let config = Config {
        // Few enough that HEAD syncs are hit, too.
        head_sync_every: 5,
        lock_wait: PATIENCE,
        ..common::config()
    };
    // Another process may import while this one looks.
    for _ in 0..100 {
        match open_or_import(dir, config.clone()) {
            Err(ImportError::AlreadyALedger | ImportError::Chained { .. }) => {}
            opened => return opened.unwrap(),
        }
    }
    panic!("neither a ledger nor to be imported");
}

fn open_or_import(dir: &Path, config: Config) -> Result<Ledger, ImportError> {
    let storage = || Box::new(FileStorage::new(dir, "ledger"));
    match Ledger::open(storage(), RUNS, config.clone()) {
        Err(OpenError::Unchained) => Ledger::import(storage(), RUNS, config),
        opened => Ok(opened?),
    }
}

struct House<'d> {
    dir: &'d Path,
    sender: Sender<Told>,
    receiver: Receiver<Told>,
    /// Each process with the number of its next record.
    slots: Vec<(Child, u64)>,
    ended: [bool; PROCESSES],
    /// Receipts as `<seq>:<hash>` by id.
    acknowledged: HashMap<String, String>,
}

/// What a process said.
enum Told {
    Acknowledged {
        slot: usize,
        n: u64,
        receipt: String,
    },
    Ended(usize),
}

impl House<'_> {
    fn start(&self, slot: usize, first: u64) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(DIR, self.dir)
            .env(SLOT, slot.to_string())
            .env(FIRST, first.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let sender = self.sender.clone();
        thread::spawn(move || {
            // What was cut off in the middle was not told.
            for line in lines.map_while(Result::ok) {
                let mut words = line.split(' ');
                if words.next() != Some("ack") {
                    continue;
                }
                let (Some(n), Some(receipt)) = (words.next(), words.next()) else {
                    continue;
                };
                if receipt.split(':').nth(1).map(str::len) != Some(64) {
                    continue;
                }
                let (n, receipt) = (n.parse().unwrap(), receipt.to_owned());
                sender
                    .send(Told::Acknowledged { slot, n, receipt })
                    .unwrap();
            }
            let _nobody_waits = sender.send(Told::Ended(slot));
        });
        child
    }

    fn restart(&mut self, slot: usize) {
        let child = self.start(slot, self.slots[slot].1);
        self.slots[slot].0 = child;
        self.ended[slot] = false;
    }

    fn wait_for(&mut self, lines: usize) {
        let until = self.acknowledged.len() + lines;
        while self.acknowledged.len() < until {
            if let Some(slot) = self.hear() {
                panic!("process {slot} ended by itself");
            }
        }
    }

    /// Takes the next word; says which process ended, if one did.
    fn hear(&mut self) -> Option<usize> {
        match self.receiver.recv_timeout(PATIENCE).expect("progress") {
            Told::Acknowledged { slot, n, receipt } => {
                self.slots[slot].1 = n + 1;
                let again = self
                    .acknowledged
                    .insert(id(slot as u64, n), receipt.clone());
                assert!(again.is_none_or(|first| first == receipt), "two receipts");
                None
            }
            Told::Ended(slot) => Some(slot),
        }
    }

    /// Hears everything a killed process still said.
    fn bury(&mut self, slot: usize) {
        self.slots[slot].0.wait().unwrap();
        // All may have been killed at once: their ends come in any order.
        while !self.ended[slot] {
            if let Some(slot) = self.hear() {
                self.ended[slot] = true;
            }
        }
    }

    /// With nobody else at work, the ledger holds what was acknowledged.
    fn compare(&self) -> (u64, usize) {
        let ledger = match open_or_import(self.dir, common::config()) {
            Ok(ledger) => ledger,
            Err(error) => panic!("does not open: {error:?}"),
        };
        let reader = ledger.reader();
        let verification = reader.verify().unwrap();
        assert!(verification.ok(), "{:?}", verification.findings);
        let bytes = std::fs::read(self.dir.join("ledger.jsonl")).unwrap();
        assert!(bytes.starts_with(OLD), "imported lines were changed");
        let imported = reader.imported().unwrap().map(|import| import.bytes);
        assert_eq!(imported, Some(OLD.len() as u64));
        let mut lines = HashMap::new();
        let mut scan = reader.scan_verified().unwrap();
        while let Some(line) = scan.next_line().unwrap() {
            let body = String::from_utf8(line.body()).unwrap();
            let id = body.split('"').nth(3).unwrap().to_owned();
            assert_eq!(line.seq(), lines.len() as u64, "a gap");
            let receipt = format!("{}:{}", line.seq(), line.hash());
            assert!(lines.insert(id, receipt).is_none(), "doubled");
        }
        for (id, receipt) in &self.acknowledged {
            assert_eq!(lines.get(id), Some(receipt), "{id} is lost");
        }
        let recovered = std::fs::read_dir(self.dir.join("recovered"));
        (lines.len() as u64, recovered.map_or(0, Iterator::count))
    }
}
