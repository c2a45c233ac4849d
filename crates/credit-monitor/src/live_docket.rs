//! The docket, kept up to date with the events.
//!
//! It is folded once and then only from where it stopped. A snapshot beside the events spares even
//! that when a process starts; it is derived, and its place in the chain is checked before it is
//! used.

use std::fs;
use std::io;

use credit_core::Sha256;
use credit_governance::{Docket, Event, Position};
use credit_ledger::hashed_file::replace_durably;
use credit_ledger::{Digest, Head, ReadError, Reader};

use crate::archive::{Archive, text};
use crate::{Error, Tree};

/// After so many events that no snapshot knows, a new one is written.
const SNAPSHOT_AFTER: u64 = 10_000;

/// A docket and the last event that it knows.
#[derive(Debug, Default)]
pub(crate) struct LiveDocket {
    docket: Docket,
    head: Option<Head>,
    /// How many events are folded since the last snapshot.
    unsaved: u64,
}

impl LiveDocket {
    /// From the snapshot, if there is one that fits, and the events since.
    pub(crate) fn open(archive: &Archive) -> Result<LiveDocket, Error> {
        let mut live = read_snapshot(archive)?.unwrap_or_default();
        live.catch_up(archive)?;
        Ok(live)
    }

    /// What is decided so far.
    pub(crate) fn docket(&self) -> &Docket {
        &self.docket
    }

    /// The last event that it knows.
    pub(crate) fn head(&self) -> Option<Head> {
        self.head
    }

    /// Takes events into account that were added since, by whichever process.
    ///
    /// Whether there are any is told by the length of their file.
    pub(crate) fn catch_up(&mut self, archive: &Archive) -> Result<(), Error> {
        let path = archive.tree().events();
        let length = match fs::metadata(&path) {
            Ok(file) => file.len(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(e) => return Err(Error::io("looking at", path)(e)),
        };
        if length == self.head.map_or(0, |head| head.end) {
            if length == 0 {
                // That there are none may be because they are lost.
                archive.events_if_any()?;
            }
            return Ok(());
        }
        let reader = archive.events_if_any()?.ok_or_else(|| Error::Integrity {
            path: path.clone(),
            reason: "is missing, but decisions were read from it before; restore it from a copy"
                .to_owned(),
        })?;
        let folded = self.fold(&reader, archive);
        if folded.is_err() {
            // What was folded up to the error is no state to answer from.
            *self = LiveDocket::default();
        }
        folded
    }

    /// Adds events that are about to be appended, so that what cannot follow is refused before it
    /// is written. [`LiveDocket::appended`] must follow, or [`LiveDocket::forget`].
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), credit_governance::DocketError> {
        self.docket.apply(event)?;
        self.unsaved += 1;
        Ok(())
    }

    /// The applied events are in the chain, the last of them at its head.
    pub(crate) fn appended(&mut self, head: Option<Head>, tree: &Tree) {
        self.head = head;
        self.save_if_due(tree);
    }

    /// The applied events did not make it into the chain: what is decided is read anew.
    pub(crate) fn forget(&mut self) {
        *self = LiveDocket::default();
    }

    fn fold(&mut self, reader: &Reader, archive: &Archive) -> Result<(), Error> {
        let path = archive.tree().events();
        let read = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let mut scan = match self.head {
            None => reader.scan_verified(),
            Some(head) => reader.scan_verified_after(head),
        }
        .map_err(read)?;
        while let Some(line) = scan.next_line().map_err(read)? {
            let event = Event::parse(text(line.raw(), &path)?);
            let event = event.map_err(Error::event(path.clone()))?;
            self.docket
                .apply(&event)
                .map_err(Error::docket(path.clone()))?;
            self.unsaved += 1;
            self.head = Some(Head {
                seq: line.seq(),
                hash: line.hash(),
                end: line.offset() + line.raw().len() as u64 + 1,
            });
        }
        self.save_if_due(archive.tree());
        Ok(())
    }

    /// A snapshot only saves time: whoever may not write it goes without.
    fn save_if_due(&mut self, tree: &Tree) {
        let Some(head) = self.head.filter(|_| self.unsaved >= SNAPSHOT_AFTER) else {
            return;
        };
        let position = Position {
            seq: head.seq,
            hash: Sha256::from_bytes(*head.hash.as_bytes()),
        };
        let body = self.docket.snapshot(position);
        let text = format!("{} {}\n{body}\n", Sha256::of(body.as_bytes()), head.end);
        // Tried again after as many more events, not at each one.
        self.unsaved = 0;
        let _saves_time_only = replace_durably(&tree.docket_snapshot(), text.as_bytes());
    }
}

/// `None` if there is none, or if it does not fit the events: then they are folded from the start.
fn read_snapshot(archive: &Archive) -> Result<Option<LiveDocket>, Error> {
    let Ok(text) = fs::read_to_string(archive.tree().docket_snapshot()) else {
        return Ok(None);
    };
    let Some((docket, head)) = parse_snapshot(&text) else {
        return Ok(None);
    };
    let Some(reader) = archive.events_if_any()? else {
        return Ok(None);
    };
    // A snapshot of another history is of no use; that the events are damaged is told when they
    // are read.
    match reader.scan_verified_after(head) {
        Ok(_) => Ok(Some(LiveDocket {
            docket,
            head: Some(head),
            unsaved: 0,
        })),
        Err(ReadError::Broken { .. }) => Ok(None),
        Err(source) => Err(Error::Read {
            path: archive.tree().events(),
            source,
        }),
    }
}

fn parse_snapshot(text: &str) -> Option<(Docket, Head)> {
    let (first, body) = text.split_once('\n')?;
    let body = body.strip_suffix('\n')?;
    let (sha256, end) = first.split_once(' ')?;
    if sha256.parse() != Ok(Sha256::of(body.as_bytes())) {
        return None;
    }
    let (docket, position) = Docket::from_snapshot(body).ok()?;
    let head = Head {
        seq: position.seq,
        hash: Digest::from_bytes(*position.hash.as_bytes()),
        end: end.parse().ok()?,
    };
    Some((docket, head))
}
