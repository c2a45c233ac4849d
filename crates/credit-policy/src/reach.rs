//! What a policy's numbers make possible and what they rule out.

use std::collections::BTreeSet;

use credit_core::{RiskFlag, Severity};

use crate::Policy;

/// Every score that some set of `flags` gives: a run may report any of them.
pub(crate) fn scores(policy: &Policy, flags: impl IntoIterator<Item = RiskFlag>) -> BTreeSet<i32> {
    let mut scores: BTreeSet<i32> = BTreeSet::from([0]);
    for flag in flags {
        let weight = policy.weight(flag);
        let with: Vec<i32> = scores
            .iter()
            .map(|score| score.saturating_add(weight))
            .collect();
        scores.extend(with);
    }
    scores
}

/// Whether a backfill that costs as much as this severity asks for is always SEV0 instead: its
/// threshold is scaled, that of SEV0 is not.
pub(crate) fn is_hidden_for_backfills(policy: &Policy, severity: Severity) -> bool {
    severity != Severity::Sev4
        && severity != Severity::Sev0
        && !policy.sev0_needs_critical_flag()
        && policy.backfill_threshold(severity) >= policy.threshold(Severity::Sev0)
}
