//! What somebody may want to do, and the lowest role that may.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Role;

macro_rules! verbs {
    ($($(#[$doc:meta])* $verb:ident = $word:literal, $role:ident, $service:literal;)+) => {
        /// What somebody may want to do.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
        pub enum Verb {
            $($(#[$doc])* #[serde(rename = $word)] $verb,)+
        }

        impl Verb {
            /// Every verb.
            pub const ALL: &'static [Verb] = &[$(Verb::$verb,)+];

            /// The word that messages and events use.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Verb::$verb => $word,)+
                }
            }

            /// The lowest role that may do it.
            pub const fn requires(self) -> Role {
                match self {
                    $(Verb::$verb => Role::$role,)+
                }
            }

            /// Whether the automation's own identity, which is no person, may do it: observe,
            /// protect, report and propose, but decide nothing.
            pub(crate) const fn open_to_service(self) -> bool {
                match self {
                    $(Verb::$verb => $service,)+
                }
            }
        }
    };
}

verbs! {
    /// Read records, cases and audits, judge without keeping, verify.
    View = "view", O1, true;
    /// Write what is missing of `config/`.
    Init = "init", O2, true;
    /// Add runs to the ledger.
    Ingest = "ingest", O2, true;
    /// Take over a ledger that was kept before.
    ImportLedger = "import_ledger", O2, true;
    /// Write run files again that were lost.
    Repair = "repair", O2, true;
    /// Write a report.
    Report = "report", O2, true;
    /// Deliver what is owed to Slack and Notion.
    Drain = "drain", O2, true;
    /// Propose a new baseline.
    ProposeBaseline = "propose_baseline", O2, true;
    /// Put a proposed baseline into force.
    ApproveBaseline = "approve_baseline", O3, false;
    /// Open a case.
    OpenCase = "open_case", O2, true;
    /// Take care of a case.
    AcknowledgeCase = "acknowledge_case", O2, false;
    /// Say whether sensitive data was accessed.
    AssessExposure = "assess_exposure", O3, false;
    /// Propose a root cause.
    ProposeRootCause = "propose_root_cause", O2, false;
    /// Confirm a root cause.
    ConfirmRootCause = "confirm_root_cause", O3, false;
    /// Move a case on or back.
    ChangeCaseStatus = "change_case_status", O2, false;
    /// Document what was done against a cause.
    DocumentMitigation = "document_mitigation", O2, false;
    /// Write a note to a case.
    NoteCase = "note_case", O2, true;
    /// Say where people talk about a case.
    LinkThread = "link_thread", O2, true;
    /// Add a run to a case.
    LinkRun = "link_run", O2, true;
    /// Call more people to a case.
    EscalateCase = "escalate_case", O2, true;
    /// Resolve a case of SEV2 or less.
    ResolveCase = "resolve_case", O2, false;
    /// Resolve a case of SEV0 or SEV1.
    ResolveGraveCase = "resolve_grave_case", O3, false;
    /// Take up a resolved case again.
    ReopenCase = "reopen_case", O2, true;
    /// Put a resolved case away.
    ArchiveCase = "archive_case", O2, true;
    /// Take a case out of the archive.
    UnarchiveCase = "unarchive_case", O2, false;
    /// Do what the policy wants for a grave run: set it aside, block it.
    Protect = "protect", O3, true;
    /// Set a run aside or block it because a person wants it.
    QuarantineRun = "quarantine_run", O3, false;
    /// Give a run back.
    ReleaseRun = "release_run", O3, false;
    /// Ask for a rerun.
    RequestRerun = "request_rerun", O2, true;
    /// Allow a rerun.
    ApproveRerun = "approve_rerun", O3, false;
    /// Refuse a rerun.
    DenyRerun = "deny_rerun", O3, false;
    /// Begin a rerun that is allowed.
    BeginRerun = "begin_rerun", O2, true;
    /// Put another policy into force.
    AdoptPolicy = "adopt_policy", O3, false;
    /// Approve of a file in `config/` that was changed by hand.
    AdoptConfig = "adopt_config", O3, false;
    /// Hold alerts back.
    MuteAlerts = "mute_alerts", O3, false;
    /// Send alerts again.
    UnmuteAlerts = "unmute_alerts", O3, false;
    /// Let a scenario work through what has piled up.
    StartBackfill = "start_backfill", O3, false;
    /// Say that it has.
    EndBackfill = "end_backfill", O3, false;
    /// Decide about a run in the weekly review.
    DecideReview = "decide_review", O2, false;
    /// Write a note to a weekly report.
    NoteReview = "note_review", O2, false;
}

impl Verb {
    /// Whether somebody proposes and somebody else approves, so that one person alone cannot.
    pub const fn takes_two(self) -> bool {
        matches!(self, Verb::ApproveBaseline | Verb::ApproveRerun)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
