//! Where tokens and addresses come from: variables, files that variables name, and systemd's
//! credentials.

use std::fs;
use std::path::Path;

use crate::exit::{Exit, Failed};

/// The value of `NAME`; or else what is in the file that `NAME_FILE` names; or else what systemd
/// gave the service as its credential `NAME`. White space around it does not count.
///
/// An error says which file cannot be read, and never what is in one.
pub(crate) fn value_of(name: &str) -> Result<Option<String>, String> {
    if let Some(value) = variable(name)? {
        return Ok(Some(value.trim().to_owned()));
    }
    if let Some(path) = variable(&format!("{name}_FILE"))? {
        let read = fs::read_to_string(&path);
        let read = read.map_err(|e| format!("{name}_FILE names {path}, which: {e}"))?;
        return Ok(Some(read.trim().to_owned()));
    }
    let Some(folder) = variable("CREDENTIALS_DIRECTORY")? else {
        return Ok(None);
    };
    match fs::read_to_string(Path::new(&folder).join(name)) {
        Ok(value) => Ok(Some(value.trim().to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("the credential {name} cannot be read: {e}")),
    }
}

pub(crate) fn unusable(message: String) -> Failed {
    Failed {
        exit: Exit::Invalid,
        message,
        help: "set the variable that the message names to something of the right form, or unset it",
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where the environment is read"
)]
fn variable(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
