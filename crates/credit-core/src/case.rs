//! The words of a case: what happened to a run that people had to look at.

use crate::words::words;
use crate::{JobType, RiskFlag, RiskFlags, Severity};

words! {
    /// Where a case stands.
    CaseStatus, "case status" {
        /// Nobody works on it yet.
        Open = "Open",
        /// Somebody looks for the cause.
        Investigating = "Investigating",
        /// What was found is being put right.
        Mitigating = "Mitigating",
        /// It is over and documented.
        Resolved = "Resolved",
    }
}

words! {
    /// Why a run cost what it cost.
    RootCause, "root cause" {
        /// Something was set up wrongly.
        Misconfig = "Misconfig",
        /// There was that much to do.
        LegitLoad = "Legit Load",
        /// Somebody else's system behaved otherwise than expected.
        ExternalDependency = "External Dependency",
        /// It was looked for and not found.
        Unknown = "Unknown",
    }
}

words! {
    /// Whether sensitive data was actually accessed, not just flagged.
    Exposure, "exposure" {
        /// It was.
        Confirmed = "confirmed",
        /// It was not.
        FalsePositive = "false_positive",
        /// It could not be found out yet.
        Undetermined = "undetermined",
    }
}

words! {
    /// What a case is about.
    CaseCategory, "case category" {
        /// What a run cost.
        Cost = "Cost/Credits",
        /// Personal data.
        Data = "Data/PII",
        /// Mail that went out.
        Delivery = "Delivery/Email",
        /// Filings and regulated data.
        Filing = "Filing/Regulatory",
        /// A run that failed without costing more.
        Reliability = "Reliability",
        /// Anything else.
        Other = "Other",
    }
}

words! {
    /// Who is hurt if the worst about a case is true.
    ExposureBand, "exposure band" {
        /// An authority is concerned.
        Regulatory = "Regulatory",
        /// Money.
        Financial = "Financial",
        /// People whose data it is.
        Privacy = "Privacy",
        /// Those who run the automation.
        Operational = "Operational",
    }
}

impl ExposureBand {
    /// The band of a run: regulated data before personal data before a spike.
    ///
    /// ```
    /// use credit_core::{ExposureBand, RiskFlag, RiskFlags, Severity};
    ///
    /// let personal = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    /// assert_eq!(ExposureBand::of(Severity::Sev0, personal), ExposureBand::Privacy);
    /// assert_eq!(ExposureBand::of(Severity::Sev1, RiskFlags::NONE), ExposureBand::Financial);
    /// ```
    pub const fn of(severity: Severity, flags: RiskFlags) -> ExposureBand {
        if flags.contains(RiskFlag::RegulatoryData) {
            ExposureBand::Regulatory
        } else if flags.contains(RiskFlag::PiiExposure) {
            ExposureBand::Privacy
        } else if matches!(severity, Severity::Sev0 | Severity::Sev1) {
            ExposureBand::Financial
        } else {
            ExposureBand::Operational
        }
    }
}

impl CaseCategory {
    /// The category of a run: its data before its kind of job before its cost.
    ///
    /// `failed` is whether the run failed; that alone makes a case only where the cost does not.
    pub const fn of(
        severity: Severity,
        flags: RiskFlags,
        job_type: JobType,
        failed: bool,
    ) -> CaseCategory {
        if flags.contains(RiskFlag::RegulatoryData) {
            return CaseCategory::Filing;
        }
        if flags.contains(RiskFlag::PiiExposure) {
            return CaseCategory::Data;
        }
        match (job_type, severity) {
            (JobType::EmailSend, _) => CaseCategory::Delivery,
            (JobType::Filing, _) => CaseCategory::Filing,
            (_, Severity::Sev0 | Severity::Sev1 | Severity::Sev2 | Severity::Sev3) => {
                CaseCategory::Cost
            }
            _ if failed => CaseCategory::Reliability,
            _ => CaseCategory::Other,
        }
    }
}
