//! What a decision would record, from what is kept: nothing is written.

use credit_core::{Action, RiskFlags, RunId, Sha256, Timestamp};
use credit_governance::{
    Actor, Approval, Docket, Enactable, Event, GatedRun, JudgedRun, RerunDenied, RerunOffer,
    RerunRequested, RerunStanding, Rules, RunQuarantined, Text, Trigger, Verb, What,
};

use crate::config::read_scenario;
use crate::decisions::rules;
use crate::gates::{config_sha256, deniable, gated, remedies};
use crate::quarantine::Folder;
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
        let run = self.archive.judged(id)?.run;
        let case = self.docket.case_of(id).map(|case| case.id.clone());
        let requested = RerunRequested { run, case, reason };
        self.decide(actor, What::RerunRequested(requested), now)
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
        actor.may(Verb::ApproveRerun)?;
        let judged = self.archive.judged(id)?;
        let scenario = read_scenario(self.archive.tree(), &judged.scenario_id)?;
        let offer = RerunOffer {
            mitigation,
            remedies: remedies(scenario.as_ref().map(|s| &s.value), addressed),
            config_sha256: config_sha256(scenario.map(|s| s.sha256)),
            expires,
        };
        let run = gated(judged);
        let terms = self.docket.rerun_terms(&run, offer, now, &self.rules)?;
        Ok(self.docket.approve_rerun(now, terms.approve(actor)?)?)
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
        let denied = RerunDenied {
            run: self.archive.judged(id)?.run,
            request: deniable(&self.docket, id)?,
            reason,
        };
        self.decide(actor, What::RerunDenied(denied), now)
    }

    /// As [`Monitor::rerun_standing`](crate::Monitor::rerun_standing).
    ///
    /// # Errors
    /// As there.
    pub fn rerun_standing(&self, id: &RunId, now: Timestamp) -> Result<RerunStanding, Error> {
        let (run, config) = self.gated(id)?;
        let gate = &self.rules.rerun_gate;
        Ok(self.docket.rerun_standing(&run, config, now, gate))
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
        actor.may(Verb::BeginRerun)?;
        let (run, config) = self.gated(id)?;
        let gate = &self.rules.rerun_gate;
        match self.docket.begin_rerun(&run, config, now, gate) {
            Ok(what) => Ok(what.map(|what| Event::new(now, actor, what))),
            Err(standing) => Err(Error::RerunClosed {
                run_id: id.clone(),
                standing,
            }),
        }
    }

    fn gated(&self, id: &RunId) -> Result<(GatedRun, Sha256), Error> {
        let judged = self.archive.judged(id)?;
        let scenario = read_scenario(self.archive.tree(), &judged.scenario_id)?;
        let config = config_sha256(scenario.map(|s| s.sha256));
        Ok((gated(judged), config))
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
    ) -> Result<Event, Error> {
        actor.may(Verb::QuarantineRun)?;
        let quarantined = RunQuarantined {
            run: self.archive.judged(id)?.run,
            case: self.docket.case_of(id).map(|case| case.id.clone()),
            trigger: Trigger::Manual,
            reason,
            moved: Vec::new(),
            not_moved: Vec::new(),
        };
        self.decide(actor, What::RunQuarantined(quarantined), now)
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
    ) -> Result<Event, Error> {
        actor.may(Verb::ReleaseRun)?;
        let kept = self.archive.kept(id)?;
        let blocked = kept.judged.actions.contains(Action::BlockDispatch);
        let releasable = self.docket.releasable(&kept.judged.run, blocked, reason)?;
        if releasable.is_quarantined() {
            let tree = self.archive.tree();
            Folder::of(tree, id).require_whole(Sha256::of(&kept.run_file))?;
        }
        Ok(self.docket.release(now, releasable.approve(actor)?)?)
    }
}
