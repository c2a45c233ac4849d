//! What the audits of a month and of a quarter find, and the figures they show.

mod common;

use common::*;
use credit_core::*;
use credit_governance::audit::*;
use credit_governance::*;

const RULES: Rules = Rules::STANDARD;

fn hash(text: &str) -> Option<Sha256> {
    Some(Sha256::of(text.as_bytes()))
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
    let (mut house, run) = requested();
    let offer = RerunOffer {
        expires: Some(at(HOUR)),
        ..offer("max_items now 1000")
    };
    let terms = house.docket.rerun_terms(&run, offer, at(4), &RULES);
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
