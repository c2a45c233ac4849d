//! A whole ledger beside arbitrary bytes in the place of its index.

#![no_main]

#[path = "../bodies/ledger_index.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
