//! A tree in a temporary directory, and runs to put into it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several tests, each of which uses a part and stops at the first surprise"
)]

use std::fs;
use std::path::{Path, PathBuf};

use credit_monitor::core::{
    CaseId, CaseStatus, Credits, Exposure, RiskFlag, RiskFlags, RootCause, Run, Status, Timestamp,
};
use credit_monitor::governance::{
    Actor, CaseAcknowledged, CaseNoted, CaseResolved, CaseStatusChanged, ExposureAssessed,
    MitigationDocumented, Operator, RootCauseFound, Text, Topic, What,
};
use credit_monitor::ledger::Config as LedgerConfig;
use credit_monitor::{Archive, Monitor, Tree};
use tempfile::TempDir;

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) tree: Tree,
}

impl House {
    /// A tree with the standard policy, two operators and no baselines.
    pub(crate) fn new() -> House {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        let operators = ["ops-2:O2", "lead-3:O3", "lead-4:O3"].map(|o| o.parse().unwrap());
        Monitor::init(&tree, operators.to_vec(), now()).unwrap();
        House { dir, tree }
    }

    /// A monitor whose ledgers' bytes depend on what is put into them only.
    pub(crate) fn open(&self) -> Monitor {
        let config = LedgerConfig {
            origin: Some("0".repeat(32)),
            ..LedgerConfig::default()
        };
        Monitor::open_with(&self.tree, now(), &config).unwrap()
    }

    pub(crate) fn baselines(&self, baselines: &[(&str, &str)]) {
        let entries: Vec<String> = baselines
            .iter()
            .map(|(scenario, credits)| {
                format!(
                    r#"{{"scenario_id":"{scenario}","median_credits":{credits},"calculated_at":"2025-01-01T00:00:00Z","sample_size":20,"last_updated":"2025-01-01T00:00:00Z"}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"version":"1.0.0","updated_at":"2025-01-01T00:00:00Z","baselines":[{}]}}"#,
            entries.join(",")
        );
        fs::write(self.tree.baselines(), text).unwrap();
    }

    pub(crate) fn archive(&self) -> Archive {
        Archive::new(&self.tree)
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Every file below the root with its bytes, but for locks.
    pub(crate) fn snapshot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        walk(self.dir.path(), &mut files);
        files.sort();
        files
    }
}

fn walk(dir: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_none_or(|e| e != "lock") {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
}

pub(crate) fn now() -> Timestamp {
    "2025-02-01T10:00:00Z".parse().unwrap()
}

pub(crate) fn run(id: &str, scenario: &str, at: &str, credits: &str) -> Run {
    Run::new(
        id.parse().unwrap(),
        scenario.parse().unwrap(),
        at.parse().unwrap(),
        Status::Success,
        credits.parse::<Credits>().unwrap(),
    )
}

/// Forty days of four steady runs a day up to the last day of January 2025.
pub(crate) fn steady(scenario: &str) -> Vec<Run> {
    let end: Timestamp = "2025-02-01T00:00:00Z".parse().unwrap();
    (0..160_u32)
        .map(|n| {
            let at = Timestamp::from_unix(end.unix() - i64::from(n + 1) * 21_600).unwrap();
            let credits = 100_000_000 + u64::from(n * 7_919 % 21) * 1_000_000 - 10_000_000;
            Run::new(
                format!("{scenario}-{n:03}").parse().unwrap(),
                scenario.parse().unwrap(),
                at,
                Status::Success,
                Credits::from_micro(credits).unwrap(),
            )
        })
        .collect()
}

pub(crate) fn operator(text: &str) -> Actor {
    Actor::Operator(text.parse::<Operator>().unwrap())
}

/// From acknowledged to resolved, as the runbook wants it documented.
pub(crate) fn resolve(monitor: &Monitor, case: &CaseId, at: Timestamp) {
    let case = || case.clone();
    for (who, what) in [
        (
            operator("ops-2:O2"),
            What::CaseAcknowledged(CaseAcknowledged { case: case() }),
        ),
        (
            operator("lead-3:O3"),
            What::ExposureAssessed(ExposureAssessed {
                case: case(),
                exposure: Exposure::FalsePositive,
                flags: RiskFlags::NONE.with(RiskFlag::PiiExposure),
                notes: text_of("test accounts only"),
            }),
        ),
        (
            operator("lead-3:O3"),
            What::RootCauseConfirmed(RootCauseFound {
                case: case(),
                root_cause: RootCause::Misconfig,
                explanation: text_of("no limit on items"),
            }),
        ),
        (
            operator("ops-2:O2"),
            What::MitigationDocumented(MitigationDocumented {
                case: case(),
                mitigation: text_of("max_items set to 1000"),
            }),
        ),
        (
            operator("ops-2:O2"),
            What::CaseNoted(CaseNoted {
                case: case(),
                topic: Topic::NoExposure,
                note: text_of("the access log has test accounts only"),
            }),
        ),
        (
            operator("ops-2:O2"),
            What::CaseStatusChanged(CaseStatusChanged {
                case: case(),
                from: CaseStatus::Investigating,
                to: CaseStatus::Mitigating,
            }),
        ),
        (
            operator("lead-3:O3"),
            What::CaseResolved(CaseResolved {
                case: case(),
                note: text_of("watched for a day"),
            }),
        ),
    ] {
        let kind = what.kind();
        monitor
            .decide(&who, what, at)
            .unwrap_or_else(|e| panic!("{kind}: {e}"));
    }
}

fn text_of(words: &str) -> Text {
    words.parse().unwrap()
}
