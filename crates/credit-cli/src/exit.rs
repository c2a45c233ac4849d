//! Exit codes, and how failures are told.

use std::process::ExitCode;

use credit_monitor::governance::{Denied, OperatorsError};
use credit_monitor::{Error, ObserveError};
use serde_json::json;

/// The exit codes, one table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    Fine = 0,
    Invalid = 1,
    Refused = 3,
    Integrity = 4,
    Precondition = 5,
    NotFound = 6,
    Locked = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    fn code(self) -> &'static str {
        match self {
            Exit::Fine => "fine",
            Exit::Invalid => "invalid",
            Exit::Refused => "denied",
            Exit::Integrity => "integrity",
            Exit::Precondition => "precondition",
            Exit::NotFound => "not_found",
            Exit::Locked => "locked",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Exit::Fine => "",
            Exit::Invalid => "correct what the message names and run the command again",
            Exit::Refused => {
                "act as an operator with a sufficient role: --as NAME, registered in \
                 config/operators.json"
            }
            Exit::Integrity => {
                "nothing was changed; run `creditctl verify` and compare with a copy"
            }
            Exit::Precondition => "do first what the message names",
            Exit::NotFound => "check the name and --root",
            Exit::Locked => "another process is writing; run the command again",
        }
    }
}

/// Something that was told to the user already; only the code is left to return.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) Exit);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.code())
    }
}

impl std::error::Error for Told {}

/// Tells a failure on standard error and returns its code.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> Exit {
    let exit = exit_of(error);
    let message = message(error);
    if json {
        let told = json!({"code": exit.code(), "message": message, "help": exit.help()});
        match denied(error) {
            Some(denied) => eprintln!("{}", json!({"error": told, "denied": denied})),
            None => eprintln!("{}", json!({"error": told})),
        }
    } else if !error.is::<Told>() {
        eprintln!("error: {message}");
        eprintln!("help: {}", exit.help());
    }
    exit
}

/// The message with its causes, each said once.
fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !message.ends_with(&text) {
            if !message.is_empty() {
                message.push_str(": ");
            }
            message.push_str(&text);
        }
    }
    message
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(Told(exit)) = error.downcast_ref() {
        return *exit;
    }
    if error.is::<Denied>() {
        return Exit::Refused;
    }
    if matches!(error.downcast_ref(), Some(OperatorsError::Unknown { .. })) {
        return Exit::Refused;
    }
    match monitor_error(error) {
        Some(e) if e.is_integrity() => Exit::Integrity,
        Some(e) if e.is_locked() => Exit::Locked,
        Some(Error::Denied(_)) => Exit::Refused,
        Some(Error::Precondition { .. }) => Exit::Precondition,
        Some(e) if e.is_not_found() => Exit::NotFound,
        _ => Exit::Invalid,
    }
}

fn monitor_error(error: &anyhow::Error) -> Option<&Error> {
    match error.downcast_ref() {
        Some(ObserveError::Failed(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}

fn denied(error: &anyhow::Error) -> Option<serde_json::Value> {
    let denied = match monitor_error(error) {
        Some(Error::Denied(denied)) => denied,
        _ => error.downcast_ref()?,
    };
    Some(match denied {
        Denied::Role { role, verb, .. } => json!({
            "role": role.map(|r| r.to_string()),
            "verb": verb.to_string(),
            "requires": verb.requires().to_string(),
        }),
        other => json!({"reason": other.to_string()}),
    })
}
