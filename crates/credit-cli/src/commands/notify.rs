//! `notify status|drain|release|withdraw`: what people are to be told, and its delivery.

use std::time::{Duration, Instant};

use anyhow::Result;
use credit_monitor::core::{CaseId, RunId, Timestamp};
use credit_monitor::governance::{EventId, Verb};
use credit_monitor::notify::delivery::{Destination, ItemId, Lane};
use credit_monitor::notify::routing::Slot;
use credit_monitor::{
    Archive, Error, Monitor, OutboxStatus, Owed, OwedState, Report, RunFileError, WrittenReport,
};
use serde::Serialize;

use crate::args::{Drain, NotifyCommand, Release, Withdraw};
use crate::context::Context;
use crate::exit::{Exit, Failed, Told};
use crate::outgoing::{Clients, Outgoing};
use crate::output::{print_json, put_line, table, talk, with_cause};

pub(crate) fn notify(context: &Context, command: NotifyCommand) -> Result<Exit> {
    match command {
        NotifyCommand::Status => status(context),
        NotifyCommand::Drain(args) => drain(context, &args),
        NotifyCommand::Release(args) => release(context, &args),
        NotifyCommand::Withdraw(args) => withdraw(context, &args),
    }
}

fn status(context: &Context) -> Result<Exit> {
    context.actor(Verb::View)?;
    let now = context.now()?;
    let status = Archive::new(&context.tree).outbox_status(now)?;
    if context.json {
        print_json(&Shown::of(&status))?;
        return Ok(Exit::Fine);
    }
    if !status.is_set_up {
        context.say("nobody was ever to be told anything: no destination was set up");
    }
    put_line(format_args!(
        "{} to be sent, {} parked",
        status.waiting(),
        status.parked()
    ))?;
    // Where nothing is set up, somebody only looks; what cannot be used is told by who needs it.
    let to = context
        .outgoing()
        .ok()
        .map(|outgoing| outgoing.destinations);
    let to = to.filter(|to| !to.is_empty());
    let is_lost = |owed: &Owed| {
        let to = to.as_ref();
        to.is_some_and(|to| !to.reach(&owed.item, &owed.lane))
    };
    let rows = status.owed.iter().map(|owed| row(owed, is_lost(owed)));
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        put_line(table(&["Item", "Where", "Since", "State"], &[], rows))?;
    }
    if status.rows > 0 {
        let since = status.rows_since.map_or_else(String::new, |at| {
            format!("; the first of their runs finished at {at}")
        });
        put_line(format_args!(
            "{} more rows for RUNS_LEDGER, whose turn comes after these{since}",
            status.rows
        ))?;
    }
    if status.owed.iter().any(is_lost) {
        context.say(
            "what no destination is set up for waits until one is: set it up, or give it up by \
             `creditctl notify withdraw unreachable`",
        );
    }
    for (to, until) in &status.paused {
        put_line(format_args!(
            "{} wants to be left alone until {until}",
            name(*to)
        ))?;
    }
    for held in &status.held {
        let until = held
            .until
            .map_or_else(String::new, |at| format!(" until {at}"));
        put_line(format_args!(
            "{} held back by {}{until}",
            held.messages, held.mute
        ))?;
    }
    for (slot, n) in &status.suppressed {
        put_line(format_args!(
            "{n} suppressed: {} is set to nothing",
            slot.variable()
        ))?;
    }
    Ok(Exit::Fine)
}

fn drain(context: &Context, args: &Drain) -> Result<Exit> {
    context.actor_for(Verb::Drain, args.dry_run)?;
    if args.dry_run {
        let status = status(context)?;
        context.say("nothing was sent");
        return Ok(status);
    }
    Archive::new(&context.tree).require_ledger()?;
    let outgoing = context.outgoing()?;
    let clients = outgoing.clients(None);
    let monitor = context.monitor_telling(Some(outgoing.destinations))?;
    let report = drain_for(
        context,
        &monitor,
        &clients,
        Duration::from_secs(args.seconds.into()),
    )?;
    let report = report.ok_or_else(nobody)?;
    tell(context, &report)?;
    if report.waiting + report.parked == 0 && !report.busy {
        return Ok(Exit::Fine);
    }
    Err(Told {
        exit: Exit::Remaining,
        code: "remaining",
        message: format!("to be sent: {}, parked: {}", report.waiting, report.parked),
        help: "`creditctl notify status` tells why; `creditctl notify release ITEM` has a parked \
               item sent again",
    }
    .into())
}

fn tell(context: &Context, report: &Report) -> Result<()> {
    tell_file_errors(&report.file_errors);
    if context.json {
        return print_json(&Drained {
            sent: report.sent,
            waiting: report.waiting,
            parked: report.parked,
            next_due: report.next_due,
            busy: report.busy,
        });
    }
    if report.busy {
        context.say("another process is sending");
    }
    put_line(format_args!(
        "{} sent, {} to be sent, {} parked",
        report.sent, report.waiting, report.parked
    ))?;
    match report.next_due {
        Some(due) if report.waiting > 0 => put_line(format_args!("next due {due}")),
        _ => Ok(()),
    }
}

fn release(context: &Context, args: &Release) -> Result<Exit> {
    let actor = context.actor_for(Verb::Drain, args.dry_run)?;
    Archive::new(&context.tree).require_ledger()?;
    let now = context.now()?;
    let status = Archive::new(&context.tree).outbox_status(now)?;
    let parked = status.owed.iter().filter(|owed| owed.is_parked());
    let parked: Vec<&ItemId> = parked
        .map(|owed| &owed.item)
        .filter(|item| args.item == "all" || item.as_str() == args.item)
        .collect();
    if parked.is_empty() && args.item != "all" {
        let reason = format!("`{}` is not parked", args.item);
        return Err(Error::Precondition { reason }.into());
    }
    if args.dry_run {
        for item in &parked {
            put_line(format_args!("{item} would be sent again"))?;
        }
        return Ok(Exit::Fine);
    }
    let monitor = context.monitor_telling(Some(context.outgoing()?.destinations))?;
    let outbox = monitor.outbox().ok_or_else(nobody)?;
    for item in parked {
        outbox.release(item, &actor, now)?;
        put_line(format_args!("{item} will be sent again"))?;
    }
    Ok(Exit::Fine)
}

/// Sends until nothing is left that this time is enough for; `None` where nobody is to be told
/// anything.
pub(crate) fn drain_for(
    context: &Context,
    monitor: &Monitor,
    clients: &Clients,
    time: Duration,
) -> Result<Option<Report>> {
    let Some(outbox) = monitor.outbox() else {
        return Ok(None);
    };
    // A clock that was set back meanwhile makes nothing last for ever.
    let started = Instant::now();
    let mut sent = 0;
    loop {
        let now = context.instant()?;
        // A clock that cannot be read any more stands still.
        let clock = || context.instant().unwrap_or(now);
        let left = time.saturating_sub(started.elapsed());
        let mut report = outbox.drain(clients.senders(), &clock, left)?;
        sent += report.sent;
        report.sent = sent;
        let wait = report
            .next_due
            .map(|due| Duration::from_secs_f64(due.seconds_since(clock()).max(0.01)));
        match wait {
            Some(wait) if !report.busy && wait < time.saturating_sub(started.elapsed()) => {
                std::thread::park_timeout(wait);
            }
            _ => return Ok(Some(report)),
        }
    }
}

/// One attempt that is over soon, whatever the other side does: runs are kept already, and what
/// is not sent now stays owed.
pub(crate) fn attempt(context: &Context, monitor: &Monitor, outgoing: Option<&Outgoing>) {
    let Some(outgoing) = outgoing else {
        return;
    };
    let time = outgoing.patience.attempt;
    if time.is_zero() {
        return;
    }
    let clients = outgoing.clients(Some(time));
    match drain_for(context, monitor, &clients, time) {
        Ok(Some(report)) if report.waiting + report.parked > 0 => context.say(format_args!(
            "still to be told to Slack and Notion: {}, parked: {}; `creditctl notify drain` goes on",
            report.waiting, report.parked
        )),
        Ok(_) => {}
        Err(error) => talk(format_args!("warning: nothing was told to Slack and Notion: {error:#}")),
    }
}

/// Owes a weekly report to its reviewers and makes one attempt. The report is written already, so
/// that nothing here can fail it.
pub(crate) fn announce(context: &Context, report: &WrittenReport) {
    let announced = || -> Result<()> {
        let outgoing = context.outgoing()?;
        if outgoing.destinations.is_empty() {
            return Ok(());
        }
        let monitor = context.monitor_telling(Some(outgoing.destinations.clone()))?;
        if let Some(outbox) = monitor.outbox() {
            outbox.owe_weekly(report, context.now()?)?;
        }
        attempt(context, &monitor, Some(&outgoing));
        Ok(())
    };
    if let Err(error) = announced() {
        talk(format_args!(
            "warning: the report is written, and its reviewers are not told: {error:#}; write it \
             again to have them told"
        ));
    }
}

fn withdraw(context: &Context, args: &Withdraw) -> Result<Exit> {
    let actor = context.actor_for(Verb::MuteAlerts, args.dry_run)?;
    let archive = Archive::new(&context.tree);
    archive.require_ledger()?;
    let now = context.now()?;
    let status = archive.outbox_status(now)?;
    let (items, rows) = asked_for(context, &args.item, &status)?;
    if args.dry_run {
        for item in &items {
            put_line(format_args!("{item} would be given up"))?;
        }
        return rows_given_up(rows, "would be given up");
    }
    let question = format!(
        "Give up {} for good? Nobody will be told.",
        count(
            items.len() as u64 + rows,
            "message or row",
            "messages and rows"
        )
    );
    if !context.confirmed(&question)? {
        context.say("nothing was given up");
        return Ok(Exit::Fine);
    }
    let (monitor, _) = context.monitor_and_outgoing()?;
    let mut given_up: Vec<ItemId> = Vec::new();
    for item in items {
        // It may have followed one before.
        if given_up.contains(&item) {
            continue;
        }
        let withdrawn = monitor.withdraw_owed(&item, &args.reason, &actor, now)?;
        for item in &withdrawn.items {
            put_line(format_args!("{item} is given up"))?;
        }
        tell_file_errors(&withdrawn.file_errors);
        given_up.extend(withdrawn.items);
    }
    if rows == 0 {
        return Ok(Exit::Fine);
    }
    let withdrawn = monitor.withdraw_rows(&args.reason, &actor, now)?;
    tell_file_errors(&withdrawn.file_errors);
    rows_given_up(withdrawn.rows, "are given up")
}

/// The items that are meant, and how many rows that are none yet.
fn asked_for(context: &Context, what: &str, status: &OutboxStatus) -> Result<(Vec<ItemId>, u64)> {
    match what {
        "rows" => Ok((Vec::new(), status.rows)),
        "unreachable" => {
            let to = context.outgoing()?.destinations;
            // Somebody whose shell lacks the service's settings would give up everything.
            if to.is_empty() {
                return Err(nobody().into());
            }
            let lost = status
                .owed
                .iter()
                .filter(|owed| !to.reach(&owed.item, &owed.lane));
            let rows = if to.runs.is_none() { status.rows } else { 0 };
            Ok((lost.map(|owed| owed.item.clone()).collect(), rows))
        }
        name => {
            let found = status.owed.iter().find(|owed| owed.item.as_str() == name);
            let found = found.ok_or_else(|| Error::Precondition {
                reason: format!("`{name}` is not owed"),
            })?;
            Ok((vec![found.item.clone()], 0))
        }
    }
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn rows_given_up(rows: u64, what: &str) -> Result<Exit> {
    if rows > 0 {
        put_line(format_args!("{rows} rows for RUNS_LEDGER {what}"))?;
    }
    Ok(Exit::Fine)
}

fn tell_file_errors(errors: &[RunFileError]) {
    for error in errors {
        talk(with_cause(error));
    }
}

fn nobody() -> Failed {
    Failed {
        exit: Exit::Precondition,
        message: "nobody is to be told anything: no webhook, bot or database is set up".to_owned(),
        help: "set SLACK_WEBHOOK_URL_DEFAULT, SLACK_BOT_TOKEN, or NOTION_TOKEN with \
               NOTION_RUNS_LEDGER_DB_ID and NOTION_CASES_DB_ID, or their _FILE variables",
    }
}

fn row(owed: &Owed, is_lost: bool) -> Vec<String> {
    let state = match &owed.state {
        OwedState::Parked { reason } => format!("parked: {reason}"),
        _ if is_lost => "no destination is set up for it".to_owned(),
        OwedState::Owed => "owed".to_owned(),
        OwedState::Begun => "being sent".to_owned(),
        OwedState::Waiting { until, reason } => format!("waiting until {until}: {reason}"),
        OwedState::Unknown { until, reason } => format!("perhaps sent, until {until}: {reason}"),
    };
    vec![
        owed.item.to_string(),
        place(&owed.lane),
        owed.since.to_string(),
        state,
    ]
}

fn place(lane: &Lane) -> String {
    match lane {
        Lane::Slack(address) => address.to_string(),
        Lane::Notion(page) => format!("Notion {page}"),
    }
}

const fn name(destination: Destination) -> &'static str {
    match destination {
        Destination::Slack => "Slack",
        Destination::Notion => "Notion",
    }
}

/// What `notify drain --json` prints.
#[derive(Serialize)]
struct Drained {
    sent: u64,
    waiting: u64,
    parked: u64,
    next_due: Option<Timestamp>,
    busy: bool,
}

/// What `notify status --json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    set_up: bool,
    waiting: u64,
    parked: u64,
    rows: u64,
    rows_since: Option<Timestamp>,
    next_due: Option<Timestamp>,
    items: Vec<ShownItem<'a>>,
    paused: Vec<ShownPause>,
    held: Vec<ShownHeld<'a>>,
    suppressed: Vec<ShownSwitch>,
}

#[derive(Serialize)]
struct ShownItem<'a> {
    item: &'a ItemId,
    to: String,
    run: Option<&'a RunId>,
    case: Option<&'a CaseId>,
    since: Timestamp,
    state: &'static str,
    until: Option<Timestamp>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownPause {
    destination: Destination,
    until: Timestamp,
}

#[derive(Serialize)]
struct ShownHeld<'a> {
    mute: &'a EventId,
    messages: u64,
    until: Option<Timestamp>,
}

#[derive(Serialize)]
struct ShownSwitch {
    variable: &'static str,
    messages: u64,
}

impl Shown<'_> {
    fn of(status: &OutboxStatus) -> Shown<'_> {
        let switch = |(slot, messages): &(Slot, u64)| ShownSwitch {
            variable: slot.variable(),
            messages: *messages,
        };
        Shown {
            set_up: status.is_set_up,
            waiting: status.waiting(),
            parked: status.parked(),
            rows: status.rows,
            rows_since: status.rows_since,
            next_due: status.next_due,
            items: status.owed.iter().map(ShownItem::of).collect(),
            paused: status
                .paused
                .iter()
                .map(|(destination, until)| ShownPause {
                    destination: *destination,
                    until: *until,
                })
                .collect(),
            held: status
                .held
                .iter()
                .map(|held| ShownHeld {
                    mute: &held.mute,
                    messages: held.messages,
                    until: held.until,
                })
                .collect(),
            suppressed: status.suppressed.iter().map(switch).collect(),
        }
    }
}

impl ShownItem<'_> {
    fn of(owed: &Owed) -> ShownItem<'_> {
        let (state, until, reason) = match &owed.state {
            OwedState::Owed => ("owed", None, None),
            OwedState::Begun => ("begun", None, None),
            OwedState::Waiting { until, reason } => ("waiting", Some(*until), Some(reason)),
            OwedState::Unknown { until, reason } => ("unknown", Some(*until), Some(reason)),
            OwedState::Parked { reason } => ("parked", None, Some(reason)),
        };
        ShownItem {
            item: &owed.item,
            to: place(&owed.lane),
            run: owed.run.as_ref(),
            case: owed.case.as_ref(),
            since: owed.since,
            state,
            until,
            reason: reason.map(credit_monitor::notify::Reason::as_str),
        }
    }
}
