//! What the regular audits must be told, gathered from a tree that is only read.
//!
//! What a tree had at its first verdict counts as its beginning: the first `Policy_Sha256` of the
//! ledger, a scenario's first `Scenario_Sha256`, and the first baseline it was compared with.
//! No verdict names the operators, so their file is watched from their first decision on, and none
//! names the baselines file, so it is known by its values until the first event that states its
//! hash.

mod alerts;
mod thresholds;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use credit_baseline::Baseline;
use credit_core::{
    Credits, Day, RunId, ScenarioId, Severity, Sha256, StoredRecord, Timestamp, Usual,
};
use credit_governance::audit::{
    Audit, BackfillClaim, DailyFacts, Finding, GovernedFile, GovernedKind, MonthlyFacts,
    PolicyEffect, QuarterlyFacts, WeeklyFacts, daily, monthly, quarterly, weekly,
};
use credit_governance::{ConfigFile, Docket, RunRef};
use credit_ledger::ReadError;
use credit_notify::routing::Webhooks;

use crate::archive::text;
use crate::config::{read_baselines, read_policy};
use crate::decisions::rules;
use crate::quarantine::{Folder, Payload, begun_releases};
use crate::ruling::released;
use crate::tree::run_file_name;
use crate::{Archive, Error, TreeFinding, files};

/// How old the last weekly report may be.
const REPORT_DAYS_MAX: u32 = 7;

impl Archive {
    /// The daily audit as of `now`: chains, run files, deadlines, files that govern, the
    /// quarantine. `webhooks` are those of the environment, of which an empty one switches alerts
    /// off.
    ///
    /// # Errors
    /// As [`Archive::verify`]; [`Error::Config`] for a policy or baselines that cannot be read;
    /// [`Error::Read`] if the events are damaged, since nothing that was decided is known then.
    ///
    /// ```
    /// use credit_monitor::notify::routing::Webhooks;
    /// use credit_monitor::{Archive, Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// Monitor::init(&tree, Vec::new(), now)?;
    /// Monitor::open(&tree, now)?;
    /// let audit = Archive::new(&tree).audit_daily(&Webhooks::none(), now)?;
    /// assert!(!audit.passed, "no run at all is a finding");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn audit_daily(&self, webhooks: &Webhooks, now: Timestamp) -> Result<Audit, Error> {
        let policy = read_policy(self.tree())?;
        let docket = self.docket()?;
        let seen = self.seen()?;
        let (chains, run_files) = self.verified()?;
        let facts = DailyFacts {
            chains,
            run_files,
            baselines: self.changed_baselines(&docket, &seen)?,
            files: self.governed(&docket, &seen, policy.sha256)?,
            moved_out: self.moved_out(&docket)?,
            half_released: self.half_released(&docket)?,
            last_run: seen.last_run,
            sev0_runs: seen.sev0_runs,
            switched_off: alerts::switched_off(webhooks, &policy.value),
            suppressed: self.suppressed(&docket, now)?,
            backfill_claims: seen.backfill_claims,
        };
        Ok(daily(&facts, &docket, &rules(&policy.value), now))
    }

    /// The weekly audit as of `now`.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Io`], or [`Error::Read`] if the events are damaged.
    pub fn audit_weekly(&self, now: Timestamp) -> Result<Audit, Error> {
        let policy = read_policy(self.tree())?;
        let (baselines, _) = read_baselines(self.tree())?;
        let facts = WeeklyFacts {
            report: self.last_report(now)?,
            baselines: baselines
                .value
                .iter()
                .map(|baseline| (baseline.scenario_id.clone(), baseline.last_updated))
                .collect(),
        };
        Ok(weekly(&facts, &self.docket()?, &rules(&policy.value), now))
    }

    /// The monthly audit as of `now`.
    ///
    /// # Errors
    /// As [`Archive::audit_weekly`]; [`Error::Read`] if the ledger is damaged.
    pub fn audit_monthly(&self, now: Timestamp) -> Result<Audit, Error> {
        let (baselines, _) = read_baselines(self.tree())?;
        let manual = baselines.value.iter().filter(|entry| entry.is_manual());
        let facts = MonthlyFacts {
            manual_baselines: manual.map(|entry| entry.scenario_id.clone()).collect(),
            rationale_notes: self.rationale_notes()?,
            effects: match self.head()? {
                Some(_) => self.seen()?.effects,
                None => Vec::new(),
            },
        };
        Ok(monthly(&facts, &self.docket()?, now))
    }

    /// The quarterly audit as of `now`: the runs of the quarter are judged again with each threshold
    /// a fifth lower and a quarter higher.
    ///
    /// # Errors
    /// As [`Archive::audit_monthly`].
    pub fn audit_quarterly(&self, now: Timestamp) -> Result<Audit, Error> {
        let policy = read_policy(self.tree())?;
        let docket = self.docket()?;
        let adopted = docket.policies().last();
        let adopted = adopted.filter(|it| it.what.new == policy.sha256);
        let facts = QuarterlyFacts {
            backtest_sha256: adopted.and_then(|it| it.what.backtest_sha256),
            ..self.try_thresholds(&policy.value, &docket, now)?
        };
        Ok(quarterly(&facts, &docket, now))
    }

    /// What is wrong with the chains, and with the files that follow from them.
    fn verified(&self) -> Result<(Vec<Finding>, Vec<Finding>), Error> {
        let root = self.tree().root();
        let chains = [self.tree().ledger(), self.tree().events()];
        let found = self.verify(None, &|_, _| ())?.findings;
        let (chains, files): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|finding| chains.contains(&root.join(&finding.path)));
        let told = |findings: Vec<TreeFinding>| findings.into_iter().map(told).collect();
        Ok((told(chains), told(files)))
    }

    /// One pass over the run ledger. Lines that cannot be read are findings of the verification.
    fn seen(&self) -> Result<Seen, Error> {
        let path = self.tree().ledger();
        let reader = self.ledger()?;
        let mut scan = reader.scan().map_err(|e| self.ledger_error(e))?;
        let mut seen = Seen::default();
        loop {
            let line = match scan.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(seen),
                Err(ReadError::Broken { .. }) => continue,
                Err(e) => return Err(self.ledger_error(e)),
            };
            let Ok(record) = text(line.raw(), &path).map(StoredRecord::parse) else {
                continue;
            };
            if let Ok(record) = record {
                let hash = Sha256::from_bytes(*line.hash().as_bytes());
                seen.add(record, line.seq(), hash);
            }
        }
    }

    /// The policy, the operators and the scenario files as they were and as they are.
    fn governed(
        &self,
        docket: &Docket,
        seen: &Seen,
        policy: Sha256,
    ) -> Result<Vec<GovernedFile>, Error> {
        let tree = self.tree();
        let mut files = vec![GovernedFile {
            path: self.below_root(&tree.policy()),
            kind: GovernedKind::Policy,
            expected: seen.policy.or(Some(policy)),
            found: Some(policy),
        }];
        let operators = hash_if_any(&tree.operators())?;
        files.push(GovernedFile {
            path: self.below_root(&tree.operators()),
            kind: GovernedKind::Config(ConfigFile::Operators),
            expected: docket.operators_seen().or(operators),
            found: operators,
        });
        let mut scenarios = seen.scenarios.clone();
        for adopted in docket.configs() {
            if let ConfigFile::Scenario(id) = &adopted.what.file {
                scenarios.entry(id.clone()).or_insert(adopted.what.new);
            }
        }
        for (id, expected) in scenarios {
            let path = tree.scenario(&id);
            files.push(GovernedFile {
                path: self.below_root(&path),
                found: hash_if_any(&path)?,
                kind: GovernedKind::Config(ConfigFile::Scenario(id)),
                expected,
            });
        }
        Ok(files)
    }

    /// Baselines that are not what was approved last: by the hash of their file where an event
    /// states it, and entry by entry, so that it is told what was changed.
    fn changed_baselines(&self, docket: &Docket, seen: &Seen) -> Result<Vec<Finding>, Error> {
        let (found, _) = read_baselines(self.tree())?;
        let adopted = docket.adopted(&ConfigFile::Baselines);
        let changes = docket.baseline_changes_since_adoption();
        let known = match changes.last() {
            Some(change) => change.file_sha256,
            None => adopted.and_then(|adopted| adopted.what.new),
        };
        let mut expected = match adopted {
            Some(adopted) => self.in_force_by(adopted.what.new)?,
            None => seen.baselines.clone(),
        };
        // Of a file that was written for one scenario, only that one was approved.
        let last: BTreeMap<&ScenarioId, _> = changes
            .iter()
            .map(|change| (&change.scenario_id, change.file_sha256))
            .collect();
        for (scenario, file) in last {
            match self.in_force_by(file)?.remove(scenario) {
                Some(entry) => expected.insert(scenario.clone(), entry),
                None => expected.remove(scenario),
            };
        }
        let path = self.below_root(&self.tree().baselines());
        let next_command = format!("creditctl config adopt {path} --reason …");
        let hashes = format!(
            "old file {}, new file {}",
            known.map_or_else(|| "not kept".to_owned(), |hash| hash.to_string()),
            found.sha256
        );
        let mut is: BTreeMap<ScenarioId, InForce> = found.value.iter().map(in_force).collect();
        if adopted.is_none() {
            // What no verdict was compared with yet has no beginning.
            is.retain(|scenario, _| expected.contains_key(scenario));
        }
        let scenarios: BTreeSet<&ScenarioId> = expected.keys().chain(is.keys()).collect();
        let shown = |entry: Option<&InForce>| entry.map_or("none".to_owned(), InForce::to_string);
        let mut findings: Vec<Finding> = scenarios
            .into_iter()
            .map(|scenario| (scenario, expected.get(scenario), is.get(scenario)))
            .filter(|(_, old, new)| old != new)
            .map(|(scenario, old, new)| Finding {
                what: format!("the baseline of {scenario} in {path} was changed without an O3"),
                evidence: format!("old {}, new {}; {hashes}", shown(old), shown(new)),
                next_command: next_command.clone(),
            })
            .collect();
        if findings.is_empty() && known.is_some_and(|known| known != found.sha256) {
            findings.push(Finding {
                what: format!("{path} was changed without an O3, though no value in it"),
                evidence: hashes,
                next_command,
            });
        }
        Ok(findings)
    }

    /// The baselines in the file with this hash; none where no event states one.
    fn in_force_by(&self, hash: Option<Sha256>) -> Result<BTreeMap<ScenarioId, InForce>, Error> {
        match hash {
            None => Ok(BTreeMap::new()),
            Some(hash) => Ok(self.kept_baselines(hash)?.iter().map(in_force).collect()),
        }
    }

    /// Quarantined runs whose record or payload is not in its folder.
    fn moved_out(&self, docket: &Docket) -> Result<Vec<RunId>, Error> {
        let mut moved = Vec::new();
        for (id, _) in docket.quarantined() {
            let path = self.tree().quarantined(id);
            let manifest = Folder::of(self.tree(), id).manifest()?;
            let payload_is_gone = match manifest.and_then(|manifest| manifest.payload) {
                Some(Payload::Moved { to, .. }) => !path.join(to).exists(),
                _ => false,
            };
            if payload_is_gone || !path.join(run_file_name(id)).exists() {
                moved.push(id.clone());
            }
        }
        moved.sort();
        Ok(moved)
    }

    /// Released runs of which a crash, or what stands in its old place, kept something back.
    fn half_released(&self, docket: &Docket) -> Result<Vec<RunId>, Error> {
        let mut begun = begun_releases(self.tree())?;
        begun.retain(|id| released(docket, id).is_some());
        begun.sort();
        Ok(begun)
    }

    /// The `report_id` of the last weekly report, if it is no older than a week.
    pub(crate) fn last_report(&self, now: Timestamp) -> Result<Option<String>, Error> {
        let since = now.days_before(REPORT_DAYS_MAX).day();
        let days = names(&self.tree().reviews())?
            .into_iter()
            .filter_map(|name| {
                let rest = name.strip_prefix("weekly_")?.strip_suffix(".json")?;
                rest.split('.').next()?.parse::<Day>().ok()
            });
        let last = days.filter(|day| *day >= since && *day <= now.day()).max();
        Ok(last.map(|day| format!("CREDIT_REVIEW_{day}")))
    }

    /// The approvals that the notes in `runs/BASELINE_UPDATES/` name.
    fn rationale_notes(&self) -> Result<BTreeSet<String>, Error> {
        let dir = self.tree().baseline_updates();
        let mut approvals = BTreeSet::new();
        for name in names(&dir)?.into_iter().filter(|n| n.ends_with(".md")) {
            let path = dir.join(name);
            let note = files::read_to_string(&path).map_err(Error::io("reading", &path))?;
            let named = note
                .lines()
                .filter_map(|l| l.strip_prefix("**Approval:** "));
            approvals.extend(named.map(|approval| approval.trim().to_owned()));
        }
        Ok(approvals)
    }

    fn below_root(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.tree().root()).unwrap_or(path);
        below.display().to_string()
    }
}

/// What the lines of the run ledger say.
#[derive(Debug, Default)]
struct Seen {
    /// The policy of the first verdict.
    policy: Option<Sha256>,
    /// The file of each scenario at its first verdict; `None` if it had none.
    scenarios: BTreeMap<ScenarioId, Option<Sha256>>,
    /// The first baseline of each scenario.
    baselines: BTreeMap<ScenarioId, InForce>,
    last_run: Option<Timestamp>,
    sev0_runs: Vec<RunRef>,
    backfill_claims: Vec<BackfillClaim>,
    /// What each policy made of the runs, in the order of their first use.
    effects: Vec<PolicyEffect>,
}

impl Seen {
    fn add(&mut self, record: StoredRecord, seq: u64, hash: Sha256) {
        let StoredRecord {
            run,
            inputs,
            verdict,
            ..
        } = record;
        let (policy, severity) = (inputs.policy_sha256, verdict.severity);
        self.policy.get_or_insert(policy);
        match self.effects.iter_mut().rfind(|it| it.sha256 == policy) {
            Some(effect) => effect.add(run.timestamp, severity),
            None => {
                let effect = PolicyEffect::new(policy, run.timestamp, severity);
                self.effects.push(effect);
            }
        }
        self.scenarios
            .entry(run.scenario_id.clone())
            .or_insert(inputs.scenario_sha256);
        if let (Some(credits), Some(updated)) = (verdict.baseline, inputs.baseline_updated) {
            let entry = self.baselines.entry(run.scenario_id.clone());
            entry.or_insert(InForce {
                credits,
                updated,
                usual: inputs.usual,
            });
        }
        self.last_run = self.last_run.max(Some(run.timestamp));
        if severity == Severity::Sev0 {
            self.sev0_runs.push(RunRef {
                run_id: run.run_id.clone(),
                seq,
                hash,
            });
        }
        if run.is_backfill == Some(true) {
            self.backfill_claims.push(BackfillClaim {
                run_id: run.run_id,
                scenario_id: run.scenario_id,
                at: run.timestamp,
            });
        }
    }
}

/// What counts of a baseline: what a verdict is given of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct InForce {
    credits: Credits,
    updated: Timestamp,
    usual: Usual,
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} credits of {}", self.credits, self.updated)?;
        if let Some(tokens) = self.usual.input_tokens {
            write!(f, ", usually {tokens} input tokens")?;
        }
        if let Some(credits) = self.usual.credits_per_item {
            write!(f, ", usually {credits} credits an item")?;
        }
        Ok(())
    }
}

fn in_force(entry: &Baseline) -> (ScenarioId, InForce) {
    let in_force = InForce {
        credits: entry.credits,
        updated: entry.last_updated,
        usual: entry.usual,
    };
    (entry.scenario_id.clone(), in_force)
}

fn told(finding: TreeFinding) -> Finding {
    let line = finding.line.map_or_else(String::new, |n| format!(":{n}"));
    let next = match finding.problem.contains("creditctl repair") {
        true => "creditctl repair",
        false => "creditctl verify",
    };
    Finding {
        what: format!("{}{line} is not as it was written", finding.path.display()),
        evidence: finding.problem,
        next_command: next.to_owned(),
    }
}

fn hash_if_any(path: &Path) -> Result<Option<Sha256>, Error> {
    match files::read(path) {
        Ok(bytes) => Ok(Some(Sha256::of(&bytes))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading", path)(e)),
    }
}

/// The names in a directory; none if there is no such directory.
fn names(path: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("reading", path)(e)),
    };
    let names = entries
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>();
    names.map_err(Error::io("reading", path))
}
