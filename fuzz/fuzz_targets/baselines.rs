//! `Baselines::parse`: what it accepts it can write and read again.

#![no_main]

#[path = "../bodies/baselines.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
