#![doc = include_str!("../README.md")]

mod calculate;
mod change;
mod drift;
mod eligibility;
mod entry;
mod file;
mod healthy;
mod histories;
mod interval;
mod note;
mod spread;
mod statistics;
mod weekday;

pub use calculate::{Calculation, NoBaseline, Window};
pub use change::Change;
pub use drift::{ChangePoint, DriftRule, change_points};
pub use eligibility::{
    CHANGE_NOTE_PERCENT, Criterion, Eligibility, Figure, HEALTHY_RUNS_FLOOR, Limit, Outcome,
    eligibility,
};
pub use entry::Baseline;
pub use file::{BaselineWarning, Baselines, BaselinesError};
pub use healthy::{Unhealthy, is_healthy, unhealthy};
pub use histories::{Histories, calculate};
pub use interval::{MedianInterval, median_bounds, median_interval};
pub use note::{Note, rationale_note};
pub use spread::{median_deviation, robust_variation};
pub use statistics::{coefficient_of_variation, median, nearest_rank};
pub use weekday::weekday_medians;
