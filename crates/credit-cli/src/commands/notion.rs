//! `notion schema`: the properties of Notion's databases.

use anyhow::Result;
use credit_monitor::Config;
use credit_monitor::doctor::Environment;
use credit_monitor::governance::Verb;
use credit_monitor::notify::NotionSchema;
use credit_monitor::notify::notion::{DataSourceId, DatabaseId, Lack, Schema, WriteAccess};
use serde_json::{Value, json};

use super::doctor::{done, expected, schema};
use crate::args::{DryRun, NotionCommand};
use crate::context::Context;
use crate::exit::{Exit, Failed, Told};
use crate::output::{put_line, table};
use crate::{notion, settings};

pub(crate) fn notion(context: &Context, command: NotionCommand) -> Result<Exit> {
    match command {
        NotionCommand::Schema(dry) => complete(context, dry),
    }
}

/// One database, as it was found and as it is left.
struct Compared {
    name: &'static str,
    source: DataSourceId,
    found: Schema,
    missing: Schema,
    left: Vec<Lack>,
}

fn complete(context: &Context, dry: DryRun) -> Result<Exit> {
    context.actor_for(Verb::Init, dry.dry_run)?;
    let config = Config::load(&context.tree)?;
    let environment = Environment::read(Some(&config.policy().value), settings::value_of);
    let notion = notion::client(WriteAccess)?;
    let named = environment.databases().iter();
    let named: Vec<(&'static str, &DatabaseId)> = named
        .filter_map(|database| Some((database.name, database.id.as_ref()?)))
        .collect();
    if named.is_empty() {
        return Err(Failed {
            exit: Exit::Precondition,
            message: "no Notion database is named".to_owned(),
            help: "set NOTION_RUNS_LEDGER_DB_ID and NOTION_CASES_DB_ID to the 32 digits of their \
                   addresses; `creditctl doctor` says what is set",
        }
        .into());
    }
    let mut all = Vec::new();
    for (name, id) in named {
        all.push(compare(&notion, name, id)?);
    }
    let adding = !dry.dry_run && agreed(context, &all)?;
    for compared in &mut all {
        if adding && !compared.missing.is_empty() {
            let answer = notion.add_properties(&compared.source, &compared.missing);
            let now = done(answer).map_err(|reason| unreachable(compared.name, &reason))?;
            compared.left = now.lacks(&expected(compared.name));
        }
    }
    tell(context, &all, adding)
}

fn compare(notion: &dyn NotionSchema, name: &'static str, id: &DatabaseId) -> Result<Compared> {
    let (source, found) = schema(notion, id).map_err(|reason| unreachable(name, &reason))?;
    let expected = expected(name);
    Ok(Compared {
        name,
        source,
        missing: found.addable(&expected),
        left: found.lacks(&expected),
        found,
    })
}

fn agreed(context: &Context, all: &[Compared]) -> Result<bool> {
    let missing: Vec<String> = all
        .iter()
        .flat_map(|c| {
            c.missing
                .iter()
                .map(|(name, kind)| format!("{}.{name} ({kind})", c.name))
        })
        .collect();
    if missing.is_empty() {
        return Ok(false);
    }
    context.confirmed(&format!("add to Notion: {}?", missing.join(", ")))
}

/// A row a property that is or was not as it must be, and an end that says whether any is left.
fn tell(context: &Context, all: &[Compared], added: bool) -> Result<Exit> {
    let left: usize = all.iter().map(|compared| compared.left.len()).sum();
    if context.json {
        let databases: Vec<Value> = all.iter().map(shown).collect();
        put_line(json!({"ok": left == 0, "added": added, "databases": databases}))?;
    } else {
        let mut rows = Vec::new();
        for compared in all {
            let right = expected(compared.name);
            for (name, kind) in right.iter() {
                let lack = compared.left.iter().find(|lack| lack.property() == name);
                let was_missing = compared.found.iter().all(|(found, _)| found != name);
                let state = match lack {
                    Some(lack) => lack.to_string(),
                    None if was_missing => "added".to_owned(),
                    None => "fine".to_owned(),
                };
                rows.push(vec![
                    compared.name.to_owned(),
                    name.to_owned(),
                    kind.to_owned(),
                    state,
                ]);
            }
        }
        put_line(table(&["Database", "Property", "Type", ""], &[], rows))?;
    }
    if left == 0 {
        return Ok(Exit::Fine);
    }
    Err(Told {
        exit: Exit::Findings,
        code: "findings",
        message: format!("properties that are not as rows need them: {left}"),
        help: "what is missing, `creditctl notion schema` adds; a type or a title is changed in \
               Notion, by a person",
    }
    .into())
}

fn shown(compared: &Compared) -> Value {
    let missing: Vec<&str> = compared.missing.iter().map(|(name, _)| name).collect();
    let left: Vec<String> = compared.left.iter().map(Lack::to_string).collect();
    json!({"name": compared.name, "missing": missing, "left": left})
}

fn unreachable(name: &str, reason: &credit_monitor::notify::Reason) -> Failed {
    Failed {
        exit: Exit::Precondition,
        message: format!("{name} cannot be looked at or changed: {reason}"),
        help: "share the database with the integration and check its id and NOTION_TOKEN",
    }
}
