//! `cases::parse`: what it accepts can be judged.

#![no_main]

#[path = "../bodies/cases.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
