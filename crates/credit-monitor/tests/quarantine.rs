//! Moving artifacts takes as long as it takes: nobody is kept from deciding meanwhile, and what was
//! moved is recorded and given back by one of many, once.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs::{self, File};
use std::thread;

use common::{House, now, operator, resolve, run};
use credit_monitor::core::{RiskFlag, RiskFlags, Run, RunId};
use credit_monitor::governance::{CaseNoted, Text, Topic, What};
use credit_monitor::{Archive, Dispatch, Error};

const AT: &str = "2025-01-31T10:00:00Z";

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn house() -> House {
    let house = House::new();
    house.baselines(&[("EXPORT", "10")]);
    fs::create_dir_all(house.path("out")).unwrap();
    for name in ["leak.csv", "calm.csv"] {
        fs::write(house.path("out").join(name), "a name\n").unwrap();
    }
    house
}

fn leak(id: &str) -> Run {
    let mut run = run(id, "EXPORT", AT, "130");
    run.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    run.artifacts_link = Some("out/leak.csv".to_owned());
    run
}

fn calm(id: &str) -> Run {
    let mut run = run(id, "EXPORT", AT, "10");
    run.artifacts_link = Some("out/calm.csv".to_owned());
    run
}

fn lock(house: &House, name: &str) -> File {
    let path = house.path("runs/CREDIT_MONITORING").join(name);
    let lock = File::create(path).unwrap();
    lock.lock().unwrap();
    lock
}

fn count(house: &House, kind: &str) -> usize {
    let mut count = 0;
    let archive = Archive::new(&house.tree);
    archive
        .each_event(|event| {
            count += usize::from(event.what.kind() == kind);
            Ok(())
        })
        .unwrap();
    count
}

/// Somebody else has the right to decide: the artifacts are moved all the same.
#[test]
fn artifacts_are_moved_without_the_right_to_decide() {
    let house = house();
    let monitor = house.open();
    monitor.observe(calm("R-CALM"), now()).unwrap();
    let by_hand: RunId = "R-CALM".parse().unwrap();
    let lead = operator("lead-3:O3");

    let deciding = lock(&house, "decisions.lock");
    thread::scope(|scope| {
        let observed = scope.spawn(|| monitor.observe(leak("R-LEAK"), now()).unwrap());
        let inside = house.path("runs/QUARANTINE/R-LEAK/leak.csv");
        let manifest = house.path("runs/QUARANTINE/R-LEAK/.quarantine.json");
        let is_moved = || {
            let told = fs::read_to_string(&manifest).unwrap_or_default();
            inside.exists() && told.contains("\"moved\"")
        };
        while !is_moved() {
            assert!(!observed.is_finished(), "decided without the right to");
            thread::yield_now();
        }
        assert!(!observed.is_finished());
        assert_eq!(count(&house, "run_quarantined"), 0);
        drop(deciding);
        let case = observed.join().unwrap().case;
        let told = fs::read_to_string(&manifest).unwrap();
        assert!(told.contains(case.unwrap().as_str()), "{told}");
    });
    assert_eq!(count(&house, "run_quarantined"), 1);

    let deciding = lock(&house, "decisions.lock");
    thread::scope(|scope| {
        let set_aside = scope.spawn(|| {
            let reason = text("a wrong recipient");
            monitor.quarantine(&by_hand, reason, &lead, now()).unwrap()
        });
        while house.path("out/calm.csv").exists() {
            assert!(!set_aside.is_finished(), "decided without the right to");
            thread::yield_now();
        }
        drop(deciding);
        let [blocked, quarantined] = set_aside.join().unwrap();
        assert_eq!(blocked.what.kind(), "dispatch_blocked");
        let What::RunQuarantined(what) = quarantined.what else {
            unreachable!("{quarantined:?}");
        };
        assert_eq!(what.moved, ["out/calm.csv"]);
    });
}

/// Somebody else moves something, which may take long: everybody decides meanwhile, and opens.
#[test]
fn while_artifacts_are_moved_everything_else_is_decided() {
    let house = house();
    let monitor = house.open();
    let case = monitor.observe(leak("R-1"), now()).unwrap().case.unwrap();
    let (ops, lead) = (operator("ops-2:O2"), operator("lead-3:O3"));

    let moving = lock(&house, "quarantine.lock");
    thread::scope(|scope| {
        let grave = scope.spawn(|| monitor.observe(leak("R-2"), now()).unwrap());
        // Kept and blocked before anything is moved.
        let archive = Archive::new(&house.tree);
        let id = "R-2".parse().unwrap();
        while archive.run(&id).unwrap().is_none() {
            thread::yield_now();
        }
        assert!(matches!(
            archive.may_dispatch(&id).unwrap(),
            Dispatch::Blocked { .. }
        ));
        // Opening leaves that run to whoever moves something.
        let other = house.open();
        let noted = What::CaseNoted(CaseNoted {
            case: case.clone(),
            topic: Topic::General,
            note: text("on it"),
        });
        other.decide(&ops, noted, now()).unwrap();
        other.observe(calm("R-3"), now()).unwrap();
        let _ = other.may_dispatch(&"R-3".parse().unwrap()).unwrap();
        assert!(!grave.is_finished());
        drop(moving);
        let joined = grave.join().unwrap();
        assert_eq!(joined.case.as_ref(), Some(&case));
    });
    assert_eq!(count(&house, "run_quarantined"), 2);

    resolve(&monitor, &case, now());
    let moving = lock(&house, "quarantine.lock");
    let id: RunId = "R-1".parse().unwrap();
    thread::scope(|scope| {
        let release = || monitor.release(&id, text("no exposure"), &lead, now());
        let both = [(), ()].map(|()| scope.spawn(release));
        monitor.observe(calm("R-4"), now()).unwrap();
        assert!(!house.path("out/leak.csv").exists());
        drop(moving);
        let released = both.map(|thread| thread.join().unwrap());
        let (ok, refused): (Vec<_>, Vec<_>) = released.into_iter().partition(Result::is_ok);
        assert_eq!((ok.len(), refused.len()), (1, 1));
        assert!(matches!(refused[0], Err(Error::Refused(_))), "{refused:?}");
    });
    assert_eq!(count(&house, "quarantine_released"), 1);
    assert!(house.path("out/leak.csv").exists());
}
