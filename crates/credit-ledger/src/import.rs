//! Taking over a file of lines that no ledger wrote: its bytes stay, and a chain begins behind
//! them.

use sha2::{Digest as _, Sha256};

use crate::Digest;
use crate::beginning::{Beginning, Import, begins_at};
use crate::error::OpenError;
use crate::head::{HeadFile, HeadRecord};
use crate::json::{JsonError, Member, Sink, scan};
use crate::ledger::Config;
use crate::line::CHAIN_KEYS;
use crate::open::{check_arguments, origin_or_random};
use crate::record::{LINE_BYTES_MAX, Schema};
use crate::scan::{Lines, Raw};
use crate::storage::{Locked, Part, Storage, StorageError};

/// A file that can be imported, as [`Ledger::check_import`](crate::Ledger::check_import) found it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Importable {
    /// How many lines it has.
    pub lines: u64,
    /// Its bytes and their hash.
    pub import: Import,
}

/// Why a file is not imported. Nothing was written.
///
/// Lines are counted from 1, as `sed -n 42p` does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A HEAD file is there: open the ledger instead, or find out whose it is.
    #[error("there is a HEAD file already, so these lines are a ledger's; open it instead")]
    AlreadyALedger,
    /// A line was written by a ledger: find that ledger's HEAD file, or its other lines.
    #[error(
        "line {line} (byte {offset}) has the key `{key}`, which only a ledger writes; put that \
         ledger's files together instead"
    )]
    Chained {
        /// The line.
        line: u64,
        /// Where it starts.
        offset: u64,
        /// The key.
        key: String,
    },
    /// There are no lines: just open a new ledger.
    #[error("there are no lines to import; a new ledger needs no import")]
    Empty,
    /// A line is not JSON that every reader understands alike: correct it.
    #[error("line {line} (byte {offset}) cannot be kept: {source}; correct or remove it")]
    Json {
        /// The line.
        line: u64,
        /// Where it starts.
        offset: u64,
        /// What is wrong with it.
        source: JsonError,
    },
    /// A line is JSON, but no object: correct it.
    #[error("line {line} (byte {offset}) is not a JSON object; correct or remove it")]
    NotAnObject {
        /// The line.
        line: u64,
        /// Where it starts.
        offset: u64,
    },
    /// The lines could be imported, but the ledger does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A line is longer than [`LINE_BYTES_MAX`]: shorten it.
    #[error(
        "line {line} (byte {offset}) is longer than {LINE_BYTES_MAX} bytes; shorten or remove it"
    )]
    TooLong {
        /// The line.
        line: u64,
        /// Where it starts.
        offset: u64,
    },
    /// The last line has no newline: it may be half of one.
    #[error(
        "line {line} (byte {offset}) does not end with a newline; add it if the line is whole, \
         or remove the line"
    )]
    TornTail {
        /// The line.
        line: u64,
        /// Where it starts.
        offset: u64,
    },
}

/// Makes HEAD for the lines that are there. From then on they are a ledger.
pub(crate) fn import(
    storage: &dyn Storage,
    schema: &Schema,
    config: &Config,
) -> Result<Importable, ImportError> {
    check_arguments(schema, config)?;
    let _locked = Locked::take(storage, config.lock_wait)?;
    let found = check(storage, schema)?;
    let head = HeadRecord::empty(&Beginning {
        origin: Some(origin_or_random(config.origin.clone())?),
        start: found.import.bytes,
        sha256: Some(found.import.sha256),
    });
    // Whoever wrote the lines may not have synced them, and HEAD vouches for them.
    storage.sync(Part::Lines)?;
    head.write(storage, 0)?;
    storage.sync(Part::Head)?;
    tracing::info!(lines = found.lines, end = head.end, "ledger_imported");
    Ok(found)
}

/// Looks at everything an import needs, and writes nothing.
pub(crate) fn check(storage: &dyn Storage, schema: &Schema) -> Result<Importable, ImportError> {
    if !HeadFile::read(storage)?.is_unborn() {
        return Err(ImportError::AlreadyALedger);
    }
    let mut lines = Lines::new(storage, 0);
    let mut hasher = Sha256::new();
    let mut line = 0;
    loop {
        line += 1;
        match lines.next()? {
            Raw::Line { bytes, offset } => {
                look_at(schema, bytes, line, offset)?;
                hasher.update(bytes);
                hasher.update(b"\n");
            }
            Raw::Overlong { offset } => return Err(ImportError::TooLong { line, offset }),
            Raw::Tail { offset, .. } => return Err(ImportError::TornTail { line, offset }),
            Raw::End => break,
        }
    }
    if line == 1 {
        return Err(ImportError::Empty);
    }
    Ok(Importable {
        lines: line - 1,
        import: Import {
            bytes: lines.offset(),
            sha256: Digest::from_bytes(hasher.finalize().into()),
        },
    })
}

/// Whether these lines, which have no HEAD, never were in a chain.
pub(crate) fn is_unchained(storage: &dyn Storage, schema: &Schema) -> Result<bool, StorageError> {
    if begins_at(storage, schema)?.is_some() {
        return Ok(false);
    }
    match Lines::new(storage, 0).next()? {
        Raw::Line { bytes, offset } => Ok(look_at(schema, bytes, 1, offset).is_ok()),
        _ => Ok(false),
    }
}

fn look_at(schema: &Schema, bytes: &[u8], line: u64, offset: u64) -> Result<(), ImportError> {
    if bytes.len() > LINE_BYTES_MAX {
        return Err(ImportError::TooLong { line, offset });
    }
    let mut keys = ChainKeys {
        schema,
        found: None,
    };
    scan::<true, _>(bytes, &mut keys).map_err(|source| ImportError::Json {
        line,
        offset,
        source,
    })?;
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ImportError::NotAnObject { line, offset });
    }
    match keys.found {
        Some(key) => Err(ImportError::Chained { line, offset, key }),
        None => Ok(()),
    }
}

/// Looks for a key that only a ledger writes.
struct ChainKeys<'s> {
    schema: &'s Schema,
    found: Option<String>,
}

impl<'a> Sink<'a> for ChainKeys<'_> {
    fn member(&mut self, key: Member<'_>, _value: &'a [u8], _value_at: usize) {
        let mut keys = CHAIN_KEYS.iter().chain([&self.schema.origin]);
        if let Some(key) = keys.find(|ours| ours.as_bytes() == key.key) {
            self.found.get_or_insert((*key).to_owned());
        }
    }
}

impl From<StorageError> for ImportError {
    fn from(error: StorageError) -> Self {
        Self::Open(error.into())
    }
}
