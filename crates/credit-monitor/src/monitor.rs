//! The writing side: a finished run in, an outcome out.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use credit_core::{CaseId, Run, RunId, RunRecord, ScenarioId, Sha256, Timestamp};
use credit_governance::{About, Actor, Backfill, Event, Verb};
use credit_ledger::{
    Appended, Config as LedgerConfig, Digest, FileStorage, Ledger, OpenError, Record, Refused,
    Schema,
};
use credit_notify::Alert;

use crate::archive::{self, EVENTS, RUNS};
use crate::config::{Config, LiveConfig, SharedScenario};
use crate::figures::{Append, count};
use crate::import;
use crate::live_docket::LiveDocket;
use crate::objects::Objects;
use crate::parallel::parallel;
use crate::repair::{self, Rebuilt, Repair};
use crate::run_files::{self, RunFile};
use crate::settle::{self, Kept};
use crate::tree::run_file_name;
use crate::{
    Archive, Destinations, Error, Outcome, Refusal, RunFileError, ScenarioConfig, Stopwatch, Tree,
    Verdict, files, governed,
};

/// How many runs share one write and one sync when many are observed.
const BATCH: usize = 4096;

/// Watches a tree: judges runs, keeps them, and answers for them.
///
/// All methods take `&self`; one monitor serves many threads.
///
/// ```
/// use credit_core::{Credits, Run, Status};
/// use credit_monitor::{Dispatch, Monitor, Tree};
///
/// let dir = tempfile::tempdir()?;
/// let tree = Tree::new(dir.path());
/// let now = "2025-01-31T10:00:00Z".parse()?;
/// Monitor::init(&tree, Vec::new(), now)?;
///
/// let monitor = Monitor::open(&tree, now)?;
/// let run = Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
///     Credits::whole(10).unwrap());
/// let outcome = monitor.observe(run.clone(), now)?;
/// assert_eq!(outcome.receipt.seq(), 0);
/// assert_eq!(monitor.may_dispatch(&run.run_id)?, Dispatch::Allowed);
/// assert!(monitor.observe(run, now)?.duplicate);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    tree: Tree,
    config: LiveConfig,
    pub(crate) ledger: Ledger,
    pub(crate) events: Ledger,
    pub(crate) docket: Mutex<LiveDocket>,
    objects: Objects,
    pub(crate) destinations: Option<Destinations>,
    rebuilt_on_open: u64,
    stopwatch: Option<Stopwatch>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// One entry a run, in the order given.
    pub outcomes: Vec<Result<Outcome, Refusal>>,
    /// Run files that could not be written although their lines are durable.
    pub run_file_errors: Vec<RunFileError>,
    /// Why not everything that the policy wants was done, although the lines are durable and block
    /// what they must; opening the tree again does the rest.
    pub unsettled: Option<Error>,
}

/// Why an observed run has no outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// This run cannot be kept.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing can be kept.
    #[error(transparent)]
    Failed(#[from] Error),
    /// The run is kept and, if it must be, blocked; but not everything that the policy wants was
    /// done. Opening the tree again, or `repair`, does the rest.
    #[error("the run is kept, but what follows from it was not done")]
    Unsettled(#[source] Error),
}

impl Monitor {
    /// Opens a tree for writing at the time `now`, creating its ledgers if there is no state yet.
    ///
    /// Run files that a killed process left out behind its last lines are written;
    /// [`Monitor::repair`] looks at all of them.
    ///
    /// # Errors
    /// [`Error::Config`] if policy or baselines are missing or wrong; [`Error::Open`] if a ledger
    /// is damaged; [`Error::Integrity`] if run files exist but their ledger does not.
    pub fn open(tree: &Tree, now: Timestamp) -> Result<Monitor, Error> {
        Monitor::open_with(tree, now, &LedgerConfig::default())
    }

    /// As [`Monitor::open`], with a ledger configuration of the caller's: a fixed origin makes the
    /// ledger's bytes depend on its runs only.
    ///
    /// # Errors
    /// As [`Monitor::open`].
    pub fn open_with(tree: &Tree, now: Timestamp, config: &LedgerConfig) -> Result<Monitor, Error> {
        let live = LiveConfig::new(tree.clone());
        live.current()?;
        let monitoring = tree.monitoring();
        // Where there is a HEAD, opening the ledger compares the two itself.
        if !monitoring.join("ledger.HEAD").exists() {
            archive::refuse_lost_ledger(tree)?;
        }
        files::create_dirs(&monitoring).map_err(Error::io("creating", &monitoring))?;
        let mut monitor = Monitor {
            tree: tree.clone(),
            config: live,
            ledger: open_ledger(&monitoring, "ledger", RUNS, config)?,
            events: open_ledger(&monitoring, "events", EVENTS, config)?,
            docket: Mutex::default(),
            objects: Objects::new(tree),
            destinations: None,
            rebuilt_on_open: 0,
            stopwatch: None,
        };
        monitor.docket = Mutex::new(LiveDocket::open(&monitor.archive())?);
        monitor.finish_sidecars()?;
        monitor.record_recovered(now)?;
        let rebuilt = repair::after_a_crash(tree, &monitor.ledger)?;
        monitor.record_rebuilt(&rebuilt, &Actor::Service, now)?;
        monitor.rebuilt_on_open = rebuilt.count();
        monitor.settle_after_a_crash(now)?;
        monitor.finish_releases()?;
        monitor.save_if_due(now)?;
        Ok(monitor)
    }

    /// The same monitor, measuring by a clock of the caller's how long appends take. With the
    /// feature `metrics` they are the histogram `credit_append_seconds`.
    #[must_use]
    pub fn measured_by(self, stopwatch: Stopwatch) -> Monitor {
        Monitor {
            stopwatch: Some(stopwatch),
            ..self
        }
    }

    /// Judges a run and keeps it. When this returns `Ok`, the run is durable.
    ///
    /// A run that is in the ledger already is not judged again: the outcome tells the verdict that
    /// stands there.
    ///
    /// # Errors
    /// [`ObserveError::Refused`] for this run, [`ObserveError::Failed`] for the monitor as a whole.
    pub fn observe(&self, run: Run, now: Timestamp) -> Result<Outcome, ObserveError> {
        let mut batch = self.observe_batch(vec![run], now)?;
        if let Some(error) = batch.unsettled {
            return Err(ObserveError::Unsettled(error));
        }
        match batch.outcomes.pop() {
            Some(outcome) => Ok(outcome?),
            None => Err(self.lost_outcome().into()),
        }
    }

    /// Judges many runs and keeps them, some thousands to a sync; outcomes in the order given.
    ///
    /// # Errors
    /// [`Error`] when nothing more can be kept. Runs of earlier batches are durable then; observing
    /// all of them again is safe.
    pub fn observe_all(
        &self,
        runs: impl IntoIterator<Item = Run>,
        now: Timestamp,
    ) -> Result<Batch, Error> {
        let mut all = Batch::default();
        let mut runs = runs.into_iter().peekable();
        while runs.peek().is_some() {
            let batch = self.observe_batch(runs.by_ref().take(BATCH).collect(), now)?;
            all.outcomes.extend(batch.outcomes);
            all.run_file_errors.extend(batch.run_file_errors);
            all.unsettled = all.unsettled.or(batch.unsettled);
        }
        Ok(all)
    }

    /// Judges runs and keeps them with one write and one sync.
    ///
    /// # Errors
    /// [`Error`] when nothing could be kept; none of the runs is in the ledger then.
    pub fn observe_batch(&self, runs: Vec<Run>, now: Timestamp) -> Result<Batch, Error> {
        let _span = tracing::debug_span!("observe", runs = runs.len()).entered();
        let config = self.config.current()?;
        let scenarios = self.scenarios_of(&runs);
        let backfills = self.last_backfills(&scenarios)?;
        let tells = self.destinations.is_some();
        let judged = parallel(runs, |run| {
            judge(&config, &scenarios, &backfills, run, tells)
        });
        let mut records = Vec::with_capacity(judged.len());
        let slots: Vec<Result<Judged, Refusal>> = judged
            .into_iter()
            .map(|judged| {
                judged.map(|(judged, record)| {
                    records.push(record);
                    judged
                })
            })
            .collect();
        if !records.is_empty() {
            self.keep_inputs(&config, &scenarios)?;
        }
        let append = Append::begin(self.stopwatch.as_ref());
        let appended = self
            .ledger
            .append_batch(records.clone())
            .map_err(|source| Error::Append {
                path: self.tree.ledger(),
                source,
            })?;
        append.end();

        let mut run_file_errors = self.write_run_files(&slots, &records, &appended);
        let (cases, unsettled) = match self.settle(kept(&slots, &records, &appended), now) {
            Ok(cases) => (cases, None),
            Err(error) => (BTreeMap::new(), Some(error)),
        };
        let mut appended = appended.into_iter();
        let mut outcomes = Vec::with_capacity(slots.len());
        for slot in slots {
            outcomes.push(match slot {
                Err(refusal) => Err(refusal),
                Ok(judged) => {
                    let appended = appended.next().ok_or_else(|| self.lost_outcome())?;
                    let case = cases.get(&judged.verdict.run_id).cloned();
                    self.outcome(judged, appended, case, &mut run_file_errors)?
                }
            });
        }
        Ok(Batch {
            outcomes,
            run_file_errors,
            unsettled,
        })
    }

    /// Writes every run file and sidecar that is absent or empty from its ledger line, on behalf of
    /// `actor`, and records that in one event if there were any. What differs from its line is
    /// evidence: it stays and is told. `progress` is told how many of how many lines are done.
    ///
    /// The ledger's own index needs no repair: opening makes it again where it is of no use.
    ///
    /// # Errors
    /// [`Error::Denied`] if the actor may not; [`Error::Read`] from the first line that does not
    /// continue the chain: nothing is written from there on. What was written before it is
    /// recorded.
    pub fn repair(
        &self,
        actor: &Actor,
        now: Timestamp,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Repair, Error> {
        self.require(actor, Verb::Repair, About::Everything, now)?;
        let mut pass = repair::Pass::new(&self.tree, true);
        let done = pass.over(&self.archive(), progress);
        self.record_rebuilt(pass.rebuilt(), actor, now)?;
        done?;
        self.settle_all(now)?;
        Ok(pass.finish())
    }

    /// How many run files opening this monitor wrote because a crash had left them out.
    pub fn rebuilt_on_open(&self) -> u64 {
        self.rebuilt_on_open
    }

    /// The reading side of the same tree.
    pub fn archive(&self) -> Archive {
        Archive::new(&self.tree)
    }

    /// The tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Policy and baselines as they are on disk now.
    ///
    /// # Errors
    /// [`Error::Config`] if either is missing or wrong.
    pub fn config(&self) -> Result<Config, Error> {
        self.config.current()
    }

    /// Keeps the bytes of an input under their hash, durably, the first time it is used.
    pub(crate) fn keep_object(&self, sha256: Sha256, bytes: &[u8]) -> Result<(), Error> {
        self.objects.keep(sha256, bytes)
    }

    fn keep_inputs(&self, config: &Config, scenarios: &Scenarios) -> Result<(), Error> {
        self.keep_object(config.policy().sha256, &config.policy().bytes)?;
        self.keep_object(config.baselines().sha256, &config.baselines().bytes)?;
        for scenario in scenarios.values().flatten().flatten() {
            self.keep_object(scenario.sha256, &scenario.bytes)?;
        }
        Ok(())
    }

    /// A scenario's configuration as it is now; `None` where it has no file.
    pub(crate) fn scenario(&self, id: &ScenarioId) -> Result<Option<SharedScenario>, Error> {
        self.config.scenario(id)
    }

    /// The configuration of each scenario that occurs, read once.
    fn scenarios_of(&self, runs: &[Run]) -> Scenarios {
        let mut scenarios = Scenarios::new();
        for run in runs {
            if !scenarios.contains_key(&run.scenario_id) {
                let config = self.config.scenario(&run.scenario_id).map_err(Arc::new);
                scenarios.insert(run.scenario_id.clone(), config);
            }
        }
        scenarios
    }

    /// The last backfill of each scenario whose file says that its runs are one.
    fn last_backfills(&self, scenarios: &Scenarios) -> Result<Backfills, Error> {
        let flagged = scenarios.iter().filter(|(_, config)| {
            let config = config.as_ref().ok().and_then(Option::as_deref);
            config.is_some_and(|config| config.value.with_backfill().is_some())
        });
        let flagged: Vec<&ScenarioId> = flagged.map(|(id, _)| id).collect();
        if flagged.is_empty() {
            return Ok(Backfills::new());
        }
        self.with_open(|docket| {
            let last = |id: &&ScenarioId| Some(((*id).clone(), docket.last_backfill(id)?.clone()));
            flagged.iter().filter_map(last).collect()
        })
    }

    /// Writes the run files of new lines.
    fn write_run_files(
        &self,
        slots: &[Result<Judged, Refusal>],
        records: &[Record],
        appended: &[Result<Appended, Refused>],
    ) -> Vec<RunFileError> {
        let mut files = Vec::with_capacity(records.len());
        for ((judged, record), appended) in slots.iter().flatten().zip(records).zip(appended) {
            if let Ok(Appended::New(_)) = appended
                && let (Some(bytes), Some(hash)) = (record.file_bytes(), record.file_hash())
            {
                let name = run_file_name(&judged.verdict.run_id);
                files.push(RunFile {
                    day: judged.timestamp.day(),
                    name,
                    bytes,
                    hash,
                });
            }
        }
        let mut failed = run_files::write(&self.tree, &files);
        let new = slots.iter().flatten().zip(appended);
        let new = new.filter(|(_, appended)| matches!(appended, Ok(Appended::New(_))));
        let new = new.map(|(judged, _)| (judged.timestamp.day(), &judged.verdict.run_id));
        failed.extend(self.write_owed_rows(new));
        failed
    }

    fn outcome(
        &self,
        judged: Judged,
        appended: Result<Appended, Refused>,
        case: Option<CaseId>,
        run_file_errors: &mut Vec<RunFileError>,
    ) -> Result<Result<Outcome, Refusal>, Error> {
        let Judged { verdict, alert, .. } = judged;
        match appended {
            Ok(Appended::New(receipt)) => {
                count(&verdict);
                Ok(Ok(Outcome {
                    verdict,
                    receipt,
                    duplicate: false,
                    case,
                    alert,
                }))
            }
            Ok(Appended::Duplicate(receipt)) => {
                let (verdict, errors) = self.stored(&verdict.run_id)?;
                run_file_errors.extend(errors);
                let case = self.case_of(&verdict.run_id)?;
                Ok(Ok(Outcome {
                    verdict,
                    receipt,
                    duplicate: true,
                    case,
                    alert: None,
                }))
            }
            Err(Refused::Conflict { .. }) => Ok(Err(Refusal::Conflict {
                run_id: verdict.run_id,
            })),
            Err(_) => Err(self.lost_outcome()),
        }
    }

    fn case_of(&self, id: &RunId) -> Result<Option<CaseId>, Error> {
        self.with_docket_about(&About::Run(id.clone()), |docket| {
            docket.case_of(id).map(|case| case.id.clone())
        })
    }

    /// The verdict that stands in the ledger for a run that was observed before. Its run file is
    /// written from the line if a crash left it out.
    fn stored(&self, id: &RunId) -> Result<(Verdict, Vec<RunFileError>), Error> {
        let path = self.tree.ledger();
        let found = self.ledger.find(id.as_str());
        let line = found
            .map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?
            .ok_or_else(|| Error::UnknownRun { run_id: id.clone() })?;
        let facts = archive::facts(archive::text(line.raw(), &path)?, &self.tree)?;
        let bytes = line.file_bytes().map_err(|e| Error::Integrity {
            path: path.clone(),
            reason: format!("the line of run `{id}` is not strict JSON: {e}"),
        })?;
        let hash = line.file_hash().unwrap_or_else(|| Digest::of(&bytes));
        let (day, name) = (facts.timestamp.day(), run_file_name(id));
        let file = RunFile {
            day,
            name,
            bytes: &bytes,
            hash,
        };
        let errors = run_files::write(&self.tree, &[file]);
        Ok((Verdict::stored(facts), errors))
    }

    /// What a crash left of replacing a file that governs.
    fn finish_sidecars(&self) -> Result<(), Error> {
        for path in [self.tree.policy(), self.tree.baselines()] {
            if governed::is_unfinished(&path)? {
                let _lock = self.lock_config()?;
                governed::finish(&path)?;
            }
        }
        Ok(())
    }

    fn record_rebuilt(
        &self,
        rebuilt: &Rebuilt,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), Error> {
        if let Some(what) = rebuilt.event() {
            self.record_event(&Event::new(now, actor, what))?;
        }
        Ok(())
    }

    fn lost_outcome(&self) -> Error {
        Error::Integrity {
            path: self.tree.ledger(),
            reason: "the ledger answered with another number of receipts than it was given \
                     records; verify it"
                .to_owned(),
        }
    }
}

type Backfills = HashMap<ScenarioId, Backfill>;
type Scenarios = HashMap<ScenarioId, Result<Option<SharedScenario>, Arc<Error>>>;

/// A judged run on its way to the ledger.
#[derive(Debug)]
struct Judged {
    verdict: Verdict,
    timestamp: Timestamp,
    alert: Option<Alert>,
    /// Kept where something may follow from the verdict.
    record: Option<Box<RunRecord>>,
}

/// The new lines from which something may follow.
fn kept(
    slots: &[Result<Judged, Refusal>],
    records: &[Record],
    appended: &[Result<Appended, Refused>],
) -> Vec<Kept> {
    let judged = slots.iter().flatten().zip(records).zip(appended);
    judged
        .filter_map(|((judged, record), appended)| match appended {
            Ok(Appended::New(receipt)) => {
                let run_file = record.file_bytes().unwrap_or_default();
                let kept = judged.record.as_deref()?;
                Some(Kept::new(kept, *receipt, run_file))
            }
            _ => None,
        })
        .collect()
}

fn judge(
    config: &Config,
    scenarios: &Scenarios,
    backfills: &Backfills,
    run: Run,
    tells: bool,
) -> Result<(Judged, Record), Refusal> {
    let scenario = match scenarios.get(&run.scenario_id) {
        Some(Ok(scenario)) => scenario.as_deref(),
        Some(Err(error)) => return Err(Refusal::Scenario(Arc::clone(error))),
        None => None,
    };
    let scenario = scenario.map(|scenario| &scenario.value);
    let over = backfills
        .get(&run.scenario_id)
        .filter(|backfill| backfill.is_over(run.timestamp))
        .and(scenario.map(ScenarioConfig::after_backfill));
    let record: RunRecord = config.judge_with(run, over.as_ref().or(scenario));
    let line = Record::new(&RUNS, record.to_json().into_bytes())?;
    let judged = Judged {
        verdict: Verdict::of(&record),
        timestamp: record.run.timestamp,
        alert: Alert::of(&record),
        record: settle::is_loud(&record, tells).then(|| Box::new(record)),
    };
    Ok((judged, line))
}

pub(crate) fn open_ledger(
    dir: &Path,
    stem: &str,
    schema: Schema,
    config: &LedgerConfig,
) -> Result<Ledger, Error> {
    Ledger::open(
        Box::new(FileStorage::new(dir, stem)),
        schema,
        config.clone(),
    )
    .map_err(|source| {
        let path = dir.join(format!("{stem}.jsonl"));
        match source {
            OpenError::Unchained if stem == "ledger" => import::needed(&path),
            source => Error::Open { path, source },
        }
    })
}
