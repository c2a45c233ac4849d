//! Runs that must be refused, each with the line, the field and the reason that are told.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use credit_core::Run;

/// A valid run, one member a line: `Run_ID` is on line 2, `Credits_Total` on line 7.
const GOOD: [(&str, &str); 6] = [
    ("Run_ID", "\"RUN-1\""),
    ("Timestamp", "\"2024-01-23T10:00:00Z\""),
    ("Scenario_ID", "\"NIGHTLY_EXPORT\""),
    ("Job_Type", "\"BINDER_EXPORT\""),
    ("Status", "\"Success\""),
    ("Credits_Total", "1.5"),
];
/// The line of a member added behind the others.
const ADDED: usize = 8;

/// What is done to the good run.
enum Input {
    /// One member has this value; it is added if the good run has none such.
    Set(&'static str, String),
    /// One member is not there.
    Without(&'static str),
    /// This text comes behind the last member.
    Add(&'static str),
    /// This instead of all.
    Text(String),
}
use Input::{Add, Set, Text, Without};

impl Input {
    fn text(&self) -> String {
        let mut members: Vec<String> = Vec::new();
        let mut placed = false;
        for (key, value) in GOOD {
            match self {
                Set(k, v) if *k == key => {
                    placed = true;
                    members.push(format!("\"{k}\": {v}"));
                }
                Without(k) if *k == key => {}
                _ => members.push(format!("\"{key}\": {value}")),
            }
        }
        match self {
            Set(key, value) if !placed => members.push(format!("\"{key}\": {value}")),
            Add(text) => members.push((*text).to_owned()),
            Text(text) => return text.clone(),
            _ => {}
        }
        format!("{{\n{}\n}}", members.join(",\n"))
    }
}

/// Name, input, line, field, a part of the message.
type Row = (&'static str, Input, usize, &'static str, &'static str);

fn set(key: &'static str, value: &str) -> Input {
    Set(key, value.to_owned())
}

fn text(text: &str) -> Input {
    Text(text.to_owned())
}

#[rustfmt::skip] // One row a line.
fn ids() -> Vec<Row> {
    let long = format!("\"{}\"", "a".repeat(10_000));
    vec![
        ("id climbs out", set("Run_ID", r#""../../escape""#), 2, "Run_ID", "`../../escape` begins with '.'"),
        ("id with two dots", set("Run_ID", r#""RUN..1""#), 2, "Run_ID", "`RUN..1` contains `..`"),
        ("id with a slash", set("Run_ID", r#""RUN/1""#), 2, "Run_ID", "contains '/'; only ASCII letters, digits"),
        ("id with a backslash", set("Run_ID", r#""RUN\\1""#), 2, "Run_ID", r"`RUN\1` contains '\\'"),
        ("id with NUL", set("Run_ID", r#""RUN\u00001""#), 2, "Run_ID", r"`RUN\01` contains '\0'"),
        ("id with a bidi mark", set("Run_ID", r#""RUN\u202e1""#), 2, "Run_ID", r"`RUN\u{202e}1` contains '\u{202e}'"),
        ("id with a raw bidi mark", set("Run_ID", "\"RUN\u{2066}1\""), 2, "Run_ID", r"contains '\u{2066}'"),
        ("id with an invisible space", set("Run_ID", "\"RUN\u{200b}1\""), 2, "Run_ID", r"contains '\u{200b}'"),
        ("id of ten kilobytes", Set("Run_ID", long), 2, "Run_ID", "…` has 10000 bytes; at most 128 are allowed"),
        ("hidden id", set("Run_ID", r#"".hidden""#), 2, "Run_ID", "begins with '.'; an ASCII letter or digit must come first"),
        ("id like an option", set("Run_ID", r#""-rf""#), 2, "Run_ID", "begins with '-'"),
        ("id of a marker", set("Run_ID", r#""RUN-1.notion""#), 2, "Run_ID", "ends in `.notion`"),
        ("empty id", set("Run_ID", r#""""#), 2, "Run_ID", "is empty"),
        ("id of an emoji", set("Run_ID", r#""🚀""#), 2, "Run_ID", "contains '🚀'"),
        ("id with a space", set("Run_ID", r#""RUN 1""#), 2, "Run_ID", "contains ' '"),
        ("id with a line break", set("Run_ID", r#""RUN\n1""#), 2, "Run_ID", r"`RUN\n1` contains '\n'"),
        ("id is a number", set("Run_ID", "1"), 2, "Run_ID", "must be a string, not 1"),
        ("id is a list", set("Run_ID", r#"["RUN-1"]"#), 2, "Run_ID", r#"must be a string, not ["RUN-1"]"#),
        ("bad scenario id", set("Scenario_ID", r#""a/b""#), 4, "Scenario_ID", "contains '/'"),
        ("bad rerun_of", set("rerun_of", r#""..""#), ADDED, "rerun_of", "begins with '.'"),
    ]
}

#[rustfmt::skip] // One row a line.
fn amounts() -> Vec<Row> {
    const NOT_A_NUMBER: &str = "not a plain JSON number; write credits as a number without quotes";
    let bad = |value| set("Credits_Total", value);
    let field = "Credits_Total";
    vec![
        ("negative credits", bad("-1"), 7, field, "-1: credits cannot be negative"),
        ("slightly negative credits", bad("-0.0000001"), 7, field, "-0.0000001: credits cannot be negative"),
        ("credits NaN", bad("NaN"), 7, "", "expected value"),
        ("credits Infinity", bad("Infinity"), 7, "", "expected value"),
        ("credits beyond measure", bad("1e300"), 7, field, "1e300: more than 1000000000000 credits"),
        ("credits just too large", bad("1e13"), 7, field, "1e13: more than 1000000000000 credits"),
        ("credits in quotes", bad(r#""12""#), 7, field, r#""12": not a plain JSON number"#),
        ("credits true", bad("true"), 7, field, NOT_A_NUMBER),
        ("credits a list", bad("[]"), 7, field, NOT_A_NUMBER),
        ("credits an object", bad("{}"), 7, field, NOT_A_NUMBER),
        ("credits null", bad("null"), 1, field, "is missing; a run cannot be judged without it"),
        ("credits with two points", bad("1.2.3"), 7, "", "expected `,` or `}`"),
        ("credits in hexadecimal", bad("0x10"), 7, "", "expected `,` or `}`"),
        ("credits with a plus", bad("+1"), 7, "", "expected value"),
        ("credits with a leading zero", bad("012"), 7, "", "invalid number"),
        ("credits with a bare point", bad("1."), 8, "", "invalid number"),
        ("credits with a comma", bad("1,5"), 7, "", "key must be a string"),
        ("negative part", set("Credits_In", "-3"), ADDED, "Credits_In", "cannot be negative"),
        ("part in quotes", set("Credits_Out", r#""3""#), ADDED, "Credits_Out", NOT_A_NUMBER),
        ("negative retries", set("retry_count", "-1"), ADDED, "retry_count", "must be a whole number from 0 to 2^53 - 1, not -1"),
        ("half a retry", set("retry_count", "1.5"), ADDED, "retry_count", "not 1.5"),
        ("retries in quotes", set("retry_count", r#""3""#), ADDED, "retry_count", r#"not "3""#),
        ("retries beyond 2^53 - 1", set("retry_count", "9007199254740992"), ADDED, "retry_count", "not 9007199254740992"),
        ("retries with an exponent", set("retry_count", "1e2"), ADDED, "retry_count", "not 1e2"),
        ("tokens beyond 2^64", set("Input_Tokens", "99999999999999999999"), ADDED, "Input_Tokens", "must be a whole number"),
        ("tokens negative zero", set("Output_Tokens", "-0"), ADDED, "Output_Tokens", "must be a whole number"),
        ("items true", set("input_item_count", "true"), ADDED, "input_item_count", "not true"),
    ]
}

#[rustfmt::skip] // One row a line.
fn times() -> Vec<Row> {
    const FORM: &str = "is not an RFC 3339 time with an offset, such as 2024-01-23T10:00:00Z";
    let bad = |value| set("Timestamp", value);
    let field = "Timestamp";
    vec![
        ("no offset", bad(r#""2024-01-23T10:00:00""#), 3, field, FORM),
        ("space instead of T", bad(r#""2024-01-23 10:00:00Z""#), 3, field, FORM),
        ("30 February", bad(r#""2024-02-30T10:00:00Z""#), 3, field, FORM),
        ("29 February of a common year", bad(r#""2023-02-29T10:00:00Z""#), 3, field, FORM),
        ("epoch number", bad("1706004000"), 3, field, "must be a string, not 1706004000"),
        ("epoch number in quotes", bad(r#""1706004000""#), 3, field, FORM),
        ("leap second", bad(r#""2016-12-31T23:59:60Z""#), 3, field, "a leap second (:60) cannot be placed"),
        ("25 o'clock", bad(r#""2024-01-23T25:00:00Z""#), 3, field, FORM),
        ("ten decimals", bad(r#""2024-01-23T10:00:00.1234567890Z""#), 3, field, "more than nine decimals"),
        ("empty time", bad(r#""""#), 3, field, FORM),
        ("day only", bad(r#""2024-01-23""#), 3, field, FORM),
        ("lower-case letters", bad(r#""2024-01-23t10:00:00z""#), 3, field, FORM),
        ("typographic minus", bad("\"2024-01-23T10:00:00\u{2212}05:00\""), 3, field, FORM),
        ("before the year 1", bad(r#""0000-12-31T23:00:00Z""#), 3, field, "outside the years 0001 to 9999"),
        ("bad deployment", set("deployment_timestamp", r#""yesterday""#), ADDED, "deployment_timestamp", "`yesterday` is not an RFC 3339 time"),
    ]
}

#[rustfmt::skip] // One row a line.
fn words() -> Vec<Row> {
    vec![
        ("unknown status", set("Status", r#""Done""#), 6, "Status", r#""Done" is not a known status; allowed are Success, Failed"#),
        ("status in lower case", set("Status", r#""success""#), 6, "Status", "is not a known status"),
        ("unknown job type", set("Job_Type", r#""MAIL""#), 5, "Job_Type", r#""MAIL" is not a known job type; allowed are ANALYSIS"#),
        ("unknown flag", set("Risk_Flags", r#"["retry_loop", "odd"]"#), ADDED, "Risk_Flags", r#""odd" is not a known risk flag"#),
        ("flags a string", set("Risk_Flags", r#""retry_loop""#), ADDED, "Risk_Flags", r#"must be an array of strings, not "retry_loop""#),
        ("a number among flags", set("Risk_Flags", r#"["retry_loop", 3]"#), ADDED, "Risk_Flags", "must be an array of strings"),
        ("flags an object", set("Risk_Flags", r#"{"retry_loop": true}"#), ADDED, "Risk_Flags", "must be an array of strings"),
        ("null among flags", set("Risk_Flags", "[null]"), ADDED, "Risk_Flags", "must be an array of strings"),
        ("boolean in quotes", set("is_batch_job", r#""true""#), ADDED, "is_batch_job", r#"must be true or false, not "true""#),
        ("boolean as a number", set("has_max_items_config", "1"), ADDED, "has_max_items_config", "must be true or false, not 1"),
        ("model a number", set("Model", "4"), ADDED, "Model", "must be a string, not 4"),
        ("name an object", set("Scenario_Name", "{}"), ADDED, "Scenario_Name", "must be a string, not {}"),
        ("half a surrogate pair in a name", set("Scenario_Name", r#""\ud83d""#), ADDED, "Scenario_Name", "must be a string"),
        ("half a surrogate pair in an unknown field", set("note", r#""\ud83d""#), ADDED, "note", "half a surrogate pair"),
        ("a second half alone", set("note", r#"["ok", "\ude80\ud83d"]"#), ADDED, "note", "half a surrogate pair"),
        ("half a pair and a letter", set("note", r#"{"\ud83d\u0041": 1}"#), ADDED, "note", "half a surrogate pair"),
        ("half a surrogate pair in a key", Add(r#""\ud83d": 1"#), ADDED, "", "hex escape"),
        ("nested a hundred deep", Set("x", "[".repeat(100) + &"]".repeat(100)), ADDED, "x", "nests deeper than 32 levels"),
        ("a known field nested", Set("Model", "[".repeat(100) + &"]".repeat(100)), ADDED, "Model", "must be a string"),
    ]
}

#[rustfmt::skip] // One row a line.
fn texts() -> Vec<Row> {
    vec![
        ("without Run_ID", Without("Run_ID"), 1, "Run_ID", "is missing"),
        ("without Timestamp", Without("Timestamp"), 1, "Timestamp", "is missing"),
        ("without Scenario_ID", Without("Scenario_ID"), 1, "Scenario_ID", "is missing"),
        ("without Job_Type", Without("Job_Type"), 1, "Job_Type", "is missing"),
        ("without Status", Without("Status"), 1, "Status", "is missing"),
        ("without Credits_Total", Without("Credits_Total"), 1, "Credits_Total", "is missing"),
        ("an empty object", text("{}"), 1, "Run_ID", "is missing"),
        ("an empty scenario name", text(r#"{"Run_ID":"R","Scenario_Name":""}"#), 1, "Scenario_ID", "is missing"),
        ("the same key twice", Add(r#""Status": "Failed""#), ADDED, "", r#"duplicate key "Status""#),
        ("the same key twice in other letters", Add(r#""\u0053tatus": "Failed""#), ADDED, "", r#"duplicate key "Status""#),
        ("an unknown key twice", Add("\"x\": 1,\n\"x\": 1"), ADDED + 1, "", r#"duplicate key "x""#),
        ("both spellings", Add(r#""credits_total": 1.5"#), ADDED, "Credits_Total", "is given a second time as `credits_total`; keep one"),
        ("both spellings, one null", Add(r#""run_id": null"#), ADDED, "Run_ID", "second time as `run_id`"),
        ("cut off", text("{\n\"Run_ID\": \"RUN"), 2, "", "EOF while parsing a string"),
        ("cut off after a comma", text("{\"Run_ID\": \"R\",\n"), 2, "", "EOF while parsing"),
        ("invalid escape", set("Model", r#""a\x""#), ADDED, "", "invalid escape"),
        ("invalid hexadecimal escape", set("Model", r#""\u12g4""#), ADDED, "", "invalid escape"),
        ("raw control character", set("Model", "\"a\u{1}b\""), ADDED, "", "control character"),
        ("raw line break in a string", set("Model", "\"a\nb\""), ADDED, "", "control character"),
        ("an array", text("[\n{}]"), 1, "", "expected a JSON object"),
        ("a string", text("\"run\""), 1, "", "expected a JSON object"),
        ("null", text("null"), 1, "", "expected a JSON object"),
        ("empty text", text(""), 1, "", "EOF while parsing a value"),
        ("white space only", text(" \n "), 2, "", "EOF while parsing a value"),
        ("text after the object", text("{}\n{}"), 2, "", "trailing characters"),
        ("trailing comma", text("{\"Run_ID\": \"R\",}"), 1, "", "trailing comma"),
        ("comment", text("{ // run\n}"), 1, "", "key must be a string"),
        ("single quotes", text("{'Run_ID': 'R'}"), 1, "", "key must be a string"),
        ("byte order mark", text("\u{feff}{}"), 1, "", "expected value"),
        ("member without a value", text("{\"Run_ID\"}"), 1, "", "expected `:`"),
    ]
}

#[test]
fn each_bad_run_is_refused_with_its_place_and_reason() {
    let rows: Vec<Row> = [ids(), amounts(), times(), words(), texts()]
        .into_iter()
        .flatten()
        .collect();
    assert!(rows.len() >= 60, "{}", rows.len());
    let mut wrong = Vec::new();
    for (name, input, line, field, part) in &rows {
        let text = input.text();
        match Run::parse(&text) {
            Ok(parsed) => wrong.push(format!("{name}: accepted as {}", parsed.run.to_json())),
            Err(error) => {
                let message = error.to_string();
                let fits = error.line == *line && error.field == *field && message.contains(part);
                if !fits {
                    wrong.push(format!(
                        "{name}: wanted line {line}, {field:?}, {part:?}\n  found {message}"
                    ));
                }
                if message.contains(char::is_control) || message.chars().count() > 400 {
                    wrong.push(format!("{name}: not fit to print: {message:?}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_run_that_is_spoilt_is_good() {
    let parsed = Run::parse(&Without("nothing").text()).unwrap();
    assert_eq!(parsed.run.run_id.as_str(), "RUN-1");
}

#[test]
fn names_are_distinct() {
    let rows = [ids(), amounts(), times(), words(), texts()];
    let names: Vec<_> = rows.iter().flatten().map(|row| row.0).collect();
    let distinct: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
}
