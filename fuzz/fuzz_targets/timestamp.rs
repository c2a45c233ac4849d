//! `Timestamp` and `Day`: what is printed is parsed as the same instant and day.

#![no_main]

#[path = "../bodies/timestamp.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
