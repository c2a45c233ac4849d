//! What was set aside and then damaged, or half set aside by a crash: nothing is given back that is
//! not whole, nothing is lost, and whoever looks is told what is wrong.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use common::{House, now, operator, run};
use credit_monitor::core::{CaseId, CaseStatus, RiskFlag, RiskFlags, RootCause, Run, RunId};
use credit_monitor::governance::{
    Actor, CaseAcknowledged, CaseResolved, CaseStatusChanged, MitigationDocumented, RerunStanding,
    RootCauseFound, Text, What,
};
use credit_monitor::notify::routing::Webhooks;
use credit_monitor::{Archive, Dispatch, Error, Monitor};

const AT: &str = "2025-01-31T10:00:00Z";
const FOLDER: &str = "runs/QUARANTINE/RUN-LEAK";
const MANIFEST: &str = "runs/QUARANTINE/RUN-LEAK/.quarantine.json";

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn lead() -> Actor {
    operator("lead-3:O3")
}

fn leak_id() -> RunId {
    "RUN-LEAK".parse().unwrap()
}

/// Thirteen times its baseline, with personal data.
fn leak(link: Option<&str>) -> Run {
    let mut run = run("RUN-LEAK", "EXPORT", AT, "130");
    run.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    run.artifacts_link = link.map(str::to_owned);
    run
}

/// A tree in which the payload `data` of a grave run was set aside.
fn set_aside() -> House {
    let house = House::new();
    house.baselines(&[("EXPORT", "10")]);
    fs::create_dir(house.path("data")).unwrap();
    fs::write(house.path("data/a"), "A").unwrap();
    house.open().observe(leak(Some("data")), now()).unwrap();
    assert!(!house.path("data").exists());
    house
}

fn edit(house: &House, file: &str, from: &str, to: &str) {
    let before = house.read(file);
    assert!(before.contains(from), "{from} is not in {before}");
    fs::write(house.path(file), before.replacen(from, to, 1)).unwrap();
}

/// What looking at the set aside run says: what is wrong with it, or why that cannot be told.
fn looked_at(house: &House) -> Result<Vec<String>, Error> {
    Archive::new(&house.tree).check_quarantined(&leak_id())
}

#[test]
fn a_manifest_that_is_not_what_was_written_is_told() {
    assert_eq!(looked_at(&set_aside()).unwrap(), [""; 0]);
    let sha256 = "\"run_sha256\": \"";
    for (from, to, told) in [
        ("{", "", "is no manifest of a quarantine"),
        ("\"seq\"", "\"sequence\"", "is no manifest of a quarantine"),
        (
            "\"schema_version\": 1",
            "\"schema_version\": 2",
            "is of version 2",
        ),
        (
            "\"run_id\": \"RUN-LEAK\"",
            "\"run_id\": \"RUN-2\"",
            "and run `RUN-2`; expected",
        ),
    ] {
        let house = set_aside();
        edit(&house, MANIFEST, from, to);
        let error = looked_at(&house).unwrap_err();
        assert!(error.is_integrity(), "{error}");
        assert!(error.to_string().contains(told), "{told}: {error}");
        // The run stays where it is, and the tree opens.
        let monitor = house.open();
        let dispatch = monitor.may_dispatch(&leak_id()).unwrap();
        assert!(matches!(dispatch, Dispatch::Blocked { .. }));
        assert!(house.path(FOLDER).join("data/a").exists());
    }

    let house = set_aside();
    let stated = house.read(MANIFEST);
    let (_, stated) = stated.split_once(sha256).unwrap();
    let stated = &stated[..64];
    edit(&house, MANIFEST, stated, &"0".repeat(64));
    let wrong = looked_at(&house).unwrap();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("speaks of a record with"), "{wrong:?}");

    fs::remove_file(house.path(MANIFEST)).unwrap();
    let error = looked_at(&house).unwrap_err().to_string();
    assert!(error.contains("quarantine apply --run RUN-LEAK"), "{error}");
}

/// Everything that is wrong is told at once.
#[test]
fn what_is_gone_or_unfinished_is_told() {
    let house = set_aside();
    edit(&house, MANIFEST, "\"moved\"", "\"moving\"");
    let files = house.read(MANIFEST);
    let (before, rest) = files.split_once(",\n    \"files\"").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    fs::write(house.path(MANIFEST), format!("{before}{after}")).unwrap();
    for name in ["run_RUN-LEAK.json", "run_RUN-LEAK.json.sha256"] {
        fs::remove_file(house.path(FOLDER).join(name)).unwrap();
    }
    assert_eq!(
        looked_at(&house).unwrap(),
        [
            "run_RUN-LEAK.json is missing",
            "moving the payload `data` was never finished"
        ]
    );
}

/// Nobody but a release takes a payload out: whoever does so by hand is found by the daily check.
#[test]
fn a_payload_that_was_taken_out_is_found_by_the_audit() {
    let house = set_aside();
    let archive = Archive::new(&house.tree);
    let told = || {
        let audit = archive.audit_daily(&Webhooks::none(), now()).unwrap();
        let mut findings = audit.checks.iter().flat_map(|check| &check.findings);
        findings.any(|finding| finding.what == "RUN-LEAK released without approval")
    };
    assert!(!told());
    fs::rename(house.path(FOLDER).join("data"), house.path("data")).unwrap();
    assert!(told());
    let missing = "data/a is missing".to_owned();
    assert_eq!(looked_at(&house).unwrap(), [missing]);
}

/// How far a payload had come when a crash ended the setting aside.
#[derive(Clone, Copy, Debug)]
enum Crashed {
    BeforeMoving,
    AfterMoving,
    /// Copied to another file system, and the old one not removed yet.
    AfterCopying,
    /// The same, and somebody changed the old one.
    AfterCopyingAndAnEdit,
}

/// The events of a run are recorded after it was set aside, so a crash leaves a tree without them.
fn forget_that_it_was_moved(house: &House) {
    for name in fs::read_dir(house.tree.monitoring()).unwrap() {
        let path = name.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("events") || name.starts_with("docket") {
            fs::remove_file(path).unwrap();
        }
    }
    let whole = house.read(MANIFEST);
    let (before, rest) = whole.split_once(",\n    \"files\"").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    let moving = format!("{before}{after}").replace("\"moved\"", "\"moving\"");
    fs::write(house.path(MANIFEST), moving).unwrap();
}

#[test]
fn a_crash_while_a_payload_is_set_aside_is_finished_by_opening() {
    for crashed in [
        Crashed::BeforeMoving,
        Crashed::AfterMoving,
        Crashed::AfterCopying,
        Crashed::AfterCopyingAndAnEdit,
    ] {
        let house = set_aside();
        let (whole, inside) = (house.read(MANIFEST), house.path(FOLDER).join("data"));
        forget_that_it_was_moved(&house);
        match crashed {
            Crashed::BeforeMoving => fs::rename(&inside, house.path("data")).unwrap(),
            Crashed::AfterMoving => {}
            Crashed::AfterCopying | Crashed::AfterCopyingAndAnEdit => {
                fs::create_dir(house.path("data")).unwrap();
                fs::write(house.path("data/a"), "A").unwrap();
            }
        }
        if matches!(crashed, Crashed::AfterCopyingAndAnEdit) {
            fs::write(house.path("data/a"), "B").unwrap();
            let error = Monitor::open(&house.tree, now()).unwrap_err();
            assert!(
                error.to_string().contains("keep both and compare"),
                "{error}"
            );
            assert_eq!(house.read("data/a"), "B");
            assert_eq!(fs::read_to_string(inside.join("a")).unwrap(), "A");
            continue;
        }
        house.open();
        assert!(!house.path("data").exists(), "{crashed:?}");
        assert_eq!(fs::read_to_string(inside.join("a")).unwrap(), "A");
        assert_eq!(house.read(MANIFEST), whole, "{crashed:?}");
        assert_eq!(looked_at(&house).unwrap(), [""; 0], "{crashed:?}");
    }
}

/// A job that still runs writes on into a folder that was moved: what it adds then must not keep
/// the tree from being opened, nor be taken for equal to what stands in the old place.
#[test]
fn a_payload_that_cannot_be_listed_any_more_is_told_and_opens() {
    let house = set_aside();
    forget_that_it_was_moved(&house);
    let inside = house.path(FOLDER).join("data");
    fifo(&inside.join("pipe"));
    fs::create_dir(house.path("data")).unwrap();
    fifo(&house.path("data/pipe"));
    let error = Monitor::open(&house.tree, now()).unwrap_err().to_string();
    assert!(error.contains("keep both and compare"), "{error}");
    assert!(house.path("data/pipe").exists());

    fs::remove_dir_all(house.path("data")).unwrap();
    let monitor = house.open();
    let blocked = monitor.may_dispatch(&leak_id()).unwrap();
    assert!(matches!(blocked, Dispatch::Blocked { .. }), "{blocked:?}");
    let manifest = house.read(MANIFEST);
    assert!(manifest.contains("\"not_moved\""), "{manifest}");
    let told = format!(
        "lies in {} but Fifo is neither a file nor a folder",
        house.path(FOLDER).display()
    );
    assert!(manifest.contains(&told), "{manifest}");
    assert_eq!(fs::read_to_string(inside.join("a")).unwrap(), "A");
}

/// A mark without a recorded release is what a crash before the recording leaves.
#[test]
fn a_release_that_was_never_recorded_did_not_happen() {
    let house = set_aside();
    let marks = house.path("runs/QUARANTINE/.releases");
    fs::create_dir_all(&marks).unwrap();
    fs::write(marks.join("RUN-LEAK"), "").unwrap();
    let monitor = house.open();
    assert!(!marks.join("RUN-LEAK").exists());
    let dispatch = monitor.may_dispatch(&leak_id()).unwrap();
    assert!(matches!(dispatch, Dispatch::Blocked { .. }));
    assert!(house.path(FOLDER).join("data/a").exists());
}

/// The payload is where it was, and nothing says so yet: opening says it, and moves nothing again.
#[test]
fn a_crash_after_a_payload_went_back_is_finished_by_opening() {
    let house = set_aside();
    let monitor = house.open();
    let case = monitor.with_docket(|docket| docket.case_of(&leak_id()).unwrap().id.clone());
    common::resolve(&monitor, &case.unwrap(), now());
    let names = fs::read_dir(house.path(FOLDER)).unwrap();
    let files: Vec<_> = names
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (fs::read(&path).unwrap(), path))
        .collect();
    assert_eq!(files.len(), 3, "the manifest, the record and its sidecar");
    monitor
        .release(&leak_id(), text("no exposure"), &lead(), now())
        .unwrap();
    drop(monitor);
    let released = house.read(MANIFEST);
    for (bytes, path) in &files {
        let _gone = fs::remove_file(path);
        fs::write(path, bytes).unwrap();
    }
    let marks = house.path("runs/QUARANTINE/.releases");
    fs::write(marks.join("RUN-LEAK"), "").unwrap();

    let monitor = house.open();
    assert_eq!(house.read(MANIFEST), released);
    assert_eq!(house.read("data/a"), "A");
    assert_eq!(fs::read_dir(house.path(FOLDER)).unwrap().count(), 1);
    assert!(!marks.join("RUN-LEAK").exists());
    assert_eq!(monitor.may_dispatch(&leak_id()).unwrap(), Dispatch::Allowed);
}

/// What cannot be moved keeps no record from quarantine, and stays where it is.
#[test]
fn a_payload_that_cannot_be_moved_stays_and_is_told() {
    let hidden = format!(".{}", "c".repeat(254));
    type Make = fn(&Path);
    let kinds: [(&str, Make, &str); 12] = [
        (
            "pipe",
            |root| fifo(&root.join("pipe")),
            "neither a file nor a folder",
        ),
        (
            "data",
            |root| {
                fs::create_dir(root.join("data")).unwrap();
                fifo(&root.join("data/pipe"));
            },
            "could not be moved: Fifo is neither a file nor a folder",
        ),
        (
            "deep",
            |root| fs::create_dir_all(root.join(["deep"; 100].join("/"))).unwrap(),
            "could not be moved: folders nest deeper than 64 levels",
        ),
        ("a%00b", |_| {}, "is not there"),
        ("file:/a%00b", |_| {}, "holds a NUL byte"),
        ("file://localhost.example/a", |_| {}, "another machine"),
        ("no such/folder", |_| {}, "is not there"),
        // No file can be called that, and a signed address soon is as long.
        (&"a".repeat(256), |_| {}, "is not there"),
        (&"a/".repeat(30_000), |_| {}, "is not there"),
        (&"b".repeat(64_000), |_| {}, "is not there"),
        (
            // It fits where it is, and not where names begin otherwise.
            &hidden,
            |root| {
                fs::create_dir(root.join(format!(".{}", "c".repeat(254)))).unwrap();
            },
            "could not be moved",
        ),
        (
            "link/file",
            |root| symlink("/tmp", root.join("link")).unwrap(),
            "cannot be reached",
        ),
    ];
    for (link, make, told) in kinds {
        let named: String = link.chars().take(80).collect();
        let house = House::new();
        house.baselines(&[("EXPORT", "10")]);
        make(house.dir.path());
        let outcome = house.open().observe(leak(Some(link)), now()).unwrap();
        assert!(outcome.case.is_some(), "{named}");
        let manifest = house.read(MANIFEST);
        assert!(manifest.contains("\"not_moved\""), "{named}: {manifest}");
        assert!(manifest.contains(told), "{named}: {manifest}");
        assert_eq!(looked_at(&house).unwrap(), [""; 0], "{named}");
    }
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// A payload whose name is one of ours gets another inside and its own back outside.
#[test]
fn a_hidden_payload_is_set_aside_under_another_name_and_given_back_under_its_own() {
    let house = House::new();
    house.baselines(&[("EXPORT", "10")]);
    fs::create_dir(house.path("out")).unwrap();
    fs::write(house.path("out/.quarantine.json"), "secret\n").unwrap();
    let monitor = house.open();
    let mut spike = run("RUN-SPIKE", "EXPORT", AT, "60");
    spike.artifacts_link = Some("out/.quarantine.json".to_owned());
    let case = monitor.observe(spike, now()).unwrap().case.unwrap();
    let id: RunId = "RUN-SPIKE".parse().unwrap();
    assert_eq!(monitor.may_dispatch(&id).unwrap(), Dispatch::Allowed);

    // A SEV1 is not set aside by itself.
    monitor
        .quarantine(&id, text("somebody asked"), &lead(), now())
        .unwrap();
    let inside = house.path("runs/QUARANTINE/RUN-SPIKE/payload-.quarantine.json");
    assert_eq!(fs::read_to_string(&inside).unwrap(), "secret\n");
    let reason = format!("run `RUN-SPIKE` is quarantined; its case is {case}");
    let blocked = Dispatch::Blocked { reason };
    assert_eq!(monitor.may_dispatch(&id).unwrap(), blocked);

    resolve(&monitor, &case);
    // Its old folder is gone: nothing moves until it is there again.
    fs::remove_dir(house.path("out")).unwrap();
    let release = || monitor.release(&id, text("done"), &lead(), now());
    let error = release().unwrap_err();
    assert!(error.to_string().contains("make it again"), "{error}");
    assert!(inside.exists());
    fs::create_dir(house.path("out")).unwrap();
    release().unwrap();
    assert_eq!(house.read("out/.quarantine.json"), "secret\n");
    assert!(!inside.exists());
    assert_eq!(monitor.may_dispatch(&id).unwrap(), Dispatch::Allowed);
}

/// A SEV1 of money alone, from acknowledged to resolved.
fn resolve(monitor: &Monitor, case: &CaseId) {
    let case = || case.clone();
    for what in [
        What::CaseAcknowledged(CaseAcknowledged { case: case() }),
        What::RootCauseConfirmed(RootCauseFound {
            case: case(),
            root_cause: RootCause::Misconfig,
            explanation: text("no limit on items"),
        }),
        What::MitigationDocumented(MitigationDocumented {
            case: case(),
            mitigation: text("max_items set to 1000"),
        }),
        What::CaseStatusChanged(CaseStatusChanged {
            case: case(),
            from: CaseStatus::Investigating,
            to: CaseStatus::Mitigating,
        }),
        What::CaseResolved(CaseResolved {
            case: case(),
            note: text("watched for a day"),
        }),
    ] {
        let kind = what.kind();
        let decided = monitor.decide(&lead(), what, now());
        decided.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[test]
fn where_a_rerun_stands_is_told_of_known_runs_only() {
    let house = set_aside();
    let monitor = house.open();
    let standing = |id: &RunId| monitor.rerun_standing(id, now());
    let unknown = standing(&"RUN-NONE".parse().unwrap()).unwrap_err();
    assert!(matches!(unknown, Error::UnknownRun { .. }), "{unknown}");
    let RerunStanding::Unacknowledged { case } = standing(&leak_id()).unwrap() else {
        panic!("{:?}", standing(&leak_id()));
    };
    let ops = operator("ops-2:O2");
    let acknowledged = What::CaseAcknowledged(CaseAcknowledged { case });
    monitor.decide(&ops, acknowledged, now()).unwrap();
    monitor
        .request_rerun(&leak_id(), text("again"), &ops, now())
        .unwrap();
    let after = standing(&leak_id()).unwrap();
    assert!(matches!(after, RerunStanding::Waiting { .. }), "{after:?}");
    // Whoever only looks sees the same.
    let rehearsal = Archive::new(&house.tree).rehearse().unwrap();
    let seen: RerunStanding = rehearsal.rerun_standing(&leak_id(), now()).unwrap();
    assert_eq!(seen, after);
}
