//! Slack's HTTP, without a client: requests and what their answers mean.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::message::Block;
use super::{Bot, Identity, Message, Posted, Target};
use crate::text::line;
use crate::wire::{percent_encoded, retry_after};
use crate::{Answer, Link, Reason};

/// The request that sends `message`.
///
/// The request to a webhook has its secret in the address: do not log it.
///
/// ```
/// use credit_notify::slack::{Message, Target, interpret, request};
/// use credit_notify::{Answer, WebhookUrl};
///
/// let url: WebhookUrl = "https://hooks.slack.com/services/T0/B0/secret".parse()?;
/// let target = Target::Webhook(&url);
/// let request = request(&target, &Message::plain("the monitor has started"));
/// assert_eq!(request.method(), "POST");
///
/// // Any client sends it; what comes back says what to do next.
/// let answer = interpret(&target, http::Response::new(b"ok".to_vec()));
/// assert_eq!(answer, Answer::Done(None));
/// # Ok::<(), credit_notify::SettingError>(())
/// ```
pub fn request(target: &Target<'_>, message: &Message) -> Request<Vec<u8>> {
    let body = |channel, thread_ts, ts| Body {
        channel,
        thread_ts,
        ts,
        text: &message.text,
        blocks: &message.blocks,
        unfurl_links: false,
        unfurl_media: false,
    };
    match target {
        Target::Webhook(url) => {
            let mut request = json(body(None, None, None).bytes());
            *request.uri_mut() = url.uri().clone();
            request
        }
        Target::Channel(bot, channel) => {
            let body = body(Some(channel.as_str()), None, None);
            call(bot, "chat.postMessage", body.bytes())
        }
        Target::Thread(bot, parent) => {
            let body = body(Some(&parent.channel), Some(&parent.ts), None);
            call(bot, "chat.postMessage", body.bytes())
        }
        Target::Edit(bot, posted) => {
            let body = body(Some(&posted.channel), None, Some(&posted.ts));
            call(bot, "chat.update", body.bytes())
        }
    }
}

/// The request that asks where people can open a message. It changes nothing and may be repeated.
pub fn permalink_request(bot: &Bot, posted: &Posted) -> Request<Vec<u8>> {
    let query = format!(
        "chat.getPermalink?channel={}&message_ts={}",
        percent_encoded(&posted.channel),
        percent_encoded(&posted.ts)
    );
    let mut request = call(bot, &query, Vec::new());
    *request.method_mut() = Method::GET;
    request
}

/// The request that asks who a bot is and what it may do. It changes nothing and may be repeated.
pub fn identity_request(bot: &Bot) -> Request<Vec<u8>> {
    call(bot, "auth.test", b"{}".to_vec())
}

/// What the answer to [`request`] means. Where a message is comes from a bot's target only.
pub fn interpret(target: &Target<'_>, response: Response<Vec<u8>>) -> Answer<Option<Posted>> {
    match target {
        Target::Webhook(_) => interpret_webhook(&response).map(|()| None),
        _ => interpret_call(&response).and_then(|given| match (given.channel, given.ts) {
            (Some(channel), Some(ts)) => Answer::Done(Some(Posted { channel, ts })),
            _ => Answer::Unknown {
                reason: Reason::new("Slack said yes and not where"),
            },
        }),
    }
}

/// What the answer to [`permalink_request`] means.
pub fn interpret_permalink(response: Response<Vec<u8>>) -> Answer<Link> {
    interpret_call(&response).and_then(|given| match given.permalink.unwrap_or_default().parse() {
        Ok(link) => Answer::Done(link),
        Err(_) => Answer::Retry {
            reason: Reason::new("Slack gave no permalink"),
        },
    })
}

/// What the answer to [`identity_request`] means.
///
/// ```
/// use credit_notify::Answer;
/// use credit_notify::slack::interpret_identity;
///
/// let answer = http::Response::builder()
///     .header("x-oauth-scopes", "channels:read,users:read")
///     .body(br#"{"ok":true,"team":"Acme","user":"credit-bot"}"#.to_vec())?;
/// let Answer::Done(identity) = interpret_identity(answer) else {
///     return Err("Slack knows the bot".into());
/// };
/// assert_eq!(identity.team, "Acme");
/// assert_eq!(identity.lacks(), ["chat:write"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn interpret_identity(response: Response<Vec<u8>>) -> Answer<Identity> {
    const NAME_MAX: usize = 100;
    let scopes = response.headers().get("x-oauth-scopes");
    let scopes = scopes.and_then(|value| value.to_str().ok()).map(|list| {
        let names = list.split(',').map(|name| line(name.trim(), NAME_MAX));
        names.filter(|name| !name.is_empty()).collect()
    });
    interpret_call(&response).map(|given| Identity {
        team: line(&given.team.unwrap_or_default(), NAME_MAX),
        user: line(&given.user.unwrap_or_default(), NAME_MAX),
        scopes,
    })
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "<[Block]>::is_empty")]
    blocks: &'a [Block],
    unfurl_links: bool,
    unfurl_media: bool,
}

impl Body<'_> {
    fn bytes(&self) -> Vec<u8> {
        crate::wire::bytes(self)
    }
}

fn json(body: Vec<u8>) -> Request<Vec<u8>> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(ACCEPT, http::HeaderValue::from_static("application/json"));
    request
}

fn call(bot: &Bot, method: &str, body: Vec<u8>) -> Request<Vec<u8>> {
    let mut request = json(body);
    *request.uri_mut() = crate::wire::uri(&bot.base, method);
    request
        .headers_mut()
        .insert(AUTHORIZATION, bot.token.header());
    request
}

/// What Slack answers to a method; a 429 to a webhook has the same form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Given {
    ok: bool,
    error: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
    permalink: Option<String>,
    team: Option<String>,
    user: Option<String>,
    retry_after: Option<u64>,
}

fn interpret_webhook(response: &Response<Vec<u8>>) -> Answer<()> {
    let said = String::from_utf8_lossy(response.body());
    match response.status() {
        StatusCode::OK if said.trim() == "ok" => Answer::Done(()),
        status if status.is_success() => Answer::Unknown {
            reason: Reason::new(&format!("{status}, but `{}` instead of `ok`", said.trim())),
        },
        status => refused(status, response, said.trim()),
    }
}

fn interpret_call(response: &Response<Vec<u8>>) -> Answer<Given> {
    let status = response.status();
    let given = serde_json::from_slice::<Given>(response.body());
    match given {
        Ok(given) if status.is_success() && given.ok => Answer::Done(given),
        Ok(Given {
            error: Some(error), ..
        }) if status.is_success() => by_error(response, &error),
        _ if status.is_success() => Answer::Unknown {
            reason: Reason::new(&format!("{status}, but no answer of Slack's")),
        },
        Ok(given) => refused(status, response, &given.error.unwrap_or_default()),
        Err(_) => refused(status, response, ""),
    }
}

/// What an error word of the Web API, which comes with the status 200, means.
fn by_error(response: &Response<Vec<u8>>, error: &str) -> Answer<Given> {
    let reason = Reason::new(&format!("Slack: {error}"));
    match error {
        "rate_limited" | "ratelimited" => Answer::Pause {
            wait: wait(response),
            reason,
        },
        "service_unavailable" | "team_added_to_org" => Answer::Retry { reason },
        // "Some aspect of the operation may have succeeded."
        "internal_error" | "fatal_error" | "request_timeout" => Answer::Unknown { reason },
        _ => Answer::Park { reason },
    }
}

fn refused<T>(status: StatusCode, response: &Response<Vec<u8>>, said: &str) -> Answer<T> {
    let reason = Reason::new(&format!("Slack: {status} {said}"));
    match status.as_u16() {
        429 | 529 => Answer::Pause {
            wait: wait(response),
            reason,
        },
        408 | 500.. => Answer::Unknown { reason },
        _ => Answer::Park { reason },
    }
}

/// From the header, or else from the body of a 429.
fn wait(response: &Response<Vec<u8>>) -> Option<Duration> {
    retry_after(response).or_else(|| {
        let given: Given = serde_json::from_slice(response.body()).ok()?;
        given.retry_after.map(Duration::from_secs)
    })
}
