#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's tool talks to the terminal"
)]

mod api;
mod bench_report;
mod coverage;
mod features;
mod instructions;
mod minimal_versions;
mod requirements;
mod tidy;
mod workspace;

use std::path::Path;
use std::process::{Command, ExitCode};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo can tell a program that it calls in another's place nothing else"
)]
fn main() -> ExitCode {
    if std::env::var_os(api::STAND_IN).is_some() {
        return api::stand_in(std::env::args_os().skip(1));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["tidy"] => tidy(),
        ["public-api"] => api::public_api(root(), false),
        ["public-api", "--write"] => api::public_api(root(), true),
        ["features"] => features::features(root()),
        ["minimal-versions"] => checked(minimal_versions::minimal_versions(root(), false)),
        ["minimal-versions", "--write"] => {
            checked(minimal_versions::minimal_versions(root(), true))
        }
        ["ci"] => ci(),
        ["instructions"] => checked(instructions::instructions(root(), false)),
        ["instructions", "--record"] => checked(instructions::instructions(root(), true)),
        ["bench-report"] => checked(bench_report::bench_report(root(), false)),
        ["bench-report", "--again"] => checked(bench_report::bench_report(root(), true)),
        ["coverage"] => checked(coverage::coverage(root(), false)),
        ["coverage", "--again"] => checked(coverage::coverage(root(), true)),
        _ => {
            eprintln!(
                "usage: cargo xtask tidy | features | public-api [--write] | minimal-versions [--write] | ci | instructions [--record] | coverage [--again] | bench-report [--again]"
            );
            ExitCode::from(2)
        }
    }
}

fn tidy() -> ExitCode {
    let mut found = 0;
    for (name, check) in tidy::CHECKS {
        let findings = check(root());
        println!(
            "{name}: {}",
            if findings.is_empty() {
                "fine"
            } else {
                "NOT fine"
            }
        );
        for finding in &findings {
            println!("  {finding}");
        }
        found += findings.len();
    }
    ExitCode::from(u8::from(found > 0))
}

/// `Ok(false)` was told already.
fn checked(result: Result<bool, String>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn ci() -> ExitCode {
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(root())
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot run bash: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The top of the repository, two folders above this crate's.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}
