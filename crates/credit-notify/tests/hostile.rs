//! Whatever a name holds, a message keeps Slack's limits, notifies nobody and is not cut inside an
//! escape.
//!
//! A few thousand cases by default; `PROPTEST_CASES=100000 cargo test -p credit-notify --release
//! --test hostile` takes half a minute.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "PROPTEST_CASES is the tests' own switch, and a test stops at the first surprise"
)]

mod common;

use common::{alert, case, links, owner, record, weekly};
use credit_core::{CaseStatus, RiskFlags, Severity};
use credit_notify::notion::{Choice, RunRow};
use credit_notify::slack::Message;
use credit_notify::{Alert, Call, CaseState, DigestOf, Exposure, Reply, Weekly};
use proptest::prelude::*;
use serde_json::Value;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(2_000, |n| n.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_name_gets_out_of_its_place(texts in prop::array::uniform3(hostile())) {
        for message in messages(&texts) {
            check(&serde_json::to_value(&message).unwrap());
            check(&serde_json::to_value(message.as_possible_repeat()).unwrap());
        }
    }

    #[test]
    fn no_name_breaks_a_page(texts in prop::array::uniform3(hostile())) {
        let [summary, model, name] = texts;
        let mut record = record(&[]);
        record.summary = summary;
        record.run.model = Some(model);
        record.run.artifacts_link = Some(name.clone());
        record.run.scenario_name = Some(name.clone());
        let run = RunRow::of(&record, owner()).page();
        check_page(&serde_json::to_value(run.properties()).unwrap());
        let mut case = case();
        case.title = name.clone();
        if let Ok(choice) = Choice::new(&name) {
            case.category = choice;
        }
        check_page(&serde_json::to_value(case.page().properties()).unwrap());
    }
}

/// Pieces that mean something to Slack, in any order, and any other text, sometimes very long.
fn hostile() -> impl Strategy<Value = String> {
    let sharp = prop::sample::select(vec![
        "<!channel>",
        "<!here|x>",
        "<@U1>",
        "<#C1>",
        "<http://x|y>",
        "&amp;",
        "&lt;",
        "&",
        "<",
        ">",
        "`",
        "```",
        "*",
        "_",
        "~",
        "\n",
        "\r\n",
        "\u{202e}",
        "\u{200b}",
        "\u{2028}",
        "\0",
        "🦀",
        "e\u{301}",
        "|",
        "\"",
        "\\",
        ":rotating_light:",
        ",",
        " ",
        "@everyone",
        "\u{feff}",
    ]);
    let piece = prop_oneof![3 => sharp.prop_map(str::to_owned), 1 => ".{0,8}"];
    let pieces = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    (
        pieces,
        prop_oneof![4 => Just(1), 1 => Just(40), 1 => Just(300)],
    )
        .prop_map(|(text, times)| text.repeat(times))
}

fn messages([one, two, three]: &[String; 3]) -> Vec<Message> {
    let [one, two, three] = [one, two, three].map(Clone::clone);
    let alert = Alert {
        summary: one.clone(),
        ..alert(Severity::Sev0)
    };
    let muted = DigestOf::Muted {
        by: one.clone(),
        reason: two.clone(),
        from: alert.timestamp,
        until: alert.timestamp,
    };
    let week = Weekly {
        data_problem: Some(two.clone()),
        ..weekly()
    };
    let exposure = Exposure {
        case_id: links().case_id.unwrap(),
        run_id: alert.run_id.clone(),
        risk_flags: RiskFlags::CRITICAL,
        assessed_by: one.clone(),
        notes: two.clone(),
    };
    let call = Call {
        case_id: links().case_id.unwrap(),
        title: one.clone(),
        severity: Severity::Sev0,
        status: two.clone(),
        opened_at: alert.timestamp,
        reason: three.clone(),
    };
    let state = CaseState {
        status: CaseStatus::Investigating,
        by: Some(three.clone()),
        since: alert.timestamp,
    };
    let resolved = Reply::Resolved {
        by: one.clone(),
        root_cause: two.clone(),
        notes: three.clone(),
    };
    let approved = Reply::Approved {
        by: one.clone(),
        mitigation: three.clone(),
    };
    vec![
        Message::plain(&one),
        Message::alert(&alert, &links(), &[]),
        Message::alert(&alert, &links(), &[]).in_state(&state),
        Message::digest(&muted, &vec![alert.clone(); 12]),
        Message::weekly(&week),
        Message::exposure(&exposure, &links(), &[]),
        Message::call(&call, &links(), &[]),
        Message::reply(&resolved),
        Message::reply(&approved),
    ]
}

/// The limits of Slack's reference, and that nothing acts. Our own links are known by their
/// beginning; there are no mentions in these messages.
#[track_caller]
fn check(message: &Value) {
    let units = |text: &str| text.encode_utf16().count();
    let blocks = message["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()));
    let mut total = units(message["text"].as_str().unwrap());
    assert!(total <= 4_000);
    assert!(total > 0);
    for block in blocks {
        let mut texts: Vec<(&Value, usize)> = Vec::new();
        match block["type"].as_str().unwrap() {
            "header" => texts.push((&block["text"], 150)),
            "section" => {
                assert!(block["text"].is_object() != block["fields"].is_array());
                let fields = block["fields"].as_array();
                assert!(fields.is_none_or(|f| (1..=10).contains(&f.len())));
                texts.extend(fields.into_iter().flatten().map(|f| (f, 2_000)));
                texts.extend(block["text"].is_object().then_some((&block["text"], 3_000)));
            }
            "context" => {
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=10).contains(&elements.len()));
                texts.extend(elements.iter().map(|e| (e, 3_000)));
            }
            other => panic!("{other} is known to some clients only"),
        }
        for (text, max) in texts {
            let shown = text["text"].as_str().unwrap();
            assert!((1..=max).contains(&units(shown)), "{} units", units(shown));
            assert!(text["type"] == "plain_text" || text["verbatim"] == true);
            assert_harmless(shown);
            total += units(shown);
        }
    }
    assert_harmless(message["text"].as_str().unwrap());
    assert!(total <= 13_000, "{total} units in all");
}

#[track_caller]
fn assert_harmless(text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&']) {
        let found = &rest[at..];
        let known = ["&amp;", "&lt;", "&gt;", "<https://"];
        let known = known.iter().find(|k| found.starts_with(**k));
        let Some(known) = known else {
            panic!(
                "{:?} in {text:?}",
                found.chars().take(20).collect::<String>()
            );
        };
        rest = &found[known.len()..];
        if *known == "<https://" {
            // Only our own addresses, up to their end.
            let (inside, after) = rest.split_once('>').unwrap();
            assert!(!inside.contains(['<', '`']), "{inside:?}");
            rest = after;
        }
    }
    // Inline code that is opened is closed: what is inside stays inside.
    assert_eq!(text.matches('`').count() % 2, 0, "{text:?}");
    let hidden = |c: char| {
        matches!(
            c,
            '\u{202e}' | '\u{200b}' | '\u{feff}' | '\u{2028}' | '\0' | '\r'
        )
    };
    assert!(!text.contains(hidden), "{text:?}");
}

#[track_caller]
fn check_page(properties: &Value) {
    let units = |text: &str| text.encode_utf16().count();
    for (name, value) in properties.as_object().unwrap() {
        let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "title" | "rich_text" => {
                let objects = value.as_array().unwrap();
                assert!(objects.len() <= 100);
                for object in objects {
                    let content = object["text"]["content"].as_str().unwrap();
                    assert!((1..=2_000).contains(&units(content)), "{name}");
                }
            }
            "select" => {
                let option = value["name"].as_str().unwrap();
                assert!((1..=100).contains(&units(option)), "{name}");
                assert!(!option.contains(','), "{name}: {option:?}");
            }
            "url" => assert!(value.as_str().unwrap().starts_with("http"), "{name}"),
            _ => {}
        }
    }
    assert!(properties["owner"]["rich_text"][0].is_object());
    assert!(serde_json::to_vec(properties).unwrap().len() < 500_000);
}
