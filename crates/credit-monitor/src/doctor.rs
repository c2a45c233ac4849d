//! Whether a tree and its surroundings are set up so that watching can work: facts that somebody
//! gathered, and the checks over them.
//!
//! [`Archive::examine`](crate::Archive::examine) gathers what files tell, [`Environment::read`]
//! what variables tell, and whoever has a network may add what Slack and Notion tell. [`checks`] opens
//! nothing and changes nothing.
//!
//! ```
//! use credit_monitor::doctor::{Environment, checks};
//! use credit_monitor::{Monitor, Tree};
//!
//! let dir = tempfile::tempdir()?;
//! let tree = Tree::new(dir.path());
//! let now = "2025-01-31T10:00:00Z".parse()?;
//! Monitor::init(&tree, vec!["lead-3:O3".parse()?], now)?;
//! let archive = Monitor::open(&tree, now)?.archive();
//! let facts = archive.examine(Environment::read(None, |_| Ok(None)), now);
//! let found = checks(&facts, now);
//! let faults = found.checks.iter().filter(|check| !check.passed());
//! let faults: Vec<&str> = faults.map(|check| check.id).collect();
//! assert_eq!(faults, ["slack", "watchdog"], "nobody is told anything, and no run is there yet");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod environment;
mod gather;
mod health;
mod setup;

use std::path::PathBuf;

use credit_core::{Deadlines, ScenarioId, Timestamp};
use credit_governance::audit::{Audit, Check, Figure, Finding};
use credit_governance::{Operator, Rules};
use credit_notify::Reason;
use credit_notify::notion::Lack;
use credit_notify::slack::Identity;
use credit_policy::Policy;

pub use environment::{Database, Environment, NOTION_TOKEN, SLACK_BOT_TOKEN, State, Variable};

/// What the checks must be told.
#[derive(Clone, Debug)]
pub struct SetupFacts {
    /// What variables tell.
    pub environment: Environment,
    /// Files and folders that are not there, or that the wrong people can read or write.
    pub access: Vec<AccessFault>,
    /// The policy and what is odd about it; or why it cannot be read.
    pub policy: Result<PolicyFacts, Fault>,
    /// The baselines; or why they cannot be read.
    pub baselines: Result<BaselineFacts, Fault>,
    /// The operators; or why they cannot be read.
    pub operators: Result<Vec<Operator>, Fault>,
    /// Scenario files that cannot be used.
    pub scenarios: Vec<Fault>,
    /// What Slack says of the bot, or why it could not be asked; `None` if it was not.
    pub bot: Option<Result<Identity, Reason>>,
    /// What Notion says of its databases; `None` if it was not asked.
    pub databases: Option<Vec<DatabaseFacts>>,
    /// Where the last lines of the ledgers are not what they must be.
    pub ledgers: Vec<Fault>,
    /// Locks that a process held for longer than a batch takes.
    pub locks: Vec<HeldLock>,
    /// The room where the ledgers are; `None` if it is not known.
    pub disk: Option<Disk>,
    /// Whether there is any run; `None` if the ledger cannot be read.
    pub has_runs: Option<bool>,
    /// The latest run of the time in which there should be one; `None` if there was none.
    pub last_run: Option<Timestamp>,
    /// The latest event that is dated after now.
    pub future_event: Option<Timestamp>,
    /// The report of the last week; `None` if it was not made.
    pub report: Option<String>,
    /// What Slack and Notion have not been told yet; `None` where nobody keeps account of that.
    pub owed: Option<Owed>,
}

/// A file that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Who can read and write what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccessFault {
    /// It is not there.
    Missing(PathBuf),
    /// It is a file and should be a folder, or the other way round.
    WrongKind(PathBuf),
    /// A symbolic link, which the ledger never follows.
    Link(PathBuf),
    /// This process may not read it.
    NotReadable(PathBuf),
    /// This process may not write it.
    NotWritable(PathBuf),
    /// Everybody may write it.
    WritableByAll(PathBuf, u32),
}

/// The policy, and what is odd about it.
#[derive(Clone, Debug)]
pub struct PolicyFacts {
    /// The policy.
    pub policy: Policy,
    /// Each warning of its lint: what, and what to do.
    pub warnings: Vec<(String, String)>,
}

/// The baselines in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BaselineFacts {
    /// Each scenario's, and when it was last updated.
    pub updated: Vec<(ScenarioId, Timestamp)>,
    /// What is odd about the file.
    pub warnings: Vec<String>,
}

/// A Notion database, as it is and as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatabaseFacts {
    /// `RUNS_LEDGER` or `CASES`.
    pub name: &'static str,
    /// What its properties lack; or why it could not be asked.
    pub lacks: Result<Vec<Lack>, Reason>,
}

/// A lock that somebody holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeldLock {
    /// Its file.
    pub path: PathBuf,
    /// The process, if it is known.
    pub pid: Option<u32>,
}

/// What is free on a file system, for those who are not root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Disk {
    /// Bytes.
    pub bytes_free: u64,
    /// Files that can still be made; `None` where the file system counts none.
    pub files_free: Option<u64>,
}

/// What Slack and Notion have not been told yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owed {
    /// How many messages and rows.
    pub waiting: u64,
    /// Since when the oldest of them is owed.
    pub oldest: Option<Timestamp>,
    /// How many were refused and wait for a person.
    pub parked: u64,
}

/// The checks, in their fixed order: each passed, or what was found and what to do about it.
///
/// None of them needs the network; what Slack and Notion said is looked at where they were asked.
pub fn checks(facts: &SetupFacts, now: Timestamp) -> Audit {
    let deadlines = deadlines(facts);
    let checks = vec![
        setup::access(facts),
        setup::policy(facts),
        setup::baselines(facts, &deadlines, now),
        setup::operators(facts),
        setup::scenarios(facts),
        setup::slack(facts),
        setup::slack_bot(facts),
        setup::notion(facts),
        setup::notion_schema(facts),
        health::clock(facts, now),
        health::disk(facts),
        health::lock(facts),
        health::ledger(facts),
        health::sync_lag(facts, &deadlines, now),
        health::weekly_report(facts, now),
        health::watchdog(facts, &deadlines),
    ];
    Audit {
        audit: "doctor",
        at: now,
        passed: checks.iter().all(Check::passed),
        checks,
    }
}

/// The policy's deadlines; the runbook's where it cannot be read, which is a finding of its own.
fn deadlines(facts: &SetupFacts) -> Deadlines {
    match &facts.policy {
        Ok(facts) => *facts.policy.deadlines(),
        Err(_) => Rules::STANDARD.deadlines,
    }
}

fn check(
    id: &'static str,
    title: &'static str,
    findings: impl IntoIterator<Item = Finding>,
) -> Check {
    Check {
        id,
        title,
        findings: findings.into_iter().collect(),
        figures: Vec::new(),
    }
}

fn finding(
    what: impl Into<String>,
    evidence: impl Into<String>,
    next_command: impl Into<String>,
) -> Finding {
    Finding {
        what: what.into(),
        evidence: evidence.into(),
        next_command: next_command.into(),
    }
}

fn figure(name: impl Into<String>, value: impl Into<String>) -> Figure {
    Figure {
        name: name.into(),
        value: value.into(),
    }
}
