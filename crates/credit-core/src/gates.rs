//! What a run and a scenario must satisfy before they shape a baseline; policy data that the
//! baseline and report crates apply.

use crate::Status;

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
