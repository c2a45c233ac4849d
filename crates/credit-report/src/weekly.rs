//! From runs to a report.

use std::cmp::Reverse;

use credit_core::RunFacts;

use crate::drift::{Drift, drift};
use crate::lists::{Known, review_queue, top_spikes, violations};
use crate::patterns::patterns;
use crate::scenarios::{Groups, Scenario};
use crate::screening::screen;
use crate::{
    Context, DataStatus, LedgerState, ScenarioTotal, SummaryStats, WeeklyReport, reviewed, timeline,
};

/// The report on the runs in `context.period`, of one scenario if the scope says so.
///
/// `runs` may hold any runs in any order; the period before is needed too, for the run counts to be
/// compared with and to find when something changed. The same runs and context give the same
/// report.
///
/// ```
/// use credit_baseline::Baselines;
/// use credit_core::{CandidateGate, Day, Multiplier, Period, RunFacts, Sha256};
/// use credit_report::{Context, Decided, LedgerState, Repetition, Scope, weekly};
///
/// let run = RunFacts::parse(
///     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
///         "Status":"Success","Credits_Total":250,"Severity":"SEV2","Risk_Flags":[],
///         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":100,
///         "Baseline_Status":"current","Variance_Multiplier":2.500000,"retry_count":0,"actions":[]}"#,
/// )?;
/// let end = "2024-01-29".parse::<Day>()?.start();
/// let report = weekly(&[run], &Context {
///     period: Period::days_until(7, end),
///     scope: &Scope::Review,
///     ledger: LedgerState::Read,
///     earlier: &[],
///     ledger_head: None,
///     events_head: None,
///     policy_sha256: Sha256::of(b"policy"),
///     baselines_sha256: Sha256::of(b"baselines"),
///     baselines: &Baselines::empty(end),
///     candidate_gate: CandidateGate {
///         runs_min: 10, cv_below: 0.3, variance_below: Multiplier::from_micro(1_200_000),
///     },
///     repetition: Repetition { runs_min: 3, days: 7 },
///     decided: &Decided::default(),
///     certainties: &Default::default(),
/// });
/// assert_eq!(report.report_id(), "CREDIT_REVIEW_2024-01-29");
/// assert!(report.top_spike_runs[0].needs_assessment);
/// assert_eq!(report.patterns[0].kind.as_str(), "transient");
/// assert!(report.to_json().contains("\"data_status\": \"ok\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn weekly<'a>(runs: &'a [RunFacts<'a>], context: &Context<'a>) -> WeeklyReport {
    let (period, decided) = (context.period, context.decided);
    let scenario = context.scope.scenario();
    let previous = period.before();
    let mut groups = Groups::default();
    let mut in_period: Vec<&RunFacts<'_>> = Vec::new();
    for run in runs {
        if scenario.is_some_and(|id| run.scenario_id != *id) {
            continue;
        }
        if period.contains(run.timestamp) {
            groups.add(run);
            in_period.push(run);
        } else if previous.contains(run.timestamp) {
            groups.add_previous(run);
        }
    }
    for earlier in context.earlier {
        if scenario.is_none_or(|id| earlier.scenario_id == *id) {
            groups.add_earlier(earlier, previous);
        }
    }
    let scenarios = groups.finish(context.baselines);
    let gate = &context.candidate_gate;
    let drifts: Vec<Option<Drift<'_>>> = scenarios.iter().map(|s| drift(s, gate)).collect();
    let with_drift: Vec<_> = scenarios
        .iter()
        .zip(drifts.iter().map(Option::as_ref))
        .collect();
    let screening = screen(with_drift.iter().copied(), gate);
    let known = Known::new(decided, context.certainties);
    let top_spike_runs = top_spikes(&in_period, &known);
    let totals = totals(&scenarios, &known);
    let by_total: Vec<_> = totals.iter().map(|total| &total.scenario_id).collect();
    let bands = timeline::bands(
        &scenarios,
        &by_total,
        &screening.drifted,
        &top_spike_runs,
        gate.variance_below,
    );
    let mut report = WeeklyReport {
        period,
        scope: context.scope.clone(),
        ledger_head: context.ledger_head,
        events_head: context.events_head,
        policy_sha256: context.policy_sha256,
        baselines_sha256: context.baselines_sha256,
        data_status: data_status(context.ledger, in_period.is_empty()),
        scenarios: totals,
        top_spike_runs,
        review_queue: review_queue(&in_period, &known),
        policy_violations: violations(&in_period, &known),
        baseline_candidates: screening.candidates,
        baseline_ineligible: screening.ineligible,
        drift_candidates: screening.drifted,
        patterns: patterns(&with_drift, gate, context.repetition),
        baseline_changes: reviewed::baseline_changes(decided, period, scenario),
        pending_baselines: reviewed::proposals(decided, scenario),
        false_positives: reviewed::false_positives(decided, period, scenario),
        review_decisions: reviewed::decisions(decided, period, scenario, &in_period),
        review_notes: Vec::new(),
        timeline: timeline::timeline(period, &in_period),
        bands,
        summary_stats: summary(&in_period),
    };
    report.review_notes = reviewed::notes(decided, period, &report.report_id());
    report
}

fn data_status(ledger: LedgerState, is_empty: bool) -> DataStatus {
    match ledger {
        LedgerState::Missing => DataStatus::LedgerMissing,
        LedgerState::Unreadable => DataStatus::ParseErrors,
        LedgerState::Empty => DataStatus::LedgerEmpty,
        LedgerState::Read if is_empty => DataStatus::NoRunsInPeriod,
        LedgerState::Read => DataStatus::Ok,
    }
}

/// What each scenario cost, the dearest first.
fn totals(scenarios: &[Scenario<'_>], known: &Known<'_>) -> Vec<ScenarioTotal> {
    let totals = scenarios.iter().map(|scenario| scenario.totals(known));
    let mut totals: Vec<ScenarioTotal> = totals.collect();
    // Stable, so that ties stay in the order of their ids.
    totals.sort_by_key(|total| Reverse(total.total_credits));
    totals
}

fn summary(runs: &[&RunFacts<'_>]) -> SummaryStats {
    let mut stats = SummaryStats::default();
    for run in runs {
        stats.add(run.credits, run.severity);
    }
    stats
}
