//! `creditctl audit`: its exit codes, its table and its JSON.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use support::{BASELINES, POLICY, Tree, baselines, run};

const AT: [&str; 2] = ["--at", "2024-01-23T11:00:00Z"];

fn tree() -> Tree {
    let tree = Tree::new();
    tree.write(BASELINES, baselines(&[("BINDER_EXPORT_WEEKLY", "100")]));
    let at = [("Timestamp", "\"2024-01-23T10:00:00Z\"")];
    tree.ingest(run("R-1", 100, &at)).ok();
    tree
}

#[test]
fn a_clean_day_ends_with_0_and_a_changed_policy_with_8() {
    let tree = tree();
    let daily = ["audit", "daily"].into_iter().chain(AT);
    let done = tree.ctl(daily.clone()).ok();
    assert!(done.stdout.contains("passed"), "{done}");
    assert!(!done.stdout.contains("next:"), "{done}");

    let policy = tree.read(POLICY);
    tree.write(POLICY, format!("{policy}\n"));
    let done = tree.ctl(daily.clone()).code(8);
    assert!(
        done.stdout.contains("next: creditctl policy adopt"),
        "{done}"
    );
    let done = tree.ctl(daily.chain(["--json"])).code(8);
    let audit = done.json();
    assert_eq!(audit["audit"], "daily");
    assert_eq!(audit["passed"], false);
    let checks = audit["checks"].as_array().unwrap();
    let config = checks.iter().find(|check| check["id"] == "config").unwrap();
    assert_eq!(config["findings"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(done.error()["error"]["code"], "findings");
}

#[test]
fn every_audit_answers_and_an_unknown_one_is_a_usage_error() {
    let tree = tree();
    for (audit, code) in [
        ("daily", 0),
        ("weekly", 8),
        ("monthly", 0),
        ("quarterly", 0),
    ] {
        let done = tree.ctl(["audit", audit, "--json"].into_iter().chain(AT));
        assert_eq!(done.code(code).json()["audit"], audit);
    }
    tree.ctl(["audit", "yearly"]).code(2);
}

/// What a month's and a quarter's audit tell of thresholds and policies, to people and to scripts.
#[test]
fn what_policies_made_of_the_runs_is_shown() {
    let tree = tree();
    let policy = support::sha256(tree.read(POLICY));
    let at = "2024-01-23T10:00:00Z";
    for (audit, line) in [
        (
            "monthly",
            format!(
                "policy: under {policy}: 1 runs from {at} to {at}, 0 SEV0, 0 SEV1, 0 SEV2, 0 SEV3, \
                 1 SEV4"
            ),
        ),
        (
            "quarterly",
            "thresholds: SEV1 from 4 times instead of 5: 0 runs graver, 0 milder; 0 alerts instead \
             of 0; misconfigurations: 0 more found, 0 missed; legitimate loads: 0 more alerted, 0 \
             spared"
                .to_owned(),
        ),
    ] {
        let args = ["audit", audit].into_iter().chain(AT);
        let done = tree.ctl(args.clone()).ok();
        assert!(done.stdout.lines().any(|shown| shown == line), "{line}: {done}");
        let json = tree.ctl(args.chain(["--json"])).ok().json();
        let checks = json["checks"].as_array().unwrap();
        let figures = checks.iter().flat_map(|check| {
            let figures = check["figures"].as_array().unwrap().iter();
            figures.map(move |figure| {
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                format!(
                    "{}: {}: {}",
                    text(&check["id"]),
                    text(&figure["name"]),
                    text(&figure["value"])
                )
            })
        });
        assert!(figures.into_iter().any(|figure| figure == line), "{done}");
    }
}

/// The runbook's kill switch by hand: nobody recorded it, so the audit does.
#[test]
fn alerts_that_the_environment_switches_off_are_found_unless_an_o3_muted_them() {
    let tree = tree();
    let off = [
        ("SLACK_WEBHOOK_URL_SEV0", ""),
        ("SLACK_WEBHOOK_URL_SEV1", " "),
        ("SLACK_WEBHOOK_URL_SEV2", ""),
    ];
    let root = tree.root();
    let ctl = |variables: &[(&str, &str)], args: &[&str]| {
        let args = [&["--root", root.to_str().unwrap()], args].concat();
        support::creditctl(args, variables, root.parent().unwrap(), "")
    };
    let kill_switch = |variables: &[(&str, &str)]| -> Vec<String> {
        let audit = ctl(variables, &["audit", "daily", "--json"]).code(8).json();
        let checks = audit["checks"].as_array().unwrap().clone();
        let check = checks
            .into_iter()
            .find(|check| check["id"] == "kill_switch");
        let findings = check.unwrap()["findings"].as_array().unwrap().clone();
        let whats = findings
            .iter()
            .map(|finding| finding["what"].as_str().unwrap());
        whats.map(str::to_owned).collect()
    };
    assert_eq!(kill_switch(&[]), [] as [&str; 0]);
    let text = ctl(&off, &["audit", "daily"]).code(8).stdout;
    for severity in ["SEV0", "SEV1", "SEV2"] {
        let what =
            format!("SLACK_WEBHOOK_URL_{severity} is empty, so alerts of {severity} are off");
        assert!(text.contains(&format!("kill_switch: {what}\n")), "{text}");
    }
    // A run that nobody heard of stays a finding when the variables are set again.
    tree.write("../spike.jsonl", run("R-SPIKE", 700, &[]));
    ctl(&off, &["ingest", "spike.jsonl"]).ok();
    assert_eq!(kill_switch(&[]), ["messages about SEV1 that nobody got: 1"]);
    let mute = ["alerts", "mute", "--reason", "a storm", "--as", "lead-3"];
    ctl(&off, &mute).ok();
    let found = kill_switch(&off);
    let tells = |what: &str| found.iter().any(|found| found.contains(what));
    // SEV0 must be named.
    assert!(tells("alerts of SEV0 are off"), "{found:?}");
    assert!(!tells("alerts of SEV1 are off"), "{found:?}");
}
