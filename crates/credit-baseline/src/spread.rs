//! A spread that a few wild amounts do not move.

use credit_core::{Credits, TotalCredits};

use crate::median;

/// The median of the distances from the median: half of the amounts lie no further from it.
/// `None` for no amounts.
///
/// Unlike a standard deviation it stays as it is when fewer than half of the amounts run wild.
/// Reorders `credits`.
///
/// ```
/// use credit_core::Credits;
///
/// let mut credits = [9, 10, 10, 11, 12, 5_000].map(|c| Credits::whole(c).unwrap());
/// assert_eq!(credit_baseline::median_deviation(&mut credits), Some("1".parse().unwrap()));
/// ```
pub fn median_deviation(credits: &mut [Credits]) -> Option<Credits> {
    let middle = median(credits)?;
    median(&mut distances(credits, middle))
}

/// How much the amounts scatter around their median, a fraction of it such as 0.18, on the scale of
/// the coefficient of variation: for normally distributed amounts the two agree. `None` for no
/// amounts, and where the median is zero.
///
/// It is 1.4826 times the median deviation over the median. Where more than half of the amounts
/// are equal the median deviation is zero and would call the rest infinitely far away; the mean
/// deviation times 1.2533 takes its place then. Both factors make the figure that of a standard
/// deviation for a normal distribution: 1 / Φ⁻¹(¾) and √(π/2). Source of the substitution:
/// Iglewicz and Hoaglin, *How to Detect and Handle Outliers* (1993), section 3.
///
/// Reorders `credits`.
///
/// ```
/// use credit_core::Credits;
///
/// let mut credits = [90, 100, 100, 110, 9_000].map(|c| Credits::whole(c).unwrap());
/// assert!((credit_baseline::robust_variation(&mut credits).unwrap() - 0.148_26).abs() < 1e-12);
/// ```
pub fn robust_variation(credits: &mut [Credits]) -> Option<f64> {
    let middle = median(credits)?;
    if middle == Credits::ZERO {
        return None;
    }
    let mut distances = distances(credits, middle);
    let deviation = match median(&mut distances)? {
        Credits::ZERO => FROM_MEAN_DEVIATION * mean(&distances),
        deviation => FROM_MEDIAN_DEVIATION * deviation.micro() as f64,
    };
    Some(deviation / middle.micro() as f64)
}

/// 1 / Φ⁻¹(¾).
const FROM_MEDIAN_DEVIATION: f64 = 1.4826;

/// √(π/2).
const FROM_MEAN_DEVIATION: f64 = 1.2533;

fn distances(credits: &[Credits], middle: Credits) -> Vec<Credits> {
    let distance = |c: &Credits| Credits::from_micro(c.micro().abs_diff(middle.micro()));
    credits.iter().filter_map(distance).collect()
}

/// In micro-credits; from an exact sum, so that the order does not matter.
fn mean(credits: &[Credits]) -> f64 {
    let total = credits.iter().copied().sum::<TotalCredits>();
    total.micro() as f64 / credits.len() as f64
}
