//! The clients against a server that fails, lies and floods.
#![cfg(all(feature = "ureq", feature = "conformance"))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;
mod server;

use std::time::Duration;

use common::{at, case, links};
use credit_notify::client::{BotSlack, HttpNotion, Ureq, WebhookSlack};
use credit_notify::conformance;
use credit_notify::memory::{MemoryNotion, MemorySlack};
use credit_notify::notion::{
    ApiVersion, CaseChange, Connection, DataSourceId, DatabaseId, ReadAccess, Schema, WriteAccess,
    cases_schema,
};
use credit_notify::routing::{Address, Slot, Webhooks};
use credit_notify::slack::{Bot, Message, Posted};
use credit_notify::{
    Alert, Answer, Links, Notion, NotionReader, NotionSchema, Slack, SlackReader, SlackThreads,
    Token, create_once,
};
use server::{Fault, How, Operation, Server};

const SECRET: &str = "PLANTED-a1b2c3";

/// Long enough for a busy machine, short enough for the few servers that say nothing.
fn ureq() -> Ureq {
    Ureq::new(Duration::from_secs(2))
}

fn token() -> Token {
    SECRET.parse().unwrap()
}

fn webhook(server: &Server) -> WebhookSlack<Ureq> {
    let webhooks = Webhooks::read(|variable| match variable {
        "SLACK_WEBHOOK_URL_DEFAULT" => Some(server.url(&format!("/services/T/B/{SECRET}"))),
        "SLACK_WEBHOOK_URL_SEV1" => Some(server.url("/services/T/B/revoked")),
        _ => None,
    });
    WebhookSlack::new(ureq(), webhooks.unwrap())
}

fn bot(server: &Server) -> BotSlack<Ureq> {
    let base = server.url("/api").parse().unwrap();
    BotSlack::new(ureq(), Bot::new(token(), Some(base)))
}

fn writer(server: &Server) -> HttpNotion<Ureq, WriteAccess> {
    let base = server.url("").parse().unwrap();
    let access = WriteAccess(token());
    HttpNotion::new(
        ureq(),
        Connection::new(access, Some(base), ApiVersion::default()),
    )
}

fn database() -> DatabaseId {
    "000000000000400080000000000000db".parse().unwrap()
}

fn source() -> DataSourceId {
    "00000000-0000-4000-8000-0000000000d5".parse().unwrap()
}

fn default() -> Address {
    Address::Webhook(Slot::Default)
}

fn channel(name: &str) -> Address {
    Address::Channel(name.parse().unwrap())
}

/// A server that answers one such request so.
fn faulty(on: Operation, how: How) -> Server {
    let server = Server::start();
    server.world().faults.push_back(Fault {
        on,
        how,
        committed: false,
    });
    server
}

#[test]
fn the_clients_and_the_doubles_do_what_the_traits_say() {
    let server = Server::start();
    conformance::slack(&webhook(&server), &default(), &Address::Webhook(Slot::Sev1)).unwrap();
    conformance::slack(&bot(&server), &channel("#there"), &channel("#nowhere")).unwrap();
    conformance::slack_threads(&bot(&server), &channel("#there")).unwrap();
    server.world().scopes = Some("chat:write,channels:read");
    conformance::slack_reader(&bot(&server)).unwrap();
    conformance::slack_reader(&MemorySlack::default()).unwrap();
    server.world().scopes = Some("channels:read");
    let found = conformance::slack_reader(&bot(&server)).unwrap_err();
    assert_eq!(found.rule, "the bot may post");
    conformance::notion(&writer(&server), &database(), "1").unwrap();
    server.world().properties = Some(vec![("Name".to_owned(), "title".to_owned())]);
    conformance::notion_schema(&writer(&server), &database(), &cases_schema()).unwrap();
    let bare = Schema::found([("Name".to_owned(), "title".to_owned())]);
    let double = MemoryNotion::with_schema(bare);
    conformance::notion_schema(&double, &database(), &cases_schema()).unwrap();
    conformance::slack_threads(&MemorySlack::default(), &default()).unwrap();
    conformance::notion(&MemoryNotion::default(), &database(), "1").unwrap();
    // By pointer, too.
    let boxed: Box<dyn SlackThreads> = Box::new(bot(&server));
    conformance::slack_threads(&boxed, &channel("#there")).unwrap();
}

/// A writer that forgets what it created: the suite is not one that passes everything.
#[derive(Debug, Default)]
struct Forgetful(MemoryNotion);

impl NotionReader for Forgetful {
    fn resolve(&self, database: &DatabaseId) -> Answer<DataSourceId> {
        self.0.resolve(database)
    }

    fn schema(&self, source: &DataSourceId) -> Answer<credit_notify::notion::Schema> {
        self.0.schema(source)
    }

    fn find(
        &self,
        _: &DataSourceId,
        _: &str,
        _: &str,
    ) -> Answer<Vec<credit_notify::notion::PageRef>> {
        Answer::Done(Vec::new())
    }

    fn page(&self, page: &credit_notify::notion::PageId) -> Answer<credit_notify::notion::PageRef> {
        self.0.page(page)
    }
}

impl Notion for Forgetful {
    fn create(
        &self,
        source: &DataSourceId,
        page: &credit_notify::notion::Page,
    ) -> Answer<credit_notify::notion::PageRef> {
        self.0.create(source, page)
    }

    fn update(
        &self,
        page: &credit_notify::notion::PageId,
        properties: &credit_notify::notion::Properties,
    ) -> Answer<credit_notify::notion::PageRef> {
        self.0.update(page, properties)
    }

    fn lock(
        &self,
        page: &credit_notify::notion::PageId,
        locked: bool,
    ) -> Answer<credit_notify::notion::PageRef> {
        self.0.lock(page, locked)
    }
}

#[test]
fn the_suite_finds_one_that_does_not() {
    let found = conformance::notion(&Forgetful::default(), &database(), "1").unwrap_err();
    assert_eq!(found.rule, "what was created is found");
}

#[test]
fn missing_properties_are_added_and_nothing_else_is_sent() {
    let server = Server::start();
    let found = [
        ("Case_ID", "title"),
        ("Status", "status"),
        ("Mine", "people"),
    ];
    let found = found.map(|(n, k)| (n.to_owned(), k.to_owned()));
    server.world().properties = Some(found.to_vec());
    let notion = writer(&server);
    let before = notion.schema(&source()).done().unwrap();
    let missing = before.addable(&cases_schema());
    let after = notion.add_properties(&source(), &missing).done().unwrap();
    // What was there is as it was, also what has another type.
    let kept = before.iter().all(|had| after.iter().any(|has| had == has));
    assert!(kept, "{after:?}");
    let left: Vec<String> = after
        .lacks(&cases_schema())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(left, ["`Status` is status; change its type to select"]);
}

#[test]
fn of_a_lost_answer_nobody_knows_whether_properties_were_added() {
    let server = faulty(Operation::Extend, How::Drop);
    let missing = Schema::found([("Severity".to_owned(), "select".to_owned())]);
    let answer = writer(&server).add_properties(&source(), &missing);
    assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
    let server = faulty(Operation::Extend, How::Status(403));
    let answer = writer(&server).add_properties(&source(), &missing);
    assert!(matches!(answer, Answer::Park { .. }), "{answer:?}");
}

#[test]
fn an_alert_goes_to_its_webhook_and_to_no_other() {
    let server = Server::start();
    let message = Message::alert(&common::alert(credit_core::Severity::Sev2), &links(), &[]);
    let answer = webhook(&server).post(&default(), &message);
    assert_eq!(answer, Answer::Done(None));
    let world = server.world();
    assert_eq!(world.requests, 1);
    assert_eq!(world.messages[0].to, format!("/services/T/B/{SECRET}"));
    assert_eq!(world.messages[0].text, message.text());
}

#[test]
fn a_webhook_that_is_not_set_is_parked_without_a_request() {
    let server = Server::start();
    for address in [Address::Webhook(Slot::Sev0), channel("#there")] {
        let answer = webhook(&server).post(&address, &Message::plain("x"));
        assert!(matches!(answer, Answer::Park { .. }), "{answer:?}");
    }
    assert_eq!(server.world().requests, 0);
}

#[test]
fn what_nobody_can_know_is_unknown() {
    for how in [
        How::Silence,
        How::Drop,
        How::Cut,
        How::Trickle,
        How::Flood,
        How::Portal,
    ] {
        let message = Message::plain("x");
        let server = faulty(Operation::Post, how);
        let answer = webhook(&server).post(&default(), &message);
        assert!(
            matches!(answer, Answer::Unknown { .. }),
            "{how:?}: {answer:?}"
        );

        let server = faulty(Operation::Post, how);
        let answer = bot(&server).post(&channel("#there"), &message);
        assert!(
            matches!(answer, Answer::Unknown { .. }),
            "{how:?}: {answer:?}"
        );

        let server = faulty(Operation::Create, how);
        let answer = writer(&server).create(&source(), &case().page());
        assert!(
            matches!(answer, Answer::Unknown { .. }),
            "{how:?}: {answer:?}"
        );
    }
}

#[test]
fn nobody_there_is_surely_not_sent() {
    let server = Server::start();
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let gone = Server { address, ..server };
    let answer = bot(&gone).post(&channel("#there"), &Message::plain("x"));
    assert!(matches!(answer, Answer::Retry { .. }), "{answer:?}");
}

#[test]
fn no_secret_is_taken_to_another_host() {
    let elsewhere = Server::start();
    let redirect = How::Redirect(elsewhere.address);
    let message = Message::plain("x");

    let server = faulty(Operation::Post, redirect);
    let answer = bot(&server).post(&channel("#there"), &message);
    assert!(matches!(answer, Answer::Park { .. }), "{answer:?}");
    let server = faulty(Operation::Post, redirect);
    let answer = webhook(&server).post(&default(), &message);
    assert!(matches!(answer, Answer::Park { .. }), "{answer:?}");
    let server = faulty(Operation::Read, redirect);
    let answer = writer(&server).resolve(&database());
    assert!(matches!(answer, Answer::Park { .. }), "{answer:?}");
    assert_eq!(elsewhere.world().requests, 0);
}

#[test]
fn two_pages_of_one_title_are_for_a_person() {
    let server = Server::start();
    let notion = writer(&server);
    for _ in 0..2 {
        notion.create(&source(), &case().page()).done().unwrap();
    }
    let answer = create_once(&notion, &source(), &case().page());
    let Answer::Park { reason } = answer else {
        panic!("{answer:?}");
    };
    assert!(
        reason
            .as_str()
            .contains("two pages are called CASE-20250131-ABC123")
    );
    assert_eq!(server.world().pages.len(), 2);
}

#[test]
fn a_thread_s_address_reaches_its_case() {
    let server = Server::start();
    let (slack, notion) = (bot(&server), writer(&server));
    let message = Message::alert(&common::alert(credit_core::Severity::Sev0), &links(), &[]);
    let posted = slack
        .post(&channel("#ops-critical"), &message)
        .done()
        .unwrap()
        .unwrap();
    let link = slack.permalink(&posted).done().unwrap();
    let page = notion.create(&source(), &case().page()).done().unwrap();
    let change = CaseChange {
        slack_thread_url: Some(link.clone()),
        ..CaseChange::at(at("2025-01-31T10:01:00Z"))
    };
    notion
        .update(&page.id, &change.properties())
        .done()
        .unwrap();
    let world = server.world();
    let shown = &world.pages[0].properties["Slack_Thread_URL"]["url"];
    assert_eq!(shown, link.as_str());
}

/// Everything public that holds a secret, or an answer to a request with one, shown in every way.
#[test]
fn no_secret_is_shown_anywhere() {
    let mut shown: Vec<String> = Vec::new();
    let mut show = |what: &dyn std::fmt::Debug| {
        shown.push(format!("{what:?}"));
        shown.push(format!("{what:#?}"));
    };
    let url = format!("https://hooks.slack.com/services/T/B/{SECRET}");
    let server = Server::start();
    show(&token());
    show(&url.parse::<credit_notify::WebhookUrl>().unwrap());
    show(&ReadAccess(token()));
    show(&WriteAccess(token()));
    show(&Bot::new(token(), None));
    show(&Connection::new(
        ReadAccess(token()),
        None,
        ApiVersion::default(),
    ));
    show(&webhook(&server));
    show(&bot(&server));
    show(&writer(&server));
    let webhooks = Webhooks::read(|_| Some(url.clone())).unwrap();
    show(&webhooks);
    show(&credit_notify::slack::Target::Webhook(
        &url.parse().unwrap(),
    ));

    // Settings that are refused.
    show(&format!("{SECRET}\n").parse::<Token>().unwrap_err());
    show(
        &format!("http://{SECRET}.example/")
            .parse::<credit_notify::WebhookUrl>()
            .unwrap_err(),
    );
    let error = Webhooks::read(|_| Some(format!("{SECRET} {SECRET}"))).unwrap_err();
    show(&error);
    show(&error.to_string());

    // A request by a bearer hides its token from whoever prints it.
    let posted = Posted {
        channel: "C1".to_owned(),
        ts: "1.2".to_owned(),
    };
    show(&credit_notify::slack::permalink_request(
        &Bot::new(token(), None),
        &posted,
    ));

    // A server that repeats what it was sent, and one that is not there.
    let message = Message::plain("x");
    let echo = |on| faulty(on, How::Echo);
    show(&webhook(&echo(Operation::Post)).post(&default(), &message));
    show(&bot(&echo(Operation::Post)).post(&channel("#c"), &message));
    show(&bot(&echo(Operation::Reply)).reply(&posted, &message));
    show(&bot(&echo(Operation::Edit)).update(&posted, &message));
    show(&bot(&echo(Operation::Permalink)).permalink(&posted));
    show(&bot(&echo(Operation::Identity)).identity());
    show(&writer(&echo(Operation::Create)).create(&source(), &case().page()));
    show(&writer(&echo(Operation::Read)).resolve(&database()));
    for how in [How::Silence, How::Drop, How::Cut] {
        show(&webhook(&faulty(Operation::Post, how)).post(&default(), &message));
    }
    let gone = Server {
        address: "127.0.0.1:1".parse().unwrap(),
        ..server
    };
    show(&webhook(&gone).post(&default(), &message));

    let hits: Vec<&String> = shown.iter().filter(|s| s.contains(SECRET)).collect();
    assert!(hits.is_empty(), "{hits:?}");
    assert!(shown.len() > 50);
    // The echo did come back; only what it repeated is gone.
    assert!(
        shown
            .iter()
            .any(|s| s.contains("echo") && s.contains("***"))
    );
}

#[test]
fn an_alert_without_links_says_so_and_is_accepted() {
    let server = Server::start();
    let alert = Alert {
        baseline: None,
        variance: None,
        ..common::alert(credit_core::Severity::Sev1)
    };
    let message = Message::alert(&alert, &Links::default(), &[]);
    bot(&server).post(&channel("#c"), &message).done().unwrap();
    assert!(
        server.world().messages[0]
            .text
            .ends_with("2500, no baseline")
    );
}
