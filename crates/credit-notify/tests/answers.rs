//! What each answer of the other side means, without a client.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fmt::Debug;
use std::time::Duration;

use common::case;
use credit_notify::client::{BotSlack, Failure, HttpNotion, Transport, WebhookSlack};
use credit_notify::notion::{
    ApiVersion, Connection, DataSourceId, DatabaseId, Lack, PageId, Read, ReadAccess, Schema,
    Write, WriteAccess, cases_schema, interpret_found, interpret_page, interpret_resolved,
    interpret_schema, read, write,
};
use credit_notify::routing::{Address, Slot, Webhooks};
use credit_notify::slack::{
    Bot, Channel, Message, Posted, Target, interpret, interpret_permalink, permalink_request,
    request,
};
use credit_notify::{Answer, Notion, Reason, Slack, WebhookUrl};
use http::{Request, Response};

fn response(status: u16, retry_after: Option<&str>, body: &str) -> Response<Vec<u8>> {
    let mut response = Response::builder().status(status);
    if let Some(seconds) = retry_after {
        response = response.header("Retry-After", seconds);
    }
    response.body(body.as_bytes().to_vec()).unwrap()
}

/// The word for what to do next.
fn word<T: Debug>(answer: &Answer<T>) -> &'static str {
    match answer {
        Answer::Done(_) => "done",
        Answer::Pause { .. } => "pause",
        Answer::Retry { .. } => "retry",
        Answer::Unknown { .. } => "unknown",
        Answer::Park { .. } => "park",
    }
}

fn webhook() -> WebhookUrl {
    "https://hooks.slack.com/services/T/B/x".parse().unwrap()
}

fn bot() -> Bot {
    Bot::new("xoxb-1".parse().unwrap(), None)
}

fn posted() -> Posted {
    Posted {
        channel: "C1".to_owned(),
        ts: "1503435956.000247".to_owned(),
    }
}

#[test]
fn webhooks() {
    let url = webhook();
    for (status, body, expected) in [
        (200, "ok", "done"),
        (200, "ok\n", "done"),
        (200, "", "unknown"),
        (200, "o", "unknown"),
        (200, "<html>", "unknown"),
        (202, "ok", "unknown"),
        (301, "", "park"),
        (400, "invalid_payload", "park"),
        (400, "invalid_blocks", "park"),
        (403, "action_prohibited", "park"),
        (404, "no_service", "park"),
        (408, "", "unknown"),
        (410, "channel_is_archived", "park"),
        (429, "", "pause"),
        (500, "rollup_error", "unknown"),
        (502, "", "unknown"),
        (503, "", "unknown"),
        (504, "", "unknown"),
        (529, "", "pause"),
    ] {
        let answer = interpret(&Target::Webhook(&url), response(status, None, body));
        assert_eq!(word(&answer), expected, "{status} {body:?}: {answer:?}");
    }
}

#[test]
fn the_web_api() {
    let (bot, channel) = (bot(), "#c".parse::<Channel>().unwrap());
    let target = Target::Channel(&bot, &channel);
    let error = |word: &str| format!(r#"{{"ok":false,"error":"{word}"}}"#);
    let yes = r#"{"ok":true,"channel":"C1","ts":"1503435956.000247","message":{"text":"x"}}"#;
    let answer = interpret(&target, response(200, None, yes));
    assert_eq!(answer, Answer::Done(Some(posted())));
    for (status, body, expected) in [
        (200, r#"{"ok":true}"#.to_owned(), "unknown"),
        (200, "ok".to_owned(), "unknown"),
        (200, yes[..40].to_owned(), "unknown"),
        (200, r#"{"ok":false}"#.to_owned(), "unknown"),
        (200, error("channel_not_found"), "park"),
        (200, error("not_in_channel"), "park"),
        (200, error("msg_blocks_too_long"), "park"),
        (200, error("invalid_auth"), "park"),
        (200, error("a_word_of_next_year"), "park"),
        (200, error("rate_limited"), "pause"),
        (200, error("ratelimited"), "pause"),
        (200, error("internal_error"), "unknown"),
        (200, error("fatal_error"), "unknown"),
        (200, error("request_timeout"), "unknown"),
        (200, error("service_unavailable"), "retry"),
        (429, error("ratelimited"), "pause"),
        (500, error("fatal_error"), "unknown"),
        (503, String::new(), "unknown"),
        // A yes with an error's status is no yes.
        (500, yes.to_owned(), "unknown"),
        (404, yes.to_owned(), "park"),
    ] {
        let answer = interpret(&target, response(status, None, &body));
        assert_eq!(word(&answer), expected, "{status} {body:?}: {answer:?}");
    }
    let link = r#"{"ok":true,"permalink":"https://x.slack.com/archives/C1/p1503435956000247"}"#;
    let answer = interpret_permalink(response(200, None, link));
    assert_eq!(
        answer.done().unwrap().as_str(),
        "https://x.slack.com/archives/C1/p1503435956000247"
    );
    let answer = interpret_permalink(response(200, None, r#"{"ok":true}"#));
    assert_eq!(word(&answer), "retry");
}

#[test]
fn notion() {
    let error = |code: &str| format!(r#"{{"object":"error","code":"{code}","message":"m"}}"#);
    for (status, code, expected) in [
        (400, "validation_error", "park"),
        (401, "unauthorized", "park"),
        (403, "restricted_resource", "park"),
        (404, "object_not_found", "park"),
        (409, "conflict_error", "retry"),
        (429, "rate_limited", "pause"),
        (500, "internal_server_error", "unknown"),
        (503, "service_unavailable", "unknown"),
        (504, "gateway_timeout", "unknown"),
        (529, "service_overload", "pause"),
    ] {
        let answer = interpret_page(response(status, None, &error(code)));
        assert_eq!(word(&answer), expected, "{status}");
        let shown = format!("{answer:?}");
        assert!(shown.contains(code), "{shown}");
    }
    let id = "668d797c-76fa-4934-9b05-ad288df2d136";
    let page =
        format!(r#"{{"object":"page","id":"{id}","url":"https://n.so/x","is_locked":true}}"#);
    let done = interpret_page(response(200, None, &page)).done().unwrap();
    assert_eq!((done.id.as_str(), done.is_locked), (id, Some(true)));
    // A page that is no page, or half of one.
    for body in ["{}", "", "null", r#"{"id":"no uuid"}"#, &page[..40]] {
        let answer = interpret_page(response(200, None, body));
        assert_eq!(word(&answer), "unknown", "{body:?}");
    }

    let found = |rest: &str| {
        let body = format!(r#"{{"results":[{page}]{rest}}}"#);
        interpret_found(response(200, None, &body))
    };
    assert_eq!(found("").done().unwrap().len(), 1);
    let incomplete = found(r#","request_status":{"type":"incomplete"}"#);
    assert_eq!(word(&incomplete), "retry", "what was cut short is not all");
}

#[test]
fn a_database_with_several_data_sources_names_them() {
    let body = |sources: &str| format!(r#"{{"object":"database","data_sources":[{sources}]}}"#);
    let one = r#"{"id":"668d797c76fa49349b05ad288df2d136","name":"Runs"}"#;
    let two = r#"{"id":"668d797c76fa49349b05ad288df2d137","name":"Archive"}"#;
    let resolved = |sources: &str| interpret_resolved(response(200, None, &body(sources)));
    let id: DataSourceId = "668d797c76fa49349b05ad288df2d136".parse().unwrap();
    assert_eq!(resolved(one), Answer::Done(id));
    assert_eq!(word(&resolved("")), "park");
    let Answer::Park { reason } = resolved(&format!("{one},{two}")) else {
        panic!("two were taken for one");
    };
    assert!(reason.as_str().contains("Runs (668d797c-"), "{reason}");
    assert!(reason.as_str().contains("Archive ("), "{reason}");
}

#[test]
fn a_schema_is_compared_property_by_property() {
    let body = r#"{"properties":{"Case_ID":{"type":"rich_text"},"Title":{"type":"rich_text"}}}"#;
    let schema: Schema = interpret_schema(response(200, None, body)).done().unwrap();
    let faults: Vec<String> = schema
        .lacks(&cases_schema())
        .iter()
        .map(Lack::to_string)
        .collect();
    assert!(faults.contains(
        &"`Case_ID` is rich_text and must be the title; rename it, then rename the title property \
          to `Case_ID`"
            .to_owned()
    ));
    assert!(faults.contains(&"`owner` is missing; add it as rich_text".to_owned()));
    assert!(!faults.iter().any(|f| f.contains("`Title`")));
}

#[test]
fn what_is_missing_is_added_and_what_is_mistyped_is_left_to_a_person() {
    let of = |properties: &[(&str, &str)]| {
        let owned = properties
            .iter()
            .map(|(n, k)| ((*n).to_owned(), (*k).to_owned()));
        Schema::found(owned)
    };
    let expected = of(&[("Id", "title"), ("Kind", "select"), ("Sum", "number")]);
    let found = of(&[("Name", "title"), ("Sum", "rich_text ntn_PLANTED")]);
    assert_eq!(found.addable(&expected), of(&[("Kind", "select")]));
    let shown: Vec<String> = found.lacks(&expected).iter().map(Lack::to_string).collect();
    assert_eq!(
        shown,
        [
            "`Id` is missing; rename the title property `Name` to it",
            "`Kind` is missing; add it as select",
            "`Sum` is rich_text ***; change its type to number",
        ]
    );
    assert!(expected.lacks(&expected).is_empty());
    assert!(expected.addable(&expected).is_empty());
}

#[test]
fn a_pause_is_as_long_as_the_other_side_says() {
    let url = webhook();
    let wait = |retry_after, body| {
        let answer = interpret(&Target::Webhook(&url), response(429, retry_after, body));
        match answer {
            Answer::Pause { wait, .. } => wait,
            other => panic!("{other:?}"),
        }
    };
    let seconds = |n| Some(Duration::from_secs(n));
    let json = r#"{"retry_after":7,"ok":false,"error":"rate_limited"}"#;
    assert_eq!(wait(Some("30"), ""), seconds(30));
    assert_eq!(wait(Some("30"), json), seconds(30));
    assert_eq!(wait(None, json), seconds(7));
    assert_eq!(wait(Some("18446744073709551615"), ""), seconds(u64::MAX));
    // The caller's backoff decides, where there is nothing that can be read.
    for unreadable in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"] {
        assert_eq!(wait(Some(unreadable), ""), None, "{unreadable:?}");
    }
}

#[test]
fn requests_of_slack_s() {
    let (url, bot, channel) = (webhook(), bot(), "#ops".parse::<Channel>().unwrap());
    let message = Message::plain("x");
    let shown = |request: Request<Vec<u8>>| {
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let keys = ["channel", "thread_ts", "ts", "unfurl_links"];
        let body: Vec<String> = keys.iter().map(|k| body[*k].to_string()).collect();
        let bearer = request.headers().get("authorization");
        let bearer = bearer.map(|b| b.to_str().unwrap().to_owned());
        format!(
            "{} {} {bearer:?} {}",
            request.method(),
            request.uri(),
            body.join(" ")
        )
    };
    assert_eq!(
        shown(request(&Target::Webhook(&url), &message)),
        "POST https://hooks.slack.com/services/T/B/x None null null null false"
    );
    assert_eq!(
        shown(request(&Target::Channel(&bot, &channel), &message)),
        r##"POST https://slack.com/api/chat.postMessage Some("Bearer xoxb-1") "#ops" null null false"##
    );
    assert_eq!(
        shown(request(&Target::Thread(&bot, &posted()), &message)),
        r#"POST https://slack.com/api/chat.postMessage Some("Bearer xoxb-1") "C1" "1503435956.000247" null false"#
    );
    assert_eq!(
        shown(request(&Target::Edit(&bot, &posted()), &message)),
        r#"POST https://slack.com/api/chat.update Some("Bearer xoxb-1") "C1" null "1503435956.000247" false"#
    );
    let odd = Posted {
        channel: "C1&x=/?#".to_owned(),
        ..posted()
    };
    assert_eq!(
        permalink_request(&bot, &odd).uri(),
        "https://slack.com/api/chat.getPermalink?channel=C1%26x%3D%2F%3F%23&message_ts=1503435956.000247"
    );
}

#[test]
fn requests_of_notion_s() {
    let access = WriteAccess("ntn_1".parse().unwrap());
    let connection = Connection::new(access, None, ApiVersion::V2026_03_11);
    let reader = Connection::new(
        ReadAccess("ntn_1".parse().unwrap()),
        None,
        ApiVersion::default(),
    );
    let shown = |request: Request<Vec<u8>>| {
        let version = request.headers()["notion-version"].to_str().unwrap();
        let body = String::from_utf8(request.body().clone()).unwrap();
        format!("{} {} {version} {body}", request.method(), request.uri())
    };
    let id = "668d797c-76fa-4934-9b05-ad288df2d136";
    let database: DatabaseId = id.parse().unwrap();
    let source: DataSourceId = id.parse().unwrap();
    let page: PageId = id.parse().unwrap();
    assert_eq!(
        shown(read(&reader, &Read::Resolve(&database))),
        format!("GET https://api.notion.com/v1/databases/{id} 2025-09-03 ")
    );
    let find = Read::Find {
        source: &source,
        property: "Run_ID",
        title: "RUN-1",
    };
    assert_eq!(
        shown(read(&reader, &find)),
        format!(
            "POST https://api.notion.com/v1/data_sources/{id}/query 2025-09-03 {}",
            r#"{"filter":{"property":"Run_ID","title":{"equals":"RUN-1"}},"page_size":2}"#
        )
    );
    let case = case().page();
    let create = shown(write(
        &connection,
        &Write::Create {
            source: &source,
            page: &case,
        },
    ));
    let begins = format!(
        "POST https://api.notion.com/v1/pages 2026-03-11 {}{id}{}",
        r#"{"parent":{"type":"data_source_id","data_source_id":""#,
        r#""},"properties":{"Case_ID":"#
    );
    assert!(create.starts_with(&begins), "{create}");
    let update = Write::Update {
        page: &page,
        properties: case.properties(),
    };
    let update = shown(write(&connection, &update));
    assert!(update.starts_with(&format!(
        "PATCH https://api.notion.com/v1/pages/{id} 2026-03-11 {}",
        r#"{"properties":{"Case_ID":"#
    )));
    // Valid under both versions: what the newer one renamed is not said.
    assert!(!create.contains("archived") && !update.contains("archived"));
}

/// Says a text back as an error, in the middle of others.
#[derive(Debug)]
struct Echo(String);

impl Transport for Echo {
    fn send(&self, _: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let said = serde_json::to_string(&self.0).unwrap();
        let body = format!(r#"{{"ok":false,"error":{said},"code":"c","message":{said}}}"#);
        Ok(response(400, None, &body))
    }
}

/// A reason is cut at its end; a secret that lies across the cut must not be half there.
#[test]
fn not_even_half_a_secret_is_shown() {
    const SECRET: &str = "PLANTED-a1b2c3d4e5f6";
    for padding in 0..320 {
        let said = format!("{}{SECRET} T/B/{SECRET}", "y".repeat(padding));
        let echo = || Echo(said.clone());
        let url = format!("https://hooks.slack.com/services/T/B/{SECRET}");
        let webhooks = Webhooks::read(|_| Some(url.clone())).unwrap();
        let slack = WebhookSlack::new(echo(), webhooks);
        let bot = BotSlack::new(echo(), Bot::new(SECRET.parse().unwrap(), None));
        let access = WriteAccess(SECRET.parse().unwrap());
        let connection = Connection::new(access, None, ApiVersion::default());
        let notion = HttpNotion::new(echo(), connection);
        let source = "668d797c76fa49349b05ad288df2d136".parse().unwrap();
        let message = Message::plain("x");
        let channel = Address::Channel("#c".parse().unwrap());
        for shown in [
            format!("{:?}", slack.post(&Address::Webhook(Slot::Sev0), &message)),
            format!("{:?}", bot.post(&channel, &message)),
            format!("{:?}", notion.create(&source, &case().page())),
        ] {
            assert!(!shown.contains("PLANTED"), "{padding}: {shown}");
            assert!(shown.contains("yyy") || padding < 3, "{shown}");
        }
    }
}

#[test]
fn a_reason_is_one_short_line_without_addresses() {
    let reason = Reason::new("see https://x/services/T/B/y\nxoxb-123 and\tntn_456 \u{202e}end");
    assert_eq!(reason.as_str(), "see *** *** and *** end");
    // What hides a token from the eye does not hide it from the mask.
    assert_eq!(Reason::new("xo\u{200b}xb-123").as_str(), "***");
    let long = Reason::new(&"a".repeat(1_000));
    assert_eq!(long.as_str().chars().count(), 300);
    // What is stored is read as it was.
    let json = serde_json::to_string(&long).unwrap();
    assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), long);
}
