//! What a judged run leads to: which case, which actions, and what is linked to what.

mod common;

use common::*;
use credit_core::*;
use credit_governance::*;

const RULES: Rules = Rules::STANDARD;

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
