//! `Run::parse`: what it accepts, it writes and reads back as the same run, in the same bytes.

#![no_main]

#[path = "../bodies/run.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
