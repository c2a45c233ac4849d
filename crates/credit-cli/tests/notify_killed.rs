//! `creditctl notify drain` is killed before its calls that change the disk or talk to the network,
//! one call a time; then the next one goes on, as a timer would. However far the first had come,
//! nothing is lost, no page exists twice, and a message is there twice only if the second says that
//! it may be a repeat.
//!
//! One call in so many is tried; all of them with `CREDIT_KILLS=all`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and tells its figures"
)]

#[path = "../../credit-monitor/tests/killing/mod.rs"]
mod killing;
#[path = "../../credit-notify/tests/server/mod.rs"]
mod server;
mod support;

use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use killing::{Call, DISK_AND_NETWORK, at_each, calls, one_in, strace_works, traced};
use server::Server;
use support::{Tree, creditctl, run};

const CREDITCTL: &str = env!("CARGO_BIN_EXE_creditctl");
const DRAIN: [&str; 4] = ["notify", "drain", "--for", "60"];
const ONE_IN: usize = 8;
/// Most of the time a drain waits for its channel's next second.
const ON_EACH_CORE: usize = 4;

/// A tree that owes an alert, its thread's address, its case's state, a reply, a row, a page and
/// its change; and those who are to be told.
struct House {
    tree: Tree,
    server: Server,
    case: String,
}

impl House {
    fn owing() -> House {
        let (tree, server) = (Tree::new(), Server::start());
        let mut house = House {
            tree,
            server,
            case: String::new(),
        };
        house.tree.write("../runs.jsonl", run("RUN-1", 100, &[]));
        house.ctl(&["ingest", "runs.jsonl"]).ok();
        let cases = house.ctl(&["case", "list", "--json"]).ok().json();
        let case = cases["cases"][0]["case"].as_str().unwrap().to_owned();
        house.ctl(&["case", "ack", &case, "--as", "ops-2"]).ok();
        assert_eq!(house.server.world().requests, 0);
        house.case = case;
        house
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        const DATABASE: &str = "00000000-0000-4000-8000-0000000000db";
        [
            ("SLACK_BOT_TOKEN", "xoxb-planted".to_owned()),
            ("SLACK_BASE_URL", self.server.url("/api")),
            ("NOTION_TOKEN", "ntn_planted".to_owned()),
            ("NOTION_BASE_URL", self.server.url("")),
            ("NOTION_RUNS_LEDGER_DB_ID", DATABASE.to_owned()),
            ("NOTION_CASES_DB_ID", DATABASE.to_owned()),
            // What is owed is left to the drain, which comes back soon after a failure.
            ("CREDIT_ATTEMPT_SECONDS", "0".to_owned()),
            ("CREDIT_BACKOFF_SECONDS_MIN", "1".to_owned()),
            ("CREDIT_BACKOFF_SECONDS_MAX", "1".to_owned()),
        ]
        .into()
    }

    fn ctl(&self, args: &[&str]) -> support::Done {
        let root = self.tree.root();
        let root_args = ["--root", root.to_str().unwrap()];
        let args = root_args.iter().chain(args);
        let variables = self.variables();
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        creditctl(args, &variables, root.parent().unwrap(), "")
    }

    /// The drain under strace, killed before a call.
    fn strace(&self, kill: Option<&Call>) -> Output {
        let mut drain = Command::new(CREDITCTL);
        drain.arg("--root").arg(self.tree.root()).args(DRAIN);
        drain.envs(self.variables());
        traced(&drain, DISK_AND_NETWORK, kill)
    }

    #[track_caller]
    fn check(&self, at: &str) {
        let status = self.ctl(&["notify", "status", "--json"]).ok().json();
        assert_eq!(status["waiting"], 0, "{at}: {status}");
        assert_eq!(status["parked"], 0, "{at}: {status}");
        let verified = self.ctl(&["verify"]);
        assert_eq!(verified.code, 0, "{at}: {verified}");
        let world = self.server.world();
        world.assert_told_once("RUN-1", &self.case, at);
        let day = "runs/CREDIT_MONITORING/2024-01-23";
        let file = self.tree.read(&format!("{day}/run_RUN-1.notion.json"));
        assert!(file.contains("\"synced\""), "{at}: {file}");
    }
}

#[test]
fn a_drain_that_is_killed_anywhere_loses_and_doubles_nothing() {
    if !strace_works() {
        return;
    }
    let house = House::owing();
    let clean = house.strace(None);
    assert!(clean.status.success(), "{clean:?}");
    house.check("not killed");
    assert!(
        !house
            .server
            .world()
            .messages
            .iter()
            .any(|m| m.text.contains("possible repeat")),
        "nobody was in doubt"
    );
    let calls = calls(&clean, DISK_AND_NETWORK);
    let tried = one_in(ONE_IN, &calls);

    let died = AtomicUsize::new(0);
    at_each(&tried, ON_EACH_CORE, |call| {
        let house = House::owing();
        let killed = !house.strace(Some(call)).status.success();
        died.fetch_add(usize::from(killed), Ordering::Relaxed);
        let at = call.to_string();
        let again = house.ctl(&DRAIN);
        assert_eq!(again.code, 0, "{at}: {again}");
        house.check(&at);
    });
    let died = died.into_inner();
    println!(
        "killed at {died} of {} calls, 0 lost, 0 doubled",
        calls.len()
    );
    // strace counts the calls of each thread by itself, so that of a few there are fewer.
    let tried = tried.len();
    assert!(died * 10 >= tried * 9, "{died} of {tried} were killed");
}
