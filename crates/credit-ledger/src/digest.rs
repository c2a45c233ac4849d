//! SHA-256 digests and their one text form, lower-case hex.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
///
/// Its text is exactly 64 lower-case hex digits, so that two texts are equal if and only if
/// the digests are.
///
/// ```
/// use credit_ledger::Digest;
///
/// let digest = Digest::of(b"abc");
/// assert!(digest.to_string().starts_with("ba7816bf"));
/// assert_eq!(Digest::from_hex(&digest.to_string()), Ok(digest));
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; 32]);

/// The text is not 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a SHA-256 is written as 64 lower-case hex digits")]
pub struct DigestError;

impl Digest {
    /// Hashes `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 lower-case hex digits; upper case is refused.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        Self::from_hex_bytes(text.as_bytes()).ok_or(DigestError)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The form all callers inside the crate use: they hold bytes, not text.
    pub(crate) fn from_hex_bytes(text: &[u8]) -> Option<Self> {
        let text: &[u8; 64] = text.try_into().ok()?;
        // Bad digits are collected and looked at once, and no step has a branch: the compiler
        // makes vectors of it.
        let nibbles = text.map(nibble);
        let bad = nibbles.iter().fold(0, |bad, nibble| bad | nibble);
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(nibbles.as_chunks::<2>().0) {
            *byte = (high << 4) | (low & 0x0f);
        }
        (bad & 0xf0 == 0).then_some(Self(bytes))
    }

    pub(crate) fn to_hex(self) -> [u8; 64] {
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [byte >> 4, byte & 0x0f].map(|n| if n < 10 { b'0' + n } else { b'a' + n - 10 });
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.to_hex()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::from_hex(text)
    }
}

/// The value of a lower-case hex digit; anything above 15 is none.
const fn nibble(digit: u8) -> u8 {
    let (number, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
    if number < 10 {
        number
    } else if letter < 6 {
        letter + 10
    } else {
        0xf0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let digest = Digest::from_bytes(std::array::from_fn(|i| (i * 37 % 256) as u8));
        assert_eq!(digest.to_hex().as_slice(), digest.to_string().as_bytes());
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(format!("{digest:?}"), digest.to_string());
    }

    #[test]
    fn only_lower_case_hex_of_the_right_length() {
        let good = Digest::of(b"x").to_string();
        for bad in [
            String::new(),
            good.to_uppercase(),
            good.get(1..).unwrap().to_owned(),
            format!("{good}0"),
            good.replace(|c: char| c.is_ascii_digit(), "g"),
            good.replace(|c: char| c.is_ascii_digit(), "/"),
            "é".repeat(32),
        ] {
            assert_eq!(Digest::from_hex(&bad), Err(DigestError), "{bad}");
        }
    }
}
