//! `init`.

use credit_monitor::Monitor;
use credit_monitor::governance::{Operator, Verb};
use serde_json::json;

use crate::args::Init;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::put_line;

pub(crate) fn init(context: &Context, args: &Init) -> anyhow::Result<Exit> {
    // Where nobody is registered yet, nobody can be looked up.
    if context.operator().is_some() && context.tree.operators().exists() {
        context.actor_for(Verb::Init, args.dry_run)?;
    }
    let operators = args
        .operators
        .iter()
        .map(|o| o.parse())
        .collect::<Result<Vec<Operator>, _>>()?;
    let tree = &context.tree;
    let written = if args.dry_run {
        let files = [tree.policy(), tree.baselines(), tree.operators()];
        files.into_iter().filter(|path| !path.exists()).collect()
    } else {
        Monitor::init(tree, operators, context.now()?)?
    };
    if context.json {
        put_line(json!({"written": written, "dry_run": args.dry_run}))?;
    } else {
        for path in &written {
            put_line(path.display())?;
        }
        if written.is_empty() {
            context.say("nothing was missing");
        }
    }
    Ok(Exit::Fine)
}
