//! One finished run, as the automation reports it.

mod parse;

use std::fmt;

use crate::json::ObjectWriter;
use crate::{Credits, JobType, RiskFlags, RunId, ScenarioId, Sha256, Status, Timestamp};

pub(crate) use parse::Fields;
pub use parse::{ParsedRun, Problem, RunError};

/// One finished run: what happened, before anybody judged it.
///
/// `None` means that the automation did not say, which is never the same as zero or `false`.
///
/// ```
/// use credit_core::{Credits, Run, Status};
///
/// let mut run = Run::new(
///     "RUN-1".parse()?,
///     "NIGHTLY_EXPORT".parse()?,
///     "2024-01-23T10:00:00Z".parse()?,
///     Status::Success,
///     Credits::whole(120).unwrap(),
/// );
/// run.retry_count = 2;
/// assert!(run.to_json().starts_with(r#"{"Run_ID":"RUN-1","Timestamp":"2024-01-23T10:00:00Z""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// `Run_ID`.
    pub run_id: RunId,
    /// `Timestamp`: when the run finished.
    pub timestamp: Timestamp,
    /// `Scenario_Name`: the scenario as people call it.
    pub scenario_name: Option<String>,
    /// `Scenario_ID`: what the run is compared within.
    pub scenario_id: ScenarioId,
    /// `Job_Type`.
    pub job_type: JobType,
    /// `Status`.
    pub status: Status,
    /// `Credits_Total`: what the run cost.
    pub credits: Credits,
    /// `Credits_In`: of that, for input.
    pub credits_in: Option<Credits>,
    /// `Credits_Out`: of that, for output.
    pub credits_out: Option<Credits>,
    /// `Model`: the language model used.
    pub model: Option<String>,
    /// `Input_Tokens`.
    pub input_tokens: Option<u64>,
    /// `Output_Tokens`.
    pub output_tokens: Option<u64>,
    /// `Artifacts_Link`: where its output lies.
    pub artifacts_link: Option<String>,
    /// `Risk_Flags`: what the automation itself reports.
    pub risk_flags: RiskFlags,
    /// `retry_count`; a run that does not say had none.
    pub retry_count: u64,
    /// `has_max_items_config`: whether the number of items was limited.
    pub has_max_items_config: Option<bool>,
    /// `has_idempotency_key`.
    pub has_idempotency_key: Option<bool>,
    /// `prompt_version`.
    pub prompt_version: Option<String>,
    /// `deployment_timestamp`: the latest deployment of the job's code.
    pub deployment_timestamp: Option<Timestamp>,
    /// `is_batch_job`.
    pub is_batch_job: Option<bool>,
    /// `is_backfill`.
    pub is_backfill: Option<bool>,
    /// `input_item_count`: how many items it worked through.
    pub input_item_count: Option<u64>,
    /// `rerun_of`: the run that this one repeats.
    pub rerun_of: Option<RunId>,
    /// Fields this crate does not know, as compact JSON, sorted by key.
    pub(crate) extra: Vec<(String, String)>,
}

impl Run {
    /// A run of which only the necessary is known; its job type is [`JobType::Other`].
    pub fn new(
        run_id: RunId,
        scenario_id: ScenarioId,
        timestamp: Timestamp,
        status: Status,
        credits: Credits,
    ) -> Run {
        Run {
            run_id,
            timestamp,
            scenario_name: None,
            scenario_id,
            job_type: JobType::Other,
            status,
            credits,
            credits_in: None,
            credits_out: None,
            model: None,
            input_tokens: None,
            output_tokens: None,
            artifacts_link: None,
            risk_flags: RiskFlags::NONE,
            retry_count: 0,
            has_max_items_config: None,
            has_idempotency_key: None,
            prompt_version: None,
            deployment_timestamp: None,
            is_batch_job: None,
            is_backfill: None,
            input_item_count: None,
            rerun_of: None,
            extra: Vec::new(),
        }
    }

    /// The run as one compact JSON object: known keys in their fixed order, then unknown ones
    /// sorted. The same run gives the same bytes, however its input was laid out.
    pub fn to_json(&self) -> String {
        let mut out = ObjectWriter::new();
        self.write_facts(&mut out);
        if !self.risk_flags.is_empty() {
            out.words("Risk_Flags", self.risk_flags.iter().map(|f| f.as_str()));
        }
        self.write_details(&mut out);
        self.write_extra(&mut out);
        out.finish()
    }

    /// The identity of the run: the SHA-256 of [`Run::to_json`].
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(self.to_json().as_bytes())
    }

    pub(crate) fn write_facts(&self, out: &mut ObjectWriter) {
        out.plain("Run_ID", &self.run_id);
        out.plain("Timestamp", self.timestamp);
        if let Some(name) = &self.scenario_name {
            out.string("Scenario_Name", name);
        }
        out.plain("Scenario_ID", &self.scenario_id);
        out.plain("Job_Type", self.job_type);
        out.plain("Status", self.status);
        out.token("Credits_Total", self.credits);
        token_if(out, "Credits_In", self.credits_in);
        token_if(out, "Credits_Out", self.credits_out);
        if let Some(model) = &self.model {
            out.string("Model", model);
        }
        token_if(out, "Input_Tokens", self.input_tokens);
        token_if(out, "Output_Tokens", self.output_tokens);
        if let Some(link) = &self.artifacts_link {
            out.string("Artifacts_Link", link);
        }
    }

    pub(crate) fn write_details(&self, out: &mut ObjectWriter) {
        out.token("retry_count", self.retry_count);
        token_if(out, "has_max_items_config", self.has_max_items_config);
        token_if(out, "has_idempotency_key", self.has_idempotency_key);
        if let Some(version) = &self.prompt_version {
            out.string("prompt_version", version);
        }
        if let Some(time) = self.deployment_timestamp {
            out.plain("deployment_timestamp", time);
        }
        token_if(out, "is_batch_job", self.is_batch_job);
        token_if(out, "is_backfill", self.is_backfill);
        token_if(out, "input_item_count", self.input_item_count);
        if let Some(id) = &self.rerun_of {
            out.plain("rerun_of", id);
        }
    }

    pub(crate) fn write_extra(&self, out: &mut ObjectWriter) {
        for (key, value) in &self.extra {
            out.token(key, value);
        }
    }
}

fn token_if(out: &mut ObjectWriter, key: &str, value: Option<impl fmt::Display>) {
    if let Some(value) = value {
        out.token(key, value);
    }
}
