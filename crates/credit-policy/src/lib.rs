#![doc = include_str!("../README.md")]

mod assess;
mod backtest;
pub mod cases;
mod certainty;
mod columns;
mod context;
mod defaults;
mod diagnosis;
mod diff;
mod effective;
mod error;
pub mod explain;
mod ladder;
mod lint;
mod outcomes;
mod parse;
mod policy;
mod quick;
mod reach;
mod review;
#[cfg(feature = "schema")]
mod schema;
mod section;
mod signals;
mod summary;
mod weights;

pub use backtest::{
    AlertRate, Alerts, Backtest, BacktestResult, Change, Decision, LeftOut, PerWeek, RunSum, Score,
    Scores, SeverityMatrix,
};
pub use certainty::Certainty;
pub use columns::{Columns, UnequalColumns, Verdicts};
pub use context::{Context, Expected};
pub use diagnosis::{Diagnosis, diagnose};
pub use diff::Difference;
pub use error::{PolicyError, Problem};
pub use lint::{Finding, Level, lint};
pub use outcomes::{Outcomes, OutcomesError};
pub use policy::{Policy, STANDARD_JSON};
pub use review::ReviewSchedule;
#[cfg(feature = "schema")]
pub use schema::schema;
