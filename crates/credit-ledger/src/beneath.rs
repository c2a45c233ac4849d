//! Opening a name in a directory so that no symbolic link and no `..` leads out of it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fs::ResolveFlags;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

/// What the ledger's own files may be read and written by.
pub(crate) const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

/// Who may put files into a directory could replace those in it: never everybody.
pub(crate) const DIR_MODE: Mode = Mode::from_raw_mode(0o775);

/// What is written once and never changed.
pub(crate) const SEALED_MODE: Mode = Mode::from_raw_mode(0o444);

/// Opens `name`, one component, in `dir`. A symbolic link is `LOOP`, not followed.
pub(crate) fn open_beneath(
    dir: impl AsFd,
    name: &str,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return Err(Errno::XDEV);
    }
    let flags = flags | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(&dir, name, flags, mode, resolve) {
            // Older kernels do not know the call, and some sandboxes forbid it.
            Err(Errno::NOSYS | Errno::PERM | Errno::TOOBIG) => {}
            opened => return opened,
        }
    }
    // For a single component this is the same.
    rustix::fs::openat(&dir, name, flags | OFlags::NOFOLLOW, mode)
}

/// Opens a directory by its path, which is the caller's to choose.
pub(crate) fn open_dir(path: &Path) -> Result<OwnedFd, Errno> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
}

/// Opens a file of a directory for reading.
pub(crate) fn open_file(dir: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    regular(open_beneath(dir, name, flags, Mode::empty())?)
}

/// Opens a file of a directory for reading and writing, creating it.
pub(crate) fn open_or_create_file(dir: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
    regular(open_beneath(dir, name, flags, FILE_MODE)?)
}

/// A file, and nothing that is only in the place of one: reading a FIFO or a device could wait for
/// ever or never end. It was opened without waiting for the FIFO's other end.
pub(crate) fn regular(fd: OwnedFd) -> io::Result<File> {
    match FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) {
        FileType::RegularFile => Ok(File::from(fd)),
        other => {
            let found = format!("{other:?} in the place of a file");
            Err(io::Error::new(io::ErrorKind::InvalidInput, found))
        }
    }
}
