//! Inputs of verdicts and reports, each kept once under its SHA-256, so that what was made from
//! them can be made again.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use credit_core::Sha256;
use credit_ledger::hashed_file::replace_durably;

use crate::{Error, Tree, files};

/// The objects of a tree, remembering what is known to be there.
#[derive(Debug)]
pub(crate) struct Objects {
    tree: Tree,
    kept: Mutex<HashSet<Sha256>>,
}

impl Objects {
    pub(crate) fn new(tree: &Tree) -> Objects {
        Objects {
            tree: tree.clone(),
            kept: Mutex::default(),
        }
    }

    /// Keeps `bytes` under their hash; durable when this returns.
    pub(crate) fn keep(&self, sha256: Sha256, bytes: &[u8]) -> Result<(), Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.contains(&sha256) {
            return Ok(());
        }
        let path = self.tree.object(sha256);
        match files::read(&path) {
            Ok(there) if Sha256::of(&there) == sha256 => {}
            // Absent, or torn by a crash: the name says what it must be.
            _ => {
                let dir = self.tree.objects();
                files::create_dirs(&dir).map_err(Error::io("creating", dir))?;
                replace_durably(&path, bytes).map_err(Error::io("writing", path))?;
            }
        }
        kept.insert(sha256);
        Ok(())
    }

    /// What was kept under a hash, with the hash.
    pub(crate) fn read(&self, sha256: Sha256) -> Result<(Sha256, Vec<u8>), Error> {
        let path = self.tree.object(sha256);
        let wrong = |reason: &str| Error::Integrity {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let bytes = files::read(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => wrong(
                "is missing: the input with this SHA-256 was not kept; restore it from a copy",
            ),
            _ => Error::io("reading", &path)(e),
        })?;
        if Sha256::of(&bytes) != sha256 {
            return Err(wrong(
                "does not have the SHA-256 that is its name; restore it from a copy",
            ));
        }
        Ok((sha256, bytes))
    }
}
