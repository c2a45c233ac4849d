//! `creditctl` and what it tells Slack and Notion on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

#[path = "../../credit-notify/tests/server/mod.rs"]
mod server;
mod support;

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use server::{Fault, How, Operation, Server};
use support::{Done, Tree, baselines, creditctl, run};

const DATABASE: &str = "00000000-0000-4000-8000-0000000000db";
const BOT: &str = "xoxb-PLANTED-bot-4f1c";
const NOTION: &str = "ntn_PLANTEDnotion9a2e";
const HOOK: &str = "PLANTEDhook77d0";

/// What a service's environment says of where to tell what.
struct Setup {
    variables: Vec<(&'static str, String)>,
}

impl Setup {
    fn webhook(server: &Server) -> Setup {
        let url = server.url(&format!("/services/T/B/{HOOK}"));
        Setup {
            variables: vec![("SLACK_WEBHOOK_URL_DEFAULT", url)],
        }
    }

    fn everything(server: &Server) -> Setup {
        let variables = [
            ("SLACK_BOT_TOKEN", BOT.to_owned()),
            ("SLACK_BASE_URL", server.url("/api")),
            ("NOTION_TOKEN", NOTION.to_owned()),
            ("NOTION_BASE_URL", server.url("")),
            ("NOTION_RUNS_LEDGER_DB_ID", DATABASE.to_owned()),
            ("NOTION_CASES_DB_ID", DATABASE.replace('-', "")),
            ("SLACK_MENTION_ONCALL", "S0ONCALL @oncall-o3".to_owned()),
        ];
        let mut setup = Setup::webhook(server);
        setup.variables.extend(variables);
        setup
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Setup {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
        self
    }

    fn without(mut self, name: &str) -> Setup {
        self.variables.retain(|(known, _)| *known != name);
        self
    }

    fn ctl(&self, tree: &Tree, args: &[&str]) -> Done {
        let root = tree.root();
        let root_args = ["--root", root.to_str().unwrap()];
        let variables: Vec<(&str, &str)> = self
            .variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let args = root_args.iter().chain(args);
        creditctl(args, &variables, root.parent().unwrap(), "")
    }
}

fn tree_with(id: &str) -> Tree {
    let tree = Tree::new();
    tree.write("../runs.jsonl", run(id, 100, &[]));
    tree
}

#[test]
fn an_alert_is_sent_by_the_ingest_or_else_by_the_drain() {
    let server = Server::start();
    let setup = Setup::webhook(&server);
    let tree = tree_with("RUN-1");
    let done = setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    assert_eq!(server.world().messages.len(), 1, "{done}");
    let text = server.world().messages[0].text.clone();
    assert!(
        text.starts_with("SEV1 credit alert: BINDER_EXPORT_WEEKLY"),
        "{text}"
    );

    let done = setup.ctl(&tree, &["notify", "drain"]).ok();
    assert_eq!(done.stdout, "0 sent, 0 to be sent, 0 parked\n");
    assert_eq!(server.world().messages.len(), 1);
    let status = setup
        .ctl(&tree, &["notify", "status", "--json"])
        .ok()
        .json();
    assert_eq!(status["waiting"], 0);
    assert_eq!(status["set_up"], true);

    let flags = ["--run-id", "RUN-2", "--credits", "7", "--scenario", "OTHER"];
    setup
        .ctl(&tree, &[&["run", "log"], flags.as_slice()].concat())
        .ok();
    // A channel gets one message a second: its turn may have come after the attempt.
    setup.ctl(&tree, &["notify", "drain"]).ok();
    assert_eq!(server.world().messages.len(), 2);
}

#[test]
fn a_dead_or_hanging_server_fails_and_delays_no_ingest() {
    // Nobody listens at an address that was just given back.
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server = Server::start();
    let hang = Fault {
        on: Operation::Post,
        how: How::Silence,
        committed: false,
    };
    server.world().faults.push_back(hang);
    let setups = [
        Setup::webhook(&server).with(
            "SLACK_WEBHOOK_URL_DEFAULT",
            format!("http://{dead}/services/T/B/{HOOK}"),
        ),
        Setup::webhook(&server),
    ];
    for setup in setups {
        let tree = tree_with("RUN-1");
        let begun = Instant::now();
        let done = setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
        assert!(
            begun.elapsed() < Duration::from_secs(8),
            "{:?}",
            begun.elapsed()
        );
        assert!(
            done.stderr
                .contains("still to be told to Slack and Notion: 1"),
            "{done}"
        );
        assert_eq!(tree.lines().len(), 1);
        assert!(
            tree.path("runs/CREDIT_MONITORING/2024-01-23/run_RUN-1.json")
                .exists()
        );

        let drained = setup
            .ctl(&tree, &["notify", "drain", "--for", "0", "--json"])
            .code(9);
        assert_eq!(drained.json_lines()[0]["waiting"], 1, "{drained}");
        assert_eq!(drained.error()["error"]["code"], "remaining");
        let status = setup.ctl(&tree, &["notify", "status"]).ok();
        assert!(
            status.stdout.starts_with("1 to be sent, 0 parked\n"),
            "{status}"
        );
        assert!(status.stdout.contains("alert/0/RUN-1"), "{status}");
    }
}

#[test]
fn the_runbooks_search_for_unsynchronised_runs_finds_exactly_those() {
    let server = Server::start();
    let setup = || {
        let setup = Setup::everything(&server).without("SLACK_BOT_TOKEN");
        setup.without("SLACK_WEBHOOK_URL_DEFAULT")
    };
    let dead = setup().with("NOTION_BASE_URL", "http://127.0.0.1:9");
    let setup = setup();
    let tree = tree_with("RUN-1");
    dead.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    let search = "grep \"Would write to Notion\" runs/CREDIT_MONITORING/*/run_*.json | tail -10";
    let found = tree.sh(search).ok();
    assert_eq!(found.stdout.lines().count(), 1, "{found}");
    assert!(found.stdout.contains("run_RUN-1.notion.json"), "{found}");
    assert!(
        found.stdout.contains("Would write to Notion: RUN-1"),
        "{found}"
    );
    tree.ctl(["verify"]).ok();

    // Tried again after the first failure's wait, by a later command.
    setup.ctl(&tree, &["notify", "drain", "--for", "30"]).ok();
    assert_eq!(tree.sh(search).ok().stdout, "");
    assert_eq!(server.world().pages.len(), 2, "its row and its case");
    tree.ctl(["verify"]).ok();
}

#[test]
fn what_is_parked_is_told_and_can_be_released() {
    let server = Server::start();
    let revoked = Setup::webhook(&server).with(
        "SLACK_WEBHOOK_URL_DEFAULT",
        server.url("/services/T/B/revoked"),
    );
    let tree = tree_with("RUN-1");
    revoked.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    let status = revoked
        .ctl(&tree, &["notify", "status", "--json"])
        .ok()
        .json();
    assert_eq!(status["items"][0]["state"], "parked");
    assert_eq!(status["items"][0]["item"], "alert/0/RUN-1");
    assert!(
        status["items"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("no_service")
    );
    revoked.ctl(&tree, &["notify", "drain"]).code(9);

    let setup = Setup::webhook(&server);
    setup
        .ctl(&tree, &["notify", "release", "alert/0/RUN-9"])
        .code(5);
    setup
        .ctl(&tree, &["--as", "ops-1", "notify", "release", "all"])
        .code(3);
    let dry = setup
        .ctl(&tree, &["notify", "release", "all", "--dry-run"])
        .ok();
    assert_eq!(dry.stdout, "alert/0/RUN-1 would be sent again\n");
    setup
        .ctl(
            &tree,
            &["--as", "ops-2", "notify", "release", "alert/0/RUN-1"],
        )
        .ok();
    let drained = setup.ctl(&tree, &["notify", "drain"]).ok();
    assert_eq!(drained.stdout, "1 sent, 0 to be sent, 0 parked\n");
    assert_eq!(server.world().messages.len(), 1);
}

#[test]
fn without_a_destination_there_is_nothing_to_drain() {
    Tree::new().ctl(["notify", "drain"]).code(6);
    let tree = tree_with("RUN-1");
    tree.ctl([
        "ingest",
        tree.root()
            .parent()
            .unwrap()
            .join("runs.jsonl")
            .to_str()
            .unwrap(),
    ])
    .ok();
    let drained = tree.ctl(["notify", "drain"]).code(5);
    assert!(
        drained.stderr.contains("SLACK_WEBHOOK_URL_DEFAULT"),
        "{drained}"
    );
    let status = tree.ctl(["notify", "status"]).ok();
    assert_eq!(status.stdout, "0 to be sent, 0 parked\n");
}

#[test]
fn settings_that_cannot_be_used_stop_no_run_and_are_told() {
    let server = Server::start();
    for (variable, value) in [
        ("SLACK_WEBHOOK_URL_SEV0", "http://example.org/PLANTEDvalue"),
        ("SLACK_BOT_TOKEN", "xoxb PLANTEDvalue"),
        ("NOTION_TOKEN", "ntn\tPLANTEDvalue"),
        ("NOTION_CASES_DB_ID", "PLANTEDvalue"),
        ("SLACK_MENTION_ONCALL", "@PLANTEDvalue"),
        ("CREDIT_RUN_URL", "https://example.org/PLANTEDvalue"),
    ] {
        let setup = Setup::everything(&server).with(variable, value);
        let tree = tree_with("RUN-1");
        let done = setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
        assert!(done.stderr.contains(variable), "{done}");
        let drained = setup.ctl(&tree, &["notify", "drain"]).code(1);
        assert!(drained.stderr.contains(variable), "{drained}");
        for said in [&done, &drained] {
            assert!(!said.to_string().contains("PLANTEDvalue"), "{said}");
        }
        assert!(!tree.mentions("PLANTEDvalue"));
        assert_eq!(server.world().requests, 0);
    }
}

#[test]
fn secrets_come_from_files_and_credentials_as_well() {
    let server = Server::start();
    let tree = tree_with("RUN-1");
    let url = server.url(&format!("/services/T/B/{HOOK}"));
    tree.write("../credentials/SLACK_WEBHOOK_URL_SEV1", format!("{url}\n"));
    tree.write("../token", format!("{NOTION}\n"));
    let beside = |name: &str| {
        let path = tree.root().parent().unwrap().join(name);
        path.to_str().unwrap().to_owned()
    };
    let setup = Setup::everything(&server)
        .without("SLACK_BOT_TOKEN")
        .without("SLACK_WEBHOOK_URL_DEFAULT")
        .without("NOTION_TOKEN")
        .with("CREDENTIALS_DIRECTORY", beside("credentials"))
        .with("NOTION_TOKEN_FILE", beside("token"));
    setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    setup.ctl(&tree, &["notify", "drain"]).ok();
    assert_eq!(server.world().messages.len(), 1);
    assert_eq!(server.world().pages.len(), 2);
    let missing = setup.with("NOTION_TOKEN_FILE", beside("nothing"));
    let done = missing.ctl(&tree, &["notify", "drain"]).code(1);
    assert!(done.stderr.contains("NOTION_TOKEN_FILE"), "{done}");
}

/// Everything that is done with secrets set, while the other side answers and fails, repeats what
/// it was sent, and while the log is as talkative as it can be.
#[test]
fn no_secret_is_in_any_output_or_file() {
    let server = Server::start();
    let setup = Setup::everything(&server)
        .with("CREDITCTL_LOG", "trace,ureq=trace")
        .with("RUST_BACKTRACE", "full");
    let tree = Tree::new();
    tree.write("config/credit-baselines.json", baselines(&[("LEAK", "10")]));
    let members = [
        ("Scenario_ID", "\"LEAK\""),
        ("Risk_Flags", r#"["pii_exposure"]"#),
    ];
    tree.write(
        "../runs.jsonl",
        run("RUN-1", 100, &[]) + &run("RUN-2", 130, &members),
    );
    let echo = |on| Fault {
        on,
        how: How::Echo,
        committed: false,
    };
    server.world().faults.extend([echo(Operation::Post)]);
    let mut said = Vec::new();
    said.push(setup.ctl(&tree, &["ingest", "runs.jsonl"]));
    for on in [Operation::Read, Operation::Create, Operation::Update] {
        server.world().faults.clear();
        server.world().faults.extend([echo(on)]);
        said.push(setup.ctl(&tree, &["notify", "drain", "--for", "1"]));
    }
    for args in [
        vec!["notify", "status"],
        vec!["notify", "status", "--json"],
        vec!["--as", "ops-2", "notify", "release", "all"],
        vec!["notify", "drain", "--for", "2", "--json"],
        vec!["notify", "drain", "--dry-run"],
        vec!["report", "weekly", "--until", "2024-01-29"],
        vec!["case", "list", "--json"],
        vec!["verify"],
    ] {
        said.push(setup.ctl(&tree, &args));
    }
    server.world().faults.clear();
    // By a webhook as well, whose address is its secret.
    let setup = setup.without("SLACK_BOT_TOKEN");
    let other = tree_with("RUN-3");
    said.push(setup.ctl(&other, &["ingest", "runs.jsonl", "-vv"]));
    let setup = setup.without("CREDITCTL_LOG");
    said.push(setup.ctl(&other, &["notify", "drain", "--for", "1", "-vv"]));
    assert_eq!(
        server.world().messages.last().unwrap().to,
        format!("/services/T/B/{HOOK}")
    );
    let logged: usize = said
        .iter()
        .map(|done| done.stderr.matches(" ureq").count())
        .sum();
    assert!(logged > 8, "the client's log is {logged} lines");
    let traced = said
        .iter()
        .any(|done| done.stderr.contains(" TRACE ") && done.stderr.contains("credit_ledger"));
    assert!(traced, "the libraries tell every detail");
    let echoed = said.iter().any(|done| done.stdout.contains("parked"));
    assert!(echoed, "nothing was refused");
    for secret in [BOT, NOTION, HOOK, "4f1c", "9a2e", "77d0"] {
        for done in &said {
            let told = format!("{}{}", done.stdout, done.stderr);
            assert!(!told.contains(secret), "{secret} in {done}");
        }
        // Four digits may be part of a hash.
        assert!(
            secret.len() == 4 || !(tree.mentions(secret) || other.mentions(secret)),
            "{secret} is in a file"
        );
    }
    let requests = server.world().requests;
    assert!(requests > 8, "{requests}");
    let events = fs::read_to_string(tree.path("runs/CREDIT_MONITORING/events.jsonl")).unwrap();
    assert!(
        events.contains("***"),
        "what was echoed is masked: {events}"
    );
}

/// While it waits for an answer, everybody on the machine can read its arguments.
#[test]
fn no_secret_is_in_the_arguments_of_a_process() {
    let server = Server::start();
    let setup = Setup::everything(&server).without("SLACK_BOT_TOKEN");
    let tree = tree_with("RUN-1");
    let silent = Fault {
        on: Operation::Post,
        how: How::Silence,
        committed: false,
    };
    let owing = setup.with("CREDIT_ATTEMPT_SECONDS", "0");
    owing.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    assert_eq!(
        server.world().requests,
        0,
        "it is left to the drain at once"
    );
    server.world().faults.push_back(silent);
    let mut drain = Command::new(env!("CARGO_BIN_EXE_creditctl"))
        .args(["notify", "drain", "--for", "1", "--root"])
        .arg(tree.root())
        .envs(owing.variables.iter().map(|(name, value)| (name, value)))
        .env("CREDIT_REQUEST_SECONDS", "5")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !server.world().faults.is_empty() {
        assert!(drain.try_wait().unwrap().is_none(), "it asked nobody");
        std::thread::yield_now();
    }
    let arguments = fs::read(format!("/proc/{}/cmdline", drain.id())).unwrap();
    let arguments = String::from_utf8(arguments).unwrap();
    drain.kill().unwrap();
    drain.wait().unwrap();
    assert!(arguments.contains("notify\0drain"), "{arguments}");
    for secret in [BOT, NOTION, HOOK] {
        assert!(!arguments.contains(secret), "{arguments}");
    }
}

#[test]
fn a_server_that_lies_fails_no_ingest_and_nothing_is_lost() {
    let elsewhere = Server::start();
    for how in [
        How::Portal,
        How::Flood,
        How::Trickle,
        How::Mistyped,
        How::Redirect(elsewhere.address),
        How::Echo,
    ] {
        let server = Server::start();
        let setup = Setup::everything(&server)
            .without("SLACK_BOT_TOKEN")
            .with("CREDIT_BACKOFF_SECONDS_MIN", "1")
            .with("CREDIT_BACKOFF_SECONDS_MAX", "1");
        let tree = tree_with("RUN-1");
        for on in [Operation::Post, Operation::Read, Operation::Create] {
            let committed = how == How::Mistyped;
            server
                .world()
                .faults
                .push_back(Fault { on, how, committed });
        }
        let begun = Instant::now();
        setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
        assert!(begun.elapsed() < Duration::from_secs(8), "{how:?}");
        assert_eq!(tree.lines().len(), 1);
        // What was refused is parked: it takes a person, who then has it sent again.
        for _ in 0..4 {
            setup.ctl(&tree, &["notify", "drain", "--for", "15"]);
            setup
                .ctl(&tree, &["--as", "ops-2", "notify", "release", "all"])
                .ok();
        }
        let drained = setup.ctl(&tree, &["notify", "drain", "--for", "30"]).ok();
        let world = server.world();
        assert!(world.faults.is_empty(), "{how:?}: {drained}");
        assert_eq!(world.pages.len(), 2, "{how:?}: its row and its case");
        assert_eq!(world.messages.len(), 1, "{how:?}");
        let marked = world.messages[0].text.contains("possible repeat");
        let in_doubt = matches!(how, How::Portal | How::Flood | How::Trickle);
        assert_eq!(marked, in_doubt, "{how:?}");
    }
    assert_eq!(elsewhere.world().requests, 0);
}

#[test]
fn how_patient_delivery_is_and_what_a_storm_is_are_variables() {
    let server = Server::start();
    let setup = Setup::webhook(&server).with("CREDIT_STORM_ALERTS_MAX", "1");
    let tree = Tree::new();
    let runs: String = (1..4)
        .map(|n| {
            let scenario = format!("\"S-{n}\"");
            run(&format!("RUN-{n}"), 100, &[("Scenario_ID", &scenario)])
        })
        .collect();
    tree.write("../runs.jsonl", runs);
    setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    setup.ctl(&tree, &["notify", "drain"]).ok();
    let texts: Vec<String> = server
        .world()
        .messages
        .iter()
        .map(|m| m.text.clone())
        .collect();
    assert_eq!(texts, ["3 credit alerts: 3 SEV1"]);

    for (variable, value, wanted) in [
        ("CREDIT_STORM_ALERTS_MAX", "0", "from 1 to 1000"),
        ("CREDIT_STORM_WINDOW_SECONDS", "3601", "from 1 to 3600"),
        ("CREDIT_BACKOFF_SECONDS_MIN", "ten", "from 1 to 86400"),
        ("CREDIT_BACKOFF_SECONDS_MAX", "9", "which must not be more"),
        ("CREDIT_REQUEST_SECONDS", "0", "from 1 to 60"),
        ("CREDIT_ATTEMPT_SECONDS", "-1", "from 0 to 60"),
    ] {
        let setup = Setup::webhook(&server).with(variable, value);
        setup
            .ctl(&tree, &["notify", "drain"])
            .code(1)
            .says(&[variable, wanted]);
    }
}

#[test]
fn what_will_never_be_sent_is_given_up_by_an_o3_with_a_reason() {
    let server = Server::start();
    let tree = tree_with("RUN-1");
    let setup = Setup::everything(&server).with("CREDIT_ATTEMPT_SECONDS", "0");
    setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    // The bot and Notion are no more.
    let setup = Setup::webhook(&server);
    setup.ctl(&tree, &["notify", "drain", "--for", "0"]).code(9);
    assert_eq!(server.world().requests, 0);
    let status = setup.ctl(&tree, &["notify", "status"]).ok();
    assert!(
        status.stdout.contains("no destination is set up for it"),
        "{status}"
    );
    assert!(
        status.stderr.contains("notify withdraw unreachable"),
        "{status}"
    );

    let withdraw = [
        "notify",
        "withdraw",
        "unreachable",
        "--reason",
        "the bot is gone",
    ];
    setup.ctl(&tree, &withdraw[..3]).code(2);
    setup.ctl(&tree, &withdraw).code(3);
    setup
        .ctl(&tree, &[&withdraw[..], &["--as", "ops-2"]].concat())
        .code(3);
    let lead = [&withdraw[..], &["--as", "lead-3"]].concat();
    let before = tree.files();
    let dry = setup.ctl(&tree, &[&lead[..], &["--dry-run"]].concat()).ok();
    assert!(
        dry.stdout.contains("alert/0/RUN-1 would be given up\n"),
        "{dry}"
    );
    assert!(
        dry.stdout
            .contains("1 rows for RUNS_LEDGER would be given up\n"),
        "{dry}"
    );
    support::assert_same(&before, &tree.files());
    let done = setup.ctl(&tree, &lead).ok();
    assert!(
        done.stdout.contains("alert/0/RUN-1 is given up\n"),
        "{done}"
    );
    let drained = setup.ctl(&tree, &["notify", "drain"]).ok();
    assert_eq!(drained.stdout, "0 sent, 0 to be sent, 0 parked\n");
    let events = tree.read("runs/CREDIT_MONITORING/events.jsonl");
    assert!(events.contains("the bot is gone"), "{events}");
    tree.ctl(["verify"]).ok();
    let one = [
        "notify",
        "withdraw",
        "alert/0/RUN-1",
        "--reason",
        "x",
        "--as",
        "lead-3",
    ];
    setup.ctl(&tree, &one).code(5).says(&["is not owed"]);
}

/// A SEV0 and a SEV1 run.
fn grave(tree: &Tree) {
    tree.write("config/credit-baselines.json", baselines(&[("LEAK", "10")]));
    let members = [
        ("Scenario_ID", "\"LEAK\""),
        ("Risk_Flags", r#"["pii_exposure"]"#),
    ];
    let runs = run("RUN-1", 130, &members) + &run("RUN-2", 100, &[]);
    tree.write("../runs.jsonl", runs);
}

#[test]
fn the_runbooks_kill_switch_holds_back_slack_and_nothing_else() {
    let server = Server::start();
    let tree = Tree::new();
    grave(&tree);
    // DEFAULT stays armed, and nothing falls through to it.
    let setup = Setup::webhook(&server)
        .with("SLACK_WEBHOOK_URL_SEV0", "")
        .with("SLACK_WEBHOOK_URL_SEV1", "")
        .with("SLACK_WEBHOOK_URL_SEV2", "");
    setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    setup.ctl(&tree, &["notify", "drain"]).ok();
    setup
        .ctl(&tree, &["report", "weekly", "--until", "2024-01-29"])
        .ok();
    assert_eq!(server.world().requests, 0);
    let status = setup
        .ctl(&tree, &["notify", "status", "--json"])
        .ok()
        .json();
    let of = |variable: &str| {
        let list = status["suppressed"].as_array().unwrap().clone();
        let found = list.into_iter().find(|one| one["variable"] == variable);
        found.map(|one| one["messages"].clone())
    };
    assert_eq!(of("SLACK_WEBHOOK_URL_SEV0"), Some(1.into()), "{status}");
    assert_eq!(of("SLACK_WEBHOOK_URL_SEV1"), Some(1.into()), "{status}");
    // Runs are logged, cases opened, and what is dangerous is set aside all the same.
    assert_eq!(tree.lines().len(), 2);
    let cases = tree.ctl(["case", "list", "--json"]).ok().json();
    assert_eq!(cases["cases"].as_array().unwrap().len(), 2);
    assert!(tree.path("runs/QUARANTINE/RUN-1").is_dir());
    let audit = setup.ctl(&tree, &["audit", "daily", "--json"]);
    assert!(
        audit.stdout.contains("SLACK_WEBHOOK_URL_SEV0 is empty"),
        "{audit}"
    );
}

#[test]
fn whom_it_concerns_is_configuration() {
    let server = Server::start();
    let tree = Tree::new();
    grave(&tree);
    let setup = Setup::everything(&server)
        .with("SLACK_MENTION_LEADS", "U0LEAD @eng-lead, S0MORE")
        .with("SLACK_MENTION_SECURITY", "S0SEC @security")
        .with("SLACK_SECURITY_CHANNEL", "#incidents");
    setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    let cases = tree.ctl(["case", "list", "--json"]).ok().json();
    let all = cases["cases"].as_array().unwrap();
    let sev0 = all.iter().find(|case| case["severity"] == "SEV0").unwrap();
    let case = sev0["case"].as_str().unwrap();
    for args in [
        vec!["case", "ack", case, "--as", "ops-2"],
        vec![
            "case",
            "escalate",
            case,
            "--reason",
            "all hands",
            "--as",
            "ops-2",
        ],
        vec![
            "case",
            "assess",
            case,
            "--exposure",
            "confirmed",
            "--notes",
            "x",
            "--as",
            "lead-3",
        ],
    ] {
        setup.ctl(&tree, &args).ok();
    }
    setup.ctl(&tree, &["notify", "drain", "--for", "30"]).ok();
    let world = server.world();
    let of = |to: &str, text: &str| {
        let found = world
            .messages
            .iter()
            .find(|m| m.to == to && m.text.contains(text));
        found
            .unwrap_or_else(|| panic!("{to}: {text}"))
            .body
            .to_string()
    };
    let call = of("#ops-critical", "more people are needed");
    assert!(
        call.contains("<@U0LEAD|@eng-lead> <!subteam^S0MORE>"),
        "{call}"
    );
    let exposure = of("#incidents", "Exposure confirmed");
    assert!(
        exposure.contains("<!subteam^S0SEC|@security>"),
        "{exposure}"
    );
    assert!(of("#ops-alerts", "SEV1 credit alert").contains("RUN-2"));
}

/// As the shipped unit runs it: it has no network, and another one delivers.
#[test]
fn a_report_made_without_a_network_is_announced_by_the_next_drain() {
    let server = Server::start();
    let tree = tree_with("RUN-1");
    let url = server.url(&format!("/services/T/B/{HOOK}"));
    tree.write(
        "../credentials/SLACK_WEBHOOK_URL_DEFAULT",
        format!("{url}\n"),
    );
    let credentials = tree.root().parent().unwrap().join("credentials");
    let setup = Setup::webhook(&server)
        .without("SLACK_WEBHOOK_URL_DEFAULT")
        .with("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    let unit = setup.with("CREDIT_ATTEMPT_SECONDS", "0");
    unit.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    unit.ctl(&tree, &["report", "weekly", "--until", "2024-01-29"])
        .ok();
    assert_eq!(server.world().requests, 0);
    let drain = unit.without("CREDIT_ATTEMPT_SECONDS");
    drain.ctl(&tree, &["notify", "drain"]).ok();
    let world = server.world();
    let review = world
        .messages
        .iter()
        .filter(|m| m.text.starts_with("Credit review"));
    assert_eq!(review.count(), 1);
}

#[test]
fn a_weekly_report_is_announced_to_its_reviewers_once() {
    let server = Server::start();
    let setup = Setup::everything(&server);
    let tree = tree_with("RUN-1");
    setup.ctl(&tree, &["ingest", "runs.jsonl"]).ok();
    // That the case has its thread's address by then is a decision that a report names.
    setup.ctl(&tree, &["notify", "drain"]).ok();
    let weekly = ["report", "weekly", "--until", "2024-01-29"];
    for _ in 0..2 {
        setup.ctl(&tree, &weekly).ok();
    }
    setup.ctl(&tree, &["notify", "drain"]).ok();
    let world = server.world();
    let review: Vec<_> = world
        .messages
        .iter()
        .filter(|m| m.to == "#ops-review")
        .collect();
    assert_eq!(review.len(), 1);
    assert_eq!(
        review[0].text,
        "Credit review 2024-01-22 to 2024-01-29: 100 credits"
    );
}
