//! What Slack and Notion are shown, byte for byte; `UPDATE_GOLDEN=1` writes the files anew.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{alert, assert_golden, at, case, links, owner, record, weekly};
use credit_core::{Action, CaseStatus, Likelihood, RiskFlags, Severity};
use credit_notify::notion::{CaseChange, Choice, Owner, RunRow};
use credit_notify::slack::Message;
use credit_notify::{Alert, Call, CaseState, DigestOf, Exposure, Links, Mention, Reply, Weekly};

fn on_call() -> Vec<Mention> {
    vec![
        "S0123ABCD @oncall-o3".parse().unwrap(),
        "U9".parse().unwrap(),
    ]
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
fn alerts() {
    let message = Message::alert(&alert(Severity::Sev1), &links(), &on_call());
    assert_golden("alert_sev1.json", &message);
    assert_golden("alert_repeat.json", &message.as_possible_repeat());

    let escalated = Message::alert(&alert(Severity::Sev0), &links(), &on_call());
    assert_golden("alert_sev0.json", &escalated);

    let bare = Alert {
        baseline: None,
        variance: None,
        risk_flags: RiskFlags::NONE,
        ..alert(Severity::Sev1)
    };
    let message = Message::alert(&bare, &Links::default(), &on_call());
    assert_golden("alert_without_baseline.json", &message);
}

#[test]
fn an_alert_with_the_state_of_its_case() {
    let alert = Message::alert(&alert(Severity::Sev1), &links(), &[]);
    let state = CaseState {
        status: CaseStatus::Investigating,
        by: Some("O2 Ada <@U1>".to_owned()),
        since: at("2025-01-31T10:05:00Z"),
    };
    let shown = alert.in_state(&state);
    assert_eq!(shown.text(), format!("{} (Investigating)", alert.text()));
    assert_golden("alert_in_state.json", &shown);
    let nobody = CaseState { by: None, ..state };
    let json = serde_json::to_string(&alert.in_state(&nobody)).unwrap();
    assert!(
        json.contains("*Case* Investigating since 2025-01-31T10:05:00Z\""),
        "{json}"
    );
}

#[test]
fn people_are_notified_of_escalated_alerts_only() {
    let json = |severity| {
        let message = Message::alert(&alert(severity), &links(), &on_call());
        serde_json::to_string(&message).unwrap()
    };
    assert!(json(Severity::Sev0).contains("<!subteam^S0123ABCD|@oncall-o3> <@U9>"));
    assert!(!json(Severity::Sev1).contains("oncall"));
}

#[test]
fn digests() {
    let mut alerts: Vec<Alert> = (1..=17)
        .map(|n| Alert {
            run_id: format!("RUN-{n}").parse().unwrap(),
            ..alert(Severity::Sev2)
        })
        .collect();
    alerts[16].severity = Severity::Sev1;
    let storm = Message::digest(&DigestOf::Storm, &alerts);
    assert_eq!(storm.text(), "17 credit alerts: 1 SEV1, 16 SEV2");
    assert_golden("digest_storm.json", &storm);

    let muted = DigestOf::Muted {
        by: "O3 Ada <@U1>".to_owned(),
        reason: "planned load & test".to_owned(),
        from: at("2025-01-31T10:00:00Z"),
        until: at("2025-01-31T12:00:00Z"),
    };
    assert_golden("digest_muted.json", &Message::digest(&muted, &alerts[..1]));
    assert_golden("digest_of_none.json", &Message::digest(&muted, &[]));
}

#[test]
fn weeks() {
    assert_golden("weekly.json", &Message::weekly(&weekly()));
    let incomplete = Weekly {
        data_problem: Some("ledger_missing".to_owned()),
        top_scenarios: Vec::new(),
        report_url: None,
        ..weekly()
    };
    assert_golden("weekly_incomplete.json", &Message::weekly(&incomplete));
}

#[test]
fn a_call() {
    let call = Call {
        case_id: "CASE-20250131-ABC123".parse().unwrap(),
        title: "SEV1 EXPORT: credit <spike>".to_owned(),
        severity: Severity::Sev1,
        status: "Open".to_owned(),
        opened_at: at("2025-01-31T10:00:00Z"),
        reason: "nobody acknowledged it before <!here>".to_owned(),
    };
    assert_golden("call.json", &Message::call(&call, &links(), &on_call()));
}

#[test]
fn an_exposure() {
    let exposure = Exposure {
        case_id: "CASE-20250131-ABC123".parse().unwrap(),
        run_id: "RUN-1".parse().unwrap(),
        risk_flags: RiskFlags::CRITICAL,
        assessed_by: "O2 Grace".to_owned(),
        notes: "names & addresses were in the mail".to_owned(),
    };
    let message = Message::exposure(&exposure, &links(), &on_call());
    assert_golden("exposure.json", &message);
}

#[test]
fn replies() {
    let by = || "O3 Ada".to_owned();
    let replies = [
        Reply::Acknowledged { by: by() },
        Reply::Approved {
            by: by(),
            mitigation: "max_items is 100 now".to_owned(),
        },
        Reply::Denied {
            by: by(),
            reason: "the cause is unknown".to_owned(),
        },
        Reply::Released {
            by: by(),
            at: at("2025-01-31T10:00:00Z"),
        },
        Reply::Resolved {
            by: by(),
            root_cause: "Misconfig".to_owned(),
            notes: "see `config`".to_owned(),
        },
    ];
    let messages: Vec<Message> = replies.iter().map(Message::reply).collect();
    assert_golden("replies.json", &messages);
}

#[test]
fn a_run_s_row() {
    let row = RunRow::of(&record(&[]), owner());
    assert_golden("notion_run.json", row.page().properties());
    assert_eq!(
        (row.page().title_property(), row.page().title()),
        ("Run_ID", "RUN-1")
    );
    assert_eq!(Owner::new(" \u{200b}"), None, "every row has an owner");
}

#[test]
fn a_case_and_its_change() {
    assert_golden("notion_case.json", case().page().properties());
    let change = CaseChange {
        status: Some(Choice::new("Investigating").unwrap()),
        root_cause: Some(Choice::new("Legit Load").unwrap()),
        slack_thread_url: Some("https://x.slack.com/archives/C1/p1".parse().unwrap()),
        notes: Some("Quarantine released on 2025-01-31 by O3 Ada".to_owned()),
        ..CaseChange::at(at("2025-01-31T11:00:00Z"))
    };
    assert_golden("notion_case_change.json", &change.properties());
}

#[test]
fn a_link_that_is_no_address_of_the_web_is_not_sent() {
    for link in ["", "s3://bucket/key", "not a link", "https://a b"] {
        let mut record = record(&[]);
        record.run.artifacts_link = Some(link.to_owned());
        let page = RunRow::of(&record, owner()).page();
        let json = serde_json::to_string(page.properties()).unwrap();
        assert!(!json.contains("Artifacts_Link"), "{link:?}: {json}");
    }
}

#[test]
fn a_long_text_is_split_between_characters_and_ends_in_an_ellipsis() {
    let contents = |summary: String| -> Vec<String> {
        let mut record = record(&[]);
        record.summary = summary;
        let page = RunRow::of(&record, owner()).page();
        let json = serde_json::to_value(page.properties()).unwrap();
        let objects = json["Risk_Summary"]["rich_text"].as_array().unwrap();
        objects
            .iter()
            .map(|o| o["text"]["content"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(contents(String::new()), Vec::<String>::new());
    assert_eq!(contents("a".repeat(2000)), ["a".repeat(2000)]);
    assert_eq!(
        contents("a".repeat(2001)),
        ["a".repeat(2000), "a".to_owned()]
    );
    // 🦀 is two units: it does not fit into the last place of the first object.
    let crab = contents(format!("{}🦀b", "a".repeat(1999)));
    assert_eq!(crab, ["a".repeat(1999), "🦀b".to_owned()]);

    assert_eq!(contents("a".repeat(4000)).concat(), "a".repeat(4000));
    let long = contents("a".repeat(4001)).concat();
    assert_eq!(long, "a".repeat(3999) + "…");
}

#[test]
fn words_that_notion_refuses_are_refused_here() {
    for bad in ["", " ", "a, b", "a\nb", &"a".repeat(101)] {
        assert!(Choice::new(bad).is_err(), "{bad:?}");
    }
    assert!(Choice::new(&"a".repeat(100)).is_ok());
}

#[test]
fn a_name_is_no_mention() {
    for bad in [
        "",
        "@oncall",
        "oncall",
        "S",
        "C0123",
        "S01|x",
        "S01 @a b",
        "S01 @<!x>",
        "U01 @",
    ] {
        assert!(bad.parse::<Mention>().is_err(), "{bad:?}");
    }
}
