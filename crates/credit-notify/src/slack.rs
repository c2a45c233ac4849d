//! Slack: messages, and requests and answers as values, so that any client can send them.
//!
//! There are two ways in. An incoming webhook posts to the channel it was installed for and gives
//! nothing back; a bot token posts to any channel it was invited to, replies in threads, edits and
//! knows where a message is. Nothing is read from Slack: approvals are recorded elsewhere and
//! posted here.

mod message;
mod wire;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{BaseUrl, SettingError, Token, WebhookUrl};

pub use message::Message;
pub use wire::{
    identity_request, interpret, interpret_identity, interpret_permalink, permalink_request,
    request,
};

/// A bot's access.
#[derive(Clone, Debug)]
pub struct Bot {
    token: Token,
    base: BaseUrl,
}

impl Bot {
    /// Access to Slack itself, or through `base`, where there is one.
    pub fn new(token: Token, base: Option<BaseUrl>) -> Bot {
        let base = base.unwrap_or_else(|| BaseUrl::fixed("https://slack.com/api"));
        Bot { token, base }
    }

    pub(crate) fn token(&self) -> &Token {
        &self.token
    }
}

/// A channel by its name or id, such as `#ops-alerts` or `C0123ABCD`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Channel(String);

impl Channel {
    /// The name or id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Channel {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Channel, SettingError> {
        // Slack allows 80 characters after the `#`.
        let name = text.strip_prefix('#').unwrap_or(text);
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fits = (1..=80).contains(&name.chars().count()) && name.chars().all(plain);
        if fits {
            Ok(Channel(text.to_owned()))
        } else {
            Err(SettingError::NotAChannel)
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Channel, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a posted message is: what a reply, an edit and a permalink need.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Posted {
    /// The channel's id, as Slack answered it.
    pub channel: String,
    /// The message's timestamp, which is its name in the channel.
    pub ts: String,
}

/// Who a bot is, as Slack tells whoever has its token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The workspace's name.
    pub team: String,
    /// The bot's name.
    pub user: String,
    /// What the token allows; `None` where Slack did not say.
    pub scopes: Option<Vec<String>>,
}

impl Identity {
    /// What the token must allow so that a bot can post, reply and edit.
    pub const SCOPES: &'static [&'static str] = &["chat:write"];

    /// What of that it does not allow; nothing where Slack did not say.
    pub fn lacks(&self) -> Vec<&'static str> {
        let Some(scopes) = &self.scopes else {
            return Vec::new();
        };
        let allowed = |needed: &&&str| scopes.iter().any(|scope| scope == **needed);
        let needed = Identity::SCOPES.iter();
        needed.filter(|needed| !allowed(needed)).copied().collect()
    }
}

/// Where a message goes, with the access that it needs.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// The channel that a webhook was installed for.
    Webhook(&'a WebhookUrl),
    /// A channel.
    Channel(&'a Bot, &'a Channel),
    /// The thread below a message.
    Thread(&'a Bot, &'a Posted),
    /// The place of a message, which is replaced.
    Edit(&'a Bot, &'a Posted),
}
