//! `verify`.

use anyhow::Context as _;
use credit_monitor::ledger::Digest;
use credit_monitor::{Archive, Tree};
use serde_json::json;

use crate::args::Verify;
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn verify(context: &Context, args: &Verify) -> anyhow::Result<Exit> {
    let tree = match &args.path {
        Some(path) => Tree::new(path),
        None => context.tree.clone(),
    };
    let head = args.head.as_deref().map(parse_head).transpose()?;
    let bar = context.progress(0, "run files");
    let verified = Archive::new(&tree).verify(head, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    if !context.json {
        for finding in &verified.findings {
            let line = finding.line.map(|l| format!(":{l}")).unwrap_or_default();
            println!("{}{line}: {}", finding.path.display(), finding.problem);
        }
        context.say(format_args!(
            "{} ledger lines, {} events, {} run files and {} reports checked",
            verified.lines, verified.events, verified.run_files, verified.reports
        ));
    }
    let findings: Vec<_> = verified
        .findings
        .iter()
        .map(|f| json!({"path": f.path, "line": f.line, "problem": f.problem}))
        .collect();
    let head = verified
        .head
        .map(|h| json!({"seq": h.seq, "hash": h.hash.to_string()}));
    // Written by hand for the order of its keys.
    println!(
        r#"{{"ok":{},"lines":{},"head":{},"findings":{}}}"#,
        verified.ok(),
        verified.lines,
        head.unwrap_or_default(),
        json!(findings)
    );
    Ok(if verified.ok() {
        Exit::Fine
    } else {
        Exit::Integrity
    })
}

fn parse_head(text: &str) -> anyhow::Result<(u64, Digest)> {
    let form = || format!("--head {text:?} must have the form SEQ:HASH, as a receipt shows it");
    let (seq, hash) = text.split_once(':').with_context(form)?;
    Ok((
        seq.parse().with_context(form)?,
        hash.parse().with_context(form)?,
    ))
}
