#![doc = include_str!("../README.md")]

mod channel;
mod message;

pub use channel::{Notion, Outbound, SendError, Slack};
pub use message::{Alert, RunRow};
