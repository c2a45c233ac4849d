//! `report weekly` and `report reproduce` as a script calls them.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::Tree;

const PATH: &str = "runs/CREDIT_REVIEWS/weekly_2024-01-24.json";

/// A run a day of one scenario, the last one at twice its baseline, and one run of another.
fn week() -> Tree {
    let tree = Tree::new();
    let baselines = support::baselines(&[("EXPORT", "100")]);
    tree.write("config/credit-baselines.json", baselines);
    let run = |id: String, scenario: &str, day: u32, credits: u32| {
        json!({
            "Run_ID": id, "Timestamp": format!("2024-01-{day:02}T10:00:00Z"),
            "Scenario_ID": scenario, "Job_Type": "OTHER", "Status": "Success", "Credits_Total": credits,
        })
    };
    let mut runs: Vec<Value> = (17..23)
        .map(|day| run(format!("R-{day}"), "EXPORT", day, 90 + day))
        .collect();
    runs.push(run("TWICE".to_owned(), "EXPORT", 23, 200));
    runs.push(run("OTHER".to_owned(), "MAIL", 23, 5));
    let lines: Vec<String> = runs.iter().map(Value::to_string).collect();
    tree.ingest(lines.join("\n")).ok();
    tree
}

fn weekly(tree: &Tree, more: &[&str]) -> support::Done {
    let args = ["report", "weekly", "--until", "2024-01-24"];
    tree.ctl(args.iter().chain(more))
}

#[test]
fn a_report_is_reproduced_and_what_was_changed_is_told() {
    let tree = week();
    weekly(&tree, &[]).ok();
    let path = tree.path(PATH);
    let path = path.to_str().unwrap();
    let at = |more: &[&str]| {
        let args = ["report", "reproduce", path];
        tree.ctl(args.iter().chain(more))
    };
    assert!(
        at(&[])
            .ok()
            .stdout
            .ends_with("weekly_2024-01-24.json: reproduced\n")
    );
    assert_eq!(at(&["--json"]).ok().json()["identical"], true);

    let json = tree.read(PATH);
    let forged = json.replace("\"total_runs\": 8", "\"total_runs\": 9");
    assert_ne!(json, forged);
    let forged = tree.write("forged.json", forged);
    let forged = forged.to_str().unwrap();
    let done = tree.ctl(["report", "reproduce", forged]).code(4);
    assert!(done.stdout.contains("file:  \"total_runs\": 9"), "{done}");
    assert!(done.stdout.contains("again: \"total_runs\": 8"), "{done}");
    assert!(done.stderr.contains("differs"), "{done}");
    let done = tree.ctl(["report", "reproduce", forged, "--json"]).code(4);
    let told: Value = serde_json::from_str(done.stdout.trim()).unwrap();
    assert_eq!(told["identical"], false);
    assert_eq!(done.error()["error"]["code"], "integrity");

    tree.ctl(["report", "reproduce", "no/such.json"]).code(1);
}

#[test]
fn questions_of_the_moment_have_files_of_their_own() {
    let tree = week();
    let path = |more: &[&str]| {
        let more = [more, &["--json"]].concat();
        let done = weekly(&tree, &more).ok().json();
        let path = done["path"].as_str().unwrap().to_owned();
        path.rsplit('/').next().unwrap().to_owned()
    };
    assert_eq!(path(&["--days", "7"]), "weekly_2024-01-24.json");
    assert_eq!(path(&["--days", "3"]), "report_2024-01-24_3d.json");
    assert_eq!(
        path(&["--scenario", "MAIL"]),
        "report_2024-01-24_7d_MAIL.json"
    );
    let report: Value =
        serde_json::from_str(&tree.read("runs/CREDIT_REVIEWS/report_2024-01-24_3d.json")).unwrap();
    assert_eq!(report["report_id"], "CREDIT_REPORT_2024-01-24_3D");
    assert_eq!(report["summary_stats"]["total_runs"], 4);
    tree.ctl(["verify"]).ok();
}

#[test]
fn the_table_of_scenarios_is_printed_for_a_spreadsheet() {
    let tree = week();
    let before = tree.files();
    let csv = weekly(&tree, &["--csv"]).ok().stdout;
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let json = weekly(&tree, &["--dry-run"]).ok().json();
    let scenarios = json["scenarios"].as_array().unwrap();
    assert_eq!(rows.len(), 1 + scenarios.len());
    for (row, scenario) in rows.iter().skip(1).zip(scenarios) {
        assert_eq!(row.len(), rows[0].len());
        for (key, found) in rows[0].iter().zip(row) {
            match &scenario[key] {
                Value::Null => assert_eq!(*found, "", "{key}"),
                Value::String(text) => assert_eq!(found, text, "{key}"),
                Value::Bool(is) => assert_eq!(*found, is.to_string(), "{key}"),
                number => assert_eq!(found.parse::<f64>().ok(), number.as_f64(), "{key}"),
            }
        }
    }
    support::assert_same(&before, &tree.files());
    weekly(&tree, &["--csv", "--json"]).code(2);
}

#[test]
fn the_summary_has_bars_and_what_needs_a_decision() {
    let tree = week();
    let shown = weekly(&tree, &[]).ok().stdout;
    let row = shown.lines().find(|line| line.contains("EXPORT")).unwrap();
    // 853 credits where the baseline expects 700.
    assert!(
        row.contains(&format!("{}{}", "█".repeat(13), "▓".repeat(3))),
        "{shown}"
    );
    assert!(
        shown.contains("Assess a spike: TWICE: 2.00 times the baseline of EXPORT, no case"),
        "{shown}"
    );
}

#[test]
fn a_page_is_written_beside_the_report_once() {
    let tree = week();
    let told = weekly(&tree, &["--html", "--json"]).ok().json();
    assert!(
        told["page"]
            .as_str()
            .unwrap()
            .ends_with("weekly_2024-01-24.html")
    );
    let page = "runs/CREDIT_REVIEWS/weekly_2024-01-24.html";
    tree.sh("cd runs/CREDIT_REVIEWS && sha256sum -c weekly_2024-01-24.html.sha256")
        .ok();
    assert_eq!(
        weekly(&tree, &["--html", "--dry-run"]).ok().stdout,
        tree.read(page)
    );
    let json = tree.read(PATH);
    assert!(tree.read(page).contains(&support::sha256(&json)));
    let before = tree.files();
    let shown = weekly(&tree, &["--html"]).ok().stdout;
    assert!(
        shown.contains("(the same page was there already)"),
        "{shown}"
    );
    support::assert_same(&before, &tree.files());
    tree.ctl(["verify"]).ok();

    // A page of another version stays, and its sidecar with it.
    tree.sh(&format!(
        "chmod u+w {page} {page}.sha256 && echo old > {page} && \
         (cd runs/CREDIT_REVIEWS && sha256sum weekly_2024-01-24.html > weekly_2024-01-24.html.sha256)"
    ))
    .ok();
    let told = weekly(&tree, &["--html", "--json"]).ok().json();
    assert!(
        told["page"]
            .as_str()
            .unwrap()
            .ends_with("weekly_2024-01-24.page2.html")
    );
    assert_eq!(tree.read(page), "old\n");
    tree.ctl(["verify"]).ok();
    tree.sh(&format!("echo forged > {page}")).ok();
    let done = tree.ctl(["verify"]).code(4);
    assert!(done.stdout.contains("weekly_2024-01-24.html"), "{done}");
}

/// In a real browser: nothing is complained about, and what is shown is what was written.
#[test]
fn a_browser_shows_the_page_without_complaint() {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok());
    let Some(browser) = found else {
        let told = writeln!(
            std::io::stderr(),
            "SKIPPED: there is no Chromium; this test looks at the page in one"
        );
        told.unwrap();
        return;
    };
    let tree = week();
    weekly(&tree, &["--html"]).ok();
    let page = tree.path("runs/CREDIT_REVIEWS/weekly_2024-01-24.html");
    let json: Value = serde_json::from_str(&tree.read(PATH)).unwrap();
    let stats = &json["summary_stats"];
    let figure = |key: &str| format!("<data id=\"{key}\" value=\"{}\">", stats[key]);
    let sums = ["total_credits", "total_runs", "avg_credits_per_run"].map(figure);
    for scheme in ["dark", "light"] {
        let dom = dump_dom(browser, &tree, &page, scheme);
        for shown in &sums {
            assert!(dom.contains(shown), "{scheme}: {shown}");
        }
        for scenario in json["scenarios"].as_array().unwrap() {
            for key in ["total_credits", "run_count", "median_credits"] {
                let exact = scenario[key].to_string();
                let shown = format!("<data value=\"{exact}\">");
                assert!(dom.contains(&shown), "{scheme}: {key} {exact}");
            }
        }
    }
}

/// What the browser makes of a page, if it has nothing to complain about.
fn dump_dom(browser: &str, tree: &Tree, page: &Path, scheme: &str) -> String {
    let profile = tree.path(&format!("profile-{scheme}"));
    let setting = match scheme {
        "dark" => "preferredColorScheme=0",
        _ => "preferredColorScheme=1",
    };
    let done = Command::new(browser)
        .arg(format!("--blink-settings={setting}"))
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(done.status.success());
    let log = String::from_utf8_lossy(&done.stderr);
    let complaints: Vec<&str> = log.lines().filter(|l| l.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{scheme}: {complaints:?}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// By another program in another language, where there is one.
#[test]
fn python_finds_the_same_figures() {
    if Command::new("python3").arg("--version").output().is_err() {
        let told = writeln!(
            std::io::stderr(),
            "SKIPPED: there is no python3; this test computes a report again in it"
        );
        told.unwrap();
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent/weekly.py");
    let agrees = |tree: &Tree, until: &str| {
        tree.ctl(["report", "weekly", "--until", until]).ok();
        let done = Command::new("python3")
            .arg(script)
            .arg(tree.path("runs/CREDIT_MONITORING/ledger.jsonl"))
            .arg(tree.path("config/credit-baselines.json"))
            .arg(tree.path(&format!("runs/CREDIT_REVIEWS/weekly_{until}.json")))
            .output()
            .unwrap();
        let found = String::from_utf8_lossy(&done.stdout);
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{until}: {found}{error}");
        error.into_owned()
    };

    let fleet = Tree::new();
    fleet.write(
        "config/credit-baselines.json",
        support::baselines(&[
            ("S0", "100"),
            ("S1", "0.3"),
            ("S2", "7.000001"),
            ("S3", "0"),
            ("STEADY", "50"),
            ("MOVED", "100"),
        ]),
    );
    fleet.ingest(made_up_runs(600)).ok();
    fleet.ingest(steady_runs()).ok();
    let mut told = Vec::new();
    for until in [
        "2024-01-08",
        "2024-01-15",
        "2024-01-22",
        "2024-01-28",
        "2024-02-01",
        "2025-01-01",
    ] {
        told.push(agrees(&fleet, until));
    }
    // There was something of each kind to disagree about.
    for kind in ["drifted", "candidates", "patterns", "bands"] {
        let none = format!("0 {kind}");
        let is_there = |told: &String| told.contains(kind) && !told.contains(&none);
        assert!(told.iter().any(is_there), "{told:?}");
    }

    let Some(real) = support::data("llm_small.jsonl") else {
        return;
    };
    let tree = Tree::new();
    tree.ctl([Path::new("ingest"), &real]);
    for until in ["2025-01-24", "2025-01-31", "2025-02-07"] {
        agrees(&tree, until);
    }
}

/// Four runs a day of two scenarios that do not scatter; one of them costs more from the 18th on.
fn steady_runs() -> String {
    let line = |n: u32| {
        let (day, hour) = (1 + n / 4, n % 4 * 6);
        let scenario = if n.is_multiple_of(2) {
            "STEADY"
        } else {
            "MOVED"
        };
        let usual = match (scenario, day) {
            ("STEADY", _) => 49,
            (_, ..18) => 99,
            _ => 139,
        };
        json!({
            "Run_ID": format!("{scenario}-{n:03}"), "Scenario_ID": scenario,
            "Timestamp": format!("2024-01-{day:02}T{hour:02}:00:00Z"),
            "Job_Type": "OTHER", "Status": "Success", "Credits_Total": usual + n % 3,
        })
        .to_string()
    };
    (0..112).map(line).collect::<Vec<_>>().join("\n")
}

/// Four weeks of runs of five scenarios: many kinds of amounts, some with flags, times to the
/// millisecond and on the borders of days.
fn made_up_runs(count: u64) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = move |sides: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % sides
    };
    let line = |n: u64| {
        let (day, hour) = (1 + dice(28), dice(24));
        let time = match dice(4) {
            0 => format!("2024-01-{day:02}T00:00:00Z"),
            1 => format!("2024-01-{day:02}T23:59:59.{:03}Z", dice(1000)),
            _ => format!("2024-01-{day:02}T{hour:02}:30:00Z"),
        };
        let credits = match dice(5) {
            0 => format!("0.{:06}", dice(1_000_000)),
            1 => (dice(2_000)).to_string(),
            2 => "200".to_owned(),
            _ => format!("{}.{}", 80 + dice(40), dice(10)),
        };
        let flags: &[&str] = match dice(12) {
            0 => &["pii_exposure"],
            1 => &["retry_loop", "regulatory_data"],
            _ => &[],
        };
        let run = json!({
            "Run_ID": format!("R-{n:04}"), "Timestamp": time,
            "Scenario_ID": format!("S{}", dice(5)), "Job_Type": "OTHER", "Status": "Success",
            "Risk_Flags": flags, "Credits_Total": "?",
        });
        run.to_string().replace("\"?\"", &credits)
    };
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}
