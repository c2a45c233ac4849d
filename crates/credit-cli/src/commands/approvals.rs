//! `approvals list`: who said yes or no to what.

use std::fmt::Display;

use anyhow::Result;
use credit_monitor::Archive;
use credit_monitor::core::Timestamp;
use credit_monitor::governance::{About, ConfigFile, Event, EventId, Role, Trigger, Verb, What};
use serde::Serialize;

use crate::args::ApprovalsCommand;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{print_json, put_line, table};

pub(crate) fn approvals(context: &Context, command: ApprovalsCommand) -> Result<Exit> {
    match command {
        ApprovalsCommand::List => list(context),
    }
}

fn list(context: &Context) -> Result<Exit> {
    context.actor(Verb::View)?;
    let mut approvals = Vec::new();
    Archive::new(&context.tree).each_numbered_event(|seq, event| {
        approvals.extend(Approval::of(seq, &event));
        Ok(())
    })?;
    if context.json {
        print_json(&Approvals { approvals })?;
        return Ok(Exit::Fine);
    }
    if approvals.is_empty() {
        context.say("nothing was approved or denied");
        return Ok(Exit::Fine);
    }
    let rows = approvals.iter().map(|approval| {
        let role = approval
            .role
            .map_or_else(|| "service".to_owned(), |r| r.to_string());
        let outcome = if approval.approved { "yes" } else { "no" };
        vec![
            approval.seq.to_string(),
            approval.at.to_string(),
            format!("{} ({role})", approval.by),
            outcome.to_owned(),
            approval.kind.to_owned(),
            approval.about.clone(),
            approval.reason.clone().unwrap_or_default(),
        ]
    });
    let header = ["Seq", "When", "Who", "Answer", "To", "About", "Why"];
    put_line(table(&header, &[0], rows.collect()))?;
    Ok(Exit::Fine)
}

/// What `approvals list --json` prints.
#[derive(Serialize)]
struct Approvals {
    approvals: Vec<Approval>,
}

#[derive(Serialize)]
struct Approval {
    seq: u64,
    event_id: EventId,
    at: Timestamp,
    by: String,
    role: Option<Role>,
    approved: bool,
    kind: &'static str,
    about: String,
    reason: Option<String>,
}

impl Approval {
    /// The yes or no that an event is; most are neither. What an O3 decides is one, and so are a
    /// proposal that overrides the gate and every denial.
    fn of(seq: u64, event: &Event) -> Option<Approval> {
        let (approved, about, reason): (bool, &dyn Display, Option<&dyn Display>) =
            match &event.what {
                What::ExposureAssessed(what) => (true, &what.case, Some(&what.notes)),
                What::RootCauseConfirmed(what) => (true, &what.case, Some(&what.explanation)),
                What::CaseResolved(what) => (true, &what.case, Some(&what.note)),
                What::RunQuarantined(what) if what.trigger == Trigger::Manual => {
                    (true, &what.run.run_id, Some(&what.reason))
                }
                What::QuarantineReleased(what) => (true, &what.run.run_id, Some(&what.reason)),
                What::DispatchUnblocked(what) => (true, &what.run.run_id, Some(&what.reason)),
                What::RerunApproved(what) => (true, &what.run.run_id, Some(&what.mitigation)),
                What::RerunDenied(what) => (false, &what.run.run_id, Some(&what.reason)),
                What::BaselineProposed(what) => match &what.override_reason {
                    Some(reason) => (true, &what.scenario_id, Some(reason)),
                    None => return None,
                },
                What::BaselineApproved { proposal, .. } => (true, proposal, None),
                What::PolicyAdopted(what) => (true, &what.new, Some(&what.reason)),
                What::ConfigAdopted(what) => {
                    let about = match &what.file {
                        ConfigFile::Baselines => "baselines".to_owned(),
                        ConfigFile::Operators => "operators".to_owned(),
                        ConfigFile::Scenario(id) => format!("scenario {id}"),
                    };
                    return Some(Approval::new(seq, event, true, &about, Some(&what.reason)));
                }
                What::AlertsMuted(what) => (true, &"alerts", Some(&what.reason)),
                What::AlertsUnmuted(what) => (true, &what.mute, Some(&what.reason)),
                What::BackfillStarted(what) => (true, &what.scenario_id, Some(&what.reason)),
                What::BackfillEnded(what) => (true, &what.scenario_id, Some(&what.note)),
                What::Refused(what) => {
                    let about = match &what.about {
                        About::Run(run) => run.to_string(),
                        About::Case(case) => case.to_string(),
                        About::Scenario(scenario) => scenario.to_string(),
                        About::File(file) => file.to_string(),
                        About::Everything => String::new(),
                    };
                    let reason = format!("{} needs {}", what.verb, what.requires);
                    return Some(Approval::new(seq, event, false, &about, Some(&reason)));
                }
                _ => return None,
            };
        Some(Approval::new(seq, event, approved, about, reason))
    }

    fn new(
        seq: u64,
        event: &Event,
        approved: bool,
        about: &dyn Display,
        reason: Option<&dyn Display>,
    ) -> Approval {
        Approval {
            seq,
            event_id: event.id(),
            at: event.at,
            by: event.by.clone(),
            role: event.role,
            approved,
            kind: event.what.kind(),
            about: about.to_string(),
            reason: reason.map(ToString::to_string),
        }
    }
}
