//! The judgement itself.

use credit_core::{
    Assessment, BaselineStatus, Credits, Ratio, Reason, RiskFlags, Run, Severity, StoredRecord,
};

use crate::policy::ImpactFloor;
use crate::{Context, Expected, Policy};

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
        let quick = self.quick.as_ref();
        match quick.and_then(|quick| quick.assess(self, run, context)) {
            Some(assessment) => assessment,
            None => self.assess_at_length(run, context),
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

    /// The verdict by amounts and thresholds of any size, and without a baseline.
    #[inline(never)]
    pub(crate) fn assess_at_length(&self, run: &Run, context: &Context) -> Assessment {
        let flags = self.risk_flags(run, context);
        let score = self.score(flags);
        let (severity, reason) = self.severity(run.credits, context.expected, flags);
        let (baseline, status) = match context.expected {
            Expected::Missing => (None, BaselineStatus::Missing),
            Expected::Baseline { credits, .. } if credits == Credits::ZERO => {
                (Some(credits), BaselineStatus::Zero)
            }
            Expected::Baseline { credits, manual } => (
                Some(credits),
                if manual {
                    BaselineStatus::Manual
                } else {
                    BaselineStatus::Current
                },
            ),
        };
        let ratio = baseline.and_then(|baseline| Ratio::new(run.credits, baseline));
        Assessment {
            severity,
            reason,
            baseline,
            baseline_status: status,
            variance: ratio.map(Ratio::multiplier),
            risk_flags: flags,
            score,
            likelihood: self.likelihood(score),
            actions: self.actions(severity),
        }
    }

    /// How serious a run is that cost so much and has these flags, and why.
    pub(crate) fn severity(
        &self,
        credits: Credits,
        expected: Expected,
        flags: RiskFlags,
    ) -> (Severity, Reason) {
        let (verdict, baseline) = match expected {
            Expected::Missing => ((self.missing_baseline, Reason::MissingBaseline), None),
            Expected::Baseline {
                credits: baseline, ..
            } => {
                let verdict = match Ratio::new(credits, baseline) {
                    Some(ratio) => self.ladder.climb(ratio, flags),
                    None if credits == Credits::ZERO => (Severity::Sev4, Reason::AtZeroBaseline),
                    None => (self.missing_baseline, Reason::AboveZeroBaseline),
                };
                (verdict, Some(baseline))
            }
        };
        self.within_floors(verdict, credits, baseline, flags)
    }

    /// The severity after the floors: a critical flag's least one, and otherwise the gravest one
    /// for a cost that hardly matters. Neither stands in the way of the other, because the second
    /// is never for a run with a critical flag.
    #[inline]
    pub(crate) fn within_floors(
        &self,
        (severity, reason): (Severity, Reason),
        credits: Credits,
        baseline: Option<Credits>,
        flags: RiskFlags,
    ) -> (Severity, Reason) {
        let critical = flags.intersects(RiskFlags::CRITICAL);
        match (self.sensitive_floor, self.impact_floor, baseline) {
            (Some(floor), _, _) if critical && floor < severity => (floor, Reason::SensitiveFloor),
            (_, Some(floor), Some(baseline))
                if !critical && floor.tempers(severity, credits, baseline) =>
            {
                (floor.at_most, Reason::ImpactFloor)
            }
            _ => (severity, reason),
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
