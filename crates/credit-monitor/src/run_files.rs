//! Run files and their sidecars: projections of ledger lines that operators read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use credit_core::Day;
use credit_ledger::Digest;
use credit_ledger::hashed_file::{FileCheck, HashedDir, HashedFileError, Written};

use crate::{Tree, files};

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
    files::create_dirs(&monitoring)?;
    HashedDir::open_or_create_in(&monitoring, &day.to_string())
}

/// Writes what is absent or empty, each with its sidecar; what differs stays and is reported.
pub(crate) fn write(tree: &Tree, files: &[RunFile<'_>]) -> Vec<RunFileError> {
    write_told(tree, files, |_| {})
}

/// The same; `written` is told which files were.
///
/// They are written in the order given, which is that of their lines: what a killed process leaves
/// out is the end of its batch.
pub(crate) fn write_told(
    tree: &Tree,
    files: &[RunFile<'_>],
    mut written: impl FnMut(usize),
) -> Vec<RunFileError> {
    let mut days: BTreeMap<Day, Option<HashedDir>> = BTreeMap::new();
    let mut failed = Vec::new();
    // One thread: files in one folder wait for each other anyway.
    for (index, file) in files.iter().enumerate() {
        let path = tree.day(file.day);
        let dir = days.entry(file.day).or_insert_with(|| {
            // Told once for all files of the day.
            let failed_day = |source| {
                let path = path.clone();
                failed.push(RunFileError {
                    path: path.clone(),
                    source: HashedFileError::Io { path, source },
                });
            };
            open_day(tree, file.day).map_err(failed_day).ok()
        });
        let Some(dir) = dir else { continue };
        match dir.write_once(&file.name, file.bytes, Some(file.hash)) {
            Ok(Written::Created) => written(index),
            Ok(Written::Identical) => {}
            Err(source) => failed.push(RunFileError {
                path: path.join(&file.name),
                source,
            }),
        }
    }
    failed
}

/// How a run file and its sidecar stand to the ledger's line.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Both are as the line states.
    Whole,
    /// One of them is absent or empty, which is all that a crash can do to them.
    Lost(&'static str),
    /// One of them says something else, and what it says.
    Evidence(String),
}

/// Compares a run file in the folder `day`, opened as `dir`, with the hash its line states.
pub(crate) fn standing(dir: &HashedDir, day: &Path, name: &str, line: Digest) -> Standing {
    const DIFFERS: &str =
        "is not the file its ledger line states; it is evidence, keep it and compare";
    let nothing = Digest::of(b"");
    let sidecar = day.join(format!("{name}.sha256"));
    let lost = |what| match fs::symlink_metadata(&sidecar) {
        // Beside a file that is written again, only the sidecar that belongs to it may be.
        Ok(there) if there.len() > 0 && !is_sidecar(&sidecar, name, line) => {
            Standing::Evidence(format!(
                "{what}, and the .sha256 beside it is of another file; it is evidence, keep it"
            ))
        }
        _ => Standing::Lost(what),
    };
    let evidence = |problem: String| Standing::Evidence(problem);
    let beside = |what: &str| {
        evidence(format!(
            "{what}; the file is the one its ledger line states, the .sha256 is evidence, keep it"
        ))
    };
    match dir.check(name) {
        Ok(FileCheck::Ok { digest }) if digest == line => Standing::Whole,
        Ok(FileCheck::Missing) => lost("is missing"),
        Ok(
            FileCheck::Ok { digest }
            | FileCheck::SidecarMissing { digest }
            | FileCheck::Differs { found: digest, .. }
            | FileCheck::SidecarUnreadable { digest },
        ) if digest == nothing => lost("is empty"),
        // The sidecar agrees, so both were rewritten together.
        Ok(FileCheck::Ok { .. }) => {
            evidence(format!("{DIFFERS} (its sidecar was rewritten to match)"))
        }
        Ok(FileCheck::SidecarMissing { digest }) if digest == line => {
            Standing::Lost("has no .sha256 beside it")
        }
        Ok(FileCheck::SidecarUnreadable { digest }) if digest == line => {
            if fs::symlink_metadata(&sidecar).is_ok_and(|there| there.len() == 0) {
                Standing::Lost("has an empty .sha256 beside it")
            } else {
                beside("has a .sha256 beside it that cannot be read")
            }
        }
        Ok(FileCheck::Differs { expected, found }) if found == line => beside(&format!(
            "has the SHA-256 {found}, its sidecar states {expected}"
        )),
        Ok(_) => evidence(DIFFERS.to_owned()),
        Err(e) => evidence(format!("cannot be read: {}", with_cause(&e))),
    }
}

/// Whether a file is the sidecar that is written for a run file.
fn is_sidecar(path: &Path, name: &str, hash: Digest) -> bool {
    // A link is evidence whatever it leads to, and is not followed.
    let file = fs::symlink_metadata(path).is_ok_and(|there| there.is_file());
    file && files::read(path).is_ok_and(|text| text == format!("{hash}  {name}\n").as_bytes())
}

fn with_cause(error: &HashedFileError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
