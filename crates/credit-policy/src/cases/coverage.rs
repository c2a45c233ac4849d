//! What of a policy no case reaches.

use std::collections::BTreeSet;
use std::fmt;

use credit_core::{
    Action, Assessment, BaselineStatus, Credits, Likelihood, Ratio, RiskFlag, RiskFlags, Severity,
};
use serde::{Serialize, Serializer};

use super::Case;
use crate::{Expected, Policy, reach};

/// Something that a policy distinguishes and that a case can reach.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Point {
    /// A verdict of this severity.
    Severity(Severity),
    /// A verdict with this flag.
    Flag(RiskFlag),
    /// A verdict that asks for this action.
    Action(Action),
    /// A run judged against a baseline of this kind.
    Baseline(BaselineStatus),
    /// A cost at the threshold of a severity, or one micro-credit below.
    Threshold {
        /// The severity.
        severity: Severity,
        /// Whether the run is a backfill, whose thresholds are others.
        backfill: bool,
        /// On which side.
        side: Side,
    },
    /// A score at the cut-off of a likelihood, or next below.
    CutOff {
        /// The likelihood.
        likelihood: Likelihood,
        /// On which side.
        side: Side,
    },
    /// One retry too many, or as many as are allowed.
    Retries {
        /// On which side.
        side: Side,
    },
}

/// The two sides of a boundary.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// The least that reaches it.
    At,
    /// The most that does not.
    Below,
}

impl Side {
    const BOTH: [Side; 2] = [Side::At, Side::Below];
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Point::Severity(severity) => write!(f, "severity {severity}"),
            Point::Flag(flag) => write!(f, "flag {flag}"),
            Point::Action(action) => write!(f, "action {action}"),
            Point::Baseline(status) => write!(f, "baseline {status}"),
            Point::Threshold {
                severity,
                backfill,
                side,
            } => {
                let side = match side {
                    Side::At => "at",
                    Side::Below => "one micro-credit below",
                };
                let run = if *backfill { " for a backfill" } else { "" };
                write!(f, "{side} the threshold of {severity}{run}")
            }
            Point::CutOff {
                likelihood,
                side: Side::At,
            } => {
                write!(f, "the least score that is {likelihood}")
            }
            Point::CutOff {
                likelihood,
                side: Side::Below,
            } => {
                write!(f, "the greatest score that is not yet {likelihood}")
            }
            Point::Retries { side: Side::At } => f.write_str("one retry more than max_retries"),
            Point::Retries { side: Side::Below } => f.write_str("as many retries as max_retries"),
        }
    }
}

/// As its words.
impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What of a policy the cases so far have reached.
#[derive(Clone, Debug)]
pub struct Coverage<'a> {
    policy: &'a Policy,
    cut_offs: Vec<(Likelihood, Side, i32)>,
    gaps: BTreeSet<Point>,
}

impl<'a> Coverage<'a> {
    /// Of no case yet: all that the policy distinguishes and some run can reach is a gap.
    pub fn new(policy: &'a Policy) -> Coverage<'a> {
        let cut_offs = cut_offs(policy);
        let actions = Severity::ALL.iter().flat_map(|s| policy.actions(*s).iter());
        let mut gaps: BTreeSet<Point> = actions.map(Point::Action).collect();
        gaps.extend(Severity::ALL.iter().copied().map(Point::Severity));
        gaps.extend(RiskFlag::ALL.iter().copied().map(Point::Flag));
        gaps.extend(BaselineStatus::ALL.iter().copied().map(Point::Baseline));
        for side in Side::BOTH {
            gaps.insert(Point::Retries { side });
            for severity in priced() {
                gaps.insert(Point::Threshold {
                    severity,
                    backfill: false,
                    side,
                });
                if !reach::is_hidden_for_backfills(policy, severity) {
                    gaps.insert(Point::Threshold {
                        severity,
                        backfill: true,
                        side,
                    });
                }
            }
        }
        gaps.extend(cut_offs.iter().map(|(likelihood, side, _)| Point::CutOff {
            likelihood: *likelihood,
            side: *side,
        }));
        Coverage {
            policy,
            cut_offs,
            gaps,
        }
    }

    /// Counts what a case reaches, whether it holds or not.
    pub fn add(&mut self, case: &Case) {
        let verdict = case.assess(self.policy);
        self.reach(Point::Severity(verdict.severity));
        self.reach(Point::Baseline(verdict.baseline_status));
        verdict
            .risk_flags
            .iter()
            .for_each(|flag| self.reach(Point::Flag(flag)));
        verdict
            .actions
            .iter()
            .for_each(|action| self.reach(Point::Action(action)));
        self.add_thresholds(case, &verdict);
        for (likelihood, side, score) in self.cut_offs.clone() {
            if score == verdict.score {
                self.reach(Point::CutOff { likelihood, side });
            }
        }
        let (retries, max) = (case.run.retry_count, self.policy.retries_max());
        if retries == max {
            self.reach(Point::Retries { side: Side::Below });
        } else if retries == max + 1 {
            self.reach(Point::Retries { side: Side::At });
        }
    }

    /// What no case has reached.
    pub fn gaps(&self) -> impl Iterator<Item = Point> {
        self.gaps.iter().copied()
    }

    fn reach(&mut self, point: Point) {
        self.gaps.remove(&point);
    }

    fn add_thresholds(&mut self, case: &Case, verdict: &Assessment) {
        let Expected::Baseline {
            credits: baseline, ..
        } = case.context.expected
        else {
            return;
        };
        let backfill = verdict.risk_flags.contains(RiskFlag::BackfillMode);
        let critical = verdict.risk_flags.intersects(RiskFlags::CRITICAL);
        for severity in priced() {
            if severity == Severity::Sev0 && self.policy.sev0_needs_critical_flag() && !critical {
                continue;
            }
            let threshold = match backfill {
                true => self.policy.backfill_threshold(severity),
                false => self.policy.threshold(severity),
            };
            let reaches = |micro: Option<u64>| {
                let ratio = Ratio::new(Credits::from_micro(micro?)?, baseline)?;
                Some(ratio.at_least(threshold))
            };
            let micro = case.run.credits.micro();
            let less = reaches(micro.checked_sub(1)).unwrap_or(false);
            let side = match (less, reaches(Some(micro)), reaches(micro.checked_add(1))) {
                (false, Some(true), _) => Side::At,
                (_, Some(false), Some(true)) => Side::Below,
                _ => continue,
            };
            self.reach(Point::Threshold {
                severity,
                backfill,
                side,
            });
        }
    }
}

/// The severities that take a cost: SEV4 is what is left.
fn priced() -> impl Iterator<Item = Severity> {
    Severity::ALL
        .iter()
        .copied()
        .filter(|severity| *severity != Severity::Sev4)
}

/// For each likelihood that some set of flags reaches, the scores next to its cut-off.
fn cut_offs(policy: &Policy) -> Vec<(Likelihood, Side, i32)> {
    let scores = reach::scores(policy, RiskFlag::ALL.iter().copied());
    let mut found = Vec::new();
    for likelihood in [Likelihood::Medium, Likelihood::High] {
        let is_below = |score: &&i32| policy.likelihood(**score) < likelihood;
        let at = scores.iter().find(|score| !is_below(score));
        // INVARIANT: scores ascend and so do likelihoods with them.
        let below = scores.iter().take_while(is_below).last();
        if let (Some(at), Some(below)) = (at, below) {
            found.push((likelihood, Side::At, *at));
            found.push((likelihood, Side::Below, *below));
        }
    }
    found
}
