//! Who sends it, as traits, and a double that only remembers.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use crate::{Alert, RunRow};

/// A way to Slack.
///
/// **Contract:** when [`Slack::post`] returns `Ok`, Slack has accepted the message. It is called
/// only after the run is durable, and its failure changes nothing about the run. It must give up
/// within a bounded time; the caller may call it again after [`SendError::Transient`].
pub trait Slack: Debug + Send + Sync {
    /// Posts an alert to the channel of its severity.
    ///
    /// # Errors
    /// [`SendError`], by what the caller does next.
    fn post(&self, alert: &Alert) -> Result<(), SendError>;
}

/// A way to Notion.
///
/// **Contract:** when [`Notion::add_run`] returns `Ok`, the row exists once; adding a run whose
/// row exists already changes nothing. Otherwise as [`Slack`].
pub trait Notion: Debug + Send + Sync {
    /// Adds a row to the runs database.
    ///
    /// # Errors
    /// [`SendError`], by what the caller does next.
    fn add_run(&self, row: &RunRow) -> Result<(), SendError>;
}

/// Why something was not sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Try again later.
    #[error("not sent for now: {reason}")]
    Transient {
        /// What the other side said.
        reason: String,
    },
    /// Trying again is useless until somebody changes the set-up or the message.
    #[error("refused: {reason}")]
    Permanent {
        /// What the other side said.
        reason: String,
    },
}

/// A double that sends nothing and keeps everything, for tests.
#[derive(Debug, Default)]
pub struct Outbound {
    alerts: Mutex<Vec<Alert>>,
    rows: Mutex<Vec<RunRow>>,
}

impl Outbound {
    /// The alerts posted so far.
    pub fn alerts(&self) -> Vec<Alert> {
        self.alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The rows added so far.
    pub fn rows(&self) -> Vec<RunRow> {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Slack for Outbound {
    fn post(&self, alert: &Alert) -> Result<(), SendError> {
        self.alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(alert.clone());
        Ok(())
    }
}

impl Notion for Outbound {
    fn add_run(&self, row: &RunRow) -> Result<(), SendError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if !rows.iter().any(|r| r.run_id == row.run_id) {
            rows.push(row.clone());
        }
        Ok(())
    }
}
