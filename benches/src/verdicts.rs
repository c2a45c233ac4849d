//! What verdicts are asked for.

use credit_examples::SplitMix64;
use credit_monitor::core::{Credits, RiskFlag, RiskFlags, Run, Usual};
use credit_monitor::policy::{Context, Expected};

use crate::run;

/// A run and what is known of its scenario.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The run.
    pub run: Run,
    /// What is known.
    pub context: Context,
}

/// A scenario with a baseline of 100 credits, 1,000 usual tokens and 2 credits for each item.
pub fn known() -> Context {
    Context {
        expected: expected(100_000_000),
        usual: Usual {
            input_tokens: Some(1_000),
            credits_per_item: "2".parse().ok(),
            ..Usual::default()
        },
    }
}

/// A run that states every fact, each so that its flag is raised, and reports the critical ones:
/// all ten flags are in force.
pub fn every_flag() -> Sample {
    let mut run = run(620);
    run.retry_count = 12;
    run.has_max_items_config = Some(false);
    run.has_idempotency_key = Some(false);
    run.is_backfill = Some(true);
    run.is_batch_job = Some(true);
    run.input_tokens = Some(5_000);
    run.input_item_count = Some(300);
    run.deployment_timestamp = Some(run.timestamp.hours_before(1));
    run.risk_flags = RiskFlags::CRITICAL;
    let context = known();
    Sample { run, context }
}

/// So many runs of every kind in no order, so that no branch is guessed right by habit: each fact
/// is missing, harmless or telling, one scenario in twenty has no baseline.
pub fn samples(count: usize) -> Vec<Sample> {
    let mut dice = SplitMix64(3);
    (0..count).map(|_| sample(&mut dice)).collect()
}

fn sample(dice: &mut SplitMix64) -> Sample {
    let mut run = run(dice.between(1, 2_000));
    let mut fact = || match dice.between(0, 2) {
        0 => None,
        1 => Some(true),
        _ => Some(false),
    };
    run.has_max_items_config = fact();
    run.has_idempotency_key = fact();
    run.is_backfill = fact();
    run.is_batch_job = fact();
    let mut number = |to| (dice.between(0, 2) > 0).then(|| dice.between(0, to));
    run.input_tokens = number(4_000);
    run.input_item_count = number(2_000);
    let usual_tokens = number(2_000);
    let deployed = number(48);
    run.deployment_timestamp = deployed.map(|hours| run.timestamp.hours_before(hours as u32));
    run.retry_count = dice.between(0, 10);
    run.risk_flags = reported(dice);
    let context = Context {
        expected: match dice.between(1, 20) {
            1 => Expected::Missing,
            _ => expected(dice.between(1, 400_000_000)),
        },
        usual: Usual {
            input_tokens: usual_tokens,
            ..known().usual
        },
    };
    Sample { run, context }
}

/// Columns of so many runs of all severities in no order: credits, baselines and flags.
pub fn columns(count: usize) -> (Vec<Credits>, Vec<Expected>, Vec<RiskFlags>) {
    let mut dice = SplitMix64(1);
    let credits = (0..count).map(|_| dice.between(1, 2_000_000_000));
    let credits = credits.filter_map(Credits::from_micro).collect();
    let baselines = (0..count).map(|_| expected(dice.between(1, 400_000_000)));
    let baselines = baselines.collect();
    let flags = (0..count).map(|_| reported(&mut dice)).collect();
    (credits, baselines, flags)
}

/// Each flag for one run in eight.
fn reported(dice: &mut SplitMix64) -> RiskFlags {
    let flags = RiskFlag::ALL.iter().copied();
    flags.filter(|_| dice.between(1, 8) == 1).collect()
}

fn expected(micro: u64) -> Expected {
    Expected::Baseline {
        credits: Credits::from_micro(micro).unwrap_or(Credits::MAX),
        manual: false,
    }
}

#[cfg(test)]
mod tests {
    use credit_monitor::core::Severity;
    use credit_monitor::policy::Policy;

    use super::*;

    #[test]
    fn every_flag_is_in_force() {
        let Sample { run, context } = every_flag();
        let flags = Policy::standard().risk_flags(&run, &context);
        assert_eq!(flags.len(), RiskFlag::ALL.len());
    }

    #[test]
    fn runs_of_every_kind_have_every_severity_and_every_flag() {
        let policy = Policy::standard();
        let samples = samples(1_000);
        let verdicts = samples.iter().map(|s| policy.assess(&s.run, &s.context));
        let verdicts: Vec<_> = verdicts.collect();
        for severity in Severity::ALL {
            assert!(verdicts.iter().any(|v| v.severity == *severity));
        }
        for flag in RiskFlag::ALL {
            assert!(verdicts.iter().any(|v| v.risk_flags.contains(*flag)));
            assert!(verdicts.iter().any(|v| !v.risk_flags.contains(*flag)));
        }
    }
}
