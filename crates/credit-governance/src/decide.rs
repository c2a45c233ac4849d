//! From what somebody wants to an event, or to the reason why not.

use credit_core::{CaseId, Timestamp};

use crate::{
    Actor, AlertsMuted, Approval, BackfillStarted, ConfigAdopted, Denied, Docket, DocketError,
    Event, Missing, PolicyAdopted, Rules, Trigger, Verb, What,
};

/// Why something cannot be decided.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Who asks may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It cannot follow what was decided before.
    #[error(transparent)]
    Impossible(#[from] DocketError),
    /// It takes an approval of its own kind.
    #[error("`{kind}` takes an approval to {verb}")]
    NeedsApproval {
        /// The event's type.
        kind: &'static str,
        /// What must be approved.
        verb: Verb,
    },
    /// It tells what happened, and is recorded by what saw it happen.
    #[error("`{kind}` tells what happened and is nothing that anybody decides")]
    NoDecision {
        /// The event's type.
        kind: &'static str,
    },
    /// A case is not documented well enough to be resolved.
    #[error(
        "case {case} cannot be resolved; missing: {}",
        crate::decide::list(missing)
    )]
    Undocumented {
        /// The case.
        case: CaseId,
        /// Everything that is missing.
        missing: Vec<Missing>,
    },
    /// A case was resolved too short a time ago.
    #[error("case {case} is archived at the earliest at {from}")]
    TooEarly {
        /// The case.
        case: CaseId,
        /// When it may be.
        from: Timestamp,
    },
    /// An end that is not after now, or too far away.
    #[error("the end {expires} must lie after {now} and not after {latest}")]
    BadExpiry {
        /// The end that was asked for.
        expires: Timestamp,
        /// Now.
        now: Timestamp,
        /// The last one allowed.
        latest: Timestamp,
    },
    /// A rerun cannot be approved.
    #[error(
        "run {run_id} cannot be approved for rerun; missing: {}",
        crate::decide::list(unmet)
    )]
    Rerun {
        /// The run.
        run_id: credit_core::RunId,
        /// Everything that is missing.
        unmet: Vec<crate::RerunUnmet>,
    },
    /// A run cannot be released.
    #[error(
        "run {run_id} cannot be released; missing: {}",
        crate::decide::list(unmet)
    )]
    Release {
        /// The run.
        run_id: credit_core::RunId,
        /// Everything that is missing.
        unmet: Vec<crate::ReleaseUnmet>,
    },
}

pub(crate) fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    items.join("; ")
}

impl Docket {
    /// The event of something that takes no approval but the role of who does it.
    ///
    /// Nothing changes until the event is in the chain and [applied](Docket::apply).
    ///
    /// # Errors
    /// [`Refusal`]: the role is too low, the case is not documented, the event cannot follow what
    /// was decided before, it takes an approval of its own, or it is nothing that anybody decides.
    ///
    /// ```
    /// use credit_core::CaseId;
    /// use credit_governance::{Actor, CaseAcknowledged, Docket, Refusal, Rules, What};
    ///
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// let ops = Actor::Operator("ops-2:O2".parse()?);
    /// let case: CaseId = "CASE-20250131-7KQ2ZD".parse()?;
    /// let what = What::CaseAcknowledged(CaseAcknowledged { case });
    /// let refusal = Docket::default().decide(now, &ops, what, &Rules::STANDARD).unwrap_err();
    /// assert!(matches!(refusal, Refusal::Impossible(_)), "there is no such case");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decide(
        &self,
        now: Timestamp,
        actor: &Actor,
        what: What,
        rules: &Rules,
    ) -> Result<Event, Refusal> {
        actor.may(self.verb(&what)?)?;
        self.refuse_own_proposal(actor, &what)?;
        self.check(now, &what, rules)?;
        let event = Event::new(now, actor, what);
        self.accepts(&event)?;
        Ok(event)
    }

    /// The event of something that was approved: a policy or file in force, alerts held back, a
    /// backfill.
    ///
    /// # Errors
    /// [`Refusal`]: the approval is for something else, or the end is too far away.
    ///
    /// Forgetting to ask does not compile, whatever it is:
    ///
    /// ```compile_fail,E0308
    /// use credit_governance::{Docket, PolicyAdopted, Rules};
    ///
    /// fn adopt(docket: &Docket, policy: PolicyAdopted, now: credit_core::Timestamp) {
    ///     docket.enact(now, policy, &Rules::STANDARD);
    /// }
    /// ```
    /// ```compile_fail,E0308
    /// # use credit_governance::{ConfigAdopted, Docket, Rules};
    /// fn adopt(docket: &Docket, file: ConfigAdopted, now: credit_core::Timestamp) {
    ///     docket.enact(now, file, &Rules::STANDARD);
    /// }
    /// ```
    /// ```compile_fail,E0308
    /// # use credit_governance::{AlertsMuted, Docket, Rules};
    /// fn mute(docket: &Docket, mute: AlertsMuted, now: credit_core::Timestamp) {
    ///     docket.enact(now, mute, &Rules::STANDARD);
    /// }
    /// ```
    /// ```compile_fail,E0308
    /// # use credit_governance::{BackfillStarted, Docket, Rules};
    /// fn start(docket: &Docket, backfill: BackfillStarted, now: credit_core::Timestamp) {
    ///     docket.enact(now, backfill, &Rules::STANDARD);
    /// }
    /// ```
    ///
    /// Nor does putting into force what somebody proposed and another one approves:
    ///
    /// ```compile_fail,E0277
    /// # use credit_governance::{Approval, Docket, Proposed, Rules};
    /// fn apply(docket: &Docket, baseline: Approval<Proposed>, now: credit_core::Timestamp) {
    ///     docket.enact(now, baseline, &Rules::STANDARD);
    /// }
    /// ```
    pub fn enact<T: Enactable>(
        &self,
        now: Timestamp,
        approval: Approval<T>,
        rules: &Rules,
    ) -> Result<Event, Refusal> {
        let (actor, subject) = approval.take(T::VERB)?;
        if let Some((expires, latest)) = subject.expiry(now, rules) {
            within(now, expires, latest)?;
        }
        let event = Event::new(now, &actor, subject.into());
        self.accepts(&event)?;
        Ok(event)
    }

    /// What an actor must be allowed to do for this to happen.
    fn verb(&self, what: &What) -> Result<Verb, Refusal> {
        let protects = |trigger| match trigger {
            Trigger::Automatic => Verb::Protect,
            Trigger::Manual => Verb::QuarantineRun,
        };
        let verb = match what {
            What::CaseOpened(_) => Verb::OpenCase,
            What::CaseAcknowledged(_) => Verb::AcknowledgeCase,
            What::ExposureAssessed(_) => Verb::AssessExposure,
            What::RootCauseProposed(_) => Verb::ProposeRootCause,
            What::RootCauseConfirmed(_) => Verb::ConfirmRootCause,
            What::CaseStatusChanged(_) => Verb::ChangeCaseStatus,
            What::MitigationDocumented(_) => Verb::DocumentMitigation,
            What::CaseNoted(_) => Verb::NoteCase,
            What::ThreadLinked(_) => Verb::LinkThread,
            What::RunLinked(_) => Verb::LinkRun,
            What::CaseEscalated(_) => Verb::EscalateCase,
            What::CaseResolved(what) => match self.case(&what.case) {
                Some(case) if !case.is_grave() => Verb::ResolveCase,
                _ => Verb::ResolveGraveCase,
            },
            What::CaseReopened(_) => Verb::ReopenCase,
            What::CaseArchived(_) => Verb::ArchiveCase,
            What::CaseUnarchived(_) => Verb::UnarchiveCase,
            What::RunQuarantined(what) => protects(what.trigger),
            What::DispatchBlocked(what) => protects(what.trigger),
            What::RerunRequested(_) => Verb::RequestRerun,
            What::RerunDenied(_) => Verb::DenyRerun,
            What::RerunConsumed(_) => Verb::BeginRerun,
            What::BaselineProposed(_) => Verb::ProposeBaseline,
            What::AlertsUnmuted(_) => Verb::UnmuteAlerts,
            What::BackfillEnded(_) => Verb::EndBackfill,
            What::ReviewDecided(_) => Verb::DecideReview,
            What::ReviewNoted(_) => Verb::NoteReview,
            What::Delivery(_)
            | What::Refused(_)
            | What::LedgerImported { .. }
            | What::DocketSaved { .. }
            | What::PartialsSaved { .. }
            | What::OperatorsSeen { .. }
            | What::TailRecovered { .. }
            | What::ProjectionsRebuilt { .. } => {
                return Err(Refusal::NoDecision { kind: what.kind() });
            }
            What::BaselineApproved { .. } | What::BaselineApplied { .. } => {
                return Err(needs(what, Verb::ApproveBaseline));
            }
            What::RerunApproved(_) => return Err(needs(what, Verb::ApproveRerun)),
            What::QuarantineReleased(_) | What::DispatchUnblocked(_) => {
                return Err(needs(what, Verb::ReleaseRun));
            }
            What::PolicyAdopted(_) => return Err(needs(what, Verb::AdoptPolicy)),
            What::ConfigAdopted(_) => return Err(needs(what, Verb::AdoptConfig)),
            What::AlertsMuted(_) => return Err(needs(what, Verb::MuteAlerts)),
            What::BackfillStarted(_) => return Err(needs(what, Verb::StartBackfill)),
        };
        Ok(verb)
    }

    /// Who proposed a root cause does not confirm one.
    fn refuse_own_proposal(&self, actor: &Actor, what: &What) -> Result<(), Denied> {
        let What::RootCauseConfirmed(confirmed) = what else {
            return Ok(());
        };
        let case = self.case(&confirmed.case);
        let proposed = case.and_then(|case| case.root_cause.as_ref());
        match proposed {
            Some(proposed) if proposed.confirmed.is_none() && proposed.found.by == actor.name() => {
                Err(Denied::OwnProposal {
                    name: actor.name().to_owned(),
                    verb: Verb::ConfirmRootCause,
                })
            }
            _ => Ok(()),
        }
    }

    fn check(&self, now: Timestamp, what: &What, rules: &Rules) -> Result<(), Refusal> {
        match what {
            What::CaseResolved(what) => {
                let missing = self.case(&what.case).map(|case| case.missing(rules));
                match missing {
                    Some(missing) if !missing.is_empty() => Err(Refusal::Undocumented {
                        case: what.case.clone(),
                        missing,
                    }),
                    _ => Ok(()),
                }
            }
            What::CaseArchived(what) => {
                let case = self.case(&what.case);
                let resolved = case.and_then(|case| case.resolved_at);
                let from = resolved.map(|at| at.days_after(rules.deadlines.archive_days));
                match from.filter(|from| now < *from) {
                    Some(from) => Err(Refusal::TooEarly {
                        case: what.case.clone(),
                        from,
                    }),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

fn needs(what: &What, verb: Verb) -> Refusal {
    Refusal::NeedsApproval {
        kind: what.kind(),
        verb,
    }
}

pub(crate) fn within(now: Timestamp, expires: Timestamp, latest: Timestamp) -> Result<(), Refusal> {
    if now < expires && expires <= latest {
        return Ok(());
    }
    Err(Refusal::BadExpiry {
        expires,
        now,
        latest,
    })
}

/// What one approver puts into force.
pub trait Enactable: Into<What> + sealed::Sealed {
    /// What the approver must be allowed to do.
    const VERB: Verb;

    /// When it ends and when it must have ended at the latest, if it ends by itself.
    fn expiry(&self, now: Timestamp, rules: &Rules) -> Option<(Timestamp, Timestamp)>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! enactable {
    ($($what:ident, $verb:ident, $expiry:expr;)+) => {
        $(
            impl sealed::Sealed for $what {}

            impl From<$what> for What {
                fn from(what: $what) -> What {
                    What::$what(what)
                }
            }

            impl Enactable for $what {
                const VERB: Verb = Verb::$verb;

                fn expiry(&self, now: Timestamp, rules: &Rules) -> Option<(Timestamp, Timestamp)> {
                    let expiry: fn(&$what, Timestamp, &Rules) -> Option<(Timestamp, Timestamp)> = $expiry;
                    expiry(self, now, rules)
                }
            }
        )+
    };
}

enactable! {
    PolicyAdopted, AdoptPolicy, |_, _, _| None;
    ConfigAdopted, AdoptConfig, |_, _, _| None;
    AlertsMuted, MuteAlerts, |mute, now, rules| {
        Some((mute.expires, now.minutes_after(60 * rules.mute_hours_max)))
    };
    BackfillStarted, StartBackfill, |backfill, now, rules| {
        Some((backfill.expires, now.days_after(rules.backfill_days_max)))
    };
}
