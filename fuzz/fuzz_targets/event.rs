//! `Event::parse`: what it accepts it can write and read again, under the same name.

#![no_main]

use credit_governance::{Docket, Event};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut docket = Docket::default();
    for line in text.lines() {
        let Ok(event) = Event::parse(line) else {
            continue;
        };
        let again = Event::parse(&event.to_json()).unwrap();
        assert_eq!(again.id(), event.id());
        let _ = docket.apply(&event);
    }
});
