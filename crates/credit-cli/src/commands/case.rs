//! `case …`: from the alert to the archive.

mod show;

use anyhow::Result;
use credit_monitor::Error;
use credit_monitor::core::{CaseId, CaseStatus, RootCause, RunId};
use credit_monitor::governance::{
    About, CaseAcknowledged, CaseArchived, CaseEscalated, CaseNoted, CaseReopened, CaseResolved,
    CaseStatusChanged, Docket, DocketError, Escalation, ExposureAssessed, MitigationDocumented,
    RootCauseFound, Text, ThreadLinked, Topic, Verb, What,
};

use crate::args::{Archive, CaseCommand, NoteTopic};
use crate::context::Context;
use crate::desk::{Books, Desk};
use crate::exit::{Exit, Failed};

pub(crate) fn case(context: &Context, command: CaseCommand) -> Result<Exit> {
    let desk = |dry: crate::args::DryRun| Desk::open(context, dry.dry_run);
    match command {
        CaseCommand::List(args) => show::list(context, &args),
        CaseCommand::Show { case } => show::show(context, &case),
        CaseCommand::Open { run, title, dry } => open(&desk(dry)?, &run, title),
        CaseCommand::Ack { case, dry } => acknowledge(&desk(dry)?, case),
        CaseCommand::Assess {
            case,
            exposure,
            notes,
            dry,
        } => {
            let desk = desk(dry)?;
            desk.may(Verb::AssessExposure, About::Case(case.clone()))?;
            let flags = desk.case(&case)?.critical_flags();
            simply(
                &desk,
                What::ExposureAssessed(ExposureAssessed {
                    case,
                    exposure,
                    flags,
                    notes,
                }),
            )
        }
        CaseCommand::RootCause {
            case,
            cause,
            explanation,
            confirm,
            dry,
        } => root_cause(&desk(dry)?, case, cause, explanation, confirm),
        CaseCommand::Status { case, status, dry } => change_status(&desk(dry)?, case, status),
        CaseCommand::Mitigate { case, what, dry } => simply(
            &desk(dry)?,
            What::MitigationDocumented(MitigationDocumented {
                case,
                mitigation: what,
            }),
        ),
        CaseCommand::Note {
            case,
            text,
            topic,
            dry,
        } => simply(
            &desk(dry)?,
            What::CaseNoted(CaseNoted {
                case,
                topic: topic.into(),
                note: text,
            }),
        ),
        CaseCommand::Thread { case, url, dry } => {
            simply(&desk(dry)?, What::ThreadLinked(ThreadLinked { case, url }))
        }
        CaseCommand::Link { case, run, dry } => link(&desk(dry)?, &case, &run),
        CaseCommand::Escalate { case, reason, dry } => simply(
            &desk(dry)?,
            What::CaseEscalated(CaseEscalated {
                case,
                escalation: Escalation::Asked,
                reason,
            }),
        ),
        CaseCommand::Resolve { case, note, dry } => {
            simply(&desk(dry)?, What::CaseResolved(CaseResolved { case, note }))
        }
        CaseCommand::Reopen { case, reason, dry } => simply(
            &desk(dry)?,
            What::CaseReopened(CaseReopened { case, reason }),
        ),
        CaseCommand::Archive(args) => archive(context, &args),
        CaseCommand::Unarchive { case, reason, dry } => unarchive(&desk(dry)?, case, reason),
    }
}

fn simply(desk: &Desk<'_>, what: What) -> Result<Exit> {
    desk.tell(&desk.decide(what)?)
}

pub(crate) fn acknowledge(desk: &Desk<'_>, case: CaseId) -> Result<Exit> {
    simply(desk, What::CaseAcknowledged(CaseAcknowledged { case }))
}

fn open(desk: &Desk<'_>, run: &RunId, title: Option<Text>) -> Result<Exit> {
    desk.may(Verb::OpenCase, About::Run(run.clone()))?;
    let run = desk.run(run)?;
    let what = desk.ask(&About::Run(run.run.run_id.clone()), |docket| {
        docket.case_by_hand(&run, title)
    })?;
    simply(desk, what.map_err(impossible)?)
}

fn link(desk: &Desk<'_>, case: &CaseId, run: &RunId) -> Result<Exit> {
    desk.may(Verb::LinkRun, About::Case(case.clone()))?;
    let run = desk.run(run)?;
    let what = desk.ask(&About::Case(case.clone()), |docket| {
        docket.link_by_hand(&run, case)
    })?;
    simply(desk, what.map_err(impossible)?)
}

fn change_status(desk: &Desk<'_>, case: CaseId, to: CaseStatus) -> Result<Exit> {
    desk.may(Verb::ChangeCaseStatus, About::Case(case.clone()))?;
    let from = desk.case(&case)?.status;
    if to == CaseStatus::Resolved {
        return Err(Failed {
            exit: Exit::Precondition,
            message: format!("a case is resolved by `creditctl case resolve {case} --note TEXT`"),
            help: "it tells everything that is missing",
        }
        .into());
    }
    simply(
        desk,
        What::CaseStatusChanged(CaseStatusChanged { case, from, to }),
    )
}

fn root_cause(
    desk: &Desk<'_>,
    case: CaseId,
    cause: Option<RootCause>,
    explanation: Option<Text>,
    confirm: bool,
) -> Result<Exit> {
    let verb = if confirm {
        Verb::ConfirmRootCause
    } else {
        Verb::ProposeRootCause
    };
    desk.may(verb, About::Case(case.clone()))?;
    let proposed = desk.case(&case)?.root_cause;
    let (cause, explanation) = match proposed {
        Some(proposed) => (
            Some(cause.unwrap_or(proposed.root_cause)),
            Some(explanation.unwrap_or(proposed.explanation)),
        ),
        None => (cause, explanation),
    };
    let (Some(root_cause), Some(explanation)) = (cause, explanation) else {
        let reason = format!(
            "no root cause of {case} is proposed, so none can be confirmed; give --cause and \
             --explanation"
        );
        return Err(Error::Precondition { reason }.into());
    };
    let found = RootCauseFound {
        case,
        root_cause,
        explanation,
    };
    simply(
        desk,
        if confirm {
            What::RootCauseConfirmed(found)
        } else {
            What::RootCauseProposed(found)
        },
    )
}

fn archive(context: &Context, args: &Archive) -> Result<Exit> {
    let desk = Desk::open(context, args.dry.dry_run)?;
    if let Some(case) = args.case.clone() {
        return simply(&desk, What::CaseArchived(CaseArchived { case }));
    }
    desk.may(Verb::ArchiveCase, About::Everything)?;
    match &desk.books {
        Books::Rehearsed(rehearsal) => desk.tell_all(&rehearsal.due(desk.now)),
        Books::Kept(monitor) => {
            if !context.confirmed("Record everything that is due, the archiving included?")? {
                context.say("nothing was changed");
                return Ok(Exit::Refused);
            }
            let events = monitor.record_due(desk.now)?;
            if events.is_empty() {
                context.say("nothing is due");
            }
            desk.tell_all(&events)
        }
    }
}

fn unarchive(desk: &Desk<'_>, case: CaseId, reason: Text) -> Result<Exit> {
    desk.may(Verb::UnarchiveCase, About::Case(case.clone()))?;
    let known = |docket: &Docket| docket.case(&case).or(docket.archived_case(&case)).is_some();
    if !desk.ask(&About::Case(case.clone()), known)? {
        return Err(impossible(DocketError::UnknownCase { case }));
    }
    simply(desk, What::CaseUnarchived(CaseReopened { case, reason }))
}

fn impossible(error: DocketError) -> anyhow::Error {
    Error::from(credit_monitor::governance::Refusal::from(error)).into()
}

impl From<NoteTopic> for Topic {
    fn from(topic: NoteTopic) -> Topic {
        match topic {
            NoteTopic::General => Topic::General,
            NoteTopic::NoExposure => Topic::NoExposure,
            NoteTopic::BaselineRationale => Topic::BaselineRationale,
        }
    }
}
