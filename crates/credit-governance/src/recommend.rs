//! What keeps a case from happening again.

use credit_core::{RiskFlag, RiskFlags, RootCause};

/// What the runbook suggests so that a case does not happen again, the root cause's own advice
/// first, then what its flags ask for.
///
/// ```
/// use credit_core::{RiskFlags, RootCause};
/// use credit_governance::recommend;
///
/// assert_eq!(
///     recommend(RootCause::ExternalDependency, RiskFlags::NONE),
///     ["Add rate limiting or batch size controls"]
/// );
/// ```
pub fn recommend(root_cause: RootCause, flags: RiskFlags) -> Vec<&'static str> {
    let first = match root_cause {
        RootCause::Misconfig => "Update scenario config (max_items, idempotency key)",
        RootCause::LegitLoad => "Update baseline and document expected variance",
        RootCause::ExternalDependency => "Add rate limiting or batch size controls",
        RootCause::Unknown => "Find the root cause before anything is rerun",
    };
    let by_flag = flags.iter().filter_map(|flag| match (root_cause, flag) {
        (RootCause::Misconfig, RiskFlag::UnboundedIterator) => {
            Some("Set max_items in the scenario's file")
        }
        (RootCause::Misconfig, RiskFlag::MissingIdempotency) => {
            Some("Set has_idempotency_key in the scenario's file once the job uses one")
        }
        (RootCause::Misconfig, RiskFlag::RetryLoop) => Some("Limit the retries"),
        (RootCause::Misconfig, RiskFlag::SuddenPromptGrowth) => {
            Some("Review prompt, consider reverting or optimizing")
        }
        (RootCause::Misconfig, RiskFlag::DeploymentCorrelation) => {
            Some("Check for bugs in new code")
        }
        (RootCause::LegitLoad, RiskFlag::BackfillMode) => {
            Some("Announce the next backfill with `creditctl backfill start`")
        }
        _ => None,
    });
    std::iter::once(first).chain(by_flag).collect()
}
