//! Figures that say how far a baseline can be trusted.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy does not take helpers for tests"
)]

use credit_baseline::{
    DriftRule, change_points, coefficient_of_variation, median, median_deviation, median_interval,
    robust_variation, weekday_medians,
};
use credit_core::{Credits, Timestamp, Weekday};
use proptest::prelude::*;

fn whole(credits: u64) -> Credits {
    Credits::whole(credits).unwrap()
}

/// The n-th hour of a history.
fn hour(n: usize) -> Timestamp {
    let (day, hour) = (n / 24, n % 24);
    let (month, day) = (day / 28 + 1, day % 28 + 1);
    format!("2024-{month:02}-{day:02}T{hour:02}:00:00Z")
        .parse()
        .unwrap()
}

fn history(credits: impl IntoIterator<Item = u64>) -> Vec<(Timestamp, Credits)> {
    let credits = credits.into_iter().enumerate();
    credits.map(|(n, c)| (hour(n), whole(c))).collect()
}

fn rule() -> DriftRule {
    DriftRule {
        significance: 0.01,
        ratio_min: "1.2".parse().unwrap(),
        runs_min: 6,
    }
}

/// Numbers without a pattern that are the same in every run of the test.
fn noise(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |x| {
        let mut x = x ^ (x << 13);
        x ^= x >> 7;
        Some(x ^ (x << 17))
    })
    .skip(8)
}

/// The published table of ranks for the 95 % interval of a median: n, rank, coverage in per mille.
/// Conover, table A3 and its arithmetic: 1 − 2·P(X < rank).
#[test]
fn ranks_as_published() {
    for (n, rank, coverage) in [
        (6, 1, 968.75),
        (7, 1, 984.375),
        (8, 1, 992.187_5),
        (9, 2, 960.937_5),
        (10, 2, 978.515_625),
        (15, 4, 964.843_75),
        (20, 6, 958.610_5),
        (30, 10, 957.226_1),
        (50, 18, 967.161_4),
        (100, 40, 964.799_8),
    ] {
        let mut credits: Vec<Credits> = (1..=n).map(whole).collect();
        let interval = median_interval(&mut credits, 0.95).unwrap();
        assert_eq!(interval.lower, whole(rank), "n = {n}");
        assert_eq!(interval.upper, whole(n + 1 - rank), "n = {n}");
        let off = interval.confidence * 1_000.0 - coverage;
        assert!(off.abs() < 0.001, "n = {n}: {}", interval.confidence);
    }
    for n in 0..6 {
        let mut credits: Vec<Credits> = (0..n).map(whole).collect();
        assert_eq!(median_interval(&mut credits, 0.95), None);
    }
}

/// Of many samples whose true median is known, the stated share of intervals holds it.
#[test]
fn an_interval_holds_the_median_as_often_as_it_says() {
    let mut numbers = noise(20_240_123);
    let (trials, size) = (4_000, 20);
    let mut held = 0;
    let mut confidence = 0.0;
    for _ in 0..trials {
        // Skewed: squares of what is even between 0 and 999.
        let mut credits: Vec<Credits> = numbers
            .by_ref()
            .take(size)
            .map(|x| whole((x % 1_000).pow(2)))
            .collect();
        let interval = median_interval(&mut credits, 0.95).unwrap();
        confidence = interval.confidence;
        let true_median = (whole(499_u64.pow(2)), whole(500_u64.pow(2)));
        held += u32::from(interval.lower <= true_median.1 && true_median.0 <= interval.upper);
    }
    let share = f64::from(held) / f64::from(trials);
    // Three standard errors.
    let error = 3.0 * (confidence * (1.0 - confidence) / f64::from(trials)).sqrt();
    assert!(
        (share - confidence).abs() < error,
        "{share} for {confidence}"
    );
}

#[test]
fn one_wild_run_moves_the_coefficient_of_variation_and_not_the_robust_one() {
    let calm: Vec<Credits> = (0..40).map(|n| whole(100 + n % 7)).collect();
    let mut wild = calm.clone();
    wild[13] = whole(100_000);
    assert!(coefficient_of_variation(&calm).unwrap() < 0.03);
    assert!(coefficient_of_variation(&wild).unwrap() > 5.0);
    assert!(robust_variation(&mut wild).unwrap() < 0.05);
}

#[test]
fn where_most_are_equal_the_mean_deviation_stands_in() {
    let mut credits = [10, 10, 10, 10, 20].map(whole);
    assert_eq!(median_deviation(&mut credits), Some(Credits::ZERO));
    // Mean deviation 2 over the median 10.
    let found = robust_variation(&mut credits).unwrap();
    assert!((found - 1.2533 * 0.2).abs() < 1e-12);

    assert_eq!(robust_variation(&mut [whole(10); 9]), Some(0.0));
    assert_eq!(robust_variation(&mut [Credits::ZERO; 9]), None);
    assert_eq!(robust_variation(&mut []), None);
}

#[test]
fn drift_is_dated_and_a_spike_is_not_drift() {
    let mut numbers = noise(7);
    let mut around = |level: u64| level + numbers.next().unwrap() % 11;
    let mut credits: Vec<u64> = (0..60).map(|_| around(100)).collect();
    // Three spikes in a row, and one alone.
    for n in [20, 21, 22, 40] {
        credits[n] = 5_000;
    }
    assert_eq!(change_points(&history(credits.clone()), &rule()), []);

    credits.extend((0..30).map(|_| around(180)));
    credits.extend((0..30).map(|_| around(60)));
    let changes = change_points(&history(credits), &rule());
    let dates: Vec<Timestamp> = changes.iter().map(|c| c.at).collect();
    assert_eq!(dates, [hour(60), hour(90)]);
    assert_eq!((changes[0].runs_before, changes[0].runs_after), (60, 30));
    assert!(changes[0].before < whole(112) && changes[0].after >= whole(180));
    assert!(changes[1].after < whole(72), "a drop is drift too");
    assert!(changes.iter().all(|c| c.p_value < 0.01));
}

#[test]
fn what_is_clear_but_immaterial_is_no_drift() {
    // 10 % more, without any noise.
    let credits = (0..40).map(|n| if n < 20 { 100 } else { 110 });
    assert_eq!(change_points(&history(credits), &rule()), []);
    // Exactly 20 % more is enough.
    let credits = (0..40).map(|n| if n < 20 { 100 } else { 120 });
    assert_eq!(change_points(&history(credits), &rule()).len(), 1);
    // From nothing to something.
    let credits = (0..40).map(|n| if n < 20 { 0 } else { 1 });
    assert_eq!(change_points(&history(credits), &rule()).len(), 1);
}

/// At the ends of a history even the clearest division is little evidence, so it takes a
/// significance of 0.05 for the fewest runs to count at all.
#[test]
fn too_few_runs_on_one_side_are_no_drift() {
    let lenient = DriftRule {
        significance: 0.05,
        ..rule()
    };
    for (before, after, found) in [(30, 5, 0), (30, 6, 1), (5, 30, 0), (6, 30, 1), (6, 6, 1)] {
        let credits = (0..before).map(|_| 100).chain((0..after).map(|_| 300));
        let found_now = change_points(&history(credits), &lenient).len();
        assert_eq!(found_now, found, "{before} before, {after} after");
    }
    assert_eq!(change_points(&[], &rule()), []);
}

/// Where two medians fit best, by trying all.
fn best_division(credits: &[u64]) -> usize {
    let cost = |part: &[u64]| -> u64 {
        let mut sorted = part.to_vec();
        sorted.sort_unstable();
        let middle = sorted[sorted.len() / 2];
        part.iter().map(|c| c.abs_diff(middle)).sum()
    };
    (6..=credits.len() - 6)
        .min_by_key(|t| cost(&credits[..*t]) + cost(&credits[*t..]))
        .unwrap()
}

/// Pettitt's own statistic for a small example, by his definition as a double sum of signs.
#[test]
fn the_probability_is_pettitts() {
    let credits = [5, 3, 8, 6, 7, 4, 9, 12, 11, 15, 13, 14, 18, 10, 16, 17];
    let n = credits.len();
    let u = |t: usize| -> i64 {
        let signs = |i: usize, j: usize| (credits[j] as i64 - credits[i] as i64).signum();
        (0..t).flat_map(|i| (t..n).map(move |j| signs(i, j))).sum()
    };
    let k = (1..n).map(|t| u(t).abs()).max().unwrap();
    let n = n as f64;
    let expected = 2.0 * (-6.0 * (k * k) as f64 / (n.powi(3) + n.powi(2))).exp();
    let found = change_points(&history(credits), &rule());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].runs_before, best_division(&credits));
    assert!((found[0].p_value - expected).abs() < 1e-12);
}

fn amounts() -> impl Strategy<Value = Vec<Credits>> {
    prop::collection::vec((0..2_000_u64).prop_map(whole), 0..80)
}

proptest! {
    #[test]
    fn the_interval_holds_the_median_of_the_sample(
        mut credits in amounts(),
        confidence in 0.5..0.999_f64,
    ) {
        if let Some(interval) = median_interval(&mut credits, confidence) {
            let middle = median(&mut credits).unwrap();
            prop_assert!(interval.lower <= middle && middle <= interval.upper);
            prop_assert!(interval.confidence >= confidence);
        }
    }

    #[test]
    fn order_does_not_matter(mut credits in amounts(), seed in any::<u64>()) {
        let mut shuffled = credits.clone();
        let mut numbers = noise(seed | 1);
        shuffled.sort_by_cached_key(|_| numbers.next());
        prop_assert_eq!(median_deviation(&mut credits), median_deviation(&mut shuffled));
        prop_assert_eq!(robust_variation(&mut credits), robust_variation(&mut shuffled));
        prop_assert_eq!(median_interval(&mut credits, 0.9), median_interval(&mut shuffled, 0.9));
    }

    #[test]
    fn change_points_divide_the_history(credits in amounts(), seed in any::<u64>()) {
        let runs: Vec<_> = credits.iter().enumerate().map(|(n, c)| (hour(n), *c)).collect();
        let mut shuffled = runs.clone();
        let mut numbers = noise(seed | 1);
        shuffled.sort_by_cached_key(|_| numbers.next());
        let changes = change_points(&runs, &rule());
        prop_assert_eq!(&changes, &change_points(&shuffled, &rule()));

        for pair in changes.windows(2) {
            prop_assert!(pair[0].at < pair[1].at);
            prop_assert_eq!(pair[0].runs_after, pair[1].runs_before);
            prop_assert_eq!(pair[0].after, pair[1].before);
        }
        for change in &changes {
            prop_assert!(change.runs_before >= 6 && change.runs_after >= 6);
            prop_assert!(change.p_value < 0.01);
        }
        let divided: usize = changes.iter().map(|c| c.runs_before).sum::<usize>()
            + changes.last().map_or(runs.len(), |c| c.runs_after);
        prop_assert_eq!(divided, runs.len());
    }
}

/// So many weeks from Monday, the first of January 2024 on, a run a day at noon.
fn weeks(weeks: i64, cost: impl Fn(Weekday, u64) -> u64) -> Vec<(Timestamp, Credits)> {
    let day = |n: i64| {
        let at = Timestamp::from_unix(1_704_110_400 + n * 86_400).unwrap();
        (at, whole(cost(at.weekday(), n as u64)))
    };
    (0..weeks * 7).map(day).collect()
}

#[test]
fn thin_days_are_pooled_and_noise_makes_no_baselines() {
    let noisy = |_, n: u64| 100 + n * 37 % 11;
    assert!(weekday_medians(&weeks(8, noisy)).is_empty());
    assert!(weekday_medians(&[]).is_empty());

    // Half as dear on Sundays only. Five Sundays are too few; the weekend is no other for certain.
    let sundays = |day, n: u64| {
        let level = if day == Weekday::Sunday { 50 } else { 100 };
        level + n * 37 % 11
    };
    assert!(weekday_medians(&weeks(5, sundays)).is_empty());
    // Six are enough.
    let days = weekday_medians(&weeks(6, sundays));
    let own: Vec<Weekday> = days.iter().map(|(day, _)| day).collect();
    assert_eq!(own, [Weekday::Sunday]);
    assert_eq!(days.get(Weekday::Sunday).unwrap().sample_size, 6);

    // Three weekends are six days.
    let weekend = |day: Weekday, _| if day.is_weekend() { 50 } else { 100 };
    assert!(weekday_medians(&weeks(2, weekend)).is_empty());
    let days = weekday_medians(&weeks(3, weekend));
    let own: Vec<(Weekday, u64)> = days.iter().map(|(d, u)| (d, u.sample_size)).collect();
    assert_eq!(own, [(Weekday::Saturday, 6), (Weekday::Sunday, 6)]);
    assert!(days.get(Weekday::Saturday).unwrap().bounds.is_some());
}

#[test]
fn the_days_of_the_week_are_those_of_the_calendar() {
    for (day, expected) in [
        ("2024-02-29", Weekday::Thursday),
        ("2025-01-31", Weekday::Friday),
        ("2000-01-01", Weekday::Saturday),
        ("1969-12-28", Weekday::Sunday),
        ("0001-01-01", Weekday::Monday),
        ("9999-12-31", Weekday::Friday),
        ("2024-12-31", Weekday::Tuesday),
        ("2025-01-01", Weekday::Wednesday),
    ] {
        let start: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
        let end: Timestamp = format!("{day}T23:59:59.999Z").parse().unwrap();
        assert_eq!(
            (start.weekday(), end.weekday()),
            (expected, expected),
            "{day}"
        );
    }
}

proptest! {
    #[test]
    fn a_day_differs_for_certain_or_not_at_all(
        amounts in prop::collection::vec(0..2_000_u64, 0..120), seed in any::<u64>(),
    ) {
        let runs = weeks(18, |_, n| amounts.get(n as usize).copied().unwrap_or(0));
        let runs = &runs[..amounts.len()];
        let mut shuffled = runs.to_vec();
        let mut numbers = noise(seed | 1);
        shuffled.sort_by_cached_key(|_| numbers.next());
        let days = weekday_medians(runs);
        prop_assert_eq!(&days, &weekday_medians(&shuffled));
        for (_, usual) in days.iter() {
            prop_assert!(usual.sample_size >= 6);
            prop_assert!(usual.bounds.unwrap().contains(usual.credits));
        }
        // What is read back is what was written.
        let json = serde_json::to_string(&days).unwrap();
        prop_assert_eq!(serde_json::from_str::<credit_core::Weekdays>(&json).unwrap(), days);
    }
}
