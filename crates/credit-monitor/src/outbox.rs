//! The outbox: what people are to be told, kept as events until it is delivered.

mod book;
mod catch_up;
mod content;
mod destinations;
mod drain;
mod owing;
mod row_file;
mod status;
mod step;
mod weekly;
mod withdraw;

use credit_core::Timestamp;
use credit_governance::{About, Actor, Verb};
use credit_notify::delivery::{self, ItemId, Lane};
use credit_notify::{Notion, Slack, SlackThreads};

use crate::{Error, Monitor, RunFileError, WrittenReport};

pub(crate) use self::book::{Book, BookError};
pub use self::destinations::{BotChannels, Destinations, UrlPattern};
pub use self::status::{HeldBack, OutboxStatus, Owed, OwedState};
pub(crate) use self::step::suppressed_by;
pub use self::withdraw::Withdrawn;

/// What people are to be told by a monitor, and its delivery.
///
/// Observing a run and deciding about it record what is owed; nothing is sent until somebody
/// drains the outbox, from a timer, a thread or a task of its own. Neither waits for the other.
///
/// ```
/// use std::time::Duration;
///
/// use credit_monitor::core::{Credits, Run, Status};
/// use credit_monitor::notify::memory::MemorySlack;
/// use credit_monitor::notify::routing::Webhooks;
/// use credit_monitor::{Destinations, Monitor, Senders, Tree};
///
/// # let dir = tempfile::tempdir()?;
/// # let now = "2025-01-31T10:00:00Z".parse()?;
/// # Monitor::init(&Tree::new(dir.path()), Vec::new(), now)?;
/// let webhooks = Webhooks::read(|_| Some("https://hooks.slack.com/services/T/B/x".to_owned()))?;
/// let to = Destinations { webhooks: Some(webhooks), ..Destinations::default() };
/// let monitor = Monitor::open(&Tree::new(dir.path()), now)?.with_destinations(to, now)?;
///
/// // A run of a scenario without a baseline is SEV1: an alert is owed, and nothing is sent.
/// let run = Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
///     Credits::whole(10).unwrap());
/// monitor.observe(run, now)?;
///
/// let slack = MemorySlack::default(); // Your client; this double only remembers.
/// let senders = Senders { slack: Some(&slack), ..Senders::default() };
/// let report = monitor.outbox().unwrap().drain(senders, &|| now, Duration::from_secs(10))?;
/// assert_eq!((report.sent, report.waiting), (1, 0));
/// assert!(slack.messages()[0].message.text().starts_with("SEV1 credit alert: EXPORT"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Outbox<'m> {
    monitor: &'m Monitor,
    to: &'m Destinations,
}

/// Who sends; what nobody sends stays owed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Senders<'a> {
    /// To Slack's webhooks.
    pub slack: Option<&'a dyn Slack>,
    /// To Slack's channels and threads, as a bot.
    pub threads: Option<&'a dyn SlackThreads>,
    /// To Notion.
    pub notion: Option<&'a dyn Notion>,
}

/// What a drain came to.
#[derive(Debug, Default)]
#[must_use]
pub struct Report {
    /// How many items it sent.
    pub sent: u64,
    /// How many are still to be sent.
    pub waiting: u64,
    /// How many wait for an operator ([`Outbox::status`] tells why).
    pub parked: u64,
    /// When to drain again; `None` where nothing is owed that could be sent by waiting.
    pub next_due: Option<Timestamp>,
    /// Whether another process is sending, so that this one did nothing.
    pub busy: bool,
    /// Files beside run records that could not be written; what they say was done all the same.
    pub file_errors: Vec<RunFileError>,
}

impl Monitor {
    /// The same monitor, which from now on owes these destinations what its policy wants them
    /// told. Runs and decisions of processes that died on the way, or that did not know the
    /// destinations, are seen to.
    ///
    /// The first time nothing is owed for what is in the ledger already.
    ///
    /// # Errors
    /// As [`Monitor::observe`] and [`Monitor::decide`].
    pub fn with_destinations(
        mut self,
        destinations: Destinations,
        now: Timestamp,
    ) -> Result<Monitor, Error> {
        if !destinations.is_empty() {
            self.destinations = Some(destinations);
            self.catch_up(now)?;
        }
        Ok(self)
    }

    /// The outbox; `None` where nobody is to be told anything.
    pub fn outbox(&self) -> Option<Outbox<'_>> {
        let to = self.destinations.as_ref()?;
        Some(Outbox { monitor: self, to })
    }

    pub(crate) fn destinations(&self) -> Option<&Destinations> {
        self.destinations.as_ref()
    }
}

impl Outbox<'_> {
    /// Owes a weekly report to the review's channel; says whether there is one. The same report
    /// is owed once.
    ///
    /// # Errors
    /// As [`Monitor::decide`].
    pub fn owe_weekly(&self, report: &WrittenReport, now: Timestamp) -> Result<bool, Error> {
        let stem = report.path.file_stem().and_then(|stem| stem.to_str());
        let stem = stem.ok_or_else(|| Error::Precondition {
            reason: format!("{} has no name of a report", report.path.display()),
        })?;
        let mut deciding = self.monitor.deciding()?;
        let owed = deciding.plan_weekly(stem, self.to, now)?;
        deciding.finish()?;
        Ok(owed)
    }

    /// Wants a parked item sent again, by an operator who has mended what it was parked for.
    ///
    /// # Errors
    /// [`Error::Denied`], which is recorded; [`Error::Precondition`] if it is not parked.
    pub fn release(&self, item: &ItemId, actor: &Actor, now: Timestamp) -> Result<(), Error> {
        let about = About::Everything;
        self.monitor.require(actor, Verb::Drain, about, now)?;
        let mut deciding = self.monitor.deciding()?;
        let released = delivery::release(deciding.book().state(), item, now);
        let released = released.map_err(|e| Error::Precondition {
            reason: e.to_string(),
        })?;
        deciding.deliver(released, actor, now)?;
        deciding.finish().map(|_| ())
    }

    /// What is owed, waits, is parked or held back, at `now`.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if the state is damaged.
    pub fn status(&self, now: Timestamp) -> Result<OutboxStatus, Error> {
        self.status_for(now, self.to.runs.is_some(), |_| true)
    }

    fn status_for(
        &self,
        now: Timestamp,
        can_send_rows: bool,
        can_send: impl Fn(&Lane) -> bool,
    ) -> Result<OutboxStatus, Error> {
        let archive = self.monitor.archive();
        self.monitor.with_book(|docket, book| {
            let mut behind = archive.rows_behind(book)?;
            behind.wait_for_ever = !can_send_rows;
            let rules = &self.to.rules;
            Ok(OutboxStatus::of(docket, book, behind, rules, now, can_send))
        })?
    }

    fn report(
        &self,
        now: Timestamp,
        senders: &Senders<'_>,
        sent: u64,
        file_errors: Vec<RunFileError>,
    ) -> Result<Report, Error> {
        let can_send_rows = self.can_send_rows(senders);
        let status = self.status_for(now, can_send_rows, |lane| self.can_send(lane, senders))?;
        Ok(Report {
            sent,
            waiting: status.waiting(),
            parked: status.parked(),
            next_due: status.next_due,
            busy: false,
            file_errors,
        })
    }
}
