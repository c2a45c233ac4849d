#![doc = include_str!("../README.md")]

mod case;
mod credits;
mod decimal;
mod gates;
mod hash;
mod id;
pub mod json;
mod multiplier;
mod record;
mod run;
mod stored;
mod time;
mod usual;
mod weekdays;
mod words;

pub use case::{CaseCategory, CaseStatus, Exposure, ExposureBand, RootCause};
pub use credits::{Credits, CreditsError, TotalCredits};
pub use gates::{CandidateGate, Deadlines, HealthyRule, RerunGate, UpdateGate};
pub use hash::{Sha256, Sha256Error};
pub use id::{CaseId, IdError, RunId, ScenarioId};
pub use multiplier::{Multiplier, MultiplierError, Ratio};
pub use record::{Assessment, Inputs, RunFacts, RunRecord, RunSum, RunTally};
pub use run::{ParsedRun, Problem, Run, RunError};
pub use stored::{StoredRecord, StoredVerdict};
pub use time::{Day, Period, Timestamp, TimestampError};
pub use usual::{Bounds, BoundsError, CreditsPerItem, Usual};
pub use weekdays::{DayUsual, Weekday, Weekdays};
pub use words::{
    Action, Actions, BaselineStatus, JobType, Likelihood, Reason, RiskFlag, RiskFlags, Severity,
    Status, UnknownWord,
};
