//! `report stats`: exact figures of any length of time.

use credit_monitor::core::{Period, Severity, Timestamp};
use credit_monitor::governance::Verb;
use credit_monitor::report::{ScenarioStatistics, Statistics};
use credit_monitor::{Archive, Checked};

use crate::args::Stats;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{put_line, put_text, table, talk};

/// So many scenarios are printed; the rest is counted.
const SCENARIOS_MAX: usize = 20;

pub(crate) fn stats(context: &Context, args: &Stats) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let archive = Archive::new(&context.tree);
    archive.require_ledger()?;
    let checked = match args.unchecked {
        true => Checked::No,
        false => Checked::Yes,
    };
    let statistics = archive.statistics(period(context, args)?, args.scenario.as_ref(), checked)?;
    if statistics.unreadable > 0 {
        talk(format_args!(
            "warning: {} lines could not be read, so the figures are too low; `creditctl verify` \
             says which",
            statistics.unreadable
        ));
    }
    if args.csv {
        put_text(statistics.scenarios_csv())?;
    } else if context.json {
        put_text(statistics.to_json())?;
    } else {
        print(&statistics)?;
    }
    Ok(Exit::Fine)
}

fn period(context: &Context, args: &Stats) -> anyhow::Result<Option<Period>> {
    let end = match (args.until, args.days) {
        (None, None) => return Ok(None),
        (Some(until), _) => until.start(),
        (None, Some(_)) => context.now()?.day().start(),
    };
    Ok(Some(match args.days {
        Some(days) => Period::days_until(days, end),
        None => Period {
            start: Timestamp::FIRST,
            end,
        },
    }))
}

fn print(statistics: &Statistics) -> anyhow::Result<()> {
    let sums = &statistics.sums;
    let span = match (statistics.days.first(), statistics.days.last()) {
        (Some(first), Some(last)) => format!("{} to {}", first.day, last.day),
        _ => "no day".to_owned(),
    };
    put_line(format_args!(
        "{span}: {} runs, {} credits",
        sums.run_count(),
        sums.total_credits()
    ))?;
    let counts = Severity::ALL.iter().zip(sums.severity_counts);
    let counts: Vec<String> = counts
        .map(|(severity, runs)| format!("{severity} {runs}"))
        .collect();
    put_line(counts.join("  "))?;
    if statistics.scenarios.is_empty() {
        return Ok(());
    }
    let header = [
        "Scenario", "Credits", "Runs", "Mean", "Median", "95 %", "99 %", "Dearest",
    ];
    let shown = statistics.scenarios.iter().take(SCENARIOS_MAX);
    put_line(table(
        &header,
        &[1, 2, 3, 4, 5, 6, 7],
        shown.map(row).collect(),
    ))?;
    let left = statistics.scenarios.len().saturating_sub(SCENARIOS_MAX);
    if left > 0 {
        put_line(format_args!("and {left} scenarios more: --csv or --json"))?;
    }
    for run in statistics.dearest.runs() {
        put_line(format_args!(
            "Dearest: {} of {}, {} credits, {}",
            run.run_id, run.scenario_id, run.credits, run.severity
        ))?;
    }
    Ok(())
}

fn row(scenario: &ScenarioStatistics) -> Vec<String> {
    vec![
        scenario.scenario_id.to_string(),
        scenario.sums.total_credits().to_string(),
        scenario.sums.run_count().to_string(),
        scenario.avg_credits.to_string(),
        scenario.median_credits.to_string(),
        scenario.p95_credits.to_string(),
        scenario.p99_credits.to_string(),
        scenario.max_credits.to_string(),
    ]
}
