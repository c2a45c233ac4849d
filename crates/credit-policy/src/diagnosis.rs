//! What a run's flags speak for: the runbook's table of causes.

use credit_core::{RiskFlag, RiskFlags};
use serde::Serialize;

/// A likely cause, and what to do about it, in the runbook's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Those of the run's flags that speak for it.
    pub flags: RiskFlags,
    /// The likely cause.
    pub cause: &'static str,
    /// The action.
    pub action: &'static str,
}

/// The likely causes of a run's cost: the rows of the runbook's table (lines 140 to 145) that name
/// one of its flags, in the table's order. Flags of which the table says nothing give none.
///
/// ```
/// use credit_core::{RiskFlag, RiskFlags};
/// use credit_policy::diagnose;
///
/// let flags = RiskFlags::NONE.with(RiskFlag::RetryLoop).with(RiskFlag::PiiExposure);
/// let found = diagnose(flags);
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].cause, "Misconfig");
/// assert_eq!(found[0].action, "Fix scenario config, update max_items");
/// ```
pub fn diagnose(flags: RiskFlags) -> Vec<Diagnosis> {
    let rows = ROWS.iter().map(|row| Diagnosis {
        flags: row.flags.intersection(flags),
        ..*row
    });
    rows.filter(|row| !row.flags.is_empty()).collect()
}

/// The table, row by row.
const ROWS: [Diagnosis; 4] = [
    Diagnosis {
        flags: RiskFlags::NONE
            .with(RiskFlag::RetryLoop)
            .with(RiskFlag::UnboundedIterator),
        cause: "Misconfig",
        action: "Fix scenario config, update max_items",
    },
    Diagnosis {
        flags: RiskFlags::NONE
            .with(RiskFlag::BatchJob)
            .with(RiskFlag::LinearScaling),
        cause: "Legit load",
        action: "Update baseline, document expected variance",
    },
    Diagnosis {
        flags: RiskFlags::NONE.with(RiskFlag::SuddenPromptGrowth),
        cause: "Prompt change",
        action: "Review prompt, consider reverting or optimizing",
    },
    Diagnosis {
        flags: RiskFlags::NONE.with(RiskFlag::DeploymentCorrelation),
        cause: "Recent deploy",
        action: "Check for bugs in new code",
    },
];
