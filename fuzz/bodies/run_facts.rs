//! `RunFacts::parse`: reads what a ledger line says and never panics.

use credit_core::{Run, RunFacts};

pub(crate) fn check(text: &str) {
    let Ok(facts) = RunFacts::parse(text) else {
        return;
    };
    assert_eq!(facts.json, text);
    let _ = facts.is_incident();
    // Where the line is a good run as well, both readers agree.
    if let Ok(parsed) = Run::parse(text) {
        let run = parsed.run;
        assert_eq!(run.run_id, facts.run_id);
        assert_eq!(run.timestamp, facts.timestamp);
        assert_eq!(run.scenario_id, facts.scenario_id);
        assert_eq!(run.status, facts.status);
        assert_eq!(run.credits, facts.credits);
        assert_eq!(run.retry_count, facts.retry_count);
        assert_eq!(run.risk_flags, facts.risk_flags);
    }
}
