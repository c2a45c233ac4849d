//! The weekly report: made from the ledger, written once.

use std::path::PathBuf;

use credit_core::{Day, Period, RunFacts, Sha256, Timestamp};
use credit_ledger::hashed_file::{HashedDir, HashedFileError, Written};
use credit_ledger::{Head, ReadError, Window};
use credit_report::{BaselineChange, Context, HeadRef, LedgerState, WeeklyReport, weekly};

use crate::archive::text;
use crate::objects::Objects;
use crate::parallel::parallel;
use crate::{Archive, Config, Error};

/// So many reports of one day, each with other content, are taken for a mistake.
const REVISIONS_MAX: u32 = 1000;

/// A report on disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrittenReport {
    /// Its file.
    pub path: PathBuf,
    /// Whether the same report was there already, so that nothing was written.
    pub identical: bool,
}

impl Archive {
    /// The report of the `days` days before the start of `until`; writes nothing.
    ///
    /// It is a function of both ledgers up to the heads it names and of the configuration: making
    /// it again from them gives the same bytes, whatever was told to whom meanwhile.
    ///
    /// # Errors
    /// [`Error::Read`] if a ledger is damaged; that there is none is said in the report.
    pub fn weekly_report(
        &self,
        config: &Config,
        until: Day,
        days: u32,
    ) -> Result<WeeklyReport, Error> {
        let period = Period::days_until(days, until.start());
        let head = self.head()?;
        let events_head = self.decisions_head()?;
        let changes = self.changes_up_to(events_head)?;
        let mut lines = Lines::default();
        let mut state = match self.runs() {
            Err(ReadError::Missing) => LedgerState::Missing,
            Err(e) => return Err(self.ledger_error(e)),
            Ok(_) => LedgerState::Empty,
        };
        if let Some(head) = head {
            lines = self.lines_in(
                Period {
                    start: period.before().start,
                    ..period
                },
                head,
            )?;
            state = LedgerState::Read;
        }
        let parsed = parallel(lines.iter().collect(), RunFacts::parse);
        let all = parsed.len();
        let runs: Vec<RunFacts<'_>> = parsed.into_iter().flatten().collect();
        if runs.len() < all || lines.unreadable > 0 {
            state = LedgerState::Unreadable;
        }
        Ok(weekly(
            &runs,
            &Context {
                period,
                ledger: state,
                ledger_head: head.map(head_ref),
                events_head: events_head.map(head_ref),
                policy_sha256: config.policy().sha256,
                baselines_sha256: config.baselines().sha256,
                baselines: &config.baselines().value,
                candidate_gate: *config.policy().value.candidate_gate(),
                baseline_changes: &changes,
                cases: &[],
            },
        ))
    }

    /// Writes a report and its sidecar as `runs/CREDIT_REVIEWS/weekly_<date>.json`, durably, and
    /// keeps the policy and baselines it was made with.
    ///
    /// A report of that day that is there already is never overwritten: the same one is left as it
    /// is, another one gets `.r2`, `.r3`, … in its name.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Integrity`] for a report beside a sidecar that is not its own.
    pub fn write_report(
        &self,
        report: &WeeklyReport,
        config: &Config,
    ) -> Result<WrittenReport, Error> {
        let objects = Objects::new(self.tree());
        objects.keep(config.policy().sha256, &config.policy().bytes)?;
        objects.keep(config.baselines().sha256, &config.baselines().bytes)?;

        let path = self.tree().reviews();
        let dir = HashedDir::open_or_create(&path).map_err(Error::io("opening", &path))?;
        let json = report.to_json();
        let day = report.period.end.day();
        for revision in 1..=REVISIONS_MAX {
            let name = match revision {
                1 => format!("weekly_{day}.json"),
                n => format!("weekly_{day}.r{n}.json"),
            };
            match dir.write_once_durable(&name, json.as_bytes(), None) {
                Ok(written) => {
                    let identical = written == Written::Identical;
                    return Ok(WrittenReport {
                        path: path.join(name),
                        identical,
                    });
                }
                Err(HashedFileError::Differs { .. }) => {}
                Err(HashedFileError::Io { path, source }) => {
                    return Err(Error::Io {
                        doing: "writing",
                        path,
                        source,
                    });
                }
                Err(e) => {
                    return Err(Error::Integrity {
                        path: path.join(name),
                        reason: e.to_string(),
                    });
                }
            }
        }
        Err(Error::Precondition {
            reason: format!("{} holds {REVISIONS_MAX} reports of {day}", path.display()),
        })
    }

    /// The lines of a period up to a head, each checked against the chain.
    fn lines_in(&self, period: Period, head: Head) -> Result<Lines, Error> {
        let reader = self.ledger()?;
        let path = self.tree().ledger();
        let mut lines = Lines::default();
        let (from, to) = (period.start.to_string(), period.end.to_string());
        let window = Window {
            from: Some(&from),
            to: Some(&to),
            ..Window::default()
        };
        let mut scan = reader.window(&window).map_err(|e| self.ledger_error(e))?;
        while let Some(line) = scan.next_line().map_err(|e| self.ledger_error(e))? {
            if line.seq() > head.seq {
                break;
            }
            let text = text(line.raw(), &path)?;
            match timestamp_of(text) {
                Some(at) if period.contains(at) => lines.push(text),
                Some(_) => {}
                None => lines.unreadable += 1,
            }
        }
        Ok(lines)
    }

    /// The baseline changes that the events tell of up to a head.
    fn changes_up_to(&self, head: Option<Head>) -> Result<Vec<BaselineChange>, Error> {
        let Some(head) = head else {
            return Ok(Vec::new());
        };
        let docket = self.docket_up_to(Some(head.seq))?;
        let changes = docket
            .baseline_changes()
            .iter()
            .map(|change| BaselineChange {
                scenario_id: change.scenario_id.clone(),
                old: change.old,
                new: change.new,
                approved_by: change.approved_by.clone(),
                approved_at: change.approved_at,
            });
        Ok(changes.collect())
    }
}

/// Lines in one piece of memory.
#[derive(Debug, Default)]
struct Lines {
    text: String,
    ends: Vec<usize>,
    /// Lines whose time could not be read.
    unreadable: u64,
}

impl Lines {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.ends.push(self.text.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(start, end)| self.text.get(start..*end))
    }
}

/// The time of a run's line without reading the rest of it: the second member of every record.
pub(crate) fn timestamp_of(line: &str) -> Option<Timestamp> {
    let (_, rest) = line.split_once("\"Timestamp\":\"")?;
    let (time, _) = rest.split_once('"')?;
    time.parse().ok()
}

fn head_ref(head: Head) -> HeadRef {
    HeadRef {
        seq: head.seq,
        hash: Sha256::from_bytes(*head.hash.as_bytes()),
    }
}
