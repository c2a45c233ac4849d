//! How does somebody with a copy find out that nothing was changed, not even by root?
//!
//! `cargo run --example verify_from_another_machine` plays both machines in two folders.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use credit_examples::{Fleet, now};
use credit_monitor::core::Timestamp;
use credit_monitor::ledger::Head;
use credit_monitor::{Archive, Monitor, Tree};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    verify(folder.path(), now(), &mut io::stdout().lock())
}

pub(crate) fn verify(folder: &Path, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    let (theirs, ours) = (folder.join("theirs"), folder.join("ours"));

    // Their machine: runs are kept, and the head is noted here, on paper or in another system.
    let tree = Tree::new(&theirs);
    Monitor::init(&tree, Vec::new(), now)?;
    let monitor = Monitor::open(&tree, now)?;
    let mut fleet = Fleet::new(7, now);
    monitor.observe_all(fleet.steady(1..4), now)?;
    let noted = monitor
        .archive()
        .head()?
        .ok_or(anyhow::anyhow!("no runs"))?;
    writeln!(out, "Noted: line {} with hash {}", noted.seq, noted.hash)?;
    monitor.observe_all(fleet.steady(0..1), now)?;
    drop(monitor);

    // Our machine: a copy, with neither locks nor secrets nor the right to write.
    copy(&theirs, &ours)?;
    tell(out, "the copy as it came", &ours, noted)?;

    // Somebody with every right rewrites an amount, and the file's own hash with it.
    let path = Tree::new(&ours).ledger();
    let text = fs::read_to_string(&path)?;
    let key = "\"Credits_Total\":";
    let (before, after) = text.split_once(key).unwrap_or((&text, ""));
    let digit = if after.starts_with('9') { "8" } else { "9" };
    let after = after.get(1..).unwrap_or_default();
    fs::write(&path, format!("{before}{key}{digit}{after}"))?;
    tell(out, "with one digit changed", &ours, noted)?;

    // Or cuts the end off and makes a history of their own from there on.
    copy(&theirs, &ours)?;
    let other = Tree::new(folder.join("other"));
    Monitor::init(&other, Vec::new(), now)?;
    Monitor::open(&other, now)?.observe_all(Fleet::new(8, now).steady(1..4), now)?;
    tell(out, "another history, whole in itself", other.root(), noted)
}

/// What a machine that was given a copy and remembers one line can say of it.
fn tell(out: &mut impl Write, what: &str, copy: &Path, noted: Head) -> anyhow::Result<()> {
    let archive = Archive::new(&Tree::new(copy));
    let found = archive.verify(Some((noted.seq, noted.hash)), &|_, _| {})?;
    match found.findings.as_slice() {
        [] => writeln!(
            out,
            "{what}: {} lines, all as they were written",
            found.lines
        )?,
        [first, rest @ ..] => {
            let path = first.path.display();
            writeln!(out, "{what}: {path}: {}", first.problem)?;
            writeln!(out, "  and {} more findings", rest.len())?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            // Not its mode: run files may not be written again where they are kept.
            fs::write(place, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
