//! The gates that other services ask: whether a run's output may be used, and whether a run may be
//! repeated. Both answer no where they know nothing.

use credit_core::{CaseId, RiskFlags, RunId, Sha256, Timestamp};
use credit_governance::{
    About, Actor, DispatchBlocked, Docket, Event, EventId, GatedRun, JudgedRun, Remedies,
    RerunDenied, RerunOffer, RerunRequested, RerunStage, RerunStanding, Standing, Text, Trigger,
    Verb, What,
};

use crate::quarantine::{Folder, Release};
use crate::settle::Kept;
use crate::{Dispatch, Error, Monitor, ScenarioConfig};

/// A rerun that may begin.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Rerun {
    /// The run that is repeated: what the new run's `rerun_of` must name.
    pub run_id: RunId,
    /// The event that used the approval up; `None` where none was needed.
    pub consumed: Option<Event>,
}

impl Monitor {
    /// Whether anything downstream may use a run's output, from its ledger line and what was
    /// decided about it since. An unknown run may not be used; a line that blocks stays blocked
    /// until an event releases the run.
    ///
    /// # Errors
    /// [`Error::Read`] if a ledger cannot be read, which must be taken for a no.
    pub fn may_dispatch(&self, id: &RunId) -> Result<Dispatch, Error> {
        let path = self.tree().ledger();
        let line = self.ledger.find(id.as_str());
        let line = line.map_err(|source| Error::Read { path, source })?;
        let by_line = crate::archive::dispatch_of(id, line.as_ref(), self.tree())?;
        if line.is_none() {
            return Ok(by_line);
        }
        self.with_docket(|docket| dispatch(docket, id, by_line))
    }

    /// Where the rerun of a run stands.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Config`] for policy or scenario file.
    pub fn rerun_standing(&self, id: &RunId, now: Timestamp) -> Result<RerunStanding, Error> {
        let (run, config) = self.gated(id)?;
        let gate = self.rules()?.rerun_gate;
        self.with_docket(|docket| docket.rerun_standing(&run, config, now, &gate))
    }

    /// Records that `actor` wants a run to be repeated.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; as [`Monitor::decide`].
    pub fn request_rerun(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        let (run, _) = self.gated(id)?;
        let case = self.with_docket(|docket| docket.case_of(id).map(|case| case.id.clone()))?;
        let run = run.run;
        let requested = RerunRequested { run, case, reason };
        self.decide(actor, What::RerunRequested(requested), now)
    }

    /// Approves the open request for a rerun, bound to the run, its case and the scenario's file as
    /// it is now. `addressed` are the flags that the mitigation is said to address.
    ///
    /// # Errors
    /// [`Error::Denied`] to whoever is no O3 or asked for it; [`Error::Refused`] with everything
    /// that is missing.
    pub fn approve_rerun(
        &self,
        id: &RunId,
        mitigation: Text,
        addressed: RiskFlags,
        expires: Option<Timestamp>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        self.recording_denials(actor, About::Run(id.clone()), now, || {
            // Who may not is told so before anything that is missing.
            actor.may(Verb::ApproveRerun)?;
            let (run, config_sha256) = self.gated(id)?;
            let scenario = self.scenario(&self.kept(id)?.judged.scenario_id)?;
            let rules = self.rules()?;
            let offer = RerunOffer {
                mitigation,
                remedies: remedies(scenario.as_ref().map(|s| &s.value), addressed),
                config_sha256,
                expires,
            };
            let mut deciding = self.deciding()?;
            let terms = deciding.docket().rerun_terms(&run, offer, now, &rules)?;
            let event = deciding
                .docket()
                .approve_rerun(now, terms.approve(actor)?)?;
            deciding.take(event.clone())?;
            deciding.finish()?;
            Ok(event)
        })
    }

    /// Denies the open request for a rerun, or takes an approval back that is not used yet.
    ///
    /// # Errors
    /// [`Error::Precondition`] if nothing was asked for; as [`Monitor::decide`].
    pub fn deny_rerun(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        let (run, _) = self.gated(id)?;
        let request = self.with_docket(|docket| deniable(docket, id))??;
        let denied = RerunDenied {
            request,
            run: run.run,
            reason,
        };
        self.decide(actor, What::RerunDenied(denied), now)
    }

    /// Begins a rerun: uses its approval up, durably. Of any number of callers, in whatever
    /// processes, one gets it.
    ///
    /// # Errors
    /// [`Error::RerunClosed`] with where it stands instead; [`Error::Denied`];
    /// [`Error::UnknownRun`]; [`Error::Append`] if it could not be recorded, and then the rerun
    /// must not begin.
    pub fn begin_rerun(&self, id: &RunId, actor: &Actor, now: Timestamp) -> Result<Rerun, Error> {
        self.recording_denials(actor, About::Run(id.clone()), now, || {
            actor.may(Verb::BeginRerun)?;
            let (run, config) = self.gated(id)?;
            let gate = self.rules()?.rerun_gate;
            let mut deciding = self.deciding()?;
            let what = deciding.docket().begin_rerun(&run, config, now, &gate);
            let what = what.map_err(|standing| Error::RerunClosed {
                run_id: id.clone(),
                standing,
            })?;
            let consumed = what.map(|what| Event::new(now, actor, what));
            if let Some(event) = &consumed {
                deciding.take(event.clone())?;
            }
            deciding.finish()?;
            Ok(Rerun {
                run_id: id.clone(),
                consumed,
            })
        })
    }

    /// Sets a run aside because a person wants it; the record, its copy and its payload as for a
    /// SEV0 run.
    ///
    /// # Errors
    /// [`Error::Denied`] to whoever is no O3; [`Error::Refused`] if it is quarantined already;
    /// [`Error::UnknownRun`].
    pub fn quarantine(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        self.recording_denials(actor, About::Run(id.clone()), now, || {
            actor.may(Verb::QuarantineRun)?;
            let kept = self.kept(id)?;
            let rules = self.rules()?;
            let mut deciding = self.deciding()?;
            let case = deciding.docket().case_of(id).map(|case| case.id.clone());
            let run = kept.judged.run.clone();
            // Refused before anything is moved where it cannot be recorded.
            let blocked = What::DispatchBlocked(DispatchBlocked {
                run: run.clone(),
                case: case.clone(),
                trigger: Trigger::Manual,
                reason: reason.clone(),
            });
            if deciding
                .docket()
                .run(id)
                .is_some_and(|s| s.is_quarantined())
            {
                return Err(Error::Precondition {
                    reason: format!("run `{id}` is quarantined already"),
                });
            }
            let blocked = deciding.docket().decide(now, actor, blocked, &rules)?;
            deciding.take(blocked)?;
            let by = (Trigger::Manual, actor);
            let what = What::RunQuarantined(self.set_aside(&kept, run, case, reason, by, now)?);
            let event = deciding.docket().decide(now, actor, what, &rules)?;
            deciding.take(event.clone())?;
            deciding.finish()?;
            Ok(event)
        })
    }

    /// Releases a run: after its artifacts were found to be what was set aside, the release is
    /// recorded, then the payload goes back to where it was. If a crash comes between the two, the
    /// run is released and its payload is still in its quarantine folder, and calling this again
    /// is refused: move the payload back by hand.
    ///
    /// # Errors
    /// [`Error::Denied`] to whoever is no O3; [`Error::Refused`] with every criterion that is not
    /// met; [`Error::Integrity`] if an artifact was changed.
    pub fn release(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        self.recording_denials(actor, About::Run(id.clone()), now, || {
            actor.may(Verb::ReleaseRun)?;
            let kept = self.kept(id)?;
            let run_sha256 = Sha256::of(&kept.run_file);
            let mut deciding = self.deciding()?;
            let line_blocked = kept
                .judged
                .actions
                .contains(credit_core::Action::BlockDispatch);
            let run = &kept.judged.run;
            let releasable = deciding.docket().releasable(run, line_blocked, reason)?;
            let folder = Folder::of(self.tree(), id);
            let quarantined = releasable.is_quarantined();
            if quarantined {
                folder.require_whole(run_sha256)?;
            }
            let event = deciding.docket().release(now, releasable.approve(actor)?)?;
            deciding.take(event.clone())?;
            deciding.finish()?;
            if quarantined {
                let release = Release {
                    at: now,
                    by: actor.name().to_owned(),
                };
                folder.release(run_sha256, release)?;
            }
            Ok(event)
        })
    }

    /// What the gates need of a run, and the hash of its scenario's file: that of nothing where
    /// there is none.
    fn gated(&self, id: &RunId) -> Result<(GatedRun, Sha256), Error> {
        let kept: Kept = self.kept(id)?;
        let scenario = self.scenario(&kept.judged.scenario_id)?;
        Ok((
            gated(kept.judged),
            config_sha256(scenario.map(|s| s.sha256)),
        ))
    }
}

/// What the gates need of a run.
pub(crate) fn gated(judged: JudgedRun) -> GatedRun {
    GatedRun {
        run: judged.run,
        severity: judged.severity,
        likelihood: judged.likelihood,
        risk_flags: judged.risk_flags,
        actions: judged.actions,
    }
}

/// The hash of the configuration that an approval is bound to: that of nothing where the scenario
/// has no file.
pub(crate) fn config_sha256(scenario: Option<Sha256>) -> Sha256 {
    scenario.unwrap_or_else(|| Sha256::of(b""))
}

/// What a scenario's file shows of a mitigation.
pub(crate) fn remedies(scenario: Option<&ScenarioConfig>, addressed: RiskFlags) -> Remedies {
    Remedies {
        max_items: scenario.is_some_and(|s| s.max_items.is_some()),
        idempotency_key: scenario.is_some_and(|s| s.has_idempotency_key == Some(true)),
        addressed,
    }
}

/// The request for a rerun that can still be denied.
pub(crate) fn deniable(docket: &Docket, id: &RunId) -> Result<EventId, Error> {
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

/// What line and docket together say of a run that has a line.
pub(crate) fn dispatch(docket: &Docket, id: &RunId, by_line: Dispatch) -> Dispatch {
    let line_blocked = by_line != Dispatch::Allowed;
    match docket.standing(id, line_blocked) {
        Standing::Allowed => Dispatch::Allowed,
        Standing::Blocked { .. } if line_blocked => by_line,
        Standing::Blocked { case, quarantined } => Dispatch::Blocked {
            reason: held_back(id, case, quarantined),
        },
    }
}

fn held_back(id: &RunId, case: Option<&CaseId>, quarantined: bool) -> String {
    let how = if quarantined {
        "quarantined"
    } else {
        "blocked"
    };
    match case {
        Some(case) => format!("run `{id}` is {how}; its case is {case}"),
        None => format!("run `{id}` is {how}"),
    }
}
