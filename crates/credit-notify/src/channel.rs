//! Who sends it, as traits.

use std::fmt::Debug;
use std::sync::Arc;

use crate::notion::{DataSourceId, DatabaseId, Page, PageId, PageRef, Properties, Schema};
use crate::routing::Address;
use crate::slack::{Identity, Message, Posted};
use crate::{Answer, Link, Reason};

/// A way to post to Slack.
///
/// **Contract.** A method returns within a bounded time. [`Answer::Done`] means that Slack has
/// accepted the message; [`Answer::Retry`], [`Answer::Pause`] and [`Answer::Park`] mean that it
/// has not, and everything of which nobody can know is [`Answer::Unknown`]. Posting twice shows
/// two messages: after `Unknown` the caller marks the second as a possible repeat
/// ([`Message::as_possible_repeat`]). It is called after the run is durable, possibly from several
/// threads; pace and order are the caller's business ([`crate::delivery`]).
pub trait Slack: Debug + Send + Sync {
    /// Posts a message. Where it is, is known from a bot's only.
    fn post(&self, to: &Address, message: &Message) -> Answer<Option<Posted>>;
}

/// A way to post to Slack that knows where messages are: a bot's, and never a webhook's.
///
/// **Contract.** As [`Slack`]. [`SlackThreads::update`] and [`SlackThreads::permalink`] may be
/// repeated freely; a reply is a message and may not.
pub trait SlackThreads: Slack {
    /// Replies in the thread of a message.
    fn reply(&self, to: &Posted, message: &Message) -> Answer<Posted>;

    /// Puts another message in the place of one.
    fn update(&self, posted: &Posted, message: &Message) -> Answer<()>;

    /// Where people can open a message.
    fn permalink(&self, posted: &Posted) -> Answer<Link>;
}

/// A way to ask Slack about a bot, which cannot post anything.
///
/// **Contract.** The method returns within a bounded time and may be repeated freely.
pub trait SlackReader: Debug + Send + Sync {
    /// Who the bot is, and what its token allows.
    fn identity(&self) -> Answer<Identity>;
}

/// A way to look into Notion, which cannot change anything:
///
/// ```compile_fail,E0599
/// use credit_notify::NotionReader;
/// use credit_notify::notion::PageId;
///
/// fn lock(reader: &dyn NotionReader, page: &PageId) {
///     reader.lock(page, true);
/// }
/// ```
///
/// **Contract.** A method returns within a bounded time and may be repeated freely.
pub trait NotionReader: Debug + Send + Sync {
    /// The one data source of a database. Asked for once: it does not change.
    fn resolve(&self, database: &DatabaseId) -> Answer<DataSourceId>;

    /// The properties of a data source.
    fn schema(&self, source: &DataSourceId) -> Answer<Schema>;

    /// The pages whose title is exactly this; of several, two at least.
    fn find(&self, source: &DataSourceId, property: &str, title: &str) -> Answer<Vec<PageRef>>;

    /// One page.
    fn page(&self, page: &PageId) -> Answer<PageRef>;
}

/// A way to write to Notion.
///
/// **Contract.** As [`NotionReader`], and: [`Answer::Done`] means that the change is made.
/// [`Notion::create`] called twice makes two pages, so that after any failure the caller looks
/// for the title first ([`create_once`]); the other two may be repeated freely.
pub trait Notion: NotionReader {
    /// Creates a page.
    fn create(&self, source: &DataSourceId, page: &Page) -> Answer<PageRef>;

    /// Sets properties of a page.
    fn update(&self, page: &PageId, properties: &Properties) -> Answer<PageRef>;

    /// Locks or unlocks a page. Whether it did is in the answer; any editor can undo it.
    fn lock(&self, page: &PageId, locked: bool) -> Answer<PageRef>;
}

/// A way to complete the properties of a Notion database, for whoever sets one up. Who keeps rows
/// needs no such thing.
///
/// **Contract.** As [`NotionReader`]. [`Answer::Done`] means that the properties are there;
/// after [`Answer::Unknown`] the caller reads the schema again.
pub trait NotionSchema: NotionReader {
    /// Adds properties that were just found missing ([`Schema::addable`]) and says what there is
    /// now.
    fn add_properties(&self, source: &DataSourceId, missing: &Schema) -> Answer<Schema>;
}

/// Creates a page of which nobody knows whether it exists: it is looked for by its title, and
/// what is found is adopted.
///
/// Two pages of one title are for a person to sort out.
///
/// ```
/// use credit_core::{CaseId, RiskFlags, Severity};
/// use credit_notify::memory::MemoryNotion;
/// use credit_notify::notion::{CaseRow, Choice, Owner};
/// use credit_notify::{Answer, Notion, NotionReader, create_once};
///
/// let page = CaseRow {
///     case_id: "CASE-20250131-ABC123".parse()?,
///     title: "EXPORT cost 5 times its baseline".to_owned(),
///     category: Choice::new("Cost/Credits")?,
///     severity: Severity::Sev1,
///     exposure_band: Choice::new("Financial")?,
///     status: Choice::new("Open")?,
///     root_cause: None,
///     primary_run_id: "RUN-1".parse()?,
///     related_run_ids: Vec::new(),
///     risk_flags: RiskFlags::NONE,
///     created_at: "2025-01-31T10:00:00Z".parse()?,
///     owner: Owner::new("operations").ok_or("no name")?,
/// }
/// .page();
/// let notion = MemoryNotion::default();
/// let source = MemoryNotion::source();
/// let first = notion.create(&source, &page).done();
/// // Had the answer been lost, this is what comes next.
/// assert_eq!(create_once(&notion, &source, &page).done(), first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create_once(notion: &dyn Notion, source: &DataSourceId, page: &Page) -> Answer<PageRef> {
    let found = notion.find(source, page.title_property(), page.title());
    found.and_then(|found| match found.as_slice() {
        [] => notion.create(source, page),
        [only] => Answer::Done(only.clone()),
        [one, other, ..] => Answer::Park {
            reason: Reason::new(&format!(
                "two pages are called {}: {} and {}; delete one",
                page.title(),
                one.id,
                other.id
            )),
        },
    })
}

macro_rules! forward {
    ($($pointer:ident),+) => {$(
        impl<T: Slack + ?Sized> Slack for $pointer<T> {
            fn post(&self, to: &Address, message: &Message) -> Answer<Option<Posted>> {
                (**self).post(to, message)
            }
        }

        impl<T: SlackThreads + ?Sized> SlackThreads for $pointer<T> {
            fn reply(&self, to: &Posted, message: &Message) -> Answer<Posted> {
                (**self).reply(to, message)
            }

            fn update(&self, posted: &Posted, message: &Message) -> Answer<()> {
                (**self).update(posted, message)
            }

            fn permalink(&self, posted: &Posted) -> Answer<Link> {
                (**self).permalink(posted)
            }
        }

        impl<T: SlackReader + ?Sized> SlackReader for $pointer<T> {
            fn identity(&self) -> Answer<Identity> {
                (**self).identity()
            }
        }

        impl<T: NotionReader + ?Sized> NotionReader for $pointer<T> {
            fn resolve(&self, database: &DatabaseId) -> Answer<DataSourceId> {
                (**self).resolve(database)
            }

            fn schema(&self, source: &DataSourceId) -> Answer<Schema> {
                (**self).schema(source)
            }

            fn find(
                &self,
                source: &DataSourceId,
                property: &str,
                title: &str,
            ) -> Answer<Vec<PageRef>> {
                (**self).find(source, property, title)
            }

            fn page(&self, page: &PageId) -> Answer<PageRef> {
                (**self).page(page)
            }
        }

        impl<T: NotionSchema + ?Sized> NotionSchema for $pointer<T> {
            fn add_properties(&self, source: &DataSourceId, missing: &Schema) -> Answer<Schema> {
                (**self).add_properties(source, missing)
            }
        }

        impl<T: Notion + ?Sized> Notion for $pointer<T> {
            fn create(&self, source: &DataSourceId, page: &Page) -> Answer<PageRef> {
                (**self).create(source, page)
            }

            fn update(&self, page: &PageId, properties: &Properties) -> Answer<PageRef> {
                (**self).update(page, properties)
            }

            fn lock(&self, page: &PageId, locked: bool) -> Answer<PageRef> {
                (**self).lock(page, locked)
            }
        }
    )+};
}

forward!(Arc, Box);
