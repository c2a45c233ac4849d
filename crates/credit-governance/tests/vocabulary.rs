//! Every type of event: its exact bytes, and that nothing else is read as one.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;

use common::*;
use credit_core::{
    CaseCategory, CaseId, CaseStatus, Credits, Exposure, ExposureBand, Likelihood, RiskFlag,
    RiskFlags, RootCause, Severity, Sha256, Status,
};
use credit_governance::*;

fn every_event() -> Vec<Event> {
    let case: CaseId = "CASE-20250131-7KQ2ZD".parse().unwrap();
    let run = run_ref("R-1");
    let hash = |text: &str| Sha256::of(text.as_bytes());
    let request: EventId = serde_json::from_str("\"EVT-0123456789abcdef\"").unwrap();
    let linked = |name: &str, relation| LinkedRun {
        run: run_ref(name),
        relation,
        severity: Severity::Sev1,
        risk_flags: RiskFlags::NONE
            .with(RiskFlag::RetryLoop)
            .with(RiskFlag::PiiExposure),
        likelihood: Likelihood::High,
        status: Status::Success,
    };
    let found = |explanation| RootCauseFound {
        case: case.clone(),
        root_cause: RootCause::LegitLoad,
        explanation: text(explanation),
    };
    let reopened = |reason| CaseReopened {
        case: case.clone(),
        reason: text(reason),
    };
    let whats = vec![
        What::CaseOpened(CaseOpened {
            case: case.clone(),
            title: text("SEV1 EXPORT: credit spike"),
            scenario_id: "EXPORT".parse().unwrap(),
            cause: Cause::Spike,
            category: CaseCategory::Data,
            exposure_band: ExposureBand::Privacy,
            runs: vec![
                linked("R-1", Relation::Primary),
                linked("R-0", Relation::Related),
            ],
        }),
        What::CaseAcknowledged(CaseAcknowledged { case: case.clone() }),
        What::ExposureAssessed(ExposureAssessed {
            case: case.clone(),
            exposure: Exposure::FalsePositive,
            flags: RiskFlags::CRITICAL,
            notes: text("a \"test\" data set, no real names: Zoë 例"),
        }),
        What::RootCauseProposed(found("a quarter's end")),
        What::RootCauseConfirmed(found("a quarter's end, as planned")),
        What::CaseStatusChanged(CaseStatusChanged {
            case: case.clone(),
            from: CaseStatus::Investigating,
            to: CaseStatus::Mitigating,
        }),
        What::MitigationDocumented(MitigationDocumented {
            case: case.clone(),
            mitigation: text("max_items now 1000"),
        }),
        What::CaseNoted(CaseNoted {
            case: case.clone(),
            topic: Topic::BaselineRationale,
            note: text("doubles each quarter"),
        }),
        What::ThreadLinked(ThreadLinked {
            case: case.clone(),
            url: "https://chat.example/archives/C1/p17".parse().unwrap(),
        }),
        What::RunLinked(RunLinked {
            case: case.clone(),
            linked: linked("R-2", Relation::Rerun),
        }),
        What::CaseEscalated(CaseEscalated {
            case: case.clone(),
            escalation: Escalation::RepeatSpike,
            reason: text("rerun R-2 is SEV1: the mitigation did not hold"),
        }),
        What::CaseResolved(CaseResolved {
            case: case.clone(),
            note: text("it is over"),
        }),
        What::CaseReopened(reopened("it is not")),
        What::CaseArchived(CaseArchived { case: case.clone() }),
        What::CaseUnarchived(reopened("an auditor asks")),
        What::RunQuarantined(RunQuarantined {
            run: run.clone(),
            case: None,
            trigger: Trigger::Manual,
            reason: text("looks odd"),
            moved: vec!["out/report.pdf".to_owned()],
            not_moved: vec!["https://store.example/a?b=\"c\"".to_owned()],
        }),
        What::QuarantineReleased(QuarantineReleased {
            run: run.clone(),
            case: case.clone(),
            note: text("Quarantine released on 2025-01-31 by O3 lead-3"),
            reason: text("false alarm"),
        }),
        What::DispatchBlocked(DispatchBlocked {
            run: run.clone(),
            case: Some(case.clone()),
            trigger: Trigger::Automatic,
            reason: text("SEV0 of EXPORT: pii_exposure"),
        }),
        What::DispatchUnblocked(DispatchUnblocked {
            run: run.clone(),
            case: case.clone(),
            reason: text("false alarm"),
        }),
        What::RerunRequested(RerunRequested {
            run: run.clone(),
            case: Some(case.clone()),
            reason: text("the export is needed"),
        }),
        What::RerunApproved(RerunApproved {
            request: request.clone(),
            run: run.clone(),
            case: case.clone(),
            mitigation: text("max_items limit added, retry_loop fixed"),
            config_sha256: hash("configuration"),
            expires: at(DAY),
        }),
        What::RerunDenied(RerunDenied {
            request: request.clone(),
            run: run.clone(),
            reason: text("root cause not yet identified, investigation ongoing"),
        }),
        What::RerunConsumed(RerunConsumed {
            approval: request.clone(),
            run: run.clone(),
            config_sha256: hash("configuration"),
        }),
        What::BaselineProposed(BaselineProposal {
            scenario_id: "EXPORT".parse().unwrap(),
            old: None,
            new: "114.5".parse::<Credits>().unwrap(),
            usual_input_tokens: Some(900),
            usual_credits_per_item: Some("0.625".parse().unwrap()),
            bounds: None,
            weekdays: None,
            changed_at: None,
            sample_size: 28,
            cv: Some(0.18),
            days: 30,
            as_of: at(0),
            reasons: vec!["first".to_owned()],
            override_reason: None,
            investigated: None,
        }),
        What::BaselineApproved {
            proposal: request.clone(),
            approval_id: "O3-lead-3-2025-01-31T10:00:00Z".to_owned(),
        },
        What::BaselineApplied {
            proposal: request.clone(),
            file_sha256: Some(Sha256::of(b"the baselines since")),
        },
        What::OperatorsSeen {
            sha256: Sha256::of(b"who has which role"),
        },
        What::PolicyAdopted(PolicyAdopted {
            old: Some(hash("old")),
            new: hash("new"),
            reason: text("fewer false alarms"),
            backtest_sha256: None,
        }),
        What::ConfigAdopted(ConfigAdopted {
            file: ConfigFile::Scenario("EXPORT".parse().unwrap()),
            old: None,
            new: Some(hash("scenario")),
            reason: text("max_items"),
        }),
        What::ConfigAdopted(ConfigAdopted {
            file: ConfigFile::Operators,
            old: Some(hash("operators")),
            new: None,
            reason: text("gone"),
        }),
        What::AlertsMuted(AlertsMuted {
            scope: MuteScope::All,
            include_sev0: false,
            reason: text("a storm"),
            expires: at(HOUR),
        }),
        What::AlertsUnmuted(AlertsUnmuted {
            mute: request,
            reason: text("it is over"),
        }),
        What::BackfillStarted(BackfillStarted {
            scenario_id: "EXPORT".parse().unwrap(),
            reason: text("a lost week"),
            expires: at(3 * DAY),
        }),
        What::BackfillEnded(BackfillEnded {
            scenario_id: "EXPORT".parse().unwrap(),
            note: text("caught up"),
        }),
        What::ReviewDecided(ReviewDecided {
            run: run.clone(),
            decision: text("no action"),
        }),
        What::ReviewNoted(ReviewNoted {
            report: text("weekly_2025-01-31"),
            note: text("isolated"),
        }),
        What::Refused(Refused {
            verb: Verb::ApproveRerun,
            requires: Role::O3,
            about: About::Run(run.run_id),
        }),
        What::Refused(Refused {
            verb: Verb::AdoptPolicy,
            requires: Role::O3,
            about: About::File(text("config/sintraprime-policy.json")),
        }),
        What::DocketSaved {
            sha256: Sha256::of(b"a docket"),
        },
        What::TailRecovered {
            ledger: "ledger.jsonl".to_owned(),
            offset: 1024,
            bytes: 17,
            kept_in: "recovered/ledger-1024.bin".to_owned(),
        },
        What::LedgerImported {
            lines: 3,
            bytes: 253,
            sha256: Sha256::of(b"old lines"),
        },
        What::ProjectionsRebuilt {
            rebuilt: 3,
            first: 40,
            last: 42,
        },
        What::PartialsSaved {
            sha256: Sha256::of(b"partials"),
        },
        What::Delivery(Delivery {
            run: Some("R-1".parse().unwrap()),
            case: Some(case),
            step: r#"{"sent":{"item":"alert/7/R-1","of":[1, 2.50]}}"#.parse().unwrap(),
        }),
        What::Delivery(Delivery {
            run: None,
            case: None,
            step: "{}".parse().unwrap(),
        }),
    ];
    let actors = [lead(), ops(), Actor::Service];
    let events = whats.into_iter().zip(actors.iter().cycle()).enumerate();
    events
        .map(|(i, (what, actor))| Event::new(at(i64::try_from(i).unwrap()), actor, what))
        .collect()
}

#[test]
fn every_type_of_event_has_exactly_these_bytes() {
    let events = every_event();
    let lines: String = events.iter().map(|event| event.to_json() + "\n").collect();
    golden("every_event.jsonl", &lines);
    for (line, event) in lines.lines().zip(&events) {
        assert_eq!(Event::parse(line).unwrap(), *event);
    }
    let kinds: BTreeSet<&str> = events.iter().map(|event| event.what.kind()).collect();
    assert_eq!(
        kinds,
        What::KINDS.iter().copied().collect(),
        "a type is not in the file"
    );
}

#[test]
fn an_event_is_about_the_case_and_the_run_that_its_subject_names() {
    for event in every_event() {
        let json: serde_json::Value = serde_json::from_str(&event.to_json()).unwrap();
        let subject = &json["Subject"];
        let case = event.what.case().map(CaseId::as_str);
        assert_eq!(case, subject["case"].as_str(), "{json}");
        let run = event.what.run().map(|run| run.run_id.as_str());
        let named = [&subject["run"], &subject["linked"]["run"]];
        let named = named.iter().find_map(|run| run["run_id"].as_str());
        assert_eq!(run, named, "{json}");
    }
}

/// What tells what happened is recorded by what saw it happen: nobody hands it in.
#[test]
fn what_only_tells_is_decided_by_nobody() {
    let tells = [
        "delivery",
        "refused",
        "ledger_imported",
        "docket_saved",
        "partials_saved",
        "operators_seen",
        "tail_recovered",
        "projections_rebuilt",
    ];
    let docket = Docket::default();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for event in every_event() {
        let kind = event.what.kind();
        for who in [ops(), lead(), Actor::Service] {
            let decided = docket.decide(at(0), &who, event.what.clone(), &Rules::STANDARD);
            let nothing_to_decide = matches!(decided, Err(Refusal::NoDecision { .. }));
            assert_eq!(
                nothing_to_decide,
                tells.contains(&kind),
                "{kind}: {decided:?}"
            );
        }
        told.extend(tells.iter().filter(|tells| **tells == kind));
    }
    assert_eq!(told.len(), tells.len());
}

#[test]
fn what_an_event_does_not_say_it_may_not_say() {
    for event in every_event() {
        let json = event.to_json();
        let (head, tail) = json.split_once(r#""Subject":{"#).unwrap();
        let more = format!(r#"{head}"Subject":{{"surprise":1,{tail}"#);
        let error = Event::parse(&more).unwrap_err().to_string();
        assert!(error.contains("surprise"), "{error}");
        let subject = r#""Subject":["#;
        assert!(Event::parse(&format!("{head}{subject}],{}", &tail[tail.len() - 80..])).is_err());
        for nothing in ["null", "\"x\"", "1"] {
            let bare = format!(r#"{head}"Subject":{nothing},"Event_Sha256":""}}"#);
            assert!(Event::parse(&bare).is_err(), "{bare}");
        }
    }
}

#[test]
fn the_step_of_a_delivery_is_kept_as_it_was_written_and_is_an_object() {
    let events = every_event();
    let delivery = events.iter().find(|e| e.what.kind() == "delivery").unwrap();
    let json = delivery.to_json();
    assert_eq!(Event::parse(&json).unwrap().to_json(), json);
    assert_eq!(
        delivery.what.case().unwrap().as_str(),
        "CASE-20250131-7KQ2ZD"
    );
    let step = r#"{"sent":{"item":"alert/7/R-1","of":[1, 2.50]}}"#;
    let What::Delivery(told) = &delivery.what else {
        panic!("{delivery:?}")
    };
    assert_eq!(
        (told.step.as_str(), format!("{:?}", told.step).as_str()),
        (step, step)
    );
    for other in ["1", "null", "\"sent\"", "[]", "[{}]"] {
        assert!(Event::parse(&json.replace(step, other)).is_err(), "{other}");
        assert!(other.parse::<DeliveryStep>().is_err(), "{other}");
    }
    for broken in ["", "{", "{}}", "{\"a\":}", " {}", "{\n}", "{\"a\":\r1}"] {
        assert!(broken.parse::<DeliveryStep>().is_err(), "{broken:?}");
    }
}

#[test]
fn the_address_of_a_thread_leads_somewhere_and_ends_no_line() {
    let longest = format!("https://{}", "x".repeat(Text::LENGTH_MAX - 8));
    for address in [
        "https://chat.example/archives/C1/p17?a=b#c",
        "https://c",
        &longest,
    ] {
        let url: ThreadUrl = format!(" {address}\n").parse().unwrap();
        assert_eq!((url.as_str(), url.to_string().as_str()), (address, address));
    }
    for bad in [
        "",
        "https://",
        "https:///archives",
        "http://chat.example/",
        "chat.example",
        "https://chat.example/a b",
        "https://chat.example/a\"b",
        "https://chat.example/<b>",
        "https://chat.example/`b`",
        "https://chat.example/a\\b",
        "https://chat.example/a\nb",
        "https://chät.example/",
        &format!("{longest}x"),
    ] {
        assert_eq!(bad.parse::<ThreadUrl>(), Err(TextError::Url), "{bad}");
    }
}

#[test]
fn mandatory_texts_cannot_be_empty() {
    for (event, said) in [
        (3, "a quarter's end"),
        (6, "max_items now 1000"),
        (20, "max_items limit added, retry_loop fixed"),
    ] {
        let json = every_event()[event].to_json();
        assert!(json.contains(said));
        for empty in ["", "  ", "\\n", "\\u00a0"] {
            let error = Event::parse(&json.replace(said, empty))
                .unwrap_err()
                .to_string();
            assert!(error.contains("empty"), "{error}");
        }
        let longest = "ä".repeat(Text::LENGTH_MAX);
        assert_eq!(longest.parse::<Text>().unwrap().as_str(), longest);
        let endless = longest + "x";
        let length = Text::LENGTH_MAX + 1;
        assert_eq!(endless.parse::<Text>(), Err(TextError::TooLong { length }));
        assert!(Event::parse(&json.replace(said, &endless)).is_err());
    }
}
