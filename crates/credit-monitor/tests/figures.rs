//! What is counted: as text for Prometheus and through the `metrics` facade.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{House, now, operator, run};
use credit_monitor::core::{RiskFlag, RiskFlags, Severity};
use credit_monitor::doctor::Owed;
use credit_monitor::governance::{CaseAcknowledged, What};
use credit_monitor::{Archive, Figures, Monitor, Stopwatch};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Three runs: one as usual, one ten times as dear with personal data, one without a baseline.
fn observed(house: &House) -> Monitor {
    house.baselines(&[("EXPORT", "10")]);
    let monitor = house.open();
    let mut leak = run("R-2", "EXPORT", "2025-02-01T09:30:00Z", "130");
    leak.risk_flags = RiskFlags::NONE.with(RiskFlag::PiiExposure);
    for run in [
        run("R-1", "EXPORT", "2025-02-01T09:00:00Z", "10.000001"),
        leak,
        run("R-3", "NEWCOMER", "2025-02-01T09:15:00Z", "0.5"),
    ] {
        monitor.observe(run, now()).unwrap();
    }
    monitor
}

fn figures(monitor: &Monitor) -> Figures {
    let now = now().minutes_after(20);
    monitor.archive().figures(now).unwrap()
}

#[test]
fn the_text_is_as_prometheus_reads_it() {
    let house = House::new();
    let mut figures = figures(&observed(&house));
    assert_eq!(figures.owed, None);
    figures.owed = Some(Owed {
        waiting: 7,
        oldest: Some(now()),
        parked: 1,
    });
    let text = figures.to_prometheus();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.prom");
    #[expect(
        clippy::disallowed_methods,
        reason = "a test is told to write its golden file anew"
    )]
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap());
    assert_exposition(&text);
}

/// Version 0.0.4: HELP and TYPE before a family's samples, each family once, counters end in
/// `_total`, a line end at the end.
#[track_caller]
fn assert_exposition(text: &str) {
    assert!(text.ends_with('\n'));
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helped = "";
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => {
                assert!(!help.is_empty() && !kinds.contains_key(name), "{line}");
                helped = name;
            }
            ["#", "TYPE", name, kind] => {
                assert_eq!(*name, helped);
                assert_eq!(*kind == "counter", name.ends_with("_total"), "{line}");
                kinds.insert(name, kind);
            }
            [sample, value] => {
                let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
                assert_eq!(name, helped, "{line}");
                assert!(labels.is_empty() || labels.ends_with("\"}"), "{line}");
                value.parse::<f64>().unwrap();
            }
            _ => panic!("{line}"),
        }
    }
    assert!(kinds.len() > 10);
}

#[test]
fn figures_follow_what_is_decided() {
    let house = House::new();
    let monitor = observed(&house);
    let before = figures(&monitor);
    assert_eq!(before.runs[&Severity::Sev0].runs, 1);
    assert_eq!(
        (before.blocked, before.quarantined, before.quarantined_now),
        (1, 1, 1)
    );
    assert_eq!(before.open_cases[&Severity::Sev0], 1);
    // A SEV0 case is to be acknowledged and assessed within 15 minutes.
    assert_eq!(before.overdue.values().sum::<u64>(), 2);
    assert_eq!(before.baselines, (1, 1), "of the first of January");
    let case = monitor.with_docket(|docket| {
        docket
            .open_cases()
            .find(|c| c.severity == Severity::Sev0)
            .cloned()
    });
    let what = What::CaseAcknowledged(CaseAcknowledged {
        case: case.unwrap().unwrap().id,
    });
    let lead = operator("lead-3:O3");
    monitor.decide(&lead, what, now()).unwrap();
    assert_eq!(figures(&monitor).overdue.values().sum::<u64>(), 1);
}

#[test]
fn of_a_damaged_ledger_no_figure_is_given() {
    let house = House::new();
    drop(observed(&house));
    let path = house.tree.ledger();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("10.000001", "10.000002", 1)).unwrap();
    let error = Archive::new(&house.tree).figures(now()).unwrap_err();
    assert!(error.is_integrity(), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = Archive::new(&house.tree).figures(now()).unwrap_err();
    assert!(error.is_integrity(), "{error}");
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

struct Of(Kept, String);

impl Of {
    fn keep(&self, value: f64) {
        let mut kept = self.0.0.lock().unwrap();
        kept.entry(self.1.clone()).or_default().push(value);
    }
}

impl CounterFn for Of {
    fn increment(&self, value: u64) {
        self.keep(f64::from(u32::try_from(value).unwrap()));
    }

    fn absolute(&self, _: u64) {
        panic!("counters grow by what happened");
    }
}

impl GaugeFn for Of {
    fn increment(&self, _: f64) {
        panic!("gauges are set");
    }

    fn decrement(&self, _: f64) {
        panic!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.keep(value);
    }
}

impl HistogramFn for Of {
    fn record(&self, value: f64) {
        self.keep(value);
    }
}

impl Kept {
    fn of(&self, key: &Key) -> Arc<Of> {
        let labels: Vec<String> = key
            .labels()
            .map(|l| format!("{}={}", l.key(), l.value()))
            .collect();
        Arc::new(Of(
            self.clone(),
            format!("{}{{{}}}", key.name(), labels.join(",")),
        ))
    }

    fn sum(&self, name: &str) -> Option<f64> {
        Some(self.0.lock().unwrap().get(name)?.iter().sum())
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.of(key))
    }
}

#[test]
fn a_service_hears_the_same_through_its_recorder() {
    let kept = Kept::default();
    let house = House::new();
    metrics::with_local_recorder(&kept, || {
        let monitor = observed(&house);
        // A duplicate is no further run.
        let again = run("R-1", "EXPORT", "2025-02-01T09:00:00Z", "10.000001");
        assert!(monitor.observe(again, now()).unwrap().duplicate);
        figures(&monitor).set_gauges();
        // A clock that goes on by a second whenever it is looked at.
        let ticks = AtomicU64::new(0);
        let watch =
            Stopwatch::new(move || Duration::from_secs(ticks.fetch_add(1, Ordering::SeqCst)));
        let monitor = monitor.measured_by(watch);
        let last = run("R-4", "EXPORT", "2025-02-01T09:40:00Z", "10");
        monitor.observe(last, now()).unwrap();
    });
    assert_eq!(kept.sum("credit_runs_total{severity=SEV4}"), Some(2.0));
    assert_eq!(kept.sum("credit_runs_total{severity=SEV0}"), Some(1.0));
    assert_eq!(kept.sum("credit_runs_blocked_total{}"), Some(1.0));
    assert_eq!(kept.sum("credit_runs_quarantined_total{}"), Some(1.0));
    assert_eq!(kept.sum("credit_open_cases{severity=SEV0}"), Some(1.0));
    assert_eq!(kept.sum("credit_overdue_duties{duty=assess}"), Some(1.0));
    // Only the run that was observed with a clock was measured.
    assert_eq!(kept.sum("credit_append_seconds{}"), Some(1.0));
    assert_eq!(kept.sum("credit_owed_messages{}"), None);
}
