//! What one scenario's runs of one day come to: a part of the figures of any span of days.

use credit_core::{Credits, RunFacts, Timestamp};

use crate::{DearRun, Dearest, Sums};

/// What some runs of one scenario come to, with what exact medians, percentiles and change points
/// take. Partials of disjoint sets of runs join exactly: in whatever order runs are added and
/// partials are joined, the same runs give the same partial.
///
/// ```
/// use credit_core::RunFacts;
/// use credit_report::Partial;
///
/// let line = |id: &str, time: &str, credits: u32| format!(
///     r#"{{"Run_ID":"{id}","Timestamp":"2024-01-23T{time}Z","Scenario_ID":"EXPORT","Status":"Success","Credits_Total":{credits},"Severity":"SEV4","Risk_Flags":[],"Misconfig_Likelihood":"Low","Baseline_Expected_Credits":100,"Baseline_Status":"current","Variance_Multiplier":1.000000,"retry_count":0,"actions":[]}}"#,
/// );
/// let (first, second) = (line("R1", "10:00:00", 90), line("R2", "09:00:00", 110));
/// let of = |line: &str| Ok::<_, serde_json::Error>(Partial::of(&RunFacts::parse(line)?));
/// let (mut early, mut late) = (of(&second)?, of(&first)?);
/// early.join(of(&first)?);
/// late.join(of(&second)?);
/// assert_eq!(early, late);
/// assert_eq!(early.sums().total_credits().to_string(), "200");
/// assert_eq!(early.runs()[0].1.to_string(), "110", "the oldest first");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Partial {
    sums: Sums,
    dearest: Dearest,
    /// INVARIANT: sorted by time, spelling of the time, and credits.
    runs: Vec<(Timestamp, Credits)>,
}

impl Partial {
    /// That of one run.
    pub fn of(run: &RunFacts<'_>) -> Partial {
        let mut partial = PartialBuilder::default();
        partial.add(run);
        partial.finish()
    }

    /// One that was taken apart; `None` if the runs are not in their order, or not as many and not
    /// as dear as the sums say.
    pub fn from_parts(
        sums: Sums,
        dearest: Dearest,
        runs: Vec<(Timestamp, Credits)>,
    ) -> Option<Partial> {
        let total = runs.iter().map(|(_, credits)| *credits).sum();
        let fits = runs.is_sorted_by_key(order)
            && runs.len() as u64 == sums.run_count()
            && sums.total_credits() == total;
        fits.then_some(Partial {
            sums,
            dearest,
            runs,
        })
    }

    /// Adds those of other runs.
    pub fn join(&mut self, other: Partial) {
        self.sums.join(&other.sums);
        self.dearest.join(&other.dearest);
        let was_sorted = match (self.runs.last(), other.runs.first()) {
            (Some(last), Some(first)) => order(last) <= order(first),
            _ => true,
        };
        self.runs.extend(other.runs);
        if !was_sorted {
            // Two sorted runs of elements are merged, not sorted anew.
            self.runs.sort_by_key(order);
        }
    }

    /// Counts and sums.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// The runs that cost most.
    pub fn dearest(&self) -> &Dearest {
        &self.dearest
    }

    /// As [`Partial::runs`], to keep.
    pub fn into_runs(self) -> Vec<(Timestamp, Credits)> {
        self.runs
    }

    /// When each run finished and what it cost, the oldest first.
    pub fn runs(&self) -> &[(Timestamp, Credits)] {
        &self.runs
    }
}

/// A partial to which runs are added one after the other.
#[derive(Debug, Default)]
pub struct PartialBuilder {
    /// Its runs are in no order yet.
    partial: Partial,
}

impl PartialBuilder {
    /// Adds a run.
    pub fn add(&mut self, run: &RunFacts<'_>) {
        let Partial {
            sums,
            dearest,
            runs,
        } = &mut self.partial;
        sums.add(run.timestamp, run.credits, run.severity, run.actions);
        if dearest.may_take(run.credits) {
            dearest.take(DearRun::from(run));
        }
        runs.push((run.timestamp, run.credits));
    }

    /// The partial of the runs that were added.
    pub fn finish(mut self) -> Partial {
        self.partial.runs.sort_unstable_by_key(order);
        self.partial
    }
}

/// The order of runs that depends on nothing but themselves.
fn order(run: &(Timestamp, Credits)) -> (Timestamp, (u8, u32), Credits) {
    (run.0, run.0.decimals(), run.1)
}
