//! What holds for every week.

#![expect(
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

mod common;

use std::collections::BTreeMap;

use common::{baselines, context, facts, lines, record};
use credit_core::RunRecord;
use credit_report::{Context, weekly};
use proptest::prelude::*;

/// Runs of eight scenarios over four weeks, many at the same time or with the same cost.
fn runs() -> impl Strategy<Value = Vec<RunRecord>> {
    let credits = prop_oneof![0..5_000_000_u64, Just(100_000_000), 0..2_000_000_000_u64];
    let baseline = prop_oneof![Just(None), Just(Some("0")), Just(Some("100"))];
    let run = (0..8_u8, 0..28_u32, credits, baseline);
    prop::collection::vec(run, 0..60).prop_map(|runs| {
        runs.into_iter()
            .enumerate()
            .map(|(n, (scenario, day, micro, baseline))| {
                let at = format!("2024-01-{:02}T00:00:00Z", day + 4);
                let credits = credit_core::Credits::from_micro(micro).unwrap().to_string();
                record(
                    &format!("R{n}"),
                    &format!("S{scenario}"),
                    &at,
                    &credits,
                    baseline,
                )
            })
            .collect()
    })
}

fn shuffled() -> impl Strategy<Value = (Vec<RunRecord>, Vec<RunRecord>)> {
    runs().prop_flat_map(|runs| (Just(runs.clone()), Just(runs).prop_shuffle()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn the_order_of_runs_never_matters((given, shuffled) in shuffled()) {
        let baselines = baselines(&[("S0", "100"), ("S1", "0"), ("S2", "3")]);
        let context = context(&baselines);
        // The chain's numbers belong to the lines, so the lines are shuffled and not the records.
        let given_lines = lines(&given);
        let order = |id: &str| given.iter().position(|r| r.run.run_id.as_str() == id).unwrap();
        let shuffled_lines: Vec<String> = shuffled
            .iter()
            .map(|r| given_lines[order(r.run.run_id.as_str())].clone())
            .collect();
        prop_assert_eq!(
            weekly(&facts(&given_lines), &context).to_json(),
            weekly(&facts(&shuffled_lines), &context).to_json()
        );
    }

    #[test]
    fn the_top_scenarios_equal_a_naive_computation(records in runs()) {
        let (lines, baselines) = (lines(&records), baselines(&[]));
        let context = context(&baselines);
        let mut totals: BTreeMap<&str, (u128, usize)> = BTreeMap::new();
        for record in records.iter().filter(|r| context.period.contains(r.run.timestamp)) {
            let total = totals.entry(record.run.scenario_id.as_str()).or_default();
            total.0 += u128::from(record.run.credits.micro());
            total.1 += 1;
        }
        let mut naive: Vec<_> = totals.into_iter().collect();
        // Stable: ties stay in the order of their ids.
        naive.sort_by_key(|(_, (total, _))| std::cmp::Reverse(*total));
        naive.truncate(5);
        let report = weekly(&facts(&lines), &context);
        let found: Vec<_> = report
            .top_scenarios_by_total()
            .iter()
            .map(|s| (s.scenario_id.as_str(), (s.total_credits.micro(), s.run_count as usize)))
            .collect();
        prop_assert_eq!(found, naive);
    }

    #[test]
    fn the_figures_fit_together(records in runs()) {
        let lines = lines(&records);
        let baselines = baselines(&[("S0", "100"), ("S1", "0"), ("S2", "3")]);
        let report = weekly(&facts(&lines), &context(&baselines));
        for s in report.top_scenarios_by_total() {
            prop_assert!(s.median_credits <= s.p95_credits && s.p95_credits <= s.max_credits);
            prop_assert!(s.avg_credits <= s.max_credits);
            prop_assert_eq!(
                s.variance_multiplier.is_some(),
                s.baseline.is_some_and(|b| b.micro() > 0)
            );
        }
        let stats = report.summary_stats;
        prop_assert_eq!(stats.severity_counts.iter().sum::<u64>(), stats.total_runs);
        let grave = stats.severity_counts[0] + stats.severity_counts[1];
        prop_assert_eq!(report.policy_violations.len() as u64, grave);
        prop_assert!(report.review_queue.len() as u64 >= stats.severity_counts[2]);
        let screened: std::collections::BTreeSet<_> = report
            .baseline_candidates.iter().map(|c| &c.scenario_id)
            .chain(report.baseline_ineligible.iter().map(|i| &i.scenario_id))
            .collect();
        let listed = report.baseline_candidates.len() + report.baseline_ineligible.len();
        prop_assert_eq!(screened.len(), listed);
        let parsed: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        prop_assert_eq!(parsed.as_object().unwrap().len(), 29);
    }

    #[test]
    fn consecutive_weeks_count_every_run_once(records in runs()) {
        let (lines, baselines) = (lines(&records), baselines(&[]));
        let facts = facts(&lines);
        let mut total = 0;
        for end in ["2024-01-08", "2024-01-15", "2024-01-22", "2024-01-29", "2024-02-05"] {
            let end = end.parse::<credit_core::Day>().unwrap().start();
            let period = credit_core::Period::days_until(7, end);
            total += weekly(&facts, &Context { period, ..context(&baselines) }).summary_stats.total_runs;
        }
        prop_assert_eq!(total, records.len() as u64);
    }
}
