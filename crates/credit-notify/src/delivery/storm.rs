//! Which item of a lane is next, and when many become one.

use credit_core::{Severity, Sha256, Timestamp};

use super::state::{Entry, Queue, is_foldable};
use super::{Attempt, Destination, Item, ItemId, Lane, Operation, Progress, Rules, State, Step};

/// What a lane would send now.
pub(super) struct Ready {
    pub(super) attempt: Attempt,
    /// The digest to be made first, where there is one.
    pub(super) digest: Option<Item>,
    pub(super) urgent: bool,
    pub(super) number: u64,
}

/// What a lane may send now.
pub(super) fn ready(now: Timestamp, state: &State, rules: &Rules, lane: &Lane) -> Option<Ready> {
    let queue = state.queue(lane)?;
    let paused = state.paused_until(lane.destination());
    let too_early = |until: Option<Timestamp>| until.is_some_and(|until| now < until);
    let is_slack = lane.destination() == Destination::Slack;
    if too_early(paused) || (is_slack && too_early(queue.free_from)) {
        return None;
    }
    let entries = sendable(state, queue)?;
    let urgent = entries.iter().find(|entry| is_urgent(entry));
    let first = *urgent.or(entries.first())?;
    if is_fresh_alert(first) {
        return alert(now, rules, queue, &entries);
    }
    single(now, first)
}

/// When a lane may send something, from `now` on; `None` where everything waits for others.
pub(super) fn due(now: Timestamp, state: &State, rules: &Rules, lane: &Lane) -> Option<Timestamp> {
    let queue = state.queue(lane)?;
    let entries = sendable(state, queue)?;
    let urgent = entries.iter().find(|entry| is_urgent(entry));
    let first = *urgent.or(entries.first())?;
    let paused = state.paused_until(lane.destination());
    let is_slack = lane.destination() == Destination::Slack;
    let free = queue.free_from.filter(|_| is_slack);
    let start = paused.into_iter().chain(free).fold(now, Timestamp::max);
    if !is_fresh_alert(first) {
        return Some(due_at(start, first));
    }
    if ready(start, state, rules, lane).is_some() {
        return Some(start);
    }
    // A storm holds it back until there is room again; what is no fresh alert passes it.
    let calm = queue.calm_after(start, rules.storm_window());
    let other = entries.iter().find(|entry| !is_fresh_alert(entry));
    let other = other.map(|entry| due_at(start, entry));
    calm.into_iter().chain(other).min()
}

fn due_at(now: Timestamp, entry: &Entry) -> Timestamp {
    match &entry.progress {
        Progress::Waiting { until, .. } | Progress::Unknown { until, .. } => (*until).max(now),
        _ => now,
    }
}

/// What of a lane follows nothing that is open, oldest first; `None` while one is being sent.
fn sendable<'a>(state: &'a State, queue: &Queue) -> Option<Vec<&'a Entry>> {
    let entries = queue.open.values().filter_map(|id| state.entry(id));
    let entries: Vec<&Entry> = entries.filter(|entry| may_follow(state, entry)).collect();
    let begun = |entry: &&Entry| matches!(entry.progress, Progress::Begun { .. });
    (!entries.iter().any(begun)).then_some(entries)
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
fn alert(now: Timestamp, rules: &Rules, queue: &Queue, entries: &[&Entry]) -> Option<Ready> {
    let window = rules.storm_window();
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
