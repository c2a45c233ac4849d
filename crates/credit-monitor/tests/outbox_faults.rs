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

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use credit_monitor::Senders;
use credit_monitor::governance::{Actor, CaseAcknowledged, What};
use delivery::server::{Fault, How, Operation};
use delivery::{House, Server, Setup, run, second};

const FAULTS: [How; 11] = [
    How::Status(429),
    How::Status(529),
    How::Status(500),
    How::Status(503),
    How::Status(504),
    How::Silence,
    How::Drop,
    How::Cut,
    How::Trickle,
    How::Flood,
    How::Portal,
];

const OPERATIONS: [Operation; 6] = [
    Operation::Post,
    Operation::Reply,
    Operation::Edit,
    Operation::Permalink,
    Operation::Create,
    Operation::Update,
];

/// An alert, its thread's address, its case's state, a reply; a row, a page, changes of it.
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
    // The one that was answered, and no other, shows how far its case is.
    let alerts = world.messages.iter().map(|m| m.text.as_str());
    let alerts = alerts.filter(|t| t.contains("SEV1 credit alert"));
    let shown: Vec<bool> = alerts.map(|t| t.ends_with(" (Investigating)")).collect();
    assert_eq!(
        shown.iter().filter(|shown| **shown).count(),
        1,
        "{faults:?}"
    );
    assert_eq!(shown.last(), Some(&true), "{faults:?}");
}

fn try_all(plans: Vec<Vec<Fault>>) {
    // Some wait for servers that say nothing, so that many of them may at the same time.
    for plans in plans.chunks(40) {
        thread::scope(|stories| {
            for faults in plans {
                stories.spawn(move || story(faults));
            }
        });
    }
}

#[test]
fn every_fault_before_and_after_every_request() {
    let mut plans = Vec::new();
    for on in OPERATIONS {
        for how in FAULTS {
            plans.extend([false, true].map(|committed| vec![Fault { on, how, committed }]));
        }
    }
    assert_eq!(plans.len(), 132);
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
fn an_answer_of_the_wrong_type_is_read_by_what_it_says() {
    let plan = |on| {
        let how = How::Mistyped;
        vec![Fault {
            on,
            how,
            committed: true,
        }]
    };
    for on in OPERATIONS {
        let house = House::new(Setup::everybody());
        house.server.world().faults.extend(plan(on));
        let case = house.observe("RUN-1", 100).case.unwrap();
        let acknowledged = CaseAcknowledged { case: case.clone() };
        house.decide("ops-2:O2", What::CaseAcknowledged(acknowledged));
        house.drain_all();
        let world = house.server.world();
        assert!(world.faults.is_empty(), "{on:?}");
        world.assert_told_once("RUN-1", case.as_str(), "mistyped");
        assert!(
            !world.messages.iter().any(|m| m.text.contains("repeat")),
            "{on:?}"
        );
    }
}

/// What leads elsewhere or says no is parked with its reason, and nothing behind it is lost.
#[test]
fn a_redirect_is_not_followed_and_what_repeats_a_secret_is_masked() {
    let elsewhere = Server::start();
    for how in [How::Redirect(elsewhere.address), How::Echo] {
        for on in OPERATIONS {
            let house = House::new(Setup::everybody());
            let fault = Fault {
                on,
                how,
                committed: false,
            };
            house.server.world().faults.push_back(fault);
            let case = house.observe("RUN-1", 100).case.unwrap();
            let acknowledged = CaseAcknowledged { case: case.clone() };
            house.decide("ops-2:O2", What::CaseAcknowledged(acknowledged));
            house.drain_all();
            let outbox = house.monitor.outbox().unwrap();
            let status = outbox.status(house.now()).unwrap();
            let parked: Vec<_> = status.owed.iter().filter(|owed| owed.is_parked()).collect();
            assert!(!parked.is_empty(), "{how:?} {on:?}: {status:?}");
            let ops = Actor::Operator("ops-2:O2".parse().unwrap());
            for owed in parked {
                let shown = format!("{owed:?}");
                assert!(!shown.contains("planted"), "{shown}");
                outbox.release(&owed.item, &ops, house.now()).unwrap();
            }
            house.drain_all();
            let at = format!("{how:?} {on:?}");
            let world = house.server.world();
            assert!(world.faults.is_empty(), "{at}");
            world.assert_told_once("RUN-1", case.as_str(), &at);
        }
    }
    assert_eq!(elsewhere.world().requests, 0);
}

/// Whoever sends waits for a server that does not answer, or answers a byte now and then; whoever
/// observes runs by the same monitor does not.
#[test]
fn a_run_is_kept_while_another_thread_waits_for_an_answer() {
    thread::scope(|stories| {
        for how in [How::Silence, How::Trickle] {
            stories.spawn(move || observed_while_somebody_waits(how));
        }
    });
}

fn observed_while_somebody_waits(how: How) {
    /// Far longer than observing takes.
    const PATIENCE: Duration = Duration::from_secs(8);
    let house = House::new(Setup::everybody());
    house.observe("RUN-1", 100);
    let fault = Fault {
        on: Operation::Post,
        how,
        committed: false,
    };
    house.server.world().faults.push_back(fault);
    let (monitor, server) = (&house.monitor, &house.server);
    let (slack, notion) = delivery::clients_with(server, PATIENCE);
    let senders = Senders {
        slack: None,
        threads: Some(&slack),
        notion: Some(&notion),
    };
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            let outbox = monitor.outbox().unwrap();
            let drained = outbox.drain(senders, &|| second(0), Duration::from_secs(1));
            is_over.store(true, Ordering::SeqCst);
            assert!(drained.unwrap().waiting > 0, "{how:?}: the alert failed");
        });
        while !server.world().faults.is_empty() {
            thread::yield_now();
        }
        for n in 0..10 {
            let id = format!("RUN-MEANWHILE-{n}");
            monitor.observe(run(&id, "OTHER", 100), second(1)).unwrap();
        }
        let waited = is_over.load(Ordering::SeqCst);
        assert!(!waited, "{how:?}: they were kept after the answer");
    });
    assert_eq!(house.monitor.archive().head().unwrap().unwrap().seq, 10);
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
