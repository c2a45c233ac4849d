//! `Event::parse`: what it accepts it can write and read again, under the same name.

use credit_governance::{Docket, Event};

pub(crate) fn check(text: &str) {
    let mut docket = Docket::default();
    for line in text.lines() {
        let Ok(event) = Event::parse(line) else {
            continue;
        };
        let again = Event::parse(&event.to_json()).unwrap();
        assert_eq!(again.id(), event.id());
        let _ = docket.apply(&event);
    }
}
