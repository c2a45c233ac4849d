//! The cases: their events folded, and what may be asked about them.

use std::collections::BTreeMap;

use credit_core::{CaseId, CaseStatus, Deadlines, RunId, ScenarioId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Docket, DocketError};
use crate::case::{Call, Case, ExposureFinding, Note, Overdue, RootCauseFinding, Stamp};
use crate::{CaseOpened, Cause, Event, RootCauseFound, RunLinked, Text, Topic, What};

/// Cases by name, and the unresolved ones by scenario and cause.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    live: BTreeMap<CaseId, Case>,
    archived: BTreeMap<CaseId, Case>,
    unresolved: BTreeMap<ScenarioId, BTreeMap<Cause, CaseId>>,
}

impl Cases {
    /// One case, and the unresolved cases of its scenario.
    pub(super) fn excerpt(&self, id: Option<&CaseId>, scenario: Option<&ScenarioId>) -> Cases {
        let pick = |cases: &BTreeMap<CaseId, Case>| {
            let found = id.and_then(|id| cases.get_key_value(id));
            found
                .map(|(id, case)| (id.clone(), case.clone()))
                .into_iter()
                .collect()
        };
        let (live, archived): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (pick(&self.live), pick(&self.archived));
        let scenario =
            scenario.or_else(|| live.values().next().map(|case: &Case| &case.scenario_id));
        let found = scenario.and_then(|scenario| self.unresolved.get_key_value(scenario));
        let unresolved = found.map(|(scenario, causes)| (scenario.clone(), causes.clone()));
        Cases {
            unresolved: unresolved.into_iter().collect(),
            live,
            archived,
        }
    }

    pub(super) fn archived(&self) -> &BTreeMap<CaseId, Case> {
        &self.archived
    }

    pub(super) fn take_archived(&mut self) -> BTreeMap<CaseId, Case> {
        std::mem::take(&mut self.archived)
    }

    pub(super) fn put_back(&mut self, case: Case) {
        if !self.live.contains_key(&case.id) {
            self.archived.entry(case.id.clone()).or_insert(case);
        }
    }

    pub(super) fn open(&mut self, event: &Event, opened: &CaseOpened) -> Result<(), DocketError> {
        let id = &opened.case;
        if self.live.contains_key(id) || self.archived.contains_key(id) {
            return Err(DocketError::CaseExists { case: id.clone() });
        }
        let causes = self
            .unresolved
            .entry(opened.scenario_id.clone())
            .or_default();
        if let Some(case) = causes
            .get(&opened.cause)
            .filter(|_| opened.cause != Cause::Manual)
        {
            return Err(DocketError::CauseTaken {
                scenario_id: opened.scenario_id.clone(),
                case: case.clone(),
            });
        }
        let case =
            Case::open(opened, event).ok_or_else(|| DocketError::NoRun { case: id.clone() })?;
        causes.insert(opened.cause, id.clone());
        self.live.insert(id.clone(), case);
        Ok(())
    }

    pub(super) fn link(&mut self, event: &Event, link: &RunLinked) -> Result<(), DocketError> {
        let case = self.live_mut(&link.case)?;
        case.link(&link.linked, event.at);
        case.updated_at = event.at;
        Ok(())
    }

    /// Every other event that is about one case.
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), DocketError> {
        match &event.what {
            What::CaseAcknowledged(what) => self.acknowledge(event, &what.case),
            What::ExposureAssessed(what) => self.update(event, &what.case, |case| {
                case.exposure = Some(ExposureFinding {
                    exposure: what.exposure,
                    flags: what.flags,
                    notes: what.notes.clone(),
                    found: Stamp::of(event),
                });
            }),
            What::RootCauseProposed(what) => self.root_cause(event, what, None),
            What::RootCauseConfirmed(what) => self.root_cause(event, what, Some(Stamp::of(event))),
            What::CaseStatusChanged(what) => {
                let legal = Case::may_move(what.from, what.to) && what.to != CaseStatus::Resolved;
                self.step(event, &what.case, what.to, |from| {
                    legal && from == what.from
                })
            }
            What::MitigationDocumented(what) => {
                let note = note(event, Topic::General, &what.mitigation);
                self.update(event, &what.case, |case| case.mitigations.push(note))
            }
            What::CaseNoted(what) => {
                let note = note(event, what.topic, &what.note);
                let case = self.live_mut(&what.case)?;
                case.notes.push(note);
                case.updated_at = event.at;
                Ok(())
            }
            What::ThreadLinked(what) => {
                let case = self.live_mut(&what.case)?;
                case.thread_url = Some(what.url.clone());
                case.updated_at = event.at;
                Ok(())
            }
            What::CaseEscalated(what) => {
                let case = self.live_mut(&what.case)?;
                case.calls.push(Call {
                    escalation: what.escalation,
                    at: event.at,
                });
                // A call for help is no activity: a stale case stays one.
                Ok(())
            }
            What::CaseResolved(what) => {
                let may = |from| Case::may_move(from, CaseStatus::Resolved);
                self.step(event, &what.case, CaseStatus::Resolved, may)
            }
            What::CaseReopened(what) => {
                let may = |from| from == CaseStatus::Resolved;
                self.step(event, &what.case, CaseStatus::Investigating, may)
            }
            What::CaseArchived(what) => self.archive(event, &what.case),
            What::CaseUnarchived(what) => {
                let case = &what.case;
                let mut back = self
                    .archived
                    .remove(case)
                    .ok_or_else(|| DocketError::NotArchived { case: case.clone() })?;
                back.updated_at = event.at;
                // Its time in the archive starts anew, or it would be put away again at once.
                back.resolved_at = Some(event.at);
                self.live.insert(case.clone(), back);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn acknowledge(&mut self, event: &Event, id: &CaseId) -> Result<(), DocketError> {
        if let Some(stamp) = &self.live_mut(id)?.acknowledged {
            return Err(DocketError::AlreadyAcknowledged {
                case: id.clone(),
                by: stamp.by.clone(),
            });
        }
        self.update(event, id, |case| {
            case.acknowledged = Some(Stamp::of(event));
            // Who acknowledges investigates.
            if case.status == CaseStatus::Open {
                case.move_to(CaseStatus::Investigating, event);
            }
        })
    }

    fn root_cause(
        &mut self,
        event: &Event,
        found: &RootCauseFound,
        confirmed: Option<Stamp>,
    ) -> Result<(), DocketError> {
        self.update(event, &found.case, |case| {
            case.root_cause = Some(RootCauseFinding {
                root_cause: found.root_cause,
                explanation: found.explanation.clone(),
                found: Stamp::of(event),
                confirmed,
            });
        })
    }

    fn archive(&mut self, event: &Event, id: &CaseId) -> Result<(), DocketError> {
        let case = self.live_mut(id)?;
        if case.status != CaseStatus::Resolved {
            return Err(wrong_status(case, event));
        }
        if let Some(mut case) = self.live.remove(id) {
            case.compact();
            self.archived.insert(id.clone(), case);
        }
        Ok(())
    }

    /// Something that only an unresolved case can be given.
    fn update(
        &mut self,
        event: &Event,
        id: &CaseId,
        update: impl FnOnce(&mut Case),
    ) -> Result<(), DocketError> {
        let case = self.live_mut(id)?;
        if case.status == CaseStatus::Resolved {
            return Err(wrong_status(case, event));
        }
        update(case);
        case.updated_at = event.at;
        Ok(())
    }

    fn step(
        &mut self,
        event: &Event,
        id: &CaseId,
        to: CaseStatus,
        may: impl FnOnce(CaseStatus) -> bool,
    ) -> Result<(), DocketError> {
        let case = self.live_mut(id)?;
        let from = case.status;
        if !may(from) {
            let case = id.clone();
            return Err(DocketError::IllegalStatus { case, from, to });
        }
        case.move_to(to, event);
        case.updated_at = event.at;
        let (scenario, cause) = (case.scenario_id.clone(), case.cause);
        if to == CaseStatus::Resolved {
            self.give_place_up(&scenario, cause, id);
        } else if cause != Cause::Manual {
            let causes = self.unresolved.entry(scenario).or_default();
            // A case that was opened meanwhile keeps the place.
            causes.entry(cause).or_insert_with(|| id.clone());
        }
        Ok(())
    }

    fn give_place_up(&mut self, scenario: &ScenarioId, cause: Cause, id: &CaseId) {
        let Some(causes) = self.unresolved.get_mut(scenario) else {
            return;
        };
        if causes.get(&cause) == Some(id) {
            causes.remove(&cause);
        }
        if causes.is_empty() {
            self.unresolved.remove(scenario);
        }
    }

    fn live_mut(&mut self, id: &CaseId) -> Result<&mut Case, DocketError> {
        self.live
            .get_mut(id)
            .ok_or_else(|| DocketError::UnknownCase { case: id.clone() })
    }
}

fn wrong_status(case: &Case, event: &Event) -> DocketError {
    DocketError::WrongStatus {
        case: case.id.clone(),
        status: case.status,
        kind: event.what.kind(),
    }
}

fn note(event: &Event, topic: Topic, text: &Text) -> Note {
    Note {
        topic,
        text: text.clone(),
        written: Stamp::of(event),
    }
}

impl Docket {
    /// The case of that name, unless it is archived.
    pub fn case(&self, id: &CaseId) -> Option<&Case> {
        self.cases.live.get(id)
    }

    /// The case of that name in the archive; what was written about it is in the events only.
    pub fn archived_case(&self, id: &CaseId) -> Option<&Case> {
        self.cases.archived.get(id)
    }

    /// Every case that is not archived, by name.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.live.values()
    }

    /// Every case in the archive, by name.
    pub fn archived_cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.archived.values()
    }

    /// The cases that are not resolved, by name.
    pub fn open_cases(&self) -> impl Iterator<Item = &Case> {
        self.cases()
            .filter(|case| case.status != CaseStatus::Resolved)
    }

    /// The unresolved case of a scenario and cause, to which further runs belong.
    pub fn unresolved_case(&self, scenario: &ScenarioId, cause: Cause) -> Option<&Case> {
        let id = self.cases.unresolved.get(scenario)?.get(&cause)?;
        self.case(id)
    }

    /// The case that a run belongs to, archived or not.
    pub fn case_of(&self, run: &RunId) -> Option<&Case> {
        let id = self.run(run)?.case.as_ref()?;
        self.case(id).or_else(|| self.archived_case(id))
    }

    /// The cases that somebody should have acknowledged or assessed by `now`.
    pub fn overdue(&self, deadlines: &Deadlines, now: Timestamp) -> Vec<(&Case, Overdue)> {
        self.open_cases()
            .flat_map(|case| {
                case.overdue(deadlines, now)
                    .into_iter()
                    .map(move |o| (case, o))
            })
            .collect()
    }
}
