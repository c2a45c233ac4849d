#![doc = include_str!("../README.md")]

mod assess;
mod backtest;
mod columns;
mod context;
mod defaults;
mod effective;
mod error;
mod outcomes;
mod parse;
mod policy;
mod section;
mod signals;
mod summary;

pub use backtest::{
    AlertRate, Alerts, Backtest, BacktestResult, Change, Decision, LeftOut, PerWeek, RunSum, Score,
    Scores, SeverityMatrix,
};
pub use columns::{Columns, UnequalColumns, Verdicts};
pub use context::{Context, Expected};
pub use error::{PolicyError, Problem};
pub use outcomes::{Outcomes, OutcomesError};
pub use policy::{Policy, STANDARD_JSON};
