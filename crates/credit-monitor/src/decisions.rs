//! Decisions: from what somebody wants to events in the chain, one decision at a time.

use std::io;
use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};

use credit_core::{CaseId, RunId, Sha256, Timestamp};
use credit_governance::{
    About, Actor, Approval, Denied, Docket, Enactable, Event, PatternRule, Rules, Verb, What,
};
use credit_ledger::{Appended, Config as LedgerConfig, Ledger, Receipt, Record, Refused};
use credit_policy::Policy;

use crate::archive::{Archive, EVENTS};
use crate::live_docket::LiveDocket;
use crate::lock::Lock;
use crate::monitor::open_ledger;
use crate::outbox::Book;
use crate::{Error, Monitor, Tree, files, gates};

/// The docket and the right to add to it: no other process decides anything meanwhile.
pub(crate) struct Deciding<'m> {
    monitor: &'m Monitor,
    live: MutexGuard<'m, LiveDocket>,
    /// Held until dropped.
    _lock: Lock,
    events: Vec<Event>,
}

impl Monitor {
    /// The numbers by which decisions are checked, from the policy in force.
    ///
    /// # Errors
    /// [`Error::Config`] if the policy is missing or wrong.
    pub fn rules(&self) -> Result<Rules, Error> {
        Ok(rules(&self.config()?.policy().value))
    }

    /// Answers a question from everything that is decided so far, events of other processes
    /// included. What is settled is read for it, too; [`Monitor::with_docket_about`] is quicker
    /// where there is much.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if the events are damaged.
    ///
    /// ```
    /// # use credit_monitor::{Monitor, Tree};
    /// # let dir = tempfile::tempdir()?;
    /// # let now = "2025-01-31T10:00:00Z".parse()?;
    /// # Monitor::init(&Tree::new(dir.path()), Vec::new(), now)?;
    /// let monitor = Monitor::open(&Tree::new(dir.path()), now)?;
    /// assert_eq!(monitor.with_docket(|docket| docket.open_cases().count())?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_docket<T>(&self, ask: impl FnOnce(&Docket) -> T) -> Result<T, Error> {
        self.with_docket_about(&About::Everything, ask)
    }

    /// Answers a question about one run and its case, one case, or the open cases of a scenario.
    /// Of other runs and cases the docket that is asked knows what is open: no case in the archive
    /// and no run that was released or whose rerun began long ago.
    ///
    /// # Errors
    /// As [`Monitor::with_docket`].
    pub fn with_docket_about<T>(
        &self,
        about: &About,
        ask: impl FnOnce(&Docket) -> T,
    ) -> Result<T, Error> {
        let archive = self.archive();
        let mut live = self.live_docket();
        live.catch_up(&archive)?;
        live.recall(about, &archive)?;
        Ok(ask(live.docket()))
    }

    /// Answers a question about no run and no case.
    pub(crate) fn with_open<T>(&self, ask: impl FnOnce(&Docket) -> T) -> Result<T, Error> {
        let mut live = self.live_docket();
        live.catch_up(&self.archive())?;
        Ok(ask(live.docket()))
    }

    /// Whether a run whose line is known may be used.
    pub(crate) fn standing(
        &self,
        id: &RunId,
        seq: u64,
        by_line: crate::Dispatch,
    ) -> Result<crate::Dispatch, Error> {
        let archive = self.archive();
        let mut live = self.live_docket();
        live.catch_up(&archive)?;
        gates::dispatch(&mut live, &archive, id, seq, by_line)
    }

    /// Decides what takes no approval but the role of who does it, and records it durably.
    ///
    /// # Errors
    /// [`Error::Denied`], which is recorded, too; [`Error::Refused`] where it cannot follow what
    /// was decided before or something is missing; [`Error::Append`].
    ///
    /// ```
    /// use credit_governance::{Actor, CaseAcknowledged, What};
    /// # use credit_core::{Credits, Run, Status};
    /// # use credit_monitor::{Monitor, Tree};
    /// # let dir = tempfile::tempdir()?;
    /// # let now = "2025-01-31T10:00:00Z".parse()?;
    /// # Monitor::init(&Tree::new(dir.path()), Vec::new(), now)?;
    /// # let monitor = Monitor::open(&Tree::new(dir.path()), now)?;
    /// # let run = Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
    /// #     Credits::whole(10).unwrap());
    ///
    /// // A run of a scenario without a baseline is SEV1, for which the policy wants a case.
    /// let case = monitor.observe(run, now)?.case.unwrap();
    /// let ops = Actor::Operator("ops-2:O2".parse()?);
    /// monitor.decide(&ops, What::CaseAcknowledged(CaseAcknowledged { case }), now)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decide(&self, actor: &Actor, what: What, now: Timestamp) -> Result<Event, Error> {
        let _span = tracing::debug_span!("decide", kind = what.kind()).entered();
        let rules = self.rules()?;
        let about = about(&what);
        self.recording_denials(actor, about.clone(), now, || {
            let mut deciding = self.deciding()?;
            if about != About::Everything {
                deciding.recall(&about)?;
            }
            let event = deciding.docket().decide(now, actor, what, &rules)?;
            deciding.take(event.clone())?;
            deciding.finish()?;
            Ok(event)
        })
    }

    /// Records what one approver puts into force.
    ///
    /// # Errors
    /// [`Error::Refused`] if its end is too far away or it cannot follow what was decided before;
    /// [`Error::Append`].
    pub fn enact<T: Enactable>(
        &self,
        approval: Approval<T>,
        now: Timestamp,
    ) -> Result<Event, Error> {
        let _span = tracing::debug_span!("enact").entered();
        let rules = self.rules()?;
        let mut deciding = self.deciding()?;
        let event = deciding.docket().enact(now, approval, &rules)?;
        deciding.take(event.clone())?;
        deciding.finish()?;
        Ok(event)
    }

    /// Records that somebody was refused something; the refusal itself is the caller's to tell.
    ///
    /// # Errors
    /// [`Error::Append`] if it cannot be recorded.
    pub fn record_denial(
        &self,
        actor: &Actor,
        denied: &Denied,
        about: About,
        now: Timestamp,
    ) -> Result<(), Error> {
        let refused = denied.what(about);
        self.record_event(&Event::new(now, actor, refused))
    }

    /// The same in a tree that is not open, and perhaps cannot be: it has no policy any more, or its
    /// ledger is not imported yet.
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Append`] if it cannot be recorded.
    ///
    /// ```
    /// use credit_monitor::governance::{About, Actor, Verb};
    /// use credit_monitor::{Archive, Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// let viewer = Actor::Operator("ops-1:O1".parse()?);
    /// let denied = viewer.may(Verb::Init).unwrap_err();
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// Monitor::record_denial_in(&tree, &viewer, &denied, About::Everything, now)?;
    /// let mut kinds = Vec::new();
    /// Archive::new(&tree).each_event(|event| Ok(kinds.push(event.what.kind())))?;
    /// assert_eq!(kinds, ["refused"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn record_denial_in(
        tree: &Tree,
        actor: &Actor,
        denied: &Denied,
        about: About,
        now: Timestamp,
    ) -> Result<(), Error> {
        record_in(tree, Event::new(now, actor, denied.what(about)))
    }

    /// Records what is due by itself: calls for people who did not come in time, and cases for the
    /// archive. Returns what was recorded; nothing the second time.
    ///
    /// # Errors
    /// [`Error::Config`] for the policy, [`Error::Read`] and [`Error::Append`] for the events.
    pub fn record_due(&self, now: Timestamp) -> Result<Vec<Event>, Error> {
        let rules = self.rules()?;
        let mut deciding = self.deciding()?;
        for what in deciding.docket().due(now, &rules) {
            deciding.take(Event::new(now, &Actor::Service, what))?;
        }
        deciding.finish()
    }

    /// Keeps one event; it is durable when this returns.
    pub(crate) fn record_event(&self, event: &Event) -> Result<(), Error> {
        let mut deciding = self.deciding()?;
        deciding.take(event.clone())?;
        deciding.finish().map(|_| ())
    }

    /// That the actor may do this; a denial is recorded.
    pub(crate) fn require(
        &self,
        actor: &Actor,
        verb: Verb,
        about: About,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.recording_denials(actor, about, now, || Ok(actor.may(verb)?))
    }

    /// Does what `decide` does; where it is denied, the denial is recorded.
    pub(crate) fn recording_denials<T>(
        &self,
        actor: &Actor,
        about: About,
        now: Timestamp,
        decide: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let decided = decide();
        if let Err(Error::Denied(denied)) = &decided {
            self.record_denial(actor, denied, about, now)?;
        }
        decided
    }

    /// Waits for its turn to decide.
    pub(crate) fn deciding(&self) -> Result<Deciding<'_>, Error> {
        let mut live = self.live_docket();
        let lock = lock(self.tree())?;
        live.catch_up(&self.archive())?;
        Ok(Deciding {
            monitor: self,
            live,
            _lock: lock,
            events: Vec::new(),
        })
    }

    /// Writes down what is known if opening found much that was not.
    pub(crate) fn save_if_due(&self, now: Timestamp) -> Result<(), Error> {
        if self.live_docket().is_save_due() {
            self.deciding()?.save_if_due(now);
        }
        Ok(())
    }

    pub(crate) fn live_docket(&self) -> MutexGuard<'_, LiveDocket> {
        self.docket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deciding<'_> {
    /// What is decided so far, what was taken included; of what is settled, what was recalled.
    pub(crate) fn docket(&self) -> &Docket {
        self.live.docket()
    }

    /// Sees to it that the docket knows everything about this.
    pub(crate) fn recall(&mut self, about: &About) -> Result<(), Error> {
        self.live.recall(about, &self.monitor.archive())
    }

    /// The same for a run whose line tells whether there can be anything.
    pub(crate) fn recall_line(&mut self, run: &RunId, seq: u64) -> Result<(), Error> {
        self.live.recall_line(run, seq, &self.monitor.archive())
    }

    /// The same for a case; whether it was not known before.
    pub(crate) fn recall_case(&mut self, case: &CaseId) -> Result<bool, Error> {
        self.live.recall_case(case, &self.monitor.archive())
    }

    /// What is owed so far, what was taken included.
    pub(crate) fn book(&self) -> &Book {
        self.live.book()
    }

    pub(crate) fn monitor(&self) -> &Monitor {
        self.monitor
    }

    pub(crate) fn events_path(&self) -> PathBuf {
        self.monitor.tree().events()
    }

    /// Takes an event that is to be recorded, if it can follow what was decided before.
    pub(crate) fn take(&mut self, event: Event) -> Result<(), Error> {
        self.live.apply(&event, &self.monitor.archive())?;
        self.events.push(event);
        Ok(())
    }

    /// As [`Deciding::commit`]; others may decide again.
    pub(crate) fn finish(mut self) -> Result<Vec<Event>, Error> {
        self.commit()
    }

    /// Makes what was taken durable, with what is owed for it, with one sync; returns what was
    /// decided. Nobody else decides anything until this is dropped.
    pub(crate) fn commit(&mut self) -> Result<Vec<Event>, Error> {
        if let (Some(to), Some(last)) = (self.monitor.destinations(), self.events.last()) {
            let now = last.at;
            self.plan_events(to, now)?;
        }
        let events = std::mem::take(&mut self.events);
        let Some(last) = events.last() else {
            return Ok(events);
        };
        let now = last.at;
        match self.operators_seen(&events) {
            Ok(None) => self.append(&events)?,
            Ok(Some(seen)) => self.append(&[&[seen], events.as_slice()].concat())?,
            Err(error) => {
                // What was applied is not appended.
                self.live.forget();
                return Err(error);
            }
        }
        self.save_if_due(now);
        let is_decision = |event: &Event| !matches!(event.what, What::Delivery(_));
        Ok(events.into_iter().filter(is_decision).collect())
    }

    /// As the function of this name; it is taken.
    fn operators_seen(&mut self, events: &[Event]) -> Result<Option<Event>, Error> {
        let seen = operators_seen(self.monitor.tree(), self.docket(), events)?;
        if let Some(seen) = &seen {
            self.live.apply(seen, &self.monitor.archive())?;
        }
        Ok(seen)
    }

    /// Writes down what is known if there is much. That only saves time, so whether it could be
    /// done is nobody's concern.
    fn save_if_due(&mut self, now: Timestamp) {
        if !self.live.is_save_due() {
            return;
        }
        let Ok(Some(saving)) = self.live.save(self.monitor.tree()) else {
            return;
        };
        let sha256 = saving.sha256();
        let vouches = Event::new(now, &Actor::Service, What::DocketSaved { sha256 });
        let recorded = self.live.apply(&vouches, &self.monitor.archive());
        match recorded.and_then(|()| self.append(&[vouches])) {
            Ok(()) => saving.finish(),
            Err(_) => saving.abandon(),
        }
    }

    /// Appends events that were applied.
    fn append(&mut self, events: &[Event]) -> Result<(), Error> {
        match append(&self.monitor.events, self.monitor.tree(), events) {
            Ok(lines) => {
                let head = self.monitor.events.head();
                self.live.appended(events, &lines, head);
                Ok(())
            }
            Err(error) => {
                self.live.forget();
                Err(error)
            }
        }
    }
}

/// What was taken and not finished is not decided.
impl Drop for Deciding<'_> {
    fn drop(&mut self) {
        if !self.events.is_empty() {
            self.live.forget();
        }
    }
}

/// The right to decide, until dropped; waits for it.
pub(crate) fn lock(tree: &Tree) -> Result<Lock, Error> {
    Lock::wait(&tree.decisions_lock())
}

/// Records an event, which nothing decided before can speak against, in a tree that is not open.
pub(crate) fn record_in(tree: &Tree, event: Event) -> Result<(), Error> {
    let monitoring = tree.monitoring();
    files::create_dirs(&monitoring).map_err(Error::io("creating", &monitoring))?;
    let ledger = open_ledger(&monitoring, "events", EVENTS, &LedgerConfig::default())?;
    let _lock = lock(tree)?;
    let live = LiveDocket::open(&Archive::new(tree))?;
    let events = [event];
    let seen = operators_seen(tree, live.docket(), &events)?;
    let events: Vec<Event> = seen.into_iter().chain(events).collect();
    append(&ledger, tree, &events)?;
    Ok(())
}

/// What tells how the operators' file was when the first of them did something, if that is among
/// these events: from then on it is watched.
fn operators_seen(tree: &Tree, docket: &Docket, events: &[Event]) -> Result<Option<Event>, Error> {
    let first = events.iter().find(|event| event.role.is_some());
    let Some(first) = first.filter(|_| docket.operators_seen().is_none()) else {
        return Ok(None);
    };
    let path = tree.operators();
    let bytes = match files::read(&path) {
        Ok(bytes) => bytes,
        // Whoever embeds the library may know its operators otherwise.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("reading", path)(e)),
    };
    let sha256 = Sha256::of(&bytes);
    let seen = What::OperatorsSeen { sha256 };
    Ok(Some(Event::new(first.at, &Actor::Service, seen)))
}

/// Appends events that nothing decided before can speak against, with one sync; tells their lines.
pub(crate) fn append(
    ledger: &Ledger,
    tree: &Tree,
    events: &[Event],
) -> Result<Vec<Receipt>, Error> {
    let path = tree.events();
    let record = |event: &Event| {
        Record::new(&EVENTS, event.to_json().into_bytes()).map_err(|e| Error::Precondition {
            reason: format!("event: {e}"),
        })
    };
    let records = events.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    let appended = ledger.append_batch(records);
    let appended = appended.map_err(|source| Error::Append {
        path: path.clone(),
        source,
    })?;
    let receipt = |appended: Result<Appended, Refused>| match appended {
        Ok(Appended::New(receipt) | Appended::Duplicate(receipt)) => Ok(receipt),
        Err(refused) => Err(Error::Integrity {
            path: path.clone(),
            reason: format!("an event was not taken: {refused}"),
        }),
    };
    appended.into_iter().map(receipt).collect()
}

/// A policy's numbers, with the runbook's where no key of a policy says otherwise.
pub(crate) fn rules(policy: &Policy) -> Rules {
    Rules {
        deadlines: *policy.deadlines(),
        rerun_gate: *policy.rerun_gate(),
        backfill_days_max: policy.backfill_days_max(),
        ..Rules::STANDARD
    }
}

/// When moderate spikes are a pattern.
pub(crate) fn pattern(policy: &Policy) -> PatternRule {
    rules(policy).pattern
}

/// What a decision is about, for the record of its refusal.
fn about(what: &What) -> About {
    match (what.case(), what.run()) {
        (Some(case), _) => About::Case(CaseId::clone(case)),
        (None, Some(run)) => About::Run(RunId::clone(&run.run_id)),
        (None, None) => About::Everything,
    }
}
