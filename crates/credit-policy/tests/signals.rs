//! Each derived flag means what it says: raised at its limit, not before, and never for want of a
//! fact.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{baseline, policy, run};
use credit_core::{
    Credits, CreditsPerItem, Likelihood, Reason, RiskFlag, RiskFlags, Run, Severity, Timestamp,
    Usual,
};
use credit_policy::{Context, Expected, Policy};
use proptest::prelude::*;

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

fn against(expected: &str, usual: Usual) -> Context {
    Context {
        expected: baseline(credits(expected)),
        usual,
    }
}

fn tokens(usual: u64) -> Usual {
    Usual {
        input_tokens: Some(usual),
        ..Usual::default()
    }
}

fn per_item(text: &str) -> Usual {
    Usual {
        credits_per_item: Some(text.parse::<CreditsPerItem>().unwrap()),
        ..Usual::default()
    }
}

fn has(run: &Run, context: &Context, flag: RiskFlag) -> bool {
    let policy = Policy::standard();
    let flags = policy.risk_flags(run, context);
    assert_eq!(policy.assess(run, context).risk_flags, flags);
    flags.contains(flag)
}

#[test]
fn a_retry_loop_begins_beyond_the_policys_limit() {
    let context = Context::from(Expected::Missing);
    let three = policy([("\"max_retries\": 5", "\"max_retries\": 3")]);
    for (retries, by_standard, by_three) in [
        (0, false, false),
        (3, false, false),
        (4, false, true),
        (5, false, true),
        (6, true, true),
    ] {
        let mut judged = run(credits("1"));
        judged.retry_count = retries;
        assert_eq!(has(&judged, &context, RiskFlag::RetryLoop), by_standard);
        let flags = three.risk_flags(&judged, &context);
        assert_eq!(flags.contains(RiskFlag::RetryLoop), by_three);
    }
}

#[test]
fn what_is_not_said_is_not_false() {
    let context = Context::from(Expected::Missing);
    let mut judged = run(credits("1"));
    assert!(Policy::standard().risk_flags(&judged, &context).is_empty());
    for (fact, flagged) in [(None, false), (Some(true), false), (Some(false), true)] {
        judged.has_max_items_config = fact;
        judged.has_idempotency_key = fact;
        assert_eq!(has(&judged, &context, RiskFlag::UnboundedIterator), flagged);
        assert_eq!(
            has(&judged, &context, RiskFlag::MissingIdempotency),
            flagged
        );
        judged.is_batch_job = fact;
        judged.is_backfill = fact;
        let says_so = fact == Some(true);
        assert_eq!(has(&judged, &context, RiskFlag::BatchJob), says_so);
        assert_eq!(has(&judged, &context, RiskFlag::BackfillMode), says_so);
    }
}

#[test]
fn a_prompt_grew_only_if_its_input_did() {
    let flag = RiskFlag::SuddenPromptGrowth;
    let mut judged = run(credits("300"));
    // Three times the cost with the same prompt is no growth of the prompt.
    judged.prompt_version = Some("v3".to_owned());
    for (found, usual, grew) in [
        (Some(12_000), tokens(12_000), false),
        (Some(23_999), tokens(12_000), false),
        (Some(24_000), tokens(12_000), true),
        (Some(u64::MAX), tokens(1), true),
        (Some(2), tokens(1), true),
        (Some(0), tokens(0), false),
        (Some(5), tokens(0), false),
        (None, tokens(12_000), false),
        (Some(1_000_000), Usual::default(), false),
    ] {
        judged.input_tokens = found;
        let context = against("100", usual);
        assert_eq!(has(&judged, &context, flag), grew, "{found:?} of {usual:?}");
    }
    let strict = policy([(
        "\"prompt_growth_factor\": 2",
        "\"prompt_growth_factor\": 1.000001",
    )]);
    judged.input_tokens = Some(1_000_001);
    let context = against("100", tokens(1_000_000));
    assert!(strict.risk_flags(&judged, &context).contains(flag));
    judged.input_tokens = Some(1_000_000);
    assert!(!strict.risk_flags(&judged, &context).contains(flag));
}

#[test]
fn a_deployment_counts_shortly_before_the_run_only() {
    let flag = RiskFlag::DeploymentCorrelation;
    let context = against("100", Usual::default());
    let mut judged = run(credits("300"));
    assert_eq!(judged.timestamp.to_string(), "2024-01-23T10:00:00Z");
    for (deployed, connected) in [
        ("2001-01-01T00:00:00Z", false),
        ("2024-01-22T09:59:59.999999999Z", false),
        ("2024-01-22T10:00:00Z", true),
        ("2024-01-23T08:00:00Z", true),
        ("2024-01-23T10:00:00Z", true),
        ("2024-01-23T11:00:00+01:00", true),
        ("2024-01-23T10:00:00.000000001Z", false),
        ("2024-01-24T10:00:00Z", false),
    ] {
        judged.deployment_timestamp = Some(deployed.parse().unwrap());
        assert_eq!(has(&judged, &context, flag), connected, "{deployed}");
    }
    judged.deployment_timestamp = None;
    assert!(!has(&judged, &context, flag));
    // At the beginning of time no window reaches further back.
    judged.timestamp = Timestamp::FIRST;
    judged.deployment_timestamp = Some(Timestamp::FIRST);
    assert!(has(&judged, &context, flag));

    let week = policy([(
        "\"deployment_window_hours\": 24",
        "\"deployment_window_hours\": 168",
    )]);
    let mut judged = run(credits("1"));
    judged.deployment_timestamp = "2024-01-16T10:00:00Z".parse().ok();
    assert!(week.risk_flags(&judged, &context).contains(flag));
    assert!(!has(&judged, &context, flag));
}

#[test]
fn a_cost_scales_with_its_items_only_if_both_grew() {
    let flag = RiskFlag::LinearScaling;
    // Usually 100 credits for 50 items.
    for (cost, items, scaled) in [
        ("1000", Some(500), true),
        ("1000", Some(50), false),
        ("1000", None, false),
        ("1000", Some(0), false),
        // The cost of an item may be a fifth off, and not more.
        ("1200", Some(500), true),
        ("1200.000001", Some(500), false),
        ("800", Some(500), true),
        ("799.999999", Some(500), false),
        // Nothing grew.
        ("100", Some(50), false),
        ("100.000001", Some(50), true),
        ("10", Some(5), false),
    ] {
        let mut judged = run(credits(cost));
        judged.input_item_count = items;
        let context = against("100", per_item("2"));
        assert_eq!(has(&judged, &context, flag), scaled, "{cost} for {items:?}");
        let unknown = against("100", Usual::default());
        assert!(!has(&judged, &unknown, flag));
        let no_baseline = Context {
            expected: Expected::Missing,
            ..context
        };
        assert!(!has(&judged, &no_baseline, flag));
    }
}

#[test]
fn what_a_run_reports_stays_in_force() {
    // A deployment long ago and a prompt as usual contradict the claims; the claims stand.
    let mut judged = run(credits("600"));
    judged.input_tokens = Some(10);
    judged.deployment_timestamp = "2001-01-01T00:00:00Z".parse().ok();
    let reported = [
        RiskFlag::SuddenPromptGrowth,
        RiskFlag::DeploymentCorrelation,
        RiskFlag::LinearScaling,
        RiskFlag::BackfillMode,
    ];
    judged.risk_flags = reported.into_iter().collect();
    judged.is_backfill = Some(false);
    let verdict = Policy::standard().assess(&judged, &against("100", tokens(10)));
    assert_eq!(verdict.risk_flags, judged.risk_flags);
    assert_eq!((verdict.severity, verdict.score), (Severity::Sev2, -2));
    // No legitimate flag keeps a SEV0 away.
    judged.credits = credits("1000");
    judged.risk_flags = judged.risk_flags.with(RiskFlag::PiiExposure);
    let verdict = Policy::standard().assess(&judged, &against("100", tokens(10)));
    assert_eq!(verdict.severity, Severity::Sev0);
}

#[test]
fn a_backfill_that_is_also_a_misconfiguration_is_less_likely_one() {
    let mut judged = run(credits("600"));
    judged.retry_count = 6;
    judged.has_max_items_config = Some(false);
    let context = against("100", Usual::default());
    let verdict = Policy::standard().assess(&judged, &context);
    assert_eq!((verdict.score, verdict.likelihood), (7, Likelihood::High));
    judged.is_backfill = Some(true);
    let verdict = Policy::standard().assess(&judged, &context);
    assert_eq!((verdict.score, verdict.likelihood), (3, Likelihood::Medium));
}

#[test]
fn the_sensitive_floor_raises_and_says_so() {
    let (off, on) = (
        Policy::standard(),
        policy([("\"1.0.0\"", "\"1.0.0\", \"sensitive_floor\": \"SEV1\"")]),
    );
    let context = against("100", Usual::default());
    let mut judged = run(credits("100"));
    assert_eq!(on.assess(&judged, &context).severity, Severity::Sev4);
    judged.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    assert_eq!(off.assess(&judged, &context).severity, Severity::Sev4);
    let verdict = on.assess(&judged, &context);
    assert_eq!(
        (verdict.severity, verdict.reason, verdict.actions),
        (
            Severity::Sev1,
            Reason::SensitiveFloor,
            on.actions(Severity::Sev1)
        )
    );
    assert_eq!(
        on.summary(&judged, &verdict),
        "100 credits are 1.000000 times the baseline of 100; at least SEV1 with pii_exposure; \
         misconfiguration Low (score 0)"
    );
    // What is as grave by itself keeps its own reason.
    for (cost, severity, reason) in [
        ("500", Severity::Sev1, Reason::Ratio),
        ("1000", Severity::Sev0, Reason::SensitiveSpike),
    ] {
        judged.credits = credits(cost);
        let verdict = on.assess(&judged, &context);
        assert_eq!((verdict.severity, verdict.reason), (severity, reason));
    }
}

#[test]
fn the_impact_floor_tempers_what_hardly_cost_anything() {
    const ON: &str = "\"1.0.0\", \"impact_floor\": {\"credits\": 2, \"at_most\": \"SEV3\"}";
    let on = policy([("\"1.0.0\"", ON)]);
    let by_a_tenth = against("0.1", Usual::default());
    let mut judged = run(credits("2.099999"));
    let verdict = on.assess(&judged, &by_a_tenth);
    assert_eq!(
        (verdict.severity, verdict.reason),
        (Severity::Sev3, Reason::ImpactFloor)
    );
    assert_eq!(
        on.summary(&judged, &verdict),
        "2.099999 credits are 20.999990 times the baseline of 0.1; at most SEV3 below 2 credits \
         above it; misconfiguration Low (score 0)"
    );
    // The amount itself is no longer below it.
    judged.credits = credits("2.1");
    let verdict = on.assess(&judged, &by_a_tenth);
    assert_eq!(
        (verdict.severity, verdict.reason),
        (Severity::Sev1, Reason::Ratio)
    );
    // What is not graver is left alone, and so is everything sensitive or without a baseline.
    for (cost, severity) in [("0.1", Severity::Sev4), ("0.16", Severity::Sev3)] {
        judged.credits = credits(cost);
        let verdict = on.assess(&judged, &by_a_tenth);
        assert_eq!(
            (verdict.severity, verdict.reason),
            (severity, Reason::Ratio)
        );
    }
    judged.credits = credits("1");
    let unknown = Context::from(Expected::Missing);
    assert_eq!(on.assess(&judged, &unknown).severity, Severity::Sev1);
    let free = against("0", Usual::default());
    assert_eq!(on.assess(&judged, &free).reason, Reason::ImpactFloor);
    judged.risk_flags = RiskFlags::NONE.with(RiskFlag::RegulatoryData);
    assert_eq!(on.assess(&judged, &by_a_tenth).severity, Severity::Sev0);
    assert_eq!(on.assess(&judged, &free).severity, Severity::Sev1);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 1024,
        ..ProptestConfig::default()
    })]

    #[test]
    fn severity_rises_with_cost_and_falls_with_the_baseline(
        policy in common::any_policy(),
        run in common::any_run(),
        context in common::any_context(),
        other in common::micro(),
    ) {
        let Expected::Baseline { credits: baseline, manual } = context.expected else {
            return Ok(());
        };
        let other = Credits::from_micro(other).unwrap();
        let severity = |cost: Credits, baseline: Credits| {
            let mut run = run.clone();
            run.credits = cost;
            let expected = Expected::Baseline { credits: baseline, manual };
            policy.assess(&run, &Context { expected, ..context }).severity
        };
        let here = severity(run.credits, baseline);
        let dearer = severity(run.credits.max(other), baseline);
        prop_assert!(dearer <= here);
        // Against nothing there is no ratio, and another rule decides.
        if baseline > Credits::ZERO {
            prop_assert!(severity(run.credits, baseline.max(other)) >= here);
        }
    }

    #[test]
    fn a_prompt_grew_as_whole_numbers_say(
        factor in 1_000_001..=1_000_000_000_u64,
        found in any::<u64>(),
        usual in any::<u64>(),
        close in -2..=2_i64,
        near in any::<bool>(),
    ) {
        let decimal = format!("{}.{:06}", factor / 1_000_000, factor % 1_000_000);
        let policy = policy([(
            "\"prompt_growth_factor\": 2",
            format!("\"prompt_growth_factor\": {decimal}").as_str(),
        )]);
        let limit = u128::from(factor) * u128::from(usual) / 1_000_000;
        let found = match u64::try_from(limit) {
            Ok(limit) if near => limit.saturating_add_signed(close),
            _ => found,
        };
        let mut run = run(Credits::ZERO);
        run.input_tokens = Some(found);
        let flags = policy.risk_flags(&run, &against("0", tokens(usual)));
        let grew = usual > 0
            && u128::from(found) * 1_000_000 >= u128::from(factor) * u128::from(usual);
        prop_assert_eq!(flags.contains(RiskFlag::SuddenPromptGrowth), grew);
    }

    #[test]
    fn a_cost_scales_as_whole_numbers_say(
        usual in 0..1_000_000_000_000_u64,
        items in 0..1_000_000_u64,
        tolerance in 0..=500_000_u64,
        off in -2..=2_i64,
        side in 0..3_usize,
        random in 0..1_000_000_000_000_000_000_u64,
    ) {
        let decimal = |units: u64| format!("{}.{:06}", units / 1_000_000, units % 1_000_000);
        let policy = policy([(
            "\"item_cost_tolerance\": 0.2",
            format!("\"item_cost_tolerance\": {}", decimal(tolerance)).as_str(),
        )]);
        let (usual_cost, million) = (u128::from(usual) * u128::from(items), 1_000_000_u128);
        // One micro-credit around either end, or anywhere.
        let ends = [million - u128::from(tolerance), million + u128::from(tolerance)];
        let cost = match ends.get(side) {
            Some(end) => u64::try_from(usual_cost * end / million).unwrap().saturating_add_signed(off),
            None => random,
        };
        let mut run = run(Credits::from_micro(cost.min(Credits::MAX.micro())).unwrap());
        run.input_item_count = Some(items);
        let flags = policy.risk_flags(&run, &against("0", per_item(&decimal(usual))));
        let found = u128::from(run.credits.micro());
        let scaled = items > 0
            && run.credits > Credits::ZERO
            && found.abs_diff(usual_cost) * million <= usual_cost * u128::from(tolerance);
        prop_assert_eq!(flags.contains(RiskFlag::LinearScaling), scaled);
    }
}
