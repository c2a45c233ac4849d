//! How does a job runner ask before it repeats a job, and uses an approval once?
//!
//! `cargo run --example rerun_gate_in_a_job_runner`

use std::io::{self, Write};

use credit_examples::now;
use credit_monitor::core::{
    Credits, RiskFlag, RiskFlags, RootCause, Run, RunId, Status, Timestamp,
};
use credit_monitor::governance::{Actor, CaseAcknowledged, Event, RootCauseFound, What};
use credit_monitor::{Error, Monitor, Tree};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    run_jobs(&Tree::new(folder.path()), now(), &mut io::stdout().lock())
}

pub(crate) fn run_jobs(tree: &Tree, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    let (ops, lead) = ("ops-2:O2".parse()?, "lead-3:O3".parse()?);
    Monitor::init(tree, vec!["ops-2:O2".parse()?, "lead-3:O3".parse()?], now)?;
    let (ops, lead) = (Actor::Operator(ops), Actor::Operator(lead));
    let monitor = Monitor::open(tree, now)?;

    // A job failed, cost something, and cannot be compared with anything: SEV1.
    let failed: RunId = "RUN-1".parse()?;
    let mut run = Run::new(
        failed.clone(),
        "EXPORT".parse()?,
        now,
        Status::Failed,
        Credits::whole(40).ok_or(anyhow::anyhow!("too much"))?,
    );
    let retries = RiskFlags::NONE.with(RiskFlag::RetryLoop);
    run.risk_flags = retries;
    let case = monitor.observe(run, now)?.case;
    let case = case.ok_or(anyhow::anyhow!("no case"))?;

    // The runner would repeat it, and asks.
    writeln!(
        out,
        "at once: {}",
        in_words(repeat(&monitor, &failed, now)?)
    )?;

    // Somebody takes care of it, says why it happened and what changed, and asks for a rerun.
    let found = RootCauseFound {
        case: case.clone(),
        root_cause: RootCause::Misconfig,
        explanation: "retries were not capped".parse()?,
    };
    let steps = [
        What::CaseAcknowledged(CaseAcknowledged { case }),
        What::RootCauseProposed(found),
    ];
    for step in steps {
        monitor.decide(&ops, step, now)?;
    }
    monitor.request_rerun(&failed, "the export is needed today".parse()?, &ops, now)?;
    let scenario = tree.scenario(&"EXPORT".parse()?);
    std::fs::write(scenario, r#"{"max_items":500,"has_idempotency_key":true}"#)?;

    // An O3 who did not ask approves, bound to this run, its case and the scenario's file.
    let approve = |who: &Actor| -> anyhow::Result<Result<Event, Error>> {
        let (mitigation, addressed) = ("retries are capped now".parse()?, retries);
        Ok(monitor.approve_rerun(&failed, mitigation, addressed, None, who, now))
    };
    writeln!(out, "approved by who asked: {}", approve(&ops)?.is_ok())?;
    approve(&lead)??;

    writeln!(
        out,
        "after the approval: {}",
        in_words(repeat(&monitor, &failed, now)?)
    )?;
    writeln!(
        out,
        "and once more: {}",
        in_words(repeat(&monitor, &failed, now)?)
    )?;
    Ok(())
}

/// What the runner does.
pub(crate) enum Next {
    /// It may begin; of any number of runners, in whatever process, one gets this.
    Begin(RunId),
    /// It waits for people.
    Wait(String),
}

/// The gate: nothing begins before the approval is used up, durably.
fn repeat(monitor: &Monitor, run: &RunId, now: Timestamp) -> anyhow::Result<Next> {
    match monitor.begin_rerun(run, &Actor::Service, now) {
        Ok(rerun) => Ok(Next::Begin(rerun.run_id)),
        Err(Error::RerunClosed { standing, .. }) => Ok(Next::Wait(standing.to_string())),
        // Anything else is a no as well: what cannot be recorded must not begin.
        Err(error) => Err(error.into()),
    }
}

fn in_words(next: Next) -> String {
    match next {
        Next::Begin(run) => format!("begins; the new run names {run} in `rerun_of`"),
        Next::Wait(standing) => format!("waits, because the gate is {standing}"),
    }
}
