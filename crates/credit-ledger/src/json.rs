//! A strict JSON scanner: one pass that checks, lays out anew and looks at top-level members.
//!
//! It never interprets a token, so numbers and strings come out as they went in. It is
//! stricter than RFC 8259 where readers disagree: duplicate keys (compared unescaped), lone
//! surrogates, numbers beyond the range of a double and nesting over [`DEPTH_MAX`] are refused.

mod keys;
mod mould;

use self::keys::KeySet;
pub(crate) use self::keys::{Keys, Prints, fingerprint};

/// How deep objects and arrays may nest; the outermost counts as one.
pub(crate) const DEPTH_MAX: usize = 32;

/// Why a text is not accepted as JSON, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{problem} at byte {offset}")]
pub struct JsonError {
    /// Bytes from the start of the text.
    pub offset: usize,
    /// What is wrong there.
    pub problem: JsonProblem,
}

/// What is wrong with a JSON text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProblem {
    /// A control character that must be written as an escape.
    #[error("a raw control character in a string")]
    ControlCharacter,
    /// The same key twice in one object, after unescaping.
    #[error("duplicate key `{0}`")]
    DuplicateKey(String),
    /// An escape JSON does not know, or half of a surrogate pair.
    #[error("a bad escape in a string")]
    Escape,
    /// A number outside the JSON grammar or the range of a double.
    #[error("a bad number")]
    Number,
    /// White space outside strings where compact JSON is asked for.
    #[error("white space in what should be compact JSON")]
    Space,
    /// More than 4 GiB.
    #[error("a text longer than 4 GiB")]
    TooLarge,
    /// Objects and arrays nested more than 32 deep.
    #[error("nesting deeper than 32")]
    TooDeep,
    /// Something after the value.
    #[error("something after the end of the value")]
    Trailing,
    /// A byte that no JSON has in this place, or the end of the text.
    #[error("not JSON")]
    Unexpected,
    /// Bytes that are not UTF-8.
    #[error("bytes that are not UTF-8")]
    Utf8,
}

/// Takes the tokens in their order. Everything does nothing unless said otherwise.
pub(crate) trait Sink<'a> {
    /// An object or array begins.
    fn open(&mut self, _bracket: u8) {}
    /// An object or array ends; `depth` is that of what surrounds it.
    fn close(&mut self, _bracket: u8, _depth: usize, _empty: bool) {}
    /// An element follows in an array of this depth.
    fn item(&mut self, _depth: usize, _first: bool) {}
    /// A member follows in an object of this depth: its key with the quotes; the colon is the
    /// sink's to add.
    fn key(&mut self, _token: &[u8], _depth: usize, _first: bool) {}
    /// A string, number or literal as it stands.
    fn token(&mut self, _token: &[u8]) {}
    /// A member of the outermost object is complete. `key` is unescaped, `value` as it stands.
    fn member(&mut self, _key: Member<'_>, _value: &'a [u8], _value_at: usize) {}
}

/// The unescaped key of a member, with its [`fingerprint`].
#[derive(Clone, Copy)]
pub(crate) struct Member<'k> {
    pub(crate) key: &'k [u8],
    pub(crate) print: u64,
}

/// Scans one JSON value; `SPACES` says whether white space between tokens is allowed.
pub(crate) fn scan<'a, const SPACES: bool, S: Sink<'a>>(
    input: &'a [u8],
    sink: &mut S,
) -> Result<(), JsonError> {
    scan_with::<SPACES, S>(input, sink, &mut Keys::default())
}

/// The same, with room for keys that was used before.
pub(crate) fn scan_with<'a, const SPACES: bool, S: Sink<'a>>(
    input: &'a [u8],
    sink: &mut S,
    keys: &mut Keys,
) -> Result<(), JsonError> {
    keys.clear();
    // Most texts are ASCII, and that is seen several times as fast.
    if !input.is_ascii()
        && let Err(error) = std::str::from_utf8(input)
    {
        return Err(JsonError {
            offset: error.valid_up_to(),
            problem: JsonProblem::Utf8,
        });
    }
    if u32::try_from(input.len()).is_err() {
        return Err(JsonError {
            offset: 0,
            problem: JsonProblem::TooLarge,
        });
    }
    let mut scanner = Scanner::<SPACES, S> {
        input,
        at: 0,
        keys,
        sink,
    };
    scanner.document().map_err(|error| *error)
}

struct Scanner<'a, 's, const SPACES: bool, S> {
    input: &'a [u8],
    at: usize,
    keys: &'s mut Keys,
    sink: &'s mut S,
}

// Errors are boxed inside the scanner: the results of the hot functions stay one word.
impl<'a, const SPACES: bool, S: Sink<'a>> Scanner<'a, '_, SPACES, S> {
    fn document(&mut self) -> Result<(), Box<JsonError>> {
        self.space();
        self.value(0)?;
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(byte) if is_space(byte) => self.fail(self.at, JsonProblem::Space),
            Some(_) => self.fail(self.at, JsonProblem::Trailing),
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), Box<JsonError>> {
        match self.peek() {
            Some(b'"') => {
                let start = self.at;
                self.string()?;
                self.sink.token(self.since(start));
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => self.unexpected(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Box<JsonError>> {
        self.enter(b'{', depth)?;
        if self.peek() == Some(b'}') {
            self.leave(b'}', depth, true);
            return Ok(());
        }
        let inner = depth + 1;
        let mut set = KeySet::new(self.keys, inner == 1);
        let mut first = true;
        loop {
            if self.peek() != Some(b'"') {
                return self.unexpected();
            }
            let key_at = self.at;
            let print = self.key(&mut set)?;
            self.sink.key(self.since(key_at), inner, first);
            first = false;
            self.space();
            self.expect(b':')?;
            self.space();
            let value_at = self.at;
            self.value(inner)?;
            if inner == 1 {
                let key = self.keys.last(self.input);
                let value = self.since(value_at);
                self.sink.member(Member { key, print }, value, value_at);
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.unexpected(),
            }
            self.space();
        }
        self.keys.close(&set, self.input)?;
        self.leave(b'}', depth, false);
        Ok(())
    }

    /// Passes a key; gives its fingerprint.
    #[inline]
    fn key(&mut self, set: &mut KeySet) -> Result<u64, Box<JsonError>> {
        let start = self.at;
        if let Some((length, print)) = self.keys.meet(set, self.input, start) {
            self.at += length;
            return Ok(print);
        }
        let escaped = self.string()?;
        self.keys.push(set, self.input, start, self.at, escaped)
    }

    fn array(&mut self, depth: usize) -> Result<(), Box<JsonError>> {
        self.enter(b'[', depth)?;
        if self.peek() == Some(b']') {
            self.leave(b']', depth, true);
            return Ok(());
        }
        let mut first = true;
        loop {
            self.sink.item(depth + 1, first);
            first = false;
            self.value(depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.unexpected(),
            }
            self.space();
        }
        self.leave(b']', depth, false);
        Ok(())
    }

    /// Passes a string; says whether it holds an escape.
    #[inline]
    fn string(&mut self) -> Result<bool, Box<JsonError>> {
        let mut at = self.at + 1;
        let mut escaped = false;
        loop {
            at += plain_bytes(self.input.get(at..).unwrap_or_default());
            match self.input.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                Some(0..0x20) => return self.fail(at, JsonProblem::ControlCharacter),
                Some(_) => at += 1,
                None => return self.fail(at, JsonProblem::Unexpected),
            }
        }
        self.at = at + 1;
        Ok(escaped)
    }

    /// The place after the escape that starts at `at`.
    #[cold]
    fn escape(&mut self, at: usize) -> Result<usize, Box<JsonError>> {
        let rest = self.input.get(at..).unwrap_or_default();
        match keys::unescape(rest) {
            Some((_, length)) => Ok(at + length),
            None => self.fail(at, JsonProblem::Escape),
        }
    }

    fn number(&mut self) -> Result<(), Box<JsonError>> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let digits_at = self.at;
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.input.get(digits_at) == Some(&b'0')) {
            return self.fail(start, JsonProblem::Number);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.fail(start, JsonProblem::Number);
            }
        }
        let mut suspicious = whole > 300;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fail(start, JsonProblem::Number);
            }
            suspicious = true;
        }
        let token = self.since(start);
        // Only an exponent or hundreds of digits can leave the range of a double.
        if suspicious && !is_finite(token) {
            return self.fail(start, JsonProblem::Number);
        }
        self.sink.token(token);
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), Box<JsonError>> {
        if !self
            .input
            .get(self.at..)
            .unwrap_or_default()
            .starts_with(word)
        {
            return self.fail(self.at, JsonProblem::Unexpected);
        }
        self.at += word.len();
        self.sink.token(word);
        Ok(())
    }

    fn enter(&mut self, bracket: u8, depth: usize) -> Result<(), Box<JsonError>> {
        if depth >= DEPTH_MAX {
            return self.fail(self.at, JsonProblem::TooDeep);
        }
        self.sink.open(bracket);
        self.at += 1;
        self.space();
        Ok(())
    }

    fn leave(&mut self, bracket: u8, depth: usize, empty: bool) {
        self.at += 1;
        self.sink.close(bracket, depth, empty);
    }

    fn expect(&mut self, byte: u8) -> Result<(), Box<JsonError>> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        self.unexpected()
    }

    fn space(&mut self) {
        if SPACES {
            while self.peek().is_some_and(is_space) {
                self.at += 1;
            }
        }
    }

    fn since(&self, start: usize) -> &'a [u8] {
        self.input.get(start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    #[cold]
    fn unexpected<T>(&self) -> Result<T, Box<JsonError>> {
        match self.peek() {
            Some(byte) if is_space(byte) => self.fail(self.at, JsonProblem::Space),
            _ => self.fail(self.at, JsonProblem::Unexpected),
        }
    }

    #[cold]
    fn fail<T>(&self, offset: usize, problem: JsonProblem) -> Result<T, Box<JsonError>> {
        Err(Box::new(JsonError { offset, problem }))
    }
}

/// How many bytes at the front are plain string bytes. At the very end of the text there may be
/// up to seven more.
#[inline]
fn plain_bytes(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        // Most strings end soon; a long one goes by whole vectors.
        for _ in 0..WORDS_FIRST {
            let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) else {
                return at;
            };
            let stops = stops_in(u64::from_le_bytes(*word));
            if stops != 0 {
                return at + stops.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        let blocks = text
            .get(at..)
            .unwrap_or_default()
            .as_chunks::<BLOCK_BYTES>();
        at += BLOCK_BYTES * blocks.0.iter().take_while(|block| is_plain(block)).count();
    }
}

const WORDS_FIRST: usize = 4;
const BLOCK_BYTES: usize = 64;

/// Without a branch inside, so that the compiler makes vectors of it.
fn is_plain(block: &[u8; BLOCK_BYTES]) -> bool {
    let stop = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    !block.iter().fold(false, |any, byte| any | stop(*byte))
}

/// The high bit of each byte that ends a run of plain string bytes: `"`, `\` or a control
/// character. Above the lowest one there may be false ones, below it never.
const fn stops_in(chunk: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quote = chunk ^ (ONES * b'"' as u64);
    let backslash = chunk ^ (ONES * b'\\' as u64);
    ((quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (chunk.wrapping_sub(ONES * 0x20) & !chunk))
        & HIGHS
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_finite(number: &[u8]) -> bool {
    let number = std::str::from_utf8(number)
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    number.is_some_and(f64::is_finite)
}
