//! `Credits` and `Multiplier`: what is printed is parsed as the same number.

#![no_main]

#[path = "../bodies/numbers.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|token: &str| body::check(token));
