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
        ("quarterly", 8),
    ] {
        let done = tree.ctl(["audit", audit, "--json"].into_iter().chain(AT));
        assert_eq!(done.code(code).json()["audit"], audit);
    }
    tree.ctl(["audit", "yearly"]).code(2);
}
