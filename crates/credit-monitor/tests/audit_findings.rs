//! Every check of the weekly, monthly and quarterly audits that can fail, made to fail in a tree,
//! and what every finding says.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::fs;

use common::{House, now, operator, run, steady};
use credit_monitor::baseline::Window;
use credit_monitor::core::{CaseId, CaseStatus, RiskFlags, RootCause, Sha256, Timestamp};
use credit_monitor::governance::audit::{Audit, Finding};
use credit_monitor::governance::{
    Actor, Approval, BackfillEnded, BackfillStarted, CaseAcknowledged, CaseResolved,
    CaseStatusChanged, MitigationDocumented, RootCauseFound, Text, Verb, What,
};
use credit_monitor::notify::routing::Webhooks;
use credit_monitor::{Archive, Candidate, Error, Grounds, Monitor};

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ops() -> Actor {
    operator("ops-2:O2")
}

fn lead() -> Actor {
    operator("lead-3:O3")
}

/// A house with a steady scenario, whose runs and case are left out of what is looked at.
fn house() -> House {
    let house = House::new();
    house.baselines(&[("EXPORT", "100"), ("MAIL", "10")]);
    house
}

/// What one check found.
fn found(audit: &Audit, id: &str) -> Vec<Finding> {
    let check = audit.checks.iter().find(|check| check.id == id).unwrap();
    for finding in &check.findings {
        assert!(!finding.what.is_empty() && !finding.evidence.is_empty());
        let command = &finding.next_command;
        assert!(command.starts_with("creditctl "), "{command}");
    }
    check.findings.clone()
}

/// That a check found one thing: what, how it is known, and the next command, each by its start.
#[track_caller]
fn assert_found(audit: &Audit, id: &str, [what, evidence, next]: [&str; 3]) {
    let found = found(audit, id);
    assert_eq!(found.len(), 1, "{found:?}");
    let finding = &found[0];
    assert!(finding.what.starts_with(what), "{finding:?}");
    assert!(finding.evidence.contains(evidence), "{finding:?}");
    assert!(finding.next_command.starts_with(next), "{finding:?}");
}

/// A SEV1 run and its case.
fn spike(monitor: &Monitor, id: &str) -> CaseId {
    let spike = run(id, "MAIL", "2025-01-31T10:00:00Z", "60");
    monitor.observe(spike, now()).unwrap().case.unwrap()
}

fn decide(monitor: &Monitor, who: &Actor, what: What) {
    let kind = what.kind();
    let decided = monitor.decide(who, what, now());
    decided.unwrap_or_else(|e| panic!("{kind}: {e}"));
}

fn acknowledge(monitor: &Monitor, case: &CaseId) {
    let case = case.clone();
    decide(
        monitor,
        &ops(),
        What::CaseAcknowledged(CaseAcknowledged { case }),
    );
}

fn confirm(monitor: &Monitor, case: &CaseId) {
    let found = RootCauseFound {
        case: case.clone(),
        root_cause: RootCause::ExternalDependency,
        explanation: text("the other side was slow"),
    };
    decide(monitor, &lead(), What::RootCauseConfirmed(found));
}

#[test]
fn an_open_case_without_news_and_a_resolved_one_of_long_ago() {
    let house = house();
    let monitor = house.open();
    let case = spike(&monitor, "M-1");
    let weekly = |now: &str| Archive::new(&house.tree).audit_weekly(at(now)).unwrap();
    assert_eq!(found(&weekly("2025-02-15T09:59:59Z"), "stale_cases"), []);
    let late = weekly("2025-02-15T10:00:00Z");
    let show = format!("creditctl case show {case}");
    let evidence = "last recorded at 2025-02-01T10:00:00Z";
    assert_found(&late, "stale_cases", [case.as_str(), evidence, &show]);

    acknowledge(&monitor, &case);
    confirm(&monitor, &case);
    let case = || case.clone();
    let mitigation = text("waits longer now");
    decide(
        &monitor,
        &ops(),
        What::MitigationDocumented(MitigationDocumented {
            case: case(),
            mitigation,
        }),
    );
    let (from, to) = (CaseStatus::Investigating, CaseStatus::Mitigating);
    decide(
        &monitor,
        &ops(),
        What::CaseStatusChanged(CaseStatusChanged {
            case: case(),
            from,
            to,
        }),
    );
    let note = text("watched");
    decide(
        &monitor,
        &lead(),
        What::CaseResolved(CaseResolved { case: case(), note }),
    );
    assert_eq!(found(&weekly("2025-03-03T09:59:59Z"), "archive"), []);
    let late = weekly("2025-03-03T10:00:00Z");
    assert_eq!(found(&late, "stale_cases"), []);
    let archive = ["CASE-", "2025-02-01T10:00:00Z", "creditctl case archive"];
    assert_found(&late, "archive", archive);
}

/// Two approvals that lead nowhere: a rerun that never began, a baseline that was never written.
#[test]
fn an_approval_that_nobody_used() {
    let house = house();
    let monitor = house.open();
    let case = spike(&monitor, "M-1");
    acknowledge(&monitor, &case);
    confirm(&monitor, &case);
    let id = "M-1".parse().unwrap();
    monitor
        .request_rerun(&id, text("month end"), &ops(), now())
        .unwrap();
    let mitigation = text("waits longer now");
    let approved = monitor.approve_rerun(&id, mitigation, RiskFlags::NONE, None, &lead(), now());
    let approved = approved.unwrap().id().to_string();
    let monthly = |now| Archive::new(&house.tree).audit_monthly(now).unwrap();
    assert_eq!(found(&monthly(now()), "approvals"), []);
    let rerun = "the approved rerun of M-1 never began";
    let late = monthly(at("2025-02-02T10:00:00Z"));
    assert_found(
        &late,
        "approvals",
        [rerun, &approved, "creditctl rerun status M-1"],
    );
    monitor
        .deny_rerun(&id, text("too late"), &lead(), now())
        .unwrap();
    assert_eq!(found(&monthly(at("2025-02-02T10:00:00Z")), "approvals"), []);

    propose(&monitor);
    let weekly = Archive::new(&house.tree).audit_weekly(now()).unwrap();
    let waits = found(&weekly, "baselines");
    let waits = waits
        .iter()
        .find(|f| f.what.contains("waits for an O3"))
        .unwrap();
    assert!(
        waits.what.contains("EXPORT") && waits.evidence.contains("by ops-2"),
        "{waits:?}"
    );
    // The approval is recorded, but its note cannot be written.
    fs::write(house.tree.baseline_updates(), "in the way").unwrap();
    let scenario = "EXPORT".parse().unwrap();
    let failed = monitor.approve_baseline(&scenario, &lead(), now());
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
    fs::remove_file(house.tree.baseline_updates()).unwrap();
    let what = "the approved baseline of EXPORT is not in force";
    let next = "creditctl baseline update --scenario EXPORT --approve";
    assert_found(&monthly(now()), "approvals", [what, "O3-lead-3-", next]);
    monitor.approve_baseline(&scenario, &lead(), now()).unwrap();
    assert_eq!(found(&monthly(now()), "approvals"), []);
}

fn propose(monitor: &Monitor) {
    monitor.observe_all(steady("EXPORT"), now()).unwrap();
    let grounds = Grounds {
        reasons: vec!["weekly".to_owned()],
        ..Grounds::default()
    };
    let window = Window {
        as_of: now(),
        days: 30,
    };
    let scenario = "EXPORT".parse().unwrap();
    let proposed = monitor.propose_baseline(&scenario, window, grounds, &ops(), now());
    proposed.unwrap();
}

#[test]
fn a_baseline_whose_note_is_gone() {
    let house = house();
    let monitor = house.open();
    propose(&monitor);
    let change = monitor.approve_baseline(&"EXPORT".parse().unwrap(), &lead(), now());
    let approval = change.unwrap().approval_id;
    let monthly = || Archive::new(&house.tree).audit_monthly(now()).unwrap();
    assert_eq!(found(&monthly(), "rationales"), []);
    fs::remove_dir_all(house.tree.baseline_updates()).unwrap();
    let what = "the change of the baseline of EXPORT has no rationale";
    let next = "creditctl baseline history --scenario EXPORT";
    assert_found(&monthly(), "rationales", [what, &approval, next]);
}

#[test]
fn a_policy_adopted_untried() {
    let house = house();
    let monitor = house.open();
    monitor
        .observe(run("R-1", "EXPORT", "2025-01-31T10:00:00Z", "100"), now())
        .unwrap();
    let path = house.tree.policy();
    let old = Sha256::of(&fs::read(&path).unwrap()).to_string();
    let policy = fs::read_to_string(&path).unwrap() + "\n";
    fs::write(&path, policy).unwrap();
    let quarterly = || Archive::new(&house.tree).audit_quarterly(now()).unwrap();
    assert_eq!(found(&quarterly(), "governance_log"), []);
    let adopted = monitor.adopt_policy(&Candidate::InPlace, text("spacing"), None, &lead(), now());
    let adopted = adopted.unwrap().unwrap().to_json();
    assert!(adopted.contains(&old), "{adopted}");
    let new = Sha256::of(&fs::read(&path).unwrap()).to_string();
    let what = format!("policy {new} was adopted without a backtest");
    let next = "creditctl policy backtest";
    assert_found(&quarterly(), "governance_log", [&what, "by lead-3", next]);
}

#[test]
fn a_backfill_that_nobody_ended() {
    let house = house();
    let monitor = house.open();
    let backfill = BackfillStarted {
        scenario_id: "EXPORT".parse().unwrap(),
        reason: text("a lost week"),
        expires: at("2025-02-03T10:00:00Z"),
    };
    let approval = Approval::alone(&lead(), Verb::StartBackfill, backfill).unwrap();
    monitor.enact(approval, now()).unwrap();
    // The flag in the scenario's file counts as long as the backfill does, and no longer if it is
    // forgotten there; what a run says of itself counts as it says.
    let scenario = house.tree.scenario(&"EXPORT".parse().unwrap());
    fs::create_dir_all(scenario.parent().unwrap()).unwrap();
    fs::write(scenario, r#"{"is_backfill":true,"max_items":5}"#).unwrap();
    let flag = credit_monitor::core::RiskFlag::BackfillMode;
    for (n, (at, claims, counts)) in [
        ("2025-02-03T09:59:59Z", false, true),
        ("2025-02-03T10:00:00Z", false, false),
        ("2025-02-03T10:00:00Z", true, true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut run = run(&format!("R-{n}"), "EXPORT", at, "100");
        run.is_backfill = claims.then_some(true);
        let classified = credit_monitor::Config::load(&house.tree).unwrap();
        let classified = classified.judge(run.clone()).unwrap().assessment;
        let verdict = monitor.observe(run, now()).unwrap().verdict;
        for flags in [verdict.risk_flags, classified.risk_flags] {
            assert_eq!(flags.contains(flag), counts, "{at}, {claims}: {flags:?}");
        }
    }
    let daily = |now: &str| {
        let archive = Archive::new(&house.tree);
        archive.audit_daily(&Webhooks::none(), at(now)).unwrap()
    };
    let claimed = found(&daily("2025-02-03T09:59:59Z"), "backfills");
    assert_eq!(claimed.len(), 1);
    assert!(
        claimed[0].what.starts_with("R-2 claims a backfill"),
        "{claimed:?}"
    );
    let late = found(&daily("2025-02-03T10:00:00Z"), "backfills");
    assert_eq!(late.len(), 2);
    assert_eq!(late[0].what, "the backfill of EXPORT was forgotten");
    assert!(late[0].evidence.contains("begun by lead-3"), "{late:?}");
    assert_eq!(
        late[0].next_command,
        "creditctl backfill end --scenario EXPORT"
    );
    let ended = BackfillEnded {
        scenario_id: "EXPORT".parse().unwrap(),
        note: text("done"),
    };
    decide(&monitor, &lead(), What::BackfillEnded(ended));
    assert_eq!(
        found(&daily("2025-02-03T10:00:00Z"), "backfills").len(),
        2,
        "both are claims now"
    );
}
