//! The report as data.

mod run;
mod scenario;

use credit_core::{Credits, Period, RiskFlag, ScenarioId, Severity, Sha256, TotalCredits};

use crate::sums::rung;
use crate::{BaselineChange, HeadRef, Proposal, ReviewDecision, ReviewNote, Scope};

pub use run::{PolicyViolation, Queued, ReviewReason, SpikeRun, Violation};
pub use scenario::{
    Band, Dot, Drifted, Ineligible, Level, Pattern, PatternKind, ScenarioTotal, Screened,
};

/// One period in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct WeeklyReport {
    /// The period.
    pub period: Period,
    /// What it is about.
    pub scope: Scope,
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
    /// Every scenario with runs in the period, the dearest first, ties by id.
    pub scenarios: Vec<ScenarioTotal>,
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
    /// Those of them that are stable somewhere else than at their baseline, by id.
    pub drift_candidates: Vec<Drifted>,
    /// What the period's spikes have in common: drift, then systemic, then transient.
    pub patterns: Vec<Pattern>,
    /// Changes of baselines approved in the period, the oldest first.
    pub baseline_changes: Vec<BaselineChange>,
    /// Proposed baselines that wait for an approver, by scenario.
    pub pending_baselines: Vec<Proposal>,
    /// How often sensitive data was really exposed.
    pub false_positives: FalsePositives,
    /// What reviews decided in the period, and about the runs listed here, the oldest first.
    pub review_decisions: Vec<ReviewDecision>,
    /// The notes that were written in the period, and those to this report, the oldest first.
    pub review_notes: Vec<ReviewNote>,
    /// The period in equal parts, the oldest first.
    pub timeline: Vec<Slice>,
    /// Runs against their baseline, of the scenarios that are worth a look.
    pub bands: Vec<Band>,
    /// The period's sums.
    pub summary_stats: SummaryStats,
}

impl WeeklyReport {
    /// The version of the report's format.
    pub const SCHEMA_VERSION: u32 = 3;

    /// `CREDIT_REVIEW_` and the day the period ends; for a question of the moment
    /// `CREDIT_REPORT_`, that day, the number of days, and the scenario.
    pub fn report_id(&self) -> String {
        let day = self.period.end.day();
        let id = match &self.scope {
            Scope::Review => return format!("CREDIT_REVIEW_{day}"),
            Scope::AdHoc { .. } => format!("CREDIT_REPORT_{day}_{}D", self.days()),
        };
        match self.scope.scenario() {
            Some(scenario) => format!("{id}_{scenario}"),
            None => id,
        }
    }

    /// How the report's files are named, without an ending: `weekly_2024-01-29`, or
    /// `report_2024-01-29_30d` and the scenario.
    pub fn file_stem(&self) -> String {
        let day = self.period.end.day();
        match (&self.scope, self.scope.scenario()) {
            (Scope::Review, _) => format!("weekly_{day}"),
            (Scope::AdHoc { .. }, None) => format!("report_{day}_{}d", self.days()),
            (Scope::AdHoc { .. }, Some(scenario)) => {
                format!("report_{day}_{}d_{scenario}", self.days())
            }
        }
    }

    /// The five scenarios that cost most, the dearest first.
    pub fn top_scenarios_by_total(&self) -> &[ScenarioTotal] {
        let top = self.scenarios.get(..TOP);
        top.unwrap_or(&self.scenarios)
    }

    /// The days of the period, a part of one counted whole.
    pub fn days(&self) -> i64 {
        period_days(self.period)
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

/// How often sensitive data was really exposed, as far as it was looked into in the period.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FalsePositives {
    /// By critical flag, in the flags' order.
    pub by_flag: Vec<(RiskFlag, Verdicts)>,
    /// By scenario, in order.
    pub by_scenario: Vec<(ScenarioId, Verdicts)>,
}

/// What came of looking.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Verdicts {
    /// It was not exposed.
    pub false_positives: u64,
    /// It was.
    pub confirmed: u64,
    /// It could not be told.
    pub undetermined: u64,
}

/// A part of the period.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slice {
    /// From when to when, the end not inside.
    pub period: Period,
    /// Its sums.
    pub sums: SummaryStats,
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
    /// Adds a run.
    pub(crate) fn add(&mut self, credits: Credits, severity: Severity) {
        self.total_credits += credits;
        self.total_runs += 1;
        count(&mut self.severity_counts, severity);
    }

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

/// Adds a run of a severity.
pub(crate) fn count(counts: &mut [u64; 5], severity: Severity) {
    if let Some(count) = counts.get_mut(rung(severity)) {
        *count += 1;
    }
}

/// The days of a period, a part of one counted whole.
pub(crate) fn period_days(period: Period) -> i64 {
    const SECONDS_A_DAY: i64 = 86_400;
    let seconds = period.end.unix() - period.start.unix();
    seconds.div_euclid(SECONDS_A_DAY) + i64::from(seconds.rem_euclid(SECONDS_A_DAY) > 0)
}

/// How many scenarios and spikes are listed at the top.
pub(crate) const TOP: usize = 5;
