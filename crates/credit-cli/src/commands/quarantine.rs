//! `quarantine …`: runs whose artifacts are set aside.

use anyhow::Result;
use credit_monitor::core::{Action, RunId};
use credit_monitor::governance::{About, Quarantine, Refusal, Verb};
use credit_monitor::{Archive, Dispatch};
use serde::Serialize;

use crate::args::QuarantineCommand;
use crate::context::Context;
use crate::desk::{Books, Desk};
use crate::exit::{Exit, Failed};
use crate::output::{print_json, put_line, table};

pub(crate) fn quarantine(context: &Context, command: QuarantineCommand) -> Result<Exit> {
    match command {
        QuarantineCommand::List => list(context),
        QuarantineCommand::Show { run } => show(context, &run),
        QuarantineCommand::Apply { run, reason, dry } => {
            let desk = Desk::open(context, dry.dry_run)?;
            desk.may(Verb::QuarantineRun, About::Run(run.clone()))?;
            let events = match &desk.books {
                Books::Rehearsed(books) => books.quarantine(&run, reason, &desk.actor, desk.now)?,
                Books::Kept(monitor) => {
                    if !context.confirmed(&format!("Set the artifacts of {run} aside?"))? {
                        return unchanged(context);
                    }
                    monitor.quarantine(&run, reason, &desk.actor, desk.now)?
                }
            };
            desk.tell_all(&events)
        }
        QuarantineCommand::Release { run, reason, dry } => {
            let desk = Desk::open(context, dry.dry_run)?;
            desk.may(Verb::ReleaseRun, About::Run(run.clone()))?;
            let event = match &desk.books {
                Books::Rehearsed(books) => books.release(&run, reason, &desk.actor, desk.now)?,
                Books::Kept(monitor) => {
                    if !context.confirmed(&format!("Let anything downstream use {run} again?"))? {
                        return unchanged(context);
                    }
                    monitor.release(&run, reason, &desk.actor, desk.now)?
                }
            };
            match event {
                Some(event) => desk.tell(&event),
                None if context.json => desk.tell_all(&[]),
                None => {
                    put_line(format_args!(
                        "{run} was released before; what was still set aside is given back"
                    ))?;
                    Ok(Exit::Fine)
                }
            }
        }
    }
}

fn unchanged(context: &Context) -> Result<Exit> {
    context.say("nothing was changed");
    Ok(Exit::Refused)
}

fn list(context: &Context) -> Result<Exit> {
    context.actor(Verb::View)?;
    let docket = Archive::new(&context.tree).docket()?;
    let mut quarantined: Vec<Line<'_>> = docket
        .quarantined()
        .map(|(run_id, quarantine)| Line { run_id, quarantine })
        .collect();
    quarantined.sort_by(|a, b| a.run_id.cmp(b.run_id));
    if context.json {
        print_json(&List { quarantined })?;
        return Ok(Exit::Fine);
    }
    if quarantined.is_empty() {
        context.say("no run is quarantined");
        return Ok(Exit::Fine);
    }
    let rows = quarantined.iter().map(|line| {
        let since = &line.quarantine.since;
        vec![
            line.run_id.to_string(),
            since.at.to_string(),
            since.by.clone(),
            line.quarantine.reason.to_string(),
        ]
    });
    put_line(table(&["Run", "Since", "By", "Why"], &[], rows.collect()))?;
    Ok(Exit::Fine)
}

fn show(context: &Context, id: &RunId) -> Result<Exit> {
    context.actor(Verb::View)?;
    let archive = Archive::new(&context.tree);
    let judged = archive.judged(id)?;
    let docket = archive.docket()?;
    let quarantine = docket.run(id).and_then(|run| run.quarantine.as_deref());
    let Some(quarantine) = quarantine else {
        return Err(Failed {
            exit: Exit::NotFound,
            message: format!("run `{id}` was never quarantined"),
            help: "`creditctl quarantine list` tells which runs are",
        }
        .into());
    };
    let blocked = judged.actions.contains(Action::BlockDispatch);
    let reason = quarantine.reason.clone();
    let missing = match docket.releasable(&judged.run, blocked, reason) {
        Err(Refusal::Release { unmet, .. }) => unmet.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let damaged = match quarantine.released {
        None => archive.check_quarantined(id)?,
        // Its artifacts are where they were before.
        Some(_) => Vec::new(),
    };
    let shown = Shown {
        run_id: id,
        may_dispatch: archive.may_dispatch(id)? == Dispatch::Allowed,
        quarantine,
        missing,
        damaged,
    };
    if context.json {
        print_json(&shown)?;
    } else {
        shown.print()?;
    }
    if shown.damaged.is_empty() {
        return Ok(Exit::Fine);
    }
    Err(Failed {
        exit: Exit::Integrity,
        message: format!("what was set aside of run `{id}` was changed"),
        help: "standard output tells what; restore it from a copy",
    }
    .into())
}

/// What `quarantine list --json` prints.
#[derive(Serialize)]
struct List<'a> {
    quarantined: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    run_id: &'a RunId,
    quarantine: &'a Quarantine,
}

/// What `quarantine show --json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    run_id: &'a RunId,
    may_dispatch: bool,
    quarantine: &'a Quarantine,
    /// What its release needs.
    missing: Vec<String>,
    /// What is not as it was set aside.
    damaged: Vec<String>,
}

impl Shown<'_> {
    fn print(&self) -> Result<()> {
        let (id, quarantine) = (self.run_id, self.quarantine);
        let since = &quarantine.since;
        put_line(format_args!(
            "{id}: set aside by {} at {}: {}",
            since.by, since.at, quarantine.reason
        ))?;
        for path in &quarantine.moved {
            put_line(format_args!("moved: {path}"))?;
        }
        for path in &quarantine.not_moved {
            put_line(format_args!("not moved: {path}"))?;
        }
        if let Some(released) = &quarantine.released {
            let (by, at) = (&released.by, released.at);
            return put_line(format_args!("released by {by} at {at}"));
        }
        for problem in &self.damaged {
            put_line(format_args!("damaged: {problem}"))?;
        }
        for missing in &self.missing {
            put_line(format_args!("missing to release it: {missing}"))?;
        }
        Ok(())
    }
}
