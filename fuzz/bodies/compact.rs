//! `json::compact` and `json::Object`: the same JSON without its white space.

use credit_core::json::{self, Object};

pub(crate) fn check(text: &str) {
    // Anything at all must not make it panic.
    let compact = json::compact(text, json::DEPTH_MAX);
    let Ok(object) = Object::parse(text) else {
        return;
    };
    let Some(compact) = compact else { return };
    assert!(compact.len() <= text.len());
    assert_eq!(
        json::compact(&compact, json::DEPTH_MAX).as_ref(),
        Some(&compact)
    );
    let again = Object::parse(&compact).expect("compact JSON is JSON");
    assert_eq!(object.iter().count(), again.iter().count());
    for ((key, value), (key_again, value_again)) in object.iter().zip(again.iter()) {
        assert_eq!(key, key_again);
        let value = json::compact(value.get(), json::DEPTH_MAX);
        assert_eq!(value.as_deref(), Some(value_again.get()));
        assert_eq!(json::line_of(&compact, value_again.get()), 1);
    }
}
