//! JSON is kept as it was written, less its white space.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use credit_core::json::{self, Object, ObjectWriter};
use proptest::prelude::*;
use serde_json::Value;

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\"\\\\{}\\[\\]:, \n]{0,8}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn compact_is_the_same_value_without_white_space(value in value()) {
        let compact = serde_json::to_string(&value).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r\n\t");
        prop_assert_eq!(json::compact(&pretty, 64), Some(compact.clone()));
        prop_assert_eq!(json::compact(&compact, 64), Some(compact.clone()));
        prop_assert_eq!(serde_json::from_str::<Value>(&compact).unwrap(), serde_json::from_str::<Value>(&pretty).unwrap());
    }

    #[test]
    fn compact_counts_depth_as_nesting(value in value()) {
        let text = serde_json::to_string(&value).unwrap();
        let depth = depth(&value);
        prop_assert!(json::compact(&text, depth).is_some());
        if depth > 0 {
            prop_assert!(json::compact(&text, depth - 1).is_none());
        }
    }

    #[test]
    fn compact_does_not_panic(text in any::<String>(), depth in 0_usize..4) {
        let _ = json::compact(&text, depth);
    }

    #[test]
    fn an_object_keeps_order_keys_and_tokens(members in prop::collection::hash_map("\\PC{0,6}|[a-z\n\"]{0,3}", leaf(), 0..90)) {
        let text: Vec<String> = members
            .iter()
            .map(|(k, v)| format!("{} : {}", serde_json::to_string(k).unwrap(), serde_json::to_string(v).unwrap()))
            .collect();
        let text = format!("{{{}}}", text.join(" ,\n"));
        let object = Object::parse(&text).unwrap();
        let expected: Vec<(&str, String)> =
            members.iter().map(|(k, v)| (k.as_str(), serde_json::to_string(v).unwrap())).collect();
        let found: Vec<(&str, String)> = object.iter().map(|(k, v)| (k, v.get().to_owned())).collect();
        prop_assert_eq!(found, expected);
        for (line, (key, value)) in object.iter().enumerate() {
            prop_assert_eq!(object.get(key).unwrap().get(), value.get());
            prop_assert_eq!(json::line_of(&text, value.get()), line + 1);
        }
    }

    #[test]
    fn a_written_object_reads_back(members in prop::collection::btree_map(any::<String>(), any::<String>(), 0..10)) {
        let mut out = ObjectWriter::new();
        for (key, value) in &members {
            out.string(key, value);
        }
        let text = out.finish();
        let read: std::collections::BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &members);
        // Byte for byte what serde_json would have written.
        prop_assert_eq!(text, serde_json::to_string(&members).unwrap());
    }
}

#[test]
fn a_key_given_twice_is_found_among_few_and_among_many() {
    for count in [1, 63, 64, 65, 200] {
        let members: Vec<String> = (0..count).map(|i| format!("\"k{i}\":{i}")).collect();
        let fine = format!("{{{}}}", members.join(","));
        assert_eq!(Object::parse(&fine).unwrap().iter().count(), count);
        for again in [0, count / 2, count - 1] {
            let text = format!("{{{},\"\\u006b{again}\":0}}", members.join(","));
            let error = Object::parse(&text).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains(&format!("duplicate key \"k{again}\"")),
                "{error}"
            );
        }
    }
}

#[test]
fn a_hundred_thousand_keys_are_read_at_once() {
    let members: Vec<String> = (0..100_000).map(|i| format!("\"k{i}\":0")).collect();
    let text = format!("{{{}}}", members.join(","));
    assert_eq!(Object::parse(&text).unwrap().iter().count(), 100_000);
}

#[test]
fn every_kind_of_member_is_written() {
    let mut out = ObjectWriter::new();
    out.string("s", "a\"\\\u{1}é\u{2028}");
    out.plain("p", 7);
    out.token("t", "1.50");
    out.words("w", ["a", "b"].into_iter());
    out.words("n", std::iter::empty());
    let text = out.finish();
    assert_eq!(
        text,
        "{\"s\":\"a\\\"\\\\\\u0001é\u{2028}\",\"p\":\"7\",\"t\":1.50,\"w\":[\"a\",\"b\"],\"n\":[]}"
    );
    assert_eq!(ObjectWriter::new().finish(), "{}");
}
