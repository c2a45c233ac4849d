//! `report …`.

use std::path::Path;

use credit_monitor::core::json::Excerpt;
use credit_monitor::core::{Severity, TotalCredits};
use credit_monitor::governance::Verb;
use credit_monitor::report::{NeedKind, ScenarioTotal, WeeklyReport};
use credit_monitor::{Archive, Config, Difference, ReportRequest};
use serde_json::json;

use crate::args::Weekly;
use crate::commands::notify;
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::output::{put_line, put_text, table, talk};

/// The widest bar, in characters.
const BAR: u128 = 16;

/// So many needs of a kind are printed; the rest is counted.
const NEEDS_MAX: usize = 5;

/// Fewer lines are read as fast as they are written down.
const BEHIND_MIN: u64 = 4096;

pub(crate) fn weekly(context: &Context, args: &Weekly) -> anyhow::Result<Exit> {
    context.actor_for(Verb::Report, args.dry_run)?;
    let config = Config::load(&context.tree)?;
    let until = args
        .until
        .map_or_else(|| context.now().map(|now| now.day()), Ok)?;
    let request = ReportRequest {
        until,
        days: args.days,
        scenario: args.scenario.clone(),
    };
    let archive = Archive::new(&context.tree);
    if !args.csv && !args.dry_run {
        save_partials(context, &archive);
    }
    let report = archive.weekly_report(&config, &request)?;
    if args.csv {
        put_text(report.scenarios_csv())?;
        return Ok(Exit::Fine);
    }
    if args.dry_run {
        let text = if args.html {
            report.to_html()
        } else {
            report.to_json()
        };
        put_text(text)?;
        return Ok(Exit::Fine);
    }
    let written = archive.write_report(&report, &config)?;
    let page = args
        .html
        .then(|| archive.write_page(&report, &written))
        .transpose()?;
    notify::announce(context, &written);
    if context.json {
        let mut told = json!({
            "path": written.path, "identical": written.identical,
            "report_id": report.report_id(), "data_status": report.data_status.as_str(),
        });
        if let Some(page) = page
            && let Some(told) = told.as_object_mut()
        {
            told.insert("page".to_owned(), json!(page.path));
        }
        put_line(told)?;
        return Ok(Exit::Fine);
    }
    print(&report)?;
    let note = |identical, note| if identical { note } else { "" };
    let same = note(written.identical, " (the same report was there already)");
    put_line(format_args!("{}{same}", written.path.display()))?;
    if let Some(page) = page {
        let same = note(page.identical, " (the same page was there already)");
        put_line(format_args!("{}{same}", page.path.display()))?;
    }
    Ok(Exit::Fine)
}

/// Writes down what past days come to, where that spares reading much. It only saves time.
pub(crate) fn save_partials(context: &Context, archive: &Archive) {
    let saved = || -> anyhow::Result<()> {
        if archive.lines_behind_partials()? >= BEHIND_MIN {
            context.monitor()?.save_partials(context.now()?)?;
        }
        Ok(())
    };
    if let Err(error) = saved() {
        talk(format_args!(
            "warning: what past days come to is not written down, so it is read again each time: \
             {error:#}"
        ));
    }
}

pub(crate) fn reproduce(context: &Context, file: &Path) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let again = Archive::new(&context.tree).reproduce_report(file)?;
    let Some(Difference {
        line,
        file: found,
        again: expected,
    }) = again.difference
    else {
        if context.json {
            put_line(json!({"path": file, "identical": true}))?;
        } else {
            put_line(format_args!("{}: reproduced", file.display()))?;
        }
        return Ok(Exit::Fine);
    };
    if context.json {
        put_line(json!({
            "path": file, "identical": false, "line": line, "file": found, "again": expected,
        }))?;
    } else {
        put_line(format_args!(
            "{}:{line} is not what follows",
            file.display()
        ))?;
        put_line(format_args!("file:  {}", Excerpt(found.trim())))?;
        put_line(format_args!("again: {}", Excerpt(expected.trim())))?;
    }
    let message = format!(
        "{} is not the report that its ledgers and inputs give; line {line} differs",
        file.display()
    );
    let help = "compare the file with its sidecar and with a copy; `creditctl verify` looks at \
                everything else";
    if !context.json {
        talk(format_args!("error: {message}\nhelp: {help}"));
    }
    Err(Told {
        exit: Exit::Integrity,
        code: "integrity",
        message,
        help,
    }
    .into())
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
    print_scenarios(report.top_scenarios_by_total())?;
    put_line(format_args!(
        "{} to review, {} violations, {} baseline candidates, {} drifted",
        report.review_queue.len(),
        report.policy_violations.len(),
        report.baseline_candidates.len(),
        report.drift_candidates.len()
    ))?;
    print_needs(report)
}

fn print_scenarios(scenarios: &[ScenarioTotal]) -> anyhow::Result<()> {
    if scenarios.is_empty() {
        return Ok(());
    }
    let longest = |s: &ScenarioTotal| s.total_credits.max(s.expected_credits.unwrap_or_default());
    let longest = scenarios.iter().map(longest).max().unwrap_or_default();
    let rows = scenarios.iter().map(|s| {
        vec![
            s.scenario_id.to_string(),
            s.total_credits.to_string(),
            bar(s, longest),
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
        "█ expected ▓ over",
        "Runs",
        "Change",
        "Median",
        "× baseline",
    ];
    put_line(table(&header, &[1, 3, 4, 5, 6], rows.collect()))
}

/// What was spent, as far as the baseline expects it and beyond, and what is left of that; of a
/// scenario without a baseline only what was spent.
fn bar(scenario: &ScenarioTotal, longest: TotalCredits) -> String {
    let cells = |credits: TotalCredits| {
        // To the nearest cell; totals are far below what 128 bits hold.
        let longest = longest.micro().max(1);
        usize::try_from((credits.micro() * BAR * 2 + longest) / (2 * longest)).unwrap_or(0)
    };
    let spent = cells(scenario.total_credits);
    let expected = cells(scenario.expected_credits.unwrap_or(scenario.total_credits));
    let (within, over) = (spent.min(expected), spent.saturating_sub(expected));
    let left = expected.saturating_sub(spent);
    format!(
        "{}{}{}",
        "█".repeat(within),
        "▓".repeat(over),
        "░".repeat(left)
    )
}

fn print_needs(report: &WeeklyReport) -> anyhow::Result<()> {
    let needs = report.needs();
    for kind in NeedKind::ALL {
        let of_kind: Vec<_> = needs.iter().filter(|need| need.kind == kind).collect();
        for need in of_kind.iter().take(NEEDS_MAX) {
            put_line(format_args!(
                "{}: {}: {}",
                kind.heading(),
                need.subject,
                need.why
            ))?;
        }
        let left = of_kind.len().saturating_sub(NEEDS_MAX);
        if left > 0 {
            put_line(format_args!("{}: {left} more", kind.heading()))?;
        }
    }
    Ok(())
}
