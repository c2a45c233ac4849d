//! The page: its figures are those of the JSON, foreign text stays text, and it stays small.
//!
//! Its body is well-formed XML, so that a strict parser reads it and nothing is mended on the way.

#![expect(
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

mod common;

use common::{amount, baselines, context, facts, lines, record, time};
use credit_core::{Credits, RunRecord, Sha256};
use credit_report::{
    BaselineChange, Context, Decided, LedgerState, Proposal, ReviewDecision, ReviewNote,
    WeeklyReport, weekly,
};
use roxmltree::{Document, Node};
use serde_json::Value;

fn body(page: &str) -> &str {
    let start = page.find("<body>").unwrap();
    let end = page.find("</body>").unwrap();
    &page[start..end + "</body>".len()]
}

fn values<'a>(node: Node<'a, 'a>) -> Vec<&'a str> {
    node.descendants()
        .filter(|n| n.has_tag_name("data"))
        .map(|n| n.attribute("value").unwrap())
        .collect()
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants()
        .filter_map(|n| n.text().filter(|_| n.is_text()))
        .collect()
}

fn with_class<'a>(node: Node<'a, 'a>, class: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.descendants().filter(move |n| {
        let classes = n.attribute("class").unwrap_or_default();
        classes.split(' ').any(|c| c == class)
    })
}

/// So many scenarios, each with seven runs a week, some of them grave, many with long names.
fn fleet(scenarios: u32) -> Vec<RunRecord> {
    let mut records = Vec::new();
    for scenario in 0..scenarios {
        let name = format!("SCENARIO_{scenario:03}_WITH_A_NAME_OF_SOME_LENGTH");
        for day in 15..29 {
            let times = match (scenario * 7 + day) % 23 {
                0 => 6,
                1 => 3,
                _ => 1,
            };
            let credits = times * (100 + (scenario * day) % 9);
            let baseline = if scenario % 10 == 9 {
                None
            } else {
                Some("100")
            };
            records.push(record(
                &format!("RUN-202401{day}-{scenario:06}"),
                &name,
                &format!("2024-01-{day}T{:02}:00:00Z", scenario % 24),
                &credits.to_string(),
                baseline,
            ));
        }
    }
    records
}

fn report(records: &[RunRecord], decided: &Decided) -> WeeklyReport {
    let lines = lines(records);
    let known: std::collections::BTreeSet<&str> = records
        .iter()
        .filter(|r| r.assessment.baseline.is_some())
        .map(|r| r.run.scenario_id.as_str())
        .collect();
    let baselines = baselines(&known.iter().map(|id| (*id, "100")).collect::<Vec<_>>());
    let context = Context {
        decided,
        ..context(&baselines)
    };
    weekly(&facts(&lines), &context)
}

/// The same number, however it is spelled.
#[track_caller]
fn assert_number(shown: &str, json: &Value) {
    match json {
        Value::Null => assert_eq!(shown, ""),
        number => assert_eq!(shown.parse::<f64>().ok(), number.as_f64(), "{shown}"),
    }
}

#[test]
fn the_figures_of_the_page_are_those_of_the_json() {
    let report = report(&fleet(40), &Decided::default());
    let (page, json) = (report.to_html(), report.to_json());
    let document = Document::parse(body(&page)).unwrap();
    let root = document.root_element();
    let value: Value = serde_json::from_str(&json).unwrap();
    let by_id = |id: &str| {
        let found = root.descendants().find(|n| n.attribute("id") == Some(id));
        found.unwrap().attribute("value").unwrap()
    };
    let stats = &value["summary_stats"];
    assert_number(by_id("total_credits"), &stats["total_credits"]);
    assert_number(by_id("total_runs"), &stats["total_runs"]);
    assert_number(by_id("avg_credits_per_run"), &stats["avg_credits_per_run"]);
    assert_eq!(by_id("needs"), report.needs().len().to_string());
    for (n, count) in with_class(root, "severity_count").enumerate() {
        assert_number(
            count.attribute("value").unwrap(),
            &stats[format!("sev{n}_count")],
        );
    }

    let rows: Vec<_> = with_class(root, "spend")
        .flat_map(|table| table.descendants())
        .filter(|n| n.has_tag_name("tr") && n.children().any(|c| c.has_tag_name("td")))
        .collect();
    let scenarios = value["scenarios"].as_array().unwrap();
    assert_eq!(rows.len(), scenarios.len(), "every scenario has its row");
    for (row, scenario) in rows.iter().zip(scenarios) {
        let name = row.first_element_child().unwrap();
        assert_eq!(text(name), scenario["scenario_id"].as_str().unwrap());
        let keys = [
            "total_credits",
            "run_count",
            "median_credits",
            "variance_multiplier",
        ];
        let found = values(*row);
        assert_eq!(found.len(), keys.len());
        for (shown, key) in found.iter().zip(keys) {
            assert_number(shown, &scenario[key]);
        }
    }

    let timeline = with_class(root, "timeline").next().unwrap();
    let days = value["timeline"].as_array().unwrap();
    for n in 0..5 {
        let row = with_class(timeline, ["s0", "s1", "s2", "s3", "s4"][n])
            .find(|node| node.has_tag_name("tr"))
            .unwrap();
        let cells = row.children().filter(|c| c.has_tag_name("td"));
        let cells: Vec<String> = cells.map(text).collect();
        assert_eq!(cells.len(), days.len() + 1);
        for (cell, day) in cells.iter().zip(days) {
            assert_number(cell, &day[format!("sev{n}_count")]);
        }
    }

    let spikes = root.descendants().find(|n| n.has_tag_name("ol")).unwrap();
    let spikes: Vec<_> = spikes.children().filter(Node::is_element).collect();
    let listed = value["top_spike_runs"].as_array().unwrap();
    assert_eq!(spikes.len(), listed.len());
    for (spike, run) in spikes.iter().zip(listed) {
        let found = values(*spike);
        assert_number(found[0], &run["Variance_Multiplier"]);
        assert_number(found[1], &run["Credits_Total"]);
        assert!(text(*spike).contains(run["Run_ID"].as_str().unwrap()));
    }

    let bands: Vec<_> = root
        .descendants()
        .filter(|n| n.has_tag_name("figure"))
        .collect();
    let listed = value["bands"].as_array().unwrap();
    assert_eq!(bands.len(), listed.len());
    for (figure, band) in bands.iter().zip(listed) {
        let dots = figure
            .descendants()
            .filter(|n| n.has_tag_name("use"))
            .count();
        assert_eq!(dots, band["runs"].as_array().unwrap().len());
    }

    let footer = root
        .descendants()
        .find(|n| n.has_tag_name("footer"))
        .unwrap();
    let footer = text(footer);
    for hash in [
        Sha256::of(json.as_bytes()),
        report.policy_sha256,
        report.baselines_sha256,
        report.ledger_head.unwrap().hash,
    ] {
        assert!(footer.contains(&hash.to_string()));
    }
}

#[test]
fn a_hundred_scenarios_stay_below_200_kb() {
    let note = |n: u32| ReviewNote {
        report: "CREDIT_REVIEW_2024-01-29".to_owned(),
        note: "what was seen ".repeat(100 + n as usize),
        by: "ops-2".to_owned(),
        at: time("2024-01-25T00:00:00Z"),
    };
    let decided = Decided {
        notes: (0..100).map(note).collect(),
        ..Decided::default()
    };
    let report = report(&fleet(100), &decided);
    assert_eq!(report.scenarios.len(), 100);
    assert!(report.policy_violations.len() > 60);
    assert_eq!(report.bands.len(), 12);
    let page = report.to_html();
    assert!(page.len() < 200_000, "{} bytes", page.len());
    assert_eq!(page, report.to_html());
}

#[test]
fn foreign_text_stays_text() {
    const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;{{ 7*7 }}\
        {% include \"x\" %}]]>\u{202e}\u{0}\u{8}<!--";
    let mut spike = record("R", "S", "2024-01-25T10:00:00Z", "900", Some("100"));
    spike.summary = HOSTILE.to_owned();
    let decided = Decided {
        baseline_changes: vec![BaselineChange {
            scenario_id: "S".parse().unwrap(),
            old: Some(amount("1")),
            new: amount("2"),
            approved_by: HOSTILE.to_owned(),
            approved_at: time("2024-01-25T00:00:00Z"),
        }],
        proposals: vec![Proposal {
            scenario_id: "S".parse().unwrap(),
            old: None,
            new: amount("2"),
            proposed_by: HOSTILE.to_owned(),
        }],
        decisions: vec![ReviewDecision {
            run_id: "R".parse().unwrap(),
            decision: HOSTILE.to_owned(),
            by: HOSTILE.to_owned(),
            at: time("2024-01-25T00:00:00Z"),
        }],
        notes: vec![ReviewNote {
            report: HOSTILE.to_owned(),
            note: HOSTILE.to_owned(),
            by: HOSTILE.to_owned(),
            at: time("2024-01-25T00:00:00Z"),
        }],
        ..Decided::default()
    };
    let page = report(&[spike], &decided).to_html();
    let document = Document::parse(body(&page)).unwrap();
    let known = [
        "body",
        "svg",
        "defs",
        "path",
        "circle",
        "header",
        "p",
        "h1",
        "h2",
        "h3",
        "code",
        "main",
        "section",
        "div",
        "data",
        "small",
        "ul",
        "ol",
        "li",
        "span",
        "use",
        "bdi",
        "a",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "strong",
        "figure",
        "figcaption",
        "g",
        "text",
        "footer",
        "dl",
        "dt",
        "dd",
    ];
    for node in document.descendants().filter(Node::is_element) {
        assert!(
            known.contains(&node.tag_name().name()),
            "{:?}",
            node.tag_name()
        );
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
            let link = ["href", "src"].contains(&attribute.name());
            assert!(!link || attribute.value().starts_with('#'), "{attribute:?}");
        }
    }
    let shown = text(document.root_element());
    let escaped = HOSTILE.replace(['\u{202e}', '\u{0}', '\u{8}'], "\u{fffd}");
    // The summary, the approver, the proposer (also among the needs), the decision with who made
    // it (also at the spike), and the note with its report and who wrote it.
    assert_eq!(shown.matches(&escaped).count(), 11, "{shown}");
    assert!(!page.contains(['\u{202e}', '\u{0}', '\u{8}']));
}

#[test]
fn nothing_has_to_be_fetched_and_nothing_runs() {
    let page = report(&fleet(10), &Decided::default()).to_html();
    for never in [
        "<script", "http://", "https://", "@import", "url(", "<iframe", "<object",
    ] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn an_empty_week_has_a_page_that_says_why() {
    let baselines = baselines(&[]);
    for (ledger, words) in [
        (LedgerState::Missing, "There is no ledger"),
        (LedgerState::Empty, "no runs yet"),
        (LedgerState::Read, "No run finished"),
        (LedgerState::Unreadable, "every figure here is too low"),
    ] {
        let context = Context {
            ledger,
            ledger_head: None,
            ..context(&baselines)
        };
        let page = weekly(&[], &context).to_html();
        let document = Document::parse(body(&page)).unwrap();
        let shown = text(document.root_element());
        assert!(shown.contains(words), "{shown}");
        assert!(shown.contains("Nothing waits for anybody."));
    }
}

#[test]
fn the_greatest_amounts_are_drawn() {
    let most = Credits::MAX.to_string();
    let records = [
        record("R1", "S", "2024-01-25T10:00:00Z", &most, Some("0.000001")),
        record("R2", "S", "2024-01-25T11:00:00Z", "0", Some("0.000001")),
    ];
    let lines = lines(&records);
    let baselines = baselines(&[("S", "0.000001")]);
    let page = weekly(&facts(&lines), &context(&baselines)).to_html();
    Document::parse(body(&page)).unwrap();
    assert!(page.contains("1,000,000,000,000"));
}
