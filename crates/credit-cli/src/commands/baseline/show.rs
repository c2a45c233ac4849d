//! `baseline list` and `baseline history`.

use credit_monitor::baseline::{Baseline, Change, ChangePoint};
use credit_monitor::core::{Credits, ScenarioId, Timestamp};
use credit_monitor::governance::Verb;
use credit_monitor::{Archive, BaselineVersion, Config, Drifted, Standing, VersionBy};

use super::json::{AsOfLine, BaselineLine, VersionLine};
use super::window;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{print_json, put_line, table};

pub(super) fn list(context: &Context, at: Option<Timestamp>) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let config = Config::load(&context.tree)?;
    for warning in config.warnings() {
        context.say(format_args!(
            "warning: {}: {warning}",
            context.tree.baselines().display()
        ));
    }
    let archive = Archive::new(&context.tree);
    let standings = archive.baseline_standings(&config)?;
    let drifted = archive.drifted(&config, window(context, &config, at, None)?)?;
    let mut rows = Vec::new();
    for baseline in config.baselines().value.iter() {
        let id = &baseline.scenario_id;
        let standing = standings.get(id).copied().unwrap_or(Standing::NotAdopted);
        let drifted = drifted.get(id);
        if context.json {
            print_json(&BaselineLine::of(baseline, standing, drifted))?;
        } else {
            rows.push(row(baseline, standing, drifted));
        }
    }
    if !context.json {
        let header = [
            "Scenario",
            "Median credits",
            "Between",
            "Runs",
            "Usual input",
            "Usual per item",
            "Other days",
            "Status",
            "Last updated",
            "Drift",
        ];
        put_line(without_empty(&header, &[1, 2, 3, 4, 5], rows))?;
    }
    Ok(Exit::Fine)
}

fn row(baseline: &Baseline, standing: Standing, drifted: Option<&Drifted>) -> Vec<String> {
    let bounds = baseline.usual.bounds;
    let days = baseline.weekdays.iter().flat_map(|days| days.iter());
    let days: Vec<String> = days
        .map(|(day, usual)| format!("{:.3} {}", day.as_str(), usual.credits))
        .collect();
    vec![
        baseline.scenario_id.to_string(),
        baseline.credits.to_string(),
        known(bounds.map(|b| format!("{} to {}", b.lower(), b.upper()))),
        baseline.sample_size.to_string(),
        known(baseline.usual.input_tokens),
        known(baseline.usual.credits_per_item),
        days.join(", "),
        standing.as_str().to_owned(),
        baseline.last_updated.to_string(),
        known(drifted.map(drift)),
    ]
}

/// `since 2025-01-15 1.52 times`
fn drift(drifted: &Drifted) -> String {
    let day = drifted.change.at.day();
    match drifted.times {
        Some(times) => format!("since {day} {} times", times.six_decimals()),
        None => format!("since {day} {} credits", drifted.change.after),
    }
}

pub(super) fn history(
    context: &Context,
    scenario: &ScenarioId,
    at: Option<Timestamp>,
) -> anyhow::Result<Exit> {
    context.actor(Verb::View)?;
    let archive = Archive::new(&context.tree);
    if let Some(at) = at {
        return as_of(context, &archive, scenario, at);
    }
    let versions = archive.baseline_history(scenario)?;
    if versions.is_empty() {
        context.say(format_args!(
            "no baseline of {scenario} was ever put into force by approval"
        ));
    }
    let mut rows = Vec::new();
    for version in &versions {
        if context.json {
            print_json(&VersionLine::of(version))?;
        } else {
            rows.push(version_row(version));
        }
    }
    if !rows.is_empty() {
        let header = [
            "Since",
            "Old",
            "New",
            "Change",
            "Proposed by",
            "Approval",
            "Why",
        ];
        put_line(table(&header, &[1, 2, 3], rows))?;
    }
    Ok(Exit::Fine)
}

fn version_row(version: &BaselineVersion) -> Vec<String> {
    let (proposed_by, approval, why) = match &version.by {
        VersionBy::Approval(change) => (
            change.proposed_by.clone(),
            change.approval_id.clone(),
            change.reasons.join("; "),
        ),
        VersionBy::Adoption { by, reason } => {
            (String::new(), format!("adopted by {by}"), reason.clone())
        }
    };
    vec![
        version.since.to_string(),
        shown(version.old),
        shown(version.new),
        known(version.new.map(|new| change(version.old, new))),
        proposed_by,
        approval,
        why,
    ]
}

fn as_of(
    context: &Context,
    archive: &Archive,
    scenario: &ScenarioId,
    at: Timestamp,
) -> anyhow::Result<Exit> {
    let config = Config::load(&context.tree)?;
    let found = archive.baseline_as_of(&config, scenario, at)?;
    if context.json {
        print_json(&AsOfLine {
            scenario_id: scenario,
            as_of: at,
            median_credits: found.credits,
            since: found.since,
        })?;
        return Ok(Exit::Fine);
    }
    let since = match found.since {
        Some(since) => format!(", since {since}"),
        None => String::new(),
    };
    put_line(format_args!(
        "baseline of {scenario} as of {at}: {}{since}",
        shown(found.credits)
    ))?;
    Ok(Exit::Fine)
}

/// `since 2025-01-15 it costs 1.5 times as much (180, before 120)`
pub(super) fn since(point: &ChangePoint) -> String {
    let (day, after, before) = (point.at.day(), point.after, point.before);
    match point.times() {
        Some(times) => {
            let times = times.six_decimals();
            format!("since {day} it costs {times} times as much ({after}, before {before})")
        }
        None => format!("since {day} it costs {after}, before {before}"),
    }
}

/// What is known, or nothing.
pub(super) fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

pub(super) fn shown(credits: Option<Credits>) -> String {
    credits.map_or_else(|| "none".to_owned(), |c| c.to_string())
}

pub(super) fn change(old: Option<Credits>, new: Credits) -> String {
    match old {
        None => "first".to_owned(),
        Some(old) => {
            Change::new(old, new).map_or_else(|| "from zero".to_owned(), |c| c.to_string())
        }
    }
}

/// A table without the columns that no row has anything in.
fn without_empty(
    header: &[&str],
    right: &[usize],
    rows: Vec<Vec<String>>,
) -> impl std::fmt::Display {
    let is_kept = |column: &usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(*column));
        rows.is_empty() || cells.any(|cell| !cell.is_empty())
    };
    let kept: Vec<usize> = (0..header.len()).filter(is_kept).collect();
    let header: Vec<&str> = kept
        .iter()
        .filter_map(|c| header.get(*c).copied())
        .collect();
    let right: Vec<usize> = (0..kept.len())
        .filter(|at| kept.get(*at).is_some_and(|column| right.contains(column)))
        .collect();
    let row = |row: &Vec<String>| kept.iter().filter_map(|c| row.get(*c).cloned()).collect();
    table(&header, &right, rows.iter().map(row).collect())
}
