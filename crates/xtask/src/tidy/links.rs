//! Links in documents lead to a file that is there, and to a heading that is in it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{files, has_ending, shown};

pub(super) fn links(root: &Path) -> Vec<String> {
    let documents = files(root).into_iter().filter(|f| has_ending(f, &["md"]));
    let mut found = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).unwrap_or_default();
        for (line, target) in targets(&text) {
            if !leads_somewhere(&document, &text, target) {
                let name = shown(root, &document);
                found.push(format!("{name}:{line}: {target} leads nowhere"));
            }
        }
    }
    found
}

fn leads_somewhere(document: &Path, text: &str, target: &str) -> bool {
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    if path.contains(':') {
        return true; // Another host's.
    }
    let file: PathBuf = match (path, document.parent()) {
        ("", _) => document.to_owned(),
        (path, folder) => folder.unwrap_or(Path::new("")).join(path),
    };
    let is_document = has_ending(&file, &["md"]);
    match anchor {
        Some(anchor) if path.is_empty() => anchors(text).iter().any(|a| a == anchor),
        Some(anchor) if is_document => {
            let text = fs::read_to_string(&file).unwrap_or_default();
            anchors(&text).iter().any(|a| a == anchor)
        }
        _ => file.exists(),
    }
}

/// The names by which a document's headings are linked to, as GitHub makes them: small letters,
/// hyphens for spaces, other punctuation left out, and a number from the second of a name on.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut found = Vec::new();
    for (_, line) in prose(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let name: String = (heading.trim().chars())
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .flat_map(char::to_lowercase)
            .collect();
        let times = seen.entry(name.clone()).or_default();
        found.push(match *times {
            0 => name,
            n => format!("{name}-{n}"),
        });
        *times += 1;
    }
    found
}

/// A document's lines with their numbers, fenced code left out.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// The targets of a document's links, with their lines; code is left out.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let mut at = 0;
        while let Some(next) = line.get(at..).and_then(|rest| rest.find("](")) {
            let start = at + next + 2;
            let quoted = line.get(..start).unwrap_or("").matches('`').count() % 2 == 1;
            let target = line
                .get(start..)
                .and_then(|rest| rest.split([')', ' ']).next());
            if let (false, Some(target)) = (quoted, target) {
                found.push((number, target.trim_matches(['<', '>'])));
            }
            at = start;
        }
        // `[name]: target` at the start of a line.
        let definition = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        if let Some((_, target)) = definition {
            found.push((number, target.split(' ').next().unwrap_or(target)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{anchors, leads_somewhere, targets};

    #[test]
    fn links_are_found_and_code_is_not() {
        let text = "see [a](b.md#c) and [d](<e.md>), `[x](y)`\n```\n[no](no.md)\n```\n[r]: f.md\n";
        assert_eq!(targets(text), [(1, "b.md#c"), (1, "e.md"), (5, "f.md")]);
    }

    #[test]
    fn headings_are_called_as_the_forge_calls_them() {
        let text = "# What's `new`?\n## A b\n```\n# no\n```\n### A b\n#no\n";
        assert_eq!(anchors(text), ["whats-new", "a-b", "a-b-1"]);
    }

    #[test]
    fn a_link_to_a_heading_that_is_not_there_leads_nowhere() {
        let text = "# Here\n";
        let leads = |target| leads_somewhere(Path::new("README.md"), text, target);
        assert!(leads("#here") && leads("https://example.org/#any"));
        assert!(!leads("#there") && !leads("none.md") && !leads("none.md#here"));
    }
}
