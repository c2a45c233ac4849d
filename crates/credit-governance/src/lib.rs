#![doc = include_str!("../README.md")]

mod approval;
mod docket;
mod event;
mod operator;

pub use approval::Approval;
pub use docket::{Approved, BaselineChange, Docket, DocketError, Proposed};
pub use event::{BaselineProposal, Event, EventError, EventId, What};
pub use operator::{Actor, Denied, Operator, Operators, OperatorsError, Role, Verb};
