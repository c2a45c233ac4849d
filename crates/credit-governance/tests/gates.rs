//! Reruns and releases: nothing opens without everything that must be there.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::*;
use credit_core::{
    Action, CaseId, CaseStatus, Exposure, Likelihood, RiskFlag, RiskFlags, RootCause, Severity,
    Sha256,
};
use credit_governance::{
    Actor, Approval, Denied, DispatchUnblocked, DocketError, Event, EventId, GatedRun, Refusal,
    ReleaseUnmet, Remedies, RerunDenied, RerunNeed, RerunOffer, RerunRequested, RerunStage,
    RerunStanding, RerunUnmet, Role, Rules, Stamp, Standing, Topic, Verb, What,
};

const RULES: Rules = Rules::STANDARD;

fn approve(house: &mut House, run: &GatedRun, seconds: i64) {
    let offer = offer("max_items now 1000");
    let terms = house
        .docket
        .rerun_terms(run, offer, at(seconds), &RULES)
        .unwrap();
    let approval = terms.approve(&lead()).unwrap();
    let event = house.docket.approve_rerun(at(seconds), approval).unwrap();
    house.keep(event);
}

fn standing(house: &House, run: &GatedRun, seconds: i64) -> RerunStanding {
    house
        .docket
        .rerun_standing(run, config(), at(seconds), &RULES.rerun_gate)
}

#[test]
fn the_matrix_of_what_a_rerun_needs() {
    use Likelihood::{High, Low, Medium};
    use RerunNeed::{Acknowledgment, Approval, Nothing};
    let run = |severity, likelihood| GatedRun {
        likelihood,
        ..gated(&judged("R-1", severity))
    };
    for (severity, likelihood, cause, need) in [
        (Severity::Sev0, Low, None, Approval),
        (Severity::Sev1, Low, None, Approval),
        (Severity::Sev1, High, Some(RootCause::LegitLoad), Approval),
        (Severity::Sev2, High, None, Approval),
        (Severity::Sev2, Medium, None, Nothing),
        (Severity::Sev2, Low, Some(RootCause::Misconfig), Approval),
        (Severity::Sev2, Medium, Some(RootCause::LegitLoad), Nothing),
        (Severity::Sev3, High, Some(RootCause::Misconfig), Nothing),
        (Severity::Sev4, High, Some(RootCause::Misconfig), Nothing),
    ] {
        let found = run(severity, likelihood).need(cause, &RULES.rerun_gate);
        assert_eq!(found, need, "{severity} {likelihood} {cause:?}");
    }
    let mut asked = run(Severity::Sev3, Low);
    asked.actions = asked.actions.with(Action::RequireAckBeforeRerun);
    assert_eq!(asked.need(None, &RULES.rerun_gate), Acknowledgment);
}

#[test]
fn a_gate_says_what_it_waits_for() {
    let case: CaseId = "CASE-20250131-7KQ2ZD".parse().unwrap();
    let event: EventId = serde_json::from_str("\"EVT-0123456789abcdef\"").unwrap();
    let by = || Stamp {
        by: "lead-3".to_owned(),
        role: Some(Role::O3),
        at: at(0),
    };
    for (standing, words) in [
        (RerunStanding::Free, "needs no approval"),
        (
            RerunStanding::Approved {
                approval: event.clone(),
                until: at(0),
            },
            "approved until 2025-01-31T10:00:00Z",
        ),
        (RerunStanding::NoCase, "the run has no case"),
        (
            RerunStanding::Unacknowledged { case: case.clone() },
            "acknowledged CASE-20250131-7KQ2ZD",
        ),
        (RerunStanding::NotRequested, "nobody has asked"),
        (
            RerunStanding::Waiting { request: event },
            "EVT-0123456789abcdef waits for an O3",
        ),
        (
            RerunStanding::Denied {
                by: by(),
                reason: text("no"),
            },
            "denied by lead-3: no",
        ),
        (
            RerunStanding::Expired { at: at(0) },
            "expired at 2025-01-31T10:00:00Z",
        ),
        (
            RerunStanding::OtherConfig { approved: config() },
            &*format!("not the approved one ({})", config()),
        ),
        (
            RerunStanding::Used { by: by() },
            "used by lead-3 at 2025-01-31T10:00:00Z",
        ),
    ] {
        let told = standing.to_string();
        let open = matches!(
            standing,
            RerunStanding::Free | RerunStanding::Approved { .. }
        );
        assert_eq!(told.starts_with("closed: "), !open, "{told}");
        assert!(told.contains(words), "{told}");
    }
    for (unmet, words) in [
        (RerunUnmet::Free, "it needs no approval"),
        (RerunUnmet::Request, "an open request"),
        (RerunUnmet::Case, "a case of the run"),
        (
            RerunUnmet::Acknowledgment { case: case.clone() },
            "an acknowledgment of CASE-20250131-7KQ2ZD",
        ),
        (
            RerunUnmet::RootCause { case: case.clone() },
            "a root cause of CASE-20250131-7KQ2ZD",
        ),
        (RerunUnmet::Exposure { case }, "false_positive"),
        (RerunUnmet::Flag(RiskFlag::UnboundedIterator), "`max_items`"),
        (
            RerunUnmet::Flag(RiskFlag::MissingIdempotency),
            "`has_idempotency_key`",
        ),
        (
            RerunUnmet::Flag(RiskFlag::RetryLoop),
            "a mitigation that names retry_loop",
        ),
    ] {
        assert!(unmet.to_string().contains(words), "{unmet}");
    }
}

#[test]
fn what_needs_no_approval_begins_at_once_and_gets_none() {
    let mut house = House::default();
    let mild = judged("R-1", Severity::Sev3);
    assert_eq!(standing(&house, &gated(&mild), 0), RerunStanding::Free);
    let begun = house
        .docket
        .begin_rerun(&gated(&mild), config(), at(0), &RULES.rerun_gate);
    assert_eq!(begun, Ok(None));
    let refused = house
        .docket
        .rerun_terms(&gated(&mild), offer("fixed"), at(0), &RULES);
    let Err(Refusal::Rerun { unmet, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(unmet.contains(&RerunUnmet::Free), "{unmet:?}");

    // Where only an acknowledgment is wanted, that one is enough.
    let mut asked = judged("R-2", Severity::Sev2);
    asked.actions = asked
        .actions
        .with(Action::CreateCase)
        .with(Action::RequireAckBeforeRerun);
    let case = house.observe(at(0), &asked).unwrap();
    let unacknowledged = RerunStanding::Unacknowledged { case: case.clone() };
    assert_eq!(standing(&house, &gated(&asked), 1), unacknowledged);
    house.acknowledge(at(2), &case).unwrap();
    assert_eq!(standing(&house, &gated(&asked), 3), RerunStanding::Free);
}

/// An event is held against the others even if somebody wrote it by hand.
#[test]
fn no_event_lets_somebody_approve_their_own_request_or_unblock_what_is_set_aside() {
    let (house, run) = requested();
    let terms = house
        .docket
        .rerun_terms(&run, offer("max_items now 1000"), at(5), &RULES)
        .unwrap();
    assert_eq!(terms.terms().config_sha256, config());
    let approved = What::RerunApproved(terms.terms().clone());
    let own = Event::new(at(6), &operator("ops-2:O3"), approved.clone());
    assert!(
        matches!(house.docket.accepts(&own), Err(DocketError::OwnRequest { by, .. }) if by == "ops-2")
    );
    let other = Event::new(at(6), &lead(), approved);
    assert_eq!(house.docket.accepts(&other), Ok(()));

    let mut house = House::default();
    let run = judged("R-1", Severity::Sev0);
    let case = house.observe(at(0), &run).unwrap();
    let unblocked = What::DispatchUnblocked(DispatchUnblocked {
        run: run.run.clone(),
        case,
        reason: text("over"),
    });
    let event = Event::new(at(1), &lead(), unblocked);
    assert!(matches!(
        house.docket.accepts(&event),
        Err(DocketError::AlreadyQuarantined { .. })
    ));
}

#[test]
fn first_the_acknowledgment_then_the_approval() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev1);
    let gate = gated(&run);
    assert_eq!(standing(&house, &gate, 0), RerunStanding::NoCase);
    let case = house.observe(at(0), &run).unwrap();
    assert!(matches!(
        standing(&house, &gate, 1),
        RerunStanding::Unacknowledged { .. }
    ));
    house.acknowledge(at(1), &case).unwrap();
    assert_eq!(standing(&house, &gate, 2), RerunStanding::NotRequested);
    let refusal = house
        .docket
        .rerun_terms(&gate, offer("fixed"), at(2), &RULES)
        .unwrap_err();
    let Refusal::Rerun { unmet, .. } = refusal else {
        panic!("{refusal}")
    };
    assert_eq!(unmet, [RerunUnmet::Request, RerunUnmet::RootCause { case }]);
}

#[test]
fn an_approval_opens_the_gate_once() {
    let (mut house, run) = requested();
    assert!(matches!(
        standing(&house, &run, 4),
        RerunStanding::Waiting { .. }
    ));
    approve(&mut house, &run, 5);
    let begin = |house: &House, seconds| {
        house
            .docket
            .begin_rerun(&run, config(), at(seconds), &RULES.rerun_gate)
    };
    let first = begin(&house, 6).unwrap().unwrap();
    let second = begin(&house, 6).unwrap().unwrap();
    house.decide(at(6), &Actor::Service, first).unwrap();
    let late = house.decide(at(6), &Actor::Service, second).unwrap_err();
    assert!(
        matches!(late, Refusal::Impossible(DocketError::ApprovalVoid { .. })),
        "{late}"
    );
    assert!(matches!(begin(&house, 7), Err(RerunStanding::Used { .. })));
}

#[test]
fn an_approval_is_bound_to_its_configuration_and_time() {
    let (mut house, run) = requested();
    approve(&mut house, &run, 5);
    let other = Sha256::of(b"another policy");
    assert!(matches!(
        house
            .docket
            .rerun_standing(&run, other, at(6), &RULES.rerun_gate),
        RerunStanding::OtherConfig { .. }
    ));
    let end = 5 + 24 * HOUR;
    assert!(matches!(
        standing(&house, &run, end - 1),
        RerunStanding::Approved { .. }
    ));
    assert_eq!(
        standing(&house, &run, end),
        RerunStanding::Expired { at: at(end) }
    );
    // And by force: the fold itself refuses.
    let RerunStanding::Approved { approval, .. } = standing(&house, &run, 6) else {
        panic!("it was approved")
    };
    for (seconds, config_sha256, name) in [
        (end, config(), "R-1"),
        (6, other, "R-1"),
        (6, config(), "R-2"),
    ] {
        let what = What::RerunConsumed(credit_governance::RerunConsumed {
            approval: approval.clone(),
            run: run_ref(name),
            config_sha256,
        });
        assert!(house.decide(at(seconds), &Actor::Service, what).is_err());
    }
    for hours in [0, 25] {
        let (house, run) = requested();
        let offer = RerunOffer {
            expires: Some(at(5 + hours * HOUR)),
            ..offer("fixed")
        };
        let refusal = house
            .docket
            .rerun_terms(&run, offer, at(5), &RULES)
            .unwrap_err();
        assert!(matches!(refusal, Refusal::BadExpiry { .. }));
    }
}

#[test]
fn nobody_approves_their_own_request_and_nobody_below_o3_any() {
    let (house, run) = requested();
    let terms = house
        .docket
        .rerun_terms(&run, offer("fixed"), at(5), &RULES)
        .unwrap();
    for (who, own) in [
        (operator("ops-2:O3"), true),
        (operator("view:O1"), false),
        (operator("ops-9:O2"), false),
        (Actor::Service, false),
    ] {
        let denied = terms.clone().approve(&who).unwrap_err();
        assert_eq!(
            matches!(denied, Denied::OwnProposal { .. }),
            own,
            "{denied}"
        );
    }
    // A yes to something else is no yes to this.
    let other = Approval::grant(&lead(), Verb::View, "ops-2", terms).unwrap();
    assert!(matches!(
        house.docket.approve_rerun(at(5), other),
        Err(Refusal::Denied(Denied::OtherVerb { .. }))
    ));
}

#[test]
fn a_mitigation_covers_each_flag() {
    let (house, run) = requested();
    let all = [
        RiskFlag::RetryLoop,
        RiskFlag::UnboundedIterator,
        RiskFlag::MissingIdempotency,
        RiskFlag::SuddenPromptGrowth,
        RiskFlag::DeploymentCorrelation,
        RiskFlag::BatchJob,
    ];
    let run = GatedRun {
        risk_flags: all.into_iter().collect(),
        ..run
    };
    let unmet = |mitigation, max_items, idempotency_key, addressed| {
        let offer = RerunOffer {
            remedies: Remedies {
                max_items,
                idempotency_key,
                addressed,
            },
            ..offer(mitigation)
        };
        match house.docket.rerun_terms(&run, offer, at(5), &RULES) {
            Ok(_) => Vec::new(),
            Err(Refusal::Rerun { unmet, .. }) => unmet,
            Err(other) => panic!("{other}"),
        }
    };
    let flags: Vec<_> = all[..5]
        .iter()
        .map(|flag| RerunUnmet::Flag(*flag))
        .collect();
    assert_eq!(unmet("it is fixed", false, false, RiskFlags::NONE), flags);
    let named =
        "Retries limited, prompt shortened, deployment reverted, max_items and key promised";
    assert_eq!(
        unmet(named, false, false, RiskFlags::NONE),
        [
            RerunUnmet::Flag(RiskFlag::UnboundedIterator),
            RerunUnmet::Flag(RiskFlag::MissingIdempotency)
        ]
    );
    assert!(unmet(named, true, true, RiskFlags::NONE).is_empty());
    assert!(unmet("it is fixed", true, true, all.into_iter().collect()).is_empty());
}

#[test]
fn a_run_with_sensitive_data_needs_a_false_positive() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev0);
    let case = house.observe(at(0), &run).unwrap();
    house.acknowledge(at(1), &case).unwrap();
    house.propose_cause(at(2), &case, RootCause::Misconfig);
    let request = What::RerunRequested(RerunRequested {
        run: run.run.clone(),
        case: Some(case.clone()),
        reason: text("needed"),
    });
    house.decide(at(3), &Actor::Service, request).unwrap();
    let terms = |house: &House| {
        house
            .docket
            .rerun_terms(&gated(&run), offer("fixed"), at(9), &RULES)
    };
    for exposure in [Exposure::Undetermined, Exposure::Confirmed] {
        house.assess(at(4), &case, exposure);
        let Err(Refusal::Rerun { unmet, .. }) = terms(&house) else {
            panic!("{exposure}")
        };
        assert_eq!(unmet, [RerunUnmet::Exposure { case: case.clone() }]);
    }
    house.assess(at(5), &case, Exposure::FalsePositive);
    assert_eq!(terms(&house).unwrap().requested_by(), "service");
}

#[test]
fn a_denial_keeps_the_gate_closed_and_takes_an_approval_back() {
    let (mut house, run) = requested();
    let rerun = |house: &House| {
        house
            .docket
            .run(&run.run.run_id)
            .unwrap()
            .rerun
            .clone()
            .unwrap()
    };
    let deny = What::RerunDenied(RerunDenied {
        request: rerun(&house).request,
        run: run.run.clone(),
        reason: text("root cause not yet identified, investigation ongoing"),
    });
    assert!(matches!(
        house.decide(at(4), &ops(), deny.clone()),
        Err(Refusal::Denied(_))
    ));
    approve(&mut house, &run, 5);
    house.decide(at(6), &lead(), deny.clone()).unwrap();
    assert!(matches!(
        standing(&house, &run, 7),
        RerunStanding::Denied { .. }
    ));
    assert!(matches!(rerun(&house).stage, RerunStage::Denied { .. }));
    assert!(
        house.decide(at(8), &lead(), deny).is_err(),
        "it is answered"
    );
    assert!(
        house
            .docket
            .rerun_terms(&run, offer("fixed"), at(9), &RULES)
            .is_err()
    );
}

#[test]
fn a_blocked_line_stays_blocked_until_it_is_released() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev0);
    let blocked = |house: &House, line| house.docket.standing(id(&run), line) != Standing::Allowed;
    assert!(blocked(&house, true), "no event is needed");
    let case = house.observe(at(0), &run).unwrap();
    assert!(blocked(&house, true) && blocked(&house, false));
    assert_eq!(house.docket.quarantined().count(), 1);

    let unmet = |house: &House| match house.docket.releasable(&run.run, true, text("done")) {
        Ok(_) => Vec::new(),
        Err(Refusal::Release { unmet, .. }) => unmet,
        Err(other) => panic!("{other}"),
    };
    let resolved = |status| ReleaseUnmet::Resolved {
        case: case.clone(),
        status,
    };
    let neither = || ReleaseUnmet::FalsePositiveOrMitigation { case: case.clone() };
    assert_eq!(unmet(&house), [resolved(CaseStatus::Open), neither()]);
    let refusal = house.docket.releasable(&run.run, true, text("done"));
    assert_eq!(
        refusal.unwrap_err().to_string(),
        format!(
            "run R-1 cannot be released; missing: the resolution of {case}, which is Open; \
             a false positive or a mitigation in {case}"
        )
    );
    house.acknowledge(at(1), &case).unwrap();
    house.assess(at(2), &case, Exposure::Confirmed);
    house.confirm_cause(at(3), &case, RootCause::Misconfig);
    house.mitigate(at(4), &case);
    assert_eq!(
        unmet(&house),
        [
            resolved(CaseStatus::Mitigating),
            ReleaseUnmet::NoExposure { case: case.clone() }
        ]
    );
    house.assess(at(5), &case, Exposure::FalsePositive);
    house.note(at(6), &case, Topic::NoExposure);
    house.resolve(at(7), &lead(), &case).unwrap();
    assert!(blocked(&house, true), "resolving alone releases nothing");

    let releasable = house
        .docket
        .releasable(&run.run, true, text("false alarm"))
        .unwrap();
    assert_eq!(releasable.run(), &run.run);
    for who in [ops(), operator("view:O1"), Actor::Service] {
        assert!(releasable.clone().approve(&who).is_err());
    }
    let again = releasable.clone().approve(&lead()).unwrap();
    let approval = releasable.approve(&lead()).unwrap();
    let event = house.docket.release(at(8), approval).unwrap();
    let What::QuarantineReleased(released) = &event.what else {
        panic!("{event:?}")
    };
    assert_eq!(
        released.note.as_str(),
        "Quarantine released on 2025-01-31 by O3 lead-3"
    );
    house.keep(event);
    assert!(!blocked(&house, true) && !blocked(&house, false));
    let other = "R-2".parse().unwrap();
    assert_ne!(house.docket.standing(&other, true), Standing::Allowed);
    assert!(
        house.docket.release(at(9), again).is_err(),
        "it is released"
    );
    let told = [
        (ReleaseUnmet::Blocked, "nothing: it is not held back"),
        (ReleaseUnmet::Case, "a case of the run that is resolved"),
    ];
    for (unmet, words) in told {
        assert_eq!(unmet.to_string(), words);
    }
    let exposed = ReleaseUnmet::NoExposure { case }.to_string();
    assert!(exposed.contains("a security incident"), "{exposed}");
}

#[test]
fn a_run_that_is_only_blocked_is_released_too() {
    let mut house = House::default();
    let mut run = judged("R-1", Severity::Sev1);
    run.actions = run.actions.with(Action::BlockDispatch);
    house.resolved_sev1(&run);
    let releasable = house
        .docket
        .releasable(&run.run, true, text("fixed"))
        .unwrap();
    assert!(!releasable.is_quarantined());
    let event = house
        .docket
        .release(at(HOUR), releasable.approve(&lead()).unwrap())
        .unwrap();
    assert_eq!(event.what.kind(), "dispatch_unblocked");
    house.keep(event);
    assert_eq!(house.docket.standing(id(&run), true), Standing::Allowed);
}
