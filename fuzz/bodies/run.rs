//! `Run::parse`: what it accepts, it writes and reads back as the same run, in the same bytes.

use credit_core::json::{self, Object};
use credit_core::{Run, RunFacts};

pub(crate) fn check(text: &str) {
    match Run::parse(text) {
        Ok(parsed) => {
            let bytes = parsed.run.to_json();
            let again = Run::parse(&bytes).expect("what was written reads back");
            assert_eq!(again.run, parsed.run);
            assert_eq!(again.run.to_json(), bytes);
            assert!(again.ignored.is_empty());
            assert!(Object::parse(&bytes).is_ok());
            assert_eq!(
                json::compact(&bytes, json::DEPTH_MAX).as_deref(),
                Some(&*bytes)
            );
            // A run is no record.
            assert!(RunFacts::parse(&bytes).is_err());
        }
        Err(error) => {
            let lines = text.bytes().filter(|b| *b == b'\n').count() + 1;
            assert!((1..=lines).contains(&error.line), "{error}");
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
    }
}
