//! Quarantined runs on disk: `runs/QUARANTINE/<run_id>/`.
//!
//! The record stays where it is, as evidence; the folder gets an identical copy of it with its
//! sidecar, the run's payload, and `.quarantine.json`, which tells what was moved from where.
//! Every step can be repeated: after a crash anywhere the same call finishes the work.

mod place;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use credit_core::{CaseId, RunId, Sha256, Timestamp};
use credit_ledger::Digest;
use credit_ledger::hashed_file::{FileCheck, HashedDir, HashedFileError, replace_durably};
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

pub use self::place::PayloadFile;

use self::place::{Place, differences, locate};
use crate::lock::Lock;
use crate::tree::run_file_name;
use crate::{Error, Tree, files};

/// The name that `*` does not match: an operator's `mv …/* …` leaves it behind.
const MANIFEST: &str = ".quarantine.json";

/// Where the releases are marked that are being carried out; no run has such a name.
const RELEASES: &str = ".releases";

const SCHEMA_VERSION: u32 = 1;

/// What was set aside for a run and why: the file `.quarantine.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    schema_version: u32,
    /// Which run.
    pub run_id: RunId,
    /// The number of its ledger line.
    pub seq: u64,
    /// The SHA-256 of its run file.
    pub run_sha256: Sha256,
    /// When it was quarantined.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Its case, if there was one by then.
    pub case_id: Option<CaseId>,
    /// What became of the payload; `None` where the run names none.
    pub payload: Option<Payload>,
    /// Since when and by whose approval it is released.
    pub released: Option<Release>,
}

/// What became of the payload that a run's `Artifacts_Link` names.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "outcome")]
pub enum Payload {
    /// It is about to be moved; what a crash leaves of that is finished by the next call.
    Moving {
        /// The link as the run has it.
        link: String,
        /// Its path under the artifacts root.
        from: PathBuf,
        /// Its name in the quarantine folder.
        to: String,
    },
    /// It was moved.
    Moved {
        /// The link as the run has it.
        link: String,
        /// Its path under the artifacts root.
        from: PathBuf,
        /// Its name in the quarantine folder.
        to: String,
        /// What it holds.
        files: Vec<PayloadFile>,
    },
    /// It stayed where it is.
    NotMoved {
        /// The link as the run has it.
        link: String,
        /// Why.
        reason: String,
    },
}

/// By whose approval a run came out of quarantine.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// The right to move artifacts, until dropped.
///
/// Moving takes as long as copying to another file system does, so nobody is kept from deciding
/// meanwhile: who needs both rights takes this one first, moves, decides and records, and lets go.
#[derive(Debug)]
pub(crate) struct Moving {
    _lock: Lock,
}

impl Moving {
    /// Waits for it.
    pub(crate) fn wait(tree: &Tree) -> Result<Moving, Error> {
        let lock = Lock::wait(&tree.quarantine_lock())?;
        Ok(Moving { _lock: lock })
    }

    /// `None` while another has it, who is about to do or to leave what there is to do.
    pub(crate) fn at_once(tree: &Tree) -> Result<Option<Moving>, Error> {
        let lock = Lock::at_once(&tree.quarantine_lock())?;
        Ok(lock.map(|lock| Moving { _lock: lock }))
    }
}

/// What became of a payload, in words for an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) moved: Vec<String>,
    pub(crate) not_moved: Vec<String>,
}

impl From<Option<Payload>> for Outcome {
    fn from(payload: Option<Payload>) -> Outcome {
        let mut outcome = Outcome::default();
        match payload {
            Some(Payload::Moved { from, .. }) => {
                outcome.moved.push(from.to_string_lossy().into_owned());
            }
            Some(Payload::NotMoved { link, reason }) => {
                outcome.not_moved.push(format!("{link} ({reason})"));
            }
            Some(Payload::Moving { link, .. }) => outcome.not_moved.push(link),
            None => {}
        }
        outcome
    }
}

/// A run to be set aside.
#[derive(Clone, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) run_id: &'a RunId,
    pub(crate) seq: u64,
    /// The run file, made from the ledger's line.
    pub(crate) run_file: &'a [u8],
    /// `Artifacts_Link`.
    pub(crate) link: Option<&'a str>,
    pub(crate) at: Timestamp,
    pub(crate) by: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) case_id: Option<&'a CaseId>,
}

/// The quarantine folder of one run.
#[derive(Debug)]
pub(crate) struct Folder<'a> {
    tree: &'a Tree,
    run_id: &'a RunId,
    path: PathBuf,
}

impl<'a> Folder<'a> {
    pub(crate) fn of(tree: &'a Tree, run_id: &'a RunId) -> Folder<'a> {
        Folder {
            tree,
            run_id,
            path: tree.quarantined(run_id),
        }
    }

    /// Sets a run aside: manifest, copy of the record, payload, in this order. What is done
    /// already is not done again.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Integrity`] if another record or a damaged manifest is there.
    pub(crate) fn fill(&self, order: &Order<'_>) -> Result<Manifest, Error> {
        let dir = self.make()?;
        let mut manifest = match self.manifest()? {
            Some(there) if there.released.is_none() => there,
            _ => {
                let manifest = self.intend(order);
                self.write(&manifest)?;
                manifest
            }
        };
        let name = run_file_name(self.run_id);
        let digest = Digest::from_bytes(*manifest.run_sha256.as_bytes());
        dir.write_once_durable(&name, order.run_file, Some(digest))
            .map_err(|e| self.hashed(e))?;
        if let Some(Payload::NotMoved { .. }) = &manifest.payload {
            // What was in the way may be gone by now.
            manifest.payload = self.intended(order.link);
        }
        if let Some(Payload::Moving { link, from, to }) = &manifest.payload {
            let (link, from, to) = (link.clone(), from.clone(), to.clone());
            self.write(&manifest)?;
            manifest.payload = Some(self.move_in(&link, &from, &to)?);
            self.write(&manifest)?;
        }
        Ok(manifest)
    }

    /// What became of the payload of a run that was set aside, and to which case it belongs.
    pub(crate) fn filled(&self, case: Option<&CaseId>) -> Result<Manifest, Error> {
        let mut manifest = self.expected_manifest()?;
        if case.is_some() && manifest.case_id.as_ref() != case {
            manifest.case_id = case.cloned();
            self.write(&manifest)?;
        }
        Ok(manifest)
    }

    /// What is wrong with what was set aside; empty if it is as the manifest says.
    ///
    /// # Errors
    /// [`Error::Integrity`] if there is no manifest or it is damaged, [`Error::Io`].
    pub(crate) fn check(&self, run_sha256: Sha256) -> Result<Vec<String>, Error> {
        let manifest = self.expected_manifest()?;
        let mut wrong = Vec::new();
        if manifest.run_sha256 != run_sha256 {
            wrong.push(format!(
                "{MANIFEST} speaks of a record with the SHA-256 {}, the ledger's line of {run_sha256}",
                manifest.run_sha256
            ));
        }
        let name = run_file_name(self.run_id);
        let dir = HashedDir::open_or_create(&self.path).map_err(self.io("opening"))?;
        let expected = Digest::from_bytes(*run_sha256.as_bytes());
        match dir.check(&name).map_err(|e| self.hashed(e))? {
            FileCheck::Ok { digest } if digest == expected => {}
            FileCheck::Ok { .. } | FileCheck::Differs { .. } => {
                wrong.push(format!(
                    "{name} is not the record that the ledger's line states"
                ));
            }
            FileCheck::Missing => wrong.push(format!("{name} is missing")),
            _ => wrong.push(format!("{name}.sha256 is missing or cannot be read")),
        }
        match &manifest.payload {
            Some(Payload::Moved { to, files, .. }) => {
                let found = self.inside(to)?.inventory().unwrap_or_default();
                wrong.extend(differences(to, files, &found));
            }
            Some(Payload::Moving { to, .. }) => {
                wrong.push(format!("moving the payload `{to}` was never finished"));
            }
            Some(Payload::NotMoved { .. }) | None => {}
        }
        Ok(wrong)
    }

    /// That record and payload are what was set aside.
    ///
    /// # Errors
    /// [`Error::Integrity`] naming everything that is not.
    pub(crate) fn require_whole(&self, run_sha256: Sha256) -> Result<(), Error> {
        let wrong = self.check(run_sha256)?;
        if wrong.is_empty() {
            return Ok(());
        }
        Err(self.damaged(format!(
            "is not what was set aside and cannot be released: {}",
            wrong.join("; ")
        )))
    }

    /// Marks that the run's release is about to be recorded, so that whoever opens the tree after a
    /// crash finds it without looking through every folder.
    pub(crate) fn begin_release(&self) -> Result<(), Error> {
        let dir = releases(self.tree);
        let sync = |path: &Path| {
            let synced = File::open(path).and_then(|opened| opened.sync_all());
            synced.map_err(Error::io("syncing", path))
        };
        if !dir.exists() {
            files::create_dirs(&dir).map_err(Error::io("creating", &dir))?;
            sync(&self.tree.quarantine())?;
        }
        // That it is there is all it says, so nothing can be half written.
        let path = dir.join(self.run_id.as_str());
        files::touch(&path).map_err(Error::io("creating", path))?;
        sync(&dir)
    }

    /// Takes the mark away again.
    pub(crate) fn abandon_release(&self) -> Result<(), Error> {
        let path = releases(self.tree).join(self.run_id.as_str());
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("removing", path)(e)),
            _ => Ok(()),
        }
    }

    /// Whether there is still something in it that a release gives back.
    pub(crate) fn is_full(&self) -> Result<bool, Error> {
        let manifest = self.manifest()?;
        Ok(manifest.is_some_and(|manifest| manifest.released.is_none()))
    }

    /// Lets a run out whose release is recorded: its payload goes back to where it was, the copy of
    /// its record goes, the manifest stays and tells who released it. The record itself never
    /// moved. What is done already is not done again.
    ///
    /// # Errors
    /// [`Error::Integrity`] if record or payload are not what was set aside, or if something else
    /// stands in the payload's old place; nothing was moved then.
    pub(crate) fn release(&self, run_sha256: Sha256, release: Release) -> Result<(), Error> {
        let mut manifest = self.expected_manifest()?;
        if manifest.released.is_none() {
            if !self.payload_is_back(&manifest)? {
                self.require_whole(run_sha256)?;
                self.move_out(&manifest)?;
            }
            manifest.released = Some(release);
            self.write(&manifest)?;
        }
        let name = run_file_name(self.run_id);
        for name in [format!("{name}.sha256"), name] {
            self.inside(&name)?
                .remove()
                .map_err(self.io("removing the copy in"))?;
        }
        self.abandon_release()
    }

    /// The manifest; `None` if this run was never quarantined.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>, Error> {
        let path = self.path.join(MANIFEST);
        let text = match files::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(Error::io("reading", &path))?,
        };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| Error::Integrity {
            path: path.clone(),
            reason: format!("is no manifest of a quarantine ({e}); restore it from a copy"),
        })?;
        if manifest.schema_version != SCHEMA_VERSION || manifest.run_id != *self.run_id {
            return Err(Error::Integrity {
                path,
                reason: format!(
                    "is of version {} and run `{}`; expected version {SCHEMA_VERSION} and run `{}`",
                    manifest.schema_version, manifest.run_id, self.run_id
                ),
            });
        }
        Ok(Some(manifest))
    }

    fn expected_manifest(&self) -> Result<Manifest, Error> {
        self.manifest()?.ok_or_else(|| {
            self.damaged(format!(
                "has no {MANIFEST}; `creditctl quarantine apply --run {}` makes it again",
                self.run_id
            ))
        })
    }

    fn make(&self) -> Result<HashedDir, Error> {
        let parent = self.tree.quarantine();
        files::create_dirs(&parent).map_err(Error::io("creating", &parent))?;
        HashedDir::open_or_create_in(&parent, self.run_id.as_str()).map_err(self.io("creating"))
    }

    /// What is to be done, decided once, so that a later call goes on with the same.
    fn intend(&self, order: &Order<'_>) -> Manifest {
        Manifest {
            schema_version: SCHEMA_VERSION,
            run_id: order.run_id.clone(),
            seq: order.seq,
            run_sha256: Sha256::of(order.run_file),
            at: order.at,
            by: order.by.to_owned(),
            reason: order.reason.to_owned(),
            case_id: order.case_id.cloned(),
            payload: self.intended(order.link),
            released: None,
        }
    }

    fn intended(&self, link: Option<&str>) -> Option<Payload> {
        let link = link?;
        let located = locate(link, self.tree.artifacts(), self.tree);
        let link = link.to_owned();
        Some(match located {
            Ok(from) => Payload::Moving {
                to: self.name_inside(&from),
                link,
                from,
            },
            Err(reason) => Payload::NotMoved { link, reason },
        })
    }

    /// The payload keeps its name, unless one of ours is meant by it.
    fn name_inside(&self, from: &Path) -> String {
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name.starts_with(&run_file_name(self.run_id)) {
            format!("payload-{name}")
        } else {
            name.into_owned()
        }
    }

    fn move_in(&self, link: &str, from: &Path, to: &str) -> Result<Payload, Error> {
        let not_moved = |reason: String| {
            Ok(Payload::NotMoved {
                link: link.to_owned(),
                reason,
            })
        };
        let inside = self.inside(to)?;
        let source = Place::beneath(self.tree.artifacts(), from);
        let source = match source {
            Ok(place) => place,
            Err(e) => return not_moved(format!("cannot be reached: {e}")),
        };
        let arrived = inside.kind().map_err(self.io("looking into"))?;
        let there = match source.as_ref().map(Place::kind).transpose() {
            Ok(there) => there.flatten(),
            Err(e) if arrived.is_none() => return not_moved(format!("cannot be reached: {e}")),
            Err(e) => return Err(self.io("looking at the payload of")(e)),
        };
        match (source, there, arrived) {
            (_, None, None) => return not_moved("is not there".to_owned()),
            // A crash came between moving and telling.
            (_, None, Some(_)) => {}
            (Some(source), Some(_), Some(_)) => {
                // It came after copying to this file system, before the old one was gone.
                let is_same = match (source.inventory(), inside.inventory()) {
                    (Ok(outside), Ok(inside)) => outside == inside,
                    // What cannot be compared is not the same.
                    _ => false,
                };
                if !is_same {
                    return Err(self.damaged(format!(
                        "holds another `{to}` than {}; keep both and compare",
                        from.display()
                    )));
                }
                source
                    .remove()
                    .map_err(self.io("removing the payload copied to"))?;
            }
            (Some(source), Some(FileType::RegularFile | FileType::Directory), None) => {
                // A payload that cannot be moved must not keep the record from quarantine.
                let moved = source
                    .require_payload()
                    .and_then(|()| source.move_to(&inside));
                if let Err(e) = moved {
                    return not_moved(format!("could not be moved: {e}"));
                }
            }
            (_, Some(other), None) => {
                return not_moved(format!("is neither a file nor a folder but a {other:?}"));
            }
            (None, Some(_), _) => return not_moved("cannot be reached".to_owned()),
        }
        let files = match inside.inventory() {
            Ok(files) => files,
            // Its job wrote on while it was moved. To fail here would be to fail at each opening.
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
                return not_moved(format!("lies in {} but {e}", self.path.display()));
            }
            Err(e) => return Err(self.io("reading the payload in")(e)),
        };
        Ok(Payload::Moved {
            link: link.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            files,
        })
    }

    /// Whether a crash came after the payload went back.
    fn payload_is_back(&self, manifest: &Manifest) -> Result<bool, Error> {
        let Some(Payload::Moved {
            from, to, files, ..
        }) = &manifest.payload
        else {
            return Ok(false);
        };
        if self
            .inside(to)?
            .kind()
            .map_err(self.io("looking into"))?
            .is_some()
        {
            return Ok(false);
        }
        let place = Place::beneath(self.tree.artifacts(), from);
        let place = place.map_err(self.io("looking for the payload of"))?;
        Ok(place.is_some_and(|place| place.inventory().is_ok_and(|found| found == *files)))
    }

    fn move_out(&self, manifest: &Manifest) -> Result<(), Error> {
        let Some(Payload::Moved { from, to, .. }) = &manifest.payload else {
            return Ok(());
        };
        let root = self.tree.artifacts();
        let place = Place::beneath(root, from).map_err(self.io("finding the old place of"))?;
        let Some(place) = place else {
            return Err(self.damaged(format!(
                "cannot give its payload back: the folder of {} is gone; make it again",
                root.join(from).display()
            )));
        };
        if place
            .kind()
            .map_err(self.io("looking at the old place of"))?
            .is_some()
        {
            return Err(self.damaged(format!(
                "cannot give its payload back: {} exists; move that away first",
                root.join(from).display()
            )));
        }
        let moved = self.inside(to)?.move_to(&place);
        moved.map_err(self.io("giving back the payload of"))
    }

    fn inside(&self, name: &str) -> Result<Place, Error> {
        let place = Place::beneath(&self.path, Path::new(name)).map_err(self.io("opening"))?;
        place.ok_or_else(|| self.damaged("does not exist".to_owned()))
    }

    fn write(&self, manifest: &Manifest) -> Result<(), Error> {
        let path = self.path.join(MANIFEST);
        let failed = Error::io("writing", &path);
        match serde_json::to_string_pretty(manifest) {
            Ok(text) => replace_durably(&path, (text + "\n").as_bytes()).map_err(failed),
            // A path that is not UTF-8 has no place in JSON.
            Err(e) => Err(failed(io::Error::new(io::ErrorKind::InvalidData, e))),
        }
    }

    fn io(&self, doing: &'static str) -> impl FnOnce(io::Error) -> Error {
        Error::io(doing, &self.path)
    }

    fn hashed(&self, error: HashedFileError) -> Error {
        match error {
            HashedFileError::Io { path, source } => Error::io("writing", path)(source),
            other => self.damaged(other.to_string()),
        }
    }

    fn damaged(&self, reason: String) -> Error {
        Error::Integrity {
            path: self.path.clone(),
            reason,
        }
    }
}

/// The runs whose release was begun and is not known to be finished: after a crash, or while it
/// goes on.
pub(crate) fn begun_releases(tree: &Tree) -> Result<Vec<RunId>, Error> {
    let dir = releases(tree);
    let entries = match fs::read_dir(&dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("reading", &dir))?,
    };
    let mut begun = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("reading", &dir))?.file_name();
        begun.extend(name.to_str().and_then(|name| name.parse().ok()));
    }
    Ok(begun)
}

fn releases(tree: &Tree) -> PathBuf {
    tree.quarantine().join(RELEASES)
}
