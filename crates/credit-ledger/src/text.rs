//! The bare text of a ledger, for counting fast what is checked elsewhere.

use std::io;

use crate::ledger::Head;
use crate::parts::cut;
use crate::reader::{ReadError, Reader};
use crate::record::LINE_BYTES_MAX;
use crate::storage::{Part, Storage, StorageError};

/// A stretch of a ledger's lines as text that is not checked, made by [`Reader::text_parts`].
#[derive(Debug)]
pub struct TextPart<'r> {
    storage: &'r dyn Storage,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    /// How many bytes of the buffer, from its beginning, are the start of a line to come.
    kept: usize,
    /// Where they start in it.
    from: usize,
}

impl Reader {
    /// All lines up to a head in at most so many stretches of about the same length, for a thread
    /// each. **Nothing is checked**, neither hashes nor links nor form: whoever counts what is in
    /// them believes the file.
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, Record, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: None, severity: None,
    /// #     scenario: None };
    /// # let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
    /// # let body = format!(r#"{{"Run_ID":"r-1","Input_Sha256":"{}"}}"#, "0".repeat(64));
    /// # ledger.append(Record::new(&RUNS, body.into_bytes())?)?;
    /// let reader = ledger.reader();
    /// let head = reader.head()?.unwrap();
    /// let mut lines = 0;
    /// for mut part in reader.text_parts(head, 2)? {
    ///     while let Some(text) = part.next_text()? {
    ///         lines += text.iter().filter(|byte| **byte == b'\n').count();
    ///     }
    /// }
    /// assert_eq!(lines, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReadError::Missing`] if the ledger is gone, [`ReadError::Broken`] if the line that HEAD
    /// knows is not there, or not `head`.
    pub fn text_parts(&self, head: Head, parts: usize) -> Result<Vec<TextPart<'_>>, ReadError> {
        let size = self.size_past_head()?;
        self.still_holds(head, size)?;
        let start = self.beginning()?.start;
        let cuts = cut(&*self.storage, &[(start, head.end)], head.end, parts)?;
        let part = |cut: crate::parts::Cut| {
            let (at, end) = cut.stretches.first().copied().unwrap_or((start, start));
            TextPart {
                storage: &*self.storage,
                at,
                end: cut.border.unwrap_or(end),
                buffer: Vec::new(),
                kept: 0,
                from: 0,
            }
        };
        Ok(cuts.into_iter().map(part).collect())
    }
}

impl TextPart<'_> {
    /// The next whole lines, each with its newline; `None` after the last one.
    ///
    /// # Errors
    /// The storage's, and [`io::ErrorKind::InvalidData`] for a line longer than any that a ledger
    /// takes.
    pub fn next_text(&mut self) -> Result<Option<&[u8]>, StorageError> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; TEXT_BYTES];
        }
        self.buffer.copy_within(self.from..self.from + self.kept, 0);
        let mut filled = self.kept;
        (self.kept, self.from) = (0, 0);
        while self.at < self.end {
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let wanted = room.len().min(left);
            let room = room.get_mut(..wanted).unwrap_or_default();
            let count = self.storage.read_at(Part::Lines, self.at, room)?;
            if count == 0 {
                // Cut short meanwhile; a pass over its lines says so.
                return Err(StorageError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            self.at += count as u64;
            filled += count;
            let text = self.buffer.get(..filled).unwrap_or_default();
            if let Some(last) = memchr::memrchr(b'\n', text) {
                self.from = last + 1;
                self.kept = filled - self.from;
                return Ok(self.buffer.get(..=last));
            }
            if filled > LINE_BYTES_MAX {
                return Err(StorageError::Io(io::ErrorKind::InvalidData.into()));
            }
        }
        Ok(None)
    }
}

/// Several times the longest line, and small enough to stay in the cache.
const TEXT_BYTES: usize = 256 * 1024;
