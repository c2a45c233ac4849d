//! The report as a page for people: one file, drawn from the report alone.

mod charts;
mod rows;
mod text;

use askama::Template;
use credit_core::{Severity, Sha256};

use self::charts::{BandChart, Timeline};
use self::rows::{
    ChangeRow, DriftRow, FalsePositiveRow, NeedGroup, NoteRow, PatternRow, ScenarioRow, SpikeCard,
    ViolationRow,
};
use self::text::{Figure, Sev, percent_off, period};
use crate::{DataStatus, HeadRef, WeeklyReport};

impl WeeklyReport {
    /// The report as a page: one HTML file with its style and drawings, without script, and
    /// without anything that a browser would have to fetch. The same report gives the same bytes.
    ///
    /// Its figures are those of [`WeeklyReport::to_json`], whose SHA-256 it states; foreign text is
    /// escaped, control characters are replaced. Long lists are cut, and say so: the JSON has all.
    ///
    /// ```
    /// # use credit_baseline::Baselines;
    /// # use credit_core::{CandidateGate, Day, Period, Sha256};
    /// # use credit_report::{Context, Decided, LedgerState, Repetition, Scope, weekly};
    /// # let end = "2024-01-29".parse::<Day>()?.start();
    /// # let report = weekly(&[], &Context {
    /// #     period: Period::days_until(7, end),
    /// #     ledger: LedgerState::Missing,
    /// #     earlier: &[],
    /// #     ledger_head: None,
    /// #     events_head: None,
    /// #     policy_sha256: Sha256::of(b"policy"),
    /// #     baselines_sha256: Sha256::of(b"baselines"),
    /// #     baselines: &Baselines::empty(end),
    /// #     candidate_gate: CandidateGate {
    /// #         runs_min: 10, cv_below: 0.3, variance_below: "1.2".parse()?,
    /// #     },
    /// #     scope: &Scope::Review,
    /// #     repetition: Repetition { runs_min: 3, days: 7 },
    /// #     decided: &Decided::default(),
    /// #     certainties: &Default::default(),
    /// # });
    /// let page = report.to_html();
    /// assert!(page.starts_with("<!doctype html>"));
    /// assert!(page.contains("22 January – 28 January 2024"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_html(&self) -> String {
        Page::of(self).to_string()
    }
}

/// What the template is filled with; every text in it is escaped there.
#[derive(Debug, Template)]
#[template(path = "weekly.html")]
struct Page {
    report_id: String,
    is_review: bool,
    scenario: Option<String>,
    period: String,
    warning: Option<&'static str>,
    total_credits: Figure,
    against_baseline: Option<String>,
    total_runs: Figure,
    avg_credits: Figure,
    severities: Vec<(Sev, Figure)>,
    needs: Vec<NeedGroup>,
    need_count: Figure,
    timeline: Timeline,
    scenarios: Vec<ScenarioRow>,
    more_scenarios: Vec<ScenarioRow>,
    spikes: Vec<SpikeCard>,
    bands: Vec<BandChart>,
    first_day: String,
    last_day: String,
    patterns: Vec<PatternRow>,
    drift: Vec<DriftRow>,
    violations: Vec<ViolationRow>,
    more_violations: usize,
    changes: Vec<ChangeRow>,
    notes: Vec<NoteRow>,
    false_positives: Vec<FalsePositiveRow>,
    heads: Vec<(&'static str, Option<HeadRef>)>,
    hashes: Vec<(&'static str, Sha256)>,
    file: String,
}

impl Page {
    fn of(report: &WeeklyReport) -> Page {
        let stats = &report.summary_stats;
        let mut scenarios = rows::scenarios(report);
        let more_scenarios = scenarios.split_off(scenarios.len().min(SCENARIOS_SHOWN));
        let needs = rows::needs(report);
        Page {
            report_id: text::foreign(&report.report_id()),
            is_review: report.scope == crate::Scope::Review,
            scenario: report.scope.scenario().map(|id| text::foreign(id.as_str())),
            period: period(report.period),
            warning: warning(report.data_status),
            total_credits: Figure::credits(stats.total_credits),
            against_baseline: against_baseline(report),
            total_runs: Figure::count(stats.total_runs),
            avg_credits: Figure::or_none(stats.avg_credits_per_run().map(Figure::credits)),
            severities: Severity::ALL
                .iter()
                .zip(stats.severity_counts)
                .map(|(severity, count)| (Sev(*severity), Figure::count(count)))
                .collect(),
            need_count: Figure::count(needs.iter().map(|group| group.count).sum::<usize>()),
            needs,
            timeline: charts::timeline(report),
            scenarios,
            more_scenarios,
            spikes: rows::spikes(report),
            bands: charts::bands(report),
            first_day: text::short_day(report.period.start),
            last_day: text::short_day(report.period.end.days_before(1)),
            patterns: rows::patterns(report),
            drift: rows::drift(report),
            violations: rows::violations(report),
            more_violations: report
                .policy_violations
                .len()
                .saturating_sub(rows::VIOLATIONS_MAX),
            changes: rows::changes(report),
            notes: rows::notes(report),
            false_positives: rows::false_positives(report),
            heads: vec![
                ("Ledger", report.ledger_head),
                ("Events", report.events_head),
            ],
            hashes: vec![
                ("Report (JSON)", Sha256::of(report.to_json().as_bytes())),
                ("Policy", report.policy_sha256),
                ("Baselines", report.baselines_sha256),
            ],
            file: text::foreign(&format!("{}.json", report.file_stem())),
        }
    }
}

fn warning(status: DataStatus) -> Option<&'static str> {
    match status {
        DataStatus::Ok => None,
        DataStatus::LedgerMissing => Some("There is no ledger: nothing was reported at all."),
        DataStatus::LedgerEmpty => Some("The ledger has no runs yet."),
        DataStatus::NoRunsInPeriod => Some("No run finished in this period."),
        DataStatus::ParseErrors => {
            Some("Lines of the ledger could not be read: every figure here is too low.")
        }
    }
}

/// What the scenarios with a baseline spent beyond what it expects.
fn against_baseline(report: &WeeklyReport) -> Option<String> {
    let (mut total, mut expected) = (Default::default(), Default::default());
    for scenario in &report.scenarios {
        if let Some(credits) = scenario.expected_credits {
            total += scenario.total_credits;
            expected += credits;
        }
    }
    percent_off(total, expected)
}

/// So many scenarios are seen at once; the others are folded.
const SCENARIOS_SHOWN: usize = 15;
