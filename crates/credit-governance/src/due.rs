//! What is due by itself: calls for people who did not come, cases that belong in the archive.

use credit_core::{CaseStatus, Exposure, Timestamp};

use crate::{Case, CaseArchived, CaseEscalated, Docket, Duty, Escalation, Rules, Text, What};

impl Docket {
    /// What is to be recorded at `now` though nobody asks for it, in a fixed order: a call for each
    /// case that nobody acknowledged or assessed in time or in which data was exposed, once for
    /// each alert, and the archiving of what was resolved long ago.
    ///
    /// ```
    /// use credit_governance::{Docket, Rules};
    ///
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// assert!(Docket::default().due(now, &Rules::STANDARD).is_empty());
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn due(&self, now: Timestamp, rules: &Rules) -> Vec<What> {
        let mut due = Vec::new();
        for case in self.cases() {
            if case.status == CaseStatus::Resolved {
                if case.is_archivable(&rules.deadlines, now) {
                    let case = case.id.clone();
                    due.push(What::CaseArchived(CaseArchived { case }));
                }
                continue;
            }
            due.extend(calls(case, now, rules));
        }
        due
    }
}

fn calls(case: &Case, now: Timestamp, rules: &Rules) -> impl Iterator<Item = What> {
    let overdue = case
        .overdue(&rules.deadlines, now)
        .into_iter()
        .map(|overdue| {
            let (escalation, since, owed) = match overdue.duty {
                Duty::Acknowledge => (Escalation::AckOverdue, case.alerted_at, "acknowledged it"),
                Duty::Assess => (
                    Escalation::AssessmentOverdue,
                    case.exposed_at.unwrap_or(case.alerted_at),
                    "assessed the exposure",
                ),
            };
            (
                escalation,
                since,
                format!("nobody {owed} before {}", overdue.due),
            )
        });
    let exposed = case
        .valid_exposure()
        .filter(|found| found.exposure == Exposure::Confirmed)
        .map(|found| {
            let reason = format!("{} confirmed the exposure: {}", found.found.by, found.notes);
            (Escalation::ConfirmedExposure, found.found.at, reason)
        });
    overdue
        .chain(exposed)
        .filter(|(escalation, since, _)| !case.was_called(*escalation, *since))
        .map(|(escalation, _, reason)| {
            What::CaseEscalated(CaseEscalated {
                case: case.id.clone(),
                escalation,
                reason: Text::of(&reason),
            })
        })
}
