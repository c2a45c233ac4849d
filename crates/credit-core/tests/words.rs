//! Vocabularies and sets of their words.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use std::collections::BTreeSet;

use credit_core::{
    Action, Actions, BaselineStatus, CaseCategory, ExposureBand, JobType, Likelihood, RiskFlag,
    RiskFlags, Severity, Sha256, Status,
};
use proptest::prelude::*;

fn flags() -> impl Strategy<Value = Vec<RiskFlag>> {
    prop::collection::vec(prop::sample::select(RiskFlag::ALL), 0..20)
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(prop::sample::select(Action::ALL), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn risk_flags_are_sets(a in flags(), b in flags(), one in prop::sample::select(RiskFlag::ALL)) {
        let (set_a, set_b): (RiskFlags, RiskFlags) = (a.iter().copied().collect(), b.iter().copied().collect());
        let (tree_a, tree_b): (BTreeSet<_>, BTreeSet<_>) = (a.iter().copied().collect(), b.iter().copied().collect());
        prop_assert_eq!(set_a.len(), tree_a.len());
        prop_assert_eq!(set_a.is_empty(), tree_a.is_empty());
        prop_assert_eq!(set_a.contains(one), tree_a.contains(&one));
        prop_assert_eq!(set_a.intersects(set_b), !tree_a.is_disjoint(&tree_b));
        prop_assert!(set_a.union(set_b).iter().eq(tree_a.union(&tree_b).copied()));
        prop_assert_eq!(set_a.union(set_b), set_b.union(set_a));
        prop_assert_eq!(set_a == set_b, tree_a == tree_b);
        prop_assert!(set_a.with(one).contains(one));
        prop_assert_eq!(set_a.with(one).with(one), set_a.with(one));
        prop_assert_eq!((set_a.with_if(one, true), set_a.with_if(one, false)), (set_a.with(one), set_a));
        prop_assert!(set_a.without(one).iter().eq(tree_a.iter().copied().filter(|flag| *flag != one)));
        prop_assert!(set_a.intersection(set_b).iter().eq(tree_a.intersection(&tree_b).copied()));
        let bit = |flag: &RiskFlag| set_a.bits() >> (*flag as u16) & 1 == 1;
        prop_assert!(RiskFlag::ALL.iter().all(|flag| bit(flag) == tree_a.contains(flag)));
        // In their fixed order, whatever the order of adding.
        prop_assert!(set_a.iter().eq(tree_a.iter().copied()));
        let json = serde_json::to_string(&set_a).unwrap();
        prop_assert_eq!(serde_json::from_str::<RiskFlags>(&json).unwrap(), set_a);
        let repeated = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<RiskFlags>(&repeated).unwrap(), set_a);
    }

    #[test]
    fn actions_are_sets_in_the_safe_order(a in actions()) {
        let set: Actions = a.iter().copied().collect();
        let sorted: BTreeSet<_> = a.iter().copied().collect();
        prop_assert!(set.iter().eq(sorted.iter().copied()));
        let json = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<Actions>(&json).unwrap(), set);
    }

    #[test]
    fn a_hash_reads_back_and_nothing_else_does(bytes in any::<[u8; 32]>(), text in "[0-9a-fA-Fg]{60,68}") {
        let hash = Sha256::from_bytes(bytes);
        prop_assert_eq!(hash.to_string().parse::<Sha256>(), Ok(hash));
        prop_assert_eq!(hash.as_bytes(), &bytes);
        prop_assert_eq!(format!("{hash:?}"), hash.to_string());
        let lower = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        prop_assert_eq!(text.parse::<Sha256>().is_ok(), lower);
    }

    #[test]
    fn an_unknown_word_is_told_with_what_is_allowed(text in any::<String>()) {
        prop_assume!(Status::ALL.iter().all(|s| s.as_str() != text));
        let error = text.parse::<Status>().unwrap_err();
        prop_assert!(error.to_string().ends_with("is not a known status; allowed are Success, Failed, Quarantined, Escalated"));
        prop_assert!(error.value.chars().count() <= 80);
        prop_assert!(!error.to_string().contains(char::is_control));
    }
}

macro_rules! words_read_back {
    ($($word:ident),+) => {
        #[test]
        fn every_word_reads_back() {
            $(
                let spellings: BTreeSet<_> = $word::ALL.iter().map(|w| w.as_str()).collect();
                assert_eq!(spellings.len(), $word::ALL.len());
                for word in $word::ALL {
                    assert_eq!(word.as_str().parse::<$word>().as_ref(), Ok(word));
                    let json = serde_json::to_string(word).unwrap();
                    assert_eq!(serde_json::from_str::<$word>(&json).unwrap(), *word);
                    assert_eq!(format!("{word:>30}").trim_start(), word.as_str());
                    let other_case: String = word
                        .as_str()
                        .chars()
                        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
                        .collect();
                    assert!(other_case.parse::<$word>().is_err(), "{other_case}");
                }
                assert!($word::ALL.is_sorted());
            )+
        }
    };
}

words_read_back!(
    Action,
    BaselineStatus,
    JobType,
    Likelihood,
    RiskFlag,
    Severity,
    Status
);

#[test]
fn the_gravest_severity_is_the_least_and_high_the_greatest_likelihood() {
    assert!(Severity::Sev0 < Severity::Sev4);
    assert!(Likelihood::Low < Likelihood::High);
    let critical: Vec<_> = RiskFlags::CRITICAL.iter().collect();
    assert_eq!(critical, [RiskFlag::PiiExposure, RiskFlag::RegulatoryData]);
}

#[test]
fn what_protects_comes_before_what_talks() {
    let order = |a: Action| Action::ALL.iter().position(|b| *b == a);
    for protects in [
        Action::Quarantine,
        Action::BlockDispatch,
        Action::RequireAckBeforeRerun,
    ] {
        for talks in [Action::PageLock, Action::SlackEscalate, Action::SlackAlert] {
            assert!(order(protects) < order(talks), "{protects} {talks}");
        }
    }
}

#[test]
fn what_a_case_is_about_goes_by_its_data_then_its_job_then_its_cost() {
    let of = |severity, flags, job| CaseCategory::of(severity, flags, job, false);
    let personal = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    let both = personal.with(RiskFlag::RegulatoryData);
    for &severity in Severity::ALL {
        for &job in JobType::ALL {
            assert_eq!(of(severity, both, job), CaseCategory::Filing);
            assert_eq!(of(severity, personal, job), CaseCategory::Data);
            let failed = CaseCategory::of(severity, RiskFlags::NONE, job, true);
            let wanted = match (job, severity) {
                (JobType::EmailSend, _) => [CaseCategory::Delivery; 2],
                (JobType::Filing, _) => [CaseCategory::Filing; 2],
                (_, Severity::Sev4) => [CaseCategory::Other, CaseCategory::Reliability],
                _ => [CaseCategory::Cost; 2],
            };
            assert_eq!([of(severity, RiskFlags::NONE, job), failed], wanted);
        }
        assert_eq!(ExposureBand::of(severity, both), ExposureBand::Regulatory);
        assert_eq!(ExposureBand::of(severity, personal), ExposureBand::Privacy);
        let band = match severity {
            Severity::Sev0 | Severity::Sev1 => ExposureBand::Financial,
            _ => ExposureBand::Operational,
        };
        assert_eq!(ExposureBand::of(severity, RiskFlags::NONE), band);
    }
}
