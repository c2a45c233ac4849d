//! What another policy would have made of runs that were judged before.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test may panic, and the environment says whether to write the golden file"
)]

mod common;

use common::{edited, policy, run};
use credit_core::{
    Credits, Inputs, RiskFlag, RootCause, Run, RunRecord, Severity, Sha256, StoredRecord, Timestamp,
};
use credit_policy::{Backtest, BacktestResult, Context, Expected, Outcomes, Policy};
use proptest::prelude::*;

/// What the ledger would give back of a run judged by `own`.
fn stored(own: &Policy, run: Run, context: &Context) -> StoredRecord {
    let assessment = own.assess(&run, context);
    let record = RunRecord {
        summary: own.summary(&run, &assessment),
        assessment,
        inputs: Inputs {
            policy_sha256: Sha256::of(own.to_json().as_bytes()),
            scenario_sha256: None,
            input_sha256: run.sha256(),
            baseline_updated: None,
            usual: context.usual,
        },
        run,
    };
    StoredRecord::parse(&record.to_json()).unwrap()
}

fn named(id: &str, credits: &str, at: &str) -> Run {
    let mut run = run(credits.parse().unwrap());
    run.run_id = id.parse().unwrap();
    run.timestamp = at.parse().unwrap();
    run
}

/// One run a day against a baseline of 100, judged by the standard policy.
fn history() -> Vec<StoredRecord> {
    let context = Context::from(Expected::Baseline {
        credits: Credits::whole(100).unwrap(),
        manual: false,
    });
    let mut sensitive = named("R-7", "1200", "2024-01-07T00:00:00Z");
    sensitive.risk_flags = sensitive.risk_flags.with(RiskFlag::PiiExposure);
    let mut runs: Vec<Run> = [
        ("R-1", "100", "2024-01-01T00:00:00Z"),
        ("R-2", "160", "2024-01-02T00:00:00Z"),
        ("R-3", "250", "2024-01-03T00:00:00Z"),
        ("R-4", "290", "2024-01-04T00:00:00Z"),
        ("R-5", "300", "2024-01-05T00:00:00Z"),
        ("R-6", "600", "2024-01-06T00:00:00Z"),
    ]
    .map(|(id, credits, at)| named(id, credits, at))
    .to_vec();
    runs.push(sensitive);
    let own = Policy::standard();
    let records = runs.into_iter().map(|run| stored(&own, run, &context));
    records.collect()
}

/// SEV2 from 3 times the baseline instead of 2, and SEV1 from 7 instead of 5.
fn milder() -> Policy {
    policy([
        ("\"multiplier\": 2,", "\"multiplier\": 3,"),
        ("\"multiplier\": 5,", "\"multiplier\": 7,"),
    ])
}

fn backtest(candidate: &Policy, outcomes: &Outcomes, records: &[StoredRecord]) -> BacktestResult {
    let own = Policy::standard();
    let mut backtest = Backtest::new(candidate, outcomes);
    for (seq, record) in (0..).zip(records) {
        backtest.replay(seq, record, &own);
    }
    backtest.finish(time("2024-01-01T00:00:00Z"), time("2024-01-15T00:00:00Z"))
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

fn ids(result: &BacktestResult) -> Vec<&str> {
    let changes = result.changes.iter();
    changes.map(|change| change.run_id.as_str()).collect()
}

#[test]
fn the_matrix_counts_what_was_and_what_would_be() {
    use Severity::{Sev0, Sev1, Sev2, Sev3, Sev4};
    let result = backtest(&milder(), &Outcomes::default(), &history());
    let expected = [
        (Sev0, Sev0, 1),
        (Sev1, Sev2, 1),
        (Sev2, Sev2, 1),
        (Sev2, Sev3, 2),
        (Sev3, Sev3, 1),
        (Sev4, Sev4, 1),
    ];
    for old in Severity::ALL {
        for new in Severity::ALL {
            let found = expected.iter().find(|(o, n, _)| (o, n) == (old, new));
            let runs = found.map_or(0, |(_, _, runs)| *runs);
            assert_eq!(result.matrix.runs(*old, *new), runs, "{old} to {new}");
        }
    }
    assert_eq!(result.replayed.runs, 7);
    assert_eq!(result.replayed.credits.to_string(), "2900");
    assert_eq!(result.affected, result.milder);
    assert_eq!(result.affected.credits.to_string(), "1140");
    assert_eq!(result.graver.runs, 0);
    assert!(result.left_out.is_empty());
}

#[test]
fn the_worst_change_comes_first() {
    let result = backtest(&milder(), &Outcomes::default(), &history());
    // SEV1 before SEV2, and of these the dearer one.
    assert_eq!(ids(&result), ["R-6", "R-4", "R-3"]);
    // What a candidate makes graver is listed by what it would be.
    let stricter = policy([("\"multiplier\": 1.5,", "\"multiplier\": 1,")]);
    let result = backtest(&stricter, &Outcomes::default(), &history());
    assert_eq!(ids(&result), ["R-1"]);
    assert_eq!(result.graver.runs, 1);
}

/// Judged by policies that alert of different things, to the same change of severity: the alert
/// that nobody would get any more comes before the dearer run.
#[test]
fn an_alert_that_is_lost_comes_before_what_cost_more() {
    let silent = policy([(
        "\"create_case\",\n        \"slack_alert\"",
        "\"create_case\"",
    )]);
    let context = Context::from(Expected::Baseline {
        credits: Credits::whole(100).unwrap(),
        manual: false,
    });
    let (milder, outcomes) = (milder(), Outcomes::default());
    let mut backtest = Backtest::new(&milder, &outcomes);
    let runs = [
        ("R-1", "690", &silent),
        ("R-2", "510", &Policy::standard()),
        ("R-3", "680", &silent),
    ];
    for (seq, (id, credits, own)) in (0..).zip(runs) {
        let run = named(id, credits, "2024-01-06T00:00:00Z");
        backtest.replay(seq, &stored(own, run, &context), own);
    }
    let result = backtest.finish(None, None);
    assert_eq!(ids(&result), ["R-2", "R-1", "R-3"]);
}

#[test]
fn alerts_are_counted_by_the_week_of_the_period() {
    let result = backtest(&milder(), &Outcomes::default(), &history());
    // SEV0 and SEV1 alert, in two weeks.
    let (before, after) = (result.alerts.before, result.alerts.after);
    assert_eq!((before.runs, after.runs), (2, 1));
    assert_eq!(before.a_week.unwrap().to_string(), "1.00");
    assert_eq!(after.a_week.unwrap().to_string(), "0.50");

    let records = history();
    let candidate = milder();
    let outcomes = Outcomes::default();
    let mut part = Backtest::new(&candidate, &outcomes);
    for record in &records {
        part.replay(0, record, &Policy::standard());
    }
    // Six days from the first run to the last say nothing about a week.
    assert_eq!(part.clone().finish(None, None).alerts.before.a_week, None);
    let week = part.finish(None, time("2024-01-08T00:00:00Z"));
    assert_eq!(week.alerts.before.a_week.unwrap().to_string(), "2.00");
}

#[test]
fn a_change_of_actions_alone_is_a_change() {
    let silent = policy([(
        "\"create_case\",\n        \"slack_alert\"",
        "\"create_case\"",
    )]);
    let result = backtest(&silent, &Outcomes::default(), &history());
    assert_eq!(ids(&result), ["R-6"]);
    assert_eq!(result.graver.runs + result.milder.runs, 0);
    assert_eq!(
        (result.alerts.before.runs, result.alerts.after.runs),
        (2, 1)
    );
}

#[test]
fn root_causes_say_what_would_be_missed_and_what_would_be_spared() {
    for (cause, word) in [
        (RootCause::Misconfig, "Misconfig"),
        (RootCause::LegitLoad, "Legit Load"),
    ] {
        let outcomes = Outcomes::parse(&format!(
            r#"[{{"Run_ID":"R-6","Root_Cause":"{word}"}},
                {{"Run_ID":"R-7","Root_Cause":"External Dependency"}},
                {{"Run_ID":"R-5","Root_Cause":"Unknown"}},
                {{"Run_ID":"R-9","Root_Cause":"Unknown"}}]"#,
        ))
        .unwrap();
        let result = backtest(&milder(), &outcomes, &history());
        let score = |root_cause| {
            let score = result.scores.of(root_cause);
            let lost = score.no_longer_alerted.iter().map(|id| id.as_str());
            assert!(score.newly_alerted.is_empty());
            let counts = (score.runs, score.alerts_before, score.alerts_after);
            (counts, lost.collect::<Vec<_>>())
        };
        assert_eq!(score(cause), ((1, 1, 0), vec!["R-6"]));
        assert_eq!(score(RootCause::ExternalDependency), ((1, 1, 1), vec![]));
        assert_eq!(score(RootCause::Unknown), ((1, 0, 0), vec![]));
        let unmatched = result.outcomes_unmatched.iter().map(|id| id.as_str());
        assert_eq!(unmatched.collect::<Vec<_>>(), ["R-9"]);
        let change = result.changes.iter().find(|c| c.run_id.as_str() == "R-6");
        assert_eq!(change.unwrap().root_cause, Some(cause));
    }
}

#[test]
fn what_would_be_newly_alerted_is_named_too() {
    let stricter = policy([("\"multiplier\": 5,", "\"multiplier\": 3,")]);
    let outcomes = Outcomes::parse(r#"{"Run_ID":"R-5","Root_Cause":"Misconfig"}"#).unwrap();
    let result = backtest(&stricter, &outcomes, &history());
    let score = result.scores.of(RootCause::Misconfig);
    assert_eq!((score.alerts_before, score.alerts_after), (0, 1));
    let caught = score.newly_alerted.iter().map(|id| id.as_str());
    assert_eq!(caught.collect::<Vec<_>>(), ["R-5"]);
}

#[test]
fn of_two_root_causes_collected_for_a_run_the_later_counts() {
    let collected: Outcomes = [
        ("R-5", RootCause::Unknown),
        ("R-6", RootCause::LegitLoad),
        ("R-5", RootCause::Misconfig),
    ]
    .map(|(id, cause)| (id.parse().unwrap(), cause))
    .into_iter()
    .collect();
    let written = r#"{"Run_ID":"R-5","Root_Cause":"Misconfig"}
                     {"Run_ID":"R-6","Root_Cause":"Legit Load"}"#;
    assert_eq!(collected, Outcomes::parse(written).unwrap());
}

#[test]
fn a_verdict_that_its_own_policy_does_not_repeat_is_left_out() {
    let mut records = history();
    let edited = records.get_mut(2).unwrap();
    edited.verdict.severity = Severity::Sev4;
    records.get_mut(3).unwrap().verdict.actions = Policy::standard().actions(Severity::Sev0);
    let result = backtest(&milder(), &Outcomes::default(), &records);
    assert_eq!(result.replayed.runs, 5);
    assert_eq!(ids(&result), ["R-6"]);
    let left_out: Vec<String> = result
        .left_out
        .iter()
        .map(|left| {
            let id = left.run_id.as_ref().unwrap();
            format!("{} {id}: {}", left.seq, left.reason)
        })
        .collect();
    assert_eq!(
        left_out,
        [
            "2 R-3: the policy that it names gives SEV2, but SEV4 is stored",
            "3 R-4: the policy that it names gives another verdict than is stored",
        ]
    );
}

#[test]
fn what_is_no_outcome_is_refused() {
    let lines = "{\"Run_ID\":\"R-1\",\"Root_Cause\":\"Misconfig\"}\n\
                 {\"Run_ID\":\"R-2\",\"Root_Cause\":\"Unknown\"}\n";
    let outcomes = Outcomes::parse(lines).unwrap();
    assert_eq!(outcomes.run_ids().count(), 2);
    assert!(Outcomes::parse(" \n").unwrap().is_empty());
    for (text, says) in [
        (
            lines.replace("Unknown", "unknown"),
            "allowed are Misconfig, Legit Load",
        ),
        (lines.replace("Unknown", "unknown"), "line 2"),
        (lines.replace("R-2", "R-1"), "`R-1` is there twice"),
        (lines.replace("R-2", "../R"), "line 2"),
        (
            lines.replace("\"Root_Cause\"", "\"Cause\""),
            "unknown field `Cause`",
        ),
        (
            lines.replace(",\"Root_Cause\":\"Misconfig\"", ""),
            "missing field `Root_Cause`",
        ),
        (format!("[{lines}]"), "expected `,` or `]`"),
        ("7".to_owned(), "invalid type"),
        (
            lines.replace('}', ""),
            "each outcome is an object of `Run_ID` and `Root_Cause`",
        ),
    ] {
        let error = Outcomes::parse(&text).unwrap_err().to_string();
        assert!(error.contains(says), "{error:?} does not say {says:?}");
    }
}

#[test]
fn the_result_has_a_fixed_form_as_json() {
    let outcomes = Outcomes::parse(r#"{"Run_ID":"R-6","Root_Cause":"Misconfig"}"#).unwrap();
    let mut records = history();
    records.get_mut(0).unwrap().verdict.severity = Severity::Sev0;
    let candidate = Policy::parse(&edited([
        ("\"multiplier\": 5,", "\"multiplier\": 7,"),
        ("\"multiplier\": 10,", "\"multiplier\": 13,"),
    ]))
    .unwrap();
    let found = serde_json::to_string_pretty(&backtest(&candidate, &outcomes, &records)).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/backtest.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, format!("{found}\n")).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        found,
        golden.trim_end(),
        "UPDATE_GOLDEN=1 accepts what is new"
    );
}

fn any_history() -> impl Strategy<Value = Vec<(Run, Context)>> {
    let days = 0..60_i64;
    let one = (common::any_run(), common::any_context(), days);
    proptest::collection::vec(one, 0..40).prop_map(|runs| {
        let numbered = (0..).zip(runs);
        numbered
            .map(|(n, (mut run, context, days)): (u32, _)| {
                run.run_id = format!("R-{n}").parse().unwrap();
                run.timestamp = Timestamp::from_unix(1_700_000_000 + days * 86_400).unwrap();
                (run, context)
            })
            .collect()
    })
}

/// Root causes of every third run and of one that there is not.
fn some_outcomes() -> Outcomes {
    let lines = (0..40).step_by(3).map(|n| {
        let word = RootCause::ALL.get(n % RootCause::ALL.len()).unwrap();
        format!("{{\"Run_ID\":\"R-{n}\",\"Root_Cause\":\"{word}\"}}\n")
    });
    Outcomes::parse(&lines.collect::<String>()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 256,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_same_policy_changes_nothing_and_every_record_is_replayed(
        policy in common::any_policy(),
        runs in any_history(),
    ) {
        let outcomes = some_outcomes();
        let mut backtest = Backtest::new(&policy, &outcomes);
        for (seq, (run, context)) in (0..).zip(&runs) {
            backtest.replay(seq, &stored(&policy, run.clone(), context), &policy);
        }
        let result = backtest.finish(None, None);
        prop_assert_eq!(result.replayed.runs, runs.len() as u64);
        prop_assert!(result.changes.is_empty());
        prop_assert!(result.left_out.is_empty());
        prop_assert_eq!(result.alerts.before, result.alerts.after);
        for cause in RootCause::ALL {
            let score = result.scores.of(*cause);
            prop_assert_eq!(score.alerts_before, score.alerts_after);
        }
    }

    #[test]
    fn however_a_history_is_divided_the_result_is_the_same(
        own in common::any_policy(),
        other in common::any_policy(),
        candidate in common::any_policy(),
        runs in any_history(),
        parts in proptest::collection::vec(0..5_usize, 40),
        right_first in any::<bool>(),
    ) {
        let outcomes = some_outcomes();
        let empty = Backtest::new(&candidate, &outcomes);
        let mut whole = empty.clone();
        let mut divided = vec![empty.clone(); 5];
        for (seq, ((run, context), part)) in (0..).zip(runs.iter().zip(&parts)) {
            // Some verdicts are not repeated, because the record names another policy.
            let own = if seq % 7 == 3 { &other } else { &own };
            let record = stored(own, run.clone(), context);
            let named = if seq % 7 == 5 { &other } else { own };
            let part = divided.get_mut(*part).unwrap();
            for backtest in [&mut whole, part] {
                if seq % 11 == 10 {
                    backtest.leave_out(seq, None, "not a record".to_owned());
                } else {
                    backtest.replay(seq, &record, named);
                }
            }
        }
        let merged = if right_first {
            let rest = divided.into_iter().rev();
            rest.fold(empty, |sum, part| part.merge(sum))
        } else {
            divided.into_iter().fold(empty, Backtest::merge)
        };
        let (merged, whole) = (merged.finish(None, None), whole.finish(None, None));
        prop_assert_eq!(&merged, &whole);
        let counted = merged.replayed.runs + merged.left_out.len() as u64;
        prop_assert_eq!(counted, runs.len() as u64);
    }
}
