//! What was decided or done, as a record of the events chain.

use std::fmt;

use credit_core::json::{Object, ObjectWriter};
use credit_core::{Credits, CreditsPerItem, ScenarioId, Sha256, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Actor, Role};

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

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A new baseline was proposed.
    BaselineProposed(BaselineProposal),
    /// A proposal was approved.
    BaselineApproved {
        /// The proposal's event.
        proposal: EventId,
        /// `O3-<name>-<timestamp>`.
        approval_id: String,
    },
    /// An approved baseline was written to the baselines file.
    BaselineApplied {
        /// The proposal's event.
        proposal: EventId,
    },
    /// A torn tail of a ledger was cut off and set aside when it was opened.
    TailRecovered {
        /// Which file.
        ledger: String,
        /// Where the cut is, in bytes.
        offset: u64,
        /// How many bytes were set aside.
        bytes: u64,
        /// The file that keeps them.
        kept_in: String,
    },
    /// Run files or sidecars that were absent or empty were written again from their ledger lines.
    ProjectionsRebuilt {
        /// How many run files.
        rebuilt: u64,
        /// The number of the first of their lines.
        first: u64,
        /// The number of the last of their lines.
        last: u64,
    },
}

/// A new value for a scenario's baseline and what speaks for it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct BaselineProposal {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// The value in force; `None` for a first baseline.
    pub old: Option<Credits>,
    /// The value proposed.
    pub new: Credits,
    /// What its runs usually take in, where they say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_input_tokens: Option<u64>,
    /// What they usually cost by the item, where they say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_credits_per_item: Option<CreditsPerItem>,
    /// Healthy runs it was calculated from.
    pub sample_size: u64,
    /// Their coefficient of variation.
    pub cv: Option<f64>,
    /// The window's length in days.
    pub days: u32,
    /// The window's end: the baseline is calculated as of this instant.
    pub as_of: Timestamp,
    /// Why, in the proposer's words.
    pub reasons: Vec<String>,
    /// Criteria that failed and were overridden, with the reason; `None` where all were met.
    #[serde(rename = "override")]
    pub override_reason: Option<String>,
    /// The case or note in which a large change was investigated.
    pub investigated: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Approved {
    proposal: EventId,
    approval_id: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Applied {
    proposal: EventId,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Recovered {
    ledger: String,
    offset: u64,
    bytes: u64,
    kept_in: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rebuilt {
    rebuilt: u64,
    first: u64,
    last: u64,
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
        let subject = get("Subject")?.get();
        let what = match kind {
            "baseline_proposed" => What::BaselineProposed(serde_json::from_str(subject)?),
            "baseline_approved" => {
                let Approved {
                    proposal,
                    approval_id,
                } = serde_json::from_str(subject)?;
                What::BaselineApproved {
                    proposal,
                    approval_id,
                }
            }
            "baseline_applied" => {
                let Applied { proposal } = serde_json::from_str(subject)?;
                What::BaselineApplied { proposal }
            }
            "tail_recovered" => {
                let Recovered {
                    ledger,
                    offset,
                    bytes,
                    kept_in,
                } = serde_json::from_str(subject)?;
                What::TailRecovered {
                    ledger,
                    offset,
                    bytes,
                    kept_in,
                }
            }
            "projections_rebuilt" => {
                let Rebuilt {
                    rebuilt,
                    first,
                    last,
                } = serde_json::from_str(subject)?;
                What::ProjectionsRebuilt {
                    rebuilt,
                    first,
                    last,
                }
            }
            unknown => {
                return Err(EventError::UnknownType {
                    found: unknown.to_owned(),
                });
            }
        };
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

impl What {
    /// The word in an event's `Type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            What::BaselineProposed(_) => "baseline_proposed",
            What::BaselineApproved { .. } => "baseline_approved",
            What::BaselineApplied { .. } => "baseline_applied",
            What::TailRecovered { .. } => "tail_recovered",
            What::ProjectionsRebuilt { .. } => "projections_rebuilt",
        }
    }

    fn subject(&self) -> String {
        let json = match self.clone() {
            What::BaselineProposed(proposal) => serde_json::to_string(&proposal),
            What::BaselineApproved {
                proposal,
                approval_id,
            } => serde_json::to_string(&Approved {
                proposal,
                approval_id,
            }),
            What::BaselineApplied { proposal } => serde_json::to_string(&Applied { proposal }),
            What::TailRecovered {
                ledger,
                offset,
                bytes,
                kept_in,
            } => serde_json::to_string(&Recovered {
                ledger,
                offset,
                bytes,
                kept_in,
            }),
            What::ProjectionsRebuilt {
                rebuilt,
                first,
                last,
            } => serde_json::to_string(&Rebuilt {
                rebuilt,
                first,
                last,
            }),
        };
        // Strings, integers and finite floats always serialize.
        json.unwrap_or_else(|_| "null".to_owned())
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
