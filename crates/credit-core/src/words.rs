//! The closed vocabularies of records and policies, and sets of their words.

/// A text that is none of the words allowed in its place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{value:?} is not a known {what}; allowed are {}", allowed.join(", "))]
pub struct UnknownWord {
    /// What kind of word was expected.
    pub what: &'static str,
    /// The text that was found.
    pub value: String,
    /// Every allowed word.
    pub allowed: &'static [&'static str],
}

macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident, $what:literal {
            $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The word as records and policies spell it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(text: &str) -> Result<$name, $crate::UnknownWord> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::UnknownWord {
                        what: $what,
                        value: text.chars().take(80).collect(),
                        allowed: $name::WORDS,
                    }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use words;

macro_rules! set {
    ($(#[$doc:meta])* $name:ident of $word:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
        pub struct $name(u16);

        impl $name {
            /// The empty set.
            pub const NONE: $name = $name(0);

            /// This set and `word`.
            #[must_use]
            pub const fn with(self, word: $word) -> $name {
                $name(self.0 | 1 << word as u16)
            }

            /// This set, and `word` if that `holds`; without a branch.
            #[must_use]
            pub const fn with_if(self, word: $word, holds: bool) -> $name {
                $name(self.0 | (holds as u16) << word as u16)
            }

            /// This set, and not `word`.
            #[must_use]
            pub const fn without(self, word: $word) -> $name {
                $name(self.0 & !(1 << word as u16))
            }

            /// The set as a number: bit `n` stands for the word `ALL[n]`.
            pub const fn bits(self) -> u16 {
                self.0
            }

            /// The words of either set.
            #[must_use]
            pub const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// The words of both sets.
            #[must_use]
            pub const fn intersection(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }

            /// Whether `word` is in the set.
            pub const fn contains(self, word: $word) -> bool {
                self.0 & 1 << word as u16 != 0
            }

            /// Whether the sets have a word in common.
            pub const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// Whether there is no word in the set.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// How many words are in the set.
            pub const fn len(self) -> usize {
                self.0.count_ones() as usize
            }

            /// Its words in their fixed order.
            pub fn iter(self) -> impl Iterator<Item = $word> {
                $word::ALL.iter().copied().filter(move |w| self.contains(*w))
            }
        }

        impl FromIterator<$word> for $name {
            fn from_iter<I: IntoIterator<Item = $word>>(words: I) -> $name {
                words.into_iter().fold($name::NONE, $name::with)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }

        /// As an array in the fixed order.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.iter())
            }
        }

        /// From an array; a word given twice counts once.
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let words = Vec::<$word>::deserialize(deserializer)?;
                Ok(words.into_iter().collect())
            }
        }
    };
}

words! {
    /// How serious a run is, the gravest first: `Sev0 < Sev4`.
    Severity, "severity" {
        /// Critical: sensitive data and a large spike.
        Sev0 = "SEV0",
        /// High: a large spike, or nothing to compare with.
        Sev1 = "SEV1",
        /// Medium: a moderate spike.
        Sev2 = "SEV2",
        /// Low: a small spike.
        Sev3 = "SEV3",
        /// Normal.
        Sev4 = "SEV4",
    }
}

words! {
    /// How a run ended.
    Status, "status" {
        /// It did what it should.
        Success = "Success",
        /// It did not.
        Failed = "Failed",
        /// Its artifacts were set aside.
        Quarantined = "Quarantined",
        /// It was handed to a person.
        Escalated = "Escalated",
    }
}

words! {
    /// Why a run got its severity.
    Reason, "severity reason" {
        /// Its cost against the baseline reached, or stayed below, the thresholds.
        Ratio = "ratio",
        /// A critical flag and a cost that reached the SEV0 threshold.
        SensitiveSpike = "sensitive_spike",
        /// A critical flag, for which the policy has a least severity.
        SensitiveFloor = "sensitive_floor",
        /// It cost too little above its baseline for what its ratio would have made of it.
        ImpactFloor = "impact_floor",
        /// Its scenario has no baseline.
        MissingBaseline = "missing_baseline",
        /// Its scenario's baseline is zero and it cost something.
        AboveZeroBaseline = "above_zero_baseline",
        /// Its scenario's baseline is zero and so is its cost.
        AtZeroBaseline = "at_zero_baseline",
    }
}

words! {
    /// What kind of job a run belongs to.
    JobType, "job type" {
        /// Reading and judging documents.
        Analysis = "ANALYSIS",
        /// Writing binders.
        BinderExport = "BINDER_EXPORT",
        /// Sending mail.
        EmailSend = "EMAIL_SEND",
        /// Reprocessing records.
        ReconcileBackfill = "RECONCILE_BACKFILL",
        /// Filing with an authority.
        Filing = "FILING",
        /// Anything else.
        Other = "OTHER",
    }
}

words! {
    /// How likely a spike is a misconfiguration rather than real load; `Low < High`.
    Likelihood, "likelihood" {
        /// Unlikely.
        Low = "Low",
        /// Possible.
        Medium = "Medium",
        /// Likely.
        High = "High",
    }
}

words! {
    /// What a run was compared with.
    BaselineStatus, "baseline status" {
        /// A calculated baseline.
        Current = "current",
        /// A baseline somebody entered by hand (a sample size of 0).
        Manual = "manual",
        /// Nothing: the scenario has no baseline.
        Missing = "missing",
        /// A baseline of 0 credits, which gives no ratio.
        Zero = "zero",
    }
}

words! {
    /// A sign that explains a run's cost or makes it graver.
    RiskFlag, "risk flag" {
        /// More retries than the policy allows.
        RetryLoop = "retry_loop",
        /// No limit on the items it works through.
        UnboundedIterator = "unbounded_iterator",
        /// No idempotency key, so work may be done twice.
        MissingIdempotency = "missing_idempotency",
        /// Its input is much larger than the scenario's usual one.
        SuddenPromptGrowth = "sudden_prompt_growth",
        /// A deployment happened shortly before.
        DeploymentCorrelation = "deployment_correlation",
        /// A batch job.
        BatchJob = "batch_job",
        /// A backfill.
        BackfillMode = "backfill_mode",
        /// It cost more, but as much for each item as usual.
        LinearScaling = "linear_scaling",
        /// Personal data may have been touched.
        PiiExposure = "pii_exposure",
        /// Regulated data may have been touched.
        RegulatoryData = "regulatory_data",
    }
}

set! {
    /// A set of risk flags.
    ///
    /// ```
    /// use credit_core::{RiskFlag, RiskFlags};
    ///
    /// let flags = RiskFlags::NONE.with(RiskFlag::RetryLoop).with(RiskFlag::RetryLoop);
    /// assert_eq!(flags.len(), 1);
    /// assert!(!flags.intersects(RiskFlags::CRITICAL));
    /// ```
    RiskFlags of RiskFlag
}

impl RiskFlags {
    /// The flags that speak of sensitive data.
    pub const CRITICAL: RiskFlags = RiskFlags::NONE
        .with(RiskFlag::PiiExposure)
        .with(RiskFlag::RegulatoryData);
}

words! {
    /// What a policy wants done about a run of some severity, in the order that is safe: what
    /// protects first, what talks to the network last.
    Action, "action" {
        /// Set the run's artifacts aside.
        Quarantine = "quarantine",
        /// Let nothing downstream use the run.
        BlockDispatch = "block_dispatch",
        /// Allow a rerun only after an acknowledgment.
        RequireAckBeforeRerun = "require_ack_before_rerun",
        /// Ask for an acknowledgment.
        RequireAck = "require_ack",
        /// Open a case.
        CreateCase = "create_case",
        /// Open a case if a pattern persists.
        LogCaseOptional = "log_case_optional",
        /// Make the case's page read-only.
        PageLock = "page_lock",
        /// Page the people on call.
        SlackEscalate = "slack_escalate",
        /// Post an alert.
        SlackAlert = "slack_alert",
        /// Put the run on the weekly review's list.
        WeeklyReview = "weekly_review",
        /// Let the weekly review show the run.
        WeeklyReviewOptional = "weekly_review_optional",
        /// Keep the record and do nothing more.
        LedgerOnly = "ledger_only",
    }
}

set! {
    /// A set of actions; iterates in the safe order.
    Actions of Action
}

impl Actions {
    /// The actions that tell people at once: a run whose verdict asks for one of them is an alert.
    pub const ALERTS: Actions = Actions::NONE
        .with(Action::SlackEscalate)
        .with(Action::SlackAlert);
}
