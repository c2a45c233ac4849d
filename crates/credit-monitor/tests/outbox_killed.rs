//! A process that sends what is owed is killed before each of its calls that change the disk or
//! talk to the network, one call a time; then another one goes on. However far the first had come,
//! nothing is lost, no page exists twice, and a message is there twice only if the second says that
//! it may be a repeat.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may panic, tells its figures, and tells its child what to do by variables"
)]

mod delivery;

use std::env;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use credit_monitor::governance::{CaseAcknowledged, What};
use credit_monitor::{Archive, Monitor, Tree};
use delivery::{House, Server, Setup, second};

/// Everything by which the process can change the disk, and what it says and hears.
const CALLS: &str = "write,pwrite64,fsync,fdatasync,ftruncate,mkdir,mkdirat,rename,renameat,\
                     renameat2,link,linkat,unlink,unlinkat,sendto,recvfrom";

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
    let calls = calls(&String::from_utf8_lossy(&clean.stderr));
    let all = env::var("CREDIT_KILLS").is_ok_and(|which| which == "all");
    let one_in = if all { 1 } else { ONE_IN };
    let tried: Vec<_> = calls.iter().step_by(one_in).collect();

    let (next, kills) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((call, n)) = tried.get(next.fetch_add(1, Ordering::Relaxed)) {
                    kills.fetch_add(usize::from(killed(call, *n)), Ordering::Relaxed);
                }
            });
        }
    });
    println!(
        "killed at {} of {} calls, 0 lost, 0 doubled",
        tried.len(),
        calls.len()
    );
}

/// Whether it was killed: of the calls that print the test's own lines there may be fewer.
fn killed(call: &str, n: usize) -> bool {
    let (house, case) = owing();
    let at = format!("killed before {call} {n}");
    let inject = format!("inject={call}:signal=KILL:when={n}");
    let output = strace(&house, Some(&inject));
    let killed = !output.status.success();
    let again = child_of(&house, Command::new(env::current_exe().unwrap()), 2_000);
    assert!(
        again.status.success(),
        "{at}: {}",
        String::from_utf8_lossy(&again.stdout)
    );
    check(&house, &case, &at);
    killed
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

    let world = house.server.world();
    for (property, title) in [("Run_ID", "RUN-1"), ("Case_ID", case)] {
        let pages = world
            .pages
            .iter()
            .filter(|page| page.properties[property]["title"][0]["text"]["content"] == *title);
        assert_eq!(pages.count(), 1, "{at}: pages of {title}");
    }
    let page = world
        .pages
        .iter()
        .find(|page| page.properties["Case_ID"].is_object());
    let shown = &page.unwrap().properties;
    assert_eq!(shown["Status"]["select"]["name"], "Investigating", "{at}");
    assert!(shown["Slack_Thread_URL"]["url"].is_string(), "{at}");
    for text in ["SEV1 credit alert", "Acknowledged"] {
        let copies = world.messages.iter().map(|m| m.text.as_str());
        let copies: Vec<&str> = copies.filter(|t| t.contains(text)).collect();
        let marked = copies
            .iter()
            .filter(|t| t.contains("possible repeat"))
            .count();
        assert!(
            copies.len() == 1 || (copies.len() == 2 && marked == 1),
            "{at}: {copies:?}"
        );
    }
    let file = house
        .tree()
        .day(second(0).day())
        .join("run_RUN-1.notion.json");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("\"synced\""), "{at}: {text}");
}

fn strace(house: &House, inject: Option<&str>) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-e"]);
    strace.arg(format!("trace={CALLS}"));
    if let Some(inject) = inject {
        strace.args(["-e", inject]);
    }
    strace.arg(env::current_exe().unwrap());
    child_of(house, strace, 1_000)
}

fn child_of(house: &House, mut command: Command, now: i64) -> Output {
    command
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("OUTBOX_ROOT", house.tree().root())
        .env("OUTBOX_SERVER", house.server.address.to_string())
        .env("OUTBOX_NOW", now.to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Each call of the log by name and how often it was made before, itself included.
fn calls(log: &str) -> Vec<(String, usize)> {
    let mut seen: Vec<(String, usize)> = Vec::new();
    for line in log.lines() {
        let line = match line.strip_prefix("[pid ") {
            Some(rest) => rest.split_once("] ").map_or("", |(_, call)| call),
            None => line,
        };
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        if CALLS.split(',').any(|call| call.trim() == name) {
            let n = seen.iter().filter(|(call, _)| call == name).count() + 1;
            seen.push((name.to_owned(), n));
        }
    }
    let said = seen.iter().filter(|(name, _)| name == "sendto").count();
    assert!(
        seen.len() > 50 && said >= 6,
        "{} calls, {said} sent: {log}",
        seen.len()
    );
    seen
}

fn strace_works() -> bool {
    let status = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    let works = status.is_ok_and(|status| status.success());
    if !works {
        eprintln!("SKIPPED: strace is missing or may not trace here; kills are not tested");
    }
    works
}
