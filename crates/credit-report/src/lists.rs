//! The runs that a report lists by name.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use credit_core::json::{Object, ObjectWriter};
use credit_core::{
    Action, BaselineStatus, CaseId, Multiplier, RiskFlags, RunFacts, RunId, Severity,
};

use crate::json::{certainty, decision};
use crate::report::TOP;
use crate::scenarios::is_spike;
use crate::{
    Decided, PolicyViolation, Queued, ReviewDecision, ReviewReason, RunCase, SeverityCertainty,
    SpikeRun, Violation,
};

/// Whether a report that a run belongs to may list it by name: what was decided about other runs
/// need not be looked up.
///
/// ```
/// use credit_core::RunFacts;
///
/// let run = RunFacts::parse(
///     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
///         "Status":"Success","Credits_Total":100,"Severity":"SEV4","Risk_Flags":[],
///         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":100,
///         "Baseline_Status":"current","Variance_Multiplier":1.000000,"retry_count":0,"actions":[]}"#,
/// )?;
/// assert!(!credit_report::is_listed(&run));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn is_listed(run: &RunFacts<'_>) -> bool {
    run.severity <= Severity::Sev1 || is_spike(run) || !review_reasons(run).is_empty()
}

pub(crate) fn top_spikes(runs: &[&RunFacts<'_>], known: &Known<'_>) -> Vec<SpikeRun> {
    let mut spikes: Vec<(Multiplier, &RunFacts<'_>)> = runs
        .iter()
        .filter(|run| is_spike(run))
        .filter_map(|run| Some((run.variance?, *run)))
        .collect();
    spikes.sort_unstable_by_key(|(variance, run)| (Reverse(*variance), &run.run_id));
    spikes.truncate(TOP);
    let spike = |(variance, run): (Multiplier, &RunFacts<'_>)| {
        let case_id = known.case_id(run);
        let needs_assessment = known.needs_assessment(run);
        let decision = known.decision(run).cloned();
        SpikeRun {
            run_id: run.run_id.clone(),
            scenario_id: run.scenario_id.clone(),
            credits: run.credits,
            timestamp: run.timestamp,
            severity: run.severity,
            certainty: known.certainty(run),
            variance_multiplier: variance,
            risk_flags: run.risk_flags,
            summary: run.summary.clone().into_owned(),
            record: record(
                run,
                case_id.as_ref(),
                needs_assessment,
                decision.as_ref(),
                known,
            ),
            case_id,
            needs_assessment,
            decision,
        }
    };
    spikes.into_iter().map(spike).collect()
}

/// The stored record and, at its end, what the report adds.
fn record(
    run: &RunFacts<'_>,
    case_id: Option<&CaseId>,
    needs_assessment: bool,
    decided: Option<&ReviewDecision>,
    known: &Known<'_>,
) -> String {
    let mut out = ObjectWriter::new();
    match Object::parse(run.json) {
        Ok(object) => object
            .iter()
            // A run may have brought a field of that name; the report's keys mean one thing.
            .filter(|(key, _)| !ADDED.contains(key))
            .for_each(|(key, value)| out.token(key, value.get())),
        // Only where somebody made the facts by hand: they were read from this text.
        Err(_) => out.plain("Run_ID", &run.run_id),
    }
    match case_id {
        Some(id) => out.plain("case_id", id),
        None => out.token("case_id", "null"),
    }
    out.token("needs_assessment", needs_assessment);
    out.token("decision", decision(decided));
    certainty(&mut out, known.certainty(run));
    out.finish()
}

/// The keys that a report adds to a record.
const ADDED: [&str; 4] = [
    "case_id",
    "needs_assessment",
    "decision",
    "severity_certainty",
];

pub(crate) fn review_queue(runs: &[&RunFacts<'_>], known: &Known<'_>) -> Vec<Queued> {
    let mut queue: Vec<(&RunFacts<'_>, Vec<ReviewReason>)> = runs
        .iter()
        .map(|run| (*run, review_reasons(run)))
        .filter(|(_, reasons)| !reasons.is_empty())
        .collect();
    queue.sort_unstable_by_key(|(run, _)| (run.timestamp, &run.run_id));
    let queued = |(run, reasons): (&RunFacts<'_>, Vec<ReviewReason>)| Queued {
        run_id: run.run_id.clone(),
        scenario_id: run.scenario_id.clone(),
        timestamp: run.timestamp,
        severity: run.severity,
        certainty: known.certainty(run),
        credits: run.credits,
        variance_multiplier: run.variance,
        risk_flags: run.risk_flags,
        reasons,
        case_id: known.case_id(run),
        needs_assessment: known.needs_assessment(run),
        decision: known.decision(run).cloned(),
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

pub(crate) fn violations(runs: &[&RunFacts<'_>], known: &Known<'_>) -> Vec<PolicyViolation> {
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
        scenario_id: run.scenario_id.clone(),
        timestamp: run.timestamp,
        severity: run.severity,
        certainty: known.certainty(run),
        credits: run.credits,
        case: known.case(run).cloned(),
    };
    grave.into_iter().map(violation).collect()
}

/// What is decided, by run.
pub(crate) struct Known<'a> {
    cases: HashMap<&'a RunId, &'a RunCase>,
    decisions: HashMap<&'a RunId, &'a ReviewDecision>,
    certainties: &'a BTreeMap<RunId, SeverityCertainty>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(
        decided: &'a Decided,
        certainties: &'a BTreeMap<RunId, SeverityCertainty>,
    ) -> Known<'a> {
        let mut cases = HashMap::with_capacity(decided.cases.len());
        for case in &decided.cases {
            cases.entry(&case.run_id).or_insert(case);
        }
        let decisions = decided.decisions.iter().map(|d| (&d.run_id, d)).collect();
        Known {
            cases,
            decisions,
            certainties,
        }
    }

    pub(crate) fn certainty(&self, run: &RunFacts<'_>) -> Option<SeverityCertainty> {
        self.certainties.get(&run.run_id).copied()
    }

    fn case(&self, run: &RunFacts<'_>) -> Option<&'a RunCase> {
        self.cases.get(&run.run_id).copied()
    }

    fn case_id(&self, run: &RunFacts<'_>) -> Option<CaseId> {
        self.case(run).map(|case| case.case_id.clone())
    }

    fn decision(&self, run: &RunFacts<'_>) -> Option<&'a ReviewDecision> {
        self.decisions.get(&run.run_id).copied()
    }

    /// A SEV2 run without a case that no review decided about: somebody has to.
    fn needs_assessment(&self, run: &RunFacts<'_>) -> bool {
        run.severity == Severity::Sev2 && self.case(run).is_none() && self.decision(run).is_none()
    }
}
