//! What a report is told of the docket.

use std::collections::BTreeSet;

use credit_core::{Period, RootCause, RunFacts, RunId};
use credit_governance::{About, Case, Docket};
use credit_policy::Policy;
use credit_report::{
    BaselineChange, Decided, ExposureFound, KnownCause, Proposal, ReviewDecision, ReviewNote,
    RunCase, is_listed,
};

use crate::decisions::rules;
use crate::live_docket::LiveDocket;
use crate::{Archive, Error};

/// What is decided, for a report to ask.
pub(super) enum Decisions<'a> {
    /// As it is now; what is settled is recalled as far as a report tells of it.
    Now(&'a mut LiveDocket),
    /// All of what was decided up to an event.
    Then(&'a Docket),
}

impl Decisions<'_> {
    /// What was decided about the runs of a period, and in it.
    pub(super) fn of(
        self,
        archive: &Archive,
        policy: &Policy,
        period: Period,
        runs: &[RunFacts<'_>],
    ) -> Result<Decided, Error> {
        let in_period = runs.iter().filter(|run| period.contains(run.timestamp));
        let listed: BTreeSet<&RunId> = in_period
            .filter(|run| is_listed(run))
            .map(|run| &run.run_id)
            .collect();
        let docket = match self {
            Decisions::Now(live) => {
                live.recall_since(period.start, archive)?;
                for run in &listed {
                    live.recall(&About::Run((*run).clone()), archive)?;
                }
                live.docket()
            }
            Decisions::Then(docket) => docket,
        };
        let deadlines = rules(policy).deadlines;
        let case_of = |run: &&RunId| {
            let case = docket.case_of(run)?;
            Some(RunCase {
                run_id: (*run).clone(),
                case_id: case.id.clone(),
                status: case.status,
                opened_at: case.opened_at,
                stale: case.is_stale(&deadlines, period.end),
                root_cause: known_cause(case),
            })
        };
        Ok(Decided {
            cases: listed.iter().filter_map(case_of).collect(),
            baseline_changes: baseline_changes(docket),
            proposals: proposals(docket),
            decisions: decisions(docket),
            notes: notes(docket),
            exposures: exposures(docket),
        })
    }
}

/// "Unknown" is no root cause.
fn known_cause(case: &Case) -> Option<KnownCause> {
    let found = case.root_cause.as_ref()?;
    (found.root_cause != RootCause::Unknown).then_some(KnownCause {
        root_cause: found.root_cause,
        confirmed: found.confirmed.is_some(),
    })
}

fn baseline_changes(docket: &Docket) -> Vec<BaselineChange> {
    let changes = docket.baseline_changes().iter();
    changes
        .map(|change| BaselineChange {
            scenario_id: change.scenario_id.clone(),
            old: change.old,
            new: change.new,
            approved_by: change.approved_by.clone(),
            approved_at: change.approved_at,
        })
        .collect()
}

fn proposals(docket: &Docket) -> Vec<Proposal> {
    let pending = docket.pending_scenarios();
    let pending = pending.iter().filter_map(|id| docket.pending(id));
    pending
        .map(|proposed| Proposal {
            scenario_id: proposed.proposal.scenario_id.clone(),
            old: proposed.proposal.old,
            new: proposed.proposal.new,
            proposed_by: proposed.by.clone(),
        })
        .collect()
}

fn decisions(docket: &Docket) -> Vec<ReviewDecision> {
    let decided = docket.reviewed().iter();
    decided
        .map(|decided| ReviewDecision {
            run_id: decided.what.run.run_id.clone(),
            decision: decided.what.decision.as_str().to_owned(),
            by: decided.stamp.by.clone(),
            at: decided.stamp.at,
        })
        .collect()
}

fn notes(docket: &Docket) -> Vec<ReviewNote> {
    let notes = docket.review_notes().iter();
    notes
        .map(|noted| ReviewNote {
            report: noted.what.report.as_str().to_owned(),
            note: noted.what.note.as_str().to_owned(),
            by: noted.stamp.by.clone(),
            at: noted.stamp.at,
        })
        .collect()
}

fn exposures(docket: &Docket) -> Vec<ExposureFound> {
    let cases = docket.cases().chain(docket.archived_cases());
    cases
        .filter_map(|case| {
            let found = case.exposure.as_ref()?;
            Some(ExposureFound {
                case_id: case.id.clone(),
                scenario_id: case.scenario_id.clone(),
                flags: found.flags,
                exposure: found.exposure,
                at: found.found.at,
            })
        })
        .collect()
}
