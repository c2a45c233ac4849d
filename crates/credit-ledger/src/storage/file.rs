//! A ledger in files: `<stem>.jsonl`, `<stem>.HEAD`, `<stem>.lock`, `<stem>.idx` and
//! `recovered/`.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{IndexStorage, Part, Storage, StorageError};
use crate::Digest;
use crate::beneath::{open_dir, open_file, open_or_create_file};
use crate::hashed_file::{HashedDir, HashedFileError, create_dirs_durably, sync_dir};

/// How long a waiting writer sleeps between two looks at the lock.
const LOCK_POLL: Duration = Duration::from_millis(1);

/// Keeps a ledger in a directory.
///
/// Nothing is opened or created before it is needed, and reading needs no right to write. A
/// symbolic link in the place of a file is an error, never followed. Files are created with
/// the mode 0640. The lock is advisory (`flock`) and gone with the process that held it.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let storage = credit_ledger::FileStorage::new(dir.path(), "ledger");
/// assert!(storage.lines_path().ends_with("ledger.jsonl"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FileStorage {
    dir: PathBuf,
    stem: String,
    lines: Mutex<Option<Opened>>,
    head: Mutex<Option<Opened>>,
    index: Mutex<Option<Opened>>,
    lock: Mutex<LockFile>,
}

#[derive(Debug, Default)]
struct LockFile {
    file: Option<File>,
    /// `flock` does not keep two users of one open file apart; this does.
    held: bool,
}

#[derive(Clone, Debug)]
struct Opened {
    file: Arc<File>,
    writable: bool,
    /// The directory may not know the file durably before the first sync.
    dir_synced: bool,
}

impl FileStorage {
    /// A ledger called `stem` in `dir`. The directory is made by the first writer.
    #[must_use]
    pub fn new(dir: &Path, stem: &str) -> Self {
        Self {
            dir: dir.to_owned(),
            stem: stem.to_owned(),
            lines: Mutex::default(),
            head: Mutex::default(),
            index: Mutex::default(),
            lock: Mutex::default(),
        }
    }

    /// Where the lines are.
    #[must_use]
    pub fn lines_path(&self) -> PathBuf {
        self.path(Part::Lines)
    }

    /// Where the HEAD file is.
    #[must_use]
    pub fn head_path(&self) -> PathBuf {
        self.path(Part::Head)
    }

    /// Waits until no writer holds the lock, without taking it and without changing anything.
    ///
    /// For a moment a writer that does not wait at all may find the lock taken by this look at it.
    ///
    /// # Errors
    /// [`StorageError::Locked`] with the process that wrote its name into the lock file, if it is
    /// still held after `wait`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use credit_ledger::{FileStorage, Storage, StorageError};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let writer = FileStorage::new(dir.path(), "ledger");
    /// writer.lock(Duration::ZERO)?;
    /// let other = FileStorage::new(dir.path(), "ledger");
    /// let pid = Some(std::process::id());
    /// let found = other.wait_until_unlocked(Duration::ZERO);
    /// assert!(matches!(found, Err(StorageError::Locked { pid: p }) if p == pid));
    /// writer.unlock();
    /// other.wait_until_unlocked(Duration::ZERO)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_until_unlocked(&self, wait: Duration) -> Result<(), StorageError> {
        let file = match self.open_file(&self.beside("lock")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Ok(file.unlock()?),
                Err(TryLockError::Error(error)) => return Err(error.into()),
                Err(TryLockError::WouldBlock) if waited >= wait => {
                    return Err(StorageError::Locked { pid: self.holder() });
                }
                Err(TryLockError::WouldBlock) => {
                    thread::sleep(LOCK_POLL);
                    waited += LOCK_POLL;
                }
            }
        }
    }

    fn path(&self, part: Part) -> PathBuf {
        self.dir.join(self.name(part))
    }

    fn name(&self, part: Part) -> String {
        self.beside(match part {
            Part::Lines => "jsonl",
            Part::Head => "HEAD",
        })
    }

    /// The name of one of the ledger's files.
    fn beside(&self, extension: &str) -> String {
        format!("{}.{extension}", self.stem)
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        open_file(open_dir(&self.dir)?, name)
    }

    fn open_or_create_file(&self, name: &str) -> io::Result<File> {
        open_or_create_file(open_dir(&self.dir)?, name)
    }

    fn slot(&self, part: Part) -> MutexGuard<'_, Option<Opened>> {
        let slot = match part {
            Part::Lines => &self.lines,
            Part::Head => &self.head,
        };
        slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn for_reading(&self, part: Part) -> Result<Option<Arc<File>>, StorageError> {
        let mut slot = self.slot(part);
        if let Some(opened) = &*slot {
            return Ok(Some(Arc::clone(&opened.file)));
        }
        let file = match self.open_file(&self.name(part)) {
            Ok(file) => Arc::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        *slot = Some(Opened {
            file: Arc::clone(&file),
            writable: false,
            dir_synced: false,
        });
        Ok(Some(file))
    }

    fn for_writing(&self, part: Part) -> Result<Arc<File>, StorageError> {
        let mut slot = self.slot(part);
        if let Some(opened) = slot.as_ref().filter(|opened| opened.writable) {
            return Ok(Arc::clone(&opened.file));
        }
        let file = Arc::new(self.open_or_create_file(&self.name(part))?);
        if let Some(opened) = &*slot
            && !is_same(&opened.file, &file)?
        {
            return Err(StorageError::Replaced);
        }
        *slot = Some(Opened {
            file: Arc::clone(&file),
            writable: true,
            dir_synced: false,
        });
        Ok(file)
    }

    /// The index, opened anew if somebody removed it or if it must be written now.
    fn index_file(&self, writable: bool) -> io::Result<Arc<File>> {
        let name = self.beside("idx");
        let path = self.dir.join(&name);
        let mut slot = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = slot.as_ref().filter(|opened| opened.writable || !writable)
            && is_at(&opened.file, &path)?
        {
            return Ok(Arc::clone(&opened.file));
        }
        let opened = if writable {
            self.open_or_create_file(&name)
        } else {
            self.open_file(&name)
        };
        let file = Arc::new(opened?);
        *slot = Some(Opened {
            file: Arc::clone(&file),
            writable,
            dir_synced: false,
        });
        Ok(file)
    }

    /// Opens the lock file and takes its lock; says whether that worked out.
    fn try_lock(&self, lock: &mut LockFile) -> Result<bool, StorageError> {
        if lock.held {
            return Ok(false);
        }
        let name = self.beside("lock");
        let path = self.dir.join(&name);
        let file = match lock.file.take() {
            Some(file) => file,
            None => match self.open_or_create_file(&name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    create_dirs_durably(&self.dir)?;
                    self.open_or_create_file(&name)?
                }
                opened => opened?,
            },
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Kept open only while it is the one in its place.
                lock.file = is_at(&file, &path)?.then_some(file);
                return Ok(false);
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // A lock on a file that somebody removed excludes nobody: start over with the new one.
        if !is_at(&file, &path)? {
            return Ok(false);
        }
        // Only a hint for people, so its loss is no reason not to go on. Most often it is there
        // from the last time, and a write would make more for the next sync to do.
        let (hint, mut there) = (format!("{:>10}\n", std::process::id()), [0; 11]);
        if file.read_exact_at(&mut there, 0).is_err() || there != hint.as_bytes() {
            let _lost = file.write_all_at(hint.as_bytes(), 0);
        }
        *lock = LockFile {
            file: Some(file),
            held: true,
        };
        Ok(true)
    }

    fn lock_file(&self) -> MutexGuard<'_, LockFile> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holder(&self) -> Option<u32> {
        let mut text = String::new();
        let file = self.open_file(&self.beside("lock")).ok()?;
        file.take(16).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }
}

impl Storage for FileStorage {
    fn lock(&self, wait: Duration) -> Result<(), StorageError> {
        let mut waited = Duration::ZERO;
        loop {
            // Let go before sleeping: `unlock` needs it.
            let locked = self.try_lock(&mut self.lock_file())?;
            if locked {
                return Ok(());
            }
            if waited >= wait {
                return Err(StorageError::Locked { pid: self.holder() });
            }
            // Sleeps are counted instead of time: the crate has no clock.
            thread::sleep(LOCK_POLL);
            waited += LOCK_POLL;
        }
    }

    fn unlock(&self) {
        let mut lock = self.lock_file();
        lock.held = false;
        if lock
            .file
            .as_ref()
            .is_some_and(|file| file.unlock().is_err())
        {
            // Closing the file gives the lock back for certain.
            lock.file = None;
        }
    }

    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        let Some(file) = self.for_reading(part)? else {
            return Ok(None);
        };
        if is_at(&file, &self.path(part))? {
            return Ok(Some(file.metadata()?.len()));
        }
        let mut slot = self.slot(part);
        if slot.as_ref().is_some_and(|opened| opened.writable) {
            return Err(StorageError::Replaced);
        }
        // A reader follows to the new file.
        *slot = None;
        drop(slot);
        let file = self.for_reading(part)?;
        Ok(file
            .map(|file| file.metadata())
            .transpose()?
            .map(|metadata| metadata.len()))
    }

    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        let Some(file) = self.for_reading(part)? else {
            return Ok(0);
        };
        loop {
            match file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return Ok(read?),
            }
        }
    }

    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        Ok(self.for_writing(part)?.write_all_at(bytes, offset)?)
    }

    fn truncate(&self, size: u64) -> Result<(), StorageError> {
        Ok(self.for_writing(Part::Lines)?.set_len(size)?)
    }

    fn sync(&self, part: Part) -> Result<(), StorageError> {
        self.for_writing(part)?.sync_data()?;
        let mut slot = self.slot(part);
        if let Some(opened) = slot.as_mut().filter(|opened| !opened.dir_synced) {
            sync_dir(&self.dir)?;
            opened.dir_synced = true;
        }
        Ok(())
    }

    fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError> {
        let dir = HashedDir::open_or_create_in(&self.dir, "recovered")?;
        let mut hash = Digest::of(bytes).to_string();
        hash.truncate(16);
        let name = format!("{}-{offset}-{hash}.bin", self.stem);
        let path = self.dir.join("recovered").join(&name);
        dir.write_durable(&name, bytes)
            .map_err(|error| match error {
                HashedFileError::Io { source, .. } => source,
                error => io::Error::other(error),
            })?;
        Ok(path.display().to_string())
    }

    fn index(&self) -> Option<&dyn IndexStorage> {
        Some(self)
    }
}

impl IndexStorage for FileStorage {
    fn read_index(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = match self.index_file(false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            file => file?,
        };
        loop {
            match file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn write_index(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.index_file(true)?.write_all_at(bytes, offset)
    }
}

fn is_same(one: &File, other: &File) -> io::Result<bool> {
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// Whether `path` is still `file` itself, not a link to it.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(there) => {
            let here = file.metadata()?;
            Ok((here.dev(), here.ino()) == (there.dev(), there.ino()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
