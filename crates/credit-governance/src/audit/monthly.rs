//! Every month: who approved what, and how often a flag was wrong.

use std::collections::BTreeSet;
use std::fmt;

use credit_core::{Exposure, RiskFlag, ScenarioId, Severity, Sha256, Timestamp};

use super::{Audit, Check, Share, finding};
use crate::{ConfigFile, Docket, RerunStage};

/// What a monthly audit must be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MonthlyFacts {
    /// The scenarios whose baseline somebody entered by hand.
    pub manual_baselines: Vec<ScenarioId>,
    /// The approvals (`O3-<name>-<timestamp>`) for which a rationale note is in
    /// `runs/BASELINE_UPDATES/`.
    pub rationale_notes: BTreeSet<String>,
    /// What each policy made of the runs that it judged, in the order of their first use.
    pub effects: Vec<PolicyEffect>,
}

/// What a policy made of the runs that it judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyEffect {
    /// The hash of its file.
    pub sha256: Sha256,
    /// When the earliest run that it judged finished.
    pub first: Timestamp,
    /// When the latest one did.
    pub last: Timestamp,
    /// How many runs of which severity, the gravest first.
    pub runs: [u64; Severity::ALL.len()],
}

impl PolicyEffect {
    /// A policy that has judged one run.
    pub fn new(sha256: Sha256, at: Timestamp, severity: Severity) -> PolicyEffect {
        let mut effect = PolicyEffect {
            sha256,
            first: at,
            last: at,
            runs: [0; Severity::ALL.len()],
        };
        effect.add(at, severity);
        effect
    }

    /// Counts a run that it judged.
    pub fn add(&mut self, at: Timestamp, severity: Severity) {
        (self.first, self.last) = (self.first.min(at), self.last.max(at));
        if let Some(runs) = self.runs.get_mut(severity as usize) {
            *runs += 1;
        }
    }
}

/// Its runs and their severities in one line.
impl fmt::Display for PolicyEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.runs.iter().sum();
        write!(f, "{all} runs from {} to {}", self.first, self.last)?;
        for (severity, runs) in Severity::ALL.iter().zip(self.runs) {
            write!(f, ", {runs} {severity}")?;
        }
        Ok(())
    }
}

/// The monthly checks.
pub fn monthly(facts: &MonthlyFacts, docket: &Docket, now: Timestamp) -> Audit {
    let checks = vec![
        policy(facts, docket),
        approvals(docket, now),
        rationales(facts, docket),
        manual_baselines(facts, docket),
        false_positives(docket),
    ];
    Audit::new("monthly", now, checks)
}

/// Who put which policy into force, and what each made of the runs.
fn policy(facts: &MonthlyFacts, docket: &Docket) -> Check {
    let history = docket.policies().iter().map(|adopted| {
        let (stamp, what) = (&adopted.stamp, &adopted.what);
        (
            format!("{} by {}", stamp.at, stamp.by),
            format!("{}: {}", what.new, what.reason),
        )
    });
    let effects = facts.effects.iter();
    let effects = effects.map(|effect| (format!("under {}", effect.sha256), effect.to_string()));
    Check::new("policy", "the policy's history and effect are known", None)
        .with(history.chain(effects))
}

/// Approvals that nobody used although their time is over, and approved baselines that were never
/// put into force. A change without an approval cannot be folded, and a changed file without an
/// event is the daily audit's.
fn approvals(docket: &Docket, now: Timestamp) -> Check {
    let reruns = docket
        .reruns()
        .filter_map(|(run, rerun)| match &rerun.stage {
            RerunStage::Approved {
                approval,
                by,
                expires,
                ..
            } if now >= *expires => Some(finding(
                format!("the approved rerun of {run} never began"),
                format!("{approval} by {}, over since {expires}", by.by),
                format!("creditctl rerun status {run}"),
            )),
            _ => None,
        });
    let pending = docket.pending_scenarios().into_iter();
    let baselines = pending.filter_map(|scenario| {
        let proposed = docket.pending(&scenario)?;
        let approved = proposed.approved.as_ref()?;
        Some(finding(
            format!("the approved baseline of {scenario} is not in force"),
            format!("{} for {}", approved.approval_id, proposed.id),
            format!("creditctl baseline update --scenario {scenario} --approve"),
        ))
    });
    let mut findings: Vec<_> = reruns.chain(baselines).collect();
    findings.sort_by(|a, b| a.what.cmp(&b.what));
    Check::new(
        "approvals",
        "every approval was used for what it was given",
        findings,
    )
}

fn rationales(facts: &MonthlyFacts, docket: &Docket) -> Check {
    let changes = docket.baseline_changes().iter();
    let without = changes.filter(|change| {
        let said = change
            .reasons
            .iter()
            .any(|reason| !reason.trim().is_empty());
        !said || !facts.rationale_notes.contains(&change.approval_id)
    });
    let findings = without.map(|change| {
        finding(
            format!(
                "the change of the baseline of {} has no rationale",
                change.scenario_id
            ),
            format!("{} at {}", change.approval_id, change.applied_at),
            format!(
                "creditctl baseline history --scenario {}",
                change.scenario_id
            ),
        )
    });
    Check::new("rationales", "every baseline change says why", findings)
}

fn manual_baselines(facts: &MonthlyFacts, docket: &Docket) -> Check {
    let adopted = docket.adopted(&ConfigFile::Baselines).is_some();
    let changed: BTreeSet<&ScenarioId> = docket
        .baseline_changes()
        .iter()
        .map(|change| &change.scenario_id)
        .collect();
    let unknown = facts.manual_baselines.iter();
    let unknown = unknown.filter(|scenario| !adopted && !changed.contains(scenario));
    let findings = unknown.map(|scenario| {
        finding(
            format!("the baseline of {scenario} was entered by hand"),
            "its sample size is 0 and no O3 has adopted the file",
            "creditctl config adopt config/credit-baselines.json --reason …",
        )
    });
    Check::new(
        "manual_baselines",
        "baselines entered by hand have a rationale",
        findings,
    )
}

fn false_positives(docket: &Docket) -> Check {
    let cases = docket.cases().chain(docket.archived_cases());
    let assessed = cases
        .filter(|case| case.risk_flags.contains(RiskFlag::PiiExposure))
        .filter_map(|case| case.valid_exposure().map(|found| found.exposure));
    let (mut wrong, mut n) = (0, 0);
    for exposure in assessed {
        match exposure {
            Exposure::FalsePositive => (wrong, n) = (wrong + 1, n + 1),
            Exposure::Confirmed => n += 1,
            Exposure::Undetermined => {}
        }
    }
    Check::new(
        "false_positives",
        "how often pii_exposure was wrong is known",
        None,
    )
    .with([(
        "pii_exposure".to_owned(),
        Share { hits: wrong, of: n }.to_string(),
    )])
}
