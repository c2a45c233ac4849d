//! The exact bytes of every kind of step that a delivery is recorded by.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, and UPDATE_GOLDEN is the tests' own switch"
)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use credit_monitor::core::{Credits, Run, Status, Timestamp};
use credit_monitor::governance::{
    Actor, AlertsMuted, Approval, CaseAcknowledged, Event, MuteScope, Verb, What,
};
use credit_monitor::ledger::Config;
use credit_monitor::notify::memory::{MemoryNotion, MemorySlack};
use credit_monitor::notify::routing::Address;
use credit_monitor::notify::slack::{Message, Posted};
use credit_monitor::notify::{Answer, Link, Reason, Slack, SlackThreads};
use credit_monitor::{BotChannels, Destinations, Monitor, Senders, Tree};

/// Answers what it was told to, and then as the double does.
#[derive(Debug, Default)]
struct Scripted {
    slack: MemorySlack,
    answers: Mutex<VecDeque<Answer<Option<Posted>>>>,
}

impl Slack for Scripted {
    fn post(&self, to: &Address, message: &Message) -> Answer<Option<Posted>> {
        let planned = self.answers.lock().unwrap().pop_front();
        planned.unwrap_or_else(|| self.slack.post(to, message))
    }
}

impl SlackThreads for Scripted {
    fn reply(&self, to: &Posted, message: &Message) -> Answer<Posted> {
        self.slack.reply(to, message)
    }

    fn update(&self, posted: &Posted, message: &Message) -> Answer<()> {
        self.slack.update(posted, message)
    }

    fn permalink(&self, posted: &Posted) -> Answer<Link> {
        self.slack.permalink(posted)
    }
}

#[test]
fn every_step_has_exactly_these_bytes() {
    let events = story();
    let lines: String = events.iter().map(|event| event.to_json() + "\n").collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/deliveries.jsonl");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &lines).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert!(
        lines == golden,
        "{} differs; UPDATE_GOLDEN=1 rewrites it",
        path.display()
    );

    let steps = events.iter().filter_map(|event| match &event.what {
        What::Delivery(delivery) => Some(delivery.step.as_str()),
        _ => None,
    });
    let kinds: BTreeSet<String> = steps
        .map(|step| {
            let step: serde_json::Value = serde_json::from_str(step).unwrap();
            let is = step["is"].as_object().unwrap();
            let (kind, what) = is.iter().next().unwrap();
            match kind.as_str() {
                "item" => what.as_object().unwrap().keys().next().unwrap().clone(),
                kind => kind.to_owned(),
            }
        })
        .collect();
    let all = [
        "begun",
        "folded",
        "held",
        "owed",
        "parked",
        "paused",
        "planned",
        "released",
        "rows",
        "rows_withdrawn",
        "sent",
        "unknown",
        "waiting",
        "withdrawn",
    ];
    assert_eq!(kinds, all.iter().map(ToString::to_string).collect());
}

/// A history in which every kind of step happens.
fn story() -> Vec<Event> {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let operators = vec!["ops-2:O2".parse().unwrap(), "lead-3:O3".parse().unwrap()];
    Monitor::init(&tree, operators, second(0)).unwrap();
    let config = Config {
        origin: Some("0123456789abcdef0123456789abcdef".to_owned()),
        ..Config::default()
    };
    let database = || Some("668d797c76fa49349b05ad288df2d136".parse().unwrap());
    let to = Destinations {
        bot: Some(BotChannels::default()),
        runs: database(),
        cases: database(),
        ..Destinations::default()
    };
    let monitor = Monitor::open_with(&tree, second(0), &config).unwrap();
    let monitor = monitor.with_destinations(to, second(0)).unwrap();
    let time = Cell::new(0);
    let now = || second(time.get());
    let (slack, notion) = (Scripted::default(), MemoryNotion::default());
    let senders = Senders {
        slack: None,
        threads: Some(&slack),
        notion: Some(&notion),
    };
    let drain = |seconds: i64| {
        time.set(time.get() + seconds);
        let outbox = monitor.outbox().unwrap();
        let report = outbox.drain(senders, &now, Duration::from_secs(1)).unwrap();
        assert!(report.file_errors.is_empty());
    };
    let reason = || Reason::new("because");
    let run = |id: &str, scenario: &str| {
        let credits = Credits::whole(10).unwrap();
        let scenario = scenario.parse().unwrap();
        Run::new(
            id.parse().unwrap(),
            scenario,
            second(0),
            Status::Success,
            credits,
        )
    };

    // Paused, unknown, waiting, refused, released, sent; then a thread and a reply.
    slack.answers.lock().unwrap().extend([
        Answer::Pause {
            wait: Some(Duration::from_secs(30)),
            reason: reason(),
        },
        Answer::Unknown { reason: reason() },
        Answer::Retry { reason: reason() },
        Answer::Park { reason: reason() },
    ]);
    let case = monitor
        .observe(run("RUN-1", "EXPORT"), now())
        .unwrap()
        .case
        .unwrap();
    for _ in 0..4 {
        drain(100);
    }
    let ops = Actor::Operator("ops-2:O2".parse().unwrap());
    let outbox = monitor.outbox().unwrap();
    let parked = outbox.status(now()).unwrap().owed;
    let alert = parked
        .iter()
        .find(|owed| owed.item.as_str() == "alert/0/RUN-1")
        .unwrap();
    for owed in parked.iter().filter(|owed| owed.is_parked()) {
        outbox.release(&owed.item, &ops, now()).unwrap();
    }
    assert!(alert.is_parked());
    for _ in 0..3 {
        drain(100);
    }
    let acknowledged = What::CaseAcknowledged(CaseAcknowledged { case });
    monitor.decide(&ops, acknowledged, now()).unwrap();
    for _ in 0..2 {
        drain(100);
    }

    // A storm, of which a mute holds back the rest.
    for n in 0..8 {
        let id = format!("RUN-STORM-{n}");
        monitor.observe(run(&id, &format!("S-{n}")), now()).unwrap();
    }
    drain(100);
    monitor.observe(run("RUN-2", "LATE"), now()).unwrap();
    let lead = Actor::Operator("lead-3:O3".parse().unwrap());
    let muted = AlertsMuted {
        scope: MuteScope::All,
        include_sev0: false,
        reason: "a planned load test".parse().unwrap(),
        expires: second(time.get() + 600),
    };
    let approval = Approval::alone(&lead, Verb::MuteAlerts, muted).unwrap();
    monitor.enact(approval, now()).unwrap();
    monitor.observe(run("RUN-3", "LATER"), now()).unwrap();
    drain(1);
    for _ in 0..40 {
        drain(60);
    }
    let status = monitor.outbox().unwrap().status(now()).unwrap();
    assert_eq!((status.waiting(), status.parked()), (0, 0), "{status:?}");

    // Somebody gives up what would be sent, and what follows it, and rows that are none yet.
    monitor.observe(run("RUN-4", "GONE"), now()).unwrap();
    let why = "the channel is gone".parse().unwrap();
    let alert = "alert/11/RUN-4".parse().unwrap();
    let withdrawn = monitor.withdraw_owed(&alert, &why, &lead, now()).unwrap();
    assert_eq!(
        withdrawn.items.len(),
        2,
        "the alert and its thread's address"
    );
    let withdrawn = monitor.withdraw_rows(&why, &lead, now()).unwrap();
    assert_eq!(withdrawn.rows, 1);
    drain(60);
    let status = monitor.outbox().unwrap().status(now()).unwrap();
    assert_eq!((status.waiting(), status.parked()), (0, 0), "{status:?}");
    let mut events = Vec::new();
    let archive = monitor.archive();
    archive
        .each_event(|event| {
            events.push(event);
            Ok(())
        })
        .unwrap();
    events
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_unix(1_738_317_600 + n).unwrap()
}
