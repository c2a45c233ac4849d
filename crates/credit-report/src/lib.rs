#![doc = include_str!("../README.md")]

mod context;
mod csv;
mod decided;
mod drift;
mod json;
mod lists;
mod needs;
mod page;
mod partial;
mod patterns;
mod report;
mod reviewed;
mod scenarios;
mod screening;
mod statistics;
mod sums;
mod timeline;
mod weekly;

pub use context::{Context, Earlier, HeadRef, LedgerState, Repetition, Scope, SeverityCertainty};
pub use decided::{
    BaselineChange, Decided, ExposureFound, KnownCause, Proposal, ReviewDecision, ReviewNote,
    RunCase,
};
pub use lists::is_listed;
pub use needs::{Need, NeedKind};
pub use partial::{Partial, PartialBuilder};
pub use report::{
    Band, DataStatus, Dot, Drifted, FalsePositives, Ineligible, Level, Pattern, PatternKind,
    PolicyViolation, Queued, ReviewReason, ScenarioTotal, Screened, Slice, SpikeRun, SummaryStats,
    Verdicts, Violation, WeeklyReport,
};
pub use statistics::{DaySums, ScenarioStatistics, Statistics, Tally};
pub use sums::{DearRun, Dearest, Sums};
pub use weekly::weekly;
