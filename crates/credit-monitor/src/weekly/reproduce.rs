//! A report made again from what it names.

use std::fs;
use std::path::Path;

use credit_baseline::Baselines;
use credit_core::{Period, ScenarioId, Sha256, Timestamp};
use credit_ledger::{Digest, Reader};
use credit_policy::Policy;
use credit_report::{HeadRef, LedgerState, Scope, WeeklyReport};
use serde::Deserialize;

use super::Sources;
use super::decided::Decisions;
use crate::objects::Objects;
use crate::{Archive, Error, Hashed};

/// What came of making a report again.
#[derive(Clone, Debug, PartialEq)]
pub struct Reproduced {
    /// The report as it is made now.
    pub report: WeeklyReport,
    /// The first line in which the file differs from it; `None` if the bytes are the same.
    pub difference: Option<Difference>,
}

/// A line that is not the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Its number, counted from 1.
    pub line: usize,
    /// What the file says there; empty beyond its end.
    pub file: String,
    /// What the report made again says there; empty beyond its end.
    pub again: String,
}

impl Archive {
    /// Makes the report of a file again, from both ledgers up to the heads it names and from the
    /// policy and the baselines that were kept under the hashes it names, and compares the bytes.
    /// However much was added since, the answer is the same; writes nothing.
    ///
    /// # Errors
    /// [`Error::Config`] if the file is no report of this version; [`Error::Integrity`] if a ledger
    /// does not hold the line that the report names any more, or an input was not kept;
    /// [`Error::Read`] if a ledger is damaged.
    pub fn reproduce_report(&self, file: &Path) -> Result<Reproduced, Error> {
        let bytes = fs::read(file).map_err(Error::io("reading", file))?;
        let text = String::from_utf8(bytes).map_err(|e| no_report(file, &e))?;
        let named = Named::parse(file, &text)?;
        let objects = Objects::new(self.tree());
        let policy = objects.read(named.policy_sha256)?;
        let baselines = objects.read(named.baselines_sha256)?;
        let policy = kept(self, policy, |text| Policy::parse(text).map_err(shown))?;
        let baselines = kept(self, baselines, |text| {
            let parsed = Baselines::parse(text).map_err(shown)?;
            Ok(parsed.0)
        })?;
        let head = self.still_there(named.ledger_head, &self.tree().ledger(), || {
            self.ledger().map(Some)
        })?;
        let events_head = self.still_there(named.events_head, &self.tree().events(), || {
            self.events_if_any()
        })?;
        let docket = match events_head {
            Some(head) => self.docket_up_to(Some(head.seq))?,
            None => Default::default(),
        };
        let report = self.report_from(Sources {
            period: Period {
                start: named.period_start,
                end: named.period_end,
            },
            scope: &named.scope(),
            policy: &policy,
            baselines: &baselines,
            state: named.state(),
            head,
            events_head,
            decisions: Decisions::Then(&docket),
            // What they say is what is asked about.
            partials: None,
        })?;
        let difference = difference(&text, &report.to_json());
        Ok(Reproduced { report, difference })
    }

    /// That the line a report stands on is where it was.
    fn still_there(
        &self,
        head: Option<NamedHead>,
        path: &Path,
        open: impl FnOnce() -> Result<Option<Reader>, Error>,
    ) -> Result<Option<HeadRef>, Error> {
        let Some(head) = head else {
            return Ok(None);
        };
        let read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let hash = Digest::from_bytes(*head.hash.as_bytes());
        let found = match open()? {
            Some(reader) => reader.contains(head.seq, hash).map_err(read)?,
            None => false,
        };
        if !found {
            return Err(Error::Integrity {
                path: path.to_owned(),
                reason: format!(
                    "has no line {} with the hash {}, which the report stands on: it was cut \
                     short or rewritten; compare it with a copy",
                    head.seq, head.hash
                ),
            });
        }
        Ok(Some(HeadRef {
            seq: head.seq,
            hash: head.hash,
        }))
    }
}

/// An input as it was kept, read as what it is.
fn kept<T>(
    archive: &Archive,
    (sha256, bytes): (Sha256, Vec<u8>),
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Hashed<T>, Error> {
    let parsed = std::str::from_utf8(&bytes).map_err(shown).and_then(parse);
    let value = parsed.map_err(|reason| Error::Integrity {
        path: archive.tree().object(sha256),
        reason,
    })?;
    Ok(Hashed {
        value,
        bytes,
        sha256,
    })
}

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn difference(file: &str, again: &str) -> Option<Difference> {
    if file == again {
        return None;
    }
    // With their ends, so that a missing newline is a difference, too.
    let lines =
        |text: &str| -> Vec<String> { text.split_inclusive('\n').map(ToOwned::to_owned).collect() };
    let (file, again) = (lines(file), lines(again));
    let same = file.iter().zip(&again).take_while(|(a, b)| a == b).count();
    let line = |lines: &[String]| lines.get(same).cloned().unwrap_or_default();
    Some(Difference {
        line: same + 1,
        file: line(&file),
        again: line(&again),
    })
}

/// What a report says about what it was made from.
#[derive(Debug, Deserialize)]
struct Named {
    period_start: Timestamp,
    period_end: Timestamp,
    scope: String,
    scenario_id: Option<ScenarioId>,
    ledger_head: Option<NamedHead>,
    events_head: Option<NamedHead>,
    policy_sha256: Sha256,
    baselines_sha256: Sha256,
    data_status: String,
}

#[derive(Debug, Deserialize)]
struct Version {
    schema_version: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct NamedHead {
    seq: u64,
    hash: Sha256,
}

impl Named {
    fn parse(file: &Path, text: &str) -> Result<Named, Error> {
        let no_report = |e: serde_json::Error| no_report(file, &e);
        let Version { schema_version } = serde_json::from_str(text).map_err(no_report)?;
        if schema_version != WeeklyReport::SCHEMA_VERSION {
            return Err(Error::Config {
                path: file.to_owned(),
                reason: format!(
                    "is a report of schema version {schema_version}; this program makes version \
                     {}, so take the program of its time",
                    WeeklyReport::SCHEMA_VERSION
                ),
            });
        }
        serde_json::from_str(text).map_err(no_report)
    }

    fn scope(&self) -> Scope {
        match (self.scope.as_str(), &self.scenario_id) {
            ("review", None) => Scope::Review,
            (_, scenario) => Scope::AdHoc {
                scenario: scenario.clone(),
            },
        }
    }

    /// Which of the two reasons for there being no line it was cannot be told from the ledger any
    /// more; whether lines could not be read, and whether there were runs, is found again.
    fn state(&self) -> LedgerState {
        match (self.ledger_head, self.data_status.as_str()) {
            (Some(_), _) => LedgerState::Read,
            (None, "ledger_missing") => LedgerState::Missing,
            (None, _) => LedgerState::Empty,
        }
    }
}

fn no_report(file: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Config {
        path: file.to_owned(),
        reason: format!("is no report: {error}"),
    }
}
