//! What a decision would record, from what is kept: nothing is written.

use std::sync::Arc;

use credit_core::{RiskFlags, RunId, Sha256, Timestamp};
use credit_governance::{
    Actor, Approval, Docket, Enactable, Event, JudgedRun, RerunStanding, Rules, Text, What,
};

use crate::config::read_scenario;
use crate::decisions::rules;
use crate::quarantine::{Folder, Outcome};
use crate::ruling::{Approve, Begin, Books, Deny, Facts, Free, Quarantine, Request, Ruling};
use crate::settle::Kept;
use crate::{Archive, Config, Error};

/// The decisions of a tree, asked what they would record: each method answers as the one of
/// [`Monitor`](crate::Monitor) with the same name, denials included, and records nothing.
///
/// ```
/// use credit_governance::{Actor, AlertsMuted, Approval, MuteScope, Verb};
/// use credit_monitor::{Archive, Monitor, Tree};
///
/// let dir = tempfile::tempdir()?;
/// let tree = Tree::new(dir.path());
/// let now = "2025-01-31T10:00:00Z".parse()?;
/// Monitor::init(&tree, Vec::new(), now)?;
///
/// let lead = Actor::Operator("lead-3:O3".parse()?);
/// let mute = AlertsMuted {
///     scope: MuteScope::All,
///     include_sev0: false,
///     reason: "the alert channel itself is broken".parse()?,
///     expires: "2025-01-31T11:00:00Z".parse()?,
/// };
/// let archive = Archive::new(&tree);
/// let approval = Approval::alone(&lead, Verb::MuteAlerts, mute)?;
/// let event = archive.rehearse()?.enact(approval, now)?;
/// assert_eq!(event.what.kind(), "alerts_muted");
/// assert!(archive.docket()?.mutes().is_empty(), "it was not recorded");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Rehearsal {
    archive: Archive,
    docket: Docket,
    rules: Rules,
}

impl Archive {
    /// The decisions of this tree, to be asked what they would record.
    ///
    /// # Errors
    /// [`Error::Config`] for the policy; [`Error::Read`] or [`Error::Integrity`] if the events are
    /// damaged.
    pub fn rehearse(&self) -> Result<Rehearsal, Error> {
        Ok(Rehearsal {
            docket: self.docket()?,
            rules: rules(&Config::load(self.tree())?.policy().value),
            archive: self.clone(),
        })
    }

    /// What cases and gates need of a run.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Read`] if the ledger is missing or damaged.
    pub fn judged(&self, id: &RunId) -> Result<JudgedRun, Error> {
        self.kept(id).map(|kept| kept.judged)
    }

    /// What is wrong with what was set aside of a quarantined run; empty if nothing is.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Integrity`] if its folder's manifest is missing or damaged.
    pub fn check_quarantined(&self, id: &RunId) -> Result<Vec<String>, Error> {
        let run_file = self.kept(id)?.run_file;
        Folder::of(self.tree(), id).check(Sha256::of(&run_file))
    }

    fn require_quarantined_whole(&self, id: &RunId) -> Result<(), Error> {
        let run_file = self.kept(id)?.run_file;
        Folder::of(self.tree(), id).require_whole(Sha256::of(&run_file))
    }

    fn kept(&self, id: &RunId) -> Result<Kept, Error> {
        let line = self.run(id)?;
        let line = line.ok_or_else(|| Error::UnknownRun { run_id: id.clone() })?;
        Kept::stored(&line, self.tree())
    }
}

impl Rehearsal {
    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// What is decided so far.
    pub fn docket(&self) -> &Docket {
        &self.docket
    }

    /// The numbers by which decisions are checked.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// As [`Monitor::decide`](crate::Monitor::decide).
    ///
    /// # Errors
    /// As there.
    pub fn decide(&self, actor: &Actor, what: What, now: Timestamp) -> Result<Event, Error> {
        Ok(self.docket.decide(now, actor, what, &self.rules)?)
    }

    /// As [`Monitor::enact`](crate::Monitor::enact).
    ///
    /// # Errors
    /// As there.
    pub fn enact<T: Enactable>(
        &self,
        approval: Approval<T>,
        now: Timestamp,
    ) -> Result<Event, Error> {
        Ok(self.docket.enact(now, approval, &self.rules)?)
    }

    /// As [`Monitor::record_due`](crate::Monitor::record_due).
    pub fn due(&self, now: Timestamp) -> Vec<Event> {
        let due = self.docket.due(now, &self.rules).into_iter();
        due.map(|what| Event::new(now, &Actor::Service, what))
            .collect()
    }

    /// As [`Monitor::request_rerun`](crate::Monitor::request_rerun).
    ///
    /// # Errors
    /// As there.
    pub fn request_rerun(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        self.ruled(id, Request { reason }, actor, now)
    }

    /// As [`Monitor::approve_rerun`](crate::Monitor::approve_rerun).
    ///
    /// # Errors
    /// As there.
    pub fn approve_rerun(
        &self,
        id: &RunId,
        mitigation: Text,
        addressed: RiskFlags,
        expires: Option<Timestamp>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        let approve = Approve {
            mitigation,
            addressed,
            expires,
        };
        self.ruled(id, approve, actor, now)
    }

    /// As [`Monitor::deny_rerun`](crate::Monitor::deny_rerun).
    ///
    /// # Errors
    /// As there.
    pub fn deny_rerun(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        self.ruled(id, Deny { reason }, actor, now)
    }

    /// As [`Monitor::rerun_standing`](crate::Monitor::rerun_standing).
    ///
    /// # Errors
    /// As there.
    pub fn rerun_standing(&self, id: &RunId, now: Timestamp) -> Result<RerunStanding, Error> {
        let facts = self.facts(id)?;
        Ok(facts.standing(self.books(&Actor::Service, now)))
    }

    /// As [`Monitor::begin_rerun`](crate::Monitor::begin_rerun); `None` where no approval would be
    /// used up.
    ///
    /// # Errors
    /// As there.
    pub fn begin_rerun(
        &self,
        id: &RunId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Event>, Error> {
        self.ruled(id, Begin, actor, now)
    }

    /// As [`Monitor::quarantine`](crate::Monitor::quarantine); what would be moved is not said.
    ///
    /// # Errors
    /// As there.
    pub fn quarantine(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<[Event; 2], Error> {
        let payload = Outcome::default();
        self.ruled(id, Quarantine { reason, payload }, actor, now)
    }

    /// As [`Monitor::release`](crate::Monitor::release), the look at the artifacts included.
    ///
    /// # Errors
    /// As there.
    pub fn release(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Event>, Error> {
        let freed = self.ruled(id, Free { reason }, actor, now)?;
        if freed.lets_out() {
            self.archive.require_quarantined_whole(id)?;
        }
        Ok(freed.event)
    }

    fn ruled<R: Ruling>(
        &self,
        id: &RunId,
        ruling: R,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<R::Ruled, Error> {
        actor.may(R::VERB)?;
        ruling.rule(&self.facts(id)?, self.books(actor, now))
    }

    fn books<'a>(&'a self, actor: &'a Actor, now: Timestamp) -> Books<'a> {
        Books {
            docket: &self.docket,
            rules: &self.rules,
            actor,
            now,
        }
    }

    fn facts(&self, id: &RunId) -> Result<Facts<'_>, Error> {
        let tree = self.archive.tree();
        let kept = self.archive.kept(id)?;
        let scenario = read_scenario(tree, &kept.judged.scenario_id)?;
        Ok(Facts {
            tree,
            scenario: scenario.map(Arc::new),
            kept,
        })
    }
}
