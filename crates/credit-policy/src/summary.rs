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
    ///     policy.summary(&run, &policy.assess(&run, expected)),
    ///     "2500 credits are 5.000000 times the baseline of 500; SEV1 from 5 times; \
    ///      misconfiguration Low (score 0)"
    /// );
    /// assert_eq!(
    ///     policy.summary(&run, &policy.assess(&run, Expected::Missing)),
    ///     "Baseline not found for scenario `EXPORT`; judged SEV1 until it has one"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn summary(&self, run: &Run, assessment: &Assessment) -> String {
        let Assessment {
            severity,
            likelihood,
            score,
            ..
        } = *assessment;
        let (credits, scenario) = (run.credits, &run.scenario_id);
        match (assessment.reason, assessment.baseline, assessment.variance) {
            (Reason::AtZeroBaseline, ..) => format!(
                "0 credits where the baseline of scenario `{scenario}` is 0; {severity}; \
                 misconfiguration {likelihood} (score {score})"
            ),
            (Reason::AboveZeroBaseline, ..) => format!(
                "{credits} credits where the baseline of scenario `{scenario}` is 0; judged \
                 {severity} because there is no ratio; misconfiguration {likelihood} \
                 (score {score})"
            ),
            (Reason::Ratio | Reason::SensitiveSpike, Some(baseline), Some(variance)) => {
                let manual = match assessment.baseline_status {
                    BaselineStatus::Manual => "manual ",
                    _ => "",
                };
                format!(
                    "{credits} credits are {} times the {manual}baseline of {baseline}; {}; \
                     misconfiguration {likelihood} (score {score})",
                    variance.six_decimals(),
                    Decided {
                        policy: self,
                        assessment
                    },
                )
            }
            // A ratio always comes with its baseline; without one there was nothing to compare.
            (Reason::MissingBaseline | Reason::Ratio | Reason::SensitiveSpike, ..) => format!(
                "Baseline not found for scenario `{scenario}`; judged {severity} until it has one"
            ),
        }
    }
}

/// The threshold that decided, such as `SEV1 from 7 times for a backfill`.
struct Decided<'a> {
    policy: &'a Policy,
    assessment: &'a Assessment,
}

impl fmt::Display for Decided<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        write!(
            f,
            "{severity} {word} {} times",
            rung.threshold_for(backfill)
        )?;
        if self.assessment.reason == Reason::SensitiveSpike {
            let critical = risk_flags
                .iter()
                .filter(|flag| RiskFlags::CRITICAL.contains(*flag));
            for (i, flag) in critical.enumerate() {
                write!(f, "{}{flag}", if i == 0 { " with " } else { " and " })?;
            }
        } else if backfill && severity != Severity::Sev0 {
            f.write_str(" for a backfill")?;
        }
        Ok(())
    }
}
