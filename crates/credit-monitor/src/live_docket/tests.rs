//! A house in which everything is written down after a few events and shelved as soon as it is
//! settled: whatever is asked, the answer is that of the fold of all events.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod killed;

use std::fs;
use std::path::PathBuf;

use credit_core::{
    CaseStatus, Credits, Exposure, RiskFlag, RiskFlags, RootCause, Run, ScenarioId, Sha256, Status,
};
use credit_governance::{
    Actor, AlertsMuted, Approval, BackfillEnded, BackfillStarted, CaseAcknowledged, CaseArchived,
    CaseNoted, CaseReopened, CaseResolved, CaseStatusChanged, ConfigAdopted, ConfigFile, Enactable,
    ExposureAssessed, MitigationDocumented, MuteScope, PolicyAdopted, ReviewDecided, ReviewNoted,
    RootCauseFound, Text, Topic,
};
use tempfile::TempDir;

use super::*;
use crate::{Dispatch, Monitor};

const TINY: Limits = Limits {
    events: 7,
    settled: 2,
};

struct House {
    dir: TempDir,
    tree: Tree,
}

fn at(day: u32) -> Timestamp {
    let start: Timestamp = "2025-01-01T10:00:00Z".parse().unwrap();
    start.days_after(day)
}

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn who(operator: &str) -> Actor {
    Actor::Operator(operator.parse().unwrap())
}

impl House {
    fn new() -> House {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        Monitor::init(&tree, Vec::new(), at(0)).unwrap();
        let entry = |id: &str| {
            format!(
                r#"{{"scenario_id":"{id}","median_credits":10,"calculated_at":"2025-01-01T00:00:00Z","sample_size":20,"last_updated":"2025-01-01T00:00:00Z"}}"#
            )
        };
        let entries: Vec<String> = (0..40).map(|n| entry(&format!("S-{n}"))).collect();
        let baselines = format!(
            r#"{{"version":"1.0","updated_at":"2025-01-01T00:00:00Z","baselines":[{}]}}"#,
            entries.join(",")
        );
        fs::write(tree.baselines(), baselines).unwrap();
        House { dir, tree }
    }

    fn open(&self, day: u32) -> Monitor {
        let monitor = Monitor::open(&self.tree, at(day)).unwrap();
        monitor.docket.lock().unwrap().limits = TINY;
        monitor
    }

    fn archive(&self) -> Archive {
        Archive::new(&self.tree)
    }

    /// A SEV0 run that is investigated, resolved, released and, thirty days later, put away.
    fn leak_and_its_end(&self, monitor: &Monitor, n: u32, day: u32) -> CaseId {
        let id = format!("R-{n}").parse().unwrap();
        let case = monitor
            .observe(leak(n, day), at(day))
            .unwrap()
            .case
            .unwrap();
        resolve(monitor, &case, day);
        monitor
            .release(&id, text("no exposure"), &who("lead-3:O3"), at(day))
            .unwrap();
        let archived = What::CaseArchived(CaseArchived { case: case.clone() });
        monitor
            .decide(&Actor::Service, archived, at(day + 31))
            .unwrap();
        case
    }

    fn snapshot(&self) -> PathBuf {
        self.tree.docket_snapshot()
    }

    fn shelf(&self) -> PathBuf {
        let names = fs::read_dir(self.tree.monitoring()).unwrap();
        let mut shelves: Vec<PathBuf> = names
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains("docket.settled."))
            .collect();
        assert_eq!(shelves.len(), 1, "{shelves:?}");
        shelves.remove(0)
    }

    fn problems(&self) -> Vec<String> {
        let verified = self.archive().verify(None, &|_, _| {}).unwrap();
        let found = verified.findings.into_iter();
        found
            .map(|f| format!("{}: {}", f.path.display(), f.problem))
            .collect()
    }

    /// That what opens from what is written down is what all events say.
    #[track_caller]
    fn assert_whole(&self) {
        let archive = self.archive();
        let mut live = LiveDocket::open(&archive).unwrap();
        live.recall(&About::Everything, &archive).unwrap();
        assert!(*live.docket() == archive.docket().unwrap());
    }
}

fn leak(n: u32, day: u32) -> Run {
    let scenario = format!("S-{}", n % 40).parse().unwrap();
    let id = format!("R-{n}").parse().unwrap();
    let credits = Credits::whole(130).unwrap();
    let mut run = Run::new(id, scenario, at(day), Status::Success, credits);
    run.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    run
}

fn resolve(monitor: &Monitor, case: &CaseId, day: u32) {
    let case = || case.clone();
    let (ops, lead) = (who("ops-2:O2"), who("lead-3:O3"));
    for (who, what) in [
        (
            &ops,
            What::CaseAcknowledged(CaseAcknowledged { case: case() }),
        ),
        (
            &lead,
            What::ExposureAssessed(ExposureAssessed {
                case: case(),
                exposure: Exposure::FalsePositive,
                flags: RiskFlags::NONE.with(RiskFlag::PiiExposure),
                notes: text("test accounts only"),
            }),
        ),
        (
            &lead,
            What::RootCauseConfirmed(RootCauseFound {
                case: case(),
                root_cause: RootCause::Misconfig,
                explanation: text("no limit"),
            }),
        ),
        (
            &ops,
            What::MitigationDocumented(MitigationDocumented {
                case: case(),
                mitigation: text("a limit"),
            }),
        ),
        (
            &ops,
            What::CaseNoted(CaseNoted {
                case: case(),
                topic: Topic::NoExposure,
                note: text("the access log"),
            }),
        ),
        (
            &ops,
            What::CaseStatusChanged(CaseStatusChanged {
                case: case(),
                from: CaseStatus::Investigating,
                to: CaseStatus::Mitigating,
            }),
        ),
        (
            &lead,
            What::CaseResolved(CaseResolved {
                case: case(),
                note: text("watched"),
            }),
        ),
    ] {
        monitor.decide(who, what, at(day)).unwrap();
    }
}

/// A house with five runs that came and went, and one that is held back.
fn lived_in() -> (House, Vec<CaseId>) {
    let house = House::new();
    let mut cases = Vec::new();
    for n in 0..5 {
        // Sometimes the process starts anew, sometimes it goes on.
        let monitor = house.open(n);
        cases.push(house.leak_and_its_end(&monitor, 2 * n, n));
        cases.push(house.leak_and_its_end(&monitor, 2 * n + 1, n));
        house.assert_whole();
    }
    let monitor = house.open(50);
    monitor.observe(leak(99, 50), at(50)).unwrap();
    drop(monitor);
    assert_eq!(house.problems(), [] as [&str; 0]);
    (house, cases)
}

fn may_dispatch(house: &House, run: &str) -> Dispatch {
    let run = run.parse().unwrap();
    let by_archive = house.archive().may_dispatch(&run).unwrap();
    let by_monitor = house.open(60).may_dispatch(&run).unwrap();
    assert_eq!(by_archive, by_monitor);
    by_archive
}

#[test]
fn what_is_shelved_is_recalled_when_it_is_asked_or_decided_about() {
    let (house, cases) = lived_in();
    let live = LiveDocket::open(&house.archive()).unwrap();
    assert!(live.settled.is_some());
    assert!(live.docket().archived_cases().count() <= TINY.settled);

    // Released long ago, and on the shelf.
    assert!(live.docket().run(&"R-0".parse().unwrap()).is_none());
    assert_eq!(may_dispatch(&house, "R-0"), Dispatch::Allowed);
    assert_ne!(may_dispatch(&house, "R-99"), Dispatch::Allowed);

    // Set aside again by hand, taken out of the archive, and repeated: as if it had never been on
    // a shelf.
    let monitor = house.open(60);
    let (id, lead) = ("R-0".parse().unwrap(), who("lead-3:O3"));
    let again = monitor
        .release(&id, text("again"), &lead, at(60))
        .unwrap_err();
    assert!(again.to_string().contains("not held back"), "{again}");
    monitor
        .quarantine(&id, text("after all"), &lead, at(60))
        .unwrap();
    let unarchived = |case: &CaseId| {
        What::CaseUnarchived(CaseReopened {
            case: case.clone(),
            reason: text("more came up"),
        })
    };
    monitor
        .decide(&lead, unarchived(&cases[1]), at(60))
        .unwrap();
    let twice = monitor.decide(&lead, unarchived(&cases[1]), at(60));
    assert!(twice.is_err());
    let mut rerun = leak(100, 60);
    rerun.rerun_of = Some("R-1".parse().unwrap());
    let rerun = monitor.observe(rerun, at(60)).unwrap();
    assert_eq!(rerun.case.as_ref(), Some(&cases[1]));
    // Observed once more, a run of long ago still has its case.
    let known = monitor.observe(leak(3, 1), at(60)).unwrap();
    assert!(known.duplicate);
    assert_eq!(known.case.as_ref(), Some(&cases[3]));
    assert_eq!(
        monitor
            .with_docket(|docket| docket.archived_cases().count())
            .unwrap(),
        cases.len() - 1
    );
    drop(monitor);
    assert_ne!(may_dispatch(&house, "R-0"), Dispatch::Allowed);
    house.assert_whole();
    assert_eq!(house.problems(), [] as [&str; 0]);
}

/// What is written down opens no gate: whoever changes it is not believed.
#[test]
fn a_forged_snapshot_is_not_used_and_found() {
    let (house, _) = lived_in();
    // So that what holds R-99 back is written down.
    let monitor = house.open(60);
    for n in 0..TINY.events {
        let refused = who("ops-1:O1")
            .may(credit_governance::Verb::Ingest)
            .unwrap_err();
        let about = About::File(text(&format!("file-{n}")));
        monitor
            .record_denial(&who("ops-1:O1"), &refused, about, at(60))
            .unwrap();
    }
    drop(monitor);
    let whole = fs::read_to_string(house.snapshot()).unwrap();
    let held = r#""blocked":true"#;
    assert!(whole.contains(held), "{whole}");

    let forged = whole.replace(held, r#""blocked":false"#);
    let omitted = {
        let (before, after) = whole.split_once(r#""R-99":{"#).unwrap();
        format!(r#"{before}"R-98":{{{after}"#)
    };
    for forged in [forged, omitted] {
        fs::write(house.snapshot(), &forged).unwrap();
        assert_ne!(may_dispatch(&house, "R-99"), Dispatch::Allowed);
        house.assert_whole();
        let problems = house.problems();
        assert!(
            problems[0].contains("docket.snapshot: is not what the event behind line"),
            "{problems:?}"
        );
    }
    for damaged in ["", "{}\n", &whole[..whole.len() / 2]] {
        fs::write(house.snapshot(), damaged).unwrap();
        assert_ne!(may_dispatch(&house, "R-99"), Dispatch::Allowed);
        assert!(house.problems()[0].contains("is not in the form"));
    }
    // It is made again when there is enough to write down, and what a crash left of an earlier
    // attempt goes.
    fs::remove_file(house.snapshot()).unwrap();
    let unfinished = house.tree.monitoring().join("docket.unfinished.1");
    fs::write(&unfinished, "half").unwrap();
    let monitor = house.open(60);
    monitor.observe(leak(101, 60), at(60)).unwrap();
    drop(monitor);
    assert!(house.snapshot().exists() && !unfinished.exists());
    assert_eq!(house.problems(), [] as [&str; 0]);

    // One that is older, because a crash came before it was replaced, only leaves more to fold.
    let monitor = house.open(60);
    let older = fs::read(house.snapshot()).unwrap();
    for n in 102..106 {
        monitor.observe(leak(n, 60), at(60)).unwrap();
    }
    drop(monitor);
    assert!(fs::read(house.snapshot()).unwrap() != older);
    fs::write(house.snapshot(), older).unwrap();
    assert!(LiveDocket::open(&house.archive()).unwrap().head.is_some());
    house.assert_whole();
}

#[test]
fn a_changed_shelf_is_not_used_and_found() {
    let (house, cases) = lived_in();
    let shelf = house.shelf();
    let whole = fs::read_to_string(&shelf).unwrap();
    let forged = whole.replace(r#""blocked":false"#, r#""blocked":true "#);
    assert_ne!(forged, whole);
    for damaged in [forged, String::new(), whole.replace("R-", "Q-")] {
        fs::write(&shelf, damaged).unwrap();
        assert_eq!(
            may_dispatch(&house, "R-0"),
            Dispatch::Allowed,
            "as the events say"
        );
        let problems = house.problems();
        assert!(problems[0].contains("cannot be read"), "{problems:?}");
        // Even in the middle of what is decided.
        let monitor = house.open(60);
        let known = monitor.observe(leak(3, 1), at(60)).unwrap();
        assert_eq!(known.case.as_ref(), Some(&cases[3]));
    }
    fs::remove_file(&shelf).unwrap();
    assert_eq!(may_dispatch(&house, "R-0"), Dispatch::Allowed);
    house.assert_whole();
    assert!(house.problems()[0].contains("cannot be read"));
    assert!(house.dir.path().exists());
}

/// A year of everything that is over: what is read when the tree is opened is as much at its end as
/// at its beginning.
#[test]
fn what_is_open_is_as_much_to_read_however_much_is_over() {
    let house = House::new();
    let monitor = house.open(0);
    let lead = who("lead-3:O3");
    let scenario: ScenarioId = "S-0".parse().unwrap();
    let mut sizes = Vec::new();
    // What is over stays for five weeks.
    for n in 0..80 {
        let day = 2 * n;
        house.leak_and_its_end(&monitor, n, day);
        enact(
            &monitor,
            &lead,
            day,
            AlertsMuted {
                scope: MuteScope::All,
                include_sev0: true,
                reason: text("a storm"),
                expires: at(day).minutes_after(60),
            },
        );
        enact(
            &monitor,
            &lead,
            day,
            BackfillStarted {
                scenario_id: scenario.clone(),
                reason: text("a lost week"),
                expires: at(day + 1),
            },
        );
        enact(
            &monitor,
            &lead,
            day,
            ConfigAdopted {
                file: ConfigFile::Scenario(scenario.clone()),
                old: None,
                new: Some(Sha256::of(&day.to_le_bytes())),
                reason: text("a limit"),
            },
        );
        enact(
            &monitor,
            &lead,
            day,
            PolicyAdopted {
                old: None,
                new: Sha256::of(&day.to_le_bytes()),
                reason: text("tried"),
                backtest_sha256: None,
            },
        );
        let run = house.archive().judged(&format!("R-{n}").parse().unwrap());
        for what in [
            What::BackfillEnded(BackfillEnded {
                scenario_id: scenario.clone(),
                note: text("caught up"),
            }),
            What::ReviewDecided(ReviewDecided {
                run: run.unwrap().run,
                decision: text("no case"),
            }),
            What::ReviewNoted(ReviewNoted {
                report: text("CREDIT_REVIEW_2025-01-31"),
                note: text("calm"),
            }),
        ] {
            monitor.decide(&lead, what, at(day)).unwrap();
        }
        if let Ok(snapshot) = fs::metadata(house.snapshot()) {
            sizes.push(snapshot.len());
        }
    }
    house.assert_whole();
    assert_eq!(house.problems(), [] as [&str; 0]);
    let largest = |sizes: &[u64]| sizes.iter().max().copied().unwrap();
    let (early, late) = (largest(&sizes[25..45]), largest(&sizes[sizes.len() - 20..]));
    // Numbers get longer.
    assert!(late <= early + 64, "{sizes:?}");
    // And whoever looks back finds it all.
    let asked = monitor.with_docket(|docket| {
        (
            docket.reviewed().len(),
            docket.policies().len(),
            docket.mutes().len(),
            docket.backfills().count(),
        )
    });
    assert_eq!(asked.unwrap(), (80, 80, 80, 80));
}

fn enact<T: Enactable>(monitor: &Monitor, lead: &Actor, day: u32, subject: T) {
    let approval = Approval::alone(lead, T::VERB, subject).unwrap();
    monitor.enact(approval, at(day)).unwrap();
}

/// What a report stands on is the last decision, whatever this program noted for itself since, and
/// what it tells is that of the fold of all events, though most of them lie on the shelf.
#[test]
fn a_report_is_the_same_however_the_docket_is_kept() {
    let (house, cases) = lived_in();
    let config = crate::Config::load(&house.tree).unwrap();
    let review = |until: &str, days| {
        let request = crate::ReportRequest {
            until: until.parse().unwrap(),
            days: Some(days),
            scenario: None,
        };
        house.archive().weekly_report(&config, &request).unwrap()
    };
    // Over everything that lies on the shelf, and over the runs of which nothing does.
    let (all, latest) = (review("2025-03-01", 60), review("2025-02-25", 7));
    let told = all.policy_violations.iter().filter_map(|v| v.case.as_ref());
    let told: Vec<&CaseId> = told.map(|case| &case.case_id).collect();
    assert!(cases.iter().all(|case| told.contains(&case)), "{told:?}");
    let looked_into = all.false_positives.by_flag.first().unwrap().1;
    assert_eq!(looked_into.false_positives, 10);
    assert_eq!(latest.policy_violations.len(), 1);

    let last = || {
        let mut events = Vec::new();
        let archive = house.archive();
        let numbered = archive.each_numbered_event(|seq, event| {
            events.push((seq, event.what.kind()));
            Ok(())
        });
        numbered.unwrap();
        let decided = events
            .iter()
            .rev()
            .find(|(_, kind)| *kind != "docket_saved");
        (decided.unwrap().0, events.last().unwrap().1)
    };
    // Until the last event is one that says no more than that the docket was written down.
    for n in 0..TINY.events {
        if last().1 == "docket_saved" {
            break;
        }
        let monitor = house.open(60);
        let refused = who("ops-1:O1")
            .may(credit_governance::Verb::Ingest)
            .unwrap_err();
        let about = About::File(text(&format!("file-{n}")));
        monitor
            .record_denial(&who("ops-1:O1"), &refused, about, at(60))
            .unwrap();
    }
    let (decided, kind) = last();
    assert_eq!(kind, "docket_saved");
    let report = review("2025-03-01", 60);
    assert_eq!(report.events_head.unwrap().seq, decided);
    let written = house.archive().write_report(&report, &config).unwrap();
    // Folded anew from all events, and by the process that decided, it is the same.
    fs::remove_file(house.snapshot()).unwrap();
    let folded = review("2025-03-01", 60);
    assert_eq!(folded, report);
    let again = house.archive().write_report(&folded, &config).unwrap();
    assert_eq!((&again.path, again.identical), (&written.path, true));
    let reproduced = house.archive().reproduce_report(&written.path).unwrap();
    assert_eq!(reproduced.difference, None);
}
