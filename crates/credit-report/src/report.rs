//! The report as data.

use credit_baseline::{Criterion, Figure};
use credit_core::{
    CaseId, Credits, Multiplier, Period, RiskFlags, RunId, ScenarioId, Severity, Sha256, Timestamp,
    TotalCredits,
};

use crate::{BaselineChange, HeadRef, RunCase};

/// One period in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct WeeklyReport {
    /// The period.
    pub period: Period,
    /// The ledger's head that the report stands on.
    pub ledger_head: Option<HeadRef>,
    /// The second chain's head that the report stands on.
    pub events_head: Option<HeadRef>,
    /// The policy's hash.
    pub policy_sha256: Sha256,
    /// The baselines file's hash.
    pub baselines_sha256: Sha256,
    /// Whether the figures mean what they say.
    pub data_status: DataStatus,
    /// The five scenarios that cost most, the dearest first.
    pub top_scenarios_by_total: Vec<ScenarioTotal>,
    /// The five runs of at least twice their baseline that exceeded it most, the highest first.
    pub top_spike_runs: Vec<SpikeRun>,
    /// Every run that the review has to look at, the oldest first.
    pub review_queue: Vec<Queued>,
    /// Every SEV0 and SEV1 run, the gravest first.
    pub policy_violations: Vec<PolicyViolation>,
    /// Scenarios that passed every criterion of the candidate gate, by id.
    pub baseline_candidates: Vec<Screened>,
    /// All other scenarios with runs in the period, by id, with what they failed.
    pub baseline_ineligible: Vec<Ineligible>,
    /// Of those, the ones that failed nothing but the nearness to their baseline.
    pub drift_candidates: Vec<Screened>,
    /// Changes of baselines approved in the period, the oldest first.
    pub baseline_changes: Vec<BaselineChange>,
    /// The period's sums.
    pub summary_stats: SummaryStats,
}

impl WeeklyReport {
    /// The version of the report's format.
    pub const SCHEMA_VERSION: u32 = 1;

    /// `CREDIT_REVIEW_` and the day the period ends.
    pub fn report_id(&self) -> String {
        format!("CREDIT_REVIEW_{}", self.period.end.day())
    }
}

/// Whether a report's figures mean what they say; of several reasons why not, the gravest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DataStatus {
    /// They do.
    Ok,
    /// There is no ledger.
    LedgerMissing,
    /// The ledger has no runs at all.
    LedgerEmpty,
    /// The ledger was read, and no run lies in the period.
    NoRunsInPeriod,
    /// Lines of the ledger could not be read, so the figures are too low.
    ParseErrors,
}

impl DataStatus {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            DataStatus::Ok => "ok",
            DataStatus::LedgerMissing => "ledger_missing",
            DataStatus::LedgerEmpty => "ledger_empty",
            DataStatus::NoRunsInPeriod => "no_runs_in_period",
            DataStatus::ParseErrors => "parse_errors",
        }
    }
}

/// What one scenario cost in the period.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioTotal {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The sum.
    pub total_credits: TotalCredits,
    /// Its runs in the period.
    pub run_count: u64,
    /// Its runs in the period before.
    pub prev_run_count: u64,
    /// The mean, rounded half to even to a micro-credit.
    pub avg_credits: Credits,
    /// The median.
    pub median_credits: Credits,
    /// The 95th percentile by nearest rank.
    pub p95_credits: Credits,
    /// The dearest run.
    pub max_credits: Credits,
    /// The baseline in force.
    pub baseline: Option<Credits>,
    /// Median over baseline.
    pub variance_multiplier: Option<Multiplier>,
    /// Mean over baseline, which skewed runs raise without any change.
    pub mean_variance_multiplier: Option<Multiplier>,
    /// Whether the median is more than twice the baseline.
    pub notable: bool,
}

impl ScenarioTotal {
    /// How many runs more than in the period before.
    pub fn run_count_change(&self) -> i128 {
        i128::from(self.run_count) - i128::from(self.prev_run_count)
    }
}

/// A run that cost at least twice its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikeRun {
    /// The run.
    pub run_id: RunId,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// What it cost.
    pub credits: Credits,
    /// Its severity.
    pub severity: Severity,
    /// Its cost over the baseline it was judged by.
    pub variance_multiplier: Multiplier,
    /// Its case.
    pub case_id: Option<CaseId>,
    /// Whether somebody has to decide if it needs a case: a SEV2 run without one.
    pub needs_assessment: bool,
    /// The whole stored record with `case_id` and `needs_assessment` at its end, as compact JSON.
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
    /// Whether somebody has to decide if it needs a case: a SEV2 run without one.
    pub needs_assessment: bool,
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
    /// Its severity.
    pub severity: Severity,
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

/// A scenario that is stable, with the figures it was screened by.
#[derive(Clone, Debug, PartialEq)]
pub struct Screened {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The baseline in force.
    pub baseline: Credits,
    /// The period's median: what the baseline would become if this period were all there is.
    pub proposed_median_credits: Credits,
    /// Median over baseline.
    pub variance_multiplier: Option<Multiplier>,
    /// Mean over baseline.
    pub mean_variance_multiplier: Option<Multiplier>,
    /// Its runs in the period.
    pub run_count: u64,
    /// Its coefficient of variation.
    pub cv: Figure,
}

/// A scenario that is no candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Ineligible {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// What it failed.
    pub failed: Vec<Criterion>,
}

/// The sums over a period.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SummaryStats {
    /// What all runs cost.
    pub total_credits: TotalCredits,
    /// How many there were.
    pub total_runs: u64,
    /// How many of each severity, SEV0 first.
    pub severity_counts: [u64; 5],
}

impl SummaryStats {
    /// The mean, rounded half to even to a micro-credit; `None` without runs.
    ///
    /// ```
    /// # use credit_core::Credits;
    /// # use credit_report::SummaryStats;
    /// let mut stats = SummaryStats::default();
    /// assert_eq!(stats.avg_credits_per_run(), None);
    /// stats.total_credits += Credits::whole(3).unwrap();
    /// stats.total_runs = 2;
    /// assert_eq!(stats.avg_credits_per_run().unwrap().to_string(), "1.5");
    /// ```
    pub fn avg_credits_per_run(&self) -> Option<Credits> {
        self.total_credits.mean(self.total_runs)
    }
}
