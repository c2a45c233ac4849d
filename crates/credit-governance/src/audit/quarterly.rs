//! Every quarter: whether the numbers still fit.

use std::collections::BTreeMap;

use credit_core::{Multiplier, RiskFlag, RootCause, Severity, Sha256, Timestamp};

use super::{Audit, Check, Share, finding};
use crate::{Case, Docket};

/// What a quarterly audit must be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuarterlyFacts {
    /// How many runs of the quarter were judged again.
    pub replayed: u64,
    /// How many could not be.
    pub left_out: u64,
    /// What other thresholds would have made of them.
    pub trials: Vec<ThresholdTrial>,
    /// The backtest that the adoption of the policy in force names.
    pub backtest_sha256: Option<Sha256>,
}

/// What a quarter would have been with one threshold elsewhere and everything else as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdTrial {
    /// Which threshold.
    pub severity: Severity,
    /// Where it is.
    pub now: Multiplier,
    /// Where it would have been.
    pub tried: Multiplier,
    /// What would have been otherwise; `None` where the policy cannot have it there, because of
    /// another threshold or a bound.
    pub shift: Option<Shift>,
}

/// What would have been otherwise.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Shift {
    /// Runs that would have been graver.
    pub graver: u64,
    /// Runs that would have been milder.
    pub milder: u64,
    /// Runs that alerted people.
    pub alerts_before: u64,
    /// Runs that would have.
    pub alerts_after: u64,
    /// Misconfigurations that would have been alerted and were not.
    pub misconfig_found: u64,
    /// Misconfigurations that were alerted and would not have been.
    pub misconfig_missed: u64,
    /// Legitimate loads that would have been alerted and were not.
    pub load_alerted: u64,
    /// Legitimate loads that were alerted and would not have been.
    pub load_spared: u64,
}

impl ThresholdTrial {
    fn name(&self) -> String {
        let ThresholdTrial {
            severity,
            now,
            tried,
            ..
        } = self;
        format!("{severity} from {tried} times instead of {now}")
    }

    fn value(&self) -> String {
        let Some(shift) = self.shift else {
            return "the policy cannot have it there".to_owned();
        };
        let Shift {
            graver,
            milder,
            alerts_before,
            alerts_after,
            misconfig_found,
            misconfig_missed,
            load_alerted,
            load_spared,
        } = shift;
        format!(
            "{graver} runs graver, {milder} milder; {alerts_after} alerts instead of \
             {alerts_before}; misconfigurations: {misconfig_found} more found, {misconfig_missed} \
             missed; legitimate loads: {load_alerted} more alerted, {load_spared} spared"
        )
    }
}

/// The quarterly checks.
pub fn quarterly(facts: &QuarterlyFacts, docket: &Docket, now: Timestamp) -> Audit {
    let checks = vec![
        thresholds(facts),
        flag_weights(docket),
        training(docket),
        governance_log(docket),
    ];
    Audit::new("quarterly", now, checks)
}

/// Each threshold as it is, beside a lower and a higher one, over the runs of the quarter.
fn thresholds(facts: &QuarterlyFacts) -> Check {
    let untried = (facts.replayed == 0).then(|| {
        finding(
            "nothing tells whether the thresholds fit",
            format!(
                "no run of the quarter could be judged again, {} were left out",
                facts.left_out
            ),
            "creditctl policy backtest --policy config/sintraprime-policy.json",
        )
    });
    let runs = format!("{}, {} left out", facts.replayed, facts.left_out);
    let trials = facts
        .trials
        .iter()
        .map(|trial| (trial.name(), trial.value()));
    let adopted = facts.backtest_sha256.map(|hash| {
        let name = "backtest that the policy was adopted with";
        (name.to_owned(), hash.to_string())
    });
    Check::new(
        "thresholds",
        "the thresholds were tried on the quarter's runs",
        untried,
    )
    .with(
        std::iter::once(("runs judged again".to_owned(), runs))
            .chain(trials)
            .chain(adopted),
    )
}

/// How often a case with a flag of a misconfiguration was one, over the cases with a root cause.
fn flag_weights(docket: &Docket) -> Check {
    let explained: Vec<(&Case, RootCause)> = all(docket)
        .filter_map(|case| Some((case, case.known_root_cause()?)))
        .collect();
    let figures = RiskFlag::ALL.iter().map(|flag| {
        let flagged = explained
            .iter()
            .filter(|(case, _)| case.risk_flags.contains(*flag));
        let (mut hits, mut of) = (0, 0);
        for (_, cause) in flagged {
            of += 1;
            hits += u64::from(*cause == RootCause::Misconfig);
        }
        (flag.to_string(), Share { hits, of }.to_string())
    });
    Check::new("flag_weights", "what each flag was worth is known", None).with(figures)
}

fn training(docket: &Docket) -> Check {
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut minutes: Vec<u64> = Vec::new();
    for case in all(docket) {
        let cause = case
            .root_cause
            .as_ref()
            .map_or("none yet", |c| c.root_cause.as_str());
        *causes.entry(cause).or_default() += 1;
        if let Some(stamp) = &case.acknowledged {
            let seconds = stamp.at.unix().saturating_sub(case.alerted_at.unix());
            minutes.push(u64::try_from(seconds).unwrap_or(0) / 60);
        }
    }
    minutes.sort_unstable();
    let median = minutes.get(minutes.len() / 2);
    let figures = causes
        .into_iter()
        .map(|(cause, n)| (format!("root cause {cause}"), n.to_string()))
        .chain(median.map(|m| {
            (
                "minutes to an acknowledgment, median".to_owned(),
                m.to_string(),
            )
        }));
    Check::new(
        "training",
        "what happens most and how fast people come is known",
        None,
    )
    .with(figures)
}

fn governance_log(docket: &Docket) -> Check {
    let findings = docket
        .policies()
        .iter()
        .filter(|adopted| adopted.what.old.is_some() && adopted.what.backtest_sha256.is_none());
    let findings = findings.map(|adopted| {
        finding(
            format!("policy {} was adopted without a backtest", adopted.what.new),
            format!("by {} at {}", adopted.stamp.by, adopted.stamp.at),
            "creditctl policy backtest --policy config/sintraprime-policy.json",
        )
    });
    let changes = docket.policies().len().to_string();
    Check::new(
        "governance_log",
        "every change of the policy was tried before",
        findings,
    )
    .with([("policies adopted".to_owned(), changes)])
}

fn all(docket: &Docket) -> impl Iterator<Item = &Case> {
    docket.cases().chain(docket.archived_cases())
}
