//! Files of `config/` that are put into force, or approved of after they were changed by hand.

use std::io;
use std::path::PathBuf;

use credit_baseline::Baselines;
use credit_core::{Sha256, StoredRecord, Timestamp};
use credit_governance::{
    About, Actor, Approval, ConfigAdopted, ConfigFile, Docket, Event, Operators, PolicyAdopted,
    Text, Verb,
};
use credit_ledger::Window;
use credit_policy::Policy;

use crate::config::read_policy;
use crate::rehearsal::Rehearsal;
use crate::{Archive, Error, Monitor, ScenarioConfig, Tree, files, governed};

/// A policy that is to be put into force.
#[derive(Clone, Debug)]
pub enum Candidate {
    /// The one that lies in its place now, changed by hand.
    InPlace,
    /// One from elsewhere, by its path for messages and its bytes.
    From {
        /// Where it was read.
        path: PathBuf,
        /// What was read.
        bytes: Vec<u8>,
    },
}

impl Monitor {
    /// Puts a policy into force: it is checked, kept under its hash and recorded, and only then
    /// written where the next verdict reads it, with its sidecar if it has one. After a crash in
    /// between, the same call writes the file and records nothing twice; `None` is returned then.
    ///
    /// # Errors
    /// [`Error::Denied`] to whoever is no O3, which is recorded; [`Error::Config`] if it is no
    /// policy; [`Error::Precondition`] if it is adopted and in force already.
    pub fn adopt_policy(
        &self,
        candidate: &Candidate,
        reason: Text,
        backtest_sha256: Option<Sha256>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Event>, Error> {
        let about = about_file(self.tree(), &self.tree().policy());
        self.recording_denials(actor, about, now, || {
            actor.may(Verb::AdoptPolicy)?;
            let _lock = self.lock_config()?;
            let archive = self.archive();
            let bytes = policy_bytes(&archive, candidate)?;
            let new = Sha256::of(&bytes);
            let adopted = self.with_open(|docket| last_policy(docket) == Some(new))?;
            let in_force = read_policy(self.tree())?.sha256 == new;
            if adopted && in_force {
                return Err(in_force_already(new));
            }
            self.keep_object(new, &bytes)?;
            let event = if adopted {
                None
            } else {
                let old = self.with_open(last_policy)?;
                let what = PolicyAdopted {
                    old: old.map_or_else(|| archive.judging_policy(), |old| Ok(Some(old)))?,
                    new,
                    reason,
                    backtest_sha256,
                };
                let approval = Approval::alone(actor, Verb::AdoptPolicy, what)?;
                Some(self.enact(approval, now)?)
            };
            if !in_force {
                governed::replace(&self.tree().policy(), &bytes)?;
            }
            Ok(event)
        })
    }

    /// Approves of a file of `config/` as it lies there now, after it was changed by hand.
    ///
    /// # Errors
    /// [`Error::Denied`] to whoever is no O3, which is recorded; [`Error::Config`] if the file is
    /// wrong; [`Error::Precondition`] if it is what was adopted last.
    pub fn adopt_config(
        &self,
        file: &ConfigFile,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        let about = about_file(self.tree(), &governed_path(self.tree(), file));
        self.recording_denials(actor, about, now, || {
            actor.may(Verb::AdoptConfig)?;
            let _lock = self.lock_config()?;
            let what = self.with_open(|docket| changed(self.tree(), docket, file, reason))??;
            if let Some(bytes) = read_if_any(&governed_path(self.tree(), file))? {
                self.keep_object(Sha256::of(&bytes), &bytes)?;
            }
            self.enact(Approval::alone(actor, Verb::AdoptConfig, what)?, now)
        })
    }
}

impl Rehearsal {
    /// As [`Monitor::adopt_policy`].
    ///
    /// # Errors
    /// As there.
    pub fn adopt_policy(
        &self,
        candidate: &Candidate,
        reason: Text,
        backtest_sha256: Option<Sha256>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Event>, Error> {
        actor.may(Verb::AdoptPolicy)?;
        let archive = self.archive();
        let new = Sha256::of(&policy_bytes(archive, candidate)?);
        let old = last_policy(self.docket());
        if old == Some(new) {
            return match read_policy(archive.tree())?.sha256 == new {
                true => Err(in_force_already(new)),
                false => Ok(None),
            };
        }
        let what = PolicyAdopted {
            old: old.map_or_else(|| archive.judging_policy(), |old| Ok(Some(old)))?,
            new,
            reason,
            backtest_sha256,
        };
        let approval = Approval::alone(actor, Verb::AdoptPolicy, what)?;
        self.enact(approval, now).map(Some)
    }

    /// As [`Monitor::adopt_config`].
    ///
    /// # Errors
    /// As there.
    pub fn adopt_config(
        &self,
        file: &ConfigFile,
        reason: Text,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Event, Error> {
        actor.may(Verb::AdoptConfig)?;
        let what = changed(self.archive().tree(), self.docket(), file, reason)?;
        self.enact(Approval::alone(actor, Verb::AdoptConfig, what)?, now)
    }
}

impl Archive {
    /// The policy of the last verdict; `None` where nothing was judged yet.
    fn judging_policy(&self) -> Result<Option<Sha256>, Error> {
        if self.head()?.is_none() {
            return Ok(None);
        }
        let mut last = None;
        self.each_line(&Window::default(), |line| {
            last = Some(line.to_owned());
            Ok(true)
        })?;
        let stored = last.as_deref().map(StoredRecord::parse).transpose();
        let stored = stored.map_err(|e| Error::Integrity {
            path: self.tree().ledger(),
            reason: format!("the last line is no run record: {e}"),
        })?;
        Ok(stored.map(|stored| stored.inputs.policy_sha256))
    }
}

fn last_policy(docket: &Docket) -> Option<Sha256> {
    docket.policies().last().map(|adopted| adopted.what.new)
}

fn in_force_already(hash: Sha256) -> Error {
    Error::Precondition {
        reason: format!("the policy with the SHA-256 {hash} is adopted and in force already"),
    }
}

/// The bytes of a candidate that is a policy.
fn policy_bytes(archive: &Archive, candidate: &Candidate) -> Result<Vec<u8>, Error> {
    let (path, bytes) = match candidate {
        Candidate::InPlace => return Ok(read_policy(archive.tree())?.bytes),
        Candidate::From { path, bytes } => (path, bytes),
    };
    let wrong = |reason: String| Error::Config {
        path: path.clone(),
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|e| wrong(format!("not UTF-8: {e}")))?;
    Policy::parse(text).map_err(|e| wrong(e.to_string()))?;
    Ok(bytes.clone())
}

/// A file's change since it was adopted last, if it is one and the file is right.
fn changed(
    tree: &Tree,
    docket: &Docket,
    file: &ConfigFile,
    reason: Text,
) -> Result<ConfigAdopted, Error> {
    let path = governed_path(tree, file);
    let bytes = read_if_any(&path)?;
    if let Some(bytes) = &bytes {
        require_right(file, &path, bytes)?;
    }
    let adopted = docket.adopted(file);
    let (old, new) = (
        adopted.and_then(|adopted| adopted.what.new),
        bytes.as_deref().map(Sha256::of),
    );
    if adopted.map_or(new.is_none(), |_| old == new) {
        return Err(Error::Precondition {
            reason: match new {
                Some(new) => format!(
                    "{} is adopted with the SHA-256 {new} already",
                    path.display()
                ),
                None => format!("{} is not there, as is known already", path.display()),
            },
        });
    }
    Ok(ConfigAdopted {
        file: file.clone(),
        old,
        new,
        reason,
    })
}

fn require_right(file: &ConfigFile, path: &std::path::Path, bytes: &[u8]) -> Result<(), Error> {
    let wrong = |reason: String| Error::Config {
        path: path.to_owned(),
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|e| wrong(format!("not UTF-8: {e}")))?;
    match file {
        ConfigFile::Baselines => Baselines::parse(text)
            .map(|_| ())
            .map_err(|e| wrong(e.to_string())),
        ConfigFile::Operators => Operators::parse(text)
            .map(|_| ())
            .map_err(|e| wrong(e.to_string())),
        ConfigFile::Scenario(_) => ScenarioConfig::parse(path, bytes).map(|_| ()),
    }
}

fn governed_path(tree: &Tree, file: &ConfigFile) -> PathBuf {
    match file {
        ConfigFile::Baselines => tree.baselines(),
        ConfigFile::Operators => tree.operators(),
        ConfigFile::Scenario(id) => tree.scenario(id),
    }
}

fn read_if_any(path: &std::path::Path) -> Result<Option<Vec<u8>>, Error> {
    match files::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading", path)(e)),
    }
}

/// A file below the root, for the record of a refusal.
fn about_file(tree: &Tree, path: &std::path::Path) -> About {
    let below = path.strip_prefix(tree.root()).unwrap_or(path);
    match below.to_string_lossy().parse() {
        Ok(text) => About::File(text),
        Err(_) => About::Everything,
    }
}
