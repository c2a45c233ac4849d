//! How does a service watch the jobs that its worker threads finish?
//!
//! `cargo run --example embed_in_a_service`

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use credit_examples::now;
use credit_monitor::core::{Credits, RiskFlag, RiskFlags, Run, RunId, Status, Timestamp};
use credit_monitor::ledger::AppendError;
use credit_monitor::notify::routing::{Address, Webhooks};
use credit_monitor::notify::slack::{Message, Posted};
use credit_monitor::notify::{Answer, Reason, Slack};
use credit_monitor::{
    Destinations, Dispatch, Error, Monitor, ObserveError, Refusal, Senders, Tree,
};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    serve(&Tree::new(folder.path()), now(), &mut io::stdout().lock())
}

/// The service: opens the monitor once, shares it between its workers by reference, and lets a
/// thread of its own talk to Slack, so that a slow Slack delays no job.
pub(crate) fn serve(tree: &Tree, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    prepare(tree, now)?;
    let monitor = Monitor::open(tree, now)?.with_destinations(destinations()?, now)?;
    let chat = TeamChat::default();
    let queue = Mutex::new(jobs(now)?.into_iter());
    let done = Mutex::new(BTreeMap::new());
    let (wake, finished_jobs) = channel();
    let delivered = thread::scope(|scope| {
        for _ in 0..WORKERS {
            let wake = wake.clone();
            scope.spawn(|| work(&monitor, &queue, wake, &done));
        }
        drop(wake);
        let delivery = scope.spawn(|| deliver(&monitor, &chat, finished_jobs, now));
        delivery.join()
    });
    // What was not delivered is still owed, and the next start goes on with it.
    delivered.map_err(|_| anyhow!("the delivery panicked"))??;
    for (id, next) in lock(&done).iter() {
        writeln!(out, "{id}: {}", in_words(next))?;
    }

    writeln!(
        out,
        "\nThe queue delivers R-1 again, and somebody uses its id for another run:"
    )?;
    for credits in [10, 11] {
        let again = run("R-1", "EXPORT", credits, now)?;
        writeln!(out, "R-1: {}", in_words(&finished(&monitor, again)))?;
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
fn finished(monitor: &Monitor, run: Run) -> Next {
    let id = run.run_id.clone();
    let now = run.timestamp;
    // The run is durable then, and with it what people are to be told of it.
    if let Err(error) = monitor.observe(run, now) {
        return after(error);
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
    wake: Sender<()>,
    done: &Mutex<BTreeMap<RunId, Next>>,
) {
    loop {
        // Here a worker would do the job; its result is a finished run.
        let Some(run) = lock(queue).next() else {
            return;
        };
        let id = run.run_id.clone();
        let next = finished(monitor, run);
        lock(done).insert(id, next);
        // If the thread that talks to Slack is gone, what it did not tell is owed all the same.
        let _gone = wake.send(());
    }
}

/// Delivers what is owed whenever a job is done, until there are no more jobs. The outbox knows the
/// order, the pace and what to do about each answer.
fn deliver(
    monitor: &Monitor,
    chat: &dyn Slack,
    jobs: Receiver<()>,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(outbox) = monitor.outbox() else {
        return Ok(());
    };
    let senders = Senders {
        slack: Some(chat),
        ..Senders::default()
    };
    let mut clock = now;
    loop {
        let was_last = jobs.recv().is_err();
        // A real service comes back when it is due; here the clock is put forward instead.
        while let Some(due) = outbox.drain(senders, &|| clock, BUDGET)?.next_due {
            clock = due;
        }
        if was_last {
            return Ok(());
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

/// Who is told: here everybody by one webhook, as the environment would set it.
fn destinations() -> anyhow::Result<Destinations> {
    let webhooks = Webhooks::read(|variable| {
        let is_default = variable == "SLACK_WEBHOOK_URL_DEFAULT";
        is_default.then(|| "https://hooks.slack.com/services/T0/B0/x".to_owned())
    })?;
    Ok(Destinations {
        webhooks: Some(webhooks),
        ..Destinations::default()
    })
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
const BUDGET: Duration = Duration::from_secs(5);
