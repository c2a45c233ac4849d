//! `cases::parse`: what it accepts can be judged, and its place of an error is in the text.

use credit_core::json::Object;
use credit_policy::Policy;
use credit_policy::cases::{self, Coverage};

pub(crate) fn check(text: &str) {
    let policy = Policy::standard();
    let cases = match cases::parse(text) {
        Ok(cases) => cases,
        Err(error) => {
            assert!(error.line >= 1 && error.line <= 1 + text.matches('\n').count());
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(!cases.is_empty());
    let mut coverage = Coverage::new(&policy);
    let all = coverage.gaps().count();
    for case in &cases {
        for mismatch in case.mismatches(&policy) {
            assert_ne!(mismatch.expected, mismatch.came);
            let both = format!(
                "{{\"old\":{},\"new\":{}}}",
                mismatch.expected, mismatch.came
            );
            assert!(Object::parse(&both).is_ok());
        }
        coverage.add(case);
    }
    // A case reaches its severity at the least.
    assert!(coverage.gaps().count() < all);
}
