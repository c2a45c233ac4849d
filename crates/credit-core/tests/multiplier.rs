//! Ratios and thresholds are compared without rounding.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use std::cmp::Ordering;

use credit_core::{Credits, Multiplier, MultiplierError, Ratio};
use proptest::prelude::*;

/// Compares a/b with c/d by their continued fractions, without a product that could overflow.
fn compare(a: u128, b: u128, c: u128, d: u128) -> Ordering {
    match (b, d) {
        (0, 0) => return Ordering::Equal,
        (0, _) => return Ordering::Greater,
        (_, 0) => return Ordering::Less,
        _ => {}
    }
    // x/y against z/w with both rests below one is w/z against y/x turned round.
    (a / b)
        .cmp(&(c / d))
        .then_with(|| compare(d, c % d, b, a % b))
}

fn credits() -> impl Strategy<Value = Credits> {
    let max = Credits::MAX.micro();
    prop_oneof![
        0..=max,
        0..=3_000_000_u64,
        (0_u32..=18).prop_map(|e| 10_u64.pow(e)),
        Just(max)
    ]
    .prop_map(|m| Credits::from_micro(m).unwrap())
}

fn baseline() -> impl Strategy<Value = Credits> {
    credits().prop_filter("no ratio to zero", |c| *c > Credits::ZERO)
}

fn threshold_micro() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..=20_000_000_u64,
        Just(0),
        Just(1),
        Just(u64::MAX)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn at_least_is_exact(credits in credits(), baseline in baseline(), threshold in threshold_micro()) {
        let ratio = Ratio::new(credits, baseline).unwrap();
        let exact = compare(credits.micro().into(), baseline.micro().into(), threshold.into(), 1_000_000);
        prop_assert_eq!(ratio.at_least(Multiplier::from_micro(threshold)), exact != Ordering::Less);
    }

    #[test]
    fn at_least_holds_on_the_boundary_and_not_just_below(
        baseline in 1..=1_000_000_000_u64, threshold in 1..=50_000_000_u64,
    ) {
        // baseline × threshold in whole micro-credits: scale the baseline by a million.
        let over = Credits::from_micro(baseline * 1_000_000).unwrap();
        let Some(exactly) = baseline.checked_mul(threshold).and_then(Credits::from_micro) else {
            return Ok(());
        };
        let threshold = Multiplier::from_micro(threshold);
        prop_assert!(Ratio::new(exactly, over).unwrap().at_least(threshold));
        let below = Credits::from_micro(exactly.micro() - 1).unwrap();
        prop_assert!(!Ratio::new(below, over).unwrap().at_least(threshold));
    }

    #[test]
    fn a_scaled_threshold_is_exact_too(
        credits in credits(), baseline in baseline(), threshold in 0..=1_000_000_000_u64, scale in 0..=1_000_000_000_u64,
    ) {
        let scaled = Multiplier::from_micro(threshold).scaled_by(Multiplier::from_micro(scale)).unwrap();
        let exact = compare(
            credits.micro().into(), baseline.micro().into(),
            u128::from(threshold) * u128::from(scale), 1_000_000_000_000,
        );
        prop_assert_eq!(Ratio::new(credits, baseline).unwrap().at_least(scaled), exact != Ordering::Less);
    }

    #[test]
    fn the_shown_ratio_is_cut_and_not_rounded(credits in credits(), baseline in baseline()) {
        let ratio = Ratio::new(credits, baseline).unwrap();
        let text = ratio.multiplier().six_decimals().to_string();
        let (whole, fraction) = text.split_once('.').unwrap();
        prop_assert_eq!(fraction.len(), 6);
        let (credits, baseline) = (u128::from(credits.micro()), u128::from(baseline.micro()));
        // Long division, digit by digit.
        prop_assert_eq!(whole.parse::<u128>().unwrap(), credits / baseline);
        let mut rest = credits % baseline;
        for digit in fraction.chars() {
            prop_assert_eq!(u128::from(digit.to_digit(10).unwrap()), rest * 10 / baseline);
            rest = rest * 10 % baseline;
        }
        // What is shown is a threshold that the ratio reaches, and reads back as it was written.
        let shown: Multiplier = text.parse().unwrap();
        prop_assert!(ratio.at_least(shown));
        prop_assert_eq!(shown, ratio.multiplier());
    }

    #[test]
    fn reached_is_exact_and_never_by_nothing(
        threshold in threshold_micro(), usual in 0..=1_000_000_000_u64, away in -1_i64..=1, anything: u64,
    ) {
        let border = u128::from(threshold) * u128::from(usual) / 1_000_000;
        let near = u64::try_from(border).map_or(u64::MAX, |border| border.saturating_add_signed(away));
        for found in [near, anything] {
            let exact = u128::from(found) * 1_000_000 >= u128::from(threshold) * u128::from(usual);
            let reached = Multiplier::from_micro(threshold).reached_by(found, usual);
            prop_assert_eq!(reached, exact && usual > 0, "{} of {}", found, usual);
        }
    }

    #[test]
    fn parsing_what_was_printed_gives_the_same_factor(micro in threshold_micro()) {
        let multiplier = Multiplier::from_micro(micro);
        prop_assert_eq!(multiplier.to_string().parse::<Multiplier>(), Ok(multiplier));
        prop_assert_eq!(multiplier.six_decimals().to_string().parse::<Multiplier>(), Ok(multiplier));
        let read: Multiplier = serde_json::from_str(&multiplier.to_string()).unwrap();
        prop_assert_eq!(read, multiplier);
        let nearest: f64 = multiplier.to_string().parse().unwrap();
        prop_assert!((multiplier.as_f64() - nearest).abs() <= nearest * 2.0 * f64::EPSILON);
    }

    #[test]
    fn a_seventh_decimal_is_refused_unless_it_is_zero(
        whole in 0..1_000_000_u32, six in "[0-9]{6}", more in "[0-9]{1,20}",
    ) {
        let token = format!("{whole}.{six}{more}");
        let exact = more.bytes().all(|b| b == b'0');
        let read = token.parse::<Multiplier>();
        if exact {
            prop_assert_eq!(read, format!("{whole}.{six}").parse::<Multiplier>());
        } else {
            prop_assert_eq!(read, Err(MultiplierError::TooPrecise));
        }
    }

    #[test]
    fn reading_any_text_does_not_panic(text in any::<String>()) {
        let _ = text.parse::<Multiplier>();
    }
}

#[test]
fn the_comparison_used_as_a_reference_is_right() {
    assert_eq!(compare(1, 2, 1, 3), Ordering::Greater);
    assert_eq!(compare(1, 3, 2, 6), Ordering::Equal);
    assert_eq!(compare(355, 113, 22, 7), Ordering::Less);
    assert_eq!(compare(0, 5, 0, 9), Ordering::Equal);
    assert_eq!(compare(0, 5, 1, u128::MAX), Ordering::Less);
}

#[test]
fn the_largest_amounts_and_thresholds_do_not_overflow() {
    let micro = Credits::from_micro(1).unwrap();
    let largest = Ratio::new(Credits::MAX, micro).unwrap();
    assert_eq!(
        largest.multiplier().six_decimals().to_string(),
        "1000000000000000000.000000"
    );
    assert!(largest.at_least("1e18".parse().unwrap()));
    assert!(!largest.at_least("1000000000000000000.000001".parse().unwrap()));
    let smallest = Ratio::new(micro, Credits::MAX).unwrap();
    assert_eq!(smallest.multiplier().to_string(), "0");
    assert!(smallest.at_least("0".parse().unwrap()));
    assert!(!smallest.at_least("0.000001".parse().unwrap()));

    let absurd: Multiplier = "340282366920938463463374607.431768".parse().unwrap();
    assert!(
        !Ratio::new(Credits::MAX, Credits::MAX)
            .unwrap()
            .at_least(absurd)
    );
    assert!(!largest.at_least(absurd));
    assert_eq!(absurd.scaled_by(absurd), None);
    assert_eq!(
        absurd.six_decimals().to_string(),
        "340282366920938463463374607.431768"
    );
    assert_eq!(
        "340282366920938463463374607.431769".parse::<Multiplier>(),
        Err(MultiplierError::TooLarge)
    );
    assert_eq!(
        "1e400".parse::<Multiplier>(),
        Err(MultiplierError::TooLarge)
    );
}

#[test]
fn there_is_no_ratio_to_zero() {
    assert_eq!(Ratio::new(Credits::MAX, Credits::ZERO), None);
    assert_eq!(Ratio::new(Credits::ZERO, Credits::ZERO), None);
}

#[test]
fn five_times_is_five_times() {
    let ratio = |a: &str, b: &str| Ratio::new(a.parse().unwrap(), b.parse().unwrap()).unwrap();
    let five: Multiplier = "5".parse().unwrap();
    assert!(ratio("0.5", "0.1").at_least(five));
    assert!(!ratio("0.499999", "0.1").at_least(five));
    let almost = ratio("4999999.9", "1000000");
    assert!(!almost.at_least(five));
    assert_eq!(almost.multiplier().six_decimals().to_string(), "4.999999");
    assert_eq!(
        ratio("5", "1").multiplier().six_decimals().to_string(),
        "5.000000"
    );
    assert_eq!("-1".parse::<Multiplier>(), Err(MultiplierError::Negative));
    assert_eq!(
        "1.5x".parse::<Multiplier>(),
        Err(MultiplierError::NotANumber)
    );
}

#[test]
fn a_distance_has_no_sign() {
    for (one, other, distance) in [("1.5", "5", "3.5"), ("5", "1.5", "3.5"), ("2", "2", "0")] {
        let [one, other] = [one, other].map(|text| text.parse::<Multiplier>().unwrap());
        assert_eq!(one.abs_diff(other).to_string(), distance);
        let [one, other] =
            [one, other].map(|factor| factor.to_string().parse::<Credits>().unwrap());
        assert_eq!(one.abs_diff(other).to_string(), distance);
    }
}

#[test]
fn millionths_are_exact_or_none() {
    let micro = |text: &str| text.parse::<Multiplier>().unwrap().micro();
    assert_eq!(micro("0"), Some(0));
    assert_eq!(micro("1.5"), Some(1_500_000));
    assert_eq!(micro("0.000001"), Some(1));
    let half_a_millionth = Multiplier::from_micro(1).scaled_by("0.5".parse().unwrap());
    assert_eq!(half_a_millionth.unwrap().micro(), None);
    assert_eq!(Multiplier::from_micro(u64::MAX).micro(), Some(u64::MAX));
}
