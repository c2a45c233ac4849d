//! What is decided so far, written down beside the events so that opening need not fold them all.
//!
//! `docket.snapshot` holds what is open, `docket.settled.<hash>` the rest. Neither is believed by
//! itself: the event right behind the last one that they know states the SHA-256 of the snapshot,
//! which states that of the root of the other file. So whoever wants to change them must change the
//! chain.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use credit_core::{CaseId, RunId, Sha256, Timestamp};
use credit_governance::{Docket, Event, Position, Settled as Taken, What};
use credit_ledger::{Digest, Head, ReadError, Reader};
use serde::{Deserialize, Serialize};

use super::shelf::{self, Root, Shelf};
use super::{Limits, LiveDocket, Settled};
use crate::archive::{Archive, text};
use crate::outbox::Book;
use crate::{Error, Tree, files};

/// The version of the first line; another one is folded anew instead of guessed at.
const VERSION: u32 = 2;

const SHELF_NAME: &str = "docket.settled.";

/// What a crash leaves of writing either.
const TEMPORARY_NAME: &str = "docket.unfinished.";

/// The first line of `docket.snapshot`; the second is [`Docket::snapshot`], the third the book of
/// what is owed.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    /// Where the last event ends that is known.
    end: u64,
    /// The last event that a report may depend on.
    decided: Option<Position>,
    /// What the partials hang on that were written down last.
    partials: Option<Sha256>,
    runs_below: u64,
    settled: Option<SettledHeader>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SettledHeader {
    root: Root,
    runs_below: u64,
    past: u64,
    told_of: Option<Timestamp>,
}

/// A snapshot that is written, but not in its place yet.
#[derive(Debug)]
pub(crate) struct Saving {
    sha256: Sha256,
    temporary: PathBuf,
    path: PathBuf,
    /// The name of the file of what is settled.
    shelf: Option<String>,
}

impl Saving {
    /// What the event must state that vouches for it.
    pub(crate) fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Puts it in its place, once the event is in the chain. It only saves time: whoever may not
    /// write it goes without.
    pub(crate) fn finish(self) {
        if fs::rename(&self.temporary, &self.path).is_err() {
            self.abandon();
            return;
        }
        let Some(dir) = self.path.parent() else {
            return;
        };
        let _saves_time_only = File::open(dir).and_then(|dir| dir.sync_all());
        let names = fs::read_dir(dir).into_iter().flatten().flatten();
        for entry in names {
            let name = entry.file_name();
            // Whoever saves holds the right to decide, so nobody else writes any of these.
            let is_old = name.to_str().is_some_and(|name| {
                let other_shelf =
                    name.starts_with(SHELF_NAME) && Some(name) != self.shelf.as_deref();
                other_shelf || name.starts_with(TEMPORARY_NAME)
            });
            if is_old {
                let _stays = fs::remove_file(entry.path());
            }
        }
    }

    pub(crate) fn abandon(self) {
        let _stays = fs::remove_file(self.temporary);
    }
}

/// Writes down a docket whose last event is at `head`.
pub(super) fn write(live: &LiveDocket, head: Head, tree: &Tree) -> io::Result<Saving> {
    let position = super::position(head.seq, head.hash);
    let header = Header {
        version: VERSION,
        end: head.end,
        decided: live.decided,
        partials: live.partials,
        runs_below: live.runs_below,
        settled: live.settled.as_ref().map(|settled| SettledHeader {
            root: settled.shelf.root(),
            runs_below: settled.runs_below,
            past: settled.past,
            told_of: settled.told_of,
        }),
    };
    let header = serde_json::to_string(&header)?;
    let book = serde_json::to_string(&live.book)?;
    let text = format!("{header}\n{}\n{book}\n", live.docket.snapshot(position));
    let path = tree.docket_snapshot();
    let temporary = temporary(&path);
    let written = files::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let saving = Saving {
        sha256: Sha256::of(text.as_bytes()),
        temporary,
        path,
        shelf: live.settled.as_ref().map(|s| shelf_name(s.shelf.root())),
    };
    match written {
        Ok(()) => Ok(saving),
        Err(error) => {
            saving.abandon();
            Err(error)
        }
    }
}

/// Puts what was taken out of a docket on a new shelf, with what was on the older one.
pub(super) fn write_shelf(
    older: Option<&Settled>,
    taken: &Taken,
    tree: &Tree,
) -> io::Result<Shelf> {
    let mut entries = BTreeMap::new();
    let first = older.map_or(0, |older| older.past);
    for (n, past) in (first..).zip(&taken.past) {
        entries.insert(past_key(n), serde_json::to_string(past)?);
    }
    for (run, state) in &taken.runs {
        entries.insert(run_key(run), serde_json::to_string(state)?);
    }
    for (id, case) in &taken.cases {
        entries.insert(case_key(id), serde_json::to_string(case)?);
    }
    let temporary = temporary(&tree.docket_snapshot());
    let written = files::create(&temporary)
        .and_then(|file| shelf::write(file, older.map(|older| &older.shelf), entries))
        .and_then(|root| {
            let path = tree.monitoring().join(shelf_name(root));
            fs::rename(&temporary, &path)?;
            Shelf::open(&path, root)
        });
    if written.is_err() {
        let _stays = fs::remove_file(&temporary);
    }
    written
}

/// `None` if there is nothing, or if it does not fit the events: then they are folded from the
/// start.
pub(super) fn read(archive: &Archive, limits: Limits) -> Result<Option<LiveDocket>, Error> {
    // Another process may replace both files in between.
    for _ in 0..2 {
        let Ok(text) = files::read_to_string(&archive.tree().docket_snapshot()) else {
            return Ok(None);
        };
        let Some(written) = Written::parse(&text) else {
            return Ok(None);
        };
        let Some(reader) = archive.events_if_any()? else {
            return Ok(None);
        };
        let Some(head) = written.vouched(&reader, archive)? else {
            return Ok(None);
        };
        if let Ok(settled) = written.open_shelf(archive.tree()) {
            return Ok(Some(LiveDocket {
                docket: written.docket,
                book: written.book,
                head: Some(head),
                decided: written.header.decided,
                partials: written.header.partials,
                settled,
                runs_below: written.header.runs_below,
                limits,
                ..LiveDocket::default()
            }));
        }
    }
    Ok(None)
}

/// What is wrong with what is written down: it is not what the events say. `None` if nothing is
/// written down, or if the events cannot be read, which is told elsewhere.
pub(crate) fn check(archive: &Archive) -> Result<Option<String>, Error> {
    let text = match files::read_to_string(&archive.tree().docket_snapshot()) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Ok(Some(format!("cannot be read: {e}{REMEDY}"))),
    };
    let Some(mut written) = Written::parse(&text) else {
        return Ok(Some(format!("is not in the form of a docket{REMEDY}")));
    };
    let Ok(Some(reader)) = archive.events_if_any() else {
        return Ok(None);
    };
    match written.vouched(&reader, archive) {
        Ok(Some(_)) => {}
        Ok(None) => {
            return Ok(Some(format!(
                "is not what the event behind line {} states, so it is not used{REMEDY}",
                written.position.seq + 1
            )));
        }
        Err(_) => return Ok(None),
    }
    let whole = written
        .open_shelf(archive.tree())
        .and_then(|settled| match settled {
            Some(settled) => put_back_all(&settled.shelf, &mut written.docket),
            None => Ok(()),
        });
    if let Err(e) = whole {
        return Ok(Some(format!(
            "has settled runs and cases beside it that cannot be read: {e}{REMEDY}"
        )));
    }
    match archive.docket_up_to(Some(written.position.seq)) {
        Ok(docket) if docket != written.docket => Ok(Some(format!(
            "does not follow from the events{REMEDY}, and compare the events with a copy"
        ))),
        _ => Ok(None),
    }
}

const REMEDY: &str = "; remove it, it is made again";

struct Written {
    header: Header,
    docket: Docket,
    book: Book,
    position: Position,
    sha256: Sha256,
}

impl Written {
    fn parse(text: &str) -> Option<Written> {
        let (header, body) = text.split_once('\n')?;
        let header: Header = serde_json::from_str(header).ok()?;
        if header.version != VERSION {
            return None;
        }
        let (docket, book) = body.strip_suffix('\n')?.split_once('\n')?;
        let (docket, position) = Docket::from_snapshot(docket).ok()?;
        Some(Written {
            header,
            docket,
            book: serde_json::from_str(book).ok()?,
            position,
            sha256: Sha256::of(text.as_bytes()),
        })
    }

    /// The event that vouches for it; `None` if there is none.
    fn vouched(&self, reader: &Reader, archive: &Archive) -> Result<Option<Head>, Error> {
        let path = archive.tree().events();
        let known = Head {
            seq: self.position.seq,
            hash: Digest::from_bytes(*self.position.hash.as_bytes()),
            end: self.header.end,
        };
        // That events are damaged is told when they are read.
        let unbroken = |result: Result<_, ReadError>| match result {
            Err(ReadError::Broken { .. }) => Ok(None),
            Err(source) => Err(Error::Read {
                path: path.clone(),
                source,
            }),
            Ok(found) => Ok(Some(found)),
        };
        let Some(mut scan) = unbroken(reader.scan_verified_after(known))? else {
            return Ok(None);
        };
        let line = match scan.next_line() {
            Ok(line) => line,
            Err(ReadError::Broken { .. }) => None,
            Err(source) => {
                return Err(Error::Read {
                    path: path.clone(),
                    source,
                });
            }
        };
        let Some(line) = line else {
            return Ok(None);
        };
        let event = Event::parse(text(line.raw(), &path)?);
        let vouches = event.is_ok_and(|event| {
            event.what
                == What::DocketSaved {
                    sha256: self.sha256,
                }
        });
        Ok(vouches.then(|| line.head()))
    }

    fn open_shelf(&self, tree: &Tree) -> io::Result<Option<Settled>> {
        let Some(settled) = &self.header.settled else {
            return Ok(None);
        };
        let path = tree.monitoring().join(shelf_name(settled.root));
        Ok(Some(Settled {
            shelf: Shelf::open(&path, settled.root)?,
            runs_below: settled.runs_below,
            past: settled.past,
            told_of: settled.told_of,
        }))
    }
}

/// Puts everything on a shelf back into the docket it was taken from.
pub(super) fn put_back_all(shelf: &Shelf, docket: &mut Docket) -> io::Result<()> {
    let mut past = Vec::new();
    for entry in shelf.iter() {
        let (key, json) = entry?;
        match key.split_once(':') {
            Some(("past", _)) => past.push(serde_json::from_str(&json)?),
            Some(("case", _)) => docket.put_back_case(serde_json::from_str(&json)?),
            Some(("run", id)) => {
                let run = id.parse().map_err(io::Error::other)?;
                docket.put_back_run(run, serde_json::from_str(&json)?);
            }
            _ => return Err(io::Error::other(format!("{key:?} is no key"))),
        }
    }
    docket.put_back_past(past);
    Ok(())
}

pub(super) fn run_key(run: &RunId) -> String {
    format!("run:{run}")
}

pub(super) fn case_key(case: &CaseId) -> String {
    format!("case:{case}")
}

/// In the order of the numbers.
fn past_key(n: u64) -> String {
    format!("past:{n:020}")
}

fn shelf_name(root: Root) -> String {
    format!("{SHELF_NAME}{:.16}", root.sha256())
}

fn temporary(path: &Path) -> PathBuf {
    path.with_file_name(format!("{TEMPORARY_NAME}{}", std::process::id()))
}
