//! The report as JSON: fixed keys in a fixed order.

use std::fmt;

use credit_baseline::Change;
use credit_core::json::{ObjectWriter, pretty};
use credit_core::{Multiplier, RiskFlag, ScenarioId, Timestamp};

use crate::{
    Band, BaselineChange, Drifted, FalsePositives, HeadRef, Ineligible, Level, Pattern,
    PolicyViolation, Proposal, Queued, ReviewDecision, ReviewNote, ScenarioTotal, Screened,
    SeverityCertainty, Slice, SummaryStats, Verdicts, WeeklyReport,
};

impl WeeklyReport {
    /// The report's file: two spaces a level, a final newline, and the same bytes for the same
    /// report. The keys are listed in the crate's documentation, which has an example.
    pub fn to_json(&self) -> String {
        let mut out = ObjectWriter::new();
        out.string("report_id", &self.report_id());
        out.token("schema_version", WeeklyReport::SCHEMA_VERSION);
        out.plain("as_of", self.period.end);
        out.plain("period_start", self.period.start);
        out.plain("period_end", self.period.end);
        out.plain("scope", self.scope.as_str());
        let scenario_id = self.scope.scenario().map(AsRef::as_ref);
        string_or_null(&mut out, "scenario_id", scenario_id);
        out.token("ledger_head", head(self.ledger_head));
        out.token("events_head", head(self.events_head));
        out.plain("policy_sha256", self.policy_sha256);
        out.plain("baselines_sha256", self.baselines_sha256);
        out.plain("data_status", self.data_status.as_str());
        out.token(
            "top_scenarios_by_total",
            array(self.top_scenarios_by_total(), scenario),
        );
        out.token(
            "top_spike_runs",
            array(&self.top_spike_runs, |spike| spike.record.clone()),
        );
        out.token("review_queue", array(&self.review_queue, queued));
        let violation = |v: &PolicyViolation| violation(v, self.period.end);
        out.token(
            "policy_violations",
            array(&self.policy_violations, violation),
        );
        out.token(
            "baseline_candidates",
            array(&self.baseline_candidates, candidate),
        );
        out.token(
            "baseline_ineligible",
            array(&self.baseline_ineligible, ineligible),
        );
        out.token("drift_candidates", array(&self.drift_candidates, drifted));
        out.token("patterns", array(&self.patterns, pattern));
        out.token("baseline_changes", array(&self.baseline_changes, change));
        out.token(
            "pending_baselines",
            array(&self.pending_baselines, proposal),
        );
        out.token("false_positives", false_positives(&self.false_positives));
        out.token(
            "review_decisions",
            array(&self.review_decisions, |d| decision(Some(d))),
        );
        out.token("review_notes", array(&self.review_notes, note));
        out.token("scenarios", array(&self.scenarios, scenario));
        out.token("timeline", array(&self.timeline, slice));
        out.token("bands", array(&self.bands, band));
        out.token("summary_stats", summary(&self.summary_stats));
        pretty(&out.finish())
    }
}

pub(crate) fn array<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    let mut out = String::from("[");
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&write(item));
    }
    out.push(']');
    out
}

pub(crate) fn head(head: Option<HeadRef>) -> String {
    let Some(head) = head else {
        return "null".to_owned();
    };
    let mut out = ObjectWriter::new();
    out.token("seq", head.seq);
    out.plain("hash", head.hash);
    out.finish()
}

fn scenario(scenario: &ScenarioTotal) -> String {
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &scenario.scenario_id);
    out.token("total_credits", scenario.total_credits);
    out.token("run_count", scenario.run_count);
    out.token("prev_run_count", scenario.prev_run_count);
    out.token("run_count_change", scenario.run_count_change());
    out.token("avg_credits", scenario.avg_credits);
    out.token("median_credits", scenario.median_credits);
    out.token("p95_credits", scenario.p95_credits);
    out.token("max_credits", scenario.max_credits);
    out.token("baseline", OrNull(scenario.baseline));
    multiplier(&mut out, VARIANCE, scenario.variance_multiplier);
    multiplier(&mut out, MEAN_VARIANCE, scenario.mean_variance_multiplier);
    out.token("notable", scenario.notable);
    out.token("expected_credits", OrNull(scenario.expected_credits));
    let interval = scenario.median_interval;
    out.token("median_low", OrNull(interval.map(|i| i.lower)));
    out.token("median_high", OrNull(interval.map(|i| i.upper)));
    severity_counts(&mut out, scenario.severity_counts);
    out.token("uncertain_count", scenario.uncertain_count);
    out.finish()
}

fn queued(queued: &Queued) -> String {
    let mut out = ObjectWriter::new();
    out.plain("run_id", &queued.run_id);
    out.plain("scenario_id", &queued.scenario_id);
    out.plain("timestamp", queued.timestamp);
    out.plain("severity", queued.severity);
    out.token("credits", queued.credits);
    multiplier(&mut out, VARIANCE, queued.variance_multiplier);
    out.words("risk_flags", queued.risk_flags.iter().map(|f| f.as_str()));
    out.words("reasons", queued.reasons.iter().map(|r| r.as_str()));
    string_or_null(
        &mut out,
        "case_id",
        queued.case_id.as_ref().map(AsRef::as_ref),
    );
    out.token("needs_assessment", queued.needs_assessment);
    out.token("decision", decision(queued.decision.as_ref()));
    certainty(&mut out, queued.certainty);
    out.finish()
}

fn violation(violation: &PolicyViolation, as_of: Timestamp) -> String {
    let case = violation.case.as_ref();
    let cause = case.and_then(|c| c.root_cause);
    let mut out = ObjectWriter::new();
    out.plain("run_id", &violation.run_id);
    out.plain("violation_type", violation.violation_type.as_str());
    out.plain("severity", violation.severity);
    string_or_null(&mut out, "case_id", case.map(|c| c.case_id.as_str()));
    string_or_null(&mut out, "case_status", case.map(|c| c.status.as_str()));
    out.token("stale", OrNull(case.map(|c| c.stale)));
    let cause_word = cause.map(|cause| cause.root_cause.as_str());
    string_or_null(&mut out, "root_cause", cause_word);
    out.token("root_cause_confirmed", OrNull(cause.map(|c| c.confirmed)));
    out.token("case_age_days", OrNull(case.map(|c| c.age_days(as_of))));
    out.plain("scenario_id", &violation.scenario_id);
    out.plain("timestamp", violation.timestamp);
    out.token("credits", violation.credits);
    certainty(&mut out, violation.certainty);
    out.finish()
}

fn candidate(screened: &Screened) -> String {
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &screened.scenario_id);
    figures(&mut out, screened);
    out.finish()
}

fn drifted(drifted: &Drifted) -> String {
    let screened = &drifted.screened;
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &screened.scenario_id);
    out.plain("direction", drifted.direction());
    figures(&mut out, screened);
    level(&mut out, drifted.change);
    out.finish()
}

fn figures(out: &mut ObjectWriter, screened: &Screened) {
    out.token("baseline", screened.baseline);
    out.token("proposed_median_credits", screened.proposed_median_credits);
    multiplier(out, VARIANCE, screened.variance_multiplier);
    multiplier(out, MEAN_VARIANCE, screened.mean_variance_multiplier);
    out.token("run_count", screened.run_count);
    // Whoever is listed had none.
    out.token("incident_count", 0);
    out.token("cv", screened.cv);
}

fn level(out: &mut ObjectWriter, change: Option<Level>) {
    let at = change.map(|change| change.changed_at.to_string());
    string_or_null(out, "changed_at", at.as_deref());
    out.token("median_before", OrNull(change.map(|change| change.before)));
    out.token("median_after", OrNull(change.map(|change| change.after)));
}

fn pattern(pattern: &Pattern) -> String {
    let mut out = ObjectWriter::new();
    out.plain("pattern", pattern.kind.as_str());
    let quoted = |id: &dyn fmt::Display| format!("\"{id}\"");
    out.token(
        "scenario_ids",
        array(&pattern.scenario_ids, |id| quoted(id)),
    );
    out.token("run_count", pattern.run_count);
    out.token("run_ids", array(&pattern.run_ids, |id| quoted(id)));
    out.token("level_moved", pattern.level_moved);
    level(&mut out, pattern.change);
    out.plain("suggestion", pattern.kind.suggestion());
    out.finish()
}

fn ineligible(ineligible: &Ineligible) -> String {
    let failed = array(&ineligible.failed, |criterion| {
        let mut out = ObjectWriter::new();
        out.plain("criterion", criterion.name);
        out.token("value", OrNull(criterion.value));
        out.token("limit", criterion.limit.figure());
        out.finish()
    });
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &ineligible.scenario_id);
    out.token("failed", failed);
    out.finish()
}

fn change(change: &BaselineChange) -> String {
    let percent = change.old.and_then(|old| Change::new(old, change.new));
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &change.scenario_id);
    out.token("old", OrNull(change.old));
    out.token("new", change.new);
    out.token("change_pct", OrNull(percent.map(Change::percent)));
    out.string("approved_by", &change.approved_by);
    out.plain("approved_at", change.approved_at);
    out.finish()
}

fn proposal(proposal: &Proposal) -> String {
    let percent = proposal.old.and_then(|old| Change::new(old, proposal.new));
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &proposal.scenario_id);
    out.token("old", OrNull(proposal.old));
    out.token("new", proposal.new);
    out.token("change_pct", OrNull(percent.map(Change::percent)));
    out.string("proposed_by", &proposal.proposed_by);
    out.finish()
}

fn false_positives(found: &FalsePositives) -> String {
    fn one(key: &str, word: &dyn fmt::Display, verdicts: Verdicts) -> String {
        let mut out = ObjectWriter::new();
        out.plain(key, word);
        out.token("false_positives", verdicts.false_positives);
        out.token("confirmed", verdicts.confirmed);
        out.token("undetermined", verdicts.undetermined);
        out.finish()
    }
    let mut out = ObjectWriter::new();
    let flag = |(flag, verdicts): &(RiskFlag, Verdicts)| one("flag", &flag.as_str(), *verdicts);
    out.token("by_flag", array(&found.by_flag, flag));
    let scenario = |(id, verdicts): &(ScenarioId, Verdicts)| one("scenario_id", id, *verdicts);
    out.token("by_scenario", array(&found.by_scenario, scenario));
    out.finish()
}

/// How sure a severity is, or null.
pub(crate) fn certainty(out: &mut ObjectWriter, certainty: Option<SeverityCertainty>) {
    let word = certainty.map(SeverityCertainty::as_str);
    string_or_null(out, "severity_certainty", word);
}

/// What a review decided about a run, or null.
pub(crate) fn decision(decision: Option<&ReviewDecision>) -> String {
    let Some(decision) = decision else {
        return "null".to_owned();
    };
    let mut out = ObjectWriter::new();
    out.plain("run_id", &decision.run_id);
    out.string("decision", &decision.decision);
    out.string("by", &decision.by);
    out.plain("at", decision.at);
    out.finish()
}

fn note(note: &ReviewNote) -> String {
    let mut out = ObjectWriter::new();
    out.string("report", &note.report);
    out.string("note", &note.note);
    out.string("by", &note.by);
    out.plain("at", note.at);
    out.finish()
}

fn slice(slice: &Slice) -> String {
    let mut out = ObjectWriter::new();
    out.plain("start", slice.period.start);
    out.plain("end", slice.period.end);
    out.token("runs", slice.sums.total_runs);
    out.token("credits", slice.sums.total_credits);
    severity_counts(&mut out, slice.sums.severity_counts);
    out.finish()
}

fn band(band: &Band) -> String {
    let dots = array(&band.dots, |dot| {
        let mut out = ObjectWriter::new();
        out.plain("timestamp", dot.at);
        out.token("credits", dot.credits);
        out.plain("severity", dot.severity);
        out.finish()
    });
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &band.scenario_id);
    out.token("baseline", band.baseline);
    out.token("low", band.low);
    out.token("high", band.high);
    out.token("run_count", band.run_count);
    out.token("runs", dots);
    out.finish()
}

fn summary(stats: &SummaryStats) -> String {
    let mut out = ObjectWriter::new();
    out.token("total_credits", stats.total_credits);
    out.token("total_runs", stats.total_runs);
    out.token("avg_credits_per_run", OrNull(stats.avg_credits_per_run()));
    severity_counts(&mut out, stats.severity_counts);
    out.finish()
}

pub(crate) fn severity_counts(out: &mut ObjectWriter, counts: [u64; 5]) {
    for (severity, count) in counts.iter().enumerate() {
        out.token(&format!("sev{severity}_count"), count);
    }
}

fn multiplier(out: &mut ObjectWriter, key: &str, value: Option<Multiplier>) {
    out.token(key, OrNull(value.map(Multiplier::six_decimals)));
}

fn string_or_null(out: &mut ObjectWriter, key: &str, value: Option<&str>) {
    match value {
        Some(text) => out.string(key, text),
        None => out.token(key, "null"),
    }
}

pub(crate) struct OrNull<T>(pub(crate) Option<T>);

impl<T: fmt::Display> fmt::Display for OrNull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}

const VARIANCE: &str = "variance_multiplier";
const MEAN_VARIANCE: &str = "mean_variance_multiplier";
