//! What another policy would have made of runs that were judged before.

mod result;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use credit_core::{
    Actions, Assessment, Credits, Likelihood, Multiplier, Reason, RiskFlags, RootCause, RunId,
    ScenarioId, Severity, StoredRecord, StoredVerdict, Timestamp,
};
use serde::Serialize;

use crate::{Outcomes, Policy};

pub use result::{
    AlertRate, Alerts, BacktestResult, PerWeek, RunSum, Score, Scores, SeverityMatrix,
};

/// A backtest under way: stored records are judged again by a candidate policy, one by one.
///
/// Two of them [merge](Backtest::merge), so that parts of a history can be replayed at the same
/// time: however it was divided, the result is the same.
///
/// ```
/// use credit_core::{Severity, StoredRecord};
/// use credit_policy::{Backtest, Outcomes, Policy, STANDARD_JSON};
///
/// let record = StoredRecord::parse(
///     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
///         "Job_Type":"OTHER","Status":"Success","Credits_Total":120,"Severity":"SEV4",
///         "Severity_Reason":"ratio","Risk_Flags":[],"Risk_Summary":"",
///         "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":100,
///         "Baseline_Status":"current","Variance_Multiplier":1.200000,"retry_count":0,
///         "actions":["ledger_only"],
///         "Policy_Sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
///         "Input_Sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#,
/// )?;
/// let own = Policy::standard();
/// let candidate = Policy::parse(&STANDARD_JSON.replace("1.5", "1.2"))?;
/// let outcomes = Outcomes::default();
///
/// let mut backtest = Backtest::new(&candidate, &outcomes);
/// backtest.replay(0, &record, &own);
/// let result = backtest.finish(None, None);
/// assert_eq!(result.matrix.runs(Severity::Sev4, Severity::Sev3), 1);
/// assert_eq!(result.changes[0].run_id.as_str(), "R1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Backtest<'a> {
    candidate: &'a Policy,
    outcomes: &'a Outcomes,
    matrix: SeverityMatrix,
    replayed: RunSum,
    /// Runs that were, and would be, alerts.
    alerts: [u64; 2],
    /// The times of the first and the last run.
    span: Option<(Timestamp, Timestamp)>,
    changes: Vec<Change>,
    left_out: Vec<LeftOut>,
    scores: Scores,
    /// Runs that an outcome speaks of and that were replayed.
    scored: BTreeSet<RunId>,
}

/// What a policy decides about a run. The rest of a verdict compares the run with its baseline,
/// which is the same under every policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Decision {
    /// How serious.
    pub severity: Severity,
    /// Why.
    pub reason: Reason,
    /// Reported and derived flags.
    pub risk_flags: RiskFlags,
    /// How likely a misconfiguration.
    pub likelihood: Likelihood,
    /// What is to be done.
    pub actions: Actions,
}

/// A run about which the candidate decides otherwise.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// The number of its ledger line, counted from 0.
    pub seq: u64,
    /// Which run.
    pub run_id: RunId,
    /// Of which scenario.
    pub scenario_id: ScenarioId,
    /// When it finished.
    pub timestamp: Timestamp,
    /// What it cost.
    pub credits: Credits,
    /// How many times its baseline.
    pub variance: Option<Multiplier>,
    /// What is stored.
    pub old: Decision,
    /// What the candidate decides.
    pub new: Decision,
    /// What people found out about it.
    pub root_cause: Option<RootCause>,
}

/// A record that was not replayed, because its verdict cannot be repeated exactly.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct LeftOut {
    /// The number of its ledger line, counted from 0.
    pub seq: u64,
    /// Which run, as far as the record tells.
    pub run_id: Option<RunId>,
    /// Why not.
    pub reason: String,
}

impl<'a> Backtest<'a> {
    /// A backtest of `candidate` before its first record. Runs that `outcomes` speaks of are
    /// counted by their root cause, too.
    pub fn new(candidate: &'a Policy, outcomes: &'a Outcomes) -> Backtest<'a> {
        Backtest {
            candidate,
            outcomes,
            matrix: SeverityMatrix::default(),
            replayed: RunSum::default(),
            alerts: [0; 2],
            span: None,
            changes: Vec::new(),
            left_out: Vec::new(),
            scores: Scores::default(),
            scored: BTreeSet::new(),
        }
    }

    /// Judges a record again. `seq` is the number of its ledger line, `own` the policy that it
    /// names: where that does not give the stored verdict again, the record is left out.
    pub fn replay(&mut self, seq: u64, record: &StoredRecord, own: &Policy) {
        let repeated = own.replay(record);
        if StoredVerdict::from(&repeated) != record.verdict {
            let reason = not_repeated(&repeated, &record.verdict);
            return self.leave_out(seq, Some(record.run.run_id.clone()), reason);
        }
        let run = &record.run;
        let old = Decision::from(&record.verdict);
        let new = Decision::from(&self.candidate.replay(record));
        let alerts = [old.alerts(), new.alerts()];
        self.matrix.add(old.severity, new.severity);
        self.replayed.add(run.credits);
        add_alerts(&mut self.alerts, alerts.map(u64::from));
        self.span = longer(self.span, Some((run.timestamp, run.timestamp)));
        let root_cause = self.outcomes.root_cause(&run.run_id);
        if let Some(root_cause) = root_cause {
            self.scores.of_mut(root_cause).add(&run.run_id, alerts);
            self.scored.insert(run.run_id.clone());
        }
        if old != new {
            self.changes.push(Change {
                seq,
                run_id: run.run_id.clone(),
                scenario_id: run.scenario_id.clone(),
                timestamp: run.timestamp,
                credits: run.credits,
                variance: record.verdict.variance,
                old,
                new,
                root_cause,
            });
        }
    }

    /// Notes a record that cannot be replayed.
    pub fn leave_out(&mut self, seq: u64, run_id: Option<RunId>, reason: String) {
        self.left_out.push(LeftOut {
            seq,
            run_id,
            reason,
        });
    }

    /// Adds what another part of the same backtest found.
    #[must_use]
    pub fn merge(mut self, other: Backtest<'a>) -> Backtest<'a> {
        self.matrix.merge(&other.matrix);
        self.replayed.merge(other.replayed);
        add_alerts(&mut self.alerts, other.alerts);
        self.span = longer(self.span, other.span);
        self.changes.extend(other.changes);
        self.left_out.extend(other.left_out);
        self.scores.merge(other.scores);
        self.scored.extend(other.scored);
        self
    }

    /// What came out, over the period `from` up to but not including `to`; an end that is `None`
    /// is the time of the first or the last run.
    pub fn finish(self, from: Option<Timestamp>, to: Option<Timestamp>) -> BacktestResult {
        let (mut changes, mut left_out) = (self.changes, self.left_out);
        changes.sort_by_cached_key(Change::worst_first);
        left_out.sort_unstable();
        let start = from.or(self.span.map(|(first, _)| first));
        let end = to.or(self.span.map(|(_, last)| last));
        let seconds = match (start, end) {
            (Some(start), Some(end)) => end.unix().saturating_sub(start.unix()),
            _ => 0,
        };
        let [before, after] = self.alerts.map(|runs| AlertRate {
            runs,
            a_week: PerWeek::new(runs, seconds),
        });
        let sum = |wanted: fn(&Change) -> bool| {
            let mut sum = RunSum::default();
            let wanted = changes.iter().filter(|change| wanted(change));
            wanted.for_each(|change| sum.add(change.credits));
            sum
        };
        let mut unmatched: Vec<RunId> = self.outcomes.run_ids().cloned().collect();
        unmatched.retain(|run_id| !self.scored.contains(run_id));
        unmatched.sort_unstable();
        BacktestResult {
            replayed: self.replayed,
            matrix: self.matrix,
            alerts: Alerts { before, after },
            affected: sum(|_| true),
            graver: sum(|change| change.new.severity < change.old.severity),
            milder: sum(|change| change.new.severity > change.old.severity),
            scores: self.scores.sorted(),
            outcomes_unmatched: unmatched,
            left_out,
            changes,
        }
    }
}

impl Decision {
    /// Whether it tells people at once.
    pub fn alerts(&self) -> bool {
        self.actions.intersects(Actions::ALERTS)
    }
}

impl From<&StoredVerdict> for Decision {
    fn from(verdict: &StoredVerdict) -> Decision {
        Decision {
            severity: verdict.severity,
            reason: verdict.reason,
            risk_flags: verdict.risk_flags,
            likelihood: verdict.likelihood,
            actions: verdict.actions,
        }
    }
}

impl From<&Assessment> for Decision {
    fn from(assessment: &Assessment) -> Decision {
        Decision::from(&StoredVerdict::from(assessment))
    }
}

impl Change {
    /// By the gravest severity on either side; then what moved furthest; then what would get
    /// milder, because a missed run is worse than a needless alert; then what cost most.
    fn worst_first(&self) -> impl Ord + use<> {
        let (old, new) = (self.old.severity, self.new.severity);
        let moved = (old as u8).abs_diff(new as u8);
        let alert_lost = self.old.alerts() && !self.new.alerts();
        (
            old.min(new),
            Reverse(moved),
            Reverse(new > old),
            Reverse(alert_lost),
            Reverse(self.credits),
            self.seq,
        )
    }
}

fn not_repeated(repeated: &Assessment, stored: &StoredVerdict) -> String {
    if repeated.severity == stored.severity {
        "the policy that it names gives another verdict than is stored".to_owned()
    } else {
        format!(
            "the policy that it names gives {}, but {} is stored",
            repeated.severity, stored.severity
        )
    }
}

fn add_alerts(sum: &mut [u64; 2], more: [u64; 2]) {
    sum.iter_mut()
        .zip(more)
        .for_each(|(sum, more)| *sum += more);
}

type Span = Option<(Timestamp, Timestamp)>;

fn longer(one: Span, other: Span) -> Span {
    match (one, other) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (span, None) | (None, span) => span,
    }
}
