//! Every fault, before and after the other side has done what it was asked, for every operation,
//! by the real client and with a clock that the test moves.
//!
//! What must come of it: nothing is lost, no page exists twice, a message is there twice only if
//! its outcome was unknown, and then the second says that it may be a repeat.
#![cfg(feature = "ureq")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod common;
mod server;

use std::thread;
use std::time::Duration;

use common::{at, case};
use credit_core::{Severity, Timestamp};
use credit_notify::client::{BotSlack, HttpNotion, Ureq};
use credit_notify::delivery::{
    Attempt, Delivered, Item, ItemId, Lane, Operation as Owed, Progress, Rules, State, Step, begin,
    next, owe, settle,
};
use credit_notify::notion::{ApiVersion, CaseChange, Connection, DataSourceId, WriteAccess};
use credit_notify::routing::Address;
use credit_notify::slack::{Bot, Message, Posted};
use credit_notify::{Answer, Notion, Slack, SlackThreads, create_once};
use server::{Fault, How, Operation, Server};

const FAULTS: [How; 8] = [
    How::Status(429),
    How::Status(529),
    How::Status(500),
    How::Status(503),
    How::Status(504),
    How::Silence,
    How::Drop,
    How::Cut,
];

/// Long enough for a busy machine: an answer that comes later than this was not planned.
const PATIENCE: Duration = Duration::from_secs(2);

struct House {
    server: Server,
    slack: BotSlack<Ureq>,
    notion: HttpNotion<Ureq, WriteAccess>,
    source: DataSourceId,
    state: State,
}

impl House {
    fn new() -> House {
        let server = Server::start();
        let slack_base = server.url("/api").parse().unwrap();
        let notion_base = server.url("").parse().unwrap();
        let bot = Bot::new("xoxb-1".parse().unwrap(), Some(slack_base));
        let access = WriteAccess("ntn_1".parse().unwrap());
        let connection = Connection::new(access, Some(notion_base), ApiVersion::default());
        let mut house = House {
            slack: BotSlack::new(Ureq::new(PATIENCE), bot),
            notion: HttpNotion::new(Ureq::new(PATIENCE), connection),
            source: "00000000-0000-4000-8000-0000000000d5".parse().unwrap(),
            state: State::default(),
            server,
        };
        let channel = || Lane::Slack(Address::Channel("#ops-alerts".parse().unwrap()));
        let page = || Lane::Notion("CASE-20250131-ABC123".to_owned());
        house.owe("post", channel(), Owed::Alert(Severity::Sev0), None);
        house.owe("reply", channel(), Owed::Reply, Some("post"));
        house.owe("edit", channel(), Owed::Update, Some("reply"));
        house.owe("create", page(), Owed::Create, None);
        house.owe("update", page(), Owed::Update, Some("create"));
        house
    }

    fn owe(&mut self, id: &str, lane: Lane, operation: Owed, after: Option<&str>) {
        let item = Item {
            id: id.parse().unwrap(),
            lane,
            operation,
            after: after.map(|a| a.parse().unwrap()),
            folds: Vec::new(),
            owed_at: second(0),
        };
        for transition in owe(&self.state, item).unwrap() {
            self.state.apply(&transition).unwrap();
        }
    }

    /// Runs until nothing is open, second by second of the test's clock.
    fn drain(&mut self) {
        for now in 0..10_000 {
            if self.state.open() == 0 {
                return;
            }
            self.server.world().now = now;
            for attempt in next(second(now), &self.state, &Rules::default()) {
                let begun = begin(&self.state, &attempt, &Rules::default(), second(now));
                if begun.is_empty() {
                    continue;
                }
                for transition in begun {
                    self.state.apply(&transition).unwrap();
                }
                let answer = self.send(&attempt);
                let settled = settle(
                    &self.state,
                    &attempt.item,
                    answer,
                    &Rules::default(),
                    second(now),
                )
                .unwrap();
                for transition in settled {
                    self.state.apply(&transition).unwrap();
                }
            }
        }
        panic!("still open: {:?}", self.state);
    }

    fn send(&self, attempt: &Attempt) -> Answer<Delivered> {
        let said = |text: &str| {
            let message = Message::plain(text);
            match attempt.step {
                Step::SendMarked => message.as_possible_repeat(),
                _ => message,
            }
        };
        let posted = |posted: Option<Posted>| match posted {
            Some(posted) => Delivered::Message(posted),
            None => Delivered::Nothing,
        };
        let page = |page: credit_notify::notion::PageRef| Delivered::Page(page.id);
        match attempt.item.as_str() {
            "post" => {
                let to = Address::Channel("#ops-alerts".parse().unwrap());
                self.slack.post(&to, &said("the alert")).map(posted)
            }
            "reply" => {
                let Delivered::Message(parent) = self.delivered("post") else {
                    panic!("a reply before its parent");
                };
                let answer = self.slack.reply(&parent, &said("the reply"));
                answer.map(|p| posted(Some(p)))
            }
            "edit" => {
                let Delivered::Message(alert) = self.delivered("post") else {
                    panic!("an edit before its message");
                };
                let answer = self.slack.update(&alert, &said("the alert, edited"));
                answer.map(|()| Delivered::Nothing)
            }
            "create" => match attempt.step {
                Step::FindOrCreate => {
                    create_once(&self.notion, &self.source, &case().page()).map(page)
                }
                _ => self.notion.create(&self.source, &case().page()).map(page),
            },
            "update" => {
                let Delivered::Page(id) = self.delivered("create") else {
                    panic!("an update before its page");
                };
                let change = CaseChange {
                    notes: Some("the update".to_owned()),
                    ..CaseChange::at(at("2025-01-31T10:00:00Z"))
                };
                self.notion.update(&id, &change.properties()).map(page)
            }
            other => panic!("{other}"),
        }
    }

    fn delivered(&self, item: &str) -> Delivered {
        match self.state.progress(&item.parse::<ItemId>().unwrap()) {
            Some(Progress::Sent { delivered, .. }) => delivered.clone(),
            other => panic!("{item} is {other:?}"),
        }
    }
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_unix(1_738_317_600 + n).unwrap()
}

/// What must hold at the end, whatever went wrong.
#[track_caller]
fn check(house: &House, faults: &[Fault]) {
    for item in ["post", "reply", "edit", "create", "update"] {
        house.delivered(item);
    }
    let world = house.server.world();
    assert!(
        world.faults.is_empty(),
        "not all faults were met: {faults:?}"
    );
    assert_eq!(world.too_early, Vec::<String>::new(), "{faults:?}");

    assert_eq!(world.pages.len(), 1, "{faults:?}");
    let notes = &world.pages[0].properties["Notes"]["rich_text"][0]["text"]["content"];
    assert_eq!(notes, "the update");

    for (text, on) in [("alert", Operation::Post), ("reply", Operation::Reply)] {
        let of_item = |f: &&Fault| f.on == on;
        let committed = faults
            .iter()
            .filter(of_item)
            .filter(|f| f.committed)
            .count();
        let copies: Vec<&str> = world
            .messages
            .iter()
            .map(|m| m.text.as_str())
            .filter(|t| t.contains(text))
            .collect();
        // One for each that was done in spite of its answer, and the one that was answered.
        assert_eq!(copies.len(), committed + 1, "{faults:?}: {copies:?}");
        let refused = |f: &Fault| matches!(f.how, How::Status(429 | 529));
        // A first message is never marked; the last is if an answer before was unknown.
        let doubted = faults.iter().filter(of_item).any(|f| !refused(f));
        let last = copies.last().unwrap();
        // The edit has put the alert's plain text back.
        if on == Operation::Reply {
            assert_eq!(
                last.contains("possible repeat"),
                doubted,
                "{faults:?}: {copies:?}"
            );
        }
    }
}

fn planned(on: Operation, how: How, committed: bool) -> Fault {
    Fault { on, how, committed }
}

const OPERATIONS: [Operation; 5] = [
    Operation::Post,
    Operation::Reply,
    Operation::Edit,
    Operation::Create,
    Operation::Update,
];

/// Each plan in a house of its own, all at the same time: some wait for servers that say nothing.
fn try_all(plans: Vec<Vec<Fault>>) {
    thread::scope(|houses| {
        for faults in plans {
            houses.spawn(move || {
                let mut house = House::new();
                house.server.world().faults.extend(&faults);
                house.drain();
                check(&house, &faults);
            });
        }
    });
}

#[test]
fn every_fault_before_and_after_every_operation() {
    let mut plans = Vec::new();
    for on in OPERATIONS {
        for how in FAULTS {
            plans.extend([false, true].map(|committed| vec![planned(on, how, committed)]));
        }
    }
    assert_eq!(plans.len(), 80);
    try_all(plans);
}

#[test]
fn three_faults_in_a_row() {
    let mut plans = Vec::new();
    for on in OPERATIONS {
        for (n, how) in FAULTS.into_iter().enumerate() {
            let next = FAULTS[(n + 3) % FAULTS.len()];
            let after = FAULTS[(n + 5) % FAULTS.len()];
            // A page that was created is found, and its creation is not asked for again.
            let last = on == Operation::Create;
            plans.push(vec![
                planned(on, how, false),
                planned(on, next, false),
                planned(on, after, last),
            ]);
        }
    }
    try_all(plans);
}

#[test]
fn a_search_that_fails_creates_nothing() {
    let plan = |how| {
        vec![
            planned(Operation::Create, How::Drop, true),
            planned(Operation::Read, how, false),
            planned(Operation::Read, How::Cut, false),
        ]
    };
    try_all(FAULTS.map(plan).to_vec());
}

#[test]
fn without_faults_each_is_sent_once_and_unmarked() {
    let mut house = House::new();
    house.drain();
    check(&house, &[]);
    let world = house.server.world();
    assert_eq!(world.requests, 5);
    assert!(
        world
            .messages
            .iter()
            .all(|m| !m.text.contains("possible repeat"))
    );
    assert_eq!(world.messages[1].thread.as_deref(), Some("1.000100"));
}
