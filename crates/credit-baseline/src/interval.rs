//! How sure a median is.

use statrs::distribution::{Binomial, DiscreteCDF};

use credit_core::{Bounds, Credits};

/// Two amounts between which the true median lies with at least a stated confidence, whatever the
/// distribution the amounts come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MedianInterval {
    /// The lower end, one of the amounts.
    pub lower: Credits,
    /// The upper end, one of the amounts.
    pub upper: Credits,
    /// How probable it is that the true median lies between them, ends included; at least what was
    /// asked for.
    pub confidence: f64,
}

/// The narrowest interval of two order statistics, equally far from either end, that holds the
/// true median with at least `confidence`. `None` where there are too few amounts: 95 % takes six.
///
/// Of n independent amounts, the number below the true median is binomial (n, ½), so the k-th
/// smallest and the k-th largest enclose it with the probability 1 − 2·P(X < k). No form of the
/// distribution is assumed; amounts that depend on each other make the interval too narrow.
/// Source: Conover, *Practical Nonparametric Statistics*, 3rd ed., section 3.2.
///
/// Reorders `credits`.
///
/// ```
/// use credit_baseline::median_interval;
/// use credit_core::Credits;
///
/// let mut credits: Vec<Credits> = (1..=10).map(|n| Credits::whole(n).unwrap()).collect();
/// let interval = median_interval(&mut credits, 0.95).unwrap();
/// // 1 − 2·P(X < 2) = 1 − 2·11/1024
/// assert_eq!((interval.lower, interval.upper), (credits[1], credits[8]));
/// assert!((interval.confidence - (1.0 - 22.0 / 1024.0)).abs() < 1e-12);
/// assert!(median_interval(&mut credits[..5], 0.95).is_none());
/// ```
pub fn median_interval(credits: &mut [Credits], confidence: f64) -> Option<MedianInterval> {
    let (rank, confidence) = rank(credits.len(), confidence)?;
    let last = credits.len() - rank;
    let lower = *credits.select_nth_unstable(rank - 1).1;
    let upper = *credits.select_nth_unstable(last).1;
    Some(MedianInterval {
        lower,
        upper,
        confidence,
    })
}

/// The ends of [`median_interval`] at 95 per cent, as baselines keep them; `None` below six amounts.
///
/// Reorders `credits`.
///
/// ```
/// use credit_core::{Bounds, Credits};
///
/// let mut credits: Vec<Credits> = (1..=6).map(|n| Credits::whole(n).unwrap()).collect();
/// let bounds = credit_baseline::median_bounds(&mut credits);
/// assert_eq!(bounds, Bounds::new(credits[0], credits[5]));
/// ```
pub fn median_bounds(credits: &mut [Credits]) -> Option<Bounds> {
    let interval = median_interval(credits, CONFIDENCE)?;
    Bounds::new(interval.lower, interval.upper)
}

/// How sure the bounds of a baseline are, at least.
const CONFIDENCE: f64 = 0.95;

/// The greatest rank, counted from 1, that still gives the confidence, and what it gives.
fn rank(amounts: usize, confidence: f64) -> Option<(usize, f64)> {
    let below = Binomial::new(0.5, amounts as u64).ok()?;
    let enclosed = |rank: usize| 1.0 - 2.0 * below.cdf(rank as u64 - 1);
    // It falls with the rank, so the first rank of the upper half is not sure enough.
    let (mut enough, mut too_much) = (0, amounts / 2 + 1);
    while too_much - enough > 1 {
        let middle = enough.midpoint(too_much);
        if enclosed(middle) >= confidence {
            enough = middle;
        } else {
            too_much = middle;
        }
    }
    (enough > 0).then(|| (enough, enclosed(enough)))
}
