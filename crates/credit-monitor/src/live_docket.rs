//! The docket, and the book of what is owed, kept up to date with the events.
//!
//! It is folded once and then only from where it stopped. What is settled may lie on a shelf
//! instead, from where it is recalled before anything is asked or decided about it.

mod saved;
mod shelf;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;

use credit_core::{CaseId, RunId, Sha256, Timestamp};
use credit_governance::{About, Docket, Event, EventId, Past, Position, RunRef, What};
use credit_ledger::{Digest, Head, Reader, Receipt};
use serde::de::DeserializeOwned;

pub(crate) use self::saved::{Saving, check as check_saved};

use self::shelf::Shelf;
use crate::archive::Archive;
use crate::outbox::Book;
use crate::{Error, Tree, events};

/// When what is known is written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// After so many events that were not written down.
    events: u64,
    /// What is settled goes on the shelf when it is so much.
    settled: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            events: 10_000,
            settled: 10_000,
        }
    }
}

/// A docket, a book, and the last event that they know.
#[derive(Debug, Default)]
pub(crate) struct LiveDocket {
    docket: Docket,
    book: Book,
    head: Option<Head>,
    /// The last event of those that a report may depend on.
    decided: Option<Position>,
    /// What the partials hang on that were written down last.
    partials: Option<Sha256>,
    /// What was taken out of the docket.
    settled: Option<Settled>,
    /// Every run that an event spoke of has its ledger line before this one.
    runs_below: u64,
    /// The latest time of an event that was folded here.
    latest: Option<Timestamp>,
    /// How many events are folded that were not written down.
    unsaved: u64,
    /// How many of them are not in the chain yet.
    pending: u64,
    /// What was written down turned out to be changed, so only the events are believed.
    distrusts: bool,
    limits: Limits,
}

#[derive(Debug)]
struct Settled {
    shelf: Shelf,
    /// As that of the docket, when this was taken out of it.
    runs_below: u64,
    /// How many decisions lie there that are over.
    past: u64,
    /// The latest time of what a report tells of it that is about no run: when an exposure was
    /// looked into, or something decided that is over.
    told_of: Option<Timestamp>,
}

impl LiveDocket {
    /// From what was written down, if that fits, and the events since.
    pub(crate) fn open(archive: &Archive) -> Result<LiveDocket, Error> {
        let mut live = LiveDocket::default();
        live.catch_up(archive)?;
        Ok(live)
    }

    /// What is decided so far, without what is settled and was not recalled.
    pub(crate) fn docket(&self) -> &Docket {
        &self.docket
    }

    /// What is owed so far.
    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// The last event of those that a report may depend on. What was told to whom and what this
    /// program notes for itself comes after it and changes no report.
    pub(crate) fn decided(&self) -> Option<Position> {
        self.decided
    }

    /// What the partials hang on that were written down last.
    pub(crate) fn partials(&self) -> Option<Sha256> {
        self.partials
    }

    /// Takes events into account that were added since, by whichever process.
    ///
    /// Whether there are any is told by the length of their file.
    pub(crate) fn catch_up(&mut self, archive: &Archive) -> Result<(), Error> {
        if self.head.is_none()
            && !self.distrusts
            && let Some(saved) = saved::read(archive, self.limits)?
        {
            *self = saved;
        }
        let path = archive.tree().events();
        let length = match fs::metadata(&path) {
            Ok(file) => file.len(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(e) => return Err(Error::io("looking at", path)(e)),
        };
        if length == self.head.map_or(0, |head| head.end) {
            if length == 0 {
                // That there are none may be because they are lost.
                archive.events_head()?;
            }
            return Ok(());
        }
        let reader = archive.events_if_any()?.ok_or_else(|| Error::Integrity {
            path: path.clone(),
            reason: "is missing, but decisions were read from it before; restore it from a copy"
                .to_owned(),
        })?;
        let trusted = !self.distrusts;
        let folded = self.fold(&reader, archive);
        if folded.is_err() {
            // What was folded up to the error is no state to answer from.
            self.forget();
            if trusted && self.distrusts {
                return self.catch_up(archive);
            }
        }
        folded
    }

    /// Sees to it that the docket knows everything about this.
    pub(crate) fn recall(&mut self, about: &About, archive: &Archive) -> Result<(), Error> {
        self.recovering(archive, |live| match about {
            About::Run(run) => live.put_back_run(run),
            About::Case(case) => live.put_back_case(case).map(|_| ()),
            About::Scenario(_) | About::File(_) => Ok(()),
            About::Everything => live.put_back_everything(),
        })
    }

    /// Sees to it that the docket knows what a report tells of the time since then that is about no
    /// run: every case into whose exposures it was looked, and every decision that is over.
    pub(crate) fn recall_since(
        &mut self,
        since: Timestamp,
        archive: &Archive,
    ) -> Result<(), Error> {
        let settled = self.settled.as_ref();
        if settled.and_then(|settled| settled.told_of) >= Some(since) {
            self.recall(&About::Everything, archive)?;
        }
        Ok(())
    }

    /// The same about a run and its case, where the run's line tells whether there can be anything.
    pub(crate) fn recall_line(
        &mut self,
        run: &RunId,
        seq: u64,
        archive: &Archive,
    ) -> Result<(), Error> {
        self.recovering(archive, |live| live.put_back_line(run, seq))
    }

    /// The same about a case; whether it was not known before.
    pub(crate) fn recall_case(&mut self, id: &CaseId, archive: &Archive) -> Result<bool, Error> {
        self.recovering(archive, |live| live.put_back_case(id))
    }

    /// Adds events that are about to be appended, so that what cannot follow is refused before it
    /// is written. [`LiveDocket::appended`] must follow, or [`LiveDocket::forget`].
    pub(crate) fn apply(&mut self, event: &Event, archive: &Archive) -> Result<(), Error> {
        self.recovering(archive, |live| {
            if let What::CaseOpened(opened) = &event.what {
                live.put_back_case(&opened.case)?;
            }
            live.put_back_subjects(&event.what)
        })?;
        self.docket
            .apply(event)
            .map_err(credit_governance::Refusal::from)?;
        if let Err(error) = self.book.apply(event, &self.docket) {
            self.forget();
            return Err(Error::book(archive.tree().events())(error));
        }
        self.knows(event);
        self.pending += 1;
        Ok(())
    }

    /// The applied events are in the chain, in these lines and the last of them at its head.
    pub(crate) fn appended(&mut self, events: &[Event], lines: &[Receipt], head: Option<Head>) {
        let mut decided = events.iter().zip(lines).rev();
        let decided = decided.find(|(event, _)| !is_of_the_house(&event.what));
        if let Some((_, line)) = decided {
            self.decided = Some(position(line.seq(), line.hash()));
        }
        self.head = head;
        self.pending = 0;
    }

    /// The applied events did not make it into the chain: what is decided is read anew.
    pub(crate) fn forget(&mut self) {
        *self = LiveDocket {
            distrusts: self.distrusts,
            limits: self.limits,
            ..LiveDocket::default()
        };
    }

    /// Whether there is so much that was not written down that it should be.
    pub(crate) fn is_save_due(&self) -> bool {
        self.unsaved >= self.limits.events
    }

    /// Writes down what is known, but for the event that must vouch for it.
    pub(crate) fn save(&mut self, tree: &Tree) -> io::Result<Option<Saving>> {
        // Tried again after as many more events, not at each one.
        self.unsaved = 0;
        self.shelve(tree)?;
        let Some(head) = self.head else {
            return Ok(None);
        };
        saved::write(self, head, tree).map(Some)
    }

    /// Puts what is settled on the shelf if it is much.
    fn shelve(&mut self, tree: &Tree) -> io::Result<()> {
        // There is nothing to write down before an event was folded.
        let Some(latest) = self.latest else {
            return Ok(());
        };
        let before = past_before(latest);
        if self.docket.settled_count(before) < self.limits.settled {
            return Ok(());
        }
        let book = &self.book;
        let is_told = |mute: &EventId| book.held_by(mute).next().is_none();
        let taken = self.docket.take_settled(before, is_told);
        let older = self.settled.as_ref();
        let looked_into = taken.cases.values();
        let looked_into = looked_into.filter_map(|case| Some(case.exposure.as_ref()?.found.at));
        let told_of = looked_into.chain(taken.past.iter().map(Past::at)).max();
        let told_of = told_of.max(older.and_then(|older| older.told_of));
        let past = older.map_or(0, |older| older.past) + taken.past.len() as u64;
        match saved::write_shelf(older, &taken, tree) {
            Ok(shelf) => {
                self.settled = Some(Settled {
                    shelf,
                    runs_below: self.runs_below,
                    past,
                    told_of,
                });
                Ok(())
            }
            Err(error) => {
                self.docket.put_back_past(taken.past);
                for (run, state) in taken.runs {
                    self.docket.put_back_run(run, state);
                }
                for case in taken.cases.into_values() {
                    self.docket.put_back_case(case);
                }
                Err(error)
            }
        }
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
        // What was written down before the first event that is read here is of no use, or it
        // would have been read.
        let from_start = self.head.is_none();
        events::each(&mut scan, &path, |head, event| {
            if let Err(error) = self.put_back_subjects(&event.what) {
                self.distrusts = true;
                return Err(cannot_recall(&error, archive));
            }
            self.docket
                .apply(&event)
                .map_err(Error::docket(path.clone()))?;
            self.book
                .apply(&event, &self.docket)
                .map_err(Error::book(path.clone()))?;
            self.knows(&event);
            if matches!(event.what, What::DocketSaved { .. }) && !from_start {
                // Another process has written everything down just now.
                self.unsaved = 0;
            }
            self.head = Some(head);
            if !is_of_the_house(&event.what) {
                self.decided = Some(position(head.seq, head.hash));
            }
            Ok(true)
        })
    }

    /// An event is folded.
    fn knows(&mut self, event: &Event) {
        self.unsaved += 1;
        if let What::PartialsSaved { sha256 } = event.what {
            self.partials = Some(sha256);
        }
        self.latest = self.latest.max(Some(event.at));
        let last = runs(&event.what).map(|run| run.seq + 1).max();
        self.runs_below = self.runs_below.max(last.unwrap_or(0));
    }

    /// Does what needs the shelf. If that was changed, everything is folded from the events, which
    /// count, and then it is done.
    fn recovering<T>(
        &mut self,
        archive: &Archive,
        mut recall: impl FnMut(&mut LiveDocket) -> io::Result<T>,
    ) -> Result<T, Error> {
        let error = match recall(self) {
            Ok(recalled) => return Ok(recalled),
            Err(error) => error,
        };
        let pending = self.pending;
        self.distrusts = true;
        self.forget();
        if pending > 0 {
            // What is half decided is not decided; the next attempt finds everything.
            return Err(cannot_recall(&error, archive));
        }
        self.catch_up(archive)?;
        recall(self).map_err(|error| cannot_recall(&error, archive))
    }

    /// An event must find what it is about.
    fn put_back_subjects(&mut self, what: &What) -> io::Result<()> {
        if self.settled.is_none() {
            return Ok(());
        }
        for run in runs(what) {
            self.put_back_line(&run.run_id, run.seq)?;
        }
        match what {
            // That it is new was seen to when it was decided.
            What::CaseOpened(_) => Ok(()),
            _ => match what.case() {
                Some(case) => self.put_back_case(case).map(|_| ()),
                None => Ok(()),
            },
        }
    }

    fn put_back_line(&mut self, run: &RunId, seq: u64) -> io::Result<()> {
        match &self.settled {
            Some(settled) if seq < settled.runs_below => self.put_back_run(run),
            _ => Ok(()),
        }
    }

    fn put_back_run(&mut self, run: &RunId) -> io::Result<()> {
        if self.docket.run(run).is_none()
            && let Some(state) = self.take_down(&saved::run_key(run))?
        {
            self.docket.put_back_run(run.clone(), state);
        }
        match self.docket.run(run).and_then(|state| state.case.clone()) {
            Some(case) => self.put_back_case(&case).map(|_| ()),
            None => Ok(()),
        }
    }

    fn put_back_case(&mut self, id: &CaseId) -> io::Result<bool> {
        if self.docket.case(id).is_some() || self.docket.archived_case(id).is_some() {
            return Ok(false);
        }
        let Some(case) = self.take_down(&saved::case_key(id))? else {
            return Ok(false);
        };
        self.docket.put_back_case(case);
        Ok(true)
    }

    fn put_back_everything(&mut self) -> io::Result<()> {
        match self.settled.take() {
            Some(settled) => saved::put_back_all(&settled.shelf, &mut self.docket),
            None => Ok(()),
        }
    }

    /// What the shelf has under a key.
    fn take_down<T: DeserializeOwned>(&self, key: &str) -> io::Result<Option<T>> {
        let Some(settled) = &self.settled else {
            return Ok(None);
        };
        let json = settled.shelf.get(key)?;
        Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
    }
}

/// Whether an event says nothing that a report may depend on: what was told to whom, and what this
/// program notes for itself.
fn is_of_the_house(what: &What) -> bool {
    matches!(
        what,
        What::Delivery(_) | What::DocketSaved { .. } | What::PartialsSaved { .. }
    )
}

/// What was over before this is taken out: a report on a month finds what it tells.
fn past_before(latest: Timestamp) -> Timestamp {
    const PAST_DAYS: u32 = 35;
    latest.days_before(PAST_DAYS)
}

fn position(seq: u64, hash: Digest) -> Position {
    Position {
        seq,
        hash: Sha256::from_bytes(*hash.as_bytes()),
    }
}

fn cannot_recall(error: &io::Error, archive: &Archive) -> Error {
    Error::Integrity {
        path: archive.tree().docket_snapshot(),
        reason: format!("what is settled and lies beside it cannot be read ({error}); try again"),
    }
}

/// The runs that an event speaks of.
fn runs(what: &What) -> impl Iterator<Item = &RunRef> {
    let opened = match what {
        What::CaseOpened(opened) => opened.runs.as_slice(),
        _ => &[],
    };
    let opened = opened.iter().map(|linked| &linked.run);
    what.run().into_iter().chain(opened)
}
