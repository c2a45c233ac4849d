//! Reading a ledger without a lock and without the right to write.

use std::io;
use std::sync::Arc;

use crate::beginning::{Beginning, Import};
use crate::chain::Chain;
use crate::finding::{FindingKind, Verification};
use crate::head::{HeadFile, HeadRecord};
use crate::index::Manifest;
use crate::ledger::Head;
use crate::line::{Line, OwnedLine};
use crate::record::{LINE_BYTES_MAX, Schema};
use crate::scan::{Lines, Raw, Scan};
use crate::storage::{Part, Storage, StorageError};
use crate::verify::{self, Scope};
use crate::window::{Window, WindowScan};

/// A cheap handle for reading. Clones share the storage.
///
/// ```
/// # use credit_ledger::{Config, Ledger, MemoryStorage, ReadError, Reader, Record, Schema};
/// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
/// #     file_hash: None, origin: "Ledger_Origin", time: None,
/// #     severity: None, scenario: None };
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
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) schema: Schema,
}

/// A pass over the lines a ledger was imported with, made by [`Reader::imported_lines`].
#[derive(Debug)]
pub struct ImportedLines<'r> {
    lines: Lines<'r>,
    end: u64,
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
        let start = self.beginning()?.start;
        Ok(Scan::new(&*self.storage, self.schema, start, None))
    }

    /// Starts a pass that hands out a line only if it continues the chain.
    ///
    /// Imported bytes are read and hashed first: line 0 states their hash.
    ///
    /// # Errors
    /// [`ReadError::Missing`] if the ledger is gone, [`ReadError::Broken`] if the line HEAD knows
    /// is not there: a pass over what is left would be short without saying so.
    pub fn scan_verified(&self) -> Result<Scan<'_>, ReadError> {
        self.size_past_head()?;
        let beginning = self.beginning()?.hashed(&*self.storage)?;
        Ok(Scan::new(
            &*self.storage,
            self.schema,
            beginning.start,
            Some(Chain::start(beginning)),
        ))
    }

    /// The same from behind a line that was read before, which must still be in its place: what a
    /// fold of the ledger needs to go on where it stopped.
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, Record, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: None, severity: None,
    /// #     scenario: None };
    /// # let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
    /// # let body = |id: &str| format!(r#"{{"Run_ID":"{id}","Input_Sha256":"{}"}}"#, "0".repeat(64));
    /// # ledger.append(Record::new(&RUNS, body("r-1").into_bytes())?)?;
    /// let reader = ledger.reader();
    /// let seen = reader.head()?.unwrap();
    /// # ledger.append(Record::new(&RUNS, body("r-2").into_bytes())?)?;
    /// // … when something was added:
    /// let mut new = reader.scan_verified_after(seen)?;
    /// assert_eq!(new.next_line()?.unwrap().seq(), 1);
    /// assert!(new.next_line()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Reader::scan_verified`]; [`ReadError::Broken`] also if that line is another one.
    pub fn scan_verified_after(&self, head: Head) -> Result<Scan<'_>, ReadError> {
        let size = self.size_past_head()?;
        if size < head.end {
            return Err(broken_at(size, FindingKind::RolledBack { head }));
        }
        let line = line_ending_at(&*self.storage, &self.schema, head.end)?;
        if line.seq() != head.seq || line.hash() != head.hash {
            return Err(broken_at(line.offset(), FindingKind::Forked { head }));
        }
        let mut chain = Chain::start(self.beginning()?);
        chain.resume(head.seq + 1, head.hash, head.end);
        let chain = Some(chain);
        Ok(Scan::new(&*self.storage, self.schema, head.end, chain))
    }

    /// Starts a verified pass over the lines that may be of a time, severity or scenario.
    ///
    /// It may hand out others as well: look at each. Without an index it hands out all lines;
    /// with one, blocks of about 64 KiB that hold nothing wanted are not even read. Each line's
    /// hash is checked, and the links between lines that follow each other.
    ///
    /// # Errors
    /// As for [`Reader::scan_verified`].
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, Schema, Window};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: Some("Timestamp"), severity: None,
    /// #     scenario: None };
    /// # let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
    /// let reader = ledger.reader();
    /// let week = Window {
    ///     from: Some("2025-01-24T00:00:00Z"),
    ///     to: Some("2025-01-31T00:00:00Z"),
    ///     ..Window::default()
    /// };
    /// let mut scan = reader.window(&week)?;
    /// while let Some(line) = scan.next_line()? {
    ///     println!("{}", String::from_utf8_lossy(line.raw()));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn window(&self, window: &Window<'_>) -> Result<WindowScan<'_>, ReadError> {
        let size = self.size_past_head()?;
        let known = self.stretches(window, size);
        let beginning = self.beginning()?;
        let (storage, schema) = (&*self.storage, self.schema);
        Ok(WindowScan::new(storage, schema, beginning, known))
    }

    /// What the index names of a window, and where its knowledge ends.
    pub(crate) fn stretches(
        &self,
        window: &Window<'_>,
        size: u64,
    ) -> Option<(Vec<(u64, u64)>, u64)> {
        let manifest = self.manifest(size)?;
        let stretches = manifest.stretches(&*self.storage, &window.wanted(&self.schema));
        Some((stretches.ok()?, manifest.end))
    }

    /// The last whole line. Its hash is checked; the chain before it is not.
    ///
    /// # Errors
    /// [`ReadError::Broken`] if it is not an intact line, or if the line HEAD knows is not there.
    pub fn head(&self) -> Result<Option<Head>, ReadError> {
        let size = self.size_past_head()?;
        // Enough for a torn tail and a whole line before it, whatever their lengths.
        let start = size.saturating_sub(2 * (LINE_BYTES_MAX as u64 + 1));
        let window = self.read(start, size - start)?;
        let Some(last) = memchr::memrchr(b'\n', &window) else {
            return if start == 0 {
                Ok(None)
            } else {
                Err(broken_at(start, not_a_line(NO_NEWLINE)))
            };
        };
        if start + (last as u64) < self.beginning()?.start {
            return Ok(None);
        }
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

    /// What the ledger was imported with ([`Ledger::import`](crate::Ledger::import)), as line 0
    /// states it; while HEAD knows of no line, as the bytes are.
    ///
    /// # Errors
    /// [`ReadError::Broken`] if line 0 was edited or the bytes are cut short.
    pub fn imported(&self) -> Result<Option<Import>, ReadError> {
        self.size_past_head()?;
        let head = HeadFile::read(&*self.storage)?.best;
        let beginning = Beginning::of(&*self.storage, &self.schema, head.as_ref())?;
        if beginning.start == 0 {
            return Ok(None);
        }
        if head.is_some_and(|head| head.lines == 0) {
            return Ok(beginning.hashed(&*self.storage)?.import());
        }
        let line = line_at(&*self.storage, &self.schema, beginning.start)?;
        Ok(line.import())
    }

    /// Starts a pass over the lines the ledger was imported with, as they were written.
    ///
    /// Nothing of them is checked; [`Reader::verify`] checks their hash.
    ///
    /// # Errors
    /// [`ReadError::Missing`] if the ledger is gone.
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: None,
    /// #     severity: None, scenario: None };
    /// let old = MemoryStorage::with_lines(b"{\"a\":1}\n{\"a\":2}\n".to_vec());
    /// let reader = Ledger::import(Box::new(old), RUNS, Config::default())?.reader();
    /// let mut lines = reader.imported_lines()?;
    /// assert_eq!(lines.next_line()?, Some(&b"{\"a\":1}"[..]));
    /// assert_eq!(lines.next_line()?, Some(&b"{\"a\":2}"[..]));
    /// assert_eq!(lines.next_line()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn imported_lines(&self) -> Result<ImportedLines<'_>, ReadError> {
        self.size()?;
        Ok(ImportedLines {
            lines: Lines::new(&*self.storage, 0),
            end: self.beginning()?.start,
        })
    }

    /// Looks at everything and reports everything that is wrong, not only the first.
    ///
    /// All cores are used; memory is bounded, some 40 MiB for the largest ledger.
    ///
    /// # Errors
    /// The ledger could not be read; what is wrong in it is no error but a finding.
    pub fn verify(&self) -> Result<Verification, ReadError> {
        let scope = Scope {
            records: true,
            from: None,
        };
        self.verify_scope(scope)
    }

    /// Does the same, and tells more about each line in the same pass over the file.
    ///
    /// `note` is asked about every line that can be told to be one, also about those that findings
    /// are about, on many threads; `noted` gets its answers in the order of the file.
    ///
    /// # Errors
    /// As for [`Reader::verify`].
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, Record, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: None, severity: None,
    /// #     scenario: None };
    /// # let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
    /// # let body = format!(r#"{{"Run_ID":"r-1","Input_Sha256":"{}"}}"#, "0".repeat(64));
    /// # ledger.append(Record::new(&RUNS, body.into_bytes())?)?;
    /// let mut bytes = 0;
    /// let verified = ledger.reader().verify_noting(|line| line.raw().len() + 1, |n| bytes += n)?;
    /// assert!(verified.ok());
    /// assert_eq!(bytes as u64, ledger.stats().bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify_noting<T: Send>(
        &self,
        note: impl Fn(&Line<'_>) -> T + Sync,
        mut noted: impl FnMut(T),
    ) -> Result<Verification, ReadError> {
        let scope = Scope {
            records: true,
            from: None,
        };
        verify::verify(&*self.storage, &self.schema, scope, &note, &mut noted)
    }

    /// Looks only at what was added behind a line that was verified before.
    ///
    /// That line must still be in its place. What is before it is not looked at, and ids are
    /// compared only with those behind it. Line numbers are those of the whole file if the head
    /// came from a verification.
    ///
    /// # Errors
    /// As for [`Reader::verify`].
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
    /// let yesterday = reader.verify()?;
    /// // … a day later, what is new since:
    /// if let Some(head) = yesterday.head {
    ///     assert!(reader.verify_from(head)?.ok());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify_from(&self, head: Head) -> Result<Verification, ReadError> {
        let scope = Scope {
            records: true,
            from: Some(head),
        };
        self.verify_scope(scope)
    }

    /// Looks at hashes, numbers, links and HEAD only: most of its time is SHA-256.
    ///
    /// An intact chain says that every line is as this crate's users appended it. What only a
    /// forger who makes correct hashes could write is left to [`Reader::verify`]: records that
    /// would have been refused, wrong file hashes, ids that stand there twice.
    ///
    /// # Errors
    /// As for [`Reader::verify`].
    pub fn verify_chain(&self) -> Result<Verification, ReadError> {
        let scope = Scope {
            records: false,
            from: None,
        };
        self.verify_scope(scope)
    }

    fn verify_scope(&self, scope: Scope) -> Result<Verification, ReadError> {
        let (note, mut noted) = (|_: &Line<'_>| (), |()| ());
        verify::verify(&*self.storage, &self.schema, scope, &note, &mut noted)
    }

    pub(crate) fn new(storage: Arc<dyn Storage>, schema: Schema) -> Self {
        Self { storage, schema }
    }

    pub(crate) fn beginning(&self) -> Result<Beginning, ReadError> {
        let head = HeadFile::read(&*self.storage)?.best;
        Ok(Beginning::of(&*self.storage, &self.schema, head.as_ref())?)
    }

    pub(crate) fn manifest(&self, size: u64) -> Option<Manifest> {
        let storage = &*self.storage;
        Manifest::open(storage, &self.schema, |manifest| manifest.end <= size)
    }

    /// How long the file is, if the line HEAD knows is in its place.
    ///
    /// A line there that is damaged is left to the pass that meets it, which can say more.
    pub(crate) fn size_past_head(&self) -> Result<u64, ReadError> {
        // HEAD first: lines that are added meanwhile come after it.
        let known = HeadFile::read(&*self.storage)?.best;
        let size = self.size()?;
        let Some(head) = known.as_ref().and_then(HeadRecord::head) else {
            return match known {
                Some(HeadRecord { end: bytes, .. }) if size < bytes => {
                    Err(broken_at(size, FindingKind::ImportChanged { bytes }))
                }
                _ => Ok(size),
            };
        };
        if size < head.end {
            return Err(broken_at(size, FindingKind::RolledBack { head }));
        }
        let newline = head.end.saturating_sub(1);
        if self.read(newline, 1)? != b"\n" {
            return Err(broken_at(newline, not_a_line(NO_NEWLINE)));
        }
        match line_ending_at(&*self.storage, &self.schema, head.end) {
            Ok(line) if (line.seq(), line.hash()) == (head.seq, head.hash) => Ok(size),
            Ok(line) => Err(broken_at(line.offset(), FindingKind::Forked { head })),
            Err(ReadError::Broken { .. }) => Ok(size),
            Err(error) => Err(error),
        }
    }

    /// How long the file is. No file is fine only for a ledger that never had a line.
    pub(crate) fn size(&self) -> Result<u64, ReadError> {
        if let Some(size) = self.storage.size(Part::Lines)? {
            return Ok(size);
        }
        match HeadFile::read(&*self.storage)?.best {
            Some(head) if head.end == 0 => Ok(0),
            _ => Err(ReadError::Missing),
        }
    }

    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, ReadError> {
        Ok(read(&*self.storage, offset, length)?)
    }
}

impl ImportedLines<'_> {
    /// The next line without its newline, or `None` after the last one.
    ///
    /// # Errors
    /// [`ReadError::Broken`] for a line that is too long, which none was that was imported.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, ReadError> {
        if self.lines.offset() >= self.end {
            return Ok(None);
        }
        match self.lines.next()? {
            Raw::Line { bytes, .. } => Ok(Some(bytes)),
            Raw::Overlong { offset } => Err(broken_at(offset, not_a_line("it is too long"))),
            Raw::Tail { .. } | Raw::End => Ok(None),
        }
    }
}

/// The line that starts at `offset`. Its hash is checked.
pub(crate) fn line_at(
    storage: &dyn Storage,
    schema: &Schema,
    offset: u64,
) -> Result<OwnedLine, ReadError> {
    // Most lines are short.
    let mut window = read(storage, offset, 2048)?;
    if memchr::memchr(b'\n', &window).is_none() {
        window = read(storage, offset, LINE_BYTES_MAX as u64 + 1)?;
    }
    let end = memchr::memchr(b'\n', &window).unwrap_or(window.len());
    let raw = window.get(..end).unwrap_or_default();
    let line = checked(Line::parse(schema, raw, offset), offset)?;
    Ok(line.to_owned())
}

/// The line whose newline is the last byte before `end`. Its hash is checked.
pub(crate) fn line_ending_at(
    storage: &dyn Storage,
    schema: &Schema,
    end: u64,
) -> Result<OwnedLine, ReadError> {
    // Most lines are short.
    let mut start = end.saturating_sub(2048);
    let mut window = read(storage, start, end - start)?;
    if memchr::memchr_iter(b'\n', &window).nth(1).is_none() {
        start = end.saturating_sub(LINE_BYTES_MAX as u64 + 2);
        window = read(storage, start, end - start)?;
    }
    let no_newline = || broken_at(start, not_a_line(NO_NEWLINE));
    let before = window.strip_suffix(b"\n").ok_or_else(no_newline)?;
    let from = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let offset = start + from as u64;
    let raw = before.get(from..).unwrap_or_default();
    let line = checked(Line::parse(schema, raw, offset), offset)?;
    Ok(line.to_owned())
}

fn read(storage: &dyn Storage, offset: u64, length: u64) -> Result<Vec<u8>, StorageError> {
    let too_long = |_| StorageError::Io(io::ErrorKind::FileTooLarge.into());
    let mut bytes = vec![0; usize::try_from(length).map_err(too_long)?];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match storage.read_at(Part::Lines, offset + filled as u64, room)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

pub(crate) fn checked(
    line: Result<Line<'_>, FindingKind>,
    offset: u64,
) -> Result<Line<'_>, ReadError> {
    let line = line.map_err(|kind| broken_at(offset, kind))?;
    if line.actual_hash() == line.hash() {
        Ok(line)
    } else {
        Err(broken_at(offset, FindingKind::Edited))
    }
}

pub(crate) fn not_a_line(reason: &'static str) -> FindingKind {
    FindingKind::NotALine { reason }
}

pub(crate) fn broken_at(offset: u64, kind: FindingKind) -> ReadError {
    ReadError::Broken { offset, kind }
}

const NO_NEWLINE: &str = "there is no newline where one must be";
