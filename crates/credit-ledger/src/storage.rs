//! The boundary between the ledger's rules and the place its bytes are kept.

mod file;
mod memory;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub use self::file::FileStorage;
pub use self::memory::MemoryStorage;

/// The two things a ledger keeps.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Part {
    /// The lines.
    Lines,
    /// The HEAD file: 512 bytes that remember the last acknowledged line.
    Head,
}

/// Keeps a ledger's bytes.
///
/// The ledger decides what to write and when; a storage only does it. The contract:
///
/// - **Who locks.** The ledger calls [`lock`](Storage::lock) before anything that writes and
///   [`unlock`](Storage::unlock) after it. Between the two no other writer of the same data
///   gets its lock, in this process or another. Reading takes no lock: readers see any prefix
///   of what is being written.
/// - **What holds on return.** After `write_at` and `truncate` every reader sees the change;
///   after `sync` it also survives a loss of power. An `Err` from `write_at` or `truncate`
///   promises nothing about the bytes concerned; bytes before them are untouched.
/// - **What may be retried.** Everything but `sync`: after a failed `sync` the ledger refuses
///   to go on, because what it thinks written may be gone.
/// - **Nothing is retried inside** except interrupted calls.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Waits up to `wait` to become the only writer.
    ///
    /// # Errors
    /// [`StorageError::Locked`] if another writer stays; others if locking itself fails.
    fn lock(&self, wait: Duration) -> Result<(), StorageError>;

    /// Lets other writers in. Called once for each successful [`lock`](Storage::lock).
    fn unlock(&self);

    /// The length of a part in bytes; `None` if it does not exist.
    ///
    /// # Errors
    /// [`StorageError::Replaced`] if the part this storage has been writing to is no longer
    /// the one others find in its place.
    fn size(&self, part: Part) -> Result<Option<u64>, StorageError>;

    /// Reads some bytes; 0 means that there are none at or after `offset`.
    ///
    /// # Errors
    /// The part could not be read.
    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError>;

    /// Writes all of `bytes`, creating the part if it does not exist.
    ///
    /// # Errors
    /// [`StorageError::NoSpace`] if the same call can succeed later without anybody's doing.
    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Cuts [`Part::Lines`] to `size` bytes.
    ///
    /// # Errors
    /// The part could not be cut.
    fn truncate(&self, size: u64) -> Result<(), StorageError>;

    /// Makes a part's bytes, its length and its existence durable.
    ///
    /// # Errors
    /// It is not known what is durable.
    fn sync(&self, part: Part) -> Result<(), StorageError>;

    /// Keeps bytes that are about to be cut off the lines at `offset`, durably, and says where
    /// an operator finds them. The same bytes may be set aside again after a crash.
    ///
    /// # Errors
    /// The bytes are not safe, and must not be cut.
    fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError>;

    /// Where the index is kept; without one, opening reads everything and every id is in
    /// memory.
    fn index(&self) -> Option<&dyn IndexStorage> {
        None
    }
}

/// Keeps a ledger's index: derived bytes that cost only time if they are lost.
///
/// Any read may give the bytes of any earlier write, zeros or an error; what is wrong is noticed
/// by checks, and the index is made again from the lines. Only the holder of the ledger's lock
/// writes.
pub trait IndexStorage: fmt::Debug + Send + Sync {
    /// Reads some bytes; 0 means that there are none at or after `offset`.
    ///
    /// # Errors
    /// The index could not be read.
    fn read_index(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes`, creating the index if it does not exist.
    ///
    /// # Errors
    /// The index could not be written.
    fn write_index(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

/// Why a storage did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Input or output failed.
    #[error("the ledger's storage failed")]
    Io(#[source] io::Error),
    /// Another writer holds the lock: try again later.
    #[error("another writer holds the ledger's lock{}", holder(.pid))]
    Locked {
        /// Its process, if known.
        pid: Option<u32>,
    },
    /// There is no room: make some, then try again.
    #[error("no space left for the ledger")]
    NoSpace(#[source] io::Error),
    /// The file was moved, deleted or replaced while it was open.
    #[error("the ledger's file is no longer the one that was opened")]
    Replaced,
}

impl StorageError {
    /// The same error for another caller of the same batch.
    pub(crate) fn again(&self) -> Self {
        let again = |error: &io::Error| match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        match self {
            Self::Io(error) => Self::Io(again(error)),
            Self::Locked { pid } => Self::Locked { pid: *pid },
            Self::NoSpace(error) => Self::NoSpace(again(error)),
            Self::Replaced => Self::Replaced,
        }
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace(error),
            _ => Self::Io(error),
        }
    }
}

macro_rules! forward_storage {
    ($pointer:ident) => {
        impl<T: Storage + ?Sized> Storage for $pointer<T> {
            fn lock(&self, wait: Duration) -> Result<(), StorageError> {
                (**self).lock(wait)
            }

            fn unlock(&self) {
                (**self).unlock();
            }

            fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
                (**self).size(part)
            }

            fn read_at(
                &self,
                part: Part,
                offset: u64,
                buffer: &mut [u8],
            ) -> Result<usize, StorageError> {
                (**self).read_at(part, offset, buffer)
            }

            fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
                (**self).write_at(part, offset, bytes)
            }

            fn truncate(&self, size: u64) -> Result<(), StorageError> {
                (**self).truncate(size)
            }

            fn sync(&self, part: Part) -> Result<(), StorageError> {
                (**self).sync(part)
            }

            fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError> {
                (**self).set_aside(offset, bytes)
            }

            fn index(&self) -> Option<&dyn IndexStorage> {
                (**self).index()
            }
        }
    };
}

forward_storage!(Arc);
forward_storage!(Box);

/// The storage's lock, given back when dropped.
#[derive(Debug)]
pub(crate) struct Locked<'a>(&'a dyn Storage);

impl<'a> Locked<'a> {
    pub(crate) fn take(storage: &'a dyn Storage, wait: Duration) -> Result<Self, StorageError> {
        storage.lock(wait)?;
        Ok(Self(storage))
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

pub(crate) fn holder(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}
