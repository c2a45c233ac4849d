//! What does the Monday meeting look at, and what does it leave behind?
//!
//! `cargo run --example weekly_review`

use std::io::{self, Write};

use credit_examples::{Fleet, now};
use credit_monitor::core::Timestamp;
use credit_monitor::governance::{Actor, ReviewDecided, ReviewNoted, RunRef, What};
use credit_monitor::{Monitor, ReportRequest, Tree};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    review(&Tree::new(folder.path()), now(), &mut io::stdout().lock())
}

pub(crate) fn review(tree: &Tree, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    Monitor::init(tree, vec!["ops-2:O2".parse()?], now)?;
    let monitor = Monitor::open(tree, now)?;
    let mut fleet = Fleet::new(7, now);
    let mut week = fleet.steady(1..8);
    week.extend(fleet.unusual());
    monitor.observe_all(week, now)?;

    // The report is a function of the ledger up to its head: whoever makes it again gets the same
    // bytes, also next year.
    let config = monitor.config()?;
    let archive = monitor.archive();
    let report = archive.weekly_report(&config, &ReportRequest::review(now.day()))?;
    let written = archive.write_report(&report, &config)?;
    writeln!(
        out,
        "{}: {} runs cost {} credits",
        report.report_id(),
        report.summary_stats.total_runs,
        report.summary_stats.total_credits
    )?;

    // The meeting goes through the queue, the gravest first, and says what becomes of each run.
    let who = Actor::Operator("ops-2:O2".parse()?);
    for item in report.review_queue.iter().take(2) {
        let line = archive
            .run(&item.run_id)?
            .ok_or(anyhow::anyhow!("no such run"))?;
        let run = RunRef {
            run_id: item.run_id.clone(),
            seq: line.seq(),
            hash: credit_monitor::core::Sha256::from_bytes(*line.hash().as_bytes()),
        };
        let decision = "watch it for another week".parse()?;
        monitor.decide(
            &who,
            What::ReviewDecided(ReviewDecided { run, decision }),
            now,
        )?;
        writeln!(out, "decided about {} ({})", item.run_id, item.severity)?;
    }
    // A note to the report says that it was read; the weekly audit asks for it.
    let noted = ReviewNoted {
        report: report.report_id().parse()?,
        note: "all of SEV1 went through".parse()?,
    };
    monitor.decide(&who, What::ReviewNoted(noted), now)?;
    let audit = archive.audit_weekly(now)?;
    let check = audit
        .checks
        .iter()
        .find(|check| check.id == "weekly_report");
    let passed = check.is_some_and(|check| check.passed());
    writeln!(
        out,
        "the weekly audit's `weekly_report`: {}",
        if passed { "passed" } else { "found something" }
    )?;
    writeln!(
        out,
        "kept as {}",
        written
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
    )?;
    Ok(())
}
