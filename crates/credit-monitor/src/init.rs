//! A tree's first files.

use std::path::PathBuf;

use credit_baseline::Baselines;
use credit_core::Timestamp;
use credit_governance::{Operator, Operators};
use credit_ledger::hashed_file::replace_durably;

use crate::{Error, Monitor, Tree, files};

impl Monitor {
    /// Writes what is missing of `config/`: the standard policy, empty baselines, the operators,
    /// and the folder for scenarios. Overwrites nothing; returns what it wrote.
    ///
    /// # Errors
    /// [`Error::Config`] for a bad set of operators, or if operators are given and the file is
    /// there already; [`Error::Io`].
    pub fn init(
        tree: &Tree,
        operators: Vec<Operator>,
        now: Timestamp,
    ) -> Result<Vec<PathBuf>, Error> {
        let given = !operators.is_empty();
        let path = tree.operators();
        let wrong = |reason: String| Error::Config {
            path: path.clone(),
            reason,
        };
        let operators = Operators::new(operators).map_err(|e| wrong(e.to_string()))?;
        if given && path.exists() {
            let missing = operators.iter().map(Operator::to_json);
            let missing = missing.collect::<Vec<_>>().join(", ");
            return Err(wrong(format!(
                "is there already and is not overwritten; add {missing} to its operators"
            )));
        }
        let scenarios = tree.scenarios();
        files::create_dirs(&scenarios).map_err(Error::io("creating", scenarios))?;
        let files = [
            (tree.policy(), credit_policy::STANDARD_JSON.to_owned()),
            (tree.baselines(), Baselines::empty(now).to_json()),
            (path, operators.to_json()),
        ];
        let mut written = Vec::new();
        for (path, text) in files {
            if !path.exists() {
                replace_durably(&path, text.as_bytes()).map_err(Error::io("writing", &path))?;
                written.push(path);
            }
        }
        Ok(written)
    }
}
