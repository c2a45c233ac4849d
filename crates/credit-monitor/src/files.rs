//! Files of the tree, opened so that nothing in their place is waited for, and none elsewhere is
//! written to.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use credit_ledger::hashed_file::open_regular;
use rustix::fs::OFlags;

/// What is as readable as the ledgers from which it follows.
const MODE: u32 = 0o640;

const DIR_MODE: u32 = 0o775;

/// Makes a folder and those above it; nobody but its owner and its group may put things into it,
/// whatever the umask.
pub(crate) fn create_dirs(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(path)
}

/// As [`fs::read`], but what is no file is an error.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open_regular(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As [`fs::read_to_string`], but what is no file is an error.
pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// Makes a file that is new: what has its name, left by a process of the same number or put there by
/// hand, is removed and not written to.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true).mode(MODE).open(path)
}

/// Opens a file of which nothing is read or written, making it if it is absent. A link in its place
/// is not followed.
pub(crate) fn touch(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.mode(MODE).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    let found = "something else in the place of a file";
    Err(io::Error::new(io::ErrorKind::InvalidInput, found))
}
