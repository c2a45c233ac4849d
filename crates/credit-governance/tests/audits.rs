//! Each check of an audit finds what it is for, and nothing where all is well.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::*;
use credit_core::{Exposure, RootCause, Severity, Sha256};
use credit_governance::audit::{
    self, BackfillClaim, GovernedFile, GovernedKind, Suppressed, SwitchedOff,
};
use credit_governance::{
    AlertsMuted, Approval, BackfillStarted, ConfigAdopted, ConfigFile, Docket, MuteScope,
    PolicyAdopted, ReviewNoted, Rules, Verb, What,
};

const RULES: Rules = Rules::STANDARD;

/// The facts of a day on which nothing happened but one run.
fn quiet() -> audit::DailyFacts {
    audit::DailyFacts {
        last_run: Some(at(0)),
        ..audit::DailyFacts::default()
    }
}

fn hash(text: &str) -> Option<Sha256> {
    Some(Sha256::of(text.as_bytes()))
}

#[test]
fn a_quiet_day_passes_and_a_silent_one_does_not() {
    let docket = Docket::default();
    let daily = |now| audit::daily(&quiet(), &docket, &RULES, at(now));
    assert!(daily(DAY - 1).passed);
    assert_eq!(ids(&daily(DAY)), ["silence"]);
    let nothing_yet = audit::daily(&audit::DailyFacts::default(), &docket, &RULES, at(0));
    assert_eq!(ids(&nothing_yet), ["silence"]);
    let mut findings = nothing_yet.checks.iter().flat_map(|check| &check.findings);
    assert_eq!(
        findings.next().unwrap().evidence,
        "the ledger has none at all"
    );
    let json = daily(0).to_json();
    assert!(
        json.starts_with(
            r#"{"audit":"daily","at":"2025-01-31T10:00:00Z","passed":true,"checks":[{"id":"ledger","title":"both ledgers are whole","findings":[],"figures":[]},"#
        ),
        "{json}"
    );
}

#[test]
fn people_who_did_not_come_are_named() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev0);
    let mut facts = quiet();
    facts.sev0_runs = vec![run.run.clone()];
    let daily = |house: &House, now| audit::daily(&facts, &house.docket, &RULES, at(now));
    assert_eq!(ids(&daily(&house, 0)), ["sev0_cases"]);
    let case = house.observe(at(0), &run).unwrap();
    assert!(daily(&house, 15 * MINUTE - 1).passed);
    let late = daily(&house, 15 * MINUTE);
    assert_eq!(ids(&late), ["overdue"]);
    let commands: Vec<_> = late.checks[2]
        .findings
        .iter()
        .map(|f| &f.next_command)
        .collect();
    assert_eq!(
        commands,
        [
            &format!("creditctl case ack {case}"),
            &format!("creditctl case assess {case}")
        ]
    );
}

#[test]
fn a_file_changed_by_hand_is_a_finding_with_both_hashes_until_it_is_adopted() {
    let mut house = House::default();
    for (path, kind) in [
        ("config/sintraprime-policy.json", GovernedKind::Policy),
        (
            "config/scenarios/EXPORT.json",
            GovernedKind::Config(ConfigFile::Scenario(export())),
        ),
    ] {
        let facts = audit::DailyFacts {
            files: vec![GovernedFile {
                path: path.to_owned(),
                kind: kind.clone(),
                expected: hash("old"),
                found: hash("new"),
            }],
            ..quiet()
        };
        let daily = |house: &House| audit::daily(&facts, &house.docket, &RULES, at(0));
        let found = daily(&house);
        assert_eq!(ids(&found), ["config"], "{path}");
        let evidence = &found.checks[5].findings[0].evidence;
        let (old, new) = (hash("old").unwrap(), hash("new").unwrap());
        assert_eq!(*evidence, format!("old {old}, new {new}"));
        let event = match kind {
            GovernedKind::Policy => {
                let adopted = PolicyAdopted {
                    old: hash("old"),
                    new,
                    reason: text("tried"),
                    backtest_sha256: None,
                };
                let approval = Approval::alone(&lead(), Verb::AdoptPolicy, adopted).unwrap();
                house.docket.enact(at(0), approval, &RULES).unwrap()
            }
            GovernedKind::Config(file) => {
                let adopted = ConfigAdopted {
                    file,
                    old: hash("old"),
                    new: hash("new"),
                    reason: text("max_items"),
                };
                let approval = Approval::alone(&lead(), Verb::AdoptConfig, adopted).unwrap();
                house.docket.enact(at(0), approval, &RULES).unwrap()
            }
        };
        house.keep(event);
        assert!(daily(&house).passed, "{path}");
    }
    let quarterly = audit::quarterly(&audit::QuarterlyFacts::default(), &house.docket, at(0));
    assert_eq!(ids(&quarterly), ["thresholds", "governance_log"]);
}

/// The first policy has nothing to be tried against; each one after it has.
#[test]
fn a_policy_that_was_changed_untried_is_a_finding() {
    let untried = |adoptions: &[(Option<&str>, Option<&str>)]| {
        let mut house = House::default();
        for (n, (old, backtest)) in adoptions.iter().enumerate() {
            let adopted = PolicyAdopted {
                old: old.and_then(hash),
                new: hash(&format!("policy {n}")).unwrap(),
                reason: text("tried"),
                backtest_sha256: backtest.and_then(hash),
            };
            let approval = Approval::alone(&lead(), Verb::AdoptPolicy, adopted).unwrap();
            let event = house.docket.enact(at(0), approval, &RULES).unwrap();
            house.keep(event);
        }
        let facts = audit::QuarterlyFacts::default();
        let quarterly = audit::quarterly(&facts, &house.docket, at(0));
        let log = quarterly.checks.iter().find(|c| c.id == "governance_log");
        let found = log.unwrap().findings.iter().map(|f| f.what.clone());
        found.collect::<Vec<_>>()
    };
    assert_eq!(untried(&[(None, None)]), [""; 0]);
    assert_eq!(untried(&[(None, Some("a backtest"))]), [""; 0]);
    let tried = Some("a backtest");
    assert_eq!(untried(&[(None, None), (Some("policy 0"), tried)]), [""; 0]);
    let second = hash("policy 1").unwrap();
    assert_eq!(
        untried(&[(None, None), (Some("policy 0"), None)]),
        [format!("policy {second} was adopted without a backtest")]
    );
}

#[test]
fn what_left_the_quarantine_by_hand_is_found() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev0);
    house.observe(at(0), &run);
    let facts = audit::DailyFacts {
        moved_out: vec![id(&run).clone()],
        ..quiet()
    };
    let daily = |house: &House| audit::daily(&facts, &house.docket, &RULES, at(1));
    let found = daily(&house);
    assert_eq!(ids(&found), ["quarantine"]);
    assert_eq!(
        found.checks[6].findings[0].what,
        "R-1 released without approval"
    );

    let case = house.docket.case_of(id(&run)).unwrap().id.clone();
    house.acknowledge(at(1), &case).unwrap();
    house.assess(at(2), &case, Exposure::FalsePositive);
    house.note(at(2), &case, credit_governance::Topic::NoExposure);
    house.confirm_cause(at(3), &case, RootCause::Misconfig);
    house.mitigate(at(4), &case);
    house.resolve(at(5), &lead(), &case).unwrap();
    let releasable = house
        .docket
        .releasable(&run.run, true, text("over"))
        .unwrap();
    let approval = releasable.approve(&lead()).unwrap();
    let event = house.docket.release(at(6), approval).unwrap();
    house.keep(event);
    assert!(daily(&house).passed);

    let half = audit::DailyFacts {
        half_released: vec![id(&run).clone()],
        ..quiet()
    };
    let found = audit::daily(&half, &house.docket, &RULES, at(7));
    assert_eq!(ids(&found), ["quarantine"]);
    assert_eq!(
        found.checks[6].findings[0].what,
        "R-1 is released, but not all that was set aside is given back"
    );
}

#[test]
fn emergencies_nobody_recorded_or_ended_are_found() {
    let mut house = House::default();
    let facts = audit::DailyFacts {
        last_run: Some(at(3 * DAY)),
        switched_off: vec![off(Severity::Sev1)],
        backfill_claims: vec![BackfillClaim {
            run_id: "R-1".parse().unwrap(),
            scenario_id: export(),
            at: at(DAY),
        }],
        ..quiet()
    };
    let daily = |house: &House, now| ids(&audit::daily(&facts, &house.docket, &RULES, at(now)));
    assert_eq!(daily(&house, DAY), ["kill_switch", "backfills"]);
    let backfill = BackfillStarted {
        scenario_id: export(),
        reason: text("a lost week"),
        expires: at(2 * DAY),
    };
    let approval = Approval::alone(&lead(), Verb::StartBackfill, backfill).unwrap();
    house.keep(house.docket.enact(at(0), approval, &RULES).unwrap());
    assert_eq!(daily(&house, DAY), ["kill_switch"]);
    assert_eq!(daily(&house, 2 * DAY), ["kill_switch", "backfills"]);
}

fn off(severity: Severity) -> SwitchedOff {
    SwitchedOff {
        variable: format!("SLACK_WEBHOOK_URL_{severity}"),
        severity: Some(severity),
    }
}

fn mute(house: &mut House, scope: MuteScope, include_sev0: bool) {
    let mute = AlertsMuted {
        scope,
        include_sev0,
        reason: text("a storm"),
        expires: at(HOUR),
    };
    let approval = Approval::alone(&lead(), Verb::MuteAlerts, mute).unwrap();
    house.keep(house.docket.enact(at(0), approval, &RULES).unwrap());
}

#[test]
fn an_empty_variable_is_undocumented_unless_a_mute_covers_what_it_switches_off() {
    let facts = |off: &[SwitchedOff]| audit::DailyFacts {
        switched_off: off.to_vec(),
        ..quiet()
    };
    let passes = |house: &House, off: &[SwitchedOff]| {
        audit::daily(&facts(off), &house.docket, &RULES, at(1)).passed
    };
    let security = SwitchedOff {
        variable: "SLACK_WEBHOOK_URL_SECURITY".to_owned(),
        severity: None,
    };
    let sev = |severity| vec![off(severity)];
    let (sev0, sev1) = (sev(Severity::Sev0), sev(Severity::Sev1));

    let mut house = House::default();
    assert!(!passes(&house, &sev1));
    mute(&mut house, MuteScope::Scenario(export()), true);
    assert!(!passes(&house, &sev1), "of one scenario only");
    mute(
        &mut house,
        MuteScope::Severities(vec![Severity::Sev1]),
        false,
    );
    assert!(passes(&house, &sev1));
    assert!(!passes(&house, &sev0) && !passes(&house, std::slice::from_ref(&security)));
    mute(&mut house, MuteScope::All, false);
    assert!(!passes(&house, &sev0), "SEV0 must be named");
    assert!(passes(&house, &[security]));
    mute(&mut house, MuteScope::All, true);
    assert!(passes(&house, &sev0));
    let over = audit::daily(&facts(&sev0), &house.docket, &RULES, at(HOUR));
    let finding = &over.checks[7].findings[0];
    assert_eq!(
        finding.what,
        "SLACK_WEBHOOK_URL_SEV0 is empty, so alerts of SEV0 are off"
    );
}

#[test]
fn what_an_empty_variable_kept_from_people_is_undocumented_unless_it_was_muted_then() {
    let kept = |at, scenario_id, severity| Suppressed {
        variable: "SLACK_WEBHOOK_URL_SEV1".to_owned(),
        at,
        scenario_id,
        severity: Some(severity),
    };
    let mut house = House::default();
    mute(&mut house, MuteScope::Scenario(export()), false);
    let facts = audit::DailyFacts {
        suppressed: vec![
            kept(at(1), Some(export()), Severity::Sev1),
            kept(at(3 * HOUR), Some(export()), Severity::Sev1),
            kept(at(2 * HOUR), Some("OTHER".parse().unwrap()), Severity::Sev1),
            kept(at(2), None, Severity::Sev2),
        ],
        ..quiet()
    };
    let daily = audit::daily(&facts, &house.docket, &RULES, at(4 * HOUR));
    assert_eq!(ids(&daily), ["kill_switch"]);
    let told: Vec<String> = daily.checks[7]
        .findings
        .iter()
        .map(|finding| format!("{}; {}", finding.what, finding.evidence))
        .collect();
    let covered = "SLACK_WEBHOOK_URL_SEV1 was empty and no mute by an O3 covered them";
    assert_eq!(
        told,
        [
            format!(
                "messages about SEV1 that nobody got: 2; {covered}, from {} to {}",
                at(2 * HOUR),
                at(3 * HOUR)
            ),
            format!(
                "messages about SEV2 that nobody got: 1; {covered}, from {} to {}",
                at(2),
                at(2)
            ),
        ]
    );
}

#[test]
fn a_week_without_report_review_or_news() {
    let mut house = House::default();
    let mut facts = audit::WeeklyFacts::default();
    let weekly = |facts: &audit::WeeklyFacts, house: &House, now| {
        ids(&audit::weekly(facts, &house.docket, &RULES, at(now)))
    };
    assert_eq!(weekly(&facts, &house, 0), ["weekly_report"]);
    facts.report = Some("weekly_2025-01-31".to_owned());
    assert_eq!(weekly(&facts, &house, 0), ["weekly_report"]);
    let note = What::ReviewNoted(ReviewNoted {
        report: text("weekly_2025-01-31"),
        note: text("read"),
    });
    house.decide(at(0), &ops(), note).unwrap();
    assert!(weekly(&facts, &house, 0).is_empty());
    facts.baselines = vec![(export(), at(0))];
    assert!(weekly(&facts, &house, 14 * DAY - 1).is_empty());
    assert_eq!(weekly(&facts, &house, 14 * DAY), ["baselines"]);
    facts.baselines.clear();
    house.resolved_sev1(&judged("R-1", Severity::Sev1));
    house.observe(at(HOUR), &judged("R-2", Severity::Sev1));
    let later = 4 * MINUTE + 31 * DAY;
    assert_eq!(weekly(&facts, &house, later), ["stale_cases", "archive"]);
    assert_eq!(
        weekly(&facts, &house, 4 * MINUTE + 29 * DAY),
        ["stale_cases"]
    );
}
