//! The numbers by which decisions are checked.

use credit_core::{Deadlines, Likelihood, RerunGate};

/// The numbers by which decisions are checked: a policy's, and the runbook's where no policy key
/// says otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rules {
    /// By when people must act.
    pub deadlines: Deadlines,
    /// Which reruns need an approval.
    pub rerun_gate: RerunGate,
    /// Hours for which an approved rerun may begin.
    pub rerun_hours: u32,
    /// Whether a case of SEV0 or SEV1 is resolved only after a rerun that did not spike.
    pub successful_rerun_required: bool,
    /// When moderate spikes are a pattern.
    pub pattern: PatternRule,
    /// The longest time for which alerts may be held back, in hours.
    pub mute_hours_max: u32,
    /// The longest time that a backfill may take, in days.
    pub backfill_days_max: u32,
}

/// Of the runs that made a pattern its case names so many, the newest: many more would not fit into
/// one line of the ledger.
pub(crate) const LINKED_AT_ONCE_MAX: usize = 64;

/// When moderate spikes of one scenario are a pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PatternRule {
    /// So many SEV2 runs …
    pub runs: usize,
    /// … within so many days.
    pub days: u32,
}

impl PatternRule {
    /// How many earlier runs planning has a use for: enough to see the pattern, and those that a
    /// case names.
    ///
    /// ```
    /// use credit_governance::Rules;
    ///
    /// assert_eq!(Rules::STANDARD.pattern.recent_max(), 64);
    /// ```
    pub fn recent_max(&self) -> usize {
        self.runs.max(LINKED_AT_ONCE_MAX)
    }
}

impl Rules {
    /// The runbook's numbers: 15 minutes, 1 hour, 30 days, 4 hours; and those of the standard
    /// policy where the runbook leaves them open.
    pub const STANDARD: Rules = Rules {
        deadlines: Deadlines {
            sev0_ack_minutes: 15,
            sev1_ack_minutes: 60,
            sev0_assess_minutes: 15,
            stale_days: 14,
            archive_days: 30,
            sync_lag_minutes: 5,
            silence_hours: 24,
        },
        rerun_gate: RerunGate {
            sev2_likelihood_min: Likelihood::High,
        },
        rerun_hours: 24,
        successful_rerun_required: false,
        pattern: PatternRule { runs: 3, days: 7 },
        mute_hours_max: 4,
        backfill_days_max: 14,
    };
}
