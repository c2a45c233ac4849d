//! `Record::new`: what it accepts is JSON, and its file is the same JSON laid out.

#![no_main]

#[path = "../bodies/ledger_record.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
