//! How do runs become verdicts, a ledger, baselines and a weekly report?
//!
//! `cargo run --example quickstart` works in a temporary folder and keeps it;
//! `cargo run --example quickstart -- FOLDER` works in an empty one of yours.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use credit_examples::{Fleet, STEADY, now};
use credit_monitor::baseline::Window;
use credit_monitor::core::{RunId, Severity, Timestamp};
use credit_monitor::{
    Batch, Dispatch, Grounds, Monitor, ReportRequest, Tree, Verdict, read_operators,
};

fn main() -> anyhow::Result<()> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => tempfile::Builder::new()
            .prefix("credit-quickstart-")
            .tempdir()?
            .keep(),
    };
    quickstart(&folder, now(), &mut io::stdout().lock())
}

pub(crate) fn quickstart(
    folder: &Path,
    now: Timestamp,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    refuse_used(folder)?;
    let tree = Tree::new(folder);
    let mut fleet = Fleet::new(7, now);
    let operators = vec!["ops-2:O2".parse()?, "lead-3:O3".parse()?];
    Monitor::init(&tree, operators, now)?;
    writeln!(
        out,
        "1. A new tree with a policy, no baselines and two operators in\n   \
         {}  (it stays, so that you can look around)",
        folder.display()
    )?;

    let monitor = Monitor::open(&tree, now)?;
    learn(&monitor, &mut fleet, out)?;
    set_baselines(&monitor, now, out)?;
    let blocked = watch(&monitor, &mut fleet, out)?;
    let report = review(&monitor, now, out)?;
    verify(&monitor, out)?;
    writeln!(
        out,
        "\nGo on with\n   \
         cargo run -q -p credit-cli -- --root {} run show {blocked}\n   \
         jq '.review_queue[] | {{run_id, severity, reasons}}' {}",
        folder.display(),
        report.display()
    )?;
    Ok(())
}

/// The first weeks: what runs cost is kept, but there is nothing yet to compare it with.
fn learn(monitor: &Monitor, fleet: &mut Fleet, out: &mut impl Write) -> anyhow::Result<()> {
    let verdicts = kept(monitor.observe_all(fleet.steady(8..45), now())?)?;
    let (serious, all) = (of(Severity::Sev1, &verdicts).count(), verdicts.len());
    writeln!(
        out,
        "2. 37 days of {} steady jobs: {all} runs kept, {serious} of them SEV1,\n   \
         because a run that cannot be compared with anything is never called fine",
        STEADY.len()
    )?;
    Ok(())
}

/// What is usual: calculated from the ledger, proposed by one operator, approved by another.
fn set_baselines(monitor: &Monitor, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    let operators = read_operators(monitor.tree())?;
    let (proposer, approver) = (operators.actor("ops-2")?, operators.actor("lead-3")?);
    let week_ago = now.day().start().days_before(7);
    let window = Window {
        as_of: week_ago,
        days: 30,
    };
    writeln!(
        out,
        "3. Their baselines as of a week ago, each proposed by {} and approved by {}",
        proposer.name(),
        approver.name()
    )?;
    for job in STEADY {
        let scenario = job.scenario.parse()?;
        let grounds = Grounds {
            reasons: vec!["first baseline after five quiet weeks".to_owned()],
            ..Grounds::default()
        };
        // Refused, naming each failed criterion, unless the history is long, quiet and even.
        let (_, draft) =
            monitor.propose_baseline(&scenario, window, grounds, &proposer, week_ago)?;
        monitor.approve_baseline(&scenario, &approver, week_ago)?;
        writeln!(out, "   {}", draft.calculation.line())?;
    }
    Ok(())
}

/// The last week: steady jobs, and what was not steady. Gives the run that was blocked.
fn watch(monitor: &Monitor, fleet: &mut Fleet, out: &mut impl Write) -> anyhow::Result<RunId> {
    let mut runs = fleet.steady(1..8);
    runs.extend(fleet.unusual());
    let batch = monitor.observe_all(runs, now())?;
    let alerts = batch
        .outcomes
        .iter()
        .flatten()
        .filter_map(|o| o.alert.as_ref())
        .count();
    let verdicts = kept(batch)?;
    writeln!(
        out,
        "4. The last 7 days: {} runs, and {alerts} alerts to give to a Slack client (nothing was sent)\n{}",
        verdicts.len(),
        table(&verdicts).trim_fmt()
    )?;
    let gravest = of(Severity::Sev0, &verdicts).next();
    let run = &gravest.context("the fleet has a SEV0 run")?.run_id;
    let answer = match monitor.may_dispatch(run)? {
        Dispatch::Allowed => "yes".to_owned(),
        Dispatch::Blocked { reason } => format!("no, {reason}"),
    };
    writeln!(out, "   May its output be used? {answer}")?;
    Ok(run.clone())
}

/// The report of the last seven days, for the weekly meeting.
fn review(monitor: &Monitor, now: Timestamp, out: &mut impl Write) -> anyhow::Result<PathBuf> {
    let config = monitor.config()?;
    let archive = monitor.archive();
    let report = archive.weekly_report(&config, &ReportRequest::review(now.day()))?;
    let path = archive.write_report(&report, &config)?.path;
    let stats = report.summary_stats;
    writeln!(
        out,
        "5. The weekly report is {}\n   {} runs cost {} credits; {} to review, {} SEV0 or SEV1, \
         {} new baselines",
        path.display(),
        stats.total_runs,
        stats.total_credits,
        report.review_queue.len(),
        report.policy_violations.len(),
        report.baseline_changes.len(),
    )?;
    Ok(path)
}

/// Whether everything is still as it was written.
fn verify(monitor: &Monitor, out: &mut impl Write) -> anyhow::Result<()> {
    let found = monitor.archive().verify(None, &|_, _| {})?;
    for finding in &found.findings {
        writeln!(out, "   {}: {}", finding.path.display(), finding.problem)?;
    }
    ensure!(found.ok(), "the tree is not as it was written");
    writeln!(
        out,
        "6. Verified {} ledger lines, {} events, {} run files and {} report: all as they were written",
        found.lines, found.events, found.run_files, found.reports
    )?;
    Ok(())
}

/// Serious runs one by one with the reason, the others by number.
fn table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new();
    table
        .load_style(RULE_BELOW_HEADER)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(["", "runs", "scenario", "× usual", "why"]);
    for severity in Severity::ALL {
        let runs: Vec<&Verdict> = of(*severity, verdicts).collect();
        if *severity == Severity::Sev4 {
            let count = runs.len().to_string();
            table.add_row([
                severity.as_str(),
                &count,
                "steady jobs",
                "",
                "nothing to see",
            ]);
            continue;
        }
        for (i, run) in runs.iter().enumerate() {
            let (severity, count) = match i {
                0 => (severity.as_str(), runs.len().to_string()),
                _ => ("", String::new()),
            };
            table.add_row([
                Cell::new(severity),
                Cell::new(count),
                Cell::new(&run.scenario_id),
                Cell::new(
                    run.variance
                        .map_or("-".to_owned(), |v| format!("{:.1}", v.as_f64())),
                ),
                Cell::new(reason(run)),
            ]);
        }
    }
    for right in [1, 3] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The verdict in words, and the flags that went into it.
fn reason(verdict: &Verdict) -> String {
    let flags: Vec<&str> = verdict.risk_flags.iter().map(|f| f.as_str()).collect();
    match flags.as_slice() {
        [] => verdict.summary.clone(),
        flags => format!("{}: {}", flags.join(", "), verdict.summary),
    }
}

fn of(severity: Severity, verdicts: &[Verdict]) -> impl Iterator<Item = &Verdict> {
    verdicts.iter().filter(move |v| v.severity == severity)
}

/// The verdicts of a batch of which everything must have been kept.
fn kept(batch: Batch) -> anyhow::Result<Vec<Verdict>> {
    ensure!(
        batch.run_file_errors.is_empty(),
        "a run file was not written"
    );
    let outcomes = batch.outcomes.into_iter();
    Ok(outcomes
        .map(|o| o.map(|o| o.verdict))
        .collect::<Result<_, _>>()?)
}

/// A second quickstart in the same folder would only find what the first one left.
fn refuse_used(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("creating {shown}"))?;
    let mut entries = fs::read_dir(folder).with_context(|| format!("reading {shown}"))?;
    ensure!(
        entries.next().is_none(),
        "{shown} is not empty; name a new folder, or none"
    );
    Ok(())
}

const WIDTH: u16 = 98;

const RULE_BELOW_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
