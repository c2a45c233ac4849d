//! `ScenarioConfig::parse`: what a scenario's file says is filled in where a run said nothing, and
//! changes nothing that it did say.

#![no_main]

#[path = "../bodies/scenario.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
