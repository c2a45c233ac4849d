//! What is said, and to whom it would go.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use credit_core::{
    Action, Actions, Assessment, BaselineStatus, Credits, Inputs, Likelihood, Ratio, Reason,
    RiskFlag, RiskFlags, Run, RunRecord, Severity, Sha256, Status,
};
use credit_notify::{Alert, Notion, Outbound, RunRow, Slack};

fn record(actions: &[Action]) -> RunRecord {
    let credits = Credits::whole(2500).unwrap();
    let baseline = Credits::whole(500).unwrap();
    RunRecord {
        run: Run::new(
            "RUN-1".parse().unwrap(),
            "EXPORT".parse().unwrap(),
            "2025-01-31T10:00:00Z".parse().unwrap(),
            Status::Success,
            credits,
        ),
        assessment: Assessment {
            severity: Severity::Sev1,
            reason: Reason::Ratio,
            baseline: Some(baseline),
            baseline_status: BaselineStatus::Current,
            variance: Ratio::new(credits, baseline).map(Ratio::multiplier),
            risk_flags: RiskFlags::NONE.with(RiskFlag::RetryLoop),
            score: 3,
            likelihood: Likelihood::Medium,
            actions: actions.iter().copied().collect::<Actions>(),
        },
        inputs: Inputs {
            policy_sha256: Sha256::of(b"policy"),
            scenario_sha256: None,
            input_sha256: Sha256::of(b"input"),
            baseline_updated: None,
            usual: Default::default(),
        },
        summary: "5 times <!channel> its baseline".to_owned(),
    }
}

#[test]
fn only_the_policy_s_actions_make_an_alert() {
    assert_eq!(
        Alert::of(&record(&[Action::LedgerOnly, Action::CreateCase])),
        None
    );
    let alert = Alert::of(&record(&[Action::SlackAlert])).unwrap();
    assert!(!alert.escalate);
    assert!(
        Alert::of(&record(&[Action::SlackEscalate]))
            .unwrap()
            .escalate
    );
}

#[test]
fn an_alert_says_what_the_record_says_unchanged() {
    let record = record(&[Action::SlackAlert]);
    let alert = Alert::of(&record).unwrap();
    assert_eq!(alert.run_id, record.run.run_id);
    assert_eq!(alert.credits, record.run.credits);
    assert_eq!(alert.baseline, record.assessment.baseline);
    assert_eq!(alert.variance.unwrap().to_string(), "5");
    assert_eq!(alert.likelihood, Likelihood::Medium);
    assert_eq!(alert.risk_flags, record.assessment.risk_flags);
    // Text is data here: whoever renders it escapes it.
    assert_eq!(alert.summary, record.summary);
}

#[test]
fn the_double_keeps_alerts_in_order_and_rows_once() {
    let outbound = Outbound::default();
    let (slack, notion): (&dyn Slack, &dyn Notion) = (&outbound, &outbound);
    let record = record(&[Action::SlackAlert]);
    let alert = Alert::of(&record).unwrap();
    slack.post(&alert).unwrap();
    slack.post(&alert).unwrap();
    assert_eq!(outbound.alerts(), [alert.clone(), alert]);
    notion.add_run(&RunRow::of(&record)).unwrap();
    notion.add_run(&RunRow::of(&record)).unwrap();
    assert_eq!(outbound.rows(), [RunRow::of(&record)]);
}
