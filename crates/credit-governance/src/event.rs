//! What was decided or done, as a record of the events chain.

use std::fmt;

use credit_core::json::{Object, ObjectWriter};
use credit_core::{Sha256, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Actor, Role, What};

/// The name of an event: `EVT-` and the first 16 digits of its content's SHA-256.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct EventId(String);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Something that happened, who did it with which role, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The actor's name.
    pub by: String,
    /// The actor's role at the time; a service has none.
    pub role: Option<Role>,
    /// What.
    pub what: What,
}

impl Event {
    /// An event by `actor`.
    pub fn new(at: Timestamp, actor: &Actor, what: What) -> Event {
        Event {
            at,
            by: actor.name().to_owned(),
            role: actor.role(),
            what,
        }
    }

    /// The event's name, from its content: the same event has the same name.
    pub fn id(&self) -> EventId {
        EventId(format!("EVT-{:.16}", self.sha256()))
    }

    /// One compact JSON object with the keys `Event_ID, Type, Timestamp, By, Role, Subject,
    /// Event_Sha256`.
    ///
    /// ```
    /// use credit_governance::{Actor, Event, EventId, What};
    ///
    /// let event = Event::new(
    ///     "2025-01-31T10:00:00Z".parse()?,
    ///     &Actor::Service,
    ///     What::TailRecovered {
    ///         ledger: "ledger.jsonl".into(), offset: 10, bytes: 5, kept_in: "recovered/x".into(),
    ///     },
    /// );
    /// assert_eq!(Event::parse(&event.to_json())?, event);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> String {
        let mut out = ObjectWriter::new();
        out.plain("Event_ID", self.id());
        self.write_content(&mut out);
        out.plain("Event_Sha256", self.sha256());
        out.finish()
    }

    /// Reads a stored event: the text of [`Event::to_json`] or a whole line of the chain.
    ///
    /// # Errors
    /// A missing key, an unknown type or a subject of another form.
    pub fn parse(json: &str) -> Result<Event, EventError> {
        let object = Object::parse(json)?;
        let get = |key: &'static str| object.get(key).ok_or(EventError::Missing { key });
        let kind: &str = serde_json::from_str(get("Type")?.get())?;
        if !What::KINDS.contains(&kind) {
            return Err(EventError::UnknownType {
                found: kind.to_owned(),
            });
        }
        let what = What::parse(kind, get("Subject")?)?;
        Ok(Event {
            at: serde_json::from_str(get("Timestamp")?.get())?,
            by: serde_json::from_str(get("By")?.get())?,
            role: serde_json::from_str(get("Role")?.get())?,
            what,
        })
    }

    fn sha256(&self) -> Sha256 {
        let mut out = ObjectWriter::new();
        self.write_content(&mut out);
        Sha256::of(out.finish().as_bytes())
    }

    fn write_content(&self, out: &mut ObjectWriter) {
        out.plain("Type", self.what.kind());
        out.plain("Timestamp", self.at);
        out.string("By", &self.by);
        match self.role {
            Some(role) => out.plain("Role", role),
            None => out.token("Role", "null"),
        }
        out.token("Subject", self.what.subject());
    }
}

/// Why a text is not an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Not the JSON that an event is.
    #[error("event: {0}")]
    Json(#[from] serde_json::Error),
    /// A key is missing.
    #[error("event: `{key}` is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A type this version does not know.
    #[error("event: type {found:?} is not known to this version")]
    UnknownType {
        /// The type.
        found: String,
    },
}
