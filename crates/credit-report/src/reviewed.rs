//! What was decided and found in the period.

use std::collections::{BTreeMap, HashSet};

use credit_core::{Exposure, Period, RiskFlag, RunFacts, RunId, ScenarioId};

use crate::{
    BaselineChange, Decided, ExposureFound, FalsePositives, Proposal, ReviewDecision, ReviewNote,
    Verdicts,
};

/// The changes that were approved in the period, the oldest first.
pub(crate) fn baseline_changes(
    decided: &Decided,
    period: Period,
    scenario: Option<&ScenarioId>,
) -> Vec<BaselineChange> {
    let mut changes = decided.baseline_changes.clone();
    changes.retain(|change| {
        period.contains(change.approved_at) && scenario.is_none_or(|id| change.scenario_id == *id)
    });
    changes.sort_by(|a, b| {
        (a.approved_at, &a.scenario_id, a.old, a.new, &a.approved_by).cmp(&(
            b.approved_at,
            &b.scenario_id,
            b.old,
            b.new,
            &b.approved_by,
        ))
    });
    changes
}

/// What waits for an approver, by scenario.
pub(crate) fn proposals(decided: &Decided, scenario: Option<&ScenarioId>) -> Vec<Proposal> {
    let mut proposals = decided.proposals.clone();
    proposals.retain(|proposal| scenario.is_none_or(|id| proposal.scenario_id == *id));
    proposals.sort_by(|a, b| a.scenario_id.cmp(&b.scenario_id));
    proposals
}

/// What was decided in the period or about one of its runs, in the order given; where the report
/// is about one scenario, only the latter.
pub(crate) fn decisions(
    decided: &Decided,
    period: Period,
    scenario: Option<&ScenarioId>,
    runs: &[&RunFacts<'_>],
) -> Vec<ReviewDecision> {
    if decided.decisions.is_empty() {
        return Vec::new();
    }
    let runs: HashSet<&RunId> = runs.iter().map(|run| &run.run_id).collect();
    let in_period = |at| scenario.is_none() && period.contains(at);
    let told = |d: &&ReviewDecision| in_period(d.at) || runs.contains(&d.run_id);
    decided.decisions.iter().filter(told).cloned().collect()
}

/// What was noted in the period or to the report of that name, in the order given.
pub(crate) fn notes(decided: &Decided, period: Period, report_id: &str) -> Vec<ReviewNote> {
    let told = |note: &&ReviewNote| period.contains(note.at) || note.report == report_id;
    decided.notes.iter().filter(told).cloned().collect()
}

/// What looking into exposures came to in the period.
pub(crate) fn false_positives(
    decided: &Decided,
    period: Period,
    scenario: Option<&ScenarioId>,
) -> FalsePositives {
    let found = decided.exposures.iter().filter(|found| {
        period.contains(found.at) && scenario.is_none_or(|id| found.scenario_id == *id)
    });
    let mut by_flag: BTreeMap<RiskFlag, Verdicts> = BTreeMap::new();
    let mut by_scenario: BTreeMap<ScenarioId, Verdicts> = BTreeMap::new();
    for found in found {
        for flag in found.flags.iter() {
            add(by_flag.entry(flag).or_default(), found);
        }
        add(
            by_scenario.entry(found.scenario_id.clone()).or_default(),
            found,
        );
    }
    FalsePositives {
        by_flag: by_flag.into_iter().collect(),
        by_scenario: by_scenario.into_iter().collect(),
    }
}

fn add(verdicts: &mut Verdicts, found: &ExposureFound) {
    *match found.exposure {
        Exposure::FalsePositive => &mut verdicts.false_positives,
        Exposure::Confirmed => &mut verdicts.confirmed,
        Exposure::Undetermined => &mut verdicts.undetermined,
    } += 1;
}
