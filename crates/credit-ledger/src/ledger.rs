//! The public face of a ledger that is written to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Digest;
use crate::error::{AppendError, OpenError, Refused};
use crate::finding::FindingKind;
use crate::group::{Group, Ticket};
use crate::import::{self, ImportError, Importable};
use crate::line::OwnedLine;
use crate::open;
use crate::reader::{ReadError, Reader, line_at};
use crate::record::{Record, Schema};
use crate::storage::Storage;

/// A ledger that is written to. Share it between threads by reference.
///
/// ```
/// use credit_ledger::{Appended, Config, Ledger, MemoryStorage, Record, Schema};
///
/// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
/// #     file_hash: None, origin: "Ledger_Origin", time: None,
/// #     severity: None, scenario: None };
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
    group: Arc<Group>,
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
    /// HEAD is also synced with the first batch that finds its last sync this long ago. The
    /// monotonic clock is read for it, never the time of day; `Duration::MAX` means never.
    pub head_age_max: Duration,
    /// How much may wait for the next write.
    pub queue_max: QueueMax,
    /// The index is brought up to date after so many bytes of new lines, and at close after a
    /// sixteenth. The next open reads and verifies what the index does not know, so this is what
    /// opening costs; `u64::MAX` means no index is written.
    pub index_every: u64,
}

/// How much may wait for the next write; more is [`AppendError::Overloaded`].
///
/// A batch is let into an empty queue whatever its size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct QueueMax {
    /// How many records.
    pub records: usize,
    /// How many bytes of records.
    pub bytes: usize,
}

/// What a receipt promises.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Durability {
    /// The line survives a loss of power.
    #[default]
    Synced,
    /// The line survives the end of this process, but maybe not a loss of power: lines are
    /// synced with HEAD, every [`Config::head_sync_every`] batches and at close. They are
    /// written once more before that, in case another writer's sync failed meanwhile. What a
    /// loss of power takes are the last of them; a line whose append failed, and was cut off
    /// without a sync, may be in their place.
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

/// A record on its way, made by [`Ledger::submit`].
///
/// Dropping it forgets the answer, not the record: that is written with the next batch, at the
/// latest when the ledger is closed or dropped.
#[derive(Debug)]
#[must_use = "only its answer says that the record is safe"]
pub struct Pending {
    ticket: Ticket,
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
    /// Lines this handle knows of.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lines of these that are known to be durable: where the last sync stands.
    pub lines_synced: u64,
    /// Records that wait to be written.
    pub queued: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Calls that found the queue full.
    pub overloaded: u64,
    /// Batches that were acknowledged; callers at the same time share one.
    pub batches: u64,
    /// The most records one batch had.
    pub batch_max: u64,
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
    /// Writes of the index that failed, and times it was found damaged. It only costs time and
    /// memory.
    pub index_failures: u64,
    /// Writes of HEAD that failed. The lines were safe already; HEAD is behind.
    pub head_failures: u64,
}

impl Pending {
    /// Waits until the record is acknowledged or refused, writing all that is queued if nobody
    /// else does.
    ///
    /// # Errors
    /// The record is not acknowledged; see [`AppendError`].
    pub fn wait(self) -> Result<Appended, AppendError> {
        self.ticket.answer()
    }
}

impl Ledger {
    /// Opens a ledger, or makes one if nothing at all exists.
    ///
    /// What the index does not know of the chain is verified, and all of it if there is no index
    /// (see the README). An end that was torn by a crash before it was
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
        let queue_max = config.queue_max;
        let (writer, recovery) = open::open(Arc::clone(&storage), schema, config)?;
        let origin = writer.origin().to_owned();
        Ok(Self {
            storage,
            schema,
            origin,
            recovery,
            group: Group::new(writer, queue_max),
        })
    }

    /// Takes over a file of lines that no ledger wrote, and opens it: every byte stays where it
    /// is, and line 0, which comes behind them, states how many they are and their hash.
    ///
    /// Each line must be a JSON object without the keys a ledger writes. Imported lines are bytes
    /// only: they have no number and are not found, but [`Reader::imported_lines`] reads them and
    /// verification notices a change. Whoever wrote them must not write any more.
    ///
    /// # Errors
    /// See [`ImportError`]; nothing was written then, or it failed while HEAD was, and importing
    /// again is safe.
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, Record, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: None,
    /// #     severity: None, scenario: None };
    /// let old = b"{\"Run_ID\":\"old-1\",\"Credits_Total\":155}\n".to_vec();
    /// let storage = Box::new(MemoryStorage::with_lines(old.clone()));
    /// let ledger = Ledger::import(storage, RUNS, Config::default())?;
    /// # let body = format!(r#"{{"Run_ID":"r-1","Input_Sha256":"{}"}}"#, "0".repeat(64));
    /// let receipt = ledger.append(Record::new(&RUNS, body.into_bytes())?)?.receipt();
    /// assert_eq!(receipt.seq(), 0);
    ///
    /// let reader = ledger.reader();
    /// assert_eq!(reader.imported()?.map(|import| import.bytes), Some(old.len() as u64));
    /// assert!(reader.verify()?.ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn import(
        storage: Box<dyn Storage>,
        schema: Schema,
        config: Config,
    ) -> Result<Self, ImportError> {
        import::import(&*storage, &schema, &config)?;
        Ok(Self::open(storage, schema, config)?)
    }

    /// What [`Ledger::import`] would take over, or why it would not. Takes no lock and writes
    /// nothing.
    ///
    /// # Errors
    /// See [`ImportError`].
    ///
    /// ```
    /// # use credit_ledger::{ImportError, Ledger, MemoryStorage, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: None,
    /// #     severity: None, scenario: None };
    /// let whole = MemoryStorage::with_lines(b"{\"a\":1}\n{\"a\":2}\n".to_vec());
    /// assert_eq!(Ledger::check_import(&whole, RUNS)?.lines, 2);
    /// let torn = MemoryStorage::with_lines(b"{\"a\":1}\n{\"a\"".to_vec());
    /// let error = Ledger::check_import(&torn, RUNS).unwrap_err();
    /// assert!(matches!(error, ImportError::TornTail { line: 2, offset: 8 }));
    /// # Ok::<(), ImportError>(())
    /// ```
    pub fn check_import(storage: &dyn Storage, schema: Schema) -> Result<Importable, ImportError> {
        import::check(storage, &schema)
    }

    /// Appends one record.
    ///
    /// # Errors
    /// The record is not acknowledged; see [`AppendError`]. If it was refused, that is
    /// [`AppendError::Refused`].
    pub fn append(&self, record: Record) -> Result<Appended, AppendError> {
        self.group.append_one(record)
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
    /// #     file_hash: None, origin: "Ledger_Origin", time: None,
    /// #     severity: None, scenario: None };
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
        self.group.append(records)
    }

    /// Queues one record and returns at once; [`Pending::wait`] waits for its receipt.
    ///
    /// Nothing is written until somebody waits, appends, flushes or closes. So one thread can
    /// have thousands of records in flight, and they share a write and a sync.
    ///
    /// # Errors
    /// [`AppendError::Overloaded`] if the queue is full.
    ///
    /// ```
    /// # use credit_ledger::{AppendError, Config, Ledger, MemoryStorage, Record, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: None,
    /// #     severity: None, scenario: None };
    /// # let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
    /// let mut pending = Vec::new();
    /// for n in 0..1000 {
    ///     let identity = credit_ledger::Digest::of(&[n as u8]);
    ///     let body = format!(r#"{{"Run_ID":"r-{n}","Input_Sha256":"{identity}"}}"#);
    ///     pending.push(ledger.submit(Record::new(&RUNS, body.into_bytes())?)?);
    /// }
    /// for receipt in pending {
    ///     receipt.wait()?;
    /// }
    /// assert_eq!(ledger.stats().syncs, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit(&self, record: Record) -> Result<Pending, AppendError> {
        Ok(Pending {
            ticket: self.group.submit(record)?,
        })
    }

    /// Returns when every record that was submitted before is written and answered. Whether it
    /// was acknowledged is its own answer.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn flush(&self) -> Result<(), AppendError> {
        self.group.flush()
    }

    /// Writes what is queued and makes everything durable, HEAD included. Dropping the ledger
    /// does the same, but cannot say that it failed.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn close(self) -> Result<(), AppendError> {
        self.finish()
    }

    /// Finds a record's line, also one another writer appended. The line's hash is checked.
    ///
    /// # Errors
    /// The line was edited, or the ledger could not be read.
    pub fn find(&self, id: &str) -> Result<Option<OwnedLine>, ReadError> {
        let (found, end) = {
            let mut writer = self.group.writer();
            (writer.find(id)?, writer.end())
        };
        match found {
            Some(found) => {
                let line = line_at(&*self.storage, &self.schema, found.offset)?;
                if line.hash() != found.hash {
                    let (offset, kind) = (found.offset, FindingKind::Edited);
                    return Err(ReadError::Broken { offset, kind });
                }
                Ok(Some(line))
            }
            None => self.reader().find_from(end, id),
        }
    }

    /// The last line this handle knows of.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.group.writer().head()
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

    /// How many records wait to be written. Unlike [`Ledger::stats`] this never waits for a
    /// sync.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.group.depth().records
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
        let depth = self.group.depth();
        Stats {
            queued: depth.records as u64,
            queued_bytes: depth.bytes as u64,
            overloaded: depth.overloaded,
            ..self.group.writer().stats()
        }
    }

    fn finish(&self) -> Result<(), AppendError> {
        // Each record's failure is its own answer; what follows says whether the rest is safe.
        let _answered = self.group.flush();
        self.group.close()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`; what is left undone here is found by `open`.
        let _undone = self.finish();
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
            head_age_max: Duration::from_secs(1),
            queue_max: QueueMax::default(),
            index_every: 4 * 1024 * 1024,
        }
    }
}

impl Default for QueueMax {
    /// Room for some ten batches of the size that makes the cost of a sync negligible.
    fn default() -> Self {
        Self {
            records: 32_768,
            bytes: 64 * 1024 * 1024,
        }
    }
}

impl Stats {
    /// How many lines share one sync, on average and rounded down.
    #[must_use]
    pub fn lines_per_sync(&self) -> u64 {
        self.appended.checked_div(self.syncs).unwrap_or(0)
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
