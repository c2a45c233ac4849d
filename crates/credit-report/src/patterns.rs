//! What the period's spikes have in common.

use credit_core::{CandidateGate, RunFacts, ScenarioId, Timestamp};

use crate::drift::{Drift, is_above};
use crate::scenarios::Scenario;
use crate::{Pattern, PatternKind, Repetition};

/// Drift where one scenario spikes again and again or costs more than the band around its baseline
/// allows; systemic where many scenarios spike; transient otherwise.
///
/// `scenarios` are sorted and come with their drift.
pub(crate) fn patterns<'a>(
    scenarios: &[(&'a Scenario<'a>, Option<&'a Drift<'a>>)],
    gate: &CandidateGate,
    repetition: Repetition,
) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    let mut spiking: Vec<(&ScenarioId, Vec<&RunFacts<'_>>, bool)> = Vec::new();
    for (scenario, drift) in scenarios {
        let mut spikes: Vec<&RunFacts<'_>> = scenario.spikes().collect();
        in_order(&mut spikes);
        let up = drift.filter(|drift| drift.is_up);
        let is_repeated = is_repeated(&spikes, repetition);
        let has_drifted = is_repeated || up.is_some();
        if has_drifted {
            let evidence = match up {
                Some(drift) if !is_repeated => drift.runs.as_slice(),
                _ => spikes.as_slice(),
            };
            patterns.push(Pattern {
                level_moved: up.is_some() || is_above(scenario, gate),
                change: up.and_then(|drift| drift.change),
                ..pattern(PatternKind::Drift, vec![scenario.id.clone()], evidence)
            });
        }
        if !spikes.is_empty() {
            spiking.push((scenario.id, spikes, has_drifted));
        }
    }
    let is_systemic =
        spiking.len() >= SYSTEMIC_MIN && SYSTEMIC_SHARE * spiking.len() >= scenarios.len();
    if is_systemic {
        let ids = spiking.iter().map(|(id, ..)| (*id).clone()).collect();
        let mut runs = spiking.into_iter().flat_map(|(_, s, _)| s).collect();
        in_order(&mut runs);
        patterns.push(pattern(PatternKind::Systemic, ids, &runs));
    } else {
        let alone = spiking.into_iter().filter(|(.., drifted)| !drifted);
        patterns.extend(
            alone.map(|(id, spikes, _)| pattern(PatternKind::Transient, vec![id.clone()], &spikes)),
        );
    }
    patterns
}

/// Runs in their order.
fn in_order(runs: &mut Vec<&RunFacts<'_>>) {
    runs.sort_unstable_by_key(|run| (run.timestamp, &run.run_id));
}

/// Whether enough runs, which are in their order, lie close enough together.
fn is_repeated(runs: &[&RunFacts<'_>], repetition: Repetition) -> bool {
    let times: Vec<Timestamp> = runs.iter().map(|run| run.timestamp).collect();
    times
        .windows(repetition.runs_min.max(1))
        .any(|window| match window {
            [first, .., last] => *last < first.days_after(repetition.days),
            _ => true,
        })
}

fn pattern(kind: PatternKind, scenario_ids: Vec<ScenarioId>, runs: &[&RunFacts<'_>]) -> Pattern {
    let shown = runs.iter().take(EVIDENCE_MAX);
    Pattern {
        kind,
        scenario_ids,
        run_count: runs.len() as u64,
        run_ids: shown.map(|run| run.run_id.clone()).collect(),
        level_moved: false,
        change: None,
    }
}

/// So many scenarios at least are many, …
const SYSTEMIC_MIN: usize = 3;

/// … if they are a quarter of those that ran: in a large fleet a few always spike.
const SYSTEMIC_SHARE: usize = 4;

/// So many runs are named.
const EVIDENCE_MAX: usize = 20;
