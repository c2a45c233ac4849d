#![doc = include_str!("../README.md")]

mod assess;
mod context;
mod defaults;
mod effective;
mod error;
mod parse;
mod policy;
mod section;
mod signals;
mod summary;

pub use context::{Context, Expected};
pub use error::{PolicyError, Problem};
pub use policy::{Policy, STANDARD_JSON};
