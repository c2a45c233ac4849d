//! The closed vocabulary of events.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer as _, EnumAccess, Error as _, VariantAccess, Visitor,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use credit_core::{CaseId, Sha256};

use crate::subject::{
    AlertsMuted, AlertsUnmuted, BackfillEnded, BackfillStarted, BaselineProposal, CaseAcknowledged,
    CaseArchived, CaseEscalated, CaseNoted, CaseOpened, CaseReopened, CaseResolved,
    CaseStatusChanged, ConfigAdopted, Delivery, DispatchBlocked, DispatchUnblocked,
    ExposureAssessed, MitigationDocumented, PolicyAdopted, QuarantineReleased, Refused,
    RerunApproved, RerunConsumed, RerunDenied, RerunRequested, ReviewDecided, ReviewNoted,
    RootCauseFound, RunLinked, RunQuarantined, ThreadLinked,
};
use crate::{EventId, RunRef};

/// What happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum What {
    /// A case was opened.
    CaseOpened(CaseOpened),
    /// Somebody takes care of a case.
    CaseAcknowledged(CaseAcknowledged),
    /// Somebody looked whether sensitive data was accessed.
    ExposureAssessed(ExposureAssessed),
    /// A root cause was proposed.
    RootCauseProposed(RootCauseFound),
    /// An approver confirmed a root cause.
    RootCauseConfirmed(RootCauseFound),
    /// A case moved on or back.
    CaseStatusChanged(CaseStatusChanged),
    /// What was done against the cause of a case.
    MitigationDocumented(MitigationDocumented),
    /// A note to a case.
    CaseNoted(CaseNoted),
    /// Where people talk about a case.
    ThreadLinked(ThreadLinked),
    /// A further run belongs to a case.
    RunLinked(RunLinked),
    /// More people must look at a case.
    CaseEscalated(CaseEscalated),
    /// A case is over.
    CaseResolved(CaseResolved),
    /// A resolved case is not over after all.
    CaseReopened(CaseReopened),
    /// A resolved case was put away.
    CaseArchived(CaseArchived),
    /// An archived case was taken out again.
    CaseUnarchived(CaseReopened),
    /// A run's artifacts were set aside.
    RunQuarantined(RunQuarantined),
    /// A run's artifacts were given back.
    QuarantineReleased(QuarantineReleased),
    /// Nothing downstream may use a run.
    DispatchBlocked(DispatchBlocked),
    /// A run that was only blocked may be used again.
    DispatchUnblocked(DispatchUnblocked),
    /// Somebody wants a run to be repeated.
    RerunRequested(RerunRequested),
    /// A run may be repeated, once.
    RerunApproved(RerunApproved),
    /// A run may not be repeated.
    RerunDenied(RerunDenied),
    /// A rerun began, and its approval is used up.
    RerunConsumed(RerunConsumed),
    /// A new baseline was proposed.
    BaselineProposed(BaselineProposal),
    /// A proposal was approved.
    BaselineApproved {
        /// The proposal's event.
        proposal: EventId,
        /// `O3-<name>-<timestamp>`.
        approval_id: String,
    },
    /// An approved baseline was written to the baselines file.
    BaselineApplied {
        /// The proposal's event.
        proposal: EventId,
        /// The hash of the baselines file since; not known of old events.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file_sha256: Option<Sha256>,
    },
    /// Another policy is in force.
    PolicyAdopted(PolicyAdopted),
    /// A change of a file that was made by hand is known and wanted.
    ConfigAdopted(ConfigAdopted),
    /// Who has which role, as it was when the first of them did something.
    OperatorsSeen {
        /// The hash of their file.
        sha256: Sha256,
    },
    /// Alerts are held back for a while.
    AlertsMuted(AlertsMuted),
    /// Alerts are sent again before the time is over.
    AlertsUnmuted(AlertsUnmuted),
    /// A scenario works through what has piled up.
    BackfillStarted(BackfillStarted),
    /// A backfill is done.
    BackfillEnded(BackfillEnded),
    /// What the weekly review decided about a run.
    ReviewDecided(ReviewDecided),
    /// A note to a weekly report.
    ReviewNoted(ReviewNoted),
    /// A step towards telling people something.
    Delivery(Delivery),
    /// Somebody was refused something.
    Refused(Refused),
    /// What is decided so far was written down, so that opening need not fold everything.
    DocketSaved {
        /// The hash of what was written.
        sha256: Sha256,
    },
    /// What the runs of each day come to was written down, so that reports need not read them all.
    PartialsSaved {
        /// The hash that what was written hangs on.
        sha256: Sha256,
    },
    /// A torn tail of a ledger was cut off and set aside when it was opened.
    TailRecovered {
        /// Which file.
        ledger: String,
        /// Where the cut is, in bytes.
        offset: u64,
        /// How many bytes were set aside.
        bytes: u64,
        /// The file that keeps them.
        kept_in: String,
    },
    /// The lines of a ledger that was kept before became the beginning of this one.
    LedgerImported {
        /// How many lines.
        lines: u64,
        /// How many bytes.
        bytes: u64,
        /// Their hash, as the first line of the chain states it.
        sha256: Sha256,
    },
    /// Run files or sidecars that were absent or empty were written again from their ledger lines.
    ProjectionsRebuilt {
        /// How many run files.
        rebuilt: u64,
        /// The number of the first of their lines.
        first: u64,
        /// The number of the last of their lines.
        last: u64,
    },
}

macro_rules! kinds {
    ($($variant:ident = $kind:literal,)+) => {
        impl What {
            /// The words that an event's `Type` may be.
            pub const KINDS: &'static [&'static str] = &[$($kind,)+];

            /// The word in an event's `Type`.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(What::$variant { .. } => $kind,)+
                }
            }
        }
    };
}

kinds! {
    CaseOpened = "case_opened",
    CaseAcknowledged = "case_acknowledged",
    ExposureAssessed = "exposure_assessed",
    RootCauseProposed = "root_cause_proposed",
    RootCauseConfirmed = "root_cause_confirmed",
    CaseStatusChanged = "case_status_changed",
    MitigationDocumented = "mitigation_documented",
    CaseNoted = "case_noted",
    ThreadLinked = "thread_linked",
    RunLinked = "run_linked",
    CaseEscalated = "case_escalated",
    CaseResolved = "case_resolved",
    CaseReopened = "case_reopened",
    CaseArchived = "case_archived",
    CaseUnarchived = "case_unarchived",
    RunQuarantined = "run_quarantined",
    QuarantineReleased = "quarantine_released",
    DispatchBlocked = "dispatch_blocked",
    DispatchUnblocked = "dispatch_unblocked",
    RerunRequested = "rerun_requested",
    RerunApproved = "rerun_approved",
    RerunDenied = "rerun_denied",
    RerunConsumed = "rerun_consumed",
    BaselineProposed = "baseline_proposed",
    BaselineApproved = "baseline_approved",
    BaselineApplied = "baseline_applied",
    PolicyAdopted = "policy_adopted",
    ConfigAdopted = "config_adopted",
    OperatorsSeen = "operators_seen",
    AlertsMuted = "alerts_muted",
    AlertsUnmuted = "alerts_unmuted",
    BackfillStarted = "backfill_started",
    BackfillEnded = "backfill_ended",
    ReviewDecided = "review_decided",
    ReviewNoted = "review_noted",
    Delivery = "delivery",
    Refused = "refused",
    DocketSaved = "docket_saved",
    PartialsSaved = "partials_saved",
    TailRecovered = "tail_recovered",
    LedgerImported = "ledger_imported",
    ProjectionsRebuilt = "projections_rebuilt",
}

impl What {
    /// The case that it is about, if it is about one.
    pub const fn case(&self) -> Option<&CaseId> {
        match self {
            What::CaseOpened(what) => Some(&what.case),
            What::CaseAcknowledged(what) => Some(&what.case),
            What::ExposureAssessed(what) => Some(&what.case),
            What::RootCauseProposed(what) | What::RootCauseConfirmed(what) => Some(&what.case),
            What::CaseStatusChanged(what) => Some(&what.case),
            What::MitigationDocumented(what) => Some(&what.case),
            What::CaseNoted(what) => Some(&what.case),
            What::ThreadLinked(what) => Some(&what.case),
            What::RunLinked(what) => Some(&what.case),
            What::CaseEscalated(what) => Some(&what.case),
            What::CaseResolved(what) => Some(&what.case),
            What::CaseReopened(what) | What::CaseUnarchived(what) => Some(&what.case),
            What::CaseArchived(what) => Some(&what.case),
            What::RunQuarantined(what) => what.case.as_ref(),
            What::QuarantineReleased(what) => Some(&what.case),
            What::DispatchBlocked(what) => what.case.as_ref(),
            What::DispatchUnblocked(what) => Some(&what.case),
            What::RerunRequested(what) => what.case.as_ref(),
            What::RerunApproved(what) => Some(&what.case),
            What::Delivery(what) => what.case.as_ref(),
            _ => None,
        }
    }

    /// The run that it is about, if it is about one.
    pub const fn run(&self) -> Option<&RunRef> {
        match self {
            What::RunLinked(what) => Some(&what.linked.run),
            What::RunQuarantined(what) => Some(&what.run),
            What::QuarantineReleased(what) => Some(&what.run),
            What::DispatchBlocked(what) => Some(&what.run),
            What::DispatchUnblocked(what) => Some(&what.run),
            What::RerunRequested(what) => Some(&what.run),
            What::RerunApproved(what) => Some(&what.run),
            What::RerunDenied(what) => Some(&what.run),
            What::RerunConsumed(what) => Some(&what.run),
            What::ReviewDecided(what) => Some(&what.run),
            _ => None,
        }
    }

    /// The subject's JSON text.
    pub(crate) fn subject(&self) -> String {
        // `{"kind":subject}`; strings, integers and finite floats always serialize.
        let tagged = serde_json::to_string(self).unwrap_or_default();
        let subject = tagged.split_once(':').map(|(_, rest)| rest);
        subject
            .and_then(|rest| rest.strip_suffix('}'))
            .unwrap_or("null")
            .to_owned()
    }

    /// Reads what was written with this kind and subject.
    pub(crate) fn parse(kind: &str, subject: &RawValue) -> Result<What, serde_json::Error> {
        What::deserialize(Tagged {
            kind,
            subject: subject.get(),
        })
    }
}

/// An enum whose tag and content stand in two places, so that the content need not be copied
/// beside its tag.
struct Tagged<'a> {
    kind: &'a str,
    subject: &'a str,
}

impl<'de> serde::Deserializer<'de> for Tagged<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = serde_json::Error;
    type Variant = Subject<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Subject<'de>), Self::Error> {
        let kind: StrDeserializer<'_, Self::Error> =
            serde::de::IntoDeserializer::into_deserializer(self.kind);
        Ok((seed.deserialize(kind)?, Subject(self.subject)))
    }
}

struct Subject<'de>(&'de str);

impl<'de> Subject<'de> {
    fn read<T>(
        self,
        read: impl FnOnce(
            &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>,
        ) -> Result<T, serde_json::Error>,
    ) -> Result<T, serde_json::Error> {
        // serde also takes an array for a struct; an event has one form.
        if !self.0.starts_with('{') {
            return Err(serde_json::Error::custom("`Subject` must be an object"));
        }
        let mut json = serde_json::Deserializer::from_str(self.0);
        let value = read(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

impl<'de> VariantAccess<'de> for Subject<'de> {
    type Error = serde_json::Error;

    fn unit_variant(self) -> Result<(), Self::Error> {
        Err(Self::Error::custom("every event has a subject"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, Self::Error> {
        self.read(|json| seed.deserialize(json))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("every event's subject is an object"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.read(|json| json.deserialize_map(visitor))
    }
}
