//! `query` and `run show`.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::Context as _;
use credit_monitor::core::{Period, RunFacts, Timestamp};
use credit_monitor::governance::Verb;
use credit_monitor::{Archive, Dispatch, Error, Filter};

use crate::args::Query;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{put_line, put_text, with_cause};

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
    match written.and_then(|()| out.flush()) {
        // The reader, such as `head`, has what it wanted.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
        result => result.context("writing to standard output")?,
    }
    Ok(Exit::Fine)
}

fn period(context: &Context, args: &Query) -> anyhow::Result<Option<Period>> {
    if let Some(days) = args.days {
        if let Some(at) = args.at {
            return Ok(Some(Period::days_until(days, at)));
        }
        let now = context.now()?;
        // What finished in this very second is asked for, too.
        let end = Timestamp::from_unix(now.unix() + 1).unwrap_or(now);
        return Ok(Some(Period {
            start: now.days_before(days),
            end,
        }));
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
        put_line(text)?;
        return Ok(Exit::Fine);
    }
    let facts = RunFacts::parse(text)?;
    put_text(String::from_utf8_lossy(&line.file_bytes()?))?;
    put_line("")?;
    match archive.explain(text) {
        Ok(why) => put_line(why)?,
        Err(reason) => {
            put_line(format_args!("{}: {}", facts.severity, facts.summary))?;
            put_line(format_args!(
                "why cannot be said again: {}",
                with_cause(&reason)
            ))?;
        }
    }
    put_line(format_args!(
        "ledger line {} ({})",
        line.seq() + 1,
        line.hash()
    ))?;
    match archive.may_dispatch(&facts.run_id)? {
        Dispatch::Allowed => put_line("dispatch is allowed")?,
        Dispatch::Blocked { reason } => put_line(format_args!("dispatch is blocked: {reason}"))?,
    }
    Ok(Exit::Fine)
}
