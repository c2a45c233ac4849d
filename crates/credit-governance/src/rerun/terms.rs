//! The terms under which a run may be repeated, and an approver's yes to them.

use std::fmt;

use credit_core::{CaseId, Exposure, RiskFlag, RiskFlags, Sha256, Timestamp};

use super::{GatedRun, RerunNeed};
use crate::decide::within;
use crate::{
    Actor, Approval, Case, Denied, Docket, Event, Refusal, RerunApproved, RerunStage, Rules, Text,
    Verb, What,
};

/// What an approver was shown about the scenario as it is now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Remedies {
    /// The scenario has a limit on the items a run works through.
    pub max_items: bool,
    /// The scenario has idempotency keys.
    pub idempotency_key: bool,
    /// The flags that the approver says the mitigation addresses.
    pub addressed: RiskFlags,
}

/// What an approver is asked to agree to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RerunOffer {
    /// What was done so that the run does not spike again.
    pub mitigation: Text,
    /// What the scenario's file shows of it.
    pub remedies: Remedies,
    /// The configuration under which it is to run.
    pub config_sha256: Sha256,
    /// The first instant at which it may not begin any more; `None` for as late as allowed.
    pub expires: Option<Timestamp>,
}

/// Something that must be there before a rerun is approved.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RerunUnmet {
    /// The run needs no approval.
    Free,
    /// Nobody asked for a rerun, or the request is answered.
    Request,
    /// The run has no case.
    Case,
    /// Nobody takes care of the case.
    Acknowledgment {
        /// The case.
        case: CaseId,
    },
    /// The case has no root cause, or an unknown one.
    RootCause {
        /// The case.
        case: CaseId,
    },
    /// Sensitive data was exposed, or nobody has said that it was not.
    Exposure {
        /// The case.
        case: CaseId,
    },
    /// The mitigation does not address a flag.
    Flag(RiskFlag),
}

impl fmt::Display for RerunUnmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RerunUnmet::Free => f.write_str("nothing: it needs no approval"),
            RerunUnmet::Request => f.write_str("an open request for the rerun"),
            RerunUnmet::Case => f.write_str("a case of the run"),
            RerunUnmet::Acknowledgment { case } => write!(f, "an acknowledgment of {case}"),
            RerunUnmet::RootCause { case } => {
                write!(f, "a root cause of {case} other than Unknown")
            }
            RerunUnmet::Exposure { case } => {
                write!(f, "an exposure assessment of {case} that is false_positive")
            }
            RerunUnmet::Flag(RiskFlag::UnboundedIterator) => {
                f.write_str("`max_items` in the scenario's file, for unbounded_iterator")
            }
            RerunUnmet::Flag(RiskFlag::MissingIdempotency) => {
                f.write_str("`has_idempotency_key` in the scenario's file, for missing_idempotency")
            }
            RerunUnmet::Flag(flag) => write!(f, "a mitigation that names {flag}"),
        }
    }
}

/// A rerun that may be approved, and the terms.
///
/// **Invariant:** only [`Docket::rerun_terms`] makes one, after everything was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RerunTerms {
    requested_by: String,
    approved: RerunApproved,
}

impl RerunTerms {
    /// Who asked for the rerun, and so cannot approve it.
    pub fn requested_by(&self) -> &str {
        &self.requested_by
    }

    /// The terms.
    pub fn terms(&self) -> &RerunApproved {
        &self.approved
    }

    /// An approver's yes.
    ///
    /// # Errors
    /// [`Denied`] to any role below O3, to the service and to who asked for the rerun.
    pub fn approve(self, approver: &Actor) -> Result<Approval<RerunTerms>, Denied> {
        let requested_by = self.requested_by.clone();
        Approval::grant(approver, Verb::ApproveRerun, &requested_by, self)
    }
}

impl Docket {
    /// The terms under which a rerun may be approved.
    ///
    /// # Errors
    /// [`Refusal::Rerun`] with everything that is missing, [`Refusal::BadExpiry`].
    pub fn rerun_terms(
        &self,
        run: &GatedRun,
        offer: RerunOffer,
        now: Timestamp,
        rules: &Rules,
    ) -> Result<RerunTerms, Refusal> {
        let latest = now.minutes_after(60 * rules.rerun_hours);
        let expires = offer.expires.unwrap_or(latest);
        within(now, expires, latest)?;
        let run_id = &run.run.run_id;
        let case = self.case_of(run_id);
        let rerun = self.run(run_id).and_then(|state| state.rerun.as_deref());
        let rerun = rerun.filter(|rerun| rerun.stage == RerunStage::Requested);

        let mut unmet = Vec::new();
        if run.need(case.and_then(Case::known_root_cause), &rules.rerun_gate) != RerunNeed::Approval
        {
            unmet.push(RerunUnmet::Free);
        }
        match case {
            None => unmet.push(RerunUnmet::Case),
            Some(case) => unmet_by_case(run, case, &mut unmet),
        }
        unmet.extend(uncovered(run.risk_flags, &offer).map(RerunUnmet::Flag));
        let (Some(case), Some(rerun), true) = (case, rerun, unmet.is_empty()) else {
            if rerun.is_none() {
                unmet.insert(0, RerunUnmet::Request);
            }
            let run_id = run_id.clone();
            return Err(Refusal::Rerun { run_id, unmet });
        };
        Ok(RerunTerms {
            requested_by: rerun.requested.by.clone(),
            approved: RerunApproved {
                request: rerun.request.clone(),
                run: run.run.clone(),
                case: case.id.clone(),
                mitigation: offer.mitigation,
                config_sha256: offer.config_sha256,
                expires,
            },
        })
    }

    /// The event of an approved rerun.
    ///
    /// # Errors
    /// [`Refusal`]: the approval is for something else, or the request is answered meanwhile.
    ///
    /// Forgetting to ask does not compile:
    ///
    /// ```compile_fail,E0308
    /// use credit_governance::{Docket, RerunTerms};
    ///
    /// fn approve(docket: &Docket, terms: RerunTerms, now: credit_core::Timestamp) {
    ///     docket.approve_rerun(now, terms);
    /// }
    /// ```
    pub fn approve_rerun(
        &self,
        now: Timestamp,
        approval: Approval<RerunTerms>,
    ) -> Result<Event, Refusal> {
        let (actor, terms) = approval.take(Verb::ApproveRerun)?;
        let event = Event::new(now, &actor, What::RerunApproved(terms.approved));
        self.accepts(&event)?;
        Ok(event)
    }
}

fn unmet_by_case(run: &GatedRun, case: &Case, unmet: &mut Vec<RerunUnmet>) {
    let id = || case.id.clone();
    if case.acknowledged.is_none() {
        unmet.push(RerunUnmet::Acknowledgment { case: id() });
    }
    if case.known_root_cause().is_none() {
        unmet.push(RerunUnmet::RootCause { case: id() });
    }
    let harmless = case
        .valid_exposure()
        .is_some_and(|found| found.exposure == Exposure::FalsePositive);
    if run.risk_flags.intersects(RiskFlags::CRITICAL) && !harmless {
        unmet.push(RerunUnmet::Exposure { case: id() });
    }
}

/// The flags of a misconfiguration that a mitigation leaves as they were: what a scenario's file
/// can show must be in it, the others must be named.
fn uncovered(flags: RiskFlags, offer: &RerunOffer) -> impl Iterator<Item = RiskFlag> {
    let remedies = offer.remedies;
    let said = offer.mitigation.as_str().to_lowercase();
    let named = move |words: &[&str]| words.iter().any(|word| said.contains(word));
    // A set's own iterator borrows nothing, so it can outlive this call.
    flags
        .iter()
        .collect::<Vec<_>>()
        .into_iter()
        .filter(move |flag| {
            let addressed = remedies.addressed.contains(*flag);
            match flag {
                RiskFlag::UnboundedIterator => !remedies.max_items,
                RiskFlag::MissingIdempotency => !remedies.idempotency_key,
                RiskFlag::RetryLoop => !addressed && !named(&["retry", "retries"]),
                RiskFlag::SuddenPromptGrowth => !addressed && !named(&["prompt"]),
                RiskFlag::DeploymentCorrelation => {
                    !addressed && !named(&["deploy", "revert", "roll"])
                }
                // The first three explain a cost, the last two are the exposure's.
                RiskFlag::BatchJob
                | RiskFlag::BackfillMode
                | RiskFlag::LinearScaling
                | RiskFlag::PiiExposure
                | RiskFlag::RegulatoryData => false,
            }
        })
}
