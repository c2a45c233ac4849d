//! What became of an observed run.

use credit_core::{
    Actions, BaselineStatus, CaseId, Credits, Likelihood, Multiplier, RiskFlags, RunFacts, RunId,
    RunRecord, ScenarioId, Severity,
};
use credit_ledger::Receipt;
use credit_notify::Alert;

/// The verdict that counts for a run: the one in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Which run.
    pub run_id: RunId,
    /// Of which scenario.
    pub scenario_id: ScenarioId,
    /// What it cost.
    pub credits: Credits,
    /// How serious.
    pub severity: Severity,
    /// How many times its baseline.
    pub variance: Option<Multiplier>,
    /// What it was compared with.
    pub baseline_status: BaselineStatus,
    /// How likely a misconfiguration.
    pub likelihood: Likelihood,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// What the policy wants done.
    pub actions: Actions,
    /// The verdict in words.
    pub summary: String,
}

impl Verdict {
    /// The verdict of a record.
    pub fn of(record: &RunRecord) -> Verdict {
        let verdict = &record.assessment;
        Verdict {
            run_id: record.run.run_id.clone(),
            scenario_id: record.run.scenario_id.clone(),
            credits: record.run.credits,
            severity: verdict.severity,
            variance: verdict.variance,
            baseline_status: verdict.baseline_status,
            likelihood: verdict.likelihood,
            risk_flags: verdict.risk_flags,
            actions: verdict.actions,
            summary: record.summary.clone(),
        }
    }

    /// The verdict of a stored record.
    pub(crate) fn stored(facts: RunFacts<'_>) -> Verdict {
        Verdict {
            summary: facts.summary.into_owned(),
            run_id: facts.run_id,
            scenario_id: facts.scenario_id,
            credits: facts.credits,
            severity: facts.severity,
            variance: facts.variance,
            baseline_status: facts.baseline_status,
            likelihood: facts.likelihood,
            risk_flags: facts.risk_flags,
            actions: facts.actions,
        }
    }
}

/// What became of an observed run. It is durable: only a synced line makes one.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The verdict that counts.
    pub verdict: Verdict,
    /// Proof that the ledger has it.
    pub receipt: Receipt,
    /// Whether the ledger had it already, so that nothing was added.
    pub duplicate: bool,
    /// Its case, if it has one.
    pub case: Option<CaseId>,
    /// What Slack should say about it, where the policy wants that; nothing was sent. A monitor
    /// that knows its destinations owes it to them already: whoever drains its outbox need not
    /// send this one.
    pub alert: Option<Alert>,
}
