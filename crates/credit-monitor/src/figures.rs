//! What the ledgers count up to, for dashboards and alerts.

mod exposition;
mod measure;

use std::collections::BTreeMap;

use credit_core::{Severity, Timestamp, TotalCredits};
use credit_governance::{Docket, Duty};

use self::exposition::Exposition;
use crate::config::{read_baselines, read_policy};
use crate::decisions::rules;
use crate::doctor::Owed;
use crate::live_docket::LiveDocket;
use crate::{Archive, Error};

pub use self::measure::Stopwatch;
pub(crate) use self::measure::{Append, count};

/// What the two ledgers of a tree count up to, as of an instant.
///
/// ```
/// use credit_core::{Credits, Run, Severity, Status};
/// use credit_monitor::{Monitor, Tree};
///
/// let dir = tempfile::tempdir()?;
/// let tree = Tree::new(dir.path());
/// let now = "2025-01-31T10:00:00Z".parse()?;
/// Monitor::init(&tree, Vec::new(), now)?;
/// let monitor = Monitor::open(&tree, now)?;
/// monitor.observe(Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
///     Credits::whole(10).unwrap()), now)?;
/// let figures = monitor.archive().figures(now)?;
/// assert_eq!(figures.runs[&Severity::Sev1].runs, 1);
/// let text = figures.to_prometheus();
/// assert!(text.contains("\ncredit_runs_total{severity=\"SEV1\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// As of when.
    pub at: Timestamp,
    /// The runs of each severity, all of them.
    pub runs: BTreeMap<Severity, RunFigures>,
    /// Runs whose verdict blocks what comes downstream.
    pub blocked: u64,
    /// Runs whose verdict sets their artifacts aside.
    pub quarantined: u64,
    /// Runs whose artifacts are set aside now.
    pub quarantined_now: u64,
    /// Open cases of each severity.
    pub open_cases: BTreeMap<Severity, u64>,
    /// Duties of people that are overdue.
    pub overdue: BTreeMap<Duty, u64>,
    /// When the latest run finished; `None` if there is none.
    pub last_run: Option<Timestamp>,
    /// Whether alerts are held back.
    pub muted: bool,
    /// The baselines in force, and how many of them are stale.
    pub baselines: (u64, u64),
    /// What Slack and Notion have not been told; `None` where nobody keeps account of that.
    pub owed: Option<Owed>,
}

/// The runs of one severity.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RunFigures {
    /// How many.
    pub runs: u64,
    /// What they cost together.
    pub credits: TotalCredits,
}

impl Archive {
    /// Counts what both ledgers say. Lines that the partials know
    /// ([`Monitor::save_partials`](crate::Monitor::save_partials)) were checked against the chain
    /// when those were written down and are not read again; every other line is checked on the way.
    ///
    /// # Errors
    /// [`Error::Config`] if policy or baselines cannot be read; [`Error::Read`] or
    /// [`Error::Integrity`] if a ledger is damaged as far as it is read: of such a one no figure is
    /// given.
    pub fn figures(&self, now: Timestamp) -> Result<Figures, Error> {
        let _span = tracing::debug_span!("figures").entered();
        let rules = rules(&read_policy(self.tree())?.value);
        let (baselines, _) = read_baselines(self.tree())?;
        let stale = baselines.value.iter();
        let stale = stale.filter(|b| now >= b.last_updated.days_after(rules.deadlines.stale_days));
        let live = LiveDocket::open(self)?;
        let docket = live.docket();
        let mut figures = Figures {
            at: now,
            runs: of_each(Severity::ALL),
            blocked: 0,
            quarantined: 0,
            quarantined_now: docket.quarantined().count() as u64,
            open_cases: open_cases(docket),
            overdue: of_each(&[Duty::Acknowledge, Duty::Assess]),
            last_run: None,
            muted: docket.mutes().iter().any(|mute| mute.is_on(now)),
            baselines: (baselines.value.iter().count() as u64, stale.count() as u64),
            owed: self.owed(docket, live.book(), now)?.sums(),
        };
        for (_, overdue) in docket.overdue(&rules.deadlines, now) {
            *figures.overdue.entry(overdue.duty).or_default() += 1;
        }
        let sums = self.sums(&live)?;
        let counted = sums.severity_counts.into_iter().zip(sums.severity_credits);
        for (severity, (runs, credits)) in Severity::ALL.iter().zip(counted) {
            figures.runs.insert(*severity, RunFigures { runs, credits });
        }
        figures.blocked = sums.blocked;
        figures.quarantined = sums.quarantined;
        figures.last_run = sums.last;
        Ok(figures)
    }
}

impl Figures {
    /// The text that Prometheus reads: the format of its text files, version 0.0.4.
    pub fn to_prometheus(&self) -> String {
        let mut out = Exposition::default();
        let runs = self.runs.iter();
        let runs = runs.map(|(severity, of)| (*severity, of.runs.to_string()));
        out.family(&RUNS, labelled("severity", runs));
        let credits = self.runs.iter();
        let credits = credits.map(|(severity, of)| (*severity, of.credits.to_string()));
        out.family(&CREDITS, labelled("severity", credits));
        out.single(&BLOCKED, self.blocked);
        out.single(&QUARANTINED, self.quarantined);
        out.single(&QUARANTINED_NOW, self.quarantined_now);
        let cases = self.open_cases.iter().map(|(s, n)| (*s, n.to_string()));
        out.family(&OPEN_CASES, labelled("severity", cases));
        let overdue = self.overdue.iter();
        let overdue = overdue.map(|(duty, n)| (word(*duty), n.to_string()));
        out.family(&OVERDUE, labelled("duty", overdue));
        out.single(&MUTED, u64::from(self.muted));
        out.single(&BASELINES, self.baselines.0);
        out.single(&STALE_BASELINES, self.baselines.1);
        if let Some(at) = self.last_run {
            out.single(&LAST_RUN, at.unix());
        }
        if let Some(owed) = self.owed {
            out.single(&OWED, owed.waiting);
            out.single(&PARKED, owed.parked);
            if let Some(oldest) = owed.oldest {
                out.single(&OWED_SINCE, oldest.unix());
            }
        }
        out.single(&AT, self.at.unix());
        out.finish()
    }

    /// Sets the gauges of the `metrics` facade to what is so now. Its counters are what this
    /// process observed and are counted as it observes.
    #[cfg(feature = "metrics")]
    pub fn set_gauges(&self) {
        measure::set_gauges(self);
    }
}

fn open_cases(docket: &Docket) -> BTreeMap<Severity, u64> {
    let mut open = of_each(Severity::ALL);
    for case in docket.open_cases() {
        *open.entry(case.severity).or_default() += 1;
    }
    open
}

/// An entry for each, so that a figure that falls to nothing is shown as such.
fn of_each<K: Copy + Ord, V: Default>(keys: &[K]) -> BTreeMap<K, V> {
    keys.iter().map(|key| (*key, V::default())).collect()
}

fn labelled<K: ToString>(
    label: &'static str,
    values: impl Iterator<Item = (K, String)>,
) -> Vec<(Option<(&'static str, String)>, String)> {
    values
        .map(|(key, value)| (Some((label, key.to_string())), value))
        .collect()
}

fn word(duty: Duty) -> &'static str {
    match duty {
        Duty::Acknowledge => "acknowledge",
        Duty::Assess => "assess",
    }
}

/// A figure's name, what it means, and whether it only grows.
struct Metric {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    let kind = "counter";
    Metric { name, help, kind }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    let kind = "gauge";
    Metric { name, help, kind }
}

const RUNS: Metric = counter("credit_runs_total", "Runs in the ledger, by severity.");
const CREDITS: Metric = counter(
    "credit_run_credits_total",
    "What the runs in the ledger cost, in credits, by severity.",
);
const BLOCKED: Metric = counter(
    "credit_runs_blocked_total",
    "Runs whose verdict blocks what comes downstream.",
);
const QUARANTINED: Metric = counter(
    "credit_runs_quarantined_total",
    "Runs whose verdict sets their artifacts aside.",
);
const QUARANTINED_NOW: Metric = gauge(
    "credit_quarantined_runs",
    "Runs whose artifacts are set aside now.",
);
const OPEN_CASES: Metric = gauge("credit_open_cases", "Open cases, by severity.");
const OVERDUE: Metric = gauge(
    "credit_overdue_duties",
    "What people must have done by now and have not, by duty.",
);
const MUTED: Metric = gauge(
    "credit_alerts_muted",
    "1 while an operator holds alerts back, else 0.",
);
const BASELINES: Metric = gauge("credit_baselines", "Baselines in force.");
const STALE_BASELINES: Metric = gauge(
    "credit_stale_baselines",
    "Baselines in force that are older than the policy allows.",
);
const LAST_RUN: Metric = gauge(
    "credit_last_run_timestamp_seconds",
    "When the latest run finished, in seconds since 1970.",
);
const OWED: Metric = gauge(
    "credit_owed_messages",
    "Messages and rows that Slack and Notion have not been told yet.",
);
const PARKED: Metric = gauge(
    "credit_parked_messages",
    "Messages and rows that were refused and wait for a person.",
);
const OWED_SINCE: Metric = gauge(
    "credit_owed_since_timestamp_seconds",
    "Since when the oldest of what is owed is owed, in seconds since 1970.",
);
const AT: Metric = gauge(
    "credit_figures_timestamp_seconds",
    "When these figures were counted, in seconds since 1970.",
);
