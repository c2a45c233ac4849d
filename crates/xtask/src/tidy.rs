//! Checks of the repository's shape. Each gives its findings as lines; none means fine.

mod links;
mod named_tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use self::links::links;
use self::named_tests::named_tests;
use crate::workspace::metadata;

/// A check: what is wrong below the top of the repository.
type Check = fn(&Path) -> Vec<String>;

/// Every check by its name.
pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("crate graph", crate_graph),
    ("dependencies", dependencies),
    ("few dependencies", few_dependencies),
    ("packages", packaged),
    ("descriptions", descriptions),
    ("unfinished work", unfinished_work),
    ("machine paths", machine_paths),
    ("file lengths", file_lengths),
    ("links", links),
    ("named tests", named_tests),
    ("requirements", crate::requirements::unheld),
];

/// Who may know whom, dev-dependencies aside (docs/architecture.md, "The star"). A new edge needs
/// a decision note.
const EDGES: &[(&str, Knows)] = &[
    ("credit-core", Knows::Only(&[])),
    ("credit-policy", Knows::Only(&["credit-core"])),
    ("credit-baseline", Knows::Only(&["credit-core"])),
    ("credit-notify", Knows::Only(&["credit-core"])),
    ("credit-governance", Knows::Only(&["credit-core"])),
    (
        "credit-report",
        Knows::Only(&["credit-core", "credit-baseline"]),
    ),
    ("credit-ledger", Knows::Only(&[])),
    (
        "credit-monitor",
        Knows::Only(&[
            "credit-core",
            "credit-policy",
            "credit-baseline",
            "credit-report",
            "credit-notify",
            "credit-governance",
            "credit-ledger",
        ]),
    ),
    ("credit-cli", Knows::Only(&["credit-monitor"])),
    ("credit-examples", Knows::Anything),
    ("credit-benches", Knows::Anything),
    ("xtask", Knows::Only(&[])),
];

enum Knows {
    Only(&'static [&'static str]),
    Anything,
}

fn crate_graph(root: &Path) -> Vec<String> {
    let packages = match packages(root) {
        Ok(packages) => packages,
        Err(error) => return vec![error],
    };
    let mut found = Vec::new();
    for (name, _) in EDGES {
        if !packages.iter().any(|p| text(p, "name") == *name) {
            found.push(format!("{name}: is in the table and not in the workspace"));
        }
    }
    for package in &packages {
        let name = text(package, "name");
        let Some((_, knows)) = EDGES.iter().find(|(n, _)| *n == name) else {
            found.push(format!("{name}: is in the workspace and not in the table"));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let other = text(dependency, "name");
            let ours = EDGES.iter().any(|(n, _)| *n == other);
            let allowed = match knows {
                Knows::Only(others) => others.contains(&other),
                Knows::Anything => true,
            };
            if ours && !allowed && text(dependency, "kind") != "dev" {
                found.push(format!("{name}: must not depend on {other}"));
            }
        }
    }
    found
}

/// Every foreign crate has its row, with its reason, in the decision note.
fn dependencies(root: &Path) -> Vec<String> {
    const NOTE: &str = "docs/decisions/0002-dependencies.md";
    let note = fs::read_to_string(root.join(NOTE)).unwrap_or_default();
    let packages = match packages(root) {
        Ok(packages) => packages,
        Err(error) => return vec![error],
    };
    let dependencies = packages.iter().flat_map(|p| list(p, "dependencies"));
    let foreign: BTreeSet<&str> = dependencies
        .filter(|d| d.get("path").is_none())
        .map(|d| text(d, "name"))
        .collect();
    let without_row = |name: &&str| !note.contains(&format!("\n| `{name}` |"));
    let report = |name| format!("{name}: has no row in {NOTE}");
    foreign
        .into_iter()
        .filter(without_row)
        .map(report)
        .collect()
}

/// Crates that others embed for their values alone, and how many crates each may bring without
/// features, ours and itself included.
const FEW: &[(&str, usize)] = &[("credit-notify", 35)];

fn few_dependencies(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (name, most) in FEW {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--locked",
                "--no-default-features",
                "--edges",
                "normal,build",
            ])
            .args(["--prefix", "none", "--format", "{p}", "--package", name])
            .current_dir(root)
            .output();
        let brought: BTreeSet<String> = match output {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout);
                // A crate that was listed before is listed again with a mark.
                let names = text.lines().map(|line| line.trim_end_matches(" (*)"));
                names.map(str::to_owned).collect()
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                found.push(format!("{name}: {said}"));
                continue;
            }
            Err(error) => return vec![format!("cannot run cargo: {error}")],
        };
        if brought.len() > *most || !brought.iter().any(|line| line.starts_with(name)) {
            found.push(format!(
                "{name}: brings {} crates, {most} at most",
                brought.len()
            ));
        }
    }
    found
}

/// What is published has its page and its licences, and nothing but code and tests.
fn packaged(root: &Path) -> Vec<String> {
    const NEEDED: &[&str] = &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
    const ALLOWED: &[&str] = &[
        "src/",
        "templates/",
        "tests/",
        "Cargo.",
        ".cargo_vcs_info.json",
        "README.md",
        "LICENSE-",
    ];
    let packages = match packages(root) {
        Ok(packages) => packages,
        Err(error) => return vec![error],
    };
    let mut found = Vec::new();
    let published = |package: &&Value| package.get("publish").is_none_or(Value::is_null);
    for package in packages.iter().filter(published) {
        let name = text(package, "name");
        let output = Command::new(env!("CARGO"))
            .args([
                "package",
                "--list",
                "--allow-dirty",
                "--offline",
                "--package",
                name,
            ])
            .current_dir(root)
            .output();
        let listed = match output {
            Ok(output) if output.status.success() => {
                String::from_utf8_lossy(&output.stdout).into_owned()
            }
            Ok(output) => {
                found.push(format!(
                    "{name}: {}",
                    String::from_utf8_lossy(&output.stderr)
                ));
                continue;
            }
            Err(error) => return vec![format!("cannot run cargo: {error}")],
        };
        let missing = NEEDED
            .iter()
            .filter(|file| !listed.lines().any(|line| line == **file));
        found.extend(missing.map(|file| format!("{name}: its package has no {file}")));
        let odd = listed
            .lines()
            .filter(|line| !ALLOWED.iter().any(|begin| line.starts_with(begin)));
        found.extend(odd.map(|file| format!("{name}: its package has {file}")));
    }
    found
}

/// What cargo says of the workspace's members.
fn packages(root: &Path) -> Result<Vec<Value>, String> {
    Ok(list(&metadata(root)?, "packages").to_vec())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let values = value.get(key).and_then(Value::as_array);
    values.map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A crate's folder has a README whose first sentence is the crate's description and whose text
/// is its documentation.
fn descriptions(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders(&root.join("crates")) {
        let name = shown(root, &folder);
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
        let readme = read("README.md");
        let manifest = read("Cargo.toml");
        let description = manifest
            .lines()
            .find_map(|l| l.strip_prefix("description = \"")?.strip_suffix('"'));
        let title = folder.file_name().unwrap_or_default().to_string_lossy();
        if !readme.starts_with(&format!("# {title}\n")) {
            found.push(format!("{name}/README.md: does not begin with `# {title}`"));
        }
        let sentence = first_sentence(&readme);
        if description != Some(sentence.as_str()) {
            found.push(format!(
                "{name}: the description {description:?} is not the README's first sentence {sentence:?}"
            ));
        }
        let included =
            |file: &str| read(file).contains(r#"#![doc = include_str!("../README.md")]"#);
        if folder.join("src/lib.rs").is_file() && !included("src/lib.rs") {
            found.push(format!(
                "{name}/src/lib.rs: does not take its documentation from README.md"
            ));
        }
    }
    found
}

/// The first sentence below the title.
fn first_sentence(readme: &str) -> String {
    let paragraph: Vec<&str> = readme
        .lines()
        .skip_while(|l| l.starts_with('#') || l.is_empty())
        .take_while(|l| !l.is_empty())
        .collect();
    let paragraph = paragraph.join(" ");
    match paragraph.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => paragraph,
    }
}

/// Where such a word may stand, and why.
const EXCUSED: &[(&str, &str, &str)] = &[
    (
        "crates/credit-ledger/src/storage/file.rs",
        "thread::sleep",
        NO_LIMIT,
    ),
    (
        "crates/credit-monitor/src/lock.rs",
        "thread::sleep",
        NO_LIMIT,
    ),
];

const NO_LIMIT: &str =
    "waiting for the lock of another process: the standard library has no lock with a time limit";

fn unfinished_work(root: &Path) -> Vec<String> {
    const WORDS: &[&str] = &[
        "TODO",
        "FIXME",
        "todo!",
        "unimplemented!",
        "#[ignore",
        "thread::sleep",
    ];
    let own = root.join("crates/xtask");
    let files = files(root)
        .into_iter()
        .filter(|f| has_ending(f, &["rs"]) && !f.starts_with(&own));
    let mut found = lines_with(root, files, |line| {
        WORDS.iter().find(|w| line.contains(*w)).copied()
    });
    found.retain(|finding| {
        let excused = |(file, word, _): &(&str, &str, &str)| {
            finding.starts_with(&format!("{file}:")) && finding.ends_with(&format!("`{word}`"))
        };
        !EXCUSED.iter().any(excused)
    });
    found
}

fn machine_paths(root: &Path) -> Vec<String> {
    const FOLDERS: &[&str] = &["/home/", "/root/", "/Users/", "/work/"];
    let own = root.join("crates/xtask");
    let files = files(root).into_iter().filter(|f| {
        let text = has_ending(f, &["rs", "md", "toml", "json", "yml"]) || f.ends_with(".ci/run");
        text && !f.starts_with(&own)
    });
    lines_with(root, files, |line| {
        FOLDERS.iter().copied().find(|folder| {
            line.match_indices(folder).any(|(at, _)| {
                // `docs/work/` is a part of a longer path.
                let before = line.get(..at).and_then(|b| b.chars().next_back());
                !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}'))
            })
        })
    })
}

/// Longer files, and why each stays in one piece.
const LONG: &[(&str, &str)] = &[];

fn file_lengths(root: &Path) -> Vec<String> {
    const LINES_MAX: usize = 600;
    let mut found = Vec::new();
    for folder in folders(&root.join("crates")) {
        for file in files(&folder.join("src")) {
            let name = shown(root, &file);
            let lines = fs::read_to_string(&file)
                .unwrap_or_default()
                .lines()
                .count();
            let excused = LONG.iter().any(|(n, _)| *n == name);
            if has_ending(&file, &["rs"]) && lines > LINES_MAX && !excused {
                found.push(format!(
                    "{name}: {lines} lines; past {LINES_MAX}, look for a cut"
                ));
            }
        }
    }
    found
}

/// `file:line: word` for each line in which `word_of` finds one.
fn lines_with<'w>(
    root: &Path,
    files: impl Iterator<Item = PathBuf>,
    word_of: impl Fn(&str) -> Option<&'w str>,
) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for (i, line) in text.lines().enumerate() {
            if let Some(word) = word_of(line) {
                found.push(format!("{}:{}: `{word}`", shown(root, &file), i + 1));
            }
        }
    }
    found
}

/// Every file below `folder`, sorted, build products and histories aside.
fn files(folder: &Path) -> Vec<PathBuf> {
    const SKIPPED: &[&str] = &["target", ".git", "corpus", "artifacts"];
    let mut found = Vec::new();
    for entry in entries(folder) {
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if entry.is_dir() && !entry.is_symlink() {
            if !SKIPPED.contains(&name.as_str()) {
                found.extend(files(&entry));
            }
        } else {
            found.push(entry);
        }
    }
    found
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|e| e.is_dir()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    entries.sort();
    entries
}

fn has_ending(file: &Path, endings: &[&str]) -> bool {
    file.extension()
        .is_some_and(|e| endings.iter().any(|ending| e == *ending))
}

/// The path below `root`, with forward slashes.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_fine(check: Check) {
        let found = check(crate::root());
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn crates_know_only_whom_they_may() {
        assert_fine(crate_graph);
    }

    #[test]
    fn what_is_embedded_for_its_values_brings_few_crates() {
        assert_fine(few_dependencies);
    }

    #[test]
    fn what_is_published_is_whole_and_nothing_else() {
        assert_fine(packaged);
    }

    #[test]
    fn every_dependency_has_its_reason() {
        assert_fine(dependencies);
    }

    #[test]
    fn crates_say_what_they_are_once() {
        assert_fine(descriptions);
    }

    #[test]
    fn nothing_is_unfinished() {
        assert_fine(unfinished_work);
    }

    #[test]
    fn nothing_depends_on_one_machine() {
        assert_fine(machine_paths);
    }

    #[test]
    fn files_are_short_enough_to_read() {
        assert_fine(file_lengths);
        for (name, _) in LONG {
            assert!(
                crate::root().join(name).is_file(),
                "{name} is excused and not there"
            );
        }
    }

    #[test]
    fn links_lead_somewhere() {
        assert_fine(links);
    }

    #[test]
    fn tests_that_tables_name_are_there() {
        assert_fine(named_tests);
    }

    #[test]
    fn the_repository_was_looked_at() {
        let files = files(crate::root());
        assert!(
            files
                .iter()
                .any(|f| f.ends_with("crates/credit-core/src/lib.rs"))
        );
        assert!(
            files
                .iter()
                .all(|f| !f.starts_with(crate::root().join("target")))
        );
    }

    #[test]
    fn the_first_sentence_ends_at_its_full_stop() {
        assert_eq!(
            first_sentence("# t\n\nOne 1.5\nthing. Two.\n\nThree."),
            "One 1.5 thing."
        );
        assert_eq!(first_sentence("# t\n\nOne.\n"), "One.");
    }
}
