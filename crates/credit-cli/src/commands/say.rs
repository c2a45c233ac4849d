//! `say`: the runbook's phrases as commands.

use anyhow::Result;
use credit_monitor::core::RunId;
use credit_monitor::governance::{About, Actor, Docket, Phrase, RerunStage};

use super::{case, rerun};
use crate::args::{RerunApprove, Say};
use crate::context::Context;
use crate::desk::Desk;
use crate::exit::{Exit, Failed};

pub(crate) fn say(context: &Context, args: &Say) -> Result<Exit> {
    let dry_run = args.dry.dry_run;
    match args.phrase.parse::<Phrase>()? {
        Phrase::Acknowledge { name, case, .. } => {
            let actor = speaker(context, &name)?;
            if args.case.as_ref().is_some_and(|meant| *meant != case) {
                return Err(unclear(format!(
                    "the phrase names {case}, --case another one"
                )));
            }
            ledger(context)?;
            let desk = Desk::open_for(context, actor, dry_run)?;
            case::acknowledge(&desk, case)
        }
        Phrase::ApproveRerun { mitigation } => {
            let desk = Desk::open(context, dry_run)?;
            let run = meant(&desk, args)?;
            rerun::approve(
                &desk,
                RerunApprove {
                    run,
                    mitigation,
                    addresses: Vec::new(),
                    hours: None,
                    dry: args.dry,
                },
            )
        }
        Phrase::DenyRerun { reason } => {
            let desk = Desk::open(context, dry_run)?;
            rerun::deny(&desk, &meant(&desk, args)?, reason)
        }
    }
}

fn ledger(context: &Context) -> Result<()> {
    Ok(credit_monitor::Archive::new(&context.tree).require_ledger()?)
}

/// Who says it is who acts: nobody speaks for somebody else.
fn speaker(context: &Context, name: &str) -> Result<Actor> {
    match context.operator() {
        Some(acting) if acting != name => Err(Failed {
            exit: Exit::Refused,
            message: format!("the phrase names `{name}`, but `{acting}` acts"),
            help: "say it in your own name, or leave --as out",
        }
        .into()),
        _ => context.registered(name),
    }
}

/// The run whose rerun is meant: the one that was named, or the one of the case that waits.
fn meant(desk: &Desk<'_>, args: &Say) -> Result<RunId> {
    let case = match (&args.run, &args.case) {
        (Some(run), _) => return Ok(run.clone()),
        (None, Some(case)) => desk.case(case)?,
        (None, None) => {
            let reason = "the phrase names no run; name it with --run, or its case with --case";
            return Err(unclear(reason.to_owned()));
        }
    };
    let waiting = |docket: &Docket| -> Vec<RunId> {
        let open = docket
            .reruns()
            .filter(|(run, rerun)| rerun.stage == RerunStage::Requested && case.has(run));
        open.map(|(run, _)| run.clone()).collect()
    };
    let mut waiting = desk.ask(&About::Case(case.id.clone()), waiting)?;
    waiting.sort();
    match waiting.as_slice() {
        [run] => Ok(run.clone()),
        [] => Err(Failed {
            exit: Exit::Precondition,
            message: format!("no rerun of a run of {} waits for an answer", case.id),
            help: "ask for it with `creditctl rerun request RUN_ID --reason TEXT`",
        }
        .into()),
        several => {
            let names: Vec<&str> = several.iter().map(RunId::as_str).collect();
            let names = names.join(", ");
            Err(unclear(format!(
                "several reruns wait: {names}; name one with --run"
            )))
        }
    }
}

fn unclear(message: String) -> anyhow::Error {
    Failed {
        exit: Exit::Usage,
        message,
        help: "try --help",
    }
    .into()
}
