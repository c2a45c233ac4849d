//! A ledger in memory, for tests and for embedding.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{IndexStorage, Part, Storage, StorageError};

/// Keeps a ledger in memory. Clones share their contents, as two handles on one file do.
///
/// ```
/// use credit_ledger::{MemoryStorage, Part, Storage};
///
/// let storage = MemoryStorage::new();
/// storage.clone().write_at(Part::Lines, 0, b"shared")?;
/// assert_eq!(storage.contents(Part::Lines), Some(b"shared".to_vec()));
/// # Ok::<(), credit_ledger::StorageError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    shared: Arc<Shared>,
    keeps_index: bool,
}

#[derive(Debug, Default)]
struct Shared {
    contents: Mutex<Contents>,
    unlocked: Condvar,
}

#[derive(Debug, Default)]
struct Contents {
    lines: Option<Vec<u8>>,
    head: Option<Vec<u8>>,
    index: Vec<u8>,
    set_aside: Vec<(u64, Vec<u8>)>,
    locked: bool,
}

impl MemoryStorage {
    /// An empty one: nothing exists yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same contents, and an index of them is kept as well.
    #[must_use]
    pub fn with_index(self) -> Self {
        Self {
            keeps_index: true,
            ..self
        }
    }

    /// One that holds these lines and no HEAD, like a ledger file somebody sent.
    #[must_use]
    pub fn with_lines(lines: Vec<u8>) -> Self {
        let storage = Self::new();
        storage.replace(Part::Lines, Some(lines));
        storage
    }

    /// Puts `bytes` in the place of a part, or removes it.
    pub fn replace(&self, part: Part, bytes: Option<Vec<u8>>) {
        *self.contents_mut().part(part) = bytes;
    }

    /// A copy of a part, if it exists.
    #[must_use]
    pub fn contents(&self, part: Part) -> Option<Vec<u8>> {
        self.contents_mut().part(part).clone()
    }

    /// Puts `bytes` in the place of the index.
    pub fn replace_index(&self, bytes: Vec<u8>) {
        self.contents_mut().index = bytes;
    }

    /// A copy of the index; empty if there is none.
    #[must_use]
    pub fn index_contents(&self) -> Vec<u8> {
        self.contents_mut().index.clone()
    }

    /// What was set aside: where it was cut off, and the bytes.
    #[must_use]
    pub fn set_aside_bytes(&self) -> Vec<(u64, Vec<u8>)> {
        self.contents_mut().set_aside.clone()
    }

    fn contents_mut(&self) -> MutexGuard<'_, Contents> {
        self.shared
            .contents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn part(&mut self, part: Part) -> &mut Option<Vec<u8>> {
        match part {
            Part::Lines => &mut self.lines,
            Part::Head => &mut self.head,
        }
    }
}

impl Storage for MemoryStorage {
    fn lock(&self, wait: Duration) -> Result<(), StorageError> {
        let contents = self.contents_mut();
        let (mut contents, waited) = self
            .shared
            .unlocked
            .wait_timeout_while(contents, wait, |contents| contents.locked)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() && contents.locked {
            return Err(StorageError::Locked {
                pid: Some(std::process::id()),
            });
        }
        contents.locked = true;
        Ok(())
    }

    fn unlock(&self) {
        self.contents_mut().locked = false;
        self.shared.unlocked.notify_one();
    }

    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        Ok(self
            .contents_mut()
            .part(part)
            .as_ref()
            .map(|bytes| bytes.len() as u64))
    }

    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        let mut contents = self.contents_mut();
        let bytes = contents.part(part).as_deref().unwrap_or_default();
        Ok(copy_from(bytes, offset, buffer))
    }

    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let mut contents = self.contents_mut();
        let held = contents.part(part).get_or_insert_default();
        Ok(copy_to(held, offset, bytes)?)
    }

    fn truncate(&self, size: u64) -> Result<(), StorageError> {
        if let Some(lines) = &mut self.contents_mut().lines {
            lines.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    fn sync(&self, _part: Part) -> Result<(), StorageError> {
        Ok(())
    }

    fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError> {
        self.contents_mut().set_aside.push((offset, bytes.to_vec()));
        Ok(format!("{} bytes kept in memory", bytes.len()))
    }

    fn index(&self) -> Option<&dyn IndexStorage> {
        self.keeps_index.then_some(self)
    }
}

impl IndexStorage for MemoryStorage {
    fn read_index(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(copy_from(&self.contents_mut().index, offset, buffer))
    }

    fn write_index(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        copy_to(&mut self.contents_mut().index, offset, bytes)
    }
}

fn copy_from(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|at| bytes.get(at..))
        .unwrap_or_default();
    let count = rest.len().min(buffer.len());
    for (to, from) in buffer.iter_mut().zip(rest) {
        *to = *from;
    }
    count
}

fn copy_to(held: &mut Vec<u8>, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = start
        .checked_add(bytes.len())
        .ok_or(io::ErrorKind::FileTooLarge)?;
    if held.len() < start {
        held.resize(start, 0);
    }
    let overlap = start..end.min(held.len());
    held.splice(overlap, bytes.iter().copied());
    Ok(())
}
