//! Why was this run judged as it was, and what would have changed that?
//!
//! `cargo run --example explain_a_verdict` needs no folder: it judges, and keeps nothing.

use std::io::{self, Write};

use anyhow::Context as _;
use credit_monitor::core::{Credits, RiskFlag, RiskFlags, Run, Status, Usual};
use credit_monitor::policy::{Context, Expected, Policy};

fn main() -> anyhow::Result<()> {
    explain(&mut io::stdout().lock())
}

pub(crate) fn explain(out: &mut impl Write) -> anyhow::Result<()> {
    let policy = Policy::standard();
    let (mut run, context) = spike()?;
    let why = policy.explain(&run, &context);

    // For people: one screen.
    writeln!(out, "{why}")?;

    // For programs: every number exact, here the nearest milder verdict, and is it so?
    let step = why.changes.credits.milder.context("no cost is milder")?;
    let judged = |credits: Credits, run: &mut Run| {
        run.credits = credits;
        policy.assess(run, &context).severity
    };
    let nearer = Credits::from_micro(step.to.micro() + 1).context("beyond any cost")?;
    writeln!(
        out,
        "At {} credits it is {}, at {nearer} {}.",
        step.to,
        judged(step.to, &mut run),
        judged(nearer, &mut run)
    )?;

    // One line of JSON says the same; `creditctl classify --explain --json` prints it.
    writeln!(out, "As JSON: {} bytes", why.to_json().len())?;
    Ok(())
}

/// A binder export that retried, read much and says that it is a batch job.
fn spike() -> anyhow::Result<(Run, Context)> {
    let mut run = Run::new(
        "RUN-20240123-1".parse()?,
        "BINDER_EXPORT".parse()?,
        "2024-01-23T10:00:00Z".parse()?,
        Status::Success,
        "1250.5".parse()?,
    );
    run.retry_count = 15;
    run.has_max_items_config = Some(false);
    run.input_tokens = Some(20_000);
    run.risk_flags = RiskFlags::NONE.with(RiskFlag::BatchJob);
    let context = Context {
        expected: Expected::Baseline {
            credits: "180".parse()?,
            manual: false,
        },
        usual: Usual {
            input_tokens: Some(12_000),
            ..Usual::default()
        },
    };
    Ok((run, context))
}
