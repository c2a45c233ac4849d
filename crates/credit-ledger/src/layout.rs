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
    let mut pretty = Pretty::default();
    pretty.begin(json);
    scan::<true, _>(json, &mut pretty)?;
    pretty.end();
    Ok(pretty.file().to_vec())
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

/// The sink behind [`pretty`]: lays out into room that was made before and is used again.
#[derive(Default)]
pub(crate) struct Pretty {
    room: Vec<u8>,
    /// So much of the room is filled.
    filled: usize,
}

struct Compact {
    out: Vec<u8>,
}

impl Pretty {
    /// Begins anew, with room for about what this text needs.
    pub(crate) fn begin(&mut self, json: &[u8]) {
        self.filled = 0;
        self.make_room(json.len() + json.len() / 3 + 32);
    }

    pub(crate) fn end(&mut self) {
        self.put(b"\n");
    }

    /// What was laid out since it began.
    pub(crate) fn file(&self) -> &[u8] {
        self.room.get(..self.filled).unwrap_or_default()
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        copy(self.next(bytes.len()), bytes);
    }

    /// The next so many bytes, to be filled.
    #[inline]
    fn next(&mut self, bytes: usize) -> &mut [u8] {
        let start = self.filled;
        self.filled += bytes;
        if self.filled > self.room.len() {
            self.make_room(self.filled * 2);
        }
        self.room.get_mut(start..self.filled).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, bytes: usize) {
        if bytes > self.room.len() {
            self.room.resize(bytes, 0);
        }
    }
}

/// What stands between two items: a comma (not before the first), a newline, the indent.
#[inline]
fn gap(first: bool, depth: usize) -> &'static [u8] {
    const GAP: &[u8; 66] = b",\n                                                                ";
    GAP.get(usize::from(first)..2 + 2 * depth)
        .unwrap_or_default()
}

/// Copies a token. Most are short, and for these a call costs more than the copying.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        1..4 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        4..8 => copy_ends::<4>(to, from),
        8..16 => copy_ends::<8>(to, from),
        16..=32 => copy_ends::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first and the last `N` of `N` to `2 N` bytes.
#[inline]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *to = *from;
    }
}

impl<'a> Sink<'a> for Pretty {
    #[inline]
    fn open(&mut self, bracket: u8) {
        self.put(&[bracket]);
    }

    #[inline]
    fn close(&mut self, bracket: u8, depth: usize, empty: bool) {
        if !empty {
            self.put(gap(true, depth));
        }
        self.put(&[bracket]);
    }

    #[inline]
    fn item(&mut self, depth: usize, first: bool) {
        self.put(gap(first, depth));
    }

    #[inline]
    fn key(&mut self, token: &[u8], depth: usize, first: bool) {
        let gap = gap(first, depth);
        let room = self.next(gap.len() + token.len() + 2);
        let (before, room) = room.split_at_mut_checked(gap.len()).unwrap_or_default();
        let (key, colon) = room.split_at_mut_checked(token.len()).unwrap_or_default();
        copy(before, gap);
        copy(key, token);
        copy(colon, b": ");
    }

    #[inline]
    fn token(&mut self, token: &[u8]) {
        self.put(token);
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

    fn key(&mut self, token: &[u8], depth: usize, first: bool) {
        self.item(depth, first);
        self.out.extend_from_slice(token);
        self.out.push(b':');
    }

    fn token(&mut self, token: &[u8]) {
        self.out.extend_from_slice(token);
    }
}
