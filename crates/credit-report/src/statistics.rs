//! Exact statistics over any number of runs, without keeping the runs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use credit_baseline::{
    MedianInterval, coefficient_of_variation, median, median_interval, nearest_rank,
};
use credit_core::json::{ObjectWriter, pretty};
use credit_core::{Credits, Day, Period, RunFacts, RunTally, ScenarioId, Severity, Timestamp};

use crate::json::{OrNull, array, head, severity_counts};
use crate::scenarios::CONFIDENCE;
use crate::{DearRun, Dearest, HeadRef, Partial, Sums};

/// Runs that are counted, by scenario and day. Of each run its amount is kept, which takes eight
/// bytes, and at most sixteen while the list of them grows: what exact medians and percentiles
/// need.
///
/// Tallies of disjoint sets of runs join exactly, in whatever order.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    period: Option<Period>,
    scenarios: Vec<Counted>,
    index: HashMap<ScenarioId, usize>,
    days: BTreeMap<Day, Sums>,
    dearest: Dearest,
    unreadable: u64,
}

#[derive(Clone, Debug)]
struct Counted {
    id: ScenarioId,
    sums: Sums,
    amounts: Vec<Credits>,
}

impl Tally {
    /// One that counts the runs of a period only; `None` for all.
    pub fn new(period: Option<Period>) -> Tally {
        Tally {
            period,
            ..Tally::default()
        }
    }

    /// Counts a run.
    pub fn add(&mut self, run: &RunFacts<'_>) {
        if !self.wants(run.timestamp) {
            return;
        }
        self.count(
            run.scenario_id.as_str(),
            run.timestamp,
            run.credits,
            |sums| {
                sums.add(run.timestamp, run.credits, run.severity, run.actions);
            },
        );
        if self.dearest.may_take(run.credits) {
            self.dearest.take(DearRun::from(run));
        }
    }

    /// Counts a run of which no more was read; whether its ids are ones. One whose are not is
    /// left to the caller.
    #[must_use]
    pub fn add_tally(&mut self, run: &RunTally<'_>) -> bool {
        if !self.wants(run.timestamp) {
            return true;
        }
        if self.dearest.may_take(run.credits) {
            let (Ok(run_id), Ok(scenario_id)) = (run.run_id.parse(), run.scenario_id.parse())
            else {
                return false;
            };
            self.dearest.take(DearRun {
                credits: run.credits,
                run_id,
                scenario_id,
                timestamp: run.timestamp,
                severity: run.severity,
            });
        }
        self.count(run.scenario_id, run.timestamp, run.credits, |sums| {
            sums.add(run.timestamp, run.credits, run.severity, run.actions);
        })
    }

    /// Counts the runs of a scenario's partial, all of which finished on a day of the period.
    pub fn add_partial(&mut self, scenario: &ScenarioId, day: Day, partial: &Partial) {
        self.days.entry(day).or_default().join(partial.sums());
        self.dearest.join(partial.dearest());
        if let Some(counted) = self.scenario(scenario.as_str()) {
            counted.sums.join(partial.sums());
            let amounts = partial.runs().iter().map(|(_, credits)| *credits);
            counted.amounts.extend(amounts);
        }
    }

    /// Counts a line that could not be read.
    pub fn add_unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Counts what another one counted.
    pub fn join(&mut self, other: Tally) {
        for (day, sums) in &other.days {
            self.days.entry(*day).or_default().join(sums);
        }
        self.dearest.join(&other.dearest);
        self.unreadable += other.unreadable;
        for theirs in other.scenarios {
            if let Some(counted) = self.scenario(theirs.id.as_str()) {
                counted.sums.join(&theirs.sums);
                if counted.amounts.is_empty() {
                    counted.amounts = theirs.amounts;
                } else {
                    counted.amounts.extend_from_slice(&theirs.amounts);
                }
            }
        }
    }

    /// The figures, as of a head of the ledger; of one scenario if one is given.
    pub fn finish(self, ledger_head: Option<HeadRef>) -> Statistics {
        let mut scenarios: Vec<ScenarioStatistics> =
            self.scenarios.into_iter().filter_map(figures).collect();
        scenarios.sort_unstable_by(|a, b| {
            let key = |s: &ScenarioStatistics| Reverse(s.sums.total_credits());
            (key(a), &a.scenario_id).cmp(&(key(b), &b.scenario_id))
        });
        let mut sums = Sums::default();
        self.days.values().for_each(|day| sums.join(day));
        let days = self.days.into_iter();
        Statistics {
            period: self.period,
            ledger_head,
            sums,
            scenarios,
            days: days.map(|(day, sums)| DaySums { day, sums }).collect(),
            dearest: self.dearest,
            unreadable: self.unreadable,
        }
    }

    fn wants(&self, at: Timestamp) -> bool {
        self.period.is_none_or(|period| period.contains(at))
    }

    /// Whether the scenario's id is one.
    fn count(
        &mut self,
        scenario: &str,
        at: Timestamp,
        credits: Credits,
        add: impl Fn(&mut Sums),
    ) -> bool {
        let Some(counted) = self.scenario(scenario) else {
            return false;
        };
        add(&mut counted.sums);
        counted.amounts.push(credits);
        add(self.days.entry(at.day()).or_default());
        true
    }

    /// `None` for what is no id.
    fn scenario(&mut self, id: &str) -> Option<&mut Counted> {
        let at = match self.index.get(id) {
            Some(at) => *at,
            None => {
                let id: ScenarioId = id.parse().ok()?;
                self.index.insert(id.clone(), self.scenarios.len());
                self.scenarios.push(Counted {
                    id,
                    sums: Sums::default(),
                    amounts: Vec::new(),
                });
                self.scenarios.len() - 1
            }
        };
        self.scenarios.get_mut(at)
    }
}

fn figures(counted: Counted) -> Option<ScenarioStatistics> {
    let Counted {
        id,
        sums,
        mut amounts,
    } = counted;
    let runs = sums.run_count();
    Some(ScenarioStatistics {
        scenario_id: id,
        avg_credits: sums.total_credits().mean(runs)?,
        cv: coefficient_of_variation(&amounts),
        median_credits: median(&mut amounts)?,
        median_interval: median_interval(&mut amounts, CONFIDENCE),
        p95_credits: nearest_rank(&mut amounts, 95)?,
        p99_credits: nearest_rank(&mut amounts, 99)?,
        max_credits: nearest_rank(&mut amounts, 100)?,
        sums,
    })
}

/// Exact figures over runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Of which period; `None` for all time.
    pub period: Option<Period>,
    /// The ledger's head that they stand on.
    pub ledger_head: Option<HeadRef>,
    /// Over all runs.
    pub sums: Sums,
    /// By scenario, the dearest first, ties by id.
    pub scenarios: Vec<ScenarioStatistics>,
    /// By UTC day, the oldest first; days without runs are left out.
    pub days: Vec<DaySums>,
    /// The runs that cost most.
    pub dearest: Dearest,
    /// Lines that could not be read, so that the figures are too low.
    pub unreadable: u64,
}

/// What one scenario's runs come to.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioStatistics {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// Counts and sums.
    pub sums: Sums,
    /// The mean, rounded half to even to a micro-credit.
    pub avg_credits: Credits,
    /// The median.
    pub median_credits: Credits,
    /// Where the true median lies with 95 % confidence; six runs are the fewest that tell.
    pub median_interval: Option<MedianInterval>,
    /// The 95th percentile by nearest rank.
    pub p95_credits: Credits,
    /// The 99th percentile by nearest rank.
    pub p99_credits: Credits,
    /// The dearest run.
    pub max_credits: Credits,
    /// The coefficient of variation; `None` where every run cost nothing.
    pub cv: Option<f64>,
}

/// What one day's runs count up to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DaySums {
    /// The UTC day.
    pub day: Day,
    /// Counts and sums.
    pub sums: Sums,
}

impl Statistics {
    /// The version of the form.
    pub const SCHEMA_VERSION: u32 = 1;

    /// The figures as JSON, the same bytes for the same figures; the keys are in the crate's
    /// documentation.
    pub fn to_json(&self) -> String {
        let mut out = ObjectWriter::new();
        out.token("schema_version", Statistics::SCHEMA_VERSION);
        let bound = |at: Option<Timestamp>| OrNull(at.map(|at| format!("\"{at}\"")));
        out.token("period_start", bound(self.period.map(|p| p.start)));
        out.token("period_end", bound(self.period.map(|p| p.end)));
        out.token("ledger_head", head(self.ledger_head));
        out.token("unreadable_lines", self.unreadable);
        out.token("summary_stats", sums(&self.sums));
        out.token("dearest_runs", array(self.dearest.runs(), dear_run));
        out.token("scenarios", array(&self.scenarios, scenario));
        out.token("days", array(&self.days, day));
        pretty(&out.finish())
    }

    /// Every scenario's figures, the dearest first, with a header; as
    /// [`WeeklyReport::scenarios_csv`](crate::WeeklyReport::scenarios_csv).
    pub fn scenarios_csv(&self) -> String {
        let mut out = String::from(
            "scenario_id,total_credits,run_count,avg_credits,median_credits,median_low,\
             median_high,p95_credits,p99_credits,max_credits,cv,sev0_count,sev1_count,\
             sev2_count,sev3_count,sev4_count\n",
        );
        for s in &self.scenarios {
            let cells = [
                s.scenario_id.to_string(),
                s.sums.total_credits().to_string(),
                s.sums.run_count().to_string(),
                s.avg_credits.to_string(),
                s.median_credits.to_string(),
                or_empty(s.median_interval.map(|i| i.lower)),
                or_empty(s.median_interval.map(|i| i.upper)),
                s.p95_credits.to_string(),
                s.p99_credits.to_string(),
                s.max_credits.to_string(),
                or_empty(s.cv.map(credit_baseline::Figure::Fraction)),
            ];
            let counts = s.sums.severity_counts.map(|count| count.to_string());
            out.push_str(&[cells.as_slice(), counts.as_slice()].concat().join(","));
            out.push('\n');
        }
        out
    }
}

fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn sums(sums: &Sums) -> String {
    let mut out = ObjectWriter::new();
    write_sums(&mut out, sums);
    let (total, runs) = (sums.total_credits(), sums.run_count());
    out.token("avg_credits_per_run", OrNull(total.mean(runs)));
    for (severity, credits) in Severity::ALL.iter().zip(sums.severity_credits) {
        let key = format!("{}_credits", severity.as_str().to_lowercase());
        out.token(&key, credits);
    }
    out.token("blocked_count", sums.blocked);
    out.token("quarantined_count", sums.quarantined);
    out.finish()
}

fn write_sums(out: &mut ObjectWriter, sums: &Sums) {
    out.token("total_credits", sums.total_credits());
    out.token("total_runs", sums.run_count());
    severity_counts(out, sums.severity_counts);
}

fn dear_run(run: &DearRun) -> String {
    let mut out = ObjectWriter::new();
    out.plain("run_id", &run.run_id);
    out.plain("scenario_id", &run.scenario_id);
    out.plain("timestamp", run.timestamp);
    out.plain("severity", run.severity);
    out.token("credits", run.credits);
    out.finish()
}

fn scenario(s: &ScenarioStatistics) -> String {
    let mut out = ObjectWriter::new();
    out.plain("scenario_id", &s.scenario_id);
    out.token("total_credits", s.sums.total_credits());
    out.token("run_count", s.sums.run_count());
    out.token("avg_credits", s.avg_credits);
    out.token("median_credits", s.median_credits);
    out.token("median_low", OrNull(s.median_interval.map(|i| i.lower)));
    out.token("median_high", OrNull(s.median_interval.map(|i| i.upper)));
    out.token("p95_credits", s.p95_credits);
    out.token("p99_credits", s.p99_credits);
    out.token("max_credits", s.max_credits);
    out.token("cv", OrNull(s.cv.map(credit_baseline::Figure::Fraction)));
    severity_counts(&mut out, s.sums.severity_counts);
    out.finish()
}

fn day(of: &DaySums) -> String {
    let mut out = ObjectWriter::new();
    out.plain("day", of.day);
    write_sums(&mut out, &of.sums);
    out.finish()
}
