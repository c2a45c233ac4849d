//! `Docket::from_snapshot`: what it accepts it writes and reads again, and answers about.

use credit_core::{Severity, Timestamp};
use credit_governance::Docket;

pub(crate) fn check(text: &str) {
    let Ok((mut docket, position)) = Docket::from_snapshot(text) else {
        return;
    };
    let written = docket.snapshot(position);
    assert_eq!(
        Docket::from_snapshot(&written).unwrap(),
        (docket.clone(), position)
    );
    // A forged one may say anything; asking it must not panic.
    let now: Timestamp = "2025-01-31T10:00:00Z".parse().unwrap();
    let _ = docket.open_cases().count();
    let _ = docket.baseline_changes().len();
    let _ = docket.muted(&"S".parse().unwrap(), Severity::Sev1, now);
    let _ = docket.take_settled(now, |_| true);
}
