//! Where tokens and addresses come from: variables, files that variables name, and systemd's
//! credentials.

use std::fs;
use std::path::Path;
use std::time::Duration;

use credit_monitor::doctor::{Environment, NOTION_TOKEN};
use credit_monitor::notify::client::{HttpNotion, Ureq};
use credit_monitor::notify::notion::{ApiVersion, Connection};
use credit_monitor::notify::{BaseUrl, Token};
use credit_monitor::policy::Policy;

use crate::exit::{Exit, Failed};

/// How long one request may take, its answer included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where Notion is reached instead of at its own address: through a gateway, or in a test.
const NOTION_BASE_URL: &str = "NOTION_BASE_URL";

/// Which destinations are set up, by names that the policy may change.
pub(crate) fn environment(policy: Option<&Policy>) -> Environment {
    Environment::read(policy, value_of)
}

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

/// A way to Notion with the access that `access` makes of the token.
pub(crate) fn notion<A: credit_monitor::notify::notion::Access>(
    access: fn(Token) -> A,
) -> anyhow::Result<HttpNotion<Ureq, A>> {
    let token = value_of(NOTION_TOKEN).map_err(unusable)?;
    let token = token.filter(|token| !token.is_empty()).ok_or(Failed {
        exit: Exit::Precondition,
        message: format!("{NOTION_TOKEN} is not set"),
        help: "set it to the integration's token, or NOTION_TOKEN_FILE to a file that holds it",
    })?;
    let token: Token = token
        .parse()
        .map_err(|e| unusable(format!("{NOTION_TOKEN} {e}")))?;
    let base = value_of(NOTION_BASE_URL).map_err(unusable)?;
    let base: Option<BaseUrl> = base
        .filter(|base| !base.is_empty())
        .map(|base| base.parse())
        .transpose()
        .map_err(|e| unusable(format!("{NOTION_BASE_URL} {e}")))?;
    let connection = Connection::new(access(token), base, ApiVersion::default());
    Ok(HttpNotion::new(Ureq::new(PATIENCE), connection))
}

pub(crate) fn unusable(message: String) -> Failed {
    Failed {
        exit: Exit::Invalid,
        message,
        help: "`creditctl doctor` says of every variable whether it can be used",
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
