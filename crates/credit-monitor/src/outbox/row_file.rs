//! `run_<id>.notion.json`: beside a record, whether its row in RUNS_LEDGER is owed.
//!
//! Operators count what is not synchronised by a text in these files. They follow from the events
//! and are written again where they are lost; nothing is read from them.

use std::fs;
use std::io;
use std::path::PathBuf;

use credit_core::json::ObjectWriter;
use credit_core::{Day, RunId, Timestamp};
use credit_ledger::hashed_file::{HashedDir, HashedFileError};
use credit_notify::notion::PageId;

use crate::{RunFileError, Tree, files};

/// Says that a run's row is owed, unless a file says something of it already.
pub(crate) fn write_owed(tree: &Tree, day: Day, run: &RunId) -> Result<(), RunFileError> {
    let mut out = ObjectWriter::new();
    out.token("version", 1);
    out.plain("Run_ID", run);
    out.plain("status", "owed");
    // The text that the runbook looks for.
    out.string("message", &format!("Would write to Notion: {run}"));
    let path = path(tree, day, run);
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    replace(tree, day, &path, &out.finish()).map_err(failed(path))
}

/// Says that a run's row is there.
pub(crate) fn write_synced(
    tree: &Tree,
    day: Day,
    run: &RunId,
    page: &PageId,
    at: Timestamp,
) -> Result<(), RunFileError> {
    let mut out = ObjectWriter::new();
    out.token("version", 1);
    out.plain("Run_ID", run);
    out.plain("status", "synced");
    out.plain("page", page);
    out.plain("at", at);
    let path = path(tree, day, run);
    replace(tree, day, &path, &out.finish()).map_err(failed(path))
}

/// Says that a run's row is not owed any more, and will not be there.
pub(crate) fn write_withdrawn(tree: &Tree, day: Day, run: &RunId) -> Result<(), RunFileError> {
    let mut out = ObjectWriter::new();
    out.token("version", 1);
    out.plain("Run_ID", run);
    out.plain("status", "withdrawn");
    let path = path(tree, day, run);
    replace(tree, day, &path, &out.finish()).map_err(failed(path))
}

fn path(tree: &Tree, day: Day, run: &RunId) -> PathBuf {
    tree.day(day).join(format!("run_{run}.notion.json"))
}

/// Never half a file: it is written under another name first. It is not synced, since it can be
/// written again.
fn replace(tree: &Tree, day: Day, path: &PathBuf, json: &str) -> io::Result<()> {
    // A symbolic link in the day's place is an error here as for the record.
    HashedDir::open_or_create_in(&tree.monitoring(), &day.to_string())?;
    let draft = path.with_extension("json.tmp");
    let mut file = files::create(&draft)?;
    io::Write::write_all(&mut file, format!("{json}\n").as_bytes())?;
    fs::rename(&draft, path)
}

fn failed(path: PathBuf) -> impl FnOnce(io::Error) -> RunFileError {
    move |source| RunFileError {
        path: path.clone(),
        source: HashedFileError::Io { path, source },
    }
}
