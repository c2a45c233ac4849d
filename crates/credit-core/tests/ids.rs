//! Identifiers are safe in a path by construction.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use std::collections::HashMap;
use std::path::{Component, Path};

use credit_core::{CaseId, IdError, RunId, ScenarioId, Sha256, Timestamp};
use proptest::prelude::*;

/// Texts that are ids, almost ids, and anything at all.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9][A-Za-z0-9._-]{0,40}",
        "[A-Za-z0-9._/\\\\ -]{0,12}",
        "[A-Za-z0-9._-]{120,135}",
        "[a-z]{1,5}\\.notion",
        any::<String>(),
    ]
}

fn is_one_component(text: &str) -> bool {
    let mut components = Path::new(text).components();
    let one = matches!(components.next(), Some(Component::Normal(c)) if c == text);
    one && components.next().is_none()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_accepted_id_is_one_safe_path_component(text in text()) {
        match text.parse::<RunId>() {
            Ok(id) => {
                prop_assert!(is_one_component(&text));
                prop_assert!((1..=128).contains(&text.len()) && text.is_ascii());
                prop_assert!(text.starts_with(|c: char| c.is_ascii_alphanumeric()));
                prop_assert!(!text.contains(['/', '\\', '\0', ' ', '*', '\'', '"', '$', ':']));
                prop_assert_eq!(id.as_str(), &text);
                prop_assert_eq!(id.to_string(), text.clone());
                let json = serde_json::to_string(&id).unwrap();
                prop_assert_eq!(&json, &format!("\"{text}\""));
                prop_assert_eq!(serde_json::from_str::<RunId>(&json).unwrap(), id);
            }
            Err(reason) => {
                // Each has a reason that is safe to print.
                let shown = reason.to_string();
                prop_assert!(!shown.is_empty() && !shown.contains(char::is_control));
                let json = serde_json::to_string(&text).unwrap();
                prop_assert!(serde_json::from_str::<RunId>(&json).is_err());
            }
        }
    }

    #[test]
    fn runs_and_scenarios_are_named_alike(text in text()) {
        let run = text.parse::<RunId>().map(|id| id.to_string());
        prop_assert_eq!(&run, &text.parse::<ScenarioId>().map(|id| id.to_string()));
    }

    #[test]
    fn a_case_made_of_a_run_has_a_cases_name(run in any::<Vec<u8>>(), days in 0..2_900_000_u32, attempt: u32) {
        let day = Timestamp::FIRST.days_after(days).day();
        let id = CaseId::of(day, Sha256::of(&run), attempt);
        prop_assert_eq!(id.as_str().parse::<CaseId>(), Ok(id.clone()));
        prop_assert!(id.as_str().parse::<RunId>().is_ok());
        prop_assert_eq!(CaseId::of(day, Sha256::of(&run), attempt), id.clone());
        prop_assert_ne!(CaseId::of(day, Sha256::of(&run), attempt.wrapping_add(1)), id);
    }

    #[test]
    fn every_name_has_a_valid_scenario_id(name in text(), long in any::<String>(), times in 1_usize..60) {
        for name in [name, long.repeat(times)] {
            let id = ScenarioId::from_name(&name);
            prop_assert_eq!(id.as_str().parse::<ScenarioId>(), Ok(id.clone()), "{:?}", name);
            prop_assert!(is_one_component(id.as_str()));
            prop_assert_eq!(ScenarioId::from_name(&name), id.clone());
            // An id is its own id.
            prop_assert_eq!(ScenarioId::from_name(id.as_str()), id.clone());
            if name.parse::<ScenarioId>().is_ok() {
                prop_assert_eq!(id.as_str(), name);
            }
        }
    }

    #[test]
    fn distinct_names_have_distinct_ids(names in prop::collection::hash_set(
        prop_oneof![text(), "[a-b \u{e4}/]{0,4}", "[ab]{98,104}[ /]"], 2..30,
    )) {
        let mut ids: HashMap<ScenarioId, String> = HashMap::new();
        for name in names {
            let other = ids.insert(ScenarioId::from_name(&name), name.clone());
            prop_assert_eq!(other, None, "the same id as {:?}", name);
        }
    }
}

#[test]
fn each_reason_is_told() {
    let cases: [(&str, IdError, &str); 14] = [
        ("", IdError::Empty, "is empty"),
        (
            ".hidden",
            IdError::BadStart { found: '.' },
            "begins with '.'",
        ),
        ("-rf", IdError::BadStart { found: '-' }, "begins with '-'"),
        ("_x", IdError::BadStart { found: '_' }, "begins with '_'"),
        ("..", IdError::BadStart { found: '.' }, "begins with '.'"),
        ("a..b", IdError::Dots, "contains `..`"),
        ("../x", IdError::BadStart { found: '.' }, "begins with '.'"),
        ("a/b", IdError::BadCharacter { found: '/' }, "contains '/'"),
        (
            "a\\b",
            IdError::BadCharacter { found: '\\' },
            "contains '\\\\'",
        ),
        (
            "a\0b",
            IdError::BadCharacter { found: '\0' },
            "contains '\\0'",
        ),
        (
            "a\u{202e}b",
            IdError::BadCharacter { found: '\u{202e}' },
            "'\\u{202e}'",
        ),
        (
            "RUN-🚀",
            IdError::BadCharacter { found: '🚀' },
            "contains '🚀'",
        ),
        (
            "\u{ff21}",
            IdError::BadCharacter { found: '\u{ff21}' },
            "only ASCII letters",
        ),
        ("RUN-1.notion", IdError::ReservedEnding, "ends in `.notion`"),
    ];
    for (text, reason, message) in cases {
        let error = text.parse::<RunId>().unwrap_err();
        assert_eq!(error, reason, "{text:?}");
        assert!(error.to_string().contains(message), "{text:?}: {error}");
    }
    // In a set or a map, an id is found by its text.
    let ids: std::collections::HashSet<RunId> = ["RUN-1"].map(|id| id.parse().unwrap()).into();
    assert!(ids.contains("RUN-1") && !ids.contains("RUN-2"));
    let text: &str = ids.iter().next().unwrap().as_ref();
    assert_eq!(text, "RUN-1");
    let longest = "a".repeat(128);
    assert!(longest.parse::<RunId>().is_ok());
    let error = "a".repeat(129).parse::<RunId>().unwrap_err();
    assert_eq!(error, IdError::TooLong { length: 129 });
}

#[test]
fn names_that_differ_only_in_unsafe_characters_do_not_meet() {
    let names = [
        "a b", "a/b", "a\\b", "a\u{e4}b", "A b", "a b ", " a b", "", " ", "/", "\u{202e}", "a..b",
        "a.notion",
    ];
    let ids: std::collections::HashSet<_> =
        names.iter().map(|n| ScenarioId::from_name(n)).collect();
    assert_eq!(ids.len(), names.len());
    assert_eq!(ScenarioId::from_name("").as_str(), "scenario_e3b0c442");
    // The beginning of a long name is kept, and the whole of it counts.
    let (a, b) = (
        format!("{} 1", "x".repeat(200)),
        format!("{} 2", "x".repeat(200)),
    );
    assert_ne!(ScenarioId::from_name(&a), ScenarioId::from_name(&b));
}

#[test]
fn what_is_not_a_cases_name_is_refused() {
    for text in [
        "CASE-2025013-AAAAAA",
        "CASE-20250131-AAAAA",
        "CASE-20250131-AAAAAAA",
        "CASE-20250131-AAAAAa",
        "CASE-2025013x-AAAAAA",
        "case-20250131-AAAAAA",
        "CASE-20250131AAAAAA",
        " CASE-20250131-AAAAAA",
        "CASE-20250131-AAAAA\u{c4}",
        "../CASE-20250131-AAAAAA",
        "",
    ] {
        assert_eq!(text.parse::<CaseId>(), Err(IdError::NotACase), "{text:?}");
    }
    assert!("CASE-20250131-A0Z9B8".parse::<CaseId>().is_ok());
}
