//! Credits and their sums are exact.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use credit_core::{Credits, CreditsError, TotalCredits};
use proptest::prelude::*;

/// The amount in micro-credits that `mantissa × 10^exponent` credits stand for, half to even, by
/// integer division; `None` above the largest amount.
fn expected_micro(mantissa: u128, exponent: i32) -> Option<u64> {
    let shift = exponent + 6;
    let micro = if shift >= 0 {
        let factor = 10_u128.checked_pow(shift.unsigned_abs());
        match (mantissa, factor) {
            (0, _) => Some(0),
            (_, factor) => mantissa.checked_mul(factor?),
        }
    } else {
        let Some(divisor) = 10_u128.checked_pow(shift.unsigned_abs()) else {
            // Mantissas here have at most 37 digits: less than a tenth of a unit.
            return Some(0);
        };
        let (quotient, rest) = (mantissa / divisor, mantissa % divisor);
        let up = match rest.cmp(&(divisor - rest)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => quotient % 2 == 1,
            std::cmp::Ordering::Greater => true,
        };
        Some(quotient + u128::from(up))
    };
    micro
        .and_then(|m| u64::try_from(m).ok())
        .filter(|m| *m <= Credits::MAX.micro())
}

/// Amounts of every magnitude, the ends included.
fn micro() -> impl Strategy<Value = u64> {
    let max = Credits::MAX.micro();
    prop_oneof![
        0..=max,
        0..=2_000_000_u64,
        (0_u32..=18).prop_map(|e| 10_u64.pow(e)),
        (max - 1_000)..=max,
    ]
}

fn credits() -> impl Strategy<Value = Credits> {
    micro().prop_map(|m| Credits::from_micro(m).unwrap())
}

fn read(token: &str) -> Result<u64, CreditsError> {
    token.parse::<Credits>().map(Credits::micro)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn parsing_what_was_printed_gives_the_same_amount(credits in credits()) {
        let text = credits.to_string();
        prop_assert_eq!(text.parse::<Credits>(), Ok(credits));
        prop_assert!(!text.contains(['e', 'E', '-', '+']));
        if let Some((_, fraction)) = text.split_once('.') {
            prop_assert!((1..=6).contains(&fraction.len()) && !fraction.ends_with('0'), "{}", text);
        }
        let json = serde_json::to_string(&credits).unwrap();
        prop_assert_eq!(&json, &text);
        prop_assert_eq!(serde_json::from_str::<Credits>(&json).unwrap(), credits);
    }

    #[test]
    fn every_form_of_a_number_means_the_same(
        credits in credits(), shift in -30_i32..30, upper: bool, plus: bool, zeros in 0_usize..12,
    ) {
        // The same amount as digits × 10^(−6), its point moved and the exponent moved back.
        let digits = format!("{:07}", credits.micro());
        let (sign, e) = (if plus { "+" } else { "" }, if upper { 'E' } else { 'e' });
        let exponent = |n: i32| if n < 0 { n.to_string() } else { format!("{sign}{n}") };
        let whole = digits.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let padded = format!("{whole}{e}{}", exponent(-6));
        prop_assert_eq!(read(&padded), Ok(credits.micro()), "{}", padded);

        let small = format!("0.{}{whole}{e}{}", "0".repeat(zeros),
            exponent(i32::try_from(whole.len() + zeros).unwrap() - 6));
        prop_assert_eq!(read(&small), Ok(credits.micro()), "{}", small);

        let trailing = format!("{whole}.{}{e}{}", "0".repeat(zeros + 1), exponent(-6));
        prop_assert_eq!(read(&trailing), Ok(credits.micro()), "{}", trailing);

        if shift >= 0 {
            let long = format!("{whole}{}{e}{}", "0".repeat(shift.unsigned_abs() as usize), exponent(-6 - shift));
            prop_assert_eq!(read(&long), Ok(credits.micro()), "{}", long);
        }
    }

    #[test]
    fn more_decimals_are_rounded_half_to_even(
        whole in prop_oneof![0_u128..=9, 0_u128..=1_000_000_000_000],
        fraction in "[0-9]{7,24}",
        exponent in -20_i32..20,
    ) {
        let places = i32::try_from(fraction.len()).unwrap();
        let mantissa: u128 = format!("{whole}{fraction}").parse().unwrap();
        let plain = format!("{whole}.{fraction}");
        prop_assert_eq!(read(&plain).ok(), expected_micro(mantissa, -places), "{}", plain);
        let token = format!("{plain}e{exponent}");
        prop_assert_eq!(read(&token).ok(), expected_micro(mantissa, exponent - places), "{}", token);
    }

    #[test]
    fn halves_go_to_the_even_neighbour(micro in 0..1_000_000_000_000_u64, zeros in 0_usize..20, rest in 0_u8..=9) {
        let half = format!("{}.{:06}5{}", micro / 1_000_000, micro % 1_000_000, "0".repeat(zeros));
        prop_assert_eq!(read(&half), Ok(micro + micro % 2), "{}", half);
        let beyond = format!("{half}{rest}");
        let up = if rest == 0 { micro % 2 } else { 1 };
        prop_assert_eq!(read(&beyond), Ok(micro + up), "{}", beyond);
    }

    #[test]
    fn reading_any_text_does_not_panic(text in any::<String>()) {
        let _ = text.parse::<Credits>();
    }

    #[test]
    fn numbers_are_what_json_says_they_are(token in "-?[0-9]{0,3}\\.?[0-9]{0,3}([eE][+-]?[0-9]{0,2})?") {
        let is_number = serde_json::from_str::<serde_json::Value>(&token).is_ok_and(|v| v.is_number())
            && !token.contains(' ');
        let is_word = matches!(read(&token), Err(CreditsError::NotANumber));
        prop_assert_eq!(is_number, !is_word, "{}", token);
    }

    #[test]
    fn sums_do_not_depend_on_order(
        (before, after) in prop::collection::vec(credits(), 0..50)
            .prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        cut in 0_usize..50,
    ) {
        let total: TotalCredits = before.iter().copied().sum();
        prop_assert_eq!(total, after.iter().copied().sum());
        prop_assert_eq!(total.micro(), before.iter().map(|c| u128::from(c.micro())).sum::<u128>());
        let (left, right) = after.split_at(cut.min(after.len()));
        let mut joined: TotalCredits = right.iter().copied().sum();
        joined += left.iter().copied().sum::<TotalCredits>();
        prop_assert_eq!(joined, total);
    }

    #[test]
    fn a_mean_is_the_nearest_amount(amounts in prop::collection::vec(credits(), 1..40)) {
        let total: TotalCredits = amounts.iter().copied().sum();
        let runs = amounts.len() as u64;
        let mean = u128::from(total.mean(runs).unwrap().micro());
        // |mean × runs − total| ≤ runs / 2, and at exactly one half the mean is even.
        let distance = (mean * u128::from(runs)).abs_diff(total.micro()) * 2;
        prop_assert!(distance <= u128::from(runs));
        prop_assert!(distance < u128::from(runs) || mean % 2 == 0);
        prop_assert!(total.mean(0).is_none());
    }
}

#[test]
fn the_ends_of_the_range_are_inside_and_one_more_is_not() {
    assert_eq!(read("1000000000000"), Ok(Credits::MAX.micro()));
    assert_eq!(read("1e12"), Ok(Credits::MAX.micro()));
    assert_eq!(read("1000000000000.0000004"), Ok(Credits::MAX.micro()));
    for over in [
        "1000000000000.000001",
        "1e13",
        "1e300",
        "9e999999999999999999",
        "1e99999999999999999999",
    ] {
        assert_eq!(read(over), Err(CreditsError::TooLarge), "{over}");
    }
    assert_eq!(Credits::whole(1_000_000_000_000), Some(Credits::MAX));
    assert_eq!(Credits::whole(1_000_000_000_001), None);
    assert_eq!(Credits::whole(u64::MAX), None);
    assert_eq!(Credits::from_micro(Credits::MAX.micro() + 1), None);
}

#[test]
fn zero_has_no_sign_and_less_than_zero_is_refused() {
    for zero in [
        "0",
        "-0",
        "0.0",
        "-0.000000",
        "0e99999999999",
        "0e-99999999999",
        "1e-99999999999999999999",
        "-0E0",
    ] {
        assert_eq!(read(zero), Ok(0), "{zero}");
        assert_eq!(zero.parse::<Credits>().unwrap().to_string(), "0");
    }
    for negative in ["-1", "-0.0000001", "-1e-300", "-12.5"] {
        assert_eq!(read(negative), Err(CreditsError::Negative), "{negative}");
    }
    assert_eq!(read("1e-300"), Ok(0));
    assert_eq!(read("9.859e-05"), Ok(99));
}

#[test]
fn other_spellings_are_not_numbers() {
    for token in [
        "", " ", " 1", "1 ", "+1", "01", "00", ".5", "5.", "1.2.3", "1e", "1e+", "1e1.0", "0x10",
        "NaN", "Infinity", "-", "--1", "1_000", "1,5", "\"12\"", "null", "true", "[]", "{}", "١",
    ] {
        assert_eq!(read(token), Err(CreditsError::NotANumber), "{token:?}");
    }
}

#[test]
fn the_largest_sums_fit() {
    let mut total = TotalCredits::default();
    for _ in 0..1_000_000 {
        total += Credits::MAX;
    }
    assert_eq!(total.to_string(), "1000000000000000000");
    assert_eq!(total.mean(1_000_000), Some(Credits::MAX));
    assert_eq!(
        serde_json::to_string(&total).unwrap(),
        "1000000000000000000"
    );
    // Fewer runs than went in: more than any run can cost.
    assert_eq!(total.mean(1), None);
    // What is read back leaves room for more.
    let most = TotalCredits::from_micro((1 << 120) - 1).unwrap();
    assert_eq!(most.micro(), (1 << 120) - 1);
    assert_eq!(most.to_string(), "1329227995784915872903807060280.344575");
    assert_eq!(TotalCredits::from_micro(1 << 120), None);
    assert_eq!(TotalCredits::from_micro(total.micro()), Some(total));
}
