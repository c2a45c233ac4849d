//! Drift: a scenario that costs something else since a certain run.
//!
//! A spike comes and goes; drift stays. A change point divides a scenario's runs so that what
//! comes after it ranks higher, or lower, than what was before. Ranks make it blind to how high a
//! spike is, so a few wild runs are no drift.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use credit_core::{CandidateGate, Credits, Multiplier, Ratio, Timestamp};

use crate::median;

/// When a scenario is said to have drifted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriftRule {
    /// How improbable the division must be if nothing had changed: below this.
    pub significance: f64,
    /// How many times one side's median must be the other's, at least.
    pub ratio_min: Multiplier,
    /// How many runs there must be on either side.
    pub runs_min: usize,
}

impl DriftRule {
    /// The rule that goes with a policy's gate for baseline candidates: as many times a baseline as
    /// keep a scenario from being a candidate are a change, on at least six runs, and less probable
    /// than one in a hundred if nothing had changed.
    pub fn of(gate: &CandidateGate) -> DriftRule {
        DriftRule {
            significance: 0.01,
            ratio_min: gate.variance_below,
            runs_min: 6,
        }
    }

    /// Whether two medians are far enough apart to matter: the greater at least so many times the
    /// lesser. From nothing to something always matters.
    pub fn is_material(&self, a: Credits, b: Credits) -> bool {
        let (lesser, greater) = (a.min(b), a.max(b));
        match Ratio::new(greater, lesser) {
            Some(ratio) => ratio.at_least(self.ratio_min),
            None => greater > lesser,
        }
    }
}

/// Since when a scenario costs something else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The first run after the change.
    pub at: Timestamp,
    /// The median from the change before, or the beginning, up to this one.
    pub before: Credits,
    /// The median from this change up to the next one, or the end.
    pub after: Credits,
    /// How many runs the first is of.
    pub runs_before: usize,
    /// How many runs the second is of.
    pub runs_after: usize,
    /// How improbable so clear a division is if nothing had changed.
    pub p_value: f64,
}

impl ChangePoint {
    /// How many times as much it costs since; `None` where it cost nothing before.
    pub fn times(&self) -> Option<Multiplier> {
        Ratio::new(self.after, self.before).map(Ratio::multiplier)
    }
}

/// The change points of a scenario's runs, oldest first.
///
/// Pettitt's test says whether there is a division at all: by how much the ranks on both sides
/// differ at most, K, with the probability 2·exp(−6K² / (n³ + n²)), an approximation that is good
/// below 0.5. Source: Pettitt, "A Non-Parametric Approach to the Change-Point Problem", *Applied
/// Statistics* 28 (1979). The date is where two medians fit the runs best, by the sum of distances
/// from them: ranks alone are drawn towards the middle. Each part is divided again until no
/// division is significant and material by `rule`. Runs that depend on each other, such as those
/// of weekdays and weekends, make changes look more probable than they are.
///
/// `runs` may come in any order; those of one instant count in the order of their amounts.
///
/// ```
/// use credit_baseline::{DriftRule, change_points};
/// use credit_core::Credits;
///
/// let runs: Vec<_> = (1..=28)
///     .map(|day| {
///         // From the 15th on it costs half as much again; one run on the way is a spike.
///         let credits = match day { 6 => 900, 1..15 => 100 + day % 3, _ => 150 + day % 3 };
///         let at = format!("2025-01-{day:02}T00:00:00Z");
///         (at.parse().unwrap(), Credits::whole(credits).unwrap())
///     })
///     .collect();
/// let rule = DriftRule { significance: 0.01, ratio_min: "1.2".parse()?, runs_min: 6 };
/// let changes = change_points(&runs, &rule);
/// assert_eq!(changes.len(), 1);
/// assert_eq!(changes[0].at.to_string(), "2025-01-15T00:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn change_points(runs: &[(Timestamp, Credits)], rule: &DriftRule) -> Vec<ChangePoint> {
    let mut runs = runs.to_vec();
    runs.sort_unstable();
    let mut cuts = divisions(&runs, rule);
    cuts.sort_unstable_by_key(|cut| cut.at);

    let ends = cuts.iter().skip(1).map(|cut| cut.at).chain([runs.len()]);
    let starts = std::iter::once(0).chain(cuts.iter().map(|cut| cut.at));
    starts
        .zip(&cuts)
        .zip(ends)
        .filter_map(|((start, cut), end)| {
            Some(ChangePoint {
                at: runs.get(cut.at)?.0,
                before: median(&mut amounts(&runs, start, cut.at))?,
                after: median(&mut amounts(&runs, cut.at, end))?,
                runs_before: cut.at - start,
                runs_after: end - cut.at,
                p_value: cut.p_value,
            })
        })
        .collect()
}

/// A division before the run of this index.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: usize,
    p_value: f64,
}

fn divisions(runs: &[(Timestamp, Credits)], rule: &DriftRule) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut parts = vec![(0, runs.len())];
    while let Some((start, end)) = parts.pop() {
        let part = amounts(runs, start, end);
        let Some(cut) = divide(&part, rule) else {
            continue;
        };
        let at = start + cut.at;
        cuts.push(Cut { at, ..cut });
        parts.push((start, at));
        parts.push((at, end));
    }
    cuts
}

/// Where the amounts divide best, if that is significant and material.
fn divide(credits: &[Credits], rule: &DriftRule) -> Option<Cut> {
    let runs = credits.len();
    let runs_min = rule.runs_min.max(1);
    if runs < 2 * runs_min {
        return None;
    }
    let p_value = improbability(greatest_difference(credits), runs);
    if p_value >= rule.significance {
        return None;
    }
    let to_the_left = costs(credits.iter());
    let to_the_right = costs(credits.iter().rev());
    let at = (runs_min..=runs - runs_min).min_by_key(|at| {
        let (left, right) = (to_the_left.get(at - 1), to_the_right.get(runs - at - 1));
        left.zip(right).map(|(left, right)| left + right)
    })?;
    let (before, after) = credits.split_at_checked(at)?;
    let (before, after) = (median(&mut before.to_vec())?, median(&mut after.to_vec())?);
    rule.is_material(before, after)
        .then_some(Cut { at, p_value })
}

/// Pettitt's K: how much the ranks before and after a division differ, where they do most.
fn greatest_difference(credits: &[Credits]) -> i128 {
    let runs = credits.len() as i128;
    // U_t = 2 Σ rank − t (n + 1); the ranks come doubled, because with ties they are halves.
    let differences = doubled_ranks(credits)
        .into_iter()
        .scan(0, |difference, rank| {
            *difference += rank - (runs + 1);
            Some(i128::abs(*difference))
        });
    differences.max().unwrap_or(0)
}

/// For each number of amounts from the front, the sum of their distances from their median.
fn costs<'a>(credits: impl Iterator<Item = &'a Credits>) -> Vec<u128> {
    // The lower half with its greatest on top, as large as the upper half or larger by one.
    let (mut lower, mut upper) = (BinaryHeap::new(), BinaryHeap::new());
    let (mut lower_sum, mut upper_sum) = (0_u128, 0_u128);
    let mut costs = Vec::new();
    for credits in credits {
        let amount = u128::from(credits.micro());
        lower.push(amount);
        lower_sum += amount;
        if let Some(greatest) = lower.pop() {
            lower_sum -= greatest;
            upper.push(Reverse(greatest));
            upper_sum += greatest;
        }
        if upper.len() > lower.len()
            && let Some(Reverse(least)) = upper.pop()
        {
            upper_sum -= least;
            lower.push(least);
            lower_sum += least;
        }
        let middle = lower.peek().copied().unwrap_or(0);
        let below = middle * lower.len() as u128 - lower_sum;
        let above = upper_sum - middle * upper.len() as u128;
        costs.push(below + above);
    }
    costs
}

/// Pettitt's approximation.
fn improbability(greatest: i128, runs: usize) -> f64 {
    let (k, n) = (greatest as f64, runs as f64);
    (2.0 * (-6.0 * k * k / (n.powi(3) + n.powi(2))).exp()).min(1.0)
}

/// Twice the rank of each amount, counted from 1; equal amounts share their mean rank.
fn doubled_ranks(credits: &[Credits]) -> Vec<i128> {
    let mut order: Vec<(Credits, usize)> = credits.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut ranks = vec![0; credits.len()];
    let mut passed = 0;
    for equal in order.chunk_by(|a, b| a.0 == b.0) {
        // The ranks passed + 1 to passed + len; twice their mean is the sum of both.
        let doubled = (2 * passed + equal.len() + 1) as i128;
        for (_, index) in equal {
            if let Some(rank) = ranks.get_mut(*index) {
                *rank = doubled;
            }
        }
        passed += equal.len();
    }
    ranks
}

fn amounts(runs: &[(Timestamp, Credits)], start: usize, end: usize) -> Vec<Credits> {
    let part = runs.get(start..end).unwrap_or_default();
    part.iter().map(|(_, credits)| *credits).collect()
}
