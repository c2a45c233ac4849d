//! A verdict can be repeated from its record alone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use credit_core::{Inputs, RunRecord, Sha256, StoredRecord, StoredVerdict};
use credit_policy::{Context, Expected};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 1024,
        ..ProptestConfig::default()
    })]

    #[test]
    fn judging_a_stored_record_again_gives_its_verdict(
        policy in common::any_policy(),
        run in common::any_run(),
        context in common::any_context(),
    ) {
        let assessment = policy.assess(&run, &context);
        let record = RunRecord {
            summary: policy.summary(&run, &assessment),
            assessment,
            inputs: Inputs {
                policy_sha256: Sha256::of(policy.to_json().as_bytes()),
                scenario_sha256: None,
                input_sha256: run.sha256(),
                baseline_updated: None,
                usual: context.usual,
            },
            run,
        };
        let stored = StoredRecord::parse(&record.to_json()).unwrap();
        prop_assert_eq!(policy.replay(&stored), assessment);
        prop_assert_eq!(stored.verdict, StoredVerdict::from(&assessment));
        prop_assert_eq!(&stored.run, &record.run);
        let read = Context::of(&stored);
        prop_assert_eq!(read.usual, context.usual);
        // Whether a baseline of zero was entered by hand changes no verdict and is not kept.
        if assessment.variance.is_some() || context.expected == Expected::Missing {
            prop_assert_eq!(read, context);
        }
    }
}
