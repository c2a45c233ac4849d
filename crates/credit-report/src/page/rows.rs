//! The page's lists, shown as they are read.

use credit_baseline::Change;
use credit_core::{Credits, Severity};

use super::charts::{SpendBar, spend_bar};
use super::text::{Figure, Sev, foreign, instant, percent_off};
use crate::{
    Level, NeedKind, PatternKind, PolicyViolation, ScenarioTotal, SeverityCertainty, SpikeRun,
    Verdicts, WeeklyReport,
};

/// The needs of one kind.
#[derive(Debug)]
pub(crate) struct NeedGroup {
    pub(crate) heading: &'static str,
    pub(crate) count: usize,
    pub(crate) items: Vec<NeedItem>,
    pub(crate) more: usize,
}

#[derive(Debug)]
pub(crate) struct NeedItem {
    pub(crate) subject: String,
    pub(crate) why: String,
    pub(crate) command: String,
}

pub(crate) fn needs(report: &WeeklyReport) -> Vec<NeedGroup> {
    let needs = report.needs();
    let group = |kind: &NeedKind| {
        let of_kind: Vec<_> = needs.iter().filter(|need| need.kind == *kind).collect();
        let items = of_kind.iter().take(NEEDS_MAX).map(|need| NeedItem {
            subject: foreign(&need.subject),
            why: foreign(&need.why),
            command: foreign(&need.command),
        });
        NeedGroup {
            heading: kind.heading(),
            count: of_kind.len(),
            items: items.collect(),
            more: of_kind.len().saturating_sub(NEEDS_MAX),
        }
    };
    let mut groups: Vec<NeedGroup> = NeedKind::ALL.iter().map(group).collect();
    groups.retain(|group| group.count > 0);
    groups
}

/// What one scenario cost.
#[derive(Debug)]
pub(crate) struct ScenarioRow {
    pub(crate) id: String,
    pub(crate) bar: SpendBar,
    pub(crate) total: Figure,
    pub(crate) off: Option<String>,
    pub(crate) runs: Figure,
    pub(crate) change: String,
    pub(crate) median: Figure,
    pub(crate) variance: Figure,
    pub(crate) is_notable: bool,
    /// The gravest severity among its runs.
    pub(crate) worst: Option<Sev>,
}

pub(crate) fn scenarios(report: &WeeklyReport) -> Vec<ScenarioRow> {
    let length = |s: &ScenarioTotal| s.total_credits.max(s.expected_credits.unwrap_or_default());
    let longest = report.scenarios.iter().map(length).max();
    let longest = longest.unwrap_or_default();
    let row = |s: &ScenarioTotal| ScenarioRow {
        id: foreign(s.scenario_id.as_str()),
        bar: spend_bar(s.total_credits, s.expected_credits, longest),
        total: Figure::credits(s.total_credits),
        off: s
            .expected_credits
            .and_then(|expected| percent_off(s.total_credits, expected)),
        runs: Figure::count(s.run_count),
        change: match s.run_count_change() {
            0 => "±0".to_owned(),
            change => Figure::count(format_args!("{change:+}")).shown,
        },
        median: Figure::credits(s.median_credits),
        variance: Figure::or_none(s.variance_multiplier.map(Figure::multiplier)),
        is_notable: s.notable,
        worst: Severity::ALL
            .iter()
            .zip(s.severity_counts)
            .find(|(_, count)| *count > 0)
            .map(|(severity, _)| Sev(*severity)),
    };
    report.scenarios.iter().map(row).collect()
}

/// One of the highest spikes.
#[derive(Debug)]
pub(crate) struct SpikeCard {
    pub(crate) run_id: String,
    pub(crate) scenario: String,
    pub(crate) at: String,
    pub(crate) severity: Sev,
    pub(crate) certainty: Option<&'static str>,
    pub(crate) credits: Figure,
    pub(crate) variance: Figure,
    pub(crate) flags: Vec<&'static str>,
    pub(crate) why: String,
    pub(crate) standing: String,
}

pub(crate) fn spikes(report: &WeeklyReport) -> Vec<SpikeCard> {
    let card = |spike: &SpikeRun| SpikeCard {
        run_id: foreign(spike.run_id.as_str()),
        scenario: foreign(spike.scenario_id.as_str()),
        at: instant(spike.timestamp),
        severity: Sev(spike.severity),
        certainty: spike.certainty.map(SeverityCertainty::as_str),
        credits: Figure::credits(spike.credits),
        variance: Figure::multiplier(spike.variance_multiplier),
        flags: spike.risk_flags.iter().map(|flag| flag.as_str()).collect(),
        why: cut(&foreign(&spike.summary)),
        standing: standing(spike),
    };
    report.top_spike_runs.iter().map(card).collect()
}

fn standing(spike: &SpikeRun) -> String {
    match (&spike.case_id, &spike.decision) {
        (Some(case), _) => format!("case {case}"),
        (None, Some(decided)) => cut(&foreign(&format!(
            "decided by {}: {}",
            decided.by, decided.decision
        ))),
        (None, None) if spike.needs_assessment => "no case; to be assessed".to_owned(),
        (None, None) => "no case".to_owned(),
    }
}

/// What spikes have in common.
#[derive(Debug)]
pub(crate) struct PatternRow {
    pub(crate) kind: &'static str,
    pub(crate) scenarios: String,
    pub(crate) runs: Figure,
    pub(crate) level: Option<String>,
    pub(crate) evidence: String,
    pub(crate) suggestion: &'static str,
}

pub(crate) fn patterns(report: &WeeklyReport) -> Vec<PatternRow> {
    let listed = |ids: Vec<&str>, count: usize| {
        let more = count.saturating_sub(IDS_MAX);
        let mut text = ids.into_iter().take(IDS_MAX).collect::<Vec<_>>().join(", ");
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        foreign(&text)
    };
    let row = |pattern: &crate::Pattern| PatternRow {
        kind: pattern.kind.as_str(),
        scenarios: listed(
            pattern.scenario_ids.iter().map(AsRef::as_ref).collect(),
            pattern.scenario_ids.len(),
        ),
        runs: Figure::count(pattern.run_count),
        level: match (pattern.kind, pattern.change) {
            (_, Some(change)) => Some(moved(change)),
            (PatternKind::Drift, None) if pattern.level_moved => {
                Some("its usual cost is above the band".to_owned())
            }
            (PatternKind::Drift, None) => Some("its usual cost is what it was".to_owned()),
            (PatternKind::Systemic | PatternKind::Transient, None) => None,
        },
        evidence: listed(
            pattern.run_ids.iter().map(AsRef::as_ref).collect(),
            usize::try_from(pattern.run_count).unwrap_or(usize::MAX),
        ),
        suggestion: pattern.kind.suggestion(),
    };
    report.patterns.iter().take(PATTERNS_MAX).map(row).collect()
}

fn moved(change: Level) -> String {
    format!(
        "from {} to {} since {}",
        Figure::credits(change.before).shown,
        Figure::credits(change.after).shown,
        instant(change.changed_at)
    )
}

/// A scenario that costs something else than its baseline says.
#[derive(Debug)]
pub(crate) struct DriftRow {
    pub(crate) scenario: String,
    pub(crate) direction: &'static str,
    pub(crate) baseline: Figure,
    pub(crate) median: Figure,
    pub(crate) variance: Figure,
    pub(crate) runs: Figure,
    pub(crate) since: String,
}

pub(crate) fn drift(report: &WeeklyReport) -> Vec<DriftRow> {
    let row = |drifted: &crate::Drifted| {
        let screened = &drifted.screened;
        DriftRow {
            scenario: foreign(screened.scenario_id.as_str()),
            direction: drifted.direction(),
            baseline: Figure::credits(screened.baseline),
            median: Figure::credits(screened.proposed_median_credits),
            variance: Figure::or_none(screened.variance_multiplier.map(Figure::multiplier)),
            runs: Figure::count(screened.run_count),
            since: drifted
                .change
                .map_or_else(|| "before these two periods".to_owned(), moved),
        }
    };
    report
        .drift_candidates
        .iter()
        .take(DRIFT_MAX)
        .map(row)
        .collect()
}

/// A grave run and its case.
#[derive(Debug)]
pub(crate) struct ViolationRow {
    pub(crate) run_id: String,
    pub(crate) scenario: String,
    pub(crate) severity: Sev,
    pub(crate) certainty: Option<&'static str>,
    pub(crate) kind: &'static str,
    pub(crate) credits: Figure,
    pub(crate) case: Option<String>,
    pub(crate) status: String,
    pub(crate) is_stale: bool,
    pub(crate) cause: String,
}

pub(crate) fn violations(report: &WeeklyReport) -> Vec<ViolationRow> {
    let as_of = report.period.end;
    let row = |violation: &PolicyViolation| {
        let case = violation.case.as_ref();
        ViolationRow {
            run_id: foreign(violation.run_id.as_str()),
            scenario: foreign(violation.scenario_id.as_str()),
            severity: Sev(violation.severity),
            certainty: violation.certainty.map(SeverityCertainty::as_str),
            kind: violation.violation_type.as_str(),
            credits: Figure::credits(violation.credits),
            case: case.map(|case| case.case_id.to_string()),
            status: case.map_or_else(
                || "none".to_owned(),
                |case| format!("{}, {} d", case.status, case.age_days(as_of)),
            ),
            is_stale: case.is_some_and(|case| case.stale),
            cause: match case.and_then(|case| case.root_cause) {
                None => "–".to_owned(),
                Some(cause) if cause.confirmed => cause.root_cause.to_string(),
                Some(cause) => format!("{} (to be confirmed)", cause.root_cause),
            },
        }
    };
    let violations = report.policy_violations.iter();
    violations.take(VIOLATIONS_MAX).map(row).collect()
}

/// A baseline that changed, or may.
#[derive(Debug)]
pub(crate) struct ChangeRow {
    pub(crate) scenario: String,
    pub(crate) old: Figure,
    pub(crate) new: Figure,
    pub(crate) percent: String,
    pub(crate) standing: String,
}

pub(crate) fn changes(report: &WeeklyReport) -> Vec<ChangeRow> {
    let row = |scenario: &str, old: Option<Credits>, new: Credits, standing: String| ChangeRow {
        scenario: foreign(scenario),
        old: Figure::or_none(old.map(Figure::credits)),
        new: Figure::credits(new),
        percent: old.and_then(|old| Change::new(old, new)).map_or_else(
            || "–".to_owned(),
            |change| change.to_string().replace('-', "−"),
        ),
        standing: foreign(&standing),
    };
    let applied = report.baseline_changes.iter().map(|change| {
        let standing = format!(
            "approved by {}, {}",
            change.approved_by,
            instant(change.approved_at)
        );
        row(
            change.scenario_id.as_str(),
            change.old,
            change.new,
            standing,
        )
    });
    let pending = report.pending_baselines.iter().map(|proposal| {
        let standing = format!("proposed by {}, waits for an O3", proposal.proposed_by);
        row(
            proposal.scenario_id.as_str(),
            proposal.old,
            proposal.new,
            standing,
        )
    });
    let candidates = report.baseline_candidates.iter().map(|candidate| {
        let standing = format!(
            "may be confirmed: {} runs, variation {}",
            candidate.run_count, candidate.cv
        );
        row(
            candidate.scenario_id.as_str(),
            Some(candidate.baseline),
            candidate.proposed_median_credits,
            standing,
        )
    });
    applied
        .chain(pending)
        .chain(candidates)
        .take(CHANGES_MAX)
        .collect()
}

/// Something that people decided or noted.
#[derive(Debug)]
pub(crate) struct NoteRow {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) by: String,
    pub(crate) at: String,
}

pub(crate) fn notes(report: &WeeklyReport) -> Vec<NoteRow> {
    let decisions = report.review_decisions.iter().map(|decided| NoteRow {
        subject: foreign(decided.run_id.as_str()),
        text: cut(&foreign(&decided.decision)),
        by: foreign(&decided.by),
        at: instant(decided.at),
    });
    let notes = report.review_notes.iter().map(|noted| NoteRow {
        subject: cut(&foreign(&noted.report)),
        text: cut(&foreign(&noted.note)),
        by: foreign(&noted.by),
        at: instant(noted.at),
    });
    decisions.chain(notes).take(NOTES_MAX).collect()
}

/// How exposures of sensitive data came out.
#[derive(Debug)]
pub(crate) struct FalsePositiveRow {
    pub(crate) subject: String,
    pub(crate) verdicts: Verdicts,
}

pub(crate) fn false_positives(report: &WeeklyReport) -> Vec<FalsePositiveRow> {
    let found = &report.false_positives;
    let flags = found
        .by_flag
        .iter()
        .map(|(flag, verdicts)| FalsePositiveRow {
            subject: flag.as_str().to_owned(),
            verdicts: *verdicts,
        });
    let scenarios = found.by_scenario.iter().take(SCENARIOS_MAX);
    let scenarios = scenarios.map(|(id, verdicts)| FalsePositiveRow {
        subject: foreign(id.as_str()),
        verdicts: *verdicts,
    });
    flags.chain(scenarios).collect()
}

/// The beginning of a long text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Lists are cut so that the page stays below 200 KB for a hundred scenarios.
const NEEDS_MAX: usize = 6;
const IDS_MAX: usize = 5;
const PATTERNS_MAX: usize = 20;
const DRIFT_MAX: usize = 20;
pub(crate) const VIOLATIONS_MAX: usize = 30;
const CHANGES_MAX: usize = 40;
const NOTES_MAX: usize = 20;
const SCENARIOS_MAX: usize = 10;
const TEXT_MAX: usize = 300;
