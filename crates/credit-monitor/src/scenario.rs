//! A scenario's configuration: what it adds to runs that did not say.

use std::path::Path;

use credit_core::json::{self, Object};
use credit_core::{Run, Sha256};

use crate::Error;

/// The file `config/scenarios/<scenario_id>.json`, as far as judging and showing a run is
/// concerned.
///
/// Operators edit it with jq; keys that are not listed here are theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioConfig {
    /// The SHA-256 of the file.
    pub sha256: Sha256,
    /// `max_items`: the limit on the items one run works through.
    pub max_items: Option<u64>,
    /// `has_idempotency_key`.
    pub has_idempotency_key: Option<bool>,
    /// `is_backfill`: runs of the scenario are a backfill for now.
    pub is_backfill: Option<bool>,
    /// `is_batch_job`.
    pub is_batch_job: Option<bool>,
    /// `owner`: who is responsible for the scenario, shown in Notion; it changes no verdict.
    pub owner: Option<String>,
}

impl ScenarioConfig {
    /// Reads the file's bytes; `path` names it in errors.
    ///
    /// # Errors
    /// [`Error::Config`] for anything but an object whose known keys have the right types.
    ///
    /// ```
    /// use credit_monitor::ScenarioConfig;
    ///
    /// let config = ScenarioConfig::parse("S.json".as_ref(), br#"{"max_items":1000,"owner":"exports"}"#)?;
    /// assert_eq!(config.max_items, Some(1000));
    /// assert_eq!(config.owner.as_deref(), Some("exports"));
    /// # Ok::<(), credit_monitor::Error>(())
    /// ```
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<ScenarioConfig, Error> {
        let wrong = |reason: String| Error::Config {
            path: path.to_owned(),
            reason,
        };
        let text = std::str::from_utf8(bytes).map_err(|e| wrong(format!("not UTF-8: {e}")))?;
        let object = Object::parse(text).map_err(|e| wrong(e.to_string()))?;
        let boolean = |key| read::<bool>(text, &object, key, "true or false").map_err(wrong);
        Ok(ScenarioConfig {
            sha256: Sha256::of(bytes),
            max_items: read(text, &object, "max_items", "a whole number").map_err(wrong)?,
            has_idempotency_key: boolean("has_idempotency_key")?,
            is_backfill: boolean("is_backfill")?,
            is_batch_job: boolean("is_batch_job")?,
            owner: read(text, &object, "owner", "a text").map_err(wrong)?,
        })
    }

    /// The same where the file says that its runs are a backfill.
    pub(crate) fn with_backfill(&self) -> Option<&ScenarioConfig> {
        (self.is_backfill == Some(true)).then_some(self)
    }

    /// As it counts after the scenario's last backfill is over: the flag was forgotten in the file,
    /// so it counts no more.
    pub(crate) fn after_backfill(&self) -> ScenarioConfig {
        ScenarioConfig {
            is_backfill: None,
            ..self.clone()
        }
    }

    /// Fills in what the run did not say. What it did say stays.
    pub fn fill_in(&self, run: &mut Run) {
        // The file naming no limit does not mean that the job has none.
        let limited = self.max_items.map(|_| true);
        run.has_max_items_config = run.has_max_items_config.or(limited);
        run.has_idempotency_key = run.has_idempotency_key.or(self.has_idempotency_key);
        run.is_backfill = run.is_backfill.or(self.is_backfill);
        run.is_batch_job = run.is_batch_job.or(self.is_batch_job);
    }
}

fn read<'a, T: serde::Deserialize<'a>>(
    text: &str,
    object: &Object<'a>,
    key: &str,
    wanted: &str,
) -> Result<Option<T>, String> {
    let Some(value) = object.get(key).filter(|v| v.get() != "null") else {
        return Ok(None);
    };
    serde_json::from_str(value.get()).map(Some).map_err(|_| {
        let (line, found) = (json::line_of(text, value.get()), value.get());
        format!("line {line}: `{key}`: must be {wanted}, not {found}")
    })
}
