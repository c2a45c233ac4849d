//! The asynchronous client against the same server that fails, lies and floods.
#![cfg(feature = "reqwest")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use common::case;
use credit_notify::client::{Failure, Reqwest};
use credit_notify::notion::{
    ApiVersion, Connection, DataSourceId, PageRef, Read, Write, WriteAccess, interpret_found,
    interpret_page, interpret_resolved, read, write,
};
use credit_notify::slack::{Message, Posted, Target, interpret, request};
use credit_notify::{Answer, WebhookUrl};
use http::{Request, Response};
use server::{Fault, How, Operation, Server};

const SECRET: &str = "PLANTED-a1b2c3";

fn client() -> Reqwest {
    Reqwest::new(Duration::from_secs(2)).unwrap()
}

/// As a service does it: on a runtime of its own.
fn send(request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(client().send(request))
}

fn webhook(server: &Server) -> WebhookUrl {
    let url = server.url(&format!("/services/T/B/{SECRET}"));
    url.parse().unwrap()
}

fn post(server: &Server) -> Answer<Option<Posted>> {
    let url = webhook(server);
    let target = Target::Webhook(&url);
    match send(request(&target, &Message::plain("hello"))) {
        Ok(response) => interpret(&target, response),
        Err(failure) => failure.into(),
    }
}

fn connection(server: &Server) -> Connection<WriteAccess> {
    let base = server.url("").parse().unwrap();
    let access = WriteAccess(SECRET.parse().unwrap());
    Connection::new(access, Some(base), ApiVersion::default())
}

fn source() -> DataSourceId {
    "00000000-0000-4000-8000-0000000000d5".parse().unwrap()
}

fn create(server: &Server) -> Answer<PageRef> {
    let (source, page) = (source(), case().page());
    let what = Write::Create {
        source: &source,
        page: &page,
    };
    match send(write(&connection(server), &what)) {
        Ok(response) => interpret_page(response),
        Err(failure) => failure.into(),
    }
}

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
fn what_is_sent_arrives_as_it_was() {
    let server = Server::start();
    assert_eq!(post(&server), Answer::Done(None));
    let page = create(&server).done().unwrap();
    let (connection, source) = (connection(&server), source());
    let find = Read::Find {
        source: &source,
        property: "Case_ID",
        title: "CASE-20250131-ABC123",
    };
    let found = interpret_found(send(read(&connection, &find)).unwrap());
    assert_eq!(found, Answer::Done(vec![page]));
    let database = "000000000000400080000000000000db".parse().unwrap();
    let resolved = send(read(&connection, &Read::Resolve(&database))).unwrap();
    assert_eq!(interpret_resolved(resolved), Answer::Done(source));
    let world = server.world();
    assert_eq!(world.messages[0].text, Message::plain("hello").text());
    assert_eq!((world.messages.len(), world.requests), (1, 4));
}

#[test]
fn what_nobody_can_know_is_unknown() {
    for how in [How::Silence, How::Drop, How::Cut, How::Flood, How::Portal] {
        let answer = post(&faulty(Operation::Post, how));
        let unknown = matches!(answer, Answer::Unknown { .. });
        assert!(unknown, "{how:?}: {answer:?}");
        let server = faulty(Operation::Create, how);
        let answer = create(&server);
        let unknown = matches!(answer, Answer::Unknown { .. });
        assert!(unknown, "{how:?}: {answer:?}");
        // Nothing was repeated behind the caller's back.
        assert_eq!(server.world().requests, 1, "{how:?}");
    }
}

#[test]
fn nobody_there_is_surely_not_sent() {
    let address: SocketAddr = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let gone = Server {
        address,
        ..Server::start()
    };
    let answer = post(&gone);
    assert!(matches!(answer, Answer::Retry { .. }), "{answer:?}");
}

#[test]
fn a_pause_that_is_asked_for_is_heard() {
    let answer = create(&faulty(Operation::Create, How::Status(429)));
    let wait = Some(Duration::from_secs(30));
    assert!(
        matches!(&answer, Answer::Pause { wait: w, .. } if *w == wait),
        "{answer:?}"
    );
}

#[test]
fn no_secret_is_taken_to_another_host_or_shown() {
    let elsewhere = Server::start();
    let answer = post(&faulty(Operation::Post, How::Redirect(elsewhere.address)));
    assert!(matches!(answer, Answer::Park { .. }), "{answer:?}");
    assert_eq!(elsewhere.world().requests, 0);

    let mut shown = vec![format!("{:?}", client())];
    for how in [How::Silence, How::Drop, How::Cut, How::Flood] {
        let url = webhook(&faulty(Operation::Post, how));
        let sent = send(request(&Target::Webhook(&url), &Message::plain("x")));
        let failure = sent.unwrap_err();
        shown.push(format!("{how:?}: {failure:?} {failure}"));
    }
    let gone = Server {
        address: "127.0.0.1:1".parse().unwrap(),
        ..elsewhere
    };
    shown.push(format!("{:?}", post(&gone)));
    let hits: Vec<&String> = shown.iter().filter(|s| s.contains(SECRET)).collect();
    assert!(hits.is_empty(), "{hits:?}");
    assert!(shown.iter().all(|s| !s.contains("127.0.0.1")), "{shown:?}");
}
