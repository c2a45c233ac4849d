//! A process is killed before each of its calls by which it writes the docket down, from the first
//! that touches a file of it to the first after the last; then another goes on. Whatever there is
//! then, it is what the events say, and what was decided was decided once.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test tells its child by variables what to do, and its figures"
)]

#[path = "../../../tests/killing/mod.rs"]
mod killing;

use std::env;
use std::process::Command;

use killing::{Call, DISK, at_each, calls, one_in, strace_works, traced};

use super::*;

/// Of so many calls one is tried; all of them with `CREDIT_KILLS=all`.
const ONE_IN: usize = 4;

/// So many runs does the child keep, each of which leads to several events.
const RUNS: std::ops::Range<u32> = 200..206;

/// Not a test but the process that is killed.
#[test]
fn child() {
    let Ok(root) = env::var("DOCKET_ROOT") else {
        return;
    };
    let monitor = Monitor::open(&Tree::new(root), at(100)).unwrap();
    monitor.docket.lock().unwrap().limits = TINY;
    for n in RUNS {
        monitor.observe(leak(n, 100), at(100)).unwrap();
    }
}

fn child_in(root: &std::path::Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    let name = module_path!().split_once("::").unwrap().1;
    command
        .args(["--exact", &format!("{name}::child"), "--test-threads=1"])
        .env("DOCKET_ROOT", root);
    command
}

#[test]
fn a_process_that_is_killed_while_it_writes_the_docket_down_leaves_what_the_events_say() {
    if !strace_works() {
        return;
    }
    let (house, _) = lived_in();
    // Settled, but not on the shelf yet, so that the child writes a new one.
    let monitor = Monitor::open(&house.tree, at(60)).unwrap();
    for n in 110..113 {
        house.leak_and_its_end(&monitor, n, 60);
    }
    drop(monitor);
    let before = house.shelf();

    let clean = copy_of(&house);
    let output = traced(&child_in(clean.dir.path()), DISK, None);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    check(&clean, "not killed");
    assert_ne!(before.file_name(), clean.shelf().file_name());
    let calls = calls(&output, DISK);
    let writes = |call: &Call| call.line.contains("/docket.");
    let first = calls.iter().position(writes).unwrap();
    let last = calls.iter().rposition(writes).unwrap();
    let tried = &calls[first..=(last + 1).min(calls.len() - 1)];
    assert!(tried.len() > 20, "{tried:?}");
    let tried = one_in(ONE_IN, tried);

    at_each(&tried, 1, |call| {
        let house = copy_of(&house);
        let at = call.to_string();
        let killed = traced(&child_in(house.dir.path()), DISK, Some(call));
        assert!(!killed.status.success(), "{at}: it was not killed");
        house.assert_whole();
        // A run file may be half written; nothing is said of the docket.
        let problems = house.problems();
        let is_of_docket = |problem: &String| problem.contains("docket.");
        assert!(!problems.iter().any(is_of_docket), "{at}: {problems:?}");
        let again = child_in(house.dir.path()).output().unwrap();
        assert!(again.status.success(), "{at}: {again:?}");
        check(&house, &at);
    });
    println!(
        "killed at {} calls while the docket was written down",
        tried.len()
    );
}

fn check(house: &House, at: &str) {
    house.assert_whole();
    assert_eq!(house.problems(), [] as [&str; 0], "{at}");
    let mut set_aside = Vec::new();
    let archive = house.archive();
    archive
        .each_event(|event| {
            if let What::RunQuarantined(what) = event.what {
                set_aside.push(what.run.run_id.to_string());
            }
            Ok(())
        })
        .unwrap();
    for n in RUNS {
        let id = format!("R-{n}");
        let times = set_aside.iter().filter(|run| **run == id).count();
        assert_eq!(times, 1, "{at}: {id}");
        assert_ne!(may_dispatch(house, &id), Dispatch::Allowed, "{at}");
    }
    assert_eq!(may_dispatch(house, "R-0"), Dispatch::Allowed, "{at}");
}

fn copy_of(house: &House) -> House {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (house.dir.path().join("."), dir.path());
    let copied = Command::new("cp").arg("-r").args([&from, to]).status();
    assert!(copied.unwrap().success());
    let tree = Tree::new(to);
    House { dir, tree }
}
