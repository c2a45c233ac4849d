//! That what the libraries offer changes only on purpose: their public items, compared with those
//! written down in `docs/public-api/`.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use public_api::{Builder, MINIMUM_NIGHTLY_RUST_VERSION};
use serde_json::Value;

use crate::workspace::target;

/// The libraries that are published.
const LIBRARIES: &[&str] = &[
    "credit-baseline",
    "credit-core",
    "credit-governance",
    "credit-ledger",
    "credit-monitor",
    "credit-notify",
    "credit-policy",
    "credit-report",
];

/// The format in which rustdoc describes a crate, by its number, that is understood here. It is
/// not stable: another compiler may write another.
const FORMAT: u64 = 57;

/// Compares, or with `write` writes down what is offered now.
pub(crate) fn public_api(root: &Path, write: bool) -> ExitCode {
    match compare(root, write) {
        Ok(differing) if differing.is_empty() => ExitCode::SUCCESS,
        Ok(differing) => {
            for line in differing {
                eprintln!("{line}");
            }
            eprintln!(
                "What the libraries offer has changed. If it was meant: \
                 `cargo xtask public-api --write`, and a line in CHANGELOG.md."
            );
            ExitCode::FAILURE
        }
        Err(Stopped::Format(found)) => {
            eprintln!(
                "=== public-api: SKIPPED, because this rustdoc writes format {found} and \
                 {FORMAT} is understood (as of {MINIMUM_NIGHTLY_RUST_VERSION})"
            );
            ExitCode::SUCCESS
        }
        Err(Stopped::Failed(why)) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

enum Stopped {
    Format(u64),
    Failed(String),
}

fn failed(error: impl std::fmt::Display) -> Stopped {
    Stopped::Failed(error.to_string())
}

fn compare(root: &Path, write: bool) -> Result<Vec<String>, Stopped> {
    let folder = root.join("docs/public-api");
    let target = target(root).map_err(Stopped::Failed)?;
    let mut differing = Vec::new();
    for library in LIBRARIES {
        let offered = items(root, &target, library)?;
        let path = folder.join(format!("{library}.txt"));
        if write {
            fs::create_dir_all(&folder).map_err(failed)?;
            fs::write(&path, &offered).map_err(failed)?;
            continue;
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        let gone = written.lines().filter(|line| !has(&offered, line));
        differing.extend(gone.map(|line| format!("{library}: - {line}")));
        let new = offered.lines().filter(|line| !has(&written, line));
        differing.extend(new.map(|line| format!("{library}: + {line}")));
    }
    Ok(differing)
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|other| other == line)
}

/// The public items of a library with all its features, one a line; what is derived or follows
/// from others left out.
fn items(root: &Path, target: &Path, library: &str) -> Result<String, Stopped> {
    let own = std::env::current_exe().map_err(failed)?;
    let status = Command::new(env!("CARGO"))
        .args([
            "rustdoc",
            "--quiet",
            "--locked",
            "--lib",
            "--all-features",
            "--package",
            library,
        ])
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        // This program stands in for rustdoc, see `stand_in`.
        .env("RUSTDOC", own)
        .env(STAND_IN, "1")
        .current_dir(root)
        .status()
        .map_err(failed)?;
    if !status.success() {
        return Err(Stopped::Failed(format!("{library}: rustdoc failed")));
    }
    let path = target.join(format!("doc/{}.json", library.replace('-', "_")));
    let text = fs::read_to_string(&path).map_err(failed)?;
    let described: Value = serde_json::from_str(&text).map_err(failed)?;
    match described.get("format_version").and_then(Value::as_u64) {
        Some(FORMAT) => {}
        found => return Err(Stopped::Format(found.unwrap_or(0))),
    }
    let api = Builder::from_rustdoc_json(&path)
        .sorted(true)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .map_err(failed)?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

/// Set where this program is called in the place of rustdoc.
pub(crate) const STAND_IN: &str = "XTASK_STANDS_IN_FOR_RUSTDOC";

/// Calls rustdoc with what it offers on no stable channel. Were that set for all of the build,
/// dependencies would be compiled differently and everything anew.
pub(crate) fn stand_in(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let status = Command::new("rustdoc")
        .args(arguments)
        .env("RUSTC_BOOTSTRAP", "1")
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot run rustdoc: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::LIBRARIES;

    /// Crates whose types may stand in what a library offers, and why.
    const FOREIGN: &[(&str, &str)] = &[
        (
            "http",
            "requests and answers as values, which every client takes",
        ),
        ("serde_core", "serializing is by its traits"),
        (
            "serde_json",
            "causes of errors, and a value's own text where its digits count",
        ),
        ("getrandom", "the cause of an error"),
    ];

    #[test]
    fn no_foreign_type_is_offered_that_is_not_meant() {
        let mut found = BTreeSet::new();
        for library in LIBRARIES {
            let path = crate::root().join(format!("docs/public-api/{library}.txt"));
            let text = fs::read_to_string(path).unwrap();
            assert!(text.starts_with(&format!("pub mod {}\n", library.replace('-', "_"))));
            // Where paths begin, and of those the first parts.
            let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')));
            for word in words.filter(|word| word.contains("::")) {
                let first = word.split("::").next().unwrap();
                let ours = first.starts_with("credit_");
                if !ours && !first.is_empty() && !["alloc", "core", "std", "Self"].contains(&first)
                {
                    found.insert(first.to_owned());
                }
            }
        }
        // A type parameter's own associated type, such as `T::Err`.
        found.retain(|first| first.chars().any(char::is_lowercase));
        let meant: BTreeSet<String> = FOREIGN.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, meant);
    }
}
