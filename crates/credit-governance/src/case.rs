//! A case as the events tell it.

mod deadline;
mod resolution;

use credit_core::{
    CaseCategory, CaseId, CaseStatus, Exposure, ExposureBand, Likelihood, RiskFlags, RootCause,
    ScenarioId, Severity, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    CaseOpened, Cause, Escalation, Event, LinkedRun, Relation, Role, Text, ThreadUrl, Topic,
};

pub use deadline::{Duty, Overdue};
pub use resolution::Missing;

/// Who did something, with which role, and when.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Who.
    pub by: String,
    /// With which role; the service has none.
    pub role: Option<Role>,
    /// When.
    pub at: Timestamp,
}

impl Stamp {
    pub(crate) fn of(event: &Event) -> Stamp {
        Stamp {
            by: event.by.clone(),
            role: event.role,
            at: event.at,
        }
    }
}

/// A root cause that was proposed, and who confirmed it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RootCauseFinding {
    /// The root cause.
    pub root_cause: RootCause,
    /// Why it is this one.
    pub explanation: Text,
    /// Who found it.
    pub found: Stamp,
    /// Who confirmed it, if somebody did.
    pub confirmed: Option<Stamp>,
}

/// Whether sensitive data was accessed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExposureFinding {
    /// What was found.
    pub exposure: Exposure,
    /// The critical flags that were looked into.
    pub flags: RiskFlags,
    /// How it was found.
    pub notes: Text,
    /// Who found it.
    pub found: Stamp,
}

/// Something that was written about a case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What it is evidence of.
    pub topic: Topic,
    /// What it says.
    pub text: Text,
    /// Who wrote it.
    pub written: Stamp,
}

/// A call for more people.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Why.
    pub escalation: Escalation,
    /// When.
    pub at: Timestamp,
}

/// A status and since when.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The status.
    pub status: CaseStatus,
    /// Who brought it about.
    pub since: Stamp,
}

/// A case as the events tell it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// Its name.
    pub id: CaseId,
    /// What it is called.
    pub title: Text,
    /// The scenario of its runs.
    pub scenario_id: ScenarioId,
    /// What makes further runs belong to it.
    pub cause: Cause,
    /// What it is about.
    pub category: CaseCategory,
    /// Who is hurt if the worst is true.
    pub exposure_band: ExposureBand,
    /// The severity of its gravest run.
    pub severity: Severity,
    /// The flags of all its runs.
    pub risk_flags: RiskFlags,
    /// The likelihood of the run that is most likely a misconfiguration.
    pub likelihood: Likelihood,
    /// Where it stands.
    pub status: CaseStatus,
    /// Its runs, the primary one first.
    pub runs: Vec<LinkedRun>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When something about it was last recorded.
    pub updated_at: Timestamp,
    /// When the clock for its acknowledgment started: when it was opened, or when a graver run
    /// joined.
    pub alerted_at: Timestamp,
    /// When the clock for its exposure assessment started; `None` unless it is SEV0.
    pub exposed_at: Option<Timestamp>,
    /// Who takes care of it; void when a graver run joins.
    pub acknowledged: Option<Stamp>,
    /// Whether sensitive data was accessed.
    pub exposure: Option<ExposureFinding>,
    /// Why it happened.
    pub root_cause: Option<RootCauseFinding>,
    /// What was done against it.
    pub mitigations: Vec<Note>,
    /// What was written about it.
    pub notes: Vec<Note>,
    /// Where people talk about it.
    pub thread_url: Option<ThreadUrl>,
    /// When more people were called.
    pub calls: Vec<Call>,
    /// When it was resolved, if it is.
    pub resolved_at: Option<Timestamp>,
    /// Every status it had.
    pub history: Vec<Step>,
}

impl Case {
    /// A case as it is opened; `None` without a run.
    pub(crate) fn open(opened: &CaseOpened, event: &Event) -> Option<Case> {
        let primary = opened.runs.first()?;
        let mut case = Case {
            id: opened.case.clone(),
            title: opened.title.clone(),
            scenario_id: opened.scenario_id.clone(),
            cause: opened.cause,
            category: opened.category,
            exposure_band: opened.exposure_band,
            severity: primary.severity,
            risk_flags: RiskFlags::NONE,
            likelihood: primary.likelihood,
            status: CaseStatus::Open,
            runs: Vec::with_capacity(opened.runs.len()),
            opened_at: event.at,
            updated_at: event.at,
            alerted_at: event.at,
            exposed_at: None,
            acknowledged: None,
            exposure: None,
            root_cause: None,
            mitigations: Vec::new(),
            notes: Vec::new(),
            thread_url: None,
            calls: Vec::new(),
            resolved_at: None,
            history: vec![Step {
                status: CaseStatus::Open,
                since: Stamp::of(event),
            }],
        };
        for run in &opened.runs {
            case.link(run, event.at);
        }
        case.exposure_band = opened.exposure_band;
        Some(case)
    }

    /// Takes a run in. A graver one than any before voids the acknowledgment and starts the clock
    /// again, and so does a critical flag that nobody has looked into.
    pub(crate) fn link(&mut self, run: &LinkedRun, at: Timestamp) {
        if run.severity < self.severity {
            self.severity = run.severity;
            self.acknowledged = None;
            self.alerted_at = at;
        }
        let known = self.risk_flags;
        self.risk_flags = known.union(run.risk_flags);
        self.likelihood = self.likelihood.max(run.likelihood);
        self.exposure_band = ExposureBand::of(self.severity, self.risk_flags);
        let new_critical = run
            .risk_flags
            .iter()
            .any(|flag| RiskFlags::CRITICAL.contains(flag) && !known.contains(flag));
        if self.severity == Severity::Sev0 && (self.exposed_at.is_none() || new_critical) {
            self.exposed_at = Some(at);
        }
        self.runs.push(run.clone());
    }

    pub(crate) fn move_to(&mut self, status: CaseStatus, event: &Event) {
        self.status = status;
        self.resolved_at = (status == CaseStatus::Resolved).then_some(event.at);
        self.history.push(Step {
            status,
            since: Stamp::of(event),
        });
    }

    /// Drops what the events keep anyway and an archived case is not asked for.
    pub(crate) fn compact(&mut self) {
        self.notes = Vec::new();
        self.calls = Vec::new();
        self.history = Vec::new();
    }

    /// The run it was opened for.
    pub fn primary(&self) -> Option<&LinkedRun> {
        self.runs.first()
    }

    /// How often more people were called for this reason.
    pub fn calls_for(&self, escalation: Escalation) -> usize {
        self.calls
            .iter()
            .filter(|call| call.escalation == escalation)
            .count()
    }

    /// Whether more people were called for this reason at `since` or later.
    pub fn was_called(&self, escalation: Escalation, since: Timestamp) -> bool {
        self.calls
            .iter()
            .any(|call| call.escalation == escalation && call.at >= since)
    }

    /// Its last rerun.
    pub fn last_rerun(&self) -> Option<&LinkedRun> {
        self.runs
            .iter()
            .rev()
            .find(|run| run.relation == Relation::Rerun)
    }

    /// Whether a run belongs to it.
    pub fn has(&self, run: &credit_core::RunId) -> bool {
        self.runs.iter().any(|linked| linked.run.run_id == *run)
    }

    /// Whether it is SEV0 or SEV1.
    pub fn is_grave(&self) -> bool {
        self.severity <= Severity::Sev1
    }

    /// Its critical flags.
    pub fn critical_flags(&self) -> RiskFlags {
        self.risk_flags
            .iter()
            .filter(|flag| RiskFlags::CRITICAL.contains(*flag))
            .collect()
    }

    /// What was found about the exposure, as long as no run joined with a critical flag that
    /// nobody looked into.
    pub fn valid_exposure(&self) -> Option<&ExposureFinding> {
        self.exposure.as_ref().filter(|found| {
            self.critical_flags()
                .iter()
                .all(|f| found.flags.contains(f))
        })
    }

    /// The root cause, if one was found; [`RootCause::Unknown`] is none.
    pub fn known_root_cause(&self) -> Option<RootCause> {
        self.root_cause
            .as_ref()
            .map(|finding| finding.root_cause)
            .filter(|cause| *cause != RootCause::Unknown)
    }

    /// Whether a case may go from one status to the other: Open, Investigating, Mitigating,
    /// Resolved, and from Mitigating back to Investigating. A resolved case is reopened instead.
    pub fn may_move(from: CaseStatus, to: CaseStatus) -> bool {
        use CaseStatus::{Investigating, Mitigating, Open, Resolved};
        matches!(
            (from, to),
            (Open, Investigating)
                | (Investigating, Mitigating)
                | (Mitigating, Investigating | Resolved)
        )
    }
}
