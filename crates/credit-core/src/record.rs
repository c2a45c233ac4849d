//! A run with its verdict, as the ledger keeps it.

mod scan;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::ObjectWriter;
use crate::{
    Actions, BaselineStatus, Credits, Likelihood, Multiplier, Reason, RiskFlags, Run, RunId,
    ScenarioId, Severity, Sha256, Status, Timestamp, Usual,
};

pub use scan::{RunSum, RunTally};

/// The verdict on one run: plain data, made by a policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// How serious.
    pub severity: Severity,
    /// Why.
    pub reason: Reason,
    /// The baseline it was compared with.
    pub baseline: Option<Credits>,
    /// What kind of baseline that was.
    pub baseline_status: BaselineStatus,
    /// Credits over baseline, cut off after six decimals; `None` where there is no ratio.
    pub variance: Option<Multiplier>,
    /// Reported and derived flags.
    pub risk_flags: RiskFlags,
    /// Σ misconfiguration weights − Σ legitimate weights of the flags.
    pub score: i32,
    /// How likely a misconfiguration, from the score.
    pub likelihood: Likelihood,
    /// What the policy wants done.
    pub actions: Actions,
}

/// What else went into a verdict, kept with it so that it can be checked and repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// The policy file's hash.
    pub policy_sha256: Sha256,
    /// The scenario file's hash, where there was one.
    pub scenario_sha256: Option<Sha256>,
    /// The run's identity: [`Run::sha256`] before scenario configuration was filled in.
    pub input_sha256: Sha256,
    /// The version of the baseline: when it was last updated.
    pub baseline_updated: Option<Timestamp>,
    /// What else was known of the scenario.
    pub usual: Usual,
}

/// A run, its verdict, and every input of the verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// The run, with scenario configuration filled in.
    pub run: Run,
    /// The verdict.
    pub assessment: Assessment,
    /// What else the verdict came from.
    pub inputs: Inputs,
    /// The verdict in words.
    pub summary: String,
}

impl RunRecord {
    /// One compact JSON object, keys in their fixed order.
    ///
    /// `Risk_Flags` is always there and holds each flag once; `Risk_Flags_Reported` tells what the
    /// run itself reported, where that is not the same; `dispatch_blocked` only where it is
    /// true; `Variance_Multiplier` has six decimals, or is null where there is no ratio;
    /// `Baseline_Lower` and `Baseline_Upper`, `Usual_Input_Tokens` and `Usual_Credits_Per_Item` only
    /// where they were known.
    pub fn to_json(&self) -> String {
        let (run, verdict) = (&self.run, &self.assessment);
        let mut out = ObjectWriter::new();
        run.write_facts(&mut out);
        out.plain("Severity", verdict.severity);
        out.plain("Severity_Reason", verdict.reason.as_str());
        out.words("Risk_Flags", verdict.risk_flags.iter().map(|f| f.as_str()));
        if run.risk_flags != verdict.risk_flags {
            out.words(
                "Risk_Flags_Reported",
                run.risk_flags.iter().map(|f| f.as_str()),
            );
        }
        out.string("Risk_Summary", &self.summary);
        out.plain("Misconfig_Likelihood", verdict.likelihood);
        match verdict.baseline {
            Some(credits) => out.token("Baseline_Expected_Credits", credits),
            None => out.token("Baseline_Expected_Credits", "null"),
        }
        out.plain("Baseline_Status", verdict.baseline_status);
        if let Some(updated) = self.inputs.baseline_updated {
            out.plain("Baseline_Last_Updated", updated);
        }
        if let Some(bounds) = self.inputs.usual.bounds {
            out.token("Baseline_Lower", bounds.lower());
            out.token("Baseline_Upper", bounds.upper());
        }
        if let Some(tokens) = self.inputs.usual.input_tokens {
            out.token("Usual_Input_Tokens", tokens);
        }
        if let Some(rate) = self.inputs.usual.credits_per_item {
            out.token("Usual_Credits_Per_Item", rate);
        }
        match verdict.variance {
            Some(variance) => out.token("Variance_Multiplier", variance.six_decimals()),
            None => out.token("Variance_Multiplier", "null"),
        }
        run.write_details(&mut out);
        out.words("actions", verdict.actions.iter().map(|a| a.as_str()));
        if verdict.actions.contains(crate::Action::BlockDispatch) {
            out.token("dispatch_blocked", true);
        }
        out.plain("Policy_Sha256", self.inputs.policy_sha256);
        if let Some(scenario) = self.inputs.scenario_sha256 {
            out.plain("Scenario_Sha256", scenario);
        }
        out.plain("Input_Sha256", self.inputs.input_sha256);
        run.write_extra(&mut out);
        out.finish()
    }
}

/// What baselines, reports and gates read of a stored record, borrowing its text.
#[derive(Clone, Debug)]
pub struct RunFacts<'a> {
    /// `Run_ID`.
    pub run_id: RunId,
    /// `Timestamp`.
    pub timestamp: Timestamp,
    /// `Scenario_ID`.
    pub scenario_id: ScenarioId,
    /// `Status`.
    pub status: Status,
    /// `Credits_Total`.
    pub credits: Credits,
    /// `Severity`.
    pub severity: Severity,
    /// `Severity_Reason`: why; `None` in a record that does not say.
    pub reason: Option<Reason>,
    /// `Risk_Flags`.
    pub risk_flags: RiskFlags,
    /// `Misconfig_Likelihood`.
    pub likelihood: Likelihood,
    /// `Baseline_Expected_Credits`.
    pub baseline: Option<Credits>,
    /// `Baseline_Status`.
    pub baseline_status: BaselineStatus,
    /// `Variance_Multiplier`.
    pub variance: Option<Multiplier>,
    /// `Risk_Summary`; empty where the record has none.
    pub summary: Cow<'a, str>,
    /// `Input_Tokens`.
    pub input_tokens: Option<u64>,
    /// `input_item_count`.
    pub input_item_count: Option<u64>,
    /// `retry_count`.
    pub retry_count: u64,
    /// `actions`.
    pub actions: Actions,
    /// The whole record.
    pub json: &'a str,
}

impl<'a> RunFacts<'a> {
    /// Reads a stored record: the text of [`RunRecord::to_json`] or a whole ledger line.
    ///
    /// # Errors
    /// What is missing or malformed, in serde_json's words.
    pub fn parse(json: &'a str) -> Result<RunFacts<'a>, serde_json::Error> {
        let stored: Stored<'a> = serde_json::from_str(json)?;
        let credits = |token: &str| token.parse::<Credits>().map_err(serde::de::Error::custom);
        let number =
            |value: Option<&'a RawValue>| value.map(RawValue::get).filter(|t| *t != "null");
        Ok(RunFacts {
            run_id: stored.run_id,
            timestamp: stored.timestamp,
            scenario_id: stored.scenario_id,
            status: stored.status,
            credits: credits(stored.credits.get())?,
            severity: stored.severity,
            reason: stored.reason,
            risk_flags: stored.risk_flags,
            likelihood: stored.likelihood,
            baseline: number(stored.baseline).map(credits).transpose()?,
            baseline_status: stored.baseline_status,
            variance: number(stored.variance)
                .map(|token| token.parse().map_err(serde::de::Error::custom))
                .transpose()?,
            summary: stored.summary,
            input_tokens: stored.input_tokens,
            input_item_count: stored.input_item_count,
            retry_count: stored.retry_count,
            actions: stored.actions,
            json,
        })
    }

    /// Whether the run is SEV0 or SEV1 for what it did. Want of a baseline to compare with is no
    /// incident (a first baseline could never be computed otherwise), and neither is a run that
    /// nothing but a policy's least severity for sensitive data made SEV1: it cost less than one.
    /// A SEV0 of that kind may have cost as much as a SEV1, and counts.
    pub fn is_incident(&self) -> bool {
        let unjudged = matches!(
            self.baseline_status,
            BaselineStatus::Missing | BaselineStatus::Zero
        );
        let raised = self.severity == Severity::Sev1 && self.reason == Some(Reason::SensitiveFloor);
        self.severity <= Severity::Sev1 && !unjudged && !raised
    }
}

#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(rename = "Run_ID")]
    run_id: RunId,
    #[serde(rename = "Timestamp")]
    timestamp: Timestamp,
    #[serde(rename = "Scenario_ID")]
    scenario_id: ScenarioId,
    #[serde(rename = "Status")]
    status: Status,
    #[serde(rename = "Credits_Total", borrow)]
    credits: &'a RawValue,
    #[serde(rename = "Severity")]
    severity: Severity,
    #[serde(rename = "Severity_Reason", default)]
    reason: Option<Reason>,
    #[serde(rename = "Risk_Flags")]
    risk_flags: RiskFlags,
    #[serde(rename = "Misconfig_Likelihood")]
    likelihood: Likelihood,
    #[serde(rename = "Baseline_Expected_Credits", borrow)]
    baseline: Option<&'a RawValue>,
    #[serde(rename = "Baseline_Status")]
    baseline_status: BaselineStatus,
    #[serde(rename = "Variance_Multiplier", borrow)]
    variance: Option<&'a RawValue>,
    #[serde(rename = "Risk_Summary", borrow, default)]
    summary: Cow<'a, str>,
    #[serde(rename = "Input_Tokens")]
    input_tokens: Option<u64>,
    input_item_count: Option<u64>,
    retry_count: u64,
    actions: Actions,
}
