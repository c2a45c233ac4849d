//! `metrics`: figures for Prometheus.

use std::path::Path;

use anyhow::{Context as _, Result};
use credit_monitor::Archive;
use credit_monitor::governance::Verb;
use credit_monitor::ledger::hashed_file::replace_durably;

use crate::args::Metrics;
use crate::commands::report::save_partials;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::put_text;

pub(crate) fn metrics(context: &Context, args: &Metrics) -> Result<Exit> {
    context.actor(match args.out {
        Some(_) => Verb::Report,
        None => Verb::View,
    })?;
    let archive = Archive::new(&context.tree);
    if args.out.is_some() {
        save_partials(context, &archive);
    }
    let figures = archive.figures(context.now()?)?;
    let text = figures.to_prometheus();
    match &args.out {
        None => put_text(text)?,
        Some(path) => write(path, &text)?,
    }
    Ok(Exit::Fine)
}

/// Whoever reads the file sees the old figures or the new ones, and never a part.
fn write(path: &Path, text: &str) -> Result<()> {
    replace_durably(path, text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}
