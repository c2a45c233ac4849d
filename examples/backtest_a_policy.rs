//! What would another policy have made of the runs that there were?
//!
//! `cargo run --example backtest_a_policy` judges the ledger's history again, writes nothing, and
//! says what would change.

use std::io::{self, Write};

use credit_examples::{Fleet, now};
use credit_monitor::baseline::Window;
use credit_monitor::core::{Severity, Sha256, Timestamp};
use credit_monitor::policy::{Policy, STANDARD_JSON};
use credit_monitor::{BacktestRequest, Grounds, Hashed, Monitor, Tree};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    backtest(&Tree::new(folder.path()), now(), &mut io::stdout().lock())
}

pub(crate) fn backtest(tree: &Tree, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    let monitor = history(tree, now)?;

    // A spike is SEV1 from three times the baseline on, instead of five.
    let text = STANDARD_JSON.replacen("\"multiplier\": 5,", "\"multiplier\": 3,", 1);
    let candidate = Hashed {
        value: Policy::parse(&text)?,
        sha256: Sha256::of(text.as_bytes()),
        bytes: text.into_bytes(),
    };
    let request = BacktestRequest {
        candidate: &candidate,
        // With root causes that people found, precision and recall are told, too.
        outcomes: None,
        from: Some(now.days_before(8)),
        to: None,
    };
    let report = monitor.archive().backtest(&request, &|_, _| {})?;

    let result = &report.result;
    writeln!(
        out,
        "Of {} runs {} would be graver and {} milder.",
        result.replayed.runs, result.graver.runs, result.milder.runs
    )?;
    for change in &result.changes {
        writeln!(
            out,
            "  {}: {} instead of {}",
            change.run_id, change.new.severity, change.old.severity
        )?;
    }
    let changes = result.changes.iter();
    let woken = changes.filter(|c| c.new.severity <= Severity::Sev1).count();
    writeln!(
        out,
        "{woken} of them would be SEV1 or graver: look at each before adopting it,"
    )?;
    writeln!(
        out,
        "by `creditctl policy adopt FILE --reason … --backtest DIGEST`."
    )?;
    writeln!(
        out,
        "The digest: {}",
        Sha256::of(report.to_json()?.as_bytes())
    )?;
    Ok(())
}

/// Five quiet weeks with baselines, and a week that was not quiet.
fn history(tree: &Tree, now: Timestamp) -> anyhow::Result<Monitor> {
    let operators = ["ops-2:O2", "lead-3:O3"];
    let [proposer, approver] =
        operators.map(|o| o.parse().map(credit_monitor::governance::Actor::Operator));
    let (proposer, approver) = (proposer?, approver?);
    let registered = operators
        .iter()
        .map(|o| o.parse())
        .collect::<Result<_, _>>()?;
    Monitor::init(tree, registered, now)?;
    let monitor = Monitor::open(tree, now)?;
    let mut fleet = Fleet::new(7, now);
    monitor.observe_all(fleet.steady(8..45), now)?;
    let week_ago = now.day().start().days_before(7);
    let window = Window {
        as_of: week_ago,
        days: 30,
    };
    for job in credit_examples::STEADY {
        let scenario = job.scenario.parse()?;
        let grounds = Grounds {
            reasons: vec!["first baseline".to_owned()],
            ..Grounds::default()
        };
        monitor.propose_baseline(&scenario, window, grounds, &proposer, week_ago)?;
        monitor.approve_baseline(&scenario, &approver, week_ago)?;
    }
    let mut week = fleet.steady(1..8);
    week.extend(fleet.unusual());
    monitor.observe_all(week, now)?;
    Ok(monitor)
}
