//! `Phrase`: never a panic, and what is understood is understood when it is said plainly, too.

#![no_main]

#[path = "../bodies/phrase.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
