//! The gates that other services ask: whether a run's output may be used, and whether a run may be
//! repeated. Both answer no where they know nothing.

use credit_core::{CaseId, RiskFlags, RunId, Sha256, Timestamp};
use credit_governance::{About, Actor, Event, RerunStanding, Standing, Text};

use crate::live_docket::LiveDocket;
use crate::quarantine::{self, Folder, Moving, Outcome};
use crate::ruling::{
    Approve, Begin, Books, Deny, Facts, Free, Quarantine, Recorded, Request, Ruling, released,
};
use crate::{Archive, Dispatch, Error, Monitor};

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
        match line {
            None => Ok(by_line),
            Some(line) => self.standing(id, line.seq(), by_line),
        }
    }

    /// Where the rerun of a run stands.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Config`] for policy or scenario file.
    pub fn rerun_standing(&self, id: &RunId, now: Timestamp) -> Result<RerunStanding, Error> {
        let facts = self.facts_of(id)?;
        let rules = self.rules()?;
        self.with_docket_about(&About::Run(id.clone()), |docket| {
            facts.standing(Books {
                docket,
                rules: &rules,
                actor: &Actor::Service,
                now,
            })
        })
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
        self.ruled(id, Request { reason }, actor, now)
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
        let approve = Approve {
            mitigation,
            addressed,
            expires,
        };
        self.ruled(id, approve, actor, now)
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
        self.ruled(id, Deny { reason }, actor, now)
    }

    /// Begins a rerun: uses its approval up, durably. Of any number of callers, in whatever
    /// processes, one gets it.
    ///
    /// # Errors
    /// [`Error::RerunClosed`] with where it stands instead; [`Error::Denied`];
    /// [`Error::UnknownRun`]; [`Error::Append`] if it could not be recorded, and then the rerun
    /// must not begin.
    pub fn begin_rerun(&self, id: &RunId, actor: &Actor, now: Timestamp) -> Result<Rerun, Error> {
        Ok(Rerun {
            run_id: id.clone(),
            consumed: self.ruled(id, Begin, actor, now)?,
        })
    }

    /// Sets a run aside because a person wants it; the record, its copy and its payload as for a
    /// SEV0 run. Returns that it is blocked and that it is quarantined.
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
    ) -> Result<[Event; 2], Error> {
        self.require(actor, Quarantine::VERB, About::Run(id.clone()), now)?;
        let quarantine = |payload| Quarantine {
            reason: reason.clone(),
            payload,
        };
        // Held until it is recorded, so that what is foreseen is what is decided.
        let _moving = Moving::wait(self.tree())?;
        let facts = self.facts_of(id)?;
        let foreseen = self.foreseen(&facts, quarantine(Outcome::default()), actor, now)?;
        // That it can be recorded is known; only now is anything moved.
        let case = foreseen.iter().find_map(|event| event.what.case());
        let payload = self.set_aside(&facts.kept, case, &reason, actor, now)?;
        self.ruled(id, quarantine(payload), actor, now)
    }

    /// Releases a run: after its artifacts were found to be what was set aside, the release is
    /// recorded, then the payload goes back to where it was. `None` if it was recorded before, but
    /// a crash or an error kept the payload: it is given back now, as it is when the tree is
    /// opened.
    ///
    /// # Errors
    /// [`Error::Denied`] to whoever is no O3; [`Error::Refused`] with every criterion that is not
    /// met; [`Error::Integrity`] if an artifact was changed, or if something else stands in the
    /// payload's old place.
    pub fn release(
        &self,
        id: &RunId,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Event>, Error> {
        self.require(actor, Free::VERB, About::Run(id.clone()), now)?;
        let _moving = Moving::wait(self.tree())?;
        let facts = self.facts_of(id)?;
        let folder = Folder::of(self.tree(), id);
        let free = Free { reason };
        if self.foreseen(&facts, free.clone(), actor, now)?.lets_out() {
            folder.require_whole(facts.run_sha256())?;
            folder.begin_release()?;
        }
        let freed = self.ruled(id, free, actor, now)?;
        if let Some(release) = freed.release {
            folder.release(facts.run_sha256(), release)?;
        }
        Ok(freed.event)
    }

    /// Gives back what runs left behind that were released, but whose release a crash cut short.
    /// Where that cannot be done, the daily audit tells it and [`Monitor::release`] says why.
    pub(crate) fn finish_releases(&self) -> Result<(), Error> {
        if quarantine::begun_releases(self.tree())?.is_empty() {
            return Ok(());
        }
        // Nobody else releases anything meanwhile; what is begun is what a crash left.
        let Some(_moving) = Moving::at_once(self.tree())? else {
            return Ok(());
        };
        for id in quarantine::begun_releases(self.tree())? {
            let about = About::Run(id.clone());
            let release = self.with_docket_about(&about, |docket| released(docket, &id))?;
            let folder = Folder::of(self.tree(), &id);
            let given_back = match release {
                // It was never recorded, so the run stays where it is.
                None => folder.abandon_release(),
                Some(release) => self
                    .kept(&id)
                    .and_then(|kept| folder.release(Sha256::of(&kept.run_file), release)),
            };
            match given_back {
                Ok(()) | Err(Error::Integrity { .. } | Error::UnknownRun { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Decides about a run and records what comes of it. A denial is recorded, too.
    fn ruled<R: Ruling>(
        &self,
        id: &RunId,
        ruling: R,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<R::Ruled, Error> {
        let about = About::Run(id.clone());
        self.recording_denials(actor, about.clone(), now, || {
            actor.may(R::VERB)?;
            let facts = self.facts_of(id)?;
            let rules = self.rules()?;
            let mut deciding = self.deciding()?;
            deciding.recall(&about)?;
            let books = Books {
                docket: deciding.docket(),
                rules: &rules,
                actor,
                now,
            };
            let ruled = ruling.rule(&facts, books)?;
            for event in ruled.events() {
                deciding.take(event.clone())?;
            }
            deciding.finish()?;
            Ok(ruled)
        })
    }

    /// What would be decided about a run as things stand.
    fn foreseen<R: Ruling>(
        &self,
        facts: &Facts<'_>,
        ruling: R,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<R::Ruled, Error> {
        let about = About::Run(facts.kept.judged.run.run_id.clone());
        let rules = self.rules()?;
        self.recording_denials(actor, about.clone(), now, || {
            self.with_docket_about(&about, |docket| {
                let books = Books {
                    docket,
                    rules: &rules,
                    actor,
                    now,
                };
                ruling.rule(facts, books)
            })?
        })
    }

    fn facts_of(&self, id: &RunId) -> Result<Facts<'_>, Error> {
        let kept = self.kept(id)?;
        Ok(Facts {
            tree: self.tree(),
            scenario: self.scenario(&kept.judged.scenario_id)?,
            kept,
        })
    }
}

/// What line and docket together say of a run that has a line.
pub(crate) fn dispatch(
    live: &mut LiveDocket,
    archive: &Archive,
    id: &RunId,
    seq: u64,
    by_line: Dispatch,
) -> Result<Dispatch, Error> {
    let line_blocked = by_line != Dispatch::Allowed;
    if line_blocked {
        // It may have been released long ago. Of any other run nothing settled can say no.
        live.recall_line(id, seq, archive)?;
    }
    Ok(match live.docket().standing(id, line_blocked) {
        Standing::Allowed => Dispatch::Allowed,
        Standing::Blocked { .. } if line_blocked => by_line,
        Standing::Blocked { case, quarantined } => Dispatch::Blocked {
            reason: held_back(id, case, quarantined),
        },
    })
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
