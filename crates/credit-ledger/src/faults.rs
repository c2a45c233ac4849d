//! A storage that fails when it is told to, for tests of what stands above a ledger.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::storage::{IndexStorage, Part, Storage, StorageError};

/// Wraps a storage and fails chosen calls. Clones share what is to fail.
///
/// ```
/// use credit_ledger::faults::{Call, Fault, FaultyStorage};
/// use credit_ledger::{MemoryStorage, Part, Storage};
///
/// let storage = FaultyStorage::new(MemoryStorage::new());
/// storage.fail(Call::Sync(Part::Lines), 1, Fault::Error);
/// storage.write_at(Part::Lines, 0, b"x")?;
/// assert!(storage.sync(Part::Lines).is_ok(), "one is let through");
/// assert!(storage.sync(Part::Lines).is_err());
/// assert!(storage.sync(Part::Lines).is_ok(), "a fault happens once");
/// # Ok::<(), credit_ledger::StorageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FaultyStorage<S> {
    inner: S,
    planned: Arc<Mutex<Vec<Planned>>>,
}

/// A call that can fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Call {
    /// [`Storage::lock`]
    Lock,
    /// [`Storage::read_at`]
    Read(Part),
    /// [`Storage::write_at`]
    Write(Part),
    /// [`Storage::truncate`]
    Truncate,
    /// [`Storage::sync`]
    Sync(Part),
    /// [`Storage::set_aside`]
    SetAside,
    /// [`IndexStorage::write_index`]
    WriteIndex,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// With an error of the device; nothing is done.
    Error,
    /// As a full disk does; a write leaves the first half of its bytes.
    NoSpace,
    /// A write leaves the first half of its bytes, then fails like a device.
    Torn,
}

#[derive(Debug)]
struct Planned {
    call: Call,
    after: u32,
    fault: Fault,
}

impl<S> FaultyStorage<S> {
    /// One that does not fail yet.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            planned: Arc::default(),
        }
    }

    /// Lets `after` of these calls through and fails the next one, once.
    pub fn fail(&self, call: Call, after: u32, fault: Fault) {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.push(Planned { call, after, fault });
    }

    fn meet(&self, call: Call) -> Option<Fault> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let at = planned.iter().position(|planned| planned.call == call)?;
        match planned.get_mut(at).map(|planned| &mut planned.after) {
            Some(0) => Some(planned.remove(at).fault),
            Some(after) => {
                *after -= 1;
                None
            }
            None => None,
        }
    }

    fn pass(&self, call: Call) -> io::Result<()> {
        self.meet(call).map_or(Ok(()), |fault| Err(error(fault)))
    }
}

fn error(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace => io::ErrorKind::StorageFull.into(),
        Fault::Error | Fault::Torn => io::Error::other("asked to fail"),
    }
}

impl<S: Storage> Storage for FaultyStorage<S> {
    fn lock(&self, wait: Duration) -> Result<(), StorageError> {
        self.pass(Call::Lock)?;
        self.inner.lock(wait)
    }

    fn unlock(&self) {
        self.inner.unlock();
    }

    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        self.inner.size(part)
    }

    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        self.pass(Call::Read(part))?;
        self.inner.read_at(part, offset, buffer)
    }

    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let Some(fault) = self.meet(Call::Write(part)) else {
            return self.inner.write_at(part, offset, bytes);
        };
        if fault != Fault::Error {
            let (half, _) = bytes.split_at(bytes.len() / 2);
            self.inner.write_at(part, offset, half)?;
        }
        Err(error(fault).into())
    }

    fn truncate(&self, size: u64) -> Result<(), StorageError> {
        self.pass(Call::Truncate)?;
        self.inner.truncate(size)
    }

    fn sync(&self, part: Part) -> Result<(), StorageError> {
        self.pass(Call::Sync(part))?;
        self.inner.sync(part)
    }

    fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError> {
        self.pass(Call::SetAside)?;
        self.inner.set_aside(offset, bytes)
    }

    fn index(&self) -> Option<&dyn IndexStorage> {
        self.inner.index().is_some().then_some(self)
    }
}

impl<S: Storage> IndexStorage for FaultyStorage<S> {
    fn read_index(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.index() {
            Some(index) => index.read_index(offset, buffer),
            None => Ok(0),
        }
    }

    fn write_index(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.pass(Call::WriteIndex)?;
        match self.inner.index() {
            Some(index) => index.write_index(offset, bytes),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
