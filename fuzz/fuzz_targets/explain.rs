//! `Policy::explain`: it agrees with `assess`, and what it states is so.

#![no_main]

#[path = "../bodies/explain.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
