//! Run files and their sidecars: projections of ledger lines that operators read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use credit_core::Day;
use credit_ledger::Digest;
use credit_ledger::hashed_file::{HashedDir, HashedFileError};

use crate::Tree;

/// A run file to be written.
#[derive(Debug)]
pub(crate) struct RunFile<'a> {
    pub(crate) day: Day,
    pub(crate) name: String,
    pub(crate) bytes: &'a [u8],
    pub(crate) hash: Digest,
}

/// A run file that could not be written; its ledger line is durable all the same.
#[derive(Debug, thiserror::Error)]
#[error("run file {} was not written; its ledger line is safe", path.display())]
pub struct RunFileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: HashedFileError,
}

/// The directory of a day; a symbolic link in its place is an error.
fn open_day(tree: &Tree, day: Day) -> std::io::Result<HashedDir> {
    let monitoring = tree.monitoring();
    std::fs::create_dir_all(&monitoring)?;
    HashedDir::open_or_create_in(&monitoring, &day.to_string())
}

/// Writes what is absent or empty, each with its sidecar; what differs stays and is reported.
pub(crate) fn write(tree: &Tree, files: Vec<RunFile<'_>>) -> Vec<RunFileError> {
    let mut days: BTreeMap<Day, Vec<RunFile<'_>>> = BTreeMap::new();
    for file in files {
        days.entry(file.day).or_default().push(file);
    }
    let mut failed = Vec::new();
    for (day, files) in days {
        let path = tree.day(day);
        let fail = |name: &str, source| RunFileError {
            path: path.join(name),
            source,
        };
        let dir = match open_day(tree, day) {
            Ok(dir) => dir,
            Err(source) => {
                let source = HashedFileError::Io {
                    path: path.clone(),
                    source,
                };
                failed.push(fail("", source));
                continue;
            }
        };
        // One thread: files in one folder wait for each other anyway.
        for file in files {
            if let Err(source) = dir.write_once(&file.name, file.bytes, Some(file.hash)) {
                failed.push(fail(&file.name, source));
            }
        }
    }
    failed
}
