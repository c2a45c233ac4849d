//! Laws of the judgement, held against exact rational arithmetic in integers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a test may panic, and shares helpers with others"
)]

mod common;

use common::{baseline, policy, run};
use credit_core::{Credits, RiskFlag, RiskFlags, Run, Severity};
use credit_policy::{Expected, Policy};
use proptest::prelude::*;

/// The thresholds of SEV1 to SEV3 in tenths; those for a backfill in hundredths would be 700, 280
/// and 210.
const THRESHOLDS: [(Severity, u128); 3] = [
    (Severity::Sev1, 50),
    (Severity::Sev2, 20),
    (Severity::Sev3, 15),
];

/// The standard policy's severity by whole-number arithmetic alone.
fn reference(credits: u64, baseline: u64, critical: bool, backfill: bool) -> Severity {
    let reaches = |hundredths: u128| u128::from(credits) * 100 >= u128::from(baseline) * hundredths;
    if critical && reaches(1000) {
        return Severity::Sev0;
    }
    // 1.4 times a number of tenths is 14 times it in hundredths.
    let scale = if backfill { 14 } else { 10 };
    THRESHOLDS
        .into_iter()
        .find(|(_, tenths)| reaches(tenths * scale))
        .map_or(Severity::Sev4, |(severity, _)| severity)
}

fn amount(micro: u64) -> Credits {
    Credits::from_micro(micro).unwrap()
}

fn with_flags(credits: u64, flags: impl IntoIterator<Item = RiskFlag>) -> Run {
    let mut run = run(amount(credits));
    run.risk_flags = flags.into_iter().collect();
    run
}

#[test]
fn each_boundary_from_both_sides() {
    use Severity::{Sev0, Sev1, Sev2, Sev3, Sev4};
    let standard = Policy::standard();
    // Credits against a baseline of 1, without a critical flag and with one.
    for (credits, plain, critical) in [
        ("1.499999", Sev4, Sev4),
        ("1.5", Sev3, Sev3),
        ("1.999999", Sev3, Sev3),
        ("2", Sev2, Sev2),
        ("4.999999", Sev2, Sev2),
        ("5", Sev1, Sev1),
        ("9.999999", Sev1, Sev1),
        ("10", Sev1, Sev0),
        ("50", Sev1, Sev0),
    ] {
        let expected = baseline("1".parse().unwrap());
        let mut judged = run(credits.parse().unwrap());
        assert_eq!(
            standard.assess(&judged, &expected.into()).severity,
            plain,
            "{credits}"
        );
        for flag in RiskFlags::CRITICAL.iter() {
            judged.risk_flags = RiskFlags::NONE.with(flag);
            let severity = standard.assess(&judged, &expected.into()).severity;
            assert_eq!(severity, critical, "{credits} with {flag}");
        }
    }
}

fn flags() -> impl Strategy<Value = Vec<RiskFlag>> {
    proptest::collection::vec(proptest::sample::select(RiskFlag::ALL), 0..14)
}

/// Amounts of every size, small ones as often as large ones.
fn micro() -> impl Strategy<Value = u64> {
    (0..60u32, any::<u64>()).prop_map(|(bits, n)| (n >> (63 - bits)).min(Credits::MAX.micro()))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 1024,
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_micro_around_a_threshold(
        // Multiples of 100 micro, so that every threshold falls on a whole number of micros.
        units in 1..=1_000_000_000_u64,
        which in 0..4usize,
        off in -1..=1_i64,
        critical in any::<bool>(),
        backfill in any::<bool>(),
    ) {
        let tenths = [100, 50, 20, 15][which];
        let scale = if backfill && which > 0 { 14 } else { 10 };
        let credits = (units * tenths * scale).checked_add_signed(off).unwrap();
        let flags = [
            critical.then_some(RiskFlag::RegulatoryData),
            backfill.then_some(RiskFlag::BackfillMode),
        ];
        let judged = with_flags(credits, flags.into_iter().flatten());
        let verdict = Policy::standard().assess(&judged, &baseline(amount(units * 100)).into());
        prop_assert_eq!(verdict.severity, reference(credits, units * 100, critical, backfill));
        // The threshold itself is reached, one micro less never is.
        let rung = [Severity::Sev0, Severity::Sev1, Severity::Sev2, Severity::Sev3][which];
        if which > 0 || critical {
            prop_assert_eq!(verdict.severity <= rung, off >= 0);
        }
    }

    #[test]
    fn any_two_amounts_as_in_whole_numbers(
        credits in micro(),
        against in micro(),
        flags in flags(),
    ) {
        let judged = with_flags(credits, flags);
        let verdict = Policy::standard().assess(&judged, &baseline(amount(against)).into());
        if against == 0 {
            prop_assert_eq!(verdict.variance, None);
        } else {
            let critical = judged.risk_flags.intersects(RiskFlags::CRITICAL);
            let backfill = judged.risk_flags.contains(RiskFlag::BackfillMode);
            prop_assert_eq!(verdict.severity, reference(credits, against, critical, backfill));
            let shown = u128::from(credits) * 1_000_000 / u128::from(against);
            prop_assert_eq!(
                verdict.variance.unwrap().six_decimals().to_string(),
                format!("{}.{:06}", shown / 1_000_000, shown % 1_000_000)
            );
        }
    }

    #[test]
    fn a_threshold_of_any_policy(
        threshold in 2_000_001..=9_999_999_u64,
        scale in 1_000_000..=1_000_000_000_u64,
        credits in micro(),
        against in micro(),
        backfill in any::<bool>(),
    ) {
        prop_assume!(against > 0);
        let decimal = |m: u64| format!("{}.{:06}", m / 1_000_000, m % 1_000_000);
        let policy = policy([
            ("\"multiplier\": 5,", format!("\"multiplier\": {},", decimal(threshold)).as_str()),
            ("\"threshold_scale\": 1.4", &format!("\"threshold_scale\": {}", decimal(scale))),
        ]);
        let flags = backfill.then_some(RiskFlag::BackfillMode);
        let verdict = policy.assess(&with_flags(credits, flags), &baseline(amount(against)).into());
        let scale = if backfill { scale } else { 1_000_000 };
        // In units of 10⁻¹²: at most 10^7 · 10^9 · 10^18, which 128 bits hold.
        let right = u128::from(threshold) * u128::from(scale) * u128::from(against);
        let reached = u128::from(credits) * 1_000_000_000_000 >= right;
        prop_assert_eq!(verdict.severity <= Severity::Sev1, reached);
    }

    #[test]
    fn never_less_severe_for_a_higher_cost(
        (low, high) in (micro(), micro()).prop_map(|(a, b)| (a.min(b), a.max(b))),
        against in micro(),
        flags in flags(),
    ) {
        let standard = Policy::standard();
        let expected = baseline(amount(against));
        let cheap = standard.assess(&with_flags(low, flags.clone()), &expected.into());
        let dear = standard.assess(&with_flags(high, flags), &expected.into());
        prop_assert!(dear.severity <= cheap.severity);
        prop_assert!(dear.variance >= cheap.variance);
        prop_assert_eq!((dear.score, dear.likelihood), (cheap.score, cheap.likelihood));
    }

    #[test]
    fn the_order_and_number_of_flags_do_not_matter(
        (flags, shuffled) in flags().prop_flat_map(|f| (Just(f.clone()), Just(f).prop_shuffle())),
        credits in micro(),
        against in micro(),
    ) {
        let standard = Policy::standard();
        let expected = baseline(amount(against));
        let twice = shuffled.iter().chain(&shuffled).copied();
        let (one, other) = (with_flags(credits, flags), with_flags(credits, twice));
        let verdict = standard.assess(&one, &expected.into());
        prop_assert_eq!(verdict, standard.assess(&other, &expected.into()));
        prop_assert_eq!(standard.summary(&one, &verdict), standard.summary(&other, &verdict));
        let sum: i32 = verdict.risk_flags.iter().map(|flag| standard.weight(flag)).sum();
        prop_assert_eq!(verdict.score, sum);
        prop_assert_eq!(verdict.likelihood, standard.likelihood(sum));
    }

    #[test]
    fn a_run_without_a_baseline_is_judged_by_that_alone(
        credits in micro(),
        flags in flags(),
        severity in proptest::sample::select(Severity::ALL),
    ) {
        let named = format!("\"severity\": \"{severity}\"");
        let policy = policy([("\"severity\": \"SEV1\"", named.as_str())]);
        let verdict = policy.assess(&with_flags(credits, flags), &Expected::Missing.into());
        prop_assert_eq!(verdict.severity, severity);
        prop_assert_eq!((verdict.baseline, verdict.variance), (None, None));
    }
}
