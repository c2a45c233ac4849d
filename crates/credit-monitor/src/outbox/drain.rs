//! Sending what is owed, one item after the other, each begun durably before it is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use credit_core::{CaseId, Timestamp};
use credit_governance::{Actor, Event, ThreadLinked, What};
use credit_notify::delivery::{self, Attempt, Delivered, Destination, ItemId, Lane, Transition};
use credit_notify::notion::{DataSourceId, DatabaseId, PageRef};
use credit_notify::routing::Address;
use credit_notify::slack::Posted;
use credit_notify::{Answer, Link, Reason, create_once};

use super::content::{Maker, Task, Unmade, is_alert};
use super::step::Subject;
use super::{Outbox, Report, Senders, row_file};
use crate::decisions::Deciding;
use crate::lock::Lock;
use crate::{Error, Monitor, RunFileError};

/// So many rows are items at the same time; the rest is owed by being in the ledger.
const ROWS_AT_A_TIME: usize = 64;

/// The right to send, until dropped: two processes that send at the same time would each not know
/// what the other has begun.
pub(super) struct Sending(#[expect(dead_code, reason = "held until dropped")] Lock);

/// What a drain has learned on its way.
struct Drain<'a> {
    monitor: &'a Monitor,
    outbox: &'a Outbox<'a>,
    senders: Senders<'a>,
    now: &'a dyn Fn() -> Timestamp,
    sources: BTreeMap<DatabaseId, DataSourceId>,
    sent: u64,
    file_errors: Vec<RunFileError>,
}

impl Outbox<'_> {
    /// Sends what is owed and due, until nothing is due or `budget` is over.
    ///
    /// It reads the time by `now`, never waits, and begins nothing after `budget`; how long what
    /// it has begun may take is the senders' business. Whatever happens to the process meanwhile,
    /// nothing is lost and no page is created twice. Only one process sends at a time: another
    /// one is told so by [`Report::busy`] and does nothing.
    ///
    /// # Errors
    /// [`Error`] if the state cannot be read or written; what an answer says is no error, and is
    /// recorded.
    pub fn drain(
        &self,
        senders: Senders<'_>,
        now: &dyn Fn() -> Timestamp,
        budget: Duration,
    ) -> Result<Report, Error> {
        let _span = tracing::debug_span!("drain").entered();
        let started = now();
        let Some(_sending) = self.monitor.sending()? else {
            let report = self.report(now(), &senders, 0, Vec::new())?;
            return Ok(Report {
                busy: true,
                ..report
            });
        };
        self.monitor.catch_up(started)?;
        let mut drain = Drain {
            monitor: self.monitor,
            outbox: self,
            senders,
            now,
            sources: BTreeMap::new(),
            sent: 0,
            file_errors: Vec::new(),
        };
        drain.prepare(started)?;
        let is_over = || now().seconds_since(started) >= budget.as_secs_f64();
        loop {
            let attempts = drain.attempts()?;
            let mut begun = 0;
            for attempt in attempts {
                if is_over() {
                    return self.report(now(), &senders, drain.sent, drain.file_errors);
                }
                begun += usize::from(drain.attempt(&attempt)?);
            }
            if begun == 0 {
                return self.report(now(), &senders, drain.sent, drain.file_errors);
            }
        }
    }
}

impl Monitor {
    /// The right to send; `None` while somebody else has it.
    pub(super) fn sending(&self) -> Result<Option<Sending>, Error> {
        Ok(Lock::at_once(&self.tree().outbox_lock())?.map(Sending))
    }
}

impl Drain<'_> {
    /// What a process that died has begun may have been sent; what a mute has come to hold back
    /// is, and what it held back until now is owed.
    fn prepare(&self, now: Timestamp) -> Result<(), Error> {
        let mut deciding = self.monitor.deciding()?;
        let interrupted = delivery::interrupted(deciding.book().state(), self.rules(), now);
        deciding.deliver(interrupted, &Actor::Service, now)?;
        deciding.plan_unmuted(now)?;
        self.hold_back(&mut deciding, now)?;
        deciding.finish().map(|_| ())
    }

    fn hold_back(&self, deciding: &mut Deciding<'_>, now: Timestamp) -> Result<(), Error> {
        if !deciding.docket().mutes().iter().any(|mute| mute.is_on(now)) {
            return Ok(());
        }
        let alerts = deciding.book().state().items();
        let alerts = alerts.filter(|(item, progress)| {
            let unsent = matches!(
                progress,
                delivery::Progress::Owed | delivery::Progress::Waiting { .. }
            );
            is_alert(item.operation) && unsent
        });
        let alerts: Vec<_> = alerts.map(|(item, _)| item.clone()).collect();
        for item in alerts {
            let Some(Subject::Alert { run, .. }) = Subject::of(&item.id) else {
                continue;
            };
            let judged = self.monitor.kept(&run)?.judged;
            let mute = deciding
                .docket()
                .muted(&judged.scenario_id, judged.severity, now)
                .map(|mute| mute.id.clone());
            if let Some(mute) = mute {
                deciding.hold_back(&item, &mute, now)?;
            }
        }
        Ok(())
    }

    /// What may be sent now, with rows made items of where there is room.
    fn attempts(&self) -> Result<Vec<Attempt>, Error> {
        let now = (self.now)();
        if self.outbox.can_send_rows(&self.senders) {
            self.monitor.plan_more_rows(ROWS_AT_A_TIME, now)?;
        }
        self.monitor.with_book(|_, book| {
            let next = delivery::next(now, book.state(), self.rules()).into_iter();
            next.filter(|attempt| {
                let lane = attempt.lane(book.state());
                lane.is_some_and(|lane| self.outbox.can_send(lane, &self.senders))
            })
            .collect()
        })
    }

    /// Begins, sends and settles; says whether it was begun.
    fn attempt(&mut self, attempt: &Attempt) -> Result<bool, Error> {
        let span = tracing::debug_span!("deliver", item = %attempt.item, step = ?attempt.step);
        let _span = span.entered();
        let Some(task) = self.begin(attempt)? else {
            return Ok(false);
        };
        let (answer, link) = self.send(&task);
        tracing::debug!(done = matches!(answer, Answer::Done(_)), "answered");
        self.settle(&attempt.item, &task, answer, link)?;
        Ok(true)
    }

    /// Records that an item is being sent, and says what; `None` where it may not be now. What
    /// cannot be said is parked.
    fn begin(&self, attempt: &Attempt) -> Result<Option<Task>, Error> {
        let now = (self.now)();
        let mut deciding = self.monitor.deciding()?;
        let begun = delivery::begin(deciding.book().state(), attempt, self.rules(), now);
        if begun.is_empty() {
            return Ok(None);
        }
        deciding.deliver(begun, &Actor::Service, now)?;
        let made = Maker {
            deciding: &deciding,
            to: self.outbox.to,
        }
        .task(attempt);
        match made {
            Ok(task) => {
                deciding.finish()?;
                Ok(Some(task))
            }
            Err(Unmade::Failed(error)) => Err(error),
            Err(Unmade::Park(reason)) => {
                let parked =
                    self.settled(&deciding, &attempt.item, Answer::Park { reason }, now)?;
                deciding.deliver(parked, &Actor::Service, now)?;
                deciding.finish()?;
                Ok(None)
            }
        }
    }

    fn settle(
        &mut self,
        item: &ItemId,
        task: &Task,
        answer: Answer<Delivered>,
        link: Option<Link>,
    ) -> Result<(), Error> {
        let now = (self.now)();
        let page = match &answer {
            Answer::Done(Delivered::Page(page)) => Some(page.clone()),
            _ => None,
        };
        if let (Some(Subject::Row { run, .. }), Some(page)) = (Subject::of(item), page) {
            // Before the event: a file that says owed of what is there would be written again by
            // nobody, and one that says synced of it is right whatever happens to the event.
            let day = self.monitor.kept(&run)?.judged.day;
            let tree = self.monitor.tree();
            let written = row_file::write_synced(tree, day, &run, &page, now);
            self.file_errors.extend(written.err());
        }
        let is_sent = matches!(answer, Answer::Done(_));
        let mut deciding = self.monitor.deciding()?;
        let transitions = self.settled(&deciding, item, answer, now)?;
        deciding.deliver(transitions, &Actor::Service, now)?;
        if let (Task::Permalink(_, case), Some(link)) = (task, link) {
            link_thread(&mut deciding, case, &link, now)?;
        }
        deciding.finish()?;
        self.sent += u64::from(is_sent);
        Ok(())
    }

    fn settled(
        &self,
        deciding: &Deciding<'_>,
        item: &ItemId,
        answer: Answer<Delivered>,
        now: Timestamp,
    ) -> Result<Vec<Transition>, Error> {
        let settled = delivery::settle(deciding.book().state(), item, answer, self.rules(), now);
        settled.map_err(|e| Error::Integrity {
            path: deciding.events_path(),
            reason: format!("an answer cannot be recorded: {e}"),
        })
    }

    fn rules(&self) -> &delivery::Rules {
        &self.outbox.to.rules
    }

    fn send(&mut self, task: &Task) -> (Answer<Delivered>, Option<Link>) {
        let posted = |posted: Option<Posted>| match posted {
            Some(posted) => Delivered::Message(posted),
            None => Delivered::Nothing,
        };
        let page = |page: PageRef| Delivered::Page(page.id);
        let answer = match task {
            Task::Nothing => Answer::Done(Delivered::Nothing),
            Task::Post(to @ Address::Webhook(_), message) => match self.senders.slack {
                Some(slack) => slack.post(to, message).map(posted),
                None => nobody(),
            },
            Task::Post(to, message) => match self.senders.threads {
                Some(slack) => slack.post(to, message).map(posted),
                None => nobody(),
            },
            Task::Reply(to, message) => match self.senders.threads {
                Some(slack) => slack.reply(to, message).map(|p| posted(Some(p))),
                None => nobody(),
            },
            Task::Replace(posted, message) => match self.senders.threads {
                Some(slack) => slack.update(posted, message).map(|()| Delivered::Nothing),
                None => nobody(),
            },
            Task::Permalink(of, _) => match self.senders.threads {
                Some(slack) => match slack.permalink(of) {
                    Answer::Done(link) => {
                        return (Answer::Done(Delivered::Nothing), Some(link));
                    }
                    answer => answer.map(|_| Delivered::Nothing),
                },
                None => nobody(),
            },
            Task::Create {
                database,
                page: sheet,
                look,
            } => {
                let source = self.source(database);
                source.and_then(|source| match self.senders.notion {
                    None => nobody(),
                    Some(notion) if *look => create_once(notion, &source, sheet).map(page),
                    Some(notion) => notion.create(&source, sheet).map(page),
                })
            }
            Task::Update(id, properties) => match self.senders.notion {
                Some(notion) => notion.update(id, properties).map(page),
                None => nobody(),
            },
            Task::Lock(id) => self.lock(id).map(page),
        };
        (answer, None)
    }

    /// Locks a page and looks whether it is: an answer of yes alone proves nothing.
    fn lock(&self, page: &credit_notify::notion::PageId) -> Answer<PageRef> {
        let Some(notion) = self.senders.notion else {
            return nobody();
        };
        let locked = notion.lock(page, true);
        locked.and_then(|_| notion.page(page)).and_then(|shown| match shown.is_locked {
            Some(true) => Answer::Done(shown),
            _ => Answer::Park {
                reason: Reason::new(
                    "Notion said yes and the page is not locked: lock it by hand, or release this",
                ),
            },
        })
    }

    /// The data source of a database, asked for once. Nothing was created where that fails.
    fn source(&mut self, database: &DatabaseId) -> Answer<DataSourceId> {
        if let Some(source) = self.sources.get(database) {
            return Answer::Done(source.clone());
        }
        let Some(notion) = self.senders.notion else {
            return nobody();
        };
        match notion.resolve(database) {
            Answer::Done(source) => {
                self.sources.insert(database.clone(), source.clone());
                Answer::Done(source)
            }
            Answer::Unknown { reason } => Answer::Retry { reason },
            answer => answer,
        }
    }
}

impl Outbox<'_> {
    /// Whether there is somebody who can send to a lane, and nobody has switched it off.
    pub(super) fn can_send(&self, lane: &Lane, senders: &Senders<'_>) -> bool {
        match (lane.destination(), lane) {
            (Destination::Notion, _) => senders.notion.is_some(),
            (_, Lane::Slack(address @ Address::Webhook(_))) => {
                senders.slack.is_some() && !self.to.is_off(address)
            }
            _ => senders.threads.is_some(),
        }
    }

    /// The same of the rows that are owed by being in the ledger.
    pub(super) fn can_send_rows(&self, senders: &Senders<'_>) -> bool {
        senders.notion.is_some() && self.to.runs.is_some()
    }
}

/// Tells the case where people talk about it, unless somebody has done so meanwhile.
fn link_thread(
    deciding: &mut Deciding<'_>,
    case: &CaseId,
    link: &Link,
    now: Timestamp,
) -> Result<(), Error> {
    let wants = deciding.docket().case(case);
    if wants.is_none_or(|case| case.thread_url.is_some()) {
        return Ok(());
    }
    let Ok(url) = link.as_str().parse() else {
        return Ok(());
    };
    let linked = ThreadLinked {
        case: case.clone(),
        url,
    };
    deciding.take(Event::new(now, &Actor::Service, What::ThreadLinked(linked)))
}

fn nobody<T>() -> Answer<T> {
    Answer::Retry {
        reason: Reason::new("nobody is there to send it"),
    }
}
