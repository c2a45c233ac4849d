//! `Operators::parse` and `NAME:ROLE`: who is registered is registered once, and written as read.

#![no_main]

#[path = "../bodies/operators.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
