//! The same run gives the same bytes, however its input was spelled.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod common;

use common::{Members, PASCAL, REQUIRED, members, object};
use credit_core::json::{self, Object};
use credit_core::{ParsedRun, Problem, Run};
use proptest::prelude::*;

/// The same members with `snake_case` keys, where `which` says so.
fn snake(members: &Members, which: impl Fn(usize) -> bool) -> Members {
    let snake = |key: &str| {
        PASCAL
            .iter()
            .find(|(p, _)| *p == key)
            .map(|(_, s)| (*s).to_owned())
    };
    members
        .iter()
        .enumerate()
        .map(|(i, (k, v))| {
            (
                snake(k).filter(|_| which(i)).unwrap_or_else(|| k.clone()),
                v.clone(),
            )
        })
        .collect()
}

fn parsed(members: &Members) -> ParsedRun {
    Run::parse(&object(members, "")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_spellings_give_the_same_run_and_bytes(members in members(), mixed in any::<u64>()) {
        let pascal = parsed(&members);
        prop_assert!(pascal.ignored.is_empty());
        for which in [u64::MAX, mixed] {
            let other = parsed(&snake(&members, |i| which >> (i % 64) & 1 == 1));
            prop_assert_eq!(&other, &pascal);
            prop_assert_eq!(other.run.to_json(), pascal.run.to_json());
            prop_assert_eq!(other.run.sha256(), pascal.run.sha256());
        }
    }

    #[test]
    fn order_and_white_space_do_not_matter(
        (members, shuffled) in members().prop_flat_map(|m| (Just(m.clone()), Just(m).prop_shuffle())),
        space in "[ \t\r\n]{0,4}",
    ) {
        let one = parsed(&members).run;
        let other = Run::parse(&object(&shuffled, &space)).unwrap().run;
        prop_assert_eq!(one.to_json(), other.to_json());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn what_was_written_reads_back(members in members()) {
        let run = parsed(&members).run;
        let text = run.to_json();
        let again = Run::parse(&text).unwrap();
        prop_assert!(again.ignored.is_empty());
        prop_assert_eq!(again.run.to_json(), text.as_str());
        prop_assert_eq!(again.run, run);
        prop_assert!(!text.contains(['\n', '\r']));
        prop_assert_eq!(json::compact(&text, json::DEPTH_MAX), Some(text));
    }

    #[test]
    fn unknown_fields_stay_as_they_were_written(members in members(), unknown in common::unknown()) {
        let mut members = members;
        members.retain(|(key, _)| unknown.iter().all(|(k, _)| k != key));
        members.extend(unknown.clone());
        let text = parsed(&members).run.to_json();
        let written = Object::parse(&text).unwrap();
        for (key, value) in &unknown {
            prop_assert_eq!(written.get(key).unwrap().get(), value);
        }
        // Sorted, behind everything known.
        let tail: Vec<&str> = written.iter().map(|(k, _)| k).filter(|k| k.is_empty() || k.starts_with("x_")).collect();
        prop_assert!(tail.is_sorted());
        let all: Vec<&str> = written.iter().map(|(k, _)| k).collect();
        prop_assert!(all.ends_with(&tail));
    }

    #[test]
    fn verdict_keys_are_ignored_and_named(
        members in members(), keys in prop::sample::subsequence(WRITTEN_BY_US, 0..=WRITTEN_BY_US.len()),
        value in prop::sample::select(vec!["\"SEV0\"", "null", "[[1]]", "-1e999"]),
    ) {
        let expected = parsed(&members).run;
        let mut members = members;
        for key in &keys {
            members.push(((*key).to_owned(), value.to_owned()));
        }
        let found = parsed(&members);
        prop_assert_eq!(found.ignored, keys);
        prop_assert_eq!(found.run, expected);
    }

    #[test]
    fn null_is_absence(members in members(), at in any::<prop::sample::Index>()) {
        let known = members.iter().filter(|(k, _)| !k.is_empty() && !k.starts_with("x_")).count();
        let at = at.index(known);
        let (mut without, mut null) = (members.clone(), members);
        let (key, _) = without.remove(at);
        null.get_mut(at).unwrap().1 = "null".to_owned();
        let (without, null) = (Run::parse(&object(&without, "")), Run::parse(&object(&null, "")));
        let missing = REQUIRED.contains(&key.as_str());
        match (without, null) {
            (Ok(without), Ok(null)) => prop_assert_eq!(without, null),
            (Err(without), Err(null)) => {
                prop_assert!(missing);
                prop_assert_eq!(&without.field, &key);
                prop_assert_eq!(without.problem, Problem::Missing { also: Vec::new() });
                prop_assert_eq!(null.field, key);
                prop_assert_eq!(null.problem, Problem::Missing { also: Vec::new() });
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in any::<Vec<u8>>()) {
        let _ = Run::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_damaged_run_does_not_panic_and_its_error_has_a_line(
        members in members(), space in "[ \n]{0,2}", at in any::<prop::sample::Index>(), byte: u8, cut: bool,
    ) {
        let mut bytes = object(&members, &space).into_bytes();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            *bytes.get_mut(at).unwrap() = byte;
        }
        let text = String::from_utf8_lossy(&bytes);
        match Run::parse(&text) {
            Ok(parsed) => {
                let json = parsed.run.to_json();
                prop_assert_eq!(Run::parse(&json).unwrap().run, parsed.run);
                let value: Result<serde_json::Value, _> = serde_json::from_str(&json);
                // Only a number that no float can hold may keep other readers out.
                let is_range = |e: &serde_json::Error| e.to_string().starts_with("number out of range");
                prop_assert!(value.as_ref().err().is_none_or(is_range), "{:?}", value);
            }
            Err(error) => {
                prop_assert!((1..=text.lines().count().max(1) + 1).contains(&error.line));
                prop_assert!(!error.to_string().contains(|c: char| c.is_control()), "{}", error);
                let place = format!("line {}: ", error.line);
                prop_assert!(error.to_string().starts_with(&place));
            }
        }
    }
}

const WRITTEN_BY_US: &[&str] = &[
    "Severity",
    "Severity_Reason",
    "Risk_Flags_Reported",
    "Risk_Summary",
    "Misconfig_Likelihood",
    "Baseline_Expected_Credits",
    "Baseline_Status",
    "Baseline_Last_Updated",
    "Baseline_Lower",
    "Baseline_Upper",
    "Usual_Input_Tokens",
    "Usual_Credits_Per_Item",
    "Variance_Multiplier",
    "variance_multiplier",
    "actions",
    "dispatch_blocked",
    "Policy_Sha256",
    "Scenario_Sha256",
    "Input_Sha256",
    "Run_Sha256",
    "Ledger_Origin",
    "Ledger_Import_Bytes",
    "Ledger_Import_Sha256",
    "Seq",
    "Prev_Hash",
    "Hash",
];

#[test]
fn a_run_made_in_code_is_the_run_that_was_read() {
    let text = r#"{"Run_ID":"R-1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"S",
        "Job_Type":"FILING","Status":"Failed","Credits_Total":0.50,"retry_count":3}"#;
    let mut made = Run::new(
        "R-1".parse().unwrap(),
        "S".parse().unwrap(),
        "2024-01-23T10:00:00Z".parse().unwrap(),
        credit_core::Status::Failed,
        "0.5".parse().unwrap(),
    );
    made.job_type = credit_core::JobType::Filing;
    made.retry_count = 3;
    let read = Run::parse(text).unwrap().run;
    assert_eq!(made, read);
    assert_eq!(
        made.to_json(),
        r#"{"Run_ID":"R-1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"S","Job_Type":"FILING","Status":"Failed","Credits_Total":0.5,"retry_count":3}"#
    );
}

#[test]
fn a_scenario_may_be_known_by_its_name_only() {
    let text = r#"{"Run_ID":"R","Timestamp":"2024-01-23T10:00:00Z","Scenario_Name":"Email send",
        "Job_Type":"OTHER","Status":"Success","Credits_Total":1}"#;
    let run = Run::parse(text).unwrap().run;
    assert_eq!(run.scenario_id.as_str(), "Email_send_4fc73ddb");
    assert_eq!(run.scenario_name.as_deref(), Some("Email send"));
    // Its own bytes carry the id, so that another way of deriving ids cannot change it.
    assert_eq!(Run::parse(&run.to_json()).unwrap().run, run);
}

#[test]
fn the_empty_key_is_an_unknown_field() {
    let text = r#"{"Run_ID":"R","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"S",
        "Job_Type":"OTHER","Status":"Success","Credits_Total":1,"":7}"#;
    let run = Run::parse(text).unwrap().run;
    assert_eq!((run.retry_count, run.input_item_count), (0, None));
    assert!(run.to_json().ends_with(r#","retry_count":0,"":7}"#));
}

#[test]
fn nesting_is_allowed_up_to_the_limit() {
    let nested = |depth: usize| {
        format!(
            r#"{{"Run_ID":"R","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"S","Job_Type":"OTHER",
            "Status":"Success","Credits_Total":1,"x":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    // The record itself is one level.
    assert!(Run::parse(&nested(json::DEPTH_MAX - 1)).is_ok());
    let error = Run::parse(&nested(json::DEPTH_MAX)).unwrap_err();
    assert_eq!(
        (error.problem, error.field.as_str(), error.line),
        (Problem::TooDeep, "x", 2)
    );
    assert!(Run::parse(&nested(1_000_000)).is_err());
}

/// `docs/run-records.md` shows a run that is read, and has a row for each key that is.
#[test]
fn the_page_on_run_records_knows_each_key() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/run-records.md");
    let page = std::fs::read_to_string(path).unwrap();
    let example = page.lines().find(|line| line.starts_with('{')).unwrap();
    assert!(Run::parse(example).unwrap().ignored.is_empty());

    let (_, said) = page.split_once("## What a run may say").unwrap();
    let (said, _) = said.split_once("\n## ").unwrap();
    let cells = said.lines().filter_map(|line| line.strip_prefix("| `"));
    let keys: Vec<&str> = cells
        .flat_map(|row| row.split(" | ").next().unwrap().split(", "))
        .map(|key| key.trim_matches('`'))
        .collect();
    let sorted = |keys: &[&str]| {
        let mut keys: Vec<String> = keys.iter().map(|k| (*k).to_owned()).collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(sorted(&keys), sorted(Run::KEYS));
}
