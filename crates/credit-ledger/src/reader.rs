//! Reading a ledger without a lock and without the right to write.

use std::io;
use std::sync::Arc;

use crate::Digest;
use crate::chain::Chain;
use crate::finding::{FindingKind, Verification};
use crate::head::HeadFile;
use crate::ledger::Head;
use crate::line::{Line, OwnedLine};
use crate::record::{LINE_BYTES_MAX, Schema, names};
use crate::scan::Scan;
use crate::storage::{Part, Storage, StorageError};
use crate::verify;

/// A cheap handle for reading. Clones share the storage.
///
/// ```
/// # use credit_ledger::{Config, Ledger, MemoryStorage, ReadError, Reader, Record, Schema};
/// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
/// #     file_hash: None, origin: "Ledger_Origin" };
/// # let storage = MemoryStorage::new();
/// # let ledger = Ledger::open(Box::new(storage.clone()), RUNS, Config::default()).unwrap();
/// # let body = format!(r#"{{"Run_ID":"r-1","Input_Sha256":"{}"}}"#, "0".repeat(64));
/// # ledger.append(Record::new(&RUNS, body.into_bytes()).unwrap()).unwrap();
/// let reader = Reader::open(Box::new(storage), RUNS)?;
/// let mut scan = reader.scan()?;
/// while let Some(line) = scan.next_line()? {
///     println!("{} {}", line.seq(), String::from_utf8_lossy(&line.body()));
/// }
/// assert!(reader.verify()?.ok());
///
/// // Noted elsewhere, the head shows later whether anything up to it was changed or removed.
/// if let Some(head) = reader.head()? {
///     assert!(reader.contains(head.seq, head.hash)?);
/// }
/// assert!(reader.find("r-2")?.is_none());
/// # Ok::<(), ReadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    storage: Arc<dyn Storage>,
    schema: Schema,
}

/// Why a ledger could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// What was read is not what a ledger holds: verify it, and compare with a copy.
    #[error("the ledger is damaged at byte {offset}: {kind}")]
    Broken {
        /// Where the line starts.
        offset: u64,
        /// What is wrong with it.
        kind: FindingKind,
    },
    /// There is no ledger here: check the path, or restore it.
    #[error("there is no ledger here")]
    Missing,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Reader {
    /// A reader for the ledger in `storage`.
    ///
    /// # Errors
    /// [`ReadError::Missing`] if there is no ledger; one without lines is one.
    pub fn open(storage: Box<dyn Storage>, schema: Schema) -> Result<Self, ReadError> {
        let reader = Self::new(Arc::from(storage), schema);
        reader.size()?;
        Ok(reader)
    }

    /// Starts a pass over all lines. Their hashes are not checked.
    ///
    /// # Errors
    /// [`ReadError::Missing`] if the ledger is gone.
    pub fn scan(&self) -> Result<Scan<'_>, ReadError> {
        self.size()?;
        Ok(Scan::new(&*self.storage, self.schema, 0, None))
    }

    /// Starts a pass that hands out a line only if it continues the chain.
    ///
    /// HEAD is not looked at; [`Reader::verify`] does that.
    ///
    /// # Errors
    /// [`ReadError::Missing`] if the ledger is gone.
    pub fn scan_verified(&self) -> Result<Scan<'_>, ReadError> {
        self.size()?;
        Ok(Scan::new(
            &*self.storage,
            self.schema,
            0,
            Some(Chain::start(None)),
        ))
    }

    /// Finds a record's line by reading until it is there. The line's hash is checked.
    ///
    /// [`Ledger::find`](crate::Ledger::find) does not need to read everything.
    ///
    /// # Errors
    /// [`ReadError::Broken`] if the line was edited or something before it is not a line.
    pub fn find(&self, id: &str) -> Result<Option<OwnedLine>, ReadError> {
        self.size()?;
        self.find_from(0, id)
    }

    /// The last whole line. Its hash is checked; the chain before it is not.
    ///
    /// # Errors
    /// [`ReadError::Broken`] if it is not an intact line.
    pub fn head(&self) -> Result<Option<Head>, ReadError> {
        let size = self.size()?;
        // Enough for a torn tail and a whole line before it, whatever their lengths.
        let start = size.saturating_sub(2 * (LINE_BYTES_MAX as u64 + 1));
        let window = self.read(start, size - start)?;
        let Some(last) = memchr::memrchr(b'\n', &window) else {
            let reason = "there is no newline where one must be";
            return if start == 0 {
                Ok(None)
            } else {
                Err(broken_at(start, not_a_line(reason)))
            };
        };
        let before = window.get(..last).unwrap_or_default();
        let from = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let offset = start + from as u64;
        let raw = before.get(from..).unwrap_or_default();
        let line = Line::parse(&self.schema, raw, offset);
        let line = checked(line, offset)?;
        Ok(Some(Head {
            seq: line.seq(),
            hash: line.hash(),
            end: start + last as u64 + 1,
        }))
    }

    /// Looks at everything and reports everything that is wrong, not only the first.
    ///
    /// # Errors
    /// The ledger could not be read; what is wrong in it is no error but a finding.
    pub fn verify(&self) -> Result<Verification, ReadError> {
        verify::verify(&*self.storage, &self.schema)
    }

    /// Whether the ledger still contains a line noted elsewhere, unchanged.
    ///
    /// Together with an intact [`Reader::verify`] this proves that everything up to that line
    /// is as it was.
    ///
    /// # Errors
    /// The ledger could not be read, or something before the line is not a line.
    pub fn contains(&self, seq: u64, hash: Digest) -> Result<bool, ReadError> {
        let mut scan = self.scan()?;
        while let Some(line) = scan.next_line()? {
            if line.seq() == seq && line.hash() == hash && line.actual_hash() == hash {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn new(storage: Arc<dyn Storage>, schema: Schema) -> Self {
        Self { storage, schema }
    }

    pub(crate) fn find_from(&self, offset: u64, id: &str) -> Result<Option<OwnedLine>, ReadError> {
        let mut scan = Scan::new(&*self.storage, self.schema, offset, None);
        let finder = memchr::memmem::Finder::new(id);
        let mut body = Vec::new();
        while let Some(line) = scan.next_line()? {
            if finder.find(line.raw()).is_none() {
                continue;
            }
            line.body_into(&mut body);
            let offset = line.offset();
            let names = names(&self.schema, &body)
                .map_err(|error| broken_at(offset, not_a_line(error.in_short())))?;
            if names.id.of(&body) == id.as_bytes() {
                return checked(Ok(line), offset).map(|line| Some(line.to_owned()));
            }
        }
        Ok(None)
    }

    /// The line that starts at `offset`, if it has this hash.
    pub(crate) fn line_at(&self, offset: u64, hash: Digest) -> Result<OwnedLine, ReadError> {
        let window = self.read(offset, LINE_BYTES_MAX as u64 + 1)?;
        let raw = window
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let line = checked(Line::parse(&self.schema, raw, offset), offset)?;
        if line.hash() != hash {
            return Err(broken_at(offset, FindingKind::Edited));
        }
        Ok(line.to_owned())
    }

    /// How long the file is. No file is fine only for a ledger that never had a line.
    fn size(&self) -> Result<u64, ReadError> {
        if let Some(size) = self.storage.size(Part::Lines)? {
            return Ok(size);
        }
        match HeadFile::read(&*self.storage)?.best {
            Some(head) if head.lines == 0 => Ok(0),
            _ => Err(ReadError::Missing),
        }
    }

    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, ReadError> {
        let too_long = |_| StorageError::Io(io::ErrorKind::FileTooLarge.into());
        let mut bytes = vec![0; usize::try_from(length).map_err(too_long)?];
        let mut filled = 0;
        while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self
                .storage
                .read_at(Part::Lines, offset + filled as u64, room)?
            {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

fn checked(line: Result<Line<'_>, FindingKind>, offset: u64) -> Result<Line<'_>, ReadError> {
    let line = line.map_err(|kind| broken_at(offset, kind))?;
    if line.actual_hash() == line.hash() {
        Ok(line)
    } else {
        Err(broken_at(offset, FindingKind::Edited))
    }
}

fn not_a_line(reason: &'static str) -> FindingKind {
    FindingKind::NotALine { reason }
}

fn broken_at(offset: u64, kind: FindingKind) -> ReadError {
    ReadError::Broken { offset, kind }
}
