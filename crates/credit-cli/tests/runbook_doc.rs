//! `docs/runbook.md`, executed: every command block in order in one tree, and what each shows
//! compared with what the document says. `UPDATE_GOLDEN=1` writes the shown output anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

mod support;

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use support::{BASELINES, Tree, baselines, run};

/// A block of commands, and where the document says what they show.
struct Step {
    script: String,
    /// Of the script's first line in the document, from 0.
    line: usize,
    /// Nothing where the document shows no output.
    shown: Option<Range<usize>>,
}

#[test]
fn the_runbook_does_what_it_says() {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/runbook.md"
    ));
    let document = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = document.lines().collect();
    let steps = steps(&lines);
    assert!(
        steps.len() > 40,
        "only {} blocks were recognised",
        steps.len()
    );

    let tree = example();
    let mut renewed: Vec<String> = Vec::new();
    let mut copied = 0;
    let mut wrong = Vec::new();
    for step in &steps {
        // An operator's terminal shows both streams; a command that fails ends its block.
        let done = tree.sh(&format!("set -e\nexec 2>&1\n{}", step.script));
        let mut output = elided(&done.stdout);
        if done.code != 0 {
            output.push(format!("exit {}", done.code));
        }
        let Some(shown) = &step.shown else {
            assert_eq!(done.code, 0, "docs/runbook.md:{}: {done}", step.line + 1);
            continue;
        };
        if lines[shown.clone()] != output {
            wrong.push(format!(
                "docs/runbook.md:{}: shown\n{}\nis in truth\n{}",
                shown.start + 1,
                lines[shown.clone()].join("\n"),
                output.join("\n")
            ));
        }
        renewed.extend(lines[copied..shown.start].iter().map(ToString::to_string));
        renewed.extend(output);
        copied = shown.end;
    }
    renewed.extend(lines[copied..].iter().map(ToString::to_string));

    if updates_golden() {
        fs::write(&path, renewed.join("\n") + "\n").unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[allow(
    clippy::disallowed_methods,
    reason = "whoever runs the tests asks for it this way"
)]
fn updates_golden() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Every block is executed: one in another language, or without one, would be a promise unkept.
fn steps(lines: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut at = 0;
    let mut after_script = None;
    while at < lines.len() {
        let Some(language) = lines[at].strip_prefix("```") else {
            if !lines[at].is_empty() {
                after_script = None;
            }
            at += 1;
            continue;
        };
        let start = at + 1;
        let length = lines[start..].iter().position(|l| *l == "```");
        let end = start + length.unwrap_or_else(|| panic!("line {at}: a block without end"));
        match (language, after_script) {
            ("sh", _) => {
                steps.push(Step {
                    script: lines[start..end].join("\n"),
                    line: start,
                    shown: None,
                });
                after_script = Some(steps.len() - 1);
            }
            ("text", Some(step)) => {
                steps[step].shown = Some(start..end);
                after_script = None;
            }
            _ => panic!("docs/runbook.md:{start}: a block that nothing executes"),
        }
        at = end + 1;
    }
    steps
}

/// Lines with what differs from one execution to the next named instead: hashes, ids of
/// events, and times that are not of the example's winter. Spaces at the ends go.
fn elided(output: &str) -> Vec<String> {
    output
        .lines()
        .map(|line| {
            let mut kept = String::new();
            let mut rest = line;
            while let Some(first) = rest.chars().next() {
                let inside = kept.ends_with(|c: char| c.is_ascii_alphanumeric());
                let named = [
                    ("<sha256>", hash(rest)),
                    ("<event>", event(rest)),
                    ("<time>", time(rest)),
                ];
                let mut named = named.iter().filter(|_| !inside);
                let Some((name, length)) =
                    named.find_map(|(name, length)| Some((name, (*length)?)))
                else {
                    kept.push(first);
                    rest = &rest[first.len_utf8()..];
                    continue;
                };
                kept += name;
                rest = &rest[length..];
            }
            kept.trim_end().to_owned()
        })
        .collect()
}

/// How long the SHA-256 is that this begins with.
fn hash(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    (digits == 64).then_some(64)
}

/// How long the event's id is that this begins with.
fn event(text: &str) -> Option<usize> {
    text.starts_with("EVT-").then_some("EVT-".len() + 16)
}

/// How long the day or instant is that this begins with, unless it is the example's.
fn time(text: &str) -> Option<usize> {
    let day = text.as_bytes().get(..10)?;
    let is_day = day.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !is_day || day.starts_with(b"2023") || day.starts_with(b"2024") {
        return None;
    }
    let clock = text[10..].split_inclusive('Z').next().filter(|clock| {
        let within = |c: char| c.is_ascii_digit() || "T:.Z".contains(c);
        clock.starts_with('T') && clock.chars().all(within)
    });
    Some(10 + clock.map_or(0, str::len))
}

/// The example that the document begins with: a scenario that costs the same every day, one with
/// two SEV2, one with a SEV1, one with a SEV0.
fn example() -> Tree {
    let tree = Tree::new();
    tree.write(
        BASELINES,
        baselines(&[
            ("BINDER_EXPORT_WEEKLY", "100"),
            ("EMAIL_SEND_DAILY", "20"),
            ("INVOICE_SYNC", "50"),
        ]),
    );
    for scenario in ["BINDER_EXPORT_WEEKLY", "INVOICE_SYNC"] {
        tree.write(
            &format!("config/scenarios/{scenario}.json"),
            "{\"owner\": \"team-a\"}\n",
        );
    }
    let mut lines = String::new();
    for day in 0..36 {
        let (month, day_of_month) = match day {
            0..14 => ("2023-12", day + 18),
            _ => ("2024-01", day - 13),
        };
        let date = format!("{month}-{day_of_month:02}");
        let members = [
            ("Timestamp", format!("\"{date}T06:00:00Z\"")),
            ("Scenario_ID", "\"EMAIL_SEND_DAILY\"".to_owned()),
            ("Job_Type", "\"EMAIL_SEND\"".to_owned()),
        ];
        let members = members
            .each_ref()
            .map(|(key, value)| (*key, value.as_str()));
        let id = format!("RUN-{}-AAA001", date.replace('-', ""));
        lines += &run(&id, format!("2{}.5", day % 3), &members);
    }
    let spike = |id, time, credits: u32, members: &[_]| {
        run(id, credits, &[&[("Timestamp", time)], members].concat())
    };
    let retried = [("retry_count", "7"), ("has_max_items_config", "false")];
    let invoices = [
        ("Scenario_ID", "\"INVOICE_SYNC\""),
        ("Job_Type", "\"OTHER\""),
    ];
    lines += &spike("RUN-20240118-BBB001", "\"2024-01-18T08:00:00Z\"", 250, &[]);
    lines += &spike(
        "RUN-20240120-BBB002",
        "\"2024-01-20T08:00:00Z\"",
        230,
        &[("Risk_Flags", "[\"retry_loop\"]")],
    );
    lines += &spike(
        "RUN-20240122-DEF456",
        "\"2024-01-22T12:00:00Z\"",
        300,
        &[invoices, retried].concat(),
    );
    let personal = [("Risk_Flags", "[\"pii_exposure\"]")];
    lines += &spike(
        "RUN-20240123-ABC123",
        "\"2024-01-23T10:00:00Z\"",
        1000,
        &[personal.as_slice(), &retried].concat(),
    );
    tree.ingest(lines).ok();
    tree
}
