//! What each flag adds to the score, and where the score stands.

use credit_core::{Assessment, Likelihood, RiskFlag, Run, Severity};
use serde::Serialize;

use super::Case;
use crate::weights::CutOffs;
use crate::{Context, Policy};

/// A flag's part in a verdict.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FlagShare {
    /// Which flag.
    pub flag: RiskFlag,
    /// Points: what it adds to the score where it is in force, below zero for real load.
    pub weight: i32,
    /// Whether the run has it, reported or by a fact.
    pub in_force: bool,
    /// Whether the run reports it.
    pub reported: bool,
    /// The fact that it follows from, with its limit.
    pub fact: Option<String>,
    /// What the verdict would be if the run had it where it has not, and the reverse. To be rid of
    /// a flag that is reported and follows from a fact takes both.
    pub otherwise: Otherwise,
}

/// A verdict with one flag more or less.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Otherwise {
    /// Its severity.
    pub severity: Severity,
    /// Its score.
    pub score: i32,
    /// Its likelihood of a misconfiguration.
    pub likelihood: Likelihood,
}

/// The score between the likelihood's cut-offs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Scale {
    /// The sum of the weights of the flags in force.
    pub score: i32,
    /// The likelihood at that score.
    pub now: Likelihood,
    /// The score from which it is Medium.
    pub medium_from: i32,
    /// The score from which it is High.
    pub high_from: i32,
    /// The next higher likelihood; `None` at High.
    pub higher: Option<LikelihoodStep>,
    /// The next lower one; `None` at Low.
    pub lower: Option<LikelihoodStep>,
}

/// Another likelihood, and the fewest points more or less that give it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct LikelihoodStep {
    /// Points from the present score.
    pub points: i32,
    /// What they give.
    pub likelihood: Likelihood,
}

pub(super) fn of(case: &Case<'_>, run: &Run, context: &Context) -> Vec<FlagShare> {
    let policy = case.policy;
    let derived = policy.derived_flags(run, context);
    let share = |flag: &RiskFlag| {
        let in_force = case.flags.contains(*flag);
        let other = case.with_flag(*flag, !in_force);
        let score = policy.score(other.flags);
        FlagShare {
            flag: *flag,
            weight: policy.weight(*flag),
            in_force,
            reported: run.risk_flags.contains(*flag),
            fact: derived
                .contains(*flag)
                .then(|| fact(policy, *flag, run, context))
                .flatten(),
            otherwise: Otherwise {
                severity: other.severity(),
                score,
                likelihood: policy.likelihood(score),
            },
        }
    };
    RiskFlag::ALL.iter().map(share).collect()
}

pub(super) fn scale(policy: &Policy, assessment: &Assessment) -> Scale {
    let score = assessment.score;
    let CutOffs { high, medium } = policy.weights.cut_offs;
    let step = |to: i32| LikelihoodStep {
        points: to - score,
        likelihood: policy.likelihood(to),
    };
    let (higher, lower) = match assessment.likelihood {
        Likelihood::Low => (Some(medium), None),
        Likelihood::Medium => (Some(high), Some(medium - 1)),
        Likelihood::High => (None, Some(high - 1)),
    };
    Scale {
        score,
        now: assessment.likelihood,
        medium_from: medium,
        high_from: high,
        higher: higher.map(step),
        lower: lower.map(step),
    }
}

/// The fact that a derived flag follows from.
fn fact(policy: &Policy, flag: RiskFlag, run: &Run, context: &Context) -> Option<String> {
    let signals = &policy.signals;
    Some(match flag {
        RiskFlag::RetryLoop => {
            format!(
                "retry_count {} is above {}",
                run.retry_count, signals.retries_max
            )
        }
        RiskFlag::UnboundedIterator => "has_max_items_config is false".to_owned(),
        RiskFlag::MissingIdempotency => "has_idempotency_key is false".to_owned(),
        RiskFlag::SuddenPromptGrowth => format!(
            "Input_Tokens {} are at least {} times the usual {}",
            run.input_tokens?, signals.prompt_growth, context.usual.input_tokens?
        ),
        RiskFlag::DeploymentCorrelation => format!(
            "deployed at {}, at most {} hours before the run",
            run.deployment_timestamp?, signals.deployment_hours
        ),
        RiskFlag::BatchJob => "is_batch_job is true".to_owned(),
        RiskFlag::BackfillMode => "is_backfill is true".to_owned(),
        RiskFlag::LinearScaling => format!(
            "{} items cost the usual {} each, give or take {} of it",
            run.input_item_count?, context.usual.credits_per_item?, signals.item_cost_tolerance
        ),
        RiskFlag::PiiExposure | RiskFlag::RegulatoryData => return None,
    })
}
