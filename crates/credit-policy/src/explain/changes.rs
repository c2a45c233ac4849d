//! The smallest changes that give another severity.

use credit_core::{Credits, RiskFlag, RiskFlags, Severity};
use serde::Serialize;

use super::{Case, first, last};
use crate::Expected;

/// The smallest change of each input that gives another severity, all others left as they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Changes {
    /// Of the run's cost.
    pub credits: Nearest,
    /// Of its scenario's baseline. A baseline of 0 gives no ratio, so that it is named only where
    /// no other lower one gives a graver severity and it does.
    pub baseline: Nearest,
    /// Of whether it is a backfill: by `is_backfill` or a reported `backfill_mode`.
    pub backfill: Option<Switch>,
    /// Of whether it has a critical flag, `pii_exposure` or `regulatory_data`.
    pub critical_flag: Option<Switch>,
}

/// The nearest amounts that give another severity; `None` where none does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Nearest {
    /// The nearest that gives a graver one.
    pub graver: Option<Step>,
    /// The nearest that gives a milder one.
    pub milder: Option<Step>,
}

/// An amount that gives another severity. One micro-credit nearer to the present amount does not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Step {
    /// The amount.
    pub to: Credits,
    /// How far it is from the present one; `None` where there is none.
    pub by: Option<Credits>,
    /// The severity it gives.
    pub severity: Severity,
}

/// A yes or no whose opposite gives another severity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Switch {
    /// The opposite of what is.
    pub to: bool,
    /// The severity it gives.
    pub severity: Severity,
}

pub(super) fn of(case: &Case<'_>) -> Changes {
    let now = case.severity();
    let switch = |to: bool, changed: Case<'_>| {
        let severity = changed.severity();
        (severity != now).then_some(Switch { to, severity })
    };
    let (backfill, critical) = (case.is_backfill(), case.is_critical());
    let without_critical = RiskFlags::CRITICAL
        .iter()
        .fold(*case, |case, flag| case.with_flag(flag, false));
    let other_critical = if critical {
        without_critical
    } else {
        case.with_flag(RiskFlag::PiiExposure, true)
    };
    Changes {
        credits: credits(case, now),
        baseline: baseline(case, now),
        backfill: switch(!backfill, case.with_flag(RiskFlag::BackfillMode, !backfill)),
        critical_flag: switch(!critical, other_critical),
    }
}

impl Changes {
    /// The inputs of a run that cannot change its severity, under the names that records have for
    /// them. Those that never can are always among them: they change the likelihood alone.
    pub(super) fn idle_inputs(&self) -> Vec<&'static str> {
        let idle = |nearest: Nearest| nearest == Nearest::default();
        let own = [
            ("Credits_Total", idle(self.credits)),
            ("Baseline_Expected_Credits", idle(self.baseline)),
            ("is_backfill", self.backfill.is_none()),
            ("pii_exposure", self.critical_flag.is_none()),
            ("regulatory_data", self.critical_flag.is_none()),
        ];
        let own = own
            .into_iter()
            .filter_map(|(name, idle)| idle.then_some(name));
        own.chain(LIKELIHOOD_ONLY).collect()
    }
}

/// A higher cost is never milder.
fn credits(case: &Case<'_>, now: Severity) -> Nearest {
    let (cost, max) = (case.credits.micro(), Credits::MAX.micro());
    let at = |micro| case.costing(micro).severity();
    let step = |micro| step(micro, Some(case.credits), at(micro));
    Nearest {
        graver: first(cost, max, |micro| at(micro) < now).map(step),
        milder: last(0, cost, |micro| at(micro) > now).map(step),
    }
}

/// A higher baseline is never graver, that of 0 aside, which gives no ratio.
fn baseline(case: &Case<'_>, now: Severity) -> Nearest {
    let present = match case.expected {
        Expected::Missing => None,
        Expected::Baseline { credits, .. } => Some(credits),
    };
    let at = |micro| case.against(micro).severity();
    let step = |micro| step(micro, present, at(micro));
    let ratio = present.map(Credits::micro).filter(|micro| *micro > 0);
    let (below, above) = (ratio.unwrap_or(Credits::MAX.micro()), ratio.unwrap_or(1));
    let none = || (ratio.is_some() && at(0) < now).then_some(0);
    Nearest {
        graver: last(1, below, |micro| at(micro) < now)
            .or_else(none)
            .map(step),
        milder: first(above, Credits::MAX.micro(), |micro| at(micro) > now).map(step),
    }
}

fn step(micro: u64, present: Option<Credits>, severity: Severity) -> Step {
    let to = Credits::from_micro(micro).unwrap_or(Credits::MAX);
    Step {
        to,
        by: present.map(|present| present.abs_diff(to)),
        severity,
    }
}

/// No severity depends on these.
const LIKELIHOOD_ONLY: [&str; 7] = [
    "retry_count",
    "Input_Tokens",
    "input_item_count",
    "deployment_timestamp",
    "has_max_items_config",
    "has_idempotency_key",
    "is_batch_job",
];
