//! Where in a file a path lies.

use credit_core::json::{self, Object};
use serde_json::value::RawValue;

/// The line of the value under `path`, such as `severity_policy.sev1.action[2]`; `None` where the
/// file does not have it.
pub(super) fn line(text: &str, path: &str) -> Option<usize> {
    value(text, path).map(|value| json::line_of(text, value))
}

/// The text of the value under `path`.
pub(super) fn value<'a>(text: &'a str, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(text, |value, segment| {
        let (key, index) = match segment.strip_suffix(']').and_then(|s| s.split_once('[')) {
            Some((key, index)) => (key, Some(index.parse::<usize>().ok()?)),
            None => (segment, None),
        };
        let value = Object::parse(value).ok()?.get(key)?.get();
        match index {
            Some(index) => Some(entries(value).get(index)?.get()),
            None => Some(value),
        }
    })
}

/// The path of the entry of a list that is this word, or that of the list.
pub(super) fn of_word(text: &str, list: &str, word: &str) -> String {
    let quoted = format!("\"{word}\"");
    let entries = value(text, list).map(entries).unwrap_or_default();
    match entries.iter().position(|entry| entry.get() == quoted) {
        Some(index) => format!("{list}[{index}]"),
        None => list.to_owned(),
    }
}

fn entries(list: &str) -> Vec<&RawValue> {
    serde_json::from_str(list).unwrap_or_default()
}
