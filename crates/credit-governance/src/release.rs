//! Whether a run that was set aside or blocked may be given back.

use std::fmt;

use credit_core::{CaseId, CaseStatus, Exposure, Timestamp};

use crate::{
    Actor, Approval, Case, Denied, DispatchUnblocked, Docket, Event, QuarantineReleased, Refusal,
    RunRef, Standing, Text, Verb, What,
};

/// Something that must be there before a run is released.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReleaseUnmet {
    /// The run is neither set aside nor blocked.
    Blocked,
    /// It has no case.
    Case,
    /// Its case is not resolved.
    Resolved {
        /// The case.
        case: CaseId,
        /// Where it stands.
        status: CaseStatus,
    },
    /// Sensitive data was exposed.
    NoExposure {
        /// The case.
        case: CaseId,
    },
    /// The exposure is no false positive, and nothing was done against the cause.
    FalsePositiveOrMitigation {
        /// The case.
        case: CaseId,
    },
}

impl fmt::Display for ReleaseUnmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReleaseUnmet::Blocked => f.write_str("nothing: it is not held back"),
            ReleaseUnmet::Case => f.write_str("a case of the run that is resolved"),
            ReleaseUnmet::Resolved { case, status } => {
                write!(f, "the resolution of {case}, which is {status}")
            }
            ReleaseUnmet::NoExposure { case } => write!(
                f,
                "an assessment of {case} other than confirmed: exposed data is a security incident"
            ),
            ReleaseUnmet::FalsePositiveOrMitigation { case } => {
                write!(f, "a false positive or a mitigation in {case}")
            }
        }
    }
}

/// A run that may be released.
///
/// **Invariant:** only [`Docket::releasable`] makes one, after everything was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Releasable {
    run: RunRef,
    case: CaseId,
    reason: Text,
    quarantined: bool,
}

impl Releasable {
    /// The run.
    pub fn run(&self) -> &RunRef {
        &self.run
    }

    /// Whether its artifacts are set aside and must be given back; otherwise it is only blocked.
    pub fn is_quarantined(&self) -> bool {
        self.quarantined
    }

    /// An approver's yes.
    ///
    /// # Errors
    /// [`Denied`] to any role below O3 and to the service.
    pub fn approve(self, approver: &Actor) -> Result<Approval<Releasable>, Denied> {
        Approval::alone(approver, Verb::ReleaseRun, self)
    }
}

impl Docket {
    /// A run that may be released: it is held back, its case is resolved, no sensitive data was
    /// exposed, and either that is a finding or something was done against the cause.
    ///
    /// `line_blocked` is whether the run's own line says `dispatch_blocked`.
    ///
    /// # Errors
    /// [`Refusal::Release`] with everything that is missing.
    pub fn releasable(
        &self,
        run: &RunRef,
        line_blocked: bool,
        reason: Text,
    ) -> Result<Releasable, Refusal> {
        let mut unmet = Vec::new();
        let quarantined = match self.standing(&run.run_id, line_blocked) {
            Standing::Blocked { quarantined, .. } => quarantined,
            Standing::Allowed => {
                unmet.push(ReleaseUnmet::Blocked);
                false
            }
        };
        match self.case_of(&run.run_id) {
            Some(case) => {
                unmet_by_case(case, &mut unmet);
                if unmet.is_empty() {
                    return Ok(Releasable {
                        run: run.clone(),
                        case: case.id.clone(),
                        reason,
                        quarantined,
                    });
                }
            }
            None => unmet.push(ReleaseUnmet::Case),
        }
        Err(Refusal::Release {
            run_id: run.run_id.clone(),
            unmet,
        })
    }

    /// The event of a release. A run that was set aside is also unblocked by it; no other run is.
    ///
    /// # Errors
    /// [`Refusal`]: the approval is for something else, or the run was released meanwhile.
    ///
    /// Forgetting to ask does not compile:
    ///
    /// ```compile_fail,E0308
    /// use credit_governance::{Docket, Releasable};
    ///
    /// fn release(docket: &Docket, run: Releasable, now: credit_core::Timestamp) {
    ///     docket.release(now, run);
    /// }
    /// ```
    pub fn release(
        &self,
        now: Timestamp,
        approval: Approval<Releasable>,
    ) -> Result<Event, Refusal> {
        let (actor, release) = approval.take(Verb::ReleaseRun)?;
        let Releasable {
            run,
            case,
            reason,
            quarantined,
        } = release;
        let what = if quarantined {
            let (day, name) = (now.day(), actor.name());
            What::QuarantineReleased(QuarantineReleased {
                run,
                case,
                note: Text::of(&format!("Quarantine released on {day} by O3 {name}")),
                reason,
            })
        } else {
            What::DispatchUnblocked(DispatchUnblocked { run, case, reason })
        };
        let event = Event::new(now, &actor, what);
        self.accepts(&event)?;
        Ok(event)
    }
}

fn unmet_by_case(case: &Case, unmet: &mut Vec<ReleaseUnmet>) {
    let id = || case.id.clone();
    if case.status != CaseStatus::Resolved {
        unmet.push(ReleaseUnmet::Resolved {
            case: id(),
            status: case.status,
        });
    }
    let exposure = case.valid_exposure().map(|found| found.exposure);
    if exposure == Some(Exposure::Confirmed) {
        unmet.push(ReleaseUnmet::NoExposure { case: id() });
    }
    if exposure != Some(Exposure::FalsePositive) && case.mitigations.is_empty() {
        unmet.push(ReleaseUnmet::FalsePositiveOrMitigation { case: id() });
    }
}
