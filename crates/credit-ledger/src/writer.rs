//! What happens behind the ledger's mutex: catch up, write, sync, remember.

use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::chain::{Chain, Position, follow};
use crate::error::{AppendError, Refused};
use crate::finding::FindingKind;
use crate::head::{HeadFile, HeadRecord};
use crate::index::{Found, IdHash, Index, When};
use crate::ledger::{Appended, Config, Durability, Head, Receipt, Stats};
use crate::line::{self, SEQ_MAX};
use crate::reader::ReadError;
use crate::record::{Record, Schema};
use crate::storage::{Locked, Part, Storage, StorageError};
use crate::write_behind;

/// A batch is written in pieces of about this size: its memory stays bounded and cached, and
/// while one is written the next can be made.
const PIECE_BYTES: usize = 256 * 1024;

/// From so many bytes of records on, a second thread saves more than it costs.
const BEHIND_BYTES_MIN: usize = 4 * PIECE_BYTES;

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) schema: Schema,
    pub(crate) config: Config,
    /// All lines up to here are in the file or, during a batch, in `buffer`.
    pub(crate) chain: Chain,
    pub(crate) index: Index,
    /// INVARIANT: lines before here are durable.
    pub(crate) synced_end: u64,
    pub(crate) synced_lines: u64,
    /// What HEAD held when this writer last synced it.
    pub(crate) durable_head: Option<HeadRecord>,
    /// How many lines the HEAD file knows of.
    pub(crate) head_lines: u64,
    /// Batches since HEAD was synced.
    pub(crate) head_age: u32,
    /// When HEAD was synced last, or this writer opened.
    pub(crate) head_synced: Instant,
    pub(crate) poisoned: bool,
    pub(crate) buffer: Vec<u8>,
    /// Empty buffers for large batches.
    pub(crate) pool: Vec<Vec<u8>>,
    pub(crate) stats: Stats,
}

impl Writer {
    /// All or nothing: every record is answered, or none is acknowledged.
    pub(crate) fn append(
        &mut self,
        records: &[Record],
    ) -> Result<Vec<Result<Appended, Refused>>, AppendError> {
        self.refuse_if_poisoned()?;
        let _span = tracing::debug_span!("ledger_batch", records = records.len()).entered();
        let storage = Arc::clone(&self.storage);
        let _locked = Locked::take(&*storage, self.config.lock_wait)?;
        self.catch_up()?;
        if self.chain.lines + records.len() as u64 > SEQ_MAX {
            return Err(AppendError::Full);
        }
        let before = self.chain.position();
        let acknowledged = self.is_remembered().then_some(before);
        let answers = self
            .write(records)
            .map_err(|error| self.undo(before, error))?;
        self.make_durable(acknowledged, false)?;
        self.count(&answers);
        self.spill(When::Now);
        Ok(answers)
    }

    /// Makes the lines and HEAD durable.
    pub(crate) fn close(&mut self) -> Result<(), AppendError> {
        self.refuse_if_poisoned()?;
        if self.head_age == 0 && self.synced_end == self.chain.end {
            return Ok(());
        }
        let storage = Arc::clone(&self.storage);
        let _locked = Locked::take(&*storage, self.config.lock_wait)?;
        // Another writer may have gone further, and its HEAD must not be set back.
        self.catch_up()?;
        self.make_durable(None, true)?;
        self.spill(When::Closing);
        Ok(())
    }

    /// Puts HEAD on the disk after opening found it absent or behind.
    pub(crate) fn publish_head(&mut self) -> Result<(), StorageError> {
        self.write_head()?;
        self.storage.sync(Part::Head)?;
        self.head_was_synced();
        Ok(())
    }

    /// Makes what is beyond the last known sync durable.
    ///
    /// The bytes are written once more first: if the sync of whoever wrote them failed, the
    /// system may have dropped them while still showing them to readers, and a second sync
    /// alone would report success.
    pub(crate) fn settle(&mut self) -> Result<(), StorageError> {
        let mut bytes = vec![0; PIECE_BYTES];
        let mut at = self.synced_end;
        while at < self.chain.end {
            let left = usize::try_from(self.chain.end - at).unwrap_or(PIECE_BYTES);
            let room = bytes.get_mut(..left.min(PIECE_BYTES)).unwrap_or_default();
            let count = self.storage.read_at(Part::Lines, at, room)?;
            if count == 0 {
                return Err(StorageError::Io(std::io::ErrorKind::UnexpectedEof.into()));
            }
            self.storage
                .write_at(Part::Lines, at, room.get(..count).unwrap_or_default())?;
            at += count as u64;
        }
        self.sync_lines(None)
    }

    pub(crate) fn origin(&self) -> &str {
        self.chain.beginning.origin.as_deref().unwrap_or_default()
    }

    pub(crate) fn head(&self) -> Option<Head> {
        self.chain.head()
    }

    pub(crate) fn end(&self) -> u64 {
        self.chain.end
    }

    pub(crate) fn find(&mut self, id: &str) -> Result<Option<Found>, ReadError> {
        let hash = IdHash::of(id.as_bytes());
        self.index.find(&*self.storage, id.as_bytes(), hash)
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            durability: self.config.durability,
            index_failures: self.index.failures,
            lines: self.chain.lines,
            bytes: self.chain.end,
            lines_synced: self.synced_lines,
            ..self.stats
        }
    }

    fn refuse_if_poisoned(&self) -> Result<(), AppendError> {
        if self.poisoned {
            Err(AppendError::Poisoned(None))
        } else {
            Ok(())
        }
    }

    /// The file must be as this writer left it, or longer by another writer's lines.
    fn catch_up(&mut self) -> Result<(), AppendError> {
        let size = self.storage.size(Part::Lines)?.unwrap_or(0);
        if size != self.chain.end {
            self.follow_others(size)?;
        }
        // Asked each time: an earlier call may have followed lines and failed before this.
        if self.config.durability == Durability::Synced && self.synced_end < self.chain.end {
            self.settle().map_err(|error| self.poison(error))?;
        }
        Ok(())
    }

    fn follow_others(&mut self, size: u64) -> Result<(), AppendError> {
        let file = HeadFile::read(&*self.storage)?;
        let reopen = |offset, kind| Err(AppendError::Reopen { offset, kind });
        if size < self.chain.end {
            let head = file
                .best
                .as_ref()
                .and_then(HeadRecord::head)
                .or(self.head());
            return match head {
                Some(head) => reopen(size, FindingKind::RolledBack { head }),
                // Before line 0 there is only what was imported.
                None => {
                    let bytes = self.chain.beginning.start;
                    reopen(size, FindingKind::ImportChanged { bytes })
                }
            };
        }
        let before = self.chain.lines;
        let head = file.best.as_ref();
        let (chain, index) = (&mut self.chain, &mut self.index);
        let broken = follow(&*self.storage, &self.schema, head, chain, index)?;
        self.head_lines = head.map_or(0, |head| head.lines);
        self.stats.caught_up += self.chain.lines - before;
        if let Some(finding) = broken {
            return reopen(finding.offset, finding.kind);
        }
        // HEAD is written after the sync, so it vouches for what is before it.
        if let Some(head) = file.best.filter(|head| head.end > self.synced_end) {
            self.synced_end = head.end.min(self.chain.end);
            self.synced_lines = head.lines.min(self.chain.lines);
        }
        Ok(())
    }

    fn write(&mut self, records: &[Record]) -> Result<Vec<Result<Appended, Refused>>, AppendError> {
        let storage = Arc::clone(&self.storage);
        let bytes: usize = records.iter().map(|record| record.body().len()).sum();
        if bytes < BEHIND_BYTES_MIN {
            return self.lay_out(records, |at, lines| {
                storage.write_at(Part::Lines, at, lines)?;
                lines.clear();
                Ok(())
            });
        }
        let mut pool = mem::take(&mut self.pool);
        let written = write_behind::run(&*storage, &mut pool, |behind| {
            self.lay_out(records, |at, lines| behind.write(at, lines))
        });
        self.pool = pool;
        written
    }

    /// Makes the lines, and has them written a piece at a time: `write` leaves an empty buffer.
    fn lay_out(
        &mut self,
        records: &[Record],
        mut write: impl FnMut(u64, &mut Vec<u8>) -> Result<(), StorageError>,
    ) -> Result<Vec<Result<Appended, Refused>>, AppendError> {
        let mut answers = Vec::with_capacity(records.len());
        for record in records {
            let answer = match self.known(record)? {
                Some(answer) => answer,
                None => Ok(Appended::New(self.add(record))),
            };
            answers.push(answer);
            if self.buffer.len() >= PIECE_BYTES {
                write(self.buffer_at(), &mut self.buffer)?;
            }
        }
        if !self.buffer.is_empty() {
            write(self.buffer_at(), &mut self.buffer)?;
        }
        Ok(answers)
    }

    /// Where in the file the buffer's lines belong.
    fn buffer_at(&self) -> u64 {
        self.chain.end - self.buffer.len() as u64
    }

    /// The answer to a record that needs no line.
    fn known(&mut self, record: &Record) -> Result<Option<Result<Appended, Refused>>, AppendError> {
        let id = || record.id().to_owned();
        if *record.schema() != self.schema {
            return Ok(Some(Err(Refused::OtherSchema { id: id() })));
        }
        let hash = record.id_hash();
        let found = self.index.find(&*self.storage, record.id_bytes(), hash);
        let found = found.map_err(|error| match error {
            ReadError::Broken { offset, kind } => AppendError::Reopen { offset, kind },
            ReadError::Storage(error) => error.into(),
            ReadError::Missing => StorageError::Replaced.into(),
        })?;
        let Some(Found {
            seq,
            identity,
            hash,
            ..
        }) = found
        else {
            return Ok(None);
        };
        Ok(Some(if identity == record.identity() {
            Ok(Appended::Duplicate(Receipt::new(seq, hash)))
        } else {
            Err(Refused::Conflict { id: id(), seq })
        }))
    }

    fn add(&mut self, record: &Record) -> Receipt {
        let Chain {
            lines: seq,
            hash: prev,
            end: offset,
            ..
        } = self.chain;
        let start = self.buffer.len();
        let beginning = &self.chain.beginning;
        let hash = line::encode(&mut self.buffer, record, seq, prev, beginning);
        self.chain.advance(hash, self.buffer.len() - start);
        let found = Found {
            seq,
            identity: record.identity(),
            hash,
            offset,
        };
        let (id, marks) = (record.id_bytes(), record.names().marks);
        self.index
            .insert(id, record.id_hash(), marks, found, self.chain.end);
        Receipt::new(seq, hash)
    }

    /// Goes back to before the batch, in memory and in the file.
    fn undo(&mut self, before: Position, error: AppendError) -> AppendError {
        self.buffer.clear();
        self.index.truncate(before.lines);
        self.chain.return_to(before);
        match self.storage.truncate(before.end) {
            Ok(()) => error,
            Err(error) => self.poison(error),
        }
    }

    /// Writes the index if it is due.
    fn spill(&mut self, when: When) {
        let position = self.chain.position();
        if self.is_remembered() && self.index.is_due(&*self.storage, position, when) {
            self.index.spill(&*self.storage, position);
        }
    }

    /// Whether all lines are durable and known to HEAD: the index vouches for no others.
    fn is_remembered(&self) -> bool {
        self.synced_end == self.chain.end && self.head_lines == self.chain.lines
    }

    /// Syncs what the durability asks for, and remembers it in HEAD. While it waits, the index
    /// may be written up to what was `acknowledged` before.
    fn make_durable(
        &mut self,
        acknowledged: Option<Position>,
        closing: bool,
    ) -> Result<(), AppendError> {
        if self.chain.end == self.synced_end && !closing {
            return Ok(());
        }
        self.head_age = self.head_age.saturating_add(1);
        let every = self.config.head_sync_every;
        let due = closing
            || (every != 0 && self.head_age >= every)
            || self.head_synced.elapsed() >= self.config.head_age_max;
        if self.config.durability == Durability::Buffered && !due {
            return Ok(());
        }
        if self.chain.end > self.synced_end {
            let synced = match self.config.durability {
                Durability::Synced => self.sync_lines(acknowledged),
                // Since the lines were written another writer's sync may have failed.
                Durability::Buffered => self.settle(),
            };
            synced.map_err(|error| self.poison(error))?;
        }
        // From here on the lines are safe: what happens to HEAD does not change the answer.
        let remembered = self.remember(due);
        self.stats.head_failures += u64::from(remembered.is_err());
        if closing { remembered } else { Ok(()) }
    }

    fn remember(&mut self, due: bool) -> Result<(), AppendError> {
        if self.head_lines != self.chain.lines {
            self.write_head()?;
        }
        if due {
            // As with the lines, nobody knows what a failed sync left behind.
            self.storage
                .sync(Part::Head)
                .map_err(|error| self.poison(error))?;
            self.head_was_synced();
        }
        Ok(())
    }

    fn sync_lines(&mut self, acknowledged: Option<Position>) -> Result<(), StorageError> {
        let (storage, index) = (&*self.storage, &mut self.index);
        let due = acknowledged.filter(|position| index.is_due(storage, *position, When::Idle));
        thread::scope(|scope| {
            // Without a thread the index is written later.
            let spill = due.map(|position| move || index.spill(storage, position));
            let _waited_for = spill.map(|spill| thread::Builder::new().spawn_scoped(scope, spill));
            storage.sync(Part::Lines)
        })?;
        self.stats.syncs += 1;
        self.synced_end = self.chain.end;
        self.synced_lines = self.chain.lines;
        tracing::trace!(
            lines = self.synced_lines,
            end = self.synced_end,
            "ledger_sync"
        );
        Ok(())
    }

    fn head_was_synced(&mut self) {
        self.durable_head = Some(self.head_record());
        self.head_age = 0;
        self.head_synced = Instant::now();
    }

    fn write_head(&mut self) -> Result<(), StorageError> {
        // Another writer may have used the slots meanwhile, without adding a line.
        let slot = HeadFile::read(&*self.storage)?.next_slot(self.durable_head.as_ref());
        self.head_record().write(&*self.storage, slot)?;
        self.head_lines = self.chain.lines;
        Ok(())
    }

    fn head_record(&self) -> HeadRecord {
        let Chain {
            lines, hash, end, ..
        } = self.chain;
        HeadRecord {
            lines,
            hash,
            end,
            origin: self.origin().to_owned(),
            start: self.chain.beginning.start,
        }
    }

    fn poison(&mut self, error: StorageError) -> AppendError {
        self.poisoned = true;
        tracing::error!(%error, "ledger_poisoned");
        AppendError::Poisoned(Some(error))
    }

    fn count(&mut self, answers: &[Result<Appended, Refused>]) {
        self.stats.batches += 1;
        self.stats.batch_max = self.stats.batch_max.max(answers.len() as u64);
        for answer in answers {
            *match answer {
                Ok(Appended::New(_)) => &mut self.stats.appended,
                Ok(Appended::Duplicate(_)) => &mut self.stats.duplicates,
                Err(_) => &mut self.stats.refused,
            } += 1;
        }
    }
}
