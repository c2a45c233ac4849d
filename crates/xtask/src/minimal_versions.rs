//! That the manifests tell the truth about what they need: with the oldest version they allow of
//! each dependency they name, everything compiles.
//!
//! Which versions those are stands in a lock file of its own, so that the check gives the same
//! answer tomorrow. Resolving them is unstable in cargo, and so is a lock file in another place;
//! `RUSTC_BOOTSTRAP` makes the stable one do both.

use std::path::Path;
use std::process::Command;

use crate::workspace::target;

/// cargo wants a lock file to be called this.
const LOCK: &str = "crates/xtask/minimal-versions/Cargo.lock";

/// Checks with the locked versions; with `write`, finds out first which they are.
pub(crate) fn minimal_versions(root: &Path, write: bool) -> Result<bool, String> {
    if write {
        let mut update = cargo(root);
        update.args(["-Z", "direct-minimal-versions", "update"]);
        run(
            &mut update,
            "a dependency of ours or of theirs wants a newer version than a manifest says",
        )?;
    }
    let mut check = cargo(root);
    check.args(["check", "--locked", "--workspace", "--all-features"]);
    check
        .arg("--target-dir")
        .arg(target(root)?.join("minimal-versions"));
    // What is shipped: tools, examples and measurements are built with the versions of `Cargo.lock`.
    for ours in ["xtask", "credit-benches", "credit-examples"] {
        check.args(["--exclude", ours]);
    }
    run(
        &mut check,
        "raise the version in Cargo.toml to the oldest that compiles, and `cargo xtask minimal-versions --write`",
    )?;
    Ok(true)
}

fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    let lock = root.join(LOCK).display().to_string();
    cargo
        .current_dir(root)
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["-Z", "lockfile-path", "--config"])
        .arg(format!("resolver.lockfile-path={lock:?}"));
    cargo
}

fn run(cargo: &mut Command, remedy: &str) -> Result<(), String> {
    let status = cargo
        .status()
        .map_err(|error| format!("{cargo:?}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{cargo:?}: {status}; {remedy}"))
}
