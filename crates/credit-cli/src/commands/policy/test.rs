//! `policy test`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use credit_monitor::policy::cases::{self, Case, Coverage, Mismatch, Point};
use serde::Serialize;
use serde_json::value::RawValue;

use super::PolicyFile;
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::output::{print_json, put_line};

pub(super) fn test(context: &Context, dir: &Path, file: &PolicyFile) -> anyhow::Result<Exit> {
    let paths = case_files(dir)?;
    if paths.is_empty() {
        bail!("{}: has no *.json file, and so no case", dir.display());
    }
    let mut coverage = Coverage::new(&file.policy);
    let (mut count, mut failed) = (0, Vec::new());
    for path in &paths {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let cases = cases::parse(&text).with_context(|| path.display().to_string())?;
        for case in cases {
            count += 1;
            coverage.add(&case);
            let mismatches = case.mismatches(&file.policy);
            if !mismatches.is_empty() {
                failed.push(Failed {
                    path,
                    case,
                    mismatches,
                });
            }
        }
    }
    let tested = Tested {
        file,
        files: paths.len(),
        count,
        failed,
        gaps: coverage.gaps().collect(),
    };
    if context.json {
        tested.print_json()?;
    } else {
        tested.print()?;
    }
    tested.end()
}

/// Every `*.json` file below a directory, by name; links to directories are not followed, so that
/// none leads round in a circle.
fn case_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let reading = || format!("reading {}", dir.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let path = entry.path();
        if entry.file_type().with_context(reading)?.is_dir() {
            found.extend(case_files(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A case whose verdict was another one.
struct Failed<'a> {
    path: &'a Path,
    case: Case,
    mismatches: Vec<Mismatch>,
}

struct Tested<'a> {
    file: &'a PolicyFile,
    files: usize,
    count: usize,
    failed: Vec<Failed<'a>>,
    gaps: Vec<Point>,
}

impl Tested<'_> {
    fn print(&self) -> anyhow::Result<()> {
        for Failed {
            path,
            case,
            mismatches,
        } in &self.failed
        {
            let what: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
            let (path, line, description) = (path.display(), case.line, &case.description);
            put_line(format_args!(
                "{path}:{line}: {description}: {}",
                what.join("; ")
            ))?;
        }
        put_line(format_args!(
            "cases: {}, files: {}, failed: {}; policy {}",
            self.count,
            self.files,
            self.failed.len(),
            self.file.path.display()
        ))?;
        if self.gaps.is_empty() {
            return put_line("coverage: every severity, flag, action and boundary is reached");
        }
        let gaps: Vec<String> = self.gaps.iter().map(ToString::to_string).collect();
        put_line(format_args!(
            "coverage: no case reaches: {}",
            gaps.join(", ")
        ))
    }

    fn print_json(&self) -> anyhow::Result<()> {
        let mut failed = Vec::with_capacity(self.failed.len());
        for Failed {
            path,
            case,
            mismatches,
        } in &self.failed
        {
            failed.push(FailedJson {
                file: path,
                line: case.line,
                description: &case.description,
                mismatches: mismatches
                    .iter()
                    .map(MismatchJson::new)
                    .collect::<Result<_, _>>()?,
            });
        }
        print_json(&TestedJson {
            ok: self.failed.is_empty(),
            policy: &self.file.path,
            policy_sha256: self.file.sha256(),
            files: self.files,
            cases: self.count,
            failed,
            not_reached: &self.gaps,
        })
    }

    fn end(&self) -> anyhow::Result<Exit> {
        if self.failed.is_empty() {
            return Ok(Exit::Fine);
        }
        Err(Told {
            exit: Exit::Findings,
            code: "findings",
            message: format!(
                "cases failed: {}; standard output lists them",
                self.failed.len()
            ),
            help: "correct the policy, or the case if the new verdict is the one that is meant",
        }
        .into())
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct TestedJson<'a> {
    ok: bool,
    policy: &'a Path,
    policy_sha256: String,
    files: usize,
    cases: usize,
    failed: Vec<FailedJson<'a>>,
    not_reached: &'a [Point],
}

#[derive(Serialize)]
struct FailedJson<'a> {
    file: &'a Path,
    line: usize,
    description: &'a str,
    mismatches: Vec<MismatchJson>,
}

#[derive(Serialize)]
struct MismatchJson {
    key: &'static str,
    expected: Box<RawValue>,
    came: Box<RawValue>,
}

impl MismatchJson {
    fn new(mismatch: &Mismatch) -> serde_json::Result<MismatchJson> {
        Ok(MismatchJson {
            key: mismatch.key,
            expected: RawValue::from_string(mismatch.expected.clone())?,
            came: RawValue::from_string(mismatch.came.clone())?,
        })
    }
}
