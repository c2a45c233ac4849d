//! Names of items, and steps of deliveries as they are recorded.

use std::fmt;

use credit_core::{CaseId, RunId, Sha256, Timestamp};
use credit_governance::{Actor, Delivery, Event, EventId, What};
use credit_ledger::{Digest, Head};
use credit_notify::Reason;
use credit_notify::delivery::{Item, ItemId, Operation, Transition};
use credit_notify::routing::Slot;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};

use super::book::BookError;

/// What an item tells, by its name: what it says is made from the ledgers when it is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Subject {
    /// `alert/<line>/<run>`: an alert of a run.
    Alert { seq: u64, run: RunId },
    /// `row/<line>/<run>`: a run's row in RUNS_LEDGER.
    Row { seq: u64, run: RunId },
    /// `case/<case>`: a case's page in CASES.
    Case(CaseId),
    /// `lock/<case>`: that the page is read-only.
    Lock(CaseId),
    /// `thread/<case>`: the address of the alert's thread, for the case.
    Thread(CaseId),
    /// `change/<case>/<event>`, `state/…`, `reply/…`, `call/…`, `exposure/…`: what an event of a
    /// case says.
    Said {
        as_a: Said,
        case: CaseId,
        event: EventId,
    },
    /// `muted/<event>/<n>`: what a mute held back, in the n-th of its channels.
    Muted { mute: EventId, n: usize },
    /// `weekly/<report>`: a weekly report, by its file's name without an ending.
    Weekly(String),
    /// `digest-<hash>`: many alerts as one message.
    Digest,
}

/// How an event of a case is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    /// By the page's properties.
    Change,
    /// By the alert's message, which shows from then on how far its case is.
    State,
    /// In the alert's thread.
    Reply,
    /// As a call for more people.
    Call,
    /// To the people responsible for security.
    Exposure,
}

impl Said {
    const ALL: [Said; 5] = [
        Said::Change,
        Said::State,
        Said::Reply,
        Said::Call,
        Said::Exposure,
    ];

    const fn word(self) -> &'static str {
        match self {
            Said::Change => "change",
            Said::State => "state",
            Said::Reply => "reply",
            Said::Call => "call",
            Said::Exposure => "exposure",
        }
    }
}

impl Subject {
    /// The item's name; `None` where it would be longer than one may be.
    pub(crate) fn id(&self) -> Option<ItemId> {
        self.to_string().parse().ok()
    }

    /// What an item's name says; `None` where it is none of ours.
    pub(crate) fn of(id: &ItemId) -> Option<Subject> {
        if id.as_str().starts_with("digest-") {
            return Some(Subject::Digest);
        }
        let (kind, rest) = id.as_str().split_once('/')?;
        let (first, last) = rest.split_once('/').unwrap_or((rest, ""));
        let case = || rest.parse().ok();
        Some(match kind {
            "alert" | "row" => {
                let (seq, run) = (first.parse().ok()?, last.parse().ok()?);
                match kind {
                    "alert" => Subject::Alert { seq, run },
                    _ => Subject::Row { seq, run },
                }
            }
            "case" => Subject::Case(case()?),
            "lock" => Subject::Lock(case()?),
            "thread" => Subject::Thread(case()?),
            "muted" => Subject::Muted {
                mute: event_id(first)?,
                n: last.parse().ok()?,
            },
            "weekly" => Subject::Weekly(rest.to_owned()),
            word => Subject::Said {
                as_a: Said::ALL.into_iter().find(|said| said.word() == word)?,
                case: first.parse().ok()?,
                event: event_id(last)?,
            },
        })
    }

    pub(crate) fn run(&self) -> Option<&RunId> {
        match self {
            Subject::Alert { run, .. } | Subject::Row { run, .. } => Some(run),
            _ => None,
        }
    }

    pub(crate) fn case(&self) -> Option<&CaseId> {
        match self {
            Subject::Case(case)
            | Subject::Lock(case)
            | Subject::Thread(case)
            | Subject::Said { case, .. } => Some(case),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Alert { seq, run } => write!(f, "alert/{seq}/{run}"),
            Subject::Row { seq, run } => write!(f, "row/{seq}/{run}"),
            Subject::Case(case) => write!(f, "case/{case}"),
            Subject::Lock(case) => write!(f, "lock/{case}"),
            Subject::Thread(case) => write!(f, "thread/{case}"),
            Subject::Said { as_a, case, event } => write!(f, "{}/{case}/{event}", as_a.word()),
            Subject::Muted { mute, n } => write!(f, "muted/{mute}/{n}"),
            Subject::Weekly(report) => write!(f, "weekly/{report}"),
            Subject::Digest => f.write_str("digest-"),
        }
    }
}

fn event_id(text: &str) -> Option<EventId> {
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        text.into_deserializer();
    EventId::deserialize(text).ok()
}

/// A line of the run ledger, up to and including which something was seen to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) seq: u64,
    hash: Sha256,
    end: u64,
}

impl Line {
    pub(crate) fn of(head: Head) -> Line {
        Line {
            seq: head.seq,
            hash: Sha256::from_bytes(*head.hash.as_bytes()),
            end: head.end,
        }
    }

    pub(crate) fn head(self) -> Head {
        Head {
            seq: self.seq,
            hash: Digest::from_bytes(*self.hash.as_bytes()),
            end: self.end,
        }
    }
}

/// A recorded step. Its number makes it another event than one of the same words in the same
/// second.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) n: u64,
    pub(crate) is: Is,
}

/// What a step is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Is {
    /// A transition of an item.
    Item(Transition),
    /// Everything is owed that follows from the events before, and, where it changes, from the
    /// runs up to a line.
    Planned {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Line>,
    },
    /// The rows of the runs up to a line are owed, those of the runs behind it by being there;
    /// no line where that is all of them.
    Rows { upto: Option<Line> },
    /// The rows of the runs behind the last such line are not owed any more, and no others before
    /// the next one.
    RowsWithdrawn { reason: Reason },
    /// A message is held back.
    Held(Held),
}

/// A message that is not sent now.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Held {
    pub(crate) item: Item,
    pub(crate) by: HeldBy,
}

/// What holds a message back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeldBy {
    /// Alerts are muted, by this event.
    Mute(EventId),
    /// The variable of its webhook is set to nothing.
    Switch(Slot),
}

impl Step {
    pub(crate) fn of(delivery: &Delivery) -> Result<Step, serde_json::Error> {
        serde_json::from_str(delivery.step.as_str())
    }

    /// The step as an event by `actor`.
    pub(crate) fn event(&self, at: Timestamp, actor: &Actor) -> Result<Event, serde_json::Error> {
        let about = self.is.item().and_then(Subject::of);
        let json = serde_json::to_string(self)?;
        let step = json.parse().map_err(serde::ser::Error::custom)?;
        let delivery = Delivery {
            run: about.as_ref().and_then(|about| about.run().cloned()),
            case: about.as_ref().and_then(|about| about.case().cloned()),
            step,
        };
        Ok(Event::new(at, actor, What::Delivery(delivery)))
    }
}

/// Which empty variable kept a message from people for good, and what it would have done, if that
/// is what this step says.
pub(crate) fn suppressed_by(delivery: &Delivery) -> Result<Option<(Slot, Operation)>, BookError> {
    Ok(match Step::of(delivery)?.is {
        Is::Held(Held {
            item,
            by: HeldBy::Switch(slot),
        }) => Some((slot, item.operation)),
        _ => None,
    })
}

impl Is {
    fn item(&self) -> Option<&ItemId> {
        match self {
            Is::Item(transition) => item_of(transition),
            Is::Held(held) => Some(&held.item.id),
            Is::Planned { .. } | Is::Rows { .. } | Is::RowsWithdrawn { .. } => None,
        }
    }
}

/// The item that a transition is about.
pub(crate) fn item_of(transition: &Transition) -> Option<&ItemId> {
    match transition {
        Transition::Owed { item } => Some(&item.id),
        Transition::Folded { digest } => Some(&digest.id),
        Transition::Begun { item, .. }
        | Transition::Sent { item, .. }
        | Transition::Waiting { item, .. }
        | Transition::Unknown { item, .. }
        | Transition::Parked { item, .. }
        | Transition::Released { item, .. }
        | Transition::Withdrawn { item, .. } => Some(item),
        Transition::Paused { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn named(id: &str) -> Option<Subject> {
        Subject::of(&id.parse().ok()?)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_name_says_what_it_was_made_of(
            seq: u64,
            run in "[A-Za-z0-9][A-Za-z0-9_-]{0,100}",
            case in "CASE-202[0-9]01(0[1-9]|[12][0-9])-[A-Z0-9]{6}",
            n: u16,
        ) {
            let run: RunId = run.parse().unwrap();
            let case: CaseId = case.parse().unwrap();
            let event = event_id("EVT-0123456789abcdef").unwrap();
            let said = |as_a| Subject::Said { as_a, case: case.clone(), event: event.clone() };
            let subjects = [
                Subject::Alert { seq, run: run.clone() },
                Subject::Row { seq, run },
                Subject::Case(case.clone()),
                Subject::Lock(case.clone()),
                Subject::Thread(case.clone()),
                said(Said::Change),
                said(Said::State),
                said(Said::Reply),
                said(Said::Call),
                said(Said::Exposure),
                Subject::Muted { mute: event.clone(), n: n.into() },
                Subject::Weekly("weekly_2025-01-31.r2".to_owned()),
            ];
            for subject in subjects {
                let id = subject.id().unwrap();
                prop_assert_eq!(Subject::of(&id), Some(subject));
            }
        }

        #[test]
        fn any_other_name_says_nothing_and_does_no_harm(id in "[!-~]{1,60}", step in "\\PC{0,60}") {
            if let Some(subject) = named(&id).filter(|subject| *subject != Subject::Digest) {
                prop_assert!(subject.id().is_some());
            }
            let _not_a_step = serde_json::from_str::<Step>(&step);
        }
    }

    #[test]
    fn the_longest_ids_fit_into_a_name() {
        let run: RunId = "R".repeat(128).parse().unwrap();
        assert!(Subject::Alert { seq: u64::MAX, run }.id().is_some());
    }
}
