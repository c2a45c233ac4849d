//! From runs to a report.

use std::cmp::Reverse;
use std::collections::HashMap;

use credit_core::json::{Object, ObjectWriter};
use credit_core::{
    Action, BaselineStatus, CaseId, Multiplier, RiskFlags, RunFacts, RunId, Severity,
};

use crate::scenarios::{Groups, Scenario};
use crate::screening::screen;
use crate::{
    Context, DataStatus, LedgerState, PolicyViolation, Queued, ReviewReason, RunCase,
    ScenarioTotal, SpikeRun, SummaryStats, Violation, WeeklyReport,
};

/// The report on the runs in `context.period`.
///
/// `runs` may hold any runs in any order; the period before is needed too, for the run counts to be
/// compared with. The same runs and context give the same report.
///
/// ```
/// use credit_baseline::Baselines;
/// use credit_core::{CandidateGate, Day, Multiplier, Period, RunFacts, Sha256};
/// use credit_report::{Context, LedgerState, weekly};
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
///     ledger: LedgerState::Read,
///     ledger_head: None,
///     events_head: None,
///     policy_sha256: Sha256::of(b"policy"),
///     baselines_sha256: Sha256::of(b"baselines"),
///     baselines: &Baselines::empty(end),
///     candidate_gate: CandidateGate {
///         runs_min: 10, cv_below: 0.3, variance_below: Multiplier::from_micro(1_200_000),
///     },
///     baseline_changes: &[],
///     cases: &[],
/// });
/// assert_eq!(report.report_id(), "CREDIT_REVIEW_2024-01-29");
/// assert!(report.top_spike_runs[0].needs_assessment);
/// assert!(report.to_json().contains("\"data_status\": \"ok\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn weekly(runs: &[RunFacts<'_>], context: &Context<'_>) -> WeeklyReport {
    let previous = context.period.before();
    let mut groups = Groups::default();
    let mut in_period: Vec<&RunFacts<'_>> = Vec::new();
    for run in runs {
        if context.period.contains(run.timestamp) {
            groups.add(run);
            in_period.push(run);
        } else if previous.contains(run.timestamp) {
            groups.add_previous(run);
        }
    }
    let scenarios = groups.finish(context.baselines);
    let screening = screen(&scenarios, &context.candidate_gate);
    let cases = Cases::new(context.cases);
    let mut baseline_changes = context.baseline_changes.to_vec();
    baseline_changes.retain(|change| context.period.contains(change.approved_at));
    baseline_changes.sort_by(|a, b| {
        (a.approved_at, &a.scenario_id, a.old, a.new, &a.approved_by).cmp(&(
            b.approved_at,
            &b.scenario_id,
            b.old,
            b.new,
            &b.approved_by,
        ))
    });
    WeeklyReport {
        period: context.period,
        ledger_head: context.ledger_head,
        events_head: context.events_head,
        policy_sha256: context.policy_sha256,
        baselines_sha256: context.baselines_sha256,
        data_status: data_status(context.ledger, in_period.is_empty()),
        top_scenarios_by_total: top_scenarios(&scenarios),
        top_spike_runs: top_spikes(&in_period, &cases),
        review_queue: review_queue(&in_period, &cases),
        policy_violations: violations(&in_period, &cases),
        baseline_candidates: screening.candidates,
        baseline_ineligible: screening.ineligible,
        drift_candidates: screening.drifted,
        baseline_changes,
        summary_stats: summary(&in_period),
    }
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

fn top_scenarios(scenarios: &[Scenario<'_>]) -> Vec<ScenarioTotal> {
    let mut order: Vec<&Scenario<'_>> = scenarios.iter().collect();
    order.sort_unstable_by_key(|scenario| (Reverse(scenario.total), scenario.id));
    order.truncate(TOP);
    order.into_iter().map(Scenario::totals).collect()
}

fn top_spikes(runs: &[&RunFacts<'_>], cases: &Cases<'_>) -> Vec<SpikeRun> {
    // Variances are cut off, so one that is shown as at least 2 is at least 2.
    let mut spikes: Vec<(Multiplier, &RunFacts<'_>)> = runs
        .iter()
        .filter_map(|run| Some((run.variance?, *run)))
        .filter(|(variance, _)| *variance >= SPIKE)
        .collect();
    spikes.sort_unstable_by_key(|(variance, run)| (Reverse(*variance), &run.run_id));
    spikes.truncate(TOP);
    let spike = |(variance, run): (Multiplier, &RunFacts<'_>)| {
        let case_id = cases.id(run);
        let needs_assessment = needs_assessment(run, case_id.as_ref());
        SpikeRun {
            run_id: run.run_id.clone(),
            scenario_id: run.scenario_id.clone(),
            credits: run.credits,
            severity: run.severity,
            variance_multiplier: variance,
            record: record(run, case_id.as_ref(), needs_assessment),
            case_id,
            needs_assessment,
        }
    };
    spikes.into_iter().map(spike).collect()
}

/// The stored record and, at its end, what the report adds.
fn record(run: &RunFacts<'_>, case_id: Option<&CaseId>, needs_assessment: bool) -> String {
    let mut out = ObjectWriter::new();
    match Object::parse(run.json) {
        Ok(object) => object
            .iter()
            // A run may have brought a field of that name; the report's keys mean one thing.
            .filter(|(key, _)| !["case_id", "needs_assessment"].contains(key))
            .for_each(|(key, value)| out.token(key, value.get())),
        // Only where somebody made the facts by hand: they were read from this text.
        Err(_) => out.plain("Run_ID", &run.run_id),
    }
    match case_id {
        Some(id) => out.plain("case_id", id),
        None => out.token("case_id", "null"),
    }
    out.token("needs_assessment", needs_assessment);
    out.finish()
}

fn review_queue(runs: &[&RunFacts<'_>], cases: &Cases<'_>) -> Vec<Queued> {
    let mut queue: Vec<(&RunFacts<'_>, Vec<ReviewReason>)> = runs
        .iter()
        .map(|run| (*run, review_reasons(run)))
        .filter(|(_, reasons)| !reasons.is_empty())
        .collect();
    queue.sort_unstable_by_key(|(run, _)| (run.timestamp, &run.run_id));
    let queued = |(run, reasons): (&RunFacts<'_>, Vec<ReviewReason>)| {
        let case_id = cases.id(run);
        Queued {
            run_id: run.run_id.clone(),
            scenario_id: run.scenario_id.clone(),
            timestamp: run.timestamp,
            severity: run.severity,
            credits: run.credits,
            variance_multiplier: run.variance,
            risk_flags: run.risk_flags,
            reasons,
            needs_assessment: needs_assessment(run, case_id.as_ref()),
            case_id,
        }
    };
    queue.into_iter().map(queued).collect()
}

fn review_reasons(run: &RunFacts<'_>) -> Vec<ReviewReason> {
    // Not collected: for most runs there is none, and an empty Vec allocates nothing.
    let mut reasons = Vec::new();
    if run.severity == Severity::Sev2 {
        reasons.push(ReviewReason::Sev2);
    }
    if run.risk_flags.intersects(RiskFlags::CRITICAL) {
        reasons.push(ReviewReason::CriticalFlag);
    }
    if run.actions.contains(Action::WeeklyReview) {
        reasons.push(ReviewReason::WeeklyReview);
    }
    reasons
}

fn violations(runs: &[&RunFacts<'_>], cases: &Cases<'_>) -> Vec<PolicyViolation> {
    let mut grave: Vec<&RunFacts<'_>> = runs
        .iter()
        .copied()
        .filter(|run| run.severity <= Severity::Sev1)
        .collect();
    grave.sort_unstable_by_key(|run| (run.severity, run.timestamp, &run.run_id));
    let violation = |run: &RunFacts<'_>| PolicyViolation {
        run_id: run.run_id.clone(),
        violation_type: match (run.baseline_status, run.severity) {
            (BaselineStatus::Missing, _) => Violation::MissingBaseline,
            (BaselineStatus::Zero, _) => Violation::AboveZeroBaseline,
            (_, Severity::Sev0) => Violation::Sev0Incident,
            (_, _) => Violation::Sev1Incident,
        },
        severity: run.severity,
        case: cases.of(run).cloned(),
    };
    grave.into_iter().map(violation).collect()
}

fn summary(runs: &[&RunFacts<'_>]) -> SummaryStats {
    let mut stats = SummaryStats::default();
    for run in runs {
        stats.total_credits += run.credits;
        stats.total_runs += 1;
        let [sev0, sev1, sev2, sev3, sev4] = &mut stats.severity_counts;
        *match run.severity {
            Severity::Sev0 => sev0,
            Severity::Sev1 => sev1,
            Severity::Sev2 => sev2,
            Severity::Sev3 => sev3,
            Severity::Sev4 => sev4,
        } += 1;
    }
    stats
}

/// A SEV2 run without a case: somebody has to decide whether it needs one.
fn needs_assessment(run: &RunFacts<'_>, case_id: Option<&CaseId>) -> bool {
    run.severity == Severity::Sev2 && case_id.is_none()
}

/// The cases by run.
struct Cases<'a>(HashMap<&'a RunId, &'a RunCase>);

impl<'a> Cases<'a> {
    fn new(cases: &'a [RunCase]) -> Cases<'a> {
        let mut by_run = HashMap::with_capacity(cases.len());
        for case in cases {
            by_run.entry(&case.run_id).or_insert(case);
        }
        Cases(by_run)
    }

    fn of(&self, run: &RunFacts<'_>) -> Option<&'a RunCase> {
        self.0.get(&run.run_id).copied()
    }

    fn id(&self, run: &RunFacts<'_>) -> Option<CaseId> {
        self.of(run).map(|case| case.case_id.clone())
    }
}

/// How many scenarios and spikes are listed.
const TOP: usize = 5;

/// A run of this many times its baseline is a spike.
const SPIKE: Multiplier = Multiplier::from_micro(2_000_000);
