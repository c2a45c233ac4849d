//! Every role and the service, every verb: an expectation written from the runbook, not the code.

mod common;

use common::*;
use credit_core::{ScenarioId, Sha256};
use credit_governance::{
    About, Actor, AlertsMuted, Approval, BackfillStarted, Docket, Event, MuteScope, PolicyAdopted,
    Refusal, Rules, Verb, What,
};

/// What an O2 may do and an O1 may not; what the service may do is marked.
const OPERATORS: [(&str, bool); 24] = [
    ("init", true),
    ("ingest", true),
    ("import_ledger", true),
    ("repair", true),
    ("report", true),
    ("drain", true),
    ("propose_baseline", true),
    ("open_case", true),
    ("acknowledge_case", false),
    ("propose_root_cause", false),
    ("change_case_status", false),
    ("document_mitigation", false),
    ("note_case", true),
    ("link_thread", true),
    ("link_run", true),
    ("escalate_case", true),
    ("resolve_case", false),
    ("reopen_case", true),
    ("archive_case", true),
    ("unarchive_case", false),
    ("request_rerun", true),
    ("begin_rerun", true),
    ("decide_review", false),
    ("note_review", false),
];

/// What takes an O3, and never the service.
const APPROVERS: [&str; 14] = [
    "approve_baseline",
    "assess_exposure",
    "confirm_root_cause",
    "resolve_grave_case",
    "quarantine_run",
    "release_run",
    "approve_rerun",
    "deny_rerun",
    "adopt_policy",
    "adopt_config",
    "mute_alerts",
    "unmute_alerts",
    "start_backfill",
    "end_backfill",
];

#[test]
fn who_may_do_what() {
    let (o1, o2, o3) = (operator("a:O1"), operator("a:O2"), operator("a:O3"));
    for verb in Verb::ALL {
        let word = verb.to_string();
        let expected = if word == "view" {
            [true, true, true, true]
        } else if word == "protect" {
            // The policy's actions are the service's; a person who wants them is an approver.
            [false, false, true, true]
        } else if let Some((_, service)) = OPERATORS.iter().find(|(name, _)| *name == word) {
            [false, true, true, *service]
        } else {
            assert!(APPROVERS.contains(&word.as_str()), "{word} is in no list");
            [false, false, true, false]
        };
        let found = [&o1, &o2, &o3, &Actor::Service].map(|who| who.may(*verb).is_ok());
        assert_eq!(found, expected, "{word}: O1, O2, O3, service");
    }
    assert_eq!(Verb::ALL.len(), 2 + OPERATORS.len() + APPROVERS.len());
}

#[test]
fn two_are_needed_where_one_proposes() {
    for verb in Verb::ALL {
        let alone = Approval::alone(&lead(), *verb, ()).is_ok();
        let takes_two = ["approve_baseline", "approve_rerun"].contains(&verb.to_string().as_str());
        assert_eq!(alone, !takes_two, "{verb}");
    }
}

#[test]
fn the_operators_file_is_the_one_that_was_seen_first() {
    let mut docket = Docket::default();
    assert_eq!(docket.operators_seen(), None);
    let first = Sha256::of(b"ops-2");
    for sha256 in [first, Sha256::of(b"ops-2 and more")] {
        let seen = Event::new(at(0), &ops(), What::OperatorsSeen { sha256 });
        docket.apply(&seen).unwrap();
        assert_eq!(docket.operators_seen(), Some(first));
    }
}

#[test]
fn a_denial_is_an_event_that_decides_nothing() {
    let denied = ops().may(Verb::ReleaseRun).unwrap_err();
    let about = About::Run("R-1".parse().unwrap());
    let event = Event::new(at(0), &ops(), denied.what(about));
    let json = event.to_json();
    assert!(
        json.contains(
            r#""By":"ops-2","Role":"O2","Subject":{"verb":"release_run","requires":"O3","about":{"run":"R-1"}}"#
        ),
        "{json}"
    );
    let mut docket = Docket::default();
    docket.apply(&Event::parse(&json).unwrap()).unwrap();
    assert_eq!(docket, Docket::default());
}

#[test]
fn the_kill_switch_ends_by_itself_and_names_sev0() {
    let mute = |expires, include_sev0| AlertsMuted {
        scope: MuteScope::All,
        include_sev0,
        reason: text("a storm"),
        expires,
    };
    let enact = |docket: &Docket, mute| {
        let approval = Approval::alone(&lead(), Verb::MuteAlerts, mute).unwrap();
        docket.enact(at(0), approval, &Rules::STANDARD)
    };
    let mut docket = Docket::default();
    for expires in [at(0), at(4 * HOUR + 1)] {
        assert!(matches!(
            enact(&docket, mute(expires, false)),
            Err(Refusal::BadExpiry { .. })
        ));
    }
    let event = enact(&docket, mute(at(4 * HOUR), false)).unwrap();
    docket.apply(&event).unwrap();
    use credit_core::Severity::{Sev0, Sev1};
    let export = "EXPORT".parse().unwrap();
    let muted = |docket: &Docket, severity, t| docket.muted(&export, severity, at(t)).is_some();
    assert!(muted(&docket, Sev1, 0) && muted(&docket, Sev1, 4 * HOUR - 1));
    assert!(!muted(&docket, Sev1, 4 * HOUR) && !muted(&docket, Sev1, -1));
    assert!(!muted(&docket, Sev0, 1));
    docket
        .apply(&enact(&docket, mute(at(HOUR), true)).unwrap())
        .unwrap();
    assert!(muted(&docket, Sev0, 1) && !muted(&docket, Sev0, HOUR));

    let unmute = What::AlertsUnmuted(credit_governance::AlertsUnmuted {
        mute: docket.mutes()[0].id.clone(),
        reason: text("over"),
    });
    assert!(
        docket
            .decide(at(60), &ops(), unmute.clone(), &Rules::STANDARD)
            .is_err()
    );
    let event = docket
        .decide(at(2 * HOUR), &lead(), unmute.clone(), &Rules::STANDARD)
        .unwrap();
    docket.apply(&event).unwrap();
    assert!(muted(&docket, Sev1, 2 * HOUR - 1) && !muted(&docket, Sev1, 2 * HOUR));
    assert!(
        docket
            .decide(at(3 * HOUR), &lead(), unmute, &Rules::STANDARD)
            .is_err()
    );
}

#[test]
fn a_mute_holds_back_what_it_is_about() {
    use credit_core::Severity::{Sev1, Sev2};
    let [export, import] = ["EXPORT", "IMPORT"].map(|name| name.parse::<ScenarioId>().unwrap());
    let runs = [
        (&export, Sev1),
        (&export, Sev2),
        (&import, Sev1),
        (&import, Sev2),
    ];
    for (scope, held_back) in [
        (MuteScope::All, [true; 4]),
        (
            MuteScope::Scenario(export.clone()),
            [true, true, false, false],
        ),
        (
            MuteScope::Severities(vec![Sev2]),
            [false, true, false, true],
        ),
    ] {
        let mute = AlertsMuted {
            scope,
            include_sev0: false,
            reason: text("a storm"),
            expires: at(HOUR),
        };
        let mut docket = Docket::default();
        let approval = Approval::alone(&lead(), Verb::MuteAlerts, mute).unwrap();
        let event = docket.enact(at(0), approval, &Rules::STANDARD).unwrap();
        docket.apply(&event).unwrap();
        let found = runs.map(|(scenario, severity)| docket.muted(scenario, severity, at(1)));
        assert_eq!(found.map(|mute| mute.is_some()), held_back, "{event:?}");
    }
}

#[test]
fn a_backfill_counts_until_its_end_and_is_not_forgotten() {
    let export = "EXPORT".parse().unwrap();
    let start = |docket: &Docket, expires| {
        let backfill = BackfillStarted {
            scenario_id: "EXPORT".parse().unwrap(),
            reason: text("a lost week"),
            expires,
        };
        let approval = Approval::alone(&lead(), Verb::StartBackfill, backfill).unwrap();
        docket.enact(at(0), approval, &Rules::STANDARD)
    };
    let mut docket = Docket::default();
    assert!(start(&docket, at(14 * DAY + 1)).is_err());
    let event = start(&docket, at(14 * DAY)).unwrap();
    docket.apply(&event).unwrap();
    assert!(start(&docket, at(DAY)).is_err(), "it is open");
    let on = |docket: &Docket, t| docket.backfill(&export, at(t)).is_some();
    assert!(on(&docket, 14 * DAY - 1) && !on(&docket, 14 * DAY));
    assert_eq!(docket.forgotten_backfills(at(14 * DAY - 1)).count(), 0);
    assert_eq!(docket.forgotten_backfills(at(14 * DAY)).count(), 1);
    let end = credit_governance::What::BackfillEnded(credit_governance::BackfillEnded {
        scenario_id: export.clone(),
        note: text("caught up"),
    });
    let event = docket
        .decide(at(15 * DAY), &lead(), end.clone(), &Rules::STANDARD)
        .unwrap();
    docket.apply(&event).unwrap();
    assert_eq!(docket.forgotten_backfills(at(20 * DAY)).count(), 0);
    assert!(
        docket
            .decide(at(16 * DAY), &lead(), end, &Rules::STANDARD)
            .is_err()
    );
}

#[test]
fn a_policy_comes_into_force_by_an_approver_alone() {
    let policy = || PolicyAdopted {
        old: None,
        new: credit_core::Sha256::of(b"policy"),
        reason: text("first"),
        backtest_sha256: None,
    };
    assert!(Approval::alone(&ops(), Verb::AdoptPolicy, policy()).is_err());
    let docket = Docket::default();
    let other = Approval::alone(&lead(), Verb::View, policy()).unwrap();
    assert!(matches!(
        docket.enact(at(0), other, &Rules::STANDARD),
        Err(Refusal::Denied(_))
    ));
    let bare = docket.decide(at(0), &lead(), policy().into(), &Rules::STANDARD);
    assert!(matches!(bare, Err(Refusal::NeedsApproval { .. })));
    let approval = Approval::alone(&lead(), Verb::AdoptPolicy, policy()).unwrap();
    assert!(docket.enact(at(0), approval, &Rules::STANDARD).is_ok());
}
