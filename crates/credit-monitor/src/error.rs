//! What can go wrong, by what the caller does next.

use std::io;
use std::path::PathBuf;

use credit_core::{RunId, ScenarioId};
use credit_governance::{Denied, DocketError, EventError, RerunStanding};
use credit_ledger as ledger;

/// Why an operation on the monitor did not happen. Nothing was half done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of `config/` is missing, unreadable or wrong: mend it.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Reading or writing failed: see the cause.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A ledger could not be opened.
    #[error("{}", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: ledger::OpenError,
    },
    /// What lies in a ledger's place could not be imported.
    #[error("{}", path.display())]
    Import {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: ledger::ImportError,
    },
    /// A ledger could not be written to.
    #[error("{}", path.display())]
    Append {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: ledger::AppendError,
    },
    /// A ledger could not be read.
    #[error("{}", path.display())]
    Read {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: ledger::ReadError,
    },
    /// State is missing or contradicts itself, and going on would hide it: restore it.
    #[error("{}: {reason}", path.display())]
    Integrity {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Another process is deciding, moving artifacts or changing `config/`: try again when it is done.
    #[error("{} is held by another process; try again when it is done", path.display())]
    Locked {
        /// What it holds.
        path: PathBuf,
    },
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It cannot be decided as things are: the reason tells what is missing.
    #[error(transparent)]
    Refused(credit_governance::Refusal),
    /// A run may not be repeated, or not now.
    #[error("run `{run_id}` may not be repeated; the gate is {standing}")]
    RerunClosed {
        /// The run.
        run_id: RunId,
        /// Where its rerun stands.
        standing: RerunStanding,
    },
    /// Something must be done first.
    #[error("{reason}")]
    Precondition {
        /// What, and how.
        reason: String,
    },
    /// There is no such run.
    #[error("run `{run_id}` is not in the ledger")]
    UnknownRun {
        /// Its id.
        run_id: RunId,
    },
    /// There is no run of such a scenario.
    #[error("scenario `{scenario_id}` has no runs in the ledger; is the id spelled right?")]
    UnknownScenario {
        /// Its id.
        scenario_id: ScenarioId,
    },
}

impl Error {
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io {
            doing,
            path,
            source,
        }
    }

    pub(crate) fn event(path: PathBuf) -> impl FnOnce(EventError) -> Error {
        move |e| Error::Integrity {
            path,
            reason: e.to_string(),
        }
    }

    pub(crate) fn docket(path: PathBuf) -> impl FnOnce(DocketError) -> Error {
        move |e| Error::Integrity {
            path,
            reason: e.to_string(),
        }
    }

    pub(crate) fn book(path: PathBuf) -> impl FnOnce(crate::outbox::BookError) -> Error {
        move |e| Error::Integrity {
            path,
            reason: e.to_string(),
        }
    }

    /// Whether state on disk is damaged or has been tampered with.
    pub fn is_integrity(&self) -> bool {
        use ledger::{AppendError, ImportError, OpenError, ReadError, StorageError};
        match self {
            Error::Integrity { .. } => true,
            Error::Open { source, .. }
            | Error::Import {
                source: ImportError::Open(source),
                ..
            } => matches!(
                source,
                OpenError::Corrupt { .. } | OpenError::RolledBack { .. } | OpenError::Forked { .. }
            ),
            Error::Append { source, .. } => matches!(
                source,
                AppendError::Reopen { .. } | AppendError::Storage(StorageError::Replaced)
            ),
            Error::Read { source, .. } => matches!(source, ReadError::Broken { .. }),
            _ => false,
        }
    }

    /// Whether what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        use credit_governance::Refusal;
        match self {
            Error::UnknownRun { .. } | Error::UnknownScenario { .. } => true,
            Error::Refused(refusal) => matches!(
                refusal,
                Refusal::Impossible(DocketError::UnknownCase { .. })
            ),
            Error::Read { source, .. } => matches!(source, ledger::ReadError::Missing),
            _ => false,
        }
    }

    /// Whether another process holds a lock: the same call may succeed later.
    pub fn is_locked(&self) -> bool {
        use ledger::{AppendError, ImportError, OpenError};
        match self {
            Error::Locked { .. } => true,
            Error::Open { source, .. }
            | Error::Import {
                source: ImportError::Open(source),
                ..
            } => matches!(source, OpenError::Locked { .. }),
            Error::Append { source, .. } => matches!(source, AppendError::Locked { .. }),
            _ => false,
        }
    }
}

/// Who is refused for their role is denied; everything else is a matter of what is missing.
impl From<credit_governance::Refusal> for Error {
    fn from(refusal: credit_governance::Refusal) -> Error {
        match refusal {
            credit_governance::Refusal::Denied(denied) => Error::Denied(denied),
            other => Error::Refused(other),
        }
    }
}

/// Why one run of several was not kept; the others are not affected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Its id belongs to another run already.
    #[error(
        "`Run_ID`: `{run_id}` is already in the ledger with other content; a record is never \
         overwritten, give the run an id of its own"
    )]
    Conflict {
        /// The id.
        run_id: RunId,
    },
    /// It cannot be stored as one line.
    #[error("{0}")]
    Unstorable(#[from] ledger::RecordError),
    /// Its scenario's configuration cannot be read.
    #[error(transparent)]
    Scenario(std::sync::Arc<Error>),
}
