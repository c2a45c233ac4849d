//! Ledger lines for tests, made as the product makes them: a record, written and read again.

#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;

use credit_baseline::{Baseline, Baselines};
use credit_core::{
    Action, Actions, Assessment, BaselineStatus, CandidateGate, Credits, Day, Inputs, Likelihood,
    Multiplier, Period, Ratio, Reason, RiskFlags, Run, RunFacts, RunId, RunRecord, Severity,
    Sha256, Status, Timestamp,
};
use credit_report::{Context, Decided, HeadRef, LedgerState, Repetition, Scope, SeverityCertainty};

/// A run judged by a baseline, or by none, with the standard thresholds and actions.
pub(crate) fn record(
    id: &str,
    scenario: &str,
    time: &str,
    credits: &str,
    baseline: Option<&str>,
) -> RunRecord {
    let run = Run::new(
        id.parse().unwrap(),
        scenario.parse().unwrap(),
        time.parse().unwrap(),
        Status::Success,
        amount(credits),
    );
    let baseline = baseline.map(amount);
    let ratio = baseline.and_then(|b| Ratio::new(run.credits, b));
    let (severity, reason, status) = verdict(run.credits, baseline);
    RunRecord {
        inputs: Inputs {
            policy_sha256: Sha256::of(b"policy"),
            scenario_sha256: None,
            input_sha256: run.sha256(),
            baseline_updated: None,
            usual: Default::default(),
        },
        assessment: Assessment {
            severity,
            reason,
            baseline,
            baseline_status: status,
            variance: ratio.map(Ratio::multiplier),
            risk_flags: RiskFlags::NONE,
            score: 0,
            likelihood: Likelihood::Low,
            actions: match severity {
                Severity::Sev0 | Severity::Sev1 => Actions::NONE.with(Action::CreateCase),
                Severity::Sev2 => Actions::NONE.with(Action::WeeklyReview),
                Severity::Sev3 | Severity::Sev4 => Actions::NONE.with(Action::LedgerOnly),
            },
        },
        summary: format!("{severity}"),
        run,
    }
}

fn verdict(credits: Credits, baseline: Option<Credits>) -> (Severity, Reason, BaselineStatus) {
    let Some(baseline) = baseline else {
        return (
            Severity::Sev1,
            Reason::MissingBaseline,
            BaselineStatus::Missing,
        );
    };
    let Some(ratio) = Ratio::new(credits, baseline) else {
        let status = BaselineStatus::Zero;
        return match credits {
            Credits::ZERO => (Severity::Sev4, Reason::AtZeroBaseline, status),
            _ => (Severity::Sev1, Reason::AboveZeroBaseline, status),
        };
    };
    let severity = [
        (5_000_000, Severity::Sev1),
        (2_000_000, Severity::Sev2),
        (1_500_000, Severity::Sev3),
    ]
    .into_iter()
    .find(|(threshold, _)| ratio.at_least(Multiplier::from_micro(*threshold)))
    .map_or(Severity::Sev4, |(_, severity)| severity);
    (severity, Reason::Ratio, BaselineStatus::Current)
}

/// The records as ledger lines, to borrow facts from.
pub(crate) fn lines(records: &[RunRecord]) -> Vec<String> {
    let line = |(seq, record): (usize, &RunRecord)| {
        let json = record.to_json();
        let open = json.strip_suffix('}').unwrap();
        let (previous, hash) = (Sha256::of(&[seq as u8]), Sha256::of(json.as_bytes()));
        format!(r#"{open},"Seq":{seq},"Prev_Hash":"{previous}","Hash":"{hash}"}}"#)
    };
    records.iter().enumerate().map(line).collect()
}

/// What the lines say.
pub(crate) fn facts(lines: &[String]) -> Vec<RunFacts<'_>> {
    lines
        .iter()
        .map(|line| RunFacts::parse(line).unwrap())
        .collect()
}

/// A report on the week before 2024-01-29, with the standard gate and nothing else.
pub(crate) fn context(baselines: &Baselines) -> Context<'_> {
    Context {
        period: Period::days_until(7, "2024-01-29".parse::<Day>().unwrap().start()),
        ledger: LedgerState::Read,
        earlier: &[],
        ledger_head: Some(HeadRef {
            seq: 41,
            hash: Sha256::of(b"ledger"),
        }),
        events_head: None,
        policy_sha256: Sha256::of(b"policy"),
        baselines_sha256: Sha256::of(b"baselines"),
        baselines,
        candidate_gate: CandidateGate {
            runs_min: 10,
            cv_below: 0.3,
            variance_below: Multiplier::from_micro(1_200_000),
        },
        scope: &Scope::Review,
        repetition: Repetition {
            runs_min: 3,
            days: 7,
        },
        decided: nothing_decided(),
        certainties: nothing_known(),
    }
}

/// Lives as long as any context.
pub(crate) fn nothing_decided() -> &'static Decided {
    static NOTHING: Decided = Decided {
        baseline_changes: Vec::new(),
        proposals: Vec::new(),
        cases: Vec::new(),
        decisions: Vec::new(),
        notes: Vec::new(),
        exposures: Vec::new(),
    };
    &NOTHING
}

/// Lives as long as any context.
fn nothing_known() -> &'static BTreeMap<RunId, SeverityCertainty> {
    static NOTHING: BTreeMap<RunId, SeverityCertainty> = BTreeMap::new();
    &NOTHING
}

/// Baselines of so many credits each.
pub(crate) fn baselines(values: &[(&str, &str)]) -> Baselines {
    let at = time("2024-01-01T00:00:00Z");
    let mut baselines = Baselines::empty(at);
    for (scenario, credits) in values {
        let baseline = Baseline {
            scenario_id: scenario.parse().unwrap(),
            credits: amount(credits),
            calculated_at: at,
            sample_size: 28,
            last_updated: at,
            usual: Default::default(),
            weekdays: None,
        };
        baselines.set(baseline, at);
    }
    baselines
}

/// An amount.
pub(crate) fn amount(text: &str) -> Credits {
    text.parse().unwrap()
}

/// An instant.
pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}
