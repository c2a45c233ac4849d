//! Whether a run may be repeated.

mod terms;

use std::fmt;

use credit_core::{
    Action, Actions, CaseId, Likelihood, RerunGate, RiskFlags, RootCause, Severity, Sha256,
    Timestamp,
};

use crate::{Case, Docket, EventId, RerunConsumed, RerunStage, RunRef, Stamp, Text, What};

pub use terms::{Remedies, RerunOffer, RerunTerms, RerunUnmet};

/// A run that somebody wants to repeat, as its record has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatedRun {
    /// The run.
    pub run: RunRef,
    /// Its severity.
    pub severity: Severity,
    /// How likely it is a misconfiguration.
    pub likelihood: Likelihood,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// What the policy wanted done.
    pub actions: Actions,
}

/// What a rerun needs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RerunNeed {
    /// Nothing.
    Nothing,
    /// Somebody who takes care of the case.
    Acknowledgment,
    /// That, and then an approval.
    Approval,
}

impl GatedRun {
    /// What repeating it needs: an approval for SEV0 and SEV1, and for SEV2 if it is likely enough
    /// a misconfiguration or its case says that it is one.
    ///
    /// ```
    /// # use credit_core::{Actions, Likelihood, RiskFlags, RootCause, Severity, Sha256};
    /// # use credit_governance::{GatedRun, RerunNeed, Rules, RunRef};
    /// # let run = RunRef { run_id: "R-1".parse()?, seq: 0, hash: Sha256::of(b"") };
    /// let gate = Rules::STANDARD.rerun_gate;
    /// let run = GatedRun {
    ///     run,
    ///     severity: Severity::Sev2,
    ///     likelihood: Likelihood::Medium,
    ///     risk_flags: RiskFlags::NONE,
    ///     actions: Actions::NONE,
    /// };
    /// assert_eq!(run.need(None, &gate), RerunNeed::Nothing);
    /// assert_eq!(run.need(Some(RootCause::Misconfig), &gate), RerunNeed::Approval);
    /// # Ok::<(), credit_core::IdError>(())
    /// ```
    pub fn need(&self, root_cause: Option<RootCause>, gate: &RerunGate) -> RerunNeed {
        let approval = match self.severity {
            Severity::Sev0 | Severity::Sev1 => true,
            Severity::Sev2 => {
                self.likelihood >= gate.sev2_likelihood_min
                    || root_cause == Some(RootCause::Misconfig)
            }
            Severity::Sev3 | Severity::Sev4 => false,
        };
        if approval {
            RerunNeed::Approval
        } else if self.actions.contains(Action::RequireAckBeforeRerun) {
            RerunNeed::Acknowledgment
        } else {
            RerunNeed::Nothing
        }
    }
}

/// Where a rerun stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum RerunStanding {
    /// It may begin and needs no approval.
    Free,
    /// It may begin, once, under this approval.
    Approved {
        /// The approval's event.
        approval: EventId,
        /// The first instant at which it may not begin any more.
        until: Timestamp,
    },
    /// Nobody opened a case, so nobody can take care of it.
    NoCase,
    /// Nobody takes care of the case.
    Unacknowledged {
        /// The case.
        case: CaseId,
    },
    /// Nobody asked.
    NotRequested,
    /// Nobody answered.
    Waiting {
        /// The request's event.
        request: EventId,
    },
    /// An approver refused.
    Denied {
        /// Who.
        by: Stamp,
        /// Why.
        reason: Text,
    },
    /// The approval's time is over.
    Expired {
        /// Since when.
        at: Timestamp,
    },
    /// The configuration is not the one that was approved.
    OtherConfig {
        /// The configuration that was approved.
        approved: Sha256,
    },
    /// The approval is used up.
    Used {
        /// Who used it and when.
        by: Stamp,
    },
}

impl fmt::Display for RerunStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RerunStanding::Free => f.write_str("needs no approval"),
            RerunStanding::Approved { until, .. } => write!(f, "approved until {until}"),
            RerunStanding::NoCase => f.write_str("closed: the run has no case; open one first"),
            RerunStanding::Unacknowledged { case } => {
                write!(f, "closed: nobody has acknowledged {case}")
            }
            RerunStanding::NotRequested => f.write_str("closed: nobody has asked for it"),
            RerunStanding::Waiting { request } => {
                write!(f, "closed: request {request} waits for an O3")
            }
            RerunStanding::Denied { by, reason } => {
                write!(f, "closed: denied by {}: {reason}", by.by)
            }
            RerunStanding::Expired { at } => write!(f, "closed: the approval expired at {at}"),
            RerunStanding::OtherConfig { approved } => write!(
                f,
                "closed: the configuration is not the approved one ({approved}); ask again"
            ),
            RerunStanding::Used { by } => {
                write!(f, "closed: the approval was used by {} at {}", by.by, by.at)
            }
        }
    }
}

impl Docket {
    /// Where the rerun of a run stands at `now`, under the configuration with this hash.
    pub fn rerun_standing(
        &self,
        run: &GatedRun,
        config_sha256: Sha256,
        now: Timestamp,
        gate: &RerunGate,
    ) -> RerunStanding {
        let case = self.case_of(&run.run.run_id);
        let need = run.need(case.and_then(Case::known_root_cause), gate);
        if need == RerunNeed::Nothing {
            return RerunStanding::Free;
        }
        let Some(case) = case else {
            return RerunStanding::NoCase;
        };
        if case.acknowledged.is_none() {
            return RerunStanding::Unacknowledged {
                case: case.id.clone(),
            };
        }
        if need == RerunNeed::Acknowledgment {
            return RerunStanding::Free;
        }
        self.approval_standing(run, config_sha256, now)
    }

    fn approval_standing(
        &self,
        run: &GatedRun,
        config_sha256: Sha256,
        now: Timestamp,
    ) -> RerunStanding {
        let rerun = self
            .run(&run.run.run_id)
            .and_then(|state| state.rerun.as_deref());
        let Some(rerun) = rerun else {
            return RerunStanding::NotRequested;
        };
        match &rerun.stage {
            RerunStage::Requested => RerunStanding::Waiting {
                request: rerun.request.clone(),
            },
            RerunStage::Denied { by, reason } => RerunStanding::Denied {
                by: by.clone(),
                reason: reason.clone(),
            },
            RerunStage::Consumed { by, .. } => RerunStanding::Used { by: by.clone() },
            RerunStage::Approved { expires, .. } if now >= *expires => {
                RerunStanding::Expired { at: *expires }
            }
            RerunStage::Approved {
                config_sha256: approved,
                ..
            } if *approved != config_sha256 => RerunStanding::OtherConfig {
                approved: *approved,
            },
            RerunStage::Approved {
                approval, expires, ..
            } => RerunStanding::Approved {
                approval: approval.clone(),
                until: *expires,
            },
        }
    }

    /// Begins a rerun: the event that uses the approval up, or `None` where none is needed.
    ///
    /// The rerun may begin once the event is in the chain; of two callers one wins, because the
    /// docket of the other does not [accept](Docket::accepts) its event any more.
    ///
    /// # Errors
    /// Where the rerun stands instead.
    pub fn begin_rerun(
        &self,
        run: &GatedRun,
        config_sha256: Sha256,
        now: Timestamp,
        gate: &RerunGate,
    ) -> Result<Option<What>, RerunStanding> {
        match self.rerun_standing(run, config_sha256, now, gate) {
            RerunStanding::Free => Ok(None),
            RerunStanding::Approved { approval, .. } => {
                Ok(Some(What::RerunConsumed(RerunConsumed {
                    approval,
                    run: run.run.clone(),
                    config_sha256,
                })))
            }
            closed => Err(closed),
        }
    }
}
