//! From flags to a score, and from a score to a likelihood.

use std::fmt;

use credit_core::{Likelihood, RiskFlag, RiskFlags};

/// What each flag adds to the score (misconfiguration) or takes from it (real load), and what comes
/// of every set of flags, so that a score with its likelihood is one look-up.
#[derive(Clone, PartialEq)]
pub(crate) struct Weights {
    /// In the order of [`RiskFlag::ALL`]; 0 for a flag that the policy does not weigh. At most 1000
    /// each, so that every sum fits, too.
    each: [i16; RiskFlag::ALL.len()],
    pub(crate) cut_offs: CutOffs,
    by_set: Box<[Weighed; SETS]>,
}

/// From which score a misconfiguration is likely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CutOffs {
    pub(crate) high: i32,
    pub(crate) medium: i32,
}

/// The score of a set of flags, and what it means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) score: i16,
    pub(crate) likelihood: Likelihood,
}

/// How many sets of flags there are.
const SETS: usize = 1 << RiskFlag::ALL.len();

impl Weights {
    pub(crate) fn new(each: [i16; RiskFlag::ALL.len()], cut_offs: CutOffs) -> Weights {
        let weighed = |set: usize| {
            let weights = each.iter().enumerate();
            let score = weights
                .filter(|(flag, _)| set >> flag & 1 == 1)
                .map(|(_, weight)| weight)
                .sum();
            Weighed {
                score,
                likelihood: cut_offs.likelihood(i32::from(score)),
            }
        };
        Weights {
            each,
            cut_offs,
            by_set: Box::new(std::array::from_fn(weighed)),
        }
    }

    pub(crate) fn of(&self, flag: RiskFlag) -> i32 {
        i32::from(self.each.get(flag as usize).copied().unwrap_or(0))
    }

    /// The sum over a set of flags.
    #[inline]
    pub(crate) fn of_set(&self, flags: RiskFlags) -> Weighed {
        // INVARIANT: a set has no bit beyond those of its flags, so that the remainder, which
        // spares a look at the table's length, is the set itself.
        let [nothing, ..] = &*self.by_set;
        let set = usize::from(flags.bits()) % SETS;
        *self.by_set.get(set).unwrap_or(nothing)
    }
}

impl CutOffs {
    pub(crate) fn likelihood(self, score: i32) -> Likelihood {
        if score >= self.high {
            Likelihood::High
        } else if score >= self.medium {
            Likelihood::Medium
        } else {
            Likelihood::Low
        }
    }
}

/// Without the thousand sets, which follow from the rest.
impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Weights")
            .field(&self.each)
            .field(&self.cut_offs)
            .finish()
    }
}
