//! The set-up checks over a tree: a sound one passes, and each planted fault is named by the check
//! that is there for it, with what to do about it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use common::{House, now, operator, run};
use credit_monitor::core::Timestamp;
use credit_monitor::doctor::{DatabaseFacts, Disk, Environment, Owed, SetupFacts, checks};
use credit_monitor::governance::audit::Audit;
use credit_monitor::governance::{ReviewNoted, What};
use credit_monitor::ledger::{FileStorage, Storage};
use credit_monitor::notify::Reason;
use credit_monitor::notify::notion::{Schema, cases_schema};
use credit_monitor::notify::slack::Identity;
use credit_monitor::{Archive, Config, ReportRequest};

const POLICY: &str = "config/sintraprime-policy.json";
const BASELINES: &str = "config/credit-baselines.json";
const OPERATORS: &str = "config/operators.json";
const LEDGER: &str = "runs/CREDIT_MONITORING/ledger.jsonl";
const EVENTS: &str = "runs/CREDIT_MONITORING/events.jsonl";
const PLANTED: &str = "PLANTED-a1b2c3d4";

type Variables = BTreeMap<&'static str, String>;

/// A tree and its surroundings, in which nothing is wrong yet.
struct Setup {
    house: House,
    variables: Variables,
    now: Timestamp,
}

impl Setup {
    fn sound() -> Setup {
        let setup = Setup::without_runs();
        setup.observe("R-1", "2025-02-01T09:00:00Z");
        let config = Config::load(&setup.house.tree).unwrap();
        let archive = Archive::new(&setup.house.tree);
        let report = archive
            .weekly_report(&config, &ReportRequest::review(now().day()))
            .unwrap();
        archive.write_report(&report, &config).unwrap();
        setup
    }

    fn without_runs() -> Setup {
        let house = House::new();
        fs::write(house.path(BASELINES), baselines("2025-01-25T00:00:00Z")).unwrap();
        let url = format!("https://hooks.slack.com/services/T0/B0/{PLANTED}");
        Setup {
            house,
            variables: BTreeMap::from([("SLACK_WEBHOOK_URL_DEFAULT", url)]),
            now: now(),
        }
    }

    fn observe(&self, id: &str, at: &str) {
        let run = run(id, "EXPORT", at, "10");
        self.house.open().observe(run, now()).unwrap();
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        fs::write(self.house.path(path), text).unwrap();
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.house.read(path);
        assert!(text.contains(from), "{from} is not in {path}");
        self.write(path, text.replace(from, to));
    }

    fn facts(&self) -> SetupFacts {
        let policy = Config::load(&self.house.tree).ok();
        let policy = policy.as_ref().map(|config| &config.policy().value);
        let environment = Environment::read(policy, |name| Ok(self.variables.get(name).cloned()));
        Archive::new(&self.house.tree).examine(environment, self.now)
    }
}

fn baselines(updated: &str) -> String {
    format!(
        r#"{{"version":"1.0.0","updated_at":"{updated}","baselines":[{}]}}"#,
        entry(updated)
    )
}

fn entry(updated: &str) -> String {
    format!(
        r#"{{"scenario_id":"EXPORT","median_credits":10,"calculated_at":"{updated}","sample_size":20,"last_updated":"{updated}"}}"#
    )
}

fn failed(found: &Audit) -> Vec<&'static str> {
    let failed = found.checks.iter().filter(|check| !check.passed());
    failed.map(|check| check.id).collect()
}

/// That exactly this check finds something, and that it says so and what to do.
#[track_caller]
fn assert_found(name: &str, found: &Audit, id: &str, what: &str, next: &str) {
    let shown = format!("{name}: {:#?}", found.checks);
    assert_eq!(failed(found), [id], "{shown}");
    let check = found.checks.iter().find(|check| check.id == id).unwrap();
    let named = check
        .findings
        .iter()
        .find(|f| format!("{}: {}", f.what, f.evidence).contains(what))
        .unwrap_or_else(|| panic!("{what:?} is not told: {shown}"));
    assert!(named.next_command.contains(next), "{next:?}: {shown}");
    assert!(!found.passed);
    assert!(!found.to_json().contains(PLANTED), "{shown}");
}

#[test]
fn a_sound_setup_passes_and_nothing_is_written() {
    let setup = Setup::sound();
    let before = setup.house.snapshot();
    let found = checks(&setup.facts(), setup.now);
    assert_eq!(failed(&found), [""; 0], "{:#?}", found.checks);
    assert!(found.passed);
    assert_eq!(found.checks.len(), 16);
    let page = include_str!("../../../docs/operations.md");
    for check in &found.checks {
        assert!(
            page.contains(&format!("| `{}` |", check.id)),
            "{}",
            check.id
        );
    }
    assert!(before == setup.house.snapshot(), "the tree was changed");
    let slack = found.checks.iter().find(|c| c.id == "slack").unwrap();
    let default = slack.figures.iter().find(|f| f.name.ends_with("DEFAULT"));
    assert!(default.unwrap().value.starts_with("set (SHA-256 ends in "));
    assert!(!found.to_json().contains(PLANTED));
}

/// A fault: its name, how it is planted, the check, what it must say and what to do.
type Planted = (
    &'static str,
    fn(&mut Setup),
    &'static str,
    &'static str,
    &'static str,
);

/// In files, as somebody leaves them.
const IN_FILES: &[Planted] = &[
    (
        "a policy that is no JSON",
        |s| s.write(POLICY, "{"),
        "policy",
        "sintraprime-policy.json cannot be used",
        "creditctl policy check",
    ),
    (
        "a policy that asks for something in vain",
        |s| s.edit(POLICY, "\"block_dispatch\",", ""),
        "policy",
        "quarantine",
        "creditctl policy check",
    ),
    (
        "baselines that are no JSON",
        |s| s.write(BASELINES, "[]"),
        "baselines",
        "credit-baselines.json cannot be used",
        "creditctl baseline list",
    ),
    (
        "baselines of last month",
        |s| s.write(BASELINES, baselines("2025-01-02T00:00:00Z")),
        "baselines",
        "the baseline of EXPORT is older than 14 days",
        "creditctl baseline update --scenario EXPORT",
    ),
    (
        "a scenario with two baselines",
        |s| {
            let (one, two) = (entry("2025-01-25T00:00:00Z"), entry("2025-01-26T00:00:00Z"));
            s.edit(BASELINES, &one.clone(), &format!("{one},{two}"));
        },
        "baselines",
        "a second baseline for `EXPORT` is ignored",
        "creditctl baseline list",
    ),
    (
        "runs and no baselines",
        |s| {
            s.write(
                BASELINES,
                baselines("2025-01-25T00:00:00Z").replace(&entry("2025-01-25T00:00:00Z"), ""),
            )
        },
        "baselines",
        "no scenario has a baseline",
        "creditctl baseline update --all-stable",
    ),
    (
        "operators without an O3",
        |s| s.edit(OPERATORS, "\"O3\"", "\"O2\""),
        "operators",
        "nobody may approve anything",
        "\"role\":\"O3\"",
    ),
    (
        "operators that are no JSON",
        |s| s.write(OPERATORS, "ops-2:O2"),
        "operators",
        "operators.json cannot be used",
        "creditctl init",
    ),
    (
        "a scenario file of the wrong type",
        |s| s.write("config/scenarios/EXPORT.json", r#"{"max_items":"many"}"#),
        "scenarios",
        "EXPORT.json cannot be used",
        "jq . ",
    ),
    (
        "a scenario file of no scenario",
        |s| s.write("config/scenarios/my export.json", "{}"),
        "scenarios",
        "its name is no scenario's",
        "jq . ",
    ),
    (
        "a policy that everybody may write",
        |s| {
            let mode = fs::Permissions::from_mode(0o666);
            fs::set_permissions(s.house.path(POLICY), mode).unwrap();
        },
        "access",
        "its mode is 0666",
        "chmod o-w ",
    ),
    (
        "a ledger's folder that everybody may write",
        |s| {
            let mode = fs::Permissions::from_mode(0o777);
            fs::set_permissions(s.house.tree.monitoring(), mode).unwrap();
        },
        "access",
        "everybody may write",
        "chmod o-w ",
    ),
    (
        "a report folder that is a file",
        |s| {
            fs::remove_dir_all(s.house.tree.quarantine()).ok();
            s.write("runs/QUARANTINE", "");
        },
        "access",
        "QUARANTINE is not what it should be",
        "creditctl init",
    ),
    (
        "a ledger without its last line",
        |s| {
            s.observe("R-2", "2025-02-01T09:30:00Z");
            let text = s.house.read(LEDGER);
            let (kept, _) = text.trim_end().rsplit_once('\n').unwrap();
            s.write(LEDGER, format!("{kept}\n"));
        },
        "ledger",
        "ledger.jsonl is not as it was written",
        "creditctl verify",
    ),
    (
        "events whose last line was changed",
        |s| {
            note(s, "2025-02-01T09:00:00Z");
            s.edit(EVENTS, "seen", "sEEn");
        },
        "ledger",
        "events.jsonl is not as it was written",
        "creditctl verify",
    ),
    (
        "a run of tomorrow",
        |s| s.observe("R-2", "2025-02-02T09:00:00Z"),
        "clock",
        "it says 2025-02-02T09:00:00Z",
        "timedatectl",
    ),
    (
        "a clock that went back",
        |s| note(s, "2025-02-01T10:00:01Z"),
        "clock",
        "recorded at 2025-02-01T10:00:01Z",
        "timedatectl",
    ),
    (
        "a week without a report",
        |s| fs::remove_dir_all(s.house.tree.reviews()).unwrap(),
        "weekly_report",
        "the weekly report is missing",
        "creditctl report weekly",
    ),
    (
        "a day without runs",
        |s| s.now = "2025-02-02T09:00:00Z".parse().unwrap(),
        "watchdog",
        "no run for 24 hours",
        "creditctl query",
    ),
];

/// Under a policy of another zone, too, and after the change of its clocks.
#[test]
fn the_next_review_is_shown_in_utc_with_its_schedule() {
    let mut setup = Setup::sound();
    let shown = |setup: &Setup| {
        let audit = checks(&setup.facts(), setup.now);
        let mut all = audit.checks.into_iter();
        let check = all.find(|check| check.id == "weekly_report").unwrap();
        let figures = check.figures.into_iter();
        let figures = figures.map(|figure| (figure.name, figure.value));
        figures.collect::<BTreeMap<_, _>>().remove("next review")
    };
    let next = shown(&setup).unwrap();
    assert_eq!(next, "2025-02-03T10:00:00Z (monday 10:00 UTC)");

    setup.edit(POLICY, "\"UTC\"", "\"Europe/London\"");
    setup.now = "2025-03-24T10:00:00Z".parse().unwrap();
    let next = shown(&setup).unwrap();
    assert_eq!(next, "2025-03-31T09:00:00Z (monday 10:00 Europe/London)");

    setup.edit(POLICY, "Europe/London", "Europe/Londonn");
    assert_eq!(shown(&setup), None, "nobody knows when");
    let audit = checks(&setup.facts(), setup.now);
    let policy = audit.checks.iter().find(|check| check.id == "policy");
    let finding = policy.unwrap().findings.first().unwrap();
    let said = format!("{} {}", finding.what, finding.evidence);
    assert!(
        said.contains("`review.zone`") && said.contains("Europe/Londonn"),
        "{said}"
    );
}

fn note(setup: &Setup, at: &str) {
    let what = What::ReviewNoted(ReviewNoted {
        report: "CREDIT_REVIEW_2025-02-01".parse().unwrap(),
        note: "seen".parse().unwrap(),
    });
    let lead = operator("lead-3:O3");
    let monitor = setup.house.open();
    monitor.decide(&lead, what, at.parse().unwrap()).unwrap();
}

/// In variables.
const IN_VARIABLES: &[Planted] = &[
    (
        "a webhook that anybody on the way can read",
        |s| {
            set(
                s,
                "SLACK_WEBHOOK_URL_SEV0",
                "http://hooks.slack.com/services/T/B/PLANTED-a1b2c3d4",
            )
        },
        "slack",
        "SLACK_WEBHOOK_URL_SEV0 cannot be used: it is not encrypted",
        "export SLACK_WEBHOOK_URL_SEV0=https://",
    ),
    (
        "a webhook of which a part was copied",
        |s| {
            set(
                s,
                "SLACK_WEBHOOK_URL_SEV1",
                "https://hooks.slack.com/services/T0PLANTED-a1b2c3d4/B0",
            )
        },
        "slack",
        "SLACK_WEBHOOK_URL_SEV1 cannot be used: it ends before its secret part",
        "export SLACK_WEBHOOK_URL_SEV1=",
    ),
    (
        "no webhook at all",
        |s| s.variables.clear(),
        "slack",
        "SEV0 alerts go nowhere",
        "export SLACK_WEBHOOK_URL_SEV0=",
    ),
    (
        "a bot's token with a space in it",
        |s| set(s, "SLACK_BOT_TOKEN", "xoxb PLANTED-a1b2c3d4"),
        "slack",
        "SLACK_BOT_TOKEN cannot be used",
        "export SLACK_BOT_TOKEN=xoxb-",
    ),
    (
        "a token of Notion's and no database",
        |s| set(s, "NOTION_TOKEN", "ntn_PLANTED-a1b2c3d4"),
        "notion",
        "NOTION_TOKEN is set and NOTION_RUNS_LEDGER_DB_ID is not",
        "export NOTION_RUNS_LEDGER_DB_ID=",
    ),
    (
        "a database and no token of Notion's",
        |s| set(s, "NOTION_CASES_DB_ID", "668d797c76fa49349b05ad288df2d136"),
        "notion",
        "a database is named and NOTION_TOKEN is not set",
        "export NOTION_TOKEN=",
    ),
    (
        "a database's name in the place of its id",
        |s| set(s, "NOTION_CASES_DB_ID", "PLANTED-a1b2c3d4"),
        "notion",
        "NOTION_CASES_DB_ID cannot be used: it is not an id of this kind",
        "export NOTION_CASES_DB_ID=",
    ),
];

fn set(setup: &mut Setup, name: &'static str, value: &str) {
    setup.variables.insert(name, value.to_owned());
}

#[test]
fn every_fault_in_a_tree_is_named_with_its_remedy() {
    for (name, plant, id, what, next) in IN_FILES.iter().chain(IN_VARIABLES) {
        let mut setup = Setup::sound();
        plant(&mut setup);
        let found = checks(&setup.facts(), setup.now);
        assert_found(name, &found, id, what, next);
    }
}

#[test]
fn what_is_missing_is_told_where_it_is_missed() {
    let setup = Setup::sound();
    fs::remove_file(setup.house.path(OPERATORS)).unwrap();
    let found = checks(&setup.facts(), setup.now);
    assert_eq!(failed(&found), ["access", "operators"]);
    let empty = tempfile::tempdir().unwrap();
    let archive = Archive::new(&credit_monitor::Tree::new(empty.path().join("nowhere")));
    let found = checks(
        &archive.examine(Environment::read(None, |_| Ok(None)), now()),
        now(),
    );
    assert_eq!(
        failed(&found),
        ["access", "policy", "baselines", "operators", "watchdog"]
    );

    let setup = Setup::without_runs();
    let found = checks(&setup.facts(), setup.now);
    assert_found(
        "a new tree",
        &found,
        "watchdog",
        "no run was ever reported",
        "creditctl ingest",
    );
}

#[test]
fn a_link_in_the_place_of_the_ledger_is_not_followed() {
    let setup = Setup::sound();
    let (ledger, elsewhere) = (setup.house.path(LEDGER), setup.house.path("elsewhere"));
    fs::rename(&ledger, &elsewhere).unwrap();
    symlink(&elsewhere, &ledger).unwrap();
    let found = checks(&setup.facts(), setup.now);
    let access = found
        .checks
        .iter()
        .find(|check| check.id == "access")
        .unwrap();
    assert!(
        access
            .findings
            .iter()
            .any(|f| f.what.ends_with("is a symbolic link"))
    );
    assert!(failed(&found).contains(&"ledger"));
}

#[test]
fn a_lost_ledger_does_not_pass_for_a_new_one() {
    let setup = Setup::sound();
    fs::remove_file(setup.house.path(LEDGER)).unwrap();
    let found = checks(&setup.facts(), setup.now);
    let ledger = found
        .checks
        .iter()
        .find(|check| check.id == "ledger")
        .unwrap();
    assert!(
        ledger.findings[0]
            .evidence
            .contains("restore the ledger from a copy"),
        "{ledger:?}"
    );
}

#[test]
fn a_lock_that_is_held_is_told_with_its_process() {
    let setup = Setup::sound();
    let storage = FileStorage::new(Path::new(&setup.house.tree.monitoring()), "ledger");
    storage.lock(Duration::ZERO).unwrap();
    let found = checks(&setup.facts(), setup.now);
    let pid = format!("by process {}", std::process::id());
    assert_found("a held lock", &found, "lock", &pid, "ps -fp ");
    storage.unlock();
    assert!(checks(&setup.facts(), setup.now).passed);
}

#[test]
fn what_others_tell_is_judged_as_well() {
    let setup = Setup::sound();
    let sound = setup.facts();
    let with = |change: fn(&mut SetupFacts)| {
        let mut facts = sound.clone();
        change(&mut facts);
        checks(&facts, now())
    };
    let found = with(|facts| {
        facts.disk = Some(Disk {
            bytes_free: 200 * 1024 * 1024,
            files_free: None,
        });
    });
    assert_found(
        "little room",
        &found,
        "disk",
        "200 MiB are free",
        "make room",
    );
    let found = with(|facts| {
        facts.disk = Some(Disk {
            bytes_free: u64::MAX,
            files_free: Some(12),
        });
    });
    assert_found(
        "few inodes",
        &found,
        "disk",
        "12 inodes are free",
        "make room",
    );

    let found = with(|facts| {
        facts.owed = Some(Owed {
            waiting: 3,
            oldest: Some("2025-02-01T09:55:00Z".parse().unwrap()),
            parked: 0,
        });
    });
    assert_found(
        "late",
        &found,
        "sync_lag",
        "3 messages and rows are owed",
        "creditctl notify drain",
    );
    let found = with(|facts| {
        facts.owed = Some(Owed {
            waiting: 1,
            oldest: Some("2025-02-01T09:55:01Z".parse().unwrap()),
            parked: 2,
        });
    });
    assert_found(
        "parked",
        &found,
        "sync_lag",
        "2 messages and rows were refused",
        "notify status",
    );

    let found = with(|facts| {
        facts.bot = Some(Ok(Identity {
            team: "Acme".to_owned(),
            user: "credit-bot".to_owned(),
            scopes: Some(vec!["channels:read".to_owned()]),
        }));
    });
    let what = "the bot's token does not allow `chat:write`: as Slack says of credit-bot in Acme";
    assert_found(
        "scopes",
        &found,
        "slack_bot",
        what,
        "add the scope chat:write",
    );
    let found = with(|facts| facts.bot = Some(Err(Reason::new("Slack: invalid_auth"))));
    let what = "the bot cannot be asked about: Slack: invalid_auth";
    assert_found(
        "a revoked token",
        &found,
        "slack_bot",
        what,
        "export SLACK_BOT_TOKEN=xoxb-",
    );

    let found = with(|facts| {
        let properties = [("Case_ID", "title"), ("Status", "status")];
        let found = properties.map(|(n, k)| (n.to_owned(), k.to_owned()));
        let lacks = Schema::found(found).lacks(&cases_schema());
        facts.databases = Some(vec![DatabaseFacts {
            name: "CASES",
            lacks: Ok(lacks),
        }]);
    });
    let what = "CASES: `owner` is missing; add it as rich_text";
    assert_found(
        "properties",
        &found,
        "notion_schema",
        what,
        "creditctl notion schema",
    );
    let what = "CASES: `Status` is status; change its type to select";
    assert_found(
        "types",
        &found,
        "notion_schema",
        what,
        "change it in Notion",
    );
    let found = with(|facts| {
        facts.databases = Some(vec![DatabaseFacts {
            name: "RUNS_LEDGER",
            lacks: Err(Reason::new("Notion: 404 object_not_found")),
        }]);
    });
    let what = "RUNS_LEDGER cannot be looked at: Notion: 404 object_not_found";
    assert_found(
        "unshared",
        &found,
        "notion_schema",
        what,
        "share the database",
    );
}

#[test]
fn a_switched_off_webhook_is_meant_and_no_fault() {
    let mut setup = Setup::sound();
    for name in [
        "SLACK_WEBHOOK_URL_SEV0",
        "SLACK_WEBHOOK_URL_SEV1",
        "SLACK_WEBHOOK_URL_SEV2",
    ] {
        set(&mut setup, name, "");
    }
    let found = checks(&setup.facts(), setup.now);
    assert!(found.passed, "{:#?}", found.checks);
    let json = found.to_json();
    assert!(json.contains("off (set to nothing)"), "{json}");
}
