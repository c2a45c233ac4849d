#![doc = include_str!("../README.md")]

mod answer;
mod channel;
pub mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod delivery;
pub mod memory;
mod message;
pub mod notion;
pub mod routing;
mod secret;
pub mod slack;
mod text;
mod wire;

pub use answer::{Answer, Reason};
pub use channel::{
    Notion, NotionReader, NotionSchema, Slack, SlackReader, SlackThreads, create_once,
};
pub use message::{
    Alert, Call, CaseState, DigestOf, Exposure, Links, Mention, Reply, TopScenario, Weekly,
};
pub use secret::{BaseUrl, Link, SettingError, Token, WebhookUrl};
