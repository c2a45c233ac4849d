//! `policy check` and `policy show`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use credit_monitor::Config;
use credit_monitor::core::Sha256;
use credit_monitor::governance::Verb;
use credit_monitor::policy::Policy;
use serde_json::json;

use super::backtest;
use crate::args::PolicyCommand;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{put_line, put_text};

pub(crate) fn policy(context: &Context, command: PolicyCommand) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    match command {
        PolicyCommand::Check { file: Some(file) } => {
            let text =
                fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            let policy = Policy::parse(&text).with_context(|| file.display().to_string())?;
            checked(context, &file, &policy, Sha256::of(text.as_bytes()))?;
        }
        PolicyCommand::Check { file: None } => {
            let config = Config::load(&context.tree)?;
            let policy = config.policy();
            checked(
                context,
                &context.tree.policy(),
                &policy.value,
                policy.sha256,
            )?;
        }
        PolicyCommand::Show => {
            put_text(Config::load(&context.tree)?.policy().value.to_json())?;
        }
        PolicyCommand::Backtest(args) => backtest::backtest(context, &args)?,
    }
    Ok(Exit::Fine)
}

fn checked(context: &Context, path: &Path, policy: &Policy, sha256: Sha256) -> anyhow::Result<()> {
    if context.json {
        let (version, sha256) = (policy.version(), sha256.to_string());
        put_line(json!({"ok": true, "path": path, "version": version, "sha256": sha256}))
    } else {
        put_line(format_args!(
            "{}: ok, version {}, SHA-256 {sha256}",
            path.display(),
            policy.version()
        ))
    }
}
