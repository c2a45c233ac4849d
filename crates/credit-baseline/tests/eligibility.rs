//! Every criterion of the update gate at its boundary, and the note that records a change.

#![expect(
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

use credit_baseline::{
    Baseline, Calculation, Change, Eligibility, Note, Outcome, Window, eligibility, rationale_note,
};
use credit_core::{Credits, DayUsual, Timestamp, UpdateGate, Weekday, Weekdays};
use proptest::prelude::*;

const GATE: UpdateGate = UpdateGate {
    quiet_days: 14,
    span_days: 30,
    healthy_runs_min: 10,
    cv_below: 0.3,
    change_percent_max: 50,
};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

/// Passes every criterion, with nothing to spare.
fn calculation() -> Calculation {
    Calculation {
        scenario_id: "S".parse().unwrap(),
        credits: credits("150"),
        healthy_runs: 10,
        excluded: std::collections::BTreeMap::new(),
        cv: Some(0.299_999),
        first_healthy: time("2024-01-01T10:00:00Z"),
        last_incident: Some(("R".parse().unwrap(), time("2024-01-17T10:00:00Z"))),
        robust_variation: None,
        usual: Default::default(),
        weekdays: None,
        changed_at: None,
        runs: Vec::new(),
        incidents: Vec::new(),
        window: Window {
            as_of: time("2024-01-31T10:00:00Z"),
            days: 30,
        },
    }
}

fn old(credits_text: &str) -> Baseline {
    Baseline {
        credits: credits(credits_text),
        ..calculation().baseline(time("2023-12-01T00:00:00Z"))
    }
}

#[track_caller]
fn check(calculation: &Calculation, old: Option<&Baseline>, failed: &[&str]) -> Eligibility {
    let verdict = eligibility(calculation, old, &GATE);
    let found: Vec<String> = verdict.failed().map(ToString::to_string).collect();
    assert_eq!(found, failed);
    assert_eq!(verdict.is_eligible(), failed.is_empty());
    assert_eq!(verdict.criteria().len(), 5);
    verdict
}

#[test]
fn the_boundaries_pass() {
    check(&calculation(), Some(&old("100")), &[]);
    check(&calculation(), None, &[]);
}

#[test]
fn an_incident_thirteen_days_ago_fails_and_fifteen_pass() {
    let at = |text| Calculation {
        last_incident: Some(("R".parse().unwrap(), time(text))),
        ..calculation()
    };
    check(
        &at("2024-01-18T10:00:00Z"),
        None,
        &["no_incident: 13 days, must be at least 14 days"],
    );
    check(&at("2024-01-16T10:00:00Z"), None, &[]);
    // One nanosecond short is not shown as the limit.
    check(
        &at("2024-01-17T10:00:00.000000001Z"),
        None,
        &["no_incident: 13.99 days, must be at least 14 days"],
    );
    let none = Calculation {
        last_incident: None,
        ..calculation()
    };
    let verdict = check(&none, None, &[]);
    assert_eq!(
        verdict.criteria()[0].to_string(),
        "no_incident: none, must be at least 14 days"
    );
}

#[test]
fn a_short_span_fails() {
    let short = Calculation {
        first_healthy: time("2024-01-01T10:00:01Z"),
        ..calculation()
    };
    check(
        &short,
        None,
        &["span: 29.99 days, must be at least 30 days"],
    );
}

#[test]
fn nine_healthy_runs_fail() {
    let few = Calculation {
        healthy_runs: 9,
        ..calculation()
    };
    check(&few, None, &["healthy_runs: 9, must be at least 10"]);
}

#[test]
fn no_gate_asks_for_fewer_than_six_runs() {
    let few = Calculation {
        healthy_runs: 5,
        ..calculation()
    };
    let gate = UpdateGate {
        healthy_runs_min: 1,
        ..GATE
    };
    assert!(!eligibility(&few, None, &gate).is_eligible());
    let six = Calculation {
        healthy_runs: 6,
        ..calculation()
    };
    assert!(eligibility(&six, None, &gate).is_eligible());
}

#[test]
fn a_wide_or_absent_variation_fails() {
    for (cv, why) in [
        (Some(0.3), "cv: 0.3, must be below 0.3"),
        (Some(0.433_617), "cv: 0.4336, must be below 0.3"),
        (None, "cv: none, must be below 0.3"),
    ] {
        check(
            &Calculation {
                cv,
                ..calculation()
            },
            None,
            &[why],
        );
    }
}

#[test]
fn a_change_beyond_half_fails_until_investigated() {
    let to = |text| Calculation {
        credits: credits(text),
        ..calculation()
    };
    let old = old("100");
    check(&to("119"), Some(&old), &[]);
    check(&to("135"), Some(&old), &[]);
    check(&to("50"), Some(&old), &[]);
    check(&to("49"), Some(&old), &["change: 51%, must be at most 50%"]);
    check(
        &to("150.000001"),
        Some(&old),
        &["change: 50.01%, must be at most 50%"],
    );
    let verdict = check(
        &to("151"),
        Some(&old),
        &["change: 51%, must be at most 50%"],
    );
    let excused = verdict.investigated();
    assert!(excused.is_eligible());
    assert_eq!(excused.criteria()[4].outcome, Outcome::Excused);
}

#[test]
fn a_change_beyond_a_fifth_passes_with_a_note() {
    let to = |text| Calculation {
        credits: credits(text),
        ..calculation()
    };
    for (new, outcome) in [
        ("119", Outcome::Passed),
        ("120", Outcome::Passed),
        ("120.000001", Outcome::Noted),
        ("135", Outcome::Noted),
        ("150", Outcome::Noted),
        ("80", Outcome::Passed),
        ("79.999999", Outcome::Noted),
        ("150.000001", Outcome::Failed),
    ] {
        let verdict = eligibility(&to(new), Some(&old("100")), &GATE);
        assert_eq!(verdict.criteria()[4].outcome, outcome, "{new}");
    }
    let first = eligibility(&to("135"), None, &GATE);
    assert_eq!(first.criteria()[4].outcome, Outcome::Passed);
}

#[test]
fn after_a_stated_change_two_weeks_are_enough() {
    let changed = |at: &str| Calculation {
        changed_at: Some(time(at)),
        ..calculation()
    };
    // The window ends on the 31st at ten.
    check(&changed("2024-01-17T10:00:00Z"), None, &[]);
    let too_early = "span: 13.99 days, must be at least 14 days";
    check(&changed("2024-01-17T10:00:01Z"), None, &[too_early]);
    // Without the statement it takes thirty days.
    let young = Calculation {
        first_healthy: time("2024-01-17T10:00:00Z"),
        ..calculation()
    };
    check(&young, None, &["span: 14 days, must be at least 30 days"]);
}

#[test]
fn of_several_weekdays_the_greatest_change_counts() {
    let days = |saturday: &str| -> Option<Weekdays> {
        let usual = DayUsual {
            credits: credits(saturday),
            sample_size: 8,
            bounds: None,
        };
        Some([(Weekday::Saturday, usual)].into_iter().collect())
    };
    let new = |weekdays| Calculation {
        credits: credits("100"),
        weekdays,
        ..calculation()
    };
    let old = |weekdays| Baseline {
        weekdays,
        ..old("100")
    };
    // Nothing changes overall; on Saturdays it does, from the old value of that day.
    check(&new(days("150")), Some(&old(None)), &[]);
    let too_much = "change: 60%, must be at most 50%";
    check(&new(days("160")), Some(&old(None)), &[too_much]);
    check(&new(days("160")), Some(&old(days("150"))), &[]);
    // Nor is a day that is given up overlooked: from 40 back to 100.
    let given_up = "change: 150%, must be at most 50%";
    check(&new(None), Some(&old(days("40"))), &[given_up]);
    let from_nothing = "change: none, must be at most 50%";
    check(&new(days("1")), Some(&old(days("0"))), &[from_nothing]);
}

#[test]
fn an_investigation_excuses_nothing_but_the_change() {
    let few = Calculation {
        healthy_runs: 9,
        ..calculation()
    };
    let verdict = eligibility(&few, Some(&old("10")), &GATE).investigated();
    let failed: Vec<_> = verdict.failed().map(|c| c.name).collect();
    assert_eq!(failed, ["healthy_runs"]);
}

#[test]
fn a_zero_baseline_divides_nothing() {
    check(
        &calculation(),
        Some(&old("0")),
        &["change: none, must be at most 50%"],
    );
    assert!(
        eligibility(&calculation(), Some(&old("0")), &GATE)
            .investigated()
            .is_eligible()
    );
    let to_zero = Calculation {
        credits: Credits::ZERO,
        cv: None,
        ..calculation()
    };
    check(&to_zero, Some(&old("0")), &["cv: none, must be below 0.3"]);
    check(
        &to_zero,
        Some(&old("100")),
        &[
            "cv: none, must be below 0.3",
            "change: 100%, must be at most 50%",
        ],
    );
}

#[test]
fn changes_are_shown_with_one_decimal() {
    for (old, new, shown) in [
        ("1250.50", "1425.75", "+14.0%"),
        ("100", "50", "-50.0%"),
        ("100", "100", "0.0%"),
        ("100", "100.049", "0.0%"),
        ("100", "99.951", "0.0%"),
        ("100", "100.05", "0.0%"),
        ("100", "100.15", "+0.2%"),
        ("0", "0", "0.0%"),
        ("0.000001", "1000000000000", "+99999999999999999900.0%"),
    ] {
        assert_eq!(
            Change::new(credits(old), credits(new)).unwrap().to_string(),
            shown
        );
    }
    assert_eq!(Change::new(Credits::ZERO, credits("1")), None);
}

fn note(old: Option<&str>, cv: Option<f64>, reasons: &[&str]) -> String {
    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    rationale_note(&Note {
        scenario_id: &"BINDER_EXPORT_WEEKLY".parse().unwrap(),
        date: "2024-01-23".parse().unwrap(),
        operator: "lead-3",
        approval: "O3-lead-3-2024-01-23T10:00:00Z",
        old: old.map(credits),
        new: credits("1425.75"),
        reasons: &reasons,
        sample_size: 28,
        days: 30,
        cv,
        cv_below: 0.3,
    })
}

#[test]
fn the_note_has_the_runbooks_form() {
    let reasons = [
        "Prompt optimization deployed on 2024-01-15",
        "New prompt increases context window by 15%",
        "Variance stable over last 2 weeks",
        "No SEV0/SEV1 incidents since optimization",
    ];
    let expected = "\
# Baseline Update: BINDER_EXPORT_WEEKLY

**Date:** 2024-01-23
**Operator:** O3 lead-3
**Approval:** O3-lead-3-2024-01-23T10:00:00Z

**Old Baseline:** 1250.50 credits
**New Baseline:** 1425.75 credits
**Change:** +14.0%

**Rationale:**
- Prompt optimization deployed on 2024-01-15
- New prompt increases context window by 15%
- Variance stable over last 2 weeks
- No SEV0/SEV1 incidents since optimization

**Sample Size:** 28 healthy runs over 30 days
**Coefficient of Variation:** 0.18 (stable)
";
    assert_eq!(note(Some("1250.50"), Some(0.18), &reasons), expected);
}

#[test]
fn the_note_says_what_has_no_figure() {
    let first = note(None, None, &[]);
    assert!(first.contains("**Old Baseline:** none\n"));
    assert!(first.contains("**Change:** first baseline\n"));
    assert!(first.contains("**Rationale:**\n- No reason was given.\n"));
    assert!(first.contains("Variation:** none (the runs cost nothing)\n"));
    let from_zero = note(Some("0"), Some(0.2999), &["a\n**Approval:** O3-x"]);
    assert!(from_zero.contains("**Old Baseline:** 0.00 credits\n"));
    assert!(from_zero.contains("**Change:** from zero\n"));
    assert!(from_zero.contains("- a **Approval:** O3-x\n"));
    assert!(from_zero.contains("Variation:** 0.29 (stable)\n"));
    let tiny = note(Some("0.1107"), Some(0.3), &["x"]);
    assert!(tiny.contains("**Old Baseline:** 0.1107 credits\n"));
    assert!(tiny.contains("Variation:** 0.30 (not stable)\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_change_exceeds_what_its_exact_size_exceeds(
        old in 1..=Credits::MAX.micro(), new in 0..=Credits::MAX.micro(), limit in 0..1_000_u32,
    ) {
        let amount = |micro| Credits::from_micro(micro).unwrap();
        let change = Change::new(amount(old), amount(new)).unwrap();
        let size = u128::from(old.abs_diff(new)) * 100;
        prop_assert_eq!(change.exceeds(limit), size > u128::from(old) * u128::from(limit));
        let shown: f64 = change.percent().to_string().parse().unwrap();
        let exact = (new as f64 - old as f64) / old as f64 * 100.0;
        prop_assert!((shown - exact).abs() <= 0.0501 + exact.abs() * 1e-12);
    }
}
