//! The examples show what they promise, at any time of day, and the same each time.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helper may stop the test; clippy knows only test functions themselves"
)]

#[path = "../embed_in_a_service.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod embed_in_a_service;
#[path = "../explain_a_verdict.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod explain_a_verdict;
#[path = "../measure_detection.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod measure_detection;
#[path = "../quickstart.rs"]
#[expect(dead_code, reason = "a test does not call the example's `main`")]
mod quickstart;

use std::collections::BTreeSet;

use credit_monitor::core::{Credits, Timestamp};
use credit_monitor::policy::Policy;
use credit_monitor::{Dispatch, Monitor, Tree};

/// What the quickstart prints at `now`, its folder's name left out.
#[track_caller]
fn shown_at(now: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    quickstart::quickstart(folder.path(), now.parse().unwrap(), &mut out).unwrap();
    let shown = String::from_utf8(out).unwrap();
    let path = folder.path().to_str().unwrap();
    assert!(shown.contains(path));
    shown.replace(path, "FOLDER")
}

#[test]
fn the_quickstart_shows_what_a_newcomer_wants_to_see() {
    let shown = shown_at("2025-01-31T10:00:00Z");
    for promised in [
        "296 runs kept, 296 of them SEV1",
        "[baseline-calculator] Calculated baseline for DOC_INTAKE: ",
        "each proposed by ops-2 and approved by lead-3",
        "The last 7 days: 62 runs, and 3 alerts",
        "retry_loop",
        "with pii_exposure",
        "for a backfill",
        "Baseline not found for scenario `CONTRACT_DRAFT`",
        "May its output be used? no, run `RUN-20250129-",
        "FOLDER/runs/CREDIT_REVIEWS/weekly_2025-01-31.json",
        "4 new baselines",
        "Verified 358 ledger lines, 314 events, 358 run files and 1 report",
    ] {
        assert!(shown.contains(promised), "{promised:?} is not in\n{shown}");
    }
    let rows = |severity: &str| {
        let row = shown.lines().find(|l| l.trim_start().starts_with(severity));
        row.and_then(|row| row.split_whitespace().nth(1))
            .map(str::to_owned)
    };
    let counts = ["SEV0", "SEV1", "SEV2", "SEV3", "SEV4"].map(rows);
    assert_eq!(
        counts.map(Option::unwrap),
        ["1", "2", "1", "2", "56"],
        "{shown}"
    );
    assert!(
        shown.lines().count() <= 45,
        "does not fit one screen:\n{shown}"
    );
}

#[test]
fn the_quickstart_shows_the_same_at_any_time_of_the_same_day() {
    let first = shown_at("2025-01-31T00:00:00Z");
    assert_eq!(first, shown_at("2025-01-31T00:00:00Z"));
    assert_eq!(first, shown_at("2025-01-31T23:59:59Z"));
}

#[test]
fn the_quickstart_works_on_any_day() {
    for day in [
        "2024-02-29T12:00:00Z",
        "2024-03-31T01:30:00Z",
        "2027-01-01T00:00:01Z",
    ] {
        shown_at(day);
    }
}

#[test]
fn the_quickstart_touches_no_folder_that_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "").unwrap();
    let now = "2025-01-31T10:00:00Z".parse().unwrap();
    let error = quickstart::quickstart(folder.path(), now, &mut Vec::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is not empty; name a new folder, or none")
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_service_keeps_holds_back_and_tells() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::new(folder.path());
    let now: Timestamp = "2025-01-31T10:00:00Z".parse().unwrap();
    let mut out = Vec::new();
    embed_in_a_service::serve(&tree, now, &mut out).unwrap();
    let shown = String::from_utf8(out).unwrap();
    for promised in [
        "R-1: kept, its output goes on\nR-2: kept, its output goes on\nR-3: kept, its output stays here: ",
        "R-1: set aside for a person: `Run_ID`: `R-1` is already in the ledger",
        "SEV0 credit alert: EXPORT, run R-3: 130 of 10 expected, 13 times",
        "SEV1 credit alert: NEWCOMER, run R-4: 10, no baseline",
    ] {
        assert!(shown.contains(promised), "{promised:?} is not in\n{shown}");
    }

    let monitor = Monitor::open(&tree, now).unwrap();
    assert_eq!(
        monitor.may_dispatch(&"R-2".parse().unwrap()).unwrap(),
        Dispatch::Allowed
    );
    let found = monitor.archive().verify(None, &|_, _| {}).unwrap();
    assert!(found.ok());
    assert_eq!(found.lines, 5);
}

#[test]
fn the_service_knows_what_to_do_about_each_error() {
    use credit_monitor::ledger::{AppendError, RecordError};
    use credit_monitor::{Error, ObserveError, Refusal};
    use embed_in_a_service::{Next, after};

    let append = |source| {
        let path = "ledger.jsonl".into();
        ObserveError::Failed(Error::Append { path, source })
    };
    let refusal = Refusal::Unstorable(RecordError::NotAnObject);
    assert!(matches!(after(refusal.into()), Next::SetAside(_)));
    assert!(matches!(
        after(append(AppendError::Locked { pid: None })),
        Next::TryAgain
    ));
    assert!(matches!(
        after(append(AppendError::Poisoned(None))),
        Next::Reopen
    ));
    assert!(matches!(after(append(AppendError::Full)), Next::Stop(_)));
}

#[test]
fn the_explanation_is_the_one_in_the_documents() {
    let mut out = Vec::new();
    explain_a_verdict::explain(&mut out).unwrap();
    let shown = String::from_utf8(out).unwrap();
    assert!(
        shown.contains("At 899.999999 credits it is SEV2, at 900 SEV1.\n"),
        "{shown}"
    );
    // Everything up to the empty line after the last section.
    let (screen, _) = shown.split_once("\n\nAt ").unwrap();
    let document = include_str!("../../docs/policy.md");
    assert!(
        document.contains(&format!("```text\n{screen}\n```")),
        "docs/policy.md does not show\n{screen}"
    );
}

/// Four weeks of an hourly job: a spike, a week of half as much again, and a drop.
fn labelled(hours: i64) -> measure_detection::Series {
    let start: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
    let at = |hour: i64| Timestamp::from_unix(start.unix() + hour * 3_600).unwrap();
    let runs = (0..hours).map(|hour| {
        let credits = match hour {
            100 => 900,
            200 => 250,
            230..240 => 10,
            400..560 => 180 + hour % 3,
            _ => 100 + hour % 7,
        };
        (at(hour), Credits::whole(credits.unsigned_abs()).unwrap())
    });
    let windows = [(10, 11), (99, 101), (229, 241), (400, 410)];
    measure_detection::Series {
        runs: runs.collect(),
        windows: windows.map(|(from, to)| (at(from), at(to))).to_vec(),
    }
}

#[test]
fn detection_is_measured_by_what_is_in_the_series() {
    use measure_detection::{Shape, judge, score};

    let series = labelled(28 * 24);
    let judged = judge(&series, &Policy::standard()).unwrap();
    let shapes = [Shape::Unjudged, Shape::Rise, Shape::Drop, Shape::Rise];
    assert_eq!(judged.shapes, shapes);
    let found = |rule: usize| {
        let score = score(&series, &judged.shapes, judged.alarms.get(rule).unwrap());
        (score.hit, score.drops, score.alarms, score.right)
    };
    // The spike is 5 and 3 times, the one without a label 2 times, the week 1.5 times the baseline.
    assert_eq!(found(0), (1, 0, 1, 1));
    assert_eq!(found(1), (1, 0, 1, 1));
    assert_eq!(found(2), (1, 0, 2, 1));
    assert_eq!(found(3).0, 2);
    // From above nobody sees the drop, from both sides one does.
    assert_eq!(found(7).1, 0);
    assert_eq!(found(8).1, 1);
    // The week begins where the change point is.
    assert!(judged.alarms.get(9).unwrap().contains(&400));
    assert_eq!(found(10).0, 2);
}

/// Baselines and alarms at a run come from the runs before it: what comes later changes none of
/// them. Change points are told at reviews, so the beginning ends with one.
#[test]
fn nothing_is_known_from_the_future() {
    let policy = Policy::standard();
    let all = measure_detection::judge(&labelled(28 * 24), &policy).unwrap();
    for weeks in 1..4 {
        let hours = (2 + 7 * weeks) * 24 + 1;
        let beginning = measure_detection::judge(&labelled(hours), &policy).unwrap();
        let end = usize::try_from(hours).unwrap() - 1;
        for (all, beginning) in all.alarms.iter().zip(&beginning.alarms) {
            let known: BTreeSet<usize> = all.range(..end).copied().collect();
            let then: BTreeSet<usize> = beginning.range(..end).copied().collect();
            assert_eq!(then, known);
        }
    }
}

#[test]
fn detection_is_measured_on_the_short_labelled_series() {
    let data = measure_detection::default_data();
    let Some(series) = measure_detection::read(&data, 720).unwrap() else {
        eprintln!("SKIPPED: no {}; detection is not measured", data.display());
        return;
    };
    let mut out = Vec::new();
    measure_detection::report(&series, &mut out).unwrap();
    let shown = String::from_utf8(out).unwrap();
    assert!(series.len() > 10, "{shown}");
    for rule in measure_detection::RULES {
        assert!(shown.contains(&format!("\n| {rule} | ")), "{shown}");
    }
    // What the README says is of all series, and of this table's form.
    let readme = include_str!("../../README.md");
    let rows = readme.lines().filter(|line| {
        let rule = line.strip_prefix("| ").and_then(|l| l.split_once(" | "));
        rule.is_some_and(|(rule, _)| measure_detection::RULES.contains(&rule))
    });
    assert_eq!(rows.count(), measure_detection::RULES.len());
}
