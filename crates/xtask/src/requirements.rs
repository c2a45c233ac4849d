//! Whether each row of docs/requirements.md is held by a test that there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOCUMENT: &str = "docs/requirements.md";

/// The rows that must be held, by their prefix and numbers.
const ROWS: &[(&str, std::ops::RangeInclusive<u32>)] = &[
    ("R-", 1..=15),
    ("R-", 20..=42),
    ("R-", 50..=74),
    ("R-", 83..=84),
    ("R-", 86..=89),
    ("R-", 100..=120),
    ("R-", 130..=152),
    ("R-", 160..=172),
    ("R-", 180..=192),
    ("R-", 200..=205),
    ("R-", 210..=214),
    ("R-", 221..=221),
    ("R-", 230..=232),
    ("R-", 240..=244),
    ("R-", 250..=256),
    ("R-", 260..=274),
    ("R-", 280..=283),
    ("R-", 290..=297),
    ("R-", 309..=309),
];

/// Rows that are missing, twice there, or without a test. That a named test is there, the tables of
/// all documents are asked alike (`tidy/named_tests.rs`).
pub(crate) fn unheld(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join(DOCUMENT)).unwrap_or_default();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (i, line) in text.lines().enumerate() {
        let Some((id, tests)) = row(line) else {
            continue;
        };
        let mut say = |problem: String| found.push(format!("{DOCUMENT}:{}: {problem}", i + 1));
        if !seen.insert(id.to_owned()) {
            say(format!("{id} is there twice"));
        }
        if tests == 0 {
            say(format!("{id} names no test"));
        }
    }
    let wanted = ROWS.iter().flat_map(|(prefix, numbers)| {
        numbers
            .clone()
            .map(move |number| format!("{prefix}{number:03}"))
    });
    let missing = wanted.filter(|id| !seen.contains(id));
    found.extend(missing.map(|id| format!("{DOCUMENT}: {id} is missing")));
    found
}

/// The id of a table's row, and how many tests it names.
fn row(line: &str) -> Option<(&str, usize)> {
    let (id, rest) = line.strip_prefix("| ")?.split_once(" |")?;
    let is_id = id.split_once('-').is_some_and(|(prefix, number)| {
        matches!(prefix, "R" | "S" | "C") && number.bytes().all(|b| b.is_ascii_digit())
    });
    let quoted = rest.split('`').skip(1).step_by(2);
    is_id.then(|| (id, quoted.filter(|word| word.contains(".rs::")).count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_held_by_a_test() {
        let found = unheld(crate::root());
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn a_row_names_its_tests() {
        let line = "| R-001 | a `word` | `credit-cli/tests/roles.rs::x`, `audit.rs::y` |";
        assert_eq!(row(line), Some(("R-001", 2)));
        assert_eq!(row("| R-001 | a `word` | none |"), Some(("R-001", 0)));
        assert_eq!(row("| id | what | test |"), None);
    }
}
