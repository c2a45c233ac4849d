//! Reports as files that are written once.

use std::path::PathBuf;

use credit_ledger::hashed_file::{HashedDir, HashedFileError, Written};
use credit_report::WeeklyReport;

use crate::objects::Objects;
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
    /// Writes a report and its sidecar as `runs/CREDIT_REVIEWS/weekly_<date>.json`, durably, and
    /// keeps the policy and baselines it was made with. A question of the moment is
    /// `report_<date>_<days>d.json`, with its scenario in the name.
    ///
    /// A report of that name that is there already is never overwritten: the same one is left as
    /// it is, another one gets `.r2`, `.r3`, … in its name.
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
        self.write_revision(&report.file_stem(), "json", report.to_json().as_bytes())
    }

    /// Writes `<stem>.<ending>`, or the first `<stem>.r<n>.<ending>` that is free or the same.
    fn write_revision(
        &self,
        stem: &str,
        ending: &str,
        bytes: &[u8],
    ) -> Result<WrittenReport, Error> {
        let path = self.tree().reviews();
        let dir = HashedDir::open_or_create(&path).map_err(Error::io("opening", &path))?;
        for revision in 1..=REVISIONS_MAX {
            let name = match revision {
                1 => format!("{stem}.{ending}"),
                n => format!("{stem}.r{n}.{ending}"),
            };
            match dir.write_once_durable(&name, bytes, None) {
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
            reason: format!(
                "{} holds {REVISIONS_MAX} files of {stem}.{ending}",
                path.display()
            ),
        })
    }
}
