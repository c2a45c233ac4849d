//! Every fault, before and after the other side has done what it was asked for, for every kind of
//! request that the outbox makes, by the real client and with a clock that the test moves.
//!
//! What must come of it: nothing is lost, no page exists twice, a message is there twice only if
//! its outcome was unknown, and then the second says that it may be a repeat.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod delivery;

use std::thread;

use credit_monitor::governance::{CaseAcknowledged, What};
use delivery::server::{Fault, How, Operation};
use delivery::{House, Setup};

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

const OPERATIONS: [Operation; 5] = [
    Operation::Post,
    Operation::Reply,
    Operation::Permalink,
    Operation::Create,
    Operation::Update,
];

/// An alert, its thread's address, a reply; a row, a page, changes of it.
fn story(faults: &[Fault]) {
    let house = House::new(Setup::everybody());
    house.server.world().faults.extend(faults);
    let case = house.observe("RUN-1", 100).case.unwrap();
    let acknowledged = CaseAcknowledged { case: case.clone() };
    house.decide("ops-2:O2", What::CaseAcknowledged(acknowledged));
    house.drain_all();
    check(&house, case.as_str(), faults);
}

#[track_caller]
fn check(house: &House, case: &str, faults: &[Fault]) {
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    assert_eq!(
        (status.waiting(), status.parked()),
        (0, 0),
        "{faults:?}: {status:?}"
    );
    let world = house.server.world();
    assert!(
        world.faults.is_empty(),
        "not all faults were met: {faults:?}"
    );
    assert_eq!(world.too_early, Vec::<String>::new(), "{faults:?}");

    let titled = |property: &str, title: &str| {
        let has = |page: &&delivery::server::Page| {
            page.properties[property]["title"][0]["text"]["content"] == *title
        };
        world.pages.iter().filter(has).collect::<Vec<_>>()
    };
    assert_eq!(titled("Run_ID", "RUN-1").len(), 1, "{faults:?}");
    let pages = titled("Case_ID", case);
    assert_eq!(pages.len(), 1, "{faults:?}");
    let shown = &pages[0].properties;
    assert_eq!(
        shown["Status"]["select"]["name"], "Investigating",
        "{faults:?}"
    );
    let thread = shown["Slack_Thread_URL"]["url"].as_str().unwrap();
    assert!(
        thread.starts_with("https://x.slack.com/archives/C1/p"),
        "{faults:?}: {thread}"
    );

    for (text, on) in [
        ("SEV1 credit alert", Operation::Post),
        ("Acknowledged", Operation::Reply),
    ] {
        let of_this = faults.iter().filter(|fault| fault.on == on);
        // One for each that was done in spite of its answer, and the one that was answered; each
        // is marked if the outcome of one before was unknown.
        let (mut expected, mut doubted) = (Vec::new(), false);
        for fault in of_this {
            expected.extend(fault.committed.then_some(doubted));
            doubted |= !matches!(fault.how, How::Status(429 | 529));
        }
        expected.push(doubted);
        let messages = world.messages.iter().map(|m| m.text.as_str());
        let copies: Vec<&str> = messages.filter(|t| t.contains(text)).collect();
        let marked: Vec<bool> = copies
            .iter()
            .map(|t| t.contains("possible repeat"))
            .collect();
        assert_eq!(marked, expected, "{faults:?}: {copies:?}");
    }
}

fn try_all(plans: Vec<Vec<Fault>>) {
    // Some wait for servers that say nothing, so that all of them may at the same time.
    thread::scope(|stories| {
        for faults in plans {
            stories.spawn(move || story(&faults));
        }
    });
}

#[test]
fn every_fault_before_and_after_every_request() {
    let mut plans = Vec::new();
    for on in OPERATIONS {
        for how in FAULTS {
            plans.extend([false, true].map(|committed| vec![Fault { on, how, committed }]));
        }
    }
    assert_eq!(plans.len(), 80);
    try_all(plans);
}

#[test]
fn several_faults_in_a_row() {
    let mut plans = Vec::new();
    for on in OPERATIONS {
        for (n, how) in FAULTS.into_iter().enumerate().step_by(2) {
            let fault = |how, committed| Fault { on, how, committed };
            let next = FAULTS[(n + 3) % FAULTS.len()];
            // A page that was created is found, and its creation is not asked for again.
            let again = on != Operation::Create;
            plans.push(vec![fault(how, false), fault(next, again)]);
        }
    }
    try_all(plans);
}

#[test]
fn a_search_that_fails_creates_nothing() {
    let plan = |how| {
        vec![
            Fault {
                on: Operation::Read,
                how,
                committed: false,
            },
            Fault {
                on: Operation::Create,
                how: How::Drop,
                committed: true,
            },
            Fault {
                on: Operation::Read,
                how,
                committed: false,
            },
        ]
    };
    try_all(FAULTS.map(plan).to_vec());
}
