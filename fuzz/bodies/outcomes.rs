//! `Outcomes::parse`: each run is there once, and the same outcomes one after the other and as an
//! array are the same.

use credit_policy::Outcomes;

pub(crate) fn check(text: &str) {
    let Ok(outcomes) = Outcomes::parse(text) else {
        return;
    };
    let written: Vec<String> = outcomes
        .run_ids()
        .map(|run_id| {
            let root_cause = outcomes.root_cause(run_id).unwrap();
            format!(r#"{{"Run_ID":"{run_id}","Root_Cause":"{root_cause}"}}"#)
        })
        .collect();
    assert_eq!(outcomes.is_empty(), written.is_empty());
    assert_eq!(Outcomes::parse(&written.join("\n")).unwrap(), outcomes);
    let array = format!("[{}]", written.join(","));
    assert_eq!(Outcomes::parse(&array).unwrap(), outcomes);
    if let Some(first) = written.first() {
        assert!(Outcomes::parse(&format!("{first}{first}")).is_err());
    }
}
