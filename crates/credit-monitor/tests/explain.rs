//! A stored verdict is explained from its record and the policy it names, or it is said why not.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::error::Error as _;
use std::fs;

use common::{House, now, run};
use credit_monitor::core::{RunFacts, Severity, Sha256};
use credit_monitor::{Archive, Unexplained};

const AT: &str = "2025-01-31T08:00:00Z";

/// A tree with one run at five times its baseline, and the line of it.
fn spike() -> (House, String) {
    let house = House::new();
    house.baselines(&[("EXPORT", "100")]);
    let kept = house.open().observe(run("R-1", "EXPORT", AT, "500"), now());
    assert_eq!(kept.unwrap().verdict.severity, Severity::Sev1);
    let line = house.read("runs/CREDIT_MONITORING/ledger.jsonl");
    (house, line.trim_end().to_owned())
}

/// Why a line is not explained, in one sentence with its cause.
#[track_caller]
fn reason(house: &House, line: &str) -> String {
    let error = Archive::new(&house.tree).explain(line).unwrap_err();
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[test]
fn what_is_configured_since_does_not_matter() {
    let (house, line) = spike();
    let before = Archive::new(&house.tree).explain(&line).unwrap();
    let facts = RunFacts::parse(&line).unwrap();
    assert_eq!(before.assessment.severity, facts.severity);
    assert_eq!(before.summary, facts.summary);
    let milder = before.changes.credits.milder.unwrap();
    assert_eq!(milder.to.to_string(), "499.999999");

    house.baselines(&[("EXPORT", "5000")]);
    let policy = fs::read_to_string(house.tree.policy()).unwrap();
    let stricter = policy.replace("\"multiplier\": 5,", "\"multiplier\": 6,");
    assert_ne!(stricter, policy);
    fs::write(house.tree.policy(), stricter).unwrap();
    assert_eq!(Archive::new(&house.tree).explain(&line).unwrap(), before);
}

#[test]
fn a_record_of_other_origin_says_what_it_does_not_keep() {
    let (house, line) = spike();
    let hash = Sha256::of(&fs::read(house.tree.policy()).unwrap());
    let foreign = line.replace(&format!("\"Policy_Sha256\":\"{hash}\","), "");
    assert_ne!(foreign, line);
    let reason = reason(&house, &foreign);
    assert!(
        reason.starts_with("the record does not keep all that its verdict came from: "),
        "{reason}"
    );
    assert!(reason.contains("`Policy_Sha256`"), "{reason}");
}

#[test]
fn a_policy_that_is_lost_changed_or_unreadable_is_named() {
    let (house, line) = spike();
    let bytes = fs::read(house.tree.policy()).unwrap();
    let object = house.tree.object(Sha256::of(&bytes));
    let path = object.display().to_string();

    fs::remove_file(&object).unwrap();
    let lost = reason(&house, &line);
    assert!(lost.starts_with(&format!("{path}: the policy that judged it cannot be read")));

    fs::write(&object, "{}").unwrap();
    let changed = reason(&house, &line);
    let found = Sha256::of(b"{}").to_string();
    assert!(
        changed.starts_with(&path) && changed.ends_with(&found),
        "{changed}"
    );

    // A policy of a version that knew other keys.
    let foreign = house.tree.object(Sha256::of(b"{}"));
    fs::write(&foreign, "{}").unwrap();
    let hash = Sha256::of(&bytes).to_string();
    let unread = reason(&house, &line.replace(&hash, &found));
    assert!(
        unread.contains("this version does not read the policy") && unread.contains("`version`"),
        "{unread}"
    );
}

#[test]
fn a_record_with_another_verdict_is_not_explained_away() {
    let (house, line) = spike();
    for (from, to) in [
        ("\"Severity\":\"SEV1\"", "\"Severity\":\"SEV4\""),
        ("\"Credits_Total\":500", "\"Credits_Total\":5000"),
        (
            "\"Misconfig_Likelihood\":\"Low\"",
            "\"Misconfig_Likelihood\":\"High\"",
        ),
    ] {
        let forged = line.replace(from, to);
        assert_ne!(forged, line, "{from}");
        let error = Archive::new(&house.tree).explain(&forged).unwrap_err();
        assert!(matches!(error, Unexplained::Differs { .. }), "{error}");
    }
}
