#![doc = include_str!("../README.md")]

mod assess;
mod defaults;
mod effective;
mod error;
mod parse;
mod policy;
mod section;
mod summary;

pub use assess::Expected;
pub use error::{PolicyError, Problem};
pub use policy::{Policy, STANDARD_JSON};
