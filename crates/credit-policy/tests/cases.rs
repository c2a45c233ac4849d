//! Test cases as files: our own of the standard policy, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test may panic, and shares helpers with others"
)]

mod common;

use std::path::{Path, PathBuf};

use credit_policy::cases::{self, Case, Coverage};
use credit_policy::{Policy, Problem};

/// Every file of `tests/cases` with its cases.
fn ours() -> Vec<(PathBuf, Vec<Case>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let cases = cases::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path, cases)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn the_standard_policy_gives_every_case_its_verdict() {
    let policy = Policy::standard();
    let (mut count, mut failures) = (0, Vec::new());
    for (path, cases) in ours() {
        for case in cases {
            count += 1;
            for mismatch in case.mismatches(&policy) {
                let Case {
                    line, description, ..
                } = &case;
                failures.push(format!(
                    "{}:{line}: {description}: {mismatch}",
                    path.display()
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 200, "only {count} cases");
}

#[test]
fn the_cases_leave_nothing_of_the_standard_policy_out() {
    let policy = Policy::standard();
    let mut coverage = Coverage::new(&policy);
    let all = coverage.gaps().count();
    ours()
        .iter()
        .flat_map(|(_, cases)| cases)
        .for_each(|case| coverage.add(case));
    let gaps: Vec<String> = coverage.gaps().map(|point| point.to_string()).collect();
    assert!(gaps.is_empty(), "no case reaches: {}", gaps.join(", "));
    // 5 severities, 10 flags, 11 actions (all but `require_ack`), 4 kinds of baseline, 2 sides of
    // 4 thresholds twice, of 2 cut-offs and of the retries.
    assert_eq!(all, 5 + 10 + 11 + 4 + 16 + 4 + 2);
}

#[test]
fn the_case_that_the_documents_show_holds() {
    let documents = include_str!("../../../docs/policy.md");
    let blocks = documents
        .split("```json")
        .filter_map(|rest| rest.split("```").next());
    let shown: Vec<&str> = blocks
        .filter(|block| block.contains("\"expect\""))
        .collect();
    assert_eq!(shown.len(), 1);
    let case = &cases::parse(shown[0]).unwrap()[0];
    assert_eq!(case.mismatches(&Policy::standard()), []);
}

/// The cases are worth something: some case notices each of these small slips of a policy.
#[test]
fn a_policy_that_differs_fails_some_case() {
    let cases: Vec<Case> = ours().into_iter().flat_map(|(_, cases)| cases).collect();
    for edit in [
        ("\"multiplier\": 10,", "\"multiplier\": 10.00001,"),
        ("\"multiplier\": 10,", "\"multiplier\": 9.99999,"),
        ("\"multiplier\": 5,", "\"multiplier\": 5.000001,"),
        ("\"multiplier\": 5,", "\"multiplier\": 4.999999,"),
        ("\"multiplier\": 2,", "\"multiplier\": 2.000001,"),
        ("\"multiplier\": 1.5,", "\"multiplier\": 1.499999,"),
        (
            "\"pii_or_regulatory\": true",
            "\"pii_or_regulatory\": false",
        ),
        ("\"high\": 6", "\"high\": 7"),
        ("\"high\": 6", "\"high\": 5"),
        ("\"medium\": 3", "\"medium\": 4"),
        ("\"medium\": 3", "\"medium\": 2"),
        ("\"max_retries\": 5", "\"max_retries\": 6"),
        ("\"max_retries\": 5", "\"max_retries\": 4"),
        ("\"severity\": \"SEV1\"", "\"severity\": \"SEV2\""),
        ("\"threshold_scale\": 1.4", "\"threshold_scale\": 1.400001"),
        ("\"threshold_scale\": 1.4", "\"threshold_scale\": 1.399999"),
        ("\"misconfig_weight\": 3", "\"misconfig_weight\": 4"),
        ("\"legit_weight\": 3", "\"legit_weight\": 2"),
        ("\"slack_alert\"", "\"slack_escalate\""),
        ("\"page_lock\",", ""),
    ] {
        let policy = common::policy([edit]);
        let caught = cases
            .iter()
            .any(|case| !case.mismatches(&policy).is_empty());
        assert!(caught, "no case notices {edit:?}");
    }
}

fn one(run: &str, context: &str, expect: &str) -> String {
    format!(
        "{{\n\"description\": \"d\",\n\"run\": {run},\n\"context\": {context},\n\"expect\": {expect}\n}}"
    )
}

const RUN: &str = r#"{"Credits_Total": 1}"#;
const CONTEXT: &str = r#"{"baseline": 1}"#;
const EXPECT: &str = r#"{"Severity": "SEV4"}"#;

#[test]
fn what_is_refused_and_where() {
    #[rustfmt::skip] // One row a case: the text, the line, the path, what is said.
    let rows: &[(String, usize, &str, &str)] = &[
        (String::new(), 1, "", "not a JSON object"),
        ("[]".to_owned(), 1, "", "is an empty list"),
        ("[\n{]".to_owned(), 2, "", "not a JSON list"),
        ("[\n7]".to_owned(), 2, "[0]", "not a JSON object"),
        ("\u{feff}[]".to_owned(), 1, "", "begins with a byte order mark"),
        (format!("[{}, {{\"descripton\": 1}}]", one(RUN, CONTEXT, EXPECT)), 6, "[1].descripton", "did you mean `description`?"),
        ("{}".to_owned(), 1, "description", "is missing"),
        (one(RUN, CONTEXT, EXPECT).replace("\"d\"", "\"\""), 2, "description", "must be a string of 1 to 128"),
        (one("7", CONTEXT, EXPECT), 3, "run", "must be an object"),
        (one("{}", CONTEXT, EXPECT), 3, "run.Credits_Total", "is missing"),
        (one("{\n\n\"Credits_Totl\": 1}", CONTEXT, EXPECT), 5, "run.Credits_Totl", "did you mean `Credits_Total`?"),
        (one("{\"Credits_Total\": 1,\n\"Severity\": \"SEV4\"}", CONTEXT, EXPECT), 4, "run.Severity", "is not a known key"),
        (one("{\"Credits_Total\": 1,\n\"Risk_Flags\": [\"retry_lop\"]}", CONTEXT, EXPECT), 4, "run.Risk_Flags", "did you mean `retry_loop`?"),
        (one("{\"Credits_Total\":\n-1}", CONTEXT, EXPECT), 4, "run.Credits_Total", "-1"),
        (one("{\"Credits_Total\": 1, \"credits_total\": 1}", CONTEXT, EXPECT), 3, "run.Credits_Total", "given a second time as `credits_total`"),
        (one("{\"Credits_Total\": 1, \"Run_ID\": null}", CONTEXT, EXPECT), 3, "run.Run_ID", "is missing"),
        (one("{\"Credits_Total\": 1, \"retry_count\": \"6\"}", CONTEXT, EXPECT), 3, "run.retry_count", "must be a whole number"),
        (one(RUN, "{}", EXPECT), 4, "context.baseline", "is missing; add it, for example 500, or null"),
        (one(RUN, "{\"baseline\": -5}", EXPECT), 4, "context.baseline", "must be an amount of credits, or null"),
        (one(RUN, "{\"baseline\": \"5\"}", EXPECT), 4, "context.baseline", "not `\"5\"`"),
        (one(RUN, "{\"baseline\": null, \"manual\": true}", EXPECT), 4, "context.manual", "must be false where `baseline` is null"),
        (one(RUN, "{\"baseline\": 1, \"manul\": true}", EXPECT), 4, "context.manul", "did you mean `manual`?"),
        (one(RUN, CONTEXT, "{}"), 5, "expect", "expects nothing"),
        (one(RUN, CONTEXT, "{\"Severty\": \"SEV4\"}"), 5, "expect.Severty", "did you mean `Severity`?"),
        (one(RUN, CONTEXT, "{\"Severity\": \"SEV9\"}"), 5, "expect.Severity", "is not a known severity"),
        (one(RUN, CONTEXT, "{\"Severity_Reason\": \"ration\"}"), 5, "expect.Severity_Reason", "did you mean `ratio`?"),
        (one(RUN, CONTEXT, "{\"Risk_Flags\": [\"pii_exposur\"]}"), 5, "expect.Risk_Flags[0]", "did you mean `pii_exposure`?"),
        (one(RUN, CONTEXT, "{\"Risk_Flags\": [\"batch_job\", \"batch_job\"]}"), 5, "expect.Risk_Flags[1]", "is given twice"),
        (one(RUN, CONTEXT, "{\"Risk_Flags\": {}}"), 5, "expect.Risk_Flags", "must be a list of words, not an object"),
        (one(RUN, CONTEXT, "{\"actions\": [\"page_lok\"]}"), 5, "expect.actions[0]", "did you mean `page_lock`?"),
        (one(RUN, CONTEXT, "{\"score\": 1.5}"), 5, "expect.score", "must be a whole number"),
        (one(RUN, CONTEXT, "{\"Variance_Multiplier\": 1.0000001}"), 5, "expect.Variance_Multiplier", "at most six decimals"),
        (one(RUN, CONTEXT, "{\"dispatch_blocked\": null}"), 5, "expect.dispatch_blocked", "must be true or false"),
        (one(RUN, CONTEXT, "{\"Severity\": \"SEV4\", \"Severity\": \"SEV4\"}"), 5, "expect.Severity", "is given twice"),
    ];
    for (text, line, path, says) in rows {
        let error = match cases::parse(text) {
            Ok(_) => panic!("{text} was accepted"),
            Err(error) => error,
        };
        assert_eq!(
            (error.line, error.path.as_str()),
            (*line, *path),
            "{text}\n{error}"
        );
        assert!(error.to_string().contains(says), "{text}\n{error}");
    }
}

#[test]
fn a_case_can_expect_each_key_of_a_verdict_and_notices_each() {
    let wrong = r#"{"Severity": "SEV0", "Severity_Reason": "sensitive_spike",
        "Risk_Flags": ["batch_job"], "Risk_Summary": "?", "Misconfig_Likelihood": "High", "score": 9,
        "Baseline_Expected_Credits": null, "Baseline_Status": "missing",
        "Variance_Multiplier": null, "actions": [], "dispatch_blocked": true}"#;
    let case = &cases::parse(&one(RUN, CONTEXT, wrong)).unwrap()[0];
    let mismatches = case.mismatches(&Policy::standard());
    let came: Vec<(&str, &str)> = mismatches
        .iter()
        .map(|m| (m.key, m.came.as_str()))
        .collect();
    let summary = "\"1 credits are 1.000000 times the baseline of 1; SEV4 below 1.5 times; \
                   misconfiguration Low (score 0)\"";
    assert_eq!(
        came,
        [
            ("Severity", "\"SEV4\""),
            ("Severity_Reason", "\"ratio\""),
            ("Risk_Flags", "[]"),
            ("Risk_Summary", summary),
            ("Misconfig_Likelihood", "\"Low\""),
            ("score", "0"),
            ("Baseline_Expected_Credits", "1"),
            ("Baseline_Status", "\"current\""),
            ("Variance_Multiplier", "1.000000"),
            ("actions", "[\"ledger_only\"]"),
            ("dispatch_blocked", "false"),
        ]
    );
}

#[test]
fn a_run_may_leave_out_what_does_not_judge_and_keeps_what_it_says() {
    let case = &cases::parse(&one(RUN, CONTEXT, EXPECT)).unwrap()[0];
    assert_eq!(case.run.run_id.as_str(), "CASE");
    assert_eq!(case.run.scenario_id.as_str(), "SCENARIO");
    let run = r#"{"run_id": "R-7", "SCENARIO_NAME": "Weekly export", "status": "Failed",
        "job_type": "FILING", "timestamp": "2025-02-03T04:05:06Z", "credits_total": 1}"#;
    let case = &cases::parse(&one(run, CONTEXT, EXPECT)).unwrap()[0];
    assert_eq!(case.run.run_id.as_str(), "R-7");
    assert_eq!(case.run.status.as_str(), "Failed");
    assert_eq!(case.run.job_type.as_str(), "FILING");
    assert_eq!(case.run.timestamp.to_string(), "2025-02-03T04:05:06Z");
    assert_ne!(case.run.scenario_id.as_str(), "SCENARIO");
}

#[test]
fn lines_are_those_of_the_file() {
    let text = format!(
        "\n[\n{},\n\n{}\n]",
        one(RUN, CONTEXT, EXPECT),
        one(RUN, CONTEXT, EXPECT)
    );
    let lines: Vec<usize> = cases::parse(&text)
        .unwrap()
        .iter()
        .map(|case| case.line)
        .collect();
    assert_eq!(lines, [3, 10]);
}

#[test]
fn a_word_of_the_run_that_is_unknown_is_a_word_with_a_suggestion() {
    let run = r#"{"Credits_Total": 1, "Job_Type": "FILNG"}"#;
    let error = cases::parse(&one(run, CONTEXT, EXPECT)).unwrap_err();
    assert!(matches!(
        error.problem,
        Problem::Word {
            suggestion: Some("FILING"),
            ..
        }
    ));
}

fn gaps(policy: &Policy, rows: &[(&str, &str)]) -> Vec<String> {
    let mut coverage = Coverage::new(policy);
    for (run, context) in rows {
        coverage.add(&cases::parse(&one(run, context, EXPECT)).unwrap()[0]);
    }
    coverage.gaps().map(|point| point.to_string()).collect()
}

#[test]
fn coverage_names_what_no_case_reaches() {
    let policy = Policy::standard();
    let none = gaps(&policy, &[]);
    let some = gaps(
        &policy,
        &[
            // At the threshold of SEV1.
            (
                r#"{"Credits_Total": 500, "retry_count": 6}"#,
                r#"{"baseline": 100}"#,
            ),
            // Not just below it, and so on neither side.
            (r#"{"Credits_Total": 499}"#, r#"{"baseline": 100}"#),
            // At that of SEV0, but without a critical flag.
            (r#"{"Credits_Total": 1000}"#, r#"{"baseline": 100}"#),
        ],
    );
    let reached: Vec<&String> = none.iter().filter(|gap| !some.contains(gap)).collect();
    assert_eq!(
        reached,
        [
            "severity SEV1",
            "severity SEV2",
            "flag retry_loop",
            "action require_ack_before_rerun",
            "action create_case",
            "action log_case_optional",
            "action slack_alert",
            "action weekly_review",
            "baseline current",
            "at the threshold of SEV1",
            "the least score that is Medium",
            "one retry more than max_retries",
        ]
    );
    for (retries, sides) in [
        (0, &[][..]),
        (4, &[]),
        (5, &["as many retries as max_retries"]),
        (6, &["one retry more than max_retries"]),
        (7, &[]),
    ] {
        let run = format!(r#"{{"Credits_Total": 1, "retry_count": {retries}}}"#);
        let some = gaps(&policy, &[(&run, r#"{"baseline": 1}"#)]);
        let reached = none.iter().filter(|gap| !some.contains(gap));
        let reached: Vec<&String> = reached.filter(|gap| gap.contains("max_retries")).collect();
        assert_eq!(reached, sides, "{retries}");
    }
}

#[test]
fn coverage_does_not_ask_for_what_no_run_can_reach() {
    let policy = common::policy([
        (
            "\"pii_or_regulatory\": true",
            "\"pii_or_regulatory\": false",
        ),
        ("\"threshold_scale\": 1.4", "\"threshold_scale\": 2"),
        ("\"high\": 6", "\"high\": 60"),
    ]);
    let gaps = gaps(&policy, &[]);
    let has = |gap: &str| gaps.iter().any(|g| g == gap);
    assert!(has("at the threshold of SEV1"));
    assert!(!has("at the threshold of SEV1 for a backfill"));
    assert!(has("at the threshold of SEV2 for a backfill"));
    assert!(has("the least score that is Medium"));
    assert!(!has("the least score that is High"));
}
