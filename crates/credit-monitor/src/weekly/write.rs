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
        let name = |revision| match revision {
            1 => format!("{}.json", report.file_stem()),
            n => format!("{}.r{n}.json", report.file_stem()),
        };
        self.write_revision(name, report.to_json().as_bytes())
    }

    /// Writes the page of a written report beside it, with a sidecar of its own.
    ///
    /// A page is drawn by the program of its time. One that another version drew is never
    /// overwritten: the new one gets `.page2`, `.page3`, … in its name.
    ///
    /// # Errors
    /// As [`Archive::write_report`].
    pub fn write_page(
        &self,
        report: &WeeklyReport,
        written: &WrittenReport,
    ) -> Result<WrittenReport, Error> {
        let stem = written.path.file_stem().unwrap_or_default();
        let stem = stem.to_string_lossy();
        let name = |revision| match revision {
            1 => format!("{stem}.html"),
            n => format!("{stem}.page{n}.html"),
        };
        self.write_revision(name, report.to_html().as_bytes())
    }

    /// Writes the first of the names that is free, or holds the same already.
    fn write_revision(
        &self,
        name: impl Fn(u32) -> String,
        bytes: &[u8],
    ) -> Result<WrittenReport, Error> {
        let path = self.tree().reviews();
        let dir = HashedDir::open_or_create(&path).map_err(Error::io("opening", &path))?;
        for revision in 1..=REVISIONS_MAX {
            let name = name(revision);
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
                "{} holds {REVISIONS_MAX} others of {}",
                path.display(),
                name(1)
            ),
        })
    }
}
