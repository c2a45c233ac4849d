//! That each feature compiles alone, and all of them together.

use std::path::Path;
use std::process::{Command, ExitCode};

/// The libraries with features, and which.
const FEATURES: &[(&str, &[&str])] = &[
    ("credit-ledger", &["conformance", "faults"]),
    ("credit-monitor", &["metrics", "reqwest", "ureq"]),
    ("credit-notify", &["conformance", "reqwest", "ureq"]),
    ("credit-policy", &["schema"]),
];

pub(crate) fn features(root: &Path) -> ExitCode {
    for (package, features) in FEATURES {
        // Alone; together they compile wherever the workspace is built with all of them.
        let none = std::iter::once("");
        let all = features.join(",");
        let sets = none.chain(features.iter().copied());
        for set in sets.chain((features.len() > 1).then_some(all.as_str())) {
            println!(
                "{package} with {}",
                if set.is_empty() { "no feature" } else { set }
            );
            let output = Command::new(env!("CARGO"))
                .args(["check", "--locked", "--quiet", "--package", package])
                .args(["--no-default-features", "--features", set])
                .current_dir(root)
                .output();
            let said = match output {
                // What is only used with another feature is a warning.
                Ok(output) if output.status.success() && output.stderr.is_empty() => continue,
                Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
                Err(error) => format!("cannot run cargo: {error}"),
            };
            eprintln!("{said}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::FEATURES;

    #[test]
    fn no_feature_is_forgotten() {
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(crate::root().join("crates")).unwrap() {
            let folder = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let section = manifest.split("[features]\n").nth(1).unwrap_or_default();
            let lines = section.lines().take_while(|l| !l.starts_with('['));
            let names = lines.filter_map(|l| Some(l.split_once(" = ")?.0.to_owned()));
            found.extend(names.map(|feature| (name.clone(), feature)));
        }
        let listed = FEATURES.iter().flat_map(|(name, features)| {
            features
                .iter()
                .map(|f| ((*name).to_owned(), (*f).to_owned()))
        });
        assert_eq!(found, listed.collect());
    }
}
