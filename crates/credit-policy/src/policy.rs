//! The policy: what a valid file says, ready to judge with.

use std::collections::BTreeMap;

use credit_core::{
    Actions, CandidateGate, Credits, Deadlines, HealthyRule, Likelihood, Multiplier, RerunGate,
    RiskFlag, RiskFlags, Severity, UpdateGate,
};

use crate::PolicyError;
use crate::ladder::Ladder;
use crate::quick::Quick;
use crate::review::ReviewSchedule;
use crate::signals::Signals;
use crate::weights::Weights;

/// The standard policy as a file: the runbook's thresholds, actions and windows with every key
/// written out, to start a policy from.
///
/// ```
/// use credit_policy::{Policy, STANDARD_JSON};
///
/// assert_eq!(Policy::parse(STANDARD_JSON)?, Policy::standard());
/// # Ok::<(), credit_policy::PolicyError>(())
/// ```
pub const STANDARD_JSON: &str = include_str!("standard-policy.json");

/// What is judged how, and with what consequences: a policy file that was read and found valid.
///
/// There is no invalid `Policy`: thresholds descend, weights and windows are within their bounds,
/// every flag, action and status is a known one.
///
/// ```
/// use credit_core::{Action, Severity};
/// use credit_policy::Policy;
///
/// let policy = Policy::standard();
/// assert_eq!(policy.threshold(Severity::Sev1).to_string(), "5");
/// assert!(policy.actions(Severity::Sev0).contains(Action::BlockDispatch));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub(crate) version: String,
    pub(crate) ladder: Ladder,
    pub(crate) weights: Weights,
    pub(crate) signals: Signals,
    /// The ladder and the signals once more, for all but the oddest limits and runs.
    pub(crate) quick: Option<Quick>,
    pub(crate) missing_baseline: Severity,
    pub(crate) sensitive_floor: Option<Severity>,
    pub(crate) impact_floor: Option<ImpactFloor>,
    pub(crate) backfill_scale: Multiplier,
    pub(crate) backfill_days_max: u32,
    pub(crate) review_days: u32,
    pub(crate) baseline_window_days: u32,
    pub(crate) healthy: HealthyRule,
    pub(crate) update_gate: UpdateGate,
    pub(crate) candidate_gate: CandidateGate,
    pub(crate) rerun_gate: RerunGate,
    pub(crate) deadlines: Deadlines,
    pub(crate) review: ReviewSchedule,
    pub(crate) channels: BTreeMap<Severity, String>,
    pub(crate) channel_default: Option<String>,
    pub(crate) runs_database: Option<String>,
    pub(crate) cases_database: Option<String>,
}

/// Below which cost above its baseline a run is at most how severe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ImpactFloor {
    pub(crate) credits: Credits,
    pub(crate) at_most: Severity,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// The first thing wrong: its line, the full path of its key, the value and what to do. A key
    /// that is not known is an error too, because a misspelt threshold would otherwise be no
    /// threshold.
    ///
    /// ```
    /// use credit_policy::{Policy, STANDARD_JSON};
    ///
    /// let policy = Policy::parse(STANDARD_JSON)?;
    /// assert_eq!(policy.review_days(), 7);
    ///
    /// let error = Policy::parse("{\n  \"versoin\": \"1.0.0\"\n}").unwrap_err();
    /// assert_eq!((error.line, error.path.as_str()), (2, "versoin"));
    /// assert!(error.to_string().contains("did you mean `version`?"));
    /// # Ok::<(), credit_policy::PolicyError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        crate::parse::policy(text)
    }

    /// The policy of [`STANDARD_JSON`].
    ///
    /// ```
    /// assert_eq!(credit_policy::Policy::standard().version(), "1.0.0");
    /// ```
    pub fn standard() -> Policy {
        #[expect(
            clippy::expect_used,
            reason = "the text is a constant, and a test parses it"
        )]
        Policy::parse(STANDARD_JSON).expect("the standard policy is valid")
    }

    /// The version that its author gave it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What to do about a run of this severity.
    pub fn actions(&self, severity: Severity) -> Actions {
        self.ladder.rung(severity).actions
    }

    /// How many times its baseline a run must cost to be this severe; 0 for SEV4.
    pub fn threshold(&self, severity: Severity) -> Multiplier {
        self.ladder.rung(severity).threshold
    }

    /// The same for a backfill: the thresholds of SEV1 to SEV3 are scaled, that of SEV0 never is.
    ///
    /// ```
    /// use credit_core::Severity;
    /// use credit_policy::Policy;
    ///
    /// let policy = Policy::standard();
    /// assert_eq!(policy.backfill_threshold(Severity::Sev1).to_string(), "7");
    /// assert_eq!(policy.backfill_threshold(Severity::Sev0).to_string(), "10");
    /// ```
    pub fn backfill_threshold(&self, severity: Severity) -> Multiplier {
        self.ladder.rung(severity).backfill_threshold
    }

    /// The same policy with the threshold of one severity elsewhere, to try it on history.
    ///
    /// # Errors
    /// As [`Policy::parse`]: thresholds descend, have at most six decimals, and that of SEV4 is 0.
    ///
    /// ```
    /// use credit_core::Severity;
    /// use credit_policy::Policy;
    ///
    /// let stricter = Policy::standard().with_threshold(Severity::Sev1, "4".parse()?)?;
    /// assert_eq!(stricter.threshold(Severity::Sev1).to_string(), "4");
    /// assert_eq!(stricter.threshold(Severity::Sev2).to_string(), "2");
    /// assert!(stricter.with_threshold(Severity::Sev1, "2".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_threshold(
        &self,
        severity: Severity,
        threshold: Multiplier,
    ) -> Result<Policy, PolicyError> {
        Policy::parse(&crate::effective::json_with(self, severity, threshold))
    }

    /// Whether SEV0 takes a critical flag besides the cost.
    pub fn sev0_needs_critical_flag(&self) -> bool {
        self.ladder.sev0_needs_critical_flag
    }

    /// What a flag adds to the misconfiguration score; below zero where it speaks for real load.
    ///
    /// ```
    /// use credit_core::RiskFlag;
    /// use credit_policy::Policy;
    ///
    /// let policy = Policy::standard();
    /// assert_eq!(policy.weight(RiskFlag::UnboundedIterator), 4);
    /// assert_eq!(policy.weight(RiskFlag::BackfillMode), -4);
    /// ```
    pub fn weight(&self, flag: RiskFlag) -> i32 {
        self.weights.of(flag)
    }

    /// The misconfiguration score of a set of flags: the sum of their weights.
    ///
    /// ```
    /// use credit_core::{RiskFlag, RiskFlags};
    /// use credit_policy::Policy;
    ///
    /// let flags = RiskFlags::NONE.with(RiskFlag::RetryLoop).with(RiskFlag::BatchJob);
    /// assert_eq!(Policy::standard().score(flags), 0);
    /// ```
    #[inline]
    pub fn score(&self, flags: RiskFlags) -> i32 {
        i32::from(self.weights.of_set(flags).score)
    }

    /// How likely a misconfiguration is at this score.
    ///
    /// ```
    /// use credit_core::Likelihood;
    /// use credit_policy::Policy;
    ///
    /// assert_eq!(Policy::standard().likelihood(5), Likelihood::Medium);
    /// ```
    pub fn likelihood(&self, score: i32) -> Likelihood {
        self.weights.cut_offs.likelihood(score)
    }

    /// The most retries that are not yet a retry loop.
    pub fn retries_max(&self) -> u64 {
        self.signals.retries_max
    }

    /// From how many times the usual input a prompt has suddenly grown.
    pub fn prompt_growth_factor(&self) -> Multiplier {
        self.signals.prompt_growth
    }

    /// How many hours before a run a deployment may lie to be connected with it.
    pub fn deployment_window_hours(&self) -> u32 {
        u32::from(self.signals.deployment_hours)
    }

    /// How far an item's cost may be from the usual one, as a share of that, for a cost that grew
    /// with its items.
    pub fn item_cost_tolerance(&self) -> Multiplier {
        self.signals.item_cost_tolerance
    }

    /// The severity of a run that has nothing to be compared with.
    pub fn missing_baseline_severity(&self) -> Severity {
        self.missing_baseline
    }

    /// The least severity of a run with a critical flag, where the policy sets one.
    pub fn sensitive_floor(&self) -> Option<Severity> {
        self.sensitive_floor
    }

    /// The amount above its baseline below which a run without a critical flag is at most so
    /// severe, where the policy sets one.
    pub fn impact_floor(&self) -> Option<(Credits, Severity)> {
        self.impact_floor
            .map(|floor| (floor.credits, floor.at_most))
    }

    /// How many times further the thresholds of SEV1 to SEV3 lie for a backfill.
    pub fn backfill_scale(&self) -> Multiplier {
        self.backfill_scale
    }

    /// The longest a scenario may be in backfill mode, in days.
    pub fn backfill_days_max(&self) -> u32 {
        self.backfill_days_max
    }

    /// The length of a review's period, in days.
    pub fn review_days(&self) -> u32 {
        self.review_days
    }

    /// How many days of runs a baseline is made from.
    pub fn baseline_window_days(&self) -> u32 {
        self.baseline_window_days
    }

    /// How many times its baseline a scenario or run must cost to be notable in a review: the
    /// threshold of SEV2, from which the runbook looks at a run at all.
    pub fn notable_from(&self) -> Multiplier {
        self.threshold(Severity::Sev2)
    }

    /// Which runs count towards a baseline.
    pub fn healthy(&self) -> &HealthyRule {
        &self.healthy
    }

    /// What a scenario must show before its baseline may be changed.
    pub fn update_gate(&self) -> &UpdateGate {
        &self.update_gate
    }

    /// What a scenario must show to be listed as a baseline candidate.
    pub fn candidate_gate(&self) -> &CandidateGate {
        &self.candidate_gate
    }

    /// When a rerun needs an approval beyond what its severity's actions ask for.
    pub fn rerun_gate(&self) -> &RerunGate {
        &self.rerun_gate
    }

    /// By when people must have acted, and after how long quiet is suspicious.
    ///
    /// ```
    /// assert_eq!(credit_policy::Policy::standard().deadlines().sev0_ack_minutes, 15);
    /// ```
    pub fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// When the weekly review is due.
    ///
    /// ```
    /// let policy = credit_policy::Policy::standard();
    /// assert_eq!(policy.review().to_string(), "monday 10:00 UTC");
    /// ```
    pub fn review(&self) -> &ReviewSchedule {
        &self.review
    }

    /// The channel for runs of this severity, or else the default one; the policy's actions decide
    /// whether anything is posted there.
    ///
    /// ```
    /// use credit_core::Severity;
    /// use credit_policy::Policy;
    ///
    /// let policy = Policy::standard();
    /// assert_eq!(policy.slack_channel(Severity::Sev1), Some("#ops-alerts"));
    /// assert_eq!(policy.slack_channel(Severity::Sev3), Some("#ops-monitoring"));
    /// ```
    pub fn slack_channel(&self, severity: Severity) -> Option<&str> {
        self.channels
            .get(&severity)
            .or(self.channel_default.as_ref())
            .map(String::as_str)
    }

    /// The Notion database of runs as the file spells it; a `${NAME}` in it is not resolved here.
    pub fn notion_runs_database(&self) -> Option<&str> {
        self.runs_database.as_deref()
    }

    /// The Notion database of cases as the file spells it; a `${NAME}` in it is not resolved here.
    pub fn notion_cases_database(&self) -> Option<&str> {
        self.cases_database.as_deref()
    }

    /// The policy in force as a file: every default filled in, every key in its fixed order.
    ///
    /// Reading it back gives an equal policy.
    ///
    /// ```
    /// use credit_policy::Policy;
    ///
    /// let policy = Policy::standard();
    /// assert_eq!(Policy::parse(&policy.to_json())?, policy);
    /// # Ok::<(), credit_policy::PolicyError>(())
    /// ```
    pub fn to_json(&self) -> String {
        crate::effective::json(self)
    }
}
