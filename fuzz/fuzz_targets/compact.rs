//! `json::compact` and `json::Object`: the same JSON without its white space.

#![no_main]

#[path = "../bodies/compact.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
