//! When what is owed is sent, as a pure state machine.
//!
//! Nothing here sends, waits or reads a clock. [`State`] is a fold of [`Transition`]s, which a
//! caller records in a ledger of its own before it acts on them:
//!
//! 1. [`owe`] says what a new [`Item`] changes.
//! 2. [`next`] says what may be sent now, the gravest first.
//! 3. [`begin`] says that it is being sent, and is recorded before it is: a process that dies
//!    while it sends finds a begun item when it starts again ([`interrupted`]) and knows that its
//!    outcome is unknown.
//! 4. [`settle`] says what the answer changes.
//!
//! What holds:
//!
//! - An item is sent, parked with its reason, withdrawn by the caller, or a part of a digest that
//!   is; none is lost.
//! - In a lane (a channel, a page) items go in the order they were owed, one at a time. Only a
//!   SEV0 alert passes others, and what is no alert passes alerts that a storm holds back.
//! - While a destination is paused nothing is sent to it, and a channel gets at most one message
//!   a second.
//! - A message is sent again only after an answer that leaves it open whether it was posted as
//!   one marked as a possible repeat; a page whose creation has failed in any way is looked for
//!   before it is created again.
//! - Of a storm of alerts in one channel a few are sent and the rest become one message. SEV0
//!   is never folded.
//!
//! ```
//! use credit_core::{Severity, Timestamp};
//! use credit_notify::Answer;
//! use credit_notify::delivery::{
//!     Delivered, Item, Lane, Operation, Rules, State, Step, begin, next, owe, settle,
//! };
//! use credit_notify::routing::{Address, Slot};
//!
//! let now: Timestamp = "2025-01-31T10:00:00Z".parse()?;
//! let (mut state, rules) = (State::default(), Rules::default());
//! let item = Item {
//!     id: "RUN-1-alert".parse()?,
//!     lane: Lane::Slack(Address::Webhook(Slot::Sev1)),
//!     operation: Operation::Alert(Severity::Sev1),
//!     after: None,
//!     folds: Vec::new(),
//!     owed_at: now,
//! };
//! for transition in owe(&state, item)? {
//!     state.apply(&transition)?;
//! }
//! for attempt in next(now, &state, &rules) {
//!     assert_eq!(attempt.step, Step::Send);
//!     for transition in begin(&state, &attempt, &rules, now) {
//!         state.apply(&transition)?; // Recorded first, where it must survive a crash.
//!     }
//!     let answer = Answer::Done(Delivered::Nothing); // Here the caller sends.
//!     for transition in settle(&state, &attempt.item, answer, &rules, now)? {
//!         state.apply(&transition)?;
//!     }
//! }
//! assert_eq!(state.open(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod item;
mod rules;
mod state;
mod storm;
mod transition;

use credit_core::Timestamp;

use crate::{Answer, Reason};

pub use item::{Delivered, Destination, Item, ItemId, ItemIdError, Lane, Operation};
pub use rules::Rules;
pub use state::State;
pub use transition::{DeliveryError, Progress, Transition};

/// One thing to be sent now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// What.
    pub item: ItemId,
    /// How.
    pub step: Step,
    /// The alerts whose digest it is, where it is one.
    pub folds: Vec<ItemId>,
}

/// How an item is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// As it is.
    Send,
    /// Marked as a possible repeat.
    SendMarked,
    /// Looked for first, and created only if it is not there.
    FindOrCreate,
}

/// What changes when an item becomes owed. One that is known already changes nothing, so that a
/// caller may owe it again after a crash.
///
/// # Errors
/// If the item is to follow one that is not known.
pub fn owe(state: &State, item: Item) -> Result<Vec<Transition>, DeliveryError> {
    if state.progress(&item.id).is_some() {
        return Ok(Vec::new());
    }
    let parent = match &item.after {
        None => None,
        Some(after) => Some(state.outcome(after).ok_or_else(|| DeliveryError::Unknown {
            item: after.clone(),
        })?),
    };
    let (id, at) = (item.id.clone(), item.owed_at);
    let mut transitions = vec![Transition::Owed { item }];
    match parent {
        Some(Progress::Parked { .. }) => transitions.push(parked_with_parent(id, at)),
        Some(Progress::Withdrawn) => transitions.push(Transition::Withdrawn {
            item: id,
            at,
            reason: None,
        }),
        _ => {}
    }
    Ok(transitions)
}

/// What may be sent now: at most one item of each lane, SEV0 first and then the oldest. Before
/// each is sent, [`begin`] says whether that is still so.
pub fn next(now: Timestamp, state: &State, rules: &Rules) -> Vec<Attempt> {
    let mut ready: Vec<_> = state
        .lanes()
        .filter_map(|lane| storm::ready(now, state, rules, lane))
        .collect();
    ready.sort_by_key(|ready| (!ready.urgent, ready.number));
    ready.into_iter().map(|ready| ready.attempt).collect()
}

/// When to ask [`next`] again if nothing else happens, as far as lanes matter to the caller;
/// `None` where nothing is open. Not before then is anything to be sent, and maybe not then either.
pub fn next_due(
    now: Timestamp,
    state: &State,
    rules: &Rules,
    matters: impl Fn(&Lane) -> bool,
) -> Option<Timestamp> {
    state
        .lanes()
        .filter(|lane| matters(lane))
        .filter_map(|lane| storm::due(now, state, rules, lane))
        .min()
}

/// What changes when an attempt is begun; nothing where it may not be begun now, because an
/// answer since has paused its destination or because somebody else has begun it.
pub fn begin(state: &State, attempt: &Attempt, rules: &Rules, now: Timestamp) -> Vec<Transition> {
    let lane = attempt.folds.first().unwrap_or(&attempt.item);
    let still = state
        .item(lane)
        .and_then(|item| storm::ready(now, state, rules, &item.lane))
        .filter(|ready| ready.attempt == *attempt);
    let Some(ready) = still else {
        return Vec::new();
    };
    let begun = Transition::Begun {
        item: attempt.item.clone(),
        at: now,
    };
    match ready.digest {
        Some(digest) => vec![Transition::Folded { digest }, begun],
        None => vec![begun],
    }
}

/// What an answer changes.
///
/// # Errors
/// If the item was not begun.
pub fn settle(
    state: &State,
    item: &ItemId,
    answer: Answer<Delivered>,
    rules: &Rules,
    now: Timestamp,
) -> Result<Vec<Transition>, DeliveryError> {
    let Some(Progress::Begun { .. }) = state.progress(item) else {
        return Err(DeliveryError::NotBegun { item: item.clone() });
    };
    let id = item.clone();
    let again = rules.backoff(item, state.failures(item), now);
    Ok(match answer {
        Answer::Done(delivered) => vec![Transition::Sent {
            item: id,
            at: now,
            delivered,
        }],
        Answer::Pause { wait, reason } => {
            let until = match wait {
                Some(wait) => rules::later(now, wait.as_secs()),
                None => again,
            };
            let paused = state.item(item).map(|item| Transition::Paused {
                destination: item.lane.destination(),
                until,
            });
            let waiting = Transition::Waiting {
                item: id,
                until,
                reason,
            };
            paused.into_iter().chain([waiting]).collect()
        }
        Answer::Retry { reason } => vec![Transition::Waiting {
            item: id,
            until: again,
            reason,
        }],
        Answer::Unknown { reason } => vec![Transition::Unknown {
            item: id,
            until: again,
            reason,
        }],
        Answer::Park { reason } => {
            let mut parked = vec![Transition::Parked {
                item: id,
                at: now,
                reason,
            }];
            let followers = state.followers(item).into_iter();
            let open = followers.filter(|id| state.progress(id).is_some_and(Progress::is_open));
            parked.extend(open.map(|follower| parked_with_parent(follower, now)));
            parked
        }
    })
}

/// What changes when a process starts after one that died: whatever was begun may have been sent.
pub fn interrupted(state: &State, rules: &Rules, now: Timestamp) -> Vec<Transition> {
    let begun = state.begun().into_iter();
    begun
        .map(|item| Transition::Unknown {
            until: rules.backoff(&item, state.failures(&item), now),
            item,
            reason: Reason::new("the process ended before there was an answer"),
        })
        .collect()
}

/// What changes when an operator has mended what an item was parked for, and wants it sent.
///
/// # Errors
/// If the item is not parked.
pub fn release(
    state: &State,
    item: &ItemId,
    now: Timestamp,
) -> Result<Vec<Transition>, DeliveryError> {
    match state.progress(item) {
        Some(Progress::Parked { .. }) => Ok(vec![Transition::Released {
            item: item.clone(),
            at: now,
        }]),
        _ => Err(DeliveryError::NotParked { item: item.clone() }),
    }
}

/// What changes when an item is not to be sent after all, with what follows it; nothing where it
/// was sent already or may have been.
pub fn withdraw(state: &State, item: &ItemId, now: Timestamp) -> Vec<Transition> {
    if !state.is_unsent(item) {
        return Vec::new();
    }
    let followers = state.followers(item).into_iter();
    let unsent = followers.filter(|follower| state.is_unsent(follower));
    let withdrawn = |item| Transition::Withdrawn {
        item,
        at: now,
        reason: None,
    };
    [item.clone()]
        .into_iter()
        .chain(unsent)
        .map(withdrawn)
        .collect()
}

/// What changes when somebody gives an item up that will never be sent, such as one for a
/// destination that is no more, with what follows it. One that may have been sent can be given up,
/// too: it is not sent again then.
///
/// ```
/// use credit_notify::Reason;
/// use credit_notify::delivery::{Item, Lane, Operation, Progress, State, give_up, owe};
/// use credit_notify::routing::{Address, Slot};
///
/// let now = "2025-01-31T10:00:00Z".parse()?;
/// let item = Item {
///     id: "RUN-1-alert".parse()?,
///     lane: Lane::Slack(Address::Webhook(Slot::Security)),
///     operation: Operation::Post,
///     after: None,
///     folds: Vec::new(),
///     owed_at: now,
/// };
/// let id = item.id.clone();
/// let mut state = State::default();
/// for transition in owe(&state, item)? {
///     state.apply(&transition)?;
/// }
/// for transition in give_up(&state, &id, &Reason::new("the channel is gone"), now)? {
///     state.apply(&transition)?;
/// }
/// assert_eq!(state.progress(&id), Some(&Progress::Withdrawn));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it is not known, done, or being sent.
pub fn give_up(
    state: &State,
    item: &ItemId,
    reason: &Reason,
    now: Timestamp,
) -> Result<Vec<Transition>, DeliveryError> {
    match state.progress(item) {
        None => return Err(DeliveryError::Unknown { item: item.clone() }),
        Some(progress) if !may_be_given_up(progress) => {
            return Err(DeliveryError::NotOpen { item: item.clone() });
        }
        Some(_) => {}
    }
    let followers = state.followers(item).into_iter();
    let open = followers.filter(|id| state.progress(id).is_some_and(may_be_given_up));
    let given_up = |item| Transition::Withdrawn {
        item,
        at: now,
        reason: Some(reason.clone()),
    };
    Ok([item.clone()]
        .into_iter()
        .chain(open)
        .map(given_up)
        .collect())
}

fn may_be_given_up(progress: &Progress) -> bool {
    match progress {
        Progress::Owed
        | Progress::Waiting { .. }
        | Progress::Unknown { .. }
        | Progress::Parked { .. } => true,
        Progress::Begun { .. }
        | Progress::Sent { .. }
        | Progress::Folded { .. }
        | Progress::Withdrawn => false,
    }
}

fn parked_with_parent(item: ItemId, at: Timestamp) -> Transition {
    Transition::Parked {
        item,
        at,
        reason: Reason::new("what it was to follow is parked"),
    }
}
