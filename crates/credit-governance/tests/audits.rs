//! Each check of an audit finds what it is for, and nothing where all is well.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::*;
use credit_core::{Exposure, RiskFlag, RiskFlags, RootCause, ScenarioId, Severity, Sha256};
use credit_governance::audit::{
    self, Audit, BackfillClaim, GovernedFile, GovernedKind, PolicyEffect, Share, Shift, Suppressed,
    SwitchedOff, ThresholdTrial,
};
use credit_governance::{
    AlertsMuted, Approval, BackfillStarted, ConfigAdopted, ConfigFile, Docket, Event, MuteScope,
    PolicyAdopted, Remedies, RerunOffer, RerunRequested, ReviewNoted, Rules, Verb, What,
};

const RULES: Rules = Rules::STANDARD;

fn ids(audit: &Audit) -> Vec<&'static str> {
    audit
        .checks
        .iter()
        .filter(|check| !check.passed())
        .map(|check| check.id)
        .collect()
}

fn export() -> ScenarioId {
    "EXPORT".parse().unwrap()
}

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

#[test]
fn a_month_counts_how_often_a_flag_was_wrong() {
    let mut house = House::default();
    for i in 0..10 {
        let mut run = judged(&format!("R-{i}"), Severity::Sev0);
        run.scenario_id = format!("S-{i}").parse().unwrap();
        let case = house.observe(at(i), &run).unwrap();
        let exposure = if i < 8 {
            Exposure::FalsePositive
        } else {
            Exposure::Confirmed
        };
        house.assess(at(20 + i), &case, exposure);
    }
    // Neither what nobody knows yet nor another flag counts.
    for (name, flags, exposure) in [
        ("U", RiskFlags::CRITICAL, Exposure::Undetermined),
        (
            "O",
            RiskFlags::NONE.with(RiskFlag::RegulatoryData),
            Exposure::FalsePositive,
        ),
    ] {
        let mut run = judged(name, Severity::Sev0);
        run.scenario_id = name.parse().unwrap();
        run.risk_flags = flags;
        let case = house.observe(at(30), &run).unwrap();
        house.assess(at(40), &case, exposure);
    }
    let facts = audit::MonthlyFacts {
        manual_baselines: vec![export()],
        ..audit::MonthlyFacts::default()
    };
    let monthly = audit::monthly(&facts, &house.docket, at(DAY));
    assert_eq!(ids(&monthly), ["manual_baselines"]);
    let figures = &monthly.checks[4].figures[0];
    assert_eq!(
        figures.value,
        "8 of 10 (80.0 %, 95 % interval 49.0 % to 94.3 %)"
    );
}

#[test]
fn a_change_of_a_baseline_has_its_rationale_and_one_by_hand_an_approver() {
    let mut house = House::default();
    let weekly = audit::WeeklyFacts::default();
    let proposal = house.approved_baseline(at(0), "EXPORT");
    let found = audit::weekly(&weekly, &house.docket, &RULES, at(1));
    let waits: Vec<&str> = found
        .checks
        .iter()
        .flat_map(|check| &check.findings)
        .map(|f| f.what.as_str())
        .collect();
    assert!(
        waits.contains(&"a baseline of EXPORT waits for an O3"),
        "{waits:?}"
    );
    let applied = What::BaselineApplied {
        proposal,
        file_sha256: None,
    };
    house.keep(Event::new(at(1), &lead(), applied));

    let mut facts = audit::MonthlyFacts {
        manual_baselines: vec![export(), "IMPORT".parse().unwrap()],
        ..audit::MonthlyFacts::default()
    };
    let found = |facts: &audit::MonthlyFacts, house: &House| {
        let monthly = audit::monthly(facts, &house.docket, at(DAY));
        let findings = monthly.checks.into_iter().flat_map(|check| check.findings);
        findings.map(|finding| finding.what).collect::<Vec<_>>()
    };
    let without = "the change of the baseline of EXPORT has no rationale";
    let by_hand = "the baseline of IMPORT was entered by hand";
    assert_eq!(found(&facts, &house), [without, by_hand]);
    let approval = &house.docket.baseline_changes()[0].approval_id;
    facts.rationale_notes.insert(approval.clone());
    assert_eq!(found(&facts, &house), [by_hand]);
    let adopted = ConfigAdopted {
        file: ConfigFile::Baselines,
        old: None,
        new: hash("baselines"),
        reason: text("by hand"),
    };
    let approval = Approval::alone(&lead(), Verb::AdoptConfig, adopted).unwrap();
    house.keep(house.docket.enact(at(2), approval, &RULES).unwrap());
    assert!(found(&facts, &house).is_empty());
}

#[test]
fn who_put_which_policy_into_force_is_told() {
    let mut house = House::default();
    let adopted = PolicyAdopted {
        old: None,
        new: hash("a policy").unwrap(),
        reason: text("tried"),
        backtest_sha256: None,
    };
    let approval = Approval::alone(&lead(), Verb::AdoptPolicy, adopted).unwrap();
    house.keep(house.docket.enact(at(0), approval, &RULES).unwrap());
    let facts = audit::MonthlyFacts::default();
    let monthly = audit::monthly(&facts, &house.docket, at(DAY));
    let [told] = &monthly.checks[0].figures[..] else {
        panic!("{:?}", monthly.checks[0])
    };
    assert_eq!(told.name, "2025-01-31T10:00:00Z by lead-3");
    assert_eq!(told.value, format!("{}: tried", hash("a policy").unwrap()));
}

#[test]
fn an_approval_that_nobody_used_is_found() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev1);
    let case = house.observe(at(0), &run).unwrap();
    house.acknowledge(at(1), &case).unwrap();
    house.propose_cause(at(2), &case, RootCause::Misconfig);
    let request = What::RerunRequested(RerunRequested {
        run: run.run.clone(),
        case: Some(case),
        reason: text("needed"),
    });
    house.decide(at(3), &ops(), request).unwrap();
    let offer = RerunOffer {
        mitigation: text("max_items now 1000"),
        remedies: Remedies {
            max_items: true,
            idempotency_key: true,
            addressed: RiskFlags::NONE,
        },
        config_sha256: Sha256::of(b"policy and scenario"),
        expires: Some(at(HOUR)),
    };
    let terms = house.docket.rerun_terms(&gated(&run), offer, at(4), &RULES);
    let approval = terms.unwrap().approve(&lead()).unwrap();
    house.keep(house.docket.approve_rerun(at(4), approval).unwrap());
    let found = |house: &House, now| {
        let monthly = audit::monthly(&audit::MonthlyFacts::default(), &house.docket, at(now));
        let findings = monthly.checks.into_iter().flat_map(|check| check.findings);
        findings.map(|finding| finding.what).collect::<Vec<_>>()
    };
    let never_began = "the approved rerun of R-1 never began";
    assert!(found(&house, HOUR - 1).is_empty());
    assert_eq!(found(&house, HOUR), [never_began]);
    house.approved_baseline(at(5), "EXPORT");
    let not_in_force = "the approved baseline of EXPORT is not in force";
    assert_eq!(found(&house, HOUR - 1), [not_in_force]);
    assert_eq!(found(&house, HOUR), [not_in_force, never_began]);
}

#[test]
fn a_quarter_tells_what_flags_were_worth_and_how_fast_people_came() {
    let mut house = House::default();
    for (n, minutes, cause) in [
        (0, 5, Some(RootCause::Misconfig)),
        (1, 30, Some(RootCause::Misconfig)),
        (2, 10, Some(RootCause::LegitLoad)),
        (3, 50, None),
    ] {
        let mut run = judged(&format!("R-{n}"), Severity::Sev1);
        run.scenario_id = format!("S-{n}").parse().unwrap();
        let case = house.observe(at(0), &run).unwrap();
        house.acknowledge(at(minutes * MINUTE), &case).unwrap();
        if let Some(cause) = cause {
            house.confirm_cause(at(HOUR), &case, cause);
        }
    }
    let audit = audit::quarterly(&audit::QuarterlyFacts::default(), &house.docket, at(DAY));
    let figure = |check: usize, name: &str| {
        let mut figures = audit.checks[check].figures.iter();
        figures.find(|f| f.name == name).unwrap().value.clone()
    };
    assert_eq!(audit.checks[1].id, "flag_weights");
    let worth = figure(1, "unbounded_iterator");
    assert!(
        worth.starts_with("2 of 3 (66.7 %, 95 % interval"),
        "{worth}"
    );
    assert_eq!(figure(1, "retry_loop"), "0 of 0");
    assert_eq!(audit.checks[2].id, "training");
    assert_eq!(figure(2, "root cause Misconfig"), "2");
    assert_eq!(figure(2, "root cause Legit Load"), "1");
    assert_eq!(figure(2, "root cause none yet"), "1");
    assert_eq!(figure(2, "minutes to an acknowledgment, median"), "30");
}

/// The figures of the months' and the quarters' audits, which people and scripts read.
#[test]
fn the_effect_of_policies_and_of_thresholds_is_told() {
    let mut first = PolicyEffect::new(hash("a policy").unwrap(), at(HOUR), Severity::Sev4);
    for (seconds, severity) in [
        (0, Severity::Sev0),
        (DAY, Severity::Sev4),
        (2, Severity::Sev2),
    ] {
        first.add(at(seconds), severity);
    }
    let second = PolicyEffect::new(hash("another").unwrap(), at(2 * DAY), Severity::Sev1);
    let monthly = audit::MonthlyFacts {
        effects: vec![first, second],
        ..audit::MonthlyFacts::default()
    };
    let trial = |tried: &str, shift| ThresholdTrial {
        severity: Severity::Sev1,
        now: "5".parse().unwrap(),
        tried: tried.parse().unwrap(),
        shift,
    };
    let shift = Shift {
        graver: 12,
        milder: 0,
        alerts_before: 31,
        alerts_after: 43,
        misconfig_found: 4,
        misconfig_missed: 0,
        load_alerted: 5,
        load_spared: 1,
    };
    let quarterly = audit::QuarterlyFacts {
        replayed: 1200,
        left_out: 3,
        trials: vec![trial("4", Some(shift)), trial("12.5", None)],
        backtest_sha256: hash("a backtest"),
    };
    let docket = Docket::default();
    let monthly = audit::monthly(&monthly, &docket, at(3 * DAY));
    let quarterly = audit::quarterly(&quarterly, &docket, at(3 * DAY));
    assert!(monthly.passed && quarterly.passed);
    let untried = audit::quarterly(&audit::QuarterlyFacts::default(), &docket, at(0));
    assert_eq!(ids(&untried), ["thresholds"]);
    golden(
        "audits.jsonl",
        &format!("{}\n{}\n", monthly.to_json(), quarterly.to_json()),
    );
}

/// The ends of Wilson's interval are where |p̂ − p| = z·√(p(1 − p)/n).
#[test]
fn the_interval_is_wilsons() {
    assert_eq!(Share { hits: 0, of: 0 }.interval(), None);
    for of in 1..60_u32 {
        for hits in 0..=of {
            let share = Share {
                hits: hits.into(),
                of: of.into(),
            };
            let (low, high) = share.interval().unwrap();
            let (p, n) = (f64::from(hits) / f64::from(of), f64::from(of));
            assert!(0.0 <= low && low <= p + 1e-12 && p <= high + 1e-12 && high <= 1.0);
            for end in [low, high] {
                let distance = 1.959_964 * (end * (1.0 - end) / n).sqrt();
                assert!(
                    ((p - end).abs() - distance).abs() < 1e-6,
                    "{hits} of {of}: {end}"
                );
            }
        }
    }
}
