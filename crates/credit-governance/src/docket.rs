//! What is decided so far: a fold of the events.

use std::collections::BTreeMap;

use credit_core::{Credits, ScenarioId, Timestamp};

use crate::{BaselineProposal, Event, EventId, What};

/// A proposal that is not yet applied.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    /// `O3-<name>-<timestamp>`.
    pub approval_id: String,
    /// Who approved.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A baseline that was put into force.
#[derive(Clone, Debug, PartialEq)]
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
}

/// What is decided so far.
///
/// ```
/// use credit_governance::{Actor, Docket, Event, What};
///
/// let mut docket = Docket::default();
/// assert!(docket.pending(&"EXPORT".parse()?).is_none());
/// assert!(docket.baseline_changes().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Docket {
    pending: BTreeMap<ScenarioId, Proposed>,
    changes: Vec<BaselineChange>,
}

impl Docket {
    /// Takes the next event of the chain into account.
    ///
    /// # Errors
    /// An approval or application of something that was not proposed, or not approved, before.
    pub fn apply(&mut self, event: &Event) -> Result<(), DocketError> {
        match &event.what {
            What::BaselineProposed(proposal) => {
                let proposed = Proposed {
                    id: event.id(),
                    by: event.by.clone(),
                    proposal: proposal.clone(),
                    approved: None,
                };
                // A newer proposal takes the place of one that is still open.
                self.pending.insert(proposal.scenario_id.clone(), proposed);
            }
            What::BaselineApproved {
                proposal,
                approval_id,
            } => {
                let proposed = self.proposed(proposal)?;
                proposed.approved = Some(Approved {
                    approval_id: approval_id.clone(),
                    by: event.by.clone(),
                    at: event.at,
                });
            }
            What::BaselineApplied { proposal } => {
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
                });
            }
            What::TailRecovered { .. }
            | What::LedgerImported { .. }
            | What::ProjectionsRebuilt { .. } => {}
        }
        Ok(())
    }

    /// The open proposal for a scenario.
    pub fn pending(&self, scenario: &ScenarioId) -> Option<&Proposed> {
        self.pending.get(scenario)
    }

    /// The scenarios with an open proposal, in order.
    pub fn pending_scenarios(&self) -> Vec<ScenarioId> {
        self.pending.keys().cloned().collect()
    }

    /// Every baseline ever put into force, oldest first.
    pub fn baseline_changes(&self) -> &[BaselineChange] {
        &self.changes
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

/// Events that contradict each other.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DocketError {
    /// Nothing of that name is open.
    #[error("event speaks of proposal {proposal}, which is not open")]
    NotProposed {
        /// The proposal's event.
        proposal: EventId,
    },
    /// Applied without an approval.
    #[error("proposal {proposal} was applied without an approval")]
    NotApproved {
        /// The proposal's event.
        proposal: EventId,
    },
}
