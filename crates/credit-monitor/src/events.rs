//! Events, read in order and parsed on all cores: of many, parsing takes longer than folding.

use std::path::Path;

use credit_governance::Event;
use credit_ledger::{Head, OwnedLine, Scan};

use crate::Error;
use crate::archive::text;
use crate::parallel::parallel;

/// So many lines are in memory at a time.
const BATCH: usize = 4096;

/// Calls `each` with every event of a scan and the line that it is, until it returns `false`.
pub(crate) fn each(
    scan: &mut Scan<'_>,
    path: &Path,
    mut each: impl FnMut(Head, Event) -> Result<bool, Error>,
) -> Result<(), Error> {
    loop {
        let lines = batch(scan, path)?;
        let is_last = lines.len() < BATCH;
        for (head, event) in parallel(lines, |line| (line.head(), parse(&line, path))) {
            if !each(head, event?)? {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

fn batch(scan: &mut Scan<'_>, path: &Path) -> Result<Vec<OwnedLine>, Error> {
    let mut lines = Vec::new();
    while lines.len() < BATCH {
        let line = scan.next_line().map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        match line {
            Some(line) => lines.push(line.to_owned()),
            None => break,
        }
    }
    Ok(lines)
}

fn parse(line: &OwnedLine, path: &Path) -> Result<Event, Error> {
    let event = Event::parse(text(line.raw(), path)?);
    event.map_err(Error::event(path.to_owned()))
}
