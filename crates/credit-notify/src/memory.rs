//! Doubles that send nothing and keep everything, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::notion::{
    DataSourceId, DatabaseId, Page, PageId, PageRef, Properties, Schema, cases_schema, runs_schema,
};
use crate::routing::Address;
use crate::slack::{Identity, Message, Posted};
use crate::{
    Answer, Link, Notion, NotionReader, NotionSchema, Reason, Slack, SlackReader, SlackThreads,
};

/// A Slack that only remembers.
///
/// ```
/// use credit_notify::memory::MemorySlack;
/// use credit_notify::routing::{Address, Slot};
/// use credit_notify::slack::Message;
/// use credit_notify::{Answer, Slack};
///
/// let slack = MemorySlack::default();
/// let message = Message::plain("hello");
/// let answer = slack.post(&Address::Webhook(Slot::Default), &message);
/// assert!(matches!(answer, Answer::Done(Some(_))));
/// assert_eq!(slack.messages()[0].message, message);
/// ```
#[derive(Debug, Default)]
pub struct MemorySlack {
    messages: Mutex<Vec<Kept>>,
}

/// A message that [`MemorySlack`] was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// The channel, or what the reply's parent says of it.
    pub to: String,
    /// The timestamp of the message it replies to.
    pub thread: Option<String>,
    /// The message, as it was last.
    pub message: Message,
}

impl MemorySlack {
    /// All messages, in the order they came.
    pub fn messages(&self) -> Vec<Kept> {
        lock(&self.messages).clone()
    }

    fn keep(&self, kept: Kept) -> Posted {
        let mut messages = lock(&self.messages);
        let channel = kept.to.clone();
        messages.push(kept);
        // The timestamp names the message: its place in the list.
        let ts = format!("{}.000000", messages.len());
        Posted { channel, ts }
    }
}

fn place(posted: &Posted) -> Option<usize> {
    let number: usize = posted.ts.strip_suffix(".000000")?.parse().ok()?;
    number.checked_sub(1)
}

fn unknown<T>() -> Answer<T> {
    Answer::Park {
        reason: Reason::new("message_not_found"),
    }
}

impl Slack for MemorySlack {
    fn post(&self, to: &Address, message: &Message) -> Answer<Option<Posted>> {
        Answer::Done(Some(self.keep(Kept {
            to: to.to_string(),
            thread: None,
            message: message.clone(),
        })))
    }
}

impl SlackThreads for MemorySlack {
    fn reply(&self, to: &Posted, message: &Message) -> Answer<Posted> {
        if place(to).is_none_or(|at| at >= lock(&self.messages).len()) {
            return unknown();
        }
        Answer::Done(self.keep(Kept {
            to: to.channel.clone(),
            thread: Some(to.ts.clone()),
            message: message.clone(),
        }))
    }

    fn update(&self, posted: &Posted, message: &Message) -> Answer<()> {
        let mut messages = lock(&self.messages);
        match place(posted).and_then(|at| messages.get_mut(at)) {
            Some(kept) => {
                kept.message = message.clone();
                Answer::Done(())
            }
            None => unknown(),
        }
    }

    fn permalink(&self, posted: &Posted) -> Answer<Link> {
        let there = place(posted).is_some_and(|at| at < lock(&self.messages).len());
        let link = format!("https://slack.example/archives/p{}", posted.ts);
        match link.parse() {
            Ok(link) if there => Answer::Done(link),
            _ => unknown(),
        }
    }
}

impl SlackReader for MemorySlack {
    fn identity(&self) -> Answer<Identity> {
        let scopes = Identity::SCOPES.iter().map(|scope| (*scope).to_owned());
        Answer::Done(Identity {
            team: "memory".to_owned(),
            user: "memory".to_owned(),
            scopes: Some(scopes.collect()),
        })
    }
}

/// A Notion that only remembers. Every database is its own data source; all have the same
/// properties, those of RUNS_LEDGER and CASES unless others are given.
#[derive(Debug)]
pub struct MemoryNotion {
    pages: Mutex<BTreeMap<PageId, KeptPage>>,
    schema: Mutex<Schema>,
}

impl Default for MemoryNotion {
    fn default() -> MemoryNotion {
        MemoryNotion::with_schema(runs_schema().with(cases_schema()))
    }
}

/// A page that [`MemoryNotion`] was given.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPage {
    /// Where.
    pub source: DataSourceId,
    /// Its title.
    pub title: String,
    /// The properties it was created with, and those of every update.
    pub properties: Vec<Properties>,
    /// Whether it is locked.
    pub is_locked: bool,
}

impl MemoryNotion {
    /// One whose databases have these properties.
    pub fn with_schema(schema: Schema) -> MemoryNotion {
        MemoryNotion {
            pages: Mutex::default(),
            schema: Mutex::new(schema),
        }
    }

    /// A data source for tests.
    pub fn source() -> DataSourceId {
        DataSourceId::numbered(1)
    }

    /// All pages by their ids.
    pub fn pages(&self) -> BTreeMap<PageId, KeptPage> {
        lock(&self.pages).clone()
    }

    fn change(&self, page: &PageId, change: impl FnOnce(&mut KeptPage)) -> Answer<PageRef> {
        match lock(&self.pages).get_mut(page) {
            Some(kept) => {
                change(kept);
                Answer::Done(shown(page, kept))
            }
            None => Answer::Park {
                reason: Reason::new("object_not_found"),
            },
        }
    }
}

fn shown(id: &PageId, kept: &KeptPage) -> PageRef {
    PageRef {
        id: id.clone(),
        url: format!("https://notion.example/{id}").parse().ok(),
        is_locked: Some(kept.is_locked),
    }
}

impl NotionReader for MemoryNotion {
    fn resolve(&self, database: &DatabaseId) -> Answer<DataSourceId> {
        match database.as_str().parse() {
            Ok(source) => Answer::Done(source),
            Err(_) => Answer::Park {
                reason: Reason::new("object_not_found"),
            },
        }
    }

    fn schema(&self, _: &DataSourceId) -> Answer<Schema> {
        Answer::Done(lock(&self.schema).clone())
    }

    fn find(&self, source: &DataSourceId, _: &str, title: &str) -> Answer<Vec<PageRef>> {
        let pages = lock(&self.pages);
        let found = pages
            .iter()
            .filter(|(_, kept)| kept.source == *source && kept.title == title);
        Answer::Done(found.map(|(id, kept)| shown(id, kept)).collect())
    }

    fn page(&self, page: &PageId) -> Answer<PageRef> {
        self.change(page, |_| {})
    }
}

impl NotionSchema for MemoryNotion {
    fn add_properties(&self, _: &DataSourceId, missing: &Schema) -> Answer<Schema> {
        let mut schema = lock(&self.schema);
        *schema = std::mem::take(&mut *schema).with(missing.clone());
        Answer::Done(schema.clone())
    }
}

impl Notion for MemoryNotion {
    fn create(&self, source: &DataSourceId, page: &Page) -> Answer<PageRef> {
        let mut pages = lock(&self.pages);
        let id = PageId::numbered(pages.len() as u64 + 1);
        let kept = KeptPage {
            source: source.clone(),
            title: page.title().to_owned(),
            properties: vec![page.properties().clone()],
            is_locked: false,
        };
        let answer = Answer::Done(shown(&id, &kept));
        pages.insert(id, kept);
        answer
    }

    fn update(&self, page: &PageId, properties: &Properties) -> Answer<PageRef> {
        self.change(page, |kept| kept.properties.push(properties.clone()))
    }

    fn lock(&self, page: &PageId, locked: bool) -> Answer<PageRef> {
        self.change(page, |kept| kept.is_locked = locked)
    }
}

/// What is kept is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
