//! The traits over any blocking HTTP client.

use std::fmt::Debug;
use std::sync::Arc;

use http::{Request, Response};

use crate::notion::{
    self, Access, Connection, DataSourceId, DatabaseId, Page, PageId, PageRef, Properties, Schema,
    WriteAccess,
};
use crate::routing::{Address, Webhooks};
use crate::slack::{self, Bot, Identity, Message, Posted, Target};
use crate::{
    Answer, Link, Notion, NotionReader, NotionSchema, Reason, Slack, SlackReader, SlackThreads,
};

#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "ureq")]
mod ureq;

#[cfg(feature = "reqwest")]
pub use self::reqwest::Reqwest;
#[cfg(feature = "ureq")]
pub use self::ureq::Ureq;

/// Slack's and Notion's answers are a few kilobytes; a page object with all its properties stays
/// far below this.
#[cfg(any(feature = "reqwest", feature = "ureq"))]
const BODY_MAX: usize = 4 * 1024 * 1024;

/// A blocking HTTP client.
///
/// **Contract.** It returns within a bounded time and reads a bounded body. It follows no
/// redirect, because that would take a secret to another host, and repeats nothing by itself.
///
/// ```
/// use credit_notify::client::{Failure, Transport, WebhookSlack};
/// use credit_notify::routing::{Address, Slot, Webhooks};
/// use credit_notify::slack::Message;
/// use credit_notify::{Answer, Slack};
/// use http::{Request, Response};
///
/// /// A service's own client; this one is always told yes.
/// #[derive(Debug)]
/// struct Client;
///
/// impl Transport for Client {
///     fn send(&self, _: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
///         Ok(Response::new(b"ok".to_vec()))
///     }
/// }
///
/// let webhooks = Webhooks::read(|_| Some("https://hooks.slack.com/services/T/B/x".to_owned()))?;
/// let slack = WebhookSlack::new(Client, webhooks);
/// let answer = slack.post(&Address::Webhook(Slot::Sev0), &Message::plain("hello"));
/// assert_eq!(answer, Answer::Done(None));
/// # Ok::<(), credit_notify::routing::WebhooksError>(())
/// ```
pub trait Transport: Debug + Send + Sync {
    /// Sends a request and waits for its answer, whatever its status.
    ///
    /// # Errors
    /// [`Failure`], by whether the other side may have seen the request.
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure>;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        (**self).send(request)
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        (**self).send(request)
    }
}

/// Why there is no answer. Its words never hold an address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The other side cannot have seen the request: send it again.
    #[error("not sent: {0}")]
    NotSent(Reason),
    /// It may have seen the request, and may have done what it says.
    #[error("sent, and no answer: {0}")]
    NoAnswer(Reason),
}

impl<T> From<Failure> for Answer<T> {
    fn from(failure: Failure) -> Answer<T> {
        match failure {
            Failure::NotSent(reason) => Answer::Retry { reason },
            Failure::NoAnswer(reason) => Answer::Unknown { reason },
        }
    }
}

/// Slack by incoming webhooks: it posts, and knows of no threads.
#[derive(Clone, Debug)]
pub struct WebhookSlack<T> {
    transport: T,
    webhooks: Webhooks,
}

impl<T: Transport> WebhookSlack<T> {
    /// A way to the channels of these webhooks.
    pub fn new(transport: T, webhooks: Webhooks) -> WebhookSlack<T> {
        WebhookSlack {
            transport,
            webhooks,
        }
    }
}

impl<T: Transport> Slack for WebhookSlack<T> {
    fn post(&self, to: &Address, message: &Message) -> Answer<Option<Posted>> {
        let url = match to {
            Address::Webhook(slot) => self.webhooks.url(*slot),
            Address::Channel(_) => None,
        };
        let Some(url) = url else {
            return no_way(to);
        };
        let target = Target::Webhook(url);
        ask(
            &self.transport,
            slack::request(&target, message),
            &[url.expose(), url.last_segment()],
            |response| slack::interpret(&target, response),
        )
    }
}

/// Slack by a bot token: it posts to any channel the bot was invited to, and knows of threads.
#[derive(Clone, Debug)]
pub struct BotSlack<T> {
    transport: T,
    bot: Bot,
}

impl<T: Transport> BotSlack<T> {
    /// A way to Slack as this bot.
    pub fn new(transport: T, bot: Bot) -> BotSlack<T> {
        BotSlack { transport, bot }
    }

    fn send(&self, target: &Target<'_>, message: &Message) -> Answer<Option<Posted>> {
        ask(
            &self.transport,
            slack::request(target, message),
            &[self.bot.token().expose()],
            |response| slack::interpret(target, response),
        )
    }
}

impl<T: Transport> Slack for BotSlack<T> {
    fn post(&self, to: &Address, message: &Message) -> Answer<Option<Posted>> {
        match to {
            Address::Channel(channel) => self.send(&Target::Channel(&self.bot, channel), message),
            Address::Webhook(_) => no_way(to),
        }
    }
}

impl<T: Transport> SlackThreads for BotSlack<T> {
    fn reply(&self, to: &Posted, message: &Message) -> Answer<Posted> {
        let answer = self.send(&Target::Thread(&self.bot, to), message);
        answer.and_then(|posted| match posted {
            Some(posted) => Answer::Done(posted),
            None => Answer::Unknown {
                reason: Reason::new("Slack said yes and not where"),
            },
        })
    }

    fn update(&self, posted: &Posted, message: &Message) -> Answer<()> {
        let answer = self.send(&Target::Edit(&self.bot, posted), message);
        answer.map(|_| ())
    }

    fn permalink(&self, posted: &Posted) -> Answer<Link> {
        ask(
            &self.transport,
            slack::permalink_request(&self.bot, posted),
            &[self.bot.token().expose()],
            slack::interpret_permalink,
        )
    }
}

impl<T: Transport> SlackReader for BotSlack<T> {
    fn identity(&self) -> Answer<Identity> {
        ask(
            &self.transport,
            slack::identity_request(&self.bot),
            &[self.bot.token().expose()],
            slack::interpret_identity,
        )
    }
}

/// Sends and interprets, and shows none of the secrets, even if the other side repeats them.
fn ask<D>(
    transport: &impl Transport,
    request: Request<Vec<u8>>,
    secrets: &[&str],
    interpret: impl FnOnce(Response<Vec<u8>>) -> Answer<D>,
) -> Answer<D> {
    let answer = match transport.send(request) {
        // Masked before it is interpreted: a reason is cut, and half a secret would not be found.
        Ok(response) => interpret(response.map(|body| masked(body, secrets))),
        Err(failure) => failure.into(),
    };
    let shown = secrets.iter().filter(|secret| !secret.is_empty());
    shown.fold(answer, |answer, secret| answer.without(secret))
}

fn masked(body: Vec<u8>, secrets: &[&str]) -> Vec<u8> {
    let text = String::from_utf8_lossy(&body);
    let shown = |secret: &&&str| !secret.is_empty() && text.contains(**secret);
    let mut found = secrets.iter().filter(shown).peekable();
    if found.peek().is_none() {
        return body;
    }
    let masked = found.fold(text.to_string(), |text, secret| text.replace(secret, "***"));
    masked.into_bytes()
}

fn no_way<T>(to: &Address) -> Answer<T> {
    Answer::Park {
        reason: Reason::new(&format!("nothing is configured for {to}")),
    }
}

/// Notion over HTTP: a [`NotionReader`] with either access, a [`Notion`] with write access only.
#[derive(Clone, Debug)]
pub struct HttpNotion<T, A> {
    transport: T,
    connection: Connection<A>,
}

impl<T: Transport, A: Access> HttpNotion<T, A> {
    /// A way to Notion by this connection.
    pub fn new(transport: T, connection: Connection<A>) -> HttpNotion<T, A> {
        HttpNotion {
            transport,
            connection,
        }
    }

    fn ask<D>(
        &self,
        what: &notion::Read<'_>,
        interpret: fn(Response<Vec<u8>>) -> Answer<D>,
    ) -> Answer<D> {
        self.send(notion::read(&self.connection, what), interpret)
    }

    fn send<D>(
        &self,
        request: Request<Vec<u8>>,
        interpret: fn(Response<Vec<u8>>) -> Answer<D>,
    ) -> Answer<D> {
        let secret = self.connection.token().expose();
        ask(&self.transport, request, &[secret], interpret)
    }
}

impl<T: Transport> HttpNotion<T, WriteAccess> {
    fn change(&self, what: &notion::Write<'_>) -> Answer<PageRef> {
        let request = notion::write(&self.connection, what);
        self.send(request, notion::interpret_page)
    }
}

impl<T: Transport, A: Access> NotionReader for HttpNotion<T, A> {
    fn resolve(&self, database: &DatabaseId) -> Answer<DataSourceId> {
        let read = notion::Read::Resolve(database);
        self.ask(&read, notion::interpret_resolved)
    }

    fn schema(&self, source: &DataSourceId) -> Answer<Schema> {
        let read = notion::Read::Schema(source);
        self.ask(&read, notion::interpret_schema)
    }

    fn find(&self, source: &DataSourceId, property: &str, title: &str) -> Answer<Vec<PageRef>> {
        let read = notion::Read::Find {
            source,
            property,
            title,
        };
        self.ask(&read, notion::interpret_found)
    }

    fn page(&self, page: &PageId) -> Answer<PageRef> {
        self.ask(&notion::Read::Page(page), notion::interpret_page)
    }
}

impl<T: Transport> NotionSchema for HttpNotion<T, WriteAccess> {
    fn add_properties(&self, source: &DataSourceId, missing: &Schema) -> Answer<Schema> {
        let request = notion::add_properties(&self.connection, source, missing);
        self.send(request, notion::interpret_schema)
    }
}

impl<T: Transport> Notion for HttpNotion<T, WriteAccess> {
    fn create(&self, source: &DataSourceId, page: &Page) -> Answer<PageRef> {
        self.change(&notion::Write::Create { source, page })
    }

    fn update(&self, page: &PageId, properties: &Properties) -> Answer<PageRef> {
        self.change(&notion::Write::Update { page, properties })
    }

    fn lock(&self, page: &PageId, locked: bool) -> Answer<PageRef> {
        self.change(&notion::Write::Lock { page, locked })
    }
}
