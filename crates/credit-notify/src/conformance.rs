//! What an implementation of the traits must hold, to be called from the tests of whoever writes
//! one.
//!
//! They post messages and create pages: point them at a double or a test workspace.
//!
//! ```
//! use credit_notify::conformance;
//! use credit_notify::memory::{MemoryNotion, MemorySlack};
//! use credit_notify::routing::{Address, Slot};
//!
//! conformance::slack_threads(&MemorySlack::default(), &Address::Webhook(Slot::Default))?;
//! let database = "668d797c76fa49349b05ad288df2d136".parse()?;
//! conformance::notion(&MemoryNotion::default(), &database, "1")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::Debug;

use credit_core::{RiskFlags, Severity, Timestamp};

use crate::notion::{CaseChange, CaseRow, Choice, DatabaseId, Owner, Schema, cases_schema};
use crate::routing::Address;
use crate::slack::Message;
use crate::{Answer, Notion, NotionSchema, Slack, SlackReader, SlackThreads, create_once};

/// An implementation does not do what its contract says.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{rule}: {found}")]
#[non_exhaustive]
pub struct Nonconforming {
    /// What should hold.
    pub rule: &'static str,
    /// What was found instead.
    pub found: String,
}

/// Whatever posts: `there` must accept a message, `nowhere` must be refused for good.
///
/// # Errors
/// The first rule of [`Slack`]'s contract that does not hold.
pub fn slack(slack: &dyn Slack, there: &Address, nowhere: &Address) -> Result<(), Nonconforming> {
    let message = Message::plain("conformance");
    done("a post is done", slack.post(there, &message))?;
    let refused = slack.post(nowhere, &message);
    hold(
        "an address that leads nowhere is parked",
        matches!(refused, Answer::Park { .. }),
        &refused,
    )
}

/// Whatever knows of threads: `there` must accept a message.
///
/// # Errors
/// The first rule of [`SlackThreads`]' contract that does not hold.
pub fn slack_threads(slack: &dyn SlackThreads, there: &Address) -> Result<(), Nonconforming> {
    let message = Message::plain("conformance: <!channel> & co");
    let post = |rule| {
        let posted = done(rule, slack.post(there, &message))?;
        posted.ok_or(Nonconforming {
            rule,
            found: "nobody knows where the message is".to_owned(),
        })
    };
    let first = post("a post is done")?;
    let second = post("a second post is done")?;
    hold("each message has its name", first != second, &second)?;

    let reply = done("a reply is done", slack.reply(&first, &message))?;
    let apart = reply.ts != first.ts && reply.channel == first.channel;
    hold(
        "a reply is a message of its own in the same channel",
        apart,
        &reply,
    )?;

    let other = Message::plain("conformance: edited");
    done("an update is done", slack.update(&first, &other))?;
    done("an update may be repeated", slack.update(&first, &other))?;

    let link = done("a permalink is given", slack.permalink(&first))?;
    let again = done("a permalink is given again", slack.permalink(&first))?;
    hold("a message has one permalink", link == again, &again)
}

/// Whatever asks Slack about a bot, whose token must allow all that posting takes.
///
/// # Errors
/// The first rule of [`SlackReader`]'s contract that does not hold.
pub fn slack_reader(slack: &dyn SlackReader) -> Result<(), Nonconforming> {
    let first = done("a bot is known", slack.identity())?;
    let lacks = first.lacks();
    hold("the bot may post", lacks.is_empty(), &lacks)?;
    let again = done("a bot is known when asked again", slack.identity())?;
    hold("a bot stays who it is", first == again, &again)
}

/// Whatever writes to Notion: `database` must have the properties of CASES. `tag`, up to six
/// of `A-Z 0-9`, makes the titles of this test its own, so that it can run again on the same
/// database.
///
/// # Errors
/// The first rule of [`Notion`]'s contract that does not hold.
pub fn notion(notion: &dyn Notion, database: &DatabaseId, tag: &str) -> Result<(), Nonconforming> {
    let source = done("a database is resolved", notion.resolve(database))?;
    let schema = done("a schema is read", notion.schema(&source))?;
    let faults = schema.lacks(&cases_schema());
    hold(
        "the database has the properties of CASES",
        faults.is_empty(),
        &faults,
    )?;

    let case = case(tag).ok_or_else(|| Nonconforming {
        rule: "the tag can be part of a case's id",
        found: format!("{tag:?}"),
    })?;
    let page = case.page();
    let find = |rule| {
        done(
            rule,
            notion.find(&source, page.title_property(), page.title()),
        )
    };
    let before = find("a search without a result is done")?;
    hold(
        "what was never created is not found",
        before.is_empty(),
        &before,
    )?;

    let created = done("a page is created", create_once(notion, &source, &page))?;
    let found = find("a search is done")?;
    let only = found.len() == 1 && found.iter().all(|p| p.id == created.id);
    hold("what was created is found", only, &found)?;
    let adopted = done("a page is adopted", create_once(notion, &source, &page))?;
    hold("a page is created once", adopted.id == created.id, &adopted)?;

    let change = CaseChange::at(Timestamp::LAST).properties();
    for rule in ["an update is done", "an update may be repeated"] {
        let updated = done(rule, notion.update(&created.id, &change))?;
        hold(rule, updated.id == created.id, &updated)?;
    }
    let found = find("a search after an update is done")?;
    hold("an update makes no page", found.len() == 1, &found)?;

    for locked in [true, false] {
        done("a lock is set", notion.lock(&created.id, locked))?;
        let seen = done("a page is read", notion.page(&created.id))?;
        hold(
            "a lock can be read back",
            seen.is_locked == Some(locked),
            &seen,
        )?;
    }
    Ok(())
}

/// Whatever completes properties: `database` must lack one of `expected` that can be added.
///
/// # Errors
/// The first rule of [`NotionSchema`]'s contract that does not hold.
pub fn notion_schema(
    notion: &dyn NotionSchema,
    database: &DatabaseId,
    expected: &Schema,
) -> Result<(), Nonconforming> {
    let source = done("a database is resolved", notion.resolve(database))?;
    let before = done("a schema is read", notion.schema(&source))?;
    let missing = before.addable(expected);
    hold("a property is missing", !missing.is_empty(), &before)?;
    let rule = "what was added is there";
    let told = done(
        "properties are added",
        notion.add_properties(&source, &missing),
    )?;
    hold(rule, told.addable(expected).is_empty(), &told)?;
    let after = done("a schema is read again", notion.schema(&source))?;
    hold(rule, after.addable(expected).is_empty(), &after)?;
    let kept = before.iter().all(|had| after.iter().any(|has| had == has));
    hold("what was there is as it was", kept, &after)?;
    let again = done(
        "adding may be repeated",
        notion.add_properties(&source, &missing),
    )?;
    hold("adding again changes nothing", again == after, &again)
}

fn case(tag: &str) -> Option<CaseRow> {
    let word = Choice::new("Other").ok()?;
    Some(CaseRow {
        case_id: format!("CASE-19700101-{tag:0>6}").parse().ok()?,
        title: "conformance".to_owned(),
        category: word.clone(),
        severity: Severity::Sev4,
        exposure_band: word.clone(),
        status: word,
        root_cause: None,
        primary_run_id: "CONFORMANCE".parse().ok()?,
        related_run_ids: Vec::new(),
        risk_flags: RiskFlags::NONE,
        created_at: Timestamp::FIRST,
        owner: Owner::new("conformance")?,
    })
}

fn hold(rule: &'static str, holds: bool, found: &dyn Debug) -> Result<(), Nonconforming> {
    if holds {
        return Ok(());
    }
    Err(Nonconforming {
        rule,
        found: format!("{found:?}"),
    })
}

fn done<T: Debug>(rule: &'static str, answer: Answer<T>) -> Result<T, Nonconforming> {
    match answer {
        Answer::Done(done) => Ok(done),
        other => Err(Nonconforming {
            rule,
            found: format!("{other:?}"),
        }),
    }
}
