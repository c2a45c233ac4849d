//! The scan of a line is the parser's reading of it, or no answer at all.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod common;

use common::{Members, object, quoted};
use credit_core::json::Object;
use credit_core::{RunFacts, RunSum, RunTally};
use proptest::prelude::*;

/// On text that is one object with distinct keys.
fn agrees(text: &str) -> Result<bool, TestCaseError> {
    let parsed = RunFacts::parse(text);
    let scanned = RunFacts::scan(text);
    if let Some(scanned) = &scanned {
        let parsed = parsed
            .as_ref()
            .map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        prop_assert_eq!(format!("{scanned:?}"), format!("{parsed:?}"));
    }
    if let (Some(sum), Ok(parsed)) = (RunSum::scan(text), &parsed) {
        prop_assert_eq!(sum.timestamp, parsed.timestamp);
        prop_assert_eq!(sum.scenario_id, parsed.scenario_id.as_str());
        prop_assert_eq!(sum.credits, parsed.credits);
    }
    let tally = RunTally::scan(text);
    prop_assert!(tally.is_some() || scanned.is_none(), "{text}");
    if let (Some(tally), Ok(parsed)) = (tally, &parsed) {
        prop_assert_eq!(tally.run_id, parsed.run_id.as_str());
        prop_assert_eq!(tally.timestamp.to_string(), parsed.timestamp.to_string());
        prop_assert_eq!(tally.scenario_id, parsed.scenario_id.as_str());
        prop_assert_eq!(tally.credits, parsed.credits);
        prop_assert_eq!(tally.severity, parsed.severity);
        prop_assert_eq!(tally.actions, parsed.actions);
    }
    Ok(scanned.is_some())
}

fn members_of(json: &str) -> Members {
    let object = Object::parse(json).unwrap();
    object
        .iter()
        .map(|(key, value)| (key.to_owned(), value.get().to_owned()))
        .collect()
}

/// Values of every kind, many of them odd.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-0".to_owned()),
        Just("1e3".to_owned()),
        Just("0.5000000001".to_owned()),
        Just("\"SEV2\"".to_owned()),
        Just("[]".to_owned()),
        Just(r#"["pii_exposure","a\"],[b"]"#.to_owned()),
        Just(r#"{"Run_ID":"]}","x":[{"a":"\\"}]}"#.to_owned()),
        Just(r#""\\""#.to_owned()),
        Just(r#""\u0053EV2""#.to_owned()),
        any::<f64>().prop_filter_map("finite", |f| f.is_finite().then(|| format!("{f:e}"))),
        any::<u64>().prop_map(|n| n.to_string()),
        ".{0,20}".prop_map(|text| quoted(&text)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_is_scanned(record in common::record()) {
        let text = record.to_json();
        // What is read has escapes only in a summary here.
        prop_assert!(agrees(&text)? || record.summary.contains(['"', '\\']) || text.contains("\\"), "{text}");
        let line = format!("{},\"Seq\":7,\"Prev_Hash\":\"00\"}}", text.strip_suffix('}').unwrap());
        agrees(&line)?;
    }

    #[test]
    fn keys_may_come_in_any_order_with_any_value(
        members in common::record()
            .prop_map(|record| members_of(&record.to_json()))
            .prop_shuffle(),
        odd in value(),
        at in any::<prop::sample::Index>(),
        extra in value(),
        gone in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut members = members;
        let at = at.index(members.len());
        members[at].1 = odd;
        members.push(("zz\\\"extra".to_owned(), extra.clone()));
        members.insert(0, ("aa".to_owned(), extra));
        if let Some(gone) = gone {
            members.remove(gone.index(members.len()));
        }
        agrees(&object(&members, ""))?;
        agrees(&object(&members, " "))?;
    }

    /// Keys inside of values, with and without the quotes escaped, are no keys.
    #[test]
    fn what_looks_like_a_key_in_a_value_is_none(
        record in common::record(),
        extra in prop_oneof![
            Just(r#"{"x":1,"Severity":"SEV0","actions":[],"Credits_Total":7}"#.to_owned()),
            Just(quoted(r#"a","Severity":"SEV0","Timestamp":""#)),
            Just(r#"["a","Severity","Timestamp"]"#.to_owned()),
            Just(r#""\""#.to_owned()),
        ],
        at in any::<prop::sample::Index>(),
    ) {
        let mut members = members_of(&record.to_json());
        members.insert(at.index(members.len() + 1), ("extra".to_owned(), extra));
        agrees(&object(&members, ""))?;
    }

    /// As long as one of ours and with the same beginning, which is what is compared first.
    #[test]
    fn a_key_that_begins_as_one_of_ours_is_another(record in common::record(), at_the_end in any::<bool>()) {
        let ours = members_of(&record.to_json());
        let decoys: Members = ours
            .iter()
            .filter(|(key, _)| key.len() > 7 && key.is_ascii())
            .map(|(key, value)| {
                let end = "~".repeat(key.len() - 7);
                let other = if value.starts_with('"') { "\"OTHER\"" } else { "77" };
                (format!("{}{end}", &key[..7]), other.to_owned())
            })
            .collect();
        for decoy in decoys {
            let mut members = ours.clone();
            members.insert(if at_the_end { ours.len() } else { 0 }, decoy);
            let text = object(&members, "");
            agrees(&text)?;
            let without = object(&ours, "");
            prop_assert_eq!(RunFacts::scan(&text).is_some(), RunFacts::scan(&without).is_some());
        }
    }

    #[test]
    fn arbitrary_text_does_no_harm(text in ".{0,200}", cut in any::<prop::sample::Index>()) {
        let _ = RunFacts::scan(&text);
        let _ = RunSum::scan(&text);
        let _ = RunTally::scan(&text);
        let line = format!("{{\"Run_ID\":\"{text}");
        let end = line.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
        let cut = &line[..end[cut.index(end.len())]];
        let _ = RunFacts::scan(cut);
        let _ = RunTally::scan(cut);
    }
}
