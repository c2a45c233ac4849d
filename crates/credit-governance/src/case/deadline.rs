//! What is due on a case, and by when.

use credit_core::{CaseStatus, Deadlines, Timestamp};

use super::Case;

/// What people owe a case.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Duty {
    /// Somebody acknowledges it.
    Acknowledge,
    /// An approver says whether sensitive data was accessed.
    Assess,
}

/// A duty whose time is over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Overdue {
    /// What.
    pub duty: Duty,
    /// The first instant that was too late.
    pub due: Timestamp,
}

impl Case {
    /// The first instant that is too late for an acknowledgment; `None` if none is owed.
    pub fn acknowledge_by(&self, deadlines: &Deadlines) -> Option<Timestamp> {
        let owed = self.acknowledged.is_none() && self.status != CaseStatus::Resolved;
        let minutes = deadlines.ack_minutes(self.severity)?;
        owed.then(|| self.alerted_at.minutes_after(minutes))
    }

    /// The first instant that is too late for the assessment of the exposure; `None` if none is
    /// owed.
    pub fn assess_by(&self, deadlines: &Deadlines) -> Option<Timestamp> {
        let owed = self.valid_exposure().is_none() && self.status != CaseStatus::Resolved;
        let since = self.exposed_at.filter(|_| owed)?;
        Some(since.minutes_after(deadlines.sev0_assess_minutes))
    }

    /// The duties whose time is over at `now`.
    pub fn overdue(&self, deadlines: &Deadlines, now: Timestamp) -> Vec<Overdue> {
        let acknowledge = (Duty::Acknowledge, self.acknowledge_by(deadlines));
        let assess = (Duty::Assess, self.assess_by(deadlines));
        [acknowledge, assess]
            .into_iter()
            .filter_map(|(duty, due)| due.map(|due| Overdue { duty, due }))
            .filter(|overdue| now >= overdue.due)
            .collect()
    }

    /// Whether an unresolved case has been quiet for too long.
    pub fn is_stale(&self, deadlines: &Deadlines, now: Timestamp) -> bool {
        self.status != CaseStatus::Resolved
            && now >= self.updated_at.days_after(deadlines.stale_days)
    }

    /// Whether a resolved case belongs in the archive.
    pub fn is_archivable(&self, deadlines: &Deadlines, now: Timestamp) -> bool {
        self.resolved_at
            .is_some_and(|at| now >= at.days_after(deadlines.archive_days))
    }
}
