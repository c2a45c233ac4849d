//! `ledger.partials`: what is read of it is written in one form, and reads the same again.

#![no_main]

#[path = "../bodies/partials.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
