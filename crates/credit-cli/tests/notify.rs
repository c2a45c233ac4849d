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

use server::Server;
use support::{Done, Tree, creditctl, run};

/// `creditctl` that knows whom to tell.
fn ctl(tree: &Tree, variables: &[(&str, &str)], args: &[&str]) -> Done {
    let root = tree.root();
    let root_args = ["--root", root.to_str().unwrap()];
    let args = root_args.iter().chain(args);
    creditctl(args, variables, root.parent().unwrap(), "")
}

#[test]
fn an_alert_is_sent_by_the_ingest_or_else_by_the_drain() {
    let server = Server::start();
    let url = server.url("/services/T/B/planted-default");
    let tree = Tree::new();
    tree.write("../runs.jsonl", run("RUN-1", 100, &[]));
    let off = [("SLACK_WEBHOOK_URL_DEFAULT", url.as_str())];

    let done = ctl(&tree, &off, &["ingest", "runs.jsonl"]).ok();
    assert_eq!(server.world().messages.len(), 1, "{done}");
    let text = server.world().messages[0].text.clone();
    assert!(
        text.starts_with("SEV1 credit alert: BINDER_EXPORT_WEEKLY"),
        "{text}"
    );

    let done = ctl(&tree, &off, &["notify", "drain"]).ok();
    assert_eq!(done.stdout, "0 sent, 0 to be sent, 0 parked\n");
    assert_eq!(server.world().messages.len(), 1);
    let status = ctl(&tree, &off, &["notify", "status", "--json"])
        .ok()
        .json();
    assert_eq!(status["waiting"], 0);
    assert_eq!(status["set_up"], true);
}
