//! The baselines file, `config/credit-baselines.json`.

use std::collections::BTreeMap;
use std::fmt;

use credit_core::{ScenarioId, Timestamp, json};
use serde_json::value::RawValue;

use crate::Baseline;
use crate::entry::{Entry, Fields, Members};

/// The baselines in force, and the text of the file they came from.
///
/// People edit the file with `jq`, so what this crate does not know is kept: fields at the top and
/// in each entry, their order, and the spelling of every number that is not replaced.
///
/// ```
/// use credit_baseline::{Baseline, Baselines};
///
/// let (mut baselines, warnings) = Baselines::parse(
///     r#"{"version":"1.0.0","updated_at":"2024-01-01T00:00:00Z","baselines":[{"scenario_id":"EXPORT",
///         "median_credits":1250.50,"calculated_at":"2024-01-01T00:00:00Z","sample_size":28,
///         "last_updated":"2024-01-01T00:00:00Z","note":"kept"}]}"#,
/// )?;
/// assert!(warnings.is_empty());
///
/// let now = "2024-01-23T10:00:00Z".parse().unwrap();
/// let credits = "1425.75".parse().unwrap();
/// let export = baselines.get(&"EXPORT".parse().unwrap()).unwrap().clone();
/// baselines.set(Baseline { credits, last_updated: now, ..export }, now);
/// assert!(baselines.to_json().contains("\"median_credits\": 1425.75"));
/// assert!(baselines.to_json().contains("\"note\": \"kept\""));
/// # Ok::<(), credit_baseline::BaselinesError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Baselines {
    top: Members,
    entries: Vec<Entry>,
    /// The entry in force for each scenario.
    index: BTreeMap<ScenarioId, usize>,
}

impl Baselines {
    /// A file without baselines.
    ///
    /// ```
    /// # use credit_baseline::Baselines;
    /// let empty = Baselines::empty("2024-01-23T10:00:00Z".parse()?);
    /// assert_eq!(empty.iter().count(), 0);
    /// assert_eq!(Baselines::parse(&empty.to_json()).unwrap().0, empty);
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn empty(updated_at: Timestamp) -> Baselines {
        let mut top = Members::default();
        top.set(VERSION, format!("\"{VERSION_WRITTEN}\""));
        top.set(UPDATED_AT, format!("\"{updated_at}\""));
        top.set(BASELINES, "[]".to_owned());
        Baselines {
            top,
            entries: Vec::new(),
            index: BTreeMap::new(),
        }
    }

    /// Reads a baselines file.
    ///
    /// A scenario that is there more than once, which `jq '.baselines += […]'` produces, is no
    /// error: the entry with the newest `last_updated` is in force, the later one if they are
    /// equal, and a warning names both.
    ///
    /// # Errors
    /// The first thing wrong, with its line and path; never "no baselines".
    ///
    /// ```
    /// # use credit_baseline::Baselines;
    /// let error = Baselines::parse("{\n  \"version\": \"1.0.0\",\n  \"updated_at\": 5\n}").unwrap_err();
    /// assert_eq!(error.to_string(), "line 3: `updated_at`: must be a string, not 5");
    /// ```
    pub fn parse(text: &str) -> Result<(Baselines, Vec<BaselineWarning>), BaselinesError> {
        let fields = Fields::parse(text, text, String::new())?;
        let version_value = fields.required(VERSION)?;
        let version: String = fields.read(VERSION, version_value, "a string such as \"1.0.0\"")?;
        if version.split('.').next() != Some("1") {
            let reason = format!("{version:?} is not a version this program reads; 1.x.x is");
            return Err(fields.error(VERSION, version_value, reason));
        }
        fields.time(UPDATED_AT)?;
        let values: Vec<&RawValue> =
            fields.read(BASELINES, fields.required(BASELINES)?, "an array")?;
        let entries = values
            .iter()
            .enumerate()
            .map(|(position, value)| Entry::parse(text, value, position))
            .collect::<Result<Vec<_>, _>>()?;
        let mut top = fields.members()?;
        // Only its place counts; what stands there is written from the entries.
        top.set(BASELINES, "[]".to_owned());
        let baselines = Baselines {
            top,
            index: index(&entries),
            entries,
        };
        let lines: Vec<usize> = values
            .iter()
            .map(|value| json::line_of(text, value.get()))
            .collect();
        let warnings = baselines.passed_over(&lines);
        Ok((baselines, warnings))
    }

    /// Puts a baseline into force. The scenario then has one entry, in the place of the one that
    /// was in force and with its unknown fields.
    pub fn set(&mut self, baseline: Baseline, updated_at: Timestamp) {
        self.top.set(UPDATED_AT, format!("\"{updated_at}\""));
        let in_force = self.index.get(&baseline.scenario_id).copied();
        let scenario_id = baseline.scenario_id.clone();
        match in_force.and_then(|at| self.entries.get_mut(at)) {
            Some(entry) => entry.replace(baseline),
            None => self.entries.push(Entry::new(baseline)),
        }
        let mut position = 0;
        self.entries.retain(|entry| {
            position += 1;
            in_force.is_none_or(|at| at + 1 == position)
                || entry.baseline.scenario_id != scenario_id
        });
        self.index = index(&self.entries);
    }

    /// The baseline in force for a scenario.
    pub fn get(&self, scenario: &ScenarioId) -> Option<&Baseline> {
        let entry = self.entries.get(*self.index.get(scenario)?)?;
        Some(&entry.baseline)
    }

    /// The baselines in force, by scenario id.
    pub fn iter(&self) -> impl Iterator<Item = &Baseline> {
        self.index
            .values()
            .filter_map(|at| Some(&self.entries.get(*at)?.baseline))
    }

    /// The file's text: two spaces a level, a final newline.
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        self.top.write(&mut json, |out, key| {
            let is_ours = key == BASELINES;
            if is_ours {
                out.push('[');
                for (i, entry) in self.entries.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    entry.write(out);
                }
                out.push(']');
            }
            is_ours
        });
        json::pretty(&json)
    }

    /// The entries that are not in force, given the line each entry begins at.
    fn passed_over(&self, lines: &[usize]) -> Vec<BaselineWarning> {
        let line = |at: usize| lines.get(at).copied().unwrap_or(1);
        let duplicate = |(at, entry): (usize, &Entry)| {
            let used = *self.index.get(&entry.baseline.scenario_id)?;
            (used != at).then(|| BaselineWarning::Duplicate {
                scenario_id: entry.baseline.scenario_id.clone(),
                used_line: line(used),
                ignored_line: line(at),
            })
        };
        self.entries
            .iter()
            .enumerate()
            .filter_map(duplicate)
            .collect()
    }
}

/// The entry in force for each scenario.
fn index(entries: &[Entry]) -> BTreeMap<ScenarioId, usize> {
    let mut in_force: BTreeMap<ScenarioId, usize> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        in_force
            .entry(entry.baseline.scenario_id.clone())
            .and_modify(|best| {
                let newest = entries.get(*best).map(|e| e.baseline.last_updated);
                // A tie goes to the later entry; not `>=`, which also compares decimals.
                if newest.is_none_or(|n| entry.baseline.last_updated >= n) {
                    *best = at;
                }
            })
            .or_insert(at);
    }
    in_force
}

/// Something odd about a baselines file that can be read all the same.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BaselineWarning {
    /// A scenario has more than one entry.
    Duplicate {
        /// The scenario.
        scenario_id: ScenarioId,
        /// The line where the entry in force begins.
        used_line: usize,
        /// The line where the entry that was passed over begins.
        ignored_line: usize,
    },
}

impl fmt::Display for BaselineWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BaselineWarning::Duplicate {
                scenario_id,
                used_line,
                ignored_line,
            } => write!(
                f,
                "line {ignored_line}: a second baseline for `{scenario_id}` is ignored; \
                 the one at line {used_line} was updated last"
            ),
        }
    }
}

/// Why a text is not a baselines file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {}{reason}", PathPrefix(path))]
pub struct BaselinesError {
    /// The line, counted from 1.
    pub line: usize,
    /// Where in the document, such as `baselines[2].median_credits`; empty for all of it.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

struct PathPrefix<'a>(&'a str);

impl fmt::Display for PathPrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, "`{}`: ", self.0)
        }
    }
}

const VERSION: &str = "version";
const UPDATED_AT: &str = "updated_at";
const BASELINES: &str = "baselines";
const VERSION_WRITTEN: &str = "1.0.0";
