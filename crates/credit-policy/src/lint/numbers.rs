//! Thresholds, weights and limits that nothing reaches or that change nothing.

use credit_core::{Likelihood, Multiplier, RiskFlag, Severity, Status};

use super::{Finding, Level, finding, place};
use crate::{Policy, reach};

pub(super) fn findings(text: &str, policy: &Policy) -> Vec<Finding> {
    let mut found = hidden_severities(policy);
    found.extend(unreachable_likelihoods(policy));
    found.extend(
        RiskFlag::ALL
            .iter()
            .filter_map(|flag| idle_weight(text, policy, *flag)),
    );
    found.extend(scale_of_one(policy));
    found.extend(healthy_loops(policy));
    found.extend(healthy_quarantine(text, policy));
    found
}

fn hidden_severities(policy: &Policy) -> Vec<Finding> {
    let hidden = |severity: &&Severity| reach::is_hidden_for_backfills(policy, **severity);
    let sev0 = policy.threshold(Severity::Sev0);
    Severity::ALL
        .iter()
        .filter(hidden)
        .map(|severity| {
            let scaled = policy.backfill_threshold(*severity);
            finding(
                Level::Warning,
                format!("severity_policy.{}.multiplier", key(*severity)),
                format!("no backfill can be {severity}"),
                format!(
                    "its threshold becomes {scaled} times for a backfill, and from {sev0} times \
                     every run is SEV0, whose threshold is never scaled"
                ),
                "lower `backfill.threshold_scale` or this multiplier, or raise that of sev0",
            )
        })
        .collect()
}

fn unreachable_likelihoods(policy: &Policy) -> Vec<Finding> {
    let scores = reach::scores(policy, RiskFlag::ALL.iter().copied());
    let most = scores.last().copied().unwrap_or(0);
    [("high", Likelihood::High), ("medium", Likelihood::Medium)]
        .into_iter()
        .filter(|(_, likelihood)| !scores.iter().any(|s| policy.likelihood(*s) == *likelihood))
        .map(|(key, likelihood)| {
            let what = if policy.likelihood(most) < likelihood {
                format!("no run can be {likelihood}: all flags together score at most {most}")
            } else {
                format!("no run can be {likelihood}: no set of flags scores between the cut-offs")
            };
            finding(
                Level::Warning,
                format!("likelihood.{key}"),
                what,
                "whoever waits for it waits in vain",
                "move the cut-off or change the weights of `risk_flags`",
            )
        })
        .collect()
}

/// A weight that changes the likelihood of no run, whatever other flags it has.
fn idle_weight(text: &str, policy: &Policy, flag: RiskFlag) -> Option<Finding> {
    let weight = policy.weight(flag);
    let path = weight_path(text, flag)?;
    if weight == 0 {
        return Some(finding(
            Level::Note,
            path,
            "weighs nothing",
            format!("`{flag}` is shown with a run and never makes a misconfiguration likelier"),
            "leave it if that is meant; otherwise give it a weight",
        ));
    }
    let others = RiskFlag::ALL.iter().copied().filter(|other| *other != flag);
    let likelihood = |score: i32| policy.likelihood(score);
    let idle = reach::scores(policy, others)
        .into_iter()
        .all(|score| likelihood(score) == likelihood(score.saturating_add(weight)));
    idle.then(|| {
        finding(
            Level::Warning,
            path,
            format!("{} points never change a likelihood", weight.unsigned_abs()),
            "with whatever other flags a run has, it is as likely a misconfiguration without it",
            "give it another weight or move the cut-offs of `likelihood`",
        )
    })
}

/// Where the file gives the flag's weight; `None` where it does not.
fn weight_path(text: &str, flag: RiskFlag) -> Option<String> {
    ["misconfig_weight", "legit_weight"]
        .into_iter()
        .map(|key| format!("risk_flags.{flag}.{key}"))
        .find(|path| place::value(text, path).is_some())
}

fn scale_of_one(policy: &Policy) -> Option<Finding> {
    let one = Multiplier::from_micro(1_000_000);
    (policy.backfill_scale == one).then(|| {
        finding(
            Level::Note,
            "backfill.threshold_scale",
            "relaxes nothing",
            "a backfill is judged by the thresholds of every other run",
            "leave it if that is meant; otherwise raise it above 1",
        )
    })
}

fn healthy_loops(policy: &Policy) -> Option<Finding> {
    let (healthy, most) = (policy.healthy().retries_max, policy.retries_max());
    (healthy > most).then(|| {
        finding(
            Level::Warning,
            "healthy.max_retries",
            format!(
                "{healthy} retries are healthy, and from {} on they are a loop",
                most + 1
            ),
            "runs with the flag `retry_loop` shape the baseline that later runs are judged by",
            format!("lower it to `max_retries`, {most}, or below"),
        )
    })
}

fn healthy_quarantine(text: &str, policy: &Policy) -> Option<Finding> {
    let listed = policy.healthy().statuses.contains(&Status::Quarantined);
    let lists = ["healthy.statuses", "review_windows.healthy_run_statuses"];
    let mut given = lists
        .into_iter()
        .filter(|list| place::value(text, list).is_some());
    let list = given.next()?;
    listed.then(|| {
        finding(
            Level::Warning,
            place::of_word(text, list, Status::Quarantined.as_str()),
            "a quarantined run never counts towards a baseline",
            "it is left out whatever this list says",
            "remove the status",
        )
    })
}

/// The key of a severity in a policy file.
pub(super) fn key(severity: Severity) -> String {
    severity.as_str().to_lowercase()
}
