//! Where a run's payload lies, reached so that no link and no `..` leads elsewhere.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use credit_core::Sha256;
use percent_encoding::percent_decode_str;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::Tree;

/// Folders in folders that are looked into; more is no output of a job.
const DEPTH_MAX: usize = 64;

/// One file of a payload, as it was when it was set aside.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadFile {
    /// Its path within the payload; empty where the payload is one file.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash; of a symbolic link, that of the place it names.
    pub sha256: Sha256,
}

/// The path under the artifacts root that an `Artifacts_Link` names.
///
/// # Errors
/// Why nothing is moved, in words for manifest, case and alert.
pub(super) fn locate(link: &str, root: &Path, tree: &Tree) -> Result<PathBuf, String> {
    let path = local_path(link)?;
    let relative = match path.strip_prefix(root) {
        Ok(relative) => relative.to_owned(),
        Err(_) if path.is_absolute() => {
            return Err(format!(
                "lies outside the artifacts root {}",
                root.display()
            ));
        }
        Err(_) => path,
    };
    let mut clean = PathBuf::new();
    for component in relative.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            _ => return Err("leads out of the artifacts root by `..`".to_owned()),
        }
    }
    if clean.as_os_str().is_empty() {
        return Err("names the artifacts root itself".to_owned());
    }
    refuse_governed(&root.join(&clean), tree)?;
    Ok(clean)
}

/// A path as it stands, or out of a `file:` URL.
fn local_path(link: &str) -> Result<PathBuf, String> {
    let Some((scheme, rest)) = link.split_once(':') else {
        return Ok(PathBuf::from(link));
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'));
    if !is_scheme {
        return Ok(PathBuf::from(link));
    }
    if !scheme.eq_ignore_ascii_case("file") {
        return Err(format!(
            "is a `{scheme}:` URL; only files are moved, take it out of reach there"
        ));
    }
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) if rest.starts_with('/') => rest,
        Some(rest) => rest
            .strip_prefix("localhost")
            .filter(|path| path.starts_with('/'))
            .ok_or("is a `file:` URL of another machine")?,
    };
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    if decoded.contains(&0) {
        return Err("holds a NUL byte".to_owned());
    }
    Ok(PathBuf::from(OsString::from_vec(decoded)))
}

/// A link must not make us move our own state, or anything that contains it.
fn refuse_governed(path: &Path, tree: &Tree) -> Result<(), String> {
    // Compared as the file system sees them: the root itself may be reached through a link.
    let real = |path: &Path| fs::canonicalize(path).ok();
    let Some(wanted) = real(path) else {
        return Ok(());
    };
    for governed in [tree.config(), tree.runs(), tree.baselines()] {
        let Some(governed) = real(&governed) else {
            continue;
        };
        if wanted.starts_with(&governed) || governed.starts_with(&wanted) {
            return Err("lies among the files of the monitoring itself".to_owned());
        }
    }
    Ok(())
}

/// A name in an opened folder.
#[derive(Debug)]
pub(super) struct Place {
    dir: OwnedFd,
    name: OsString,
}

impl Place {
    /// `relative` under `root`; `None` if a folder on the way does not exist.
    pub(super) fn beneath(root: &Path, relative: &Path) -> io::Result<Option<Place>> {
        let mut dir = match open_dir(CWD, root.as_os_str(), OFlags::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened?,
        };
        let mut components = relative.iter().peekable();
        while let Some(name) = components.next() {
            if components.peek().is_none() {
                let name = name.to_owned();
                return Ok(Some(Place { dir, name }));
            }
            dir = match open_dir(&dir, name, OFlags::NOFOLLOW) {
                Err(Errno::NOENT) => return Ok(None),
                opened => opened?,
            };
        }
        Ok(None)
    }

    /// What is there; `None` if nothing is.
    pub(super) fn kind(&self) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            // Nothing has a name that is longer than names can be.
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        }
    }

    /// That all of what is here can be moved and listed, before any of it is.
    pub(super) fn require_payload(&self) -> io::Result<()> {
        require_payload(&self.dir, &self.name, 0)
    }

    /// Moves what is here to `to`, which must not exist. A crash leaves it whole here, or whole
    /// there, or both; both folders are synced.
    pub(super) fn move_to(&self, to: &Place) -> io::Result<()> {
        let flags = RenameFlags::NOREPLACE;
        let renamed = rustix::fs::renameat_with(&self.dir, &self.name, &to.dir, &to.name, flags);
        match renamed {
            Ok(()) => {}
            Err(Errno::XDEV) => self.copy_over(to)?,
            // Some network and user-space file systems do not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                if to.kind()?.is_some() {
                    return Err(Errno::EXIST.into());
                }
                match rustix::fs::renameat(&self.dir, &self.name, &to.dir, &to.name) {
                    Err(Errno::XDEV) => self.copy_over(to)?,
                    renamed => renamed?,
                }
            }
            Err(error) => return Err(error.into()),
        }
        rustix::fs::fsync(&to.dir)?;
        rustix::fs::fsync(&self.dir)?;
        Ok(())
    }

    /// Another file system: a whole copy under its final name first, then this one goes.
    fn copy_over(&self, to: &Place) -> io::Result<()> {
        if to.kind()?.is_some() {
            return Err(Errno::EXIST.into());
        }
        let mut unfinished = OsString::from(".moving-");
        unfinished.push(&to.name);
        // Left by a crash in the middle of copying.
        remove(&to.dir, &unfinished, 0)?;
        copy(&self.dir, &self.name, &to.dir, &unfinished, 0)?;
        rustix::fs::renameat(&to.dir, &unfinished, &to.dir, &to.name)?;
        rustix::fs::fsync(&to.dir)?;
        self.remove()
    }

    /// Removes what is here, folders with all they hold.
    pub(super) fn remove(&self) -> io::Result<()> {
        remove(&self.dir, &self.name, 0)?;
        Ok(rustix::fs::fsync(&self.dir)?)
    }

    /// Every file that is here, in the order of their paths.
    pub(super) fn inventory(&self) -> io::Result<Vec<PayloadFile>> {
        let mut files = Vec::new();
        list(&self.dir, &self.name, String::new(), 0, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

/// How a payload differs from what it was.
pub(super) fn differences(
    to: &str,
    expected: &[PayloadFile],
    found: &[PayloadFile],
) -> Vec<String> {
    let shown = |file: &PayloadFile| match file.path.as_str() {
        "" => to.to_owned(),
        path => format!("{to}/{path}"),
    };
    let mut wrong = Vec::new();
    for file in expected {
        match found.iter().find(|f| f.path == file.path) {
            None => wrong.push(format!("{} is missing", shown(file))),
            Some(f) if f.sha256 != file.sha256 => {
                wrong.push(format!("{} was changed", shown(file)))
            }
            Some(_) => {}
        }
    }
    for file in found {
        if !expected.iter().any(|f| f.path == file.path) {
            wrong.push(format!("{} was added", shown(file)));
        }
    }
    wrong
}

fn open_dir(dir: impl AsFd, name: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

fn open_file(dir: impl AsFd, name: &OsStr) -> Result<File, Errno> {
    // Should a FIFO have come in between, opening it must not wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    rustix::fs::openat(dir, name, flags, Mode::empty()).map(File::from)
}

/// The names in a folder.
fn names(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

fn too_deep(depth: usize) -> io::Result<()> {
    if depth < DEPTH_MAX {
        return Ok(());
    }
    let reason = format!("folders nest deeper than {DEPTH_MAX} levels");
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

fn not_a_payload(kind: FileType) -> io::Error {
    let reason = format!("{kind:?} is neither a file nor a folder");
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

fn kind_of(dir: impl AsFd, name: &OsStr) -> io::Result<FileType> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

fn require_payload(dir: &OwnedFd, name: &OsStr, depth: usize) -> io::Result<()> {
    too_deep(depth)?;
    match kind_of(dir, name)? {
        FileType::Directory => {
            let inner = open_dir(dir, name, OFlags::NOFOLLOW)?;
            let mut names = names(&inner)?.into_iter();
            names.try_for_each(|name| require_payload(&inner, &name, depth + 1))
        }
        FileType::RegularFile | FileType::Symlink => Ok(()),
        other => Err(not_a_payload(other)),
    }
}

fn list(
    dir: &OwnedFd,
    name: &OsStr,
    path: String,
    depth: usize,
    files: &mut Vec<PayloadFile>,
) -> io::Result<()> {
    too_deep(depth)?;
    match kind_of(dir, name)? {
        FileType::Directory => {
            let inner = open_dir(dir, name, OFlags::NOFOLLOW)?;
            for name in names(&inner)? {
                let name_shown = name.to_string_lossy();
                let path = if path.is_empty() {
                    name_shown.into_owned()
                } else {
                    format!("{path}/{name_shown}")
                };
                list(&inner, &name, path, depth + 1, files)?;
            }
        }
        FileType::RegularFile => {
            let (bytes, sha256) = hash(open_file(dir, name)?)?;
            files.push(PayloadFile {
                path,
                bytes,
                sha256,
            });
        }
        FileType::Symlink => {
            let leads_to = rustix::fs::readlinkat(dir, name, Vec::new())?;
            let leads_to = leads_to.as_bytes();
            files.push(PayloadFile {
                path,
                bytes: leads_to.len() as u64,
                sha256: Sha256::of(leads_to),
            });
        }
        other => return Err(not_a_payload(other)),
    }
    Ok(())
}

fn hash(mut file: File) -> io::Result<(u64, Sha256)> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                hasher.update(buffer.get(..read).unwrap_or_default());
                bytes += read as u64;
            }
        }
    }
    let digest: [u8; 32] = hasher.finalize().into();
    Ok((bytes, Sha256::from_bytes(digest)))
}

fn copy(
    from: &OwnedFd,
    name: &OsStr,
    to: &OwnedFd,
    new_name: &OsStr,
    depth: usize,
) -> io::Result<()> {
    too_deep(depth)?;
    match kind_of(from, name)? {
        FileType::Directory => {
            let inner = open_dir(from, name, OFlags::NOFOLLOW)?;
            rustix::fs::mkdirat(to, new_name, Mode::from_raw_mode(0o750))?;
            let made = open_dir(to, new_name, OFlags::NOFOLLOW)?;
            for name in names(&inner)? {
                copy(&inner, &name, &made, &name, depth + 1)?;
            }
            Ok(rustix::fs::fsync(&made)?)
        }
        FileType::RegularFile => {
            let mut source = open_file(from, name)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(rustix::fs::fstat(&source)?.st_mode & 0o777);
            let mut made = File::from(rustix::fs::openat(to, new_name, flags, mode)?);
            io::copy(&mut source, &mut made)?;
            made.sync_all()
        }
        FileType::Symlink => {
            let leads_to = rustix::fs::readlinkat(from, name, Vec::new())?;
            Ok(rustix::fs::symlinkat(leads_to, to, new_name)?)
        }
        other => Err(not_a_payload(other)),
    }
}

/// Removes a name and what lies under it; that it is not there is fine.
fn remove(dir: &OwnedFd, name: &OsStr, depth: usize) -> io::Result<()> {
    too_deep(depth)?;
    let kind = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        stat => FileType::from_raw_mode(stat?.st_mode),
    };
    if kind != FileType::Directory {
        return Ok(rustix::fs::unlinkat(dir, name, AtFlags::empty())?);
    }
    let inner = open_dir(dir, name, OFlags::NOFOLLOW)?;
    for name in names(&inner)? {
        remove(&inner, &name, depth + 1)?;
    }
    Ok(rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR)?)
}
