//! The independent verifier, `docs/verify_ledger.py`, over trees that creditctl made.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn both_verifiers_agree_about_a_tree() {
    let python = Command::new("python3")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !python.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: python3 is missing; the independent verifier is not compared");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    assert_eq!(creditctl(root, &["init"]), 0);
    let runs: String = (0..5).map(run).collect();
    fs::write(root.join("runs.jsonl"), runs).unwrap();
    let file = root.join("runs.jsonl").display().to_string();
    assert_eq!(creditctl(root, &["ingest", &file]), 0);
    assert_eq!(both(root, "ledger"), (0, 0));
    assert_eq!(both(root, "events"), (0, 0));

    let monitoring = root.join("runs/CREDIT_MONITORING");
    // A changed amount or number in the line, a changed amount in the record's file.
    let changes = [
        ("ledger.jsonl", "12.5", "12.4"),
        ("ledger.jsonl", "\"Seq\":3", "\"Seq\":4"),
        ("2024-01-24/run_RUN-2.json", "12.5", "12.4"),
    ];
    for (file, old, new) in changes {
        let path = monitoring.join(file);
        let before = fs::read_to_string(&path).unwrap();
        let after = before.replacen(old, new, 1);
        assert_ne!(before, after);
        fs::remove_file(&path).unwrap();
        fs::write(&path, after).unwrap();
        assert_eq!(both(root, "ledger"), (4, 4), "{file} {new}");
        fs::write(&path, before).unwrap();
        assert_eq!(both(root, "ledger"), (0, 0));
    }
    println!(
        "verifier: a tree of creditctl and {} tampered copies, 0 verdicts apart",
        changes.len()
    );
}

fn run(n: u32) -> String {
    format!(
        r#"{{"Run_ID":"RUN-{n}","Timestamp":"2024-01-24T04:30:0{n}Z","Scenario_Name":"Send","Scenario_ID":"SEND","Job_Type":"EMAIL_SEND","Status":"Success","Credits_Total":12.5,"Note":"a \"b\" {{c}}"}}"#
    ) + "\n"
}

/// What creditctl and what the script say of a ledger.
fn both(root: &Path, stem: &str) -> (i32, i32) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify_ledger.py");
    let ledger = root.join(format!("runs/CREDIT_MONITORING/{stem}.jsonl"));
    let mut theirs = Command::new("python3");
    theirs.arg(script).arg(ledger);
    (creditctl(root, &["verify"]), code(&mut theirs))
}

fn creditctl(root: &Path, arguments: &[&str]) -> i32 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_creditctl"));
    code(command.arg("--root").arg(root).args(arguments))
}

fn code(command: &mut Command) -> i32 {
    let output = command.stdin(Stdio::null()).output().unwrap();
    output.status.code().unwrap()
}
