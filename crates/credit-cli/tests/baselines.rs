//! `baseline calculate|update|list|history` as people and scripts use them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at the first surprise"
)]

mod support;

use serde_json::{Value, json};
use support::{BASELINES, Tree, baselines, run};

const AT: [&str; 2] = ["--at", "2024-03-01T00:00:00Z"];

/// Sixty days: STEADY and CALM cost about 100, STEPPED half as much again since the 10th of
/// February, WEEKLY a third at weekends.
fn fleet() -> Tree {
    let tree = Tree::new();
    tree.write(BASELINES, baselines(&[("CALM", "130"), ("STEPPED", "100")]));
    let mut runs = String::new();
    for n in 0..60 {
        let (month, day) = if n < 31 { (1, n + 1) } else { (2, n - 30) };
        if (month, day) == (2, 30) {
            break;
        }
        // The first of January 2024 was a Monday.
        let weekend = n % 7 >= 5;
        let around = 100 + n % 3;
        for (scenario, credits) in [
            ("STEADY", around),
            ("CALM", around),
            ("STEPPED", if n >= 40 { around * 3 / 2 } else { around }),
            ("WEEKLY", if weekend { around / 3 } else { around }),
        ] {
            let at = format!("\"2024-{month:02}-{day:02}T10:00:00Z\"");
            let id = format!("\"{scenario}\"");
            let members = [("Timestamp", at.as_str()), ("Scenario_ID", id.as_str())];
            runs += &run(&format!("{scenario}-{n}"), credits, &members);
        }
    }
    tree.ingest(runs).ok();
    tree
}

#[test]
fn calculate_says_on_standard_error_what_else_is_known() {
    let tree = fleet();
    let before = tree.files();
    let calculate = |scenario, more: &[&'static str]| {
        let args = ["baseline", "calculate", "--scenario", scenario];
        tree.ctl(args.iter().chain(&AT).chain(more)).ok()
    };
    let done = calculate("STEPPED", &[]);
    let line =
        "[baseline-calculator] Calculated baseline for STEPPED: 150.00 (from 30 healthy runs)\n";
    assert_eq!(done.stdout, line);
    done.says(&[
        "since 2024-02-10 it costs 1.495",
        "(151, before 101)",
        "`--days N` takes a window that begins after 2024-02-10",
        "without wild runs",
    ]);
    calculate("WEEKLY", &[]).says(&[
        "otherwise on saturday 33 (8 runs), sunday 33 (8 runs)",
        "`baseline update --by-weekday`",
    ]);
    let quiet = calculate("WEEKLY", &["--quiet"]);
    assert_eq!(quiet.stderr, "");

    let stepped = calculate("STEPPED", &["--json"]).json();
    assert_eq!(stepped["changes"][0]["at"], "2024-02-10T10:00:00Z");
    assert_eq!(stepped["median_lower"], json!(102));
    let weekly = calculate("WEEKLY", &["--json"]).json();
    assert_eq!(weekly["changes"], json!([]));
    assert_eq!(weekly["weekdays"]["sunday"]["median_credits"], 33);
    let steady = calculate("STEADY", &["--json"]).json();
    assert_eq!(steady["weekdays"], json!({}));
    assert_eq!(before, tree.files());
}

#[test]
fn all_stable_ones_in_two_steps() {
    let tree = fleet();
    let before = tree.files();
    let update = |more: &[&'static str]| {
        let args = ["baseline", "update", "--all-stable"];
        tree.ctl(args.iter().chain(more))
    };
    let rehearsed = update(&["--dry-run", AT[0], AT[1]]).ok();
    rehearsed.says(&["nothing was recorded"]);
    assert_eq!(before, tree.files());
    let proposed = update(&[AT[0], AT[1], "--as", "ops-2", "--reason", "weekly review"]).code(3);
    let told = "`creditctl baseline update --all-stable --approve --as NAME`";
    let proposed = proposed.says(&[told]);
    // As was rehearsed; WEEKLY scatters too much, STEPPED would change by just half.
    assert!(
        rehearsed_rows(&proposed.stdout) == ["CALM", "STEADY", "STEPPED"],
        "{}",
        proposed.stdout
    );

    update(&["--approve", "--as", "ops-2"]).code(3);
    let shown = update(&["--approve", "--dry-run", "--as", "lead-3"])
        .ok()
        .stdout;
    assert!(
        shown.contains("CALM: 130 -> 101, proposed by ops-2"),
        "{shown}"
    );
    let approved = update(&["--approve", "--as", "lead-3", "--json"]).ok();
    let names: Vec<Value> = approved
        .json_lines()
        .iter()
        .map(|l| l["scenario_id"].clone())
        .collect();
    assert_eq!(names, ["CALM", "STEADY", "STEPPED"]);
    update(&["--approve", "--as", "lead-3"])
        .ok()
        .says(&["no baseline is proposed"]);
    tree.ctl(["verify"]).ok();

    for wrong in [["--override", "x"], ["--investigated", "N"]] {
        update(&wrong).code(2).says(&["cannot be used with"]);
    }
}

fn rehearsed_rows(table: &str) -> Vec<&str> {
    let rows = table.lines().skip(2);
    rows.filter_map(|row| row.split_whitespace().next())
        .collect()
}

#[test]
fn list_tells_what_drifted_and_who_answers_for_it() {
    let tree = fleet();
    let list = |more: &[&'static str]| {
        let args = ["baseline", "list"];
        tree.ctl(args.iter().chain(more)).ok()
    };
    let shown = list(&AT).stdout;
    let row = |scenario: &str| {
        let row = shown.lines().find(|l| l.contains(scenario));
        row.unwrap().to_owned()
    };
    // Costs half as much again as its baseline since a certain day; CALM's was never right, but
    // nothing has changed there.
    assert!(row("STEPPED").contains("since 2024-02-10 1.51"), "{shown}");
    assert!(!row("CALM").contains("since"), "{shown}");
    // Nobody's runs say what they take in: no column for that.
    assert!(!shown.contains("Usual input"), "{shown}");
    // Long after, nothing has changed lately.
    assert!(
        !list(&["--at", "2024-06-01T00:00:00Z"])
            .stdout
            .contains("since")
    );

    let lines = list(&["--json", AT[0], AT[1]]).json_lines();
    let stepped = lines
        .iter()
        .find(|l| l["scenario_id"] == "STEPPED")
        .unwrap();
    assert_eq!(stepped["drift"]["at"], "2024-02-10T10:00:00Z");
    assert_eq!(
        (&stepped["status"], &stepped["adopted"]),
        (&json!("current"), &json!(true))
    );

    // By hand, as the runbook says it.
    tree.sh(r#"jq '.baselines += [{"scenario_id": "NEW_ONE", "median_credits": 1250, "calculated_at": "2024-03-01T00:00:00Z", "sample_size": 0, "last_updated": "2024-03-01T00:00:00Z"}]' config/credit-baselines.json > tmp.json && mv tmp.json config/credit-baselines.json"#).ok();
    assert!(list(&AT).stdout.contains("manual, not adopted"));
    let adopt = [
        "config",
        "adopt",
        BASELINES,
        "--reason",
        "by estimate",
        "--as",
        "lead-3",
    ];
    tree.ctl(adopt).ok();
    let shown = list(&AT).stdout;
    assert!(
        shown.contains("manual") && !shown.contains("not adopted"),
        "{shown}"
    );

    let history = |more: &[&'static str]| {
        let args = ["baseline", "history", "--scenario", "NEW_ONE"];
        tree.ctl(args.iter().chain(more)).ok()
    };
    let shown = history(&[]).stdout;
    assert!(
        shown.contains("adopted by lead-3") && shown.contains("by estimate"),
        "{shown}"
    );
    assert_eq!(history(&["--json"]).json()["adopted_by"], "lead-3");
    let as_of = history(&["--at", "2999-01-01T00:00:00Z"]).stdout;
    assert!(as_of.starts_with("baseline of NEW_ONE as of 2999-01-01T00:00:00Z: 1250, since 20"));
    let before = history(&["--json", "--at", "2024-01-01T00:00:00Z"]).json();
    assert_eq!(before["median_credits"], Value::Null);
}

#[test]
fn weekdays_are_told_apart_from_the_update_that_asks_for_it() {
    let tree = fleet();
    let update = |more: &[&'static str]| {
        let args = ["baseline", "update", "--scenario", "WEEKLY"];
        tree.ctl(args.iter().chain(more))
    };
    update(&[AT[0], AT[1], "--as", "ops-2"])
        .code(5)
        .says(&["cv: 0."]);
    update(&["--by-weekday", "--overall"]).code(2);
    let done = update(&[AT[0], AT[1], "--as", "ops-2", "--by-weekday"]).code(3);
    assert!(done.stdout.contains(" new on sunday"), "{done}");
    assert!(done.stdout.contains("ok   cv: 0."), "{done}");
    update(&["--approve", "--as", "lead-3"]).ok();
    let shown = tree.ctl(["baseline", "list"]).ok().stdout;
    assert!(shown.contains("sat 33, sun 33"), "{shown}");
    tree.sh("jq -e '.baselines[] | select(.scenario_id == \"WEEKLY\") | .weekdays.saturday.sample_size == 8' config/credit-baselines.json").ok();

    // The same cost is usual on a Friday and a spike on a Saturday, and the record says by what.
    let judged = |id: &str, at: &str| {
        let at = format!("\"{at}\"");
        let members = [("Timestamp", at.as_str()), ("Scenario_ID", "\"WEEKLY\"")];
        tree.ingest(run(id, 100, &members)).ok();
        let shown = tree.ctl(["run", "show", id]).ok().stdout;
        (tree.lines().pop().unwrap(), shown)
    };
    let (friday, shown) = judged("R-FRI", "2024-03-01T10:00:00Z");
    assert_eq!(friday["Severity"], "SEV4");
    assert!(
        shown.contains("certain: the baseline lies between"),
        "{shown}"
    );
    let (saturday, shown) = judged("R-SAT", "2024-03-02T10:00:00Z");
    assert_eq!(
        (
            &saturday["Severity"],
            &saturday["Baseline_Expected_Credits"]
        ),
        (&json!("SEV2"), &json!(33))
    );
    assert_eq!(saturday["Baseline_Lower"], 33);
    assert!(
        shown.contains("(95%), which is SEV2 all the same"),
        "{shown}"
    );
    tree.ctl(["verify"]).ok();
}

#[test]
fn after_a_change_that_was_meant_two_weeks_are_enough() {
    let tree = fleet();
    let before = tree.read(BASELINES);
    let update = |more: &[&'static str]| {
        let args = [
            "baseline",
            "update",
            "--scenario",
            "STEPPED",
            "--as",
            "ops-2",
        ];
        tree.ctl(args.iter().chain(more))
    };
    let since = ["--changed-at", "2024-02-10T00:00:00Z"];
    // Thirteen and a half days after the change it is too early.
    let early = update(&[since[0], since[1], "--at", "2024-02-23T12:00:00Z"]).code(5);
    early.says(&["span: 13.5 days, must be at least 14 days"]);
    let done = update(&[since[0], since[1], AT[0], AT[1], "--investigated", "NOTE-7"]).code(3);
    // Not 150, the median of both sides.
    let line = "Calculated baseline for STEPPED: 151.00 (from 20 healthy runs)";
    assert!(done.stdout.contains(line), "{done}");
    assert!(
        done.stdout
            .contains("ok   span: 20 days, must be at least 14 days"),
        "{done}"
    );
    assert_eq!(before, tree.read(BASELINES));
    let approve = [
        "baseline",
        "update",
        "--scenario",
        "STEPPED",
        "--approve",
        "--as",
        "lead-3",
    ];
    tree.ctl(approve).ok();
    let note = tree.sh("cat runs/BASELINE_UPDATES/*.md").ok().stdout;
    assert!(
        note.contains("- Only runs since the change of 2024-02-10T00:00:00Z count"),
        "{note}"
    );
    let none = [
        "baseline",
        "calculate",
        "--scenario",
        "STEADY",
        "--changed-at",
        "2024-02-29T11:00:00Z",
    ];
    tree.ctl(none.iter().chain(&AT))
        .code(5)
        .says(&["30 left out", "30 before the change"]);
}

/// The rationale note is a commit's message as it stands: its heading names the scenario.
#[test]
fn a_search_of_the_history_in_git_finds_a_change_by_its_scenario() {
    let tree = fleet();
    // In no repository but the tree's own, and without anybody's configuration.
    let git = |script: &str| {
        let own = "unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
            export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1";
        let person = "-c user.name=lead-3 -c user.email=lead-3@example.org";
        let commit = format!("git {person} commit --quiet");
        let script = script.replace("git commit", &commit);
        tree.sh(&format!("{own}\n{script}")).ok().stdout
    };
    git("git init --quiet && git add config && git commit -m 'As it was'");
    for scenario in ["CALM", "STEADY"] {
        let update = format!("creditctl baseline update --scenario {scenario}");
        tree.sh(&format!("{update} --as ops-2 --at 2024-03-01T00:00:00Z"))
            .code(3);
        tree.sh(&format!("{update} --approve --as lead-3")).ok();
        // Both may fall on one day, whose note would then have both in it.
        git(
            "git commit --cleanup=whitespace -F runs/BASELINE_UPDATES/update_*.md config && \
             rm -r runs/BASELINE_UPDATES",
        );
    }
    for scenario in ["CALM", "STEADY"] {
        let found = git(&format!("git log --oneline --grep={scenario}"));
        let [line] = found.lines().collect::<Vec<_>>()[..] else {
            panic!("not one commit:\n{found}");
        };
        let (commit, subject) = line.split_once(' ').unwrap();
        assert_eq!(subject, format!("# Baseline Update: {scenario}"));
        let names = git(&format!("git show --name-only --format= {commit}"));
        assert_eq!(names.trim_end(), BASELINES);
    }
    assert_eq!(git("git log --oneline --grep=STEPPED"), "");
}
