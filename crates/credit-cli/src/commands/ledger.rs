//! `ledger import`.

use credit_monitor::governance::Verb;
use credit_monitor::ledger::Importable;
use credit_monitor::{Archive, Monitor};
use serde::Serialize;

use crate::args::Import;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{print_json, put_line};

pub(crate) fn import(context: &Context, args: &Import) -> anyhow::Result<Exit> {
    let actor = context.actor_for(Verb::ImportLedger, args.dry_run)?;
    let tree = &context.tree;
    let imported = if args.dry_run {
        Archive::new(tree).importable()?
    } else {
        let question = "Make the lines that are there the beginning of the ledger, for good?";
        if !context.confirmed(question)? {
            context.say("nothing was changed");
            return Ok(Exit::Refused);
        }
        Monitor::import_ledger(tree, &actor, context.now()?)?
    };
    print(context, args, &imported)?;
    Ok(Exit::Fine)
}

fn print(context: &Context, args: &Import, imported: &Importable) -> anyhow::Result<()> {
    let Importable { lines, import } = imported;
    let summary = Summary {
        dry_run: args.dry_run,
        lines: *lines,
        bytes: import.bytes,
        sha256: import.sha256.to_string(),
    };
    if context.json {
        return print_json(&summary);
    }
    let Summary { bytes, sha256, .. } = &summary;
    put_line(format_args!(
        "{lines} lines, {bytes} bytes, SHA-256 {sha256}"
    ))?;
    put_line(if args.dry_run {
        "they can be imported; nothing was written"
    } else {
        "they are the beginning of the ledger now; its chain begins behind them"
    })
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    dry_run: bool,
    lines: u64,
    bytes: u64,
    sha256: String,
}
