#![doc = include_str!("../README.md")]

mod calculate;
mod change;
mod drift;
mod eligibility;
mod entry;
mod file;
mod healthy;
mod interval;
mod note;
mod spread;
mod statistics;

pub use calculate::{Calculation, NoBaseline, Window, calculate};
pub use change::Change;
pub use drift::{ChangePoint, DriftRule, change_points};
pub use eligibility::{
    Criterion, Eligibility, Figure, HEALTHY_RUNS_FLOOR, Limit, Outcome, eligibility,
};
pub use entry::Baseline;
pub use file::{BaselineWarning, Baselines, BaselinesError};
pub use healthy::{Unhealthy, is_healthy, unhealthy};
pub use interval::{MedianInterval, median_interval};
pub use note::{Note, rationale_note};
pub use spread::{median_deviation, robust_variation};
pub use statistics::{coefficient_of_variation, median, nearest_rank};
