//! How does a ledger keep its bytes somewhere else than in one folder?
//!
//! `cargo run --example custom_storage` keeps each line in two folders, as two disks would, and
//! goes on from the second one when the first is lost.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use credit_ledger::{
    Config, FileStorage, Ledger, Part, Reader, Record, Schema, Storage, StorageError,
};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    keep_twice(folder.path(), &mut io::stdout().lock())
}

pub(crate) fn keep_twice(folder: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let (one, other) = (folder.join("one"), folder.join("other"));
    let storage = Mirrored::new(&one, &other);
    let ledger = Ledger::open(Box::new(storage), RECORDS, Config::default())?;
    for number in 1..=3 {
        let body = format!(r#"{{"Id":"r-{number}","Identity":"{number:064}","amount":{number}}}"#);
        ledger.append(Record::new(&RECORDS, body.into_bytes())?)?;
    }
    let head = ledger.head();
    drop(ledger);

    std::fs::remove_dir_all(&one)?;
    let reader = Reader::open(Box::new(FileStorage::new(&other, "ledger")), RECORDS)?;
    let verified = reader.verify()?;
    anyhow::ensure!(verified.ok() && verified.head == head, "the mirror differs");
    writeln!(
        out,
        "The first folder is gone; the second has all {} lines, and its chain is whole.",
        verified.lines
    )?;
    Ok(())
}

/// Two places for the same bytes: what is acknowledged is durable in both.
///
/// Its contract is in `docs/write-a-storage.md`. A failure of either is a failure: the ledger then
/// goes no further until it is opened anew, and that compares what is there.
#[derive(Debug)]
pub(crate) struct Mirrored {
    first: FileStorage,
    second: FileStorage,
}

impl Mirrored {
    pub(crate) fn new(first: &Path, second: &Path) -> Mirrored {
        Mirrored {
            first: FileStorage::new(first, "ledger"),
            second: FileStorage::new(second, "ledger"),
        }
    }
}

impl Storage for Mirrored {
    /// One lock, of the first place, is enough: nobody writes to the second without it. Taking
    /// the second, too, makes its folder.
    fn lock(&self, wait: Duration) -> Result<(), StorageError> {
        self.first.lock(wait)?;
        self.second.lock(wait).inspect_err(|_| self.first.unlock())
    }

    fn unlock(&self) {
        self.second.unlock();
        self.first.unlock();
    }

    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        self.first.size(part)
    }

    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        self.first.read_at(part, offset, buffer)
    }

    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.second.write_at(part, offset, bytes)?;
        self.first.write_at(part, offset, bytes)
    }

    fn truncate(&self, size: u64) -> Result<(), StorageError> {
        self.second.truncate(size)?;
        self.first.truncate(size)
    }

    fn sync(&self, part: Part) -> Result<(), StorageError> {
        self.second.sync(part)?;
        self.first.sync(part)
    }

    fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError> {
        self.second.set_aside(offset, bytes)?;
        self.first.set_aside(offset, bytes)
    }
}

/// Any JSON object with an id and the hash of what identifies it is a record.
const RECORDS: Schema = Schema {
    id: "Id",
    identity: "Identity",
    file_hash: None,
    origin: "Origin",
    time: None,
    severity: None,
    scenario: None,
};
