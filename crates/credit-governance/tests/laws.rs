//! Whatever is tried in whatever order: nothing illegal is accepted, nothing is used twice, and the
//! docket is nothing but the fold of its events.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::collections::BTreeSet;

use common::*;
use credit_core::{
    BaselineStatus, CaseId, CaseStatus, Exposure, RiskFlags, RootCause, Severity, Sha256,
};
use credit_governance::*;
use proptest::prelude::*;

/// One thing that somebody tries.
#[derive(Clone, Debug)]
enum Try {
    Observe {
        run: u8,
        severity: usize,
        rerun_of: Option<u8>,
        unjudged: bool,
    },
    Acknowledge,
    Assess(usize),
    Cause(usize, bool),
    Step(usize, usize),
    Mitigate,
    Note(u8),
    Document,
    Resolve(bool),
    Reopen,
    Archive,
    Unarchive,
    Request(u8, bool),
    Approve(u8, bool, u8),
    Deny(u8),
    Allow(u8),
    Begin(u8, u8),
    Release(u8),
    Due,
    Mute(i64),
    Backfill(bool),
}

fn attempts() -> impl Strategy<Value = Vec<(u8, i64, Try)>> {
    let run = 0_u8..3;
    let severity = prop_oneof![3 => Just(0_usize), 2 => Just(1_usize), 1 => 2_usize..5];
    let attempt = prop_oneof![
        6 => (run.clone(), severity, prop::option::of(run.clone()), any::<bool>()).prop_map(
            |(run, severity, rerun_of, unjudged)| Try::Observe { run, severity, rerun_of, unjudged }
        ),
        3 => Just(Try::Acknowledge),
        2 => (0_usize..3).prop_map(Try::Assess),
        3 => (0_usize..4, any::<bool>()).prop_map(|(cause, o3)| Try::Cause(cause, o3)),
        4 => (0_usize..4, 0_usize..4).prop_map(|(from, to)| Try::Step(from, to)),
        2 => Just(Try::Mitigate),
        2 => (0_u8..3).prop_map(Try::Note),
        3 => Just(Try::Document),
        3 => any::<bool>().prop_map(Try::Resolve),
        1 => Just(Try::Reopen),
        1 => Just(Try::Archive),
        4 => Just(Try::Unarchive),
        3 => (run.clone(), any::<bool>()).prop_map(|(run, o3)| Try::Request(run, o3)),
        3 => (run.clone(), any::<bool>(), 0_u8..2).prop_map(|(run, o3, c)| Try::Approve(run, o3, c)),
        1 => run.clone().prop_map(Try::Deny),
        3 => run.clone().prop_map(Try::Allow),
        4 => (run.clone(), 0_u8..2).prop_map(|(run, config)| Try::Begin(run, config)),
        4 => run.prop_map(Try::Release),
        3 => Just(Try::Due),
        1 => (1_i64..6).prop_map(Try::Mute),
        1 => any::<bool>().prop_map(Try::Backfill),
    ];
    // Which of the open cases it is about, and how long after the one before.
    let pause = prop_oneof![Just(0), Just(60), Just(HOUR), Just(40 * DAY)];
    prop::collection::vec((0_u8..3, pause, attempt), 1..60)
}

fn a_run(number: u8, severity: usize) -> JudgedRun {
    judged(&format!("R-{number}"), Severity::ALL[severity])
}

/// Carries an attempt out as far as it is allowed.
fn carry_out(house: &mut House, pick: u8, seconds: i64, attempt: &Try) {
    let now = at(seconds);
    let cases: Vec<CaseId> = house.docket.cases().map(|case| case.id.clone()).collect();
    let case = match cases.len() {
        0 => "CASE-20250131-000000".parse().unwrap(),
        n => cases[usize::from(pick) % n].clone(),
    };
    let config = |n: u8| Sha256::of(&[n]);
    let rules = Rules::STANDARD;
    let mut decide = |who: &Actor, what| house.decide(now, who, what).is_ok();
    match attempt {
        Try::Observe {
            run,
            severity,
            rerun_of,
            unjudged,
        } => {
            let mut run = a_run(*run, *severity);
            run.rerun_of = rerun_of.map(|n| format!("R-{n}").parse().unwrap());
            if *unjudged {
                run.baseline_status = BaselineStatus::Missing;
            }
            house.observe(now, &run);
        }
        Try::Acknowledge => {
            decide(&ops(), What::CaseAcknowledged(CaseAcknowledged { case }));
        }
        Try::Assess(exposure) => {
            decide(
                &lead(),
                What::ExposureAssessed(ExposureAssessed {
                    case,
                    exposure: Exposure::ALL[*exposure],
                    flags: RiskFlags::CRITICAL,
                    notes: text("looked"),
                }),
            );
        }
        Try::Cause(cause, o3) => {
            let found = RootCauseFound {
                case,
                root_cause: RootCause::ALL[*cause],
                explanation: text("because"),
            };
            if *o3 {
                decide(&lead(), What::RootCauseConfirmed(found));
            } else {
                decide(&ops(), What::RootCauseProposed(found));
            }
        }
        Try::Step(from, to) => {
            decide(
                &ops(),
                What::CaseStatusChanged(CaseStatusChanged {
                    case,
                    from: CaseStatus::ALL[*from],
                    to: CaseStatus::ALL[*to],
                }),
            );
        }
        Try::Mitigate => {
            let mitigation = text("retry limited");
            decide(
                &ops(),
                What::MitigationDocumented(MitigationDocumented { case, mitigation }),
            );
        }
        Try::Note(topic) => {
            let topics = [Topic::General, Topic::NoExposure, Topic::BaselineRationale];
            let topic = topics[usize::from(*topic)];
            decide(
                &ops(),
                What::CaseNoted(CaseNoted {
                    case,
                    topic,
                    note: text("see"),
                }),
            );
        }
        Try::Document => {
            // What a case must have; a history of single attempts would hardly ever have it all.
            for attempt in [
                Try::Acknowledge,
                Try::Cause(0, true),
                Try::Assess(1),
                Try::Note(1),
                Try::Mitigate,
                Try::Step(1, 2),
            ] {
                carry_out(house, pick, seconds, &attempt);
            }
        }
        Try::Resolve(o3) => {
            let who = if *o3 { lead() } else { ops() };
            decide(
                &who,
                What::CaseResolved(CaseResolved {
                    case,
                    note: text("over"),
                }),
            );
        }
        Try::Reopen => {
            decide(
                &ops(),
                What::CaseReopened(CaseReopened {
                    case,
                    reason: text("again"),
                }),
            );
        }
        Try::Archive => {
            decide(&ops(), What::CaseArchived(CaseArchived { case }));
        }
        Try::Unarchive => {
            let archived = house
                .docket
                .archived_cases()
                .next()
                .map(|case| case.id.clone());
            let case = archived.unwrap_or(case);
            let back = CaseReopened {
                case,
                reason: text("asked"),
            };
            let _ = house.decide(now, &ops(), What::CaseUnarchived(back));
        }
        Try::Request(run, o3) => {
            let who = if *o3 { lead() } else { ops() };
            let run = a_run(*run, 1).run;
            decide(
                &who,
                What::RerunRequested(RerunRequested {
                    run,
                    case: None,
                    reason: text("needed"),
                }),
            );
        }
        Try::Approve(run, o3, n) => {
            let offer = RerunOffer {
                mitigation: text("retry limited"),
                remedies: Remedies {
                    max_items: true,
                    idempotency_key: true,
                    addressed: RiskFlags::NONE,
                },
                config_sha256: config(*n),
                expires: None,
            };
            let who = if *o3 { lead() } else { ops() };
            let run = gated(&a_run(*run, 1));
            let Ok(terms) = house.docket.rerun_terms(&run, offer, now, &rules) else {
                return;
            };
            let Ok(approval) = terms.approve(&who) else {
                return;
            };
            let event = house.docket.approve_rerun(now, approval).unwrap();
            house.keep(event);
        }
        Try::Allow(run) => {
            carry_out(house, pick, seconds, &Try::Request(*run, false));
            carry_out(house, pick, seconds, &Try::Approve(*run, true, 0));
        }
        Try::Deny(run) => {
            let run = a_run(*run, 1).run;
            let rerun = house
                .docket
                .run(&run.run_id)
                .and_then(|state| state.rerun.clone());
            let Some(rerun) = rerun else { return };
            let request = rerun.request;
            let denied = RerunDenied {
                request,
                run,
                reason: text("no"),
            };
            let _ = house.decide(now, &lead(), What::RerunDenied(denied));
        }
        Try::Begin(run, n) => {
            let run = gated(&a_run(*run, 1));
            let begun = house
                .docket
                .begin_rerun(&run, config(*n), now, &rules.rerun_gate);
            if let Ok(Some(what)) = begun {
                house.decide(now, &Actor::Service, what).unwrap();
            }
        }
        Try::Release(run) => {
            let run = a_run(*run, 0).run;
            let Ok(releasable) = house.docket.releasable(&run, true, text("over")) else {
                return;
            };
            let event = house
                .docket
                .release(now, releasable.approve(&lead()).unwrap())
                .unwrap();
            house.keep(event);
        }
        Try::Due => {
            for what in house.docket.due(now, &rules) {
                house.decide(now, &Actor::Service, what).unwrap();
            }
            assert!(
                house.docket.due(now, &rules).is_empty(),
                "what is due is due once"
            );
        }
        Try::Mute(hours) => {
            let mute = AlertsMuted {
                scope: MuteScope::All,
                include_sev0: false,
                reason: text("a storm"),
                expires: now.minutes_after(u32::try_from(hours * 60).unwrap()),
            };
            let approval = Approval::alone(&lead(), Verb::MuteAlerts, mute).unwrap();
            let enacted = house.docket.enact(now, approval, &rules);
            assert_eq!(enacted.is_ok(), *hours <= 4);
            if let Ok(event) = enacted {
                house.keep(event);
            }
        }
        Try::Backfill(start) => {
            let scenario_id: credit_core::ScenarioId = "EXPORT".parse().unwrap();
            if *start {
                let backfill = BackfillStarted {
                    scenario_id,
                    reason: text("lost"),
                    expires: now.days_after(2),
                };
                let approval = Approval::alone(&lead(), Verb::StartBackfill, backfill).unwrap();
                if let Ok(event) = house.docket.enact(now, approval, &rules) {
                    house.keep(event);
                }
            } else {
                decide(
                    &lead(),
                    What::BackfillEnded(BackfillEnded {
                        scenario_id,
                        note: text("done"),
                    }),
                );
            }
        }
    }
}

fn fold<'a>(mut docket: Docket, events: impl IntoIterator<Item = &'a Event>) -> Docket {
    for event in events {
        docket.apply(event).unwrap();
    }
    docket
}

/// What must hold after any history.
fn laws(house: &House) {
    let mut statuses = std::collections::BTreeMap::new();
    let (mut approvals, mut used) = (BTreeSet::new(), BTreeSet::new());
    for event in &house.events {
        match &event.what {
            What::CaseOpened(what) => {
                statuses.insert(what.case.clone(), CaseStatus::Open);
            }
            What::CaseAcknowledged(what) => {
                let status = statuses.get_mut(&what.case).unwrap();
                *status = (*status).max(CaseStatus::Investigating);
            }
            What::CaseStatusChanged(what) => {
                let status = statuses.get_mut(&what.case).unwrap();
                let legal = [
                    (CaseStatus::Open, CaseStatus::Investigating),
                    (CaseStatus::Investigating, CaseStatus::Mitigating),
                    (CaseStatus::Mitigating, CaseStatus::Investigating),
                ];
                assert!(
                    legal.contains(&(*status, what.to)),
                    "{status} to {}",
                    what.to
                );
                *status = what.to;
            }
            What::CaseResolved(what) => {
                let status = statuses.insert(what.case.clone(), CaseStatus::Resolved);
                assert_eq!(status, Some(CaseStatus::Mitigating));
            }
            What::CaseReopened(what) => {
                let status = statuses.insert(what.case.clone(), CaseStatus::Investigating);
                assert_eq!(status, Some(CaseStatus::Resolved));
            }
            What::CaseArchived(what) => {
                assert_eq!(statuses[&what.case], CaseStatus::Resolved);
            }
            What::RerunApproved(_) => {
                assert_eq!(event.role, Some(Role::O3));
                approvals.insert(event.id());
            }
            What::RerunConsumed(what) => {
                assert!(approvals.contains(&what.approval), "never approved");
                assert!(used.insert(what.approval.clone()), "used twice");
            }
            What::QuarantineReleased(_) | What::DispatchUnblocked(_) => {
                assert_eq!(event.role, Some(Role::O3));
            }
            _ => {}
        }
    }
    for case in house.docket.cases().chain(house.docket.archived_cases()) {
        assert_eq!(statuses[&case.id], case.status);
        assert_eq!(
            case.resolved_at.is_some(),
            case.status == CaseStatus::Resolved
        );
        let gravest = case.runs.iter().map(|run| run.severity).min();
        assert_eq!(gravest, Some(case.severity));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_the_laws(attempts in attempts(), cut in any::<prop::sample::Index>()) {
        let mut house = House::default();
        let mut now = 0;
        for (pick, pause, attempt) in &attempts {
            now += pause + 1;
            carry_out(&mut house, *pick, now, attempt);
        }
        laws(&house);

        // The docket is the fold of a prefix and the rest, with a snapshot between.
        let cut = cut.index(house.events.len() + 1);
        let (before, after) = house.events.split_at(cut);
        let half = fold(Docket::default(), before);
        let position = Position { seq: cut as u64, hash: Sha256::of(b"line") };
        let text = half.snapshot(position);
        let (restored, found) = Docket::from_snapshot(&text).unwrap();
        prop_assert_eq!(&restored, &half);
        prop_assert_eq!(found, position);
        prop_assert_eq!(restored.snapshot(position), text);
        prop_assert_eq!(&fold(restored, after), &house.docket);

        // So it is if what is settled was taken out before, and what the rest is about, and what
        // the end is asked about, is put back.
        let mut open = half.clone();
        let then = before.last().map_or(at(0), |last| last.at);
        let mut settled = open.take_settled(then, |_| true);
        prop_assert_eq!(settled.len(), half.settled_count(then));
        prop_assert_eq!(settled.is_empty(), half.settled_count(then) == 0);
        prop_assert_eq!(open.settled_count(then), 0);
        prop_assert!(open.archived_cases().next().is_none());
        prop_assert_eq!(open.quarantined().count(), half.quarantined().count());
        prop_assert_eq!(open.open_cases().count(), half.open_cases().count());
        for event in after {
            put_back(&mut open, &mut settled, &event.what);
            open.apply(event).unwrap();
        }
        for (run, state) in settled.runs {
            open.put_back_run(run, state);
        }
        for case in settled.cases.into_values() {
            open.put_back_case(case);
        }
        open.put_back_past(settled.past);
        prop_assert_eq!(&open, &house.docket);

        // An event that is refused leaves the docket as it was, and `accepts` says so before.
        let mut disturbed = half.clone();
        for event in house.events.iter().rev() {
            let before = disturbed.clone();
            let accepts = disturbed.accepts(event);
            let applied = disturbed.apply(event);
            prop_assert_eq!(&accepts, &applied);
            if applied.is_err() {
                prop_assert_eq!(&disturbed, &before);
            }
        }
    }
}

/// What an event is about goes back into the docket.
fn put_back(docket: &mut Docket, settled: &mut Settled, what: &What) {
    let mut runs: Vec<_> = what
        .run()
        .map(|run| run.run_id.clone())
        .into_iter()
        .collect();
    if let What::CaseOpened(opened) = what {
        runs.extend(opened.runs.iter().map(|linked| linked.run.run_id.clone()));
    }
    for run in runs {
        if let Some(state) = settled.runs.remove(&run) {
            docket.put_back_run(run, state);
        }
    }
    if let Some(case) = what.case().and_then(|case| settled.cases.remove(case)) {
        docket.put_back_case(case);
    }
}

#[test]
fn the_histories_go_where_the_laws_are() {
    use proptest::strategy::ValueTree as _;

    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut kinds = BTreeSet::new();
    for _ in 0..400 {
        let mut house = House::default();
        let mut now = 0;
        for (pick, pause, attempt) in attempts().new_tree(&mut runner).unwrap().current() {
            now += pause + 1;
            carry_out(&mut house, pick, now, &attempt);
        }
        kinds.extend(house.events.iter().map(|event| event.what.kind()));
    }
    for kind in [
        "case_escalated",
        "case_resolved",
        "case_reopened",
        "case_archived",
        "case_unarchived",
        "quarantine_released",
        "rerun_denied",
        "rerun_consumed",
        "backfill_ended",
    ] {
        assert!(kinds.contains(kind), "no history has a {kind}");
    }
}

#[test]
fn a_snapshot_of_another_form_is_not_guessed_at() {
    let position = Position {
        seq: 0,
        hash: Sha256::of(b""),
    };
    let text = Docket::default().snapshot(position);
    for broken in [
        text.replace("\"version\":3", "\"version\":2"),
        text.replace("\"runs\":", "\"runners\":"),
        text[..text.len() - 1].to_owned(),
        String::new(),
    ] {
        assert!(Docket::from_snapshot(&broken).is_err(), "{broken}");
    }
}
