//! The way of almost every verdict.
//!
//! Where no number is extraordinarily large, each comparison is one product of 64 bits by 64 on
//! either side, exact like the long way, which [`Policy::assess`] takes otherwise. The bounds are
//! looked at first, so that nothing below them overflows and no branch depends on the verdict.
//! Tests hold the two ways against each other and against rational arithmetic.

use credit_core::{Assessment, BaselineStatus, Credits, Multiplier, Run};

use crate::ladder::{Ladder, Steps};
use crate::signals::{Found, Signals};
use crate::weights::Weighed;
use crate::{Context, Expected, Policy};

const MICRO: u64 = 1_000_000;
const PICO: u64 = 1_000_000_000_000;

/// Credits, in millionths, and items that the quick way judges lie below so many bits: eight
/// million credits, eight million million items.
const BITS: u32 = 43;
/// The same of tokens: seventeen thousand million.
const TOKEN_BITS: u32 = 34;

/// The limits of a policy in whole millionths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quick {
    pub(crate) steps: Steps,
    prompt_growth: u64,
    /// 1 − the tolerance.
    item_cost_least: u64,
    /// Twice the tolerance: how far the most lies above the least.
    item_cost_breadth: u64,
    has_floors: bool,
}

impl Quick {
    /// `None` where a limit has more than six decimals, as a scaled threshold can have.
    pub(crate) fn of(ladder: &Ladder, signals: &Signals, has_floors: bool) -> Option<Quick> {
        let tolerance = signals.item_cost_tolerance.micro()?;
        let quick = Quick {
            steps: Steps::of(ladder)?,
            prompt_growth: signals.prompt_growth.micro()?,
            item_cost_least: MICRO.checked_sub(tolerance)?,
            item_cost_breadth: 2 * tolerance,
            has_floors,
        };
        // INVARIANT: times the most that the quick way judges, 64 bits hold them.
        let small = quick.prompt_growth <= u64::MAX >> TOKEN_BITS;
        small.then_some(quick)
    }

    /// The verdict; `None` where there is no ratio, or where a number is beyond the bounds.
    #[inline]
    pub(crate) fn assess(
        &self,
        policy: &Policy,
        run: &Run,
        context: &Context,
    ) -> Option<Assessment> {
        let Expected::Baseline {
            credits: baseline,
            manual,
        } = context.expected
        else {
            return None;
        };
        // What is not stated is taken as 0 from here on, which is never a sign of anything either:
        // no tokens are never so many times what is usual, nothing is ever so many times none, and
        // no items cost nothing, which no run above a baseline does. So no case is told apart.
        let tokens = run.input_tokens.unwrap_or(0);
        let usual_tokens = context.usual.input_tokens.unwrap_or(0);
        let items = run.input_item_count.unwrap_or(0);
        let item_usual = match context.usual.credits_per_item {
            Some(usual) => usual.pico()?,
            None => 0,
        };
        let credits = run.credits;
        let beyond = (credits.micro() | items) >> BITS | (tokens | usual_tokens) >> TOKEN_BITS;
        if baseline == Credits::ZERO || beyond > 0 {
            return None;
        }
        let found = Found {
            prompt_grew: self.is_growth(tokens, usual_tokens),
            scaled_with_items: (credits > baseline)
                & self.costs_the_usual(credits, items, item_usual),
        };
        let flags = run.risk_flags.union(policy.signals.flags(run, found));
        // A threshold in whole millionths is reached exactly when the ratio cut off to whole
        // millionths reaches it, which a verdict tells in any case.
        let ratio = (credits.micro() * MICRO).checked_div(baseline.micro())?;
        let rungs = *self.steps.rungs(flags);
        let reaches = |threshold| ratio >= threshold;
        let mut judged = self.steps.climb(rungs, flags, reaches);
        if self.has_floors {
            judged = policy.within_floors(judged, credits, Some(baseline), flags);
        }
        let (severity, reason) = judged;
        let Weighed { score, likelihood } = policy.weights.of_set(flags);
        Some(Assessment {
            severity,
            reason,
            baseline: Some(baseline),
            baseline_status: if manual {
                BaselineStatus::Manual
            } else {
                BaselineStatus::Current
            },
            variance: Some(Multiplier::from_micro(ratio)),
            risk_flags: flags,
            score: i32::from(score),
            likelihood,
            actions: policy.actions(severity),
        })
    }

    /// Whether so many tokens are so many times the usual.
    #[inline]
    fn is_growth(&self, tokens: u64, usual: u64) -> bool {
        // One less on the right makes the most of all of a usual number of none.
        tokens * MICRO > (usual * self.prompt_growth).wrapping_sub(1)
    }

    /// Whether so many items at the usual rate, which is in units of 10⁻¹² credits, cost about
    /// that much; all in units of 10⁻¹⁸ credits.
    #[inline]
    fn costs_the_usual(&self, credits: Credits, items: u64, usual: u64) -> bool {
        let found = product(credits.micro(), PICO);
        let least = product(usual, items * self.item_cost_least);
        let breadth = product(usual, items * self.item_cost_breadth);
        // What lies below the least is, without a sign, further above it than any breadth.
        found.wrapping_sub(least) <= breadth
    }
}

/// A product that no two factors overflow.
#[inline]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use credit_core::{CreditsPerItem, RiskFlag, Status, Timestamp, Usual};
    use proptest::prelude::*;

    use super::*;
    use crate::STANDARD_JSON;

    /// Amounts of every size, most of them near each other or near a bound of the quick way.
    fn number(most: u64) -> impl Strategy<Value = u64> {
        let near = |centre: u64| (centre.saturating_sub(3)..=centre.saturating_add(3)).boxed();
        let near_bounds = prop_oneof![near(0), near(1 << TOKEN_BITS), near(1 << BITS), near(most),];
        prop_oneof![3 => 0..=40_u64, 1 => near_bounds, 1 => 0..=most]
            .prop_map(move |number| number.min(most))
    }

    fn run() -> impl Strategy<Value = Run> {
        let facts = prop::array::uniform4(prop::option::of(any::<bool>()));
        let tokens = prop::option::of(number(u64::MAX));
        let items = prop::option::of(number(u64::MAX));
        let deployed = prop::option::of(-1..=26_i64);
        let credits = number(Credits::MAX.micro());
        let rest = (facts, 0..8_u64, 0_u16..1024, deployed);
        (credits, tokens, items, rest).prop_map(|(credits, tokens, items, rest)| {
            let ([limited, keyed, batch, backfill], retries, flags, deployed) = rest;
            let at = Timestamp::from_unix(1_700_000_000).unwrap();
            let credits = Credits::from_micro(credits).unwrap();
            let (id, scenario) = ("R".parse().unwrap(), "S".parse().unwrap());
            let mut run = Run::new(id, scenario, at, Status::Success, credits);
            run.input_tokens = tokens;
            run.input_item_count = items;
            run.has_max_items_config = limited;
            run.has_idempotency_key = keyed;
            run.is_batch_job = batch;
            run.is_backfill = backfill;
            run.retry_count = retries;
            let has = |flag: &RiskFlag| flags >> (*flag as u16) & 1 == 1;
            run.risk_flags = RiskFlag::ALL.iter().copied().filter(has).collect();
            let ago = |hours: i64| Timestamp::from_unix(at.unix() - hours * 3_600);
            run.deployment_timestamp = deployed.and_then(ago);
            run
        })
    }

    fn context() -> impl Strategy<Value = Context> {
        let baseline = prop::option::weighted(0.95, number(Credits::MAX.micro()));
        let tokens = prop::option::of(number(u64::MAX));
        let rate = prop::option::of((number(Credits::MAX.micro()), 1..=40_u64));
        (baseline, any::<bool>(), tokens, rate).prop_map(|(baseline, manual, tokens, rate)| {
            let rate = rate.and_then(|(micro, items)| {
                CreditsPerItem::new(Credits::from_micro(micro).unwrap(), items)
            });
            Context {
                expected: match baseline.and_then(Credits::from_micro) {
                    Some(credits) => Expected::Baseline { credits, manual },
                    None => Expected::Missing,
                },
                usual: Usual {
                    input_tokens: tokens,
                    credits_per_item: rate,
                    ..Usual::default()
                },
            }
        })
    }

    fn policies() -> Vec<Policy> {
        let versions = [
            "\"1.0.0\"",
            "\"1.0.0\", \"sensitive_floor\": \"SEV2\"",
            "\"1.0.0\", \"impact_floor\": {\"credits\": 0.00001, \"at_most\": \"SEV3\"}",
        ];
        let tightest = STANDARD_JSON
            .replace(
                "\"prompt_growth_factor\": 2,",
                "\"prompt_growth_factor\": 1000,",
            )
            .replace(
                "\"item_cost_tolerance\": 0.2",
                "\"item_cost_tolerance\": 0.5",
            )
            .replace(
                "\"pii_or_regulatory\": true",
                "\"pii_or_regulatory\": false",
            );
        let with = |version| STANDARD_JSON.replacen(versions[0], version, 1);
        let texts = versions.into_iter().map(with).chain([tightest]);
        texts.map(|text| Policy::parse(&text).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn both_ways_give_the_same_verdict(run in run(), context in context()) {
            for policy in policies() {
                let quick = policy.quick.as_ref().unwrap();
                let at_length = policy.assess_at_length(&run, &context);
                if let Some(assessment) = quick.assess(&policy, &run, &context) {
                    prop_assert_eq!(assessment, at_length);
                }
                prop_assert_eq!(policy.assess(&run, &context), at_length);
            }
        }
    }

    #[test]
    fn usual_runs_go_the_quick_way_up_to_its_bounds() {
        let policy = Policy::standard();
        let is_quick = |credits: u64, items: u64, tokens: u64| {
            let (id, scenario) = ("R".parse().unwrap(), "S".parse().unwrap());
            let credits = Credits::from_micro(credits).unwrap();
            let mut run = Run::new(id, scenario, Timestamp::FIRST, Status::Success, credits);
            run.input_item_count = Some(items);
            run.input_tokens = Some(tokens);
            let context = Context::from(Expected::Baseline {
                credits: Credits::MAX,
                manual: false,
            });
            let quick = policy.quick.as_ref().unwrap();
            quick.assess(&policy, &run, &context).is_some()
        };
        let (most, most_tokens) = ((1 << BITS) - 1, (1 << TOKEN_BITS) - 1);
        assert!(is_quick(most, most, most_tokens));
        assert!(!is_quick(most + 1, most, most_tokens));
        assert!(!is_quick(most, most + 1, most_tokens));
        assert!(!is_quick(most, most, most_tokens + 1));
    }

    #[test]
    fn a_scale_that_leaves_more_than_six_decimals_goes_the_long_way() {
        let odd = STANDARD_JSON
            .replace("\"threshold_scale\": 1.4", "\"threshold_scale\": 1.000001")
            .replace("\"multiplier\": 1.5", "\"multiplier\": 1.500001");
        let policy = Policy::parse(&odd).unwrap();
        assert!(policy.quick.is_none());
    }
}
