//! `creditctl doctor` and `creditctl notion schema`: exit codes, what they ask Notion, and that no
//! secret is shown.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

#[path = "../../credit-notify/tests/server/mod.rs"]
mod server;
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use server::{Fault, How, Operation, Server};
use support::{Done, Tree, creditctl};

const PLANTED: &str = "PLANTED-a1b2c3d4";
const DATABASE: &str = "000000000000400080000000000000db";
const SOURCE: &str = "00000000-0000-4000-8000-0000000000d5";

/// A Notion with one database, on loopback.
struct Notion {
    url: String,
    /// Its properties with their types.
    properties: Arc<Mutex<serde_json::Map<String, Value>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Notion {
    fn start(properties: Value) -> Notion {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let properties = Arc::new(Mutex::new(properties.as_object().unwrap().clone()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (known, seen) = (Arc::clone(&properties), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &known, &seen);
            }
        });
        Notion {
            url,
            properties,
            requests,
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn kind(&self, name: &str) -> Option<String> {
        let properties = self.properties.lock().unwrap();
        Some(properties.get(name)?.as_str().unwrap().to_owned())
    }
}

fn serve(
    mut stream: TcpStream,
    properties: &Mutex<serde_json::Map<String, Value>>,
    requests: &Mutex<Vec<String>>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let lower = head.to_ascii_lowercase();
    assert!(lower.contains(&format!(
        "authorization: bearer ntn_{}",
        PLANTED.to_lowercase()
    )));
    assert!(lower.contains("notion-version: 2025-09-03"));
    let length = lower.split("content-length: ").nth(1);
    let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = head.lines().next().unwrap().to_owned();
    requests.lock().unwrap().push(request.clone());
    let mut known = properties.lock().unwrap();
    if request.starts_with("PATCH ") {
        let body: Value = serde_json::from_slice(&body).unwrap();
        for (name, configuration) in body["properties"].as_object().unwrap() {
            let kind = configuration.as_object().unwrap().keys().next().unwrap();
            known.insert(name.clone(), kind.as_str().into());
        }
    }
    let answer = if request.contains("/v1/databases/") {
        json!({"data_sources": [{"id": SOURCE, "name": "CASES"}]})
    } else {
        let typed = known
            .iter()
            .map(|(name, kind)| (name.clone(), json!({"type": kind})));
        json!({"properties": typed.collect::<serde_json::Map<_, _>>()})
    };
    let answer = answer.to_string();
    let length = answer.len();
    let _gone = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}"
    );
}

fn ctl(tree: &Tree, args: &[&str], variables: &[(&str, &str)]) -> Done {
    let root = tree.root();
    let all: Vec<&str> = ["--root", root.to_str().unwrap()]
        .into_iter()
        .chain(args.iter().copied())
        .collect();
    let done = creditctl(all, variables, &root, "");
    assert!(!done.to_string().contains(PLANTED), "{done}");
    assert!(!done.stdout.contains(PLANTED) && !done.stderr.contains(PLANTED));
    done
}

fn findings(done: &Done, id: &str) -> Vec<Value> {
    let checks = done.json()["checks"].as_array().unwrap().clone();
    let check = checks.into_iter().find(|check| check["id"] == id).unwrap();
    check["findings"].as_array().unwrap().clone()
}

#[test]
fn a_new_tree_is_told_what_to_do_next_and_no_network_is_asked() {
    let tree = Tree::new();
    let before = tree.untouched();
    let done = ctl(&tree, &["doctor"], &[]).code(8);
    assert!(
        done.stdout.contains("next: export SLACK_WEBHOOK_URL_SEV0="),
        "{done}"
    );
    assert!(
        done.stdout.contains("next: creditctl ingest FILE"),
        "{done}"
    );
    support::assert_same(&before, &tree.untouched());

    let url = format!("https://hooks.slack.com/services/T0/B0/{PLANTED}");
    let token = format!("ntn_{PLANTED}");
    let variables = [
        ("SLACK_WEBHOOK_URL_DEFAULT", url.as_str()),
        ("NOTION_TOKEN", token.as_str()),
        ("NOTION_RUNS_LEDGER_DB_ID", DATABASE),
        ("NOTION_CASES_DB_ID", DATABASE),
        // Nobody is there, and nobody is asked.
        ("NOTION_BASE_URL", "http://127.0.0.1:1"),
    ];
    let done = ctl(&tree, &["doctor", "--json"], &variables).code(8);
    assert_eq!(done.error()["error"]["code"], "findings");
    let found = done.json();
    assert_eq!(found["audit"], "doctor");
    let failed: Vec<&Value> = found["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| !check["findings"].as_array().unwrap().is_empty())
        .map(|check| &check["id"])
        .collect();
    assert_eq!(failed, ["watchdog"], "{done}");
}

#[test]
fn a_secret_comes_from_a_variable_a_file_or_a_credential() {
    let tree = Tree::new();
    let secret = tree.write("../token", format!("ntn_{PLANTED}\n"));
    let of = |variables: &[(&str, &str)]| {
        let done = ctl(&tree, &["doctor", "--json"], variables);
        let checks = done.json()["checks"].as_array().unwrap().clone();
        let check = checks
            .into_iter()
            .find(|check| check["id"] == "notion")
            .unwrap();
        let value = check["figures"][0]["value"].as_str().unwrap().to_owned();
        (value, check["findings"].to_string())
    };
    let token = format!("ntn_{PLANTED}");
    let (set, _) = of(&[("NOTION_TOKEN", &token)]);
    assert!(set.starts_with("set (SHA-256 ends in "), "{set}");
    assert_eq!(
        of(&[("NOTION_TOKEN_FILE", secret.to_str().unwrap())]).0,
        set
    );
    let folder = tree.path("../credentials");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("NOTION_TOKEN"), format!("{token}\n")).unwrap();
    let folder = folder.to_str().unwrap();
    assert_eq!(of(&[("CREDENTIALS_DIRECTORY", folder)]).0, set);
    // A variable that is set to nothing switches off what a file would switch on.
    let both = [("NOTION_TOKEN", ""), ("CREDENTIALS_DIRECTORY", folder)];
    assert_eq!(of(&both).0, "off (set to nothing)");
    let (_, findings) = of(&[("NOTION_TOKEN_FILE", "/nowhere/token")]);
    assert!(
        findings.contains("NOTION_TOKEN_FILE names /nowhere/token"),
        "{findings}"
    );
}

#[test]
fn notion_is_asked_for_its_properties_and_only_what_is_missing_is_added() {
    let tree = Tree::new();
    let notion = Notion::start(json!({"Name": "title", "Status": "status", "Notes": "rich_text"}));
    let token = format!("ntn_{PLANTED}");
    let variables = [
        ("NOTION_TOKEN", token.as_str()),
        ("NOTION_CASES_DB_ID", DATABASE),
        ("NOTION_BASE_URL", notion.url.as_str()),
    ];
    let done = ctl(&tree, &["doctor", "--online", "--json"], &variables).code(8);
    let found = findings(&done, "notion_schema");
    // All of CASES but `Notes`.
    assert_eq!(found.len(), 15, "{done}");
    let named = |what: &str, next: &str| {
        let found = found.iter().find(|f| f["what"] == what);
        let found = found.unwrap_or_else(|| panic!("{what:?} is not told: {done}"));
        assert!(
            found["next_command"].as_str().unwrap().contains(next),
            "{found}"
        );
    };
    named(
        "CASES: `owner` is missing; add it as rich_text",
        "creditctl notion schema",
    );
    named(
        "CASES: `Status` is status; change its type to select",
        "in Notion",
    );
    named(
        "CASES: `Case_ID` is missing; rename the title property `Name` to it",
        "in Notion",
    );

    let asked = notion.requests();
    assert!(
        asked.iter().all(|request| request.starts_with("GET ")),
        "{asked:?}"
    );
    let done = ctl(
        &tree,
        &["notion", "schema", "--dry-run", "--json"],
        &variables,
    )
    .code(8);
    assert_eq!(done.json()["added"], false, "{done}");
    assert_eq!(notion.requests().len(), asked.len() + 2);
    assert_eq!(notion.kind("owner"), None);

    let done = ctl(&tree, &["notion", "schema", "--yes", "--json"], &variables).code(8);
    assert_eq!(
        done.json()["databases"][0]["left"]
            .as_array()
            .unwrap()
            .len(),
        2,
        "{done}"
    );
    assert_eq!(notion.kind("owner").as_deref(), Some("rich_text"));
    assert_eq!(notion.kind("Created_At").as_deref(), Some("date"));
    // Nothing that was there has another type, and the title is a person's to rename.
    assert_eq!(notion.kind("Status").as_deref(), Some("status"));
    assert_eq!(notion.kind("Case_ID"), None);

    {
        let mut properties = notion.properties.lock().unwrap();
        properties.remove("Name");
        properties.insert("Case_ID".to_owned(), "title".into());
        properties.insert("Status".to_owned(), "select".into());
    }
    let done = ctl(&tree, &["notion", "schema"], &variables).ok();
    assert!(done.stdout.contains("Case_ID"), "{done}");
    let done = ctl(&tree, &["doctor", "--online", "--json"], &variables).code(8);
    assert!(findings(&done, "notion_schema").is_empty(), "{done}");
}

#[test]
fn slack_is_asked_who_the_bot_is_and_what_its_token_allows() {
    let tree = Tree::new();
    let server = Server::start();
    let (token, base) = (format!("xoxb-{PLANTED}"), server.url("/api"));
    let variables = [
        ("SLACK_BOT_TOKEN", token.as_str()),
        ("SLACK_BASE_URL", base.as_str()),
    ];
    let ask = || ctl(&tree, &["doctor", "--online", "--json"], &variables).code(8);
    let bot = |done: &Done| {
        let checks = done.json()["checks"].as_array().unwrap().clone();
        checks
            .into_iter()
            .find(|check| check["id"] == "slack_bot")
            .unwrap()
    };
    server.world().scopes = Some("channels:read,chat:write");
    let check = bot(&ask());
    assert_eq!(check["findings"], json!([]));
    assert_eq!(check["figures"][0]["value"], "credit-bot in Acme");
    // Slack does not always say what a token allows.
    server.world().scopes = None;
    assert_eq!(bot(&ask())["findings"], json!([]));

    server.world().scopes = Some("channels:read,users:read");
    let found = bot(&ask())["findings"].clone();
    assert_eq!(
        found[0]["what"],
        "the bot's token does not allow `chat:write`"
    );
    let next = found[0]["next_command"].as_str().unwrap();
    assert!(next.starts_with("add the scope chat:write"), "{next}");

    for (how, why) in [
        (How::Portal, "no answer of Slack's"),
        (How::Status(503), "503"),
        (How::Drop, "no answer"),
        (How::Echo, "***"),
    ] {
        let fault = Fault {
            on: Operation::Identity,
            how,
            committed: false,
        };
        server.world().faults.push_back(fault);
        let found = bot(&ask())["findings"].clone();
        assert_eq!(found[0]["what"], "the bot cannot be asked about", "{how:?}");
        let evidence = found[0]["evidence"].as_str().unwrap();
        assert!(
            evidence.contains(why) || how == How::Drop,
            "{how:?}: {evidence}"
        );
    }
    assert_eq!(server.world().messages.len(), 0, "nothing is posted");
    // Without `--online` nobody is asked.
    let before = server.world().requests;
    let done = ctl(&tree, &["doctor", "--json"], &variables).code(8);
    assert_eq!(bot(&done)["figures"][0]["name"], "not asked");
    assert_eq!(server.world().requests, before);
}

/// On a terminal it asks before it changes a database, and a no changes nothing.
#[test]
fn notion_schema_asks_first() {
    if Command::new("script").arg("--version").output().is_err() {
        let told = writeln!(
            std::io::stderr(),
            "SKIPPED: there is no script to make a terminal"
        );
        return told.unwrap();
    }
    let tree = Tree::new();
    let notion = Notion::start(json!({"Case_ID": "title"}));
    for (answer, added) in [("n\n", false), ("\n", false), ("y\n", true)] {
        let before = notion.requests().len();
        let command = format!(
            "{} --root {} notion schema",
            env!("CARGO_BIN_EXE_creditctl"),
            tree.root().display()
        );
        let mut child = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("NOTION_TOKEN", format!("ntn_{PLANTED}"))
            .env("NOTION_CASES_DB_ID", DATABASE)
            .env("NOTION_BASE_URL", &notion.url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(answer.as_bytes())
            .unwrap();
        let done = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(shown.contains("add to Notion: "), "{answer:?}: {shown}");
        assert!(shown.contains("[y/N]"), "{answer:?}: {shown}");
        let patched = notion
            .requests()
            .iter()
            .skip(before)
            .any(|r| r.starts_with("PATCH "));
        assert_eq!(patched, added, "{answer:?}: {shown}");
        assert_eq!(notion.kind("owner").is_some(), added, "{answer:?}");
    }
}

#[test]
fn a_notion_that_is_not_there_is_a_finding_and_for_schema_a_failure() {
    let tree = Tree::new();
    let token = format!("ntn_{PLANTED}");
    let variables = [
        ("NOTION_TOKEN", token.as_str()),
        ("NOTION_CASES_DB_ID", DATABASE),
        ("NOTION_BASE_URL", "http://127.0.0.1:1"),
    ];
    let done = ctl(&tree, &["doctor", "--online", "--json"], &variables).code(8);
    let found = findings(&done, "notion_schema");
    assert_eq!(found[0]["what"], "CASES cannot be looked at", "{done}");
    ctl(&tree, &["notion", "schema"], &variables)
        .code(5)
        .says(&["CASES cannot be looked at"]);
    ctl(&tree, &["notion", "schema"], &[])
        .code(5)
        .says(&["NOTION_TOKEN is not set"]);
    ctl(
        &tree,
        &["notion", "schema"],
        &[("NOTION_TOKEN", token.as_str())],
    )
    .code(5)
    .says(&["no Notion database is named"]);
    // Whoever may not set up a tree may not set up Notion.
    ctl(&tree, &["--as", "ops-1", "notion", "schema"], &variables).code(3);
}
