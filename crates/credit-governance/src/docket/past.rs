//! What was decided and is over: only who looks back asks for it.

use credit_core::{ScenarioId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Backfill, BaselineChange, Decided, Docket, Mute};
use crate::{ConfigAdopted, EventId, PolicyAdopted, ReviewDecided, ReviewNoted};

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

impl Past {
    /// When it was decided, or was over.
    pub fn at(&self) -> Timestamp {
        match self {
            Past::Baseline(change) => change.applied_at,
            Past::Mute(mute) => mute.until(),
            Past::Backfill(_, backfill) => over(backfill),
            Past::Policy(policy) => policy.stamp.at,
            Past::Config(config) => config.stamp.at,
            Past::Reviewed(decided) => decided.stamp.at,
            Past::Noted(note) => note.stamp.at,
        }
    }
}

fn over(backfill: &Backfill) -> Timestamp {
    let ended = backfill.ended.as_ref().map(|stamp| stamp.at);
    ended.map_or(backfill.expires, |ended| ended.min(backfill.expires))
}

impl Docket {
    /// How much [`Docket::take_past`] takes out if every mute is told.
    pub(super) fn past_count(&self, before: Timestamp) -> usize {
        let backfills = self.emergency.backfills.values();
        let backfills = backfills.map(|all| first(but_last(all), |it| over(it) < before));
        first(&self.baselines.changes, |it| it.applied_at < before)
            + first(&self.emergency.mutes, |it| it.until() < before)
            + backfills.sum::<usize>()
            + first(but_last(&self.policies), |it| it.stamp.at < before)
            + first(&self.configs, |it| it.stamp.at < before)
            + first(&self.reviewed, |it| it.stamp.at < before)
            + first(&self.review_notes, |it| it.stamp.at < before)
    }

    /// Takes out what was over before then, the oldest of each kind first and up to the first one
    /// that was not.
    pub(super) fn take_past(
        &mut self,
        before: Timestamp,
        is_told: impl Fn(&EventId) -> bool,
    ) -> Vec<Past> {
        let mut past = Vec::new();
        let changes = &mut self.baselines.changes;
        let done = first(changes, |it| it.applied_at < before);
        self.baselines.changes_taken += done;
        past.extend(changes.drain(..done).map(Past::Baseline));
        let mutes = &mut self.emergency.mutes;
        let done = first(mutes, |it| it.until() < before && is_told(&it.id));
        past.extend(mutes.drain(..done).map(Past::Mute));
        for (scenario, all) in &mut self.emergency.backfills {
            let done = first(but_last(all), |it| over(it) < before);
            let done = all.drain(..done);
            past.extend(done.map(|backfill| Past::Backfill(scenario.clone(), backfill)));
        }
        let done = first(but_last(&self.policies), |it| it.stamp.at < before);
        past.extend(self.policies.drain(..done).map(Past::Policy));
        let done = first(&self.configs, |it| it.stamp.at < before);
        past.extend(self.configs.drain(..done).map(Past::Config));
        let done = first(&self.reviewed, |it| it.stamp.at < before);
        past.extend(self.reviewed.drain(..done).map(Past::Reviewed));
        let done = first(&self.review_notes, |it| it.stamp.at < before);
        past.extend(self.review_notes.drain(..done).map(Past::Noted));
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

/// How many come before the first one that is not so.
fn first<T>(all: &[T], is_so: impl Fn(&T) -> bool) -> usize {
    all.iter().take_while(|it| is_so(it)).count()
}

fn but_last<T>(all: &[T]) -> &[T] {
    all.split_last().map_or(all, |(_, before)| before)
}
