//! What runs and scenarios must satisfy, and by when people must act: policy data that other crates
//! apply.

use crate::{Likelihood, Severity, Status};

/// Which runs are healthy enough to count towards a baseline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HealthyRule {
    /// The statuses a healthy run may end in.
    pub statuses: Vec<Status>,
    /// The most retries a healthy run may have needed.
    pub retries_max: u64,
}

/// What a scenario must show before its baseline may be changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateGate {
    /// Days before the calculation without a SEV0 or SEV1 incident.
    pub quiet_days: u32,
    /// Days since the scenario's first healthy run: an observation span, not a count.
    pub span_days: u32,
    /// Healthy runs in the window.
    pub healthy_runs_min: u64,
    /// The coefficient of variation must be below this.
    pub cv_below: f64,
    /// A change of more than so many per cent is refused unless it was investigated.
    pub change_percent_max: u32,
}

/// What a scenario must show in one review period to be listed as a baseline candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandidateGate {
    /// Runs in the period.
    pub runs_min: u64,
    /// The coefficient of variation must be below this.
    pub cv_below: f64,
    /// The period's median must lie strictly between the baseline divided by and times this.
    pub variance_below: crate::Multiplier,
}

/// When a rerun needs an approval beyond what its severity's actions ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RerunGate {
    /// A SEV2 run that is at least so likely a misconfiguration needs one.
    pub sev2_likelihood_min: Likelihood,
}

/// By when people must have acted, and after how long quiet is suspicious.
///
/// A deadline is the first instant that is too late: an acknowledgment 15 minutes after the alert
/// is overdue where the deadline is 15 minutes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deadlines {
    /// Minutes from the alert of a SEV0 to its acknowledgment.
    pub sev0_ack_minutes: u32,
    /// Minutes from the alert of a SEV1 to its acknowledgment.
    pub sev1_ack_minutes: u32,
    /// Minutes from the alert of a SEV0 to the assessment of what was exposed.
    pub sev0_assess_minutes: u32,
    /// Days after which a baseline, a proposal or an open case without anything new is stale.
    pub stale_days: u32,
    /// Days from the resolution of a case to its archival.
    pub archive_days: u32,
    /// Minutes that what is shown elsewhere may lag behind the ledger.
    pub sync_lag_minutes: u32,
    /// Hours without any run after which something is wrong with the reporting itself.
    pub silence_hours: u32,
}

impl Deadlines {
    /// Minutes from the alert to the acknowledgment; `None` where a severity asks for none.
    ///
    /// ```
    /// # use credit_core::{Deadlines, Severity};
    /// # let deadlines = Deadlines {
    /// #     sev0_ack_minutes: 15, sev1_ack_minutes: 60, sev0_assess_minutes: 15,
    /// #     stale_days: 14, archive_days: 30, sync_lag_minutes: 5, silence_hours: 24,
    /// # };
    /// assert_eq!(deadlines.ack_minutes(Severity::Sev1), Some(60));
    /// assert_eq!(deadlines.ack_minutes(Severity::Sev2), None);
    /// ```
    pub const fn ack_minutes(&self, severity: Severity) -> Option<u32> {
        match severity {
            Severity::Sev0 => Some(self.sev0_ack_minutes),
            Severity::Sev1 => Some(self.sev1_ack_minutes),
            Severity::Sev2 | Severity::Sev3 | Severity::Sev4 => None,
        }
    }
}
