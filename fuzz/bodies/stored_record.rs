//! `StoredRecord::parse` and the scans: what a record says is the same however it is read.

use credit_core::json::Object;
use credit_core::{Run, RunFacts, RunSum, StoredRecord};

pub(crate) fn check(text: &str) {
    match StoredRecord::parse(text) {
        Ok(stored) => {
            let written = stored.run.to_json();
            assert_eq!(Run::parse(&written).unwrap().run, stored.run);
        }
        Err(error) => {
            assert!((1..=1 + text.matches('\n').count()).contains(&error.line));
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
    }
    // Scans are for lines that were checked to be one object with distinct keys.
    if Object::parse(text).is_err() {
        return;
    }
    let parsed = RunFacts::parse(text);
    if let Some(facts) = RunFacts::scan(text) {
        assert_eq!(
            format!("{facts:?}"),
            format!("{:?}", parsed.as_ref().unwrap())
        );
    }
    if let (Some(sum), Ok(facts)) = (RunSum::scan(text), &parsed) {
        assert_eq!(sum.timestamp, facts.timestamp);
        assert_eq!(sum.scenario_id, facts.scenario_id.as_str());
        assert_eq!(sum.credits, facts.credits);
    }
}
