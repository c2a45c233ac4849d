//! A severity is certain if no baseline that its runs allow gives another one.
#![expect(
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

mod common;

use common::{any_context, any_policy, micro, run};
use credit_core::{Bounds, Credits, Severity, Usual};
use credit_policy::{Certainty, Context, Expected, Policy};
use proptest::prelude::*;

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

/// A run that cost so much, against a baseline of 100 between 95 and 104.
fn judged(cost: &str) -> Certainty {
    let context = Context {
        expected: Expected::Baseline {
            credits: credits("100"),
            manual: false,
        },
        usual: Usual {
            bounds: Bounds::new(credits("95"), credits("104")),
            ..Usual::default()
        },
    };
    let certainty = Policy::standard().certainty(&run(credits(cost)), &context);
    certainty.unwrap()
}

#[test]
fn the_boundaries_on_both_sides() {
    // SEV3 from 1.5 times on: of 95 that is 142.5, of 104 it is 156.
    for (cost, certain) in [
        ("142.499999", true),
        ("142.5", false),
        ("155.999999", false),
        ("156", true),
        // SEV2 from 2 times on: 190 and 208.
        ("189.999999", true),
        ("190", false),
        ("207.999999", false),
        ("208", true),
        ("0", true),
    ] {
        let found = judged(cost);
        assert_eq!(found.is_certain(), certain, "{cost}: {found:?}");
        assert_eq!(found.as_str() == "certain", certain);
    }
    assert_eq!(
        judged("190").to_string(),
        "uncertain: the baseline lies between 95 and 104 (95%), which is SEV2 and SEV3"
    );
    assert_eq!(
        judged("156").to_string(),
        "certain: the baseline lies between 95 and 104 (95%), which is SEV3 all the same"
    );
    assert_eq!(
        serde_json::to_string(&judged("190")).unwrap(),
        r#"{"bounds":[95,104],"severity":"SEV3","at_lower":"SEV2","at_upper":"SEV3"}"#
    );
}

#[test]
fn what_is_not_known_gets_no_label() {
    let policy = Policy::standard();
    let run = run(credits("200"));
    let known = Expected::Baseline {
        credits: credits("100"),
        manual: true,
    };
    assert_eq!(policy.certainty(&run, &known.into()), None);
    let bounds = Bounds::new(credits("95"), credits("104"));
    let missing = Context {
        expected: Expected::Missing,
        usual: Usual {
            bounds,
            ..Usual::default()
        },
    };
    assert_eq!(policy.certainty(&run, &missing), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_says_of_the_verdict_what_judging_against_the_ends_says(
        policy in any_policy(), micro in micro(), context in any_context(), between in 0.0..=1.0_f64,
    ) {
        let run = run(Credits::from_micro(micro).unwrap());
        let Some(found) = policy.certainty(&run, &context) else {
            prop_assert!(
                context.usual.bounds.is_none() || context.expected == Expected::Missing
            );
            return Ok(());
        };
        let verdict = policy.assess(&run, &context);
        prop_assert_eq!(found.severity, verdict.severity);
        let against = |credits| {
            let expected = Expected::Baseline { credits, manual: false };
            policy.assess(&run, &Context { expected, ..context }).severity
        };
        let (lower, upper) = (found.bounds.lower(), found.bounds.upper());
        prop_assert_eq!((found.at_lower, found.at_upper), (against(lower), against(upper)));

        // Certain means certain: neither does any baseline in between give another severity.
        let inside = match context.expected {
            Expected::Baseline { credits, .. } => found.bounds.contains(credits),
            Expected::Missing => false,
        };
        if found.is_certain() && inside && lower > Credits::ZERO {
            let width = (upper.micro() - lower.micro()) as f64;
            let some = lower.micro() + (width * between) as u64;
            let some = Credits::from_micro(some.min(upper.micro())).unwrap();
            prop_assert_eq!(against(some), verdict.severity);
        }
    }

    #[test]
    fn no_verdict_depends_on_it(
        policy in any_policy(), micro in micro(), context in any_context(),
    ) {
        let run = run(Credits::from_micro(micro).unwrap());
        let without = Context { usual: Usual { bounds: None, ..context.usual }, ..context };
        prop_assert_eq!(policy.assess(&run, &context), policy.assess(&run, &without));
        prop_assert!(policy.assess(&run, &context).severity <= Severity::Sev4);
    }
}
