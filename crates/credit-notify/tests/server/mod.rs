//! Slack and Notion on loopback, as far as this crate uses them, that fail when they are told to.
#![allow(
    dead_code,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and a test stops at the first surprise"
)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What a request wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    Post,
    Reply,
    Edit,
    Permalink,
    /// Who a bot is.
    Identity,
    Create,
    Update,
    /// Adding properties to a data source.
    Extend,
    Read,
}

/// How a request goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum How {
    /// An error; 429 and 529 ask for a pause of [`PAUSE`] seconds.
    Status(u16),
    /// No answer, until the client goes.
    Silence,
    /// The connection ends without an answer.
    Drop,
    /// The answer says what it is and ends in its middle.
    Cut,
    /// The right answer, a byte now and then, until the client goes.
    Trickle,
    /// The right answer, said to be a page for people.
    Mistyped,
    /// A yes that is longer than any real one.
    Flood,
    /// A page of somebody else's, with a yes.
    Portal,
    /// An error that repeats all it was sent.
    Echo,
    /// A way to another host.
    Redirect(SocketAddr),
}

/// One planned fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) on: Operation,
    pub(crate) how: How,
    /// Whether the server does what it was asked for all the same.
    pub(crate) committed: bool,
}

pub(crate) const PAUSE: i64 = 30;

/// A posted message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The webhook's path or the channel.
    pub(crate) to: String,
    pub(crate) thread: Option<String>,
    pub(crate) text: String,
    /// All that was sent.
    pub(crate) body: Value,
}

/// A page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) properties: Value,
    pub(crate) is_locked: bool,
}

/// What the server knows.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) messages: Vec<Message>,
    /// How often a message was put in the place of one.
    pub(crate) edits: usize,
    pub(crate) pages: Vec<Page>,
    /// What the bot's token allows, as Slack says it; nothing where it does not.
    pub(crate) scopes: Option<&'static str>,
    /// The data source's properties with their types, where they are not those of CASES.
    pub(crate) properties: Option<Vec<(String, String)>>,
    pub(crate) requests: usize,
    /// The test's time, in seconds.
    pub(crate) now: i64,
    /// Until when Slack and Notion want to be left alone.
    paused: [i64; 2],
    /// Requests that came too early.
    pub(crate) too_early: Vec<String>,
}

impl World {
    /// That an alert, a reply in its thread, the state of its case, a row and the case's page are
    /// there: each page once, each message once or once more and marked.
    #[track_caller]
    pub(crate) fn assert_told_once(&self, run: &str, case: &str, at: &str) {
        for (property, title) in [("Run_ID", run), ("Case_ID", case)] {
            let has =
                |page: &&Page| page.properties[property]["title"][0]["text"]["content"] == *title;
            let pages = self.pages.iter().filter(has).count();
            assert_eq!(pages, 1, "{at}: pages of {title}");
        }
        let is_case = |page: &&Page| page.properties["Case_ID"].is_object();
        let shown = &self.pages.iter().find(is_case).unwrap().properties;
        assert_eq!(shown["Status"]["select"]["name"], "Investigating", "{at}");
        assert!(shown["Slack_Thread_URL"]["url"].is_string(), "{at}");
        for text in ["SEV1 credit alert", "Acknowledged"] {
            let copies = self.messages.iter().map(|m| m.text.as_str());
            let copies: Vec<&str> = copies.filter(|t| t.contains(text)).collect();
            let is_marked = |text: &&&str| text.contains("possible repeat");
            let marked = copies.iter().filter(is_marked).count();
            assert!(
                copies.len() == 1 || (copies.len() == 2 && marked == 1),
                "{at}: {copies:?}"
            );
        }
        let shows_state = |m: &&Message| m.text.ends_with(" (Investigating)");
        let shown = self.messages.iter().filter(shows_state).count();
        assert_eq!(shown, 1, "{at}: the alert shows how far its case is");
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) world: Arc<Mutex<World>>,
}

impl Server {
    /// Serves until the test's process ends.
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(World::default()));
        let shared = Arc::clone(&world);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let world = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &world));
            }
        });
        Server { address, world }
    }

    /// One that another process serves, whose world is not known here.
    pub(crate) fn at(address: SocketAddr) -> Server {
        Server {
            address,
            world: Arc::default(),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

struct Request {
    head: String,
    path: String,
    body: Value,
}

fn serve(mut stream: TcpStream, world: &Mutex<World>) {
    let Some(request) = read(&stream) else {
        return;
    };
    let (status, answer, header, fault) = {
        let mut world = world.lock().unwrap();
        world.requests += 1;
        let operation = operation(&request);
        let service = usize::from(request.path.starts_with("/v1/"));
        if world.now < world.paused[service] {
            let early = format!("{} at {}", request.path, world.now);
            world.too_early.push(early);
        }
        let planned = world.faults.front().copied();
        let fault = planned.filter(|fault| fault.on == operation);
        if fault.is_some() {
            world.faults.pop_front();
        }
        if let Some(How::Status(429 | 529)) = fault.map(|f| f.how) {
            world.paused[service] = world.now + PAUSE;
        }
        let (status, answer) = if fault.is_none_or(|fault| fault.committed) {
            commit(&mut world, operation, &request)
        } else {
            (200, Value::Null)
        };
        let scopes = world.scopes.filter(|_| operation == Operation::Identity);
        let header = scopes.map(|scopes| format!("x-oauth-scopes: {scopes}\r\n"));
        (status, answer, header.unwrap_or_default(), fault)
    };
    let answer = match answer {
        Value::String(text) => text,
        json => json.to_string(),
    };
    let error =
        json!({"code": "planned", "message": "planned fault", "ok": false, "error": "planned"});
    let error = error.to_string();
    // A client that has gone is no matter.
    let _gone = match fault.map(|fault| fault.how) {
        None => respond(&mut stream, status, &header, &answer),
        Some(How::Status(status)) => {
            let header = format!("retry-after: {PAUSE}\r\n");
            let header = if matches!(status, 429 | 529) {
                header.as_str()
            } else {
                ""
            };
            respond(&mut stream, status, header, &error)
        }
        Some(How::Silence) => stream.read(&mut [0]).map(|_| ()),
        Some(How::Drop) => Ok(()),
        Some(How::Cut) => {
            let (half, _) = answer.split_at(answer.len() / 2);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all((head + half).as_bytes())
        }
        Some(How::Trickle) => trickle(&mut stream, &answer),
        Some(How::Mistyped) => respond(&mut stream, status, "content-type: text/html\r\n", &answer),
        Some(How::Flood) => respond(&mut stream, 200, "", &" ".repeat(5 * 1024 * 1024)),
        Some(How::Portal) => respond(&mut stream, 200, "", "<html>Please log in</html>"),
        Some(How::Echo) => {
            let said = format!("{} {}", request.path, request.head.replace("\r\n", " "));
            let said = json!({"code": "echo", "message": said, "ok": false, "error": said});
            respond(&mut stream, 400, "", &said.to_string())
        }
        Some(How::Redirect(to)) => {
            let location = format!("location: http://{to}/elsewhere\r\n");
            respond(&mut stream, 307, &location, "")
        }
    };
}

/// Each byte after as long as somebody who says nothing is listened to.
fn trickle(stream: &mut TcpStream, answer: &str) -> std::io::Result<()> {
    let length = answer.len() + 1_000;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    for byte in answer.bytes().chain(std::iter::repeat_n(b' ', 1_000)) {
        stream.write_all(&[byte])?;
        if let Ok(0) = stream.read(&mut [0]) {
            return Ok(());
        }
    }
    Ok(())
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1);
    let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        path: head.split(' ').nth(1)?.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        head,
    })
}

fn respond(stream: &mut TcpStream, status: u16, header: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Planned\r\ncontent-length: {length}\r\n{header}\r\n");
    stream.write_all((head + body).as_bytes())
}

fn operation(request: &Request) -> Operation {
    match (
        request.head.split(' ').next().unwrap(),
        request.path.as_str(),
    ) {
        ("POST", "/api/chat.postMessage") if request.body["thread_ts"].is_string() => {
            Operation::Reply
        }
        ("POST", "/api/chat.update") => Operation::Edit,
        ("POST", "/api/auth.test") => Operation::Identity,
        ("POST", path) if path.starts_with("/api/") || path.starts_with("/services/") => {
            Operation::Post
        }
        ("GET", path) if path.starts_with("/api/") => Operation::Permalink,
        ("POST", "/v1/pages") => Operation::Create,
        ("PATCH", path) if path.starts_with("/v1/data_sources/") => Operation::Extend,
        ("PATCH", _) => Operation::Update,
        _ => Operation::Read,
    }
}

const DATABASE: &str = "00000000-0000-4000-8000-0000000000db";
const SOURCE: &str = "00000000-0000-4000-8000-0000000000d5";

fn commit(world: &mut World, operation: Operation, request: &Request) -> (u16, Value) {
    let Request { head, path, body } = request;
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    if path.starts_with("/api/") && !head.to_lowercase().contains("authorization: bearer ") {
        return (200, json!({"ok": false, "error": "not_authed"}));
    }
    match operation {
        Operation::Post if path.starts_with("/services/") => {
            if path.ends_with("/revoked") {
                return (404, "no_service".into());
            }
            world.messages.push(Message {
                to: path.clone(),
                thread: None,
                text: text("text"),
                body: body.clone(),
            });
            (200, "ok".into())
        }
        Operation::Post | Operation::Reply => {
            if text("channel") == "#nowhere" {
                return (200, json!({"ok": false, "error": "channel_not_found"}));
            }
            world.messages.push(Message {
                to: text("channel"),
                thread: body["thread_ts"].as_str().map(str::to_owned),
                text: text("text"),
                body: body.clone(),
            });
            let ts = format!("{}.000100", world.messages.len());
            (200, json!({"ok": true, "channel": "C1", "ts": ts}))
        }
        Operation::Edit => {
            let number = text("ts")
                .split('.')
                .next()
                .unwrap()
                .parse()
                .unwrap_or(0_usize);
            match number
                .checked_sub(1)
                .and_then(|at| world.messages.get_mut(at))
            {
                Some(message) => {
                    message.text = text("text");
                    message.body = body.clone();
                    world.edits += 1;
                    (200, json!({"ok": true, "channel": "C1", "ts": text("ts")}))
                }
                None => (200, json!({"ok": false, "error": "message_not_found"})),
            }
        }
        Operation::Identity => (
            200,
            json!({"ok": true, "team": "Acme", "user": "credit-bot"}),
        ),
        Operation::Permalink => {
            let ts = path.split("message_ts=").nth(1).unwrap();
            let link = format!("https://x.slack.com/archives/C1/p{ts}");
            (200, json!({"ok": true, "permalink": link}))
        }
        _ if !head
            .to_lowercase()
            .contains("notion-version: 2025-09-03\r\n") =>
        {
            (
                400,
                json!({"object": "error", "code": "missing_version", "message": ""}),
            )
        }
        Operation::Create => {
            assert_eq!(body["parent"]["data_source_id"], SOURCE);
            world.pages.push(Page {
                properties: body["properties"].clone(),
                is_locked: false,
            });
            (200, shown(world, world.pages.len() - 1))
        }
        Operation::Update => match number_of(path).filter(|at| *at < world.pages.len()) {
            Some(at) => {
                let page = &mut world.pages[at];
                if let Some(locked) = body["is_locked"].as_bool() {
                    page.is_locked = locked;
                }
                for (name, value) in body["properties"].as_object().into_iter().flatten() {
                    page.properties[name] = value.clone();
                }
                (200, shown(world, at))
            }
            None => (
                404,
                json!({"code": "object_not_found", "message": "no such page"}),
            ),
        },
        Operation::Extend => {
            let mut properties = properties(world);
            for (name, configuration) in body["properties"].as_object().unwrap() {
                let (kind, _) = configuration.as_object().unwrap().iter().next().unwrap();
                properties.retain(|(other, _)| other != name);
                properties.push((name.clone(), kind.clone()));
            }
            world.properties = Some(properties);
            (200, data_source(world))
        }
        Operation::Read => read_notion(world, path, body),
    }
}

fn read_notion(world: &World, path: &str, body: &Value) -> (u16, Value) {
    if path == format!("/v1/databases/{DATABASE}") {
        let sources = json!([{"id": SOURCE, "name": "CASES"}]);
        return (200, json!({"object": "database", "data_sources": sources}));
    }
    if path == format!("/v1/data_sources/{SOURCE}") {
        return (200, data_source(world));
    }
    if path == format!("/v1/data_sources/{SOURCE}/query") {
        let name = body["filter"]["property"].as_str().unwrap();
        let title = &body["filter"]["title"]["equals"];
        let has_title =
            |page: &Page| page.properties[name]["title"][0]["text"]["content"] == *title;
        let found: Vec<Value> = (0..world.pages.len())
            .filter(|at| has_title(&world.pages[*at]))
            .map(|at| shown(world, at))
            .collect();
        return (
            200,
            json!({"object": "list", "results": found, "has_more": false}),
        );
    }
    match number_of(path).filter(|at| *at < world.pages.len()) {
        Some(at) => (200, shown(world, at)),
        None => (
            404,
            json!({"code": "object_not_found", "message": "nothing there"}),
        ),
    }
}

fn properties(world: &World) -> Vec<(String, String)> {
    let cases = CASES
        .iter()
        .map(|(n, k)| ((*n).to_owned(), (*k).to_owned()));
    world.properties.clone().unwrap_or_else(|| cases.collect())
}

fn data_source(world: &World) -> Value {
    let properties: serde_json::Map<String, Value> = properties(world)
        .into_iter()
        .map(|(name, kind)| (name, json!({"id": "x", "type": kind})))
        .collect();
    json!({"object": "data_source", "properties": properties})
}

fn number_of(path: &str) -> Option<usize> {
    let hex = path.rsplit('-').next()?;
    usize::from_str_radix(hex, 16).ok()
}

fn shown(world: &World, at: usize) -> Value {
    let id = format!("00000000-0000-4000-8000-{at:012x}");
    json!({
        "object": "page",
        "id": id,
        "url": format!("https://www.notion.so/{id}"),
        "is_locked": world.pages[at].is_locked,
        "properties": world.pages[at].properties,
    })
}

/// As an operator would set the database up.
const CASES: &[(&str, &str)] = &[
    ("Case_ID", "title"),
    ("Title", "rich_text"),
    ("Category", "select"),
    ("Severity", "select"),
    ("Exposure_Band", "select"),
    ("Status", "select"),
    ("Root_Cause", "select"),
    ("Slack_Thread_URL", "url"),
    ("Primary_Run_ID", "rich_text"),
    ("Related_Run_IDs", "rich_text"),
    ("Risk_Flags", "multi_select"),
    ("Notes", "rich_text"),
    ("Created_At", "date"),
    ("Updated_At", "date"),
    ("Resolved_At", "date"),
    ("owner", "rich_text"),
];
