//! What somebody has to decide, drawn from the rest of a report.

use std::collections::BTreeMap;

use credit_baseline::Change;
use credit_core::{CaseId, Credits, Multiplier, ScenarioId};

use crate::{
    Drifted, Pattern, PatternKind, PolicyViolation, Proposal, Queued, RunCase, Screened,
    SeverityCertainty, WeeklyReport,
};

/// Something that somebody has to decide.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Need {
    /// What kind of decision.
    pub kind: NeedKind,
    /// The run, the case or the scenario it is about; several scenarios with `, ` between them.
    pub subject: String,
    /// Why.
    pub why: String,
    /// The command that goes on from here; `…` stands for what only a person can say.
    pub command: String,
}

/// What kind of decision, the most urgent first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum NeedKind {
    /// A grave run has no case.
    OpenCase,
    /// A case of a grave run is stale, or its root cause is not known or not confirmed.
    AdvanceCase,
    /// Whether a moderate spike needs a case.
    Assess,
    /// Whether a proposed baseline is put into force.
    Approve,
    /// Whether a scenario's cost was meant to change.
    Explain,
    /// Whether a baseline is confirmed.
    Confirm,
}

impl NeedKind {
    /// Every kind, the most urgent first.
    pub const ALL: [NeedKind; 6] = [
        NeedKind::OpenCase,
        NeedKind::AdvanceCase,
        NeedKind::Assess,
        NeedKind::Approve,
        NeedKind::Explain,
        NeedKind::Confirm,
    ];

    /// What is to be done, as a heading.
    pub const fn heading(self) -> &'static str {
        match self {
            NeedKind::OpenCase => "Open a case",
            NeedKind::AdvanceCase => "Bring a case forward",
            NeedKind::Assess => "Assess a spike",
            NeedKind::Approve => "Approve a baseline",
            NeedKind::Explain => "Explain a change",
            NeedKind::Confirm => "Confirm a baseline",
        }
    }
}

impl WeeklyReport {
    /// What needs a decision, the most urgent first: it follows from the lists of the report and
    /// adds nothing to them.
    ///
    /// A baseline that is proposed already is to be approved, not to be proposed again.
    pub fn needs(&self) -> Vec<Need> {
        let without_case = self.policy_violations.iter().filter(|v| v.case.is_none());
        let to_assess = self.review_queue.iter().filter(|q| q.needs_assessment);
        let drifted = self.drift_candidates.iter();
        let drifted = drifted.filter(|d| !self.is_proposed(&d.screened.scenario_id));
        let patterns = self.patterns.iter().filter(|p| self.is_news(p));
        let candidates = self.baseline_candidates.iter();
        let candidates = candidates.filter(|c| !self.is_proposed(&c.scenario_id));
        let mut needs: Vec<Need> = without_case.map(open_case).collect();
        needs.extend(self.cases_to_advance());
        needs.extend(to_assess.map(assess));
        needs.extend(self.pending_baselines.iter().map(approve));
        needs.extend(drifted.map(explain_drift));
        needs.extend(patterns.filter_map(explain_pattern));
        needs.extend(candidates.map(confirm));
        needs
    }

    /// Each case once, however many grave runs it has.
    fn cases_to_advance(&self) -> Vec<Need> {
        let mut cases: BTreeMap<&CaseId, (u64, &RunCase)> = BTreeMap::new();
        for case in self
            .policy_violations
            .iter()
            .filter_map(|v| v.case.as_ref())
        {
            cases.entry(&case.case_id).or_insert((0, case)).0 += 1;
        }
        let needs = cases.into_values();
        needs
            .filter_map(|(runs, case)| advance_case(case, runs))
            .collect()
    }

    fn is_proposed(&self, scenario: &ScenarioId) -> bool {
        let mut proposals = self.pending_baselines.iter();
        proposals.any(|proposal| proposal.scenario_id == *scenario)
    }

    /// Whether nothing else in the list says the same already.
    fn is_news(&self, pattern: &Pattern) -> bool {
        let is_drifted = |id: &ScenarioId| {
            let mut drifted = self.drift_candidates.iter();
            drifted.any(|d| d.screened.scenario_id == *id)
        };
        let mut ids = pattern.scenario_ids.iter();
        ids.any(|id| !is_drifted(id) && !self.is_proposed(id))
    }
}

/// `None` for a case that moves and whose root cause is confirmed.
fn advance_case(case: &RunCase, runs: u64) -> Option<Need> {
    let mut reasons = Vec::new();
    if case.stale {
        reasons.push("nothing recorded for too long");
    }
    match case.root_cause {
        None => reasons.push("no root cause"),
        Some(cause) if !cause.confirmed => reasons.push("root cause not confirmed"),
        Some(_) => {}
    }
    (!reasons.is_empty()).then(|| Need {
        kind: NeedKind::AdvanceCase,
        subject: case.case_id.to_string(),
        why: format!(
            "{}, {}; grave runs in this period: {runs}",
            case.status,
            reasons.join(", ")
        ),
        command: format!("creditctl case show {}", case.case_id),
    })
}

fn open_case(violation: &PolicyViolation) -> Need {
    Need {
        kind: NeedKind::OpenCase,
        subject: violation.run_id.to_string(),
        why: format!(
            "{}{} of {}, {} credits, {}",
            violation.severity,
            uncertain(violation.certainty),
            violation.scenario_id,
            violation.credits,
            violation.violation_type.as_str()
        ),
        command: format!("creditctl case open --run {}", violation.run_id),
    }
}

fn assess(queued: &Queued) -> Need {
    let ratio = queued.variance_multiplier.map_or_else(String::new, |v| {
        format!("{} times the baseline of ", two_decimals(v))
    });
    Need {
        kind: NeedKind::Assess,
        subject: queued.run_id.to_string(),
        why: format!(
            "{ratio}{}, no case{}",
            queued.scenario_id,
            uncertain(queued.certainty)
        ),
        command: format!(
            "creditctl review decide --run {} --decision …",
            queued.run_id
        ),
    }
}

/// Said only where a severity is not certain: most are, or it is not known.
fn uncertain(certainty: Option<SeverityCertainty>) -> &'static str {
    match certainty {
        Some(SeverityCertainty::Uncertain) => " (uncertain)",
        Some(SeverityCertainty::Certain) | None => "",
    }
}

/// Cut off, so that what is shown as 2.00 is at least 2.
fn two_decimals(multiplier: Multiplier) -> String {
    let text = multiplier.six_decimals().to_string();
    let end = text.find('.').map_or(text.len(), |point| point + 3);
    text.get(..end).unwrap_or(&text).to_owned()
}

fn approve(proposal: &Proposal) -> Need {
    let old = proposal.old;
    let old_text = old.map_or_else(|| "none".to_owned(), |old: Credits| old.to_string());
    let change = old.and_then(|old| Change::new(old, proposal.new));
    let change = change.map_or_else(String::new, |change| format!(" ({change})"));
    Need {
        kind: NeedKind::Approve,
        subject: proposal.scenario_id.to_string(),
        why: format!(
            "{old_text} to {}{change}, proposed by {}",
            proposal.new, proposal.proposed_by
        ),
        command: format!(
            "creditctl baseline update --scenario {} --approve",
            proposal.scenario_id
        ),
    }
}

fn explain_drift(drifted: &Drifted) -> Need {
    let screened = &drifted.screened;
    let since = match drifted.change {
        Some(change) => format!(
            " since {}, {} before",
            change.changed_at.day(),
            change.before
        ),
        None => String::new(),
    };
    Need {
        kind: NeedKind::Explain,
        subject: screened.scenario_id.to_string(),
        why: format!(
            "costs {}{since}; its baseline is {}",
            screened.proposed_median_credits, screened.baseline
        ),
        command: format!(
            "creditctl baseline update --scenario {} --reason …",
            screened.scenario_id
        ),
    }
}

fn confirm(candidate: &Screened) -> Need {
    Need {
        kind: NeedKind::Confirm,
        subject: candidate.scenario_id.to_string(),
        why: format!(
            "median {} of {} runs against {}, variation {}",
            candidate.proposed_median_credits,
            candidate.run_count,
            candidate.baseline,
            candidate.cv
        ),
        command: format!(
            "creditctl baseline update --scenario {}",
            candidate.scenario_id
        ),
    }
}

fn explain_pattern(pattern: &Pattern) -> Option<Need> {
    let first = pattern.run_ids.first()?;
    let ids: Vec<&str> = pattern.scenario_ids.iter().map(AsRef::as_ref).collect();
    let why = match pattern.kind {
        // The notes are enough.
        PatternKind::Transient => return None,
        PatternKind::Drift if pattern.level_moved => {
            format!(
                "costs more than its baseline allows, {} runs",
                pattern.run_count
            )
        }
        PatternKind::Drift => format!(
            "spiked {} times, though its usual cost is what it was",
            pattern.run_count
        ),
        PatternKind::Systemic => format!("{} spikes, many scenarios at once", pattern.run_count),
    };
    Some(Need {
        kind: NeedKind::Explain,
        subject: ids.join(", "),
        why,
        command: format!("creditctl case open --run {first}"),
    })
}
