//! What stands before the first line of a chain: nothing, or the bytes it was imported with.

use sha2::{Digest as _, Sha256};

use crate::Digest;
use crate::finding::FindingKind;
use crate::head::HeadRecord;
use crate::line::Line;
use crate::reader::line_at;
use crate::record::{LINE_BYTES_MAX, Schema};
use crate::scan::{Lines, Raw};
use crate::storage::{Part, Storage, StorageError};

/// The bytes a ledger was imported with: they stand before its first line, and that line states
/// their number and their hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Import {
    /// How many bytes, which is where line 0 starts.
    pub bytes: u64,
    /// Their SHA-256: that of `head -c <bytes> ledger.jsonl`.
    pub sha256: Digest,
}

/// Where a chain begins, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beginning {
    /// Known from HEAD or, failing that, from line 0.
    pub(crate) origin: Option<String>,
    /// Where line 0 starts: behind the imported bytes, if there are any.
    pub(crate) start: u64,
    /// The hash of the imported bytes; `None` if there are none or nobody looked at them.
    pub(crate) sha256: Option<Digest>,
}

/// The imported bytes, read once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Imported {
    pub(crate) sha256: Digest,
    pub(crate) lines: u64,
}

impl Beginning {
    /// As HEAD says; without HEAD, as the lines do.
    pub(crate) fn of(
        storage: &dyn Storage,
        schema: &Schema,
        head: Option<&HeadRecord>,
    ) -> Result<Self, StorageError> {
        let (origin, start) = match head {
            Some(head) => (Some(head.origin.clone()), head.start),
            None => (None, begins_at(storage, schema)?.unwrap_or(0)),
        };
        Ok(Self {
            origin,
            start,
            sha256: None,
        })
    }

    /// The same, also where HEAD's place is no longer that of line 0 because bytes before it were
    /// added or removed.
    pub(crate) fn found(
        storage: &dyn Storage,
        schema: &Schema,
        head: Option<&HeadRecord>,
    ) -> Result<Self, StorageError> {
        let mut beginning = Self::of(storage, schema, head)?;
        let imported = head.is_some_and(|head| head.start > 0 && head.lines > 0);
        if imported && !is_line_0(storage, schema, beginning.start) {
            beginning.start = begins_at(storage, schema)?.unwrap_or(beginning.start);
        }
        Ok(beginning)
    }

    /// The same with the hash of the imported bytes, which are read for it.
    pub(crate) fn hashed(self, storage: &dyn Storage) -> Result<Self, StorageError> {
        let sha256 = match self.start {
            0 => None,
            start => Some(Imported::read(storage, start)?.sha256),
        };
        Ok(Self { sha256, ..self })
    }

    /// What stands in line 0 for the hash of a line before.
    pub(crate) fn genesis(&self) -> Digest {
        let mut hasher = Sha256::new();
        for part in [
            "credit-ledger/v1\n",
            self.origin.as_deref().unwrap_or_default(),
            "\n",
        ] {
            hasher.update(part);
        }
        if let Some(sha256) = self.sha256 {
            hasher.update(sha256.to_hex());
            hasher.update("\n");
        }
        Digest::from_bytes(hasher.finalize().into())
    }

    pub(crate) fn import(&self) -> Option<Import> {
        self.sha256.map(|sha256| Import {
            bytes: self.start,
            sha256,
        })
    }

    /// Whether line 0 may state this origin.
    pub(crate) fn is_of(&self, stated: &Self) -> bool {
        self.origin.is_none() || self.origin == stated.origin
    }

    /// Whether line 0 may state this import.
    pub(crate) fn imported_as(&self, stated: &Self) -> Result<(), FindingKind> {
        let unread = self.sha256.is_none();
        if self.start == stated.start && (unread || self.sha256 == stated.sha256) {
            return Ok(());
        }
        let bytes = stated.start;
        Err(FindingKind::ImportChanged { bytes })
    }
}

impl Imported {
    /// Reads the bytes before `end`, or as many of them as there are.
    pub(crate) fn read(storage: &dyn Storage, end: u64) -> Result<Self, StorageError> {
        let mut hasher = Sha256::new();
        let mut lines = 0;
        each_chunk(storage, end, |bytes| {
            hasher.update(bytes);
            lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        })?;
        Ok(Self {
            sha256: Digest::from_bytes(hasher.finalize().into()),
            lines,
        })
    }
}

/// How many lines end before `end`.
pub(crate) fn lines_before(storage: &dyn Storage, end: u64) -> Result<u64, StorageError> {
    let mut lines = 0;
    each_chunk(storage, end, |bytes| {
        lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
    })?;
    Ok(lines)
}

fn each_chunk(
    storage: &dyn Storage,
    end: u64,
    mut each: impl FnMut(&[u8]),
) -> Result<(), StorageError> {
    let mut buffer = vec![0; usize::try_from(end).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES)];
    let mut at = 0;
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(CHUNK_BYTES);
        let room = buffer.get_mut(..left.min(CHUNK_BYTES)).unwrap_or_default();
        let count = storage.read_at(Part::Lines, at, room)?;
        if count == 0 {
            break;
        }
        each(room.get(..count).unwrap_or_default());
        at += count as u64;
    }
    Ok(())
}

/// Where a chain without HEAD begins: at the first line, or at the first one with the number 0
/// that states what was imported before it.
pub(crate) fn begins_at(
    storage: &dyn Storage,
    schema: &Schema,
) -> Result<Option<u64>, StorageError> {
    let mut lines = Lines::new(storage, 0);
    loop {
        let (line, at) = match lines.next()? {
            Raw::End | Raw::Tail { .. } => return Ok(None),
            Raw::Overlong { .. } => continue,
            Raw::Line { bytes, offset } => (Line::parse(schema, bytes, offset), offset),
        };
        let Ok(line) = line else { continue };
        if at == 0 || line.beginning().is_some_and(|stated| stated.start > 0) {
            return Ok(Some(at));
        }
    }
}

fn is_line_0(storage: &dyn Storage, schema: &Schema, at: u64) -> bool {
    line_at(storage, schema, at).is_ok_and(|line| line.seq() == 0)
}

/// A longest line and more.
const CHUNK_BYTES: usize = 4 * (LINE_BYTES_MAX + 1);
