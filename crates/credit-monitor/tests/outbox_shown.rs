//! What people see of a case and its owner, since when something is owed, and what is given up.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod delivery;

use std::fs;
use std::time::Duration;

use credit_monitor::core::{CaseStatus, Exposure, RiskFlag, RiskFlags, RootCause};
use credit_monitor::governance::{
    Actor, CaseAcknowledged, CaseNoted, CaseResolved, CaseStatusChanged, ExposureAssessed,
    MitigationDocumented, RootCauseFound, Text, Topic, What,
};
use credit_monitor::notify::delivery::{ItemId, Rules};
use credit_monitor::{Archive, Destinations, Error, Monitor, UrlPattern};
use delivery::server::{Fault, How, Operation};
use delivery::{House, LEAD, Setup, leak, run, second};

const OPS: &str = "ops-2:O2";

fn acknowledge(house: &House, case: &credit_monitor::core::CaseId) {
    let case = case.clone();
    house.decide(OPS, What::CaseAcknowledged(CaseAcknowledged { case }));
}

fn actor(text: &str) -> Actor {
    Actor::Operator(text.parse().unwrap())
}

fn item(name: &str) -> ItemId {
    name.parse().unwrap()
}

#[test]
fn an_alert_shows_how_far_its_case_is_and_calls_nobody_again() {
    let house = House::new(Setup::everybody());
    let case = house.observe_run(leak("RUN-1")).case.unwrap();
    house.drain_all();
    let alert = |house: &House| house.server.world().messages[0].clone();
    assert!(alert(&house).body.to_string().contains("S0ONCALL"));
    let text = alert(&house).text;

    acknowledge(&house, &case);
    house.drain_all();
    assert_eq!(alert(&house).text, format!("{text} (Investigating)"));
    let shown = alert(&house).body.to_string();
    assert!(shown.contains("*Case* Investigating since"), "{shown}");
    assert!(shown.contains("by `O2 ops-2`"), "{shown}");
    assert!(!shown.contains("S0ONCALL"), "{shown}");
    let edits = house.server.world().edits;
    assert_eq!(edits, 1);

    // Two changes before the next drain are one edit, which shows the last.
    let found = || RootCauseFound {
        case: case.clone(),
        root_cause: RootCause::Misconfig,
        explanation: "no limit".parse().unwrap(),
    };
    house.decide(OPS, What::RootCauseProposed(found()));
    house.decide(LEAD, What::RootCauseConfirmed(found()));
    for (from, to) in [
        (CaseStatus::Investigating, CaseStatus::Mitigating),
        (CaseStatus::Mitigating, CaseStatus::Investigating),
        (CaseStatus::Investigating, CaseStatus::Mitigating),
    ] {
        let case = case.clone();
        let what = What::CaseStatusChanged(CaseStatusChanged { case, from, to });
        house.decide(LEAD, what);
        house.wait(1);
    }
    house.drain_all();
    assert_eq!(alert(&house).text, format!("{text} (Mitigating)"));
    assert_eq!(house.server.world().edits, 2);
    assert_eq!(house.drain_all(), 0);
}

#[test]
fn a_digest_stands_for_many_cases_and_is_not_edited() {
    let house = House::new(Setup::everybody());
    let outcomes: Vec<_> = (0..8)
        .map(|n| house.observe_run(run(&format!("RUN-{n}"), &format!("S-{n}"), 100)))
        .collect();
    house.drain_all();
    assert!(
        house.texts()[0].starts_with("8 credit alerts"),
        "{:?}",
        house.texts()
    );
    acknowledge(&house, outcomes[3].case.as_ref().unwrap());
    house.drain_all();
    assert_eq!(house.server.world().edits, 0);
    assert!(house.texts()[0].starts_with("8 credit alerts: 8 SEV1"));
    assert_eq!(house.texts().last().unwrap(), "Acknowledged");
}

#[test]
fn an_alert_that_was_perhaps_posted_twice_stays_marked() {
    let house = House::new(Setup::everybody());
    house.server.world().faults.push_back(Fault {
        on: Operation::Post,
        how: How::Drop,
        committed: true,
    });
    let case = house.observe("RUN-1", 100).case.unwrap();
    house.drain_all();
    acknowledge(&house, &case);
    house.drain_all();
    let texts = house.texts();
    assert!(
        texts[0].starts_with("SEV1") && texts[0].ends_with("baseline"),
        "{texts:?}"
    );
    let second = texts[1].as_str();
    assert!(second.starts_with("(possible repeat) SEV1"), "{texts:?}");
    assert!(second.ends_with(" (Investigating)"), "{texts:?}");
}

#[test]
fn the_owner_is_the_scenario_s_or_else_the_settings_and_always_set() {
    let house = House::new(Setup::everybody());
    let file = |scenario: &str, text: &str| {
        let path = house.tree().scenario(&scenario.parse().unwrap());
        fs::write(path, text).unwrap();
    };
    file("OWNED", r#"{"owner":"exports team","max_items":10}"#);
    file("NOBODYS", r#"{"owner":"  "}"#);
    for (id, scenario) in [
        ("RUN-1", "OWNED"),
        ("RUN-2", "NOBODYS"),
        ("RUN-3", "NO_FILE"),
    ] {
        house.observe_run(run(id, scenario, 100));
    }
    house.drain_all();
    let world = house.server.world();
    let owners: Vec<(String, String)> = world
        .pages
        .iter()
        .map(|page| {
            let text = |name: &str, kind: &str| {
                let content = &page.properties[name][kind][0]["text"]["content"];
                content.as_str().unwrap_or_default().to_owned()
            };
            let id = text("Run_ID", "title") + &text("Primary_Run_ID", "rich_text");
            (id, text("owner", "rich_text"))
        })
        .collect();
    assert_eq!(owners.len(), 6, "three rows and three cases");
    for (run, owner) in owners {
        let wanted = match run.as_str() {
            "RUN-1" => "exports team",
            _ => "operations",
        };
        assert_eq!(owner, wanted, "{run}");
    }
    drop(world);

    // A file that cannot be used any more is told, and its row waits.
    house.observe_run(run("RUN-4", "LATER", 100));
    file("LATER", r#"{"owner":7}"#);
    house.drain_all();
    let status = house.monitor.outbox().unwrap().status(house.now()).unwrap();
    let told = format!("{status:?}");
    assert!(told.contains("`owner`: must be a text, not 7"), "{told}");
    assert!(status.parked() >= 2, "{told}");
}

#[test]
fn a_row_that_no_drain_has_taken_up_is_owed_since_its_run_finished() {
    let house = House::new(Setup {
        runs: true,
        ..Setup::nobody()
    });
    house.wait(1_000);
    let archive = Archive::new(&house.tree());
    let status = |house: &House| archive.outbox_status(house.now()).unwrap();
    assert_eq!(status(&house).rows_since, None);
    // Both finished long before they were kept.
    house.observe("RUN-1", 100);
    house.observe("RUN-2", 100);
    assert_eq!(
        (status(&house).rows, status(&house).rows_since),
        (2, Some(second(0)))
    );
    let figures = archive.figures(house.now()).unwrap();
    let text = figures.to_prometheus();
    let since = format!("credit_owed_since_timestamp_seconds {}\n", second(0).unix());
    assert!(text.contains(&since), "{text}");
    let facts = archive.examine(
        credit_monitor::doctor::Environment::read(None, |_| Ok(None)),
        house.now(),
    );
    let found = credit_monitor::doctor::checks(&facts, house.now());
    let lag = found
        .checks
        .iter()
        .find(|check| check.id == "sync_lag")
        .unwrap();
    assert!(!lag.passed(), "{lag:?}");
    house.drain_all();
    assert_eq!((status(&house).rows, status(&house).rows_since), (0, None));
}

/// What was owed by a bot and to Notion when both are set up no more.
fn orphaned() -> House {
    let house = House::new(Setup::everybody());
    let case = house.observe("RUN-1", 100).case.unwrap();
    acknowledge(&house, &case);
    house.reopened(Setup::webhooks())
}

#[test]
fn what_has_no_destination_any_more_waits_until_somebody_gives_it_up() {
    let house = orphaned();
    let to = delivery::destinations(&house.server, &house.setup);
    let status = || house.monitor.outbox().unwrap().status(house.now()).unwrap();
    let report = house.drain(Duration::from_secs(5));
    assert_eq!((report.sent, report.next_due), (0, None));
    let lost = status()
        .owed
        .iter()
        .filter(|owed| !to.reach(&owed.item, &owed.lane))
        .count();
    assert_eq!(
        (lost as u64 + status().rows, status().waiting()),
        (7, 7),
        "{:?}",
        status()
    );

    let why = "Slack's bot was removed".parse().unwrap();
    let alert = item("alert/0/RUN-1");
    // Who may not mute alerts may not take one back, and that is recorded.
    let denied = house
        .monitor
        .withdraw_owed(&alert, &why, &actor(OPS), house.now());
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    let events = fs::read_to_string(house.tree().events()).unwrap();
    assert!(
        events
            .lines()
            .last()
            .unwrap()
            .contains(r#""Type":"refused""#),
        "{events}"
    );

    let lead = actor(LEAD);
    let withdrawn = house
        .monitor
        .withdraw_owed(&alert, &why, &lead, house.now())
        .unwrap();
    let names: Vec<&str> = withdrawn.items.iter().map(ItemId::as_str).collect();
    let (first, followers) = names.split_first().unwrap();
    assert_eq!(*first, "alert/0/RUN-1");
    for kind in ["thread/", "state/", "reply/"] {
        assert!(
            followers.iter().any(|name| name.starts_with(kind)),
            "{names:?}"
        );
    }
    let twice = house
        .monitor
        .withdraw_owed(&alert, &why, &lead, house.now());
    assert!(
        matches!(twice, Err(Error::Precondition { .. })),
        "{twice:?}"
    );

    let rows = house
        .monitor
        .withdraw_rows(&why, &lead, house.now())
        .unwrap();
    assert_eq!((rows.rows, rows.file_errors.len()), (1, 0));
    let file = house
        .tree()
        .day(second(0).day())
        .join("run_RUN-1.notion.json");
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(
        text,
        "{\"version\":1,\"Run_ID\":\"RUN-1\",\"status\":\"withdrawn\"}\n"
    );
    let events = fs::read_to_string(house.tree().events()).unwrap();
    assert!(
        events.contains("Slack's bot was removed"),
        "the reason is recorded"
    );
    assert!(events.contains("\"By\":\"lead-3\""), "and by whom");

    // Runs without a database of runs owe no rows from now on.
    house.observe("RUN-2", 100);
    assert_eq!(status().rows, 0);
    // With one, those of later runs are owed again, and nothing that was given up.
    let house = house.reopened(Setup::everybody());
    house.observe_run(run("RUN-3", "OTHER", 100));
    house.drain_all();
    let world = house.server.world();
    let rows: Vec<&str> = world
        .pages
        .iter()
        .filter_map(|page| page.properties["Run_ID"]["title"][0]["text"]["content"].as_str())
        .collect();
    assert_eq!(rows, ["RUN-3"]);
    let alerts: Vec<&String> = world.messages.iter().map(|m| &m.text).collect();
    assert!(
        !alerts.iter().any(|text| text.contains("RUN-1")),
        "{alerts:?}"
    );
    drop(world);
    let archive = Archive::new(&house.tree());
    assert!(archive.verify(None, &|_, _| {}).unwrap().ok());
}

#[test]
fn what_was_perhaps_sent_can_be_given_up_and_what_is_being_sent_cannot() {
    let house = House::new(Setup::webhooks());
    house.server.world().faults.push_back(Fault {
        on: Operation::Post,
        how: How::Drop,
        committed: true,
    });
    house.observe("RUN-1", 100);
    assert_eq!(house.drain(Duration::from_secs(5)).waiting, 1);
    let (why, lead) = ("it was seen in the channel".parse().unwrap(), actor(LEAD));
    let alert = item("alert/0/RUN-1");
    let lock = fs::File::create(house.tree().monitoring().join("outbox.lock")).unwrap();
    lock.lock().unwrap();
    let busy = house
        .monitor
        .withdraw_owed(&alert, &why, &lead, house.now());
    let busy = busy.unwrap_err().to_string();
    assert!(busy.contains("another process is sending"), "{busy}");
    drop(lock);
    let withdrawn = house
        .monitor
        .withdraw_owed(&alert, &why, &lead, house.now())
        .unwrap();
    assert_eq!(withdrawn.items, [alert]);
    assert_eq!(house.drain_all(), 0);
    assert_eq!(house.texts().len(), 1, "it is not sent again");
}

#[test]
fn a_confirmed_exposure_goes_to_the_webhook_of_security_and_to_no_other() {
    let house = House::new(Setup {
        webhooks: vec![
            ("SEV0", "critical"),
            ("SECURITY", "security"),
            ("DEFAULT", "rest"),
        ],
        ..Setup::nobody()
    });
    let case = house.observe_run(leak("RUN-1")).case.unwrap();
    let what = |exposure| {
        What::ExposureAssessed(ExposureAssessed {
            case: case.clone(),
            exposure,
            flags: RiskFlags::CRITICAL,
            notes: "names and addresses".parse().unwrap(),
        })
    };
    house.decide(LEAD, what(Exposure::Undetermined));
    house.drain_all();
    house.wait(1);
    house.decide(LEAD, what(Exposure::Confirmed));
    house.drain_all();
    let world = house.server.world();
    let to: Vec<&str> = world.messages.iter().map(|m| m.to.as_str()).collect();
    assert_eq!(to, ["/services/T/B/critical", "/services/T/B/security"]);
    let called = world.messages[1].body.to_string();
    assert!(called.contains("<!subteam^S0SEC|@security>"), "{called}");
}

#[test]
fn how_patient_delivery_is_and_what_a_storm_is_are_settings() {
    let house = House::new(Setup::webhooks());
    let to = Destinations {
        rules: Rules {
            storm_alerts_max: 1,
            backoff_seconds_min: 2,
            backoff_seconds_max: 2,
            ..Rules::default()
        },
        ..delivery::destinations(&house.server, &house.setup)
    };
    let monitor = Monitor::open(&house.tree(), second(0)).unwrap();
    let monitor = monitor.with_destinations(to, second(0)).unwrap();
    let drain = || {
        let outbox = monitor.outbox().unwrap();
        let budget = Duration::from_secs(1);
        outbox
            .drain(house.senders(), &|| house.now(), budget)
            .unwrap()
    };
    house.server.world().faults.push_back(Fault {
        on: Operation::Post,
        how: How::Status(500),
        committed: false,
    });
    monitor
        .observe(run("RUN-1", "S-1", 100), second(0))
        .unwrap();
    let report = drain();
    let due = report.next_due.unwrap().unix() - second(0).unix();
    assert!((1..=2).contains(&due), "{due}");
    house.wait(2);
    assert_eq!(drain().sent, 1);
    for n in 2..5 {
        let run = run(&format!("RUN-{n}"), &format!("S-{n}"), 100);
        monitor.observe(run, house.now()).unwrap();
    }
    house.wait(1);
    assert_eq!(drain().sent, 1);
    assert_eq!(house.texts()[1], "3 credit alerts: 3 SEV1");
}

#[test]
fn people_are_led_to_where_a_record_and_a_case_can_be_read() {
    for bad in ["https://example.org/runs", "ftp://example.org/{id}", "{id}"] {
        assert!(bad.parse::<UrlPattern>().is_err(), "{bad}");
    }
    let house = House::new(Setup::webhooks());
    let to = Destinations {
        run_url: Some("https://runs.example.org/{id}?raw=1".parse().unwrap()),
        case_url: Some("https://cases.example.org/{id}".parse().unwrap()),
        ..delivery::destinations(&house.server, &house.setup)
    };
    let monitor = Monitor::open(&house.tree(), second(0)).unwrap();
    let monitor = monitor.with_destinations(to, second(0)).unwrap();
    let seen = monitor.observe(run("RUN-1", "S-1", 100), second(0));
    let case = seen.unwrap().case.unwrap();
    let outbox = monitor.outbox().unwrap();
    let second = Duration::from_secs(1);
    let report = outbox.drain(house.senders(), &|| house.now(), second);
    assert_eq!(report.unwrap().sent, 1);
    let shown = house.server.world().messages[0].body.to_string();
    let links = [
        "https://runs.example.org/RUN-1?raw=1".to_owned(),
        format!("https://cases.example.org/{case}"),
    ];
    for link in links {
        assert!(shown.contains(&link), "{link}: {shown}");
    }
}

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

/// Everything that the standard policy wants documented before an acknowledged SEV0 case ends.
fn document(house: &House, case: &credit_monitor::core::CaseId) {
    let flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    let all = [
        What::ExposureAssessed(ExposureAssessed {
            case: case.clone(),
            exposure: Exposure::FalsePositive,
            flags,
            notes: text("test accounts only"),
        }),
        What::RootCauseConfirmed(RootCauseFound {
            case: case.clone(),
            root_cause: RootCause::Misconfig,
            explanation: text("no limit"),
        }),
        What::MitigationDocumented(MitigationDocumented {
            case: case.clone(),
            mitigation: text("max_items set to 1000"),
        }),
        What::CaseNoted(CaseNoted {
            case: case.clone(),
            topic: Topic::NoExposure,
            note: text("the access log has test accounts only"),
        }),
        What::CaseStatusChanged(CaseStatusChanged {
            case: case.clone(),
            from: CaseStatus::Investigating,
            to: CaseStatus::Mitigating,
        }),
    ];
    all.into_iter()
        .for_each(|what| drop(house.decide(LEAD, what)));
}

#[test]
fn a_thread_says_what_was_decided_of_its_run_and_by_whom() {
    let house = House::new(Setup::everybody());
    let mut leak = leak("RUN-1");
    leak.has_max_items_config = Some(true);
    let case = house.observe_run(leak).case.unwrap();
    house.drain_all();
    acknowledge(&house, &case);
    document(&house, &case);
    let (id, now) = ("RUN-1".parse().unwrap(), || house.now());
    let monitor = &house.monitor;
    let (ops, lead) = (actor(OPS), actor(LEAD));
    let request = || monitor.request_rerun(&id, text("month end"), &ops, now());
    request().unwrap();
    monitor
        .deny_rerun(&id, text("the owner is away"), &lead, now())
        .unwrap();
    let resolved = CaseResolved {
        case: case.clone(),
        note: text("watched for a day"),
    };
    house.decide(LEAD, What::CaseResolved(resolved));
    monitor
        .release(&id, text("no exposure"), &lead, now())
        .unwrap();
    request().unwrap();
    let mitigation = text("limited to 1000 items");
    let flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    monitor
        .approve_rerun(&id, mitigation, flags, None, &lead, now())
        .unwrap();
    house.drain_all();

    let world = house.server.world();
    let replies = world.messages.iter().filter(|m| m.thread.is_some());
    let replies: Vec<(&str, String)> = replies
        .map(|m| (m.text.as_str(), m.body.to_string()))
        .collect();
    let told = [
        ("Acknowledged", "*Acknowledged* by `O2 ops-2`"),
        (
            "Rerun denied",
            "*Rerun denied* by `O3 lead-3`: `the owner is away`",
        ),
        ("Resolved", "*Resolved* by `O3 lead-3`"),
        (
            "Quarantine released",
            "*Quarantine released* on 2025-01-31 by `O3 lead-3`",
        ),
        (
            "Approved for rerun",
            "*Approved for rerun* by `O3 lead-3`: `limited to 1000 items`",
        ),
    ];
    assert_eq!(replies.len(), told.len(), "{replies:?}");
    for ((text, body), (told, shown)) in replies.iter().zip(told) {
        assert_eq!(*text, told);
        assert!(body.contains(shown), "{body}");
    }
    let pages = world.pages.iter().map(|page| page.properties.to_string());
    let noted = "Quarantine released on 2025-01-31 by O3 lead-3";
    assert_eq!(pages.filter(|page| page.contains(noted)).count(), 1);
}

#[test]
fn nothing_more_is_told_of_a_case_that_was_archived() {
    let house = House::new(Setup::everybody());
    let case = house.observe_run(leak("RUN-1")).case.unwrap();
    acknowledge(&house, &case);
    document(&house, &case);
    let resolved = CaseResolved {
        case,
        note: text("watched for a day"),
    };
    house.decide(LEAD, What::CaseResolved(resolved));
    house.drain_all();
    house.wait(400 * 86_400);
    let due = house.monitor.record_due(house.now()).unwrap();
    assert!(
        due.iter().any(|event| event.what.kind() == "case_archived"),
        "{due:?}"
    );
    let told = house.texts();
    house.drain_all();
    assert_eq!(house.texts(), told);

    // The next one is a case with an alert and a thread of its own, also for the next process.
    let house = house.reopened(Setup::everybody());
    let next = house.observe_run(leak("RUN-2")).case.unwrap();
    acknowledge(&house, &next);
    house.drain_all();
    let texts = house.texts();
    let more: Vec<&str> = texts[told.len()..].iter().map(String::as_str).collect();
    assert!(more[0].starts_with("SEV0"), "{more:?}");
    assert_eq!(more[1..], ["Acknowledged"]);
}
