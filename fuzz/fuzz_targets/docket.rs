//! `Docket::from_snapshot`: what it accepts it writes and reads again, and answers about.

#![no_main]

#[path = "../bodies/docket.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
