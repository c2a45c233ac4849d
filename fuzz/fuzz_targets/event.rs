//! `Event::parse`: what it accepts it can write and read again, under the same name.

#![no_main]

#[path = "../bodies/event.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
