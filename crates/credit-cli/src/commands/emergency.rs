//! `alerts …` and `backfill …`: what is exceptionally switched off or relaxed.

use anyhow::Result;
use credit_monitor::core::{ScenarioId, Severity, Timestamp};
use credit_monitor::governance::{
    About, AlertsMuted, AlertsUnmuted, BackfillEnded, BackfillStarted, Docket, EventId, MuteScope,
    Text, Verb, What,
};
use credit_monitor::{Archive, Error};
use serde::Serialize;

use crate::args::{AlertsCommand, BackfillCommand, Mute};
use crate::context::Context;
use crate::desk::Desk;
use crate::exit::{Exit, Failed};
use crate::output::{print_json, put_line, table};

pub(crate) fn alerts(context: &Context, command: AlertsCommand) -> Result<Exit> {
    match command {
        AlertsCommand::Mute(args) => mute(context, args),
        AlertsCommand::Unmute { reason, dry } => {
            unmute(&Desk::open_early(context, dry.dry_run)?, &reason)
        }
        AlertsCommand::Status => alerts_status(context),
    }
}

fn mute(context: &Context, args: Mute) -> Result<Exit> {
    if args.scope.contains(&Severity::Sev0) && !args.include_sev0 {
        return Err(Failed {
            exit: Exit::Usage,
            message: "SEV0 is held back only with --include-sev0".to_owned(),
            help: "try --help",
        }
        .into());
    }
    let desk = Desk::open_early(context, args.dry.dry_run)?;
    desk.may(Verb::MuteAlerts, About::Everything)?;
    let question = "Hold back alerts of SEV0, too? Nobody will be told of exposed data.";
    if args.include_sev0 && !desk.is_rehearsal() && !context.confirmed(question)? {
        context.say("nothing was changed");
        return Ok(Exit::Refused);
    }
    let hours = args.hours.unwrap_or(desk.rules()?.mute_hours_max);
    let muted = AlertsMuted {
        scope: match args.scope {
            all if all.is_empty() => MuteScope::All,
            some => MuteScope::Severities(some),
        },
        include_sev0: args.include_sev0,
        reason: args.reason,
        expires: desk.now.minutes_after(60 * hours),
    };
    desk.tell(&desk.enact(muted, About::Everything)?)
}

fn unmute(desk: &Desk<'_>, reason: &Text) -> Result<Exit> {
    desk.may(Verb::UnmuteAlerts, About::Everything)?;
    let now = desk.now;
    let on = |docket: &Docket| -> Vec<EventId> {
        let on = docket.mutes().iter().filter(|mute| mute.is_on(now));
        on.map(|mute| mute.id.clone()).collect()
    };
    let mutes = desk.ask(&About::Everything, on)?;
    if mutes.is_empty() {
        let reason = "no alerts are held back".to_owned();
        return Err(Error::Precondition { reason }.into());
    }
    let mut events = Vec::with_capacity(mutes.len());
    for mute in mutes {
        let reason = reason.clone();
        events.push(desk.decide(What::AlertsUnmuted(AlertsUnmuted { mute, reason }))?);
    }
    desk.tell_all(&events)
}

fn alerts_status(context: &Context) -> Result<Exit> {
    context.actor(Verb::View)?;
    let (docket, now) = (Archive::new(&context.tree).docket()?, context.now()?);
    let mutes = docket.mutes().iter().map(|mute| MuteLine {
        id: &mute.id,
        on: mute.is_on(now),
        by: &mute.since.by,
        since: mute.since.at,
        until: mute.until(),
        scope: &mute.what.scope,
        include_sev0: mute.what.include_sev0,
        reason: &mute.what.reason,
    });
    let mutes: Vec<MuteLine<'_>> = mutes.collect();
    let muted = mutes.iter().any(|mute| mute.on);
    if context.json {
        print_json(&Alerts { muted, mutes })?;
        return Ok(Exit::Fine);
    }
    put_line(if muted {
        "alerts are held back"
    } else {
        "no alerts are held back"
    })?;
    let on = mutes.iter().filter(|mute| mute.on);
    let rows: Vec<Vec<String>> = on.map(MuteLine::row).collect();
    if !rows.is_empty() {
        put_line(table(&["Which", "Until", "By", "Why"], &[], rows))?;
    }
    Ok(Exit::Fine)
}

pub(crate) fn backfill(context: &Context, command: BackfillCommand) -> Result<Exit> {
    match command {
        BackfillCommand::Start {
            scenario,
            reason,
            days,
            dry,
        } => {
            let desk = Desk::open_early(context, dry.dry_run)?;
            let about = About::Scenario(scenario.clone());
            desk.may(Verb::StartBackfill, about.clone())?;
            let days = days.unwrap_or(desk.rules()?.backfill_days_max);
            let started = BackfillStarted {
                scenario_id: scenario,
                reason,
                expires: desk.now.days_after(days),
            };
            desk.tell(&desk.enact(started, about)?)
        }
        BackfillCommand::End {
            scenario,
            note,
            dry,
        } => {
            let desk = Desk::open_early(context, dry.dry_run)?;
            desk.may(Verb::EndBackfill, About::Scenario(scenario.clone()))?;
            let ended = BackfillEnded {
                scenario_id: scenario,
                note,
            };
            desk.tell(&desk.decide(What::BackfillEnded(ended))?)
        }
        BackfillCommand::Status => backfill_status(context),
    }
}

fn backfill_status(context: &Context) -> Result<Exit> {
    context.actor(Verb::View)?;
    let (docket, now) = (Archive::new(&context.tree).docket()?, context.now()?);
    let backfills = docket.backfills().map(|(scenario_id, backfill)| Backfill {
        scenario_id,
        status: if backfill.is_on(now) {
            "open"
        } else if backfill.is_forgotten(now) {
            "forgotten"
        } else {
            "ended"
        },
        by: &backfill.since.by,
        since: backfill.since.at,
        expires: backfill.expires,
        ended: backfill.ended.as_ref().map(|stamp| stamp.at),
        reason: &backfill.reason,
    });
    let backfills: Vec<Backfill<'_>> = backfills.collect();
    if context.json {
        print_json(&Backfills { backfills })?;
        return Ok(Exit::Fine);
    }
    if backfills.is_empty() {
        context.say("there was no backfill yet");
        return Ok(Exit::Fine);
    }
    let rows = backfills.iter().map(|line| {
        vec![
            line.scenario_id.to_string(),
            line.status.to_owned(),
            line.since.to_string(),
            line.expires.to_string(),
            line.by.to_owned(),
            line.reason.to_string(),
        ]
    });
    let header = ["Scenario", "Status", "Since", "Expires", "By", "Why"];
    put_line(table(&header, &[], rows.collect()))?;
    Ok(Exit::Fine)
}

/// What `alerts status --json` prints.
#[derive(Serialize)]
struct Alerts<'a> {
    muted: bool,
    mutes: Vec<MuteLine<'a>>,
}

#[derive(Serialize)]
struct MuteLine<'a> {
    id: &'a EventId,
    on: bool,
    by: &'a str,
    since: Timestamp,
    until: Timestamp,
    scope: &'a MuteScope,
    include_sev0: bool,
    reason: &'a Text,
}

impl MuteLine<'_> {
    fn row(&self) -> Vec<String> {
        let which = match self.scope {
            MuteScope::All if self.include_sev0 => "all".to_owned(),
            MuteScope::All => "all but SEV0".to_owned(),
            MuteScope::Scenario(scenario) => scenario.to_string(),
            MuteScope::Severities(severities) => {
                let words: Vec<String> = severities.iter().map(Severity::to_string).collect();
                words.join(", ")
            }
        };
        vec![
            which,
            self.until.to_string(),
            self.by.to_owned(),
            self.reason.to_string(),
        ]
    }
}

/// What `backfill status --json` prints.
#[derive(Serialize)]
struct Backfills<'a> {
    backfills: Vec<Backfill<'a>>,
}

#[derive(Serialize)]
struct Backfill<'a> {
    scenario_id: &'a ScenarioId,
    status: &'static str,
    by: &'a str,
    since: Timestamp,
    expires: Timestamp,
    ended: Option<Timestamp>,
    reason: &'a Text,
}
