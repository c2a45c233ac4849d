//! Gates, emergencies, reviews and approvals.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use credit_monitor::core::{CaseId, RiskFlag, RunId, ScenarioId, Severity, Timestamp};
use credit_monitor::governance::Text;

use super::case::DryRun;

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// The runs whose artifacts are set aside.
    List,
    /// One of them: what was moved, whether it is whole, what its release needs.
    Show {
        /// The run.
        run: RunId,
    },
    /// Set a run aside and block it (O3).
    Apply {
        /// The run.
        run: RunId,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Give a run back, or unblock one that is only blocked (O3).
    Release {
        /// The run.
        run: RunId,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RerunCommand {
    /// Ask for a rerun.
    Request {
        /// The run that is to be repeated.
        run: RunId,
        /// What for.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Allow it, once (O3, not who asked).
    Approve(RerunApprove),
    /// Refuse it, or take an approval back that is not used yet (O3).
    Deny {
        /// The run.
        run: RunId,
        /// Why not.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Begin it: uses the approval up. Exit 3 while the gate is closed.
    Begin {
        /// The run.
        run: RunId,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Where it stands.
    Status {
        /// The run.
        run: RunId,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RerunApprove {
    /// The run.
    pub(crate) run: RunId,
    /// What was done so that it does not spike again.
    #[arg(long, value_name = "TEXT")]
    pub(crate) mitigation: Text,
    /// A flag that the mitigation addresses without naming it; may be repeated.
    #[arg(long = "addresses", value_name = "FLAG")]
    pub(crate) addresses: Vec<RiskFlag>,
    /// For how many hours it may begin; as long as allowed, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub(crate) hours: Option<u32>,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Say {
    /// "ACK - O2 NAME investigating CASE-…", "APPROVED for rerun - MITIGATION" or "DENIED - REASON".
    pub(crate) phrase: String,
    /// The case that is meant, where the phrase names none.
    #[arg(long)]
    pub(crate) case: Option<CaseId>,
    /// The run that is meant.
    #[arg(long, value_name = "RUN_ID")]
    pub(crate) run: Option<RunId>,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Hold alerts back for a while (O3).
    Mute(Mute),
    /// Send them again before the time is over (O3).
    Unmute {
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// What is held back, by whom, why and until when.
    Status,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Mute {
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
    /// For how long; as long as allowed, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub(crate) hours: Option<u32>,
    /// Only these severities; all, if not given.
    #[arg(long, value_name = "SEV1,SEV2", value_delimiter = ',')]
    pub(crate) scope: Vec<Severity>,
    /// Hold back those of SEV0, too.
    #[arg(long)]
    pub(crate) include_sev0: bool,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackfillCommand {
    /// Let a scenario work through what has piled up (O3).
    Start {
        /// The scenario.
        #[arg(long)]
        scenario: ScenarioId,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        /// For how long; as long as allowed, if not given.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660))]
        days: Option<u32>,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Say that it has (O3).
    End {
        /// The scenario.
        #[arg(long)]
        scenario: ScenarioId,
        /// What came of it.
        #[arg(long, value_name = "TEXT", default_value = "done")]
        note: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Every backfill, and which ones nobody has ended in time.
    Status,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// Every approval and denial: who, as what, when, what and why.
    List,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Audit {
    /// Which checks.
    #[arg(value_enum)]
    pub(crate) period: AuditPeriod,
    /// As of when; now, if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AuditPeriod {
    /// Nothing was changed, nobody was forgotten.
    Daily,
    /// What was reported is read, what is open moves.
    Weekly,
    /// Who approved what, and how often a flag was wrong.
    Monthly,
    /// Whether the numbers still fit.
    Quarterly,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// Record what the review decided about a run.
    Decide {
        /// The run.
        #[arg(long, value_name = "RUN_ID")]
        run: RunId,
        /// The decision.
        #[arg(long, value_name = "TEXT")]
        decision: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Write a note to a weekly report.
    Note {
        /// Its report_id, such as CREDIT_REVIEW_2025-01-27.
        #[arg(long, value_name = "ID")]
        report: Text,
        /// What to write.
        text: Text,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Every decision and note.
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Approve of a file as it is now, after it was changed by hand (O3).
    Adopt {
        /// The baselines, the operators or a scenario's file of the tree.
        file: PathBuf,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        #[command(flatten)]
        dry: DryRun,
    },
}
