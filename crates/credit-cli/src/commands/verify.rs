//! `verify`.

use anyhow::Context as _;
use credit_monitor::ledger::Digest;
use credit_monitor::{Archive, Tree};
use serde::Serialize;

use crate::args::Verify;
use crate::context::Context;
use crate::exit::{Exit, Told};
use crate::output::{print_json, put_line};

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
            put_line(format_args!(
                "{}{line}: {}",
                finding.path.display(),
                finding.problem
            ))?;
        }
        if verified.imported > 0 {
            context.say(format_args!(
                "{} imported lines compared with their hash",
                verified.imported
            ));
        }
        context.say(format_args!(
            "{} ledger lines, {} events, {} run files and {} reports checked",
            verified.lines, verified.events, verified.run_files, verified.reports
        ));
    }
    let findings = verified
        .findings
        .iter()
        .map(|f| Finding {
            path: f.path.display().to_string(),
            line: f.line,
            problem: &f.problem,
        })
        .collect();
    print_json(&Summary {
        ok: verified.ok(),
        lines: verified.lines,
        imported: verified.imported,
        head: verified.head.map(|h| Head {
            seq: h.seq,
            hash: h.hash.to_string(),
        }),
        findings,
    })?;
    if verified.ok() {
        return Ok(Exit::Fine);
    }
    Err(Told {
        exit: Exit::Integrity,
        code: "integrity",
        message: format!(
            "findings: {}; standard output lists them",
            verified.findings.len()
        ),
        help: "each finding says what to do; nothing was changed",
    }
    .into())
}

fn parse_head(text: &str) -> anyhow::Result<(u64, Digest)> {
    let form = || format!("--head {text:?} must have the form SEQ:HASH, as a receipt shows it");
    let (seq, hash) = text.split_once(':').with_context(form)?;
    Ok((
        seq.parse().with_context(form)?,
        hash.parse().with_context(form)?,
    ))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde wants"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The last line on standard output.
#[derive(Serialize)]
struct Summary<'a> {
    ok: bool,
    lines: u64,
    /// Only where there was an import.
    #[serde(skip_serializing_if = "is_zero")]
    imported: u64,
    head: Option<Head>,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Head {
    seq: u64,
    hash: String,
}

#[derive(Serialize)]
struct Finding<'a> {
    path: String,
    line: Option<u64>,
    problem: &'a str,
}
