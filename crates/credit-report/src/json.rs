//! The report as JSON: fixed keys in a fixed order.

use std::fmt;

use credit_baseline::Change;
use credit_core::Multiplier;
use credit_core::json::{ObjectWriter, pretty};

use crate::{
    BaselineChange, HeadRef, Ineligible, PolicyViolation, Queued, ScenarioTotal, Screened,
    SummaryStats, WeeklyReport,
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
        out.token("ledger_head", head(self.ledger_head));
        out.token("events_head", head(self.events_head));
        out.plain("policy_sha256", self.policy_sha256);
        out.plain("baselines_sha256", self.baselines_sha256);
        out.plain("data_status", self.data_status.as_str());
        out.token(
            "top_scenarios_by_total",
            array(&self.top_scenarios_by_total, scenario),
        );
        out.token(
            "top_spike_runs",
            array(&self.top_spike_runs, |spike| spike.record.clone()),
        );
        out.token("review_queue", array(&self.review_queue, queued));
        out.token(
            "policy_violations",
            array(&self.policy_violations, violation),
        );
        out.token(
            "baseline_candidates",
            array(&self.baseline_candidates, |s| screened(s, false)),
        );
        out.token(
            "baseline_ineligible",
            array(&self.baseline_ineligible, ineligible),
        );
        out.token(
            "drift_candidates",
            array(&self.drift_candidates, |s| screened(s, true)),
        );
        // Nothing detects patterns yet, and no case says what was a false positive: empty.
        out.token("patterns", "[]");
        out.token("baseline_changes", array(&self.baseline_changes, change));
        out.token("false_positives", r#"{"by_flag":[],"by_scenario":[]}"#);
        out.token("summary_stats", summary(&self.summary_stats));
        pretty(&out.finish())
    }
}

fn array<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
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

fn head(head: Option<HeadRef>) -> String {
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
    out.finish()
}

fn violation(violation: &PolicyViolation) -> String {
    let case = violation.case.as_ref();
    let mut out = ObjectWriter::new();
    out.plain("run_id", &violation.run_id);
    out.plain("violation_type", violation.violation_type.as_str());
    out.plain("severity", violation.severity);
    string_or_null(&mut out, "case_id", case.map(|c| c.case_id.as_str()));
    string_or_null(&mut out, "case_status", case.map(|c| c.status.as_str()));
    out.token("stale", OrNull(case.map(|c| c.stale)));
    string_or_null(
        &mut out,
        "root_cause",
        case.and_then(|c| c.root_cause.as_deref()),
    );
    out.finish()
}

fn screened(screened: &Screened, has_drifted: bool) -> String {
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &screened.scenario_id);
    if has_drifted {
        let is_up = screened.proposed_median_credits > screened.baseline;
        out.plain("direction", if is_up { "up" } else { "down" });
    }
    out.token("baseline", screened.baseline);
    out.token("proposed_median_credits", screened.proposed_median_credits);
    multiplier(&mut out, VARIANCE, screened.variance_multiplier);
    multiplier(&mut out, MEAN_VARIANCE, screened.mean_variance_multiplier);
    out.token("run_count", screened.run_count);
    // Whoever is listed had none.
    out.token("incident_count", 0);
    out.token("cv", screened.cv);
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

fn summary(stats: &SummaryStats) -> String {
    let mut out = ObjectWriter::new();
    out.token("total_credits", stats.total_credits);
    out.token("total_runs", stats.total_runs);
    out.token("avg_credits_per_run", OrNull(stats.avg_credits_per_run()));
    for (severity, count) in stats.severity_counts.iter().enumerate() {
        out.token(&format!("sev{severity}_count"), count);
    }
    out.finish()
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

struct OrNull<T>(Option<T>);

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
