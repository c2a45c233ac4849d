//! How does a service tell people otherwise than by Slack?
//!
//! `cargo run --example custom_notifier` writes alerts to a pager; yours would call an interface.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use credit_notify::routing::{Address, Slot};
use credit_notify::slack::{Message, Posted};
use credit_notify::{Answer, Reason, Slack};

fn main() -> anyhow::Result<()> {
    page(&mut io::stdout().lock())
}

pub(crate) fn page(out: &mut impl Write) -> anyhow::Result<()> {
    let pager = Pager::new(120);
    let message = Message::plain("SEV1 credit alert: EXPORT, run RUN-1: 620 of 100 expected");
    for address in [Slot::Sev1, Slot::Security].map(Address::Webhook) {
        // What to do next is all there is to an answer.
        let next = match pager.post(&address, &message) {
            Answer::Done(_) => "done".to_owned(),
            Answer::Pause { reason, .. } | Answer::Retry { reason } => format!("later: {reason}"),
            Answer::Unknown { reason } => format!("perhaps done: {reason}"),
            Answer::Park { reason } => format!("for a person: {reason}"),
        };
        writeln!(out, "{address}: {next}")?;
    }
    for line in pager.shown() {
        writeln!(out, "on the pager: {line}")?;
    }
    Ok(())
}

/// A pager that shows so many characters.
#[derive(Debug)]
pub(crate) struct Pager {
    characters: usize,
    shown: Mutex<Vec<String>>,
}

impl Pager {
    pub(crate) fn new(characters: usize) -> Pager {
        Pager {
            characters,
            shown: Mutex::default(),
        }
    }

    pub(crate) fn shown(&self) -> Vec<String> {
        let shown = self.shown.lock();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The contract is with the trait: return within a bounded time; say `Done` only of what was
/// accepted, `Retry` and `Park` only of what surely was not, and `Unknown` of everything else.
impl Slack for Pager {
    fn post(&self, to: &Address, message: &Message) -> Answer<Option<Posted>> {
        // This pager is for those who are called at night.
        if !matches!(to, Address::Webhook(Slot::Sev0 | Slot::Sev1)) {
            let reason = Reason::new("nobody carries this pager for that");
            return Answer::Park { reason };
        }
        let text: String = message.text().chars().take(self.characters).collect();
        let shown = self.shown.lock();
        shown.unwrap_or_else(PoisonError::into_inner).push(text);
        // Where a message is, only a bot of Slack's knows.
        Answer::Done(None)
    }
}
