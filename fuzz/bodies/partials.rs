//! `ledger.partials`: what is read of it is written in one form, and reads the same again.

use credit_monitor::rewritten_partials;

pub(crate) fn check(bytes: &[u8]) {
    let Some(written) = rewritten_partials(bytes) else {
        return;
    };
    assert_eq!(rewritten_partials(&written).as_ref(), Some(&written));
}
