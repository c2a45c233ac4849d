//! Runs for tests, made as the product makes them: a record, written and read again.

#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part")]

use credit_core::{
    Actions, Assessment, BaselineStatus, Credits, Inputs, Likelihood, Multiplier, Reason,
    RiskFlags, Run, RunFacts, RunRecord, Severity, Sha256, Status, Timestamp,
};

/// A healthy run at its baseline.
pub(crate) fn record(id: &str, scenario: &str, time: &str, credits: &str) -> RunRecord {
    let credits: Credits = credits.parse().unwrap();
    let run = Run::new(
        id.parse().unwrap(),
        scenario.parse().unwrap(),
        time.parse().unwrap(),
        Status::Success,
        credits,
    );
    RunRecord {
        inputs: Inputs {
            policy_sha256: Sha256::of(b"policy"),
            scenario_sha256: None,
            input_sha256: run.sha256(),
            baseline_updated: None,
            usual: Default::default(),
        },
        run,
        assessment: Assessment {
            severity: Severity::Sev4,
            reason: Reason::Ratio,
            baseline: Some(credits),
            baseline_status: BaselineStatus::Current,
            variance: Some(Multiplier::from_micro(1_000_000)),
            risk_flags: RiskFlags::NONE,
            score: 0,
            likelihood: Likelihood::Low,
            actions: Actions::NONE,
        },
        summary: "at its baseline".to_owned(),
    }
}

/// The same run with another severity.
pub(crate) fn with_severity(mut record: RunRecord, severity: Severity) -> RunRecord {
    record.assessment.severity = severity;
    record
}

/// The same run, SEV1 only because its scenario had no baseline.
pub(crate) fn unjudged(mut record: RunRecord) -> RunRecord {
    record.assessment.severity = Severity::Sev1;
    record.assessment.reason = Reason::MissingBaseline;
    record.assessment.baseline = None;
    record.assessment.baseline_status = BaselineStatus::Missing;
    record.assessment.variance = None;
    record
}

/// The records' lines, to borrow facts from.
pub(crate) fn lines(records: &[RunRecord]) -> Vec<String> {
    records.iter().map(RunRecord::to_json).collect()
}

/// What the lines say.
pub(crate) fn facts(lines: &[String]) -> Vec<RunFacts<'_>> {
    lines
        .iter()
        .map(|line| RunFacts::parse(line).unwrap())
        .collect()
}

/// An instant.
pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}
