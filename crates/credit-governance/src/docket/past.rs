//! What was decided and is over: only who looks back asks for it.

use credit_core::ScenarioId;
use serde::{Deserialize, Serialize};

use super::{Backfill, BaselineChange, Decided, Docket, Mute};
use crate::{ConfigAdopted, PolicyAdopted, ReviewDecided, ReviewNoted};

/// Something that was decided and that nothing later depends on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// A baseline that was put into force.
    Baseline(BaselineChange),
    /// A time in which alerts were held back.
    Mute(Mute),
    /// A backfill before a scenario's last one.
    Backfill(ScenarioId, Backfill),
    /// A policy before the last one.
    Policy(Decided<PolicyAdopted>),
    /// A file that was adopted; the last adoption of each file stays known.
    Config(Decided<ConfigAdopted>),
    /// What a weekly review decided.
    Reviewed(Decided<ReviewDecided>),
    /// A note to a weekly report.
    Noted(Decided<ReviewNoted>),
}

impl Docket {
    pub(super) fn past_count(&self) -> usize {
        let backfills = self.emergency.backfills.values();
        self.baselines.changes.len()
            + self.emergency.mutes.len()
            + backfills
                .map(|all| all.len().saturating_sub(1))
                .sum::<usize>()
            + self.policies.len().saturating_sub(1)
            + self.configs.len()
            + self.reviewed.len()
            + self.review_notes.len()
    }

    /// Takes out what is over, the oldest of each kind first: of mutes those before the first one
    /// that is not done.
    pub(super) fn take_past(&mut self, mute_is_done: impl Fn(&Mute) -> bool) -> Vec<Past> {
        let mut past = Vec::new();
        self.baselines.changes_taken += self.baselines.changes.len();
        past.extend(self.baselines.changes.drain(..).map(Past::Baseline));
        let mutes = &mut self.emergency.mutes;
        let open = mutes.iter().position(|mute| !mute_is_done(mute));
        let done = open.unwrap_or(mutes.len());
        past.extend(mutes.drain(..done).map(Past::Mute));
        for (scenario, all) in &mut self.emergency.backfills {
            let before = ..all.len().saturating_sub(1);
            let before = all.drain(before);
            past.extend(before.map(|backfill| Past::Backfill(scenario.clone(), backfill)));
        }
        let before = ..self.policies.len().saturating_sub(1);
        past.extend(self.policies.drain(before).map(Past::Policy));
        past.extend(self.configs.drain(..).map(Past::Config));
        past.extend(self.reviewed.drain(..).map(Past::Reviewed));
        past.extend(self.review_notes.drain(..).map(Past::Noted));
        past
    }

    /// Puts everything back that is over and was taken out, in the order in which it was taken.
    pub fn put_back_past(&mut self, past: Vec<Past>) {
        let mut older = Docket::default();
        for past in past {
            match past {
                Past::Baseline(change) => older.baselines.changes.push(change),
                Past::Mute(mute) => older.emergency.mutes.push(mute),
                Past::Backfill(scenario, backfill) => {
                    let all = older.emergency.backfills.entry(scenario);
                    all.or_default().push(backfill);
                }
                Past::Policy(policy) => older.policies.push(policy),
                Past::Config(config) => older.configs.push(config),
                Past::Reviewed(decided) => older.reviewed.push(decided),
                Past::Noted(note) => older.review_notes.push(note),
            }
        }
        self.baselines.changes_taken = self
            .baselines
            .changes_taken
            .saturating_sub(older.baselines.changes.len());
        put_before(&mut self.baselines.changes, older.baselines.changes);
        put_before(&mut self.emergency.mutes, older.emergency.mutes);
        for (scenario, before) in older.emergency.backfills {
            let all = self.emergency.backfills.entry(scenario).or_default();
            put_before(all, before);
        }
        put_before(&mut self.policies, older.policies);
        put_before(&mut self.configs, older.configs);
        put_before(&mut self.reviewed, older.reviewed);
        put_before(&mut self.review_notes, older.review_notes);
    }
}

fn put_before<T>(all: &mut Vec<T>, before: Vec<T>) {
    all.splice(0..0, before);
}
