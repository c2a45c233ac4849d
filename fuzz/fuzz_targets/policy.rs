//! `Policy::parse`: what it accepts it can write and read again, and judge by.

#![no_main]

#[path = "../bodies/policy.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
