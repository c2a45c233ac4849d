//! The JSON Schema of the policy file: as it is published, and as the parser has it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test may panic, read UPDATE_GOLDEN, and shares helpers with others"
)]

mod common;

use std::collections::BTreeSet;

use common::edited;
use credit_policy::{Policy, Problem, STANDARD_JSON, schema};
use jsonschema::Validator;
use serde_json::{Value, json};

fn value() -> Value {
    serde_json::from_str(&schema()).unwrap()
}

fn validator() -> Validator {
    jsonschema::validator_for(&value()).unwrap()
}

/// The standard policy with everything that it leaves out.
fn whole() -> Value {
    let mut policy: Value = serde_json::from_str(STANDARD_JSON).unwrap();
    policy["notion"] = json!({"databases": {"runs_ledger_id": "r", "cases_id": "c"}});
    policy["healthy"]["statuses"] = json!(["Success"]);
    policy["sensitive_floor"] = json!("SEV1");
    policy["impact_floor"] = json!({"credits": 1, "at_most": "SEV3"});
    policy["slack"]["channels"]["sev3"] = json!("#three");
    policy["slack"]["channels"]["sev4"] = json!("#four");
    Policy::parse(&policy.to_string()).unwrap();
    policy
}

#[test]
fn the_published_schema_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.schema.json");
    let generated = schema() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert_eq!(published, generated, "write it anew with UPDATE_GOLDEN=1");
}

#[test]
fn valid_policies_are_valid() {
    let validator = validator();
    let effective: Value = serde_json::from_str(&Policy::standard().to_json()).unwrap();
    let standard: Value = serde_json::from_str(STANDARD_JSON).unwrap();
    for policy in [standard, effective, whole()] {
        let errors: Vec<String> = validator
            .iter_errors(&policy)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/original/sintraprime-policy.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no policy of the original at {path}");
        return;
    };
    assert!(validator.is_valid(&serde_json::from_str(&text).unwrap()));
}

/// Every object of the schema names the keys that the parser knows there, asked of the parser.
#[test]
fn the_schema_has_the_parsers_keys() {
    let schema = value();
    let mut paths = Vec::new();
    objects(&whole(), &mut Vec::new(), &mut paths);
    assert!(paths.len() > 20);
    for path in paths {
        // The keys of `risk_flags` are words, which the parser tells in another way.
        if path == ["risk_flags"] {
            continue;
        }
        let mut policy = whole();
        let object = path
            .iter()
            .fold(&mut policy, |value, key| &mut value[key.as_str()]);
        object
            .as_object_mut()
            .unwrap()
            .insert("zz".to_owned(), json!(1));
        let error = Policy::parse(&policy.to_string()).unwrap_err();
        let Problem::UnknownKey { known, .. } = error.problem else {
            panic!("{path:?}: {error}");
        };
        let mut part = &schema;
        for key in &path {
            part = resolved(&schema, &part["properties"][key]);
        }
        let known: BTreeSet<&str> = known.iter().copied().collect();
        assert_eq!(
            keys(part),
            known,
            "at {path:?}: src/schema.rs and src/parse.rs differ"
        );
    }
}

/// The keys that an object of the schema may have.
fn keys(part: &Value) -> BTreeSet<&str> {
    let ways = part["oneOf"].as_array().into_iter().flatten();
    let parts = std::iter::once(part).chain(ways);
    let properties = parts.filter_map(|part| part["properties"].as_object());
    properties
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect()
}

fn resolved<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap(),
        None => part,
    }
}

/// The paths of the objects in a policy.
fn objects(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let Some(object) = value.as_object() else {
        return;
    };
    found.push(path.clone());
    for (key, value) in object {
        path.push(key.clone());
        objects(value, path, found);
        path.pop();
    }
}

#[test]
fn slips_are_refused() {
    let validator = validator();
    for (from, to) in [
        ("\"version\"", "\"versoin\""),
        ("\"max_retries\": 5", "\"max_retires\": 5"),
        ("\"sev1\"", "\"sev_1\""),
        ("\"retry_loop\"", "\"retry_lop\""),
        ("\"quarantine\"", "\"quarantin\""),
        ("\"multiplier\": 5", "\"multiplier\": \"5\""),
        ("\"multiplier\": 5", "\"multiplier\": null"),
        ("\"multiplier\": 5,", ""),
        ("\"multiplier\": 0,", "\"multiplier\": 1,"),
        ("\"max_retries\": 5", "\"max_retries\": null"),
        ("\"high\": 6", "\"high\": 0"),
        ("\"high\": 6", "\"high\": null"),
        ("\"severity\": \"SEV1\"", "\"severity\": null"),
        ("\"severity\": \"SEV1\"", "\"severity\": \"SEV5\""),
        ("\"max_days\": 14", "\"max_days\": 3651"),
        ("\"threshold_scale\": 1.4", "\"threshold_scale\": 0.9"),
        (
            "\"misconfig_weight\": 3",
            "\"misconfig_weight\": 3, \"legit_weight\": 1",
        ),
        ("\"misconfig_weight\": 3", ""),
        ("\"misconfig_weight\": 3", "\"misconfig_weight\": 1001"),
        ("\"page_lock\",", "\"quarantine\","),
        ("[\n        \"ledger_only\"\n      ]", "[]"),
        ("\"Success\"", "\"Sucess\""),
        ("\"#ops-alerts\"", "\"\""),
    ] {
        let policy = edited([(from, to)]);
        assert!(Policy::parse(&policy).is_err(), "the parser accepts {to}");
        let policy = serde_json::from_str(&policy).unwrap();
        assert!(!validator.is_valid(&policy), "the schema accepts {to}");
    }
}

/// What the schema refuses the parser refuses: no editor underlines a good policy.
#[test]
fn the_schema_is_never_stricter_than_the_parser() {
    let validator = validator();
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/bad-policies.json")).unwrap();
    let (mut both, mut parser_only) = (0, 0);
    for case in &cases {
        let edits = case["edits"].as_array().into_iter().flatten();
        let text = edited(edits.map(|edit| (edit[0].as_str().unwrap(), edit[1].as_str().unwrap())));
        let Ok(policy) = serde_json::from_str(&text) else {
            continue;
        };
        if case["text"].is_null() && validator.is_valid(&policy) {
            parser_only += 1;
        } else {
            both += 1;
        }
    }
    // Order between keys, decimals, control characters and keys given twice are the parser's.
    assert!(both > 2 * parser_only, "{both} and {parser_only}");

    for (from, to) in [
        ("\"multiplier\": 10,", "\"multiplier\": 1000000,"),
        ("\"multiplier\": 1.5,", "\"multiplier\": 0.000001,"),
        ("\"threshold_scale\": 1.4", "\"threshold_scale\": 1000"),
        ("\"threshold_scale\": 1.4", "\"threshold_scale\": 1"),
        ("\"max_retries\": 5", "\"max_retries\": 1000000"),
        ("\"max_retries\": 5", "\"max_retries\": 0"),
        ("\"high\": 6", "\"high\": 10000"),
        ("\"medium\": 3", "\"medium\": 1"),
        ("\"misconfig_weight\": 3", "\"misconfig_weight\": 1000"),
        ("\"cv_below\": 0.3", "\"cv_below\": 10"),
        ("\"cv_below\": 0.3", "\"cv_below\": 0.000001"),
        ("\"variance_below\": 1.2", "\"variance_below\": 1.000001"),
        ("\"min_healthy_runs\": 10", "\"min_healthy_runs\": 6"),
        ("\"min_runs\": 10", "\"min_runs\": 2"),
        (
            "\"max_change_percent\": 50",
            "\"max_change_percent\": 1000000",
        ),
        ("\"max_days\": 14", "\"max_days\": 3650"),
        (
            "\"prompt_growth_factor\": 2",
            "\"prompt_growth_factor\": 1.000001",
        ),
        (
            "\"deployment_window_hours\": 24",
            "\"deployment_window_hours\": 8760",
        ),
        ("\"item_cost_tolerance\": 0.2", "\"item_cost_tolerance\": 0"),
        (
            "\"item_cost_tolerance\": 0.2",
            "\"item_cost_tolerance\": 0.5",
        ),
        ("\"sev0_ack_minutes\": 15", "\"sev0_ack_minutes\": 10080"),
        (
            "\"sev2_min_misconfig\": \"High\"",
            "\"sev2_min_misconfig\": \"Low\"",
        ),
    ] {
        let policy = edited([(from, to)]);
        Policy::parse(&policy).unwrap();
        let policy = serde_json::from_str(&policy).unwrap();
        assert!(validator.is_valid(&policy), "the schema refuses {to}");
    }
}
