//! `repair`.

use credit_monitor::Archive;
use credit_monitor::governance::Verb;
use serde::Serialize;

use crate::args::Repair;
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::output::{print_json, put_line};

pub(crate) fn repair(context: &Context, args: &Repair) -> anyhow::Result<Exit> {
    let actor = context.actor_for(Verb::Repair, args.dry_run)?;
    let archive = Archive::new(&context.tree);
    // Opening would begin a ledger where there is none.
    archive.require_ledger()?;
    let bar = context.progress(0, "lines");
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let (repair, rebuilt) = if args.dry_run {
        let repair = archive.missing_run_files(&progress)?;
        let rebuilt = repair.rebuilt;
        (repair, rebuilt)
    } else {
        let monitor = context.monitor()?;
        let repair = monitor.repair(&actor, context.now()?, &progress)?;
        // Opening has written those near the ledger's end already.
        let rebuilt = monitor.rebuilt_on_open() + repair.rebuilt;
        (repair, rebuilt)
    };
    bar.finish_and_clear();
    let found = |path: &std::path::Path, line, problem| Finding {
        path: path.display().to_string(),
        line,
        problem,
    };
    let evidence = repair.evidence.iter();
    let failed = repair.failed.iter().map(|f| {
        let path = f.path.strip_prefix(context.tree.root());
        let cause = std::error::Error::source(f).map(|e| format!(": {e}"));
        let problem = format!("was not written{}", cause.unwrap_or_default());
        found(path.unwrap_or(&f.path), None, problem)
    });
    let summary = Summary {
        dry_run: args.dry_run,
        lines: repair.lines,
        rebuilt,
        evidence: evidence
            .map(|e| found(&e.path, e.line, e.problem.clone()))
            .collect(),
        failed: failed.collect(),
    };
    print(context, &summary)?;
    end(&summary)
}

fn print(context: &Context, summary: &Summary) -> anyhow::Result<()> {
    if context.json {
        return print_json(summary);
    }
    for finding in summary.evidence.iter().chain(&summary.failed) {
        let line = finding.line.map(|l| format!(":{l}")).unwrap_or_default();
        put_line(format_args!("{}{line}: {}", finding.path, finding.problem))?;
    }
    let (lines, rebuilt) = (summary.lines, summary.rebuilt);
    if summary.dry_run {
        put_line(format_args!(
            "{rebuilt} run files would be rebuilt from {lines} ledger lines; nothing was written"
        ))
    } else {
        put_line(format_args!(
            "{rebuilt} run files rebuilt from {lines} ledger lines"
        ))
    }
}

fn end(summary: &Summary) -> anyhow::Result<Exit> {
    let told = |exit, code, message, help| {
        Err(Told {
            exit,
            code,
            message,
            help,
        }
        .into())
    };
    if !summary.evidence.is_empty() {
        let message = format!(
            "evidence: {}; standard output lists it, nothing of it was changed",
            summary.evidence.len()
        );
        let help = "keep what differs and compare it with a copy; `creditctl verify` tells all";
        return told(Exit::Integrity, "integrity", message, help);
    }
    if !summary.failed.is_empty() {
        let message = format!(
            "not written: {}; standard output lists them",
            summary.failed.len()
        );
        let help = "mend what the list names and run the command again";
        return told(Exit::Invalid, "invalid", message, help);
    }
    Ok(Exit::Fine)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    dry_run: bool,
    lines: u64,
    rebuilt: u64,
    evidence: Vec<Finding>,
    failed: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    path: String,
    line: Option<u64>,
    problem: String,
}
