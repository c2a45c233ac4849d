//! `slack::interpret` and `notion::interpret_…`: whatever comes, there is one next step.

#![no_main]

#[path = "../bodies/notify_answer.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
