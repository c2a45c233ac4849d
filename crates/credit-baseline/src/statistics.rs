//! The three figures that a baseline and a report are made of, each defined once.

use statrs::statistics::Statistics as _;

use credit_core::{Credits, CreditsPerItem, TotalCredits};

/// The middle amount; for an even number of them the mean of the two middle ones, rounded half to
/// even to a micro-credit. `None` for no amounts.
///
/// Reorders `credits`.
///
/// ```
/// use credit_core::Credits;
///
/// let mut credits = ["3", "1", "2.5", "10"].map(|c| c.parse::<Credits>().unwrap());
/// assert_eq!(credit_baseline::median(&mut credits).unwrap().to_string(), "2.75");
/// assert!(credit_baseline::median(&mut []).is_none());
/// ```
pub fn median(credits: &mut [Credits]) -> Option<Credits> {
    let (lower, upper) = middle(credits)?;
    [lower, upper].into_iter().sum::<TotalCredits>().mean(2)
}

/// The same for whole numbers, rounded half to even.
pub(crate) fn median_whole(numbers: &mut [u64]) -> Option<u64> {
    let (lower, upper) = middle(numbers)?;
    let half = lower + (upper - lower) / 2;
    let up = (upper - lower) % 2 == 1 && half % 2 == 1;
    Some(half + u64::from(up))
}

/// The same for what an item costs, rounded half to even in its smallest unit.
pub(crate) fn median_per_item(rates: &mut [CreditsPerItem]) -> Option<CreditsPerItem> {
    let (lower, upper) = middle(rates)?;
    Some(lower.mean(upper))
}

/// The two middle values; twice the one in the middle of an odd number of them.
fn middle<T: Copy + Ord>(values: &mut [T]) -> Option<(T, T)> {
    if values.is_empty() {
        return None;
    }
    let (middle, is_even) = (values.len() / 2, values.len().is_multiple_of(2));
    let (below, upper, _) = values.select_nth_unstable(middle);
    let upper = *upper;
    let lower = if is_even {
        below.iter().copied().max()?
    } else {
        upper
    };
    Some((lower, upper))
}

/// The smallest amount that at least `percent` per cent of the amounts do not exceed: the
/// nearest-rank percentile, which is always one of them. `None` for no amounts or above 100.
///
/// The rank is ⌈percent / 100 × n⌉: of 100 amounts the 95th smallest is the 95th percentile, of 20
/// the 19th, of one that one. Reorders `credits`.
///
/// ```
/// use credit_core::Credits;
///
/// let mut credits: Vec<Credits> = (1..=20).map(|n| Credits::whole(n).unwrap()).collect();
/// assert_eq!(credit_baseline::nearest_rank(&mut credits, 95), Credits::whole(19));
/// ```
pub fn nearest_rank(credits: &mut [Credits], percent: u8) -> Option<Credits> {
    let rank = (credits.len() as u128 * u128::from(percent)).div_ceil(100);
    let index = usize::try_from(rank.max(1) - 1).ok()?;
    if index >= credits.len() {
        return None;
    }
    Some(*credits.select_nth_unstable(index).1)
}

/// How much the amounts scatter: their population standard deviation over their mean, a fraction
/// such as 0.18. `None` for no amounts, and where the mean is zero.
///
/// With integers x in micro-credits this is √(n Σx² − (Σx)²) / Σx, so the sums are exact and their
/// order does not matter; one square root and one division round. A spread that is exactly three
/// tenths gives the float `0.3`, which is not below 0.3.
///
/// ```
/// use credit_core::Credits;
///
/// let credits = [70, 130].map(|c| Credits::whole(c).unwrap());
/// assert_eq!(credit_baseline::coefficient_of_variation(&credits), Some(0.3));
/// assert_eq!(credit_baseline::coefficient_of_variation(&[Credits::ZERO]), None);
/// ```
pub fn coefficient_of_variation(credits: &[Credits]) -> Option<f64> {
    let total = credits.iter().copied().sum::<TotalCredits>().micro();
    if total == 0 {
        return None;
    }
    Some(match scaled_variance(credits, total) {
        Some(variance) => (variance as f64).sqrt() / total as f64,
        None => inexact_variation(credits),
    })
}

/// n² times the population variance: n Σx² − (Σx)²; `None` beyond 128 bits.
fn scaled_variance(credits: &[Credits], total: u128) -> Option<u128> {
    let squares = credits.iter().try_fold(0_u128, |sum, c| {
        sum.checked_add(u128::from(c.micro()).pow(2))
    })?;
    let scaled = squares.checked_mul(u128::try_from(credits.len()).ok()?)?;
    scaled.checked_sub(total.checked_mul(total)?)
}

/// For sums of squares that 128 bits do not hold, from floats in a fixed order.
fn inexact_variation(credits: &[Credits]) -> f64 {
    let mut sorted: Vec<f64> = credits.iter().map(|c| c.micro() as f64).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    (&sorted).population_std_dev() / (&sorted).mean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_128_bits_the_order_still_does_not_matter() {
        let mut credits: Vec<Credits> = (0..1_000)
            .map(|n| Credits::from_micro(Credits::MAX.micro() - n * 7_919).unwrap())
            .collect();
        let total = credits.iter().copied().sum::<TotalCredits>().micro();
        assert!(scaled_variance(&credits, total).is_none());
        let forward = coefficient_of_variation(&credits).unwrap();
        credits.reverse();
        let backward = coefficient_of_variation(&credits).unwrap();
        assert_eq!(forward.to_bits(), backward.to_bits());
        assert!(forward < 1e-8);
    }
}
