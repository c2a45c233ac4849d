//! What verdicts depend on: the policy, the baselines and the scenarios' configuration, as they
//! are on disk now.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use credit_baseline::{BaselineWarning, Baselines};
use credit_core::{Inputs, Run, RunRecord, ScenarioId, Sha256, Timestamp, Usual};
use credit_governance::Operators;
use credit_policy::{Context, Expected, Policy};

use crate::live_docket::LiveDocket;
use crate::{Archive, Error, ScenarioConfig, Tree, files, governed};

/// A file of `config/` that was read whole, with its hash.
#[derive(Clone, Debug)]
pub struct Hashed<T> {
    /// What the file says.
    pub value: T,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub sha256: Sha256,
}

/// The policy and the baselines at one moment, and the scenarios' configuration as it is asked
/// for: enough to judge runs without writing anything.
///
/// ```
/// use credit_core::{Credits, Run, Status};
/// use credit_monitor::{Config, Monitor, Tree};
///
/// let dir = tempfile::tempdir()?;
/// let tree = Tree::new(dir.path());
/// Monitor::init(&tree, Vec::new(), "2025-01-31T10:00:00Z".parse()?)?;
///
/// let config = Config::load(&tree)?;
/// let run = Run::new("R-1".parse()?, "EXPORT".parse()?, "2025-01-31T10:00:00Z".parse()?,
///     Status::Success, Credits::whole(10).unwrap());
/// let record = config.judge(run)?;
/// assert_eq!(record.assessment.baseline_status.as_str(), "missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    tree: Tree,
    policy: Arc<Hashed<Policy>>,
    baselines: Arc<Hashed<Baselines>>,
    warnings: Arc<[BaselineWarning]>,
}

impl Config {
    /// Reads policy and baselines.
    ///
    /// # Errors
    /// [`Error::Config`] if either is missing, unreadable, wrong, or differs from the sidecar
    /// that lies beside it.
    pub fn load(tree: &Tree) -> Result<Config, Error> {
        let policy = read_policy(tree)?;
        let (baselines, warnings) = read_baselines(tree)?;
        Ok(Config {
            tree: tree.clone(),
            policy: Arc::new(policy),
            baselines: Arc::new(baselines),
            warnings: warnings.into(),
        })
    }

    /// The policy.
    pub fn policy(&self) -> &Hashed<Policy> {
        &self.policy
    }

    /// The baselines.
    pub fn baselines(&self) -> &Hashed<Baselines> {
        &self.baselines
    }

    /// What was odd, though not wrong, about the baselines file.
    pub fn warnings(&self) -> &[BaselineWarning] {
        &self.warnings
    }

    /// Judges one run; reads its scenario's configuration and writes nothing.
    ///
    /// # Errors
    /// [`Error::Config`] if the scenario's file is there but wrong.
    pub fn judge(&self, run: Run) -> Result<RunRecord, Error> {
        let scenario = self.scenario_of(&run)?;
        Ok(self.judge_with(run, scenario.as_ref()))
    }

    /// Judges one run against an expectation of the caller's instead of its scenario's baseline;
    /// what is usual for the scenario is not known then.
    ///
    /// # Errors
    /// As [`Config::judge`].
    pub fn judge_against(&self, run: Run, expected: Expected) -> Result<RunRecord, Error> {
        let scenario = self.scenario_of(&run)?;
        Ok(self.record(run, scenario.as_ref(), expected.into(), None))
    }

    /// A run's scenario as it counts for it.
    fn scenario_of(&self, run: &Run) -> Result<Option<ScenarioConfig>, Error> {
        let scenario = read_scenario(&self.tree, &run.scenario_id)?.map(|s| s.value);
        if let Some(flagged) = scenario.as_ref().and_then(ScenarioConfig::with_backfill) {
            let live = LiveDocket::open(&Archive::new(&self.tree))?;
            let last = live.docket().last_backfill(&run.scenario_id);
            if last.is_some_and(|backfill| backfill.is_over(run.timestamp)) {
                return Ok(Some(flagged.after_backfill()));
            }
        }
        Ok(scenario)
    }

    /// The verdict, from values alone: the same run, policy, scenario configuration and baseline
    /// give the same record.
    pub(crate) fn judge_with(&self, run: Run, scenario: Option<&ScenarioConfig>) -> RunRecord {
        let baseline = self.baselines.value.get(&run.scenario_id);
        let context = baseline.map_or(Expected::Missing.into(), |baseline| {
            let (credits, bounds) = baseline.on(run.timestamp.weekday());
            let manual = baseline.is_manual();
            Context {
                expected: Expected::Baseline { credits, manual },
                usual: Usual {
                    bounds,
                    ..baseline.usual
                },
            }
        });
        self.record(run, scenario, context, baseline.map(|b| b.last_updated))
    }

    fn record(
        &self,
        mut run: Run,
        scenario: Option<&ScenarioConfig>,
        context: Context,
        baseline_updated: Option<Timestamp>,
    ) -> RunRecord {
        // What the run itself said, before its scenario's configuration is filled in.
        let input_sha256 = run.sha256();
        if let Some(scenario) = scenario {
            scenario.fill_in(&mut run);
        }
        let assessment = self.policy.value.assess(&run, &context);
        RunRecord {
            summary: self.policy.value.summary(&run, &assessment),
            assessment,
            inputs: Inputs {
                policy_sha256: self.policy.sha256,
                scenario_sha256: scenario.map(|s| s.sha256),
                input_sha256,
                baseline_updated,
                usual: context.usual,
            },
            run,
        }
    }
}

/// The configuration of a monitor that lives long: what was read is used again as long as the
/// files are the same.
#[derive(Debug)]
pub(crate) struct LiveConfig {
    tree: Tree,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    config: Option<(FileId, FileId, Config)>,
    scenarios: HashMap<ScenarioId, (FileId, Option<SharedScenario>)>,
}

impl LiveConfig {
    pub(crate) fn new(tree: Tree) -> LiveConfig {
        LiveConfig {
            tree,
            cache: Mutex::default(),
        }
    }

    /// Policy and baselines as they are now.
    pub(crate) fn current(&self) -> Result<Config, Error> {
        let (policy, baselines) = (
            file_id(&self.tree.policy()),
            file_id(&self.tree.baselines()),
        );
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((p, b, config)) = &cache.config
            && policy.is_some()
            && (*p, *b) == (policy, baselines)
        {
            return Ok(config.clone());
        }
        let config = Config::load(&self.tree)?;
        cache.config = Some((policy, baselines, config.clone()));
        Ok(config)
    }

    /// A scenario's configuration as it is now; `None` where it has no file.
    pub(crate) fn scenario(&self, id: &ScenarioId) -> Result<Option<SharedScenario>, Error> {
        let now = file_id(&self.tree.scenario(id));
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, config)) = cache.scenarios.get(id)
            && *then == now
        {
            return Ok(config.clone());
        }
        let config = read_scenario(&self.tree, id)?.map(Arc::new);
        cache.scenarios.insert(id.clone(), (now, config.clone()));
        Ok(config)
    }
}

pub(crate) type SharedScenario = Arc<Hashed<ScenarioConfig>>;

/// What tells one version of a file from another without reading it; `None` for no file.
type FileId = Option<(u64, u64, u64, i64, i64)>;

fn file_id(path: &Path) -> FileId {
    let meta = fs::metadata(path).ok()?;
    Some((
        meta.dev(),
        meta.ino(),
        meta.len(),
        meta.mtime(),
        meta.mtime_nsec(),
    ))
}

pub(crate) fn read_policy(tree: &Tree) -> Result<Hashed<Policy>, Error> {
    let path = tree.policy();
    let (bytes, text) = read_required(&path)?;
    let policy = Policy::parse(&text).map_err(|e| Error::Config {
        path,
        reason: e.to_string(),
    })?;
    Ok(hashed(policy, bytes))
}

pub(crate) fn read_baselines(
    tree: &Tree,
) -> Result<(Hashed<Baselines>, Vec<BaselineWarning>), Error> {
    let path = tree.baselines();
    let (bytes, text) = read_required(&path)?;
    let (baselines, warnings) = Baselines::parse(&text).map_err(|e| Error::Config {
        path,
        reason: e.to_string(),
    })?;
    Ok((hashed(baselines, bytes), warnings))
}

/// The registered operators.
///
/// # Errors
/// [`Error::Config`] if the file is missing or wrong.
pub fn read_operators(tree: &Tree) -> Result<Operators, Error> {
    let path = tree.operators();
    let (_, text) = read_required(&path)?;
    Operators::parse(&text).map_err(|e| Error::Config {
        path,
        reason: e.to_string(),
    })
}

pub(crate) fn read_scenario(
    tree: &Tree,
    id: &ScenarioId,
) -> Result<Option<Hashed<ScenarioConfig>>, Error> {
    let path = tree.scenario(id);
    match files::read(&path) {
        Ok(bytes) => {
            let config = ScenarioConfig::parse(&path, &bytes)?;
            Ok(Some(hashed(config, bytes)))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading", path)(e)),
    }
}

fn hashed<T>(value: T, bytes: Vec<u8>) -> Hashed<T> {
    Hashed {
        value,
        sha256: Sha256::of(&bytes),
        bytes,
    }
}

/// The bytes and text of a file that must be there and must agree with its sidecar, if it has one.
fn read_required(path: &Path) -> Result<(Vec<u8>, String), Error> {
    let wrong = |reason: String| Error::Config {
        path: path.to_owned(),
        reason,
    };
    let bytes = match governed::read(path) {
        Err(Error::Io { source, .. }) => Err(wrong(source.to_string())),
        Err(e) => Err(e),
        Ok(bytes) => bytes.ok_or_else(|| {
            wrong(
                "is missing; `creditctl init` writes what is missing of config/, or name the \
                 right tree with --root"
                    .to_owned(),
            )
        }),
    }?;
    let text = String::from_utf8(bytes.clone()).map_err(|e| wrong(format!("not UTF-8: {e}")))?;
    Ok((bytes, text))
}
