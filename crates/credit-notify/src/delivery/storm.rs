//! Which item of a lane is next, and when many become one.

use credit_core::{Severity, Sha256, Timestamp};

use super::state::{Entry, Queue, is_foldable};
use super::{Attempt, Destination, Item, ItemId, Lane, Operation, Progress, State, Step};

/// What a lane would send now.
pub(super) struct Ready {
    pub(super) attempt: Attempt,
    /// The digest to be made first, where there is one.
    pub(super) digest: Option<Item>,
    pub(super) urgent: bool,
    pub(super) number: u64,
}

/// What a lane may send now.
pub(super) fn ready(now: Timestamp, state: &State, lane: &Lane) -> Option<Ready> {
    let queue = state.queue(lane)?;
    let paused = state.paused_until(lane.destination());
    let too_early = |until: Option<Timestamp>| until.is_some_and(|until| now < until);
    let is_slack = lane.destination() == Destination::Slack;
    if too_early(paused) || (is_slack && too_early(queue.free_from)) {
        return None;
    }
    let entries: Vec<&Entry> = queue
        .open
        .values()
        .filter_map(|id| state.entry(id))
        .filter(|entry| may_follow(state, entry))
        .collect();
    if entries
        .iter()
        .any(|e| matches!(e.progress, Progress::Begun { .. }))
    {
        return None;
    }
    let urgent = entries.iter().find(|entry| is_urgent(entry));
    let first = *urgent.or(entries.first())?;
    if is_fresh_alert(first) {
        return alert(now, state, queue, &entries);
    }
    single(now, first)
}

/// When a lane may send something, from `now` on; `None` where everything waits for others.
pub(super) fn due(now: Timestamp, state: &State, lane: &Lane) -> Option<Timestamp> {
    let queue = state.queue(lane)?;
    let entries = queue.open.values().filter_map(|id| state.entry(id));
    let first = entries
        .filter(|entry| may_follow(state, entry))
        .map(|entry| match &entry.progress {
            Progress::Waiting { until, .. } | Progress::Unknown { until, .. } => *until,
            _ => now,
        })
        .min()?;
    let paused = state.paused_until(lane.destination());
    let free = queue
        .free_from
        .filter(|_| lane.destination() == Destination::Slack);
    let due = paused
        .into_iter()
        .chain(free)
        .fold(first.max(now), Timestamp::max);
    // What a storm holds back waits for its window to pass.
    let calm = queue.calm_from(state.rules().storm_window_seconds);
    let held = due == now && ready(now, state, lane).is_none();
    Some(calm.filter(|calm| held && now < *calm).unwrap_or(due))
}

/// Whether what an item is to follow was sent.
fn may_follow(state: &State, entry: &Entry) -> bool {
    match &entry.item.after {
        None => true,
        // What is not known any more was sent long ago.
        Some(after) => matches!(state.outcome(after), None | Some(Progress::Sent { .. })),
    }
}

/// An alert's turn: by itself while there are few, in a digest when there are many, and not yet
/// while there was a digest just now; what is no fresh alert passes it then.
fn alert(now: Timestamp, state: &State, queue: &Queue, entries: &[&Entry]) -> Option<Ready> {
    let rules = state.rules();
    let window = rules.storm_window_seconds;
    let fresh: Vec<&Entry> = entries
        .iter()
        .copied()
        .filter(|e| is_fresh_alert(e))
        .collect();
    let first = *fresh.first()?;
    if queue.alerts_within(window, now) + fresh.len() <= rules.storm_alerts_max {
        return single(now, first);
    }
    // One alert is no digest: it waits for another, or for the window to pass.
    if fresh.len() == 1 || queue.digest_within(window, now) {
        let other = entries.iter().find(|entry| !is_fresh_alert(entry))?;
        return single(now, other);
    }
    let digest = digest(now, first, &fresh);
    Some(Ready {
        attempt: Attempt {
            item: digest.id.clone(),
            step: Step::Send,
            folds: digest.folds.clone(),
        },
        digest: Some(digest),
        urgent: false,
        number: first.number,
    })
}

fn single(now: Timestamp, entry: &Entry) -> Option<Ready> {
    let due = match &entry.progress {
        Progress::Owed => true,
        Progress::Waiting { until, .. } | Progress::Unknown { until, .. } => *until <= now,
        _ => false,
    };
    due.then(|| Ready {
        attempt: Attempt {
            item: entry.item.id.clone(),
            step: step(entry),
            folds: entry.item.folds.clone(),
        },
        digest: None,
        urgent: is_urgent(entry),
        number: entry.number,
    })
}

fn step(entry: &Entry) -> Step {
    match entry.item.operation {
        Operation::Update => Step::Send,
        // Even an answer that says no has come from servers that had said yes to their database.
        Operation::Create if entry.has_failed() => Step::FindOrCreate,
        Operation::Create => Step::Send,
        Operation::Alert(_) | Operation::Post | Operation::Reply if entry.in_doubt => {
            Step::SendMarked
        }
        Operation::Alert(_) | Operation::Post | Operation::Reply => Step::Send,
    }
}

/// The alerts as one message, called after them.
fn digest(now: Timestamp, first: &Entry, alerts: &[&Entry]) -> Item {
    let folds: Vec<ItemId> = alerts.iter().map(|e| e.item.id.clone()).collect();
    let names: Vec<&str> = folds.iter().map(ItemId::as_str).collect();
    Item {
        id: ItemId::digest(Sha256::of(names.join("\n").as_bytes())),
        lane: first.item.lane.clone(),
        operation: Operation::Post,
        after: None,
        folds,
        owed_at: now,
    }
}

fn is_urgent(entry: &Entry) -> bool {
    entry.item.operation == Operation::Alert(Severity::Sev0)
}

/// An alert that was never tried and may be folded.
fn is_fresh_alert(entry: &Entry) -> bool {
    is_foldable(&entry.item) && entry.progress == Progress::Owed && !entry.has_failed()
}
