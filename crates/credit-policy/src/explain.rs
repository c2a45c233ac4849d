//! Why a verdict is what it is, and what would make it another.
//!
//! [`Policy::explain`] asks the judgement itself: where a severity begins, and which change of an
//! input gives another one, is found by judging, never by a second calculation that could differ.

mod changes;
mod flags;
mod rungs;
mod signals;
mod text;

use credit_core::{
    Actions, Assessment, BaselineStatus, Credits, Likelihood, Multiplier, Reason, RiskFlag,
    RiskFlags, Run, RunId, ScenarioId, Severity,
};
use serde::{Serialize, Serializer};

use crate::{Certainty, Context, Diagnosis, Expected, Policy, diagnose};

pub use changes::{Changes, Nearest, Step, Switch};
pub use flags::{FlagShare, LikelihoodStep, Otherwise, Scale};
pub use rungs::{Begins, Rung};
pub use signals::{DeploymentSignal, ItemSignal, PromptSignal, RetrySignal, Signals};

/// A verdict with everything that made it: what each flag weighs, how far every threshold is, and
/// the smallest change of each input that gives another severity.
///
/// Its `Display` is a screen for people, [`Explanation::to_json`] one line for programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Which run.
    #[serde(rename = "Run_ID")]
    pub run_id: RunId,
    /// Of which scenario.
    #[serde(rename = "Scenario_ID")]
    pub scenario_id: ScenarioId,
    /// What it cost.
    #[serde(rename = "Credits_Total")]
    pub credits: Credits,
    /// The verdict: what [`Policy::assess`] says.
    #[serde(rename = "verdict", serialize_with = "verdict")]
    pub assessment: Assessment,
    /// The verdict in one sentence, as records keep it.
    pub summary: String,
    /// The rule that decided the severity.
    pub rule: &'static str,
    /// How sure the severity is, where it is known how sure the baseline is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
    /// Each severity, the gravest first: from where on the run would have it.
    pub severities: Vec<Rung>,
    /// The smallest changes that give another severity.
    pub changes: Changes,
    /// Inputs of which no change gives this run another severity.
    pub cannot_change_severity: Vec<&'static str>,
    /// Each flag of the vocabulary: what it adds to the score, and where the run has it from.
    pub flags: Vec<FlagShare>,
    /// The score between the cut-offs.
    pub likelihood: Scale,
    /// The facts that become flags from a limit on, and how far that is.
    pub signals: Signals,
    /// What the flags speak for, and what to do about it.
    pub causes: Vec<Diagnosis>,
}

impl Policy {
    /// The verdict on a run with everything that made it. The verdict in it is that of
    /// [`Policy::assess`].
    ///
    /// It judges some hundred times, which takes microseconds; for a verdict alone use `assess`.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Severity, Status};
    /// use credit_policy::{Expected, Policy};
    ///
    /// let run = Run::new(
    ///     "RUN-1".parse()?,
    ///     "EXPORT".parse()?,
    ///     "2024-01-23T10:00:00Z".parse()?,
    ///     Status::Success,
    ///     "2000".parse::<Credits>()?,
    /// );
    /// let expected = Expected::Baseline { credits: "500".parse()?, manual: false };
    /// let why = Policy::standard().explain(&run, &expected.into());
    ///
    /// assert_eq!(why.assessment.severity, Severity::Sev2);
    /// let graver = why.changes.credits.graver.unwrap();
    /// assert_eq!((graver.to.to_string(), graver.severity), ("2500".to_owned(), Severity::Sev1));
    /// let milder = why.changes.baseline.milder.unwrap();
    /// assert_eq!((milder.to.to_string(), milder.severity), ("1000.000001".to_owned(), Severity::Sev3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self, run: &Run, context: &Context) -> Explanation {
        let assessment = self.assess(run, context);
        let case = Case {
            policy: self,
            credits: run.credits,
            expected: context.expected,
            flags: assessment.risk_flags,
        };
        let changes = changes::of(&case);
        Explanation {
            run_id: run.run_id.clone(),
            scenario_id: run.scenario_id.clone(),
            credits: run.credits,
            assessment,
            summary: self.summary(run, &assessment),
            rule: rule(assessment.reason),
            certainty: self.certainty(run, context),
            severities: rungs::of(&case, &assessment),
            cannot_change_severity: changes.idle_inputs(),
            changes,
            flags: flags::of(&case, run, context),
            likelihood: flags::scale(self, &assessment),
            signals: signals::of(self, run, context),
            causes: diagnose(assessment.risk_flags),
        }
    }
}

impl Explanation {
    /// One line of JSON, keys in their fixed order, numbers exact.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Status};
    /// use credit_policy::{Expected, Policy};
    ///
    /// let run = Run::new(
    ///     "RUN-1".parse()?,
    ///     "EXPORT".parse()?,
    ///     "2024-01-23T10:00:00Z".parse()?,
    ///     Status::Success,
    ///     "2000".parse::<Credits>()?,
    /// );
    /// let why = Policy::standard().explain(&run, &Expected::Missing.into());
    /// assert!(why.to_json().starts_with(r#"{"Run_ID":"RUN-1","Scenario_ID":"EXPORT","#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> String {
        // Plain structs of numbers and strings cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// All that a severity depends on.
#[derive(Clone, Copy)]
struct Case<'a> {
    policy: &'a Policy,
    credits: Credits,
    expected: Expected,
    flags: RiskFlags,
}

impl Case<'_> {
    fn severity(&self) -> Severity {
        self.judged().0
    }

    fn judged(&self) -> (Severity, Reason) {
        self.policy
            .severity(self.credits, self.expected, self.flags)
    }

    /// The same at another cost, in millionths.
    fn costing(self, micro: u64) -> Self {
        let credits = Credits::from_micro(micro).unwrap_or(Credits::MAX);
        Case { credits, ..self }
    }

    /// The same against another baseline, in millionths. Who entered it changes no severity.
    fn against(self, micro: u64) -> Self {
        let expected = Expected::Baseline {
            credits: Credits::from_micro(micro).unwrap_or(Credits::MAX),
            manual: false,
        };
        Case { expected, ..self }
    }

    fn with_flag(self, flag: RiskFlag, in_force: bool) -> Self {
        let flags = if in_force {
            self.flags.with(flag)
        } else {
            self.flags.without(flag)
        };
        Case { flags, ..self }
    }

    fn is_critical(&self) -> bool {
        self.flags.intersects(RiskFlags::CRITICAL)
    }

    fn is_backfill(&self) -> bool {
        self.flags.contains(RiskFlag::BackfillMode)
    }
}

/// The rule behind a reason.
fn rule(reason: Reason) -> &'static str {
    match reason {
        Reason::Ratio => "the gravest severity whose threshold the cost reaches",
        Reason::SensitiveSpike => {
            "a critical flag and a cost from the threshold of SEV0 on are SEV0, for a backfill too"
        }
        Reason::SensitiveFloor => {
            "a run with a critical flag is at least as grave as the policy's sensitive_floor"
        }
        Reason::ImpactFloor => {
            "so little above its baseline, a run is at most as grave as the policy's impact_floor says"
        }
        Reason::MissingBaseline => {
            "without a baseline there is no ratio, and the policy's missing_baseline decides"
        }
        Reason::AboveZeroBaseline => {
            "above a baseline of 0 there is no ratio, and the policy's missing_baseline decides"
        }
        Reason::AtZeroBaseline => "no cost where none is expected is normal",
    }
}

/// The verdict under the names that records have for it.
fn verdict<S: Serializer>(assessment: &Assessment, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Verdict {
        #[serde(rename = "Severity")]
        severity: Severity,
        #[serde(rename = "Severity_Reason")]
        reason: Reason,
        #[serde(rename = "Risk_Flags")]
        risk_flags: RiskFlags,
        score: i32,
        #[serde(rename = "Misconfig_Likelihood")]
        likelihood: Likelihood,
        #[serde(rename = "Baseline_Expected_Credits")]
        baseline: Option<Credits>,
        #[serde(rename = "Baseline_Status")]
        baseline_status: BaselineStatus,
        #[serde(rename = "Variance_Multiplier")]
        variance: Option<Multiplier>,
        actions: Actions,
    }
    let verdict = Verdict {
        severity: assessment.severity,
        reason: assessment.reason,
        risk_flags: assessment.risk_flags,
        score: assessment.score,
        likelihood: assessment.likelihood,
        baseline: assessment.baseline,
        baseline_status: assessment.baseline_status,
        variance: assessment.variance,
        actions: assessment.actions,
    };
    verdict.serialize(serializer)
}

/// The smallest number of a range for which `holds`, where whatever holds for a number holds for
/// every larger one.
fn first(from: u64, to: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if from > to || !holds(to) {
        return None;
    }
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

/// The largest number of a range for which `holds`, where whatever holds for a number holds for
/// every smaller one.
fn last(from: u64, to: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if from > to || !holds(from) {
        return None;
    }
    match first(from, to, |number| !holds(number)) {
        Some(past) => past.checked_sub(1),
        None => Some(to),
    }
}
