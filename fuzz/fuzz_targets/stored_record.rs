//! `StoredRecord::parse` and the scans: what a record says is the same however it is read.

#![no_main]

#[path = "../bodies/stored_record.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
