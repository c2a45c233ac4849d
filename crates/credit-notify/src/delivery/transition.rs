//! What changes, how far an item is, and what cannot follow.

use credit_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Delivered, Destination, Item, ItemId};
use crate::Reason;

/// One change of the state, as it is recorded.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Transition {
    /// Something is owed.
    Owed {
        /// What.
        item: Item,
    },
    /// Alerts have become one message, which is owed in their stead.
    Folded {
        /// That message; its `folds` are the alerts.
        digest: Item,
    },
    /// Something is being sent.
    Begun {
        /// What.
        item: ItemId,
        /// When.
        at: Timestamp,
    },
    /// It was sent.
    Sent {
        /// What.
        item: ItemId,
        /// When.
        at: Timestamp,
        /// What came of it.
        delivered: Delivered,
    },
    /// It was not sent, and will be tried again.
    Waiting {
        /// What.
        item: ItemId,
        /// Not before.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// Nobody knows whether it was sent.
    Unknown {
        /// What.
        item: ItemId,
        /// Not tried again before.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// It was refused and waits for an operator.
    Parked {
        /// What.
        item: ItemId,
        /// When.
        at: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// An operator wants it tried again.
    Released {
        /// What.
        item: ItemId,
        /// When.
        at: Timestamp,
    },
    /// It is not to be sent after all: it is held back, said by something else, or given up.
    Withdrawn {
        /// What.
        item: ItemId,
        /// When.
        at: Timestamp,
        /// Why somebody gave it up; nothing where the reason is in the events around it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// A whole destination is to be left alone.
    Paused {
        /// Which.
        destination: Destination,
        /// Not before.
        until: Timestamp,
    },
}

/// How far an item is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Progress {
    /// It waits for its turn.
    Owed,
    /// It is being sent.
    Begun {
        /// Since when.
        at: Timestamp,
    },
    /// It was not sent.
    Waiting {
        /// Not tried again before.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// Nobody knows whether it was sent.
    Unknown {
        /// Not tried again before.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// It was sent.
    Sent {
        /// When.
        at: Timestamp,
        /// What came of it.
        delivered: Delivered,
    },
    /// It is a part of a digest.
    Folded {
        /// Of which.
        digest: ItemId,
    },
    /// It waits for an operator.
    Parked {
        /// Why.
        reason: Reason,
    },
    /// It was not sent and will not be.
    Withdrawn,
}

impl Progress {
    /// Whether it still waits to be sent.
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Progress::Owed
                | Progress::Begun { .. }
                | Progress::Waiting { .. }
                | Progress::Unknown { .. }
        )
    }
}

/// A transition that does not follow from the ones before.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// Nothing of this name is owed.
    #[error("nothing called `{item}` is owed")]
    Unknown {
        /// Its name.
        item: ItemId,
    },
    /// It is owed already.
    #[error("`{item}` is owed already")]
    Twice {
        /// Its name.
        item: ItemId,
    },
    /// It was not being sent.
    #[error("`{item}` was not being sent")]
    NotBegun {
        /// Its name.
        item: ItemId,
    },
    /// It cannot be begun, folded, parked or withdrawn where it is.
    #[error("`{item}` is done, being sent, or may have been sent")]
    NotOpen {
        /// Its name.
        item: ItemId,
    },
    /// It waits for nobody.
    #[error("`{item}` is not parked")]
    NotParked {
        /// Its name.
        item: ItemId,
    },
}
