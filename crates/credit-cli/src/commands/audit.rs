//! `audit …`: the runbook's regular checks.

use anyhow::Result;
use credit_monitor::Archive;
use credit_monitor::governance::Verb;
use credit_monitor::governance::audit::Audit;
use credit_monitor::notify::routing::Webhooks;

use crate::args::{Audit as Args, AuditPeriod};
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::output::{put_line, table};
use crate::settings;

pub(crate) fn audit(context: &Context, args: &Args) -> Result<Exit> {
    context.actor(Verb::View)?;
    let now = args.at.map_or_else(|| context.now(), Ok)?;
    let archive = Archive::new(&context.tree);
    let audit = match args.period {
        AuditPeriod::Daily => archive.audit_daily(&webhooks()?, now)?,
        AuditPeriod::Weekly => archive.audit_weekly(now)?,
        AuditPeriod::Monthly => archive.audit_monthly(now)?,
        AuditPeriod::Quarterly => archive.audit_quarterly(now)?,
    };
    tell(context, &audit, &format!("the {} audit", audit.audit))
}

/// Prints the checks; an end with findings says whose they are.
pub(super) fn tell(context: &Context, audit: &Audit, whose: &str) -> Result<Exit> {
    if context.json {
        put_line(audit.to_json())?;
    } else {
        print(audit)?;
    }
    if audit.passed {
        return Ok(Exit::Fine);
    }
    let found: usize = audit.checks.iter().map(|check| check.findings.len()).sum();
    Err(Told {
        exit: Exit::Findings,
        code: "findings",
        message: format!("findings of {whose}: {found}"),
        help: "standard output lists them, each with the next command",
    }
    .into())
}

/// Which webhooks are switched off. Only whether a variable is empty counts here: what else it holds
/// is nobody's who audits.
fn webhooks() -> Result<Webhooks> {
    let mut unreadable = None;
    let webhooks = Webhooks::read(|name| match settings::value_of(name) {
        Ok(value) => value.map(|value| match value.is_empty() {
            true => value,
            false => "https://hooks.slack.com/services/T/B/x".to_owned(),
        }),
        Err(message) => {
            unreadable.get_or_insert(message);
            None
        }
    });
    match unreadable {
        Some(message) => Err(settings::unusable(message).into()),
        None => Ok(webhooks?),
    }
}

fn print(audit: &Audit) -> Result<()> {
    let rows = audit.checks.iter().map(|check| {
        let result = match check.findings.len() {
            0 => "passed".to_owned(),
            n => format!("findings: {n}"),
        };
        vec![check.id.to_owned(), check.title.to_owned(), result]
    });
    put_line(table(
        &["Check", "What holds", "Result"],
        &[],
        rows.collect(),
    ))?;
    for check in &audit.checks {
        for figure in &check.figures {
            put_line(format_args!(
                "{}: {}: {}",
                check.id, figure.name, figure.value
            ))?;
        }
        for finding in &check.findings {
            put_line(format_args!("{}: {}", check.id, finding.what))?;
            put_line(format_args!("  evidence: {}", finding.evidence))?;
            put_line(format_args!("  next: {}", finding.next_command))?;
        }
    }
    Ok(())
}
