//! `RunFacts::parse`: reads what a ledger line says and never panics.

#![no_main]

#[path = "../bodies/run_facts.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
