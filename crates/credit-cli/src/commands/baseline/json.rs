//! What `--json` prints, one struct a line: amounts stay exact, keys stay in order.

use credit_monitor::baseline::{Baseline, Calculation, ChangePoint, Outcome};
use credit_monitor::core::{Credits, CreditsPerItem, ScenarioId, Timestamp, Usual, Weekdays};
use credit_monitor::governance::{BaselineChange, EventId};
use credit_monitor::{BaselineVersion, Draft, Drifted, Standing, VersionBy};
use serde::Serialize;

use super::show::change;

#[derive(Serialize)]
pub(super) struct CalculationLine<'a> {
    scenario_id: &'a ScenarioId,
    median_credits: Credits,
    median_lower: Option<Credits>,
    median_upper: Option<Credits>,
    usual_input_tokens: Option<u64>,
    usual_credits_per_item: Option<CreditsPerItem>,
    healthy_runs: u64,
    cv: Option<f64>,
    robust_variation: Option<f64>,
    first_healthy: Timestamp,
    as_of: Timestamp,
    days: u32,
    changes: Vec<ChangeAt>,
    weekdays: Option<&'a Weekdays>,
}

impl<'a> CalculationLine<'a> {
    pub(super) fn of(
        it: &'a Calculation,
        apart: &'a Calculation,
        changes: &[ChangePoint],
    ) -> CalculationLine<'a> {
        CalculationLine {
            scenario_id: &it.scenario_id,
            median_credits: it.credits,
            median_lower: lower(&it.usual),
            median_upper: upper(&it.usual),
            usual_input_tokens: it.usual.input_tokens,
            usual_credits_per_item: it.usual.credits_per_item,
            healthy_runs: it.healthy_runs,
            cv: it.cv,
            robust_variation: it.robust_variation,
            first_healthy: it.first_healthy,
            as_of: it.window.as_of,
            days: it.window.days,
            changes: changes.iter().map(ChangeAt::of).collect(),
            weekdays: apart.weekdays.as_ref(),
        }
    }
}

/// Since when a scenario costs something else.
#[derive(Serialize)]
struct ChangeAt {
    at: Timestamp,
    before: Credits,
    after: Credits,
    runs_before: usize,
    runs_after: usize,
    p_value: f64,
}

impl ChangeAt {
    fn of(point: &ChangePoint) -> ChangeAt {
        ChangeAt {
            at: point.at,
            before: point.before,
            after: point.after,
            runs_before: point.runs_before,
            runs_after: point.runs_after,
            p_value: point.p_value,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ProposalLine<'a> {
    scenario_id: &'a ScenarioId,
    old: Option<Credits>,
    new: Credits,
    change: String,
    median_lower: Option<Credits>,
    median_upper: Option<Credits>,
    usual_input_tokens: Option<u64>,
    usual_credits_per_item: Option<CreditsPerItem>,
    cv: Option<f64>,
    criteria: Vec<CriterionLine>,
    proposal: Option<&'a EventId>,
    dry_run: bool,
    weekdays: Option<&'a Weekdays>,
}

impl<'a> ProposalLine<'a> {
    /// `id` is the proposal, once it is recorded.
    pub(super) fn of(draft: &'a Draft, id: Option<&'a EventId>) -> ProposalLine<'a> {
        let it = &draft.calculation;
        let criteria = draft.eligibility.criteria().iter().map(|c| CriterionLine {
            criterion: c.name,
            passed: c.outcome != Outcome::Failed,
            noted: c.outcome == Outcome::Noted,
            text: c.to_string(),
        });
        ProposalLine {
            scenario_id: &it.scenario_id,
            old: draft.old,
            new: it.credits,
            change: change(draft.old, it.credits),
            median_lower: lower(&it.usual),
            median_upper: upper(&it.usual),
            usual_input_tokens: it.usual.input_tokens,
            usual_credits_per_item: it.usual.credits_per_item,
            cv: it.cv,
            criteria: criteria.collect(),
            proposal: id,
            dry_run: id.is_none(),
            weekdays: it.weekdays.as_ref(),
        }
    }
}

#[derive(Serialize)]
struct CriterionLine {
    criterion: &'static str,
    passed: bool,
    noted: bool,
    text: String,
}

#[derive(Serialize)]
pub(super) struct BaselineLine<'a> {
    scenario_id: &'a ScenarioId,
    median_credits: Credits,
    median_lower: Option<Credits>,
    median_upper: Option<Credits>,
    sample_size: u64,
    usual_input_tokens: Option<u64>,
    usual_credits_per_item: Option<CreditsPerItem>,
    /// `manual` for what was entered by hand; who answers for it is another question.
    status: &'static str,
    adopted: bool,
    calculated_at: Timestamp,
    last_updated: Timestamp,
    drift: Option<ChangeAt>,
    weekdays: Option<&'a Weekdays>,
}

impl<'a> BaselineLine<'a> {
    pub(super) fn of(
        it: &'a Baseline,
        standing: Standing,
        drifted: Option<&Drifted>,
    ) -> BaselineLine<'a> {
        BaselineLine {
            scenario_id: &it.scenario_id,
            median_credits: it.credits,
            median_lower: lower(&it.usual),
            median_upper: upper(&it.usual),
            sample_size: it.sample_size,
            usual_input_tokens: it.usual.input_tokens,
            usual_credits_per_item: it.usual.credits_per_item,
            status: if it.is_manual() { "manual" } else { "current" },
            adopted: matches!(standing, Standing::Current | Standing::Manual),
            calculated_at: it.calculated_at,
            last_updated: it.last_updated,
            drift: drifted.map(|drifted| ChangeAt::of(&drifted.change)),
            weekdays: it.weekdays.as_ref(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ChangeLine<'a> {
    scenario_id: &'a ScenarioId,
    old: Option<Credits>,
    new: Credits,
    change: String,
    proposed_by: &'a str,
    approved_by: &'a str,
    approved_at: Timestamp,
    approval_id: &'a str,
    applied_at: Timestamp,
    reasons: &'a [String],
}

impl<'a> ChangeLine<'a> {
    pub(super) fn of(it: &'a BaselineChange) -> ChangeLine<'a> {
        ChangeLine {
            scenario_id: &it.scenario_id,
            old: it.old,
            new: it.new,
            change: change(it.old, it.new),
            proposed_by: &it.proposed_by,
            approved_by: &it.approved_by,
            approved_at: it.approved_at,
            approval_id: &it.approval_id,
            applied_at: it.applied_at,
            reasons: &it.reasons,
        }
    }
}

/// A version of a baseline; an adoption has neither proposal nor approval.
#[derive(Serialize)]
pub(super) struct VersionLine<'a> {
    scenario_id: &'a ScenarioId,
    old: Option<Credits>,
    new: Option<Credits>,
    change: Option<String>,
    since: Timestamp,
    proposed_by: Option<&'a str>,
    approved_by: Option<&'a str>,
    approved_at: Option<Timestamp>,
    approval_id: Option<&'a str>,
    applied_at: Option<Timestamp>,
    adopted_by: Option<&'a str>,
    reasons: Vec<&'a str>,
}

impl<'a> VersionLine<'a> {
    pub(super) fn of(it: &'a BaselineVersion) -> VersionLine<'a> {
        let mut line = VersionLine {
            scenario_id: &it.scenario_id,
            old: it.old,
            new: it.new,
            change: it.new.map(|new| change(it.old, new)),
            since: it.since,
            proposed_by: None,
            approved_by: None,
            approved_at: None,
            approval_id: None,
            applied_at: None,
            adopted_by: None,
            reasons: Vec::new(),
        };
        match &it.by {
            VersionBy::Approval(change) => {
                line.proposed_by = Some(&change.proposed_by);
                line.approved_by = Some(&change.approved_by);
                line.approved_at = Some(change.approved_at);
                line.approval_id = Some(&change.approval_id);
                line.applied_at = Some(change.applied_at);
                line.reasons = change.reasons.iter().map(String::as_str).collect();
            }
            VersionBy::Adoption { by, reason } => {
                line.adopted_by = Some(by);
                line.reasons = vec![reason];
            }
        }
        line
    }
}

/// A scenario's baseline as of some time.
#[derive(Serialize)]
pub(super) struct AsOfLine<'a> {
    pub(super) scenario_id: &'a ScenarioId,
    pub(super) as_of: Timestamp,
    pub(super) median_credits: Option<Credits>,
    pub(super) since: Option<Timestamp>,
}

fn lower(usual: &Usual) -> Option<Credits> {
    usual.bounds.map(|bounds| bounds.lower())
}

fn upper(usual: &Usual) -> Option<Credits> {
    usual.bounds.map(|bounds| bounds.upper())
}
