//! What both sides' HTTP has in common.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, Uri};
use serde::Serialize;

use crate::BaseUrl;

/// `Retry-After` in whole seconds. A date, which neither Slack nor Notion sends, would need a
/// clock, and counts as no answer: the caller's backoff decides.
pub(crate) fn retry_after(response: &Response<Vec<u8>>) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// A body. What is sent consists of texts and numbers, for which writing JSON cannot fail.
pub(crate) fn bytes(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

/// A method's address. Base and path are both checked or fixed, so it can be read.
pub(crate) fn uri(base: &BaseUrl, path: &str) -> Uri {
    base.join(path).parse().unwrap_or_default()
}

/// A text as a part of a path or a query.
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
