//! How sure the severities of a report's runs are.

use std::collections::{BTreeMap, HashMap};

use credit_core::{Period, RunFacts, RunId, Sha256, StoredRecord};
use credit_policy::{Context, Policy};
use credit_report::{SeverityCertainty, is_listed};

use crate::Archive;

/// Of each run of a period that a report lists by name, what its record says about it by the policy
/// that judged it; nothing where a record keeps no interval of its baseline or its policy is lost.
pub(super) fn of(
    archive: &Archive,
    period: Period,
    runs: &[RunFacts<'_>],
) -> BTreeMap<RunId, SeverityCertainty> {
    let mut policies: HashMap<Sha256, Option<Policy>> = HashMap::new();
    let mut certainty = |run: &RunFacts<'_>| {
        let record = StoredRecord::parse(run.json).ok()?;
        let sha256 = record.inputs.policy_sha256;
        let policy = policies.entry(sha256);
        let policy = policy.or_insert_with(|| archive.kept_policy(sha256).ok());
        let certainty = policy
            .as_ref()?
            .certainty(&record.run, &Context::of(&record))?;
        Some(match certainty.is_certain() {
            true => SeverityCertainty::Certain,
            false => SeverityCertainty::Uncertain,
        })
    };
    let listed = runs.iter().filter(|run| {
        // Most records of a fleet without intervals need not be read whole.
        period.contains(run.timestamp) && is_listed(run) && run.json.contains(INTERVAL)
    });
    listed
        .filter_map(|run| Some((run.run_id.clone(), certainty(run)?)))
        .collect()
}

/// The key of an interval's lower end, as a record has it.
const INTERVAL: &str = "\"Baseline_Lower\":";
