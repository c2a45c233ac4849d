//! `Outcomes::parse`: each run is there once, and the same outcomes one after the other and as an
//! array are the same.

#![no_main]

#[path = "../bodies/outcomes.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
