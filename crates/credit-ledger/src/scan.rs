//! Reading the file from front to back in big chunks.

use std::ops::Range;

use crate::chain::Chain;
use crate::finding::FindingKind;
use crate::line::Line;
use crate::reader::ReadError;
use crate::record::{LINE_BYTES_MAX, Schema};
use crate::storage::{Part, Storage, StorageError};

/// A multiple of the longest line, and small enough to stay in the cache.
const CHUNK_BYTES: usize = 256 * 1024;

/// Enough for most lines, and little to have read for nothing.
const BEYOND_BYTES: u64 = 4 * 1024;

/// A pass over the lines of a ledger, made by [`Reader::scan`](crate::Reader::scan).
///
/// It stops at the last newline there is when it gets there, and lends each line from its
/// buffer.
#[derive(Debug)]
pub struct Scan<'r> {
    lines: Lines<'r>,
    schema: Schema,
    /// Followed along if the pass is a verified one.
    chain: Option<Chain>,
}

impl<'r> Scan<'r> {
    pub(crate) fn new(
        storage: &'r dyn Storage,
        schema: Schema,
        offset: u64,
        chain: Option<Chain>,
    ) -> Self {
        Self {
            lines: Lines::new(storage, offset),
            schema,
            chain,
        }
    }

    /// Where what comes next starts.
    pub(crate) fn offset(&self) -> u64 {
        self.lines.offset()
    }

    /// The next line, or `None` after the last whole one.
    ///
    /// # Errors
    /// [`ReadError::Broken`] for what is not a line or, in a verified pass, not the next line
    /// of the chain. A pass that is not verified can go on behind it.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        let (raw, offset) = match self.lines.next()? {
            Raw::Line { bytes, offset } => (Some(bytes), offset),
            Raw::Overlong { offset } => (None, offset),
            Raw::Tail { .. } | Raw::End => return Ok(None),
        };
        let line = match (raw, &mut self.chain) {
            (None, _) => Err(FindingKind::NotALine {
                reason: "it is too long",
            }),
            (Some(raw), Some(chain)) => chain.step(&self.schema, raw),
            (Some(raw), None) => Line::parse(&self.schema, raw, offset),
        };
        line.map(Some)
            .map_err(|kind| ReadError::Broken { offset, kind })
    }
}

/// Splits the file at its newlines.
#[derive(Debug)]
pub(crate) struct Lines<'r> {
    storage: &'r dyn Storage,
    buffer: Vec<u8>,
    /// What of the buffer is filled, and what of that is already passed.
    filled: usize,
    passed: usize,
    /// Where in the file the unpassed bytes start.
    offset: u64,
    /// Behind here only the rest of a line is wanted.
    goal: u64,
}

/// What comes next in the file.
#[derive(Debug)]
pub(crate) enum Raw<'b> {
    /// A line without its newline.
    Line { bytes: &'b [u8], offset: u64 },
    /// A line too long to be looked at; it was skipped.
    Overlong { offset: u64 },
    /// Bytes without a newline at the end of the file.
    Tail { bytes: u64, offset: u64 },
    /// Nothing.
    End,
}

impl<'r> Lines<'r> {
    pub(crate) fn new(storage: &'r dyn Storage, offset: u64) -> Self {
        Self {
            storage,
            buffer: Vec::new(),
            filled: 0,
            passed: 0,
            offset,
            goal: u64::MAX,
        }
    }

    /// Goes on at the line that starts at `offset`, and to the one that reaches `goal`.
    pub(crate) fn go_to(&mut self, offset: u64, goal: u64) {
        (self.filled, self.passed) = (0, 0);
        (self.offset, self.goal) = (offset, goal);
    }

    /// Where in the file what comes next starts.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn next(&mut self) -> Result<Raw<'_>, StorageError> {
        let start = self.offset;
        let mut searched = 0;
        loop {
            let fresh = self
                .buffer
                .get(self.passed + searched..self.filled)
                .unwrap_or_default();
            if let Some(found) = memchr::memchr(b'\n', fresh) {
                let from = self.passed;
                let to = from + searched + found;
                self.passed = to + 1;
                self.offset += (to + 1 - from) as u64;
                let bytes = self.buffer.get(from..to).unwrap_or_default();
                return Ok(Raw::Line {
                    bytes,
                    offset: start,
                });
            }
            searched = self.filled - self.passed;
            if searched > LINE_BYTES_MAX {
                return self.skip_overlong(start);
            }
            if self.fill()? == 0 {
                let bytes = searched as u64;
                self.pass_all();
                return Ok(if bytes == 0 {
                    Raw::End
                } else {
                    Raw::Tail {
                        bytes,
                        offset: start,
                    }
                });
            }
        }
    }

    fn skip_overlong(&mut self, start: u64) -> Result<Raw<'_>, StorageError> {
        loop {
            let fresh = self
                .buffer
                .get(self.passed..self.filled)
                .unwrap_or_default();
            if let Some(found) = memchr::memchr(b'\n', fresh) {
                self.passed += found + 1;
                self.offset += found as u64 + 1;
                return Ok(Raw::Overlong { offset: start });
            }
            self.pass_all();
            if self.fill()? == 0 {
                return Ok(Raw::Tail {
                    bytes: self.offset - start,
                    offset: start,
                });
            }
        }
    }

    fn pass_all(&mut self) {
        self.offset += (self.filled - self.passed) as u64;
        self.passed = self.filled;
    }

    /// Moves what is unpassed to the front and reads behind it.
    fn fill(&mut self) -> Result<usize, StorageError> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; CHUNK_BYTES];
        }
        self.buffer.copy_within(self.passed..self.filled, 0);
        self.filled -= self.passed;
        self.passed = 0;
        let at = self.offset + self.filled as u64;
        let wanted = self.goal.saturating_sub(at).max(BEYOND_BYTES);
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let wanted = usize::try_from(wanted).map_or(room.len(), |wanted| wanted.min(room.len()));
        let room = room.get_mut(..wanted).unwrap_or_default();
        let count = self.storage.read_at(Part::Lines, at, room)?;
        self.filled += count;
        Ok(count)
    }
}

/// Where the first line of a piece of the file starts, if one does. The piece is not the file's
/// front.
pub(crate) fn first_line(
    storage: &dyn Storage,
    piece: &Range<u64>,
) -> Result<Option<u64>, StorageError> {
    let mut at = piece.start - 1;
    let mut buffer = [0; 4096];
    while at + 1 < piece.end {
        let count = storage.read_at(Part::Lines, at, &mut buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        if let Some(newline) = memchr::memchr(b'\n', read) {
            let start = at + newline as u64 + 1;
            return Ok((start < piece.end).then_some(start));
        }
        if count == 0 {
            return Ok(None);
        }
        at += count as u64;
    }
    Ok(None)
}
