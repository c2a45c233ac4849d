//! What is known of everything that is owed: a fold of the events, beside the docket.

use std::collections::BTreeMap;

use credit_core::CaseId;
use credit_governance::{Docket, Event, EventId, What};
use credit_notify::delivery::{ItemId, Lane, Progress, State, Transition};
use credit_notify::routing::Slot;
use serde::{Deserialize, Serialize};

use super::step::{Held, HeldBy, Is, Line, Said, Step, Subject};

/// So many events wait for a process that knows whom to tell; older ones are told to nobody.
const UNPLANNED_MAX: usize = 4096;

/// What is known of everything that is owed.
///
/// It stays as small as what is open: what was sent is forgotten when nothing can follow it and
/// it cannot become owed again.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Book {
    state: State,
    /// How many steps there were.
    steps: u64,
    /// Whether anybody was ever to be told anything.
    is_open: bool,
    /// What follows from the runs up to this line is owed.
    lines: Option<Line>,
    rows: Rows,
    /// Events, as text, of which nobody has looked yet whether something is owed for them.
    unplanned: Vec<String>,
    held: BTreeMap<ItemId, Held>,
    /// How many messages a webhook's empty variable has suppressed.
    suppressed: BTreeMap<Slot, u64>,
    /// Items that are done and perhaps still needed.
    done: Vec<ItemId>,
}

/// Which runs' rows are owed in RUNS_LEDGER.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rows {
    /// None: there never was a database, or somebody has withdrawn what was owed to it.
    #[default]
    Never,
    /// Those of all runs behind this line, beside the rows that are items already.
    Behind(Option<Line>),
}

/// A recorded step that does not follow from the ones before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookError {
    #[error("a delivery step cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("delivery step {found} follows step {last}")]
    Gap { found: u64, last: u64 },
    #[error("delivery step: {0}")]
    Delivery(#[from] credit_notify::delivery::DeliveryError),
}

impl Default for Book {
    fn default() -> Book {
        Book {
            state: State::default(),
            steps: 0,
            is_open: false,
            lines: None,
            rows: Rows::Never,
            unplanned: Vec::new(),
            held: BTreeMap::new(),
            suppressed: BTreeMap::new(),
            done: Vec::new(),
        }
    }
}

impl Book {
    /// Takes the next event into account; the docket knows it already.
    pub(crate) fn apply(&mut self, event: &Event, docket: &Docket) -> Result<(), BookError> {
        match &event.what {
            What::Delivery(delivery) => {
                let step = Step::of(delivery)?;
                if step.n != self.steps {
                    return Err(BookError::Gap {
                        found: step.n,
                        last: self.steps,
                    });
                }
                self.step(step.is, docket)?;
                self.steps += 1;
            }
            _ if !self.is_open => {}
            What::CaseArchived(archived) => {
                let case = docket.archived_case(&archived.case);
                let primary = case.and_then(|case| case.primary());
                let alert = primary.map(|linked| Subject::Alert {
                    seq: linked.run.seq,
                    run: linked.run.run_id.clone(),
                });
                let id = || archived.case.clone();
                let subjects = [
                    Subject::Case(id()),
                    Subject::Lock(id()),
                    Subject::Thread(id()),
                ];
                let items = subjects.into_iter().chain(alert);
                self.done.extend(items.filter_map(|subject| subject.id()));
            }
            what if is_told(what) => {
                self.unplanned.push(event.to_json());
                if self.unplanned.len() > UNPLANNED_MAX {
                    self.unplanned.remove(0);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, is: Is, docket: &Docket) -> Result<(), BookError> {
        match is {
            Is::Item(transition) => {
                self.state.apply(&transition)?;
                self.note_done(&transition);
            }
            Is::Planned { lines } => {
                self.is_open = true;
                self.unplanned.clear();
                self.lines = lines.or(self.lines);
                self.prune(docket);
            }
            Is::Rows { upto } => self.rows = Rows::Behind(upto),
            Is::RowsWithdrawn { .. } => self.rows = Rows::Never,
            Is::Held(held) => {
                if let HeldBy::Switch(slot) = held.by {
                    *self.suppressed.entry(slot).or_default() += 1;
                }
                self.held.insert(held.item.id.clone(), held);
            }
        }
        Ok(())
    }

    fn note_done(&mut self, transition: &Transition) {
        match transition {
            Transition::Sent { item, .. } => {
                if let Some(Subject::Muted { mute, .. }) = Subject::of(item) {
                    let lane = self.state.item(item).map(|item| item.lane.clone());
                    self.held.retain(|_, held| {
                        held.by != HeldBy::Mute(mute.clone())
                            || Some(&held.item.lane) != lane.as_ref()
                    });
                }
                self.done.push(item.clone());
            }
            Transition::Withdrawn { item, .. } => self.done.push(item.clone()),
            Transition::Folded { digest } => self.done.extend(digest.folds.iter().cloned()),
            // What was held back and is owed after all.
            Transition::Owed { item } => {
                self.held.remove(&item.id);
            }
            _ => {}
        }
    }

    /// Forgets what is done and not needed any more.
    fn prune(&mut self, docket: &Docket) {
        let lines = self.lines.map(|line| line.seq);
        let rows = match self.rows {
            Rows::Behind(line) => line.map(|line| line.seq),
            Rows::Never => None,
        };
        let is_behind = |seq: u64, line: Option<u64>| line.is_none_or(|line| seq > line);
        let mut later = Vec::new();
        for id in std::mem::take(&mut self.done) {
            let keep = match Subject::of(&id) {
                Some(Subject::Alert { seq, .. }) if is_behind(seq, lines) => Keep::ForNow,
                Some(Subject::Alert { run, .. }) => {
                    let case = docket
                        .case_of(&run)
                        .filter(|c| docket.case(&c.id).is_some());
                    let leads = case.and_then(|case| case.primary());
                    // What happens in the case is told in its thread.
                    Keep::while_(leads.is_some_and(|linked| linked.run.run_id == run))
                }
                Some(Subject::Row { seq, .. }) if is_behind(seq, rows) => Keep::ForNow,
                Some(Subject::Case(case) | Subject::Lock(case) | Subject::Thread(case)) => {
                    Keep::while_(docket.case(&case).is_some())
                }
                Some(Subject::Digest) => {
                    let folds = self.state.item(&id).map(|item| item.folds.clone());
                    let mut folds = folds.unwrap_or_default().into_iter();
                    match folds.any(|fold| self.state.progress(&fold).is_some()) {
                        true => Keep::ForNow,
                        false => Keep::No,
                    }
                }
                Some(Subject::Weekly(_)) => Keep::UntilArchived,
                _ => Keep::No,
            };
            match keep {
                Keep::ForNow => later.push(id),
                Keep::UntilArchived => {}
                Keep::No => {
                    self.state.forget(&id);
                }
            }
        }
        self.done = later;
        self.held
            .retain(|id, held| match (&held.by, Subject::of(id)) {
                (HeldBy::Switch(_), Some(Subject::Alert { seq, .. })) => is_behind(seq, lines),
                (HeldBy::Switch(_), _) => false,
                (HeldBy::Mute(_), _) => true,
            });
    }

    /// Whether an item is or was owed or held back, as far back as it could become owed again.
    pub(crate) fn knows(&self, id: &ItemId) -> bool {
        self.state.progress(id).is_some() || self.held.contains_key(id)
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(crate) fn lines(&self) -> Option<Line> {
        self.lines
    }

    pub(crate) fn rows(&self) -> Rows {
        self.rows
    }

    pub(crate) fn held(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    pub(crate) fn suppressed(&self) -> impl Iterator<Item = (Slot, u64)> {
        self.suppressed.iter().map(|(slot, n)| (*slot, *n))
    }

    /// What a mute holds back.
    pub(crate) fn held_by(&self, mute: &EventId) -> impl Iterator<Item = &Held> {
        let by = HeldBy::Mute(mute.clone());
        self.held.values().filter(move |held| held.by == by)
    }

    pub(crate) fn unplanned(&self) -> &[String] {
        &self.unplanned
    }

    /// What came of an item, or of the digest that it became a part of.
    pub(crate) fn outcome(&self, subject: &Subject) -> Option<&Progress> {
        self.state.outcome(&subject.id()?)
    }

    /// Whether a case is to be shown as it is by then, in this place: such an item is owed and not
    /// begun, so that it will show whatever happens until then.
    pub(crate) fn will_show(&self, wanted: Said, case: &CaseId, lane: &Lane) -> bool {
        self.state.items_in(lane).any(|(item, progress)| {
            let shows = match Subject::of(&item.id) {
                Some(Subject::Said { as_a, case: of, .. }) => as_a == wanted && of == *case,
                _ => false,
            };
            shows && !matches!(progress, Progress::Begun { .. })
        })
    }
}

enum Keep {
    No,
    /// Asked again at the next mark.
    ForNow,
    /// Not asked again until its case is archived.
    UntilArchived,
}

impl Keep {
    fn while_(needed: bool) -> Keep {
        if needed {
            Keep::UntilArchived
        } else {
            Keep::No
        }
    }
}

/// Whether somebody may have to be told of an event.
fn is_told(what: &What) -> bool {
    matches!(
        what,
        What::CaseOpened(_)
            | What::CaseAcknowledged(_)
            | What::ExposureAssessed(_)
            | What::RootCauseProposed(_)
            | What::RootCauseConfirmed(_)
            | What::CaseStatusChanged(_)
            | What::MitigationDocumented(_)
            | What::CaseNoted(_)
            | What::ThreadLinked(_)
            | What::RunLinked(_)
            | What::CaseEscalated(_)
            | What::CaseResolved(_)
            | What::CaseReopened(_)
            | What::CaseUnarchived(_)
            | What::QuarantineReleased(_)
            | What::RerunApproved(_)
            | What::RerunDenied(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history in which every kind of step happens; a test of the forms writes it.
    const HISTORY: &str = include_str!("../../tests/golden/deliveries.jsonl");

    fn events() -> Vec<Event> {
        HISTORY
            .lines()
            .map(|line| Event::parse(line).unwrap())
            .collect()
    }

    fn fold(docket: &mut Docket, book: &mut Book, events: &[Event]) {
        for event in events {
            docket.apply(event).unwrap();
            book.apply(event, docket).unwrap();
        }
    }

    fn text(book: &Book) -> String {
        serde_json::to_string(book).unwrap()
    }

    #[test]
    fn a_book_that_was_kept_and_read_goes_on_as_if_it_had_not_been() {
        let events = events();
        let (mut docket, mut whole) = (Docket::default(), Book::default());
        fold(&mut docket, &mut whole, &events);
        for at in 0..=events.len() {
            let (first, rest) = events.split_at(at);
            let (mut docket, mut book) = (Docket::default(), Book::default());
            fold(&mut docket, &mut book, first);
            let mut read: Book = serde_json::from_str(&text(&book)).unwrap();
            assert_eq!(text(&read), text(&book));
            fold(&mut docket, &mut read, rest);
            assert_eq!(text(&read), text(&whole), "kept after {at} events");
        }
    }

    #[test]
    fn a_step_that_is_missing_or_told_twice_is_found() {
        let events = events();
        let is_step = |event: &&Event| matches!(event.what, What::Delivery(_));
        let steps: Vec<&Event> = events.iter().filter(is_step).collect();
        let (mut docket, mut book) = (Docket::default(), Book::default());
        let first = events.iter().position(|event| is_step(&event)).unwrap();
        fold(&mut docket, &mut book, events.get(..=first).unwrap());
        for wrong in [steps.first(), steps.get(2)] {
            let error = book.apply(wrong.unwrap(), &docket).unwrap_err();
            assert!(matches!(error, BookError::Gap { .. }), "{error}");
        }
    }

    #[test]
    fn what_is_done_is_forgotten_but_for_what_leads_an_open_case() {
        let (mut docket, mut book) = (Docket::default(), Book::default());
        fold(&mut docket, &mut book, &events());
        for (item, progress) in book.state().items() {
            let kept = matches!(
                Subject::of(&item.id),
                Some(
                    Subject::Alert { .. } | Subject::Case(_) | Subject::Thread(_) | Subject::Digest
                )
            ) || book.done.contains(&item.id);
            assert!(kept, "{} is {progress:?}", item.id);
        }
        assert_eq!(book.held().count(), 0);
    }
}
