#![doc = include_str!("../README.md")]

mod context;
mod json;
mod report;
mod scenarios;
mod screening;
mod weekly;

pub use context::{BaselineChange, Context, HeadRef, LedgerState, RunCase};
pub use report::{
    DataStatus, Ineligible, PolicyViolation, Queued, ReviewReason, ScenarioTotal, Screened,
    SpikeRun, SummaryStats, Violation, WeeklyReport,
};
pub use weekly::weekly;
