//! `rerun …`: the gate that a rerun passes.

use anyhow::Result;
use credit_monitor::Archive;
use credit_monitor::core::json::ObjectWriter;
use credit_monitor::core::{RiskFlags, RunId};
use credit_monitor::governance::{About, Event, RerunStanding, Text, Verb};
use serde::Serialize;

use crate::args::{RerunApprove, RerunCommand};
use crate::context::Context;
use crate::desk::{Books, Desk};
use crate::exit::Exit;
use crate::output::{print_json, put_line};

pub(crate) fn rerun(context: &Context, command: RerunCommand) -> Result<Exit> {
    match command {
        RerunCommand::Request { run, reason, dry } => {
            let desk = Desk::open(context, dry.dry_run)?;
            desk.may(Verb::RequestRerun, About::Run(run.clone()))?;
            let (actor, now) = (&desk.actor, desk.now);
            desk.tell(&match &desk.books {
                Books::Kept(monitor) => monitor.request_rerun(&run, reason, actor, now)?,
                Books::Rehearsed(books) => books.request_rerun(&run, reason, actor, now)?,
            })
        }
        RerunCommand::Approve(args) => {
            let desk = Desk::open(context, args.dry.dry_run)?;
            approve(&desk, args)
        }
        RerunCommand::Deny { run, reason, dry } => {
            let desk = Desk::open(context, dry.dry_run)?;
            deny(&desk, &run, reason)
        }
        RerunCommand::Begin { run, dry } => {
            let desk = Desk::open(context, dry.dry_run)?;
            begin(&desk, &run)
        }
        RerunCommand::Status { run } => status(context, &run),
    }
}

pub(crate) fn approve(desk: &Desk<'_>, args: RerunApprove) -> Result<Exit> {
    desk.may(Verb::ApproveRerun, About::Run(args.run.clone()))?;
    let addressed: RiskFlags = args.addresses.into_iter().collect();
    let expires = args.hours.map(|hours| desk.now.minutes_after(60 * hours));
    let (run, mitigation, actor, now) = (&args.run, args.mitigation, &desk.actor, desk.now);
    desk.tell(&match &desk.books {
        Books::Kept(monitor) => {
            monitor.approve_rerun(run, mitigation, addressed, expires, actor, now)?
        }
        Books::Rehearsed(books) => {
            books.approve_rerun(run, mitigation, addressed, expires, actor, now)?
        }
    })
}

pub(crate) fn deny(desk: &Desk<'_>, run: &RunId, reason: Text) -> Result<Exit> {
    desk.may(Verb::DenyRerun, About::Run(run.clone()))?;
    let (actor, now) = (&desk.actor, desk.now);
    desk.tell(&match &desk.books {
        Books::Kept(monitor) => monitor.deny_rerun(run, reason, actor, now)?,
        Books::Rehearsed(books) => books.deny_rerun(run, reason, actor, now)?,
    })
}

fn begin(desk: &Desk<'_>, run: &RunId) -> Result<Exit> {
    let (actor, now) = (&desk.actor, desk.now);
    let consumed = match &desk.books {
        Books::Kept(monitor) => monitor.begin_rerun(run, actor, now)?.consumed,
        Books::Rehearsed(books) => books.begin_rerun(run, actor, now)?,
    };
    if desk.context.json {
        let mut out = ObjectWriter::new();
        out.plain("run_id", run);
        out.token("dry_run", desk.is_rehearsal());
        match consumed.as_ref().map(Event::to_json) {
            Some(event) => out.token("consumed", event),
            None => out.token("consumed", "null"),
        }
        put_line(out.finish())?;
        return Ok(Exit::Fine);
    }
    if let Some(event) = &consumed {
        return desk.tell(event);
    }
    put_line(format_args!(
        "the rerun of {run} may begin; it needs no approval"
    ))?;
    Ok(Exit::Fine)
}

fn status(context: &Context, run: &RunId) -> Result<Exit> {
    context.actor(Verb::View)?;
    let archive = Archive::new(&context.tree);
    let standing = archive.rehearse()?.rerun_standing(run, context.now()?)?;
    let may_begin = matches!(
        standing,
        RerunStanding::Free | RerunStanding::Approved { .. }
    );
    if context.json {
        print_json(&Status {
            run_id: run,
            may_begin,
            standing: standing.to_string(),
        })?;
    } else {
        put_line(format_args!("{run}: {standing}"))?;
    }
    Ok(Exit::Fine)
}

/// What `rerun status --json` prints.
#[derive(Serialize)]
struct Status<'a> {
    run_id: &'a RunId,
    may_begin: bool,
    standing: String,
}
