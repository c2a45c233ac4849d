//! How does a service watch the jobs that its worker threads finish?
//!
//! `cargo run --example embed_in_a_service`

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use credit_examples::now;
use credit_monitor::core::{Credits, RiskFlag, RiskFlags, Run, RunId, Status, Timestamp};
use credit_monitor::ledger::AppendError;
use credit_monitor::notify::routing::{Address, Slot};
use credit_monitor::notify::slack::{Message, Posted};
use credit_monitor::notify::{Alert, Answer, Links, Reason, Slack};
use credit_monitor::{Dispatch, Error, Monitor, ObserveError, Refusal, Tree};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    serve(&Tree::new(folder.path()), now(), &mut io::stdout().lock())
}

/// The service: opens the monitor once, shares it between its workers by reference, and lets a
/// thread of its own talk to Slack, so that a slow Slack delays no job.
pub(crate) fn serve(tree: &Tree, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    prepare(tree, now)?;
    let monitor = Monitor::open(tree, now)?;
    let chat = TeamChat::default();
    let queue = Mutex::new(jobs(now)?.into_iter());
    let done = Mutex::new(BTreeMap::new());
    let (alerts, to_tell) = channel();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            let alerts = alerts.clone();
            scope.spawn(|| work(&monitor, &queue, alerts, &done));
        }
        drop(alerts);
        scope.spawn(|| tell(&chat, to_tell));
    });
    for (id, next) in lock(&done).iter() {
        writeln!(out, "{id}: {}", in_words(next))?;
    }

    writeln!(
        out,
        "\nThe queue delivers R-1 again, and somebody uses its id for another run:"
    )?;
    let (alerts, _nobody) = channel();
    for credits in [10, 11] {
        let again = run("R-1", "EXPORT", credits, now)?;
        writeln!(
            out,
            "R-1: {}",
            in_words(&finished(&monitor, &alerts, again))
        )?;
    }

    writeln!(out, "\nThe team's chat:")?;
    for line in lock(&chat.lines).iter() {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// What the service does next with a finished job.
#[derive(Debug)]
pub(crate) enum Next {
    /// Its output may go on.
    HandOn,
    /// Its output must stay where it is.
    HoldBack(String),
    /// Nothing is wrong with the monitor, but this run cannot be kept: a person has to look.
    SetAside(Refusal),
    /// Somebody else is writing: keep the run and observe it again later.
    TryAgain,
    /// Nobody knows what the disk holds: open the monitor again, which finds out, and observe the
    /// same runs once more; those that were kept come back as duplicates.
    Reopen,
    /// Nothing can be kept until an operator has mended something: take no more jobs.
    Stop(Box<dyn std::error::Error + Send + Sync>),
}

/// Called by any worker that has finished a job.
fn finished(monitor: &Monitor, alerts: &Sender<Alert>, run: Run) -> Next {
    let id = run.run_id.clone();
    let now = run.timestamp;
    let outcome = match monitor.observe(run, now) {
        Ok(outcome) => outcome,
        Err(error) => return after(error),
    };
    // The run is durable: only now may anybody hear of it. A duplicate has no alert.
    if let Some(alert) = outcome.alert {
        // If the thread that talks to Slack is gone, the run is kept all the same.
        let _gone = alerts.send(alert);
    }
    match monitor.may_dispatch(&id) {
        Ok(Dispatch::Allowed) => Next::HandOn,
        Ok(Dispatch::Blocked { reason }) => Next::HoldBack(reason),
        // An answer that cannot be read is a no.
        Err(error) => Next::HoldBack(error.to_string()),
    }
}

/// Errors are sorted by what the caller does about them.
pub(crate) fn after(error: ObserveError) -> Next {
    match error {
        ObserveError::Refused(refusal) => Next::SetAside(refusal),
        ObserveError::Failed(error) if error.is_locked() => Next::TryAgain,
        ObserveError::Failed(Error::Append {
            source: AppendError::Poisoned(_) | AppendError::Reopen { .. },
            ..
        }) => Next::Reopen,
        // A full disk, a broken policy file, a damaged ledger.
        error => Next::Stop(error.into()),
    }
}

fn work(
    monitor: &Monitor,
    queue: &Mutex<std::vec::IntoIter<Run>>,
    alerts: Sender<Alert>,
    done: &Mutex<BTreeMap<RunId, Next>>,
) {
    loop {
        // Here a worker would do the job; its result is a finished run.
        let Some(run) = lock(queue).next() else {
            return;
        };
        let id = run.run_id.clone();
        let next = finished(monitor, &alerts, run);
        lock(done).insert(id, next);
    }
}

/// Sends what it is given, and gives up on one alert rather than on all.
fn tell(slack: &dyn Slack, alerts: Receiver<Alert>) {
    for alert in alerts {
        for _ in 0..ATTEMPTS {
            let message = Message::alert(&alert, &Links::default(), &[]);
            match slack.post(&Address::Webhook(Slot::Default), &message) {
                Answer::Retry { .. } | Answer::Pause { .. } => {}
                // Sent, perhaps sent, or useless to try again. A real service delivers by
                // `notify::delivery`, which knows what to do about each.
                Answer::Done(_) | Answer::Unknown { .. } | Answer::Park { .. } => break,
            }
        }
    }
}

/// The service's own way to its chat. This one fails now and then, as networks do.
#[derive(Debug, Default)]
struct TeamChat {
    attempts: Mutex<u32>,
    lines: Mutex<Vec<String>>,
}

impl Slack for TeamChat {
    fn post(&self, _: &Address, message: &Message) -> Answer<Option<Posted>> {
        let mut attempts = lock(&self.attempts);
        *attempts += 1;
        if *attempts % 2 == 1 {
            let reason = Reason::new("the network is down");
            return Answer::Retry { reason };
        }
        lock(&self.lines).push(message.text().to_owned());
        Answer::Done(None)
    }
}

/// What operators do before a service starts (`creditctl init`, then `creditctl baseline update`);
/// here the baseline is one that somebody entered by hand.
fn prepare(tree: &Tree, now: Timestamp) -> anyhow::Result<()> {
    Monitor::init(tree, Vec::new(), now)?;
    fs::write(
        tree.baselines(),
        format!(
            r#"{{"version": "1.0.0", "updated_at": "{now}", "baselines": [
                 {{"scenario_id": "EXPORT", "median_credits": 10, "calculated_at": "{now}",
                  "sample_size": 0, "last_updated": "{now}"}}]}}"#
        ),
    )?;
    Ok(())
}

/// The jobs of this example, as they finish.
fn jobs(now: Timestamp) -> anyhow::Result<Vec<Run>> {
    let mut leak = run("R-3", "EXPORT", 130, now)?;
    leak.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    Ok(vec![
        run("R-1", "EXPORT", 10, now)?,
        run("R-2", "EXPORT", 16, now)?,
        leak,
        run("R-4", "NEWCOMER", 10, now)?,
        run("R-5", "EXPORT", 9, now)?,
    ])
}

fn run(id: &str, scenario: &str, credits: u64, at: Timestamp) -> anyhow::Result<Run> {
    let credits = Credits::whole(credits).unwrap_or(Credits::MAX);
    Ok(Run::new(
        id.parse()?,
        scenario.parse()?,
        at,
        Status::Success,
        credits,
    ))
}

fn in_words(next: &Next) -> String {
    match next {
        Next::HandOn => "kept, its output goes on".to_owned(),
        Next::HoldBack(reason) => format!("kept, its output stays here: {reason}"),
        Next::SetAside(refusal) => format!("set aside for a person: {refusal}"),
        Next::TryAgain => "put back, to be observed again later".to_owned(),
        Next::Reopen => "put back until the monitor is open again".to_owned(),
        Next::Stop(error) => format!("no more jobs: {error}"),
    }
}

/// None of these locks guards anything that a panic could leave half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const WORKERS: usize = 4;
const ATTEMPTS: usize = 3;
