//! What a case must have before it is resolved.

use std::fmt;

use credit_core::{CaseStatus, Exposure, RootCause};

use super::Case;
use crate::{Rules, Topic};

/// Something that must be there first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Missing {
    /// Nobody acknowledged a SEV0 or SEV1.
    Acknowledgment,
    /// It is not where a case is resolved from.
    Mitigating,
    /// No root cause with its explanation.
    RootCause,
    /// An approver has not confirmed the root cause.
    RootCauseConfirmed,
    /// Nothing was done against the cause.
    Mitigation,
    /// Nobody has said whether the sensitive data of all its runs was accessed.
    ExposureAssessment,
    /// Sensitive data was exposed: this is the security team's now.
    NoExposure,
    /// No note says how it is known that nothing was exposed.
    NoExposureEvidence,
    /// Legitimate load, but no note says what becomes of the baseline.
    BaselineRationale,
    /// No rerun went well, or the last one did not.
    SuccessfulRerun,
}

impl Case {
    /// Everything that is missing before it may be resolved, in a fixed order.
    pub fn missing(&self, rules: &Rules) -> Vec<Missing> {
        let noted = |topic| self.notes.iter().any(|note| note.topic == topic);
        let cause = self.root_cause.as_ref();
        let confirmed = cause.is_some_and(|cause| cause.confirmed.is_some());
        let legit_load = cause.is_some_and(|cause| cause.root_cause == RootCause::LegitLoad);
        let critical = !self.critical_flags().is_empty();
        let exposure = self.valid_exposure().map(|found| found.exposure);
        let rerun_ok = self
            .last_rerun()
            .is_some_and(crate::LinkedRun::is_successful_rerun);

        let mut missing = Vec::new();
        let mut need = |is_missing: bool, what| {
            if is_missing {
                missing.push(what);
            }
        };
        need(
            self.is_grave() && self.acknowledged.is_none(),
            Missing::Acknowledgment,
        );
        need(self.status != CaseStatus::Mitigating, Missing::Mitigating);
        need(cause.is_none(), Missing::RootCause);
        need(
            self.is_grave() && cause.is_some() && !confirmed,
            Missing::RootCauseConfirmed,
        );
        need(self.mitigations.is_empty(), Missing::Mitigation);
        need(
            critical
                && !matches!(
                    exposure,
                    Some(Exposure::Confirmed | Exposure::FalsePositive)
                ),
            Missing::ExposureAssessment,
        );
        need(exposure == Some(Exposure::Confirmed), Missing::NoExposure);
        need(
            exposure == Some(Exposure::FalsePositive) && !noted(Topic::NoExposure),
            Missing::NoExposureEvidence,
        );
        need(
            legit_load && !noted(Topic::BaselineRationale),
            Missing::BaselineRationale,
        );
        need(
            rules.successful_rerun_required && self.is_grave() && !rerun_ok,
            Missing::SuccessfulRerun,
        );
        missing
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Missing::Acknowledgment => "an acknowledgment",
            Missing::Mitigating => "the status Mitigating",
            Missing::RootCause => "a root cause with its explanation",
            Missing::RootCauseConfirmed => "an O3 who confirms the root cause",
            Missing::Mitigation => "a mitigation",
            Missing::ExposureAssessment => {
                "an assessment of all critical flags that is not undetermined"
            }
            Missing::NoExposure => {
                "an assessment other than confirmed: exposed data is a security incident"
            }
            Missing::NoExposureEvidence => "a note with the evidence that nothing was exposed",
            Missing::BaselineRationale => "a note with the rationale for the baseline",
            Missing::SuccessfulRerun => "a rerun that went well",
        })
    }
}
