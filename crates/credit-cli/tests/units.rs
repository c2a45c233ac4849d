//! What is shipped for the machine that watches: systemd's units, figures for Prometheus,
//! completions and man pages.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{BASELINES, Tree, baselines, run};

/// The shipped units, calling the binary that was built for the test.
fn units(folder: &Path) -> Vec<PathBuf> {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/systemd");
    let mut units = Vec::new();
    for entry in fs::read_dir(shipped).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("/usr/local/bin/creditctl", env!("CARGO_BIN_EXE_creditctl"));
        let unit = folder.join(path.file_name().unwrap());
        fs::write(&unit, text).unwrap();
        units.push(unit);
    }
    assert!(units.len() >= 6);
    units
}

/// What systemd says of units; `None`, loudly, where it is not at hand.
fn analyzed(arguments: &[&str], units: &[PathBuf]) -> Option<String> {
    let done = Command::new("systemd-analyze")
        .args(arguments)
        .args(units)
        .output();
    match done {
        Ok(done) => Some(String::from_utf8_lossy(&done.stderr).into_owned()),
        Err(e) => {
            let told = writeln!(
                std::io::stderr(),
                "SKIPPED: systemd-analyze cannot run: {e}"
            );
            told.unwrap();
            None
        }
    }
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let units = units(folder.path());
    let Some(said) = analyzed(&["verify", "--man=no"], &units) else {
        return;
    };
    assert_eq!(said, "");
    // It would say something of a mistake.
    let text = fs::read_to_string(&units[0]).unwrap();
    fs::write(&units[0], text.replace("[Unit]", "[Unit]\nDescripton=x")).unwrap();
    let said = analyzed(&["verify", "--man=no"], &units[..1]).unwrap();
    assert!(said.contains("Descripton"), "{said}");
}

#[test]
fn the_weekly_unit_started_twice_writes_the_same_report() {
    let tree = Tree::new();
    tree.write(BASELINES, baselines(&[("BINDER_EXPORT_WEEKLY", "100")]));
    tree.ingest(run("R-1", 100, &[])).ok();
    tree.ctl(["report", "weekly"]).ok();
    let first = tree.files();
    tree.ctl(["report", "weekly"]).ok();
    support::assert_same(&first, &tree.files());
    assert!(
        first
            .keys()
            .any(|path| path.to_string_lossy().contains("weekly_"))
    );
}

#[test]
fn figures_are_printed_or_put_in_place_at_once() {
    let tree = Tree::new();
    tree.ingest(run("R-1", 100, &[])).ok();
    let done = tree.ctl(["metrics"]).ok();
    assert!(
        done.stdout
            .contains("\ncredit_runs_total{severity=\"SEV1\"} 1\n"),
        "{done}"
    );
    let file = tree.path("../creditctl.prom");
    let out = file.to_str().unwrap();
    tree.ctl(["metrics", "--out", out]).ok();
    let written = fs::read_to_string(&file).unwrap();
    let without_time = |text: &str| {
        let kept = text
            .lines()
            .filter(|l| !l.starts_with("credit_figures_timestamp_seconds "));
        kept.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_time(&written), without_time(&done.stdout));
    tree.ctl(["metrics", "--out", out]).ok();
    // Nothing but the file itself is left, whose ending the collector looks for.
    assert_eq!(tree.beside(), ["creditctl.prom", "runs.jsonl"]);
    tree.ctl(["metrics", "--out", "/nowhere/creditctl.prom"])
        .code(1)
        .says(&["writing /nowhere/creditctl.prom"]);
    tree.ctl(["--as", "ops-1", "metrics", "--out", out]).code(3);

    // Of a ledger that is not as it was written, old figures stay and get old.
    let text = tree.ledger();
    tree.write(support::LEDGER, text.replacen("100", "101", 1));
    tree.ctl(["metrics", "--out", out]).code(4);
    assert_eq!(
        fs::read_to_string(&file).unwrap().lines().count(),
        written.lines().count()
    );
}

#[test]
fn shells_complete_and_man_explains() {
    let tree = Tree::bare();
    fs::create_dir_all(tree.root()).unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let done = tree.ctl(["completions", shell]).ok();
        assert!(done.stdout.contains("quarantine"), "{shell}: {done}");
    }
    let script = tree.ctl(["completions", "bash"]).ok().stdout;
    let mut bash = Command::new("bash")
        .args(["-n", "/dev/stdin"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(bash.wait().unwrap().success());

    let page = tree.ctl(["man"]).ok().stdout;
    assert!(page.contains(".TH creditctl 1"), "{page}");
    let folder = tree.path("man");
    fs::create_dir_all(&folder).unwrap();
    tree.ctl(["man", folder.to_str().unwrap()]).ok();
    for page in ["creditctl.1", "creditctl-doctor.1", "creditctl-case.1"] {
        assert!(folder.join(page).is_file(), "{page}");
    }
    tree.ctl(["man", "/nowhere"])
        .code(1)
        .says(&["writing man pages into /nowhere"]);
    tree.ctl(["completions", "csh"]).code(2);
}
