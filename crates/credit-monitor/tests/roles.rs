//! Every role and every verb through the library: who may not is refused, that is recorded, and
//! nothing else changes; who may is not refused for who they are.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::PathBuf;

use common::{House, now, operator, run};
use credit_monitor::baseline::Window;
use credit_monitor::core::{
    CaseId, CaseStatus, Exposure, RiskFlag, RiskFlags, RootCause, Timestamp,
};
use credit_monitor::governance::{
    Actor, AlertsMuted, AlertsUnmuted, Approval, BackfillEnded, BackfillStarted, CaseAcknowledged,
    CaseArchived, CaseEscalated, CaseNoted, CaseReopened, CaseResolved, CaseStatusChanged,
    ConfigFile, DispatchBlocked, Enactable, Escalation, Event, ExposureAssessed, LinkedRun,
    MitigationDocumented, MuteScope, Refusal, Relation, ReviewDecided, ReviewNoted, RootCauseFound,
    RunLinked, RunRef, Text, ThreadLinked, Topic, Trigger, Verb, What,
};
use credit_monitor::notify::routing::Webhooks;
use credit_monitor::{Archive, Candidate, Destinations, Error, Grounds, Monitor};

type Attempt = Box<dyn Fn(&Monitor, &Actor) -> Result<(), Error>>;

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn decide(what: What) -> Attempt {
    Box::new(move |monitor, who| monitor.decide(who, what.clone(), now()).map(drop))
}

/// What one approver puts into force: there is nothing to call without an approval.
fn enact<T: Enactable + Clone + 'static>(subject: T) -> Attempt {
    Box::new(move |monitor, who| {
        let approval = match Approval::alone(who, T::VERB, subject.clone()) {
            Ok(approval) => approval,
            Err(denied) => {
                let about = credit_monitor::governance::About::Everything;
                monitor.record_denial(who, &denied, about, now())?;
                return Err(denied.into());
            }
        };
        monitor.enact(approval, now()).map(drop)
    })
}

fn about_cases(case: &CaseId, grave: &RunRef) -> Vec<(Verb, Attempt)> {
    let case = || case.clone();
    let event = Event::new(
        now(),
        &Actor::Service,
        What::CaseArchived(CaseArchived { case: case() }),
    );
    let cause = || RootCauseFound {
        case: case(),
        root_cause: RootCause::Misconfig,
        explanation: text("no limit"),
    };
    let linked = LinkedRun {
        run: grave.clone(),
        relation: Relation::Related,
        severity: credit_monitor::core::Severity::Sev0,
        risk_flags: RiskFlags::NONE,
        likelihood: credit_monitor::core::Likelihood::Low,
        status: credit_monitor::core::Status::Success,
    };
    let (from, to) = (CaseStatus::Open, CaseStatus::Investigating);
    let assessed = ExposureAssessed {
        case: case(),
        exposure: Exposure::Undetermined,
        flags: RiskFlags::NONE.with(RiskFlag::PiiExposure),
        notes: text("x"),
    };
    let reopened = || CaseReopened {
        case: case(),
        reason: text("x"),
    };
    let noted = CaseNoted {
        case: case(),
        topic: Topic::General,
        note: text("x"),
    };
    let escalated = CaseEscalated {
        case: case(),
        escalation: Escalation::Asked,
        reason: text("x"),
    };
    let decided = ReviewDecided {
        run: grave.clone(),
        decision: text("x"),
    };
    let thread = ThreadLinked {
        case: case(),
        url: "https://chat.example/1".parse().unwrap(),
    };
    let unmuted = AlertsUnmuted {
        mute: event.id(),
        reason: text("x"),
    };
    let whats = [
        (
            Verb::AcknowledgeCase,
            What::CaseAcknowledged(CaseAcknowledged { case: case() }),
        ),
        (Verb::AssessExposure, What::ExposureAssessed(assessed)),
        (Verb::ProposeRootCause, What::RootCauseProposed(cause())),
        (Verb::ConfirmRootCause, What::RootCauseConfirmed(cause())),
        (
            Verb::ChangeCaseStatus,
            What::CaseStatusChanged(CaseStatusChanged {
                case: case(),
                from,
                to,
            }),
        ),
        (
            Verb::DocumentMitigation,
            What::MitigationDocumented(MitigationDocumented {
                case: case(),
                mitigation: text("x"),
            }),
        ),
        (Verb::NoteCase, What::CaseNoted(noted)),
        (Verb::LinkThread, What::ThreadLinked(thread)),
        (
            Verb::LinkRun,
            What::RunLinked(RunLinked {
                case: case(),
                linked,
            }),
        ),
        (Verb::EscalateCase, What::CaseEscalated(escalated)),
        (
            Verb::ResolveGraveCase,
            What::CaseResolved(CaseResolved {
                case: case(),
                note: text("x"),
            }),
        ),
        (Verb::ReopenCase, What::CaseReopened(reopened())),
        (
            Verb::ArchiveCase,
            What::CaseArchived(CaseArchived { case: case() }),
        ),
        (Verb::UnarchiveCase, What::CaseUnarchived(reopened())),
        (Verb::DecideReview, What::ReviewDecided(decided)),
        (
            Verb::NoteReview,
            What::ReviewNoted(ReviewNoted {
                report: text("R"),
                note: text("x"),
            }),
        ),
        (Verb::UnmuteAlerts, What::AlertsUnmuted(unmuted)),
        (
            Verb::EndBackfill,
            What::BackfillEnded(BackfillEnded {
                scenario_id: "S".parse().unwrap(),
                note: text("x"),
            }),
        ),
    ];
    whats
        .map(|(verb, what)| (verb, decide(what)))
        .into_iter()
        .collect()
}

fn about_runs(calm: &RunRef) -> Vec<(Verb, Attempt)> {
    let id = || calm.run_id.clone();
    let blocked = What::DispatchBlocked(DispatchBlocked {
        run: calm.clone(),
        case: None,
        trigger: Trigger::Automatic,
        reason: text("the policy wants it"),
    });
    let (i1, i2, i3, i4, i5, i6, i7) = (id(), id(), id(), id(), id(), id(), id());
    vec![
        (Verb::Protect, decide(blocked)),
        (
            Verb::RequestRerun,
            Box::new(move |m, who| m.request_rerun(&i1, text("x"), who, now()).map(drop)),
        ),
        (
            Verb::ApproveRerun,
            Box::new(move |m, who| {
                m.approve_rerun(&i2, text("x"), RiskFlags::NONE, None, who, now())
                    .map(drop)
            }),
        ),
        (
            Verb::DenyRerun,
            Box::new(move |m, who| m.deny_rerun(&i3, text("x"), who, now()).map(drop)),
        ),
        (
            Verb::BeginRerun,
            Box::new(move |m, who| m.begin_rerun(&i4, who, now()).map(drop)),
        ),
        (
            Verb::QuarantineRun,
            Box::new(move |m, who| m.quarantine(&i5, text("x"), who, now()).map(drop)),
        ),
        (
            Verb::ReleaseRun,
            Box::new(move |m, who| m.release(&i6, text("x"), who, now()).map(drop)),
        ),
        (
            Verb::OpenCase,
            Box::new(move |m, who| {
                let judged = Archive::new(m.tree()).judged(&i7)?;
                let what = m.with_docket(|docket| docket.case_by_hand(&judged, None))?;
                m.decide(who, what.map_err(Refusal::from)?, now()).map(drop)
            }),
        ),
    ]
}

fn about_files() -> Vec<(Verb, Attempt)> {
    let expires: Timestamp = "2025-02-01T11:00:00Z".parse().unwrap();
    let mute = AlertsMuted {
        scope: MuteScope::All,
        include_sev0: true,
        reason: text("x"),
        expires,
    };
    let backfill = BackfillStarted {
        scenario_id: "S".parse().unwrap(),
        reason: text("x"),
        expires,
    };
    let window = Window {
        as_of: now(),
        days: 30,
    };
    vec![
        (Verb::MuteAlerts, enact(mute)),
        (Verb::StartBackfill, enact(backfill)),
        (
            Verb::AdoptPolicy,
            Box::new(|m, who| {
                m.adopt_policy(&Candidate::InPlace, text("x"), None, who, now())
                    .map(drop)
            }),
        ),
        (
            Verb::AdoptConfig,
            Box::new(|m, who| {
                m.adopt_config(&ConfigFile::Operators, text("x"), who, now())
                    .map(drop)
            }),
        ),
        (
            Verb::ProposeBaseline,
            Box::new(move |m, who| {
                let scenario = "EXPORT".parse().unwrap();
                m.propose_baseline(&scenario, window, Grounds::default(), who, now())
                    .map(drop)
            }),
        ),
        (
            Verb::ApproveBaseline,
            Box::new(|m, who| {
                m.approve_baseline(&"EXPORT".parse().unwrap(), who, now())
                    .map(drop)
            }),
        ),
        (
            Verb::Repair,
            Box::new(|m, who| m.repair(who, now(), &|_, _| ()).map(drop)),
        ),
        (
            Verb::ImportLedger,
            Box::new(|m, who| Monitor::import_ledger(m.tree(), who, now()).map(drop)),
        ),
        (
            Verb::Drain,
            Box::new(|m, who| {
                let item = "alert/0/R-1".parse().unwrap();
                m.outbox().unwrap().release(&item, who, now())
            }),
        ),
    ]
}

/// A case that no policy wanted, of a run that cost what it always does.
fn by_hand(monitor: &Monitor, id: &str) -> CaseId {
    let calm = run(id, "EXPORT", "2025-01-31T10:00:00Z", "10");
    let id = calm.run_id.clone();
    monitor.observe(calm, now()).unwrap();
    let judged = Archive::new(monitor.tree()).judged(&id).unwrap();
    let opened = monitor.with_docket(|docket| docket.case_by_hand(&judged, None));
    let opened = monitor.decide(&operator("ops-2:O2"), opened.unwrap().unwrap(), now());
    opened.unwrap().what.case().unwrap().clone()
}

/// Everything but what records the denial.
fn others(house: &House) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = house.snapshot();
    files.retain(|(path, _)| !path.to_string_lossy().contains("/events."));
    files
}

fn refusals(house: &House) -> usize {
    let mut refused = 0;
    Archive::new(&house.tree)
        .each_event(|event| {
            refused += usize::from(event.what.kind() == "refused");
            Ok(())
        })
        .unwrap();
    refused
}

#[test]
fn who_may_not_changes_nothing_but_the_record_of_that() {
    let mut tried = Vec::new();
    for n in 0.. {
        // Each attempt in a house of its own: what is allowed changes it.
        let house = House::new();
        house.baselines(&[("EXPORT", "10")]);
        let webhooks = |_| Some("https://hooks.slack.com/services/T/B/x".to_owned());
        let to = Destinations {
            webhooks: Some(Webhooks::read(webhooks).unwrap()),
            ..Destinations::default()
        };
        let monitor = house.open().with_destinations(to, now()).unwrap();
        let mut grave = run("R-1", "EXPORT", "2025-01-31T10:00:00Z", "130");
        grave.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
        let case = monitor.observe(grave, now()).unwrap().case.unwrap();
        let calm = run("R-2", "EXPORT", "2025-01-31T10:00:00Z", "10");
        monitor.observe(calm, now()).unwrap();
        let id = "R-2".parse().unwrap();
        let reference = Archive::new(&house.tree).judged(&id).unwrap().run;
        let minor = by_hand(&monitor, "R-3");

        let mut all = about_cases(&case, &reference);
        let resolved = What::CaseResolved(CaseResolved {
            case: minor,
            note: text("x"),
        });
        all.push((Verb::ResolveCase, decide(resolved)));
        all.extend(about_runs(&reference));
        all.extend(about_files());
        let Some((verb, attempt)) = all.into_iter().nth(n) else {
            break;
        };
        for who in ["ops-1:O1", "ops-2:O2", "lead-3:O3", "service"] {
            let actor = match who {
                "service" => Actor::Service,
                name => operator(name),
            };
            let (before, recorded) = (others(&house), refusals(&house));
            let outcome = attempt(&monitor, &actor);
            let denied = matches!(outcome, Err(Error::Denied(_)));
            assert_eq!(
                denied,
                actor.may(verb).is_err(),
                "{verb} by {who}: {outcome:?}"
            );
            if denied {
                assert!(
                    before == others(&house),
                    "{verb} by {who} changed something"
                );
                assert_eq!(refusals(&house), recorded + 1, "{verb} by {who}");
            }
        }
        tried.push(verb);
    }
    // Whoever embeds the library reads, begins a tree, observes and reports as itself; the command
    // line asks who does, and its table has these.
    let asked_there = [Verb::View, Verb::Init, Verb::Ingest, Verb::Report];
    for verb in Verb::ALL {
        assert!(
            tried.contains(verb) != asked_there.contains(verb),
            "{verb} is not tried, or tried and not asked"
        );
    }
}
