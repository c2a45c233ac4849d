//! What an explanation states is so: every stated change is applied and judged.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    dead_code,
    reason = "a test may panic, shares helpers with others, and UPDATE_GOLDEN is its own switch"
)]

mod common;

use std::path::Path;

use common::{any_context, any_policy, any_run, baseline, policy, run};
use credit_core::{
    Assessment, Credits, RiskFlag, RiskFlags, Run, RunRecord, Severity, Timestamp, Usual,
};
use credit_policy::explain::{Begins, Explanation, Nearest, Switch};
use credit_policy::{Context, Expected, Policy};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

fn changed(run: &Run, change: impl FnOnce(&mut Run)) -> Run {
    let mut run = run.clone();
    change(&mut run);
    run
}

fn costing(run: &Run, credits: Credits) -> Run {
    changed(run, |run| run.credits = credits)
}

fn against(context: &Context, credits: Credits) -> Context {
    Context {
        expected: baseline(credits),
        ..*context
    }
}

fn micro(credits: u64) -> Credits {
    Credits::from_micro(credits).unwrap()
}

/// That the nearest changes are changes to what they state, that one micro-credit less is none,
/// and that where none is stated there is none.
fn hold_nearest(
    now: Severity,
    nearest: Nearest,
    present: Option<Credits>,
    graver_is_higher: bool,
    least: u64,
    severity: impl Fn(Credits) -> Severity,
) -> Result<(), TestCaseError> {
    for (step, higher, is_graver) in [
        (nearest.graver, graver_is_higher, true),
        (nearest.milder, !graver_is_higher, false),
    ] {
        let turned = |severity: Severity| {
            if is_graver {
                severity < now
            } else {
                severity > now
            }
        };
        let Some(step) = step else {
            let end = if higher { Credits::MAX } else { micro(least) };
            prop_assert!(!turned(severity(end)), "unstated: {end}");
            continue;
        };
        prop_assert_eq!(severity(step.to), step.severity);
        prop_assert!(turned(step.severity));
        prop_assert_eq!(step.by, present.map(|present| present.abs_diff(step.to)));
        if let Some(present) = present.filter(|present| present.micro() >= least) {
            prop_assert_eq!(step.to > present, higher);
        }
        let short = if higher {
            step.to.micro() - 1
        } else {
            step.to.micro() + 1
        };
        if short >= least && short <= Credits::MAX.micro() {
            prop_assert!(!turned(severity(micro(short))), "smaller: {short}");
        }
    }
    Ok(())
}

fn with_critical(run: &Run, critical: bool) -> Run {
    let without = RiskFlags::CRITICAL
        .iter()
        .fold(run.risk_flags, RiskFlags::without);
    let mut run = run.clone();
    run.risk_flags = without.with_if(RiskFlag::RegulatoryData, critical);
    run
}

fn with_backfill(run: &Run, backfill: bool) -> Run {
    let mut run = run.clone();
    run.is_backfill = Some(backfill);
    if !backfill {
        run.risk_flags = run.risk_flags.without(RiskFlag::BackfillMode);
    }
    run
}

fn check(policy: &Policy, run: &Run, context: &Context) -> Result<(), TestCaseError> {
    let why = policy.explain(run, context);
    let verdict = policy.assess(run, context);
    prop_assert_eq!(why.assessment, verdict);
    prop_assert_eq!(&why.summary, &policy.summary(run, &verdict));
    check_changes(policy, run, context, &why)?;
    check_rungs(policy, run, context, &why)?;
    check_flags(policy, run, context, &why)?;
    check_signals(policy, run, context, &why)?;
    let shown = why.to_string();
    prop_assert!(
        shown.lines().count() <= 48,
        "does not fit one screen:\n{}",
        shown
    );
    prop_assert!(shown.lines().all(|line| !line.ends_with(' ')));
    let read: serde_json::Value = serde_json::from_str(&why.to_json()).unwrap();
    prop_assert_eq!(&read["verdict"]["Severity"], verdict.severity.as_str());
    prop_assert!(!why.to_json().contains('\n'));
    Ok(())
}

fn check_changes(
    policy: &Policy,
    run: &Run,
    context: &Context,
    why: &Explanation,
) -> Result<(), TestCaseError> {
    let (now, changes) = (why.assessment.severity, why.changes);
    let at = |run: &Run, context: &Context| policy.assess(run, context).severity;
    let costs = |credits| at(&costing(run, credits), context);
    hold_nearest(now, changes.credits, Some(run.credits), true, 0, costs)?;

    let present = why.assessment.baseline;
    let expects = |credits| at(run, &against(context, credits));
    let is_zero = |nearest: Nearest| nearest.graver.is_some_and(|step| step.to == Credits::ZERO);
    let mut nearest = changes.baseline;
    if is_zero(nearest) {
        // The one way to a graver severity: no other baseline gives one.
        prop_assert_eq!(expects(Credits::ZERO), nearest.graver.unwrap().severity);
        nearest.graver = None;
    } else if present.is_some_and(|present| present > Credits::ZERO) && nearest.graver.is_none() {
        prop_assert!(expects(Credits::ZERO) >= now);
    }
    hold_nearest(now, nearest, present, false, 1, expects)?;

    let flags = why.assessment.risk_flags;
    for (switch, is, changed) in [
        (
            changes.backfill,
            flags.contains(RiskFlag::BackfillMode),
            with_backfill as fn(&Run, bool) -> Run,
        ),
        (
            changes.critical_flag,
            flags.intersects(RiskFlags::CRITICAL),
            with_critical,
        ),
    ] {
        let severity = at(&changed(run, !is), context);
        let expected = (severity != now).then_some(Switch { to: !is, severity });
        prop_assert_eq!(switch, expected);
    }
    Ok(())
}

fn check_rungs(
    policy: &Policy,
    run: &Run,
    context: &Context,
    why: &Explanation,
) -> Result<(), TestCaseError> {
    let at = |credits| policy.assess(&costing(run, credits), context).severity;
    prop_assert_eq!(why.severities.len(), Severity::ALL.len());
    for (rung, severity) in why.severities.iter().zip(Severity::ALL) {
        prop_assert_eq!(rung.severity, *severity);
        prop_assert_eq!(rung.reached, why.assessment.severity <= *severity);
        match rung.from {
            None => prop_assert!(at(Credits::MAX) > *severity),
            Some(from) => {
                prop_assert!(at(from) <= *severity);
                if from > Credits::ZERO {
                    prop_assert!(at(micro(from.micro() - 1)) > *severity);
                }
                prop_assert_eq!(rung.reached, run.credits >= from);
                prop_assert_eq!(rung.credits_away, Some(run.credits.abs_diff(from)));
            }
        }
        let backfill = why.assessment.risk_flags.contains(RiskFlag::BackfillMode);
        let threshold = if backfill {
            policy.backfill_threshold(*severity)
        } else {
            policy.threshold(*severity)
        };
        prop_assert_eq!(rung.threshold, threshold);
        prop_assert_eq!(
            rung.begins == Begins::NoRatio,
            why.assessment.variance.is_none()
        );
    }
    Ok(())
}

fn check_flags(
    policy: &Policy,
    run: &Run,
    context: &Context,
    why: &Explanation,
) -> Result<(), TestCaseError> {
    let verdict = why.assessment;
    let in_force = why.flags.iter().filter(|share| share.in_force);
    let sum: i32 = in_force.clone().map(|share| share.weight).sum();
    prop_assert_eq!((sum, why.likelihood.score), (verdict.score, verdict.score));
    prop_assert_eq!(
        in_force.map(|share| share.flag).collect::<RiskFlags>(),
        verdict.risk_flags
    );
    for share in &why.flags {
        prop_assert_eq!(share.reported, run.risk_flags.contains(share.flag));
        prop_assert_eq!(share.in_force, share.reported || share.fact.is_some());
        if !share.in_force {
            let mut with = run.clone();
            with.risk_flags = run.risk_flags.with(share.flag);
            let Assessment {
                severity,
                score,
                likelihood,
                ..
            } = policy.assess(&with, context);
            let otherwise = share.otherwise;
            prop_assert_eq!(
                (otherwise.severity, otherwise.score, otherwise.likelihood),
                (severity, score, likelihood)
            );
        }
    }
    let scale = why.likelihood;
    for step in [scale.higher, scale.lower].into_iter().flatten() {
        prop_assert_eq!(
            policy.likelihood(verdict.score + step.points),
            step.likelihood
        );
        let short = step.points - step.points.signum();
        prop_assert_eq!(policy.likelihood(verdict.score + short), scale.now);
        prop_assert_ne!(step.likelihood, scale.now);
    }
    Ok(())
}

/// Whether the facts alone give a flag.
fn derives(policy: &Policy, run: &Run, context: &Context, flag: RiskFlag) -> bool {
    let mut run = run.clone();
    run.risk_flags = RiskFlags::NONE;
    policy.risk_flags(&run, context).contains(flag)
}

fn check_signals(
    policy: &Policy,
    run: &Run,
    context: &Context,
    why: &Explanation,
) -> Result<(), TestCaseError> {
    let signals = why.signals;
    let derives = |run: &Run, flag| derives(policy, run, context, flag);

    let retries = signals.retries;
    prop_assert_eq!(retries.raised, derives(run, RiskFlag::RetryLoop));
    let retried = |count| changed(run, |run| run.retry_count = count);
    prop_assert!(derives(&retried(retries.from), RiskFlag::RetryLoop));
    prop_assert!(!derives(&retried(retries.from - 1), RiskFlag::RetryLoop));
    let turn = if retries.raised {
        retries.from - 1
    } else {
        retries.from
    };
    prop_assert_eq!(retries.away, retries.retry_count.abs_diff(turn));

    let read = |tokens| changed(run, |run| run.input_tokens = Some(tokens));
    let grew = RiskFlag::SuddenPromptGrowth;
    prop_assert_eq!(
        signals.prompt.is_some_and(|prompt| prompt.raised),
        derives(run, grew)
    );
    match signals.prompt.map(|prompt| (prompt, prompt.from)) {
        Some((prompt, Some(from))) => {
            prop_assert!(derives(&read(from), grew));
            prop_assert!(!derives(&read(from - 1), grew));
            let turn = if prompt.raised { from - 1 } else { from };
            prop_assert_eq!(prompt.away, Some(prompt.input_tokens.abs_diff(turn)));
        }
        Some((_, None)) => prop_assert!(!derives(&read(u64::MAX), grew)),
        None => prop_assert!(run.input_tokens.is_none() || context.usual.input_tokens.is_none()),
    }

    let deployed = |time| changed(run, |run| run.deployment_timestamp = time);
    let shortly = RiskFlag::DeploymentCorrelation;
    match signals.deployment {
        None => prop_assert_eq!(run.deployment_timestamp, None),
        Some(deployment) => {
            prop_assert_eq!(deployment.raised, derives(run, shortly));
            let second = |time: Timestamp, off| Timestamp::from_unix(time.unix() + off);
            for (time, is) in [
                (second(deployment.from, 0), true),
                (second(deployment.from, -1), false),
                (second(deployment.to, 0), true),
                (second(deployment.to, 1), false),
            ] {
                prop_assert_eq!(derives(&deployed(time), shortly), is);
            }
        }
    }

    let scaled = RiskFlag::LinearScaling;
    let costs = |credits: u64| derives(&costing(run, micro(credits)), scaled);
    prop_assert_eq!(
        signals.items.is_some_and(|items| items.raised),
        derives(run, scaled)
    );
    if let Some(items) = signals.items {
        prop_assert_eq!(items.from.is_some(), items.to.is_some());
        if let (Some(from), Some(to)) = (items.from, items.to) {
            prop_assert!(costs(from.micro()) && costs(to.micro()) && !costs(from.micro() - 1));
            prop_assert!(to == Credits::MAX || !costs(to.micro() + 1));
            let (cost, away) = (run.credits.micro(), items.away.unwrap().micro());
            let turned = [cost.checked_sub(away), cost.checked_add(away)];
            let turned = turned.into_iter().flatten().filter_map(Credits::from_micro);
            prop_assert!(turned.into_iter().any(|c| costs(c.micro()) != items.raised));
            for nearer in [cost.saturating_sub(away - 1), cost + (away - 1)] {
                let nearer = nearer.min(Credits::MAX.micro());
                prop_assert_eq!(costs(nearer), items.raised);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 512,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_statement_is_so(
        policy in any_policy(),
        run in any_run(),
        context in any_context(),
    ) {
        check(&policy, &run, &context)?;
    }

    #[test]
    fn near_a_threshold_too(
        policy in any_policy(),
        run in any_run(),
        expected in 1..1_000_000_000_u64,
        tenths in prop_oneof![Just(15_u64), Just(20), Just(50), Just(100)],
        off in -2..=2_i64,
        usual in any_context(),
    ) {
        let credits = (expected * tenths / 10).saturating_add_signed(off);
        let context = against(&usual, micro(expected));
        check(&policy, &costing(&run, micro(credits)), &context)?;
    }

    #[test]
    fn between_the_nearest_changes_nothing_changes(
        policy in any_policy(),
        run in any_run(),
        context in any_context(),
        between in any::<u64>(),
    ) {
        let why = policy.explain(&run, &context);
        let (now, nearest) = (why.assessment.severity, why.changes.credits);
        let low = nearest.milder.map_or(0, |step| step.to.micro() + 1);
        let high = nearest.graver.map_or(Credits::MAX.micro(), |step| step.to.micro() - 1);
        let other = low + between % (high - low + 1);
        let severity = policy.assess(&costing(&run, micro(other)), &context).severity;
        prop_assert_eq!(severity, now, "{} between {} and {}", other, low, high);
    }
}

/// Where one amount alone is near, and where the near ones end at the largest that there is.
#[test]
fn items_at_the_edges() {
    for (cost, expected, usual) in [
        (2, 1, "0.0000019"),
        (Credits::MAX.micro(), 1, "1000000000000"),
    ] {
        let judged = changed(&run(micro(cost)), |run| run.input_item_count = Some(1));
        let mut context = Context::from(baseline(micro(expected)));
        context.usual.credits_per_item = Some(usual.parse().unwrap());
        check(&Policy::standard(), &judged, &context).unwrap();
        let items = Policy::standard().explain(&judged, &context).signals.items;
        assert!(items.unwrap().raised, "{usual}");
    }
}

/// Compares with a golden file of `tests/golden`; `UPDATE_GOLDEN=1` rewrites it.
#[track_caller]
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap(), "{name}");
}

#[track_caller]
fn both(name: &str, policy: &Policy, run: &Run, context: &Context) {
    let why = policy.explain(run, context);
    golden(&format!("explain-{name}.txt"), &why.to_string());
    golden(&format!("explain-{name}.json"), &(why.to_json() + "\n"));
}

fn known(expected: Expected) -> Context {
    Context {
        expected,
        usual: Usual {
            input_tokens: Some(12_000),
            credits_per_item: Some("4.2".parse().unwrap()),
            ..Usual::default()
        },
    }
}

#[test]
fn a_spike() {
    let mut judged = run("1600".parse().unwrap());
    judged.retry_count = 15;
    judged.risk_flags = RiskFlags::NONE.with(RiskFlag::BatchJob);
    judged.input_tokens = Some(20_000);
    judged.input_item_count = Some(50);
    judged.deployment_timestamp = Some("2024-01-23T07:30:00Z".parse().unwrap());
    let context = known(baseline("200".parse().unwrap()));
    both("spike", &Policy::standard(), &judged, &context);
}

#[test]
fn sensitive_data_in_a_backfill() {
    let mut judged = run("199.999999".parse().unwrap());
    judged.is_backfill = Some(true);
    judged.has_max_items_config = Some(false);
    judged.has_idempotency_key = Some(false);
    judged.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    let policy = policy([("\"1.0.0\"", "\"1.0.0\", \"sensitive_floor\": \"SEV2\"")]);
    let context = baseline("100".parse().unwrap()).into();
    both("sensitive", &policy, &judged, &context);
}

#[test]
fn a_cost_that_hardly_matters() {
    let floor = "\"1.0.0\", \"impact_floor\": {\"credits\": 10, \"at_most\": \"SEV3\"}";
    let policy = policy([("\"1.0.0\"", floor)]);
    let context = baseline("0.3".parse().unwrap()).into();
    both("impact", &policy, &run("1.7".parse().unwrap()), &context);
}

#[test]
fn no_baseline() {
    let judged = run("12.5".parse().unwrap());
    both(
        "missing",
        &Policy::standard(),
        &judged,
        &Expected::Missing.into(),
    );
}

#[test]
fn a_record_gives_the_context_that_it_was_judged_with() {
    let context = known(baseline("200".parse().unwrap()));
    let policy = Policy::standard();
    let judged = run("1600".parse().unwrap());
    let record = RunRecord {
        assessment: policy.assess(&judged, &context),
        summary: String::new(),
        inputs: credit_core::Inputs {
            policy_sha256: credit_core::Sha256::of(b""),
            scenario_sha256: None,
            input_sha256: judged.sha256(),
            baseline_updated: None,
            usual: context.usual,
        },
        run: judged,
    };
    assert_eq!(Context::from(&record), context);
}
