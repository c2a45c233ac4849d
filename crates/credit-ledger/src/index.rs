//! Which id stands in which line, and what each block of lines is about.
//!
//! The newest lines are in memory (`tail`); the others are in the storage's index, if it keeps
//! one (`disk`). Everything found there is checked against the line itself; a page that is not
//! what it was is noticed by its check, and the whole is made again.

mod disk;
mod marks;
mod segment;
mod tail;

use self::disk::Base;
pub(crate) use self::disk::{Disk, Manifest};
pub(crate) use self::marks::{Marks, Wanted};
pub(crate) use self::tail::Found;

use crate::Digest;
use crate::chain::{Position, out_of_order};
use crate::finding::FindingKind;
use crate::index::segment::IndexError;
use crate::index::tail::Tail;
use crate::line::Line;
use crate::reader::{ReadError, broken_at, checked, line_at, not_a_line};
use crate::record::{Checker, Schema};
use crate::scan::{Lines, Raw};
use crate::storage::Storage;

/// A hash of an id that is the same in every process: the first 8 bytes of its SHA-256.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdHash(pub(crate) u64);

impl IdHash {
    pub(crate) fn of(id: &[u8]) -> Self {
        let hash = Digest::of(id);
        let word = hash.as_bytes().first_chunk();
        Self(word.map_or(0, |word| u64::from_le_bytes(*word)))
    }
}

/// At close, or when a ledger was opened, a shorter tail is worth writing out.
const CLOSING_SHARE: u64 = 16;

/// When lines are written out: the less it costs, the fewer of them are enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    /// While the disk is waited for.
    Idle,
    /// While everybody waits.
    Now,
    Closing,
}

#[derive(Debug)]
pub(crate) struct Index {
    schema: Schema,
    /// Lines are written out when they have so many bytes.
    every: u64,
    /// Where line 0 starts.
    start: u64,
    tail: Tail,
    disk: Option<Disk>,
    /// What the storage keeps is damaged: nothing is built on it.
    damaged: bool,
    /// Writing failed: the tail must become so long before it is tried again.
    retry_at: u64,
    pub(crate) failures: u64,
}

impl Index {
    /// One that continues what `disk` knows, or starts at the first line.
    pub(crate) fn new(schema: Schema, every: u64, start: u64, disk: Option<Disk>) -> Self {
        let (lines, end) = disk
            .as_ref()
            .map_or((0, start), |disk| (disk.manifest.lines, disk.manifest.end));
        Self {
            schema,
            every,
            start,
            tail: Tail::starting_at(lines, end),
            disk,
            damaged: false,
            retry_at: 0,
            failures: 0,
        }
    }

    /// Adds the next line, which ends at `end`. The id must be new.
    pub(crate) fn insert(&mut self, id: &[u8], hash: IdHash, marks: Marks, found: Found, end: u64) {
        self.tail.insert(id, hash, marks, found, end);
    }

    /// Forgets the lines from `lines` on. They must be the ones inserted last.
    pub(crate) fn truncate(&mut self, lines: u64) {
        self.tail.truncate(lines);
    }

    pub(crate) fn find(
        &mut self,
        storage: &dyn Storage,
        id: &[u8],
        hash: IdHash,
    ) -> Result<Option<Found>, ReadError> {
        if let Some(found) = self.tail.find(id, hash) {
            return Ok(Some(found));
        }
        let offsets = match self.offsets(storage, hash) {
            Ok(offsets) => offsets,
            Err(IndexError) => {
                self.rebuild(storage)?;
                // Some of what was on disk may be in memory now.
                if let Some(found) = self.tail.find(id, hash) {
                    return Ok(Some(found));
                }
                let again = self.offsets(storage, hash);
                again.map_err(|IndexError| damaged())?
            }
        };
        for offset in offsets {
            if let Some(found) = check(storage, &self.schema, offset, id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Where lines of this id that are on disk may start.
    fn offsets(&self, storage: &dyn Storage, hash: IdHash) -> Result<Vec<u64>, IndexError> {
        match &self.disk {
            Some(disk) => disk.find(storage, hash),
            None => Ok(Vec::new()),
        }
    }

    /// Whether there are enough lines before `chain` for [`Index::spill`].
    pub(crate) fn is_due(&self, storage: &dyn Storage, chain: Position, when: When) -> bool {
        let bytes = chain.end - self.tail.start();
        let enough = match when {
            When::Idle => self.every / 4 * 3,
            When::Now => self.every,
            When::Closing => self.every / CLOSING_SHARE,
        };
        bytes >= enough.max(1).max(self.retry_at) && storage.index().is_some()
    }

    /// Writes the lines before `chain` out. All must be acknowledged.
    pub(crate) fn spill(&mut self, storage: &dyn Storage, chain: Position) {
        let bytes = chain.end - self.tail.start();
        let disk = self.disk.take();
        let built_on = match self.damaged {
            true => Base::Nothing,
            false => Base::Newest(disk),
        };
        let written = Disk::extend(storage, built_on, &self.schema, &self.tail, chain);
        match written {
            Ok(disk) => {
                tracing::debug!(lines = chain.lines, end = chain.end, "ledger_index");
                self.tail = self.tail.behind(chain.lines, chain.end);
                self.disk = Some(disk);
                self.damaged = false;
                self.retry_at = 0;
            }
            Err(disk) => {
                // It only costs memory and time; what is there stays usable.
                tracing::warn!("ledger_index_not_written");
                self.disk = disk;
                self.failures += 1;
                self.retry_at = bytes.saturating_mul(2);
            }
        }
    }

    /// Makes the part on disk anew from its lines, which must follow each other. Those in memory
    /// stay: the last of them may not be in the file yet.
    fn rebuild(&mut self, storage: &dyn Storage) -> Result<(), ReadError> {
        tracing::warn!("ledger_index_rebuilt");
        self.failures += 1;
        let mut index = Self::new(self.schema, self.every, self.start, None);
        index.damaged = true;
        let mut lines = Lines::new(storage, self.start);
        let (mut body, mut checker) = (Vec::new(), Checker::for_many(&self.schema));
        let mut before: Option<Position> = None;
        while lines.offset() < self.tail.start() {
            let (bytes, offset) = match lines.next()? {
                Raw::Line { bytes, offset } => (bytes, offset),
                _ => return Err(damaged()),
            };
            let broken = |kind| broken_at(offset, kind);
            let line = checked(Line::parse(&self.schema, bytes, offset), offset)?;
            let expected = before.map_or(0, |before| before.lines);
            if line.seq() != expected {
                return Err(broken(out_of_order(expected, line.seq())));
            }
            if before.is_some_and(|before| line.prev_hash() != before.hash) {
                return Err(broken(FindingKind::BrokenLink));
            }
            line.body_into(&mut body);
            let names = checker.names(&body);
            let names = names.map_err(|error| broken(not_a_line(error.in_short())))?;
            let chain = Position {
                lines: line.seq() + 1,
                hash: line.hash(),
                end: offset + bytes.len() as u64 + 1,
            };
            before = Some(chain);
            let found = Found {
                seq: line.seq(),
                identity: names.identity,
                hash: line.hash(),
                offset,
            };
            let id = names.id.of(&body);
            index.insert(id, IdHash::of(id), names.marks, found, chain.end);
            if index.is_due(storage, chain, When::Now) {
                index.spill(storage, chain);
            }
        }
        index.tail.extend(&self.tail, 0);
        index.failures += self.failures;
        *self = index;
        Ok(())
    }
}

/// Looks whether the line at `offset` is that of `id`, and intact.
pub(crate) fn check(
    storage: &dyn Storage,
    schema: &Schema,
    offset: u64,
    id: &[u8],
) -> Result<Option<Found>, ReadError> {
    let line = line_at(storage, schema, offset)?;
    let body = line.body();
    let names = Checker::new(schema).names(&body);
    let names = names.map_err(|error| broken_at(offset, not_a_line(error.in_short())))?;
    Ok((names.id.of(&body) == id).then(|| Found {
        seq: line.seq(),
        identity: names.identity,
        hash: line.hash(),
        offset,
    }))
}

fn damaged() -> ReadError {
    ReadError::Storage(std::io::Error::other("the ledger's index cannot be made").into())
}
