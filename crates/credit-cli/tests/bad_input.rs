//! Everything that may come in wrong, by name. Each row goes through the real binary in a tree of
//! its own: the message says place, field and reason, the exit code is right, the good runs beside
//! a bad one are kept, and of the bad one nothing is written.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use std::collections::BTreeSet;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use support::{BASELINES, LEDGER, OPERATORS, POLICY, Tree, assert_same, baselines, run};

/// Stands in every bad run, so that a trace of it is found wherever it was written.
const MARK: &str = "SPOILT-4711";

/// Collects what is wrong with which row, to be told all at once.
#[derive(Default)]
struct Rows {
    names: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Rows {
    fn check(&mut self, name: &str, row: impl FnOnce(&mut Vec<String>)) {
        assert!(
            self.names.insert(name.to_owned()),
            "two rows are named {name:?}"
        );
        let mut wrong = Vec::new();
        row(&mut wrong);
        self.wrong
            .extend(wrong.into_iter().map(|w| format!("{name}: {w}")));
    }

    #[track_caller]
    fn end(self, at_least: usize) {
        let (rows, wrong) = (self.names.len(), self.wrong);
        assert!(rows >= at_least, "only {rows} rows");
        assert!(
            wrong.is_empty(),
            "{} of {rows} rows:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

macro_rules! expect {
    ($wrong:expr, $holds:expr, $($told:tt)+) => {
        if !$holds {
            $wrong.push(format!($($told)+));
        }
    };
}

/// A run with one member changed or added.
fn with(key: &str, value: &str) -> Vec<u8> {
    let mark = format!("\"{MARK}\"");
    run("BAD-1", 1, &[("note", &mark), (key, value)]).into_bytes()
}

/// A run without one of its members.
fn without(key: &str) -> Vec<u8> {
    let line = String::from_utf8(with("retry_count", "0")).unwrap();
    let start = line.find(&format!("\"{key}\"")).unwrap();
    let end = start + line[start..].find(",\"").unwrap() + 1;
    format!("{}{}", &line[..start], &line[end..]).into_bytes()
}

/// A run with text put in before its closing brace.
fn adding(text: &str) -> Vec<u8> {
    let line = String::from_utf8(with("retry_count", "0")).unwrap();
    format!("{},{text}}}\n", line.trim_end().trim_end_matches('}')).into_bytes()
}

fn raw(text: &str) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

/// Name, line, parts of the message.
type BadRun = (&'static str, Vec<u8>, &'static [&'static str]);

#[rustfmt::skip] // One row a line.
fn bad_runs() -> Vec<BadRun> {
    const TIME: &str = "is not an RFC 3339 time with an offset, such as 2024-01-23T10:00:00Z";
    const CREDITS: &str = "not a plain JSON number; write credits as a number without quotes";
    let long = format!("\"{}\"", "a".repeat(10_000));
    let deep = "[".repeat(100) + &"]".repeat(100);
    let mut not_utf8 = with("Model", "\"x\"");
    let at = not_utf8.iter().position(|b| *b == b'x').unwrap();
    not_utf8[at] = 0xff;
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend(with("retry_count", "0"));
    let mut with_return = with("retry_count", "0");
    with_return.pop();
    with_return.extend(b"\r\n");
    let mut long_line = with("retry_count", "0");
    long_line.truncate(long_line.len() - 2);
    long_line.extend(format!(",\"log\":\"{}\"}}\n", "x".repeat(70_000)).bytes());
    vec![
        ("id with two dots", with("Run_ID", "\"RUN..1\""), &["`Run_ID`", "`RUN..1` contains `..`"]),
        ("id climbing out", with("Run_ID", "\"../../escape\""), &["`Run_ID`", "`../../escape` begins with '.'"]),
        ("id with a slash", with("Run_ID", "\"RUN/1\""), &["`Run_ID`", "contains '/'; only ASCII letters"]),
        ("id with a backslash", with("Run_ID", r#""RUN\\1""#), &["`Run_ID`", r"contains '\\'"]),
        ("absolute id", with("Run_ID", "\"/etc/x\""), &["`Run_ID`", "`/etc/x`"]),
        ("id with NUL", with("Run_ID", r#""RUN\u00001""#), &["`Run_ID`", r"contains '\0'"]),
        ("id with a bidi mark", with("Run_ID", r#""RUN\u202e1""#), &["`Run_ID`", r"'\u{202e}'"]),
        ("id with a raw bidi mark", with("Run_ID", "\"RUN\u{2067}1\""), &["`Run_ID`", r"'\u{2067}'"]),
        ("id of ten kilobytes", with("Run_ID", &long), &["`Run_ID`", "has 10000 bytes; at most 128"]),
        ("empty id", with("Run_ID", "\"\""), &["`Run_ID`", "is empty"]),
        ("id a number", with("Run_ID", "7"), &["`Run_ID`", "must be a string, not 7"]),
        ("scenario with a slash", with("Scenario_ID", "\"a/b\""), &["`Scenario_ID`", "contains '/'"]),
        ("scenario climbing out", with("Scenario_ID", "\"..\""), &["`Scenario_ID`", "begins with '.'"]),
        ("scenario of ten kilobytes", with("Scenario_ID", &long), &["`Scenario_ID`", "10000 bytes"]),
        ("credits negative", with("Credits_Total", "-1"), &["`Credits_Total`", "-1: credits cannot be negative"]),
        ("credits NaN", with("Credits_Total", "NaN"), &["expected value (column"]),
        ("credits infinite", with("Credits_Total", "Infinity"), &["expected value (column"]),
        ("credits beyond measure", with("Credits_Total", "1e300"), &["`Credits_Total`", "1e300: more than 1000000000000 credits"]),
        ("credits in quotes", with("Credits_Total", "\"12\""), &["`Credits_Total`", "\"12\"", CREDITS]),
        ("credits null", with("Credits_Total", "null"), &["`Credits_Total`", "is missing; a run cannot be judged"]),
        ("credits true", with("Credits_Total", "true"), &["`Credits_Total`", CREDITS]),
        ("credits a list", with("Credits_Total", "[1]"), &["`Credits_Total`", CREDITS]),
        ("credits with a comma", with("Credits_Total", "1,5"), &["key must be a string"]),
        ("credits in hexadecimal", with("Credits_Total", "0x10"), &["expected `,` or `}`"]),
        ("negative part of the credits", with("Credits_In", "-0.5"), &["`Credits_In`", "cannot be negative"]),
        ("time without an offset", with("Timestamp", "\"2024-01-23T10:00:00\""), &["`Timestamp`", TIME]),
        ("time with a space", with("Timestamp", "\"2024-01-23 10:00:00Z\""), &["`Timestamp`", TIME]),
        ("time on 30 February", with("Timestamp", "\"2024-02-30T10:00:00Z\""), &["`Timestamp`", TIME]),
        ("time in American", with("Timestamp", "\"01/23/2024 10:00\""), &["`Timestamp`", "`01/23/2024 10:00`", TIME]),
        ("time as an epoch", with("Timestamp", "1706004000"), &["`Timestamp`", "must be a string, not 1706004000"]),
        ("day only", with("Timestamp", "\"2024-01-23\""), &["`Timestamp`", TIME]),
        ("leap second", with("Timestamp", "\"2016-12-31T23:59:60Z\""), &["`Timestamp`", "leap second"]),
        ("bad deployment time", with("deployment_timestamp", "\"yesterday\""), &["`deployment_timestamp`", "`yesterday`"]),
        ("key twice", adding("\"Status\":\"Failed\""), &["duplicate key \"Status\""]),
        ("unknown key twice", adding("\"x\":1,\"x\":2"), &["duplicate key \"x\""]),
        ("both spellings of a key", adding("\"credits_total\":2"), &["`Credits_Total`", "second time as `credits_total`"]),
        ("cut off", raw(&format!("{{\"Run_ID\":\"BAD-1\",\"note\":\"{MARK}")), &["EOF while parsing a string"]),
        ("trailing comma", raw("{\"Run_ID\":\"BAD-1\",}"), &["trailing comma (column"]),
        ("two objects in a line", raw("{} {}"), &["trailing characters"]),
        ("carriage return", with_return, &["carriage return", "tr -d '\\r'"]),
        ("not UTF-8", not_utf8, &["not UTF-8", "iconv"]),
        ("byte order mark", marked, &["byte order mark", "save the file as plain UTF-8"]),
        ("nested a hundred deep", with("x", &deep), &["`x`", "nests deeper than 32"]),
        ("line too long", long_line, &["the line would be 71", "at most 65535"]),
        ("unknown status", with("Status", "\"Done\""), &["`Status`", "\"Done\" is not a known status; allowed are Success, Failed"]),
        ("unknown job type", with("Job_Type", "\"MAIL\""), &["`Job_Type`", "\"MAIL\"", "allowed are ANALYSIS"]),
        ("unknown flag", with("Risk_Flags", "[\"odd\"]"), &["`Risk_Flags`", "\"odd\"", "allowed are retry_loop"]),
        ("flags a string", with("Risk_Flags", "\"retry_loop\""), &["`Risk_Flags`", "must be an array of strings"]),
        ("negative retries", with("retry_count", "-1"), &["`retry_count`", "whole number", "not -1"]),
        ("half a retry", with("retry_count", "1.5"), &["`retry_count`", "not 1.5"]),
        ("boolean in quotes", with("is_backfill", "\"true\""), &["`is_backfill`", "must be true or false"]),
        ("half a surrogate pair", with("x", r#""\ud83d""#), &["`x`", "half a surrogate pair"]),
        ("without Run_ID", without("Run_ID"), &["`Run_ID`", "is missing"]),
        ("without Timestamp", without("Timestamp"), &["`Timestamp`", "is missing"]),
        ("without a scenario", without("Scenario_ID"), &["`Scenario_ID`", "is missing"]),
        ("without Status", without("Status"), &["`Status`", "is missing"]),
        ("without Credits_Total", without("Credits_Total"), &["`Credits_Total`", "is missing"]),
        ("empty object", raw("{}"), &["`Run_ID`", "is missing"]),
        ("a string", raw("\"run\""), &["expected a JSON object"]),
        ("a list", raw("[1]"), &["expected a JSON object"]),
        ("no JSON at all", raw("RUN-1,2024-01-23,12"), &["not a JSON object"]),
        ("id taken by another run", with("Run_ID", "\"GOOD-1\""), &["`Run_ID`", "`GOOD-1` is already in the ledger with other content"]),
    ]
}

/// Between two good runs, in a tree of its own.
fn check_run(tree: &Tree, bad: &[u8], parts: &[&str], wrong: &mut Vec<String>) {
    let mut file = run("GOOD-1", 10, &[]).into_bytes();
    file.extend(bad);
    file.extend(run("GOOD-2", 20, &[]).bytes());
    let done = tree.ingest(file);
    expect!(wrong, done.code == 1, "exit code {}", done.code);
    let refused: Vec<&str> = done
        .stderr
        .lines()
        .filter(|l| l.starts_with("refused: "))
        .collect();
    let [told] = refused[..] else {
        wrong.push(format!("refused: {:?}", done.stderr));
        return;
    };
    expect!(
        wrong,
        told.starts_with("refused: line 2: "),
        "line in {told}"
    );
    for part in parts {
        expect!(wrong, told.contains(part), "no {part:?} in {told}");
    }
    expect!(
        wrong,
        !told.contains(char::is_control) && told.len() < 600,
        "not fit to print: {told:?}"
    );
    expect!(
        wrong,
        done.stdout
            .contains("2 added to the ledger, 0 duplicates, 1 refused"),
        "{done}"
    );
    let ids: Vec<Value> = tree.lines().iter().map(|l| l["Run_ID"].clone()).collect();
    expect!(wrong, ids == ["GOOD-1", "GOOD-2"], "kept {ids:?}");
    for trace in [MARK, "BAD-1", "escape"] {
        expect!(
            wrong,
            !tree.mentions(trace),
            "{trace} is somewhere in the tree"
        );
    }
    let run_files = tree
        .files()
        .into_keys()
        .filter(|p| p.to_string_lossy().contains("/run_"));
    let run_files = run_files.count();
    expect!(wrong, run_files == 4, "{run_files} run files and sidecars");
    expect!(
        wrong,
        tree.beside() == ["runs.jsonl"],
        "beside the tree: {:?}",
        tree.beside()
    );
    let verified = tree.ctl(["verify"]);
    expect!(wrong, verified.code == 0, "{verified}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Name, the file's bytes, parts of the message, ids that are kept.
type BadFile = (
    &'static str,
    Vec<u8>,
    &'static [&'static str],
    &'static [&'static str],
);

#[rustfmt::skip] // One row a line.
fn bad_files() -> Vec<BadFile> {
    let (one, two) = (run("GOOD-1", 10, &[]), run("GOOD-2", 20, &[]));
    let both = format!("{one}{two}");
    let array = format!("[{},\n{}]\n", one.trim_end(), two.trim_end());
    let bytes = |parts: &[&[u8]]| parts.concat();
    let gz = gzip(both.as_bytes());
    let mut spoilt_gz = gz.clone();
    let end = spoilt_gz.len();
    spoilt_gz[end - 6] ^= 0xff;
    vec![
        ("array cut off", array[..array.len() - 3].into(), &["refused: line 2: ", "not a whole JSON array, so none of its runs is read"], &[]),
        ("array cut off behind a comma", format!("[{},\n", one.trim_end()).into(), &["refused: line 2: ", "EOF while parsing"], &[]),
        ("array without a comma", format!("[{one}{two}]").into(), &["refused: line 2: ", "expected `,` or `]`"], &[]),
        ("array with text behind it", format!("{array}x").into(), &["refused: line 3: ", "trailing characters"], &[]),
        ("array with a bad run in it", format!("[{},\n{{\"Run_ID\":\"R\"}},\n{}]", one.trim_end(), two.trim_end()).into(), &["refused: line 2: `Scenario_ID`: is missing"], &["GOOD-1", "GOOD-2"]),
        ("array of other things", b"[1,\n\"x\",\nnull]".into(), &["refused: line 1: ", "refused: line 2: ", "refused: line 3: ", "expected a JSON object"], &[]),
        ("array with bytes that are not UTF-8", bytes(&[b"[", one.as_bytes(), b"\xff]"]), &["refused: line 2: not UTF-8"], &[]),
        ("lines with bytes that are not UTF-8", bytes(&[one.as_bytes(), b"\xfe\n", two.as_bytes()]), &["refused: line 2: not UTF-8"], &["GOOD-1", "GOOD-2"]),
        ("UTF-16", both.encode_utf16().flat_map(u16::to_le_bytes).collect(), &["refused: line 1: "], &[]),
        ("byte order mark before lines", bytes(&[b"\xef\xbb\xbf", both.as_bytes()]), &["refused: line 1: ", "byte order mark"], &["GOOD-2"]),
        ("byte order mark before an array", bytes(&[b"\xef\xbb\xbf", array.as_bytes()]), &["refused: line 1: ", "byte order mark"], &[]),
        ("CRLF lines", both.replace('\n', "\r\n").into(), &["refused: line 1: ", "refused: line 2: ", "carriage return", "tr -d '\\r'"], &[]),
        ("old Macintosh lines", both.replace('\n', "\r").into(), &["refused: line 1: ", "carriage return"], &[]),
        ("empty object", b"{}".into(), &["refused: line 1: `Run_ID`: is missing, also `Timestamp`, `Job_Type`, `Status`, `Credits_Total`; "], &[]),
        ("one mistake in every line", "{\"Run_ID\":\"R\"}\n".repeat(300).into(), &["refused: line 1: `Scenario_ID`: is missing", "refused: lines 2 to 300: 299 more for the same reason"], &[]),
        ("one mistake, then another, then the first again", "{\"Run_ID\":\"R\"}\n{}\n{\"Run_ID\":\"R\"}\n".into(), &["refused: line 1: `Scenario_ID`", "refused: line 2: `Run_ID`", "refused: line 3: `Scenario_ID`"], &[]),
        ("object over several lines with a bad field", b"{\n\"Run_ID\": \"R\",\n\"Timestamp\": 5,\n\"Scenario_ID\":\"S\"}".into(), &["refused: line 3: `Timestamp`: must be a string, not 5"], &[]),
        ("object over several lines cut off", b"{\n\"Run_ID\": \"R\",\n\"Timesta".into(), &["refused: line 3: ", "EOF while parsing a string"], &[]),
        ("gzip cut short", gz[..gz.len() / 2].into(), &["error: unpacking ", "input: "], &[]),
        ("gzip with a wrong checksum", spoilt_gz, &["error: unpacking ", "corrupt"], &[]),
        ("gzip head only", vec![0x1f, 0x8b], &["error: unpacking "], &[]),
        ("last line cut off", format!("{both}{{\"Run_ID\":\"GOOD-3\",\"Cre").into(), &["refused: line 3: ", "EOF while parsing a string"], &["GOOD-1", "GOOD-2"]),
        ("words", b"hello\nworld\n".into(), &["refused: line 1: not a JSON object"], &[]),
    ]
}

fn check_file(tree: &Tree, bytes: &[u8], parts: &[&str], kept: &[&str], wrong: &mut Vec<String>) {
    let before = tree.untouched();
    let file = tree.write("../input", bytes);
    let done = tree.ctl(["ingest".as_ref(), file.as_os_str()]);
    expect!(wrong, done.code == 1, "exit code {}", done.code);
    for part in parts {
        expect!(
            wrong,
            done.stderr.contains(part),
            "no {part:?} in {}",
            done.stderr
        );
    }
    expect!(
        wrong,
        !done.stderr.contains('\r'),
        "not fit to print: {:?}",
        done.stderr
    );
    if kept.is_empty() {
        expect!(
            wrong,
            before == tree.untouched(),
            "something was written: {:?}",
            tree.files()
        );
    } else {
        let ids: Vec<Value> = tree.lines().iter().map(|l| l["Run_ID"].clone()).collect();
        expect!(wrong, ids == kept, "kept {ids:?}");
    }
}

/// Name, file in the tree, its content, who acts, parts of the message.
type BadConfig = (&'static str, &'static str, Vec<u8>, &'static [&'static str]);

#[rustfmt::skip] // One row a line.
fn bad_policies() -> Vec<BadConfig> {
    let standard = credit_monitor::policy::STANDARD_JSON;
    let change = |from: &str, to: &str| {
        assert_eq!(standard.matches(from).count(), 1, "{from}");
        standard.replace(from, to).into_bytes()
    };

    let sev2 = |to: &str| change("\"multiplier\": 2,", &format!("\"multiplier\": {to},"));
    vec![
        ("policy cut off", POLICY, standard[..standard.len() / 2].into(), &["line ", "EOF while parsing"]),
        ("policy empty", POLICY, b"".into(), &["line 1: ", "not a JSON object"]),
        ("policy an array", POLICY, b"[]".into(), &["line 1: ", "not a JSON object"]),
        ("policy with a byte order mark", POLICY, ["\u{feff}", standard].concat().into(), &["line 1: ", "byte order mark"]),
        ("policy not UTF-8", POLICY, b"{\"version\":\"\xff\"}".into(), &["not UTF-8"]),
        ("policy without a version", POLICY, change("\"version\": \"1.0.0\",", ""), &["`version`", "is missing"]),
        ("policy with thresholds out of order", POLICY, sev2("6"), &["line 24: ", "`severity_policy.sev2.multiplier`", "6 is not below the 5 of"]),
        ("policy with equal thresholds", POLICY, sev2("5"), &["line 24: ", "5 is not below the 5"]),
        ("policy with a negative threshold", POLICY, sev2("-2"), &["line 24: ", "`severity_policy.sev2.multiplier`", "-2"]),
        ("policy with a threshold in quotes", POLICY, sev2("\"2\""), &["line 24: ", "not `\"2\"`"]),
        ("policy with a threshold beyond measure", POLICY, sev2("1e300"), &["line 24: ", "1e300"]),
        ("policy with a negative weight", POLICY, change("\"misconfig_weight\": 3", "\"misconfig_weight\": -3"), &["line 46: ", "retry_loop.misconfig_weight", "-3"]),
        ("policy with half a weight", POLICY, change("\"misconfig_weight\": 3", "\"misconfig_weight\": 0.5"), &["line 46: ", "0.5"]),
        ("policy with an unknown action", POLICY, change("\"slack_alert\"", "\"slack_shout\""), &["line 20: ", "`slack_shout` is not a known action", "slack_alert"]),
        ("policy with an unknown flag", POLICY, change("\"retry_loop\": {", "\"retry_lop\": {"), &["line 45: ", "`risk_flags.retry_lop`", "did you mean"]),
        ("policy with an unknown key", POLICY, change("\"max_retries\": 5", "\"max_retrys\": 5"), &["`max_retrys`", "is not a known key", "max_retries"]),
        ("policy with a key twice", POLICY, change("\"max_retries\": 5", "\"max_retries\": 5, \"max_retries\": 6"), &["max_retries", "twice"]),
        ("policy without a severity", POLICY, change("\"sev3\": {", "\"sev9\": {"), &["sev9"]),
        ("policy with cut-offs out of order", POLICY, change("\"medium\": 3", "\"medium\": 7"), &["`likelihood.medium`", "7 is not below the 6"]),
        ("policy with an unknown severity", POLICY, change("\"severity\": \"SEV1\"", "\"severity\": \"SEV7\""), &["`missing_baseline.severity`", "SEV7", "SEV1"]),
        ("policy with an unknown status", POLICY, change("\"Success\"", "\"Done\""), &["healthy_run_statuses", "`Done`", "Success"]),
        ("policy with a negative number of days", POLICY, change("\"quiet_days\": 14", "\"quiet_days\": -14"), &["`update_gate.quiet_days`", "-14"]),
    ]
}

#[rustfmt::skip] // One row a line.
fn bad_baselines() -> Vec<BadConfig> {
    let good = baselines(&[("A", "1"), ("BINDER_EXPORT_WEEKLY", "2")]).replace("},{", "},\n{");
    let change = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        let at = good.rfind(from).unwrap();
        [&good[..at], to, &good[at + from.len()..]].concat().into_bytes()
    };
    let median = |to: &str| change("\"median_credits\":2", &format!("\"median_credits\":{to}"));
    vec![
        ("baselines cut off", BASELINES, good[..good.len() - 20].into(), &["line 2: ", "EOF while parsing"]),
        ("baselines empty", BASELINES, b"".into(), &["line 1: ", "EOF while parsing"]),
        ("baselines an array", BASELINES, b"[]".into(), &["line 1: ", "expected a JSON object"]),
        ("baselines not UTF-8", BASELINES, b"{\xff}".into(), &["not UTF-8"]),
        ("baselines without the list", BASELINES, b"{\"version\":\"1.0.0\",\"updated_at\":\"2024-01-01T00:00:00Z\"}".into(), &["line 1: `baselines`: is missing"]),
        ("baselines of version 2", BASELINES, change("\"1.0.0\"", "\"2.0.0\""), &["line 1: `version`: ", "2.0.0"]),
        ("negative median", BASELINES, median("-2"), &["line 2: `baselines[1].median_credits`: -2: credits cannot be negative"]),
        ("median in quotes", BASELINES, median("\"2\""), &["line 2: `baselines[1].median_credits`", "\"2\""]),
        ("median null", BASELINES, median("null"), &["line 2: `baselines[1].median_credits`", "null"]),
        ("median beyond measure", BASELINES, median("1e300"), &["line 2: `baselines[1].median_credits`", "1e300"]),
        ("median missing", BASELINES, change("\"median_credits\":2,", ""), &["line 2: `baselines[1].median_credits`: is missing"]),
        ("negative sample size", BASELINES, change("\"sample_size\":10", "\"sample_size\":-1"), &["line 2: `baselines[1].sample_size`", "-1"]),
        ("update time without an offset", BASELINES, change("\"last_updated\":\"2024-01-01T00:00:00Z\"", "\"last_updated\":\"2024-01-01T00:00:00\""), &["line 2: `baselines[1].last_updated`", "2024-01-01T00:00:00"]),
        ("baseline of a bad scenario", BASELINES, change("\"BINDER_EXPORT_WEEKLY\"", "\"../x\""), &["line 2: `baselines[1].scenario_id`", "../x"]),
        ("baseline with a key twice", BASELINES, change("\"sample_size\":10", "\"sample_size\":10,\"sample_size\":11"), &["line 2: ", "duplicate key \"sample_size\""]),
    ]
}

const SCENARIO: &str = "config/scenarios/BINDER_EXPORT_WEEKLY.json";

#[rustfmt::skip] // One row a line.
fn bad_operators() -> Vec<BadConfig> {
    let file = |operators: &str| format!("{{\"operators\":[\n{operators}\n]}}").into_bytes();
    vec![
        ("operators cut off", OPERATORS, b"{\"operators\":[\n".into(), &["line 2", "EOF"]),
        ("operators an array", OPERATORS, b"[1]".into(), &["line 1"]),
        ("operators with an unknown role", OPERATORS, file(r#"{"name":"ops-2","role":"O9"}"#), &["line 2", "O9", "O1"]),
        ("operators with an unknown key", OPERATORS, file(r#"{"name":"ops-2","role":"O2","secret":1}"#), &["line 2", "secret"]),
        ("operator without a role", OPERATORS, file(r#"{"name":"ops-2"}"#), &["line 2", "role"]),
        ("operator twice", OPERATORS, file(r#"{"name":"ops-2","role":"O2"},{"name":"ops-2","role":"O3"}"#), &["`ops-2` is registered twice"]),
        ("operator named service", OPERATORS, file(r#"{"name":"service","role":"O3"}"#), &["\"service\""]),
        ("operator with a path for a name", OPERATORS, file(r#"{"name":"../x","role":"O3"}"#), &["\"../x\""]),
    ]
}

#[rustfmt::skip] // One row a line.
fn bad_scenarios() -> Vec<BadConfig> {
    vec![
        ("scenario file cut off", SCENARIO, b"{\n\"max_items\":".into(), &["line 2", "EOF"]),
        ("scenario file empty", SCENARIO, b"".into(), &["line 1", "EOF"]),
        ("scenario file an array", SCENARIO, b"[]".into(), &["line 1", "expected a JSON object"]),
        ("scenario file not UTF-8", SCENARIO, b"{\"x\":\"\xff\"}".into(), &["not UTF-8"]),
        ("scenario with a negative limit", SCENARIO, b"{\n\"max_items\": -1}".into(), &["line 2: `max_items`: must be a whole number, not -1"]),
        ("scenario with a limit in quotes", SCENARIO, b"{\n\"max_items\": \"1000\"}".into(), &["line 2: `max_items`", "not \"1000\""]),
        ("scenario with a backfill in quotes", SCENARIO, b"{\"is_backfill\": \"true\"}".into(), &["line 1: `is_backfill`: must be true or false, not \"true\""]),
        ("scenario with a key twice", SCENARIO, b"{\"is_backfill\": true,\n\"is_backfill\": false}".into(), &["duplicate key \"is_backfill\"", "line 2"]),
    ]
}

/// A wrong file of `config/` stops everything that would go by it, whether or not there is a ledger.
fn check_config(tree: &Tree, row: &BadConfig, wrong: &mut Vec<String>) {
    let (_, path, content, parts) = row;
    // Keeping runs goes by all of config/, acting under a name by the operators too.
    tree.ctl([
        "run",
        "log",
        "--run-id",
        "EARLIER",
        "--credits",
        "1",
        "--scenario",
        "OTHER",
    ])
    .ok();
    tree.write(path, content);
    let before = tree.files();
    let file = tree.write("../runs.jsonl", run("BAD-1", 1, &[]));
    let name = file.as_os_str();
    let commands: [&[&std::ffi::OsStr]; 2] = [
        &["--as".as_ref(), "ops-2".as_ref(), "ingest".as_ref(), name],
        &["--as".as_ref(), "ops-2".as_ref(), "classify".as_ref(), name],
    ];
    for args in commands {
        let done = tree.ctl(args);
        expect!(wrong, done.code == 1, "{done}");
        expect!(
            wrong,
            done.stderr.contains(path),
            "no path in {}",
            done.stderr
        );
        for part in *parts {
            expect!(
                wrong,
                done.stderr.contains(part),
                "no {part:?} in {}",
                done.stderr
            );
        }
        expect!(
            wrong,
            !done.stdout.contains("SEV"),
            "judged all the same: {done}"
        );
    }
    expect!(wrong, before == tree.files(), "something was written");
}

#[test]
fn each_bad_input_is_told_and_leaves_nothing() {
    let mut rows = Rows::default();
    for (name, bad, parts) in bad_runs() {
        rows.check(name, |wrong| check_run(&Tree::new(), &bad, parts, wrong));
    }
    for (name, bytes, parts, kept) in bad_files() {
        let name = format!("file: {name}");
        rows.check(&name, |wrong| {
            check_file(&Tree::new(), &bytes, parts, kept, wrong)
        });
    }
    let config = [
        bad_policies(),
        bad_baselines(),
        bad_operators(),
        bad_scenarios(),
    ];
    for row in config.iter().flatten() {
        rows.check(row.0, |wrong| check_config(&Tree::new(), row, wrong));
    }
    rows.end(130);
}

#[test]
fn missing_files_of_config_are_named() {
    for path in [POLICY, BASELINES, OPERATORS] {
        let tree = Tree::new();
        std::fs::remove_file(tree.path(path)).unwrap();
        let before = tree.files();
        let file = tree.write("../runs.jsonl", run("BAD-1", 1, &[]));
        let done = tree.ctl([
            "--as".as_ref(),
            "ops-2".as_ref(),
            "ingest".as_ref(),
            file.as_os_str(),
        ]);
        done.code(1).says(&[path, "is missing", "creditctl init"]);
        assert_same(&before, &tree.files());
    }
}

#[test]
fn a_governed_file_that_differs_from_its_sidecar_is_refused() {
    for path in [POLICY, BASELINES, OPERATORS] {
        let tree = Tree::new();
        tree.sh(&format!(
            "cd config && f={path}; sha256sum ${{f#config/}} > ${{f#config/}}.sha256"
        ))
        .ok();
        tree.ctl([
            "--as",
            "ops-2",
            "run",
            "log",
            "--run-id",
            "R-1",
            "--credits",
            "1",
            "--scenario",
            "S",
        ])
        .ok();
        tree.write(path, tree.read(path) + " ");
        let before = tree.files();
        let args = [
            "--as",
            "ops-2",
            "run",
            "log",
            "--run-id",
            "R-2",
            "--credits",
            "1",
            "--scenario",
            "S",
        ];
        tree.ctl(args)
            .code(4)
            .says(&[path, "which is not what", ".sha256 states"]);
        assert_same(&before, &tree.files());
    }
}

#[test]
fn wrong_usage_is_told_and_leaves_nothing() {
    #[rustfmt::skip] // One row a line.
    let usage: &[(&[&str], &str)] = &[
        (&[], "Usage: creditctl"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["quarantine", "lift"], "unrecognized subcommand 'lift'"),
        (&["case", "ack", "CASE-1"], "'CASE-1'"),
        (&["case", "archive"], "<CASE|--due>"),
        (&["case", "root-cause", "CASE-20250131-7KQ2ZD", "--cause", "Bad luck", "--explanation", "x"], "'Bad luck'"),
        (&["case", "status", "CASE-20250131-7KQ2ZD", "Done"], "'Done'"),
        (&["case", "note", "CASE-20250131-7KQ2ZD", " "], "the text is empty"),
        (&["case", "thread", "CASE-20250131-7KQ2ZD", "http://x.example"], "https://"),
        (&["rerun", "approve", "R-1", "--mitigation", "x", "--addresses", "luck"], "'luck'"),
        (&["notify", "send"], "unrecognized subcommand 'send'"),
        (&["notify", "drain", "--for", "soon"], "'soon'"),
        (&["notify", "release"], "<ITEM>"),
        (&["ingest"], "<FILE>"),
        (&["ingest", "a", "b"], "unexpected argument 'b'"),
        (&["ingest", "--force", "a"], "unexpected argument '--force'"),
        (&["run"], "Usage: creditctl run"),
        (&["run", "log", "--credits", "1", "--scenario", "S"], "--run-id"),
        (&["run", "log", "--run-id", "R", "--scenario", "S"], "--credits"),
        (&["run", "log", "--run-id", "R", "--credits", "1"], "--scenario"),
        (&["run", "show"], "<RUN_ID>"),
        (&["query", "--severity", "SEV9"], "\"SEV9\" is not a known severity; allowed are SEV0"),
        (&["query", "--flag", "odd"], "\"odd\" is not a known risk flag"),
        (&["query", "--scenario", "a/b"], "contains '/'"),
        (&["query", "--days", "-1"], "-1"),
        (&["query", "--days", "x"], "'x'"),
        (&["query", "--from", "yesterday"], "'yesterday'"),
        (&["query", "--days", "7", "--from", "2024-01-01T00:00:00Z"], "cannot be used with"),
        (&["query", "--limit", "few"], "'few'"),
        (&["query", "--at", "2024-01-01"], "'2024-01-01'"),
        (&["verify", "a", "b"], "unexpected argument 'b'"),
        (&["baseline", "calculate"], "--scenario"),
        (&["baseline", "calculate", "--scenario", "S", "--days", "0"], "0 is not in 1..=3660"),
        (&["baseline", "calculate", "--scenario", "S", "--at", "noon"], "'noon'"),
        (&["baseline", "update"], "--scenario"),
        (&["baseline", "update", "--scenario", "S", "--all-stable"], "cannot be used with"),
        (&["baseline", "update", "--scenario", "S", "--approve", "--days", "3"], "cannot be used with"),
        (&["report", "weekly", "--until", "2025-13-01"], "not a day such as 2024-01-23"),
        (&["report", "weekly", "--until", "2025-02-30"], "not a day such as 2024-01-23"),
        (&["report", "monthly"], "unrecognized subcommand 'monthly'"),
        (&["policy", "adopt"], "--reason <TEXT>"),
        (&["--root"], "--root"),
    ];
    let mut rows = Rows::default();
    let tree = Tree::new();
    let before = tree.untouched();
    for (args, part) in usage {
        rows.check(&format!("{args:?}"), |wrong| {
            let done = if *args == ["--root"] {
                support::creditctl(*args, &[], &tree.root(), "")
            } else {
                tree.ctl(*args)
            };
            expect!(wrong, done.code == 2, "{done}");
            expect!(wrong, done.stderr.contains(part), "no {part:?}: {done}");
            expect!(wrong, done.stdout.is_empty(), "{done}");
        });
    }
    assert_same(&before, &tree.untouched());
    rows.end(30);
}

/// What the command line cannot know to be wrong before it looks closer: exit 1, nothing written.
#[test]
fn wrong_values_are_told_and_leave_nothing() {
    let log = |with: &[&'static str]| {
        let mut args = vec![
            "run",
            "log",
            "--run-id",
            "R",
            "--credits",
            "1",
            "--scenario",
            "S",
        ];
        for pair in with.chunks(2) {
            match args.iter().position(|a| a == &pair[0]) {
                Some(at) => args[at + 1] = pair[1],
                None => args.extend(pair),
            }
        }
        args
    };
    #[rustfmt::skip] // One row a line.
    let values: Vec<(Vec<&str>, &str)> = vec![
        (log(&["--run-id", "../x"]), "--run-id \"../x\": begins with '.'"),
        (log(&["--run-id", "a/b"]), "contains '/'"),
        (log(&["--scenario", "a b"]), "--scenario \"a b\""),
        (log(&["--credits", "-1"]), "--credits -1: credits cannot be negative"),
        (log(&["--credits", "NaN"]), "--credits NaN: not a plain JSON number"),
        (log(&["--credits", "1e300"]), "--credits 1e300: more than"),
        (log(&["--credits-in", "1,5"]), "--credits-in 1,5"),
        (log(&["--timestamp", "2024-01-23"]), "--timestamp 2024-01-23"),
        (log(&["--status", "Done"]), "--status: \"Done\" is not a known status"),
        (log(&["--job-type", "MAIL"]), "--job-type: \"MAIL\""),
        (log(&["--flag", "odd"]), "--flag: \"odd\""),
        (log(&["--retry-count", "-1"]), "--retry-count -1"),
        (log(&["--retry-count", "9007199254740993"]), "`retry_count`: must be a whole number from 0 to 2^53 - 1, not 9007199254740993"),
        (vec!["ingest", "no-such-file"], "no-such-file"),
        (vec!["classify", "no-such-file"], "no-such-file"),
        (vec!["ingest", "."], "reading ."),
        (vec!["classify", "--baseline", "-1", "-"], "--baseline -1: credits cannot be negative"),
        (vec!["run", "show", "../x"], "\"../x\" is no Run_ID"),
        (vec!["policy", "check", "no-such-file"], "no-such-file"),
        (vec!["query", "--from", "2024-01-02T00:00:00Z", "--to", "2024-01-01T00:00:00Z"], "is after --to"),
        (vec!["init", "--operator", "lead-5"], "NAME:ROLE, such as ops-2:O2"),
        (vec!["init", "--operator", "lead-5:O9"], "\"O9\" must be O1, O2 or O3"),
        (vec!["init", "--operator", "a b:O1"], "\"a b\""),
        (vec!["init", "--operator", "lead-5:O3"], r#"not overwritten; add {"name":"lead-5","role":"O3"} to its operators"#),
        (vec!["verify", "--head", "x"], "must have the form SEQ:HASH"),
        (vec!["verify", "--head", "0:12"], "must have the form SEQ:HASH"),
    ];
    let mut rows = Rows::default();
    let tree = Tree::new();
    let before = tree.untouched();
    for (args, part) in values {
        rows.check(&format!("{args:?}"), |wrong| {
            let done = tree.ctl(&args);
            expect!(wrong, done.code == 1, "{done}");
            expect!(wrong, done.stderr.contains(part), "no {part:?}: {done}");
            expect!(wrong, done.stderr.contains("\nhelp: "), "no help: {done}");
            expect!(wrong, done.stdout.is_empty(), "{done}");
        });
    }
    assert_same(&before, &tree.untouched());
    assert!(!tree.path(LEDGER).exists());
    rows.end(25);
}
