//! From how much a run cost to how serious it is.

use credit_core::{Actions, Multiplier, Ratio, Reason, RiskFlag, RiskFlags, Severity};

/// What one severity asks for and leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rung {
    pub(crate) threshold: Multiplier,
    /// The threshold for a backfill, worked out once so that judging only compares.
    pub(crate) backfill_threshold: Multiplier,
    pub(crate) actions: Actions,
}

/// The five severities' rungs, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ladder {
    pub(crate) sev0: Rung,
    pub(crate) sev1: Rung,
    pub(crate) sev2: Rung,
    pub(crate) sev3: Rung,
    pub(crate) sev4: Rung,
    /// Whether SEV0 takes a critical flag besides the cost.
    pub(crate) sev0_needs_critical_flag: bool,
}

/// The thresholds of a ladder in whole millionths.
///
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Steps {
    sev0: u64,
    sev0_needs_critical_flag: bool,
    /// SEV1 to SEV3, of usual runs and of backfills.
    pub(crate) rungs: [[u64; 3]; 2],
}

impl Rung {
    pub(crate) fn threshold_for(&self, backfill: bool) -> Multiplier {
        if backfill {
            self.backfill_threshold
        } else {
            self.threshold
        }
    }
}

impl Ladder {
    pub(crate) fn rung(&self, severity: Severity) -> &Rung {
        match severity {
            Severity::Sev0 => &self.sev0,
            Severity::Sev1 => &self.sev1,
            Severity::Sev2 => &self.sev2,
            Severity::Sev3 => &self.sev3,
            Severity::Sev4 => &self.sev4,
        }
    }

    /// The gravest severity whose threshold the ratio reaches.
    pub(crate) fn climb(&self, ratio: Ratio, flags: RiskFlags) -> (Severity, Reason) {
        let critical = flags.intersects(RiskFlags::CRITICAL);
        let backfill = flags.contains(RiskFlag::BackfillMode);
        // Sensitive data is never relaxed, not for a backfill either.
        let may_be_sev0 = critical || !self.sev0_needs_critical_flag;
        if may_be_sev0 && ratio.at_least(self.sev0.threshold) {
            return (Severity::Sev0, reason(true, critical));
        }
        let reached = [
            (Severity::Sev1, &self.sev1),
            (Severity::Sev2, &self.sev2),
            (Severity::Sev3, &self.sev3),
        ]
        .into_iter()
        .find(|(_, rung)| ratio.at_least(rung.threshold_for(backfill)));
        let severity = reached.map_or(Severity::Sev4, |(severity, _)| severity);
        (severity, reason(false, critical))
    }
}

impl Steps {
    /// `None` where a threshold has more than six decimals.
    pub(crate) fn of(ladder: &Ladder) -> Option<Steps> {
        let rungs = |backfill| {
            let micro = |rung: &Rung| rung.threshold_for(backfill).micro();
            Some([
                micro(&ladder.sev1)?,
                micro(&ladder.sev2)?,
                micro(&ladder.sev3)?,
            ])
        };
        Some(Steps {
            sev0: ladder.sev0.threshold.micro()?,
            sev0_needs_critical_flag: ladder.sev0_needs_critical_flag,
            rungs: [rungs(false)?, rungs(true)?],
        })
    }

    /// The largest of all.
    pub(crate) fn largest(&self) -> u64 {
        let rungs = self.rungs.iter().flatten().copied();
        rungs.fold(self.sev0, u64::max)
    }

    /// Those of SEV1 to SEV3 for a run with these flags.
    #[inline]
    pub(crate) fn rungs(&self, flags: RiskFlags) -> &[u64; 3] {
        let [usual, _] = &self.rungs;
        let is_backfill = flags.contains(RiskFlag::BackfillMode);
        self.rungs.get(usize::from(is_backfill)).unwrap_or(usual)
    }

    /// The same as [`Ladder::climb`] for a ratio of which `reaches` knows what it reaches, without
    /// a branch that depends on the verdict: those of real runs come in no order that a processor
    /// could guess. `rungs` are those of [`Steps::rungs`].
    #[inline]
    pub(crate) fn climb(
        &self,
        rungs: [u64; 3],
        flags: RiskFlags,
        reaches: impl Fn(u64) -> bool,
    ) -> (Severity, Reason) {
        // INVARIANT: the thresholds descend, so that as many are reached as severities are climbed.
        let climbed = rungs.map(|threshold| u8::from(reaches(threshold)));
        let critical = flags.intersects(RiskFlags::CRITICAL);
        let is_sev0 = (critical | !self.sev0_needs_critical_flag) & reaches(self.sev0);
        let climbed = climbed.iter().sum::<u8>() | u8::from(is_sev0) << 2;
        let severity = BY_STEPS.get(usize::from(climbed % 8)).copied();
        (
            severity.unwrap_or(Severity::Sev0),
            reason(is_sev0, critical),
        )
    }
}

/// The severity by how many of three steps are climbed, and then of SEV0 whatever they are.
const BY_STEPS: [Severity; 8] = [
    Severity::Sev4,
    Severity::Sev3,
    Severity::Sev2,
    Severity::Sev1,
    Severity::Sev0,
    Severity::Sev0,
    Severity::Sev0,
    Severity::Sev0,
];

#[inline]
fn reason(is_sev0: bool, critical: bool) -> Reason {
    if is_sev0 & critical {
        Reason::SensitiveSpike
    } else {
        Reason::Ratio
    }
}
