//! A test that a table of the documents names is there.

use std::fs;
use std::path::{Path, PathBuf};

use super::{files, has_ending, shown};

/// Findings: cells that name `file.rs::test` where no such file has such a function.
pub(super) fn named_tests(root: &Path) -> Vec<String> {
    let all = files(root);
    let mut found = Vec::new();
    for document in all.iter().filter(|file| has_ending(file, &["md"])) {
        let text = fs::read_to_string(document).unwrap_or_default();
        for (line, path, test) in named(&text) {
            if !is_there(&all, path, test) {
                let document = shown(root, document);
                found.push(format!("{document}:{line}: `{path}::{test}` is no test"));
            }
        }
    }
    found
}

/// Line, end of the path and function of each `` `path.rs::function` `` in a table.
fn named(text: &str) -> Vec<(usize, &str, &str)> {
    let rows = text.lines().enumerate();
    let rows = rows.filter(|(_, row)| row.starts_with('|'));
    let quoted = rows.flat_map(|(at, row)| row.split('`').skip(1).step_by(2).map(move |t| (at, t)));
    let named = quoted.filter_map(|(at, text)| {
        let (path, test) = text.rsplit_once("::")?;
        path.ends_with(".rs").then_some((at + 1, path, test))
    });
    named.collect()
}

fn is_there(files: &[PathBuf], path: &str, test: &str) -> bool {
    let function = format!("fn {test}(");
    let mut files = files.iter().filter(|file| file.ends_with(path));
    files.any(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(&function)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_in_tables_only() {
        let text = "`a.rs::b` is\n| x | `a.rs::b`, `t/c.rs::d` |\n| `Pending::wait` | e.rs::f |\n";
        assert_eq!(named(text), [(2, "a.rs", "b"), (2, "t/c.rs", "d")]);
    }

    #[test]
    fn a_test_is_there_in_its_file_only() {
        let files = files(crate::root());
        assert!(is_there(&files, "named_tests.rs", "named"));
        assert!(is_there(&files, "tidy/named_tests.rs", "named"));
        assert!(!is_there(&files, "tidy.rs", "named"));
        assert!(!is_there(&files, "named_tests.rs", "name"));
    }
}
