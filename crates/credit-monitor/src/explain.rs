//! Why a run was judged as it was: before it is kept, and from its record alone.

use std::path::PathBuf;

use credit_core::{RunError, RunRecord, Sha256, StoredRecord, StoredVerdict};
use credit_policy::explain::Explanation;
use credit_policy::{Context, Policy, PolicyError};

use crate::{Archive, Config, files};

/// Why the verdict of a stored record cannot be explained. What the record says stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unexplained {
    /// The record does not keep what judging again needs, such as one of other origin.
    #[error("the record does not keep all that its verdict came from")]
    Record(#[source] RunError),
    /// The policy that the record names is not kept.
    #[error(
        "{}: the policy that judged it cannot be read; a file with this SHA-256 put there is enough",
        path.display()
    )]
    NoPolicy {
        /// Where it would be.
        path: PathBuf,
        /// What reading it said.
        source: std::io::Error,
    },
    /// The policy that is kept is not the one that the record names.
    #[error("{}: is not the policy that judged it: its SHA-256 is {found}", path.display())]
    OtherPolicy {
        /// Its file.
        path: PathBuf,
        /// Its hash.
        found: Sha256,
    },
    /// The policy that is kept is none to this version.
    #[error("{}: this version does not read the policy that judged it", path.display())]
    Policy {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<PolicyError>,
    },
    /// Judged again, the verdict is another one.
    #[error(
        "judged again from the record, it is another verdict (now {}, {}; in the record {}, {}): \
         the record was not made by this version's rules, or not by these at all",
        again.severity, again.reason, stored.severity, stored.reason
    )]
    Differs {
        /// What the record says.
        stored: Box<StoredVerdict>,
        /// What judging again says.
        again: Box<StoredVerdict>,
    },
}

impl Config {
    /// Why a record that this configuration judged got its verdict.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Status};
    /// use credit_monitor::{Config, Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// Monitor::init(&tree, Vec::new(), now)?;
    ///
    /// let config = Config::load(&tree)?;
    /// let run = Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
    ///     Credits::whole(10).unwrap());
    /// let record = config.judge(run)?;
    /// let why = config.explain(&record);
    /// assert_eq!(why.assessment, record.assessment);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self, record: &RunRecord) -> Explanation {
        let policy = &self.policy().value;
        policy.explain(&record.run, &Context::from(record))
    }
}

impl Archive {
    /// Why the run of a stored record or ledger line got its verdict, from what the record keeps
    /// and the policy that it names: what is configured since does not matter.
    ///
    /// # Errors
    /// [`Unexplained`] where the verdict cannot be repeated, with the reason.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Status};
    /// use credit_monitor::{Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// Monitor::init(&tree, Vec::new(), now)?;
    /// let monitor = Monitor::open(&tree, now)?;
    /// let run = Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
    ///     Credits::whole(10).unwrap());
    /// let kept = monitor.observe(run, now)?.verdict;
    ///
    /// let line = monitor.archive().run(&kept.run_id)?.unwrap();
    /// let why = monitor.archive().explain(std::str::from_utf8(line.raw())?)?;
    /// assert_eq!(why.assessment.severity, kept.severity);
    /// assert_eq!(why.changes.baseline.milder.unwrap().to.to_string(), "2.000001");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self, record: &str) -> Result<Explanation, Unexplained> {
        let record = StoredRecord::parse(record).map_err(Unexplained::Record)?;
        let policy = self.kept_policy(record.inputs.policy_sha256)?;
        let why = policy.explain(&record.run, &Context::of(&record));
        let again = StoredVerdict::from(&why.assessment);
        if again != record.verdict {
            return Err(Unexplained::Differs {
                stored: Box::new(record.verdict),
                again: Box::new(again),
            });
        }
        Ok(why)
    }

    /// The policy that is kept under its hash.
    pub(crate) fn kept_policy(&self, sha256: Sha256) -> Result<Policy, Unexplained> {
        let path = self.tree().object(sha256);
        let text = match files::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(Unexplained::NoPolicy { path, source }),
        };
        let found = Sha256::of(text.as_bytes());
        if found != sha256 {
            return Err(Unexplained::OtherPolicy { path, found });
        }
        Policy::parse(&text).map_err(|error| Unexplained::Policy {
            path,
            source: Box::new(error),
        })
    }
}
