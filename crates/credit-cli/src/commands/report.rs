//! `report weekly`.

use credit_monitor::core::Severity;
use credit_monitor::governance::Verb;
use credit_monitor::report::WeeklyReport;
use credit_monitor::{Archive, Config};
use serde_json::json;

use crate::args::Weekly;
use crate::commands::notify;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{put_line, put_text, table};

pub(crate) fn weekly(context: &Context, args: &Weekly) -> anyhow::Result<Exit> {
    context.actor(Verb::Report)?;
    let config = Config::load(&context.tree)?;
    let until = args
        .until
        .map_or_else(|| context.now().map(|now| now.day()), Ok)?;
    let days = args.days.unwrap_or(config.policy().value.review_days());
    let archive = Archive::new(&context.tree);
    let report = archive.weekly_report(&config, until, days)?;
    if args.dry_run {
        put_text(report.to_json())?;
        return Ok(Exit::Fine);
    }
    let written = archive.write_report(&report, &config)?;
    notify::announce(context, &written);
    if context.json {
        put_line(json!({
            "path": written.path, "identical": written.identical,
            "report_id": report.report_id(), "data_status": report.data_status.as_str(),
        }))?;
    } else {
        print(&report)?;
        let note = if written.identical {
            " (the same report was there already)"
        } else {
            ""
        };
        put_line(format_args!("{}{note}", written.path.display()))?;
    }
    Ok(Exit::Fine)
}

fn print(report: &WeeklyReport) -> anyhow::Result<()> {
    let stats = &report.summary_stats;
    put_line(format_args!(
        "{} to {}: {} runs, {} credits ({})",
        report.period.start,
        report.period.end,
        stats.total_runs,
        stats.total_credits,
        report.data_status.as_str()
    ))?;
    let counts = Severity::ALL.iter().zip(stats.severity_counts);
    let counts: Vec<String> = counts
        .map(|(severity, runs)| format!("{severity} {runs}"))
        .collect();
    put_line(counts.join("  "))?;
    if !report.top_scenarios_by_total.is_empty() {
        let rows = report.top_scenarios_by_total.iter().map(|s| {
            vec![
                s.scenario_id.to_string(),
                s.total_credits.to_string(),
                s.run_count.to_string(),
                format!("{:+}", s.run_count_change()),
                s.median_credits.to_string(),
                s.variance_multiplier
                    .map_or_else(|| "-".to_owned(), |v| v.to_string()),
            ]
        });
        let header = [
            "Scenario",
            "Credits",
            "Runs",
            "Change",
            "Median",
            "× baseline",
        ];
        put_line(table(&header, &[1, 2, 3, 4, 5], rows.collect()))?;
    }
    put_line(format_args!(
        "{} to review, {} violations, {} baseline candidates, {} drifted",
        report.review_queue.len(),
        report.policy_violations.len(),
        report.baseline_candidates.len(),
        report.drift_candidates.len()
    ))
}
