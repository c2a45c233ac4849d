//! Baselines: what they were, who answers for what they are, and whether they still hold.

use std::collections::BTreeMap;

use credit_baseline::{Baseline, Baselines, ChangePoint, DriftRule, Window};
use credit_core::{Credits, Multiplier, Ratio, ScenarioId, Sha256, Timestamp};
use credit_governance::{BaselineChange, ConfigFile, Docket};
use credit_ledger::Window as Lines;

use crate::live_docket::LiveDocket;
use crate::{Archive, Config, Error, files};

/// A value that a scenario's baseline had.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineVersion {
    /// The scenario.
    pub scenario_id: ScenarioId,
    /// Since when.
    pub since: Timestamp,
    /// The value before; `None` if there was none, or if it is not known.
    pub old: Option<Credits>,
    /// The value since; `None` if it was taken out.
    pub new: Option<Credits>,
    /// Who answers for it.
    pub by: VersionBy,
}

/// How a baseline came into force.
#[derive(Clone, Debug, PartialEq)]
pub enum VersionBy {
    /// It was calculated, proposed and approved.
    Approval(BaselineChange),
    /// The file was changed by hand, and adopted.
    Adoption {
        /// Who adopted it.
        by: String,
        /// Why.
        reason: String,
    },
}

/// A scenario's baseline at some time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BaselineAsOf {
    /// The value; `None` if there was none, or if it is not known.
    pub credits: Option<Credits>,
    /// Since when it was in force; `None` if that was before anything was recorded.
    pub since: Option<Timestamp>,
}

/// Who answers for a baseline in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It was approved, or has been there since before anything was recorded.
    Current,
    /// It was entered by hand, and adopted.
    Manual,
    /// It was entered by hand. It counts, but nobody has adopted it yet.
    ManualNotAdopted,
    /// It is not what was approved last.
    NotAdopted,
}

impl Standing {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Current => "current",
            Standing::Manual => "manual",
            Standing::ManualNotAdopted => "manual, not adopted",
            Standing::NotAdopted => "changed, not adopted",
        }
    }
}

/// A scenario that has cost something else than its baseline since some run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drifted {
    /// The last change.
    pub change: ChangePoint,
    /// How many times its baseline it usually costs since; `None` for a baseline of zero.
    pub times: Option<Multiplier>,
}

impl Archive {
    /// Every value that a scenario's baseline had as far as it is recorded, oldest first: what was
    /// approved, and what was adopted after it was changed by hand.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if the events are damaged; [`Error::Io`] or
    /// [`Error::Integrity`] if the file that was adopted is not kept as it was.
    pub fn baseline_history(&self, scenario: &ScenarioId) -> Result<Vec<BaselineVersion>, Error> {
        let live = LiveDocket::open(self)?;
        let docket = live.docket();
        let mut versions: Vec<BaselineVersion> = docket
            .baseline_changes()
            .iter()
            .filter(|change| change.scenario_id == *scenario)
            .map(|change| BaselineVersion {
                scenario_id: scenario.clone(),
                since: change.applied_at,
                old: change.old,
                new: Some(change.new),
                by: VersionBy::Approval(change.clone()),
            })
            .collect();
        for adopted in docket.configs() {
            if adopted.what.file != ConfigFile::Baselines {
                continue;
            }
            let credits = |hash: Option<Sha256>| {
                let kept = hash.map(|hash| self.kept_baselines(hash)).transpose()?;
                Ok::<_, Error>(kept.and_then(|all| all.get(scenario).map(|b| b.credits)))
            };
            versions.push(BaselineVersion {
                scenario_id: scenario.clone(),
                since: adopted.stamp.at,
                old: credits(adopted.what.old)?,
                new: credits(adopted.what.new)?,
                by: VersionBy::Adoption {
                    by: adopted.stamp.by.clone(),
                    reason: adopted.what.reason.to_string(),
                },
            });
        }
        versions.sort_by_key(|version| version.since);
        Ok(changes_only(versions))
    }

    /// A scenario's baseline as of `at`: from what is recorded, or where nothing is, from the entry
    /// in force if it is that old.
    ///
    /// # Errors
    /// As [`Archive::baseline_history`].
    ///
    /// ```
    /// use credit_core::Credits;
    /// use credit_monitor::{Config, Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// Monitor::init(&tree, Vec::new(), "2025-01-31T10:00:00Z".parse()?)?;
    /// std::fs::write(tree.baselines(), r#"{"version":"1.0.0","updated_at":"2025-01-31T10:00:00Z",
    ///     "baselines":[{"scenario_id":"EXPORT","median_credits":1250,"sample_size":0,
    ///     "calculated_at":"2025-01-31T10:00:00Z","last_updated":"2025-01-31T10:00:00Z"}]}"#)?;
    ///
    /// let archive = Monitor::open(&tree, "2025-01-31T10:00:00Z".parse()?)?.archive();
    /// let config = Config::load(&tree)?;
    /// let as_of = |at: &str| {
    ///     archive.baseline_as_of(&config, &"EXPORT".parse().unwrap(), at.parse().unwrap())
    /// };
    /// assert_eq!(as_of("2025-02-01T00:00:00Z")?.credits, Credits::whole(1250));
    /// assert_eq!(as_of("2025-01-01T00:00:00Z")?.credits, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn baseline_as_of(
        &self,
        config: &Config,
        scenario: &ScenarioId,
        at: Timestamp,
    ) -> Result<BaselineAsOf, Error> {
        let versions = self.baseline_history(scenario)?;
        if let Some(version) = versions.iter().rev().find(|v| v.since <= at) {
            return Ok(BaselineAsOf {
                credits: version.new,
                since: Some(version.since),
            });
        }
        if let Some(first) = versions.first() {
            return Ok(BaselineAsOf {
                credits: first.old,
                since: None,
            });
        }
        let entry = config.baselines().value.get(scenario);
        let entry = entry.filter(|entry| entry.last_updated <= at);
        Ok(BaselineAsOf {
            credits: entry.map(|entry| entry.credits),
            since: entry.map(|entry| entry.last_updated),
        })
    }

    /// Who answers for each baseline in force.
    ///
    /// # Errors
    /// As [`Archive::baseline_history`].
    pub fn baseline_standings(
        &self,
        config: &Config,
    ) -> Result<BTreeMap<ScenarioId, Standing>, Error> {
        let live = LiveDocket::open(self)?;
        let answered = self.answered_for(live.docket())?;
        let baselines = config.baselines().value.iter();
        let standing = |baseline: &Baseline| match answered.get(&baseline.scenario_id) {
            Some(credits) if *credits != baseline.credits => Standing::NotAdopted,
            Some(_) if baseline.is_manual() => Standing::Manual,
            None if baseline.is_manual() => Standing::ManualNotAdopted,
            Some(_) | None => Standing::Current,
        };
        Ok(baselines
            .map(|baseline| (baseline.scenario_id.clone(), standing(baseline)))
            .collect())
    }

    /// The scenarios whose runs in the window cost something else than their baseline since a
    /// certain run, which lasts: spikes are no drift. None where there is no ledger.
    ///
    /// # Errors
    /// [`Error::Read`] for the ledger.
    pub fn drifted(
        &self,
        config: &Config,
        window: Window,
    ) -> Result<BTreeMap<ScenarioId, Drifted>, Error> {
        if self.head()?.is_none() {
            return Ok(BTreeMap::new());
        }
        let (from, to) = (window.as_of.days_before(window.days), window.as_of);
        let (from, to) = (from.to_string(), to.days_after(1).to_string());
        let lines = Lines {
            from: Some(&from),
            to: Some(&to),
            ..Lines::default()
        };
        let policy = &config.policy().value;
        let rule = DriftRule::of(policy.candidate_gate());
        let histories = self.histories(&lines, window, policy.healthy())?;
        let drifted = histories.calculations().into_iter().filter_map(|(id, it)| {
            let baseline = config.baselines().value.get(&id)?;
            let change = it.ok()?.changes(&rule).pop()?;
            let times = Ratio::new(change.after, baseline.credits).map(Ratio::multiplier);
            let drifted = Drifted { change, times };
            rule.is_material(baseline.credits, change.after)
                .then_some((id, drifted))
        });
        Ok(drifted.collect())
    }

    /// The amounts that somebody answers for: of the file adopted last, and approved since.
    fn answered_for(&self, docket: &Docket) -> Result<BTreeMap<ScenarioId, Credits>, Error> {
        let adopted = docket.adopted(&ConfigFile::Baselines);
        let mut answered = BTreeMap::new();
        if let Some(hash) = adopted.and_then(|adopted| adopted.what.new) {
            let kept = self.kept_baselines(hash)?;
            answered.extend(kept.iter().map(|b| (b.scenario_id.clone(), b.credits)));
        }
        let since = adopted.map(|adopted| adopted.stamp.at);
        for change in docket.baseline_changes() {
            if since.is_none_or(|since| change.applied_at >= since) {
                answered.insert(change.scenario_id.clone(), change.new);
            }
        }
        Ok(answered)
    }

    /// The baselines file that was adopted, as it was then.
    pub(crate) fn kept_baselines(&self, hash: Sha256) -> Result<Baselines, Error> {
        let path = self.tree().object(hash);
        let bytes = files::read_to_string(&path).map_err(Error::io("reading", &path))?;
        let wrong = |reason: String| Error::Integrity {
            path: path.clone(),
            reason,
        };
        let found = Sha256::of(bytes.as_bytes());
        if found != hash {
            return Err(wrong(format!(
                "its SHA-256 is {found}, which is not its name; restore it from a copy"
            )));
        }
        let parsed = Baselines::parse(&bytes).map_err(|e| wrong(e.to_string()))?;
        Ok(parsed.0)
    }
}

/// An adoption is of a whole file: only where it changes the scenario's value is it a version.
fn changes_only(versions: Vec<BaselineVersion>) -> Vec<BaselineVersion> {
    let mut kept: Vec<BaselineVersion> = Vec::new();
    let mut before = versions.first().and_then(|version| version.old);
    for mut version in versions {
        if let VersionBy::Adoption { .. } = version.by {
            if version.new == before {
                continue;
            }
            version.old = before;
        }
        before = version.new;
        kept.push(version);
    }
    kept
}
