//! What people found out about runs, as the cases tell it.

use std::collections::BTreeMap;

use credit_core::json::ObjectWriter;
use credit_core::{CaseStatus, RootCause, RunId, Sha256};
use credit_governance::{Case, Docket, Relation};
use credit_policy::Outcomes;

use crate::{Archive, Error, Hashed};

impl Archive {
    /// The root causes of the runs of resolved cases, archived ones included: what a backtest is
    /// scored by where nobody wrote a file of outcomes. Its bytes are that file, so that its hash
    /// stands for what was known.
    ///
    /// A run that repeats another one of its case has no outcome: the cause was mended before it.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if the events are damaged.
    ///
    /// ```
    /// use credit_monitor::{Archive, Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// Monitor::init(&tree, Vec::new(), "2025-01-31T10:00:00Z".parse()?)?;
    /// assert!(Archive::new(&tree).outcomes()?.value.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outcomes(&self) -> Result<Hashed<Outcomes>, Error> {
        let docket = self.docket()?;
        let found = of_cases(&docket);
        let mut text = String::new();
        for (run_id, root_cause) in &found {
            let mut line = ObjectWriter::new();
            line.plain("Run_ID", run_id);
            line.plain("Root_Cause", root_cause);
            text.push_str(&line.finish());
            text.push('\n');
        }
        Ok(Hashed {
            value: found.into_iter().collect(),
            sha256: Sha256::of(text.as_bytes()),
            bytes: text.into_bytes(),
        })
    }
}

/// A run belongs to one case, so that nothing is said about it twice.
pub(crate) fn of_cases(docket: &Docket) -> BTreeMap<RunId, RootCause> {
    let cases = docket.cases().chain(docket.archived_cases());
    let resolved = cases.filter(|case| case.status == CaseStatus::Resolved);
    resolved.flat_map(of_case).collect()
}

fn of_case(case: &Case) -> impl Iterator<Item = (RunId, RootCause)> {
    let root_cause = case.root_cause.as_ref().map(|found| found.root_cause);
    let runs = case.runs.iter();
    runs.filter(|linked| linked.relation != Relation::Rerun)
        .filter_map(move |linked| Some((linked.run.run_id.clone(), root_cause?)))
}
