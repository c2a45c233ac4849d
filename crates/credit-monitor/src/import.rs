//! Taking over the ledger of the time before this one.

use std::collections::BTreeSet;
use std::path::Path;

use credit_core::json::Object;
use credit_core::{RunId, Sha256, Timestamp};
use credit_governance::{About, Actor, Event, Verb, What};
use credit_ledger::{Config as LedgerConfig, FileStorage, Importable, Ledger};

use crate::archive::{Archive, RUNS};
use crate::decisions;
use crate::tree::run_file_name;
use crate::{Error, Monitor, Tree};

impl Monitor {
    /// Makes the lines in the ledger's place, which never were in a chain, the beginning of the
    /// ledger, on behalf of `actor`, and records that as an event. Every byte of them stays.
    ///
    /// Whoever wrote them must not write any more: what comes behind them without a chain is taken
    /// for a torn tail. If this was killed before the event was recorded, calling it again records
    /// it.
    ///
    /// # Errors
    /// [`Error::Denied`] if the actor may not, which is recorded; [`Error::Import`] if they cannot be
    /// imported.
    ///
    /// ```
    /// use credit_monitor::governance::Actor;
    /// use credit_monitor::{Archive, Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// Monitor::init(&tree, Vec::new(), now)?;
    /// std::fs::create_dir_all(tree.monitoring())?;
    /// std::fs::write(tree.ledger(), "{\"Run_ID\":\"OLD-1\",\"Credits_Total\":155}\n")?;
    ///
    /// assert!(Monitor::open(&tree, now).is_err());
    /// let imported = Monitor::import_ledger(&tree, &Actor::Service, now)?;
    /// assert_eq!(imported.lines, 1);
    /// Monitor::open(&tree, now)?;
    /// assert_eq!(Archive::new(&tree).imported()?, Some(imported));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn import_ledger(tree: &Tree, actor: &Actor, now: Timestamp) -> Result<Importable, Error> {
        if let Err(denied) = actor.may(Verb::ImportLedger) {
            Monitor::record_denial_in(tree, actor, &denied, About::Everything, now)?;
            return Err(denied.into());
        }
        let archive = Archive::new(tree);
        let imported = match archive.importable() {
            Ok(_) => {
                let ledger = Ledger::import(storage(tree), RUNS, LedgerConfig::default());
                ledger.map_err(|source| import_error(tree, source))?;
                archive.imported()?
            }
            Err(refused) => match archive.imported() {
                Ok(Some(found)) if !archive.has_recorded(&found)? => Some(found),
                _ => return Err(refused),
            },
        };
        let imported = imported.ok_or_else(|| Error::Integrity {
            path: tree.ledger(),
            reason: "was imported and is not any more; somebody replaced it meanwhile".to_owned(),
        })?;
        decisions::record_in(tree, Event::new(now, actor, event(&imported)))?;
        Ok(imported)
    }
}

impl Archive {
    /// What [`Monitor::import_ledger`] would take over; writes nothing.
    ///
    /// # Errors
    /// [`Error::Import`] says why it would not.
    pub fn importable(&self) -> Result<Importable, Error> {
        let found = Ledger::check_import(&*storage(self.tree()), RUNS);
        found.map_err(|source| import_error(self.tree(), source))
    }

    /// What the run ledger was imported with; `None` if it was not.
    ///
    /// # Errors
    /// [`Error::Read`] if there is no ledger or its first line is damaged.
    pub fn imported(&self) -> Result<Option<Importable>, Error> {
        let reader = self.ledger()?;
        let Some(import) = reader.imported().map_err(|e| self.ledger_error(e))? else {
            return Ok(None);
        };
        let mut lines = 0;
        self.each_imported_line(|_| lines += 1)?;
        Ok(Some(Importable { lines, import }))
    }

    /// The run files that imported lines may have: all that is known of them is the id.
    pub(crate) fn imported_run_files(&self) -> Result<BTreeSet<String>, Error> {
        let mut files = BTreeSet::new();
        self.each_imported_line(|line| files.extend(run_id(line).as_ref().map(run_file_name)))?;
        Ok(files)
    }

    fn each_imported_line(&self, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let reader = self.ledger()?;
        let mut lines = reader.imported_lines().map_err(|e| self.ledger_error(e))?;
        while let Some(line) = lines.next_line().map_err(|e| self.ledger_error(e))? {
            each(line);
        }
        Ok(())
    }

    fn has_recorded(&self, imported: &Importable) -> Result<bool, Error> {
        let mut recorded = false;
        self.each_event(|past| {
            recorded |= past.what == event(imported);
            Ok(())
        })?;
        Ok(recorded)
    }
}

/// That what lies in the ledger's place is not to be imported first.
pub(crate) fn refuse_unchained(tree: &Tree) -> Result<(), Error> {
    // Looked at in full only where there is no HEAD, which no ledger is without for long.
    if !tree.ledger().with_extension("HEAD").exists() && Archive::new(tree).importable().is_ok() {
        return Err(needed(&tree.ledger()));
    }
    Ok(())
}

pub(crate) fn needed(path: &Path) -> Error {
    Error::Precondition {
        reason: format!(
            "{}: its lines never were in a chain; `creditctl ledger import` makes them the \
             beginning of one, `--dry-run` says what it would do",
            path.display()
        ),
    }
}

fn event(imported: &Importable) -> What {
    What::LedgerImported {
        lines: imported.lines,
        bytes: imported.import.bytes,
        sha256: Sha256::from_bytes(*imported.import.sha256.as_bytes()),
    }
}

/// The id of a record of the original, however its key is cased.
fn run_id(line: &[u8]) -> Option<RunId> {
    let object = Object::parse(std::str::from_utf8(line).ok()?).ok()?;
    let (_, id) = object
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("Run_ID"))?;
    serde_json::from_str(id.get()).ok()
}

fn storage(tree: &Tree) -> Box<FileStorage> {
    Box::new(FileStorage::new(&tree.monitoring(), "ledger"))
}

fn import_error(tree: &Tree, source: credit_ledger::ImportError) -> Error {
    let path = tree.ledger();
    Error::Import { path, source }
}
