//! `policy backtest`.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use credit_monitor::core::json::ObjectWriter;
use credit_monitor::core::{RootCause, Severity, Sha256, Timestamp};
use credit_monitor::policy::{
    AlertRate, BacktestResult, Change, Outcomes, Policy, RunSum, Score, Scores,
};
use credit_monitor::{Archive, BacktestReport, BacktestRequest, Hashed};

use crate::args::Backtest;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{put_line, table};

pub(crate) fn backtest(context: &Context, args: &Backtest) -> anyhow::Result<Exit> {
    let candidate = read(&args.policy, Policy::parse)?;
    let archive = Archive::new(&context.tree);
    let outcomes = match &args.outcomes {
        Some(file) => Some(read(file, Outcomes::parse)?),
        None if args.cases => Some(archive.outcomes()?),
        None => None,
    };
    let (from, to) = period(context, args)?;
    let request = BacktestRequest {
        candidate: &candidate,
        outcomes: outcomes.as_ref(),
        from,
        to,
    };
    let bar = context.progress(0, "bytes");
    let report = archive.backtest(&request, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report?;
    let json = report.to_json()?;
    let digest = Sha256::of(json.as_bytes());
    if context.json {
        let mut out = ObjectWriter::new();
        out.plain("digest", digest);
        out.token("backtest", json);
        put_line(out.finish())?;
        return Ok(Exit::Fine);
    }
    print(&report, args.limit)?;
    put_line(format_args!("digest {digest}"))?;
    Ok(Exit::Fine)
}

fn read<T, E>(file: &Path, parse: fn(&str) -> Result<T, E>) -> anyhow::Result<Hashed<T>>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let text = str::from_utf8(&bytes).with_context(|| format!("reading {}", file.display()))?;
    let value = parse(text).with_context(|| file.display().to_string())?;
    Ok(Hashed {
        value,
        sha256: Sha256::of(&bytes),
        bytes,
    })
}

fn period(
    context: &Context,
    args: &Backtest,
) -> anyhow::Result<(Option<Timestamp>, Option<Timestamp>)> {
    if let Some(days) = args.days {
        let end = args.at.map_or_else(|| context.now(), Ok)?;
        return Ok((Some(end.days_before(days)), Some(end)));
    }
    if let (Some(from), Some(to)) = (args.from, args.to) {
        anyhow::ensure!(from <= to, "--from {from} is after --to {to}");
    }
    Ok((args.from, args.to))
}

fn print(report: &BacktestReport, limit: usize) -> anyhow::Result<()> {
    let result = &report.result;
    put_line(format_args!(
        "policy {}, SHA-256 {}",
        report.policy_version, report.policy_sha256
    ))?;
    let from = report.from.map(|from| format!(" from {from}"));
    let to = report.to.map(|to| format!(" before {to}"));
    put_line(format_args!(
        "{} replayed{}{}",
        runs(&result.replayed),
        from.unwrap_or_default(),
        to.unwrap_or_default()
    ))?;
    print_matrix(result)?;
    put_line(format_args!(
        "alerts: {}, then {}",
        rate(&result.alerts.before),
        rate(&result.alerts.after)
    ))?;
    put_line(format_args!(
        "changed: {}; graver {}; milder {}",
        runs(&result.affected),
        runs(&result.graver),
        runs(&result.milder)
    ))?;
    if report.outcomes_sha256.is_some() {
        print_scores(&result.scores)?;
        list(
            "outcomes of runs that were not replayed",
            &result.outcomes_unmatched,
            limit,
            ToString::to_string,
        )?;
    }
    print_changes(&result.changes, limit)?;
    list("left out", &result.left_out, limit, |left| {
        let line = left.seq + 1;
        match &left.run_id {
            Some(run_id) => format!("line {line}, {run_id}: {}", left.reason),
            None => format!("line {line}: {}", left.reason),
        }
    })
}

fn print_matrix(result: &BacktestResult) -> anyhow::Result<()> {
    let mut header = vec!["was \\ would be"];
    header.extend(Severity::ALL.iter().map(|severity| severity.as_str()));
    let rows = Severity::ALL.iter().map(|old| {
        let runs = |new| result.matrix.runs(*old, new).to_string();
        let counts = Severity::ALL.iter().copied().map(runs);
        std::iter::once(old.to_string()).chain(counts).collect()
    });
    put_line(table(&header, &[1, 2, 3, 4, 5], rows.collect()))
}

fn print_scores(scores: &Scores) -> anyhow::Result<()> {
    let header = [
        "Root cause",
        "Runs",
        "Alerts",
        "Then",
        "No longer alerted",
        "Newly alerted",
    ];
    let rows = RootCause::ALL.iter().map(|root_cause| {
        let score = scores.of(*root_cause);
        vec![
            root_cause.to_string(),
            score.runs.to_string(),
            score.alerts_before.to_string(),
            score.alerts_after.to_string(),
            score.no_longer_alerted.len().to_string(),
            score.newly_alerted.len().to_string(),
        ]
    });
    put_line(table(&header, &[1, 2, 3, 4, 5], rows.collect()))?;
    let told = |what,
                Score {
                    no_longer_alerted, ..
                }: &Score| match no_longer_alerted.len() {
        0 => Ok(()),
        runs => put_line(format_args!("{what}: {runs}")),
    };
    told(
        "misconfigurations that would now be missed",
        &scores.misconfig,
    )?;
    told(
        "legitimate loads that would spare an alert",
        &scores.legit_load,
    )
}

fn print_changes(changes: &[Change], limit: usize) -> anyhow::Result<()> {
    if changes.is_empty() || limit == 0 {
        return Ok(());
    }
    let rows = changes.iter().take(limit).map(|change| {
        vec![
            change.run_id.to_string(),
            change.scenario_id.to_string(),
            change.timestamp.to_string(),
            change.credits.to_string(),
            or_dash(change.variance),
            change.old.severity.to_string(),
            change.new.severity.to_string(),
            alert(change).to_owned(),
            or_dash(change.root_cause),
        ]
    });
    let header = [
        "Run",
        "Scenario",
        "Finished",
        "Credits",
        "× baseline",
        "Was",
        "Would be",
        "Alert",
        "Root cause",
    ];
    put_line(table(&header, &[3, 4], rows.collect()))?;
    more(changes.len(), limit)
}

fn alert(change: &Change) -> &'static str {
    match (change.old.alerts(), change.new.alerts()) {
        (true, true) => "stays",
        (true, false) => "lost",
        (false, true) => "new",
        (false, false) => "-",
    }
}

fn list<T>(
    title: &str,
    items: &[T],
    limit: usize,
    show: impl Fn(&T) -> String,
) -> anyhow::Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    put_line(format_args!("{title}: {}", items.len()))?;
    for item in items.iter().take(limit) {
        put_line(format_args!("  {}", show(item)))?;
    }
    more(items.len(), limit)
}

fn more(all: usize, limit: usize) -> anyhow::Result<()> {
    match all.saturating_sub(limit) {
        0 => Ok(()),
        left => put_line(format_args!("… and {left} more; --json lists all")),
    }
}

fn runs(sum: &RunSum) -> String {
    format!("{} runs, {} credits", sum.runs, sum.credits)
}

fn rate(rate: &AlertRate) -> String {
    match rate.a_week {
        Some(a_week) => format!("{} ({a_week} a week)", rate.runs),
        None => rate.runs.to_string(),
    }
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
