//! What was decided about single runs.

use std::collections::{BTreeMap, HashMap};

use credit_core::{CaseId, RunId, Sha256, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

use super::{Docket, DocketError};
use crate::case::Stamp;
use crate::{
    Event, EventId, RerunApproved, RerunConsumed, RunQuarantined, RunRef, Text, Trigger, What,
};

/// A run whose artifacts were set aside.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// Who set them aside and when.
    pub since: Stamp,
    /// Whether a person wanted it.
    pub trigger: Trigger,
    /// Why.
    pub reason: Text,
    /// The payload that was moved.
    pub moved: Vec<String>,
    /// The payload that was not.
    pub not_moved: Vec<String>,
    /// Who gave them back and when.
    pub released: Option<Stamp>,
}

/// The last request to repeat a run, and what became of it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rerun {
    /// The request's event.
    pub request: EventId,
    /// Who asked and when.
    pub requested: Stamp,
    /// What for.
    pub reason: Text,
    /// What became of it.
    pub stage: RerunStage,
}

/// What became of a request to repeat a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RerunStage {
    /// Nobody answered yet.
    Requested,
    /// An approver refused.
    Denied {
        /// Who and when.
        by: Stamp,
        /// Why.
        reason: Text,
    },
    /// An approver agreed.
    Approved {
        /// The approval's event.
        approval: EventId,
        /// Who and when.
        by: Stamp,
        /// What was done so that it does not spike again.
        mitigation: Text,
        /// The configuration under which it may run.
        config_sha256: Sha256,
        /// The first instant at which it may not run any more.
        expires: Timestamp,
    },
    /// It began, and the approval is used up.
    Consumed {
        /// The approval's event.
        approval: EventId,
        /// Who began it and when.
        by: Stamp,
    },
}

/// What was decided about one run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunState {
    /// The case it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// Whether the last decision about its dispatch was to block it; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
    /// Its quarantine, released or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Box<Quarantine>>,
    /// The last request to repeat it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Box<Rerun>>,
}

impl RunState {
    /// Whether its artifacts are set aside.
    pub fn is_quarantined(&self) -> bool {
        self.quarantine
            .as_ref()
            .is_some_and(|q| q.released.is_none())
    }
}

/// Whether events and line together let anything downstream use a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Standing<'a> {
    /// They do.
    Allowed,
    /// They do not.
    Blocked {
        /// Its case, which must be resolved first.
        case: Option<&'a CaseId>,
        /// Whether its artifacts are set aside, too.
        quarantined: bool,
    },
}

/// The runs about which something was decided.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Runs(#[serde(serialize_with = "sorted")] HashMap<RunId, RunState>);

/// In the order of their names, so that the same docket has the same text.
fn sorted<S: Serializer>(
    runs: &HashMap<RunId, RunState>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(runs.iter().collect::<BTreeMap<_, _>>())
}

impl Runs {
    pub(super) fn excerpt(&self, run: Option<&RunRef>) -> Runs {
        let found = run.and_then(|run| self.0.get_key_value(&run.run_id));
        Runs(
            found
                .map(|(run, state)| (run.clone(), state.clone()))
                .into_iter()
                .collect(),
        )
    }

    pub(super) fn states(&self) -> impl Iterator<Item = (&RunId, &RunState)> {
        self.0.iter()
    }

    pub(super) fn take(&mut self, runs: Vec<RunId>) -> BTreeMap<RunId, RunState> {
        let taken = runs.into_iter();
        taken.filter_map(|run| self.0.remove_entry(&run)).collect()
    }

    pub(super) fn put_back(&mut self, run: RunId, state: RunState) {
        self.0.entry(run).or_insert(state);
    }

    pub(super) fn belongs(&mut self, run: &RunId, case: &CaseId) {
        self.state(run).case = Some(case.clone());
    }

    pub(super) fn apply(&mut self, event: &Event) -> Result<(), DocketError> {
        match &event.what {
            What::RunQuarantined(what) => self.quarantine(event, what),
            What::QuarantineReleased(what) => self.release(event, &what.run),
            What::DispatchBlocked(what) => {
                self.state(&what.run.run_id).blocked = Some(true);
                Ok(())
            }
            What::DispatchUnblocked(what) => {
                let state = self.state(&what.run.run_id);
                if state.is_quarantined() {
                    let run_id = what.run.run_id.clone();
                    return Err(DocketError::AlreadyQuarantined { run_id });
                }
                state.blocked = Some(false);
                Ok(())
            }
            What::RerunRequested(what) => {
                self.state(&what.run.run_id).rerun = Some(Box::new(Rerun {
                    request: event.id(),
                    requested: Stamp::of(event),
                    reason: what.reason.clone(),
                    stage: RerunStage::Requested,
                }));
                Ok(())
            }
            What::RerunApproved(what) => self.approve(event, what),
            What::RerunDenied(what) => {
                self.requested(&what.run, &what.request)?.stage = RerunStage::Denied {
                    by: Stamp::of(event),
                    reason: what.reason.clone(),
                };
                Ok(())
            }
            What::RerunConsumed(what) => self.consume(event, what),
            _ => Ok(()),
        }
    }

    fn quarantine(&mut self, event: &Event, what: &RunQuarantined) -> Result<(), DocketError> {
        let state = self.state(&what.run.run_id);
        if state.is_quarantined() {
            let run_id = what.run.run_id.clone();
            return Err(DocketError::AlreadyQuarantined { run_id });
        }
        state.quarantine = Some(Box::new(Quarantine {
            since: Stamp::of(event),
            trigger: what.trigger,
            reason: what.reason.clone(),
            moved: what.moved.clone(),
            not_moved: what.not_moved.clone(),
            released: None,
        }));
        state.blocked = Some(true);
        Ok(())
    }

    fn release(&mut self, event: &Event, run: &RunRef) -> Result<(), DocketError> {
        let state = self.0.get_mut(&run.run_id);
        let set_aside = state.and_then(|state| {
            let quarantine = state.quarantine.as_mut()?;
            quarantine
                .released
                .is_none()
                .then_some((&mut state.blocked, quarantine))
        });
        let Some((blocked, quarantine)) = set_aside else {
            let run_id = run.run_id.clone();
            return Err(DocketError::NotQuarantined { run_id });
        };
        quarantine.released = Some(Stamp::of(event));
        *blocked = Some(false);
        Ok(())
    }

    fn approve(&mut self, event: &Event, what: &RerunApproved) -> Result<(), DocketError> {
        let rerun = self.requested(&what.run, &what.request)?;
        if rerun.requested.by == event.by {
            return Err(DocketError::OwnRequest {
                request: what.request.clone(),
                by: event.by.clone(),
            });
        }
        rerun.stage = RerunStage::Approved {
            approval: event.id(),
            by: Stamp::of(event),
            mitigation: what.mitigation.clone(),
            config_sha256: what.config_sha256,
            expires: what.expires,
        };
        Ok(())
    }

    fn consume(&mut self, event: &Event, what: &RerunConsumed) -> Result<(), DocketError> {
        let rerun = self
            .0
            .get_mut(&what.run.run_id)
            .and_then(|state| state.rerun.as_mut());
        let allowed = rerun.filter(|rerun| {
            matches!(
                &rerun.stage,
                RerunStage::Approved { approval, config_sha256, expires, .. }
                    if *approval == what.approval
                        && *config_sha256 == what.config_sha256
                        && event.at < *expires
            )
        });
        let Some(rerun) = allowed else {
            return Err(DocketError::ApprovalVoid {
                approval: what.approval.clone(),
                run_id: what.run.run_id.clone(),
                at: event.at,
            });
        };
        rerun.stage = RerunStage::Consumed {
            approval: what.approval.clone(),
            by: Stamp::of(event),
        };
        Ok(())
    }

    /// The request, if it is the run's last one and not used up. An approval may still be turned
    /// into a denial.
    fn requested(&mut self, run: &RunRef, request: &EventId) -> Result<&mut Rerun, DocketError> {
        self.0
            .get_mut(&run.run_id)
            .and_then(|state| state.rerun.as_deref_mut())
            .filter(|rerun| rerun.request == *request)
            .filter(|rerun| {
                matches!(
                    rerun.stage,
                    RerunStage::Requested | RerunStage::Approved { .. }
                )
            })
            .ok_or_else(|| DocketError::NotRequested {
                request: request.clone(),
            })
    }

    fn state(&mut self, run: &RunId) -> &mut RunState {
        self.0.entry(run.clone()).or_default()
    }
}

impl Docket {
    /// What was decided about a run, if anything was.
    pub fn run(&self, run: &RunId) -> Option<&RunState> {
        self.runs.0.get(run)
    }

    /// The runs whose artifacts are set aside, in no particular order.
    pub fn quarantined(&self) -> impl Iterator<Item = (&RunId, &Quarantine)> {
        self.runs.0.iter().filter_map(|(run, state)| {
            let quarantine = state.quarantine.as_deref()?;
            quarantine.released.is_none().then_some((run, quarantine))
        })
    }

    /// The last request for a rerun of each run that has one, in no particular order.
    pub fn reruns(&self) -> impl Iterator<Item = (&RunId, &Rerun)> {
        let runs = self.runs.0.iter();
        runs.filter_map(|(run, state)| state.rerun.as_deref().map(|rerun| (run, rerun)))
    }

    /// Whether anything downstream may use a run, as far as the docket and the run's own line
    /// (`line_blocked`: whether it says `dispatch_blocked`) know. A blocked line stays blocked as
    /// long as no event releases the run.
    ///
    /// ```
    /// use credit_governance::{Docket, Standing};
    ///
    /// let docket = Docket::default();
    /// let run = "R-1".parse()?;
    /// assert_eq!(docket.standing(&run, false), Standing::Allowed);
    /// assert_ne!(docket.standing(&run, true), Standing::Allowed);
    /// # Ok::<(), credit_core::IdError>(())
    /// ```
    pub fn standing(&self, run: &RunId, line_blocked: bool) -> Standing<'_> {
        let state = self.run(run);
        let blocked = state
            .and_then(|state| state.blocked)
            .unwrap_or(line_blocked);
        if !blocked {
            return Standing::Allowed;
        }
        Standing::Blocked {
            case: state.and_then(|state| state.case.as_ref()),
            quarantined: state.is_some_and(RunState::is_quarantined),
        }
    }
}
