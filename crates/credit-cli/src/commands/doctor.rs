//! `doctor`: whether everything is set up so that watching can work.

use anyhow::Result;
use credit_monitor::doctor::{DatabaseFacts, Environment, checks};
use credit_monitor::governance::Verb;
use credit_monitor::notify::notion::{DatabaseId, ReadAccess, Schema, cases_schema, runs_schema};
use credit_monitor::notify::slack::Identity;
use credit_monitor::notify::{Answer, NotionReader, Reason, SlackReader};
use credit_monitor::{Archive, Config};

use super::audit;
use crate::args::Doctor;
use crate::context::Context;
use crate::exit::Exit;
use crate::{notion, outgoing, settings};

pub(crate) fn doctor(context: &Context, args: &Doctor) -> Result<Exit> {
    // Operators that cannot be read are a finding, too.
    if context.operator().is_some() {
        context.actor(Verb::View)?;
    }
    let now = context.now()?;
    let config = Config::load(&context.tree).ok();
    let policy = config.as_ref().map(|config| &config.policy().value);
    let environment = Environment::read(policy, settings::value_of);
    let mut facts = Archive::new(&context.tree).examine(environment, now);
    if args.online {
        facts.bot = ask_slack();
        facts.databases = Some(ask(&facts.environment));
    }
    audit::tell(context, &checks(&facts, now), "the doctor")
}

/// What Slack says of the bot; `None` where there is none, or no usable token, which is a finding
/// already.
fn ask_slack() -> Option<Result<Identity, Reason>> {
    let bot = outgoing::bot().ok().flatten()?;
    Some(done(bot.identity()))
}

/// What Notion says of each database that is named, in a bounded time.
fn ask(environment: &Environment) -> Vec<DatabaseFacts> {
    let named = environment.databases().iter();
    let named = named.filter_map(|database| Some((database.name, database.id.as_ref()?)));
    // Without a usable token that is a finding already.
    let Ok(notion) = notion::client(ReadAccess) else {
        return Vec::new();
    };
    let facts = named.map(|(name, id)| DatabaseFacts {
        name,
        lacks: schema(&notion, id).map(|(_, found)| found.lacks(&expected(name))),
    });
    facts.collect()
}

/// What a database of this name must have.
pub(super) fn expected(name: &str) -> Schema {
    match name {
        "CASES" => cases_schema(),
        _ => runs_schema(),
    }
}

/// The properties of a database, and its data source.
pub(super) fn schema(
    notion: &dyn NotionReader,
    id: &DatabaseId,
) -> Result<(credit_monitor::notify::notion::DataSourceId, Schema), Reason> {
    let source = notion.resolve(id);
    let answer = source.and_then(|source| notion.schema(&source).map(|schema| (source, schema)));
    done(answer)
}

/// What was done, or why not.
pub(super) fn done<T>(answer: Answer<T>) -> Result<T, Reason> {
    match answer {
        Answer::Done(done) => Ok(done),
        Answer::Pause { reason, .. }
        | Answer::Retry { reason }
        | Answer::Unknown { reason }
        | Answer::Park { reason } => Err(reason),
    }
}
