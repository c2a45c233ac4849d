//! The public face of a ledger that is written to.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Digest;
use crate::error::{AppendError, OpenError, Refused};
use crate::line::OwnedLine;
use crate::open;
use crate::reader::{ReadError, Reader};
use crate::record::{Record, Schema};
use crate::storage::Storage;
use crate::writer::Writer;

/// A ledger that is written to. Share it between threads by reference.
///
/// ```
/// use credit_ledger::{Appended, Config, Ledger, MemoryStorage, Record, Schema};
///
/// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
/// #     file_hash: None, origin: "Ledger_Origin" };
/// let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
/// let body = format!(r#"{{"Run_ID":"r-1","Input_Sha256":"{}"}}"#, "0".repeat(64));
/// let record = Record::new(&RUNS, body.into_bytes())?;
///
/// assert!(matches!(ledger.append(record.clone())?, Appended::New(_)));
/// // The same once more writes nothing and gives the first receipt.
/// assert!(matches!(ledger.append(record)?, Appended::Duplicate(_)));
/// assert_eq!(ledger.len(), 1);
/// assert!(ledger.find("r-1")?.is_some());
/// ledger.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ledger {
    storage: Arc<dyn Storage>,
    schema: Schema,
    origin: String,
    recovery: Option<Recovery>,
    writer: Mutex<Writer>,
}

/// How a ledger is opened.
#[derive(Clone, Debug)]
pub struct Config {
    /// What a receipt promises.
    pub durability: Durability,
    /// How long to wait for another writer to finish its batch.
    pub lock_wait: Duration,
    /// The origin of a ledger that is made anew, 32 lower-case hex digits; random if `None`.
    /// A fixed one makes the same appends give the same bytes, which tests want.
    pub origin: Option<String>,
    /// HEAD is synced after this many batches, besides at close; 0 means only at close. A HEAD
    /// that a loss of power set back costs no line: lines are synced before it is written. It
    /// only lets the next open notice less.
    pub head_sync_every: u32,
}

/// What a receipt promises.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Durability {
    /// The line survives a loss of power.
    #[default]
    Synced,
    /// The line survives the end of this process, but maybe not a loss of power: lines are
    /// synced with HEAD, every [`Config::head_sync_every`] batches and at close.
    Buffered,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Appended {
    /// It was written.
    New(Receipt),
    /// The same record was there already: nothing was written, this is its first receipt.
    Duplicate(Receipt),
}

/// Proof that a line is kept as [`Durability`] says. Only the ledger makes one.
///
/// Its text is `<seq>:<hash>`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    seq: u64,
    hash: Digest,
}

/// The last line of a ledger.
///
/// Its text is `<seq>:<hash>`. Whoever notes it elsewhere can tell later whether anything up
/// to it was changed or removed ([`Reader::contains`]).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// The line's number.
    pub seq: u64,
    /// The line's hash.
    pub hash: Digest,
    /// Where it ends in the file, newline included.
    pub end: u64,
}

/// What was cut off when the ledger was opened: an end no acknowledged line was in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recovery {
    /// Where the cut is.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// Where they are now.
    pub kept_at: String,
    /// What was wrong with them.
    pub kind: crate::FindingKind,
}

/// What a ledger did since it was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// What its receipts promise.
    pub durability: Durability,
    /// Batches that were acknowledged.
    pub batches: u64,
    /// Lines that were written and acknowledged.
    pub appended: u64,
    /// Records that were there already.
    pub duplicates: u64,
    /// Records that were refused.
    pub refused: u64,
    /// Lines of other writers that were caught up with.
    pub caught_up: u64,
    /// Syncs of the lines.
    pub syncs: u64,
    /// Writes of HEAD that failed. The lines were safe already; HEAD is behind.
    pub head_failures: u64,
}

impl Ledger {
    /// Opens a ledger, or makes one if nothing at all exists.
    ///
    /// The whole chain is verified. An end that was torn by a crash before it was
    /// acknowledged is set aside and cut off ([`Ledger::recovered`]); everything else that is
    /// wrong is an error and left as it is.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        storage: Box<dyn Storage>,
        schema: Schema,
        config: Config,
    ) -> Result<Self, OpenError> {
        let storage: Arc<dyn Storage> = Arc::from(storage);
        let (writer, recovery) = open::open(Arc::clone(&storage), schema, config)?;
        let origin = writer.origin().to_owned();
        Ok(Self {
            storage,
            schema,
            origin,
            recovery,
            writer: Mutex::new(writer),
        })
    }

    /// Appends one record.
    ///
    /// # Errors
    /// The record is not acknowledged; see [`AppendError`]. If it was refused, that is
    /// [`AppendError::Refused`].
    pub fn append(&self, record: Record) -> Result<Appended, AppendError> {
        let answer = self.append_batch(vec![record])?.pop();
        Ok(answer.ok_or(AppendError::Poisoned(None))??)
    }

    /// Appends records in their order with one sync, and answers in the same order.
    ///
    /// A refused record does not stop the others.
    ///
    /// # Errors
    /// Nothing of the batch is acknowledged; see [`AppendError`].
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, Record, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin" };
    /// # let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
    /// let record = |id, digit: &str| {
    ///     let identity = digit.repeat(64);
    ///     let body = format!(r#"{{"Run_ID":"{id}","Input_Sha256":"{identity}"}}"#);
    ///     Record::new(&RUNS, body.into_bytes())
    /// };
    /// let batch = vec![record("r-1", "0")?, record("r-1", "1")?, record("r-2", "2")?];
    /// let answers = ledger.append_batch(batch)?;
    /// assert!(answers[0].is_ok() && answers[1].is_err() && answers[2].is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append_batch(
        &self,
        records: Vec<Record>,
    ) -> Result<Vec<Result<Appended, Refused>>, AppendError> {
        // A panic in the middle of a batch leaves the same doubt as a failed sync.
        let mut writer = self
            .writer
            .lock()
            .map_err(|_| AppendError::Poisoned(None))?;
        writer.append(&records)
    }

    /// Makes everything durable, HEAD included. Dropping the ledger does the same, but cannot
    /// say that it failed.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn close(self) -> Result<(), AppendError> {
        self.writer().close()
    }

    /// Finds a record's line, also one another writer appended. The line's hash is checked.
    ///
    /// # Errors
    /// The line was edited, or the ledger could not be read.
    pub fn find(&self, id: &str) -> Result<Option<OwnedLine>, ReadError> {
        let (found, end) = {
            let writer = self.writer();
            (writer.find(id), writer.end())
        };
        match found {
            Some(found) => self.reader().line_at(found.offset, found.hash).map(Some),
            None => self.reader().find_from(end, id),
        }
    }

    /// The last line this handle knows of.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.writer().head()
    }

    /// How many lines this handle knows of.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.head().map_or(0, |head| head.seq + 1)
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The 32 hex digits that make this ledger different from every other.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A reader for the same storage.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.storage), self.schema)
    }

    /// What opening cut off, if anything.
    #[must_use]
    pub fn recovered(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    /// What happened since the ledger was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.writer().stats()
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Config {
    /// Synced; five seconds for other writers, whose batches take milliseconds; a random
    /// origin; HEAD synced every 64 batches, so that it costs little beside the lines.
    fn default() -> Self {
        Self {
            durability: Durability::Synced,
            lock_wait: Duration::from_secs(5),
            origin: None,
            head_sync_every: 64,
        }
    }
}

impl Appended {
    /// The receipt, whether new or found.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        match *self {
            Self::New(receipt) | Self::Duplicate(receipt) => receipt,
        }
    }
}

impl Receipt {
    /// Only the writer calls this, and hands it out only after the sync.
    pub(crate) fn new(seq: u64, hash: Digest) -> Self {
        Self { seq, hash }
    }

    /// The line's number.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The line's hash.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.hash
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}
