//! Every day: nothing was changed, nobody was forgotten.

use std::collections::BTreeMap;

use credit_core::{RunId, ScenarioId, Severity, Sha256, Timestamp};

use super::{Audit, Check, Finding, finding};
use crate::{ConfigFile, Docket, Duty, Rules, RunRef};

/// What a daily audit must be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DailyFacts {
    /// What verification found in the two chains.
    pub chains: Vec<Finding>,
    /// What verification found in run files and sidecars of recent runs.
    pub run_files: Vec<Finding>,
    /// When the last run finished; `None` if there is none.
    pub last_run: Option<Timestamp>,
    /// The SEV0 runs of the time that is looked at.
    pub sev0_runs: Vec<RunRef>,
    /// The files that govern, as they are now.
    pub files: Vec<GovernedFile>,
    /// Baselines in force that are not the ones that were approved.
    pub baselines: Vec<Finding>,
    /// Quarantined runs whose artifacts are not in the quarantine any more.
    pub moved_out: Vec<RunId>,
    /// Released runs of which something is still in the quarantine.
    pub half_released: Vec<RunId>,
    /// The alerts that the environment switches off.
    pub switched_off: Vec<SwitchedOff>,
    /// The messages that the environment kept from people in the time that is looked at.
    pub suppressed: Vec<Suppressed>,
    /// The runs that claim to be part of a backfill.
    pub backfill_claims: Vec<BackfillClaim>,
}

/// A file that governs, and its hash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GovernedFile {
    /// Its path below the root.
    pub path: String,
    /// Which one it is.
    pub kind: GovernedKind,
    /// Its hash after the last change that was made through the house; `None` if there was none.
    pub expected: Option<Sha256>,
    /// Its hash now; `None` if it is not there.
    pub found: Option<Sha256>,
}

/// Which file governs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GovernedKind {
    /// The policy.
    Policy,
    /// Another one.
    Config(ConfigFile),
}

/// Alerts that a variable of the environment switches off by being empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SwitchedOff {
    /// The variable.
    pub variable: String,
    /// Whose alerts; `None` for what is no alert of a run, such as the weekly review.
    pub severity: Option<Severity>,
}

/// A message that nobody got because a variable of the environment was empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Suppressed {
    /// The variable.
    pub variable: String,
    /// When it would have been owed.
    pub at: Timestamp,
    /// The scenario that it was about; `None` where that is not known any more.
    pub scenario_id: Option<ScenarioId>,
    /// How serious what it was about was; `None` where that is not known any more.
    pub severity: Option<Severity>,
}

/// A run that says it belongs to a backfill.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BackfillClaim {
    /// The run.
    pub run_id: RunId,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// When it finished.
    pub at: Timestamp,
}

/// The daily checks.
///
/// ```
/// use credit_governance::{Docket, Rules, audit};
///
/// let now = "2025-01-31T10:00:00Z".parse()?;
/// let facts = audit::DailyFacts::default();
/// let found = audit::daily(&facts, &Docket::default(), &Rules::STANDARD, now);
/// assert!(!found.passed, "no run at all is a finding");
/// # Ok::<(), credit_core::TimestampError>(())
/// ```
pub fn daily(facts: &DailyFacts, docket: &Docket, rules: &Rules, now: Timestamp) -> Audit {
    let checks = vec![
        Check::new(
            "ledger",
            "both ledgers are whole",
            facts.chains.iter().cloned(),
        ),
        Check::new(
            "run_files",
            "run files and sidecars agree with the ledger",
            facts.run_files.iter().cloned(),
        ),
        overdue(docket, rules, now),
        sev0_cases(facts, docket),
        silence(facts, rules, now),
        files(facts, docket),
        quarantine(facts, docket),
        kill_switch(facts, docket, now),
        backfills(facts, docket, now),
    ];
    Audit::new("daily", now, checks)
}

fn overdue(docket: &Docket, rules: &Rules, now: Timestamp) -> Check {
    let overdue = docket.overdue(&rules.deadlines, now);
    let findings = overdue.into_iter().map(|(case, overdue)| {
        let (owed, verb) = match overdue.duty {
            Duty::Acknowledge => ("not acknowledged", "ack"),
            Duty::Assess => ("exposure not assessed", "assess"),
        };
        finding(
            format!("{} ({}): {owed}", case.id, case.severity),
            format!("due before {}", overdue.due),
            format!("creditctl case {verb} {}", case.id),
        )
    });
    Check::new("overdue", "no SEV0 or SEV1 waits for a person", findings)
}

fn sev0_cases(facts: &DailyFacts, docket: &Docket) -> Check {
    let runs = facts.sev0_runs.iter();
    let without = runs.filter(|run| docket.case_of(&run.run_id).is_none());
    let findings = without.map(|run| {
        finding(
            format!("SEV0 run {} has no case", run.run_id),
            format!("ledger line {} with hash {}", run.seq, run.hash),
            format!("creditctl case open --run {}", run.run_id),
        )
    });
    Check::new("sev0_cases", "every SEV0 run has a case", findings)
}

fn silence(facts: &DailyFacts, rules: &Rules, now: Timestamp) -> Check {
    let since = now.hours_before(rules.deadlines.silence_hours);
    let silent = facts.last_run.is_none_or(|last| last <= since);
    let findings = silent.then(|| {
        let evidence = match facts.last_run {
            Some(last) => format!("the last one finished at {last}"),
            None => "the ledger has none at all".to_owned(),
        };
        finding(
            format!("no run for {} hours", rules.deadlines.silence_hours),
            evidence,
            "creditctl query --days 7",
        )
    });
    Check::new("silence", "runs are reported", findings)
}

fn files(facts: &DailyFacts, docket: &Docket) -> Check {
    let shown = |hash: Option<Sha256>| hash.map_or("none".to_owned(), |hash| hash.to_string());
    let findings = facts.files.iter().filter_map(|file| {
        let (adopted, command) = match &file.kind {
            GovernedKind::Policy => {
                let last = docket
                    .policies()
                    .last()
                    .map(|adopted| Some(adopted.what.new));
                (last, "creditctl policy adopt --reason …".to_owned())
            }
            GovernedKind::Config(config) => (
                docket.adopted(config).map(|adopted| adopted.what.new),
                format!("creditctl config adopt {} --reason …", file.path),
            ),
        };
        let known = file.found == adopted.unwrap_or(file.expected);
        (!known).then(|| {
            finding(
                format!("{} was changed without an O3", file.path),
                format!(
                    "old {}, new {}",
                    shown(adopted.flatten().or(file.expected)),
                    shown(file.found)
                ),
                command,
            )
        })
    });
    Check::new(
        "config",
        "every change of a governing file is known",
        findings
            .chain(facts.baselines.iter().cloned())
            .collect::<Vec<_>>(),
    )
}

fn quarantine(facts: &DailyFacts, docket: &Docket) -> Check {
    let held = |run: &&RunId| docket.run(run).is_some_and(crate::RunState::is_quarantined);
    let unapproved = facts.moved_out.iter().filter(held).map(|run| {
        finding(
            format!("{run} released without approval"),
            format!("its artifacts are not in runs/QUARANTINE/{run}/ and no release is recorded"),
            format!("creditctl quarantine show {run}"),
        )
    });
    let half_released = facts.half_released.iter().map(|run| {
        finding(
            format!("{run} is released, but not all that was set aside is given back"),
            format!("its release is recorded; runs/QUARANTINE/{run}/ is not empty"),
            format!("creditctl quarantine release {run} --reason …"),
        )
    });
    Check::new(
        "quarantine",
        "what is released left the quarantine, and nothing else did",
        unapproved.chain(half_released).collect::<Vec<_>>(),
    )
}

fn kill_switch(facts: &DailyFacts, docket: &Docket, now: Timestamp) -> Check {
    let off = facts.switched_off.iter().filter(|off| {
        let mut mutes = docket.mutes().iter().filter(|mute| mute.is_on(now));
        !mutes.any(|mute| mute.covers(off.severity))
    });
    let off = off.map(|off| {
        let (variable, what) = (
            &off.variable,
            match off.severity {
                Some(severity) => format!("alerts of {severity} are off"),
                None => "what is posted there is held back".to_owned(),
            },
        );
        finding(
            format!("{variable} is empty, so {what}"),
            "no mute by an O3 that covers them is in force",
            "creditctl alerts mute --reason … or set the variable",
        )
    });
    Check::new(
        "kill_switch",
        "alerts are off only by an O3",
        off.chain(undocumented(facts, docket)).collect::<Vec<_>>(),
    )
}

/// What the environment kept from people while no mute did, by variable and severity.
fn undocumented(facts: &DailyFacts, docket: &Docket) -> Vec<Finding> {
    let muted = |kept: &Suppressed| match (&kept.scenario_id, kept.severity) {
        (Some(scenario), Some(severity)) => docket.muted(scenario, severity, kept.at).is_some(),
        _ => false,
    };
    let mut times: BTreeMap<(&str, Option<Severity>), Vec<Timestamp>> = BTreeMap::new();
    for kept in facts.suppressed.iter().filter(|kept| !muted(kept)) {
        let of = (kept.variable.as_str(), kept.severity);
        times.entry(of).or_default().push(kept.at);
    }
    let findings = times
        .into_iter()
        .filter_map(|((variable, severity), times)| {
            let (first, last) = (times.iter().min()?, times.iter().max()?);
            let of = severity.map_or_else(String::new, |severity| format!(" about {severity}"));
            Some(finding(
                format!("messages{of} that nobody got: {}", times.len()),
                format!(
                    "{variable} was empty and no mute by an O3 covered them, from {first} to {last}"
                ),
                "creditctl notify status",
            ))
        });
    findings.collect()
}

fn backfills(facts: &DailyFacts, docket: &Docket, now: Timestamp) -> Check {
    let forgotten = docket.forgotten_backfills(now).map(|(scenario, backfill)| {
        finding(
            format!("the backfill of {scenario} was forgotten"),
            format!(
                "begun by {}, over since {}",
                backfill.since.by, backfill.expires
            ),
            format!("creditctl backfill end --scenario {scenario}"),
        )
    });
    let claims = facts.backfill_claims.iter();
    let unknown = claims.filter(|claim| docket.backfill(&claim.scenario_id, claim.at).is_none());
    let unknown = unknown.map(|claim| {
        finding(
            format!("{} claims a backfill that nobody started", claim.run_id),
            format!("scenario {} at {}", claim.scenario_id, claim.at),
            format!(
                "creditctl backfill start --scenario {} --reason …",
                claim.scenario_id
            ),
        )
    });
    Check::new(
        "backfills",
        "backfills are started and ended by an O3",
        forgotten.chain(unknown).collect::<Vec<_>>(),
    )
}
