//! `policy adopt` and `config adopt`: what governs, put into force or approved of.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use credit_monitor::core::Sha256;
use credit_monitor::governance::{About, ConfigFile, Text, Verb};
use credit_monitor::{Candidate, Tree};

use crate::args::ConfigCommand;
use crate::context::Context;
use crate::desk::{Books, Desk};
use crate::exit::{Exit, Failed};
use crate::output::put_line;

pub(crate) fn policy(
    context: &Context,
    file: Option<PathBuf>,
    reason: Text,
    backtest: Option<Sha256>,
    dry_run: bool,
) -> Result<Exit> {
    let candidate = match file {
        None => Candidate::InPlace,
        Some(path) => {
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            Candidate::From { path, bytes }
        }
    };
    let desk = Desk::open_early(context, dry_run)?;
    desk.may(
        Verb::AdoptPolicy,
        about(&context.tree.policy(), &context.tree),
    )?;
    let (actor, now) = (&desk.actor, desk.now);
    let event = match &desk.books {
        Books::Rehearsed(books) => books.adopt_policy(&candidate, reason, backtest, actor, now)?,
        Books::Kept(monitor) => {
            if !context.confirmed("Judge every run by this policy from now on?")? {
                context.say("nothing was changed");
                return Ok(Exit::Refused);
            }
            monitor.adopt_policy(&candidate, reason, backtest, actor, now)?
        }
    };
    match event {
        Some(event) => desk.tell(&event),
        None if context.json => desk.tell_all(&[]),
        None => {
            put_line("this policy was adopted before; the file is in force now")?;
            Ok(Exit::Fine)
        }
    }
}

pub(crate) fn config(context: &Context, command: ConfigCommand) -> Result<Exit> {
    let ConfigCommand::Adopt { file, reason, dry } = command;
    let governed = governed(&file, &context.tree)?;
    let desk = Desk::open_early(context, dry.dry_run)?;
    let (actor, now) = (&desk.actor, desk.now);
    desk.tell(&match &desk.books {
        Books::Rehearsed(books) => books.adopt_config(&governed, reason, actor, now)?,
        Books::Kept(monitor) => monitor.adopt_config(&governed, reason, actor, now)?,
    })
}

/// Which file is meant by a path as an operator types it, from here or from the root.
fn governed(path: &Path, tree: &Tree) -> Result<ConfigFile> {
    let is = |governed: PathBuf| path == governed || tree.root().join(path) == governed;
    if is(tree.baselines()) {
        return Ok(ConfigFile::Baselines);
    }
    if is(tree.operators()) {
        return Ok(ConfigFile::Operators);
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    if let Some(scenario) = stem.and_then(|stem| stem.parse().ok())
        && is(tree.scenario(&scenario))
    {
        return Ok(ConfigFile::Scenario(scenario));
    }
    Err(Failed {
        exit: Exit::Invalid,
        message: format!(
            "{} is none of the tree's governed files: config/credit-baselines.json, \
             config/operators.json, config/scenarios/<scenario_id>.json",
            path.display()
        ),
        help: "the policy is put into force by `creditctl policy adopt`",
    }
    .into())
}

/// A file below the root, for the record of a refusal.
fn about(path: &Path, tree: &Tree) -> About {
    let below = path.strip_prefix(tree.root()).unwrap_or(path);
    match below.to_string_lossy().parse() {
        Ok(text) => About::File(text),
        Err(_) => About::Everything,
    }
}
