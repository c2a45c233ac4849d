//! Where everything lies: the runbook's paths under one root.

use std::path::{Path, PathBuf};

use credit_core::{Day, RunId, ScenarioId, Sha256};

/// The tree of files that operators know, under one root.
///
/// ```
/// use credit_monitor::Tree;
///
/// let tree = Tree::new("/srv/automation");
/// assert!(tree.policy().ends_with("config/sintraprime-policy.json"));
/// assert!(tree.ledger().ends_with("runs/CREDIT_MONITORING/ledger.jsonl"));
/// ```
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
    baselines: Option<PathBuf>,
    artifacts: Option<PathBuf>,
}

impl Tree {
    /// The tree under `root`.
    pub fn new(root: impl Into<PathBuf>) -> Tree {
        Tree {
            root: root.into(),
            baselines: None,
            artifacts: None,
        }
    }

    /// The same tree with its baselines file elsewhere (`CREDIT_BASELINES_PATH`).
    #[must_use]
    pub fn with_baselines(self, path: impl Into<PathBuf>) -> Tree {
        Tree {
            baselines: Some(path.into()),
            ..self
        }
    }

    /// The same tree with the automation's output elsewhere than under its root
    /// (`CREDIT_ARTIFACTS_ROOT`): what a quarantine may move lies under that folder.
    #[must_use]
    pub fn with_artifacts(self, path: impl Into<PathBuf>) -> Tree {
        Tree {
            artifacts: Some(path.into()),
            ..self
        }
    }

    /// The root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config/`.
    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    /// `config/sintraprime-policy.json`.
    pub fn policy(&self) -> PathBuf {
        self.config().join("sintraprime-policy.json")
    }

    /// `config/credit-baselines.json`, or wherever it was put.
    pub fn baselines(&self) -> PathBuf {
        self.baselines
            .clone()
            .unwrap_or_else(|| self.config().join("credit-baselines.json"))
    }

    /// `config/operators.json`.
    pub fn operators(&self) -> PathBuf {
        self.config().join("operators.json")
    }

    /// `config/scenarios/`.
    pub fn scenarios(&self) -> PathBuf {
        self.config().join("scenarios")
    }

    /// `config/scenarios/<scenario_id>.json`.
    pub fn scenario(&self, id: &ScenarioId) -> PathBuf {
        self.scenarios().join(format!("{id}.json"))
    }

    /// `runs/CREDIT_MONITORING/`.
    pub fn monitoring(&self) -> PathBuf {
        self.root.join("runs/CREDIT_MONITORING")
    }

    /// `runs/CREDIT_MONITORING/ledger.jsonl`.
    pub fn ledger(&self) -> PathBuf {
        self.monitoring().join("ledger.jsonl")
    }

    /// `runs/CREDIT_MONITORING/events.jsonl`.
    pub fn events(&self) -> PathBuf {
        self.monitoring().join("events.jsonl")
    }

    /// `runs/CREDIT_MONITORING/docket.snapshot`: derived from the events, to be folded no further
    /// back than needed.
    pub(crate) fn docket_snapshot(&self) -> PathBuf {
        self.monitoring().join("docket.snapshot")
    }

    /// `runs/CREDIT_MONITORING/ledger.partials`.
    pub(crate) fn partials(&self) -> PathBuf {
        self.monitoring().join("ledger.partials")
    }

    /// `runs/CREDIT_MONITORING/decisions.lock`.
    pub(crate) fn decisions_lock(&self) -> PathBuf {
        self.monitoring().join("decisions.lock")
    }

    /// `runs/CREDIT_MONITORING/quarantine.lock`: who moves artifacts.
    pub(crate) fn quarantine_lock(&self) -> PathBuf {
        self.monitoring().join("quarantine.lock")
    }

    /// `runs/CREDIT_MONITORING/outbox.lock`: who sends what is owed.
    pub(crate) fn outbox_lock(&self) -> PathBuf {
        self.monitoring().join("outbox.lock")
    }

    /// `runs/CREDIT_MONITORING/objects/`: policies, baselines and scenario files by their hash.
    pub fn objects(&self) -> PathBuf {
        self.monitoring().join("objects")
    }

    /// `runs/CREDIT_MONITORING/objects/<sha256>`.
    pub fn object(&self, hash: Sha256) -> PathBuf {
        self.objects().join(hash.to_string())
    }

    /// `runs/CREDIT_MONITORING/<day>/`.
    pub fn day(&self, day: Day) -> PathBuf {
        self.monitoring().join(day.to_string())
    }

    /// `runs/CREDIT_MONITORING/<day>/run_<id>.json`.
    pub fn run_file(&self, day: Day, id: &RunId) -> PathBuf {
        self.day(day).join(run_file_name(id))
    }

    /// The folder under which the automation's output lies.
    pub fn artifacts(&self) -> &Path {
        self.artifacts.as_deref().unwrap_or(&self.root)
    }

    /// `runs/`.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// `runs/QUARANTINE/`.
    pub fn quarantine(&self) -> PathBuf {
        self.runs().join("QUARANTINE")
    }

    /// `runs/QUARANTINE/<run_id>/`.
    pub fn quarantined(&self, id: &RunId) -> PathBuf {
        self.quarantine().join(id.as_str())
    }

    /// `runs/CREDIT_REVIEWS/`.
    pub fn reviews(&self) -> PathBuf {
        self.root.join("runs/CREDIT_REVIEWS")
    }

    /// `runs/BASELINE_UPDATES/`.
    pub fn baseline_updates(&self) -> PathBuf {
        self.root.join("runs/BASELINE_UPDATES")
    }
}

/// `run_<id>.json`.
pub(crate) fn run_file_name(id: &RunId) -> String {
    format!("run_{id}.json")
}
