//! Files that are written once, each with its SHA-256 in a file beside it.
//!
//! The file beside `name` is `name.sha256` in the form `sha256sum -c` reads. A crash leaves
//! behind a whole file, an empty one or none, never half of one. A file that exists with other
//! content is evidence and is never overwritten; only an empty one is.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::Digest;
use crate::beneath::{
    DIR_MODE, FILE_MODE, SEALED_MODE, open_beneath, open_dir, open_file, regular,
};

/// One page of memory: so much is written by one call entirely or not at all, even if the process
/// is killed in the middle of it. More could be cut short at a page's end.
const PAGE_BYTES: usize = 4096;

/// A directory of hashed files. Its descriptor is kept, so that each file costs little.
///
/// Files are created with the mode 0444: nobody is meant to write to them again. A symbolic link
/// in the place of a file is an error, never followed.
///
/// ```
/// use credit_ledger::hashed_file::{FileCheck, HashedDir, Written};
///
/// # let parent = tempfile::tempdir()?;
/// let dir = HashedDir::open_or_create(&parent.path().join("2026-01-31"))?;
/// assert_eq!(dir.write_once("run_r-1.json", b"{}\n", None)?, Written::Created);
/// assert_eq!(dir.write_once("run_r-1.json", b"{}\n", None)?, Written::Identical);
/// assert!(dir.write_once("run_r-1.json", b"[]\n", None).is_err());
/// assert!(matches!(dir.check("run_r-1.json")?, FileCheck::Ok { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HashedDir {
    fd: OwnedFd,
    path: PathBuf,
}

/// What [`HashedDir::write_once`] found and did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// The file, or at least its sidecar, was absent or empty and is now there.
    Created,
    /// Both were there already with the same content.
    Identical,
}

/// How a file and its sidecar stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FileCheck {
    /// They agree.
    Ok {
        /// The file's hash.
        digest: Digest,
    },
    /// There is no file.
    Missing,
    /// There is a file, but no sidecar.
    SidecarMissing {
        /// The file's hash.
        digest: Digest,
    },
    /// The file is not the one the sidecar was written for.
    Differs {
        /// The hash in the sidecar.
        expected: Digest,
        /// The file's hash.
        found: Digest,
    },
    /// The sidecar is neither in GNU form for this file nor bare hex.
    SidecarUnreadable {
        /// The file's hash.
        digest: Digest,
    },
}

/// Why a hashed file was not written or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashedFileError {
    /// The name cannot be used: 1 to 200 bytes, no `/`, no NUL, not starting with a dot.
    #[error("`{name}` cannot be the name of a hashed file")]
    BadName {
        /// The name.
        name: String,
    },
    /// Another file is there already. It stays: find out which of the two is right.
    #[error("`{path}` exists with other content")]
    Differs {
        /// The file, or its sidecar.
        path: PathBuf,
    },
    /// Input or output failed; trying again is safe.
    #[error("could not write or read `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl HashedDir {
    /// Opens a directory, making it and its parents if they do not exist.
    ///
    /// # Errors
    /// It could not be made or opened.
    pub fn open_or_create(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || rustix::fs::open(path, flags, Mode::empty());
        let fd = match open() {
            Err(Errno::NOENT) => {
                new_dirs().recursive(true).create(path)?;
                open()?
            }
            opened => opened?,
        };
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Opens the directory `name` in `parent`, making it if it does not exist. A symbolic link in
    /// its place is an error: a directory that others may write to cannot lead elsewhere.
    ///
    /// # Errors
    /// It could not be made or opened, or is a symbolic link.
    pub fn open_or_create_in(parent: &Path, name: &str) -> io::Result<Self> {
        let path = parent.join(name);
        let parent = open_dir(parent)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let open = || open_beneath(&parent, name, flags, Mode::empty());
        let fd = match open() {
            Err(Errno::NOENT) => {
                match rustix::fs::mkdirat(&parent, name, DIR_MODE) {
                    Ok(()) => rustix::fs::fsync(&parent)?,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                open()?
            }
            opened => opened?,
        };
        Ok(Self { fd, path })
    }

    /// Opens the directory `name` in `parent` if both exist.
    ///
    /// # Errors
    /// It could not be opened, or is a symbolic link.
    pub fn open_in(parent: &Path, name: &str) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let opened =
            open_dir(parent).and_then(|parent| open_beneath(parent, name, flags, Mode::empty()));
        match opened {
            Err(Errno::NOENT) => Ok(None),
            opened => Ok(Some(Self {
                fd: opened?,
                path: parent.join(name),
            })),
        }
    }

    /// Writes a file and its sidecar unless they are there already.
    ///
    /// `digest` is the SHA-256 of `bytes`; a caller that knows it saves the work, and is
    /// believed. Nothing is synced: after a loss of power the files may be gone or empty, and
    /// are then written again by the next call.
    ///
    /// # Errors
    /// [`HashedFileError::Differs`] if another file or sidecar is there; it is left alone.
    pub fn write_once(
        &self,
        name: &str,
        bytes: &[u8],
        digest: Option<Digest>,
    ) -> Result<Written, HashedFileError> {
        self.write(name, bytes, digest, false)
    }

    /// Does the same and returns only when file, sidecar and directory are durable.
    ///
    /// # Errors
    /// As for [`HashedDir::write_once`].
    pub fn write_once_durable(
        &self,
        name: &str,
        bytes: &[u8],
        digest: Option<Digest>,
    ) -> Result<Written, HashedFileError> {
        let written = self.write(name, bytes, digest, true)?;
        rustix::fs::fsync(&self.fd).map_err(|error| self.failed("", error))?;
        Ok(written)
    }

    /// Writes a file without a sidecar, durably.
    pub(crate) fn write_durable(&self, name: &str, bytes: &[u8]) -> Result<(), HashedFileError> {
        self.put(name, bytes, true)?;
        rustix::fs::fsync(&self.fd).map_err(|error| self.failed("", error))
    }

    /// Compares a file with its sidecar.
    ///
    /// # Errors
    /// The name cannot be used, or one of the two exists and cannot be read.
    pub fn check(&self, name: &str) -> Result<FileCheck, HashedFileError> {
        is_usable(name)?;
        let Some(bytes) = self.read(name)? else {
            return Ok(FileCheck::Missing);
        };
        let digest = Digest::of(&bytes);
        let Some(sidecar) = self.read(&sidecar_name(name))? else {
            return Ok(FileCheck::SidecarMissing { digest });
        };
        Ok(match read_sidecar(&sidecar, name) {
            None => FileCheck::SidecarUnreadable { digest },
            Some(expected) if expected == digest => FileCheck::Ok { digest },
            Some(expected) => FileCheck::Differs {
                expected,
                found: digest,
            },
        })
    }

    fn write(
        &self,
        name: &str,
        bytes: &[u8],
        digest: Option<Digest>,
        sync: bool,
    ) -> Result<Written, HashedFileError> {
        is_usable(name)?;
        let digest = digest.unwrap_or_else(|| Digest::of(bytes)).to_hex();
        let sidecar = [&digest, b"  ".as_slice(), name.as_bytes(), b"\n"].concat();
        let file = self.put(name, bytes, sync)?;
        let beside = self.put(&sidecar_name(name), &sidecar, sync)?;
        let identical = file == Written::Identical && beside == Written::Identical;
        Ok(if identical {
            Written::Identical
        } else {
            Written::Created
        })
    }

    /// Writes one file. The common case, that it is new, costs no look before.
    fn put(&self, name: &str, bytes: &[u8], sync: bool) -> Result<Written, HashedFileError> {
        let failed = |error: Errno| self.failed(name, error);
        // A temporary name and a rename cost as much again as creating the file.
        if !sync && bytes.len() <= PAGE_BYTES {
            match self.write_new(name, bytes) {
                Err(Errno::EXIST) => {}
                written => return written.map(|()| Written::Created).map_err(failed),
            }
        }
        loop {
            let there = self.read(name)?;
            if there.as_deref() == Some(bytes) {
                if sync {
                    let synced = open_file(&self.fd, name).and_then(|file| file.sync_all());
                    synced.map_err(|error| self.failed(name, error))?;
                }
                return Ok(Written::Identical);
            }
            // Emptiness is all a crash can leave of a file that was not synced.
            let rename = match there {
                None => Self::rename_new,
                Some(left) if left.is_empty() => Self::rename_over,
                Some(_) => {
                    let path = self.path.join(name);
                    return Err(HashedFileError::Differs { path });
                }
            };
            let temporary = self.write_temporary(bytes, sync).map_err(failed)?;
            match rename(self, &temporary, name) {
                Ok(()) => return Ok(Written::Created),
                Err(error) => self.remove(&temporary, error).map_err(failed)?,
            }
        }
    }

    /// Creates a file under its own name and writes it with one call.
    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), Errno> {
        let mut file = self.create(name)?;
        let written = file.write_all(bytes);
        written.map_err(|error| {
            self.unlink(name);
            Errno::from_io_error(&error).unwrap_or(Errno::IO)
        })
    }

    fn create(&self, name: &str) -> Result<File, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, name, flags, SEALED_MODE).map(File::from)
    }

    fn write_temporary(&self, bytes: &[u8], sync: bool) -> Result<String, Errno> {
        let (name, mut file) = loop {
            let name = temporary_name();
            match self.create(&name) {
                // Left behind by a process of the same number that crashed.
                Err(Errno::EXIST) => {}
                created => break (name, created?),
            }
        };
        let written = file
            .write_all(bytes)
            .and_then(|()| if sync { file.sync_all() } else { Ok(()) });
        if let Err(error) = written {
            self.unlink(&name);
            return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        }
        Ok(name)
    }

    /// Renames without ever replacing what is there.
    fn rename_new(&self, from: &str, to: &str) -> Result<(), Errno> {
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&self.fd, from, &self.fd, to, flags) {
            // Some network and user-space file systems do not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?;
                self.unlink(from);
                Ok(())
            }
            renamed => renamed,
        }
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, HashedFileError> {
        let file = match open_file(&self.fd, name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(name, error)),
        };
        // Most files are smaller than a page: asking for their length first would cost as much as
        // reading them.
        let mut bytes = Vec::with_capacity(PAGE_BYTES);
        let path = || self.path.join(name);
        file.take(u64::MAX)
            .read_to_end(&mut bytes)
            .map_err(|source| HashedFileError::Io {
                path: path(),
                source,
            })?;
        Ok(Some(bytes))
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::renameat(&self.fd, from, &self.fd, to)
    }

    /// Takes back a temporary file. That another writer was there first is no error: look again.
    fn remove(&self, temporary: &str, error: Errno) -> Result<(), Errno> {
        self.unlink(temporary);
        if error == Errno::EXIST {
            Ok(())
        } else {
            Err(error)
        }
    }

    fn unlink(&self, name: &str) {
        // A temporary file that stays is harmless.
        let _stays = rustix::fs::unlinkat(&self.fd, name, AtFlags::empty());
    }

    fn failed(&self, name: &str, error: impl Into<io::Error>) -> HashedFileError {
        HashedFileError::Io {
            path: self.path.join(name),
            source: error.into(),
        }
    }
}

/// Opens a file for reading as [`File::open`] does, but never waits: what only stands in the place
/// of a file, such as a FIFO whose other end nobody opens, is an error.
///
/// # Errors
/// It could not be opened, or is a FIFO, a socket, a device or a directory.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// assert!(credit_ledger::hashed_file::open_regular(dir.path()).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    regular(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Replaces a file so that a reader, or a crash at any moment, meets the old or the new one,
/// never a part. When this returns, the new one is durable.
///
/// The file keeps its permissions; a new one gets 0640. A symbolic link is replaced itself.
///
/// # Errors
/// The old file is still there, unless only making the rename durable failed.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("config.json");
/// credit_ledger::hashed_file::replace_durably(&path, b"{}\n")?;
/// assert_eq!(std::fs::read(&path)?, b"{}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let (temporary, mut file) = loop {
        let temporary = dir.join(temporary_name());
        let mut options = File::options();
        options.write(true).create_new(true);
        match options.mode(FILE_MODE.as_raw_mode()).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => break (temporary, created?),
        }
    };
    let replaced = write_over(&mut file, bytes, path).and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        let _stays = fs::remove_file(&temporary);
    }
    replaced?;
    sync_dir(dir)
}

fn write_over(file: &mut File, bytes: &[u8], path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(old) if old.is_file() => {
            file.set_permissions(fs::Permissions::from_mode(old.permissions().mode()))?;
        }
        _ => {}
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a directory and those above it, so that a loss of power does not undo it.
pub(crate) fn create_dirs_durably(path: &Path) -> io::Result<()> {
    let is_root = path.as_os_str().is_empty();
    if is_root || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    create_dirs_durably(parent)?;
    match new_dirs().create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_dir(if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    })
}

fn new_dirs() -> DirBuilder {
    let mut dirs = DirBuilder::new();
    dirs.mode(DIR_MODE.as_raw_mode());
    dirs
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::fsync(open_dir(path)?)?)
}

/// The hash a sidecar states for `name`: `<hex>  <name>`, `<hex> *<name>` or `<hex>` alone.
fn read_sidecar(sidecar: &[u8], name: &str) -> Option<Digest> {
    let text = std::str::from_utf8(sidecar).ok()?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (hex, rest) = line.split_at_checked(64)?;
    let named = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"));
    if !rest.is_empty() && named != Some(name) {
        return None;
    }
    // Other tools write upper case.
    Digest::from_hex(&hex.to_ascii_lowercase()).ok()
}

fn sidecar_name(name: &str) -> String {
    format!("{name}.sha256")
}

fn is_usable(name: &str) -> Result<(), HashedFileError> {
    // A line break or backslash would need the escaped GNU form, and a leading dot is what
    // temporary files have.
    let usable = |byte: u8| byte >= 0x20 && !matches!(byte, b'/' | b'\\' | 0x7f);
    if (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(usable) {
        return Ok(());
    }
    Err(HashedFileError::BadName {
        name: name.to_owned(),
    })
}

/// A name no other thread or running process of this machine uses.
fn temporary_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(".tmp-{}-{number}", std::process::id())
}
