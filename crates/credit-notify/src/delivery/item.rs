//! What is owed.

use std::fmt;
use std::str::FromStr;

use credit_core::{Severity, Sha256, Timestamp};
use serde::{Deserialize, Serialize};

use crate::notion::PageId;
use crate::routing::Address;
use crate::slack::Posted;

/// The name of an item, the same whenever the same thing is owed: 1 to 200 visible ASCII
/// characters.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct ItemId(String);

impl ItemId {
    /// The name of a digest of items whose names have this hash.
    pub(super) fn digest(names: Sha256) -> ItemId {
        ItemId(format!("digest-{names}"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ItemId {
    type Err = ItemIdError;

    fn from_str(text: &str) -> Result<ItemId, ItemIdError> {
        let fits = (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits {
            Ok(ItemId(text.to_owned()))
        } else {
            Err(ItemIdError)
        }
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<ItemId, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that cannot name an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is not a name of 1 to 200 visible ASCII characters")]
pub struct ItemIdError;

/// Something that is owed to somebody. What it says is the caller's: it is known by its id.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its name.
    pub id: ItemId,
    /// Where it goes.
    pub lane: Lane,
    /// What it does there.
    pub operation: Operation,
    /// What must have been sent before, such as the message it replies to or the page it updates.
    /// It takes its place in its lane when that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ItemId>,
    /// The alerts whose digest it is. [`begin`](super::begin) makes digests; others have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<ItemId>,
    /// Since when it is owed.
    pub owed_at: Timestamp,
}

/// Where order is kept.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// One of Slack's channels.
    Slack(Address),
    /// One of Notion's pages, by its title.
    Notion(String),
}

impl Lane {
    /// Whose it is.
    pub fn destination(&self) -> Destination {
        match self {
            Lane::Slack(_) => Destination::Slack,
            Lane::Notion(_) => Destination::Notion,
        }
    }
}

/// What is paused as one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// All of Slack.
    Slack,
    /// All of Notion.
    Notion,
}

/// What an item does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Posts an alert, which a storm may fold into a digest if it is not SEV0.
    Alert(Severity),
    /// Posts any other message.
    Post,
    /// Replies in a thread.
    Reply,
    /// Creates a page, once and only once.
    Create,
    /// Sets values, which may be done again: a page's properties, its lock, a message's text.
    Update,
}

/// What came of an item, as far as others need it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// Nothing that anybody needs.
    Nothing,
    /// A message.
    Message(Posted),
    /// A page.
    Page(PageId),
}
