#![doc = include_str!("../README.md")]

mod calculate;
mod change;
mod eligibility;
mod entry;
mod file;
mod healthy;
mod note;
mod statistics;

pub use calculate::{Calculation, NoBaseline, Window, calculate};
pub use change::Change;
pub use eligibility::{
    Criterion, Eligibility, Figure, HEALTHY_RUNS_FLOOR, Limit, Outcome, eligibility,
};
pub use entry::Baseline;
pub use file::{BaselineWarning, Baselines, BaselinesError};
pub use healthy::{Unhealthy, is_healthy, unhealthy};
pub use note::{Note, rationale_note};
pub use statistics::{coefficient_of_variation, median, nearest_rank};
