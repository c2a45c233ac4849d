//! What is known of everything that is owed: a fold of transitions.

use std::collections::{BTreeMap, VecDeque};

use credit_core::{Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::rules::{STORM_WINDOW_SECONDS_MAX, later};
use super::{DeliveryError, Destination, Item, ItemId, Lane, Operation, Progress, Transition};
use crate::Reason;

/// What is known of everything that is owed.
///
/// It depends on nothing but the transitions, so that a caller can keep it beside them and fold
/// only those that came later, and so that processes with different [`Rules`](super::Rules) know
/// the same.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    #[serde(with = "pairs")]
    entries: BTreeMap<ItemId, Entry>,
    #[serde(with = "pairs")]
    lanes: BTreeMap<Lane, Queue>,
    #[serde(with = "pairs")]
    paused: BTreeMap<Destination, Timestamp>,
    numbers: u64,
}

/// Maps as lists of pairs: their keys are no texts.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let pairs = Vec::<(K, V)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

/// What is known of one item.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) item: Item,
    pub(super) number: u64,
    pub(super) progress: Progress,
    /// How often in a row, for the backoff.
    failures: u32,
    failed: bool,
    /// Whether it may have been sent. Once there is a doubt, only a yes ends it.
    pub(super) in_doubt: bool,
}

/// One lane.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    /// What is not settled, by number.
    #[serde(with = "pairs")]
    pub(super) open: BTreeMap<u64, ItemId>,
    pub(super) free_from: Option<Timestamp>,
    /// When the storm's window had its alerts, oldest first.
    alerts: VecDeque<Timestamp>,
    digest_at: Option<Timestamp>,
}

impl State {
    /// Takes a transition in.
    ///
    /// # Errors
    /// [`DeliveryError`] if it does not follow from the ones before; then nothing has changed.
    pub fn apply(&mut self, transition: &Transition) -> Result<(), DeliveryError> {
        match transition {
            Transition::Owed { item } => self.add(item),
            Transition::Folded { digest } => self.fold(digest),
            Transition::Begun { item, at } => self.start(item, *at),
            Transition::Sent {
                item,
                at,
                delivered,
            } => self.close_begun(
                item,
                Progress::Sent {
                    at: *at,
                    delivered: delivered.clone(),
                },
            ),
            Transition::Waiting {
                item,
                until,
                reason,
            } => self.fail(
                item,
                false,
                Progress::Waiting {
                    until: *until,
                    reason: reason.clone(),
                },
            ),
            Transition::Unknown {
                item,
                until,
                reason,
            } => self.fail(
                item,
                true,
                Progress::Unknown {
                    until: *until,
                    reason: reason.clone(),
                },
            ),
            Transition::Parked { item, reason, .. } => self.park(item, reason),
            Transition::Released { item, .. } => self.reopen(item),
            Transition::Withdrawn { item, .. } => self.withdraw(item),
            Transition::Paused { destination, until } => {
                let paused = self.paused.entry(*destination).or_insert(*until);
                *paused = (*paused).max(*until);
                Ok(())
            }
        }
    }

    /// Forgets an item that was sent, folded or withdrawn, so that the state does not grow for
    /// ever. Nothing new can follow it then, and the caller must not owe it again. Says whether
    /// there was one.
    pub fn forget(&mut self, item: &ItemId) -> bool {
        let settled = matches!(
            self.progress(item),
            Some(Progress::Sent { .. } | Progress::Folded { .. } | Progress::Withdrawn)
        );
        settled && self.entries.remove(item).is_some()
    }

    /// How far an item is; `None` where it is not known.
    pub fn progress(&self, item: &ItemId) -> Option<&Progress> {
        self.entries.get(item).map(|entry| &entry.progress)
    }

    /// How far an item is, or the digest that it has become a part of.
    pub fn outcome(&self, item: &ItemId) -> Option<&Progress> {
        match self.progress(item)? {
            Progress::Folded { digest } => self.progress(digest),
            progress => Some(progress),
        }
    }

    /// An item by its name.
    pub fn item(&self, item: &ItemId) -> Option<&Item> {
        self.entries.get(item).map(|entry| &entry.item)
    }

    /// All items with how far they are, by name.
    pub fn items(&self) -> impl Iterator<Item = (&Item, &Progress)> {
        self.entries.values().map(|e| (&e.item, &e.progress))
    }

    /// The items of a lane that still wait to be sent, with how far they are, oldest first.
    pub fn items_in(&self, lane: &Lane) -> impl Iterator<Item = (&Item, &Progress)> {
        let open = self.lanes.get(lane).into_iter();
        let open = open.flat_map(|queue| queue.open.values());
        open.filter_map(|id| self.entries.get(id))
            .map(|entry| (&entry.item, &entry.progress))
    }

    /// How many items still wait to be sent.
    pub fn open(&self) -> usize {
        self.lanes.values().map(|queue| queue.open.len()).sum()
    }

    /// Until when a destination is to be left alone, if it ever was.
    pub fn paused_until(&self, destination: Destination) -> Option<Timestamp> {
        self.paused.get(&destination).copied()
    }

    pub(super) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        let waiting = self
            .lanes
            .iter()
            .filter(|(_, queue)| !queue.open.is_empty());
        waiting.map(|(lane, _)| lane)
    }

    pub(super) fn queue(&self, lane: &Lane) -> Option<&Queue> {
        self.lanes.get(lane)
    }

    pub(super) fn entry(&self, item: &ItemId) -> Option<&Entry> {
        self.entries.get(item)
    }

    /// Whether an item may have been sent more often than it is known to have been: it was sent
    /// again after an answer that left that open, as one marked as a possible repeat.
    pub fn may_be_repeated(&self, item: &ItemId) -> bool {
        self.entries.get(item).is_some_and(|entry| entry.in_doubt)
    }

    /// How often in a row an item has failed.
    pub(super) fn failures(&self, item: &ItemId) -> u32 {
        self.entries.get(item).map_or(0, |entry| entry.failures)
    }

    pub(super) fn begun(&self) -> Vec<ItemId> {
        let is_begun = |entry: &&Entry| matches!(entry.progress, Progress::Begun { .. });
        let begun = self.entries.values().filter(is_begun);
        begun.map(|entry| entry.item.id.clone()).collect()
    }

    /// What is not done and follows an item, or follows what does.
    pub(super) fn followers(&self, item: &ItemId) -> Vec<ItemId> {
        let folded = self.item(item).map(|i| i.folds.clone());
        let mut parents = folded.unwrap_or_default();
        parents.push(item.clone());
        let mut found = Vec::new();
        while let Some(parent) = parents.pop() {
            for entry in self.entries.values() {
                let id = &entry.item.id;
                let is_parked = matches!(entry.progress, Progress::Parked { .. });
                let is_undone = entry.progress.is_open() || is_parked;
                let follows = entry.item.after.as_ref() == Some(&parent);
                if follows && is_undone && !found.contains(id) {
                    found.push(id.clone());
                    parents.push(id.clone());
                }
            }
        }
        found
    }

    fn add(&mut self, item: &Item) -> Result<(), DeliveryError> {
        if self.entries.contains_key(&item.id) {
            let item = item.id.clone();
            return Err(DeliveryError::Twice { item });
        }
        self.numbers += 1;
        self.enqueue(&item.lane, self.numbers, &item.id);
        let entry = Entry {
            item: item.clone(),
            number: self.numbers,
            progress: Progress::Owed,
            failures: 0,
            failed: false,
            in_doubt: false,
        };
        self.entries.insert(item.id.clone(), entry);
        Ok(())
    }

    fn fold(&mut self, digest: &Item) -> Result<(), DeliveryError> {
        for id in &digest.folds {
            match self.entries.get(id).map(|e| &e.progress) {
                Some(Progress::Owed) => {}
                Some(_) => return Err(DeliveryError::NotOpen { item: id.clone() }),
                None => return Err(DeliveryError::Unknown { item: id.clone() }),
            }
        }
        self.add(digest)?;
        for id in &digest.folds {
            let digest = digest.id.clone();
            self.close(id, Progress::Folded { digest });
        }
        let queue = self.lanes.entry(digest.lane.clone()).or_default();
        queue.digest_at = Some(digest.owed_at);
        Ok(())
    }

    fn start(&mut self, id: &ItemId, at: Timestamp) -> Result<(), DeliveryError> {
        let entry = self.entries.get_mut(id).ok_or_else(|| unknown(id))?;
        let open = matches!(
            entry.progress,
            Progress::Owed | Progress::Waiting { .. } | Progress::Unknown { .. }
        );
        if !open {
            return Err(DeliveryError::NotOpen { item: id.clone() });
        }
        entry.progress = Progress::Begun { at };
        let queue = self.lanes.entry(entry.item.lane.clone()).or_default();
        queue.free_from = Some(later(at, 1));
        if is_foldable(&entry.item) {
            queue.alerts.push_back(at);
            // Not the rules' window: processes with different rules must remember the same.
            let is_old = |begun: &Timestamp| later(*begun, STORM_WINDOW_SECONDS_MAX) <= at;
            while queue.alerts.front().is_some_and(is_old) {
                queue.alerts.pop_front();
            }
        }
        Ok(())
    }

    fn fail(
        &mut self,
        id: &ItemId,
        in_doubt: bool,
        progress: Progress,
    ) -> Result<(), DeliveryError> {
        let entry = self.begun_entry(id)?;
        entry.failures = entry.failures.saturating_add(1);
        entry.failed = true;
        entry.in_doubt |= in_doubt;
        entry.progress = progress;
        Ok(())
    }

    fn close_begun(&mut self, id: &ItemId, progress: Progress) -> Result<(), DeliveryError> {
        self.begun_entry(id)?;
        self.close(id, progress);
        Ok(())
    }

    fn park(&mut self, id: &ItemId, reason: &Reason) -> Result<(), DeliveryError> {
        match self.progress(id) {
            None => return Err(unknown(id)),
            Some(
                Progress::Sent { .. }
                | Progress::Folded { .. }
                | Progress::Parked { .. }
                | Progress::Withdrawn,
            ) => {
                return Err(DeliveryError::NotOpen { item: id.clone() });
            }
            Some(_) => {}
        }
        let reason = reason.clone();
        self.close(id, Progress::Parked { reason });
        if let Some(entry) = self.entries.get_mut(id) {
            entry.failed = true;
        }
        Ok(())
    }

    /// Whether an item was surely not sent, so that taking it back leaves no trace.
    pub(super) fn is_unsent(&self, item: &ItemId) -> bool {
        self.entries.get(item).is_some_and(|entry| {
            let unsent = matches!(
                entry.progress,
                Progress::Owed | Progress::Waiting { .. } | Progress::Parked { .. }
            );
            unsent && !entry.in_doubt
        })
    }

    fn withdraw(&mut self, id: &ItemId) -> Result<(), DeliveryError> {
        match self.progress(id).ok_or_else(|| unknown(id))? {
            Progress::Owed
            | Progress::Waiting { .. }
            | Progress::Unknown { .. }
            | Progress::Parked { .. } => {
                self.close(id, Progress::Withdrawn);
                Ok(())
            }
            Progress::Begun { .. }
            | Progress::Sent { .. }
            | Progress::Folded { .. }
            | Progress::Withdrawn => Err(DeliveryError::NotOpen { item: id.clone() }),
        }
    }

    fn reopen(&mut self, id: &ItemId) -> Result<(), DeliveryError> {
        let entry = self.entries.get_mut(id).ok_or_else(|| unknown(id))?;
        let Progress::Parked { .. } = entry.progress else {
            return Err(DeliveryError::NotParked { item: id.clone() });
        };
        entry.progress = Progress::Owed;
        entry.failures = 0;
        let (lane, number) = (entry.item.lane.clone(), entry.number);
        self.enqueue(&lane, number, id);
        Ok(())
    }

    fn begun_entry(&mut self, id: &ItemId) -> Result<&mut Entry, DeliveryError> {
        match self.entries.get_mut(id) {
            Some(entry) if matches!(entry.progress, Progress::Begun { .. }) => Ok(entry),
            Some(_) => Err(DeliveryError::NotBegun { item: id.clone() }),
            None => Err(unknown(id)),
        }
    }

    fn enqueue(&mut self, lane: &Lane, number: u64, id: &ItemId) {
        let queue = self.lanes.entry(lane.clone()).or_default();
        queue.open.insert(number, id.clone());
    }

    fn close(&mut self, id: &ItemId, progress: Progress) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        entry.progress = progress;
        let Some(queue) = self.lanes.get_mut(&entry.item.lane) else {
            return;
        };
        queue.open.remove(&entry.number);
        // A page's lane has no pace of its own to remember, and there is one for every run.
        if queue.open.is_empty() && entry.item.lane.destination() == Destination::Notion {
            self.lanes.remove(&entry.item.lane);
        }
    }
}

impl Entry {
    /// Whether it was tried and not answered with a yes.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }
}

impl Queue {
    /// How many alerts were begun within the window before `now`.
    pub(super) fn alerts_within(&self, window: u64, now: Timestamp) -> usize {
        let recent = self.alerts.iter().filter(|at| now < later(**at, window));
        recent.count()
    }

    /// When, after `now`, the storm's window next has room or may have another digest.
    pub(super) fn calm_after(&self, now: Timestamp, window: u64) -> Option<Timestamp> {
        let all = self.alerts.iter().copied().chain(self.digest_at);
        all.map(|at| later(at, window)).filter(|at| now < *at).min()
    }

    /// Whether there was a digest within the window before `now`.
    pub(super) fn digest_within(&self, window: u64, now: Timestamp) -> bool {
        self.digest_at.is_some_and(|at| now < later(at, window))
    }
}

/// An alert that a storm may fold.
pub(super) fn is_foldable(item: &Item) -> bool {
    matches!(item.operation, Operation::Alert(severity) if severity != Severity::Sev0)
}

fn unknown(item: &ItemId) -> DeliveryError {
    DeliveryError::Unknown { item: item.clone() }
}
