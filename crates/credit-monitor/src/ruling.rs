//! What is decided about one run, from the docket, the rules and the facts of the run alone: the
//! same whether it is then recorded or was only asked for.

use credit_core::{Action, RiskFlags, RunId, Sha256, Timestamp};
use credit_governance::{
    Actor, DispatchBlocked, Docket, Event, EventId, GatedRun, RerunDenied, RerunOffer,
    RerunRequested, RerunStage, RerunStanding, Rules, RunQuarantined, Text, Trigger, Verb, What,
};

use crate::config::SharedScenario;
use crate::quarantine::{Folder, Outcome, Release};
use crate::settle::Kept;
use crate::{Error, ScenarioConfig, Tree};

/// A run as it was kept, and its scenario's file as it is now.
pub(crate) struct Facts<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) kept: Kept,
    pub(crate) scenario: Option<SharedScenario>,
}

/// What else a decision depends on.
#[derive(Clone, Copy)]
pub(crate) struct Books<'a> {
    pub(crate) docket: &'a Docket,
    pub(crate) rules: &'a Rules,
    pub(crate) actor: &'a Actor,
    pub(crate) now: Timestamp,
}

/// Something that is decided about one run.
pub(crate) trait Ruling {
    /// What the actor must be allowed to do, which is asked before anything that may be missing.
    const VERB: Verb;
    /// What comes of it.
    type Ruled: Recorded;

    fn rule(self, facts: &Facts<'_>, books: Books<'_>) -> Result<Self::Ruled, Error>;
}

/// What is to be recorded of a ruling.
pub(crate) trait Recorded {
    fn events(&self) -> &[Event];
}

impl Recorded for Event {
    fn events(&self) -> &[Event] {
        std::slice::from_ref(self)
    }
}

impl Recorded for Option<Event> {
    fn events(&self) -> &[Event] {
        self.as_slice()
    }
}

impl Recorded for [Event; 2] {
    fn events(&self) -> &[Event] {
        self
    }
}

/// Somebody wants the run to be repeated.
pub(crate) struct Request {
    pub(crate) reason: Text,
}

impl Ruling for Request {
    const VERB: Verb = Verb::RequestRerun;
    type Ruled = Event;

    fn rule(self, facts: &Facts<'_>, books: Books<'_>) -> Result<Event, Error> {
        let run = facts.kept.judged.run.clone();
        let case = books.docket.case_of(&run.run_id);
        let requested = RerunRequested {
            case: case.map(|case| case.id.clone()),
            run,
            reason: self.reason,
        };
        books.decide(What::RerunRequested(requested))
    }
}

/// The run may be repeated, once.
pub(crate) struct Approve {
    pub(crate) mitigation: Text,
    /// The flags that the mitigation is said to address.
    pub(crate) addressed: RiskFlags,
    pub(crate) expires: Option<Timestamp>,
}

impl Ruling for Approve {
    const VERB: Verb = Verb::ApproveRerun;
    type Ruled = Event;

    fn rule(self, facts: &Facts<'_>, books: Books<'_>) -> Result<Event, Error> {
        let offer = RerunOffer {
            mitigation: self.mitigation,
            remedies: credit_governance::Remedies {
                addressed: self.addressed,
                ..facts.remedies()
            },
            config_sha256: facts.config_sha256(),
            expires: self.expires,
        };
        let terms = books
            .docket
            .rerun_terms(&facts.gated(), offer, books.now, books.rules)?;
        let approval = terms.approve(books.actor)?;
        Ok(books.docket.approve_rerun(books.now, approval)?)
    }
}

/// The run may not be repeated, or not any more.
pub(crate) struct Deny {
    pub(crate) reason: Text,
}

impl Ruling for Deny {
    const VERB: Verb = Verb::DenyRerun;
    type Ruled = Event;

    fn rule(self, facts: &Facts<'_>, books: Books<'_>) -> Result<Event, Error> {
        let run = facts.kept.judged.run.clone();
        let denied = RerunDenied {
            request: deniable(books.docket, &run.run_id)?,
            run,
            reason: self.reason,
        };
        books.decide(What::RerunDenied(denied))
    }
}

/// The rerun begins.
pub(crate) struct Begin;

impl Ruling for Begin {
    const VERB: Verb = Verb::BeginRerun;
    /// The event that uses an approval up; `None` where none is needed.
    type Ruled = Option<Event>;

    fn rule(self, facts: &Facts<'_>, books: Books<'_>) -> Result<Option<Event>, Error> {
        let (run, gate) = (facts.gated(), &books.rules.rerun_gate);
        let begun = books
            .docket
            .begin_rerun(&run, facts.config_sha256(), books.now, gate);
        match begun {
            Ok(what) => Ok(what.map(|what| Event::new(books.now, books.actor, what))),
            Err(standing) => Err(Error::RerunClosed {
                run_id: run.run.run_id,
                standing,
            }),
        }
    }
}

/// The run is held back and set aside because a person wants it.
pub(crate) struct Quarantine {
    pub(crate) reason: Text,
    /// What became of its payload; nothing as long as that is not known.
    pub(crate) payload: Outcome,
}

impl Ruling for Quarantine {
    const VERB: Verb = Verb::QuarantineRun;
    /// That it is blocked, and that it is quarantined.
    type Ruled = [Event; 2];

    fn rule(self, facts: &Facts<'_>, books: Books<'_>) -> Result<[Event; 2], Error> {
        let run = facts.kept.judged.run.clone();
        let case = books.docket.case_of(&run.run_id);
        let case = case.map(|case| case.id.clone());
        let trigger = Trigger::Manual;
        let blocked = books.decide(What::DispatchBlocked(DispatchBlocked {
            run: run.clone(),
            case: case.clone(),
            trigger,
            reason: self.reason.clone(),
        }))?;
        let quarantined = books.decide(What::RunQuarantined(RunQuarantined {
            run,
            case,
            trigger,
            reason: self.reason,
            moved: self.payload.moved,
            not_moved: self.payload.not_moved,
        }))?;
        Ok([blocked, quarantined])
    }
}

/// The run is given back.
#[derive(Clone)]
pub(crate) struct Free {
    pub(crate) reason: Text,
}

/// What comes of giving a run back.
pub(crate) struct Freed {
    /// What is to be recorded first; `None` if it was before.
    pub(crate) event: Option<Event>,
    /// By whom what was set aside is then given back, if anything is.
    pub(crate) release: Option<Release>,
}

impl Freed {
    /// Whether this is what lets the run out, so that what was set aside must be whole.
    pub(crate) fn lets_out(&self) -> bool {
        self.event.is_some() && self.release.is_some()
    }
}

impl Recorded for Freed {
    fn events(&self) -> &[Event] {
        self.event.as_slice()
    }
}

impl Ruling for Free {
    const VERB: Verb = Verb::ReleaseRun;
    type Ruled = Freed;

    fn rule(self, facts: &Facts<'_>, books: Books<'_>) -> Result<Freed, Error> {
        let run = &facts.kept.judged.run;
        let folder = Folder::of(facts.tree, &run.run_id);
        if let Some(release) = released(books.docket, &run.run_id)
            && folder.is_full()?
        {
            return Ok(Freed {
                event: None,
                release: Some(release),
            });
        }
        let line_blocked = facts.kept.judged.actions.contains(Action::BlockDispatch);
        let releasable = books.docket.releasable(run, line_blocked, self.reason)?;
        let set_aside = releasable.is_quarantined();
        let approval = releasable.approve(books.actor)?;
        let event = books.docket.release(books.now, approval)?;
        let release = Release {
            at: event.at,
            by: event.by.clone(),
        };
        Ok(Freed {
            event: Some(event),
            release: set_aside.then_some(release),
        })
    }
}

impl Facts<'_> {
    pub(crate) fn standing(&self, books: Books<'_>) -> RerunStanding {
        let gate = &books.rules.rerun_gate;
        let (run, config) = (self.gated(), self.config_sha256());
        books.docket.rerun_standing(&run, config, books.now, gate)
    }

    /// The hash of its run file.
    pub(crate) fn run_sha256(&self) -> Sha256 {
        Sha256::of(&self.kept.run_file)
    }

    fn gated(&self) -> GatedRun {
        let judged = &self.kept.judged;
        GatedRun {
            run: judged.run.clone(),
            severity: judged.severity,
            likelihood: judged.likelihood,
            risk_flags: judged.risk_flags,
            actions: judged.actions,
        }
    }

    /// The hash of the configuration that an approval is bound to: that of nothing where the
    /// scenario has no file.
    fn config_sha256(&self) -> Sha256 {
        let scenario = self.scenario.as_ref();
        scenario.map_or_else(|| Sha256::of(b""), |scenario| scenario.sha256)
    }

    /// What the scenario's file shows of a mitigation.
    fn remedies(&self) -> credit_governance::Remedies {
        let scenario: Option<&ScenarioConfig> = self.scenario.as_ref().map(|s| &s.value);
        credit_governance::Remedies {
            max_items: scenario.is_some_and(|s| s.max_items.is_some()),
            idempotency_key: scenario.is_some_and(|s| s.has_idempotency_key == Some(true)),
            addressed: RiskFlags::NONE,
        }
    }
}

impl Books<'_> {
    fn decide(&self, what: What) -> Result<Event, Error> {
        Ok(self.docket.decide(self.now, self.actor, what, self.rules)?)
    }
}

/// By whom a run that was set aside was given back, if it was.
pub(crate) fn released(docket: &Docket, id: &RunId) -> Option<Release> {
    let quarantine = docket.run(id)?.quarantine.as_deref()?;
    let stamp = quarantine.released.as_ref()?;
    Some(Release {
        at: stamp.at,
        by: stamp.by.clone(),
    })
}

/// The request for a rerun that can still be denied.
fn deniable(docket: &Docket, id: &RunId) -> Result<EventId, Error> {
    let rerun = docket.run(id).and_then(|state| state.rerun.as_deref());
    let open =
        |stage: &RerunStage| matches!(stage, RerunStage::Requested | RerunStage::Approved { .. });
    match rerun {
        Some(rerun) if open(&rerun.stage) => Ok(rerun.request.clone()),
        _ => Err(Error::Precondition {
            reason: format!("no rerun of `{id}` is requested or approved, so none can be denied"),
        }),
    }
}
