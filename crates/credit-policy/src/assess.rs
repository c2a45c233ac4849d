//! The judgement itself.

use credit_core::{
    Assessment, BaselineStatus, Credits, Multiplier, Ratio, Reason, RiskFlag, RiskFlags, Run,
    Severity, StoredRecord,
};

use crate::policy::ImpactFloor;
use crate::{Context, Expected, Policy};

/// How a run compares with what was expected.
struct Comparison {
    severity: Severity,
    reason: Reason,
    baseline: Option<Credits>,
    status: BaselineStatus,
    variance: Option<Multiplier>,
}

impl Policy {
    /// Judges one run against what is known of its scenario.
    ///
    /// Exact (no float takes part) and infallible. The same run, policy and context give the
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
    /// let verdict = Policy::standard().assess(&run, &expected.into());
    /// // 5 times its baseline is SEV1, for a backfill only from 7 times.
    /// assert_eq!(verdict.severity, Severity::Sev2);
    /// assert!(verdict.risk_flags.contains(RiskFlag::BackfillMode));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn assess(&self, run: &Run, context: &Context) -> Assessment {
        let flags = self.risk_flags(run, context);
        let score = self.score(flags);
        let found = self.compare(run.credits, context.expected, flags);
        let (severity, reason) = self.within_floors(run.credits, &found, flags);
        Assessment {
            severity,
            reason,
            baseline: found.baseline,
            baseline_status: found.status,
            variance: found.variance,
            risk_flags: flags,
            score,
            likelihood: self.likelihood(score),
            actions: self.actions(severity),
        }
    }

    /// Judges the run of a stored record again, from what the record keeps alone. Under the policy
    /// that the record names, this is the verdict that it keeps.
    ///
    /// ```
    /// use credit_core::{StoredRecord, StoredVerdict};
    /// use credit_policy::Policy;
    ///
    /// let line = r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
    ///     "Job_Type":"OTHER","Status":"Success","Credits_Total":120,"Severity":"SEV4",
    ///     "Severity_Reason":"ratio","Risk_Flags":[],"Risk_Summary":"",
    ///     "Misconfig_Likelihood":"Low","Baseline_Expected_Credits":100,
    ///     "Baseline_Status":"current","Variance_Multiplier":1.200000,"retry_count":0,
    ///     "actions":["ledger_only"],
    ///     "Policy_Sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ///     "Input_Sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#;
    /// let record = StoredRecord::parse(line)?;
    /// let verdict = Policy::standard().replay(&record);
    /// assert_eq!(StoredVerdict::from(&verdict), record.verdict);
    /// # Ok::<(), credit_core::RunError>(())
    /// ```
    pub fn replay(&self, record: &StoredRecord) -> Assessment {
        self.assess(&record.run, &Context::of(record))
    }

    /// How serious a run is that cost so much and has these flags, and why.
    pub(crate) fn severity(
        &self,
        credits: Credits,
        expected: Expected,
        flags: RiskFlags,
    ) -> (Severity, Reason) {
        let found = self.compare(credits, expected, flags);
        self.within_floors(credits, &found, flags)
    }

    #[inline]
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
    #[inline]
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

    /// The severity after the floors: a critical flag's least one, and otherwise the gravest one
    /// for a cost that hardly matters. Neither stands in the way of the other, because the second
    /// is never for a run with a critical flag.
    #[inline]
    fn within_floors(
        &self,
        credits: Credits,
        found: &Comparison,
        flags: RiskFlags,
    ) -> (Severity, Reason) {
        if flags.intersects(RiskFlags::CRITICAL) {
            return match self.sensitive_floor {
                Some(floor) if floor < found.severity => (floor, Reason::SensitiveFloor),
                _ => (found.severity, found.reason),
            };
        }
        match (self.impact_floor, found.baseline) {
            (Some(floor), Some(baseline)) if floor.tempers(found.severity, credits, baseline) => {
                (floor.at_most, Reason::ImpactFloor)
            }
            _ => (found.severity, found.reason),
        }
    }
}

impl ImpactFloor {
    /// Whether a run of this severity cost too little above its baseline for it.
    fn tempers(&self, severity: Severity, credits: Credits, baseline: Credits) -> bool {
        let above = credits.micro().saturating_sub(baseline.micro());
        severity < self.at_most && above < self.credits.micro()
    }
}
