//! The life of a case: who may, what is missing, and to the second when it is too late.

mod common;

use common::*;
use credit_core::{
    Action, Actions, BaselineStatus, CaseCategory, CaseStatus, Exposure, ExposureBand, JobType,
    Likelihood, RiskFlag, RiskFlags, RootCause, Severity, Status,
};
use credit_governance::{
    Actor, CaseArchived, CaseReopened, Cause, Denied, Docket, DocketError, Duty, Effect,
    Escalation, LinkedRun, Missing, PatternRule, Refusal, Relation, RootCauseFound, Rules,
    ThreadLinked, ThreadUrl, Topic, Verb, What, plan, recommend,
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
fn a_storm_is_one_case_for_each_scenario_and_cause() {
    let mut house = House::default();
    for i in 0..100 {
        house.observe(at(i), &judged(&format!("R-{i}"), Severity::Sev1));
        let mut unjudged = judged(&format!("N-{i}"), Severity::Sev1);
        unjudged.baseline_status = BaselineStatus::Missing;
        house.observe(at(i), &unjudged);
        let mut other = judged(&format!("O-{i}"), Severity::Sev1);
        other.scenario_id = "OTHER".parse().unwrap();
        house.observe(at(i), &other);
    }
    assert_eq!(house.docket.open_cases().count(), 3);
    for case in house.docket.open_cases() {
        assert_eq!(case.runs.len(), 100);
        assert_eq!(case.primary(), case.runs.first());
    }
    // What was planned once is not planned again.
    let planned = house.events.len();
    house.observe(at(200), &judged("R-1", Severity::Sev1));
    assert_eq!(house.events.len(), planned);
}

#[test]
fn the_third_sev2_in_a_week_opens_a_case_and_the_fourth_joins_it() {
    let mut house = House::default();
    let mut recent = Vec::new();
    for i in 1..=4 {
        let mut run = judged(&format!("R-{i}"), Severity::Sev2);
        run.recent_sev2 = recent.clone();
        house.observe(at(i), &run);
        recent.push(LinkedRun {
            run: run.run.clone(),
            relation: Relation::Related,
            severity: run.severity,
            risk_flags: run.risk_flags,
            likelihood: run.likelihood,
            status: run.status,
        });
        let open: Vec<_> = house.docket.open_cases().collect();
        match i {
            1 | 2 => assert!(open.is_empty()),
            _ => {
                assert_eq!(open.len(), 1);
                assert_eq!(
                    (open[0].cause, open[0].runs.len()),
                    (Cause::Pattern, i as usize)
                );
            }
        }
    }
}

/// Of a great many, which would not fit into one line of the ledger.
#[test]
fn a_pattern_is_seen_in_its_newest_runs_alone() {
    let all: Vec<LinkedRun> = (0..100)
        .map(|i| LinkedRun {
            run: run_ref(&format!("R-{i}")),
            relation: Relation::Related,
            severity: Severity::Sev2,
            risk_flags: RiskFlags::NONE,
            likelihood: Likelihood::Medium,
            status: Status::Success,
        })
        .collect();
    for runs in [3, 64, 65, 70, 101] {
        let rule = PatternRule { runs, days: 7 };
        let planned = |recent: &[LinkedRun]| {
            let mut run = judged("R-100", Severity::Sev2);
            run.recent_sev2 = recent.to_vec();
            plan(&run, &Docket::default(), &rule)
        };
        let newest = &all[all.len().saturating_sub(rule.recent_max())..];
        let of_all = planned(&all);
        assert_eq!(planned(newest), of_all, "{runs}");
        let opened = of_all.iter().find_map(|effect| match effect {
            Effect::Record(What::CaseOpened(opened)) => Some(opened),
            _ => None,
        });
        let named = opened.unwrap().runs.iter().map(|linked| &linked.run);
        let last = all[36..].iter().map(|linked| &linked.run);
        assert!(named.eq([&run_ref("R-100")].into_iter().chain(last)));
    }
}

#[test]
fn a_rerun_that_spikes_again_takes_its_case_up_again_and_calls_people() {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev1);
    let case = house.resolved_sev1(&run);
    let mut rerun = judged("R-2", Severity::Sev2);
    rerun.rerun_of = Some(id(&run).clone());
    let mut another = judged("R-3", Severity::Sev2);
    another.rerun_of = Some(id(&run).clone());
    // What was seen already calls nobody again.
    for (rerun, calls) in [(&rerun, 1), (&rerun, 1), (&another, 2), (&rerun, 2)] {
        assert_eq!(house.observe(at(HOUR), rerun), Some(case.clone()));
        let found = house.docket.case(&case).unwrap();
        assert_eq!(found.status, CaseStatus::Investigating);
        assert_eq!(found.calls_for(Escalation::RepeatSpike), calls);
    }
    assert!(
        house
            .docket
            .unresolved_case(&run.scenario_id, Cause::Spike)
            .is_some()
    );
}

#[test]
fn what_somebody_links_is_a_rerun_only_of_a_run_of_that_case() {
    let mut house = House::default();
    let case = house.resolved_sev1(&judged("R-1", Severity::Sev1));
    let mut other = judged("O-1", Severity::Sev1);
    other.scenario_id = "OTHER".parse().unwrap();
    house.observe(at(HOUR), &other).unwrap();
    for (repeats, relation) in [
        (None, Relation::Related),
        (Some("O-1"), Relation::Related),
        (Some("R-1"), Relation::Rerun),
    ] {
        let mut run = judged("R-2", Severity::Sev3);
        run.rerun_of = repeats.map(|id| id.parse().unwrap());
        let linked = house.docket.link_by_hand(&run, &case).unwrap();
        let What::RunLinked(linked) = linked else {
            panic!("{linked:?}")
        };
        assert_eq!(linked.linked.relation, relation, "{repeats:?}");
    }
    let unknown = "CASE-20250131-000000".parse().unwrap();
    let run = judged("R-2", Severity::Sev3);
    assert!(house.docket.link_by_hand(&run, &unknown).is_err());
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
fn a_case_opened_by_hand_has_its_run_and_the_title_that_was_given() {
    let mut house = House::default();
    for (name, given, status, title, category) in [
        (
            "R-1",
            None,
            Status::Success,
            "SEV4 EXPORT: opened by hand",
            CaseCategory::Other,
        ),
        (
            "R-2",
            Some("looks odd"),
            Status::Failed,
            "looks odd",
            CaseCategory::Reliability,
        ),
    ] {
        let mut run = judged(name, Severity::Sev4);
        run.status = status;
        let by_hand = |house: &House| house.docket.case_by_hand(&run, given.map(text));
        let opened = by_hand(&house).unwrap();
        house.decide(at(0), &ops(), opened).unwrap();
        let case = house.docket.case_of(id(&run)).unwrap();
        assert_eq!((case.cause, case.category), (Cause::Manual, category));
        assert_eq!(case.title.as_str(), title);
        assert!(matches!(
            by_hand(&house),
            Err(DocketError::AlreadyLinked { case: other, .. }) if other == case.id
        ));
    }
    assert_eq!(house.docket.open_cases().count(), 2);
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
fn the_title_of_a_case_says_why_it_was_opened() {
    let title = |change: fn(&mut credit_governance::JudgedRun)| {
        let mut house = House::default();
        let mut run = judged("R-1", Severity::Sev1);
        change(&mut run);
        let case = house.observe(at(0), &run).unwrap();
        house.docket.case(&case).unwrap().title.to_string()
    };
    assert_eq!(title(|_| {}), "SEV1 EXPORT: credit spike");
    assert_eq!(
        title(|run| run.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure)),
        "SEV1 EXPORT: credit spike with sensitive data"
    );
    assert_eq!(
        title(|run| run.baseline_status = BaselineStatus::Missing),
        "SEV1 EXPORT: no baseline to compare with"
    );
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

/// What a policy does not ask for is not done, whatever the severity.
#[test]
fn each_action_of_the_policy_is_planned_and_no_other() {
    let planned = |actions: Actions| -> Vec<&'static str> {
        let mut run = judged("R-1", Severity::Sev0);
        run.actions = actions;
        let effects = plan(&run, &House::default().docket, &Rules::STANDARD.pattern);
        let word = |effect: &Effect| match effect {
            Effect::Quarantine { .. } => "quarantine",
            Effect::Record(what) => what.kind(),
            Effect::LockPage { .. } => "lock",
            Effect::Page { .. } => "page",
            Effect::Alert { .. } => "alert",
        };
        effects.iter().map(word).collect()
    };
    let all = judged("R-1", Severity::Sev0).actions;
    let wanted = [
        "quarantine",
        "dispatch_blocked",
        "case_opened",
        "lock",
        "page",
    ];
    assert_eq!(planned(all), wanted);
    for (action, effect) in [
        (Action::Quarantine, "quarantine"),
        (Action::BlockDispatch, "dispatch_blocked"),
        (Action::CreateCase, "case_opened"),
        (Action::SlackEscalate, "page"),
        (Action::SlackAlert, "alert"),
    ] {
        assert_eq!(planned(Actions::NONE.with(action)), [effect]);
    }
    let without: Actions = all.iter().filter(|a| *a != Action::PageLock).collect();
    assert_eq!(
        planned(without),
        ["quarantine", "dispatch_blocked", "case_opened", "page"]
    );
    assert!(planned(Actions::NONE).is_empty());

    // A pattern is one of SEV2, and only where a case is wanted for it.
    let once = PatternRule { runs: 1, days: 7 };
    for (severity, actions, wanted) in [
        (
            Severity::Sev2,
            Actions::NONE.with(Action::LogCaseOptional),
            true,
        ),
        (Severity::Sev2, Actions::NONE, false),
        (
            Severity::Sev3,
            Actions::NONE.with(Action::LogCaseOptional),
            false,
        ),
    ] {
        let mut run = judged("R-1", severity);
        run.actions = actions;
        let effects = plan(&run, &Docket::default(), &once);
        assert_eq!(!effects.is_empty(), wanted, "{severity} {actions:?}");
    }
}

#[test]
fn what_is_blocked_says_which_flags_it_has() {
    let both = RiskFlags::NONE
        .with(RiskFlag::RetryLoop)
        .with(RiskFlag::PiiExposure);
    for (risk_flags, told) in [
        (RiskFlags::NONE, "SEV0 of EXPORT: no flags"),
        (both, "SEV0 of EXPORT: retry_loop, pii_exposure"),
    ] {
        let mut run = judged("R-1", Severity::Sev0);
        run.risk_flags = risk_flags;
        run.actions = Actions::NONE.with(Action::BlockDispatch);
        let effects = plan(&run, &Docket::default(), &RULES.pattern);
        let [Effect::Record(What::DispatchBlocked(blocked))] = &effects[..] else {
            panic!("{effects:?}")
        };
        assert_eq!(blocked.reason.as_str(), told);
    }
}

#[test]
fn a_cause_has_one_unresolved_case_whatever_was_planned_before() {
    let mut house = House::default();
    let case = house.observe(at(0), &judged("R-1", Severity::Sev1));
    let late = plan(
        &judged("R-2", Severity::Sev1),
        &Docket::default(),
        &RULES.pattern,
    );
    let [Effect::Record(opened), ..] = &late[..] else {
        panic!("{late:?}")
    };
    assert!(matches!(
        house.decide(at(1), &Actor::Service, opened.clone()),
        Err(Refusal::Impossible(DocketError::CauseTaken { case: taken, .. })) if Some(&taken) == case.as_ref()
    ));
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
