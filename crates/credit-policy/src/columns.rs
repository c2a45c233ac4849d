//! Judging many runs at once.

use credit_core::{Assessment, Credits, Likelihood, Reason, RiskFlag, RiskFlags, Run, Severity};

use crate::ladder::Steps;
use crate::{Context, Expected, Policy};

/// Runs as columns: the `n`th entries of all three are one run.
///
/// The flags are those in force, as [`Policy::risk_flags`] gives them: they depend on many facts of
/// a run, but on few numbers of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    credits: &'a [Credits],
    expected: &'a [Expected],
    flags: &'a [RiskFlags],
}

/// What [`Policy::assess_columns`] fills in: the `n`th entries of all four are one verdict. Used
/// again, it allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdicts {
    /// How serious.
    pub severity: Vec<Severity>,
    /// Why.
    pub reason: Vec<Reason>,
    /// Σ misconfiguration weights − Σ legitimate weights.
    pub score: Vec<i32>,
    /// How likely a misconfiguration.
    pub likelihood: Vec<Likelihood>,
}

/// Columns of different lengths.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("columns of {credits} credits, {expected} expectations and {flags} sets of flags")]
pub struct UnequalColumns {
    /// How many amounts.
    pub credits: usize,
    /// How many expectations.
    pub expected: usize,
    /// How many sets of flags.
    pub flags: usize,
}

impl<'a> Columns<'a> {
    /// Columns of the same length.
    ///
    /// # Errors
    /// [`UnequalColumns`] if they are not.
    pub fn new(
        credits: &'a [Credits],
        expected: &'a [Expected],
        flags: &'a [RiskFlags],
    ) -> Result<Columns<'a>, UnequalColumns> {
        if credits.len() == expected.len() && credits.len() == flags.len() {
            return Ok(Columns {
                credits,
                expected,
                flags,
            });
        }
        Err(UnequalColumns {
            credits: credits.len(),
            expected: expected.len(),
            flags: flags.len(),
        })
    }
}

impl Policy {
    /// Judges runs one after the other and appends their verdicts to `verdicts`.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Severity, Status};
    /// use credit_policy::{Expected, Policy};
    ///
    /// let now = "2024-01-23T10:00:00Z".parse()?;
    /// let run = Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success, Credits::ZERO);
    /// let mut verdicts = Vec::new();
    /// Policy::standard().assess_all(&[(run, Expected::Missing.into())], &mut verdicts);
    /// assert_eq!(verdicts.first().unwrap().severity, Severity::Sev1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn assess_all(&self, runs: &[(Run, Context)], verdicts: &mut Vec<Assessment>) {
        verdicts.extend(runs.iter().map(|(run, context)| self.assess(run, context)));
    }

    /// Judges columns of runs: what [`Policy::assess`] says of each, several times as fast, because
    /// what a verdict depends on lies side by side.
    ///
    /// ```
    /// use credit_core::{Credits, RiskFlags, Severity};
    /// use credit_policy::{Columns, Expected, Policy, Verdicts};
    ///
    /// let credits = ["500", "499.999999"].map(|c| c.parse::<Credits>().unwrap());
    /// let expected = [Expected::Baseline { credits: "100".parse()?, manual: false }; 2];
    /// let columns = Columns::new(&credits, &expected, &[RiskFlags::NONE; 2])?;
    /// let mut verdicts = Verdicts::default();
    /// Policy::standard().assess_columns(columns, &mut verdicts);
    /// assert_eq!(verdicts.severity, [Severity::Sev1, Severity::Sev2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn assess_columns(&self, runs: Columns<'_>, verdicts: &mut Verdicts) {
        let Verdicts {
            severity,
            reason,
            score,
            likelihood,
        } = verdicts;
        let length = runs.credits.len();
        severity.resize(length, Severity::Sev4);
        reason.resize(length, Reason::Ratio);
        score.resize(length, 0);
        likelihood.resize(length, Likelihood::Low);

        let ladder = SmallLadder::of(self);
        let judged = severity.iter_mut().zip(reason);
        let runs_of = runs.credits.iter().zip(runs.expected).zip(runs.flags);
        for ((severity, reason), ((credits, expected), flags)) in judged.zip(runs_of) {
            let found = ladder
                .as_ref()
                .and_then(|ladder| ladder.climb(*credits, *expected, *flags));
            (*severity, *reason) = match found {
                Some(found) => found,
                None => self.severity(*credits, *expected, *flags),
            };
        }
        for ((score, likelihood), flags) in score.iter_mut().zip(likelihood).zip(runs.flags) {
            let weighed = self.weights.of_set(*flags);
            (*score, *likelihood) = (i32::from(weighed.score), weighed.likelihood);
        }
    }
}

/// The thresholds of a policy without floors, for amounts whose products with them fit in 64 bits.
struct SmallLadder<'a> {
    steps: &'a Steps,
    baseline_max: u64,
}

const MICRO: u64 = 1_000_000;
const CREDITS_MAX: u64 = u64::MAX / MICRO;

impl SmallLadder<'_> {
    /// `None` where a threshold has more than six decimals, or a floor decides as well.
    fn of(policy: &Policy) -> Option<SmallLadder<'_>> {
        if policy.sensitive_floor.is_some() || policy.impact_floor.is_some() {
            return None;
        }
        let steps = &policy.quick.as_ref()?.steps;
        Some(SmallLadder {
            steps,
            baseline_max: u64::MAX / steps.largest(),
        })
    }

    /// The same as [`Policy::severity`]; `None` where there is no ratio, or a product might not
    /// fit. Three products take less time than the one division that cuts the ratio off.
    #[inline]
    fn climb(
        &self,
        credits: Credits,
        expected: Expected,
        flags: RiskFlags,
    ) -> Option<(Severity, Reason)> {
        let Expected::Baseline {
            credits: baseline, ..
        } = expected
        else {
            return None;
        };
        let (credits, baseline) = (credits.micro(), baseline.micro());
        if baseline == 0 || baseline > self.baseline_max || credits > CREDITS_MAX {
            return None;
        }
        let reaches = |threshold: u64| credits * MICRO >= threshold * baseline;
        // All six stay in registers, which looking them up by an index would prevent.
        let [usual, backfill] = self.steps.rungs;
        let is_backfill = flags.contains(RiskFlag::BackfillMode);
        let rungs = if is_backfill { backfill } else { usual };
        Some(self.steps.climb(rungs, flags, reaches))
    }
}
