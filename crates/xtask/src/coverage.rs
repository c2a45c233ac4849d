//! Which lines of the libraries the tests run.
//!
//! `cargo llvm-cov` builds and runs them; what is counted here is each library's own lines, tests
//! beside the code left out, so that testing the tests does not count.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of the lines of each library that hold code, how many tests must run.
const PERCENT_MIN: u64 = 95;

/// Tests that say nothing about lines, in parts of their names: they weigh the memory or the disk
/// of a process, to which counting lines adds its own, watch that it writes nothing, or kill it
/// before it could write down what it counted. (`strace`, which is one test, leaves itself out
/// where any name is given.)
const LEFT_OUT: &[&str] = &["a_full_disk", "killed", "more_memory", "no_right_to_write"];

/// Lines of one library: how many hold code, and which of these no test ran, by file.
#[derive(Default)]
struct Lines {
    all: u64,
    missed: BTreeMap<PathBuf, Vec<u64>>,
}

impl Lines {
    fn missed(&self) -> u64 {
        self.missed.values().map(|lines| lines.len() as u64).sum()
    }
}

/// Runs the tests of the workspace and counts; with `again`, counts what an earlier run left.
/// `Ok(false)` if a library has too many lines that no test ran.
pub(crate) fn coverage(root: &Path, again: bool) -> Result<bool, String> {
    if !again {
        let mut run = llvm_cov(root);
        run.args(["llvm-cov", "--no-report", "--locked", "--workspace"]);
        run.args(["--exclude", "credit-benches", "--"]);
        run.args(LEFT_OUT.iter().flat_map(|name| ["--skip", name]));
        let status = run.status().map_err(|error| format!("{run:?}: {error}"))?;
        if !status.success() {
            return Err(
                "the tests failed, or cargo-llvm-cov is missing: cargo install cargo-llvm-cov"
                    .to_owned(),
            );
        }
    }
    let mut report = llvm_cov(root);
    report.args(["llvm-cov", "report", "--lcov"]);
    let output = report
        .output()
        .map_err(|error| format!("{report:?}: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
    let libraries = libraries(root, &text);
    if libraries.is_empty() {
        return Err("nothing was counted: run it without `--again` first".to_owned());
    }
    Ok(show(root, &libraries))
}

/// Cargo with the LLVM that this compiler is made of, where the system has it; otherwise
/// cargo-llvm-cov looks for the toolchain's component `llvm-tools`.
fn llvm_cov(root: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root);
    // Tests that begin other processes make many; they add to the same few files.
    cargo.env("LLVM_PROFILE_FILE_NAME", "credit-%8m.profraw");
    let version = Command::new("rustc").arg("-vV").output();
    let version = version.map(|v| String::from_utf8_lossy(&v.stdout).into_owned());
    let major = version
        .ok()
        .as_deref()
        .and_then(|text| text.split_once("LLVM version: ")?.1.split_once('.'))
        .map(|(major, _)| major.to_owned());
    if let Some(major) = major {
        for (variable, tool) in [("LLVM_COV", "llvm-cov"), ("LLVM_PROFDATA", "llvm-profdata")] {
            let tool = format!("{tool}-{major}");
            if Command::new(&tool).arg("--version").output().is_ok() {
                cargo.env(variable, tool);
            }
        }
    }
    cargo
}

/// What the report in lcov's form says of each library.
fn libraries(root: &Path, lcov: &str) -> BTreeMap<String, Lines> {
    let mut libraries: BTreeMap<String, Lines> = BTreeMap::new();
    // Of the file that is being read: its library, its path, and where its own tests begin.
    let mut at: Option<(String, PathBuf, u64)> = None;
    for line in lcov.lines() {
        if let Some(file) = line.strip_prefix("SF:") {
            let file = Path::new(file).strip_prefix(root).ok();
            at = file.and_then(|file| {
                let mut parts = file.to_str()?.splitn(4, '/');
                let (crates, name, src) = (parts.next()?, parts.next()?, parts.next()?);
                let is_library = root.join("crates").join(name).join("src/lib.rs").is_file();
                let counts = crates == "crates" && src == "src" && is_library;
                counts.then(|| {
                    (
                        name.to_owned(),
                        file.to_owned(),
                        tests_begin(&root.join(file)),
                    )
                })
            });
        } else if let (Some(counted), Some((name, file, tests))) = (line.strip_prefix("DA:"), &at) {
            let Some((number, runs)) = counted.split_once(',') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            if number >= *tests {
                continue;
            }
            let library = libraries.entry(name.clone()).or_default();
            library.all += 1;
            if runs == "0" {
                library.missed.entry(file.clone()).or_default().push(number);
            }
        }
    }
    libraries
}

/// The line at which a file's own tests begin, which are its last module.
fn tests_begin(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let begins = lines.windows(2).position(|two| {
        matches!(two, ["#[cfg(test)]", next] if next.starts_with("mod ") && next.ends_with('{'))
    });
    begins.map_or(u64::MAX, |at| at as u64 + 1)
}

/// A table of the libraries and a list of the lines that no test ran; whether all is well.
fn show(root: &Path, libraries: &BTreeMap<String, Lines>) -> bool {
    for lines in libraries.values() {
        for (file, numbers) in &lines.missed {
            let text = fs::read_to_string(root.join(file)).unwrap_or_default();
            let all: Vec<&str> = text.lines().collect();
            for number in numbers {
                let line = usize::try_from(*number).ok().and_then(|n| all.get(n - 1));
                let line = line.map_or("", |line| line.trim());
                println!("{}:{number}: {line}", file.display());
            }
        }
    }
    let mut fine = true;
    println!("| library | lines of code | run by tests |");
    println!("|---|---|---|");
    for (name, lines) in libraries {
        let run = lines.all - lines.missed();
        let is_enough = run * 100 >= lines.all * PERCENT_MIN;
        fine &= is_enough;
        // In whole tenths of a percent, cut off and not rounded up to the aim.
        let tenths = run * 1_000 / lines.all;
        let verdict = if is_enough { "" } else { " (TOO FEW)" };
        println!(
            "| `{name}` | {} | {}.{} %{verdict} |",
            lines.all,
            tenths / 10,
            tenths % 10
        );
    }
    fine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_library_and_without_tests() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let file = root.join("crates/a/src/lib.rs");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(
            &file,
            "fn f() {\n    g();\n}\n\n#[cfg(test)]\nmod tests {\n}\n",
        )
        .unwrap();
        let lcov = format!(
            "SF:{}\nDA:1,3\nDA:2,0\nDA:5,0\nDA:6,1\nend_of_record\nSF:/elsewhere/src/lib.rs\nDA:1,0\n",
            file.display()
        );
        let found = libraries(root, &lcov);
        let a = &found["a"];
        assert_eq!((found.len(), a.all, a.missed()), (1, 2, 1));
        assert_eq!(a.missed[Path::new("crates/a/src/lib.rs")], [2]);
        assert!(!show(root, &found));
    }
}
