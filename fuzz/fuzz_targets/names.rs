//! The short texts of records and files: what is accepted is written as it was read, and is safe
//! where it goes.

#![no_main]

#[path = "../bodies/names.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
