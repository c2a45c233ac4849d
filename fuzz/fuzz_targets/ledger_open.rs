//! `Ledger::open` on arbitrary lines: it refuses or opens, and what it opens verifies and goes on.

#![no_main]

#[path = "../bodies/ledger_open.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
