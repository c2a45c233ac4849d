//! Proposals for baselines and what became of them.

use std::collections::BTreeMap;

use credit_core::{Credits, ScenarioId, Sha256, Timestamp};
use serde::{Deserialize, Serialize};

use super::Docket;
use crate::{Actor, Approval, BaselineProposal, DocketError, Event, EventId, Refusal, Verb, What};

/// A proposal that is not yet applied.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// Its event.
    pub id: EventId,
    /// Who proposed it.
    pub by: String,
    /// What.
    pub proposal: BaselineProposal,
    /// Who approved it, if somebody did.
    pub approved: Option<Approved>,
}

/// An approval as the events tell it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// `O3-<name>-<timestamp>`.
    pub approval_id: String,
    /// Who approved.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A baseline that was put into force.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineChange {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The value before; `None` for a first baseline.
    pub old: Option<Credits>,
    /// The value since.
    pub new: Credits,
    /// Who proposed it.
    pub proposed_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// When it was approved.
    pub approved_at: Timestamp,
    /// `O3-<name>-<timestamp>`.
    pub approval_id: String,
    /// When it was written to the baselines file.
    pub applied_at: Timestamp,
    /// Why.
    pub reasons: Vec<String>,
    /// The hash of the baselines file since; not known of old events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_sha256: Option<Sha256>,
}

/// Open proposals and the changes that came of others.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baselines {
    pub(crate) pending: BTreeMap<ScenarioId, Proposed>,
    pub(crate) changes: Vec<BaselineChange>,
    /// How many changes were taken out, before those that are here.
    pub(crate) changes_taken: usize,
    /// How many changes there were when the file was last adopted as it lay there.
    changes_adopted: usize,
}

impl Baselines {
    /// The file was adopted as it lies there.
    pub(crate) fn adopt(&mut self) {
        self.changes_adopted = self.changes_taken + self.changes.len();
    }

    /// What an event may depend on.
    pub(crate) fn excerpt(&self) -> Baselines {
        Baselines {
            pending: self.pending.clone(),
            ..Baselines::default()
        }
    }

    /// A newer proposal takes the place of one that is still open.
    pub(crate) fn propose(&mut self, event: &Event, proposal: &BaselineProposal) {
        let proposed = Proposed {
            id: event.id(),
            by: event.by.clone(),
            proposal: proposal.clone(),
            approved: None,
        };
        self.pending.insert(proposal.scenario_id.clone(), proposed);
    }

    pub(crate) fn approve(
        &mut self,
        event: &Event,
        proposal: &EventId,
        approval_id: &str,
    ) -> Result<(), DocketError> {
        let proposed = self.proposed(proposal)?;
        if proposed.by == event.by {
            return Err(DocketError::OwnProposal {
                proposal: proposal.clone(),
                by: event.by.clone(),
            });
        }
        proposed.approved = Some(Approved {
            approval_id: approval_id.to_owned(),
            by: event.by.clone(),
            at: event.at,
        });
        Ok(())
    }

    pub(crate) fn put_into_force(
        &mut self,
        event: &Event,
        proposal: &EventId,
        file_sha256: Option<Sha256>,
    ) -> Result<(), DocketError> {
        let done = self.proposed(proposal)?.clone();
        let approved = done.approved.ok_or_else(|| DocketError::NotApproved {
            proposal: proposal.clone(),
        })?;
        self.pending.remove(&done.proposal.scenario_id);
        self.changes.push(BaselineChange {
            scenario_id: done.proposal.scenario_id,
            old: done.proposal.old,
            new: done.proposal.new,
            proposed_by: done.by,
            approved_by: approved.by,
            approved_at: approved.at,
            approval_id: approved.approval_id,
            applied_at: event.at,
            reasons: done.proposal.reasons,
            file_sha256,
        });
        Ok(())
    }

    fn proposed(&mut self, id: &EventId) -> Result<&mut Proposed, DocketError> {
        self.pending
            .values_mut()
            .find(|p| p.id == *id)
            .ok_or_else(|| DocketError::NotProposed {
                proposal: id.clone(),
            })
    }
}

impl Docket {
    /// The baselines put into force since the baselines file was last adopted as it lay there,
    /// oldest first.
    pub fn baseline_changes_since_adoption(&self) -> &[BaselineChange] {
        let Baselines {
            changes,
            changes_taken,
            changes_adopted,
            ..
        } = &self.baselines;
        let adopted = changes_adopted.saturating_sub(*changes_taken);
        changes.get(adopted..).unwrap_or_default()
    }

    /// The event of a baseline that is approved, and what it makes of the proposal.
    ///
    /// # Errors
    /// [`Refusal`]: the approval is for something else, or the proposal is not open any more.
    ///
    /// Forgetting to ask does not compile:
    ///
    /// ```compile_fail,E0308
    /// use credit_governance::{Docket, Proposed};
    ///
    /// fn approve(docket: &Docket, proposed: Proposed, now: credit_core::Timestamp) {
    ///     docket.approve_baseline(now, &proposed);
    /// }
    /// ```
    pub fn approve_baseline(
        &self,
        now: Timestamp,
        approval: &Approval<Proposed>,
    ) -> Result<(Event, Approved), Refusal> {
        approval.require(Verb::ApproveBaseline)?;
        let by = approval.by();
        let approved = Approved {
            approval_id: format!("{}-{}-{now}", by.role, by.name),
            by: by.name.clone(),
            at: now,
        };
        let what = What::BaselineApproved {
            proposal: approval.subject().id.clone(),
            approval_id: approved.approval_id.clone(),
        };
        let event = Event::new(now, &Actor::Operator(by.clone()), what);
        self.accepts(&event)?;
        Ok((event, approved))
    }
}
