//! What the clients write to `log`, at its most talkative, holds no secret but where the crate's
//! page says so: `ureq` shows whole requests at the level trace, which is left out here. Alone in
//! its file: there is one logger in a process.
#![cfg(all(feature = "ureq", feature = "reqwest"))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;
mod server;

use std::sync::Mutex;
use std::time::Duration;

use credit_notify::client::{BotSlack, HttpNotion, Reqwest, Ureq, WebhookSlack};
use credit_notify::notion::{ApiVersion, Connection, WriteAccess};
use credit_notify::routing::{Address, Slot, Webhooks};
use credit_notify::slack::{self, Bot, Message, Target};
use credit_notify::{NotionReader, Slack, SlackReader, create_once};
use log::{Level, LevelFilter, Log, Metadata, Record};
use server::{Fault, How, Operation, Server};

const SECRET: &str = "PLANTED-a1b2c3";

/// Keeps every line, but of `ureq` none that is only for those who look for a fault in it.
struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Log for Lines {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        !(of.target().starts_with("ureq") && of.level() == Level::Trace)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{} {} {}", record.level(), record.target(), record.args());
            self.0.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

#[test]
fn no_secret_is_logged_by_the_clients() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let server = Server::start();
    let ureq = || Ureq::new(Duration::from_secs(2));
    let url = server.url(&format!("/services/T/B/{SECRET}"));
    let webhooks = Webhooks::read(|_| Some(url.clone())).unwrap();
    let bot = || {
        Bot::new(
            SECRET.parse().unwrap(),
            Some(server.url("/api").parse().unwrap()),
        )
    };
    let access = WriteAccess(SECRET.parse().unwrap());
    let base = Some(server.url("").parse().unwrap());
    let connection = Connection::new(access, base, ApiVersion::default());
    let message = Message::plain("x");

    let elsewhere = Server::start();
    for how in [
        None,
        Some(How::Echo),
        Some(How::Cut),
        Some(How::Redirect(elsewhere.address)),
    ] {
        let plan = |on| {
            let fault = how.map(|how| Fault {
                on,
                how,
                committed: false,
            });
            server.world().faults.extend(fault);
        };
        let address = Address::Webhook(Slot::Sev0);
        plan(Operation::Post);
        let _any = WebhookSlack::new(ureq(), webhooks.clone()).post(&address, &message);
        plan(Operation::Identity);
        let _any = BotSlack::new(ureq(), bot()).identity();
        plan(Operation::Create);
        let notion = HttpNotion::new(ureq(), connection.clone());
        let source = "00000000-0000-4000-8000-0000000000d5".parse().unwrap();
        let _any = create_once(&notion, &source, &common::case().page());
        let _any = notion.schema(&source);

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let client = Reqwest::new(Duration::from_secs(2)).unwrap();
            let hook = url.parse().unwrap();
            for target in [
                Target::Webhook(&hook),
                Target::Channel(&bot(), &"#c".parse().unwrap()),
            ] {
                plan(Operation::Post);
                let _any = client.send(slack::request(&target, &message)).await;
            }
        });
    }
    let lines = LINES.0.lock().unwrap();
    let hits: Vec<&String> = lines.iter().filter(|line| line.contains(SECRET)).collect();
    assert!(hits.is_empty(), "{hits:?}");
    for client in [" ureq", " reqwest"] {
        let told = lines.iter().filter(|line| line.contains(client)).count();
        assert!(told > 3, "{client} has written {told} lines");
    }
    assert_eq!(elsewhere.world().requests, 0);
}
