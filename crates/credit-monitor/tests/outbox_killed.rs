//! A process that sends what is owed is killed before each of its calls that change the disk or
//! talk to the network, one call a time; then another one goes on. However far the first had come,
//! nothing is lost, no page exists twice, and a message is there twice only if the second says that
//! it may be a repeat.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may panic, tells its figures, and tells its child what to do by variables"
)]

mod delivery;
mod killing;

use std::env;
use std::process::{Command, Output};
use std::time::Duration;

use credit_monitor::governance::{CaseAcknowledged, What};
use credit_monitor::{Archive, Monitor, Tree};
use delivery::{House, Server, Setup, second};
use killing::{Call, DISK_AND_NETWORK, at_each, calls, one_in, strace_works, traced};

/// Of so many calls one is tried; all of them with `CREDIT_KILLS=all`.
const ONE_IN: usize = 6;

/// Not a test but the process that is killed: it sends what is owed in a folder.
#[test]
fn child() {
    let (Ok(root), Ok(server), Ok(now)) = (
        env::var("OUTBOX_ROOT"),
        env::var("OUTBOX_SERVER"),
        env::var("OUTBOX_NOW"),
    ) else {
        return;
    };
    let now: i64 = now.parse().unwrap();
    let server = Server::at(server.parse().unwrap());
    let to = delivery::destinations(&server, &Setup::everybody());
    let monitor = Monitor::open(&Tree::new(root), second(now)).unwrap();
    let monitor = monitor.with_destinations(to, second(now)).unwrap();
    let (slack, notion) = delivery::clients(&server);
    let senders = credit_monitor::Senders {
        slack: None,
        threads: Some(&slack),
        notion: Some(&notion),
    };
    let outbox = monitor.outbox().unwrap();
    let mut at = now;
    loop {
        let report = outbox
            .drain(senders, &|| second(at), Duration::from_secs(1))
            .unwrap();
        assert!(!report.busy);
        match report.next_due {
            Some(due) => at = due.unix() - second(0).unix(),
            None => return,
        }
    }
}

#[test]
fn a_process_that_is_killed_anywhere_while_it_sends_loses_and_doubles_nothing() {
    if !strace_works() {
        return;
    }
    let (house, case) = owing();
    let clean = strace(&house, None);
    assert!(
        clean.status.success(),
        "{}",
        String::from_utf8_lossy(&clean.stdout)
    );
    check(&house, &case, "not killed");
    let calls = calls(&clean, DISK_AND_NETWORK);
    let said = calls.iter().filter(|call| call.name == "sendto").count();
    assert!(
        calls.len() > 50 && said >= 7,
        "{} calls, {said} sent",
        calls.len()
    );
    let tried = one_in(ONE_IN, &calls);
    at_each(&tried, 1, killed);
    println!(
        "killed at {} of {} calls, 0 lost, 0 doubled",
        tried.len(),
        calls.len()
    );
}

/// It may not have been killed: of the calls that print the test's own lines there may be fewer.
fn killed(call: &Call) {
    let (house, case) = owing();
    let at = call.to_string();
    let _traced = strace(&house, Some(call));
    let again = child_command(&house, 2_000).output().unwrap();
    assert!(
        again.status.success(),
        "{at}: {}",
        String::from_utf8_lossy(&again.stdout)
    );
    check(&house, &case, &at);
}

/// A tree that owes an alert, its thread's address, a reply, a row, a page and its change.
fn owing() -> (House, String) {
    let house = House::new(Setup::everybody());
    let case = house.observe("RUN-1", 100).case.unwrap();
    let acknowledged = CaseAcknowledged { case: case.clone() };
    house.decide("ops-2:O2", What::CaseAcknowledged(acknowledged));
    (house, case.to_string())
}

#[track_caller]
fn check(house: &House, case: &str, at: &str) {
    let archive = Archive::new(&house.tree());
    let status = archive.outbox_status(second(4_000)).unwrap();
    assert_eq!(
        (status.waiting(), status.parked()),
        (0, 0),
        "{at}: {status:?}"
    );
    let verified = archive.verify(None, &|_, _| {}).unwrap();
    assert!(verified.ok(), "{at}: {:?}", verified.findings);

    house.server.world().assert_told_once("RUN-1", case, at);
    let file = house
        .tree()
        .day(second(0).day())
        .join("run_RUN-1.notion.json");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("\"synced\""), "{at}: {text}");
}

fn strace(house: &House, kill: Option<&Call>) -> Output {
    let child = child_command(house, 1_000);
    traced(&child, DISK_AND_NETWORK, kill)
}

fn child_command(house: &House, now: i64) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("OUTBOX_ROOT", house.tree().root())
        .env("OUTBOX_SERVER", house.server.address.to_string())
        .env("OUTBOX_NOW", now.to_string());
    command
}
