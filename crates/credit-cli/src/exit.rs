//! Exit codes, and how failures are told.

use std::process::ExitCode;

use credit_monitor::core::json::ObjectWriter;
use credit_monitor::governance::{Denied, OperatorsError};
use credit_monitor::ledger::ImportError;
use credit_monitor::{Error, ObserveError};

use crate::output::talk;

/// The exit codes, one table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    Fine = 0,
    Invalid = 1,
    Usage = 2,
    Refused = 3,
    Integrity = 4,
    Precondition = 5,
    NotFound = 6,
    Locked = 7,
    Findings = 8,
    Remaining = 9,
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
            Exit::Usage => "usage",
            Exit::Refused => "denied",
            Exit::Integrity => "integrity",
            Exit::Precondition => "precondition",
            Exit::NotFound => "not_found",
            Exit::Locked => "locked",
            Exit::Findings => "findings",
            Exit::Remaining => "remaining",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Exit::Fine => "",
            Exit::Invalid => "correct what the message names and run the command again",
            Exit::Usage => "try --help",
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
            Exit::Findings => "standard output lists what was found",
            Exit::Remaining => "`creditctl notify status` tells what remains and why",
        }
    }
}

/// An end that is no success and was told to people already; scripts that asked for JSON get it as
/// an object too.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) exit: Exit,
    /// The word for scripts.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Told {}

/// A failure that only the command line knows.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

/// Tells a failure on standard error and returns its code.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> Exit {
    let exit = exit_of(error);
    let message = message(error);
    let told: Option<&Told> = error.downcast_ref();
    let help = help(error, exit);
    if json {
        let (code, help) = told.map_or((exit.code(), help), |t| (t.code, t.help));
        talk(failure(code, &message, help, denied(error)));
    } else if told.is_none() {
        talk(format_args!("error: {message}"));
        talk(format_args!("help: {help}"));
    }
    exit
}

/// What to do about a failure.
fn help(error: &anyhow::Error, exit: Exit) -> &'static str {
    if let Some(failed) = error.downcast_ref::<Failed>() {
        return failed.help;
    }
    match monitor_error(error) {
        Some(Error::RerunClosed { .. }) => {
            "`creditctl rerun status RUN_ID` tells where it stands; an O3 who did not ask for it \
             approves it"
        }
        _ => exit.help(),
    }
}

/// Tells what is wrong with the command line, or shows the help that was asked for.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    // Where even standard error is closed there is nobody left to tell.
    let _ = error.print();
    if !error.use_stderr() {
        return Exit::Fine;
    }
    if std::env::args_os().any(|arg| arg == "--json") {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first);
        let (code, help) = (Exit::Usage.code(), Exit::Usage.help());
        talk(failure(code, message, help, None));
    }
    Exit::Usage
}

/// The last line on standard error of a command that was asked for JSON and did not succeed.
fn failure(code: &str, message: &str, help: &str, denied: Option<String>) -> String {
    let mut error = ObjectWriter::new();
    error.string("code", code);
    error.string("message", message);
    error.string("help", help);
    let mut out = ObjectWriter::new();
    out.token("error", error.finish());
    if let Some(denied) = denied {
        out.token("denied", denied);
    }
    out.finish()
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
    if let Some(told) = error.downcast_ref::<Told>() {
        return told.exit;
    }
    if let Some(failed) = error.downcast_ref::<Failed>() {
        return failed.exit;
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
        Some(Error::Import { source, .. }) => match source {
            ImportError::AlreadyALedger => Exit::Precondition,
            ImportError::Chained { .. } => Exit::Integrity,
            ImportError::Empty => Exit::NotFound,
            _ => Exit::Invalid,
        },
        // Repeating it takes an approval that is not there.
        Some(Error::RerunClosed { .. }) => Exit::Refused,
        Some(e) if e.is_not_found() => Exit::NotFound,
        Some(Error::Precondition { .. } | Error::Refused(_)) => Exit::Precondition,
        _ => Exit::Invalid,
    }
}

fn monitor_error(error: &anyhow::Error) -> Option<&Error> {
    match error.downcast_ref() {
        Some(ObserveError::Failed(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}

fn denied(error: &anyhow::Error) -> Option<String> {
    let denied = match monitor_error(error) {
        Some(Error::Denied(denied)) => denied,
        _ => error.downcast_ref()?,
    };
    let mut out = ObjectWriter::new();
    match denied {
        Denied::Role { role, verb, .. } => {
            match role {
                Some(role) => out.plain("role", role),
                None => out.token("role", "null"),
            }
            out.plain("verb", verb);
            out.plain("requires", verb.requires());
        }
        other => out.string("reason", &other.to_string()),
    }
    Some(out.finish())
}
