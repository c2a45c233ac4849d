//! What may be said on the command line.

mod case;
mod governance;
mod notify;
#[cfg(test)]
mod units;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use credit_monitor::core::{RiskFlag, ScenarioId, Severity, Sha256, Timestamp};
use credit_monitor::governance::Text;

pub(crate) use self::case::{Archive, CaseCommand, DryRun, List as CaseList, NoteTopic};
pub(crate) use self::governance::{
    AlertsCommand, ApprovalsCommand, Audit, AuditPeriod, BackfillCommand, ConfigCommand, Mute,
    QuarantineCommand, RerunApprove, RerunCommand, ReviewCommand, Say,
};
pub(crate) use self::notify::{Drain, NotifyCommand, Release, Withdraw};

/// Judge, keep and review what automation runs cost.
#[derive(Debug, Parser)]
#[command(name = "creditctl", version, about, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// The tree that holds config/ and runs/.
    #[arg(
        long,
        global = true,
        env = "CREDIT_ROOT",
        default_value = ".",
        value_name = "DIR"
    )]
    pub(crate) root: PathBuf,
    /// Who acts: a name in config/operators.json. Without it, the automation's service identity.
    #[arg(
        long = "as",
        global = true,
        env = "CREDIT_OPERATOR",
        value_name = "NAME"
    )]
    pub(crate) operator: Option<String>,
    /// A baselines file outside the tree.
    #[arg(
        long,
        global = true,
        env = "CREDIT_BASELINES_PATH",
        value_name = "FILE"
    )]
    pub(crate) baselines: Option<PathBuf>,
    /// One JSON object, or one a line for streams.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No talk on standard error but errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Tell on standard error what is going on; twice for every detail. CREDITCTL_LOG says it for
    /// each part, such as credit_ledger=trace.
    #[arg(long, short, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Do not ask.
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write what is missing of config/; overwrite nothing.
    Init(Init),
    /// Judge and keep runs from a file: one JSON object, an array, or JSON Lines; .gz too.
    Ingest(Ingest),
    /// One run.
    #[command(subcommand)]
    Run(RunCommand),
    /// Judge runs without writing anything.
    Classify(Classify),
    /// Print matching ledger lines as stored.
    Query(Query),
    /// Check chains, run files, sidecars and reports.
    Verify(Verify),
    /// The ledger itself.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Write lost run files and sidecars again from the ledger; overwrite nothing.
    Repair(Repair),
    /// Baselines.
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Reports.
    #[command(subcommand)]
    Report(ReportCommand),
    /// Decisions and notes of the weekly review.
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Cases, from the alert to the archive.
    #[command(subcommand)]
    Case(CaseCommand),
    /// Runs whose artifacts are set aside.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// The gate that a rerun passes.
    #[command(subcommand)]
    Rerun(RerunCommand),
    /// One of the runbook's phrases, such as "ACK - O2 ops-2 investigating CASE-20250131-7KQ2ZD".
    Say(Say),
    /// What Slack and Notion are to be told, and its delivery.
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// The kill switch for alerts.
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// The time in which a scenario works through what has piled up.
    #[command(subcommand)]
    Backfill(BackfillCommand),
    /// Every approval and denial.
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// The runbook's regular checks; changes nothing. Exit 8 if one of them found something.
    Audit(Audit),
    /// Whether everything is set up: each check passed, or what to do about it. Changes nothing and
    /// shows no secret. Exit 8 if one of them found something.
    Doctor(Doctor),
    /// Figures for Prometheus, as text.
    Metrics(Metrics),
    /// Print a script by which a shell completes commands.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page; or write the pages of all commands.
    Man {
        /// A folder to write them into.
        folder: Option<PathBuf>,
    },
    /// The databases in Notion.
    #[command(subcommand)]
    Notion(NotionCommand),
    /// Files of config/ that were changed by hand.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The policy.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The weekly report, by the names the runbook and the original know.
    #[command(hide = true, alias = "weekly-review")]
    GenerateWeeklyReport(Weekly),
    /// A proposal for every scenario that meets the gate, by the original's name.
    #[command(hide = true)]
    UpdateBaselines(DryRun),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// Ask Slack, too, whether it knows the bot and what its token allows, and Notion whether its
    /// databases have the properties that rows need.
    #[arg(long)]
    pub(crate) online: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Metrics {
    /// Write them into this file at once, as the textfile collector needs it, instead of standard
    /// output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotionCommand {
    /// Compare the properties of RUNS_LEDGER and CASES with what rows need, and add what is
    /// missing after asking. Exit 8 if something is left for a person.
    Schema(DryRun),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// An operator and their role, such as ops-2:O2; may be repeated.
    #[arg(long = "operator", value_name = "NAME:ROLE")]
    pub(crate) operators: Vec<String>,
    /// Say what would be written.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Ingest {
    /// The file, or - for standard input.
    pub(crate) file: PathBuf,
    /// Judge, but write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// Judge and keep one run given by flags.
    Log(Box<RunLog>),
    /// Print the stored record of a run and why it was judged as it was.
    Show {
        /// Its Run_ID.
        run_id: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunLog {
    /// Run_ID: unique, safe in a path.
    #[arg(long)]
    pub(crate) run_id: String,
    /// Credits_Total: what the run cost.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) credits: String,
    /// Scenario_ID; made from --scenario-name where absent.
    #[arg(long, required_unless_present = "scenario_name")]
    pub(crate) scenario: Option<String>,
    /// Scenario_Name.
    #[arg(long)]
    pub(crate) scenario_name: Option<String>,
    /// When it finished (RFC 3339); now, if not given.
    #[arg(long)]
    pub(crate) timestamp: Option<String>,
    /// Job_Type.
    #[arg(long, default_value = "OTHER")]
    pub(crate) job_type: String,
    /// Status.
    #[arg(long, default_value = "Success")]
    pub(crate) status: String,
    /// Credits_In.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) credits_in: Option<String>,
    /// Credits_Out.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) credits_out: Option<String>,
    /// Model.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// retry_count.
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub(crate) retry_count: String,
    /// A risk flag, such as pii_exposure; may be repeated.
    #[arg(long = "flag", value_name = "FLAG")]
    pub(crate) flags: Vec<String>,
    /// Judge, but write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Classify {
    /// The file, or - for standard input.
    #[arg(required_unless_present = "fixture")]
    pub(crate) file: Option<PathBuf>,
    /// The file, as the original wants it given.
    #[arg(long, value_name = "FILE", conflicts_with = "file", hide = true)]
    pub(crate) fixture: Option<PathBuf>,
    /// Judge against this baseline instead of the scenarios' own.
    #[arg(long, value_name = "CREDITS", allow_hyphen_values = true)]
    pub(crate) baseline: Option<String>,
    /// Say why: what each flag adds, how far each threshold is, what would change the severity.
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Query {
    /// Only this severity.
    #[arg(long)]
    pub(crate) severity: Option<Severity>,
    /// Only this scenario.
    #[arg(long)]
    pub(crate) scenario: Option<ScenarioId>,
    /// Only runs with this risk flag.
    #[arg(long)]
    pub(crate) flag: Option<RiskFlag>,
    /// Only the last so many days before --at.
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"])]
    pub(crate) days: Option<u32>,
    /// Only from this instant on.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Only before this instant.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// The instant that --days counts back from; now, if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// A line noted elsewhere that the ledger must still contain.
    #[arg(long, value_name = "SEQ:HASH")]
    pub(crate) head: Option<String>,
    /// The tree to verify; --root, if not given.
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Make lines that never were in a chain the beginning of the ledger; change no byte of them.
    Import(Import),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Import {
    /// Check every line and say how many there are; write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Repair {
    /// Say what would be written; write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Print what a scenario's baseline would be; change nothing.
    Calculate(Calculate),
    /// Propose a new baseline, or approve the one proposed.
    Update(Update),
    /// The baselines in force, who answers for them, and which of them have drifted.
    List {
        /// The end of the window in which drift is looked for; now, if not given.
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
    /// Every value a baseline ever had, by whom and why.
    History {
        /// The scenario.
        #[arg(long)]
        scenario: ScenarioId,
        /// Only the value that was in force then.
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Calculate {
    /// The scenario.
    #[arg(long)]
    pub(crate) scenario: ScenarioId,
    /// The window's length in days; the policy's, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: Option<u32>,
    /// The window's end; now, if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// Since when the scenario is another one: runs from before do not count.
    #[arg(long, value_name = "TIME")]
    pub(crate) changed_at: Option<Timestamp>,
}

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct Update {
    /// The scenario.
    #[arg(
        long,
        required_unless_present = "all_stable",
        conflicts_with = "all_stable"
    )]
    pub(crate) scenario: Option<ScenarioId>,
    /// Every scenario that meets the gate.
    #[arg(long)]
    pub(crate) all_stable: bool,
    /// The window's length in days; the policy's, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: Option<u32>,
    /// The window's end; now, if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// Since when the scenario is another one: runs from before do not count, and two weeks since
    /// then are enough.
    #[arg(long, value_name = "TIME", conflicts_with = "all_stable")]
    pub(crate) changed_at: Option<Timestamp>,
    /// Why; may be repeated.
    #[arg(long = "reason", value_name = "TEXT")]
    pub(crate) reasons: Vec<String>,
    /// Propose in spite of failed criteria; recorded.
    #[arg(
        long = "override",
        value_name = "REASON",
        conflicts_with = "all_stable"
    )]
    pub(crate) override_reason: Option<String>,
    /// Where a large change was investigated.
    #[arg(long, value_name = "CASE|NOTE", conflicts_with = "all_stable")]
    pub(crate) investigated: Option<String>,
    /// Tell the days of the week apart, where they differ for certain.
    #[arg(long, conflicts_with = "overall")]
    pub(crate) by_weekday: bool,
    /// One value for all days. Without either, as the baseline in force.
    #[arg(long)]
    pub(crate) overall: bool,
    /// Approve the open proposal and put it into force (O3, not the proposer).
    #[arg(long, conflicts_with_all = ["days", "at", "changed_at", "reasons", "override_reason", "investigated", "by_weekday", "overall"])]
    pub(crate) approve: bool,
    /// Show what would happen; record nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Write the weekly report and print its summary.
    #[command(alias = "generate-weekly-report")]
    Weekly(Weekly),
    /// Make a report again from the ledgers and inputs it names; exit 4 if it is not the same.
    Reproduce {
        /// A report's file, such as runs/CREDIT_REVIEWS/weekly_2025-01-27.json.
        file: PathBuf,
    },
    /// Count all runs, or those of some days: sums, exact medians and percentiles; write nothing.
    Stats(Stats),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Stats {
    /// The day whose start ends the period (exclusive, UTC); with --days today, if not given.
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<credit_monitor::core::Day>,
    /// The length of the period; from the first run on, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36600))]
    pub(crate) days: Option<u32>,
    /// Only this scenario.
    #[arg(long, value_name = "ID")]
    pub(crate) scenario: Option<ScenarioId>,
    /// Print every scenario's figures as comma-separated values.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Believe the ledger as it is: read all of it fast, and check no line against the chain.
    #[arg(long)]
    pub(crate) unchecked: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Weekly {
    /// The day whose start ends the week (exclusive, UTC); today, if not given.
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<credit_monitor::core::Day>,
    /// The length of the period; the policy's, if not given. Any other is a report of its own,
    /// report_DATE_Nd.json, and no review.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: Option<u32>,
    /// Only this scenario: a report of its own, too.
    #[arg(long, value_name = "ID")]
    pub(crate) scenario: Option<ScenarioId>,
    /// Write a page for people beside it, weekly_DATE.html; with --dry-run, print that.
    #[arg(long)]
    pub(crate) html: bool,
    /// Print every scenario's figures as comma-separated values; write nothing.
    #[arg(long, conflicts_with_all = ["dry_run", "html", "json"])]
    pub(crate) csv: bool,
    /// Print the report; write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Read the policy and say what is wrong with it and what is odd about it.
    Check {
        /// The file; the tree's, if not given.
        file: Option<PathBuf>,
    },
    /// Print the policy with every default filled in.
    Show,
    /// Judge the test cases of a directory and say which verdicts are not as expected.
    Test {
        /// Every *.json file below it holds a case or a list of cases.
        dir: PathBuf,
        /// The policy; the tree's, if not given.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Print the keys in which two policies differ, every default filled in.
    Diff {
        /// The one policy.
        old: PathBuf,
        /// The other.
        new: PathBuf,
    },
    /// Judge past runs again by another policy and say what would change; write nothing.
    Backtest(Backtest),
    /// Put a policy into force (O3): the file, or the one that lies in its place now.
    Adopt {
        /// The policy; the tree's as it was changed by hand, if not given.
        file: Option<PathBuf>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Text,
        /// The SHA-256 of the backtest that was looked at.
        #[arg(long, value_name = "DIGEST")]
        backtest: Option<Sha256>,
        /// Say what would be recorded; write nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Backtest {
    /// The policy to judge by.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Root causes of runs to score it by: {"Run_ID": …, "Root_Cause": …}, an array or one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) outcomes: Option<PathBuf>,
    /// Score it by the root causes of resolved cases instead of a file's.
    #[arg(long, conflicts_with = "outcomes")]
    pub(crate) cases: bool,
    /// Only the last so many days before --at.
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"])]
    pub(crate) days: Option<u32>,
    /// Only from this instant on.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Only before this instant.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// The instant that --days counts back from; now, if not given.
    #[arg(long, value_name = "TIME", requires = "days")]
    pub(crate) at: Option<Timestamp>,
    /// How many changed runs to show; with --json always all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
}
