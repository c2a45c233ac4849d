//! JSON objects as ordered keys with their values' own text, so that numbers stay exact and
//! unknown fields survive.

mod pretty;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub use pretty::pretty;

/// The deepest nesting a record may have, itself included.
pub const DEPTH_MAX: usize = 32;

/// A JSON object: its members in their order, each value as the text it was written with.
///
/// ```
/// use credit_core::json::Object;
///
/// let object = Object::parse(r#"{"a": 1.50, "b": [true]}"#)?;
/// assert_eq!(object.get("a").unwrap().get(), "1.50");
/// assert!(Object::parse(r#"{"a": 1, "a": 2}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads one object; a key given twice is an error.
    ///
    /// # Errors
    /// Anything that is not one well-formed object with distinct keys, with line and column.
    pub fn parse(text: &'a str) -> Result<Object<'a>, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// The members in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'a>, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(std::marker::PhantomData))
    }
}

/// Up to so many members, keys are compared one by one.
const FEW: usize = 64;

struct ObjectVisitor<'a>(std::marker::PhantomData<Object<'a>>);

impl<'de: 'a, 'a> Visitor<'de> for ObjectVisitor<'a> {
    type Value = Object<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'a>, M::Error> {
        #[derive(Deserialize)]
        struct Key<'k>(#[serde(borrow)] Cow<'k, str>);

        let mut members: Vec<(Cow<'a, str>, &'a RawValue)> = Vec::with_capacity(24);
        // Looking through a few keys is quicker than hashing them; looking through many would let
        // a long object take quadratic time.
        let mut seen: HashSet<Cow<'a, str>> = HashSet::new();
        while let Some(Key(key)) = map.next_key()? {
            let again = if members.len() < FEW {
                members.iter().any(|(k, _)| *k == key)
            } else {
                if seen.is_empty() {
                    seen.extend(members.iter().map(|(k, _)| k.clone()));
                }
                !seen.insert(key.clone())
            };
            if again {
                return Err(M::Error::custom(format_args!("duplicate key {key:?}")));
            }
            members.push((key, map.next_value()?));
        }
        Ok(Object(members))
    }
}

/// The line (counted from 1) of `text` in which `part` starts; `part` must be a slice of `text`.
pub fn line_of(text: &str, part: &str) -> usize {
    let offset = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|b| **b == b'\n').count()
}

/// `json` without insignificant white space, tokens unchanged; `None` if it nests deeper than
/// `depth_max`. `json` must be well-formed.
///
/// ```
/// assert_eq!(credit_core::json::compact("{ \"a b\" : [1.0, 2] }", 2).unwrap(), r#"{"a b":[1.0,2]}"#);
/// assert!(credit_core::json::compact("[[[]]]", 2).is_none());
/// ```
pub fn compact(json: &str, depth_max: usize) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            match c {
                ' ' | '\t' | '\n' | '\r' => continue,
                '"' => in_string = true,
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > depth_max {
                return None;
            }
        }
        out.push(c);
    }
    Some(out)
}

/// Whether each surrogate escape of `json` (`\ud83d`) is half of a pair. serde_json asks for that
/// only where it decodes a string. `json` must be well-formed.
pub(crate) fn surrogates_paired(json: &str) -> bool {
    let mut rest = json;
    // A backslash is always the start of an escape here: the one it escapes is skipped with it.
    while let Some((_, escape)) = rest.split_once('\\') {
        rest = match unit(escape) {
            None => escape.get(1..).unwrap_or(""),
            Some((0xD800..=0xDBFF, after)) => match after.strip_prefix('\\').and_then(unit) {
                Some((0xDC00..=0xDFFF, after)) => after,
                _ => return false,
            },
            Some((0xDC00..=0xDFFF, _)) => return false,
            Some((_, after)) => after,
        };
    }
    true
}

/// The UTF-16 unit of `uXXXX`, and what follows it.
fn unit(escape: &str) -> Option<(u32, &str)> {
    let (hex, after) = escape.strip_prefix('u')?.split_at_checked(4)?;
    Some((u32::from_str_radix(hex, 16).ok()?, after))
}

/// The start of a text for an error message: at most 80 characters, with control and invisible ones
/// made visible.
///
/// ```
/// use credit_core::json::Excerpt;
///
/// assert_eq!(Excerpt("a\u{202e}\"b\"").to_string(), r#"a\u{202e}"b""#);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'a>(pub &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 80;
        for c in self.0.chars().take(SHOWN_MAX) {
            match c {
                // Visible as they are.
                '"' | '\'' | '\\' => write!(f, "{c}")?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        match self.0.chars().nth(SHOWN_MAX) {
            Some(_) => f.write_str("…"),
            None => Ok(()),
        }
    }
}

/// Writes a displayable number as a JSON number token, digit by digit as displayed.
pub(crate) fn serialize_number<S: Serializer>(
    number: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    RawValue::from_string(number.to_string())
        .map_err(serde::ser::Error::custom)?
        .serialize(serializer)
}

/// Writes one flat JSON object, member by member, into a string.
///
/// ```
/// use credit_core::json::ObjectWriter;
///
/// let mut object = ObjectWriter::new();
/// object.string("name", "a \"b\"");
/// object.token("n", 1.5);
/// assert_eq!(object.finish(), r#"{"name":"a \"b\"","n":1.5}"#);
/// ```
#[derive(Debug)]
pub struct ObjectWriter(String);

impl ObjectWriter {
    /// An object without members.
    #[expect(
        clippy::new_without_default,
        reason = "a half-written object is no default"
    )]
    pub fn new() -> ObjectWriter {
        let mut text = String::with_capacity(1024);
        text.push('{');
        ObjectWriter(text)
    }

    /// A string member.
    pub fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        push_string(&mut self.0, value);
    }

    /// A member whose value's text is a string that needs no escaping: ids, words, times, hashes.
    pub fn plain(&mut self, key: &str, value: impl fmt::Display) {
        use fmt::Write as _;
        self.key(key);
        // Writing to a string cannot fail.
        let _ = write!(self.0, "\"{value}\"");
    }

    /// A member whose value's text is JSON already: a number, a boolean, a stored token.
    pub fn token(&mut self, key: &str, value: impl fmt::Display) {
        use fmt::Write as _;
        self.key(key);
        let _ = write!(self.0, "{value}");
    }

    /// A member that is an array of words.
    pub fn words(&mut self, key: &str, words: impl Iterator<Item = &'static str>) {
        self.key(key);
        self.0.push('[');
        for (i, word) in words.enumerate() {
            self.0.push_str(if i == 0 { "\"" } else { ",\"" });
            self.0.push_str(word);
            self.0.push('"');
        }
        self.0.push(']');
    }

    /// The object's text.
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_string(&mut self.0, key);
        self.0.push(':');
    }
}

fn push_string(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        // Serializing a str cannot fail.
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}
