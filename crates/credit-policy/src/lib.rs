#![doc = include_str!("../README.md")]

mod assess;
mod columns;
mod context;
mod defaults;
mod diagnosis;
mod effective;
mod error;
pub mod explain;
mod parse;
mod policy;
mod section;
mod signals;
mod summary;

pub use columns::{Columns, UnequalColumns, Verdicts};
pub use context::{Context, Expected};
pub use diagnosis::{Diagnosis, diagnose};
pub use error::{PolicyError, Problem};
pub use policy::{Policy, STANDARD_JSON};
