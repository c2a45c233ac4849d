//! The life of a case: who may, what is missing, and to the second when it is too late.

mod common;

use common::*;
use credit_core::{
    CaseCategory, CaseStatus, Exposure, ExposureBand, JobType, RiskFlag, RiskFlags, RootCause,
    Severity, Status,
};
use credit_governance::{
    Actor, CaseArchived, CaseReopened, Denied, DocketError, Duty, Escalation, Missing, Refusal,
    RootCauseFound, Rules, ThreadLinked, ThreadUrl, Topic, Verb, What, recommend,
};

const RULES: Rules = Rules::STANDARD;

#[test]
fn a_sev0_case_says_everything_that_is_missing_until_nothing_is() {
    let mut house = House::default();
    let case = house
        .observe(at(0), &judged("R-1", Severity::Sev0))
        .unwrap();
    let missing = |house: &House| house.docket.case(&case).unwrap().missing(&RULES);
    assert_eq!(
        missing(&house),
        [
            Missing::Acknowledgment,
            Missing::Mitigating,
            Missing::RootCause,
            Missing::Mitigation,
            Missing::ExposureAssessment,
        ]
    );
    let refusal = house.resolve(at(1), &lead(), &case).unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("missing: an acknowledgment; the status Mitigating"),
        "{refusal}"
    );
    house.acknowledge(at(10), &case).unwrap();
    house.propose_cause(at(20), &case, RootCause::LegitLoad);
    house.mitigate(at(30), &case);
    house.assess(at(40), &case, Exposure::Undetermined);
    assert_eq!(
        missing(&house),
        [
            Missing::RootCauseConfirmed,
            Missing::ExposureAssessment,
            Missing::BaselineRationale,
        ]
    );
    house.confirm_cause(at(50), &case, RootCause::LegitLoad);
    house.note(at(60), &case, Topic::BaselineRationale);
    house.assess(at(70), &case, Exposure::Confirmed);
    assert_eq!(missing(&house), [Missing::NoExposure]);
    house.assess(at(80), &case, Exposure::FalsePositive);
    assert_eq!(missing(&house), [Missing::NoExposureEvidence]);
    house.note(at(90), &case, Topic::NoExposure);
    assert!(missing(&house).is_empty());

    assert!(matches!(
        house.resolve(at(99), &ops(), &case),
        Err(Refusal::Denied(_))
    ));
    house.resolve(at(100), &lead(), &case).unwrap();
    let resolved = house.docket.case(&case).unwrap();
    assert_eq!(resolved.resolved_at, Some(at(100)));
    let statuses: Vec<_> = resolved.history.iter().map(|step| step.status).collect();
    assert_eq!(
        statuses,
        [
            CaseStatus::Open,
            CaseStatus::Investigating,
            CaseStatus::Mitigating,
            CaseStatus::Resolved
        ]
    );
}

#[test]
fn an_o2_resolves_a_moderate_case_and_needs_no_confirmation() {
    let mut house = House::default();
    let mut run = judged("R-1", Severity::Sev2);
    run.actions = run.actions.with(credit_core::Action::CreateCase);
    let case = house.observe(at(0), &run).unwrap();
    house.acknowledge(at(1), &case).unwrap();
    house.propose_cause(at(2), &case, RootCause::Misconfig);
    house.mitigate(at(3), &case);
    house.resolve(at(4), &ops(), &case).unwrap();
}

#[test]
fn who_proposed_a_root_cause_does_not_confirm_one() {
    let mut house = House::default();
    let case = house
        .observe(at(0), &judged("R-1", Severity::Sev1))
        .unwrap();
    let found = || RootCauseFound {
        case: case.clone(),
        root_cause: RootCause::Misconfig,
        explanation: text("no limit on the items"),
    };
    let propose = || What::RootCauseProposed(found());
    let confirm = || What::RootCauseConfirmed(found());
    house.decide(at(1), &lead(), propose()).unwrap();
    assert!(matches!(
        house.decide(at(2), &lead(), confirm()),
        Err(Refusal::Denied(Denied::OwnProposal { name, verb: Verb::ConfirmRootCause })) if name == "lead-3"
    ));
    house
        .decide(at(3), &operator("lead-4:O3"), confirm())
        .unwrap();
    // What lead-4 confirmed is nobody's proposal any more.
    house
        .decide(at(4), &operator("lead-4:O3"), confirm())
        .unwrap();
}

#[test]
fn a_rerun_that_went_well_is_missing_only_where_the_rules_ask() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev1);
    let case = house.resolved_sev1(&run);
    let strict = Rules {
        successful_rerun_required: true,
        ..RULES
    };
    let missing = |house: &House| house.docket.case(&case).unwrap().missing(&strict);
    assert!(missing(&house).contains(&Missing::SuccessfulRerun));
    for (name, severity, status, went_well) in [
        ("R-2", Severity::Sev2, Status::Success, false),
        ("R-3", Severity::Sev4, Status::Failed, false),
        ("R-4", Severity::Sev3, Status::Success, true),
    ] {
        let mut rerun = judged(name, severity);
        rerun.rerun_of = Some(id(&run).clone());
        rerun.status = status;
        house.observe(at(HOUR), &rerun);
        let wanted = missing(&house).contains(&Missing::SuccessfulRerun);
        assert_eq!(wanted, !went_well, "{name}");
    }
    assert!(
        house
            .docket
            .case(&case)
            .unwrap()
            .last_rerun()
            .unwrap()
            .is_successful_rerun()
    );
}

#[test]
fn only_legal_jumps() {
    use CaseStatus::{Investigating, Mitigating, Open, Resolved};
    let mut house = House::default();
    let case = house
        .observe(at(0), &judged("R-1", Severity::Sev1))
        .unwrap();
    for (from, to) in [
        (Open, Mitigating),
        (Open, Resolved),
        (Open, Open),
        (Investigating, Mitigating),
        (Mitigating, Resolved),
    ] {
        let error = house.step(at(1), &case, from, to).unwrap_err();
        assert!(
            matches!(
                error,
                Refusal::Impossible(DocketError::IllegalStatus { .. })
            ),
            "{from} to {to}: {error}"
        );
    }
    house.step(at(1), &case, Open, Investigating).unwrap();
    house.step(at(2), &case, Investigating, Mitigating).unwrap();
    house.step(at(3), &case, Mitigating, Investigating).unwrap();
    let reopen = What::CaseReopened(CaseReopened {
        case: case.clone(),
        reason: text("again"),
    });
    assert!(
        house.decide(at(4), &ops(), reopen).is_err(),
        "it is not resolved"
    );
}

#[test]
fn deadlines_are_kept_up_to_the_last_second_before_them() {
    for (severity, due) in [(Severity::Sev0, 15 * MINUTE), (Severity::Sev1, HOUR)] {
        let mut house = House::default();
        let case = house.observe(at(0), &judged("R-1", severity)).unwrap();
        let duties = |seconds| {
            let case = house.docket.case(&case).unwrap();
            let overdue = case.overdue(&RULES.deadlines, at(seconds));
            overdue.iter().map(|o| o.duty).collect::<Vec<_>>()
        };
        assert!(duties(due - 1).is_empty(), "{severity}");
        let both = severity == Severity::Sev0;
        let expected: &[Duty] = if both {
            &[Duty::Acknowledge, Duty::Assess]
        } else {
            &[Duty::Acknowledge]
        };
        assert_eq!(duties(due), expected, "{severity}");

        let due_events = house.docket.due(at(due), &RULES);
        assert_eq!(due_events.len(), expected.len());
        assert!(house.docket.due(at(due - 1), &RULES).is_empty());
        for what in due_events {
            house.decide(at(due), &Actor::Service, what).unwrap();
        }
        assert!(
            house.docket.due(at(2 * due), &RULES).is_empty(),
            "one call an alert"
        );
        house.acknowledge(at(2 * due), &case).unwrap();
        assert!(
            house
                .docket
                .overdue(&RULES.deadlines, at(3 * due))
                .iter()
                .all(|(_, overdue)| overdue.duty == Duty::Assess)
        );
    }
}

#[test]
fn a_graver_run_voids_the_acknowledgment_and_starts_the_clock_again() {
    let mut house = House::default();
    let case = house
        .observe(at(0), &judged("R-1", Severity::Sev1))
        .unwrap();
    house.acknowledge(at(10), &case).unwrap();
    assert!(
        house.acknowledge(at(11), &case).is_err(),
        "somebody has it already"
    );
    house.observe(at(20), &judged("R-2", Severity::Sev1));
    let acknowledged = |house: &House| house.docket.case(&case).unwrap().acknowledged.is_some();
    assert!(acknowledged(&house));
    assert_eq!(
        house.observe(at(30), &judged("R-3", Severity::Sev0)),
        Some(case.clone())
    );
    assert!(!acknowledged(&house));
    let found = house.docket.case(&case).unwrap();
    assert_eq!(found.severity, Severity::Sev0);
    assert_eq!(found.alerted_at, at(30));
    assert_eq!(found.exposure_band, ExposureBand::Privacy);
    assert_eq!(
        found.acknowledge_by(&RULES.deadlines),
        Some(at(30 + 15 * MINUTE))
    );
    house.acknowledge(at(40), &case).unwrap();
    house.assess(at(50), &case, Exposure::FalsePositive);
    assert!(house.docket.overdue(&RULES.deadlines, at(DAY)).is_empty());

    // A flag that nobody looked into voids the assessment.
    let mut regulated = judged("R-4", Severity::Sev0);
    regulated.risk_flags = regulated.risk_flags.with(RiskFlag::RegulatoryData);
    let mut only_personal = house.docket.case(&case).unwrap().exposure.clone().unwrap();
    only_personal.flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    house
        .decide(
            at(55),
            &lead(),
            What::ExposureAssessed(credit_governance::ExposureAssessed {
                case: case.clone(),
                exposure: only_personal.exposure,
                flags: only_personal.flags,
                notes: only_personal.notes,
            }),
        )
        .unwrap();
    house.observe(at(60), &regulated);
    let found = house.docket.case(&case).unwrap();
    assert!(found.valid_exposure().is_none());
    assert_eq!(
        found.assess_by(&RULES.deadlines),
        Some(at(60 + 15 * MINUTE))
    );
}

#[test]
fn the_archive_begins_at_thirty_days_and_gives_back() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev1);
    let case = house.resolved_sev1(&run);
    let resolved = 4 * MINUTE;
    let archive = || What::CaseArchived(CaseArchived { case: case.clone() });
    assert!(
        house
            .docket
            .due(at(resolved + 30 * DAY - 1), &RULES)
            .is_empty()
    );
    assert!(matches!(
        house.decide(at(resolved + 30 * DAY - 1), &ops(), archive()),
        Err(Refusal::TooEarly { .. })
    ));
    assert_eq!(
        house.docket.due(at(resolved + 30 * DAY), &RULES),
        [archive()]
    );
    house
        .decide(at(resolved + 30 * DAY), &ops(), archive())
        .unwrap();
    assert!(house.docket.case(&case).is_none());
    assert_eq!(house.docket.archived_case(&case).unwrap().id, case);
    assert_eq!(house.docket.case_of(id(&run)).unwrap().id, case);
    let back = What::CaseUnarchived(CaseReopened {
        case: case.clone(),
        reason: text("asked for"),
    });
    house.decide(at(40 * DAY), &ops(), back).unwrap();
    assert_eq!(
        house.docket.case(&case).unwrap().status,
        CaseStatus::Resolved
    );
    assert!(house.docket.due(at(40 * DAY), &RULES).is_empty());
}

#[test]
fn a_case_without_news_is_stale_and_a_call_for_help_is_no_news() {
    let mut house = House::default();
    let case = house
        .observe(at(0), &judged("R-1", Severity::Sev1))
        .unwrap();
    for what in house.docket.due(at(DAY), &RULES) {
        house.decide(at(DAY), &Actor::Service, what).unwrap();
    }
    let stale = |house: &House, t| {
        house
            .docket
            .case(&case)
            .unwrap()
            .is_stale(&RULES.deadlines, t)
    };
    assert!(!stale(&house, at(14 * DAY - 1)));
    assert!(stale(&house, at(14 * DAY)));
    house.note(at(14 * DAY), &case, Topic::General);
    assert!(!stale(&house, at(14 * DAY)));
}

#[test]
fn a_resolved_case_still_takes_notes_and_a_thread() {
    let mut house = House::default();
    let case = house.resolved_sev1(&judged("R-1", Severity::Sev1));
    house.note(at(HOUR), &case, Topic::General);
    let url: ThreadUrl = "https://chat.example/archives/C1/p17".parse().unwrap();
    let linked = What::ThreadLinked(ThreadLinked {
        case: case.clone(),
        url: url.clone(),
    });
    house.decide(at(2 * HOUR), &ops(), linked).unwrap();
    let found = house.docket.case(&case).unwrap();
    assert_eq!((found.notes.len(), &found.thread_url), (1, &Some(url)));
    assert_eq!(found.updated_at, at(2 * HOUR));
}

#[test]
fn confirmed_exposure_calls_the_security_team_once() {
    let mut house = House::default();
    let case = house
        .observe(at(0), &judged("R-1", Severity::Sev0))
        .unwrap();
    house.acknowledge(at(1), &case).unwrap();
    house.assess(at(2), &case, Exposure::Confirmed);
    let due = house.docket.due(at(3), &RULES);
    assert!(matches!(
        &due[..],
        [What::CaseEscalated(call)] if call.escalation == Escalation::ConfirmedExposure
    ));
    for what in due {
        house.decide(at(3), &Actor::Service, what).unwrap();
    }
    assert!(house.docket.due(at(4), &RULES).is_empty());
}

#[test]
fn a_call_for_one_reason_is_none_for_another() {
    let mut house = House::default();
    let case = house
        .observe(at(0), &judged("R-1", Severity::Sev0))
        .unwrap();
    house.assess(at(2), &case, Exposure::Confirmed);
    for (now, reason) in [
        (3, Escalation::ConfirmedExposure),
        (15 * MINUTE, Escalation::AckOverdue),
    ] {
        let due = house.docket.due(at(now), &RULES);
        let [call @ What::CaseEscalated(escalated)] = &due[..] else {
            panic!("{due:?}")
        };
        assert_eq!(escalated.escalation, reason);
        house
            .decide(at(now), &Actor::Service, call.clone())
            .unwrap();
    }
    assert!(house.docket.due(at(DAY), &RULES).is_empty());
}

#[test]
fn band_and_category_follow_from_the_run() {
    let flags = |flags: &[RiskFlag]| flags.iter().copied().collect::<RiskFlags>();
    let (pii, regulated) = (RiskFlag::PiiExposure, RiskFlag::RegulatoryData);
    use ExposureBand::{Financial, Operational, Privacy, Regulatory};
    for (severity, set, band) in [
        (Severity::Sev0, flags(&[regulated]), Regulatory),
        (Severity::Sev4, flags(&[regulated]), Regulatory),
        (Severity::Sev0, flags(&[pii, regulated]), Regulatory),
        (Severity::Sev0, flags(&[pii]), Privacy),
        (Severity::Sev4, flags(&[pii]), Privacy),
        (Severity::Sev0, flags(&[]), Financial),
        (Severity::Sev1, flags(&[RiskFlag::RetryLoop]), Financial),
        (Severity::Sev2, flags(&[]), Operational),
    ] {
        assert_eq!(ExposureBand::of(severity, set), band, "{severity} {set:?}");
    }
    use CaseCategory as Category;
    for (severity, set, job, failed, category) in [
        (
            Severity::Sev0,
            flags(&[pii, regulated]),
            JobType::Other,
            false,
            Category::Filing,
        ),
        (
            Severity::Sev0,
            flags(&[pii]),
            JobType::EmailSend,
            false,
            Category::Data,
        ),
        (
            Severity::Sev1,
            flags(&[]),
            JobType::EmailSend,
            false,
            Category::Delivery,
        ),
        (
            Severity::Sev1,
            flags(&[]),
            JobType::Filing,
            false,
            Category::Filing,
        ),
        (
            Severity::Sev3,
            flags(&[]),
            JobType::Other,
            true,
            Category::Cost,
        ),
        (
            Severity::Sev4,
            flags(&[]),
            JobType::Other,
            true,
            Category::Reliability,
        ),
        (
            Severity::Sev4,
            flags(&[]),
            JobType::Other,
            false,
            Category::Other,
        ),
    ] {
        assert_eq!(Category::of(severity, set, job, failed), category);
    }
}

#[test]
fn every_root_cause_has_its_advice() {
    let iterator = RiskFlags::NONE.with(RiskFlag::UnboundedIterator);
    assert_eq!(
        recommend(RootCause::Misconfig, iterator),
        [
            "Update scenario config (max_items, idempotency key)",
            "Set max_items in the scenario's file"
        ]
    );
    assert_eq!(
        recommend(RootCause::LegitLoad, iterator),
        ["Update baseline and document expected variance"]
    );
    let by_flag = [
        (RiskFlag::MissingIdempotency, "has_idempotency_key"),
        (RiskFlag::RetryLoop, "Limit the retries"),
        (RiskFlag::SuddenPromptGrowth, "Review prompt"),
        (RiskFlag::DeploymentCorrelation, "bugs in new code"),
    ];
    for (flag, advice) in by_flag {
        let found = recommend(RootCause::Misconfig, RiskFlags::NONE.with(flag));
        assert!(found.len() == 2 && found[1].contains(advice), "{found:?}");
    }
    let backfill = RiskFlags::NONE.with(RiskFlag::BackfillMode);
    let found = recommend(RootCause::LegitLoad, backfill);
    assert!(found[1].contains("creditctl backfill start"), "{found:?}");
    for root_cause in RootCause::ALL {
        assert_eq!(recommend(*root_cause, RiskFlags::NONE).len(), 1);
    }
    for flag in RiskFlag::ALL {
        let flags = RiskFlags::NONE.with(*flag);
        assert_eq!(recommend(RootCause::Unknown, flags).len(), 1);
    }
}

#[test]
fn what_is_missing_is_said_in_words() {
    for (missing, words) in [
        (Missing::Acknowledgment, "an acknowledgment"),
        (Missing::RootCauseConfirmed, "an O3 who confirms"),
        (
            Missing::ExposureAssessment,
            "an assessment of all critical flags",
        ),
        (Missing::NoExposure, "is a security incident"),
        (Missing::NoExposureEvidence, "the evidence that nothing"),
        (Missing::BaselineRationale, "the rationale for the baseline"),
        (Missing::SuccessfulRerun, "a rerun that went well"),
    ] {
        assert!(missing.to_string().contains(words), "{missing}");
    }
}
