//! Real traces walk all the way through `creditctl`: runs in, ledger, baselines, report out. What
//! is expected is computed here from the files themselves, in whole numbers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic and print, and the real binary goes by the real clock"
)]

mod support;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use credit_monitor::baseline::{Window, calculate, eligibility};
use credit_monitor::core::{Run, RunFacts};
use credit_monitor::{Config, Tree as Layout};
use serde_json::Value;
use serde_json::value::RawValue;
use support::{
    BASELINES, Tree, assert_same, data, decimal, keys, median, micro, run, sha256, two_decimals,
};

/// What the tests know of a run: read by serde_json alone.
#[derive(Clone, Debug)]
struct Sample {
    id: String,
    written_time: String,
    time: DateTime<Utc>,
    scenario: String,
    healthy: bool,
    credits: i128,
    model: Option<String>,
}

#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(rename = "Run_ID")]
    id: String,
    #[serde(rename = "Timestamp")]
    time: String,
    #[serde(rename = "Scenario_ID")]
    scenario: String,
    #[serde(rename = "Status")]
    status: String,
    #[serde(rename = "Credits_Total", borrow)]
    credits: &'a RawValue,
    #[serde(rename = "Model")]
    model: Option<String>,
}

fn text_of(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_none_or(|e| e != "gz") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(bytes.as_slice());
    unpacked.read_to_string(&mut text).unwrap();
    text
}

fn samples(text: &str) -> Vec<Sample> {
    let sample = |line| {
        let line: Line<'_> = serde_json::from_str(line).unwrap();
        Sample {
            time: line.time.parse().unwrap(),
            written_time: line.time,
            id: line.id,
            scenario: line.scenario,
            healthy: line.status == "Success",
            credits: micro(line.credits.get()),
            model: line.model,
        }
    };
    text.lines().map(sample).collect()
}

fn by_scenario(samples: &[Sample]) -> BTreeMap<&str, Vec<&Sample>> {
    let mut scenarios: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        scenarios.entry(&sample.scenario).or_default().push(sample);
    }
    scenarios
}

fn last(samples: &[&Sample]) -> DateTime<Utc> {
    samples.iter().map(|s| s.time).max().unwrap()
}

/// Healthy credits of the 30 days up to `at`, both ends included.
fn healthy(samples: &[&Sample], at: DateTime<Utc>) -> Vec<i128> {
    let start = at - TimeDelta::days(30);
    let counts = |s: &&&Sample| s.healthy && s.time >= start && s.time <= at;
    samples.iter().filter(counts).map(|s| s.credits).collect()
}

fn calculated_line(scenario: &str, credits: Vec<i128>) -> String {
    let runs = credits.len();
    let median = two_decimals(median(credits));
    format!(
        "[baseline-calculator] Calculated baseline for {scenario}: {median} (from {runs} healthy runs)\n"
    )
}

/// What the gate measures, by name, where a first baseline fails it; `None` for no value.
fn failed(samples: &[&Sample], at: DateTime<Utc>) -> BTreeMap<&'static str, Option<f64>> {
    let mut failed = BTreeMap::new();
    let first = samples.iter().filter(|s| s.healthy).map(|s| s.time).min();
    let span = (at - first.unwrap()).num_seconds() as f64 / 86_400.0;
    if span < 30.0 {
        failed.insert("span", Some(span));
    }
    let credits = healthy(samples, at);
    if credits.len() < 10 {
        failed.insert("healthy_runs", Some(credits.len() as f64));
    }
    match variation(&credits) {
        Some(cv) if cv < 0.3 => {}
        cv => {
            failed.insert("cv", cv);
        }
    }
    failed
}

fn variation(credits: &[i128]) -> Option<f64> {
    let runs = credits.len() as f64;
    let mean = credits.iter().sum::<i128>() as f64 / runs;
    let square = |c: &i128| (*c as f64 - mean).powi(2);
    let variance = credits.iter().map(square).sum::<f64>() / runs;
    (mean > 0.0).then(|| variance.sqrt() / mean)
}

/// Compares the lines of `name: value, must be limit` with what failed here.
#[track_caller]
fn assert_failed(scenario: &str, told: &str, expected: &BTreeMap<&'static str, Option<f64>>) {
    let criteria: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .collect();
    let names: BTreeSet<&str> = criteria
        .iter()
        .filter_map(|c| Some(c.split_once(':')?.0))
        .collect();
    assert_eq!(
        names,
        expected.keys().copied().collect(),
        "{scenario}: {told}"
    );
    for criterion in criteria {
        let (name, rest) = criterion.split_once(": ").unwrap();
        let (value, limit) = rest.split_once(", must be ").unwrap();
        assert!(limit.starts_with("at least ") || limit.starts_with("below "));
        match expected[name] {
            None => assert_eq!(value, "none", "{scenario}"),
            Some(wanted) => {
                let found: f64 = value.trim_end_matches(" days").parse().unwrap();
                let cut = if name == "span" { 0.01 } else { 0.0001 };
                assert!(
                    (wanted - found).abs() <= cut + 1e-9,
                    "{scenario}: {criterion}"
                );
            }
        }
    }
}

#[test]
fn llm_runs_walk_all_the_way_through() {
    let Some(file) = data("llm_small.jsonl") else {
        return;
    };
    let text = text_of(&file);
    let samples = samples(&text);
    let scenarios = by_scenario(&samples);
    assert_eq!((samples.len(), scenarios.len()), (2_366, 91));

    let tree = Tree::bare();
    tree.ctl(["init", "--operator", "ops-2:O2", "--operator", "lead-3:O3"])
        .ok();
    let done = tree.ctl(["ingest".as_ref(), file.as_os_str()]).ok();
    assert!(
        done.stdout
            .contains("2366 added to the ledger, 0 duplicates, 0 refused")
    );
    every_run_is_kept(&tree, &samples);
    baselines_are_calculated(&tree, &scenarios);
    no_scenario_passes_the_gate(&tree, &scenarios);
    the_report_is_right(&tree, &samples);
    the_queries_are_right(&tree, &scenarios);

    let verified = tree.ctl(["verify"]).ok();
    let summary: Value = serde_json::from_str(verified.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&summary["ok"], &summary["lines"]),
        (&true.into(), &2_366.into())
    );

    let before = (tree.ledger(), tree.files());
    let again = tree.ctl(["ingest".as_ref(), file.as_os_str()]).ok();
    assert!(
        again
            .stdout
            .contains("0 added to the ledger, 2366 duplicates, 0 refused")
    );
    assert!(before.0 == tree.ledger(), "the ledger's bytes changed");
    assert_same(&before.1, &tree.files());
}

fn every_run_is_kept(tree: &Tree, samples: &[Sample]) {
    let lines = tree.lines();
    let ids = |n: usize| (&lines[n]["Run_ID"], &lines[n]["Seq"]);
    assert_eq!(lines.len(), samples.len());
    for (n, (line, sample)) in lines.iter().zip(samples).enumerate() {
        assert_eq!(ids(n), (&sample.id.as_str().into(), &n.into()));
        assert_eq!(line["Timestamp"], sample.written_time, "{}", sample.id);
        assert_eq!(line["Scenario_ID"], sample.scenario);
        assert_eq!(line["Severity"], "SEV1", "{}", sample.id);
        assert_eq!(line["Baseline_Status"], "missing");
        assert!(
            line["Variance_Multiplier"].is_null() && line["Baseline_Expected_Credits"].is_null()
        );
        assert_eq!(
            line["Status"],
            if sample.healthy { "Success" } else { "Failed" }
        );
        assert_eq!(line["Model"].as_str(), sample.model.as_deref());
        let summary = line["Risk_Summary"].as_str().unwrap();
        assert!(
            summary.contains("Baseline not found for scenario"),
            "{summary}"
        );
        let day = &sample.written_time[..10];
        let path = format!("runs/CREDIT_MONITORING/{day}/run_{}.json", sample.id);
        assert_eq!(sha256(tree.read(&path)), line["Run_Sha256"], "{path}");
    }
    let failed: Vec<_> = samples.iter().filter(|s| !s.healthy).collect();
    assert_eq!(failed.len(), 36);
    assert!(failed.iter().all(|s| s.credits == 0));
    assert_eq!(samples.iter().filter(|s| s.model.is_none()).count(), 36);
    // Amounts as text: what was written is what was given, to the last digit.
    for (line, sample) in tree.ledger().lines().zip(samples) {
        let token = format!("\"Credits_Total\":{},", decimal(sample.credits));
        assert!(line.contains(&token), "{token} in {line}");
    }
    let free = by_scenario(samples).into_values();
    let free = free.filter(|runs| runs.iter().all(|s| s.credits == 0));
    assert_eq!(free.count(), 30);
}

fn baselines_are_calculated(tree: &Tree, scenarios: &BTreeMap<&str, Vec<&Sample>>) {
    let before = tree.files();
    let mut computed = 0;
    for (scenario, samples) in scenarios.iter().filter(|(_, s)| s.len() >= 10) {
        let at = last(samples);
        let credits = healthy(samples, at);
        if credits.is_empty() {
            continue;
        }
        let time = at.to_rfc3339();
        let done = tree
            .ctl([
                "baseline",
                "calculate",
                "--scenario",
                scenario,
                "--at",
                &time,
            ])
            .ok();
        assert_eq!(done.stdout, calculated_line(scenario, credits));
        computed += 1;
    }
    assert!(computed >= 13, "{computed}");
    assert_same(&before, &tree.files());
}

fn no_scenario_passes_the_gate(tree: &Tree, scenarios: &BTreeMap<&str, Vec<&Sample>>) {
    let before = tree.files();
    let layout = Layout::new(tree.root());
    let config = Config::load(&layout).unwrap();
    let policy = &config.policy().value;
    let ledger = tree.ledger();
    let facts: Vec<RunFacts<'_>> = ledger
        .lines()
        .map(|l| RunFacts::parse(l).unwrap())
        .collect();
    for (scenario, samples) in scenarios {
        let at = last(samples);
        let credits = healthy(samples, at);
        let (id, as_of) = (scenario.parse().unwrap(), at.to_rfc3339());
        // Every scenario through the library, and the larger ones through the binary as well.
        let window = Window {
            as_of: as_of.parse().unwrap(),
            days: 30,
        };
        let calculation = calculate(&facts, &id, window, policy.healthy());
        if credits.is_empty() {
            assert!(calculation.is_err(), "{scenario}");
        } else {
            let calculation = calculation.unwrap();
            assert_eq!(
                calculation.credits.to_string(),
                decimal(median(credits.clone()))
            );
            assert_eq!(calculation.healthy_runs, credits.len() as u64);
            let told: String = eligibility(&calculation, None, policy.update_gate())
                .failed()
                .map(|c| format!("  {c}\n"))
                .collect();
            let expected = failed(samples, at);
            assert!(!expected.is_empty(), "{scenario} would pass");
            assert_failed(scenario, &told, &expected);
        }
        if samples.len() >= 10 || samples.iter().all(|s| !s.healthy) {
            let done = tree
                .ctl(["baseline", "update", "--scenario", scenario, "--at", &as_of])
                .code(5);
            if credits.is_empty() {
                done.says(&["has no healthy run in the 30 days", "left out"]);
            } else {
                assert!(done.stdout.is_empty(), "{done}");
                assert_failed(scenario, &done.stderr, &failed(samples, at));
            }
        }
    }
    assert_same(&before, &tree.files());
}

fn the_report_is_right(tree: &Tree, samples: &[Sample]) {
    let done = tree.ctl(["report", "weekly", "--until", "2025-01-31"]).ok();
    assert!(done.stdout.contains("weekly_2025-01-31.json"));
    let json = tree.read("runs/CREDIT_REVIEWS/weekly_2025-01-31.json");
    tree.sh("cd runs/CREDIT_REVIEWS && sha256sum -c weekly_2025-01-31.json.sha256")
        .ok();
    let expected_keys = "report_id schema_version as_of period_start period_end scope \
        scenario_id ledger_head events_head policy_sha256 baselines_sha256 data_status top_scenarios_by_total \
        top_spike_runs review_queue policy_violations baseline_candidates baseline_ineligible \
        drift_candidates patterns baseline_changes pending_baselines false_positives \
        review_decisions review_notes scenarios timeline bands summary_stats";
    assert_eq!(
        keys(&json),
        expected_keys.split_whitespace().collect::<Vec<_>>()
    );
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["report_id"], "CREDIT_REVIEW_2025-01-31");
    assert_eq!(report["period_start"], "2025-01-24T00:00:00Z");
    assert_eq!(report["period_end"], "2025-01-31T00:00:00Z");
    assert_eq!(report["data_status"], "ok");

    let day = |text: &str| -> DateTime<Utc> { format!("{text}T00:00:00Z").parse().unwrap() };
    let within = |from: &str, to: &str| -> Vec<Sample> {
        let (from, to) = (day(from), day(to));
        let inside = |s: &&Sample| s.time >= from && s.time < to;
        samples.iter().filter(inside).cloned().collect()
    };
    let this = within("2025-01-24", "2025-01-31");
    let previous = within("2025-01-17", "2025-01-24");
    top_scenarios_are_right(&json, &this, &previous);

    let mut grave: Vec<_> = this.iter().map(|s| (s.time, s.id.clone())).collect();
    grave.sort();
    let violations: Vec<&str> = strings(&report["policy_violations"], "run_id");
    assert_eq!(
        violations,
        grave.iter().map(|g| g.1.as_str()).collect::<Vec<_>>()
    );
    assert!(report["top_spike_runs"].as_array().unwrap().is_empty());
    assert!(report["baseline_candidates"].as_array().unwrap().is_empty());
    let ineligible = strings(&report["baseline_ineligible"], "scenario_id");
    let all: Vec<&str> = by_scenario(&this).into_keys().collect();
    assert_eq!(ineligible, all);
    let stats = &report["summary_stats"];
    assert_eq!(stats["total_runs"], this.len());
    assert_eq!(stats["sev1_count"], this.len());
    let total: i128 = this.iter().map(|s| s.credits).sum();
    assert!(json.contains(&format!(
        "\"total_credits\": {},\n    \"total_runs\"",
        decimal(total)
    )));
}

/// The four queries of the runbook, unchanged; their cases are in `runbook.rs`.
fn the_queries_are_right(tree: &Tree, scenarios: &BTreeMap<&str, Vec<&Sample>>) {
    let ledger = "runs/CREDIT_MONITORING/ledger.jsonl";
    let done = tree
        .sh(&format!(r#"jq 'select(.Severity == "SEV0")' {ledger}"#))
        .ok();
    assert_eq!(done.stdout, "");
    let done = tree.sh(&format!(
        "jq -s 'group_by(.Severity) | map({{severity: .[0].Severity, count: length}})' {ledger}"
    ));
    assert_eq!(
        done.ok().json(),
        serde_json::json!([{"severity": "SEV1", "count": 2_366}])
    );
    let done = tree.sh(&format!("jq -s 'group_by(.Scenario_ID) | map({{scenario: .[0].Scenario_ID, total: map(.Credits_Total) | add}}) | sort_by(.total) | reverse | .[0:5]' {ledger}"));
    let mut totals: Vec<(i128, &str)> = scenarios
        .iter()
        .map(|(id, runs)| (runs.iter().map(|s| s.credits).sum(), *id))
        .collect();
    totals.sort_unstable_by(|a, b| b.cmp(a));
    let top = done.ok().json();
    assert_eq!(
        strings(&top, "scenario"),
        totals.iter().take(5).map(|t| t.1).collect::<Vec<_>>()
    );
    for (found, (total, id)) in top.as_array().unwrap().iter().zip(&totals) {
        let exact: f64 = decimal(*total).parse().unwrap();
        assert!(
            (found["total"].as_f64().unwrap() - exact).abs() < 1e-6,
            "{id}: {found}"
        );
    }
    let done = tree
        .sh(&format!(
            r#"jq 'select(.Risk_Flags[]? == "retry_loop")' {ledger}"#
        ))
        .ok();
    assert_eq!(done.stdout, "");
}

fn strings<'a>(array: &'a Value, key: &str) -> Vec<&'a str> {
    let items = array.as_array().unwrap().iter();
    items.map(|item| item[key].as_str().unwrap()).collect()
}

/// Recomputes the five dearest scenarios and compares each amount as text.
fn top_scenarios_are_right(json: &str, this: &[Sample], previous: &[Sample]) {
    #[derive(serde::Deserialize)]
    struct Report<'a> {
        #[serde(borrow)]
        top_scenarios_by_total: Vec<BTreeMap<&'a str, &'a RawValue>>,
    }
    let report: Report<'_> = serde_json::from_str(json).unwrap();
    let before = by_scenario(previous);
    let mut totals: Vec<_> = by_scenario(this)
        .into_iter()
        .map(|(id, runs)| {
            let credits: Vec<i128> = runs.iter().map(|s| s.credits).collect();
            (Reverse(credits.iter().sum::<i128>()), id, credits)
        })
        .collect();
    totals.sort();
    assert_eq!(report.top_scenarios_by_total.len(), 5);
    for (found, (Reverse(total), id, credits)) in report.top_scenarios_by_total.iter().zip(&totals)
    {
        let (runs, mut sorted) = (credits.len() as i128, credits.clone());
        sorted.sort_unstable();
        let rank = (95 * sorted.len()).div_ceil(100);
        let twice = 2 * (total % runs);
        let mean = total / runs;
        let mean = mean + i128::from(twice > runs || (twice == runs && mean % 2 == 1));
        let earlier = before.get(id).map_or(0, Vec::len) as i128;
        for (key, wanted) in [
            ("scenario_id", format!("\"{id}\"")),
            ("total_credits", decimal(*total)),
            ("run_count", runs.to_string()),
            ("prev_run_count", earlier.to_string()),
            ("run_count_change", (runs - earlier).to_string()),
            ("avg_credits", decimal(mean)),
            ("median_credits", decimal(median(credits.clone()))),
            ("p95_credits", decimal(sorted[rank - 1])),
            ("max_credits", decimal(*sorted.last().unwrap())),
            ("baseline", "null".to_owned()),
            ("variance_multiplier", "null".to_owned()),
            ("notable", "false".to_owned()),
        ] {
            assert_eq!(found[key].get(), wanted, "{key} of {id}");
        }
    }
}

#[test]
fn sub_second_times_are_kept_as_given() {
    let Some(file) = data("azure_code.jsonl.gz") else {
        return;
    };
    let text: String = text_of(&file)
        .lines()
        .take(300)
        .map(|l| format!("{l}\n"))
        .collect();
    let samples = samples(&text);
    assert!(samples.iter().all(|s| s.written_time.contains('.')));
    let tree = Tree::new();
    tree.ingest(&text).ok();
    for (line, sample) in tree.lines().iter().zip(&samples) {
        assert_eq!(line["Timestamp"], sample.written_time);
    }
    tree.ctl(["verify"]).ok();
}

const CPC: &str = "nab_realAdExchange_exchange-2_cpc_results";
const AMBIENT: &str = "nab_realKnownCause_ambient_temperature_system_failure";

fn series() -> Option<Vec<PathBuf>> {
    let entries = fs::read_dir(data("nab")?).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 29);
    Some(files)
}

/// All 29 series judged in memory: 168,264 run files would take a minute to make. The tests below
/// take the two eligible ones and another through the binary.
#[test]
fn two_of_all_series_may_have_a_baseline() {
    let Some(files) = series() else { return };
    let tree = Tree::new();
    let config = Config::load(&Layout::new(tree.root())).unwrap();
    let judged = |file: &PathBuf| {
        let text = text_of(file);
        let samples = samples(&text);
        let samples: Vec<&Sample> = samples.iter().collect();
        let at = last(&samples);
        let records: Vec<String> = text
            .lines()
            .map(|line| {
                config
                    .judge(Run::parse(line).unwrap().run)
                    .unwrap()
                    .to_json()
            })
            .collect();
        let facts: Vec<_> = records
            .iter()
            .map(|r| RunFacts::parse(r).unwrap())
            .collect();
        let window = Window {
            as_of: at.to_rfc3339().parse().unwrap(),
            days: 30,
        };
        let policy = &config.policy().value;
        let id = samples[0].scenario.parse().unwrap();
        let calculation = calculate(&facts, &id, window, policy.healthy()).unwrap();
        assert_eq!(
            calculation.credits.to_string(),
            decimal(median(healthy(&samples, at)))
        );
        let gate = eligibility(&calculation, None, policy.update_gate());
        let told: String = gate.failed().map(|c| format!("  {c}\n")).collect();
        assert_failed(&samples[0].scenario, &told, &failed(&samples, at));
        (samples[0].scenario.clone(), gate.is_eligible())
    };
    let (one, other) = files.split_at(files.len() / 2 + 4);
    let results: Vec<(String, bool)> = std::thread::scope(|scope| {
        let rest = scope.spawn(|| other.iter().map(judged).collect::<Vec<_>>());
        let mut results: Vec<_> = one.iter().map(judged).collect();
        results.extend(rest.join().unwrap());
        results
    });
    let eligible: Vec<String> = results.into_iter().filter(|r| r.1).map(|r| r.0).collect();
    assert_eq!(eligible, [CPC, AMBIENT]);
}

#[test]
fn the_binary_finds_the_same_one_stable() {
    let Some(files) = series() else { return };
    let tree = Tree::new();
    let mut ends = Vec::new();
    for name in [AMBIENT, "exchange-2_cpm_results"] {
        let file = files
            .iter()
            .find(|f| f.to_string_lossy().contains(name))
            .unwrap();
        let done = tree.ctl(["ingest".as_ref(), file.as_os_str()]).ok();
        let samples = samples(&text_of(file));
        let added = format!("{} added to the ledger, 0 duplicates", samples.len());
        assert!(done.stdout.contains(&added), "{done}");
        let samples: Vec<&Sample> = samples.iter().collect();
        ends.push((
            samples[0].scenario.clone(),
            last(&samples).to_rfc3339(),
            failed(&samples, last(&samples)),
        ));
    }
    let before = tree.files();
    for (scenario, at, expected) in &ends {
        let args = [
            "baseline",
            "update",
            "--dry-run",
            "--scenario",
            scenario,
            "--at",
            at,
        ];
        let done = tree.ctl(args);
        if scenario == AMBIENT {
            assert!(expected.is_empty());
            let done = done.ok();
            assert_eq!(done.stdout.matches("\nok   ").count(), 5, "{done}");
        } else {
            assert_failed(scenario, &done.code(5).stderr, expected);
        }
    }
    let at = &ends[0].1;
    let done = tree.ctl([
        "--json",
        "baseline",
        "update",
        "--all-stable",
        "--dry-run",
        "--at",
        at,
    ]);
    let stable: Vec<Value> = done.ok().json_lines();
    assert_eq!(strings(&Value::from(stable), "scenario_id"), [AMBIENT]);
    assert_same(&before, &tree.files());
}

#[test]
fn a_baseline_is_put_into_force_by_two_people() {
    let Some(file) =
        series().and_then(|f| f.into_iter().find(|f| f.to_string_lossy().contains(CPC)))
    else {
        return;
    };
    let text = text_of(&file);
    let samples = samples(&text);
    let samples: Vec<&Sample> = samples.iter().collect();
    let at = last(&samples);
    let credits = healthy(&samples, at);
    let (runs, new) = (credits.len(), median(credits.clone()));
    let tree = Tree::new();
    tree.ctl(["ingest".as_ref(), file.as_os_str()]).ok();

    let before = sha256(tree.read(BASELINES));
    let unchanged = || assert_eq!(before, sha256(tree.read(BASELINES)));
    let time = at.to_rfc3339();
    let propose = |operator: &str| {
        let reason = "Weekly review: scenario stable";
        let args = [
            "baseline",
            "update",
            "--scenario",
            CPC,
            "--at",
            &time,
            "--reason",
            reason,
        ];
        tree.ctl(args.into_iter().chain(["--as", operator]))
    };
    let approve = |operator: &[&str]| {
        let args = ["baseline", "update", "--scenario", CPC, "--approve"];
        tree.ctl(args.iter().chain(operator))
    };
    propose("ops-1")
        .code(3)
        .says(&["`ops-1` (O1) may not propose_baseline; it needs O2"]);
    approve(&["--as", "lead-3"])
        .code(5)
        .says(&["no baseline is proposed", CPC]);
    // A lead may propose, but then somebody else has to approve.
    propose("lead-3")
        .code(3)
        .says(&["proposed by lead-3", "--approve --as NAME"]);
    unchanged();
    approve(&["--as", "lead-3"])
        .code(3)
        .says(&["`lead-3` proposed this and cannot approve it"]);
    unchanged();
    let proposed = propose("ops-2").code(3);
    assert!(
        proposed
            .stdout
            .starts_with(&calculated_line(CPC, credits.clone())),
        "{proposed}"
    );
    assert_eq!(proposed.stdout.matches("\nok   ").count(), 5, "{proposed}");
    unchanged();
    approve(&["--as", "ops-2"])
        .code(3)
        .says(&["`ops-2` (O2) may not approve_baseline; it needs O3"]);
    approve(&[]).code(3).says(&["the service identity"]);
    approve(&["--as", "nobody"])
        .code(3)
        .says(&["\"nobody\" is not registered"]);
    unchanged();
    let dry = approve(&["--as", "lead-3", "--dry-run"]).ok();
    assert!(dry.stdout.contains("proposed by ops-2"), "{dry}");
    unchanged();

    let started = Utc::now().timestamp();
    approve(&["--as", "lead-3"]).ok();
    approve(&["--as", "lead-4"]).code(5);
    it_is_in_force(&tree, &time, new, runs, started);
    later_runs_are_judged_by_ratio(&tree, new);
    tree.ctl(["verify"]).ok();
}

fn it_is_in_force(tree: &Tree, at: &str, new: i128, runs: usize, started: i64) {
    let query = format!("jq '.baselines[] | select(.scenario_id == \"{CPC}\")' {BASELINES}"); // Q12
    let entry: Value = tree.sh(&query).ok().json();
    assert!(
        tree.read(BASELINES)
            .contains(&format!("\"median_credits\": {},", decimal(new)))
    );
    assert_eq!(entry["sample_size"], runs);
    let time = |key: &str| {
        entry[key]
            .as_str()
            .unwrap()
            .parse::<DateTime<Utc>>()
            .unwrap()
    };
    assert_eq!(time("calculated_at"), at.parse::<DateTime<Utc>>().unwrap());
    let updated = time("last_updated").timestamp();
    assert!((started..=started + 5).contains(&updated), "{updated}");

    let today = time("last_updated").format("%Y-%m-%d");
    let note = tree.read(&format!("runs/BASELINE_UPDATES/update_{today}.md"));
    let approval = format!("**Approval:** O3-lead-3-{today}T");
    let amount = format!("**New Baseline:** {} credits\n", decimal(new));
    for part in [
        "# Baseline Update: nab_realAdExchange_exchange-2_cpc_results\n",
        "**Operator:** O3 lead-3\n",
        &approval,
        "**Old Baseline:** none\n",
        &amount,
        "**Change:** first baseline\n",
        "**Rationale:**\n- Weekly review: scenario stable\n",
        &format!("**Sample Size:** {runs} healthy runs over 30 days\n"),
        "**Coefficient of Variation:** 0.2",
    ] {
        assert!(note.contains(part), "{part:?} in\n{note}");
    }
    let history = tree
        .ctl(["--json", "baseline", "history", "--scenario", CPC])
        .ok();
    let [change] = &history.json_lines()[..] else {
        panic!("{history}")
    };
    assert_eq!(
        (&change["proposed_by"], &change["approved_by"]),
        (&"ops-2".into(), &"lead-3".into())
    );
    assert!(note.contains(change["approval_id"].as_str().unwrap()));
    let list = tree.ctl(["--json", "baseline", "list"]).ok().json();
    assert_eq!(
        (&list["scenario_id"], &list["status"]),
        (&CPC.into(), &"current".into())
    );
}

fn later_runs_are_judged_by_ratio(tree: &Tree, baseline: i128) {
    // Tenths of the baseline, and the severity from there on without and with personal data.
    let rungs = [
        (15, "SEV3", "SEV3"),
        (20, "SEV2", "SEV2"),
        (50, "SEV1", "SEV1"),
        (100, "SEV1", "SEV0"),
    ];
    let below = ["SEV4", "SEV3", "SEV2", "SEV1"];
    let mut expected: Vec<(String, i128, &str)> = Vec::new();
    let mut lines = String::new();
    for ((tenths, plain, flagged), lower) in rungs.into_iter().zip(below) {
        let reached = (baseline * tenths + 9) / 10;
        for (name, credits, flag, severity) in [
            ("at", reached, false, plain),
            ("below", reached - 1, false, lower),
            ("pii-at", reached, true, flagged),
            ("pii-below", reached - 1, true, lower),
        ] {
            let id = format!("LATER-{tenths}-{name}");
            let scenario = format!("\"{CPC}\"");
            let flags = if flag { "[\"pii_exposure\"]" } else { "[]" };
            let time = format!("\"2011-09-08T10:{:02}:00+02:00\"", expected.len());
            let members = [
                ("Scenario_ID", &*scenario),
                ("Risk_Flags", flags),
                ("Timestamp", &time),
            ];
            lines += &run(&id, decimal(credits), &members);
            expected.push((id, credits, severity));
        }
    }
    tree.ingest(&lines).ok();
    for (id, credits, severity) in &expected {
        let line = tree.line_of(id);
        assert_eq!(line["Severity"], *severity, "{id}");
        assert_eq!(line["Baseline_Status"], "current", "{id}");
        let cut = credits * 1_000_000 / baseline;
        let token = format!(
            "\"Variance_Multiplier\":{}.{:06},",
            cut / 1_000_000,
            cut % 1_000_000
        );
        let ledger = tree.ledger();
        let text = ledger
            .lines()
            .find(|l| l.contains(&format!("\"{id}\"")))
            .unwrap();
        assert!(text.contains(&token), "{token} in {text}");
    }
    tree.ctl(["report", "weekly", "--until", "2011-09-14"]).ok();
    let report: Value =
        serde_json::from_str(&tree.read("runs/CREDIT_REVIEWS/weekly_2011-09-14.json")).unwrap();
    let mut spikes: Vec<_> = expected
        .iter()
        .filter(|(_, credits, _)| *credits >= 2 * baseline)
        .map(|(id, credits, _)| (Reverse(credits * 1_000_000 / baseline), id.as_str()))
        .collect();
    spikes.sort();
    let wanted: Vec<&str> = spikes.iter().take(5).map(|s| s.1).collect();
    assert_eq!(strings(&report["top_spike_runs"], "Run_ID"), wanted);
}
