//! `case …`.

use clap::{ArgGroup, Args as ClapArgs, Subcommand};
use credit_monitor::core::{CaseId, CaseStatus, Exposure, RootCause, RunId};
use credit_monitor::governance::{Text, ThreadUrl};

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// The cases.
    List(List),
    /// One case: its runs, its history, what is owed and what is missing to resolve it.
    Show {
        /// The case.
        case: CaseId,
    },
    /// Open a case for a run that has none.
    Open {
        /// The run.
        #[arg(long, value_name = "RUN_ID")]
        run: RunId,
        /// What to call it.
        #[arg(long, value_name = "TEXT")]
        title: Option<Text>,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Take care of a case.
    Ack {
        /// The case.
        case: CaseId,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Say whether sensitive data was actually accessed (O3).
    Assess {
        /// The case.
        case: CaseId,
        /// confirmed, false_positive or undetermined.
        #[arg(long)]
        exposure: Exposure,
        /// How that was found.
        #[arg(long, value_name = "TEXT")]
        notes: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Propose why it happened, or confirm it (O3).
    RootCause {
        /// The case.
        case: CaseId,
        /// "Misconfig", "Legit Load", "External Dependency" or "Unknown".
        #[arg(long, required_unless_present = "confirm")]
        cause: Option<RootCause>,
        /// Why it is this one.
        #[arg(long, value_name = "TEXT", required_unless_present = "confirm")]
        explanation: Option<Text>,
        /// Confirm it; what is not given is taken from the proposal.
        #[arg(long)]
        confirm: bool,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Move a case on or back: Open, Investigating, Mitigating.
    Status {
        /// The case.
        case: CaseId,
        /// Where it stands from now on.
        status: CaseStatus,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Document what was done against the cause.
    Mitigate {
        /// The case.
        case: CaseId,
        /// What was done.
        #[arg(long, value_name = "TEXT")]
        what: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Write a note to a case.
    Note {
        /// The case.
        case: CaseId,
        /// What to write.
        text: Text,
        /// What the note is evidence of.
        #[arg(long, value_enum, default_value_t)]
        topic: NoteTopic,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Say where people talk about a case.
    Thread {
        /// The case.
        case: CaseId,
        /// The conversation, https://….
        url: ThreadUrl,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Add a run to a case.
    Link {
        /// The case.
        case: CaseId,
        /// The run.
        #[arg(long, value_name = "RUN_ID")]
        run: RunId,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Call more people to a case.
    Escalate {
        /// The case.
        case: CaseId,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Resolve a case (SEV0 and SEV1: O3); tells everything that is missing.
    Resolve {
        /// The case.
        case: CaseId,
        /// What came of it.
        #[arg(long, value_name = "TEXT")]
        note: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Take up a resolved case again.
    Reopen {
        /// The case.
        case: CaseId,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Put a resolved case away, or do everything that is due by itself.
    Archive(Archive),
    /// Take a case out of the archive.
    Unarchive {
        /// The case.
        case: CaseId,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
}

#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct DryRun {
    /// Say what would be recorded; write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// Only those that stand here.
    #[arg(long)]
    pub(crate) status: Option<CaseStatus>,
    /// Only those that somebody should have acknowledged or assessed by now.
    #[arg(long, conflicts_with = "archived")]
    pub(crate) overdue: bool,
    /// Those in the archive instead.
    #[arg(long)]
    pub(crate) archived: bool,
}

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("what").required(true).args(["case", "due"])))]
pub(crate) struct Archive {
    /// The case.
    pub(crate) case: Option<CaseId>,
    /// Put away what was resolved long ago, and call for those who did not come in time.
    #[arg(long)]
    pub(crate) due: bool,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

/// What a note is evidence of.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum NoteTopic {
    /// Nothing in particular.
    #[default]
    General,
    /// That sensitive data was not exposed.
    NoExposure,
    /// Why a baseline is changed, or why not.
    BaselineRationale,
}
