//! One file a noun.

mod adopt;
mod approvals;
mod audit;
mod backtest;
mod baseline;
mod case;
mod doctor;
mod emergency;
mod init;
mod ledger;
mod manual;
mod metrics;
mod notify;
mod notion;
mod observe;
mod policy;
mod quarantine;
mod query;
mod repair;
mod report;
mod rerun;
mod review;
mod say;
mod stats;
mod verify;

use crate::args::{BaselineCommand, Command, LedgerCommand, ReportCommand, RunCommand, Update};
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    match command {
        Command::Init(args) => init::init(context, &args),
        Command::Ingest(args) => observe::ingest(context, &args),
        Command::Run(RunCommand::Log(args)) => observe::log(context, &args),
        Command::Run(RunCommand::Show { run_id }) => query::show(context, &run_id),
        Command::Classify(args) => observe::classify(context, &args),
        Command::Query(args) => query::query(context, &args),
        Command::Verify(args) => verify::verify(context, &args),
        Command::Ledger(LedgerCommand::Import(args)) => ledger::import(context, &args),
        Command::Repair(args) => repair::repair(context, &args),
        Command::Baseline(command) => baseline::baseline(context, command),
        Command::Report(ReportCommand::Weekly(args)) | Command::GenerateWeeklyReport(args) => {
            report::weekly(context, &args)
        }
        Command::Report(ReportCommand::Stats(args)) => stats::stats(context, &args),
        Command::UpdateBaselines(dry) => {
            let update = Update {
                all_stable: true,
                dry_run: dry.dry_run,
                ..Update::default()
            };
            baseline::baseline(context, BaselineCommand::Update(update))
        }
        Command::Report(ReportCommand::Reproduce { file }) => report::reproduce(context, &file),
        Command::Review(command) => review::review(context, command),
        Command::Case(command) => case::case(context, command),
        Command::Quarantine(command) => quarantine::quarantine(context, command),
        Command::Rerun(command) => rerun::rerun(context, command),
        Command::Say(args) => say::say(context, &args),
        Command::Notify(command) => notify::notify(context, command),
        Command::Alerts(command) => emergency::alerts(context, command),
        Command::Backfill(command) => emergency::backfill(context, command),
        Command::Approvals(command) => approvals::approvals(context, command),
        Command::Audit(args) => audit::audit(context, &args),
        Command::Doctor(args) => doctor::doctor(context, &args),
        Command::Notion(command) => notion::notion(context, command),
        Command::Metrics(args) => metrics::metrics(context, &args),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { folder } => manual::man(folder.as_deref()),
        Command::Config(command) => adopt::config(context, command),
        Command::Policy(command) => policy::policy(context, command),
    }
}
