//! Every quarter: whether the numbers still fit.

use std::collections::BTreeMap;

use credit_core::{RiskFlag, RootCause, Sha256, Timestamp};

use super::{Audit, Check, Share, finding};
use crate::{Case, Docket};

/// What a quarterly audit must be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuarterlyFacts {
    /// The hash of a backtest of the policy in force that was made this quarter.
    pub backtest_sha256: Option<Sha256>,
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

fn thresholds(facts: &QuarterlyFacts) -> Check {
    let missing = facts.backtest_sha256.is_none().then(|| {
        finding(
            "nobody tried this quarter whether the thresholds fit",
            "there is no backtest of the policy in force",
            "creditctl policy backtest --policy config/sintraprime-policy.json",
        )
    });
    let digest = facts
        .backtest_sha256
        .map(|hash| ("backtest".to_owned(), hash.to_string()));
    Check::new(
        "thresholds",
        "the thresholds were tried on history",
        missing,
    )
    .with(digest)
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
