//! The candidate gate at each of its boundaries.

mod common;

use common::{baselines, context, facts, lines, record};
use credit_core::{RunRecord, Severity};
use credit_report::{Context, WeeklyReport, weekly};

/// One run an hour of scenario `S`, judged by a baseline of 100.
fn runs(credits: &[&str]) -> Vec<RunRecord> {
    credits
        .iter()
        .enumerate()
        .map(|(n, credits)| {
            let at = format!("2024-01-25T{n:02}:00:00Z");
            record(&format!("R{n}"), "S", &at, credits, Some("100"))
        })
        .collect()
}

fn report(records: &[RunRecord], baseline: Option<&str>) -> WeeklyReport {
    let baselines = match baseline {
        Some(credits) => baselines(&[("S", credits)]),
        None => baselines(&[]),
    };
    let lines = lines(records);
    weekly(&facts(&lines), &context(&baselines))
}

#[track_caller]
fn check(report: &WeeklyReport, failed: &[&str], is_drift: bool) {
    let found: Vec<String> = report
        .baseline_ineligible
        .iter()
        .flat_map(|i| i.failed.iter().map(ToString::to_string))
        .collect();
    assert_eq!(found, failed);
    assert_eq!(
        report.baseline_candidates.len(),
        usize::from(failed.is_empty())
    );
    assert_eq!(
        report.baseline_ineligible.len(),
        usize::from(!failed.is_empty())
    );
    assert_eq!(report.drift_candidates.len(), usize::from(is_drift));
}

#[test]
fn ten_runs_are_enough_and_nine_are_not() {
    check(&report(&runs(&["100"; 10]), Some("100")), &[], false);
    check(
        &report(&runs(&["100"; 9]), Some("100")),
        &["runs: 9, must be at least 10"],
        false,
    );
}

#[test]
fn a_candidate_shows_its_figures() {
    let mut credits = vec!["100"; 9];
    credits.push("121");
    let report = report(&runs(&credits), Some("99"));
    let [candidate] = report.baseline_candidates.as_slice() else {
        panic!("one candidate");
    };
    assert_eq!(candidate.proposed_median_credits.to_string(), "100");
    assert_eq!(
        candidate
            .variance_multiplier
            .unwrap()
            .six_decimals()
            .to_string(),
        "1.010101"
    );
    assert_eq!(
        candidate
            .mean_variance_multiplier
            .unwrap()
            .six_decimals()
            .to_string(),
        "1.031313"
    );
    assert_eq!(candidate.run_count, 10);
    assert_eq!(candidate.cv.to_string(), "0.0617");
}

#[test]
fn a_median_of_1_199_passes_and_1_2_does_not() {
    check(&report(&runs(&["119.9"; 10]), Some("100")), &[], false);
    check(&report(&runs(&["119.999999"; 10]), Some("100")), &[], false);
    check(
        &report(&runs(&["120"; 10]), Some("100")),
        &["variance: 1.200000, must be below 1.200000"],
        true,
    );
}

#[test]
fn a_median_below_the_band_is_drift_too() {
    check(&report(&runs(&["100"; 10]), Some("119.999999")), &[], false);
    let report = report(&runs(&["100"; 10]), Some("120"));
    check(
        &report,
        &["variance: 0.833333, must be above 0.833333"],
        true,
    );
    assert!(report.to_json().contains("\"direction\": \"down\""));
}

#[test]
fn a_variation_of_exactly_0_30_is_left_out() {
    let spread = |low, high| -> Vec<&str> { [low, high].into_iter().cycle().take(10).collect() };
    check(
        &report(&runs(&spread("70", "130")), Some("100")),
        &["cv: 0.3, must be below 0.3"],
        false,
    );
    check(
        &report(&runs(&spread("70.000001", "130")), Some("100")),
        &[],
        false,
    );
}

#[test]
fn one_incident_is_too_many() {
    for severity in [Severity::Sev0, Severity::Sev1] {
        let mut records = runs(&["100"; 11]);
        records[3].assessment.severity = severity;
        let failed = &["incidents: 1, must be at most 0"];
        check(&report(&records, Some("100")), failed, false);
    }
    // Drifted, but not stable.
    let mut records = runs(&["130"; 11]);
    records[3].assessment.severity = Severity::Sev1;
    let failed = &[
        "incidents: 1, must be at most 0",
        "variance: 1.300000, must be below 1.200000",
    ];
    check(&report(&records, Some("100")), failed, false);
}

#[test]
fn want_of_a_baseline_at_the_time_is_no_incident() {
    let mut records = runs(&["100"; 12]);
    for n in 0..6 {
        let at = format!("2024-01-24T{n:02}:00:00Z");
        records.push(record(&format!("U{n}"), "S", &at, "100", None));
    }
    check(&report(&records, Some("100")), &[], false);
}

#[test]
fn without_a_baseline_there_is_nothing_to_confirm() {
    let failed = &["baseline: none, must be above 0"];
    check(&report(&runs(&["100"; 10]), None), failed, false);
    check(
        &report(&runs(&["100"; 10]), Some("0")),
        &["baseline: 0, must be above 0"],
        false,
    );
    check(
        &report(&runs(&["0"; 10]), Some("0")),
        &[
            "cv: none, must be below 0.3",
            "baseline: 0, must be above 0",
        ],
        false,
    );
    check(
        &report(&runs(&["0"; 10]), Some("100")),
        &[
            "cv: none, must be below 0.3",
            "variance: 0.000000, must be above 0.833333",
        ],
        false,
    );
}

#[test]
fn the_baseline_in_force_counts_and_not_the_one_of_the_time() {
    let report = report(&runs(&["100"; 10]), Some("40"));
    let totals = &report.top_scenarios_by_total()[0];
    assert_eq!(
        totals
            .variance_multiplier
            .unwrap()
            .six_decimals()
            .to_string(),
        "2.500000"
    );
    assert!(totals.notable);
    assert!(report.top_spike_runs.is_empty());
}

#[test]
fn exactly_twice_is_not_notable() {
    let at =
        |baseline| report(&runs(&["100"; 10]), Some(baseline)).top_scenarios_by_total()[0].notable;
    assert!(!at("50"));
    assert!(at("49.999999"));
    assert!(!at("0"));
}

#[test]
fn other_gates_move_the_boundaries() {
    let records = runs(&["130"; 3]);
    let (lines, baselines) = (lines(&records), baselines(&[("S", "100")]));
    let mut context: Context<'_> = context(&baselines);
    context.candidate_gate.runs_min = 3;
    context.candidate_gate.variance_below = "1.300001".parse().unwrap();
    assert_eq!(
        weekly(&facts(&lines), &context).baseline_candidates.len(),
        1
    );
}
