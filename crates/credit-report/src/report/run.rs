//! What a report says of single runs.

use credit_core::{CaseId, Credits, Multiplier, RiskFlags, RunId, ScenarioId, Severity, Timestamp};

use crate::{ReviewDecision, RunCase, SeverityCertainty};

/// A run that cost at least twice its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikeRun {
    /// The run.
    pub run_id: RunId,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// What it cost.
    pub credits: Credits,
    /// When it finished.
    pub timestamp: Timestamp,
    /// Its severity.
    pub severity: Severity,
    /// How sure that is; `None` where it is not known how sure the baseline is.
    pub certainty: Option<SeverityCertainty>,
    /// Its cost over the baseline it was judged by.
    pub variance_multiplier: Multiplier,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// Why it was judged so, in words; empty where the record has none.
    pub summary: String,
    /// Its case.
    pub case_id: Option<CaseId>,
    /// Whether somebody has to decide if it needs a case: a SEV2 run without one that no review
    /// decided about.
    pub needs_assessment: bool,
    /// What a review decided about it.
    pub decision: Option<ReviewDecision>,
    /// The whole stored record with what the report adds at its end, as compact JSON.
    pub record: String,
}

/// A run that the review has to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    /// The run.
    pub run_id: RunId,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// When it finished.
    pub timestamp: Timestamp,
    /// Its severity.
    pub severity: Severity,
    /// How sure that is; `None` where it is not known how sure the baseline is.
    pub certainty: Option<SeverityCertainty>,
    /// What it cost.
    pub credits: Credits,
    /// Its cost over the baseline it was judged by.
    pub variance_multiplier: Option<Multiplier>,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// Why it is here.
    pub reasons: Vec<ReviewReason>,
    /// Its case.
    pub case_id: Option<CaseId>,
    /// Whether somebody has to decide if it needs a case: a SEV2 run without one that no review
    /// decided about.
    pub needs_assessment: bool,
    /// What a review decided about it.
    pub decision: Option<ReviewDecision>,
}

/// Why the review has to look at a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReviewReason {
    /// It is SEV2.
    Sev2,
    /// It may have touched sensitive data.
    CriticalFlag,
    /// The policy's actions for its severity say so.
    WeeklyReview,
}

impl ReviewReason {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            ReviewReason::Sev2 => "sev2",
            ReviewReason::CriticalFlag => "critical_flag",
            ReviewReason::WeeklyReview => "weekly_review",
        }
    }
}

/// A SEV0 or SEV1 run.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyViolation {
    /// The run.
    pub run_id: RunId,
    /// What kind of violation.
    pub violation_type: Violation,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// When it finished.
    pub timestamp: Timestamp,
    /// Its severity.
    pub severity: Severity,
    /// How sure that is; `None` where it is not known how sure the baseline is.
    pub certainty: Option<SeverityCertainty>,
    /// What it cost.
    pub credits: Credits,
    /// Its case.
    pub case: Option<RunCase>,
}

/// What kind of violation a grave run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Violation {
    /// SEV0 for what the run did.
    Sev0Incident,
    /// SEV1 for what the run did.
    Sev1Incident,
    /// There was no baseline to judge it by.
    MissingBaseline,
    /// It cost something where the baseline is zero.
    AboveZeroBaseline,
}

impl Violation {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Violation::Sev0Incident => "SEV0_INCIDENT",
            Violation::Sev1Incident => "SEV1_INCIDENT",
            Violation::MissingBaseline => "MISSING_BASELINE",
            Violation::AboveZeroBaseline => "ABOVE_ZERO_BASELINE",
        }
    }
}
