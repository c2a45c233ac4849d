//! What is owed, for people who want to know.

use credit_core::{CaseId, RunId, Timestamp};
use credit_governance::{Docket, EventId};
use credit_notify::Reason;
use credit_notify::delivery::{self, Destination, ItemId, Lane, Progress, Rules};
use credit_notify::routing::Slot;

use super::book::{Book, Rows};
use super::step::{HeldBy, Subject};
use crate::archive::text;
use crate::live_docket::LiveDocket;
use crate::{Archive, Error, doctor};

/// What is owed, waits, is parked or held back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutboxStatus {
    /// Whether anybody was ever to be told anything.
    pub is_set_up: bool,
    /// Every item that is not sent, by name.
    pub owed: Vec<Owed>,
    /// How many rows are owed beside those that are items already.
    pub rows: u64,
    /// When the run of the oldest of these rows finished: nobody notes when it was kept.
    pub rows_since: Option<Timestamp>,
    /// What is held back.
    pub held: Vec<HeldBack>,
    /// How many messages a webhook's empty variable has suppressed, for good.
    pub suppressed: Vec<(Slot, u64)>,
    /// Until when a destination wants to be left alone.
    pub paused: Vec<(Destination, Timestamp)>,
    /// When the next item is due; `None` where nothing is owed that could be sent by waiting.
    pub next_due: Option<Timestamp>,
}

/// The rows that are owed by being in the ledger.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowsBehind {
    rows: u64,
    since: Option<Timestamp>,
    /// Whether there is nobody to send them, so that waiting alone sends none.
    pub(super) wait_for_ever: bool,
}

/// Something that is not sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    /// Its name, such as `alert/12/RUN-1`.
    pub item: ItemId,
    /// Where it goes.
    pub lane: Lane,
    /// The run that it is about.
    pub run: Option<RunId>,
    /// The case that it is about.
    pub case: Option<CaseId>,
    /// Since when it is owed.
    pub since: Timestamp,
    /// How far it is.
    pub state: OwedState,
}

/// How far something is that is not sent.
#[derive(Clone, Debug, PartialEq)]
pub enum OwedState {
    /// It waits for its turn.
    Owed,
    /// It is being sent.
    Begun,
    /// It was not sent.
    Waiting {
        /// Not tried again before.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// Nobody knows whether it was sent.
    Unknown {
        /// Not tried again before.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// It waits for an operator.
    Parked {
        /// Why.
        reason: Reason,
    },
}

/// Messages that a mute holds back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeldBack {
    /// The mute's event.
    pub mute: EventId,
    /// How many.
    pub messages: u64,
    /// When they are told of at the latest.
    pub until: Option<Timestamp>,
}

impl OutboxStatus {
    /// How many items are still to be sent, rows included.
    pub fn waiting(&self) -> u64 {
        let open = self.owed.iter().filter(|owed| !owed.is_parked());
        open.count() as u64 + self.rows
    }

    /// How many items wait for an operator.
    pub fn parked(&self) -> u64 {
        self.owed.iter().filter(|owed| owed.is_parked()).count() as u64
    }

    /// The sums that watching looks at; `None` where nobody was ever to be told anything.
    pub(crate) fn sums(&self) -> Option<doctor::Owed> {
        let open = self.owed.iter().filter(|owed| !owed.is_parked());
        self.is_set_up.then(|| doctor::Owed {
            waiting: self.waiting(),
            oldest: open.map(|owed| owed.since).chain(self.rows_since).min(),
            parked: self.parked(),
        })
    }

    pub(crate) fn of(
        docket: &Docket,
        book: &Book,
        behind: RowsBehind,
        rules: &Rules,
        now: Timestamp,
        can_send: impl Fn(&Lane) -> bool,
    ) -> OutboxStatus {
        let rows_due = (behind.rows > 0 && !behind.wait_for_ever).then(|| {
            let paused = book.state().paused_until(Destination::Notion);
            paused.map_or(now, |until| until.max(now))
        });
        let held = held(docket, book);
        let unmuted = held
            .iter()
            .filter_map(|held| held.until)
            .map(|at| at.max(now))
            .min();
        let next = delivery::next_due(now, book.state(), rules, can_send);
        OutboxStatus {
            is_set_up: book.is_open(),
            owed: book.state().items().filter_map(owed).collect(),
            rows: behind.rows,
            rows_since: behind.since,
            held,
            suppressed: book.suppressed().collect(),
            paused: [Destination::Slack, Destination::Notion]
                .into_iter()
                .filter_map(|to| Some((to, book.state().paused_until(to)?)))
                .filter(|(_, until)| now < *until)
                .collect(),
            next_due: next.into_iter().chain(rows_due).chain(unmuted).min(),
        }
    }
}

impl Owed {
    /// Whether it waits for an operator.
    pub fn is_parked(&self) -> bool {
        matches!(self.state, OwedState::Parked { .. })
    }
}

fn owed((item, progress): (&delivery::Item, &Progress)) -> Option<Owed> {
    let state = match progress.clone() {
        Progress::Owed => OwedState::Owed,
        Progress::Begun { .. } => OwedState::Begun,
        Progress::Waiting { until, reason } => OwedState::Waiting { until, reason },
        Progress::Unknown { until, reason } => OwedState::Unknown { until, reason },
        Progress::Parked { reason } => OwedState::Parked { reason },
        Progress::Sent { .. } | Progress::Folded { .. } | Progress::Withdrawn => return None,
    };
    let about = Subject::of(&item.id);
    Some(Owed {
        item: item.id.clone(),
        lane: item.lane.clone(),
        run: about.as_ref().and_then(|about| about.run().cloned()),
        case: about.as_ref().and_then(|about| about.case().cloned()),
        since: item.owed_at,
        state,
    })
}

fn held(docket: &Docket, book: &Book) -> Vec<HeldBack> {
    let mut held: Vec<HeldBack> = Vec::new();
    for message in book.held() {
        let HeldBy::Mute(mute) = &message.by else {
            continue;
        };
        match held.iter_mut().find(|held| held.mute == *mute) {
            Some(held) => held.messages += 1,
            None => held.push(HeldBack {
                mute: mute.clone(),
                messages: 1,
                until: docket
                    .mutes()
                    .iter()
                    .find(|known| known.id == *mute)
                    .map(credit_governance::Mute::until),
            }),
        }
    }
    held
}

impl Archive {
    /// What is owed, waits, is parked or held back, at `now`; needs no right to write. When the
    /// next item is due follows from the usual [`Rules`] where a storm holds alerts back.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if the ledger or the events are damaged.
    pub fn outbox_status(&self, now: Timestamp) -> Result<OutboxStatus, Error> {
        let live = LiveDocket::open(self)?;
        self.owed(live.docket(), live.book(), now)
    }

    pub(crate) fn owed(
        &self,
        docket: &Docket,
        book: &Book,
        now: Timestamp,
    ) -> Result<OutboxStatus, Error> {
        let (behind, rules) = (self.rows_behind(book)?, Rules::default());
        Ok(OutboxStatus::of(docket, book, behind, &rules, now, |_| {
            true
        }))
    }

    /// The rows that a book owes without having made items of them.
    pub(crate) fn rows_behind(&self, book: &Book) -> Result<RowsBehind, Error> {
        let (Rows::Behind(from), Some(last)) = (book.rows(), self.head()?) else {
            return Ok(RowsBehind::default());
        };
        let rows = (last.seq + 1).saturating_sub(from.map_or(0, |line| line.seq + 1));
        if rows == 0 {
            return Ok(RowsBehind::default());
        }
        let reader = self.ledger()?;
        let scan = match from {
            None => reader.scan_verified(),
            Some(line) => reader.scan_verified_after(line.head()),
        };
        let mut scan = scan.map_err(|e| self.ledger_error(e))?;
        let first = scan.next_line().map_err(|e| self.ledger_error(e))?;
        let since = match first {
            Some(line) => {
                let json = text(line.raw(), &self.tree().ledger())?;
                Some(self.facts(json)?.timestamp)
            }
            None => None,
        };
        Ok(RowsBehind {
            rows,
            since,
            wait_for_ever: false,
        })
    }
}
