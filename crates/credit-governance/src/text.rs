//! Texts that somebody must give: never empty, never endless.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that a person wrote: trimmed, 1 to 2000 characters, no control characters.
///
/// Where a reason or an explanation is mandatory, its type is this one, so that an empty reason
/// cannot be recorded.
///
/// ```
/// use credit_governance::Text;
///
/// assert_eq!("  max_items now 1000 ".parse::<Text>()?.as_str(), "max_items now 1000");
/// assert!(" \u{a0} ".parse::<Text>().is_err());
/// # Ok::<(), credit_governance::TextError>(())
/// ```
#[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(Box<str>);

impl Text {
    /// The most characters a text may have.
    pub const LENGTH_MAX: usize = 2000;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text of our own making: what a text cannot hold becomes a space, the rest is cut off.
    pub(crate) fn of(words: &str) -> Text {
        let kept = words.chars().map(|c| if c.is_control() { ' ' } else { c });
        let kept: String = kept.take(Text::LENGTH_MAX).collect();
        let kept = kept.trim();
        Text(if kept.is_empty() { "-" } else { kept }.into())
    }
}

impl FromStr for Text {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Text, TextError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(TextError::Empty);
        }
        if let Some(found) = trimmed.chars().find(|c| c.is_control()) {
            return Err(TextError::Control { found });
        }
        let length = trimmed.chars().count();
        if length > Text::LENGTH_MAX {
            return Err(TextError::TooLong { length });
        }
        Ok(Text(trimmed.into()))
    }
}

impl TryFrom<String> for Text {
    type Error = TextError;

    fn try_from(text: String) -> Result<Text, TextError> {
        text.parse()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.0.into()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The address of a conversation about a case: `https://`, at most 2000 characters, printable
/// ASCII without spaces, quotes or angle brackets.
///
/// ```
/// use credit_governance::ThreadUrl;
///
/// assert!("https://chat.example/archives/C1/p17".parse::<ThreadUrl>().is_ok());
/// assert!("http://chat.example/".parse::<ThreadUrl>().is_err());
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ThreadUrl(Box<str>);

impl ThreadUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ThreadUrl {
    type Err = TextError;

    fn from_str(text: &str) -> Result<ThreadUrl, TextError> {
        let text = text.trim();
        let safe = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'`' | b'\\');
        let named = text
            .strip_prefix("https://")
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        if named && text.bytes().all(safe) && text.len() <= Text::LENGTH_MAX {
            Ok(ThreadUrl(text.into()))
        } else {
            Err(TextError::Url)
        }
    }
}

impl TryFrom<String> for ThreadUrl {
    type Error = TextError;

    fn try_from(text: String) -> Result<ThreadUrl, TextError> {
        text.parse()
    }
}

impl From<ThreadUrl> for String {
    fn from(url: ThreadUrl) -> String {
        url.0.into()
    }
}

impl fmt::Display for ThreadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text cannot be taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Nothing but white space.
    #[error("the text is empty; write at least one word")]
    Empty,
    /// Too much.
    #[error("the text has {length} characters; at most 2000 are kept")]
    TooLong {
        /// How many characters it has.
        length: usize,
    },
    /// A line end, tab or other control character.
    #[error("the text contains {found:?}; write it on one line without control characters")]
    Control {
        /// The first one.
        found: char,
    },
    /// Not an address.
    #[error("the address must begin with https:// and have no spaces, quotes or angle brackets")]
    Url,
}
