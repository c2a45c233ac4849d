//! The scenarios' figures as comma-separated values, for spreadsheets.

use std::fmt::{self, Write};

use credit_core::Multiplier;

use crate::{ScenarioTotal, WeeklyReport};

impl WeeklyReport {
    /// Every scenario's figures, the dearest first, with a header; `\n` ends a line (RFC 4180
    /// readers take that, too). What is not known is empty.
    ///
    /// Nothing needs quoting: ids begin with a letter or digit and hold none of `,"`, so that no
    /// spreadsheet takes one for a formula.
    pub fn scenarios_csv(&self) -> String {
        let mut out = String::from(HEADER);
        for scenario in &self.scenarios {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{}", Row(scenario));
        }
        out
    }
}

struct Row<'a>(&'a ScenarioTotal);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0;
        let [sev0, sev1, sev2, sev3, sev4] = s.severity_counts;
        let interval = s.median_interval;
        let ratio = |m: Option<Multiplier>| OrEmpty(m.map(Multiplier::six_decimals));
        write!(
            f,
            "{},{},{},{},{},{},",
            s.scenario_id,
            s.total_credits,
            OrEmpty(s.expected_credits),
            s.run_count,
            s.prev_run_count,
            s.run_count_change()
        )?;
        write!(
            f,
            "{},{},{},{},{},{},",
            s.avg_credits,
            s.median_credits,
            OrEmpty(interval.map(|i| i.lower)),
            OrEmpty(interval.map(|i| i.upper)),
            s.p95_credits,
            s.max_credits
        )?;
        write!(
            f,
            "{},{},{},{},{sev0},{sev1},{sev2},{sev3},{sev4},{}",
            OrEmpty(s.baseline),
            ratio(s.variance_multiplier),
            ratio(s.mean_variance_multiplier),
            s.notable,
            s.uncertain_count
        )
    }
}

struct OrEmpty<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for OrEmpty<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(f))
    }
}

const HEADER: &str = "scenario_id,total_credits,expected_credits,run_count,prev_run_count,\
    run_count_change,avg_credits,median_credits,median_low,median_high,p95_credits,max_credits,\
    baseline,variance_multiplier,mean_variance_multiplier,notable,sev0_count,sev1_count,\
    sev2_count,sev3_count,sev4_count,uncertain_count\n";
