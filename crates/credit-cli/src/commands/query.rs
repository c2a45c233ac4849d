//! `query` and `run show`.

use std::io::{BufWriter, Write};

use anyhow::Context as _;
use credit_monitor::core::{Period, RunFacts, Timestamp};
use credit_monitor::governance::Verb;
use credit_monitor::{Archive, Dispatch, Error, Filter};

use crate::args::Query;
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn query(context: &Context, args: &Query) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let filter = Filter {
        severity: args.severity,
        scenario: args.scenario.clone(),
        flag: args.flag,
        period: period(context, args)?,
        limit: args.limit,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    Archive::new(&context.tree).query(&filter, |line| {
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    })?;
    written
        .and_then(|()| out.flush())
        .context("writing to standard output")?;
    Ok(Exit::Fine)
}

fn period(context: &Context, args: &Query) -> anyhow::Result<Option<Period>> {
    if let Some(days) = args.days {
        let at = args.at.map_or_else(|| context.now(), Ok)?;
        return Ok(Some(Period::days_until(days, at)));
    }
    if args.from.is_none() && args.to.is_none() {
        return Ok(None);
    }
    let start = args.from.unwrap_or(Timestamp::FIRST);
    let end = args.to.unwrap_or(Timestamp::LAST);
    anyhow::ensure!(start <= end, "--from {start} is after --to {end}");
    Ok(Some(Period { start, end }))
}

pub(crate) fn show(context: &Context, run_id: &str) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let id = run_id
        .parse()
        .with_context(|| format!("{run_id:?} is no Run_ID"))?;
    let archive = Archive::new(&context.tree);
    let line = archive.run(&id)?.ok_or(Error::UnknownRun { run_id: id })?;
    let text = std::str::from_utf8(line.raw())?;
    if context.json {
        println!("{text}");
        return Ok(Exit::Fine);
    }
    let facts = RunFacts::parse(text)?;
    print!("{}", String::from_utf8_lossy(&line.file_bytes()?));
    println!();
    println!("{}: {}", facts.severity, facts.summary);
    println!("ledger line {} ({})", line.seq() + 1, line.hash());
    match archive.may_dispatch(&facts.run_id)? {
        Dispatch::Allowed => println!("dispatch is allowed"),
        Dispatch::Blocked { reason } => println!("dispatch is blocked: {reason}"),
    }
    Ok(Exit::Fine)
}
