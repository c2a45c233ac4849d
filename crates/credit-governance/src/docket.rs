//! What is decided so far: a fold of the events.

mod baselines;
mod cases;
mod emergency;
mod past;
mod runs;
mod settled;
mod snapshot;

use credit_core::{CaseId, CaseStatus, RunId, ScenarioId, Sha256, Timestamp};
use serde::{Deserialize, Serialize};

use crate::case::Stamp;
use crate::{
    ConfigAdopted, ConfigFile, Event, EventId, PolicyAdopted, ReviewDecided, ReviewNoted, What,
};

pub use baselines::{Approved, BaselineChange, Proposed};
pub use emergency::{Backfill, Mute};
pub use past::Past;
pub use runs::{Quarantine, Rerun, RerunStage, RunState, Standing};
pub use settled::Settled;
pub use snapshot::{Position, SnapshotError};

/// Something that was decided, and by whom.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Decided<T> {
    /// By whom and when.
    pub stamp: Stamp,
    /// What.
    pub what: T,
}

/// What is decided so far.
///
/// ```
/// use credit_governance::{Actor, Docket, Event, What};
///
/// let mut docket = Docket::default();
/// assert!(docket.pending(&"EXPORT".parse()?).is_none());
/// assert!(docket.baseline_changes().is_empty());
/// assert_eq!(docket.open_cases().count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Docket {
    baselines: baselines::Baselines,
    cases: cases::Cases,
    runs: runs::Runs,
    emergency: emergency::Emergency,
    policies: Vec<Decided<PolicyAdopted>>,
    configs: Vec<Decided<ConfigAdopted>>,
    /// The last adoption of each file.
    adopted: Vec<Decided<ConfigAdopted>>,
    operators_seen: Option<Sha256>,
    reviewed: Vec<Decided<ReviewDecided>>,
    review_notes: Vec<Decided<ReviewNoted>>,
}

impl Docket {
    /// Takes the next event of the chain into account.
    ///
    /// # Errors
    /// An event that cannot follow those before it; the docket is then as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), DocketError> {
        match &event.what {
            What::CaseOpened(opened) => {
                self.cases.open(event, opened)?;
                for linked in &opened.runs {
                    self.runs.belongs(&linked.run.run_id, &opened.case);
                }
            }
            What::RunLinked(link) => {
                let run_id = &link.linked.run.run_id;
                if self
                    .run(run_id)
                    .is_some_and(|run| run.case.as_ref() == Some(&link.case))
                {
                    return Err(DocketError::AlreadyLinked {
                        run_id: run_id.clone(),
                        case: link.case.clone(),
                    });
                }
                self.cases.link(event, link)?;
                self.runs.belongs(run_id, &link.case);
            }
            What::CaseAcknowledged(_)
            | What::ExposureAssessed(_)
            | What::RootCauseProposed(_)
            | What::RootCauseConfirmed(_)
            | What::CaseStatusChanged(_)
            | What::MitigationDocumented(_)
            | What::CaseNoted(_)
            | What::ThreadLinked(_)
            | What::CaseEscalated(_)
            | What::CaseResolved(_)
            | What::CaseReopened(_)
            | What::CaseArchived(_)
            | What::CaseUnarchived(_) => self.cases.apply(event)?,
            What::RunQuarantined(_)
            | What::QuarantineReleased(_)
            | What::DispatchBlocked(_)
            | What::DispatchUnblocked(_)
            | What::RerunRequested(_)
            | What::RerunApproved(_)
            | What::RerunDenied(_)
            | What::RerunConsumed(_) => self.runs.apply(event)?,
            What::BaselineProposed(proposal) => self.baselines.propose(event, proposal),
            What::BaselineApproved {
                proposal,
                approval_id,
            } => self.baselines.approve(event, proposal, approval_id)?,
            What::BaselineApplied {
                proposal,
                file_sha256,
            } => self
                .baselines
                .put_into_force(event, proposal, *file_sha256)?,
            What::OperatorsSeen { sha256 } => {
                self.operators_seen.get_or_insert(*sha256);
            }
            What::AlertsMuted(_)
            | What::AlertsUnmuted(_)
            | What::BackfillStarted(_)
            | What::BackfillEnded(_) => self.emergency.apply(event)?,
            What::PolicyAdopted(what) => self.policies.push(decided(event, what)),
            What::ConfigAdopted(what) => {
                if what.file == ConfigFile::Baselines {
                    self.baselines.adopt();
                }
                let adopted = decided(event, what);
                self.adopted.retain(|other| other.what.file != what.file);
                self.adopted.push(adopted.clone());
                self.configs.push(adopted);
            }
            What::ReviewDecided(what) => self.reviewed.push(decided(event, what)),
            What::ReviewNoted(what) => self.review_notes.push(decided(event, what)),
            // They tell what happened and decide nothing.
            What::Delivery(_)
            | What::Refused(_)
            | What::DocketSaved { .. }
            | What::PartialsSaved { .. }
            | What::TailRecovered { .. }
            | What::LedgerImported { .. }
            | What::ProjectionsRebuilt { .. } => {}
        }
        Ok(())
    }

    /// Whether `event` could come next.
    ///
    /// # Errors
    /// As [`Docket::apply`].
    pub fn accepts(&self, event: &Event) -> Result<(), DocketError> {
        self.excerpt(&event.what).apply(event)
    }

    /// As much of the docket as one event can touch.
    fn excerpt(&self, what: &What) -> Docket {
        let opened = match what {
            What::CaseOpened(opened) => Some(&opened.scenario_id),
            _ => None,
        };
        Docket {
            baselines: self.baselines.excerpt(),
            cases: self.cases.excerpt(what.case(), opened),
            runs: self.runs.excerpt(what.run()),
            emergency: self.emergency.clone(),
            ..Docket::default()
        }
    }

    /// The open proposal for a scenario.
    pub fn pending(&self, scenario: &ScenarioId) -> Option<&Proposed> {
        self.baselines.pending.get(scenario)
    }

    /// The scenarios with an open proposal, in order.
    pub fn pending_scenarios(&self) -> Vec<ScenarioId> {
        self.baselines.pending.keys().cloned().collect()
    }

    /// Every baseline ever put into force, oldest first.
    pub fn baseline_changes(&self) -> &[BaselineChange] {
        &self.baselines.changes
    }

    /// Every policy ever adopted, oldest first.
    pub fn policies(&self) -> &[Decided<PolicyAdopted>] {
        &self.policies
    }

    /// The last adoption of a file that was changed by hand.
    pub fn adopted(&self, file: &ConfigFile) -> Option<&Decided<ConfigAdopted>> {
        self.adopted
            .iter()
            .find(|adopted| adopted.what.file == *file)
    }

    /// Every adoption of a file that was changed by hand, oldest first.
    pub fn configs(&self) -> &[Decided<ConfigAdopted>] {
        &self.configs
    }

    /// The hash of the operators' file when the first of them did something.
    pub fn operators_seen(&self) -> Option<Sha256> {
        self.operators_seen
    }

    /// What weekly reviews decided, oldest first.
    pub fn reviewed(&self) -> &[Decided<ReviewDecided>] {
        &self.reviewed
    }

    /// The notes to weekly reports, oldest first.
    pub fn review_notes(&self) -> &[Decided<ReviewNoted>] {
        &self.review_notes
    }
}

fn decided<T: Clone>(event: &Event, what: &T) -> Decided<T> {
    Decided {
        stamp: Stamp::of(event),
        what: what.clone(),
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
    /// Nobody else but the proposer approved.
    #[error("`{by}` approved their own proposal {proposal}")]
    OwnProposal {
        /// The proposal's event.
        proposal: EventId,
        /// Who.
        by: String,
    },
    /// A case of that name is there already.
    #[error("case {case} is there already")]
    CaseExists {
        /// The case.
        case: CaseId,
    },
    /// A case of that cause is open already.
    #[error("scenario {scenario_id} has an unresolved case of this cause already: {case}")]
    CauseTaken {
        /// The scenario.
        scenario_id: ScenarioId,
        /// Its case.
        case: CaseId,
    },
    /// A case without a run.
    #[error("case {case} has no run")]
    NoRun {
        /// The case.
        case: CaseId,
    },
    /// There is no such case, or it is in the archive.
    #[error("case {case} is not there, or is archived")]
    UnknownCase {
        /// The case.
        case: CaseId,
    },
    /// There is no such case in the archive.
    #[error("case {case} is not in the archive")]
    NotArchived {
        /// The case.
        case: CaseId,
    },
    /// A run belongs to a case already.
    #[error("run {run_id} belongs to case {case} already")]
    AlreadyLinked {
        /// The run.
        run_id: RunId,
        /// The case.
        case: CaseId,
    },
    /// An illegal jump.
    #[error("case {case} is {from} and cannot become {to}")]
    IllegalStatus {
        /// The case.
        case: CaseId,
        /// Where it stands.
        from: CaseStatus,
        /// Where it should go.
        to: CaseStatus,
    },
    /// A step that the case's status does not allow.
    #[error("case {case} is {status}, which does not allow `{kind}`")]
    WrongStatus {
        /// The case.
        case: CaseId,
        /// Where it stands.
        status: CaseStatus,
        /// The event's type.
        kind: &'static str,
    },
    /// Somebody takes care of it already.
    #[error("case {case} is acknowledged already, by `{by}`")]
    AlreadyAcknowledged {
        /// The case.
        case: CaseId,
        /// By whom.
        by: String,
    },
    /// Given back without having been set aside.
    #[error("run {run_id} is not quarantined")]
    NotQuarantined {
        /// The run.
        run_id: RunId,
    },
    /// Set aside twice.
    #[error("run {run_id} is quarantined already")]
    AlreadyQuarantined {
        /// The run.
        run_id: RunId,
    },
    /// An answer to a request for a rerun that is not open.
    #[error("rerun request {request} is not open")]
    NotRequested {
        /// The request's event.
        request: EventId,
    },
    /// Nobody else but the proposer approved.
    #[error("`{by}` approved their own request {request}")]
    OwnRequest {
        /// The request's event.
        request: EventId,
        /// Who.
        by: String,
    },
    /// A rerun began without an approval, or with one that was used, replaced, over, or given for
    /// something else.
    #[error("approval {approval} does not allow run {run_id} to be repeated at {at}")]
    ApprovalVoid {
        /// The approval's event.
        approval: EventId,
        /// The run.
        run_id: RunId,
        /// When.
        at: Timestamp,
    },
    /// Alerts were sent again that were not held back.
    #[error("mute {mute} is not in force")]
    NotMuted {
        /// The event that held them back.
        mute: EventId,
    },
    /// A backfill ended that had not begun.
    #[error("scenario {scenario_id} has no open backfill")]
    NoBackfill {
        /// The scenario.
        scenario_id: ScenarioId,
    },
    /// A backfill began while another was open.
    #[error("scenario {scenario_id} has an open backfill already")]
    BackfillOpen {
        /// The scenario.
        scenario_id: ScenarioId,
    },
}
