//! What is owed for runs and decisions that nobody has looked at yet: those of a process that died
//! between keeping and owing, and of one that did not know whom to tell.

use credit_core::{Action, Actions, Day, RunId, Timestamp};
use credit_governance::Docket;
use credit_ledger::Scan;

use super::book::{Book, Rows};
use super::step::{Is, Line, Subject};
use super::{Destinations, row_file};
use crate::archive::{self, text};
use crate::{Error, Monitor, RunFileError};

/// So many runs are seen to at a time.
const BATCH: usize = 1024;

impl Monitor {
    /// Sees to every run and event behind the last that was seen to, and marks that.
    pub(crate) fn catch_up(&self, now: Timestamp) -> Result<(), Error> {
        let Some(to) = self.destinations() else {
            return Ok(());
        };
        if !self.with_book(|_, book| book.is_open())? {
            return self.open_book(to, now);
        }
        let from = self.with_book(|_, book| book.lines())?;
        let upto = match self.last_line()? {
            Some(head) if from.is_none_or(|from| from.seq < head.seq) => {
                self.see_to(from, to, now)?
            }
            _ => None,
        };
        let mut deciding = self.deciding()?;
        deciding.plan_events(to, now)?;
        let from = deciding.book().lines();
        let is_later = |line: &Line| from.is_none_or(|from| from.seq < line.seq);
        if let Some(lines) = upto.filter(is_later) {
            deciding.record(Is::Planned { lines: Some(lines) }, now)?;
        }
        deciding.finish()?;
        self.open_rows(to, now)
    }

    /// Answers a question from what is owed, steps of other processes included.
    pub(crate) fn with_book<T>(&self, ask: impl FnOnce(&Docket, &Book) -> T) -> Result<T, Error> {
        let mut live = self.live_docket();
        live.catch_up(&self.archive())?;
        Ok(ask(live.docket(), live.book()))
    }

    /// Makes items of rows that are owed by being in the ledger, up to so many at the same time.
    pub(crate) fn plan_more_rows(&self, max: usize, now: Timestamp) -> Result<(), Error> {
        let (rows, open) = self.with_book(|_, book| {
            let rows = book.state().items().filter(|(item, progress)| {
                let is_row = item.id.as_str().starts_with("row/");
                is_row && progress.is_open()
            });
            (book.rows(), rows.count())
        })?;
        let (Rows::Behind(from), Some(head)) = (rows, self.last_line()?) else {
            return Ok(());
        };
        let room = max.saturating_sub(open);
        // A few at a time cost a sync each.
        if room < max.div_ceil(2) || from.is_some_and(|from| from.seq >= head.seq) {
            return Ok(());
        }
        let mut runs = Vec::with_capacity(room);
        let mut upto = from;
        self.lines_behind(from, |facts, line| {
            runs.push((line.seq, facts.run_id.clone()));
            upto = Some(line);
            Ok(runs.len() < room)
        })?;
        let mut deciding = self.deciding()?;
        // Somebody else may have made items of them meanwhile, or of more.
        if let Some(upto) = upto.filter(|_| deciding.book().rows() == rows) {
            deciding.plan_rows(&runs, upto, now)?;
        }
        deciding.finish().map(|_| ())
    }

    /// The run ledger's last line, whichever process wrote it.
    pub(crate) fn last_line(&self) -> Result<Option<Line>, Error> {
        let head = self.ledger.reader().head();
        let head = head.map_err(|source| Error::Read {
            path: self.tree().ledger(),
            source,
        })?;
        Ok(head.map(Line::of))
    }

    /// Whether rows are owed in RUNS_LEDGER.
    pub(crate) fn owes_rows(&self) -> bool {
        self.destinations().is_some_and(|to| to.runs.is_some())
    }

    /// From here on something is owed; nothing is for what is there already.
    fn open_book(&self, to: &Destinations, now: Timestamp) -> Result<(), Error> {
        let head = self.last_line()?;
        let mut deciding = self.deciding()?;
        if !deciding.book().is_open() {
            deciding.record(Is::Planned { lines: head }, now)?;
        }
        deciding.finish()?;
        self.open_rows(to, now)
    }

    fn open_rows(&self, to: &Destinations, now: Timestamp) -> Result<(), Error> {
        if to.runs.is_none() || self.with_book(|_, book| book.rows())? != Rows::Never {
            return Ok(());
        }
        let upto = self.last_line()?;
        let mut deciding = self.deciding()?;
        if deciding.book().rows() == Rows::Never {
            deciding.record(Is::Rows { upto }, now)?;
        }
        deciding.finish().map(|_| ())
    }

    /// Settles the runs behind a line for which something is not owed yet, as if they had just been
    /// kept; the last line that was read.
    fn see_to(
        &self,
        from: Option<Line>,
        to: &Destinations,
        now: Timestamp,
    ) -> Result<Option<Line>, Error> {
        let rows = self.with_book(|_, book| book.rows())?;
        let first_row = match rows {
            Rows::Behind(line) if to.runs.is_some() => line.map_or(0, |line| line.seq + 1),
            _ => u64::MAX,
        };
        let mut last = None;
        let mut asking = Vec::new();
        self.lines_behind(from, |facts, line| {
            if line.seq >= first_row {
                // Only a hint for operators; the row is owed all the same.
                let _hint = row_file::write_owed(self.tree(), facts.timestamp.day(), &facts.run_id);
            }
            if asks_for_something(facts.actions) {
                asking.push((line.seq, facts.run_id.clone(), facts.actions));
            }
            last = Some(line);
            Ok(true)
        })?;
        // Most of them were seen to when they were kept.
        self.with_book(|docket, book| {
            asking.retain(|(seq, run, actions)| !is_owed(docket, book, to, *seq, run, *actions));
        })?;
        for batch in asking.chunks(BATCH) {
            let kept = batch.iter().map(|(_, run, _)| self.kept(run));
            self.settle(kept.collect::<Result<_, _>>()?, now)?;
        }
        Ok(last)
    }

    /// Calls `each` with the runs behind a line, in order, until it returns `false`.
    pub(super) fn lines_behind(
        &self,
        from: Option<Line>,
        mut each: impl FnMut(&credit_core::RunFacts<'_>, Line) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let path = self.tree().ledger();
        let failed = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let reader = self.ledger.reader();
        let scan = match from {
            None => reader.scan_verified(),
            Some(line) => reader.scan_verified_after(line.head()),
        };
        let mut scan: Scan<'_> = scan.map_err(failed)?;
        while let Some(line) = scan.next_line().map_err(failed)? {
            let facts = archive::facts(text(line.raw(), &path)?, self.tree())?;
            if !each(&facts, Line::of(line.head()))? {
                break;
            }
        }
        Ok(())
    }

    /// Says beside the records of new runs that their rows are owed.
    pub(crate) fn write_owed_rows<'a>(
        &self,
        runs: impl Iterator<Item = (Day, &'a RunId)>,
    ) -> Vec<RunFileError> {
        if !self.owes_rows() {
            return Vec::new();
        }
        runs.filter_map(|(day, run)| row_file::write_owed(self.tree(), day, run).err())
            .collect()
    }
}

/// Whether something may be owed for a run with these actions. What must be decided about it is
/// seen to when the tree is opened.
fn asks_for_something(actions: Actions) -> bool {
    actions.intersects(Actions::ALERTS) || actions.contains(Action::PageLock)
}

/// Whether everything that a run's actions ask for is owed, was sent, or is held back.
fn is_owed(
    docket: &Docket,
    book: &Book,
    to: &Destinations,
    seq: u64,
    run: &RunId,
    actions: Actions,
) -> bool {
    let knows = |subject: Subject| subject.id().is_some_and(|id| book.knows(&id));
    let alerts = actions.intersects(Actions::ALERTS) && (to.webhooks.is_some() || to.bot.is_some());
    let locks = actions.contains(Action::PageLock) && to.cases.is_some();
    let alert = Subject::Alert {
        seq,
        run: run.clone(),
    };
    let lock = || {
        docket
            .case_of(run)
            .map(|case| Subject::Lock(case.id.clone()))
    };
    (!alerts || knows(alert)) && (!locks || lock().is_some_and(knows))
}
