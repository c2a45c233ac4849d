//! `creditctl`, the operators' door to credit monitoring.

// The one place where the world is touched: arguments, clock, environment, terminal.

mod args;
mod commands;
mod context;
mod desk;
mod exit;
mod input;
mod log;
mod notion;
mod outgoing;
mod output;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::context::Context;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::usage(&error).into(),
    };
    let json = args.global.json;
    let result = log::start(args.global.verbose)
        .and_then(|()| Context::new(&args.global))
        .and_then(|context| commands::run(args.command, &context));
    match result {
        Ok(code) => code.into(),
        Err(error) => exit::report(&error, json).into(),
    }
}
