//! Baselines: calculated from the ledger and proposed.

use std::collections::BTreeMap;

use credit_baseline::{
    Baseline, Calculation, Eligibility, Histories, NoBaseline, Window, eligibility,
};
use credit_core::{Credits, HealthyRule, ScenarioId, Timestamp};
use credit_governance::{About, Actor, BaselineProposal, Event, EventId, Verb, What};
use credit_ledger::Window as Lines;

use crate::parallel::parallel;
use crate::{Archive, Config, Error, Monitor};

/// So much of the ledger is held while its runs are read.
const BATCH_BYTES: usize = 8 << 20;

/// What a proposal rests on, beside the ledger.
#[derive(Clone, Debug, Default)]
pub struct Grounds {
    /// Whether the baseline tells the days of the week apart.
    pub weekdays: TellWeekdays,
    /// Since when the scenario is another one, in the proposer's words: runs from before do not
    /// count, and two weeks since then are enough.
    pub changed_at: Option<Timestamp>,
    /// Why, in the proposer's words.
    pub reasons: Vec<String>,
    /// Why failed criteria should not count; recorded with the proposal.
    pub override_reason: Option<String>,
    /// The case or note in which a large change was investigated.
    pub investigated: Option<String>,
}

/// Whether a baseline tells the days of the week apart.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TellWeekdays {
    /// If the baseline in force does.
    #[default]
    AsInForce,
    /// It does.
    Apart,
    /// It does not.
    Together,
}

/// What a baseline would become, and what that was measured by.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The baseline in force.
    pub old: Option<Credits>,
    /// What was calculated.
    pub calculation: Calculation,
    /// How it stands against the gate.
    pub eligibility: Eligibility,
}

impl Draft {
    pub(crate) fn of(calculation: Calculation, config: &Config, weekdays: TellWeekdays) -> Draft {
        let old = config.baselines().value.get(&calculation.scenario_id);
        let apart = match weekdays {
            TellWeekdays::AsInForce => old.is_some_and(|b: &Baseline| b.weekdays.is_some()),
            TellWeekdays::Apart => true,
            TellWeekdays::Together => false,
        };
        let calculation = match apart {
            true => calculation.by_weekday(),
            false => calculation,
        };
        let gate = config.policy().value.update_gate();
        Draft {
            old: old.map(|b| b.credits),
            eligibility: eligibility(&calculation, old, gate),
            calculation,
        }
    }

    /// The same with what somebody answers for, if it may be proposed.
    pub(crate) fn admitted(mut self, grounds: &Grounds) -> Result<Draft, Error> {
        if grounds.investigated.is_some() {
            self.eligibility = self.eligibility.investigated();
        }
        let failed: Vec<_> = self.eligibility.failed().collect();
        let change_failed = failed.iter().any(|c| c.name == "change");
        if failed.is_empty() || (grounds.override_reason.is_some() && !change_failed) {
            return Ok(self);
        }
        let failed: Vec<String> = failed.iter().map(|c| format!("\n  {c}")).collect();
        let remedy = if change_failed {
            "so large a change needs --investigated CASE|NOTE"
        } else {
            "more healthy runs, or --override REASON, recorded with the proposal"
        };
        Err(Error::Precondition {
            reason: format!(
                "the baseline of `{}` may not be changed ({remedy}); failed criteria:{}",
                self.calculation.scenario_id,
                failed.concat()
            ),
        })
    }

    fn proposal(&self, grounds: &Grounds) -> BaselineProposal {
        let calculation = &self.calculation;
        BaselineProposal {
            scenario_id: calculation.scenario_id.clone(),
            old: self.old,
            new: calculation.credits,
            usual_input_tokens: calculation.usual.input_tokens,
            usual_credits_per_item: calculation.usual.credits_per_item,
            bounds: calculation.usual.bounds,
            weekdays: calculation.weekdays.clone(),
            changed_at: calculation.changed_at,
            sample_size: calculation.healthy_runs,
            cv: calculation.cv,
            days: calculation.window.days,
            as_of: calculation.window.as_of,
            reasons: grounds.reasons.clone(),
            override_reason: grounds.override_reason.clone(),
            investigated: grounds.investigated.clone(),
        }
    }
}

impl Archive {
    /// What [`Monitor::propose_baseline`] would record; changes nothing.
    ///
    /// # Errors
    /// [`Error::Precondition`] listing every failed criterion unless it is overridden (or, for a
    /// large change, investigated); as [`Archive::calculate_baseline`].
    pub fn draft_baseline(
        &self,
        config: &Config,
        scenario: &ScenarioId,
        window: Window,
        grounds: &Grounds,
    ) -> Result<Draft, Error> {
        let rule = config.policy().value.healthy();
        let calculation =
            self.calculate_baseline_since(scenario, window, rule, grounds.changed_at)?;
        Draft::of(calculation, config, grounds.weekdays).admitted(grounds)
    }

    /// What [`Monitor::propose_stable_baselines`] would record, by scenario; changes nothing. The
    /// ledger is read once.
    ///
    /// # Errors
    /// [`Error::Read`] for the ledger.
    pub fn draft_stable_baselines(
        &self,
        config: &Config,
        window: Window,
        weekdays: TellWeekdays,
    ) -> Result<Vec<Draft>, Error> {
        let calculations = self.calculate_baselines(window, config.policy().value.healthy())?;
        // Too little to go by is no error here: it is not stable.
        let drafts = calculations
            .into_values()
            .filter_map(|calculation| Some(Draft::of(calculation.ok()?, config, weekdays)));
        Ok(drafts
            .filter(|draft| draft.eligibility.is_eligible())
            .collect())
    }

    /// Calculates a scenario's baseline from the healthy runs in a window; changes nothing.
    ///
    /// # Errors
    /// [`Error::UnknownScenario`] if it has no runs up to the window's end,
    /// [`Error::Precondition`] if none of them is healthy, [`Error::Read`] for the ledger.
    pub fn calculate_baseline(
        &self,
        scenario: &ScenarioId,
        window: Window,
        rule: &HealthyRule,
    ) -> Result<Calculation, Error> {
        self.calculate_baseline_since(scenario, window, rule, None)
    }

    /// The same for a scenario that is another one since `changed_at`: no run before counts.
    ///
    /// # Errors
    /// As [`Archive::calculate_baseline`].
    pub fn calculate_baseline_since(
        &self,
        scenario: &ScenarioId,
        window: Window,
        rule: &HealthyRule,
        changed_at: Option<Timestamp>,
    ) -> Result<Calculation, Error> {
        let mut histories = Histories::new(window, rule.clone()).changed_at(changed_at);
        self.each_run(Some(scenario), |facts| {
            histories.add(facts);
            true
        })?;
        match histories.calculations().remove(scenario) {
            Some(calculation) => calculation.map_err(no_baseline),
            None => Err(Error::UnknownScenario {
                scenario_id: scenario.clone(),
            }),
        }
    }

    /// Calculates the baseline of every scenario that has runs, reading the ledger once; changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Read`] for the ledger.
    pub fn calculate_baselines(
        &self,
        window: Window,
        rule: &HealthyRule,
    ) -> Result<BTreeMap<ScenarioId, Result<Calculation, NoBaseline>>, Error> {
        let histories = self.histories(&Lines::default(), window, rule)?;
        Ok(histories.calculations())
    }

    /// The runs of the lines, by scenario.
    pub(crate) fn histories(
        &self,
        lines: &Lines<'_>,
        window: Window,
        rule: &HealthyRule,
    ) -> Result<Histories, Error> {
        let mut histories = Histories::new(window, rule.clone());
        let mut batch = String::new();
        self.each_line(lines, |line| {
            batch.push_str(line);
            batch.push('\n');
            if batch.len() >= BATCH_BYTES {
                self.take_in(&mut histories, &batch)?;
                batch.clear();
            }
            Ok(true)
        })?;
        self.take_in(&mut histories, &batch)?;
        Ok(histories)
    }

    /// Reading a line takes longer than counting it, so that is what all cores do.
    fn take_in(&self, histories: &mut Histories, lines: &str) -> Result<(), Error> {
        for run in parallel(lines.lines().collect(), |line| self.facts(line)) {
            histories.add(&run?);
        }
        Ok(())
    }
}

impl Monitor {
    /// Records the proposal to change a scenario's baseline; the baselines file stays as it is.
    ///
    /// # Errors
    /// [`Error::Denied`] if `actor` may not propose; [`Error::Config`]; as
    /// [`Archive::draft_baseline`].
    pub fn propose_baseline(
        &self,
        scenario: &ScenarioId,
        window: Window,
        grounds: Grounds,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(EventId, Draft), Error> {
        let about = About::Scenario(scenario.clone());
        self.require(actor, Verb::ProposeBaseline, about, now)?;
        let draft = self
            .archive()
            .draft_baseline(&self.config()?, scenario, window, &grounds)?;
        let what = What::BaselineProposed(draft.proposal(&grounds));
        let event = Event::new(now, actor, what);
        let _lock = self.lock_config()?;
        self.record_event(&event)?;
        Ok((event.id(), draft))
    }

    /// Records a proposal for each scenario that meets every criterion of the gate, reading the
    /// ledger once and syncing once.
    ///
    /// # Errors
    /// [`Error::Denied`] if `actor` may not propose; [`Error::Config`]; [`Error::Read`].
    pub fn propose_stable_baselines(
        &self,
        window: Window,
        grounds: &Grounds,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<(EventId, Draft)>, Error> {
        self.require(actor, Verb::ProposeBaseline, About::Everything, now)?;
        let drafts =
            self.archive()
                .draft_stable_baselines(&self.config()?, window, grounds.weekdays)?;
        let _lock = self.lock_config()?;
        let mut deciding = self.deciding()?;
        let mut proposed = Vec::new();
        for draft in drafts {
            let what = What::BaselineProposed(draft.proposal(grounds));
            let event = Event::new(now, actor, what);
            proposed.push((event.id(), draft));
            deciding.take(event)?;
        }
        deciding.finish()?;
        Ok(proposed)
    }
}

pub(crate) fn no_baseline(why: NoBaseline) -> Error {
    match why {
        NoBaseline::UnknownScenario { scenario_id, .. } => Error::UnknownScenario { scenario_id },
        NoBaseline::NoHealthyRuns { .. } => Error::Precondition {
            reason: why.to_string(),
        },
    }
}
