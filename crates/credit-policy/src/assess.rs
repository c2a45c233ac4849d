//! The judgement itself.

use credit_core::{
    Assessment, BaselineStatus, Credits, Multiplier, Ratio, Reason, RiskFlag, RiskFlags, Run,
    Severity,
};

use crate::Policy;

/// What a run of a scenario is expected to cost. That nobody knows is a value of its own, and never
/// an expectation of 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// The scenario has no baseline.
    Missing,
    /// The scenario has one.
    Baseline {
        /// How much.
        credits: Credits,
        /// Whether somebody entered it by hand.
        manual: bool,
    },
}

/// How a run compares with what was expected.
struct Comparison {
    severity: Severity,
    reason: Reason,
    baseline: Option<Credits>,
    status: BaselineStatus,
    variance: Option<Multiplier>,
}

impl Policy {
    /// Judges one run against what was expected of it.
    ///
    /// Exact (no float takes part) and infallible. The same run, policy and expectation give the
    /// same verdict. It allocates nothing: it only reads its arguments, and an [`Assessment`] is
    /// plain `Copy` data.
    ///
    /// ```
    /// use credit_core::{Credits, RiskFlag, Run, Severity, Status};
    /// use credit_policy::{Expected, Policy};
    ///
    /// let mut run = Run::new(
    ///     "RUN-1".parse()?,
    ///     "EXPORT".parse()?,
    ///     "2024-01-23T10:00:00Z".parse()?,
    ///     Status::Success,
    ///     "2500".parse::<Credits>()?,
    /// );
    /// run.is_backfill = Some(true);
    /// let expected = Expected::Baseline { credits: "500".parse()?, manual: false };
    ///
    /// let verdict = Policy::standard().assess(&run, expected);
    /// // 5 times its baseline is SEV1, for a backfill only from 7 times.
    /// assert_eq!(verdict.severity, Severity::Sev2);
    /// assert!(verdict.risk_flags.contains(RiskFlag::BackfillMode));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn assess(&self, run: &Run, expected: Expected) -> Assessment {
        let flags = self.flags(run);
        let score = self.score(flags);
        let found = self.compare(run.credits, expected, flags);
        Assessment {
            severity: found.severity,
            reason: found.reason,
            baseline: found.baseline,
            baseline_status: found.status,
            variance: found.variance,
            risk_flags: flags,
            score,
            likelihood: self.likelihood(score),
            actions: self.actions(found.severity),
        }
    }

    /// What the run reports, and what follows from its own facts. A fact that the run does not
    /// state (`None`) is no sign of anything, and neither is its job type: a run is a backfill only
    /// if it says so.
    fn flags(&self, run: &Run) -> RiskFlags {
        let derived = [
            (RiskFlag::RetryLoop, run.retry_count > self.retries_max),
            (
                RiskFlag::UnboundedIterator,
                run.has_max_items_config == Some(false),
            ),
            (
                RiskFlag::MissingIdempotency,
                run.has_idempotency_key == Some(false),
            ),
            (RiskFlag::BatchJob, run.is_batch_job == Some(true)),
            (RiskFlag::BackfillMode, run.is_backfill == Some(true)),
        ];
        derived
            .into_iter()
            .filter(|(_, holds)| *holds)
            .fold(run.risk_flags, |flags, (flag, _)| flags.with(flag))
    }

    fn score(&self, flags: RiskFlags) -> i32 {
        flags
            .iter()
            .fold(0, |sum: i32, flag| sum.saturating_add(self.weight(flag)))
    }

    fn compare(&self, credits: Credits, expected: Expected, flags: RiskFlags) -> Comparison {
        let (baseline, manual) = match expected {
            Expected::Missing => {
                return Comparison {
                    severity: self.missing_baseline,
                    reason: Reason::MissingBaseline,
                    baseline: None,
                    status: BaselineStatus::Missing,
                    variance: None,
                };
            }
            Expected::Baseline { credits, manual } => (credits, manual),
        };
        let Some(ratio) = Ratio::new(credits, baseline) else {
            let (severity, reason) = if credits == Credits::ZERO {
                (Severity::Sev4, Reason::AtZeroBaseline)
            } else {
                (self.missing_baseline, Reason::AboveZeroBaseline)
            };
            return Comparison {
                severity,
                reason,
                baseline: Some(baseline),
                status: BaselineStatus::Zero,
                variance: None,
            };
        };
        let (severity, reason) = self.climb(ratio, flags);
        Comparison {
            severity,
            reason,
            baseline: Some(baseline),
            status: if manual {
                BaselineStatus::Manual
            } else {
                BaselineStatus::Current
            },
            variance: Some(ratio.multiplier()),
        }
    }

    /// The gravest severity whose threshold the ratio reaches.
    fn climb(&self, ratio: Ratio, flags: RiskFlags) -> (Severity, Reason) {
        let ladder = &self.ladder;
        let critical = flags.intersects(RiskFlags::CRITICAL);
        // Sensitive data is never relaxed, not for a backfill either.
        if (critical || !self.sev0_needs_critical_flag) && ratio.at_least(ladder.sev0.threshold) {
            let reason = if critical {
                Reason::SensitiveSpike
            } else {
                Reason::Ratio
            };
            return (Severity::Sev0, reason);
        }
        let backfill = flags.contains(RiskFlag::BackfillMode);
        let reached = [
            (Severity::Sev1, &ladder.sev1),
            (Severity::Sev2, &ladder.sev2),
            (Severity::Sev3, &ladder.sev3),
        ]
        .into_iter()
        .find(|(_, rung)| ratio.at_least(rung.threshold_for(backfill)));
        let severity = reached.map_or(Severity::Sev4, |(severity, _)| severity);
        (severity, Reason::Ratio)
    }
}
