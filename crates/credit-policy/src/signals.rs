//! Which flags a run has: those it reports, and those that follow from its facts.

use credit_core::{Multiplier, RiskFlag, RiskFlags, Run};

use crate::{Context, Expected, Policy};

/// The limits of the signals that a policy can move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Signals {
    pub(crate) retries_max: u64,
    pub(crate) prompt_growth: Multiplier,
    pub(crate) deployment_hours: u16,
    pub(crate) item_cost_tolerance: Multiplier,
}

impl Policy {
    /// The flags of a run: what it reports itself, and what follows from its facts and from what is
    /// usual for its scenario.
    ///
    /// A reported flag stays in force, whatever the facts say: the automation may know more than it
    /// states. A reported legitimate flag lowers the score and, for `backfill_mode`, relaxes the
    /// thresholds up to SEV1, but nothing that it reports keeps a SEV0 away. A fact that the run
    /// does not state, and a usual value that is not known, is no sign of anything, and neither is
    /// the job type: a run is a backfill only if it says so.
    ///
    /// ```
    /// use credit_core::{Credits, RiskFlag, Run, Status, Usual};
    /// use credit_policy::{Context, Expected, Policy};
    ///
    /// let mut run = Run::new(
    ///     "RUN-1".parse()?,
    ///     "EXPORT".parse()?,
    ///     "2024-01-23T10:00:00Z".parse()?,
    ///     Status::Success,
    ///     "2500".parse::<Credits>()?,
    /// );
    /// run.input_tokens = Some(30_000);
    /// let mut context = Context::from(Expected::Missing);
    /// assert!(Policy::standard().risk_flags(&run, &context).is_empty());
    ///
    /// context.usual = Usual { input_tokens: Some(12_000), ..Usual::default() };
    /// let flags = Policy::standard().risk_flags(&run, &context);
    /// assert!(flags.contains(RiskFlag::SuddenPromptGrowth));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn risk_flags(&self, run: &Run, context: &Context) -> RiskFlags {
        run.risk_flags.union(self.derived_flags(run, context))
    }

    /// The flags that follow from facts.
    pub(crate) fn derived_flags(&self, run: &Run, context: &Context) -> RiskFlags {
        let signals = &self.signals;
        let found = Found {
            prompt_grew: signals.prompt_grew(run, context),
            scaled_with_items: signals.scaled_with_items(run, context),
        };
        signals.flags(run, found)
    }
}

/// What was found by a comparison with what is usual.
pub(crate) struct Found {
    pub(crate) prompt_grew: bool,
    pub(crate) scaled_with_items: bool,
}

impl Signals {
    /// The flags that follow from what was found and from the run's other facts.
    #[inline]
    pub(crate) fn flags(&self, run: &Run, found: Found) -> RiskFlags {
        RiskFlags::NONE
            .with_if(RiskFlag::RetryLoop, run.retry_count > self.retries_max)
            .with_if(
                RiskFlag::UnboundedIterator,
                is_denied(run.has_max_items_config),
            )
            .with_if(
                RiskFlag::MissingIdempotency,
                is_denied(run.has_idempotency_key),
            )
            .with_if(RiskFlag::SuddenPromptGrowth, found.prompt_grew)
            .with_if(
                RiskFlag::DeploymentCorrelation,
                self.deployed_shortly_before(run),
            )
            .with_if(RiskFlag::BatchJob, is_affirmed(run.is_batch_job))
            .with_if(RiskFlag::BackfillMode, is_affirmed(run.is_backfill))
            .with_if(RiskFlag::LinearScaling, found.scaled_with_items)
    }

    fn prompt_grew(&self, run: &Run, context: &Context) -> bool {
        match (run.input_tokens, context.usual.input_tokens) {
            (Some(found), Some(usual)) => self.prompt_growth.reached_by(found, usual),
            _ => false,
        }
    }

    /// What was deployed after the run's end cannot be the reason for its cost.
    #[inline]
    fn deployed_shortly_before(&self, run: &Run) -> bool {
        run.deployment_timestamp.is_some_and(|deployed| {
            let hours = self.deployment_hours;
            run.timestamp.is_within_hours_after(hours, deployed)
        })
    }

    /// Only a cost above the baseline has grown at all. Where the usual cost of an item is kept
    /// and the number of items is not the reason, the cost of an item has changed with it.
    fn scaled_with_items(&self, run: &Run, context: &Context) -> bool {
        let (Some(items), Some(usual)) = (run.input_item_count, context.usual.credits_per_item)
        else {
            return false;
        };
        let Expected::Baseline { credits, .. } = context.expected else {
            return false;
        };
        run.credits > credits && usual.is_near(run.credits, items, self.item_cost_tolerance)
    }
}

/// Whether a run says no; one comparison, which `== Some(false)` is not compiled to.
#[inline]
fn is_denied(fact: Option<bool>) -> bool {
    said(fact) == 0
}

/// Whether a run says yes.
#[inline]
fn is_affirmed(fact: Option<bool>) -> bool {
    said(fact) == 1
}

#[inline]
fn said(fact: Option<bool>) -> u8 {
    fact.map_or(2, u8::from)
}
