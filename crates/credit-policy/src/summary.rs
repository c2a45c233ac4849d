//! A verdict in words.

use std::fmt;

use credit_core::{Assessment, BaselineStatus, Reason, RiskFlag, RiskFlags, Run, Severity};

use crate::Policy;

impl Policy {
    /// The verdict on a run in one sentence, as `Risk_Summary` keeps it: the comparison, the
    /// threshold that decided and the misconfiguration score.
    ///
    /// The assessment must be this policy's own of this run. The same input gives the same words.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Status};
    /// use credit_policy::{Expected, Policy};
    ///
    /// let policy = Policy::standard();
    /// let run = Run::new(
    ///     "RUN-1".parse()?,
    ///     "EXPORT".parse()?,
    ///     "2024-01-23T10:00:00Z".parse()?,
    ///     Status::Success,
    ///     "2500".parse::<Credits>()?,
    /// );
    /// let expected = Expected::Baseline { credits: "500".parse()?, manual: false };
    /// assert_eq!(
    ///     policy.summary(&run, &policy.assess(&run, &expected.into())),
    ///     "2500 credits are 5.000000 times the baseline of 500; SEV1 from 5 times; \
    ///      misconfiguration Low (score 0)"
    /// );
    /// assert_eq!(
    ///     policy.summary(&run, &policy.assess(&run, &Expected::Missing.into())),
    ///     "Baseline not found for scenario `EXPORT`; judged SEV1 until it has one"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn summary(&self, run: &Run, assessment: &Assessment) -> String {
        let decided = Decided {
            policy: self,
            assessment,
        };
        let compared = Compared { run, assessment };
        if assessment.reason == Reason::MissingBaseline {
            return format!("{compared}; {decided}");
        }
        let Assessment {
            likelihood, score, ..
        } = *assessment;
        format!("{compared}; {decided}; misconfiguration {likelihood} (score {score})")
    }
}

/// The cost beside the baseline, such as `5 credits are 2.000000 times the baseline of 2.5`.
struct Compared<'a> {
    run: &'a Run,
    assessment: &'a Assessment,
}

impl fmt::Display for Compared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (credits, scenario) = (self.run.credits, &self.run.scenario_id);
        match (self.assessment.baseline, self.assessment.variance) {
            (None, _) => write!(f, "Baseline not found for scenario `{scenario}`"),
            (Some(_), None) => write!(
                f,
                "{credits} credits where the baseline of scenario `{scenario}` is 0"
            ),
            (Some(baseline), Some(variance)) => {
                let manual = match self.assessment.baseline_status {
                    BaselineStatus::Manual => "manual ",
                    _ => "",
                };
                let times = variance.six_decimals();
                write!(
                    f,
                    "{credits} credits are {times} times the {manual}baseline of {baseline}"
                )
            }
        }
    }
}

/// What decided, such as `SEV1 from 7 times for a backfill`.
struct Decided<'a> {
    policy: &'a Policy,
    assessment: &'a Assessment,
}

impl fmt::Display for Decided<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.assessment.severity;
        match self.assessment.reason {
            Reason::Ratio | Reason::SensitiveSpike => self.threshold(f),
            Reason::SensitiveFloor => {
                write!(f, "at least {severity}")?;
                self.critical_flags(f)
            }
            Reason::ImpactFloor => {
                write!(f, "at most {severity}")?;
                match self.policy.impact_floor {
                    Some(floor) => write!(f, " below {} credits above it", floor.credits),
                    None => Ok(()),
                }
            }
            Reason::MissingBaseline => write!(f, "judged {severity} until it has one"),
            Reason::AboveZeroBaseline => {
                write!(f, "judged {severity} because there is no ratio")
            }
            Reason::AtZeroBaseline => write!(f, "{severity}"),
        }
    }
}

impl Decided<'_> {
    fn threshold(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Assessment {
            severity,
            risk_flags,
            ..
        } = *self.assessment;
        let backfill = risk_flags.contains(RiskFlag::BackfillMode);
        let (word, rung) = match severity {
            // SEV4 has no threshold of its own: it is what stays below that of SEV3.
            Severity::Sev4 => ("below", self.policy.ladder.rung(Severity::Sev3)),
            _ => ("from", self.policy.ladder.rung(severity)),
        };
        let threshold = rung.threshold_for(backfill);
        write!(f, "{severity} {word} {threshold} times")?;
        if self.assessment.reason == Reason::SensitiveSpike {
            self.critical_flags(f)
        } else if backfill && severity != Severity::Sev0 {
            f.write_str(" for a backfill")
        } else {
            Ok(())
        }
    }

    fn critical_flags(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.assessment.risk_flags.iter();
        let critical = flags.filter(|flag| RiskFlags::CRITICAL.contains(*flag));
        for (i, flag) in critical.enumerate() {
            write!(f, "{}{flag}", if i == 0 { " with " } else { " and " })?;
        }
        Ok(())
    }
}
