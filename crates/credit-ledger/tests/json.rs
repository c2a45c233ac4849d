//! The scanner against an independent JSON library.

use credit_ledger::layout::{JsonProblem, compact, pretty};
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn accepted_as_it_stands() {
    for json in [
        "0",
        "-0",
        "-1.50e+2",
        "1E5",
        "0.0001",
        "\"\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        r#"{"a":[1,[],{}],"b":{"c":null}}"#,
        r#""é\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t""#,
        "\"\u{7f}\"",
        r#"{"a":1,"A":2,"":3}"#,
        "123456789012345678901234567890",
    ] {
        assert_eq!(compact(json.as_bytes()).unwrap(), json.as_bytes(), "{json}");
        assert!(serde_json::from_str::<Value>(json).is_ok(), "{json}");
    }
    assert_eq!(
        compact(b" { \"a b\" : [ 1 , 2 ]\r\n}\t").unwrap(),
        br#"{"a b":[1,2]}"#
    );
}

#[test]
fn refused_with_place_and_reason() {
    use JsonProblem::*;
    let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(compact(deep(32).as_bytes()).is_ok());
    let name = || DuplicateKey("a".to_owned());
    for (json, offset, problem) in [
        ("", 0, Unexpected),
        ("{", 1, Unexpected),
        ("{\"a\"}", 4, Unexpected),
        ("{\"a\":1,}", 7, Unexpected),
        ("[1,]", 3, Unexpected),
        ("[1 2]", 3, Unexpected),
        ("tru", 0, Unexpected),
        ("NaN", 0, Unexpected),
        ("\"a", 2, Unexpected),
        ("\"a\nb\"", 2, ControlCharacter),
        ("\"12345678\u{1}\"", 9, ControlCharacter),
        ("\"\\x\"", 1, Escape),
        ("\"\\u12\"", 1, Escape),
        ("\"\\ud800\"", 1, Escape),
        ("\"\\udc00\\ud800\"", 1, Escape),
        ("\"\\", 1, Escape),
        ("01", 0, Number),
        ("-", 0, Number),
        ("1.", 0, Number),
        (".5", 0, Unexpected),
        ("+1", 0, Unexpected),
        ("1e", 0, Number),
        ("1e999", 0, Number),
        ("1 1", 2, Trailing),
        (r#"{"a":1,"a":2}"#, 7, name()),
        (r#"{"a":1,"\u0061":2}"#, 7, name()),
        (
            r#"{"😀":1,"\ud83d\ude00":2}"#,
            10,
            DuplicateKey("😀".to_owned()),
        ),
        (r#"[{"b":{"\u0061":1,"b":2,"a":2}}]"#, 24, name()),
        (&deep(33), 32, TooDeep),
    ] {
        let error = compact(json.as_bytes()).unwrap_err();
        assert_eq!((error.offset, error.problem), (offset, problem), "{json}");
    }
    assert_eq!(compact(b"\"\xff\"").unwrap_err().problem, Utf8);
}

#[test]
fn large_objects_are_searched_too() {
    for count in [10, 63, 64, 65, 66, 1000] {
        let members: Vec<String> = (0..count).map(|n| format!("\"k{n}\":{n}")).collect();
        let object = format!("{{{}}}", members.join(","));
        assert_eq!(compact(object.as_bytes()).unwrap(), object.as_bytes());
        for twice in [0, count / 2, count - 1] {
            let object = format!("{{{},\"k{twice}\":0}}", members.join(","));
            let error = compact(object.as_bytes()).unwrap_err();
            assert_eq!(
                error.problem,
                JsonProblem::DuplicateKey(format!("k{twice}"))
            );
            assert_eq!(
                error.offset,
                object.rfind(&format!("\"k{twice}\"")).unwrap()
            );
        }
    }
}

/// Names are told apart by fingerprints first.
#[test]
fn a_name_that_comes_twice_is_found_whatever_it_is() {
    for n in 0..4_000 {
        let object = format!(r#"{{"k{n}":1,"other":2,"k{n}":3}}"#);
        let error = compact(object.as_bytes()).unwrap_err();
        let duplicate = JsonProblem::DuplicateKey(format!("k{n}"));
        assert_eq!(error.problem, duplicate);
    }
}

/// Strings are passed by words and by vectors: what ends one is seen wherever it stands.
#[test]
fn long_strings_end_where_they_end() {
    for length in 0..200 {
        for at in 0..length {
            for byte in [b'"', b'\\', 0x00, 0x1f, b' ', 0x7f, 0x80, 0xff] {
                let mut json = [b"[\"".as_slice(), &vec![b'x'; length], b"\"]"].concat();
                json[2 + at] = byte;
                let strict = compact(&json);
                let other = serde_json::from_slice::<Value>(&json);
                assert_eq!(strict.is_ok(), other.is_ok(), "{length} {at} {byte}");
                let (offset, problem) = match (byte, strict) {
                    (_, Ok(same)) => {
                        assert_eq!(same, json);
                        continue;
                    }
                    (_, Err(error)) => (error.offset, error.problem),
                };
                let wanted = match byte {
                    b'"' => (3 + at, JsonProblem::Unexpected),
                    b'\\' if at + 1 == length => (length + 4, JsonProblem::Unexpected),
                    b'\\' => (2 + at, JsonProblem::Escape),
                    0x80.. => (2 + at, JsonProblem::Utf8),
                    _ => (2 + at, JsonProblem::ControlCharacter),
                };
                assert_eq!((offset, problem), wanted, "{length} {at} {byte}");
            }
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        "\\PC{0,12}|[\"\\\\/\u{0}-\u{20}é😀]{0,12}|[a-z]{0,90}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec(("[a-c\"\\\\é]{0,3}", inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layouts_agree_with_serde_json(value in value()) {
        let one_line = serde_json::to_string(&value).unwrap();
        let mut many = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(compact(many.as_bytes()).unwrap(), one_line.as_bytes());
        many.push('\n');
        prop_assert_eq!(pretty(one_line.as_bytes()).unwrap(), many.as_bytes());
        prop_assert_eq!(pretty(many.as_bytes()).unwrap(), many.as_bytes());
    }

    /// What is accepted is JSON for the other library as well, whatever one does to a text.
    #[test]
    fn never_more_lenient(value in value(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut json = serde_json::to_vec(&value).unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        if compact(&json).is_ok() {
            prop_assert!(serde_json::from_slice::<Value>(&json).is_ok());
        }
    }
}
