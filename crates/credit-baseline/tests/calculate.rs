//! What a baseline is calculated from, and what keeps a run out.

#![expect(
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

mod common;

use common::{facts, lines, record, time, unjudged, with_severity};
use credit_baseline::{
    Calculation, DriftRule, NoBaseline, Unhealthy, Window, calculate, is_healthy, unhealthy,
};
use credit_core::{
    Action, Actions, BaselineStatus, HealthyRule, Reason, RiskFlag, RiskFlags, RunFacts, RunRecord,
    Severity, Status,
};
use proptest::prelude::*;

fn rule() -> HealthyRule {
    HealthyRule {
        statuses: vec![Status::Success],
        retries_max: 1,
    }
}

fn window(as_of: &str, days: u32) -> Window {
    Window {
        as_of: time(as_of),
        days,
    }
}

#[track_caller]
fn check_unhealthy(reason: Option<Unhealthy>, change: impl FnOnce(&mut RunRecord)) {
    let mut record = record("R", "S", "2024-01-23T10:00:00Z", "100");
    change(&mut record);
    let line = record.to_json();
    let facts = RunFacts::parse(&line).unwrap();
    assert_eq!(unhealthy(&facts, &rule()), reason);
    assert_eq!(is_healthy(&facts, &rule()), reason.is_none());
}

#[test]
fn an_ordinary_run_is_healthy() {
    check_unhealthy(None, |_| {});
    check_unhealthy(None, |r| r.assessment.severity = Severity::Sev2);
    check_unhealthy(None, |r| r.run.retry_count = 1);
    check_unhealthy(None, |r| {
        r.assessment.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    });
}

#[test]
fn a_failed_run_is_left_out() {
    check_unhealthy(Some(Unhealthy::Status), |r| r.run.status = Status::Failed);
    check_unhealthy(Some(Unhealthy::Status), |r| {
        r.run.status = Status::Escalated
    });
}

#[test]
fn a_run_with_two_retries_is_left_out() {
    check_unhealthy(Some(Unhealthy::Retries), |r| r.run.retry_count = 2);
}

#[test]
fn an_incident_is_left_out() {
    for severity in [Severity::Sev0, Severity::Sev1] {
        check_unhealthy(Some(Unhealthy::Incident), |r| {
            r.assessment.severity = severity
        });
    }
}

#[test]
fn want_of_a_baseline_is_no_incident() {
    check_unhealthy(None, |r| *r = unjudged(r.clone()));
    check_unhealthy(None, |r| {
        r.assessment.severity = Severity::Sev1;
        r.assessment.reason = Reason::AboveZeroBaseline;
        r.assessment.baseline_status = BaselineStatus::Zero;
    });
}

#[test]
fn a_backfill_is_left_out() {
    check_unhealthy(Some(Unhealthy::Backfill), |r| {
        r.assessment.risk_flags = RiskFlags::NONE.with(RiskFlag::BackfillMode);
    });
}

#[test]
fn a_quarantined_run_is_left_out() {
    check_unhealthy(Some(Unhealthy::Quarantined), |r| {
        r.assessment.actions = Actions::NONE.with(Action::Quarantine);
    });
    // Also where the rule would take the status.
    let mut record = record("R", "S", "2024-01-23T10:00:00Z", "100");
    record.run.status = Status::Quarantined;
    let line = record.to_json();
    let rule = HealthyRule {
        statuses: vec![Status::Success, Status::Quarantined],
        ..rule()
    };
    let facts = RunFacts::parse(&line).unwrap();
    assert_eq!(unhealthy(&facts, &rule), Some(Unhealthy::Quarantined));
}

/// One healthy run a day from the first of January, at 1, 2, 3, … credits.
fn daily(days: u32) -> Vec<RunRecord> {
    (1..=days)
        .map(|day| {
            let at = format!("2024-01-{day:02}T10:00:00Z");
            record(&format!("R{day}"), "S", &at, &day.to_string())
        })
        .collect()
}

fn calculate_at(records: &[RunRecord], window: Window) -> Result<Calculation, NoBaseline> {
    calculate(
        &facts(&lines(records)),
        &"S".parse().unwrap(),
        window,
        &rule(),
    )
}

#[test]
fn the_window_includes_both_ends_and_nothing_later() {
    let calculation = calculate_at(&daily(31), window("2024-01-20T10:00:00Z", 10)).unwrap();
    assert_eq!(calculation.healthy_runs, 11);
    assert_eq!(calculation.credits.to_string(), "15");
    assert_eq!(calculation.first_healthy, time("2024-01-01T10:00:00Z"));
}

#[test]
fn later_incidents_are_unknown_and_earlier_ones_are_found_beyond_the_window() {
    let mut records = daily(28);
    records[2] = with_severity(records[2].clone(), Severity::Sev1);
    records[25] = with_severity(records[25].clone(), Severity::Sev0);
    let early = calculate_at(&records, window("2024-01-20T10:00:00Z", 5)).unwrap();
    assert_eq!(early.last_incident.unwrap().0.as_str(), "R3");
    let late = calculate_at(&records, window("2024-01-28T10:00:00Z", 5)).unwrap();
    assert_eq!(late.last_incident.unwrap().0.as_str(), "R26");
    assert_eq!(late.excluded[&Unhealthy::Incident], 1);
    assert_eq!(late.healthy_runs, 5);
}

#[test]
fn an_unknown_scenario_and_too_little_data_are_told_apart() {
    let as_of = window("2024-01-20T10:00:00Z", 30);
    let other = calculate(
        &facts(&lines(&daily(5))),
        &"X".parse().unwrap(),
        as_of,
        &rule(),
    );
    let other = other.unwrap_err();
    assert!(matches!(other, NoBaseline::UnknownScenario { .. }));
    assert_eq!(
        other.to_string(),
        "no run of scenario `X` is known up to 2024-01-20T10:00:00Z; check its spelling"
    );
    // What lies in the future is not known yet.
    let before = calculate_at(&daily(5), window("2023-12-31T00:00:00Z", 30)).unwrap_err();
    assert!(matches!(before, NoBaseline::UnknownScenario { .. }));

    let mut records = daily(3);
    records[0].run.status = Status::Failed;
    records[1].run.retry_count = 7;
    records[2].run.retry_count = 8;
    assert_eq!(
        calculate_at(&records, as_of).unwrap_err().to_string(),
        "scenario `S` has no healthy run in the 30 days up to 2024-01-20T10:00:00Z: \
         3 left out (1 status, 2 retries)"
    );
    let empty_window = calculate_at(&daily(3), window("2024-01-20T10:00:00Z", 3)).unwrap_err();
    assert!(matches!(
        empty_window,
        NoBaseline::NoHealthyRuns { runs: 0, .. }
    ));
}

#[test]
fn the_line_has_two_decimals_half_to_even() {
    for (credits, shown) in [
        ("1250.50", "1250.50"),
        ("1250.505", "1250.50"),
        ("1250.515", "1250.52"),
        ("1250.505001", "1250.51"),
        ("0.000098", "0.00"),
        ("0.999999", "1.00"),
        ("1000000000000", "1000000000000.00"),
    ] {
        let run = record("R", "BINDER_EXPORT_WEEKLY", "2024-01-23T10:00:00Z", credits);
        let scenario = run.run.scenario_id.clone();
        let as_of = window("2024-01-23T10:00:00Z", 30);
        let line = calculate(&facts(&lines(&[run])), &scenario, as_of, &rule())
            .unwrap()
            .line();
        assert_eq!(
            line,
            format!(
                "[baseline-calculator] Calculated baseline for BINDER_EXPORT_WEEKLY: {shown} \
                 (from 1 healthy runs)"
            )
        );
    }
}

#[test]
fn free_runs_have_a_baseline_of_zero_and_no_variation() {
    let free = [record("R", "S", "2024-01-23T10:00:00Z", "0")];
    let calculation = calculate_at(&free, window("2024-01-23T10:00:00Z", 30)).unwrap();
    assert_eq!(calculation.credits.micro(), 0);
    assert_eq!(calculation.cv, None);
}

#[test]
fn the_entry_names_when_it_was_calculated_and_put_into_force() {
    let calculation = calculate_at(&daily(28), window("2024-01-28T10:00:00Z", 30)).unwrap();
    let baseline = calculation.baseline(time("2024-01-29T08:00:00Z"));
    assert_eq!(baseline.credits.to_string(), "14.5");
    assert_eq!(baseline.sample_size, 28);
    assert_eq!(baseline.calculated_at, time("2024-01-28T10:00:00Z"));
    assert_eq!(baseline.last_updated, time("2024-01-29T08:00:00Z"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_order_of_runs_never_matters(order in Just((0..28).collect::<Vec<usize>>()).prop_shuffle()) {
        let mut records = daily(28);
        // Two incidents at one time, so that a tie has to be broken.
        records[10].run.timestamp = records[11].run.timestamp;
        for at in [10, 11] {
            records[at] = with_severity(records[at].clone(), Severity::Sev1);
        }
        let shuffled: Vec<RunRecord> = order.iter().map(|at| records[*at].clone()).collect();
        let window = window("2024-01-28T10:00:00Z", 20);
        prop_assert_eq!(calculate_at(&records, window), calculate_at(&shuffled, window));
    }
}

#[test]
fn what_is_usual_is_the_median_of_the_healthy_runs_that_say_so() {
    let stated = |tokens: &[Option<u64>], items: &[Option<u64>]| {
        let mut records = daily(tokens.len() as u32);
        for ((record, tokens), items) in records.iter_mut().zip(tokens).zip(items) {
            record.run.input_tokens = *tokens;
            record.run.input_item_count = *items;
            record.run.credits = "10".parse().unwrap();
        }
        let usual = calculate_at(&records, window("2024-01-31T10:00:00Z", 3_650))
            .unwrap()
            .usual;
        let rate = usual.credits_per_item.map(|rate| rate.to_string());
        (usual.input_tokens, rate)
    };
    assert_eq!(stated(&[None; 3], &[None; 3]), (None, None));
    // No items are no rate.
    assert_eq!(stated(&[None; 2], &[Some(0), None]), (None, None));
    let third = Some("3.333333333333".to_owned());
    assert_eq!(
        stated(
            &[Some(900), None, Some(100)],
            &[Some(3), Some(1_000), Some(1)]
        ),
        (Some(500), third)
    );
    // The middle of an even number lies half-way, rounded half to even.
    let tokens = |values: [u64; 2]| stated(&values.map(Some), &[Some(2), Some(4)]);
    assert_eq!(tokens([2, 3]), (Some(2), Some("3.75".to_owned())));
    assert_eq!(tokens([4, 3]).0, Some(4));
    assert_eq!(tokens([u64::MAX >> 11, 0]).0, Some(1 << 52));
}

#[test]
fn unhealthy_runs_say_nothing_of_what_is_usual() {
    let mut records = daily(5);
    for record in &mut records {
        record.run.input_tokens = Some(100);
    }
    let odd = records.first_mut().unwrap();
    odd.run.input_tokens = Some(1_000_000);
    odd.run.retry_count = 9;
    let calculation = calculate_at(&records, window("2024-01-31T10:00:00Z", 3_650)).unwrap();
    assert_eq!(calculation.usual.input_tokens, Some(100));
    assert_eq!(
        calculation.baseline(time("2024-02-01T00:00:00Z")).usual,
        calculation.usual
    );
}

/// A job that costs six times as much since the 20th has nothing but incidents since then.
#[test]
fn a_change_is_found_among_incidents_that_no_baseline_counts() {
    let records: Vec<RunRecord> = (0..40)
        .map(|n| {
            let day = 10 + n / 2;
            let at = format!("2024-01-{day:02}T{:02}:00:00Z", 10 * (n % 2));
            let usual = record(
                &format!("R-{n}"),
                "S",
                &at,
                if day < 20 { "100" } else { "600" },
            );
            if day < 20 {
                usual
            } else {
                with_severity(usual, Severity::Sev1)
            }
        })
        .collect();
    let lines = lines(&records);
    let all = window("2024-02-01T00:00:00Z", 30);
    let found = calculate(&facts(&lines), &"S".parse().unwrap(), all, &rule()).unwrap();
    assert_eq!(found.credits.to_string(), "100");

    let drift = DriftRule {
        significance: 0.01,
        ratio_min: "1.2".parse().unwrap(),
        runs_min: 6,
    };
    let changes = found.changes(&drift);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].at, time("2024-01-20T00:00:00Z"));
    assert_eq!(changes[0].after.to_string(), "600");
}
