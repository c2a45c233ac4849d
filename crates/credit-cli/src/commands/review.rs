//! `review …`: what the weekly review decided and noted.

use anyhow::Result;
use credit_monitor::Archive;
use credit_monitor::core::{RunId, Timestamp};
use credit_monitor::governance::{About, ReviewDecided, ReviewNoted, Text, Verb, What};
use serde::Serialize;

use crate::args::ReviewCommand;
use crate::context::Context;
use crate::desk::Desk;
use crate::exit::Exit;
use crate::output::{print_json, put_line};

pub(crate) fn review(context: &Context, command: ReviewCommand) -> Result<Exit> {
    match command {
        ReviewCommand::Decide { run, decision, dry } => {
            let desk = Desk::open(context, dry.dry_run)?;
            desk.may(Verb::DecideReview, About::Run(run.clone()))?;
            let run = desk.run(&run)?.run;
            let decided = ReviewDecided { run, decision };
            desk.tell(&desk.decide(What::ReviewDecided(decided))?)
        }
        ReviewCommand::Note { report, text, dry } => {
            let desk = Desk::open(context, dry.dry_run)?;
            let note = ReviewNoted { report, note: text };
            desk.tell(&desk.decide(What::ReviewNoted(note))?)
        }
        ReviewCommand::List => list(context),
    }
}

fn list(context: &Context) -> Result<Exit> {
    context.actor(Verb::View)?;
    let docket = Archive::new(&context.tree).docket()?;
    let decisions = docket.reviewed().iter().map(|decided| Decision {
        run_id: &decided.what.run.run_id,
        decision: &decided.what.decision,
        by: &decided.stamp.by,
        at: decided.stamp.at,
    });
    let notes = docket.review_notes().iter().map(|decided| Note {
        report: &decided.what.report,
        note: &decided.what.note,
        by: &decided.stamp.by,
        at: decided.stamp.at,
    });
    let (decisions, notes): (Vec<_>, Vec<_>) = (decisions.collect(), notes.collect());
    if context.json {
        print_json(&Review { decisions, notes })?;
        return Ok(Exit::Fine);
    }
    for Decision {
        run_id,
        decision,
        by,
        at,
    } in &decisions
    {
        put_line(format_args!("{at} {run_id}: {decision} ({by})"))?;
    }
    for Note {
        report,
        note,
        by,
        at,
    } in &notes
    {
        put_line(format_args!("{at} {report}: {note} ({by})"))?;
    }
    if decisions.is_empty() && notes.is_empty() {
        context.say("nothing was decided or noted");
    }
    Ok(Exit::Fine)
}

/// What `review list --json` prints.
#[derive(Serialize)]
struct Review<'a> {
    decisions: Vec<Decision<'a>>,
    notes: Vec<Note<'a>>,
}

#[derive(Serialize)]
struct Decision<'a> {
    run_id: &'a RunId,
    decision: &'a Text,
    by: &'a str,
    at: Timestamp,
}

#[derive(Serialize)]
struct Note<'a> {
    report: &'a Text,
    note: &'a Text,
    by: &'a str,
    at: Timestamp,
}
