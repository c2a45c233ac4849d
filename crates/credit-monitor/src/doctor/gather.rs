//! What files tell. What cannot be found out is a finding, never a failure.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use credit_core::{ScenarioId, Timestamp};
use credit_governance::Event;
use credit_ledger::{FileStorage, StorageError, Window};
use credit_policy::{Level, lint};
use rustix::fs::{Access, AtFlags, CWD, accessat, statvfs};

use super::{
    AccessFault, BaselineFacts, Disk, Environment, Fault, HeldLock, PolicyFacts, SetupFacts,
    deadlines,
};
use crate::archive::{refuse_lost_ledger, text};
use crate::config::{read_baselines, read_operators, read_policy, read_scenario};
use crate::{Archive, Error};

/// Longer than any batch takes.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

impl Archive {
    /// Gathers what the [`doctor`](crate::doctor) must be told, as of `now`. Reads only, and
    /// takes what it cannot find out for a finding.
    ///
    /// Of the ledgers it looks at the last lines and at those of the last day; that all of it is
    /// as it was written, [`Archive::verify`] says.
    pub fn examine(&self, environment: Environment, now: Timestamp) -> SetupFacts {
        let mut facts = SetupFacts {
            environment,
            access: self.access(),
            policy: self.policy_facts(),
            baselines: self.baseline_facts(),
            operators: read_operators(self.tree())
                .map(|operators| operators.iter().cloned().collect())
                .map_err(|e| fault(&e, self.tree().operators())),
            scenarios: self.wrong_scenarios(),
            bot: None,
            databases: None,
            ledgers: Vec::new(),
            locks: self.held_locks(),
            disk: self.disk(),
            has_runs: None,
            last_run: None,
            future_event: None,
            report: None,
            owed: None,
        };
        // Events that cannot be read are a finding already.
        facts.owed = self
            .outbox_status(now)
            .ok()
            .and_then(|status| status.sums());
        self.look_at_runs(&mut facts, now);
        self.look_at_events(&mut facts, now);
        match self.last_report(now) {
            Ok(report) => facts.report = report,
            Err(e) => facts.access.push(not_readable(&e, self.tree().reviews())),
        }
        facts
    }

    fn access(&self) -> Vec<AccessFault> {
        let tree = self.tree();
        let mut faults = Vec::new();
        let mut look = |path: &Path, kind: Kind| faults.extend(fault_of(path, kind));
        look(tree.root(), Kind::Folder { needed: true });
        look(&tree.config(), Kind::Folder { needed: true });
        look(&tree.scenarios(), Kind::Folder { needed: false });
        look(&tree.monitoring(), Kind::Folder { needed: false });
        look(&tree.quarantine(), Kind::Folder { needed: false });
        look(&tree.reviews(), Kind::Folder { needed: false });
        for path in [tree.policy(), tree.baselines(), tree.operators()] {
            look(&path, Kind::Read { needed: true });
        }
        let scenarios = tree.scenarios();
        for name in names(&scenarios) {
            look(&scenarios.join(name), Kind::Read { needed: false });
        }
        for ledger in [tree.ledger(), tree.events()] {
            look(&ledger, Kind::Ledger);
            look(&ledger.with_extension("HEAD"), Kind::Ledger);
        }
        faults
    }

    fn policy_facts(&self) -> Result<PolicyFacts, Fault> {
        let path = self.tree().policy();
        let read = read_policy(self.tree()).map_err(|e| fault(&e, path.clone()))?;
        let text = String::from_utf8_lossy(&read.bytes);
        let found = lint(&text).map_err(|e| Fault {
            path,
            reason: e.to_string(),
        })?;
        let warnings = found.into_iter().filter(|f| f.level == Level::Warning);
        Ok(PolicyFacts {
            policy: read.value,
            warnings: warnings
                .map(|f| (format!("{}: {}", f.path, f.what), f.remedy))
                .collect(),
        })
    }

    fn baseline_facts(&self) -> Result<BaselineFacts, Fault> {
        let path = self.tree().baselines();
        let (baselines, warnings) = read_baselines(self.tree()).map_err(|e| fault(&e, path))?;
        let entries = baselines.value.iter();
        Ok(BaselineFacts {
            updated: entries
                .map(|entry| (entry.scenario_id.clone(), entry.last_updated))
                .collect(),
            warnings: warnings.iter().map(ToString::to_string).collect(),
        })
    }

    fn wrong_scenarios(&self) -> Vec<Fault> {
        let folder = self.tree().scenarios();
        let mut faults = Vec::new();
        for name in names(&folder) {
            let Some(stem) = name.strip_suffix(".json") else {
                continue;
            };
            let path = folder.join(&name);
            match stem.parse::<ScenarioId>() {
                Err(e) => faults.push(Fault {
                    path,
                    reason: format!("its name is no scenario's: {e}"),
                }),
                Ok(id) => {
                    let read = read_scenario(self.tree(), &id);
                    faults.extend(read.err().map(|e| fault(&e, path)));
                }
            }
        }
        faults
    }

    fn held_locks(&self) -> Vec<HeldLock> {
        let folder = self.tree().monitoring();
        let stems = ["ledger", "events", "decisions"];
        let held = stems.into_iter().filter_map(|stem| {
            let found = FileStorage::new(&folder, stem).wait_until_unlocked(LOCK_PATIENCE);
            match found {
                Err(StorageError::Locked { pid }) => Some(HeldLock {
                    path: folder.join(format!("{stem}.lock")),
                    pid,
                }),
                // A lock that cannot be looked at is a file that cannot be read.
                _ => None,
            }
        });
        held.collect()
    }

    fn disk(&self) -> Option<Disk> {
        let monitoring = self.tree().monitoring();
        let found = statvfs(&monitoring).or_else(|_| statvfs(self.tree().root()));
        let found = found.ok()?;
        Some(Disk {
            bytes_free: found.f_bavail.saturating_mul(found.f_frsize),
            files_free: (found.f_files > 0).then_some(found.f_favail),
        })
    }

    fn look_at_runs(&self, facts: &mut SetupFacts, now: Timestamp) {
        let since = now.hours_before(deadlines(facts).silence_hours);
        let mut last = None;
        let looked = refuse_lost_ledger(self.tree()).and_then(|()| {
            let has_runs = self.head()?.is_some();
            if has_runs {
                let from = since.to_string();
                let window = Window {
                    from: Some(&from),
                    ..Window::default()
                };
                self.each_line(&window, |line| {
                    let at = self.facts(line)?.timestamp;
                    last = last.max((at > since).then_some(at));
                    Ok(true)
                })?;
            }
            Ok(has_runs)
        });
        facts.last_run = last;
        match looked {
            Ok(has_runs) => facts.has_runs = Some(has_runs),
            Err(e) => facts.ledgers.push(fault(&e, self.tree().ledger())),
        }
    }

    fn look_at_events(&self, facts: &mut SetupFacts, now: Timestamp) {
        let path = self.tree().events();
        let read = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let looked = || -> Result<Option<Timestamp>, Error> {
            let Some(reader) = self.events_if_any()? else {
                return Ok(None);
            };
            reader.head().map_err(read)?;
            let from = now.to_string();
            let window = Window {
                from: Some(&from),
                ..Window::default()
            };
            let mut scan = reader.window(&window).map_err(read)?;
            let mut future = None;
            while let Some(line) = scan.next_line().map_err(read)? {
                let event = Event::parse(text(line.raw(), &path)?);
                let at = event.map_err(Error::event(path.clone()))?.at;
                future = future.max((at > now).then_some(at));
            }
            Ok(future)
        };
        match looked() {
            Ok(future) => facts.future_event = future,
            Err(e) => facts.ledgers.push(fault(&e, path.clone())),
        }
    }
}

/// What a path must be.
#[derive(Clone, Copy)]
enum Kind {
    /// A folder in which files are made.
    Folder { needed: bool },
    /// A file that is read.
    Read { needed: bool },
    /// A file of a ledger, if there is one.
    Ledger,
}

fn fault_of(path: &Path, kind: Kind) -> Option<AccessFault> {
    let owned = || path.to_owned();
    let (folder, needed, written) = match kind {
        Kind::Folder { needed } => (true, needed, true),
        Kind::Read { needed } => (false, needed, false),
        Kind::Ledger => (false, false, true),
    };
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return needed.then(|| AccessFault::Missing(owned()));
        }
        Err(_) => return Some(AccessFault::NotReadable(owned())),
    };
    let meta = match (meta.is_symlink(), kind) {
        (true, Kind::Ledger) => return Some(AccessFault::Link(owned())),
        (true, _) => match fs::metadata(path) {
            Ok(meta) => meta,
            Err(_) => return Some(AccessFault::Missing(owned())),
        },
        (false, _) => meta,
    };
    if meta.is_dir() != folder {
        return Some(AccessFault::WrongKind(owned()));
    }
    let may = |access| accessat(CWD, path, access, AtFlags::EACCESS).is_ok();
    let read = match folder {
        true => Access::READ_OK | Access::EXEC_OK,
        false => Access::READ_OK,
    };
    if !may(read) {
        return Some(AccessFault::NotReadable(owned()));
    }
    if written && !may(Access::WRITE_OK) {
        return Some(AccessFault::NotWritable(owned()));
    }
    let mode = meta.permissions().mode() & 0o7777;
    // In a folder such as /tmp, nobody can replace another's file.
    let sticky = folder && mode & 0o1000 != 0;
    (mode & 0o002 != 0 && !sticky).then(|| AccessFault::WritableByAll(owned(), mode))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The error without the path, which a fault names itself.
fn fault(error: &Error, path: PathBuf) -> Fault {
    let mut reason = match error {
        Error::Config { reason, .. } | Error::Integrity { reason, .. } => reason.clone(),
        Error::Read { .. } | Error::Open { .. } => String::new(),
        other => other.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !reason.is_empty() {
            reason += ": ";
        }
        reason += &error.to_string();
        cause = error.source();
    }
    Fault { path, reason }
}

fn not_readable(error: &Error, path: PathBuf) -> AccessFault {
    match error {
        Error::Io { path, .. } => AccessFault::NotReadable(path.clone()),
        _ => AccessFault::NotReadable(path),
    }
}
