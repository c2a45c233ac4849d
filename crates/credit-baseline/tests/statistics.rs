//! Median, nearest rank and coefficient of variation hold their laws.

use credit_baseline::{coefficient_of_variation, median, nearest_rank};
use credit_core::Credits;
use proptest::prelude::*;
use statrs::statistics::Statistics as _;

fn credits(micro: impl IntoIterator<Item = u64>) -> Vec<Credits> {
    micro.into_iter().filter_map(Credits::from_micro).collect()
}

#[test]
fn nearest_ranks_of_known_sizes() {
    for (size, rank) in [(100, 95), (20, 19), (19, 19), (21, 20), (2, 2), (1, 1)] {
        let mut amounts = credits(1..=size);
        assert_eq!(
            nearest_rank(&mut amounts, 95),
            Credits::from_micro(rank),
            "of {size}"
        );
    }
    assert_eq!(nearest_rank(&mut credits(1..=4), 0), Credits::from_micro(1));
    assert_eq!(
        nearest_rank(&mut credits(1..=4), 100),
        Credits::from_micro(4)
    );
    assert_eq!(nearest_rank(&mut credits(1..=4), 101), None);
    assert_eq!(nearest_rank(&mut [], 95), None);
}

#[test]
fn an_even_median_rounds_half_to_even() {
    for (low, high, middle) in [(1, 2, 2), (2, 3, 2), (3, 4, 4), (1, 3, 2), (0, 1, 0)] {
        assert_eq!(
            median(&mut credits([high, low])),
            Credits::from_micro(middle)
        );
    }
    assert_eq!(
        median(&mut [Credits::MAX, Credits::MAX]),
        Some(Credits::MAX)
    );
}

#[test]
fn a_spread_of_exactly_three_tenths_is_not_below_it() {
    for scale in [1, 7, 1_000, 1_000_000, 123_456_789] {
        let amounts = credits([70, 130, 70, 130].map(|c| c * scale));
        assert_eq!(
            coefficient_of_variation(&amounts),
            Some(0.3),
            "times {scale}"
        );
    }
    assert_eq!(coefficient_of_variation(&credits([5, 5, 5])), Some(0.0));
    assert_eq!(coefficient_of_variation(&[]), None);
    assert_eq!(coefficient_of_variation(&credits([0, 0])), None);
}

/// One figure of a slice, whichever.
fn all_figures(amounts: &mut [Credits]) -> (Option<Credits>, Option<Credits>, Option<u64>) {
    let cv = coefficient_of_variation(amounts).map(f64::to_bits);
    (median(amounts), nearest_rank(amounts, 95), cv)
}

fn amounts() -> impl Strategy<Value = Vec<Credits>> {
    let one = prop_oneof![
        0_u64..2_000_000_000,
        0..=Credits::MAX.micro(),
        Just(1_000_000)
    ];
    prop::collection::vec(one, 1..80).prop_map(credits)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_never_matters(
        (mut shuffled, mut given) in amounts()
            .prop_flat_map(|a| (Just(a.clone()).prop_shuffle(), Just(a)))
    ) {
        prop_assert_eq!(all_figures(&mut shuffled), all_figures(&mut given));
    }

    #[test]
    fn the_figures_equal_a_naive_computation(mut amounts in amounts()) {
        let mut sorted = amounts.clone();
        sorted.sort_unstable();
        let n = sorted.len();
        let (low, high) = (sorted[(n - 1) / 2].micro(), sorted[n / 2].micro());
        let twice = u128::from(low) + u128::from(high);
        let median = median(&mut amounts).unwrap();
        prop_assert!((u128::from(median.micro()) * 2).abs_diff(twice) <= 1);
        let p95 = nearest_rank(&mut amounts, 95).unwrap();
        prop_assert_eq!(p95, sorted[(n * 95).div_ceil(100) - 1]);
        prop_assert!(median <= p95 && p95 <= sorted[n - 1]);
    }

    #[test]
    fn the_variation_agrees_with_statrs(amounts in amounts()) {
        let floats: Vec<f64> = amounts.iter().map(|c| c.micro() as f64).collect();
        match coefficient_of_variation(&amounts) {
            None => prop_assert!(floats.iter().all(|f| *f == 0.0)),
            Some(cv) => {
                let theirs = (&floats).population_std_dev() / (&floats).mean();
                prop_assert!((cv - theirs).abs() <= 1e-6 * (1.0 + theirs), "{cv} {theirs}");
            }
        }
    }
}
