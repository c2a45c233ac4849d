//! How does a service judge runs that keeps nothing and opens no file?
//!
//! `cargo run --example classify_only` takes `credit-core` and `credit-policy` alone: no file, no
//! clock, no connection.

use std::io::{self, Write};

use credit_core::{Credits, RiskFlag, RiskFlags, Run, Status};
use credit_policy::{Context, Expected, Policy};

fn main() -> anyhow::Result<()> {
    classify(&mut io::stdout().lock())
}

pub(crate) fn classify(out: &mut impl Write) -> anyhow::Result<()> {
    // Yours would be read once, from wherever you keep it: `Policy::parse(&text)?`.
    let policy = Policy::standard();
    // What the scenario's runs usually cost, from wherever you know that.
    let usually = |credits: &str| -> anyhow::Result<Context> {
        let credits = credits.parse()?;
        let manual = false;
        Ok(Expected::Baseline { credits, manual }.into())
    };

    let as_usual = run("R-1", "104.5")?;
    let mut leak = run("R-2", "1040")?;
    leak.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    let unknown = run("R-3", "1")?;
    for (run, context) in [
        (as_usual, usually("100")?),
        (leak, usually("100")?),
        // A run that nothing can be compared with is never called fine.
        (unknown, Expected::Missing.into()),
    ] {
        let verdict = policy.assess(&run, &context);
        let actions: Vec<&str> = verdict.actions.iter().map(|a| a.as_str()).collect();
        writeln!(
            out,
            "{} {}: {}\n  to do: {}",
            verdict.severity,
            run.run_id,
            policy.summary(&run, &verdict),
            actions.join(", ")
        )?;
    }
    Ok(())
}

fn run(id: &str, credits: &str) -> anyhow::Result<Run> {
    let (scenario, at) = ("EXPORT".parse()?, "2025-01-31T10:00:00Z".parse()?);
    let credits: Credits = credits.parse()?;
    Ok(Run::new(
        id.parse()?,
        scenario,
        at,
        Status::Success,
        credits,
    ))
}
