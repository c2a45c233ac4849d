//! The `metrics` facade: what a process counts and measures as it goes. Without the feature there
//! is nothing here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Verdict;

/// A clock that never goes back, for measuring how long something took. Libraries read none, so
/// a service gives its own.
///
/// ```
/// use std::time::Instant;
///
/// use credit_monitor::Stopwatch;
///
/// let start = Instant::now();
/// let stopwatch = Stopwatch::new(move || start.elapsed());
/// ```
#[derive(Clone)]
pub struct Stopwatch(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Stopwatch {
    /// A clock that tells the time since any fixed instant.
    pub fn new(elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Stopwatch {
        Stopwatch(Arc::new(elapsed))
    }
}

impl fmt::Debug for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopwatch")
    }
}

/// An append that is being measured, if anybody gave a clock.
pub(crate) struct Append<'s>(Option<(&'s Stopwatch, Duration)>);

impl<'s> Append<'s> {
    pub(crate) fn begin(stopwatch: Option<&'s Stopwatch>) -> Append<'s> {
        Append(stopwatch.map(|stopwatch| (stopwatch, (stopwatch.0)())))
    }

    /// It is durable now.
    pub(crate) fn end(self) {
        if let Some((stopwatch, begun)) = self.0 {
            took((stopwatch.0)().saturating_sub(begun));
        }
    }
}

#[cfg(not(feature = "metrics"))]
fn took(_: Duration) {}

#[cfg(feature = "metrics")]
fn took(duration: Duration) {
    metrics::histogram!("credit_append_seconds").record(duration);
}

/// Counts a run that was kept.
#[cfg(not(feature = "metrics"))]
pub(crate) fn count(_: &Verdict) {}

/// Counts a run that was kept.
#[cfg(feature = "metrics")]
pub(crate) fn count(verdict: &Verdict) {
    use credit_core::Action;

    use super::{BLOCKED, QUARANTINED, RUNS};

    metrics::counter!(RUNS.name, "severity" => verdict.severity.as_str()).increment(1);
    let counters = [
        (&BLOCKED, Action::BlockDispatch),
        (&QUARANTINED, Action::Quarantine),
    ];
    for (metric, action) in counters {
        if verdict.actions.contains(action) {
            metrics::counter!(metric.name).increment(1);
        }
    }
}

#[cfg(feature = "metrics")]
#[expect(
    clippy::cast_precision_loss,
    reason = "the facade's gauges are floats; counts stay far below 2^53"
)]
pub(super) fn set_gauges(figures: &super::Figures) {
    use super::{
        LAST_RUN, MUTED, OPEN_CASES, OVERDUE, OWED, PARKED, QUARANTINED_NOW, STALE_BASELINES, word,
    };

    for (severity, open) in &figures.open_cases {
        metrics::gauge!(OPEN_CASES.name, "severity" => severity.as_str()).set(*open as f64);
    }
    for (duty, overdue) in &figures.overdue {
        metrics::gauge!(OVERDUE.name, "duty" => word(*duty)).set(*overdue as f64);
    }
    metrics::gauge!(QUARANTINED_NOW.name).set(figures.quarantined_now as f64);
    metrics::gauge!(STALE_BASELINES.name).set(figures.baselines.1 as f64);
    metrics::gauge!(MUTED.name).set(f64::from(u8::from(figures.muted)));
    if let Some(at) = figures.last_run {
        metrics::gauge!(LAST_RUN.name).set(at.unix() as f64);
    }
    if let Some(owed) = figures.owed {
        metrics::gauge!(OWED.name).set(owed.waiting as f64);
        metrics::gauge!(PARKED.name).set(owed.parked as f64);
    }
}
