//! `policy …`.

mod test;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use credit_monitor::Config;
use credit_monitor::core::Sha256;
use credit_monitor::governance::Verb;
use credit_monitor::policy::{Finding, Level, Policy, lint};
use serde::Serialize;
use serde_json::value::RawValue;

use super::adopt;
use super::backtest;
use crate::args::PolicyCommand;
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::output::{print_json, put_line, put_text, table};

pub(crate) fn policy(context: &Context, command: PolicyCommand) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    match command {
        PolicyCommand::Check { file } => check(context, &PolicyFile::read(context, file)?),
        PolicyCommand::Show => {
            put_text(Config::load(&context.tree)?.policy().value.to_json())?;
            Ok(Exit::Fine)
        }
        PolicyCommand::Test { dir, policy } => {
            test::test(context, &dir, &PolicyFile::read(context, policy)?)
        }
        PolicyCommand::Diff { old, new } => diff(context, old, new),
        PolicyCommand::Adopt {
            file,
            reason,
            backtest,
            dry_run,
        } => adopt::policy(context, file, reason, backtest, dry_run),
        PolicyCommand::Backtest(args) => backtest::backtest(context, &args),
    }
}

/// A policy with the file that it was read from.
struct PolicyFile {
    path: PathBuf,
    text: String,
    policy: Policy,
}

impl PolicyFile {
    /// The file that was named, or the tree's.
    fn read(context: &Context, file: Option<PathBuf>) -> anyhow::Result<PolicyFile> {
        if let Some(path) = file {
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let policy = Policy::parse(&text).with_context(|| path.display().to_string())?;
            return Ok(PolicyFile { path, text, policy });
        }
        let config = Config::load(&context.tree)?;
        let policy = config.policy();
        Ok(PolicyFile {
            path: context.tree.policy(),
            text: String::from_utf8(policy.bytes.clone())?,
            policy: policy.value.clone(),
        })
    }

    fn sha256(&self) -> String {
        Sha256::of(self.text.as_bytes()).to_string()
    }
}

fn check(context: &Context, file: &PolicyFile) -> anyhow::Result<Exit> {
    let findings = lint(&file.text)?;
    let warnings = findings
        .iter()
        .filter(|f| f.level == Level::Warning)
        .count();
    let checked = Checked {
        ok: warnings == 0,
        path: &file.path,
        version: file.policy.version(),
        sha256: file.sha256(),
        findings: &findings,
    };
    if context.json {
        print_json(&checked)?;
    } else {
        checked.print(warnings)?;
    }
    if checked.ok {
        return Ok(Exit::Fine);
    }
    Err(Told {
        exit: Exit::Findings,
        code: "findings",
        message: format!("warnings: {warnings}; standard output lists them"),
        help: "do what each remedy says, or say in the policy what is meant",
    }
    .into())
}

/// What `policy check --json` prints.
#[derive(Serialize)]
struct Checked<'a> {
    ok: bool,
    path: &'a Path,
    version: &'a str,
    sha256: String,
    findings: &'a [Finding],
}

impl Checked<'_> {
    fn print(&self, warnings: usize) -> anyhow::Result<()> {
        let (path, version) = (self.path.display(), self.version);
        let result = match warnings {
            0 => "ok".to_owned(),
            n => format!("valid, warnings: {n}"),
        };
        put_line(format_args!(
            "{path}: {result}, version {version}, SHA-256 {}",
            self.sha256
        ))?;
        for finding in self.findings {
            let line = finding
                .line
                .map(|line| format!(":{line}"))
                .unwrap_or_default();
            let Finding {
                level,
                path: key,
                what,
                why,
                remedy,
                ..
            } = finding;
            put_line(format_args!("{path}{line}: {level}: `{key}`: {what}"))?;
            put_line(format_args!("    why: {why}"))?;
            put_line(format_args!("    remedy: {remedy}"))?;
        }
        Ok(())
    }
}

fn diff(context: &Context, old: PathBuf, new: PathBuf) -> anyhow::Result<Exit> {
    let old = PolicyFile::read(context, Some(old))?;
    let new = PolicyFile::read(context, Some(new))?;
    let differences = old.policy.differences(&new.policy);
    if context.json {
        let json = |value: &Option<String>| value.clone().map(RawValue::from_string).transpose();
        let mut changed = Vec::with_capacity(differences.len());
        for difference in &differences {
            changed.push(Changed {
                path: &difference.path,
                old: json(&difference.old)?,
                new: json(&difference.new)?,
            });
        }
        print_json(&Diff {
            equal: differences.is_empty(),
            old_sha256: old.sha256(),
            new_sha256: new.sha256(),
            differences: changed,
        })?;
    } else if differences.is_empty() {
        put_line("the policies in force are equal")?;
    } else {
        let shown = |value: Option<String>| value.unwrap_or_else(|| "absent".to_owned());
        let rows = differences
            .into_iter()
            .map(|d| vec![d.path, shown(d.old), shown(d.new)]);
        put_line(table(&["Key", "Old", "New"], &[], rows.collect()))?;
    }
    Ok(Exit::Fine)
}

/// What `policy diff --json` prints; a value that is absent is null.
#[derive(Serialize)]
struct Diff<'a> {
    equal: bool,
    old_sha256: String,
    new_sha256: String,
    differences: Vec<Changed<'a>>,
}

#[derive(Serialize)]
struct Changed<'a> {
    path: &'a str,
    old: Option<Box<RawValue>>,
    new: Option<Box<RawValue>>,
}
