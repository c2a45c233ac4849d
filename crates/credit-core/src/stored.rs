//! A record read back, for judging its run again.

use crate::json::Object;
use crate::run::Fields;
use crate::{
    Actions, Assessment, BaselineStatus, Bounds, Credits, Inputs, Likelihood, Multiplier, Reason,
    RiskFlags, Run, RunError, Severity, Usual,
};

/// A stored record read back whole: the run as it was judged, what else its verdict came from, and
/// the verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// The run, with scenario configuration filled in and the flags that it reported itself.
    pub run: Run,
    /// What else the verdict came from.
    pub inputs: Inputs,
    /// The verdict.
    pub verdict: StoredVerdict,
    /// The verdict in words.
    pub summary: String,
}

/// A verdict as a record keeps it: an [`Assessment`] without the score, which follows from the
/// flags and the policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredVerdict {
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
    /// How likely a misconfiguration.
    pub likelihood: Likelihood,
    /// What the policy wanted done.
    pub actions: Actions,
}

impl From<&Assessment> for StoredVerdict {
    fn from(assessment: &Assessment) -> StoredVerdict {
        StoredVerdict {
            severity: assessment.severity,
            reason: assessment.reason,
            baseline: assessment.baseline,
            baseline_status: assessment.baseline_status,
            variance: assessment.variance,
            risk_flags: assessment.risk_flags,
            likelihood: assessment.likelihood,
            actions: assessment.actions,
        }
    }
}

impl StoredRecord {
    /// Reads the text of [`RunRecord::to_json`](crate::RunRecord::to_json) or a whole ledger line.
    ///
    /// # Errors
    /// The first key that is missing, malformed or at odds with another: why the verdict cannot be
    /// repeated. Records of other origin have no `Policy_Sha256`, for example.
    ///
    /// ```
    /// use credit_core::StoredRecord;
    ///
    /// let record = StoredRecord::parse(
    ///     r#"{"Run_ID":"R1","Timestamp":"2024-01-23T10:00:00Z","Scenario_ID":"EXPORT",
    ///         "Job_Type":"OTHER","Status":"Success","Credits_Total":120,"Severity":"SEV4",
    ///         "Severity_Reason":"ratio","Risk_Flags":["retry_loop"],"Risk_Flags_Reported":[],
    ///         "Risk_Summary":"","Misconfig_Likelihood":"Medium","Baseline_Expected_Credits":100,
    ///         "Baseline_Status":"current","Usual_Input_Tokens":900,"Variance_Multiplier":1.200000,
    ///         "retry_count":9,"actions":["ledger_only"],
    ///         "Policy_Sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ///         "Input_Sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#,
    /// )?;
    /// assert!(record.run.risk_flags.is_empty());
    /// assert_eq!(record.inputs.usual.input_tokens, Some(900));
    ///
    /// let error = StoredRecord::parse(r#"{"Run_ID":"R1"}"#).unwrap_err();
    /// assert_eq!(error.field, "Policy_Sha256");
    /// # Ok::<(), credit_core::RunError>(())
    /// ```
    pub fn parse(json: &str) -> Result<StoredRecord, RunError> {
        let object = Object::parse(json).map_err(RunError::json)?;
        let fields = Fields {
            text: json,
            object: &object,
            exact: true,
        };
        let inputs = inputs(&fields)?;
        let verdict = verdict(&fields)?;
        let mut run = fields.run(|_| {})?;
        if let Some(reported) = fields.words("Risk_Flags_Reported")? {
            run.risk_flags = reported;
        }
        Ok(StoredRecord {
            run,
            inputs,
            verdict,
            summary: fields.text("Risk_Summary")?.unwrap_or_default(),
        })
    }
}

fn inputs(fields: &Fields<'_>) -> Result<Inputs, RunError> {
    let hash = |key| fields.required(key, fields.hash(key)?);
    let (lower, upper) = ("Baseline_Lower", "Baseline_Upper");
    let bounds = Bounds::of(fields.number(lower)?, fields.number(upper)?)
        .map_err(|_| fields.contradiction(lower, upper))?;
    Ok(Inputs {
        policy_sha256: hash("Policy_Sha256")?,
        scenario_sha256: fields.hash("Scenario_Sha256")?,
        input_sha256: hash("Input_Sha256")?,
        baseline_updated: fields.time("Baseline_Last_Updated")?,
        usual: Usual {
            input_tokens: fields.whole("Usual_Input_Tokens")?,
            credits_per_item: fields.number("Usual_Credits_Per_Item")?,
            bounds,
        },
    })
}

fn verdict(fields: &Fields<'_>) -> Result<StoredVerdict, RunError> {
    let baseline: Option<Credits> = fields.number("Baseline_Expected_Credits")?;
    let status = fields.required("Baseline_Status", fields.word("Baseline_Status")?)?;
    let fits = match status {
        BaselineStatus::Missing => baseline.is_none(),
        BaselineStatus::Zero => baseline == Some(Credits::ZERO),
        BaselineStatus::Current | BaselineStatus::Manual => {
            baseline.is_some_and(|credits| credits > Credits::ZERO)
        }
    };
    if !fits {
        return Err(fields.contradiction("Baseline_Expected_Credits", "Baseline_Status"));
    }
    Ok(StoredVerdict {
        severity: fields.required("Severity", fields.word("Severity")?)?,
        reason: fields.required("Severity_Reason", fields.word("Severity_Reason")?)?,
        baseline,
        baseline_status: status,
        variance: fields.multiplier("Variance_Multiplier")?,
        risk_flags: fields.required("Risk_Flags", fields.words("Risk_Flags")?)?,
        likelihood: fields
            .required("Misconfig_Likelihood", fields.word("Misconfig_Likelihood")?)?,
        actions: fields.required("actions", fields.words("actions")?)?,
    })
}
