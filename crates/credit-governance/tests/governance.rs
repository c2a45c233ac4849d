//! Roles, approvals, events and their fold, through the public API.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(
    clippy::disallowed_methods,
    reason = "UPDATE_GOLDEN is the tests' own switch"
)]

use std::fs;
use std::path::Path;

use credit_core::{Credits, Sha256, Timestamp};
use credit_governance::{
    Actor, Approval, BaselineProposal, Denied, Docket, DocketError, Event, Operator, Operators,
    OperatorsError, Role, Verb, What,
};

const VERBS: [Verb; 7] = [
    Verb::View,
    Verb::Ingest,
    Verb::ImportLedger,
    Verb::Repair,
    Verb::Report,
    Verb::ProposeBaseline,
    Verb::ApproveBaseline,
];

fn at(hour: u32) -> Timestamp {
    format!("2025-01-31T{hour:02}:00:00Z").parse().unwrap()
}

fn operator(text: &str) -> Actor {
    Actor::Operator(text.parse::<Operator>().unwrap())
}

fn proposal(new: &str) -> BaselineProposal {
    BaselineProposal {
        scenario_id: "EXPORT".parse().unwrap(),
        old: Some(Credits::whole(100).unwrap()),
        new: new.parse().unwrap(),
        usual_input_tokens: None,
        usual_credits_per_item: None,
        bounds: None,
        weekdays: None,
        changed_at: None,
        sample_size: 28,
        cv: Some(0.18),
        days: 30,
        as_of: at(0),
        reasons: vec!["a \"new\" prompt\nsince Monday".to_owned()],
        override_reason: None,
        investigated: Some("CASE-20250131-AAAAAA".to_owned()),
    }
}

/// A proposal, its approval and its application.
fn a_change(new: &str) -> [Event; 3] {
    let proposed = Event::new(
        at(1),
        &operator("ops-2:O2"),
        What::BaselineProposed(proposal(new)),
    );
    let lead = operator("lead-3:O3");
    let approved = What::BaselineApproved {
        proposal: proposed.id(),
        approval_id: "O3-lead-3-2025-01-31T02:00:00Z".to_owned(),
    };
    let applied = What::BaselineApplied {
        proposal: proposed.id(),
        file_sha256: None,
    };
    [
        proposed,
        Event::new(at(2), &lead, approved),
        Event::new(at(3), &lead, applied),
    ]
}

#[test]
fn the_role_matrix() {
    let allowed = |actor: &Actor| VERBS.map(|verb| actor.may(verb).is_ok());
    assert_eq!(
        allowed(&operator("a:O1")),
        [true, false, false, false, false, false, false]
    );
    assert_eq!(
        allowed(&operator("a:O2")),
        [true, true, true, true, true, true, false]
    );
    assert_eq!(allowed(&operator("a:O3")), [true; 7]);
    assert_eq!(
        allowed(&Actor::Service),
        [true, true, true, true, true, true, false]
    );
}

#[test]
fn a_denial_names_who_what_and_what_is_required() {
    let denied = operator("eve:O1").may(Verb::Ingest).unwrap_err();
    assert_eq!(denied.to_string(), "`eve` (O1) may not ingest; it needs O2");
    let denied = Actor::Service.may(Verb::ApproveBaseline).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "`service` (the service identity) may not approve_baseline; it needs O3"
    );
}

#[test]
fn only_another_sufficient_operator_grants() {
    let grant = |who: &Actor, proposer: &str| {
        Approval::grant(who, Verb::ApproveBaseline, proposer, 7).map(|approval| *approval.subject())
    };
    assert_eq!(grant(&operator("lead-3:O3"), "ops-2"), Ok(7));
    assert_eq!(grant(&operator("lead-3:O3"), "service"), Ok(7));
    assert!(matches!(
        grant(&operator("lead-3:O3"), "lead-3"),
        Err(Denied::OwnProposal { .. })
    ));
    for too_low in [operator("ops-2:O2"), operator("view:O1"), Actor::Service] {
        assert!(matches!(
            grant(&too_low, "someone"),
            Err(Denied::Role { .. })
        ));
    }
    let alone = Approval::alone(&operator("lead-3:O3"), Verb::ApproveBaseline, ());
    for denied in [
        grant(&operator("lead-3:O3"), "lead-3").unwrap_err(),
        alone.unwrap_err(),
    ] {
        assert_eq!(denied.verb(), Verb::ApproveBaseline);
    }
    // A service that may do a verb still is nobody who can say yes to it.
    assert!(Approval::grant(&Actor::Service, Verb::Report, "ops-2", ()).is_err());
}

#[test]
fn the_registry_is_data_and_bad_ones_are_refused() {
    let good = r#"{"operators":[{"name":"ops-2","role":"O2"},{"name":"lead-3","role":"O3"}]}"#;
    let operators = Operators::parse(good).unwrap();
    assert_eq!(
        operators.actor("lead-3").unwrap().role(),
        Some(Role::O3),
        "the role is the registry's"
    );
    assert!(matches!(
        operators.actor("lead-4"),
        Err(OperatorsError::Unknown { .. })
    ));
    let told = operators.actor("lead-4").unwrap_err().to_string();
    assert!(told.ends_with("; registered are: ops-2, lead-3"), "{told}");
    let nobody = Operators::parse(r#"{"operators":[]}"#).unwrap();
    let told = nobody.actor("lead-4").unwrap_err().to_string();
    assert!(
        told.ends_with(r#"; nobody is: add {"name":…,"role":…} to its operators"#),
        "{told}"
    );
    let names: Vec<&str> = operators.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["ops-2", "lead-3"], "in the order of the file");
    let written = operators.to_json();
    assert_eq!(Operators::parse(&written).unwrap(), operators);
    assert!(written.ends_with("}\n"), "{written}");
    let bad = [
        ("", "EOF"),
        ("{}", "missing field `operators`"),
        (r#"{"operators":[{"name":"a"}]}"#, "missing field `role`"),
        (
            r#"{"operators":[{"name":"a","role":"O4"}]}"#,
            "unknown variant `O4`",
        ),
        (
            r#"{"operators":[{"name":"a","role":"O1","x":1}]}"#,
            "unknown field `x`",
        ),
        (r#"{"operators":[{"name":"","role":"O1"}]}"#, "1 to 64"),
        (r#"{"operators":[{"name":"a b","role":"O1"}]}"#, "1 to 64"),
        (r#"{"operators":[{"name":"../a","role":"O1"}]}"#, "1 to 64"),
        (
            r#"{"operators":[{"name":"service","role":"O3"}]}"#,
            "not `service`",
        ),
        (
            r#"{"operators":[{"name":"a","role":"O1"},{"name":"a","role":"O3"}]}"#,
            "registered twice",
        ),
    ];
    for (text, fragment) in bad {
        let error = Operators::parse(text).unwrap_err().to_string();
        assert!(error.contains(fragment), "{text}: {error}");
    }
    for (text, fragment) in [
        ("ops-2", "NAME:ROLE"),
        ("ops-2:O9", "O1, O2 or O3"),
        (":O1", "1 to 64"),
    ] {
        let error = text.parse::<Operator>().unwrap_err().to_string();
        assert!(error.contains(fragment), "{text}: {error}");
    }
}

#[test]
fn events_have_exactly_these_bytes() {
    let mut events = a_change("114.5").to_vec();
    events.push(Event::new(
        at(4),
        &Actor::Service,
        What::TailRecovered {
            ledger: "ledger.jsonl".to_owned(),
            offset: 1024,
            bytes: 17,
            kept_in: "recovered/ledger-1024.bin".to_owned(),
        },
    ));
    events.push(Event::new(
        at(5),
        &operator("ops-2:O2"),
        What::ProjectionsRebuilt {
            rebuilt: 3,
            first: 40,
            last: 42,
        },
    ));
    events.push(Event::new(
        at(6),
        &operator("ops-2:O2"),
        What::LedgerImported {
            lines: 3,
            bytes: 253,
            sha256: Sha256::of(b"what was kept before"),
        },
    ));
    let lines: String = events.iter().map(|e| e.to_json() + "\n").collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events.jsonl");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &lines).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert!(
        lines == golden,
        "{} differs; UPDATE_GOLDEN=1 rewrites it",
        path.display()
    );
    for (line, event) in golden.lines().zip(&events) {
        assert_eq!(Event::parse(line).unwrap(), *event);
    }
}

#[test]
fn an_event_is_named_by_its_content() {
    let [proposed, ..] = a_change("114.5");
    let mut again = proposed.clone();
    assert_eq!(again.id(), proposed.id());
    again.by = "ops-3".to_owned();
    assert_ne!(again.id(), proposed.id());
}

#[test]
fn bad_events_are_refused() {
    let [proposed, ..] = a_change("114.5");
    let json = proposed.to_json();
    for (broken, fragment) in [
        (
            json.replace("baseline_proposed", "baseline_forgotten"),
            "not known",
        ),
        (json.replace(r#""By":"ops-2","#, ""), "`By` is missing"),
        (
            json.replace(r#""new":114.5"#, r#""new":-1"#),
            "cannot be negative",
        ),
        (json.replace(r#""days":30,"#, ""), "missing field `days`"),
        (json[..json.len() - 1].to_owned(), "EOF"),
    ] {
        let error = Event::parse(&broken).unwrap_err().to_string();
        assert!(error.contains(fragment), "{broken}: {error}");
    }
}

#[test]
fn the_docket_is_a_fold_of_the_events() {
    let [proposed, approved, applied] = a_change("114.5");
    let scenario = "EXPORT".parse().unwrap();
    let mut docket = Docket::default();

    docket.apply(&proposed).unwrap();
    assert_eq!(docket.pending_scenarios(), [scenario]);
    let scenario = docket.pending_scenarios().remove(0);
    assert!(docket.pending(&scenario).unwrap().approved.is_none());
    assert!(docket.baseline_changes().is_empty());

    docket.apply(&approved).unwrap();
    assert!(docket.pending(&scenario).unwrap().approved.is_some());

    // What was done to files decides nothing.
    let rebuilt = What::ProjectionsRebuilt {
        rebuilt: 1,
        first: 7,
        last: 7,
    };
    docket
        .apply(&Event::new(at(2), &Actor::Service, rebuilt))
        .unwrap();

    docket.apply(&applied).unwrap();
    assert!(docket.pending(&scenario).is_none());
    let change = docket.baseline_changes().first().unwrap();
    assert_eq!(
        (change.proposed_by.as_str(), change.approved_by.as_str()),
        ("ops-2", "lead-3")
    );
    assert_eq!(change.new.to_string(), "114.5");
}

#[test]
fn a_newer_proposal_takes_the_place_of_an_open_one() {
    let [first, approved_first, _] = a_change("114.5");
    let [second, ..] = a_change("120");
    let mut docket = Docket::default();
    docket.apply(&first).unwrap();
    docket.apply(&second).unwrap();
    let error = docket.apply(&approved_first).unwrap_err();
    assert_eq!(
        error,
        DocketError::NotProposed {
            proposal: first.id()
        }
    );
}

#[test]
fn events_that_contradict_each_other_are_refused() {
    let [proposed, approved, applied] = a_change("114.5");
    assert!(matches!(
        Docket::default().apply(&approved),
        Err(DocketError::NotProposed { .. })
    ));
    let mut docket = Docket::default();
    docket.apply(&proposed).unwrap();
    assert!(matches!(
        docket.apply(&applied),
        Err(DocketError::NotApproved { .. })
    ));
}
