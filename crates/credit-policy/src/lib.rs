#![doc = include_str!("../README.md")]

mod assess;
pub mod cases;
mod columns;
mod context;
mod defaults;
mod diff;
mod effective;
mod error;
mod lint;
mod parse;
mod policy;
mod reach;
#[cfg(feature = "schema")]
mod schema;
mod section;
mod signals;
mod summary;

pub use columns::{Columns, UnequalColumns, Verdicts};
pub use context::{Context, Expected};
pub use diff::Difference;
pub use error::{PolicyError, Problem};
pub use lint::{Finding, Level, lint};
pub use policy::{Policy, STANDARD_JSON};
#[cfg(feature = "schema")]
pub use schema::schema;
