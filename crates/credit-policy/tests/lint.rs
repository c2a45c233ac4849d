//! What is odd about a valid policy: each finding where it is due, and none where it is not.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test may panic, and shares helpers with others"
)]

mod common;

use common::edited;
use credit_core::{Action, Multiplier};
use credit_policy::{Finding, Level, STANDARD_JSON, lint};
use proptest::prelude::*;

/// The warnings on the standard policy with these edits.
#[track_caller]
fn warnings<'a>(edits: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Finding> {
    let mut findings = lint(&edited(edits)).unwrap();
    findings.retain(|finding| finding.level == Level::Warning);
    findings
}

/// The one warning that an edit brings, in the line that first contains `mark`.
#[track_caller]
fn check<'a>(
    edits: impl IntoIterator<Item = (&'a str, &'a str)>,
    mark: &str,
    path: &str,
    what: &str,
) {
    let text = edited(edits);
    let line = text
        .lines()
        .position(|line| line.contains(mark))
        .map(|i| i + 1);
    let mut found = lint(&text).unwrap();
    found.retain(|finding| finding.level == Level::Warning);
    assert_eq!(found.len(), 1, "{found:#?}");
    let place = (
        found[0].line,
        found[0].path.as_str(),
        found[0].what.as_str(),
    );
    assert_eq!(place, (line, path, what));
    assert!(!found[0].why.is_empty() && !found[0].remedy.is_empty());
}

/// The findings that an edit brings besides those of the standard policy, as `path: what`.
#[track_caller]
fn notes<'a>(edits: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let standard = lint(STANDARD_JSON).unwrap();
    let is_new = |f: &Finding| {
        !standard
            .iter()
            .any(|s| (&s.path, &s.what) == (&f.path, &f.what))
    };
    let mut found = lint(&edited(edits)).unwrap();
    found.retain(is_new);
    assert!(found.iter().all(|f| f.level == Level::Note), "{found:#?}");
    found
        .iter()
        .map(|f| format!("{}: {}", f.path, f.what))
        .collect()
}

#[test]
fn the_standard_policy_has_notes_and_no_warning() {
    let found = lint(STANDARD_JSON).unwrap();
    let found: Vec<String> = found
        .iter()
        .map(|f| format!("{} {}: {}", f.level, f.path, f.what))
        .collect();
    assert_eq!(
        found,
        [
            "note risk_flags.deployment_correlation.misconfig_weight: weighs nothing",
            "note risk_flags.linear_scaling.legit_weight: weighs nothing",
            "note risk_flags.pii_exposure.misconfig_weight: weighs nothing",
            "note risk_flags.regulatory_data.misconfig_weight: weighs nothing",
            "note slack.channels.sev2: no alert of SEV2 is posted there",
            "note slack.channels.default: every severity that posts an alert has a channel of \
             its own",
        ]
    );
}

#[test]
fn the_originals_policy_has_only_what_nothing_uses() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/original/sintraprime-policy.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no policy of the original at {path}");
        return;
    };
    let found = lint(&text).unwrap();
    let found: Vec<(Level, &str)> = found.iter().map(|f| (f.level, f.path.as_str())).collect();
    assert_eq!(
        found,
        [
            (Level::Note, "slack.channels.sev2"),
            (Level::Note, "slack.channels.default"),
        ]
    );
}

#[test]
fn a_text_that_is_no_policy_is_refused() {
    let error = lint("{}").unwrap_err();
    assert_eq!(error.path, "version");
}

#[test]
fn likelihoods_out_of_reach() {
    check(
        [("\"high\": 6", "\"high\": 14")],
        "\"high\"",
        "likelihood.high",
        "no run can be High: all flags together score at most 13",
    );
    assert!(warnings([("\"high\": 6", "\"high\": 13")]).is_empty());
    // Nothing lies between 13 and 14.
    let found = warnings([
        ("\"high\": 6", "\"high\": 13"),
        ("\"medium\": 3", "\"medium\": 12"),
    ]);
    let paths: Vec<&str> = found.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["likelihood.medium"]);
    assert_eq!(
        found[0].what,
        "no run can be Medium: no set of flags scores between the cut-offs"
    );
}

#[test]
fn a_weight_that_changes_no_likelihood() {
    // All else counts by forties, and so do the cut-offs: one point never tips anything.
    let file = STANDARD_JSON
        .replace("\"misconfig_weight\": 3", "\"misconfig_weight\": 40")
        .replace("\"misconfig_weight\": 4\n", "\"misconfig_weight\": 40\n")
        .replace("\"misconfig_weight\": 2", "\"misconfig_weight\": 1")
        .replace("\"legit_weight\": 3", "\"legit_weight\": 40")
        .replace("\"legit_weight\": 4\n", "\"legit_weight\": 40\n")
        .replace("\"high\": 6", "\"high\": 80")
        .replace("\"medium\": 3", "\"medium\": 40");
    let found = lint(&file).unwrap();
    let found: Vec<(&str, &str)> = found
        .iter()
        .filter(|f| f.level == Level::Warning)
        .map(|f| (f.path.as_str(), f.what.as_str()))
        .collect();
    assert_eq!(
        found,
        [(
            "risk_flags.sudden_prompt_growth.misconfig_weight",
            "1 points never change a likelihood"
        )]
    );
}

#[test]
fn severities_that_no_backfill_reaches() {
    let any_spike = (
        "\"pii_or_regulatory\": true",
        "\"pii_or_regulatory\": false",
    );
    check(
        [
            any_spike,
            ("\"threshold_scale\": 1.4", "\"threshold_scale\": 2"),
        ],
        "\"multiplier\": 5,",
        "severity_policy.sev1.multiplier",
        "no backfill can be SEV1",
    );
    let scale = ("\"threshold_scale\": 1.4", "\"threshold_scale\": 1.999999");
    assert!(warnings([any_spike, scale]).is_empty());
    // With a critical flag as a condition, ordinary backfills are still SEV1.
    assert!(warnings([("\"threshold_scale\": 1.4", "\"threshold_scale\": 2")]).is_empty());
    let scale = ("\"threshold_scale\": 1.4", "\"threshold_scale\": 7");
    assert_eq!(warnings([any_spike, scale]).len(), 3);
}

#[test]
fn what_counts_as_healthy() {
    check(
        [("\"max_retries\": 1\n", "\"max_retries\": 6\n")],
        "\"max_retries\": 6",
        "healthy.max_retries",
        "6 retries are healthy, and from 6 on they are a loop",
    );
    assert!(warnings([("\"max_retries\": 1\n", "\"max_retries\": 5\n")]).is_empty());
    check(
        [("\"Success\"\n", "\"Success\", \"Quarantined\"\n")],
        "\"Quarantined\"",
        "review_windows.healthy_run_statuses[1]",
        "a quarantined run never counts towards a baseline",
    );
}

#[test]
fn actions_that_contradict_or_need_each_other() {
    check(
        [(
            "\"weekly_review\"\n",
            "\"weekly_review\", \"ledger_only\"\n",
        )],
        "\"weekly_review\", \"ledger_only\"",
        "severity_policy.sev2.action[2]",
        "`ledger_only` stands beside `log_case_optional`",
    );
    check(
        [("\"block_dispatch\",", "")],
        "\"quarantine\"",
        "severity_policy.sev0.action[0]",
        "`quarantine` stands without `block_dispatch`",
    );
    check(
        [("\"create_case\",\n        \"page_lock\"", "\"page_lock\"")],
        "\"page_lock\"",
        "severity_policy.sev0.action[2]",
        "`page_lock` needs a case, and no action of SEV0 opens one",
    );
    check(
        [(
            "\"create_case\",\n        \"slack_alert\"",
            "\"slack_alert\"",
        )],
        "\"require_ack_before_rerun\"",
        "severity_policy.sev1.action[0]",
        "`require_ack_before_rerun` needs a case, and no action of SEV1 opens one",
    );
    check(
        [(
            "\"ledger_only\"\n      ]\n    }\n  },",
            "\"require_ack\"\n      ]\n    }\n  },",
        )],
        "\"require_ack\"",
        "severity_policy.sev4.action[0]",
        "`require_ack` needs a case, and no action of SEV4 opens one",
    );
    // A case that is opened only if a pattern persists is a case.
    assert!(warnings([("\"weekly_review\"\n", "\"weekly_review\", \"page_lock\"\n")]).is_empty());
}

#[test]
fn alerts_without_a_channel() {
    check(
        [
            ("\"sev1\": \"#ops-alerts\",", ""),
            ("\"sev2\": \"#ops-review\",\n      \"default\"", "\"sev2\""),
        ],
        "\"slack_alert\"",
        "severity_policy.sev1.action[2]",
        "`slack_alert` has no channel",
    );
    // The default is enough, and then it is used.
    let found = lint(&edited([("\"sev1\": \"#ops-alerts\",", "")])).unwrap();
    assert!(found.iter().all(|f| f.level == Level::Note));
    assert!(found.iter().all(|f| f.path != "slack.channels.default"));
}

#[test]
fn what_changes_nothing_is_a_note() {
    assert_eq!(
        notes([("\"threshold_scale\": 1.4", "\"threshold_scale\": 1")]),
        ["backfill.threshold_scale: relaxes nothing"]
    );
    assert_eq!(
        notes([("\"slack_escalate\"", "\"slack_escalate\", \"slack_alert\"")]),
        ["severity_policy.sev0.action[5]: `slack_alert` adds nothing to `slack_escalate`"]
    );
    let without_cases = [
        ("\"create_case\",\n        \"page_lock\",", ""),
        (
            "\"require_ack_before_rerun\",\n        \"create_case\",",
            "",
        ),
        ("\"log_case_optional\",", ""),
        (
            "\"slack\":",
            "\"notion\": {\"databases\": {\"cases_id\": \"x\"}}, \"slack\":",
        ),
    ];
    assert_eq!(
        notes(without_cases),
        ["notion.databases.cases_id: no action of any severity opens a case"]
    );
    assert!(notes(without_cases[1..].to_vec()).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a policy says, every finding has words, and a line unless its key is absent.
    #[test]
    fn every_finding_has_its_place(
        actions in proptest::sample::subsequence(Action::ALL.to_vec(), 1..=Action::ALL.len()),
        scale in 1_000_000_u64..=10_000_000,
        high in 2_u32..=40,
        needs in any::<bool>(),
    ) {
        let actions: Vec<String> = actions.iter().map(|a| format!("\"{a}\"")).collect();
        let list = format!("[{}]", actions.join(","));
        let scale = format!("\"threshold_scale\": {}", Multiplier::from_micro(scale));
        let high = format!("\"high\": {}", high.max(4));
        let needs = format!("\"pii_or_regulatory\": {needs}");
        let text = edited([
            ("[\n        \"log_case_optional\",\n        \"weekly_review\"\n      ]", list.as_str()),
            ("\"threshold_scale\": 1.4", &scale),
            ("\"high\": 6", &high),
            ("\"pii_or_regulatory\": true", &needs),
        ]);
        for finding in lint(&text).unwrap() {
            let line = finding.line.unwrap();
            let key = finding.path.rsplit('.').next().unwrap().split('[').next().unwrap();
            let lines: Vec<&str> = text.lines().collect();
            // Its key stands in that line, or a list begins above it.
            let near = lines[..line].iter().rev().take(8).any(|l| l.contains(key));
            prop_assert!(near, "{finding}");
            prop_assert!(!finding.what.is_empty() && !finding.why.is_empty());
        }
    }
}
