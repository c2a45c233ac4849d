//! The runbook's commands as an operator types them, through `sh -c` in a tree: unchanged except
//! for ids and dates, and with the right answers. The names are those of requirements.md,
//! Appendix A.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{BASELINES, LEDGER, Tree, baselines, decimal, micro, run};

const SEV0: &str = "RUN-20240123-ABC123";
const SEV4: &str = "RUN-20240123-DEF456";
const DAY: &str = "runs/CREDIT_MONITORING/2024-01-23";

/// A run of the week, and what must become of it.
struct Known {
    id: &'static str,
    time: &'static str,
    scenario: &'static str,
    credits: &'static str,
    flags: &'static [&'static str],
    more: &'static [(&'static str, &'static str)],
    severity: &'static str,
}

/// Against baselines of 100 (BINDER_EXPORT_WEEKLY) and 20.5 (EMAIL_SEND_DAILY); UNKNOWN has none.
#[rustfmt::skip] // One row a line.
const WEEK: [Known; 14] = [
    Known { id: "RUN-20240115-AAA001", time: "2024-01-15T23:59:59Z", scenario: "EMAIL_SEND_DAILY", credits: "20.5", flags: &[], more: &[], severity: "SEV4" },
    Known { id: "RUN-20240116-AAA002", time: "2024-01-16T00:00:00Z", scenario: "EMAIL_SEND_DAILY", credits: "21.000001", flags: &[], more: &[], severity: "SEV4" },
    Known { id: "RUN-20240117-AAA003", time: "2024-01-17T08:00:00Z", scenario: "BINDER_EXPORT_WEEKLY", credits: "150", flags: &[], more: &[], severity: "SEV3" },
    Known { id: "RUN-20240118-AAA004", time: "2024-01-18T08:00:00.5Z", scenario: "BINDER_EXPORT_WEEKLY", credits: "200", flags: &["retry_loop", "retry_loop"], more: &[], severity: "SEV2" },
    Known { id: "RUN-20240119-AAA005", time: "2024-01-19T08:00:00Z", scenario: "EMAIL_SEND_DAILY", credits: "102.5", flags: &["retry_loop"], more: &[], severity: "SEV1" },
    Known { id: "RUN-20240120-AAA006", time: "2024-01-20T08:00:00Z", scenario: "BINDER_EXPORT_WEEKLY", credits: "250.25", flags: &["pii_exposure"], more: &[], severity: "SEV2" },
    Known { id: "RUN-20240121-AAA007", time: "2024-01-21T08:00:00Z", scenario: "UNKNOWN", credits: "0.000001", flags: &[], more: &[], severity: "SEV1" },
    Known { id: "RUN-20240121-AAA008", time: "2024-01-21T20:00:00-05:00", scenario: "UNKNOWN", credits: "12", flags: &[], more: &[], severity: "SEV1" },
    Known { id: SEV0, time: "2024-01-23T10:00:00Z", scenario: "BINDER_EXPORT_WEEKLY", credits: "1000", flags: &["pii_exposure"], more: &[("retry_count", "7"), ("has_max_items_config", "false")], severity: "SEV0" },
    Known { id: SEV4, time: "2024-01-23T11:00:00Z", scenario: "BINDER_EXPORT_WEEKLY", credits: "99.5", flags: &[], more: &[("has_max_items_config", "true")], severity: "SEV4" },
    Known { id: "RUN-20240123-AAA009", time: "2024-01-23T12:00:00Z", scenario: "EMAIL_SEND_DAILY", credits: "30.749999", flags: &[], more: &[], severity: "SEV4" },
    Known { id: "RUN-20240123-AAA010", time: "2024-01-23T13:00:00Z", scenario: "EMAIL_SEND_DAILY", credits: "30.75", flags: &[], more: &[], severity: "SEV3" },
    Known { id: "RUN-20240124-AAA011", time: "2024-01-24T00:00:00Z", scenario: "EMAIL_SEND_DAILY", credits: "41", flags: &[], more: &[("retry_count", "6")], severity: "SEV2" },
    Known { id: "RUN-20240125-AAA012", time: "2024-01-25T00:00:00Z", scenario: "LATER", credits: "7", flags: &[], more: &[], severity: "SEV1" },
];

/// A tree with that week, and one run more whose scenario has a name only.
fn week() -> Tree {
    let tree = Tree::new();
    tree.write(
        BASELINES,
        baselines(&[
            ("BINDER_EXPORT_WEEKLY", "100"),
            ("EMAIL_SEND_DAILY", "20.5"),
        ]),
    );
    let mut lines = String::new();
    for known in &WEEK {
        let quoted = |text: &str| format!("\"{text}\"");
        let flags: Vec<String> = known.flags.iter().map(|f| quoted(f)).collect();
        let (time, scenario) = (quoted(known.time), quoted(known.scenario));
        let flags = format!("[{}]", flags.join(","));
        let given = [
            ("Timestamp", time.as_str()),
            ("Scenario_ID", &scenario),
            ("Risk_Flags", &flags),
        ];
        lines += &run(known.id, known.credits, &[&given, known.more].concat());
    }
    let nameless = run(
        "RUN-20240110-AAA000",
        3,
        &[("Timestamp", "\"2024-01-10T10:00:00Z\"")],
    );
    lines += &nameless.replace(
        "\"Scenario_ID\":\"BINDER_EXPORT_WEEKLY\"",
        "\"Scenario_Name\":\"Nightly / all\"",
    );
    tree.ingest(&lines).ok();
    for known in &WEEK {
        assert_eq!(
            tree.line_of(known.id)["Severity"],
            known.severity,
            "{}",
            known.id
        );
    }
    tree
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|l| l["Run_ID"].as_str().unwrap())
        .collect()
}

/// The values that jq prints, whatever their layout.
fn values(stdout: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(stdout).into_iter();
    values.map(|v| v.unwrap()).collect()
}

#[test]
fn the_four_queries_of_the_ledger_give_the_right_answers() {
    let tree = week();
    // Q-a
    let done = tree
        .sh(r#"jq 'select(.Severity == "SEV0")' runs/CREDIT_MONITORING/ledger.jsonl"#)
        .ok();
    assert_eq!(ids(&values(&done.stdout)), [SEV0]);

    // Q-b: no null group.
    let done = tree.sh(
        "jq -s 'group_by(.Severity) | map({severity: .[0].Severity, count: length})' \\\n  \
         runs/CREDIT_MONITORING/ledger.jsonl",
    );
    let mut counts = BTreeMap::from([("SEV1", 1)]); // The one with a name only.
    for known in &WEEK {
        *counts.entry(known.severity).or_insert(0) += 1;
    }
    let groups = done.ok().json();
    let groups: Vec<(&str, u64)> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|g| {
            (
                g["severity"].as_str().unwrap(),
                g["count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(groups, counts.into_iter().collect::<Vec<_>>());

    // Q-c: no null scenario, totals as exact sums give them.
    let done = tree.sh(
        "jq -s 'group_by(.Scenario_ID) | map({scenario: .[0].Scenario_ID, total: map(.Credits_Total) | add}) | sort_by(.total) | reverse | .[0:5]' \\\n  \
         runs/CREDIT_MONITORING/ledger.jsonl",
    );
    let mut totals: BTreeMap<&str, i128> = BTreeMap::new();
    for known in &WEEK {
        *totals.entry(known.scenario).or_default() += micro(known.credits);
    }
    let top = done.ok().json();
    let top = top.as_array().unwrap();
    assert_eq!(top.len(), 5);
    for (found, wanted) in top.iter().zip([
        "BINDER_EXPORT_WEEKLY",
        "EMAIL_SEND_DAILY",
        "UNKNOWN",
        "LATER",
    ]) {
        assert_eq!(found["scenario"], wanted);
        let total: f64 = decimal(totals[wanted]).parse().unwrap();
        assert!(
            (found["total"].as_f64().unwrap() - total).abs() < 1e-9,
            "{found}"
        );
    }
    let made = top[4]["scenario"].as_str().unwrap();
    assert!(
        made.starts_with("Nightly___all_") && made.len() == "Nightly___all_".len() + 8,
        "{made}"
    );

    // Q-d: each run once, also the one that reported its flag twice.
    let done = tree
        .sh(r#"jq 'select(.Risk_Flags[]? == "retry_loop")' runs/CREDIT_MONITORING/ledger.jsonl"#);
    let found = values(&done.ok().stdout);
    // The flag is reported, or derived from more than five retries.
    let wanted = [
        "RUN-20240118-AAA004",
        "RUN-20240119-AAA005",
        SEV0,
        "RUN-20240124-AAA011",
    ];
    assert_eq!(ids(&found), wanted);
}

#[test]
fn the_last_seven_days_of_the_queries() {
    let tree = week();
    let wanted = [
        ("SEV0", 1),
        ("SEV1", 3),
        ("SEV2", 2),
        ("SEV3", 2),
        ("SEV4", 3),
    ];
    let count = "jq -s 'group_by(.Severity) | map({severity: .[0].Severity, count: length})'";
    for script in [
        // Stored times are UTC, so days compare as text (R-309).
        "jq -s --arg from 2024-01-16 --arg to 2024-01-24 'map(select(.Timestamp >= $from and .Timestamp < $to)) | group_by(.Severity) | map({severity: .[0].Severity, count: length})' runs/CREDIT_MONITORING/ledger.jsonl".to_owned(),
        format!("creditctl query --days 8 --at 2024-01-24T00:00:00Z | {count}"),
        format!("creditctl query --from 2024-01-16T00:00:00Z --to 2024-01-24T00:00:00Z | {count}"),
    ] {
        let groups = tree.sh(&script).ok().json();
        let groups: Vec<(&str, u64)> = groups.as_array().unwrap().iter()
            .map(|g| (g["severity"].as_str().unwrap(), g["count"].as_u64().unwrap()))
            .collect();
        assert_eq!(groups, wanted, "{script}");
    }
    let done = tree
        .sh("creditctl query --days 7 --at 2024-01-24T00:00:00Z | wc -l")
        .ok();
    assert_eq!(done.stdout.trim(), "10");
}

/// Q2 to Q6, Q8b, Q19 and what they are for.
#[test]
fn a_record_answers_the_questions_of_an_incident() {
    let tree = week();
    let (blocked, fine) = (
        format!("{DAY}/run_{SEV0}.json"),
        format!("{DAY}/run_{SEV4}.json"),
    );
    // Q2: finds a line for a blocked run, and nothing for another.
    let done = tree
        .sh(&format!("grep \"dispatch_blocked\" {blocked}"))
        .ok();
    assert_eq!(done.stdout, "  \"dispatch_blocked\": true,\n");
    let done = tree
        .sh(&format!("grep \"dispatch_blocked\" {fine}"))
        .code(1);
    assert!(done.stdout.is_empty() && done.stderr.is_empty(), "{done}");
    // Q3
    let record = tree.sh(&format!("cat {blocked} | jq .")).ok().json();
    assert_eq!(record["Severity"], "SEV0");
    assert!(record.get("Seq").is_none() && record.get("Run_Sha256").is_none());
    // Q4 to Q6, Q19
    for (query, on_blocked, on_fine) in [
        (".retry_count", "7", "0"),
        (".has_max_items_config", "false", "true"),
        (".Job_Type", "\"BINDER_EXPORT\"", "\"BINDER_EXPORT\""),
        (".Severity", "\"SEV0\"", "\"SEV4\""),
    ] {
        for (file, wanted) in [(&blocked, on_blocked), (&fine, on_fine)] {
            let done = tree.sh(&format!("jq '{query}' {file}")).ok();
            assert_eq!(done.stdout.trim(), wanted, "{query} of {file}");
        }
    }
    let flags = tree
        .sh(&format!("cat {blocked} | jq '.Risk_Flags'"))
        .ok()
        .json();
    assert_eq!(
        flags,
        serde_json::json!(["retry_loop", "unbounded_iterator", "pii_exposure"])
    );
    let flags = tree
        .sh(&format!("cat {fine} | jq '.Risk_Flags'"))
        .ok()
        .json();
    assert_eq!(flags, serde_json::json!([]));
    // Q8b: first fields equal; and the sidecar checks from its folder.
    for id in [SEV0, SEV4] {
        let done = tree
            .sh(&format!(
                "sha256sum {DAY}/run_{id}.json\ncat {DAY}/run_{id}.json.sha256"
            ))
            .ok();
        let first: Vec<&str> = done.stdout.split_whitespace().step_by(2).collect();
        assert_eq!(first.len(), 2);
        assert_eq!(first[0], first[1], "{done}");
        let done = tree
            .sh(&format!(
                "( cd {DAY} && sha256sum -c run_{id}.json.sha256 )"
            ))
            .ok();
        assert_eq!(done.stdout, format!("run_{id}.json: OK\n"));
    }
    // The blocked run is the only one whose output nobody may use.
    for (id, word) in [(SEV0, "dispatch is blocked"), (SEV4, "dispatch is allowed")] {
        assert!(tree.ctl(["run", "show", id]).ok().stdout.contains(word));
    }
    // One line of the ledger checks with nothing but a shell (ledger.md).
    let done = tree.sh(
        "for n in 1 9; do sed -n ${n}p runs/CREDIT_MONITORING/ledger.jsonl | sed 's/,\"Hash\":\"[0-9a-f]\\{64\\}\"}$//' | head -c -1 | sha256sum; \
         sed -n ${n}p runs/CREDIT_MONITORING/ledger.jsonl | jq -r .Hash; done",
    );
    let hashes: Vec<String> = done
        .ok()
        .stdout
        .lines()
        .map(|l| l[..64].to_owned())
        .collect();
    assert!(
        hashes[0] == hashes[1] && hashes[2] == hashes[3],
        "{hashes:?}"
    );
}

/// Q1 and Q13 to Q16.
#[test]
fn a_quarantined_run_is_whole_until_it_is_moved_by_hand() {
    let tree = week();
    let dir = format!("runs/QUARANTINE/{SEV0}");
    let (record, sidecar) = (
        format!("run_{SEV0}.json"),
        format!("run_{SEV0}.json.sha256"),
    );
    // Q1 and Q13: the record, its sidecar and nothing else that is not hidden.
    let done = tree.sh(&format!("ls -la {dir}/")).ok();
    let names: Vec<&str> = done
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .filter(|name| name.starts_with("run_"))
        .collect();
    assert_eq!(names, [&record, &sidecar]);
    assert_eq!(
        tree.sh(&format!("ls {dir}")).ok().stdout.lines().count(),
        2,
        "what Q16 moves"
    );
    tree.sh(&format!("ls -la runs/QUARANTINE/{SEV4}/")).code(2);
    // Q14: the same record as in the day's folder.
    let kept = tree.read(&format!("{DAY}/{record}"));
    let of_the_day = tree.sh(&format!("jq . {DAY}/{record}")).ok();
    let set_aside = tree.sh(&format!("cat {dir}/{record} | jq .")).ok();
    assert_eq!(set_aside.stdout, of_the_day.stdout);
    // Q15
    let done = tree
        .sh(&format!(
            "cat {dir}/{record}.sha256\nsha256sum {dir}/{record}"
        ))
        .ok();
    let first: Vec<&str> = done.stdout.split_whitespace().step_by(2).collect();
    assert_eq!(first.len(), 2);
    assert_eq!(first[0], first[1], "{done}");
    tree.sh(&format!("cd {dir} && sha256sum -c {sidecar}")).ok();
    tree.ctl(["quarantine", "show", SEV0]).ok();

    // Q16 leaves the run blocked and the day's record as it was, and does not pass for a release.
    tree.sh(&format!("mv {dir}/* {DAY}/")).ok();
    assert_eq!(tree.read(&format!("{DAY}/{record}")), kept);
    let done = tree
        .ctl(["quarantine", "show", SEV0])
        .code(4)
        .says(&["was changed", "restore it from a copy"]);
    for wanted in [
        format!("damaged: {record} is missing"),
        "missing to release it: the resolution of CASE-".to_owned(),
    ] {
        assert!(done.stdout.contains(&wanted), "{wanted}: {done}");
    }
    let done = tree.ctl(["run", "show", SEV0]).ok();
    assert!(done.stdout.contains("dispatch is blocked"), "{done}");
    let listed = tree.ctl(["quarantine", "list"]).ok();
    assert!(listed.stdout.contains(SEV0), "{listed}");
    tree.ctl(["verify"]).ok();
    // What is lacking comes back from a copy.
    tree.sh(&format!("cp {DAY}/{record} {DAY}/{sidecar} {dir}/"))
        .ok();
    tree.ctl(["quarantine", "show", SEV0]).ok();
}

/// Q8 to Q11b.
#[test]
fn the_weekly_report_answers_the_review() {
    let tree = week();
    tree.sh("creditctl report weekly --until 2024-01-24").ok();
    let file = "runs/CREDIT_REVIEWS/weekly_2024-01-24.json";
    // Q8
    let done = tree
        .sh(&format!("sha256sum {file}; cat {file}.sha256"))
        .ok();
    let first: Vec<&str> = done.stdout.split_whitespace().step_by(2).collect();
    assert_eq!(first[0], first[1], "{done}");
    tree.sh("cd runs/CREDIT_REVIEWS && sha256sum -c weekly_2024-01-24.json.sha256")
        .ok();
    let query = |name: &str| {
        let done = tree.sh(&format!("cat {file} | jq '.{name}'")).ok().json();
        done.as_array().unwrap().clone()
    };
    // Q9: the seven days before the 24th.
    let top = query("top_scenarios_by_total");
    let top: Vec<(&str, f64, u64)> = top
        .iter()
        .map(|s| {
            (
                s["scenario_id"].as_str().unwrap(),
                s["total_credits"].as_f64().unwrap(),
                s["run_count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        top,
        [
            ("BINDER_EXPORT_WEEKLY", 1_699.75, 5),
            ("EMAIL_SEND_DAILY", 163.999999, 3),
            ("UNKNOWN", 12.000001, 2)
        ]
    );
    // Q10: exactly 2.00 is in, 1.5 is not.
    let spikes = query("top_spike_runs");
    assert_eq!(
        ids(&spikes),
        [
            SEV0,
            "RUN-20240119-AAA005",
            "RUN-20240120-AAA006",
            "RUN-20240118-AAA004"
        ]
    );
    let assess: Vec<bool> = spikes
        .iter()
        .map(|s| s["needs_assessment"] == true)
        .collect();
    assert_eq!(assess, [false, false, true, true]);
    // Q11
    let violations = query("policy_violations");
    let violations: Vec<(&str, &str)> = violations
        .iter()
        .map(|v| {
            (
                v["run_id"].as_str().unwrap(),
                v["violation_type"].as_str().unwrap(),
            )
        })
        .collect();
    let wanted = [
        (SEV0, "SEV0_INCIDENT"),
        ("RUN-20240119-AAA005", "SEV1_INCIDENT"),
        ("RUN-20240121-AAA007", "MISSING_BASELINE"),
        ("RUN-20240121-AAA008", "MISSING_BASELINE"),
    ];
    assert_eq!(violations, wanted);
    // Q11b
    assert!(query("baseline_candidates").is_empty());
    // Every SEV2 and every run with a critical flag is in the queue, by time.
    let queue = query("review_queue");
    let queue: Vec<&str> = queue
        .iter()
        .map(|q| q["run_id"].as_str().unwrap())
        .collect();
    assert_eq!(queue, ["RUN-20240118-AAA004", "RUN-20240120-AAA006", SEV0]);
}

/// Q12 and Q17: a baseline entered by hand is used at once, by `classify` and by `ingest`.
#[test]
fn a_manual_baseline_is_used_at_once() {
    let tree = Tree::new();
    let line = run("RUN-1", 5_000, &[("Scenario_ID", "\"NEW_ONE\"")]);
    let file = tree.write("../new.jsonl", &line);
    let classify = || {
        tree.ctl(["--json".as_ref(), "classify".as_ref(), file.as_os_str()])
            .ok()
            .json()
    };
    assert_eq!(
        (&classify()["Severity"], &classify()["Baseline_Status"]),
        (&"SEV1".into(), &"missing".into())
    );
    let done = tree.ctl(["classify".as_ref(), file.as_os_str()]).ok();
    assert!(
        done.stdout
            .contains("Baseline not found for scenario `NEW_ONE`"),
        "{done}"
    );

    let add = |median: u32| {
        tree.sh(&format!(
            r#"jq '.baselines += [{{"scenario_id": "NEW_ONE", "median_credits": {median}, "calculated_at": "'$(date -Iseconds)'", "sample_size": 0, "last_updated": "'$(date -Iseconds)'"}}]' config/credit-baselines.json > tmp.json && mv tmp.json config/credit-baselines.json"#
        ))
        .ok()
    };
    add(1250);
    let verdict = classify();
    assert_eq!(verdict["Severity"], "SEV2", "5000 is 4 times 1250");
    assert_eq!(verdict["Baseline_Status"], "manual");
    assert_eq!(verdict["Variance_Multiplier"], 4.0);
    let entry = tree
        .sh(r#"jq '.baselines[] | select(.scenario_id == "NEW_ONE")' config/credit-baselines.json"#)
        .ok()
        .json();
    assert_eq!(
        (&entry["median_credits"], &entry["sample_size"]),
        (&1250.into(), &0.into())
    );
    tree.ingest(&line).ok();
    assert_eq!(tree.line_of("RUN-1")["Baseline_Status"], "manual");
    assert!(!tree.path("tmp.json").exists());

    // The same command again leaves two entries: the newest is used (of two in one second the
    // later one), with a warning.
    add(1000);
    let done = tree
        .ctl(["--json".as_ref(), "classify".as_ref(), file.as_os_str()])
        .ok();
    assert_eq!(done.json()["Severity"], "SEV1", "5000 is 5 times 1000");
    done.says(&[
        "credit-baselines.json: line ",
        "a second baseline for `NEW_ONE` is ignored",
    ]);
}

/// Q7 and Q7b: a scenario's file edited with jq is picked up by the next run.
#[test]
fn an_edited_scenario_file_is_picked_up() {
    let tree = Tree::new();
    tree.write(BASELINES, baselines(&[("BINDER_EXPORT_WEEKLY", "100")]));
    let path = "config/scenarios/BINDER_EXPORT_WEEKLY.json";
    tree.write(path, "{\"owner\": \"team-a\"}\n");
    tree.ingest(run("R-1", 500, &[])).ok();
    let line = tree.line_of("R-1");
    assert!(line.get("has_max_items_config").is_none(), "{line}");
    assert_eq!(
        (&line["Severity"], &line["Risk_Flags"]),
        (&"SEV1".into(), &serde_json::json!([]))
    );

    tree.sh(&format!(
        "jq '.max_items = 1000' {path} > tmp.json && mv tmp.json {path}"
    ))
    .ok(); // Q7
    tree.ingest(run("R-2", 500, &[])).ok();
    let line = tree.line_of("R-2");
    assert_eq!(line["has_max_items_config"], true);
    let edited = support::sha256(tree.read(path));
    assert_eq!(line["Scenario_Sha256"], edited);
    assert!(
        tree.path(&format!("runs/CREDIT_MONITORING/objects/{edited}"))
            .exists()
    );
    let file = format!("{}/run_R-2.json", DAY);
    assert_eq!(
        tree.sh(&format!("jq '.has_max_items_config' {file}"))
            .ok()
            .stdout,
        "true\n"
    ); // Q5

    tree.sh(&format!(
        "jq '.is_backfill = true' {path} > tmp.json && mv tmp.json {path}"
    ))
    .ok(); // Q7b
    let personal = [("Risk_Flags", "[\"pii_exposure\"]")];
    let lines = [
        run("R-3", 500, &[]),
        run("R-4", "699.999999", &[]),
        run("R-5", 700, &[]),
        run("R-6", 1000, &personal),
        // What the run itself says counts more than the file.
        run("R-7", 500, &[("is_backfill", "false")]),
    ];
    tree.ingest(lines.concat()).ok();
    for (id, severity, flags) in [
        ("R-3", "SEV2", serde_json::json!(["backfill_mode"])),
        ("R-4", "SEV2", serde_json::json!(["backfill_mode"])),
        ("R-5", "SEV1", serde_json::json!(["backfill_mode"])),
        (
            "R-6",
            "SEV0",
            serde_json::json!(["backfill_mode", "pii_exposure"]),
        ),
        ("R-7", "SEV1", serde_json::json!([])),
    ] {
        let line = tree.line_of(id);
        assert_eq!(
            (&line["Severity"], &line["Risk_Flags"]),
            (&severity.into(), &flags),
            "{id}"
        );
    }
    // What was judged before stays, and observing it again does not judge it anew.
    tree.ingest(run("R-1", 500, &[])).ok();
    assert_eq!(tree.line_of("R-1")["Severity"], "SEV1");
    tree.ctl(["verify"]).ok();
}

/// Q20, and that no line without a run has a date.
#[test]
fn a_grep_of_days_counts_runs() {
    let tree = week();
    let done = tree
        .sh(r#"grep -E "2024-01-(16|17|18|19|20|21|22|23)" runs/CREDIT_MONITORING/ledger.jsonl | wc -l"#)
        .ok();
    // By the day in UTC: 20:00-05:00 on the 21st is the 22nd.
    assert_eq!(done.stdout.trim(), "11");
    let late = "runs/CREDIT_MONITORING/2024-01-22/run_RUN-20240121-AAA008.json";
    assert!(tree.path(late).exists());
    let done = tree.sh(
        "ls -la runs/CREDIT_MONITORING/ledger.jsonl; ls runs/CREDIT_MONITORING/2024-01-23/ | wc -l",
    );
    assert!(done.ok().stdout.ends_with("\n8\n"));
    let lines = tree.read(LEDGER);
    assert!(
        lines.lines().all(|l| l.starts_with("{\"Run_ID\":\"RUN-")),
        "a line of no run"
    );
}

/// A run of today lies where `date -u` points to.
#[test]
fn today_is_a_folder_of_its_own() {
    let tree = Tree::new();
    let done = tree.sh(
        "creditctl run log --run-id RUN-NOW --credits 12.5 --scenario S --status Success --job-type ANALYSIS \\\n  \
         && ls -la runs/CREDIT_MONITORING/$(date -u +%Y-%m-%d)/",
    );
    assert!(done.ok().stdout.contains("run_RUN-NOW.json.sha256"));
}

/// The five commands of the runbook's list.
#[test]
fn the_key_commands_work() {
    let tree = week();
    tree.sh("creditctl report weekly").ok();
    tree.sh("creditctl generate-weekly-report --until 2024-01-24")
        .ok();
    assert!(
        tree.path("runs/CREDIT_REVIEWS/weekly_2024-01-24.json.sha256")
            .exists()
    );
    // The original's names for the same.
    tree.sh("creditctl weekly-review --until 2024-01-24").ok();
    tree.sh("creditctl update-baselines").ok();
    let record = format!("{DAY}/run_{SEV0}.json");
    let judged = tree.sh(&format!("creditctl classify --fixture {record} --json"));
    assert_eq!(judged.ok().json()["Severity"], "SEV0");
    // Now is years after these runs: no healthy run in the window, exit 5.
    tree.sh("creditctl baseline calculate --scenario BINDER_EXPORT_WEEKLY")
        .code(5)
        .says(&["widen the window"]);
    for days in ["", " --days 30", " --days 14"] {
        let at = "--at 2024-01-24T00:00:00Z";
        let done = tree
            .sh(&format!(
                "creditctl baseline calculate --scenario BINDER_EXPORT_WEEKLY {at}{days}"
            ))
            .ok();
        // SEV0, and the SEV2 with six and more retries, are not healthy: 99.5, 150, 200, 250.25.
        let line = "[baseline-calculator] Calculated baseline for BINDER_EXPORT_WEEKLY: 175.00 (from 4 healthy runs)\n";
        assert_eq!(done.stdout, line);
    }
    let before = tree.read(BASELINES);
    let at = "--at 2024-01-24T00:00:00Z";
    tree.sh(&format!(
        "creditctl baseline update --scenario BINDER_EXPORT_WEEKLY {at}"
    ))
    .code(5)
    .says(&[
        "no_incident: 0.58 days, must be at least 14 days",
        "span: 6.66 days, must be at least 30 days",
        "healthy_runs: 4, must be at least 10",
        "cv: 0.3",
    ]);
    tree.sh("creditctl baseline update --scenario BINDER_EXPORT_WEEKLY --approve")
        .code(3);
    tree.sh("creditctl --as lead-3 baseline update --scenario BINDER_EXPORT_WEEKLY --approve")
        .code(5);
    assert_eq!(before, tree.read(BASELINES));
    tree.sh(&format!(
        "creditctl --as ops-2 baseline update --scenario BINDER_EXPORT_WEEKLY {at} --override 'agreed in the review of week 4' --investigated NOTE-7"
    ))
    .code(3);
    assert_eq!(before, tree.read(BASELINES));
    tree.sh("creditctl --as lead-3 baseline update --scenario BINDER_EXPORT_WEEKLY --approve")
        .ok();
    let entry = tree
        .sh(r#"jq -c '.baselines[] | select(.scenario_id == "BINDER_EXPORT_WEEKLY") | [.median_credits, .sample_size]' config/credit-baselines.json"#)
        .ok();
    assert_eq!(entry.stdout, "[175,4]\n");
    let note = tree
        .sh("cat runs/BASELINE_UPDATES/update_$(date -u +%Y-%m-%d).md")
        .ok();
    assert!(
        note.stdout
            .contains("- Override: agreed in the review of week 4\n"),
        "{note}"
    );
    assert!(note.stdout.contains("- Investigated: NOTE-7\n"), "{note}");
    assert!(note.stdout.contains("**Change:** +75.0%\n"), "{note}");
}
