//! What is exceptionally switched off or relaxed, and until when.

use std::collections::BTreeMap;

use credit_core::{ScenarioId, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Docket, DocketError};
use crate::case::Stamp;
use crate::{AlertsMuted, Event, EventId, MuteScope, Text, What};

/// A time in which alerts are held back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mute {
    /// Its event.
    pub id: EventId,
    /// Who wanted it and since when.
    pub since: Stamp,
    /// Which alerts, why, and until when at the latest.
    pub what: AlertsMuted,
    /// Who ended it before that.
    pub ended: Option<Stamp>,
}

impl Mute {
    /// The first instant at which the alerts are sent again.
    pub fn until(&self) -> Timestamp {
        let ended = self.ended.as_ref().map(|stamp| stamp.at);
        ended.map_or(self.what.expires, |at| at.min(self.what.expires))
    }

    /// Whether it is in force at `now`.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.since.at <= now && now < self.until()
    }

    /// Whether it is about the alerts of that scenario and severity.
    pub fn holds_back(&self, scenario: &ScenarioId, severity: Severity) -> bool {
        let scope = match &self.what.scope {
            MuteScope::All => true,
            MuteScope::Scenario(muted) => muted == scenario,
            MuteScope::Severities(muted) => muted.contains(&severity),
        };
        scope && self.reaches(severity)
    }

    /// Whether it holds back whatever is told of runs of this severity, whichever scenario they
    /// are of; of `None`, everything that is told.
    pub(crate) fn covers(&self, severity: Option<Severity>) -> bool {
        match (&self.what.scope, severity) {
            (MuteScope::Scenario(_), _) | (MuteScope::Severities(_), None) => false,
            (MuteScope::All, None) => true,
            (MuteScope::All, Some(severity)) => self.reaches(severity),
            (MuteScope::Severities(muted), Some(severity)) => {
                muted.contains(&severity) && self.reaches(severity)
            }
        }
    }

    /// SEV0 must be named.
    fn reaches(&self, severity: Severity) -> bool {
        severity != Severity::Sev0 || self.what.include_sev0
    }
}

/// A time in which a scenario works through what has piled up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Backfill {
    /// Who began it and when.
    pub since: Stamp,
    /// Why.
    pub reason: Text,
    /// The first instant at which it counts no more.
    pub expires: Timestamp,
    /// Who said that it is done and when.
    pub ended: Option<Stamp>,
}

impl Backfill {
    /// Whether it counts at `now`.
    pub fn is_on(&self, now: Timestamp) -> bool {
        let over = self.ended.as_ref().is_some_and(|stamp| now >= stamp.at);
        self.since.at <= now && now < self.expires && !over
    }

    /// Whether it counts no more at `at`, because its time is over or somebody said that it is done.
    pub fn is_over(&self, at: Timestamp) -> bool {
        at >= self.expires || self.ended.as_ref().is_some_and(|stamp| at >= stamp.at)
    }

    /// Whether its time is over at `now` and nobody has said that it is done.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now >= self.expires
    }
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Emergency {
    pub(super) mutes: Vec<Mute>,
    pub(super) backfills: BTreeMap<ScenarioId, Vec<Backfill>>,
}

impl Emergency {
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), DocketError> {
        match &event.what {
            What::AlertsMuted(what) => self.mutes.push(Mute {
                id: event.id(),
                since: Stamp::of(event),
                what: what.clone(),
                ended: None,
            }),
            What::AlertsUnmuted(what) => {
                let muted = self.mutes.iter_mut().find(|mute| mute.id == what.mute);
                let on = muted.filter(|mute| mute.is_on(event.at)).ok_or_else(|| {
                    DocketError::NotMuted {
                        mute: what.mute.clone(),
                    }
                })?;
                on.ended = Some(Stamp::of(event));
            }
            What::BackfillStarted(what) => {
                let all = self.backfills.entry(what.scenario_id.clone()).or_default();
                if all.last().is_some_and(|open| open.ended.is_none()) {
                    let scenario_id = what.scenario_id.clone();
                    return Err(DocketError::BackfillOpen { scenario_id });
                }
                all.push(Backfill {
                    since: Stamp::of(event),
                    reason: what.reason.clone(),
                    expires: what.expires,
                    ended: None,
                });
            }
            What::BackfillEnded(what) => {
                let last = self.backfills.get_mut(&what.scenario_id);
                let open = last
                    .and_then(|all| all.last_mut())
                    .filter(|b| b.ended.is_none());
                let open = open.ok_or_else(|| DocketError::NoBackfill {
                    scenario_id: what.scenario_id.clone(),
                })?;
                open.ended = Some(Stamp::of(event));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Docket {
    /// Every time in which alerts were held back, oldest first.
    pub fn mutes(&self) -> &[Mute] {
        &self.emergency.mutes
    }

    /// What holds back the alerts of a scenario and severity at `now`, if anything does.
    pub fn muted(
        &self,
        scenario: &ScenarioId,
        severity: Severity,
        now: Timestamp,
    ) -> Option<&Mute> {
        let on = |mute: &&Mute| mute.is_on(now) && mute.holds_back(scenario, severity);
        self.mutes().iter().rev().find(on)
    }

    /// The backfill of a scenario that counts at `now`.
    pub fn backfill(&self, scenario: &ScenarioId, now: Timestamp) -> Option<&Backfill> {
        let all = self.emergency.backfills.get(scenario)?;
        all.iter().rev().find(|backfill| backfill.is_on(now))
    }

    /// The last backfill of a scenario, over or not.
    pub fn last_backfill(&self, scenario: &ScenarioId) -> Option<&Backfill> {
        self.emergency.backfills.get(scenario)?.last()
    }

    /// Every backfill, by scenario, oldest first.
    pub fn backfills(&self) -> impl Iterator<Item = (&ScenarioId, &Backfill)> {
        let all = self.emergency.backfills.iter();
        all.flat_map(|(scenario, all)| all.iter().map(move |backfill| (scenario, backfill)))
    }

    /// The backfills whose time is over at `now` and which nobody has ended.
    pub fn forgotten_backfills(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&ScenarioId, &Backfill)> {
        self.backfills()
            .filter(move |(_, backfill)| backfill.is_forgotten(now))
    }
}
