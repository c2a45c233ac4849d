//! One finished run, as the automation reports it.

use std::fmt;

use serde_json::value::RawValue;

use crate::json::{self, Object, ObjectWriter};
use crate::{
    Credits, CreditsError, IdError, JobType, RiskFlags, RunId, ScenarioId, Sha256, Status,
    Timestamp, TimestampError, UnknownWord,
};

/// The largest whole number that JSON readers in other languages keep exact: 2⁵³ − 1.
const WHOLE_MAX: u64 = (1 << 53) - 1;

/// Keys that a run must not bring along because the verdict or the ledger writes them.
const WRITTEN_BY_US: &[&str] = &[
    "Severity",
    "severity",
    "Risk_Summary",
    "risk_summary",
    "Misconfig_Likelihood",
    "misconfig_likelihood",
    "Baseline_Expected_Credits",
    "baseline_expected_credits",
    "Baseline_Status",
    "Baseline_Last_Updated",
    "Variance_Multiplier",
    "variance_multiplier",
    "Severity_Reason",
    "Risk_Flags_Reported",
    "actions",
    "dispatch_blocked",
    "Policy_Sha256",
    "Scenario_Sha256",
    "Input_Sha256",
    "Run_Sha256",
    "Ledger_Origin",
    "Seq",
    "Prev_Hash",
    "Hash",
];

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

/// A run that was read, and what was left out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedRun {
    /// The run.
    pub run: Run,
    /// Keys that were ignored because the verdict or the ledger writes them.
    pub ignored: Vec<String>,
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

    /// Reads one run from a JSON object with `PascalCase` or `snake_case` keys.
    ///
    /// `Run_ID`, `Timestamp`, `Job_Type`, `Status`, `Credits_Total` and one of `Scenario_ID` and
    /// `Scenario_Name` must be there. Verdict and ledger keys, which older records carry, are left
    /// out and named in [`ParsedRun::ignored`]; other unknown keys are kept with the run.
    ///
    /// # Errors
    /// The first thing wrong, with its line and field.
    ///
    /// ```
    /// use credit_core::Run;
    ///
    /// let parsed = Run::parse(r#"{"run_id":"R1","timestamp":"2024-01-23T10:00:00Z",
    ///     "scenario_id":"S","job_type":"OTHER","status":"Success","credits_total":1.5,
    ///     "Severity":"SEV4"}"#)?;
    /// assert_eq!(parsed.run.credits.to_string(), "1.5");
    /// assert_eq!(parsed.ignored, ["Severity"]);
    ///
    /// let error = Run::parse(r#"{"Run_ID":"../x"}"#).unwrap_err();
    /// assert_eq!(error.field, "Run_ID");
    /// # Ok::<(), credit_core::RunError>(())
    /// ```
    pub fn parse(text: &str) -> Result<ParsedRun, RunError> {
        let object = Object::parse(text).map_err(RunError::json)?;
        let fields = Fields {
            text,
            object: &object,
        };
        let run_id = fields.required("Run_ID", fields.id("Run_ID", "run_id")?)?;
        let scenario_name = fields.text("Scenario_Name", "scenario_name")?;
        let scenario_id = match (fields.id("Scenario_ID", "scenario_id")?, &scenario_name) {
            (Some(id), _) => id,
            (None, Some(name)) if !name.is_empty() => ScenarioId::from_name(name),
            (None, _) => return Err(fields.missing("Scenario_ID")),
        };
        let run = Run {
            run_id,
            timestamp: fields.required("Timestamp", fields.time("Timestamp", "timestamp")?)?,
            scenario_name,
            scenario_id,
            job_type: fields.required("Job_Type", fields.word("Job_Type", "job_type")?)?,
            status: fields.required("Status", fields.word("Status", "status")?)?,
            credits: fields.required(
                "Credits_Total",
                fields.credits("Credits_Total", "credits_total")?,
            )?,
            credits_in: fields.credits("Credits_In", "credits_in")?,
            credits_out: fields.credits("Credits_Out", "credits_out")?,
            model: fields.text("Model", "model")?,
            input_tokens: fields.whole("Input_Tokens", "input_tokens")?,
            output_tokens: fields.whole("Output_Tokens", "output_tokens")?,
            artifacts_link: fields.text("Artifacts_Link", "artifacts_link")?,
            risk_flags: fields.flags("Risk_Flags", "risk_flags")?,
            retry_count: fields.whole("retry_count", "")?.unwrap_or(0),
            has_max_items_config: fields.boolean("has_max_items_config")?,
            has_idempotency_key: fields.boolean("has_idempotency_key")?,
            prompt_version: fields.text("prompt_version", "")?,
            deployment_timestamp: fields.time("deployment_timestamp", "")?,
            is_batch_job: fields.boolean("is_batch_job")?,
            is_backfill: fields.boolean("is_backfill")?,
            input_item_count: fields.whole("input_item_count", "")?,
            rerun_of: fields.id("rerun_of", "")?,
            extra: Vec::new(),
        };
        fields.rest(run)
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

/// Every key that [`Run::parse`] reads.
const KNOWN: &[&str] = &[
    "Run_ID",
    "run_id",
    "Timestamp",
    "timestamp",
    "Scenario_Name",
    "scenario_name",
    "Scenario_ID",
    "scenario_id",
    "Job_Type",
    "job_type",
    "Status",
    "status",
    "Credits_Total",
    "credits_total",
    "Credits_In",
    "credits_in",
    "Credits_Out",
    "credits_out",
    "Model",
    "model",
    "Input_Tokens",
    "input_tokens",
    "Output_Tokens",
    "output_tokens",
    "Artifacts_Link",
    "artifacts_link",
    "Risk_Flags",
    "risk_flags",
    "retry_count",
    "has_max_items_config",
    "has_idempotency_key",
    "prompt_version",
    "deployment_timestamp",
    "is_batch_job",
    "is_backfill",
    "input_item_count",
    "rerun_of",
];

/// The members of one input object, read one field at a time.
struct Fields<'a> {
    text: &'a str,
    object: &'a Object<'a>,
}

impl<'a> Fields<'a> {
    /// The value under `name` or its `alias`; JSON null is absence.
    fn get(&self, name: &str, alias: &str) -> Result<Option<&'a RawValue>, RunError> {
        let (value, aliased) = (self.object.get(name), self.object.get(alias));
        if let (Some(_), Some(second)) = (value, aliased) {
            return Err(self.error(
                name,
                second,
                Problem::Twice {
                    alias: alias.to_owned(),
                },
            ));
        }
        Ok(value.or(aliased).filter(|v| v.get() != "null"))
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, RunError> {
        value.ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> RunError {
        RunError {
            line: 1,
            field: name.to_owned(),
            problem: Problem::Missing,
        }
    }

    fn error(&self, name: &str, value: &RawValue, problem: Problem) -> RunError {
        RunError {
            line: json::line_of(self.text, value.get()),
            field: name.to_owned(),
            problem,
        }
    }

    /// The value of a field as `serde_json` reads it, with `parse` applied.
    fn read<T: serde::Deserialize<'a>, U>(
        &self,
        name: &str,
        alias: &str,
        wanted: &'static str,
        parse: impl FnOnce(T) -> Result<U, Problem>,
    ) -> Result<Option<U>, RunError> {
        let Some(value) = self.get(name, alias)? else {
            return Ok(None);
        };
        serde_json::from_str(value.get())
            .map_err(|_| Problem::Type {
                wanted,
                found: excerpt(value.get()),
            })
            .and_then(parse)
            .map(Some)
            .map_err(|problem| self.error(name, value, problem))
    }

    fn text(&self, name: &str, alias: &str) -> Result<Option<String>, RunError> {
        self.read(name, alias, "a string", Ok)
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, RunError> {
        self.read(name, "", "true or false", Ok)
    }

    fn id<T: std::str::FromStr<Err = IdError>>(
        &self,
        name: &str,
        alias: &str,
    ) -> Result<Option<T>, RunError> {
        self.read(name, alias, "a string", |id: Text<'_>| {
            id.0.parse().map_err(|e| Problem::Id {
                value: excerpt(&id.0),
                source: e,
            })
        })
    }

    fn time(&self, name: &str, alias: &str) -> Result<Option<Timestamp>, RunError> {
        self.read(name, alias, "a string", |time: Text<'_>| {
            time.0.parse().map_err(|e| Problem::Time {
                value: excerpt(&time.0),
                source: e,
            })
        })
    }

    fn word<T: std::str::FromStr<Err = UnknownWord>>(
        &self,
        name: &str,
        alias: &str,
    ) -> Result<Option<T>, RunError> {
        self.read(name, alias, "a string", |word: Text<'_>| {
            word.0.parse().map_err(Problem::Word)
        })
    }

    fn credits(&self, name: &str, alias: &str) -> Result<Option<Credits>, RunError> {
        let Some(value) = self.get(name, alias)? else {
            return Ok(None);
        };
        value.get().parse().map(Some).map_err(|source| {
            self.error(
                name,
                value,
                Problem::Credits {
                    value: excerpt(value.get()),
                    source,
                },
            )
        })
    }

    fn whole(&self, name: &str, alias: &str) -> Result<Option<u64>, RunError> {
        const WANTED: &str = "a whole number from 0 to 2^53 - 1";
        self.read(name, alias, WANTED, |n: u64| {
            let too_large = || Problem::Type { wanted: WANTED, found: n.to_string() };
            if n <= WHOLE_MAX { Ok(n) } else { Err(too_large()) }
        })
    }

    fn flags(&self, name: &str, alias: &str) -> Result<RiskFlags, RunError> {
        let flags = self.read(
            name,
            alias,
            "an array of strings",
            |flags: Vec<Text<'_>>| {
                flags
                    .iter()
                    .map(|flag| flag.0.parse().map_err(Problem::Word))
                    .collect()
            },
        )?;
        Ok(flags.unwrap_or_default())
    }

    /// Sorts what no field took into what is ignored and what is kept.
    fn rest(&self, mut run: Run) -> Result<ParsedRun, RunError> {
        let mut ignored = Vec::new();
        for (key, value) in self.object.iter() {
            if KNOWN.contains(&key) {
                continue;
            }
            if WRITTEN_BY_US.contains(&key) {
                ignored.push(key.to_owned());
                continue;
            }
            let kept = json::compact(value.get(), json::DEPTH_MAX - 1)
                .ok_or_else(|| self.error(key, value, Problem::TooDeep))?;
            run.extra.push((key.to_owned(), kept));
        }
        run.extra.sort_unstable();
        Ok(ParsedRun { run, ignored })
    }
}

/// A string that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// At most 80 characters of `value`, with control and invisible characters made visible.
fn excerpt(value: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let mut shown: String = value
        .chars()
        .take(SHOWN_MAX)
        .flat_map(|c| c.escape_debug().collect::<Vec<_>>())
        .collect();
    if value.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Why a text is not a run: where, which field, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {}{problem}", FieldPrefix(field))]
pub struct RunError {
    /// The line of the text, counted from 1.
    pub line: usize,
    /// The field, or nothing where the text as a whole is wrong.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl RunError {
    fn json(error: serde_json::Error) -> RunError {
        let reason = error.to_string();
        // serde_json ends its messages with the place, which `line` and `column` carry.
        let reason = reason
            .rsplit_once(" at line ")
            .map_or(reason.as_str(), |(r, _)| r)
            .to_owned();
        RunError {
            line: error.line().max(1),
            field: String::new(),
            problem: Problem::Json {
                reason,
                column: error.column(),
            },
        }
    }
}

struct FieldPrefix<'a>(&'a str);

impl fmt::Display for FieldPrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, "`{}`: ", excerpt(self.0))
        }
    }
}

/// What is wrong with a field or a text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not one well-formed JSON object.
    #[error("not a JSON object: {reason} (column {column})")]
    Json {
        /// The parser's words.
        reason: String,
        /// The column, counted from 1.
        column: usize,
    },
    /// A field that must be there is not.
    #[error("is missing; a run cannot be judged without it")]
    Missing,
    /// Both spellings of one field.
    #[error("is given a second time as `{alias}`; keep one")]
    Twice {
        /// The second spelling.
        alias: String,
    },
    /// A value of another JSON type.
    #[error("must be {wanted}, not {found}")]
    Type {
        /// What is expected.
        wanted: &'static str,
        /// The start of what was found.
        found: String,
    },
    /// Not an amount of credits.
    #[error("{value}: {source}")]
    Credits {
        /// The start of what was found.
        value: String,
        /// Why not.
        source: CreditsError,
    },
    /// Not a safe identifier.
    #[error("`{value}` {source}")]
    Id {
        /// The start of what was found.
        value: String,
        /// Why not.
        source: IdError,
    },
    /// Not an instant.
    #[error("`{value}` is {source}")]
    Time {
        /// The start of what was found.
        value: String,
        /// Why not.
        source: TimestampError,
    },
    /// Not an allowed word.
    #[error(transparent)]
    Word(UnknownWord),
    /// Nested too deeply.
    #[error("nests deeper than 32 levels")]
    TooDeep,
}
