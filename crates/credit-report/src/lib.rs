#![doc = include_str!("../README.md")]

mod context;
mod csv;
mod decided;
mod drift;
mod json;
mod lists;
mod needs;
mod page;
mod patterns;
mod report;
mod reviewed;
mod scenarios;
mod screening;
mod timeline;
mod weekly;

pub use context::{Context, Earlier, HeadRef, LedgerState, Repetition, Scope, SeverityCertainty};
pub use decided::{
    BaselineChange, Decided, ExposureFound, KnownCause, Proposal, ReviewDecision, ReviewNote,
    RunCase,
};
pub use lists::is_listed;
pub use needs::{Need, NeedKind};
pub use report::{
    Band, DataStatus, Dot, Drifted, FalsePositives, Ineligible, Level, Pattern, PatternKind,
    PolicyViolation, Queued, ReviewReason, ScenarioTotal, Screened, Slice, SpikeRun, SummaryStats,
    Verdicts, Violation, WeeklyReport,
};
pub use weekly::weekly;
