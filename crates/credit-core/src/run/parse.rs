//! Reading a run from JSON, and what can be wrong with it.

use std::fmt;

use serde_json::value::RawValue;

use super::Run;
use crate::json::{self, Excerpt, Object};
use crate::{
    Credits, CreditsError, IdError, RiskFlags, ScenarioId, Timestamp, TimestampError, UnknownWord,
};

/// A run that was read, and what was left out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedRun {
    /// The run.
    pub run: Run,
    /// Keys that were ignored because the verdict or the ledger writes them.
    pub ignored: Vec<String>,
}

impl Run {
    /// Reads one run from a JSON object; known keys are `Run_ID`, `run_id` or any other casing.
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
        let run_id = fields.required("Run_ID", fields.id("Run_ID")?)?;
        let scenario_name = fields.text("Scenario_Name")?;
        let scenario_id = match (fields.id("Scenario_ID")?, &scenario_name) {
            (Some(id), _) => id,
            (None, Some(name)) if !name.is_empty() => ScenarioId::from_name(name),
            (None, _) => return Err(fields.missing("Scenario_ID")),
        };
        let run = Run {
            run_id,
            timestamp: fields.required("Timestamp", fields.time("Timestamp")?)?,
            scenario_name,
            scenario_id,
            job_type: fields.required("Job_Type", fields.word("Job_Type")?)?,
            status: fields.required("Status", fields.word("Status")?)?,
            credits: fields.required("Credits_Total", fields.credits("Credits_Total")?)?,
            credits_in: fields.credits("Credits_In")?,
            credits_out: fields.credits("Credits_Out")?,
            model: fields.text("Model")?,
            input_tokens: fields.whole("Input_Tokens")?,
            output_tokens: fields.whole("Output_Tokens")?,
            artifacts_link: fields.text("Artifacts_Link")?,
            risk_flags: fields.flags("Risk_Flags")?,
            retry_count: fields.whole("retry_count")?.unwrap_or(0),
            has_max_items_config: fields.boolean("has_max_items_config")?,
            has_idempotency_key: fields.boolean("has_idempotency_key")?,
            prompt_version: fields.text("prompt_version")?,
            deployment_timestamp: fields.time("deployment_timestamp")?,
            is_batch_job: fields.boolean("is_batch_job")?,
            is_backfill: fields.boolean("is_backfill")?,
            input_item_count: fields.whole("input_item_count")?,
            rerun_of: fields.id("rerun_of")?,
            extra: Vec::new(),
        };
        fields.rest(run)
    }
}

/// The members of one input object, read one field at a time.
struct Fields<'a> {
    text: &'a str,
    object: &'a Object<'a>,
}

impl<'a> Fields<'a> {
    /// The value under `name`, however its letters are cased; JSON null is absence.
    fn get(&self, name: &str) -> Result<Option<&'a RawValue>, RunError> {
        let mut found = self
            .object
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let first = found.next();
        if let Some((key, value)) = found.next() {
            let alias = key.to_owned();
            return Err(self.error(name, value, Problem::Twice { alias }));
        }
        Ok(first.map(|(_, value)| value).filter(|v| v.get() != "null"))
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
        wanted: &'static str,
        parse: impl FnOnce(T) -> Result<U, Problem>,
    ) -> Result<Option<U>, RunError> {
        let Some(value) = self.get(name)? else {
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

    fn text(&self, name: &str) -> Result<Option<String>, RunError> {
        self.read(name, "a string", Ok)
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, RunError> {
        self.read(name, "true or false", Ok)
    }

    fn id<T: std::str::FromStr<Err = IdError>>(&self, name: &str) -> Result<Option<T>, RunError> {
        self.read(name, "a string", |id: Text<'_>| {
            id.0.parse().map_err(|e| Problem::Id {
                value: excerpt(&id.0),
                source: e,
            })
        })
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, RunError> {
        self.read(name, "a string", |time: Text<'_>| {
            time.0.parse().map_err(|e| Problem::Time {
                value: excerpt(&time.0),
                source: e,
            })
        })
    }

    fn word<T: std::str::FromStr<Err = UnknownWord>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, RunError> {
        self.read(name, "a string", |word: Text<'_>| {
            word.0.parse().map_err(Problem::Word)
        })
    }

    fn credits(&self, name: &str) -> Result<Option<Credits>, RunError> {
        let Some(value) = self.get(name)? else {
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

    fn whole(&self, name: &str) -> Result<Option<u64>, RunError> {
        const WANTED: &str = "a whole number from 0 to 2^53 - 1";
        self.read(name, WANTED, |n: u64| {
            let too_large = || Problem::Type {
                wanted: WANTED,
                found: n.to_string(),
            };
            if n <= WHOLE_MAX {
                Ok(n)
            } else {
                Err(too_large())
            }
        })
    }

    fn flags(&self, name: &str) -> Result<RiskFlags, RunError> {
        let flags = self.read(name, "an array of strings", |flags: Vec<Text<'_>>| {
            flags
                .iter()
                .map(|flag| flag.0.parse().map_err(Problem::Word))
                .collect()
        })?;
        Ok(flags.unwrap_or_default())
    }

    /// Sorts what no field took into what is ignored and what is kept.
    fn rest(&self, mut run: Run) -> Result<ParsedRun, RunError> {
        let mut ignored = Vec::new();
        for (key, value) in self.object.iter() {
            if KNOWN.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                continue;
            }
            if WRITTEN_BY_US.contains(&key) {
                ignored.push(key.to_owned());
                continue;
            }
            let kept = json::compact(value.get(), json::DEPTH_MAX - 1)
                .ok_or_else(|| self.error(key, value, Problem::TooDeep))?;
            if !json::surrogates_paired(&kept) {
                return Err(self.error(key, value, Problem::Surrogate));
            }
            run.extra.push((key.to_owned(), kept));
        }
        run.extra.sort_unstable();
        Ok(ParsedRun { run, ignored })
    }
}

/// A string that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

fn excerpt(value: &str) -> String {
    Excerpt(value).to_string()
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
    /// Half a surrogate pair, which readers of the ledger would refuse or replace.
    #[error("has a `\\u` escape that is half a surrogate pair and stands for no character")]
    Surrogate,
    /// Nested too deeply.
    #[error("nests deeper than 32 levels")]
    TooDeep,
}

/// The largest whole number that JSON readers in other languages keep exact: 2⁵³ − 1.
const WHOLE_MAX: u64 = (1 << 53) - 1;

/// Every key that [`Run::parse`] reads.
const KNOWN: &[&str] = &[
    "Run_ID",
    "Timestamp",
    "Scenario_Name",
    "Scenario_ID",
    "Job_Type",
    "Status",
    "Credits_Total",
    "Credits_In",
    "Credits_Out",
    "Model",
    "Input_Tokens",
    "Output_Tokens",
    "Artifacts_Link",
    "Risk_Flags",
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
    "Ledger_Import_Bytes",
    "Ledger_Import_Sha256",
    "Seq",
    "Prev_Hash",
    "Hash",
];
