//! `policy check`, `policy test` and `policy diff` as an operator and a script meet them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use std::path::Path;

use serde_json::json;
use support::{POLICY, Tree};

const SEV1_AT_FIVE: &str = r#"{
  "description": "five times the baseline is SEV1",
  "run": {"Credits_Total": 2500},
  "context": {"baseline": 500},
  "expect": {"Severity": "SEV1", "dispatch_blocked": false}
}"#;

const WRONG: &str = r#"[
  {
    "description": "twice the baseline is SEV3",
    "run": {"Credits_Total": 0.3, "retry_count": 6},
    "context": {"baseline": 0.15},
    "expect": {"Severity": "SEV3", "score": 3, "Variance_Multiplier": 2.000001}
  }
]"#;

fn edited(tree: &Tree, from: &str, to: &str) -> String {
    let text = tree.read(POLICY);
    assert!(text.contains(from));
    text.replacen(from, to, 1)
}

#[test]
fn check_warns_of_what_is_odd_and_ends_with_8() {
    let tree = Tree::new();
    // What may be meant is a note and no failure.
    let done = tree.ctl(["policy", "check"]).ok();
    assert!(
        done.stdout.contains(": ok, version 1.0.0, SHA-256 "),
        "{done}"
    );
    assert!(
        done.stdout.contains(": note: `slack.channels.sev2`: "),
        "{done}"
    );
    assert!(!done.stdout.contains("warning"), "{done}");

    let odd = edited(
        &tree,
        "\"create_case\",\n        \"page_lock\"",
        "\"page_lock\"",
    );
    tree.write(POLICY, &odd);
    let done = tree.ctl(["policy", "check"]).code(8);
    let place = format!("{POLICY}:10: warning: `severity_policy.sev0.action[2]`: ");
    for part in [
        place.as_str(),
        "    why: ",
        "    remedy: ",
        ": valid, warnings: 1, ",
    ] {
        assert!(done.stdout.contains(part), "{part} in {done}");
    }
    let done = tree.ctl(["policy", "check", "--json"]).code(8);
    let checked = done.json();
    assert_eq!(checked["ok"], json!(false));
    let finding = &checked["findings"][0];
    assert_eq!(
        (&finding["level"], &finding["line"], &finding["path"]),
        (
            &json!("warning"),
            &json!(10),
            &json!("severity_policy.sev0.action[2]")
        )
    );
    assert_eq!(done.error()["error"]["code"], json!("findings"));

    // The same file by its name, from anywhere; and one that is no policy at all.
    let file = tree.write("../odd.json", &odd);
    tree.ctl(["policy".as_ref(), "check".as_ref(), file.as_os_str()])
        .code(8);
    tree.write(
        POLICY,
        odd.replacen("\"multiplier\": 5", "\"multipler\": 5", 1),
    );
    tree.ctl(["policy", "check"])
        .code(1)
        .says(&["did you mean `multiplier`?"]);
}

#[test]
fn test_judges_every_case_below_a_directory() {
    let tree = Tree::new();
    tree.write("tests/b/nested.json", WRONG);
    tree.write("tests/a.json", SEV1_AT_FIVE);
    tree.write("tests/b/README.md", "no case");
    let dir = tree.path("tests");
    let test = |more: &[&str]| {
        let args = ["policy", "test"].into_iter().chain(dir.to_str());
        tree.ctl(args.chain(more.iter().copied()))
    };
    let before = tree.untouched();
    let done = test(&[]).code(8);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{done}");
    assert!(
        lines[0].ends_with(
            "b/nested.json:2: twice the baseline is SEV3: Severity: expected \"SEV3\", came \
             \"SEV2\"; Variance_Multiplier: expected 2.000001, came 2.000000"
        ),
        "{done}"
    );
    assert!(
        lines[1].starts_with("cases: 2, files: 2, failed: 1; policy "),
        "{done}"
    );
    assert!(
        lines[2].starts_with("coverage: no case reaches: severity SEV0, "),
        "{done}"
    );
    assert!(!lines[2].contains("severity SEV1"), "{done}");

    let done = test(&["--json"]).code(8);
    let tested = done.json();
    assert_eq!(tested["cases"], json!(2));
    assert_eq!(tested["failed"][0]["line"], json!(2));
    assert_eq!(
        tested["failed"][0]["mismatches"][0],
        json!({"key": "Severity", "expected": "SEV3", "came": "SEV2"})
    );
    // Numbers are those of the files, digit by digit.
    assert!(
        done.stdout
            .contains(r#""expected":2.000001,"came":2.000000"#),
        "{done}"
    );
    assert!(
        tested["not_reached"]
            .as_array()
            .unwrap()
            .contains(&json!("severity SEV0"))
    );
    assert_eq!(done.error()["error"]["code"], json!("findings"));
    assert_eq!(tree.untouched(), before);

    // Under a policy for which the case holds.
    let lenient = edited(&tree, "\"multiplier\": 2,", "\"multiplier\": 2.5,");
    let lenient = tree.write("../lenient.json", lenient);
    tree.write("tests/b/nested.json", WRONG.replace("2.000001", "2"));
    test(&[]).code(8);
    let done = test(&["--policy", lenient.to_str().unwrap(), "--json"]).ok();
    assert_eq!(done.json()["ok"], json!(true));
}

#[test]
fn test_refuses_what_it_cannot_read() {
    let tree = Tree::new();
    let dir = tree.path("tests");
    let test = || tree.ctl(["policy", "test"].into_iter().chain(dir.to_str()));
    test().code(1).says(&["reading ", "tests"]);
    tree.write("tests/notes.txt", "");
    test().code(1).says(&["has no *.json file"]);
    tree.write("tests/a.json", SEV1_AT_FIVE);
    test().ok();
    for (from, to, says) in [
        (
            "Severity",
            "Severty",
            "line 5: `expect.Severty`: is not a known key; did you mean `Severity`?",
        ),
        (
            "Credits_Total",
            "Credits_Totl",
            "line 3: `run.Credits_Totl`: is not a known key; did you mean `Credits_Total`?",
        ),
        (
            "baseline\":",
            "basline\":",
            "line 4: `context.basline`: is not a known key; did you mean `baseline`?",
        ),
        (
            "description",
            "descripton",
            "line 2: `descripton`: is not a known key; did you mean `description`?",
        ),
    ] {
        tree.write("tests/b.json", SEV1_AT_FIVE.replacen(from, to, 1));
        test().code(1).says(&["b.json: ", says]);
    }
    tree.write("tests/b.json", b"\xff\xfe");
    test().code(1).says(&["reading ", "b.json"]);
}

#[test]
fn our_own_cases_hold_for_the_policy_that_init_writes() {
    let tree = Tree::new();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../credit-policy/tests/cases");
    let done = tree
        .ctl(["policy".as_ref(), "test".as_ref(), cases.as_os_str()])
        .ok();
    assert!(
        done.stdout
            .ends_with("coverage: every severity, flag, action and boundary is reached\n"),
        "{done}"
    );
}

#[test]
fn diff_shows_the_keys_that_differ_and_is_no_judgement() {
    let tree = Tree::new();
    let old = tree.path(POLICY);
    let new = edited(&tree, "\"multiplier\": 5,", "\"multiplier\": 6.500000,");
    let new = tree.write("../new.json", new.replacen("\"max_retries\": 5,", "", 1));
    let diff = |old: &Path, new: &Path, more: &[&str]| {
        let args = [
            "policy".as_ref(),
            "diff".as_ref(),
            old.as_os_str(),
            new.as_os_str(),
        ];
        tree.ctl(args.into_iter().chain(more.iter().map(|arg| arg.as_ref())))
    };
    let done = diff(&old, &new, &[]).ok();
    let row = done.stdout.lines().last().unwrap();
    let row: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(
        row,
        ["severity_policy.sev1.multiplier", "5", "6.5"],
        "{done}"
    );
    let done = diff(&old, &new, &["--json"]).ok().json();
    assert_eq!(done["equal"], json!(false));
    assert_eq!(
        done["differences"],
        json!([{"path": "severity_policy.sev1.multiplier", "old": 5, "new": 6.5}])
    );
    let done = diff(&old, &old, &[]).ok();
    assert_eq!(done.stdout, "the policies in force are equal\n");
    assert_eq!(
        diff(&old, &old, &["--json"]).ok().json()["equal"],
        json!(true)
    );
    tree.write("../bad.json", "{}");
    diff(&old, &tree.path("../bad.json"), &[])
        .code(1)
        .says(&["`version`: is missing"]);
}
