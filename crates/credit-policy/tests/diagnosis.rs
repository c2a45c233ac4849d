//! The runbook's table of likely causes, lines 140 to 145, word for word.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use credit_core::{RiskFlag, RiskFlags};
use credit_policy::diagnose;
use proptest::prelude::*;

/// As the runbook has it.
const TABLE: &str = "\
| Risk Flags | Likely Cause | Action |
|------------|--------------|--------|
| `retry_loop`, `unbounded_iterator` | Misconfig | Fix scenario config, update max_items |
| `batch_job`, `linear_scaling` | Legit load | Update baseline, document expected variance |
| `sudden_prompt_growth` | Prompt change | Review prompt, consider reverting or optimizing |
| `deployment_correlation` | Recent deploy | Check for bugs in new code |
";

#[test]
fn all_flags_give_the_whole_table() {
    let mut shown = TABLE.lines().take(2).map(str::to_owned).collect::<Vec<_>>();
    for row in diagnose(RiskFlag::ALL.iter().copied().collect()) {
        let flags: Vec<String> = row.flags.iter().map(|flag| format!("`{flag}`")).collect();
        shown.push(format!(
            "| {} | {} | {} |",
            flags.join(", "),
            row.cause,
            row.action
        ));
    }
    assert_eq!(shown.join("\n") + "\n", TABLE);
}

proptest! {
    #[test]
    fn each_flag_speaks_for_its_row_alone(
        flags in proptest::collection::vec(proptest::sample::select(RiskFlag::ALL), 0..8),
    ) {
        let flags: RiskFlags = flags.into_iter().collect();
        let rows: RiskFlags = diagnose(flags).iter().flat_map(|row| row.flags.iter()).collect();
        let named: RiskFlags = flags
            .iter()
            .filter(|flag| TABLE.contains(&format!("`{flag}`")))
            .collect();
        prop_assert_eq!(rows, named);
        for row in diagnose(flags) {
            let line = TABLE.lines().find(|line| line.contains(row.action)).unwrap();
            prop_assert!(line.contains(&format!("| {} |", row.cause)), "{}", line);
            prop_assert!(row.flags.iter().all(|flag| line.contains(flag.as_str())), "{}", line);
        }
    }
}
