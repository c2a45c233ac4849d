//! Runs the benches with their floors and peers, and writes the README's table of them.
//!
//! Both sides of each row are from one run, one after the other, so the ratio holds where the
//! times do not. What a bench calls its cases is known here: one that is missing is an error and
//! nothing is written.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::workspace::target;

const README: &str = "README.md";
const BEGIN: &str = "<!-- bench-report: begin -->\n";
const END: &str = "<!-- bench-report: end -->\n";

/// The benches that the rows are from, as arguments of `cargo bench`: all there are.
const BENCHES: &[&[&str]] = &[
    &["--package", "credit-benches"],
    &["--manifest-path", "benches/peers/Cargo.toml"],
];

/// A row of the table: what criterion calls the two sides, as group and case.
struct Row {
    question: &'static str,
    ours: (&'static str, &'static str),
    beside: (&'static str, &'static str),
    /// What the other side does.
    what: &'static str,
}

const LEDGER: &str = "credit-ledger";
const SQLITE: &str = "SQLite (WAL, FULL)";
const JUDGING: &str = "judging a thousand runs";

const ROWS: &[Row] = &[
    Row {
        question: "judging one run",
        ours: ("assess", "normal"),
        beside: ("assess", "floor: one exact comparison"),
        what: "one exact comparison",
    },
    Row {
        question: "judging a run among many, in columns",
        ours: ("columns", "4096 runs"),
        beside: ("columns", "floor: one exact comparison each"),
        what: "one exact comparison each",
    },
    Row {
        question: "judging a run of any kind",
        ours: (JUDGING, "credit-policy"),
        beside: (JUDGING, "typical port"),
        what: "a typical port: floats, hash map of weights",
    },
    Row {
        question: "the same",
        ours: (JUDGING, "credit-policy"),
        beside: (JUDGING, "datalogic-rs"),
        what: "`datalogic-rs`, one compiled rule",
    },
    Row {
        question: "the same",
        ours: (JUDGING, "credit-policy"),
        beside: (JUDGING, "cel"),
        what: "`cel`, one compiled expression",
    },
    Row {
        question: "one durable record",
        ours: ("append", "ours/1"),
        beside: ("append", "floor/1"),
        what: "SHA-256, `write`, `fdatasync` of the same bytes",
    },
    Row {
        question: "a record among 10,000 in a batch",
        ours: ("append", "ours/10000"),
        beside: ("append", "floor/10000"),
        what: "the same",
    },
    Row {
        question: "a record among 100 in a batch",
        ours: ("batches of 100", LEDGER),
        beside: ("batches of 100", SQLITE),
        what: "SQLite (WAL, FULL), which hashes nothing",
    },
    Row {
        question: "the same",
        ours: ("batches of 100", LEDGER),
        beside: ("batches of 100", "redb"),
        what: "redb, which hashes nothing",
    },
    Row {
        question: "the same",
        ours: ("batches of 100", LEDGER),
        beside: ("batches of 100", "fjall"),
        what: "fjall, which hashes nothing",
    },
    Row {
        question: "the same",
        ours: ("batches of 100", LEDGER),
        beside: ("batches of 100", "fjall with a hash chain"),
        what: "fjall with a hash chain",
    },
    Row {
        question: "a record of 8,000 in flight, `append_batch`",
        ours: ("8000 in flight", "append_batch"),
        beside: ("8000 in flight", "bare write + fdatasync"),
        what: "`write`, `fdatasync` of the same bytes",
    },
    Row {
        question: "checking a chain of 200,000 lines",
        ours: ("verify", "verify_chain"),
        beside: ("verify", "SHA-256 of the lines"),
        what: "SHA-256 of the same bytes from memory",
    },
    Row {
        question: "finding a run in a ledger of 1 GB",
        ours: ("find", "of 1000 MB"),
        beside: ("find", "of 10 MB"),
        what: "the same in 10 MB",
    },
    Row {
        question: "reading the last week of a ledger of 1 GB",
        ours: ("last week", "of 1000 MB"),
        beside: ("last week", "of 10 MB"),
        what: "the same of 10 MB",
    },
    Row {
        question: "exact statistics of 1,000,000 lines (1 GB)",
        ours: ("statistics", "ours, unchecked"),
        beside: ("statistics", "floor: reading and finding line ends"),
        what: "reading them and finding their ends",
    },
    Row {
        question: "opening a tree with 1,000,000 decisions",
        ours: ("docket", "written down 1000000"),
        beside: ("docket", "folded 1000000"),
        what: "folding them all and writing down what they say",
    },
    Row {
        question: "a run of 100,000, judged and durable",
        ours: ("ingest, ledger alone", "ours, from values"),
        beside: ("ingest, ledger alone", "floor"),
        what: "the same",
    },
    Row {
        question: "a run with its two run files",
        ours: ("ingest, with run files", "ours"),
        beside: ("ingest, with run files", "floor"),
        what: "a bare loop that creates the same files",
    },
    Row {
        question: "a backtest of a run of 100,000",
        ours: ("backtest", "from the ledger file"),
        beside: ("backtest", "floor"),
        what: "reading the file and SHA-256 of it once",
    },
    Row {
        question: "baselines of 1,000 scenarios, a run",
        ours: ("baselines", "of 1,000 scenarios"),
        beside: ("baselines", "floor: sorting the amounts"),
        what: "sorting the same amounts",
    },
    Row {
        question: "a weekly report from 100,000 lines",
        ours: ("weekly of 100000 lines", "report, with partials"),
        beside: (
            "weekly of 100000 lines",
            "floor of one week: read and SHA-256",
        ),
        what: "reading its week and SHA-256 of each line",
    },
];

/// Runs the benches and writes the table; with `again`, writes it from what an earlier run left.
pub(crate) fn bench_report(root: &Path, again: bool) -> Result<bool, String> {
    let target = target(root)?;
    let measured = target.join("bench-report");
    if !again {
        if measured.exists() {
            // Nothing of an earlier run may stand in for a bench that failed.
            fs::remove_dir_all(&measured).map_err(|e| format!("{}: {e}", measured.display()))?;
        }
        for bench in BENCHES {
            let mut cargo = Command::new(env!("CARGO"));
            cargo
                .current_dir(root)
                .args(["bench", "--locked"])
                .args(*bench);
            cargo
                .env("CARGO_TARGET_DIR", &target)
                .env("CRITERION_HOME", &measured);
            let status = cargo
                .status()
                .map_err(|error| format!("{cargo:?}: {error}"))?;
            if !status.success() {
                return Err(format!("{cargo:?}: {status}"));
            }
        }
    }
    let table = table(&cases(&measured)?)?;
    let path = root.join(README);
    let readme = fs::read_to_string(&path).map_err(|e| format!("{README}: {e}"))?;
    let written = replaced(&readme, &table)?;
    fs::write(&path, written).map_err(|e| format!("{README}: {e}"))?;
    print!("{table}");
    Ok(true)
}

/// A case that criterion measured.
struct Case {
    group: String,
    name: String,
    /// For one of the things that the case works through, in nanoseconds.
    nanoseconds: f64,
}

/// Every case below criterion's folder.
fn cases(folder: &Path) -> Result<Vec<Case>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .map_err(|e| format!("{}: {e}; run it without `--again` first", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.ends_with("new") {
                found.push(case(&path)?);
            } else if path.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

fn case(folder: &Path) -> Result<Case, String> {
    let read = |file: &str| {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_str::<Value>(&text).map_err(|e| format!("{}: {e}", path.display()))
    };
    let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
    let text = |key: &str| benchmark.get(key).and_then(Value::as_str);
    let parts = [text("function_id"), text("value_str")];
    let name: Vec<&str> = parts.into_iter().flatten().collect();
    let median = estimates.pointer("/median/point_estimate");
    let nanoseconds = median
        .and_then(Value::as_f64)
        .ok_or_else(|| format!("{}: has no median", folder.display()))?;
    let things = benchmark
        .pointer("/throughput/Elements")
        .and_then(Value::as_f64);
    Ok(Case {
        group: text("group_id").unwrap_or_default().to_owned(),
        name: name.join("/"),
        nanoseconds: nanoseconds / things.unwrap_or(1.0),
    })
}

fn table(cases: &[Case]) -> Result<String, String> {
    let of = |(group, name): (&str, &str)| {
        let case = cases.iter().find(|c| c.group == group && c.name == name);
        case.map(|case| case.nanoseconds)
            .ok_or_else(|| format!("no bench measured {group:?}, {name:?}"))
    };
    let mut table = "| question | ours | beside it, in the same run | times as long |\n\
                     |---|---|---|---|\n"
        .to_owned();
    for row in ROWS {
        let (ours, beside) = (of(row.ours)?, of(row.beside)?);
        table += &format!(
            "| {} | {} | {}, {} | {} |\n",
            row.question,
            time(ours),
            time(beside),
            row.what,
            ratio(ours / beside),
        );
    }
    Ok(table)
}

/// A time with its unit, in three digits.
fn time(nanoseconds: f64) -> String {
    let units = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let fits = |(_, factor): &&(&str, f64)| nanoseconds >= *factor;
    let (unit, factor) = units.iter().rev().find(fits).unwrap_or(&units[0]);
    format!("{} {unit}", three_digits(nanoseconds / factor))
}

/// A ratio; one far below 1 as a fraction, which says more.
fn ratio(ratio: f64) -> String {
    if ratio < 0.2 {
        format!("1/{}", three_digits(1.0 / ratio))
    } else {
        format!("{ratio:.2}")
    }
}

fn three_digits(number: f64) -> String {
    let decimals = match number {
        n if n >= 100.0 => 0,
        n if n >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.decimals$}")
}

/// The text with the table between its marks.
fn replaced(text: &str, table: &str) -> Result<String, String> {
    let missing = || {
        format!(
            "{README}: needs a line {} and after it {}",
            BEGIN.trim(),
            END.trim()
        )
    };
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, group: &str, function: &str, value: &str, median: f64, things: &str) {
        let folder = folder
            .join(group)
            .join(format!("{function} {value}"))
            .join("new");
        fs::create_dir_all(&folder).unwrap();
        let benchmark = format!(
            r#"{{"group_id":"{group}","function_id":"{function}","value_str":{value},"throughput":{things}}}"#
        );
        fs::write(folder.join("benchmark.json"), benchmark).unwrap();
        let estimates = format!(r#"{{"median":{{"point_estimate":{median}}}}}"#);
        fs::write(folder.join("estimates.json"), estimates).unwrap();
    }

    #[test]
    fn both_sides_are_taken_for_one_thing() {
        let folder = tempfile::tempdir().unwrap();
        for row in ROWS {
            for ((group, name), median) in [(row.ours, 3e6), (row.beside, 2e6)] {
                let (function, value) = match name.split_once('/') {
                    Some((function, value)) => (function, format!("\"{value}\"")),
                    None => (name, "null".to_owned()),
                };
                write(
                    folder.path(),
                    group,
                    function,
                    &value,
                    median,
                    r#"{"Elements":1000}"#,
                );
            }
        }
        let found = table(&cases(folder.path()).unwrap()).unwrap();
        assert_eq!(found.lines().count(), 2 + ROWS.len());
        let first = "| judging one run | 3.00 µs | 2.00 µs, one exact comparison | 1.50 |";
        assert!(found.contains(first), "{found}");

        let without = cases(folder.path()).unwrap();
        let without: Vec<Case> = without.into_iter().filter(|c| c.name != "cel").collect();
        let error = table(&without).unwrap_err();
        assert_eq!(
            error,
            r#"no bench measured "judging a thousand runs", "cel""#
        );
        assert!(cases(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn times_and_ratios_are_short() {
        let times = [0.95, 8.76, 66.04, 1_663.0, 193_000.0, 2.5e9].map(time);
        assert_eq!(
            times,
            [
                "0.95 ns", "8.76 ns", "66.0 ns", "1.66 µs", "193 µs", "2.50 s"
            ]
        );
        assert_eq!([9.3, 0.98, 0.0053].map(ratio), ["9.30", "0.98", "1/189"]);
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        let written = replaced(&text, "new\n").unwrap();
        assert_eq!(written, format!("a\n{BEGIN}new\n{END}b\n"));
        assert!(
            replaced("a\n", "new\n")
                .unwrap_err()
                .contains("bench-report")
        );
        let readme = fs::read_to_string(crate::root().join(README)).unwrap();
        assert!(replaced(&readme, "").is_ok());
    }
}
