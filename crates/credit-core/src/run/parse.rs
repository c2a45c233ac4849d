//! Reading a run from JSON, and what can be wrong with it.

use std::fmt;
use std::str::FromStr;

use serde_json::value::RawValue;

use super::Run;
use crate::json::{self, Excerpt, Object};
use crate::{
    CreditsError, IdError, Multiplier, ScenarioId, Sha256, Sha256Error, Timestamp, TimestampError,
    UnknownWord,
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
    /// Every key that [`Run::parse`] reads, as records spell it.
    pub const KEYS: &'static [&'static str] = KNOWN;

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
            exact: false,
        };
        let mut ignored = Vec::new();
        let run = fields.run(|key| ignored.push(key.to_owned()))?;
        Ok(ParsedRun { run, ignored })
    }
}

/// The members of one object, read one field at a time.
pub(crate) struct Fields<'a> {
    pub(crate) text: &'a str,
    pub(crate) object: &'a Object<'a>,
    /// Whether keys are spelled as records spell them, and not in any casing.
    pub(crate) exact: bool,
}

impl<'a> Fields<'a> {
    /// The run, without what the verdict or the ledger writes; `ignore` is told of each such key.
    pub(crate) fn run(&self, ignore: impl FnMut(&str)) -> Result<Run, RunError> {
        let run_id = self.required("Run_ID", self.id("Run_ID")?)?;
        let scenario_name = self.text("Scenario_Name")?;
        let scenario_id = match (self.id("Scenario_ID")?, &scenario_name) {
            (Some(id), _) => id,
            (None, Some(name)) if !name.is_empty() => ScenarioId::from_name(name),
            (None, _) => return Err(self.missing("Scenario_ID")),
        };
        Ok(Run {
            run_id,
            timestamp: self.required("Timestamp", self.time("Timestamp")?)?,
            scenario_name,
            scenario_id,
            job_type: self.required("Job_Type", self.word("Job_Type")?)?,
            status: self.required("Status", self.word("Status")?)?,
            credits: self.required("Credits_Total", self.number("Credits_Total")?)?,
            credits_in: self.number("Credits_In")?,
            credits_out: self.number("Credits_Out")?,
            model: self.text("Model")?,
            input_tokens: self.whole("Input_Tokens")?,
            output_tokens: self.whole("Output_Tokens")?,
            artifacts_link: self.text("Artifacts_Link")?,
            risk_flags: self.words("Risk_Flags")?.unwrap_or_default(),
            retry_count: self.whole("retry_count")?.unwrap_or(0),
            has_max_items_config: self.boolean("has_max_items_config")?,
            has_idempotency_key: self.boolean("has_idempotency_key")?,
            prompt_version: self.text("prompt_version")?,
            deployment_timestamp: self.time("deployment_timestamp")?,
            is_batch_job: self.boolean("is_batch_job")?,
            is_backfill: self.boolean("is_backfill")?,
            input_item_count: self.whole("input_item_count")?,
            rerun_of: self.id("rerun_of")?,
            extra: self.extra(ignore)?,
        })
    }

    /// The value under `name`; JSON null is absence.
    fn get(&self, name: &str) -> Result<Option<&'a RawValue>, RunError> {
        if self.exact {
            return Ok(self.object.get(name).filter(|v| v.get() != "null"));
        }
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

    pub(crate) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, RunError> {
        value.ok_or_else(|| self.missing(name))
    }

    /// That `name` is not there, with all else that a run needs and this one lacks.
    pub(crate) fn missing(&self, name: &str) -> RunError {
        let lacks = |key: &&str| *key != name && matches!(self.get(key), Ok(None));
        RunError {
            line: 1,
            field: name.to_owned(),
            problem: Problem::Missing {
                also: REQUIRED.iter().copied().filter(lacks).collect(),
            },
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

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, RunError> {
        self.read(name, "a string", Ok)
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, RunError> {
        self.read(name, "true or false", Ok)
    }

    fn id<T: FromStr<Err = IdError>>(&self, name: &str) -> Result<Option<T>, RunError> {
        self.read(name, "a string", |id: Text<'_>| {
            id.0.parse().map_err(|e| Problem::Id {
                value: excerpt(&id.0),
                source: e,
            })
        })
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, RunError> {
        self.read(name, "a string", |time: Text<'_>| {
            time.0.parse().map_err(|e| Problem::Time {
                value: excerpt(&time.0),
                source: e,
            })
        })
    }

    pub(crate) fn hash(&self, name: &str) -> Result<Option<Sha256>, RunError> {
        self.read(name, "a string", |hash: Text<'_>| {
            hash.0.parse().map_err(|e| Problem::Hash {
                value: excerpt(&hash.0),
                source: e,
            })
        })
    }

    /// That a value cannot be true with what `other` says.
    pub(crate) fn contradiction(&self, name: &str, other: &'static str) -> RunError {
        let problem = Problem::Contradiction { other };
        match self.object.get(name) {
            Some(value) => self.error(name, value, problem),
            None => self.missing(name),
        }
    }

    pub(crate) fn word<T: FromStr<Err = UnknownWord>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, RunError> {
        self.read(name, "a string", |word: Text<'_>| {
            word.0.parse().map_err(Problem::Word)
        })
    }

    /// A number that is read from its own text.
    pub(crate) fn number<N: FromStr<Err = CreditsError>>(
        &self,
        name: &str,
    ) -> Result<Option<N>, RunError> {
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

    pub(crate) fn multiplier(&self, name: &str) -> Result<Option<Multiplier>, RunError> {
        let Some(value) = self.get(name)? else {
            return Ok(None);
        };
        value.get().parse().map(Some).map_err(|_| {
            let found = excerpt(value.get());
            let wanted = "a number of at most six decimals";
            self.error(name, value, Problem::Type { wanted, found })
        })
    }

    pub(crate) fn whole(&self, name: &str) -> Result<Option<u64>, RunError> {
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

    pub(crate) fn words<T, W>(&self, name: &str) -> Result<Option<T>, RunError>
    where
        T: FromIterator<W>,
        W: FromStr<Err = UnknownWord>,
    {
        self.read(name, "an array of strings", |words: Vec<Text<'_>>| {
            words
                .iter()
                .map(|word| word.0.parse().map_err(Problem::Word))
                .collect()
        })
    }

    /// What no field took, sorted; what we write ourselves is left out and told to `ignore`.
    fn extra(&self, mut ignore: impl FnMut(&str)) -> Result<Vec<(String, String)>, RunError> {
        let mut extra = Vec::new();
        for (key, value) in self.object.iter() {
            if KNOWN.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                continue;
            }
            if WRITTEN_BY_US.contains(&key) {
                ignore(key);
                continue;
            }
            let kept = json::compact(value.get(), json::DEPTH_MAX - 1)
                .ok_or_else(|| self.error(key, value, Problem::TooDeep))?;
            if !json::surrogates_paired(&kept) {
                return Err(self.error(key, value, Problem::Surrogate));
            }
            extra.push((key.to_owned(), kept));
        }
        extra.sort_unstable();
        Ok(extra)
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
#[error("line {line}: {}", self.reason())]
pub struct RunError {
    /// The line of the text, counted from 1.
    pub line: usize,
    /// The field, or nothing where the text as a whole is wrong.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl RunError {
    /// The field and what is wrong with it: the message without the line.
    ///
    /// ```
    /// use credit_core::Run;
    ///
    /// let error = Run::parse(r#"{"Run_ID":"R1","Timestamp":5,"Scenario_ID":"S"}"#).unwrap_err();
    /// assert_eq!(error.to_string(), "line 1: `Timestamp`: must be a string, not 5");
    /// assert_eq!(error.reason(), "`Timestamp`: must be a string, not 5");
    /// ```
    #[must_use]
    pub fn reason(&self) -> String {
        match self.field.as_str() {
            "" => self.problem.to_string(),
            field => format!("`{}`: {}", excerpt(field), self.problem),
        }
    }

    pub(crate) fn json(error: serde_json::Error) -> RunError {
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

struct Also<'a>(&'a [&'static str]);

impl fmt::Display for Also<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, key) in self.0.iter().enumerate() {
            let before = if i == 0 { ", also" } else { "," };
            write!(f, "{before} `{key}`")?;
        }
        Ok(())
    }
}

/// What is wrong with a field or a text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not one well-formed JSON object.
    #[error("not a JSON object: {reason} (column {column}); a run is one such as {{\"Run_ID\":…}}")]
    Json {
        /// The parser's words.
        reason: String,
        /// The column, counted from 1.
        column: usize,
    },
    /// A field that must be there is not.
    #[error("is missing{}; a run cannot be judged without it", Also(also))]
    Missing {
        /// The other fields that every run has and this one lacks.
        also: Vec<&'static str>,
    },
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
    /// What another key of the same record says cannot be true with it.
    #[error("contradicts `{other}`; the record was not written by one judgement")]
    Contradiction {
        /// The other key.
        other: &'static str,
    },
    /// Not a SHA-256.
    #[error("`{value}` is {source}")]
    Hash {
        /// The start of what was found.
        value: String,
        /// Why not.
        source: Sha256Error,
    },
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

/// Those that every run has; `Scenario_Name` does in the place of `Scenario_ID`.
const REQUIRED: &[&str] = &["Run_ID", "Timestamp", "Job_Type", "Status", "Credits_Total"];

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
    "Baseline_Lower",
    "Baseline_Upper",
    "Usual_Input_Tokens",
    "Usual_Credits_Per_Item",
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
