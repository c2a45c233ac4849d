//! What is said, as values.

use credit_core::{
    Action, Actions, Credits, Likelihood, Multiplier, RiskFlags, RunId, RunRecord, ScenarioId,
    Severity, Status, Timestamp,
};

/// What an alert about one run says. All text in it is data: whoever renders it escapes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// How serious.
    pub severity: Severity,
    /// Which run.
    pub run_id: RunId,
    /// Of which scenario.
    pub scenario_id: ScenarioId,
    /// When it finished.
    pub timestamp: Timestamp,
    /// What it cost.
    pub credits: Credits,
    /// What was expected.
    pub baseline: Option<Credits>,
    /// How many times the baseline.
    pub variance: Option<Multiplier>,
    /// How likely a misconfiguration.
    pub likelihood: Likelihood,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// The verdict in words.
    pub summary: String,
    /// Whether it goes to the people on call.
    pub escalate: bool,
}

impl Alert {
    /// The alert that a record's actions ask for; `None` where they ask for none.
    pub fn of(record: &RunRecord) -> Option<Alert> {
        let verdict = &record.assessment;
        if !verdict.actions.intersects(Actions::ALERTS) {
            return None;
        }
        Some(Alert {
            severity: verdict.severity,
            run_id: record.run.run_id.clone(),
            scenario_id: record.run.scenario_id.clone(),
            timestamp: record.run.timestamp,
            credits: record.run.credits,
            baseline: verdict.baseline,
            variance: verdict.variance,
            likelihood: verdict.likelihood,
            risk_flags: verdict.risk_flags,
            summary: record.summary.clone(),
            escalate: verdict.actions.contains(Action::SlackEscalate),
        })
    }
}

/// What the runs database shows of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Which run: the row's title, unique in the database.
    pub run_id: RunId,
    /// Of which scenario.
    pub scenario_id: ScenarioId,
    /// When it finished.
    pub timestamp: Timestamp,
    /// How it ended.
    pub status: Status,
    /// How serious.
    pub severity: Severity,
    /// What it cost.
    pub credits: Credits,
    /// How many times the baseline.
    pub variance: Option<Multiplier>,
    /// Its flags.
    pub risk_flags: RiskFlags,
}

impl RunRow {
    /// The row of a record.
    pub fn of(record: &RunRecord) -> RunRow {
        RunRow {
            run_id: record.run.run_id.clone(),
            scenario_id: record.run.scenario_id.clone(),
            timestamp: record.run.timestamp,
            status: record.run.status,
            severity: record.assessment.severity,
            credits: record.run.credits,
            variance: record.assessment.variance,
            risk_flags: record.assessment.risk_flags,
        }
    }
}
