//! What becomes owed: for a run by its verdict's actions, for an event by what it says.

use credit_core::{Action, Actions, CaseId, Exposure, RunId, ScenarioId, Severity, Timestamp};
use credit_governance::{Actor, Case, Event, What};
use credit_notify::delivery::{self, Item, ItemId, Lane, Operation, Transition};
use credit_notify::routing::{Address, Audience, Route};

use super::Destinations;
use super::step::{Held, HeldBy, Is, Line, Said, Step, Subject};
use crate::Error;
use crate::decisions::Deciding;
use crate::settle::Kept;

/// A message on its way to where it is owed.
struct Post<'a> {
    subject: Subject,
    operation: Operation,
    audience: Audience,
    /// By which a mute knows it.
    scenario: &'a ScenarioId,
    severity: Severity,
}

impl Deciding<'_> {
    /// Owes what follows from every event of which nobody has looked yet, those just taken
    /// included, and records that it does.
    pub(crate) fn plan_events(&mut self, to: &Destinations, now: Timestamp) -> Result<(), Error> {
        if !self.book().is_open() || self.book().unplanned().is_empty() {
            return Ok(());
        }
        for json in self.book().unplanned().to_vec() {
            let event = Event::parse(&json).map_err(Error::event(self.events_path()))?;
            self.plan_event(&event, to, now)?;
        }
        self.record(Is::Planned { lines: None }, now)
    }

    /// Owes what the verdicts of runs ask for: alerts, and that cases' pages are read-only.
    pub(crate) fn plan_runs(
        &mut self,
        kept: &[Kept],
        to: &Destinations,
        now: Timestamp,
    ) -> Result<(), Error> {
        if !self.book().is_open() {
            return Ok(());
        }
        // What was owed for the lines before was perhaps sent and forgotten: never again.
        let seen_to = self.book().lines();
        let new = |kept: &&Kept| seen_to.is_none_or(|line| kept.judged.run.seq > line.seq);
        // Alerts first, because replies follow them; then pages, because locks do.
        for kept in kept.iter().filter(new) {
            self.plan_alert(kept, to, now)?;
        }
        self.plan_events(to, now)?;
        let wants_lock = |kept: &&Kept| kept.judged.actions.contains(Action::PageLock);
        for kept in kept.iter().filter(new).filter(wants_lock) {
            let case = self.docket().case_of(&kept.judged.run.run_id);
            if let Some(case) = case
                .map(|case| case.id.clone())
                .filter(|_| to.cases.is_some())
            {
                let page = self.owe_page(&case, now)?;
                let lane = Lane::Notion(case.to_string());
                self.owe(Subject::Lock(case), lane, Operation::Update, page, now)?;
            }
        }
        Ok(())
    }

    fn plan_alert(&mut self, kept: &Kept, to: &Destinations, now: Timestamp) -> Result<(), Error> {
        let judged = &kept.judged;
        let run = &judged.run;
        if !judged.actions.intersects(Actions::ALERTS) {
            return Ok(());
        }
        let alert = Subject::Alert {
            seq: run.seq,
            run: run.run_id.clone(),
        };
        let post = Post {
            subject: alert.clone(),
            operation: Operation::Alert(judged.severity),
            audience: Audience::Alert(judged.severity),
            scenario: &judged.scenario_id,
            severity: judged.severity,
        };
        self.post(post, to, now)?;
        self.link_thread(&run.run_id, &alert, now)
    }

    /// Owes the rows of these runs, the last of them being that line's.
    pub(crate) fn plan_rows(
        &mut self,
        runs: &[(u64, RunId)],
        upto: Line,
        now: Timestamp,
    ) -> Result<(), Error> {
        for (seq, run) in runs {
            let lane = Lane::Notion(run.to_string());
            let subject = Subject::Row {
                seq: *seq,
                run: run.clone(),
            };
            self.owe(subject, lane, Operation::Create, None, now)?;
        }
        self.record(Is::Rows { upto: Some(upto) }, now)
    }

    /// Owes a weekly report to those who review it.
    pub(crate) fn plan_weekly(
        &mut self,
        report: &str,
        to: &Destinations,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let policy = self.monitor().config()?;
        let Route::To(address) = to.route(Audience::Review, &policy.policy().value) else {
            return Ok(false);
        };
        let subject = Subject::Weekly(report.to_owned());
        self.owe(subject, Lane::Slack(address), Operation::Post, None, now)?;
        Ok(true)
    }

    /// Holds back the alerts that are owed and that a mute has come to hold back since.
    pub(crate) fn hold_back(
        &mut self,
        item: &Item,
        by: &credit_governance::EventId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let withdrawn = delivery::withdraw(self.book().state(), &item.id, now);
        if withdrawn.is_empty() {
            return Ok(());
        }
        for transition in withdrawn {
            self.record(Is::Item(transition), now)?;
        }
        let held = Held {
            item: item.clone(),
            by: HeldBy::Mute(by.clone()),
        };
        self.record(Is::Held(held), now)
    }

    /// Owes what mutes that are over have held back: the alerts of each channel as one message,
    /// everything else as it is.
    pub(crate) fn plan_unmuted(&mut self, now: Timestamp) -> Result<(), Error> {
        let over = self.docket().mutes().iter();
        let over = over.filter(|mute| !mute.is_on(now) && mute.until() <= now);
        let over: Vec<_> = over.map(|mute| mute.id.clone()).collect();
        for mute in over {
            let held: Vec<Held> = self.book().held_by(&mute).cloned().collect();
            let mut lanes: Vec<&Lane> = Vec::new();
            for held in &held {
                match held.item.operation {
                    Operation::Alert(_) if lanes.contains(&&held.item.lane) => {}
                    Operation::Alert(_) => lanes.push(&held.item.lane),
                    _ => self.owe_item(Item {
                        owed_at: now,
                        ..held.item.clone()
                    })?,
                }
            }
            for (n, lane) in lanes.into_iter().enumerate() {
                let mute = mute.clone();
                let subject = Subject::Muted { mute, n };
                self.owe(subject, lane.clone(), Operation::Post, None, now)?;
            }
        }
        Ok(())
    }

    /// Records transitions of deliveries.
    pub(crate) fn deliver(
        &mut self,
        transitions: Vec<Transition>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), Error> {
        for transition in transitions {
            self.record_by(Is::Item(transition), actor, now)?;
        }
        Ok(())
    }

    pub(crate) fn record(&mut self, is: Is, now: Timestamp) -> Result<(), Error> {
        self.record_by(is, &Actor::Service, now)
    }

    pub(crate) fn record_by(&mut self, is: Is, actor: &Actor, now: Timestamp) -> Result<(), Error> {
        let n = self.book().steps();
        let event = Step { n, is }.event(now, actor);
        let event = event.map_err(|e| Error::Integrity {
            path: self.events_path(),
            reason: format!("a step of a delivery cannot be written: {e}"),
        })?;
        self.take(event)
    }

    fn plan_event(
        &mut self,
        event: &Event,
        to: &Destinations,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(case) = self.case_of(&event.what) else {
            return Ok(());
        };
        if to.cases.is_some() {
            self.plan_page(event, &case, now)?;
        }
        let said = |as_a| Subject::Said {
            as_a,
            case: case.id.clone(),
            event: event.id(),
        };
        if changes_state(&event.what) {
            self.show_state(said(Said::State), &case, now)?;
        }
        match &event.what {
            What::CaseAcknowledged(_)
            | What::RerunApproved(_)
            | What::RerunDenied(_)
            | What::QuarantineReleased(_)
            | What::CaseResolved(_) => self.reply(said(Said::Reply), &case, now),
            What::ExposureAssessed(what) if what.exposure == Exposure::Confirmed => {
                let subject = said(Said::Exposure);
                self.post(post(subject, &case, Audience::Security), to, now)
            }
            What::CaseEscalated(_) => {
                let subject = said(Said::Call);
                self.post(
                    post(subject, &case, Audience::Alert(case.severity)),
                    to,
                    now,
                )
            }
            _ => Ok(()),
        }
    }

    /// The case that an event is about, unless it is archived by now.
    fn case_of(&self, what: &What) -> Option<Case> {
        let docket = self.docket();
        let case = match (what, what.case()) {
            (What::RerunDenied(what), _) => docket.case_of(&what.run.run_id),
            (_, Some(case)) => docket.case(case),
            (_, None) => None,
        };
        case.filter(|case| docket.case(&case.id).is_some()).cloned()
    }

    /// Owes the case's page, or its change. A change shows the case as it is when it is sent, so
    /// that one which waits says everything that happens until then.
    fn plan_page(&mut self, event: &Event, case: &Case, now: Timestamp) -> Result<(), Error> {
        let page = self.owe_page(&case.id, now)?;
        let opened = matches!(event.what, What::CaseOpened(_));
        let is_escalated = matches!(event.what, What::CaseEscalated(_));
        let lane = Lane::Notion(case.id.to_string());
        if opened || is_escalated || self.book().will_show(Said::Change, &case.id, &lane) {
            return Ok(());
        }
        let subject = Subject::Said {
            as_a: Said::Change,
            case: case.id.clone(),
            event: event.id(),
        };
        self.owe(subject, lane, Operation::Update, page, now)
    }

    /// The page of a case, owed if it is not there.
    fn owe_page(&mut self, case: &CaseId, now: Timestamp) -> Result<Option<ItemId>, Error> {
        let subject = Subject::Case(case.clone());
        let id = subject.id();
        let lane = Lane::Notion(case.to_string());
        self.owe(subject, lane, Operation::Create, None, now)?;
        Ok(id)
    }

    /// A reply in the thread of the alert that the case was opened with, if it has one.
    fn reply(&mut self, subject: Subject, case: &Case, now: Timestamp) -> Result<(), Error> {
        let Some((alert, lane)) = self.thread_of(case) else {
            return Ok(());
        };
        self.owe(subject, lane, Operation::Reply, Some(alert), now)
    }

    /// The alert that the case was opened with, shown with the case as it is by then.
    fn show_state(&mut self, subject: Subject, case: &Case, now: Timestamp) -> Result<(), Error> {
        let Some((alert, lane)) = self.thread_of(case) else {
            return Ok(());
        };
        if self.book().will_show(Said::State, &case.id, &lane) {
            return Ok(());
        }
        self.owe(subject, lane, Operation::Update, Some(alert), now)
    }

    fn thread_of(&self, case: &Case) -> Option<(ItemId, Lane)> {
        let primary = case.primary()?;
        self.thread(&Subject::Alert {
            seq: primary.run.seq,
            run: primary.run.run_id.clone(),
        })
    }

    /// The address of the alert's thread, once it is posted, for the case that was opened with it.
    fn link_thread(&mut self, run: &RunId, alert: &Subject, now: Timestamp) -> Result<(), Error> {
        let case = self.docket().case_of(run).filter(|case| {
            let primary = case.primary().map(|linked| &linked.run.run_id);
            primary == Some(run) && case.thread_url.is_none()
        });
        let case = case.map(|case| case.id.clone());
        let (Some(case), Some((id, lane))) = (case, self.thread(alert)) else {
            return Ok(());
        };
        let subject = Subject::Thread(case);
        self.owe(subject, lane, Operation::Update, Some(id), now)
    }

    /// An alert that has or will have a thread: a webhook's has none.
    fn thread(&self, alert: &Subject) -> Option<(ItemId, Lane)> {
        let id = alert.id()?;
        let item = self.book().state().item(&id)?;
        let Lane::Slack(Address::Channel(_)) = &item.lane else {
            return None;
        };
        Some((id, item.lane.clone()))
    }

    fn post(&mut self, post: Post<'_>, to: &Destinations, now: Timestamp) -> Result<(), Error> {
        let config = self.monitor().config()?;
        let (address, switch) = match to.route(post.audience, &config.policy().value) {
            Route::To(address) => (address, None),
            Route::Off(slot) => (Address::Webhook(slot), Some(slot)),
            Route::Nowhere => return Ok(()),
        };
        let Some(item) = item(
            &post.subject,
            Lane::Slack(address),
            post.operation,
            None,
            now,
        ) else {
            return Ok(());
        };
        if self.book().knows(&item.id) {
            return Ok(());
        }
        let mute = self.docket().muted(post.scenario, post.severity, now);
        let by = match (switch, mute) {
            (Some(slot), _) => HeldBy::Switch(slot),
            (None, Some(mute)) => HeldBy::Mute(mute.id.clone()),
            (None, None) => return self.owe_item(item),
        };
        self.record(Is::Held(Held { item, by }), now)
    }

    fn owe(
        &mut self,
        subject: Subject,
        lane: Lane,
        operation: Operation,
        after: Option<ItemId>,
        now: Timestamp,
    ) -> Result<(), Error> {
        match item(&subject, lane, operation, after, now) {
            Some(item) if !self.book().knows(&item.id) => self.owe_item(item),
            _ => Ok(()),
        }
    }

    fn owe_item(&mut self, item: Item) -> Result<(), Error> {
        let now = item.owed_at;
        let owed = delivery::owe(self.book().state(), item);
        let owed = owed.map_err(|e| Error::Integrity {
            path: self.events_path(),
            reason: format!("what is owed cannot be recorded: {e}"),
        })?;
        self.deliver(owed, &Actor::Service, now)
    }
}

/// Whether a case is somewhere else after an event.
fn changes_state(what: &What) -> bool {
    matches!(
        what,
        What::CaseAcknowledged(_)
            | What::CaseStatusChanged(_)
            | What::CaseResolved(_)
            | What::CaseReopened(_)
    )
}

fn post<'a>(subject: Subject, case: &'a Case, audience: Audience) -> Post<'a> {
    Post {
        subject,
        operation: Operation::Post,
        audience,
        scenario: &case.scenario_id,
        severity: case.severity,
    }
}

/// An item; `None` where its name would be longer than one may be, which no id allows.
fn item(
    subject: &Subject,
    lane: Lane,
    operation: Operation,
    after: Option<ItemId>,
    owed_at: Timestamp,
) -> Option<Item> {
    Some(Item {
        id: subject.id()?,
        lane,
        operation,
        after,
        folds: Vec::new(),
        owed_at,
    })
}
