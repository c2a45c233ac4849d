//! What takes time is a span. Alone in its file: `tracing` remembers of each place in the code
//! whether anybody listens, and other tests in the process would be asked first.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{House, now, run};
use credit_monitor::notify::memory::MemorySlack;
use credit_monitor::notify::routing::Webhooks;
use credit_monitor::{Destinations, ReportRequest, Senders};

/// Keeps the names of spans.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<&'static str>>>);

impl tracing::Subscriber for Spans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut spans = self.0.lock().unwrap();
        spans.push(span.metadata().name());
        tracing::span::Id::from_u64(spans.len() as u64)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn the_ways_that_take_time_are_spans() {
    let house = House::new();
    let spans = Spans::default();
    tracing::subscriber::with_default(spans.clone(), || {
        let webhook = |_| Some("https://hooks.slack.com/services/T/B/x".to_owned());
        let to = Destinations {
            webhooks: Some(Webhooks::read(webhook).unwrap()),
            ..Destinations::default()
        };
        let monitor = house.open().with_destinations(to, now()).unwrap();
        let newcomer = run("R-1", "NEWCOMER", "2025-02-01T09:15:00Z", "0.5");
        monitor.observe(newcomer, now()).unwrap();
        let config = monitor.config().unwrap();
        let archive = monitor.archive();
        archive
            .weekly_report(&config, &ReportRequest::review(now().day()))
            .unwrap();
        let slack = MemorySlack::default();
        let senders = Senders {
            slack: Some(&slack),
            ..Senders::default()
        };
        let outbox = monitor.outbox().unwrap();
        let report = outbox.drain(senders, &now, Duration::from_secs(1)).unwrap();
        assert_eq!(report.sent, 1);
        archive.verify(None, &|_, _| {}).unwrap();
        archive.figures(now()).unwrap();
    });
    let seen = spans.0.lock().unwrap();
    for name in [
        "observe",
        "settle",
        "ledger_open",
        "ledger_batch",
        "drain",
        "deliver",
        "weekly_report",
        "verify",
        "figures",
    ] {
        assert!(seen.contains(&name), "{name} is not in {seen:?}");
    }
}
