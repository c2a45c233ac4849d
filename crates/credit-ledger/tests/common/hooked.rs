//! A storage in memory whose calls a test can watch, keep waiting or fail.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use credit_ledger::{IndexStorage, MemoryStorage, Part, Storage, StorageError};

/// Asks the hook before each call, after a read; what the hook says is how the call ends. A write
/// that it fails leaves half of its bytes. Clones share the memory and the hook.
#[derive(Clone)]
pub(crate) struct Hooked {
    pub(crate) memory: MemoryStorage,
    hook: Arc<dyn Fn(Call) -> io::Result<()> + Send + Sync>,
}

/// What the hook is asked about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Call {
    /// So many bytes were read.
    Read(Part, usize),
    Write(Part),
    Truncate,
    Sync(Part),
    SetAside,
    ReadIndex,
    WriteIndex,
}

impl Hooked {
    pub(crate) fn new(
        memory: &MemoryStorage,
        hook: impl Fn(Call) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            memory: memory.clone(),
            hook: Arc::new(hook),
        }
    }
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hooked").field(&self.memory).finish()
    }
}

impl Storage for Hooked {
    fn lock(&self, wait: Duration) -> Result<(), StorageError> {
        self.memory.lock(wait)
    }

    fn unlock(&self) {
        self.memory.unlock();
    }

    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        self.memory.size(part)
    }

    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        // Short reads are no fault, and must be understood everywhere.
        let most = buffer.len().min(10_000);
        let room = buffer.split_at_mut(most).0;
        let count = self.memory.read_at(part, offset, room)?;
        (self.hook)(Call::Read(part, count))?;
        Ok(count)
    }

    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let asked = (self.hook)(Call::Write(part));
        let written = match &asked {
            Ok(()) => bytes,
            Err(_) => bytes.split_at(bytes.len() / 2).0,
        };
        self.memory.write_at(part, offset, written)?;
        Ok(asked?)
    }

    fn truncate(&self, size: u64) -> Result<(), StorageError> {
        (self.hook)(Call::Truncate)?;
        self.memory.truncate(size)
    }

    fn sync(&self, part: Part) -> Result<(), StorageError> {
        (self.hook)(Call::Sync(part))?;
        self.memory.sync(part)
    }

    fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError> {
        (self.hook)(Call::SetAside)?;
        self.memory.set_aside(offset, bytes)
    }

    fn index(&self) -> Option<&dyn IndexStorage> {
        self.memory.index().is_some().then_some(self)
    }
}

impl IndexStorage for Hooked {
    fn read_index(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (self.hook)(Call::ReadIndex)?;
        self.memory.read_index(offset, buffer)
    }

    fn write_index(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (self.hook)(Call::WriteIndex)?;
        self.memory.write_index(offset, bytes)
    }
}
