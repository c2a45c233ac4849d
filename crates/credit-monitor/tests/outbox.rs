//! From an observed run to what Slack and Notion on loopback have been told, with a clock that the
//! test moves.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod delivery;

use std::time::Duration;

use credit_monitor::core::Severity;
use delivery::{House, Setup};

#[test]
fn a_sev1_run_is_told_once_by_a_webhook() {
    let house = House::new(Setup::webhooks());
    let outcome = house.observe("RUN-1", 100);
    assert_eq!(outcome.verdict.severity, Severity::Sev1);
    assert_eq!(house.server.world().requests, 0, "observing sends nothing");

    let report = house.drain(Duration::from_secs(5));
    assert_eq!((report.sent, report.waiting, report.parked), (1, 0, 0));
    let world = house.server.world();
    assert_eq!(world.messages.len(), 1);
    assert_eq!(world.messages[0].to, "/services/T/B/default-planted");
    assert!(
        world.messages[0]
            .text
            .starts_with("SEV1 credit alert: EXPORT, run RUN-1")
    );
    drop(world);

    let again = house.drain(Duration::from_secs(5));
    assert_eq!((again.sent, again.waiting, again.next_due), (0, 0, None));
}
