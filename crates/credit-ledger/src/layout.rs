//! Two frozen layouts of JSON: pretty for people, compact for lines.
//!
//! Both keep every key, string and number token as it stands, and both refuse what readers
//! disagree about (see [`JsonProblem`]): a hash over such a text would mean two things.

pub use crate::json::{JsonError, JsonProblem};

use crate::json::{Sink, scan};

/// Lays JSON out over several lines: two spaces for each level, `": "` after keys, `{}` and
/// `[]` for what is empty, a final newline.
///
/// White space between the tokens of `json` does not matter.
///
/// # Errors
/// The text is not one JSON value, or one that readers could understand in two ways.
///
/// ```
/// let pretty = credit_ledger::layout::pretty(br#"{"Cost":1.50,"Flags":[]}"#)?;
/// assert_eq!(pretty, b"{\n  \"Cost\": 1.50,\n  \"Flags\": []\n}\n");
/// # Ok::<(), credit_ledger::layout::JsonError>(())
/// ```
pub fn pretty(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut pretty = Pretty::for_input(json);
    scan::<true, _>(json, &mut pretty)?;
    Ok(pretty.into_file())
}

/// Strips the white space between tokens, and nothing else.
///
/// # Errors
/// As for [`pretty`].
///
/// ```
/// let compact = credit_ledger::layout::compact(b" { \"Cost\" : 1.50 }\n")?;
/// assert_eq!(compact, br#"{"Cost":1.50}"#);
/// # Ok::<(), credit_ledger::layout::JsonError>(())
/// ```
pub fn compact(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut compact = Compact {
        out: Vec::with_capacity(json.len()),
    };
    scan::<true, _>(json, &mut compact)?;
    Ok(compact.out)
}

/// About as many bytes as the pretty layout needs.
pub(crate) fn room_for(json: &[u8]) -> usize {
    json.len() + json.len() / 3 + 32
}

/// The sink behind [`pretty`].
pub(crate) struct Pretty {
    out: Vec<u8>,
}

struct Compact {
    out: Vec<u8>,
}

impl Pretty {
    pub(crate) fn for_input(json: &[u8]) -> Self {
        Self {
            out: Vec::with_capacity(room_for(json)),
        }
    }

    /// Lays out into the room of a file that is not needed any more.
    pub(crate) fn into_room_of(mut file: Vec<u8>) -> Self {
        file.clear();
        Self { out: file }
    }

    pub(crate) fn into_file(mut self) -> Vec<u8> {
        self.out.push(b'\n');
        self.out
    }

    /// What stands between two items: a comma (not before the first), a newline, the indent.
    fn gap(&mut self, skip: usize, depth: usize) {
        const GAP: &[u8; 66] =
            b",\n                                                                ";
        let gap = GAP.get(skip..2 + 2 * depth).unwrap_or_default();
        self.out.extend_from_slice(gap);
    }
}

impl<'a> Sink<'a> for Pretty {
    #[inline]
    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
    }

    #[inline]
    fn close(&mut self, bracket: u8, depth: usize, empty: bool) {
        if !empty {
            self.gap(1, depth);
        }
        self.out.push(bracket);
    }

    #[inline]
    fn item(&mut self, depth: usize, first: bool) {
        self.gap(usize::from(first), depth);
    }

    #[inline]
    fn key(&mut self, token: &[u8]) {
        self.out.extend_from_slice(token);
        self.out.extend_from_slice(b": ");
    }

    #[inline]
    fn token(&mut self, token: &[u8]) {
        self.out.extend_from_slice(token);
    }
}

impl<'a> Sink<'a> for Compact {
    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
    }

    fn close(&mut self, bracket: u8, _depth: usize, _empty: bool) {
        self.out.push(bracket);
    }

    fn item(&mut self, _depth: usize, first: bool) {
        if !first {
            self.out.push(b',');
        }
    }

    fn key(&mut self, token: &[u8]) {
        self.out.extend_from_slice(token);
        self.out.push(b':');
    }

    fn token(&mut self, token: &[u8]) {
        self.out.extend_from_slice(token);
    }
}
