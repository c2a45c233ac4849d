//! Files that govern, and the sidecars that may lie beside them.
//!
//! While such a file is replaced, its sidecar states two hashes, that of the file before and that
//! of the one after it. Whoever reads in between, or after a crash there, finds one of the two in
//! force and is never refused both.

use std::io;
use std::path::{Path, PathBuf};

use credit_core::Sha256;
use credit_ledger::hashed_file::replace_durably;

use crate::{Error, files};

/// So often a file is read again that was replaced while it and its sidecar were read.
const ATTEMPTS: usize = 3;

/// The bytes of a file, which must be what its sidecar states if it has one; `None` if there is no
/// such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut checked = Ok(());
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let bytes = match files::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("reading", path)(e)),
        };
        checked = check(path, &bytes);
        if checked.is_ok() {
            return Ok(Some(bytes));
        }
        if last.as_ref() == Some(&bytes) {
            break;
        }
        last = Some(bytes);
    }
    checked.map(|()| last)
}

/// Replaces a file, and its sidecar if it has one, durably. The caller holds the lock of `config/`.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let sidecar = sidecar(path);
    let has_sidecar = sidecar.exists();
    let write = |path: &Path, bytes: &[u8]| {
        replace_durably(path, bytes).map_err(Error::io("writing", path))
    };
    if has_sidecar {
        let before = files::read(path).map_err(Error::io("reading", path))?;
        let both = line(path, Sha256::of(&before)) + &line(path, Sha256::of(bytes));
        write(&sidecar, both.as_bytes())?;
    }
    write(path, bytes)?;
    if has_sidecar {
        write(&sidecar, line(path, Sha256::of(bytes)).as_bytes())?;
    }
    Ok(())
}

/// Whether a crash left a sidecar that states two hashes, or somebody is just replacing the file.
pub(crate) fn is_unfinished(path: &Path) -> Result<bool, Error> {
    Ok(stated(path)?.is_some_and(|stated| stated.len() > 1))
}

/// Leaves the sidecar with the hash of the file as it is, if it states two. The caller holds the
/// lock of `config/`.
pub(crate) fn finish(path: &Path) -> Result<(), Error> {
    if !is_unfinished(path)? {
        return Ok(());
    }
    match read(path)? {
        None => Ok(()),
        Some(bytes) => {
            let (sidecar, text) = (sidecar(path), line(path, Sha256::of(&bytes)));
            replace_durably(&sidecar, text.as_bytes()).map_err(Error::io("writing", sidecar))
        }
    }
}

fn check(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let Some(stated) = stated(path)? else {
        return Ok(());
    };
    let found = Sha256::of(bytes);
    if stated.contains(&found) {
        return Ok(());
    }
    Err(Error::Integrity {
        path: path.to_owned(),
        reason: format!(
            "its SHA-256 is {found}, which is not what {} states; restore the file, or rewrite \
             the sidecar if the change was meant",
            sidecar(path).display()
        ),
    })
}

/// The hashes that a sidecar states, one or two; `None` if there is no sidecar.
fn stated(path: &Path) -> Result<Option<Vec<Sha256>>, Error> {
    let sidecar = sidecar(path);
    let text = match files::read(&sidecar) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::io("reading", &sidecar))?,
    };
    let text = String::from_utf8_lossy(&text);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hashes: Option<Vec<Sha256>> = text
        .lines()
        .map(|line| match line.split_once(' ') {
            None => line.parse().ok(),
            Some((hash, rest)) => {
                let named = rest.strip_prefix([' ', '*'])?;
                (named == name).then(|| hash.parse().ok())?
            }
        })
        .collect();
    match hashes {
        Some(hashes) if matches!(hashes.len(), 1 | 2) => Ok(Some(hashes)),
        _ => Err(Error::Integrity {
            path: sidecar,
            reason: format!("does not state the SHA-256 of {name}; write it anew or remove it"),
        }),
    }
}

fn line(path: &Path, hash: Sha256) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{hash}  {name}\n")
}

/// `<path>.sha256`.
fn sidecar(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}
