//! A whole ledger beside arbitrary bytes in the place of its HEAD: it opens with all its lines and
//! goes on, or is refused and untouched.

#![no_main]

#[path = "../bodies/ledger_head.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
