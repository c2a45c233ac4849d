//! The message of a weekly report, from the report's file.

use credit_core::{Credits, Multiplier, Period, ScenarioId, Timestamp, TotalCredits};
use credit_notify::slack::Message;
use credit_notify::{Reason, TopScenario, Weekly};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::Unmade;
use crate::{Tree, files};

/// What the message says of `runs/CREDIT_REVIEWS/<report>.json`.
pub(crate) fn message(tree: &Tree, report: &str) -> Result<Message, Unmade> {
    let name = format!("{report}.json");
    let park = |what: &str| Unmade::Park(Reason::new(&format!("the report {name} {what}")));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !report.chars().all(plain) || report.contains("..") {
        return Err(park("has no name of ours"));
    }
    let text = files::read_to_string(&tree.reviews().join(&name))
        .map_err(|e| park(&format!("cannot be read: {e}")))?;
    let week = week(&text).map_err(|e| park(&format!("is not understood: {e}")))?;
    Ok(Message::weekly(&week))
}

fn week(text: &str) -> Result<Weekly, serde_json::Error> {
    let report: Report = serde_json::from_str(text)?;
    let stats = report.summary_stats;
    let top = report.top_scenarios_by_total.into_iter().map(|top| {
        let variance = top.variance_multiplier.as_deref().map(RawValue::get);
        let variance = variance.filter(|token| *token != "null");
        Ok(TopScenario {
            scenario_id: top.scenario_id,
            total_credits: total(&top.total_credits)?,
            variance: variance.map(parsed::<Multiplier>).transpose()?,
        })
    });
    Ok(Weekly {
        period: Period {
            start: report.period_start,
            end: report.period_end,
        },
        data_problem: Some(report.data_status).filter(|status| status != "ok"),
        total_credits: total(&stats.total_credits)?,
        total_runs: stats.total_runs,
        severity_counts: [
            stats.sev0_count,
            stats.sev1_count,
            stats.sev2_count,
            stats.sev3_count,
            stats.sev4_count,
        ],
        top_scenarios: top.collect::<Result<_, serde_json::Error>>()?,
        needs_assessment: report.review_queue.len() as u64,
        baseline_candidates: report.baseline_candidates.len() as u64,
        report_url: None,
    })
}

fn total(token: &RawValue) -> Result<TotalCredits, serde_json::Error> {
    let credits: Credits = parsed(token.get())?;
    Ok([credits].into_iter().sum())
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    token: &str,
) -> Result<T, serde_json::Error> {
    token.parse().map_err(serde::de::Error::custom)
}

/// As much of a report as the message says; other keys are not its business.
#[derive(Deserialize)]
struct Report {
    period_start: Timestamp,
    period_end: Timestamp,
    data_status: String,
    top_scenarios_by_total: Vec<Top>,
    review_queue: Vec<serde::de::IgnoredAny>,
    baseline_candidates: Vec<serde::de::IgnoredAny>,
    summary_stats: Stats,
}

#[derive(Deserialize)]
struct Top {
    scenario_id: ScenarioId,
    total_credits: Box<RawValue>,
    variance_multiplier: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Stats {
    total_credits: Box<RawValue>,
    total_runs: u64,
    sev0_count: u64,
    sev1_count: u64,
    sev2_count: u64,
    sev3_count: u64,
    sev4_count: u64,
}
