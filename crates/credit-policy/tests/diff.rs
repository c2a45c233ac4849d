//! What differs between two policies.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may panic, and shares helpers with others"
)]

mod common;

use common::policy;
use credit_policy::Policy;

fn differences(old: &Policy, new: &Policy) -> Vec<String> {
    old.differences(new)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_policy_does_not_differ_from_itself_however_it_is_written() {
    let standard = Policy::standard();
    assert!(standard.differences(&standard).is_empty());
    // Spelled otherwise, and without a key that has a default.
    let same = policy([
        ("\"multiplier\": 5,", "\"multiplier\": 5.0,"),
        ("\"max_retries\": 5,", ""),
        (
            "\"quarantine\",\n        \"block_dispatch\",",
            "\"block_dispatch\", \"quarantine\",",
        ),
    ]);
    assert!(standard.differences(&same).is_empty());
}

#[test]
fn every_kind_of_value_is_shown_with_its_path() {
    let changed = policy([
        ("\"version\": \"1.0.0\"", "\"version\": \"1.1.0\""),
        ("\"multiplier\": 1.5", "\"multiplier\": 1.500001"),
        (
            "\"pii_or_regulatory\": true",
            "\"pii_or_regulatory\": false",
        ),
        ("\"page_lock\",", ""),
        ("\"misconfig_weight\": 2", "\"legit_weight\": 2"),
        ("\"cv_below\": 0.3", "\"cv_below\": 0.25"),
        ("\"sev1\": \"#ops-alerts\",", ""),
        (
            "\"slack\":",
            "\"notion\": {\"databases\": {\"cases_id\": \"x\"}}, \"slack\":",
        ),
    ]);
    let found = differences(&Policy::standard(), &changed);
    assert_eq!(
        found,
        [
            "notion.databases.cases_id: absent became \"x\"",
            "risk_flags.sudden_prompt_growth.legit_weight: absent became 2",
            "risk_flags.sudden_prompt_growth.misconfig_weight: 2 became absent",
            "severity_policy.sev0.action: [\"quarantine\",\"block_dispatch\",\"create_case\",\
             \"page_lock\",\"slack_escalate\"] became [\"quarantine\",\"block_dispatch\",\
             \"create_case\",\"slack_escalate\"]",
            "severity_policy.sev0.pii_or_regulatory: true became false",
            "severity_policy.sev3.multiplier: 1.5 became 1.500001",
            "slack.channels.sev1: \"#ops-alerts\" became absent",
            "update_gate.cv_below: 0.3 became 0.25",
            "version: \"1.0.0\" became \"1.1.0\"",
        ]
    );
    // The other way round the same keys, old and new exchanged.
    let back = changed.differences(&Policy::standard());
    let forth = Policy::standard().differences(&changed);
    assert_eq!(back.len(), forth.len());
    for (back, forth) in back.iter().zip(&forth) {
        assert_eq!(
            (&back.path, &back.old, &back.new),
            (&forth.path, &forth.new, &forth.old)
        );
    }
}
