//! Instructions of the hot paths, counted by valgrind and held against what is recorded.
//!
//! Times vary here by a factor of two from one hour to the next, counts of instructions by less
//! than a hundredth; so a change that makes a hot path longer is found on any machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// What is recorded: instructions for a thousand of what each case works through.
const RECORDED: &str = "benches/instructions.json";

/// How far a count may be above or below the recorded one: allocators and hash maps take a few
/// instructions more or less from one run to the next.
const TOLERANCE_PERCENT: u64 = 2;

/// Each case works through at least so many things, so that the few that vary do not matter.
const THINGS_MIN: u64 = 400;

type Counts = BTreeMap<String, u64>;

/// What was counted, and by whose instructions.
struct Recorded {
    compiler: String,
    counts: Counts,
}

/// Counts and compares; with `record`, writes what was counted instead. `Ok(false)` if a count is
/// not what is recorded.
///
/// Another compiler makes other instructions of the same source: then the counts are shown and
/// judge nothing.
pub(crate) fn instructions(root: &Path, record: bool) -> Result<bool, String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        if record {
            return Err("there is no valgrind to count with".to_owned());
        }
        eprintln!("instructions: SKIPPED, because there is no valgrind");
        return Ok(true);
    }
    let compiler = compiler()?;
    let counts = count_all(&build(root)?)?;
    let counted = Recorded { compiler, counts };
    if record {
        return write(root, &counted).map(|()| true);
    }
    let recorded = read(root)?;
    let is_fine = compare(&recorded.counts, &counted.counts);
    if recorded.compiler != counted.compiler {
        eprintln!(
            "instructions: NOT JUDGED, because {} made them and {RECORDED} is of {}",
            counted.compiler, recorded.compiler
        );
        return Ok(true);
    }
    Ok(is_fine)
}

/// The compiler's version and what it compiles for, such as `1.95.0 x86_64-unknown-linux-gnu`.
fn compiler() -> Result<String, String> {
    let mut rustc = Command::new("rustc");
    rustc.arg("-vV");
    let text = output(rustc)?;
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    match (of("release: "), of("host: ")) {
        (Some(release), Some(host)) => Ok(format!("{release} {host}")),
        _ => Err(format!("rustc does not say what it is:\n{text}")),
    }
}

/// Each case with both counts; whether all are as recorded.
fn compare(recorded: &Counts, counted: &Counts) -> bool {
    let mut fine = true;
    for (name, found) in counted {
        let Some(expected) = recorded.get(name) else {
            println!("{name}: {found}, NOT recorded");
            fine = false;
            continue;
        };
        let percent = (*found as f64 / *expected as f64 - 1.0) * 100.0;
        // In whole numbers, so that both ends count.
        let is_near = found.abs_diff(*expected) * 100 <= expected * TOLERANCE_PERCENT;
        let verdict = if is_near {
            "fine"
        } else if found > expected {
            "MORE than recorded"
        } else {
            "FEWER than recorded: record it, so that it stays so"
        };
        fine &= is_near;
        println!("{name}: {found} where {expected} are recorded, {percent:+.1} %: {verdict}");
    }
    for name in recorded.keys().filter(|name| !counted.contains_key(*name)) {
        println!("{name}: recorded, and NOT a case any more");
        fine = false;
    }
    if !fine {
        println!("where a change is meant: cargo xtask instructions --record");
    }
    fine
}

fn count_all(program: &Path) -> Result<Counts, String> {
    let names = output(Command::new(program))?;
    let counts = names.lines().map(|name| {
        let (first, things) = count(program, name, 1)?;
        let rounds = THINGS_MIN.div_ceil(things);
        // The first round is on both sides: it makes room that later ones use again.
        let (all, _) = count(program, name, 1 + rounds)?;
        let thousand = all.saturating_sub(first) * 1_000 / (rounds * things);
        Ok((name.to_owned(), thousand))
    });
    counts.collect()
}

/// The instructions of so many rounds of a case, starting up and preparing included, and how many
/// things a round works through.
fn count(program: &Path, case: &str, rounds: u64) -> Result<(u64, u64), String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no"]);
    valgrind.args(["--cachegrind-out-file=/dev/null", "--log-fd=1"]);
    valgrind.arg(program).args([case, &rounds.to_string()]);
    let text = output(valgrind)?;
    let found = (refs(&text), things(&text));
    let (Some(refs), Some(things)) = found else {
        return Err(format!("valgrind does not say what it counted:\n{text}"));
    };
    Ok((refs, things))
}

/// The number in `==7== I   refs:      1,234`.
fn refs(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("refs:"))?;
    let number = line.rsplit(' ').next()?;
    number.replace(',', "").parse().ok()
}

/// The line that the program itself prints.
fn things(text: &str) -> Option<u64> {
    let mut numbers = text.lines().filter_map(|line| line.parse().ok());
    numbers.next().filter(|things| *things > 0)
}

/// Builds the program as a release and says where it is.
fn build(root: &Path) -> Result<PathBuf, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root)
        .args(["build", "--release", "--locked"]);
    cargo.args(["-p", "credit-benches", "--bin", "instructions"]);
    cargo.arg("--message-format=json-render-diagnostics");
    let messages = output(cargo)?;
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)));
    executable.ok_or_else(|| "cargo does not say where it put the program".to_owned())
}

fn output(mut command: Command) -> Result<String, String> {
    let ran = command.stderr(std::process::Stdio::inherit()).output();
    let ran = ran.map_err(|error| format!("{command:?}: {error}"))?;
    if !ran.status.success() {
        return Err(format!("{command:?}: {}", ran.status));
    }
    String::from_utf8(ran.stdout).map_err(|error| format!("{command:?}: {error}"))
}

fn read(root: &Path) -> Result<Recorded, String> {
    let path = root.join(RECORDED);
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| format!("{RECORDED}: {e}"))?;
    let compiler = value.get("compiler").and_then(Value::as_str);
    let cases = value.get("instructions_for_a_thousand").cloned();
    Ok(Recorded {
        compiler: compiler.unwrap_or_default().to_owned(),
        counts: serde_json::from_value(cases.unwrap_or_default())
            .map_err(|e| format!("{RECORDED}: {e}"))?,
    })
}

fn write(root: &Path, counted: &Recorded) -> Result<(), String> {
    let value = json!({
        "compiler": counted.compiler,
        "instructions_for_a_thousand": counted.counts,
    });
    let text = format!("{value:#}\n");
    fs::write(root.join(RECORDED), text).map_err(|e| format!("{RECORDED}: {e}"))?;
    println!("recorded {} cases in {RECORDED}", counted.counts.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_valgrind_says_is_understood() {
        let text = "==7== Command: x\n1000\n==7== \n==7== I   refs:      1,234,567\n";
        assert_eq!((refs(text), things(text)), (Some(1_234_567), Some(1000)));
        assert_eq!((refs("nothing"), things("0\n")), (None, None));
    }

    #[test]
    fn more_and_fewer_and_unknown_are_found() {
        let counts = |pairs: &[(&str, u64)]| -> Counts {
            let pairs = pairs
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count));
            pairs.collect()
        };
        let recorded = counts(&[("a", 1_000)]);
        assert!(compare(&recorded, &counts(&[("a", 1_020)])));
        assert!(compare(&recorded, &counts(&[("a", 980)])));
        assert!(!compare(&recorded, &counts(&[("a", 1_021)])));
        assert!(!compare(&recorded, &counts(&[("a", 979)])));
        assert!(!compare(&recorded, &counts(&[])));
        assert!(!compare(&recorded, &counts(&[("a", 1_000), ("b", 1)])));
    }
}
