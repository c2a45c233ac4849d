//! What is settled: so that a docket need not hold everything that was ever decided.

use std::collections::BTreeMap;

use credit_core::{CaseId, RunId, Timestamp};

use super::{Docket, Past, RunState};
use crate::{Case, EventId, RerunStage};

/// Runs and cases about which nothing is open, and decisions that are over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// Runs that are not held back, whose last rerun was denied or began, and whose case, if they
    /// have one, is in the archive.
    pub runs: BTreeMap<RunId, RunState>,
    /// The cases in the archive.
    pub cases: BTreeMap<CaseId, Case>,
    /// What only who looks back asks for, in the order in which it goes back.
    pub past: Vec<Past>,
}

impl Settled {
    /// How many runs, cases and decisions.
    pub fn len(&self) -> usize {
        self.runs.len() + self.cases.len() + self.past.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Docket {
    /// How many runs, cases and decisions [`Docket::take_settled`] would take out if all that mutes
    /// held back is told.
    pub fn settled_count(&self, before: Timestamp) -> usize {
        let runs = self
            .runs
            .states()
            .filter(|(_, state)| self.is_settled(state));
        runs.count() + self.cases.archived().len() + self.past_count(before)
    }

    /// Takes out what is settled, for somebody to keep it: runs and cases, and what was over
    /// `before` then. Whether all is told that a mute held back, the caller knows by its event.
    ///
    /// What is left answers everything about what is open. Before it is asked about a run or a
    /// case, or given an event about one, that one must be put back if it was taken out:
    /// [`Docket::put_back_run`], [`Docket::put_back_case`]. Before it is asked what was decided
    /// once, all of that must be: [`Docket::put_back_past`].
    ///
    /// ```
    /// use credit_governance::{Docket, RunState};
    ///
    /// let mut docket = Docket::default();
    /// docket.put_back_run("R-1".parse()?, RunState::default());
    /// let settled = docket.take_settled("2025-01-31T10:00:00Z".parse()?, |_| true);
    /// assert_eq!((settled.len(), docket), (1, Docket::default()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_settled(
        &mut self,
        before: Timestamp,
        is_told: impl Fn(&EventId) -> bool,
    ) -> Settled {
        let settled: Vec<RunId> = self
            .runs
            .states()
            .filter(|(_, state)| self.is_settled(state))
            .map(|(run, _)| run.clone())
            .collect();
        Settled {
            runs: self.runs.take(settled),
            cases: self.cases.take_archived(),
            past: self.take_past(before, is_told),
        }
    }

    /// Puts a run back that was taken out. One that is there stays as it is.
    pub fn put_back_run(&mut self, run: RunId, state: RunState) {
        self.runs.put_back(run, state);
    }

    /// Puts a case back into the archive that was taken out. One that is there stays as it is.
    pub fn put_back_case(&mut self, case: Case) {
        self.cases.put_back(case);
    }

    fn is_settled(&self, run: &RunState) -> bool {
        let open_rerun = run.rerun.as_deref().is_some_and(|rerun| {
            matches!(
                rerun.stage,
                RerunStage::Requested | RerunStage::Approved { .. }
            )
        });
        let open_case = run
            .case
            .as_ref()
            .is_some_and(|case| self.case(case).is_some());
        let held_back = run.blocked == Some(true) || run.is_quarantined();
        !held_back && !open_rerun && !open_case
    }
}
