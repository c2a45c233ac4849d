//! Where alerts go with a bot: to the policy's channels, which must be there and be channels.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;

use common::{House, now};
use credit_monitor::doctor::{Environment, checks};
use credit_monitor::{Archive, Config};

const TOKEN: &str = "xoxb-000000000000-PLANTED";

/// What the check of Slack finds with a bot's token and this policy, as what it is and why.
fn found(from: &str, to: &str, off: &[&str]) -> Vec<String> {
    let house = House::new();
    let policy = fs::read_to_string(house.tree.policy()).unwrap();
    assert!(policy.contains(from), "the policy has no {from}");
    fs::write(house.tree.policy(), policy.replacen(from, to, 1)).unwrap();
    let config = Config::load(&house.tree).unwrap();
    let variable = |name: &str| {
        Ok(match name {
            "SLACK_BOT_TOKEN" => Some(TOKEN.to_owned()),
            name => off.contains(&name).then(String::new),
        })
    };
    let environment = Environment::read(Some(&config.policy().value), variable);
    let facts = Archive::new(&house.tree).examine(environment, now());
    let audit = checks(&facts, now());
    assert!(!audit.to_json().contains(TOKEN));
    let slack = audit.checks.iter().find(|check| check.id == "slack");
    let findings = slack.unwrap().findings.iter();
    findings
        .map(|f| format!("{}: {}", f.what, f.evidence))
        .collect()
}

#[test]
fn a_bot_posts_to_the_channels_of_the_policy() {
    assert_eq!(found("{", "{", &[]), [""; 0]);

    let bad = found("\"#ops-critical\"", "\"#ops critical\"", &[]);
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(
        bad[0].starts_with("SEV0 alerts cannot be posted: "),
        "{bad:?}"
    );

    // A severity without a channel of its own goes to the default one.
    assert_eq!(found("\"sev1\": \"#ops-alerts\",", "", &[]), [""; 0]);
    let none = "\"channels\": {\n      \"sev0\": \"#ops-critical\",\n      \"sev1\": \"#ops-alerts\",\n      \"sev2\": \"#ops-review\",\n      \"default\": \"#ops-monitoring\"\n    }";
    let nowhere = found(none, "\"channels\": {}", &[]);
    assert_eq!(
        nowhere,
        [
            "SEV0 alerts go nowhere: the policy wants slack_escalate, and slack.channels names no \
             channel for them",
            "SEV1 alerts go nowhere: the policy wants slack_alert, and slack.channels names no \
             channel for them"
        ]
    );
    // Whoever switched a severity off wants it so.
    let off = found(none, "\"channels\": {}", &["SLACK_WEBHOOK_URL_SEV0"]);
    assert_eq!(off, nowhere[1..]);
    assert_eq!(
        found(none, "\"channels\": {}", &["SLACK_WEBHOOK_URL_DEFAULT"]),
        [""; 0]
    );
}
