//! Why a ledger does not open, and why an append is not acknowledged.

use crate::finding::FindingKind;
use crate::ledger::Head;
use crate::storage::{StorageError, holder};

/// Why a ledger does not open for writing. Nothing was repaired and nothing made anew.
///
/// A ledger that does not open can still be read and verified with a
/// [`Reader`](crate::Reader).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// An acknowledged line is damaged: restore it from a copy.
    #[error("the ledger is damaged at seq {seq} (byte {offset}): {kind}")]
    Corrupt {
        /// The number of the first line that does not continue the chain.
        seq: u64,
        /// Where it starts.
        offset: u64,
        /// What is wrong with it.
        kind: FindingKind,
    },
    /// The lines and the HEAD file belong to different histories: find those that belong
    /// together.
    #[error(
        "the ledger and its HEAD file belong to different histories; find those that belong together"
    )]
    Forked {
        /// What HEAD knows; `None` if the two do not even have the same origin.
        head: Option<Head>,
    },
    /// Another writer holds the lock: try again later.
    #[error("another writer holds the ledger's lock{}; try again later", holder(.pid))]
    Locked {
        /// Its process, if known.
        pid: Option<u32>,
    },
    /// [`Config::origin`](crate::Config::origin) is not 32 lower-case hex digits.
    #[error("the origin is not 32 lower-case hex digits: `{origin}`")]
    Origin {
        /// What was given.
        origin: String,
    },
    /// The system gave no random bytes for a new ledger's origin: try again, or give one.
    #[error("no random bytes for the origin of a new ledger; try again or give one")]
    Random(#[source] getrandom::Error),
    /// Acknowledged lines are missing at the end: restore them from a copy.
    #[error(
        "the ledger ends at byte {size}, before the acknowledged line {head}; restore what is missing from a copy"
    )]
    RolledBack {
        /// What HEAD knows.
        head: Head,
        /// How long the file is.
        size: u64,
    },
    /// The schema's keys are not different plain words: correct the program.
    #[error("the schema's keys are not all different plain words; correct the program")]
    Schema,
    /// The storage failed.
    #[error(transparent)]
    Storage(StorageError),
    /// The lines never were in a chain: import them
    /// ([`Ledger::import`](crate::Ledger::import)).
    #[error("the lines there never were in a ledger's chain; import them, or move them away")]
    Unchained,
}

/// Why nothing of a batch is acknowledged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The last possible number is taken: start a new ledger.
    #[error("the ledger is full; start a new one")]
    Full,
    /// Another writer holds the lock: try again later.
    #[error("another writer holds the ledger's lock{}; try again later", holder(.pid))]
    Locked {
        /// Its process, if known.
        pid: Option<u32>,
    },
    /// The disk is full: append again when there is room. What was written was cut off.
    #[error("no space left for the ledger; append again when there is room")]
    NoSpace(#[source] StorageError),
    /// More records wait than [`Config::queue_max`](crate::Config::queue_max) allows: wait for
    /// one of the receipts, then try again.
    #[error(
        "the ledger's queue is full ({records} records, {bytes} bytes); wait for a receipt, then try again"
    )]
    Overloaded {
        /// How many records wait.
        records: usize,
        /// How many bytes they have.
        bytes: usize,
    },
    /// After a failed sync (or a failed cut) nobody knows what is on the disk: open the ledger
    /// again, which finds out.
    #[error("the ledger must be opened again after a failure to write it safely")]
    Poisoned(#[source] Option<StorageError>),
    /// The record was refused; only [`Ledger::append`](crate::Ledger::append) says so here.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The file is not as this handle or another writer left it: open the ledger again.
    #[error("the ledger changed at byte {offset} under its writer: {kind}; open it again")]
    Reopen {
        /// Where the change was noticed.
        offset: u64,
        /// What is wrong there.
        kind: FindingKind,
    },
    /// The storage failed. What was written was cut off: trying again is safe.
    #[error(transparent)]
    Storage(StorageError),
}

/// Why one record of a batch was not appended. Nothing of it was written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The id is taken by a record that means something else: it needs another id.
    #[error("`{id}` is already the id of another record, seq {seq}; give this one another id")]
    Conflict {
        /// The id.
        id: String,
        /// The line that has it.
        seq: u64,
    },
    /// The record was checked against another schema than the ledger's: make it with that one.
    #[error("`{id}` was made for a ledger with another schema; make it with the ledger's")]
    OtherSchema {
        /// The id.
        id: String,
    },
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Locked { pid } => Self::Locked { pid },
            error => Self::Storage(error),
        }
    }
}

impl AppendError {
    /// The same error for another caller of the same batch.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::Locked { pid } => Self::Locked { pid: *pid },
            Self::NoSpace(error) => Self::NoSpace(error.again()),
            Self::Overloaded { records, bytes } => Self::Overloaded {
                records: *records,
                bytes: *bytes,
            },
            Self::Poisoned(error) => Self::Poisoned(error.as_ref().map(StorageError::again)),
            Self::Refused(refused) => Self::Refused(refused.clone()),
            Self::Reopen { offset, kind } => Self::Reopen {
                offset: *offset,
                kind: kind.clone(),
            },
            Self::Storage(error) => Self::Storage(error.again()),
        }
    }
}

impl From<StorageError> for AppendError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Locked { pid } => Self::Locked { pid },
            StorageError::NoSpace(_) => Self::NoSpace(error),
            error => Self::Storage(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    /// Whoever sees only the message knows how to go on.
    #[test]
    fn every_error_says_what_to_do_next() {
        let head = Head {
            seq: 1,
            hash: Digest::of(b""),
            end: 2,
        };
        let kind = || FindingKind::Edited;
        let (seq, offset, pid, id) = (1, 0, Some(7), "r-1".to_owned());
        let messages = [
            (
                OpenError::Corrupt {
                    seq,
                    offset,
                    kind: kind(),
                }
                .to_string(),
                "copy",
            ),
            (OpenError::Forked { head: None }.to_string(), "find"),
            (OpenError::Locked { pid }.to_string(), "try again"),
            (
                OpenError::RolledBack { head, size: 1 }.to_string(),
                "restore",
            ),
            (OpenError::Schema.to_string(), "correct"),
            (OpenError::Unchained.to_string(), "import"),
            (AppendError::Full.to_string(), "start a new"),
            (AppendError::Locked { pid }.to_string(), "process 7"),
            (
                AppendError::Overloaded {
                    records: 1,
                    bytes: 2,
                }
                .to_string(),
                "try again",
            ),
            (AppendError::Poisoned(None).to_string(), "opened again"),
            (
                AppendError::Reopen {
                    offset,
                    kind: kind(),
                }
                .to_string(),
                "open it again",
            ),
            (
                Refused::Conflict {
                    id: id.clone(),
                    seq,
                }
                .to_string(),
                "another id",
            ),
            (Refused::OtherSchema { id }.to_string(), "make it"),
            (
                AppendError::from(StorageError::NoSpace(
                    std::io::ErrorKind::StorageFull.into(),
                ))
                .to_string(),
                "again when there is room",
            ),
        ];
        for (message, next) in messages {
            assert!(message.contains(next), "{message}");
        }
    }
}
