//! The facts that become flags from a limit on, and how far that is.

use credit_core::{Credits, CreditsPerItem, Multiplier, RiskFlag, Run, Timestamp};
use serde::Serialize;

use super::{first, last};
use crate::{Context, Expected, Policy};

/// The facts of a run that a limit turns into flags; `None` for a fact that the run does not state
/// or that there is nothing usual to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Signals {
    /// For `retry_loop`.
    pub retries: RetrySignal,
    /// For `sudden_prompt_growth`.
    pub prompt: Option<PromptSignal>,
    /// For `deployment_correlation`.
    pub deployment: Option<DeploymentSignal>,
    /// For `linear_scaling`.
    pub items: Option<ItemSignal>,
}

/// How many retries, and from how many on they are a loop.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct RetrySignal {
    /// `retry_count`.
    pub retry_count: u64,
    /// The least number that raises the flag.
    pub from: u64,
    /// Whether it is reached.
    pub raised: bool,
    /// How many retries more or fewer would make it otherwise.
    pub away: u64,
}

/// How long the input, and from where on it has suddenly grown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PromptSignal {
    /// `Input_Tokens`.
    pub input_tokens: u64,
    /// The scenario's usual ones.
    pub usual: u64,
    /// From how many times that the flag is raised.
    pub factor: Multiplier,
    /// The least number of tokens that raises the flag; `None` where no number does.
    pub from: Option<u64>,
    /// Whether it is reached.
    pub raised: bool,
    /// How many tokens more or fewer would make it otherwise.
    pub away: Option<u64>,
}

/// When the code was deployed, and when that would be connected with the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DeploymentSignal {
    /// `deployment_timestamp`.
    pub deployed: Timestamp,
    /// The first instant that raises the flag.
    pub from: Timestamp,
    /// The last one: the run's end.
    pub to: Timestamp,
    /// Whether it lies between them.
    pub raised: bool,
    /// Seconds to the nearer of the two, fractions left out.
    pub seconds_away: u64,
}

/// What each item cost, and which cost of the run would have grown with its items.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct ItemSignal {
    /// `input_item_count`.
    pub items: u64,
    /// What each cost; `None` for no items.
    pub credits_per_item: Option<CreditsPerItem>,
    /// What one usually costs.
    pub usual: CreditsPerItem,
    /// The least cost of so many items that raises the flag; `None` where no cost does.
    pub from: Option<Credits>,
    /// The most.
    pub to: Option<Credits>,
    /// Whether the run's cost lies between them.
    pub raised: bool,
    /// How many credits more or fewer would make it otherwise.
    pub away: Option<Credits>,
}

pub(super) fn of(policy: &Policy, run: &Run, context: &Context) -> Signals {
    let derived = policy.derived_flags(run, context);
    Signals {
        retries: retries(policy, run),
        prompt: prompt(policy, run, context),
        deployment: deployment(
            policy,
            run,
            derived.contains(RiskFlag::DeploymentCorrelation),
        ),
        items: items(policy, run, context),
    }
}

fn retries(policy: &Policy, run: &Run) -> RetrySignal {
    let from = policy.signals.retries_max.saturating_add(1);
    RetrySignal {
        retry_count: run.retry_count,
        from,
        raised: run.retry_count >= from,
        away: away(run.retry_count, from),
    }
}

fn prompt(policy: &Policy, run: &Run, context: &Context) -> Option<PromptSignal> {
    let (found, usual) = (run.input_tokens?, context.usual.input_tokens?);
    let factor = policy.signals.prompt_growth;
    let from = first(0, u64::MAX, |tokens| factor.reached_by(tokens, usual));
    Some(PromptSignal {
        input_tokens: found,
        usual,
        factor,
        from,
        raised: from.is_some_and(|from| found >= from),
        away: from.map(|from| away(found, from)),
    })
}

/// To the limit from below it, to what is just below it from above.
fn away(found: u64, from: u64) -> u64 {
    if found < from {
        from - found
    } else {
        (found - from).saturating_add(1)
    }
}

fn deployment(policy: &Policy, run: &Run, raised: bool) -> Option<DeploymentSignal> {
    let deployed = run.deployment_timestamp?;
    let from = run.timestamp.hours_before(policy.deployment_window_hours());
    let to = run.timestamp;
    let seconds = |limit: Timestamp| limit.unix().abs_diff(deployed.unix());
    Some(DeploymentSignal {
        deployed,
        from,
        to,
        raised,
        seconds_away: seconds(from).min(seconds(to)),
    })
}

fn items(policy: &Policy, run: &Run, context: &Context) -> Option<ItemSignal> {
    let (items, usual) = (run.input_item_count?, context.usual.credits_per_item?);
    let Expected::Baseline {
        credits: baseline, ..
    } = context.expected
    else {
        return None;
    };
    let cost = run.credits.micro();
    let near = near(usual, items, policy.signals.item_cost_tolerance);
    // Only a cost above the baseline has grown at all.
    let range = near.map(|(from, to)| (from.max(baseline.micro() + 1), to));
    let range = range.filter(|(from, to)| from <= to);
    let credits = |micro| Credits::from_micro(micro);
    Some(ItemSignal {
        items,
        credits_per_item: CreditsPerItem::new(run.credits, items),
        usual,
        from: range.and_then(|(from, _)| credits(from)),
        to: range.and_then(|(_, to)| credits(to)),
        raised: range.is_some_and(|(from, to)| (from..=to).contains(&cost)),
        away: range.and_then(|(from, to)| {
            let over = to < Credits::MAX.micro() || cost > to;
            let past_the_end = over.then(|| if cost > to { cost - to } else { to - cost + 1 });
            credits(away(cost, from).min(past_the_end.unwrap_or(u64::MAX)))
        }),
    })
}

/// The least and the most that so many items cost where each costs as much as usual, in millionths.
fn near(usual: CreditsPerItem, items: u64, tolerance: Multiplier) -> Option<(u64, u64)> {
    let max = Credits::MAX.micro();
    let is_near = |micro| {
        let credits = Credits::from_micro(micro);
        credits.is_some_and(|credits| usual.is_near(credits, items, tolerance))
    };
    // Nothing is nearer than one of the two amounts around the usual cost.
    let centre = usual.times(items).map_or(max, Credits::micro);
    let centre = [centre, centre + 1]
        .into_iter()
        .find(|micro| is_near(*micro))?;
    let from = first(0, centre, is_near)?;
    Some((from, last(centre, max, is_near)?))
}
