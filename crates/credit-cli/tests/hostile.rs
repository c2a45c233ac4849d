//! Somebody who may write to the tree puts other things in the place of its files: no command waits
//! for them, and none writes elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use support::{BASELINES, OPERATORS, POLICY, Tree, run};

const DAY: &str = "runs/CREDIT_MONITORING/2024-01-23";

/// What the commands open beside run files and reports.
const FILES: [&str; 16] = [
    POLICY,
    BASELINES,
    OPERATORS,
    "config/sintraprime-policy.json.sha256",
    "config/scenarios/BINDER_EXPORT_WEEKLY.json",
    "runs/CREDIT_MONITORING/ledger.jsonl",
    "runs/CREDIT_MONITORING/ledger.HEAD",
    "runs/CREDIT_MONITORING/ledger.lock",
    "runs/CREDIT_MONITORING/ledger.idx",
    "runs/CREDIT_MONITORING/ledger.partials",
    "runs/CREDIT_MONITORING/events.jsonl",
    "runs/CREDIT_MONITORING/events.HEAD",
    "runs/CREDIT_MONITORING/events.lock",
    "runs/CREDIT_MONITORING/docket.snapshot",
    "runs/CREDIT_MONITORING/baselines.lock",
    "runs/CREDIT_MONITORING/outbox.lock",
];

const LOCKS: [&str; 4] = ["decisions", "quarantine", "baselines", "outbox"];

fn tree() -> Tree {
    let tree = Tree::new();
    tree.ingest(run("R-1", 100, &[]) + &run("R-2", 90, &[]))
        .ok();
    let report = "2024-01-24";
    tree.ctl(["report", "weekly", "--until", report]).ok();
    tree
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_owned();
            (path, to.join(name))
        };
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn no_command_waits_for_a_fifo() {
    let whole = tree();
    let objects = fs::read_dir(whole.path("runs/CREDIT_MONITORING/objects")).unwrap();
    let object = objects.map(|o| o.unwrap().file_name()).next().unwrap();
    let mut files: Vec<String> = FILES.map(str::to_owned).into();
    files.push(format!(
        "runs/CREDIT_MONITORING/objects/{}",
        object.display()
    ));
    for name in ["R-1.json", "R-1.json.sha256"] {
        files.push(format!("{DAY}/run_{name}"));
    }
    for name in ["json", "json.sha256", "html"] {
        files.push(format!("runs/CREDIT_REVIEWS/weekly_2024-01-24.{name}"));
    }
    for name in LOCKS {
        files.push(format!("runs/CREDIT_MONITORING/{name}.lock"));
    }
    let commands = [
        "verify",
        "repair --as lead-3",
        "ingest ../one.jsonl",
        "report weekly --until 2024-01-24",
        "audit daily --at 2024-01-24T00:00:00Z",
        "doctor",
        "run show R-1",
        "query --severity SEV1",
        "case list",
        "notify drain",
        "notify status",
        "quarantine list",
        "baseline update --scenario BINDER_EXPORT_WEEKLY --as lead-3 --at 2024-01-24T00:00:00Z",
    ];
    let mut waited = Vec::new();
    for file in &files {
        let tree = Tree::bare();
        copy(&whole.root(), &tree.root());
        tree.write("../one.jsonl", run("R-3", 100, &[]));
        let path = tree.path(file);
        let _may_be_absent = fs::remove_file(&path);
        tree.sh(&format!("mkdir -p $(dirname {file}) && mkfifo {file}"))
            .ok();
        for command in commands {
            let done = tree.sh(&format!("timeout 60 creditctl {command}"));
            // 124 is what `timeout` says of one that it had to end.
            if done.code == 124 {
                waited.push(format!("{command} for {file}"));
            }
            let panicked = done.code == 101 || done.stderr.contains("panicked");
            assert!(!panicked, "{file}: {done}");
        }
    }
    assert!(waited.is_empty(), "{}", waited.join("\n"));
}

/// A lock is only locked: what a link in its place leads to is not made, emptied or locked.
#[test]
fn links_in_the_place_of_locks_and_temporary_files_lead_nowhere() {
    for name in LOCKS {
        let tree = tree();
        let victim = tree.write("../victim", b"precious");
        let lock = tree.path(&format!("runs/CREDIT_MONITORING/{name}.lock"));
        for target in [victim.clone(), victim.with_file_name("absent")] {
            let _may_be_absent = fs::remove_file(&lock);
            symlink(&target, &lock).unwrap();
            tree.ingest(run("R-3", 900, &[("contains_pii", "true")]));
            for command in [
                "notify drain",
                "quarantine apply --run R-1 --reason test --as lead-3",
                "baseline update --all-stable --as lead-3",
            ] {
                tree.ctl(command.split(' '));
            }
            assert!(lock.is_symlink(), "{name}");
            assert_eq!(fs::read(&victim).unwrap(), b"precious", "{name}");
            assert!(!victim.with_file_name("absent").exists(), "{name}");
        }
    }
}

/// Whatever the umask lets through: data is for the group to read, and what is written once for
/// nobody to write.
#[test]
fn modes_under_any_umask() {
    for umask in ["0000", "0022", "0077", "0777"] {
        let tree = Tree::new();
        tree.write("../one.jsonl", run("R-1", 100, &[]));
        let script = "creditctl ingest ../one.jsonl && printf '{\"torn' >> \
                      runs/CREDIT_MONITORING/ledger.jsonl && creditctl ingest ../one.jsonl && \
                      creditctl report weekly --until 2024-01-24";
        fs::create_dir_all(tree.path("runs")).unwrap();
        let done = tree.sh(&format!("umask {umask}; {script}"));
        // Folders that nobody may search stop whoever is not the superuser.
        if umask != "0777" {
            done.ok();
        }
        let mut files = 0;
        let mut dirs = vec![tree.path("runs")];
        while let Some(dir) = dirs.pop() {
            let Ok(entries) = fs::read_dir(&dir) else {
                continue;
            };
            for entry in entries {
                let path = entry.unwrap().path();
                let mode = fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777;
                let name = path.display();
                if path.is_dir() {
                    assert_eq!(mode & 0o002, 0, "umask {umask}: {mode:o} {name}");
                    dirs.push(path);
                    continue;
                }
                files += 1;
                let text = name.to_string();
                let sealed = text.contains("/run_") || text.contains("recovered/");
                let sealed = sealed || text.contains("CREDIT_REVIEWS/");
                let most = if sealed { 0o444 } else { 0o640 };
                assert_eq!(mode & !most, 0, "umask {umask}: {mode:o} {name}");
                if umask == "0000" {
                    assert_eq!(mode, most, "umask {umask}: {name}");
                }
            }
        }
        assert!(
            files > 10 || umask == "0777",
            "umask {umask}: {files} files"
        );
    }
}
