//! What an item costs: exact to 10⁻¹² credits, and compared without overflow.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use credit_core::{
    Bounds, BoundsError, Credits, CreditsError, CreditsPerItem, DayUsual, Multiplier, Weekday,
    Weekdays,
};
use proptest::prelude::*;

fn rate(text: &str) -> CreditsPerItem {
    text.parse().unwrap()
}

fn tolerance(text: &str) -> Multiplier {
    text.parse().unwrap()
}

#[test]
fn what_is_read_is_what_was_written() {
    for text in [
        "0",
        "0.000000000001",
        "0.3125",
        "1000000000000",
        "12.000000000001",
    ] {
        assert_eq!(rate(text).to_string(), text);
        let json = serde_json::to_string(&rate(text)).unwrap();
        assert_eq!(json, text);
        assert_eq!(
            serde_json::from_str::<CreditsPerItem>(&json).unwrap(),
            rate(text)
        );
    }
    // What jq divides has more decimals; they are rounded half to even.
    assert_eq!(rate("0.33333333333333331").to_string(), "0.333333333333");
    assert_eq!(rate("0.0000000000025").to_string(), "0.000000000002");
    for (text, error) in [
        ("-1", CreditsError::Negative),
        ("\"1\"", CreditsError::NotANumber),
        ("1000000000000.1", CreditsError::TooLarge),
        ("1e99", CreditsError::TooLarge),
    ] {
        assert_eq!(text.parse::<CreditsPerItem>(), Err(error), "{text}");
    }
}

#[test]
fn beyond_128_bits_the_answer_is_still_right() {
    let (dearest, most) = (CreditsPerItem::new(Credits::MAX, 1).unwrap(), u64::MAX);
    for (credits, items, share, near) in [
        // As good as nothing beside what was usual: only a tolerance of everything takes it.
        (Credits::MAX, most, "0.999999", false),
        (Credits::MAX, most, "1", true),
        (Credits::ZERO, most, "1", true),
        (Credits::ZERO, most, "0.999999", false),
        (Credits::MAX, 1, "0", true),
        (Credits::MAX, 2, "0.5", true),
        (Credits::MAX, 2, "0.499999", false),
        (Credits::MAX, 1_000_000, "0.999999", true),
        (Credits::MAX, 1_000_001, "0.999999", false),
        (Credits::MAX, 0, "1000000", false),
        (Credits::ZERO, 0, "1", false),
    ] {
        let found = dearest.is_near(credits, items, tolerance(share));
        assert_eq!(found, near, "{credits} for {items} items within {share}");
    }
    let free = rate("0");
    assert!(free.is_near(Credits::ZERO, 5, tolerance("0")));
    assert!(!free.is_near(Credits::from_micro(1).unwrap(), 5, tolerance("1000000")));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rate_is_the_nearest_to_the_fraction(micro in 0..=Credits::MAX.micro(), items in 1_u64..) {
        let found = CreditsPerItem::new(Credits::from_micro(micro).unwrap(), items).unwrap();
        let text = found.to_string();
        prop_assert_eq!(text.parse::<CreditsPerItem>(), Ok(found));
        // Twice the distance to the fraction is at most one unit, in units of 10⁻¹² over items.
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let pico: u128 = format!("{whole}{fraction:0<12}").parse().unwrap();
        let exact = u128::from(micro) * 1_000_000;
        prop_assert!((pico * u128::from(items)).abs_diff(exact) * 2 <= u128::from(items));
    }

    #[test]
    fn the_mean_lies_between_and_does_not_depend_on_the_order(
        a in 0..=Credits::MAX.micro(),
        b in 0..=Credits::MAX.micro(),
        items in 1..1_000_u64,
    ) {
        let rate = |micro| CreditsPerItem::new(Credits::from_micro(micro).unwrap(), items).unwrap();
        let (a, b) = (rate(a), rate(b));
        let mean = a.mean(b);
        prop_assert!(a.min(b) <= mean && mean <= a.max(b));
        prop_assert_eq!(mean, b.mean(a));
    }

    #[test]
    fn both_ends_of_a_tolerance_are_near_and_what_lies_beyond_is_not(
        whole in 1..1_000_u64,
        items in 1..1_000_u64,
        share in 0..=2_000_000_u64,
    ) {
        let usual = rate(&whole.to_string());
        let tolerance = Multiplier::from_micro(share);
        let near = |micro| usual.is_near(Credits::from_micro(micro).unwrap(), items, tolerance);
        let upper = whole * items * (1_000_000 + share);
        prop_assert!(near(upper) && !near(upper + 1));
        let lower = whole * items * 1_000_000_u64.saturating_sub(share);
        prop_assert!(near(lower) && (lower == 0 || !near(lower - 1)));
    }
}

#[test]
fn so_many_items_cost_whole_micro_credits() {
    for (usual, items, cost) in [
        ("0.3333335", 3, Some("1")),
        ("0.000000999999", 1, Some("0")),
        ("0.000000999999", 1_000_002, Some("1")),
        ("2.5", 0, Some("0")),
        ("1000000000000", 1, Some("1000000000000")),
        ("1000000000000", 2, None),
        ("1000000000000", u64::MAX, None),
    ] {
        let cost = cost.map(|cost| cost.parse().unwrap());
        assert_eq!(rate(usual).times(items), cost, "{items} items at {usual}");
    }
}

#[test]
fn a_tie_goes_to_the_even_one() {
    for (micro, pico) in [(1, 0), (3, 2), (5, 2), (7, 4), (9, 4)] {
        // Half of a 10⁻¹² of a credit is what a micro-credit gives each of two million items.
        let credits = Credits::from_micro(micro).unwrap();
        let rate = CreditsPerItem::new(credits, 2_000_000).unwrap();
        assert_eq!(rate.pico(), Some(pico), "{micro}");
        let mean = [micro / 2, micro / 2 + 1].map(rate_of);
        assert_eq!(mean[0].mean(mean[1]).pico(), Some(pico), "{micro}");
    }
}

fn rate_of(pico: u64) -> CreditsPerItem {
    rate(&format!("0.{pico:012}"))
}

#[test]
fn days_that_differ_are_kept_monday_first() {
    let usual = |credits: u64| DayUsual {
        credits: Credits::whole(credits).unwrap(),
        sample_size: 8,
        bounds: None,
    };
    let days = [(Weekday::Sunday, usual(3)), (Weekday::Monday, usual(1))];
    let weekdays: Weekdays = days.into_iter().collect();
    assert!(!weekdays.is_empty() && Weekdays::default().is_empty());
    assert_eq!(weekdays.get(Weekday::Sunday), Some(&usual(3)));
    assert_eq!(weekdays.get(Weekday::Friday), None);
    let order: Vec<Weekday> = weekdays.iter().map(|(day, _)| day).collect();
    assert_eq!(order, [Weekday::Monday, Weekday::Sunday]);
    let weekend = Weekday::ALL.iter().filter(|day| day.is_weekend());
    assert!(weekend.eq(&[Weekday::Saturday, Weekday::Sunday]));
    let json = serde_json::to_string(&weekdays).unwrap();
    assert_eq!(serde_json::from_str::<Weekdays>(&json).unwrap(), weekdays);
}

#[test]
fn bounds_hold_their_ends_and_nothing_beyond() {
    let [below, lower, upper, above] = [9, 10, 12, 13].map(|n| Credits::whole(n).unwrap());
    let bounds = Bounds::new(lower, upper).unwrap();
    assert_eq!((bounds.lower(), bounds.upper()), (lower, upper));
    let inside = [below, lower, upper, above].map(|credits| bounds.contains(credits));
    assert_eq!(inside, [false, true, true, false]);
    assert_eq!(Bounds::new(upper, lower), None);
    assert_eq!(Bounds::of(Some(lower), None), Err(BoundsError::Lonely));
    assert_eq!(Bounds::of(None, Some(lower)), Err(BoundsError::Lonely));
    assert_eq!(
        Bounds::of(Some(upper), Some(lower)),
        Err(BoundsError::Reversed)
    );
    assert_eq!(Bounds::of(None, None), Ok(None));
}
