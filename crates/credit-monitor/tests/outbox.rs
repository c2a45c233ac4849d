//! From an observed run to what Slack and Notion on loopback have been told, with a clock that the
//! test moves.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod delivery;

use std::fs;
use std::time::Duration;

use credit_monitor::core::{CaseId, Exposure, RiskFlags, RootCause, Severity};
use credit_monitor::doctor::{Environment, checks};
use credit_monitor::governance::{
    Actor, AlertsMuted, AlertsUnmuted, Approval, CaseAcknowledged, CaseEscalated, CaseNoted,
    CaseResolved, CaseStatusChanged, Escalation, ExposureAssessed, MitigationDocumented, MuteScope,
    RootCauseFound, Topic, Verb, What,
};
use credit_monitor::notify::memory::MemoryNotion;
use credit_monitor::notify::notion::{
    DataSourceId, DatabaseId, Page, PageId, PageRef, Properties, Schema,
};
use credit_monitor::notify::{Answer, Notion, NotionReader};
use credit_monitor::{Archive, Error, Monitor, OwedState, ReportRequest, Senders, Tree};
use delivery::server::{Fault, How, Operation};
use delivery::{House, LEAD, Setup, leak, run, second};

const SOON: Duration = Duration::from_secs(5);
const OPS: &str = "ops-2:O2";

#[test]
fn a_sev1_run_is_told_once_by_a_webhook() {
    let house = House::new(Setup::webhooks());
    let outcome = house.observe("RUN-1", 100);
    assert_eq!(outcome.verdict.severity, Severity::Sev1);
    assert_eq!(house.server.world().requests, 0, "observing sends nothing");

    let report = house.drain(SOON);
    assert_eq!((report.sent, report.waiting, report.parked), (1, 0, 0));
    let world = house.server.world();
    assert_eq!(world.messages.len(), 1);
    assert_eq!(world.messages[0].to, "/services/T/B/default-planted");
    assert!(
        world.messages[0]
            .text
            .starts_with("SEV1 credit alert: EXPORT, run RUN-1")
    );
    drop(world);

    // A webhook knows no threads: what happens in the case is told to nobody.
    let case = outcome.case.unwrap();
    house.decide(OPS, What::CaseAcknowledged(CaseAcknowledged { case }));
    let again = house.drain(SOON);
    assert_eq!((again.sent, again.waiting, again.next_due), (0, 0, None));
    assert!(house.observe("RUN-1", 100).duplicate);
    assert_eq!(house.drain_all(), 0);
}

#[test]
fn where_nobody_is_set_up_nothing_is_recorded() {
    let house = House::new(Setup::nobody());
    house.observe("RUN-1", 100);
    assert!(house.monitor.outbox().is_none());
    let events = fs::read_to_string(house.tree().events()).unwrap();
    assert!(!events.contains("delivery"), "{events}");
    let status = Archive::new(&house.tree())
        .outbox_status(house.now())
        .unwrap();
    assert!(!status.is_set_up && status.owed.is_empty());
}

#[test]
fn each_severity_goes_to_its_own_webhook_and_sev0_to_nobody_else() {
    let house = House::new(Setup {
        webhooks: vec![("SEV0", "critical-planted"), ("SEV1", "alerts-planted")],
        ..Setup::nobody()
    });
    house.observe("RUN-1", 100);
    house.observe_run(leak("RUN-2"));
    house.drain_all();
    let world = house.server.world();
    let told: Vec<(&str, bool)> = world
        .messages
        .iter()
        .map(|m| (m.to.as_str(), m.text.starts_with("SEV0")))
        .collect();
    let told_sev0: Vec<_> = told.iter().filter(|(_, sev0)| *sev0).collect();
    assert_eq!(told_sev0, [&("/services/T/B/critical-planted", true)]);
    assert!(told.contains(&("/services/T/B/alerts-planted", false)));
    assert_eq!(told.len(), 2);
}

#[test]
fn a_webhook_set_to_nothing_suppresses_and_falls_through_to_no_other() {
    let house = House::new(Setup {
        webhooks: vec![("SEV1", ""), ("DEFAULT", "default-planted")],
        ..Setup::nobody()
    });
    let outcome = house.observe("RUN-1", 100);
    assert!(outcome.case.is_some(), "cases are opened all the same");
    house.observe("RUN-2", 100);
    assert_eq!(house.drain_all(), 0);
    assert_eq!(house.server.world().requests, 0);
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    assert_eq!(status.suppressed.len(), 1);
    assert_eq!(status.suppressed[0].1, 2);
    assert_eq!(status.waiting(), 0);
    let events = fs::read_to_string(house.tree().events()).unwrap();
    assert!(events.contains(r#""by":{"switch":"sev1"}"#), "{events}");
}

#[test]
fn a_webhook_switched_off_later_gets_nothing_until_it_is_on_again() {
    let house = House::new(Setup::webhooks());
    house.observe("RUN-1", 100);
    let off = || Setup {
        webhooks: vec![("DEFAULT", "")],
        ..Setup::nobody()
    };
    let house = house.reopened(off());
    assert_eq!(house.drain(SOON).waiting, 1);
    assert_eq!(house.server.world().requests, 0);
    let house = house.reopened(Setup::webhooks());
    assert_eq!(house.drain(SOON).sent, 1);
}

/// What the page of a title holds.
fn property(house: &House, title: &str, name: &str) -> Option<String> {
    let world = house.server.world();
    let page = world.pages.iter().find(|page| {
        let text = page.properties.to_string();
        text.contains(&format!(
            "\"title\":[{{\"text\":{{\"content\":\"{title}\"}}"
        )) || ["Case_ID", "Run_ID"]
            .iter()
            .any(|p| page.properties[p]["title"][0]["text"]["content"] == *title)
    })?;
    let value = &page.properties[name];
    Some(value.to_string())
}

#[test]
fn with_a_bot_and_notion_the_loop_closes() {
    let house = House::new(Setup::everybody());
    let case = house.observe("RUN-1", 100).case.unwrap();
    house.drain_all();
    // The address of the alert's thread has come back into the case.
    let url = house
        .monitor
        .with_docket(|docket| docket.case(&case).unwrap().thread_url.clone())
        .unwrap();
    assert_eq!(
        url.unwrap().as_str(),
        "https://x.slack.com/archives/C1/p1.000100"
    );
    let shown = property(&house, case.as_str(), "Slack_Thread_URL").unwrap();
    assert!(
        shown.contains("https://x.slack.com/archives/C1/p1.000100"),
        "{shown}"
    );
    assert!(
        property(&house, "RUN-1", "owner")
            .unwrap()
            .contains("operations")
    );

    let acknowledged = CaseAcknowledged { case: case.clone() };
    house.decide(OPS, What::CaseAcknowledged(acknowledged));
    house.wait(60);
    resolve(&house, &case);
    house.drain_all();
    let world = house.server.world();
    let replies: Vec<(&str, Option<&str>)> = world
        .messages
        .iter()
        .skip(1)
        .map(|m| (m.text.as_str(), m.thread.as_deref()))
        .collect();
    let thread = Some("1.000100");
    assert_eq!(replies, [("Acknowledged", thread), ("Resolved", thread)]);
    assert_eq!(world.messages[0].to, "#ops-alerts");
    assert_eq!(world.pages.len(), 2, "one row and one case");
    drop(world);
    let status = property(&house, case.as_str(), "Status").unwrap();
    assert!(status.contains("Resolved"), "{status}");
    let cause = property(&house, case.as_str(), "Root_Cause").unwrap();
    assert!(cause.contains("Legit Load"), "{cause}");
    let notes = property(&house, case.as_str(), "Notes").unwrap();
    assert!(notes.contains("lead-3: max_items now 1000"), "{notes}");
    // Everything the policy wants documented is one change or another, all of them one request
    // where nothing was sent between them.
    assert_eq!(house.drain_all(), 0);
}

fn resolve(house: &House, case: &CaseId) {
    let found = || RootCauseFound {
        case: case.clone(),
        root_cause: RootCause::LegitLoad,
        explanation: "a quarter's end".parse().unwrap(),
    };
    house.decide(OPS, What::RootCauseProposed(found()));
    house.decide(LEAD, What::RootCauseConfirmed(found()));
    let mitigation = "max_items now 1000".parse().unwrap();
    let case_id = || case.clone();
    house.decide(
        LEAD,
        What::MitigationDocumented(MitigationDocumented {
            case: case_id(),
            mitigation,
        }),
    );
    for topic in [Topic::BaselineRationale, Topic::General] {
        house.decide(
            LEAD,
            What::CaseNoted(CaseNoted {
                case: case_id(),
                topic,
                note: "doubles each quarter".parse().unwrap(),
            }),
        );
    }
    use credit_monitor::core::CaseStatus::{Investigating, Mitigating};
    house.decide(
        LEAD,
        What::CaseStatusChanged(CaseStatusChanged {
            case: case_id(),
            from: Investigating,
            to: Mitigating,
        }),
    );
    let resolved = CaseResolved {
        case: case_id(),
        note: "it is over".parse().unwrap(),
    };
    let actor = Actor::Operator(LEAD.parse().unwrap());
    let decided = house
        .monitor
        .decide(&actor, What::CaseResolved(resolved.clone()), house.now());
    if let Err(error) = decided {
        panic!("{error}: {:?}", std::error::Error::source(&error));
    }
}

#[test]
fn the_page_of_a_sev0_case_is_locked() {
    let house = House::new(Setup::everybody());
    let case = house.observe_run(leak("RUN-1")).case.unwrap();
    house.drain_all();
    {
        let world = house.server.world();
        let locked: Vec<bool> = world.pages.iter().map(|page| page.is_locked).collect();
        assert_eq!(locked.iter().filter(|locked| **locked).count(), 1);
    }
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    assert_eq!(status.owed, []);
    let page = property(&house, case.as_str(), "Risk_Flags").unwrap();
    assert!(page.contains("pii_exposure"), "{page}");
}

#[test]
fn a_page_that_says_locked_and_is_not_is_parked_and_told() {
    /// A Notion in which somebody unlocks at once what is locked.
    #[derive(Debug, Default)]
    struct Unlocked(MemoryNotion);

    impl NotionReader for Unlocked {
        fn resolve(&self, database: &DatabaseId) -> Answer<DataSourceId> {
            self.0.resolve(database)
        }
        fn schema(&self, source: &DataSourceId) -> Answer<Schema> {
            self.0.schema(source)
        }
        fn find(&self, source: &DataSourceId, by: &str, title: &str) -> Answer<Vec<PageRef>> {
            self.0.find(source, by, title)
        }
        fn page(&self, page: &PageId) -> Answer<PageRef> {
            self.0.lock(page, false)
        }
    }

    impl Notion for Unlocked {
        fn create(&self, source: &DataSourceId, page: &Page) -> Answer<PageRef> {
            self.0.create(source, page)
        }
        fn update(&self, page: &PageId, properties: &Properties) -> Answer<PageRef> {
            self.0.update(page, properties)
        }
        fn lock(&self, page: &PageId, locked: bool) -> Answer<PageRef> {
            self.0.lock(page, locked)
        }
    }

    let house = House::new(Setup {
        cases: true,
        ..Setup::nobody()
    });
    house.observe_run(leak("RUN-1"));
    let notion = Unlocked::default();
    let senders = Senders {
        notion: Some(&notion),
        ..Senders::default()
    };
    let outbox = house.monitor.outbox().unwrap();
    let report = outbox.drain(senders, &|| house.now(), SOON).unwrap();
    assert_eq!((report.sent, report.waiting, report.parked), (1, 0, 1));
    let status = outbox.status(house.now()).unwrap();
    let OwedState::Parked { reason } = &status.owed[0].state else {
        panic!("{status:?}");
    };
    assert!(reason.as_str().contains("not locked"), "{reason}");
}

#[test]
fn confirmed_exposure_and_calls_reach_those_whom_they_concern() {
    let house = House::new(Setup::everybody());
    let case = house.observe_run(leak("RUN-1")).case.unwrap();
    house.drain_all();
    house.decide(
        LEAD,
        What::ExposureAssessed(ExposureAssessed {
            case: case.clone(),
            exposure: Exposure::Confirmed,
            flags: RiskFlags::CRITICAL,
            notes: "names and <addresses>".parse().unwrap(),
        }),
    );
    house.decide(
        OPS,
        What::CaseEscalated(CaseEscalated {
            case: case.clone(),
            escalation: Escalation::Asked,
            reason: "nobody came".parse().unwrap(),
        }),
    );
    house.drain_all();
    let world = house.server.world();
    let told = |to: &str| -> Vec<&str> {
        let messages = world.messages.iter().filter(|m| m.to == to);
        messages.map(|m| m.text.as_str()).collect()
    };
    assert_eq!(
        told("#security-incidents"),
        [format!("Exposure confirmed: {case}, run RUN-1")]
    );
    let critical = told("#ops-critical");
    assert_eq!(critical.len(), 2, "{critical:?}");
    assert_eq!(
        critical[1],
        format!("SEV0 case {case}: more people are needed: `nobody came`")
    );
}

#[test]
fn what_a_mute_holds_back_is_counted_and_told_as_one_message_at_its_end() {
    let house = House::new(Setup::webhooks());
    // Owed before, and not sent yet: the switch is for this one, too.
    house.observe("RUN-0", 100);
    mute(&house, false);
    for n in 1..=3 {
        house.observe(&format!("RUN-{n}"), 100);
    }
    house.observe_run(leak("RUN-9"));
    let report = house.drain(SOON);
    assert_eq!(report.sent, 1, "SEV0 is told all the same");
    assert!(house.texts()[0].starts_with("SEV0"));
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    assert_eq!(status.held.len(), 1);
    assert_eq!(status.held[0].messages, 4);
    assert_eq!(report.next_due, Some(second(3600)));
    house.wait(3599);
    assert_eq!(house.drain(SOON).sent, 0);
    house.wait(1);
    house.drain_all();
    assert_eq!(house.texts()[1..], ["4 credit alerts while muted"]);
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    assert_eq!(status.held, []);
    house.observe("RUN-10", 100);
    house.drain_all();
    assert!(house.texts()[2].starts_with("SEV1 credit alert"));
}

#[test]
fn a_mute_that_includes_sev0_holds_it_back_until_somebody_ends_it() {
    let house = House::new(Setup::webhooks());
    let event = mute(&house, true);
    house.observe_run(leak("RUN-1"));
    assert_eq!(house.drain_all_until(100), 0);
    house.decide(
        LEAD,
        What::AlertsUnmuted(AlertsUnmuted {
            mute: event,
            reason: "it is over".parse().unwrap(),
        }),
    );
    house.drain_all();
    assert_eq!(house.texts(), ["1 credit alert while muted"]);
}

fn mute(house: &House, include_sev0: bool) -> credit_monitor::governance::EventId {
    let lead = Actor::Operator(LEAD.parse().unwrap());
    let muted = AlertsMuted {
        scope: MuteScope::All,
        include_sev0,
        reason: "a planned load test".parse().unwrap(),
        expires: second(3600),
    };
    let approval = Approval::alone(&lead, Verb::MuteAlerts, muted).unwrap();
    house.monitor.enact(approval, house.now()).unwrap().id()
}

#[test]
fn a_storm_of_200_alerts_is_at_most_ten_messages_sev0_first() {
    let house = House::new(Setup::webhooks());
    let runs = (0..199).map(|n| run(&format!("RUN-{n}"), &format!("S-{n}"), 100));
    let last = leak("RUN-LEAK");
    let batch = house
        .monitor
        .observe_all(runs.chain([last]), house.now())
        .unwrap();
    assert!(batch.unsettled.is_none());
    house.drain_all();
    let texts = house.texts();
    assert!(texts.len() <= 10, "{texts:?}");
    assert!(texts[0].starts_with("SEV0"), "{texts:?}");
    let alerts: usize = texts
        .iter()
        .map(|text| match text.split_once(" credit alerts: ") {
            Some((n, _)) => n.parse::<usize>().unwrap(),
            None => 1,
        })
        .sum();
    assert_eq!(alerts, 200, "{texts:?}");
    assert_eq!(house.server.world().too_early, Vec::<String>::new());
}

#[test]
fn a_channel_gets_at_most_one_message_a_second() {
    let house = House::new(Setup::webhooks());
    for n in 0..3 {
        house.observe_run(leak(&format!("RUN-{n}")));
    }
    for second in 1..=3 {
        assert_eq!(house.drain(SOON).sent, 1, "second {second}");
        assert_eq!(house.drain(SOON).sent, 0, "second {second}");
        house.wait(1);
    }
}

#[test]
fn every_run_has_one_row_and_says_so_beside_its_record() {
    let house = House::new(Setup {
        runs: true,
        ..Setup::nobody()
    });
    let ids: Vec<String> = (0..150).map(|n| format!("RUN-{n}")).collect();
    let runs = ids.iter().map(|id| run(id, "EXPORT", 100));
    house.monitor.observe_all(runs, house.now()).unwrap();
    let file = |id: &str| {
        let day = house.tree().day(second(0).day());
        fs::read_to_string(day.join(format!("run_{id}.notion.json"))).unwrap()
    };
    for id in &ids {
        assert_eq!(
            file(id),
            format!(
                "{{\"version\":1,\"Run_ID\":\"{id}\",\"status\":\"owed\",\"message\":\"Would write to Notion: {id}\"}}\n"
            )
        );
    }
    let status = || house.monitor.outbox().unwrap().status(house.now()).unwrap();
    assert_eq!(status().waiting(), 150);
    let report = house.drain(SOON);
    assert_eq!((report.sent, report.waiting), (150, 0));
    assert_eq!(house.server.world().pages.len(), 150);
    for id in &ids {
        let text = file(id);
        assert!(!text.contains("Would write"), "{text}");
        assert!(
            text.contains("\"status\":\"synced\",\"page\":\"00000000-"),
            "{text}"
        );
    }
    assert!(
        Archive::new(&house.tree())
            .verify(None, &|_, _| {})
            .unwrap()
            .ok()
    );
    assert_eq!(house.drain_all(), 0);
}

#[test]
fn what_a_process_without_settings_kept_is_owed_by_the_next_that_has_them() {
    let house = House::new(Setup::webhooks());
    let house = house.reopened(Setup::nobody());
    let case = house.observe("RUN-1", 100).case.unwrap();
    house.decide(OPS, What::CaseAcknowledged(CaseAcknowledged { case }));
    house.observe_run(run("RUN-2", "OTHER", 100));
    let house = house.reopened(Setup::everybody());
    house.drain_all();
    let texts = house.texts();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].starts_with("SEV1"), "{texts:?}");
    // Notion was not set up when they were kept; the cases' pages follow from their events.
    assert_eq!(house.server.world().pages.len(), 2);
}

#[test]
fn the_first_time_nothing_is_owed_for_what_is_there() {
    let house = House::new(Setup::nobody());
    house.observe("RUN-1", 100);
    let house = house.reopened(Setup::everybody());
    assert_eq!(house.drain_all(), 0);
    assert_eq!(house.server.world().requests, 0);
    house.observe_run(run("RUN-2", "OTHER", 100));
    house.drain_all();
    assert_eq!(house.texts().len(), 1);
    assert_eq!(house.server.world().pages.len(), 2, "its row and its case");
}

#[test]
fn what_was_sent_is_forgotten_and_its_case_is_found_again() {
    let house = House::new(Setup::everybody());
    for n in 0..20 {
        house.observe_run(run(&format!("RUN-{n}"), "EXPORT", 100));
    }
    house.drain_all();
    house.wait(600);
    house.observe_run(run("LAST", "EXPORT", 100));
    house.drain_all();
    // One case with its page, its first alert and its thread.
    let house = house.reopened(Setup::everybody());
    let events = fs::read_to_string(house.tree().events()).unwrap();
    assert!(events.lines().count() > 100);
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    assert_eq!((status.waiting(), status.parked()), (0, 0));
    assert_eq!(house.server.world().pages.len(), 22);
}

#[test]
fn repairing_and_observing_again_tells_nothing_twice() {
    let house = House::new(Setup::everybody());
    for n in 0..3 {
        house.observe_run(run(&format!("RUN-{n}"), "EXPORT", 100));
    }
    house.observe_run(leak("RUN-LEAK"));
    house.drain_all();
    // What was sent is forgotten with the next mark.
    house.wait(600);
    house.observe_run(run("RUN-LATER", "EXPORT", 100));
    house.drain_all();
    let texts = house.texts();
    let house = house.reopened(Setup::everybody());
    let lead = Actor::Operator(LEAD.parse().unwrap());
    let repaired = house.monitor.repair(&lead, house.now(), &|_, _| {});
    repaired.unwrap();
    assert!(house.observe_run(run("RUN-1", "EXPORT", 100)).duplicate);
    let house = house.reopened(Setup::everybody());
    assert_eq!(house.drain_all(), 0);
    assert_eq!(house.texts(), texts);
    assert_eq!(
        house.server.world().pages.len(),
        7,
        "five rows and two cases"
    );
}

#[test]
fn what_watches_sees_what_is_owed() {
    let house = House::new(Setup {
        webhooks: vec![("SEV1", "alerts-planted")],
        ..Setup::nobody()
    });
    let began = house.now();
    house.observe("RUN-1", 100);
    let archive = Archive::new(&house.tree());
    let owed = |now| {
        let facts = archive.examine(Environment::read(None, |_| Ok(None)), now);
        let figures = archive.figures(now).unwrap();
        assert_eq!(facts.owed, figures.owed);
        let late = checks(&facts, now)
            .checks
            .iter()
            .any(|check| check.id == "sync_lag" && !check.findings.is_empty());
        (facts.owed.unwrap(), late)
    };
    let (before, late) = owed(began);
    assert_eq!(
        (before.waiting, before.oldest, before.parked),
        (1, Some(began), 0)
    );
    assert!(!late);
    assert!(
        owed(began.minutes_after(5)).1,
        "nobody was told for five minutes"
    );
    house.drain_all();
    let (after, late) = owed(began.minutes_after(5));
    assert_eq!((after.waiting, after.oldest, late), (0, None, false));
}

#[test]
fn a_refused_message_is_parked_until_somebody_releases_it() {
    let house = House::new(Setup {
        webhooks: vec![("DEFAULT", "revoked")],
        ..Setup::nobody()
    });
    house.observe("RUN-1", 100);
    let report = house.drain(SOON);
    assert_eq!((report.sent, report.waiting, report.parked), (0, 0, 1));
    assert_eq!(report.next_due, None);
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    let OwedState::Parked { reason } = &status.owed[0].state else {
        panic!("{status:?}");
    };
    assert!(reason.as_str().contains("no_service"), "{reason}");
    assert_eq!(status.owed[0].run.as_ref().unwrap().as_str(), "RUN-1");

    let outbox = house.monitor.outbox().unwrap();
    let item = &status.owed[0].item;
    let viewer = Actor::Operator("ops-1:O1".parse().unwrap());
    let denied = outbox.release(item, &viewer, house.now());
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    let ops = Actor::Operator(OPS.parse().unwrap());
    outbox.release(item, &ops, house.now()).unwrap();
    let twice = outbox.release(item, &ops, house.now());
    assert!(
        matches!(twice, Err(Error::Precondition { .. })),
        "{twice:?}"
    );
    // Again and again in the same second: each is an event of its own.
    house.wait(1);
    assert_eq!(house.drain(SOON).parked, 1);
    outbox.release(item, &ops, house.now()).unwrap();
    house.wait(1);
    assert_eq!(house.drain(SOON).parked, 1);
    let house = house.reopened(Setup::webhooks());
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    assert_eq!(status.parked(), 1);
}

#[test]
fn a_pause_holds_for_the_whole_destination_and_survives_the_process() {
    let house = House::new(Setup::everybody());
    house.observe("RUN-1", 100);
    house.observe_run(leak("RUN-2"));
    house.server.world().faults.push_back(Fault {
        on: Operation::Post,
        how: How::Status(429),
        committed: false,
    });
    assert!(!house.drain(SOON).busy);
    let posts = house.texts().len();
    let house = house.reopened(Setup::everybody());
    for _ in 0..29 {
        house.wait(1);
        assert!(!house.drain(SOON).busy);
        assert_eq!(house.texts().len(), posts);
    }
    house.drain_all();
    assert_eq!(house.texts().len(), 2);
    assert_eq!(house.server.world().too_early, Vec::<String>::new());
}

#[test]
fn two_processes_do_not_send_at_the_same_time() {
    let house = House::new(Setup::webhooks());
    house.observe("RUN-1", 100);
    let lock = fs::File::create(house.tree().monitoring().join("outbox.lock")).unwrap();
    lock.lock().unwrap();
    let report = house.drain(SOON);
    assert!(report.busy);
    assert_eq!((report.sent, report.waiting), (0, 1));
    assert_eq!(house.server.world().requests, 0);
    drop(lock);
    assert_eq!(house.drain(SOON).sent, 1);
}

#[test]
fn a_hanging_server_delays_no_run() {
    let house = House::new(Setup::everybody());
    house.observe("RUN-1", 100);
    house.server.world().faults.push_back(Fault {
        on: Operation::Post,
        how: How::Silence,
        committed: false,
    });
    let tree = house.tree();
    let (begun, told) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        let observer = threads.spawn(move || {
            let to = delivery::Setup::nobody();
            drop(to);
            let monitor = Monitor::open(&Tree::new(tree.root()), second(0)).unwrap();
            let waited: () = told.recv().unwrap();
            // The other one waits for an answer that does not come; this one does not.
            for n in 0..10 {
                let id = format!("RUN-HANG-{n}");
                monitor.observe(run(&id, "OTHER", 100), second(1)).unwrap();
            }
            waited
        });
        let server = &house.server;
        threads.spawn(move || {
            // Once the request is there, it hangs.
            while server.world().faults.front().is_some() {
                std::thread::yield_now();
            }
            begun.send(()).unwrap();
        });
        assert!(!house.drain(SOON).busy);
        observer.join().unwrap();
    });
    let archive = Archive::new(&house.tree());
    assert_eq!(archive.head().unwrap().unwrap().seq, 10);
}

#[test]
fn a_weekly_report_is_posted_once_to_those_who_review_it() {
    let house = House::new(Setup::everybody());
    house.observe("RUN-1", 100);
    house.drain_all();
    let archive = house.monitor.archive();
    let config = house.monitor.config().unwrap();
    let report = archive
        .weekly_report(
            &config,
            &ReportRequest::review("2025-02-03".parse().unwrap()),
        )
        .unwrap();
    let written = archive.write_report(&report, &config).unwrap();
    let outbox = house.monitor.outbox().unwrap();
    for _ in 0..2 {
        assert!(outbox.owe_weekly(&written, house.now()).unwrap());
        house.drain_all();
    }
    let world = house.server.world();
    let review: Vec<_> = world
        .messages
        .iter()
        .filter(|m| m.to == "#ops-review")
        .collect();
    assert_eq!(review.len(), 1);
    assert_eq!(
        review[0].text,
        "Credit review 2025-01-27 to 2025-02-03: 100 credits"
    );
}
