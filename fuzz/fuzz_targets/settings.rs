//! What people set up for Slack and Notion: what is accepted can be sent to, a secret is shown
//! nowhere, and nothing escapes its place in a message.

#![no_main]

#[path = "../bodies/settings.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::check(text));
