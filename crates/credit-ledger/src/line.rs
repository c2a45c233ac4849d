//! One line: how it is written, and how it is read without a JSON parser.
//!
//! A line is `body, file hash?, origin (line 0 only), import? (line 0 only), Seq, Prev_Hash,
//! Hash`; everything the ledger adds has a fixed form and stands at the end, so it is read backwards from there.

use sha2::{Digest as _, Sha256};

use crate::Digest;
use crate::beginning::{Beginning, Import};
use crate::finding::FindingKind;
use crate::layout::{self, JsonError};
use crate::ledger::Head;
use crate::record::{LINE_BYTES_MAX, Record, Schema};

/// What the ledger writes in any schema; the last two in line 0 of an imported ledger only.
pub(crate) const CHAIN_KEYS: [&str; 5] = ["Seq", "Prev_Hash", "Hash", IMPORT_BYTES, IMPORT_SHA256];

const IMPORT_BYTES: &str = "Ledger_Import_Bytes";
const IMPORT_SHA256: &str = "Ledger_Import_Sha256";

/// Above 2^53 - 1 readers that keep numbers as doubles (jq) would round.
pub(crate) const SEQ_MAX: u64 = (1 << 53) - 1;

/// The bytes of `,"Hash":"<64 hex>"}`.
const SUFFIX_BYTES: usize = 75;
const ORIGIN_DIGITS: usize = 32;

/// A line of the ledger, borrowed from the reader's buffer.
///
/// Its form was checked: the chain fields stand where they belong. Its hash was checked only
/// if whoever handed it out says so.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    raw: &'a [u8],
    fields: Fields,
    offset: u64,
}

/// A line of the ledger that stands on its own.
#[derive(Clone, Debug)]
pub struct OwnedLine {
    raw: Vec<u8>,
    fields: Fields,
    offset: u64,
}

#[derive(Clone, Copy, Debug)]
struct Fields {
    seq: u64,
    prev: Digest,
    hash: Digest,
    file_hash: Option<Digest>,
    origin: Option<[u8; ORIGIN_DIGITS]>,
    import: Option<Import>,
    /// The body without its closing brace.
    body_end: usize,
}

macro_rules! line_accessors {
    () => {
        /// The line's number, counted from 0.
        #[must_use]
        pub fn seq(&self) -> u64 {
            self.fields.seq
        }

        /// The hash of the line before, as this line states it.
        #[must_use]
        pub fn prev_hash(&self) -> Digest {
            self.fields.prev
        }

        /// The line's own hash, as it states it.
        #[must_use]
        pub fn hash(&self) -> Digest {
            self.fields.hash
        }

        /// Where the ledger stands when this is its last line.
        #[must_use]
        pub fn head(&self) -> Head {
            Head {
                seq: self.seq(),
                hash: self.hash(),
                end: self.offset + self.raw.len() as u64 + 1,
            }
        }

        /// What line 0 of an imported ledger states about the bytes before it.
        #[must_use]
        pub fn import(&self) -> Option<Import> {
            self.fields.import
        }

        /// The whole line without its newline.
        #[must_use]
        pub fn raw(&self) -> &[u8] {
            &self.raw
        }

        /// Where the line starts in the file.
        #[must_use]
        pub fn offset(&self) -> u64 {
            self.offset
        }

        /// The hash of the record's file, if the schema has one.
        #[must_use]
        pub fn file_hash(&self) -> Option<Digest> {
            self.fields.file_hash
        }

        /// The record itself: the compact JSON object as it was appended.
        #[must_use]
        pub fn body(&self) -> Vec<u8> {
            body_of(&self.raw, self.fields.body_end)
        }

        /// The record's pretty-printed file, made from the line.
        ///
        /// # Errors
        /// The record in the line is not strict JSON; no line of an intact ledger is.
        pub fn file_bytes(&self) -> Result<Vec<u8>, JsonError> {
            layout::pretty(&self.body())
        }
    };
}

impl<'a> Line<'a> {
    line_accessors!();

    /// Copies the line out of the reader's buffer.
    #[must_use]
    pub fn to_owned(&self) -> OwnedLine {
        OwnedLine {
            raw: self.raw.to_vec(),
            fields: self.fields,
            offset: self.offset,
        }
    }

    pub(crate) fn parse(schema: &Schema, raw: &'a [u8], offset: u64) -> Result<Self, FindingKind> {
        let too_long = raw.len() > LINE_BYTES_MAX;
        let fields = if too_long {
            None
        } else {
            Fields::parse(schema, raw)
        };
        let reason = if too_long {
            "it is too long"
        } else {
            "its chain fields are damaged"
        };
        let fields = fields.ok_or(FindingKind::NotALine { reason })?;
        Ok(Self {
            raw,
            fields,
            offset,
        })
    }

    /// The hash the line should state.
    pub(crate) fn actual_hash(&self) -> Digest {
        Digest::of(
            self.raw
                .get(..self.raw.len() - SUFFIX_BYTES)
                .unwrap_or_default(),
        )
    }

    /// What line 0 states.
    pub(crate) fn beginning(&self) -> Option<Beginning> {
        let origin = self.fields.origin?;
        let import = self.fields.import;
        Some(Beginning {
            origin: Some(String::from_utf8_lossy(&origin).into_owned()),
            start: import.map_or(0, |import| import.bytes),
            sha256: import.map(|import| import.sha256),
        })
    }

    /// Puts the body into a buffer that is used again.
    pub(crate) fn body_into(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(self.raw.get(..self.fields.body_end).unwrap_or_default());
        buffer.push(b'}');
    }
}

impl OwnedLine {
    line_accessors!();
}

impl Fields {
    /// Reads the fields from the last to the first. Every byte of them has one allowed form.
    fn parse(schema: &Schema, raw: &[u8]) -> Option<Self> {
        let (covered, suffix) = raw.split_at_checked(raw.len().checked_sub(SUFFIX_BYTES)?)?;
        let hash = suffix.strip_prefix(b",\"Hash\":\"")?.strip_suffix(b"\"}")?;
        let hash = Digest::from_hex_bytes(hash)?;
        let (rest, prev) = last_member(covered, "Prev_Hash", 64)?;
        let prev = Digest::from_hex_bytes(prev)?;
        let (rest, seq) = last_number(rest)?;
        let rest = rest.strip_suffix(b",\"Seq\":")?;
        let (rest, import, origin) = if seq == 0 {
            let (rest, import) = last_import(rest)?;
            let (rest, origin) = last_member(rest, schema.origin, ORIGIN_DIGITS)?;
            let origin: [u8; ORIGIN_DIGITS] = origin.try_into().ok()?;
            (rest, import, Some(is_origin(&origin).then_some(origin)?))
        } else {
            (rest, None, None)
        };
        let (rest, file_hash) = match schema.file_hash {
            Some(key) => {
                let (rest, hash) = last_member(rest, key, 64)?;
                (rest, Some(Digest::from_hex_bytes(hash)?))
            }
            None => (rest, None),
        };
        (rest.first() == Some(&b'{')).then_some(Self {
            seq,
            prev,
            hash,
            file_hash,
            origin,
            import,
            body_end: rest.len(),
        })
    }
}

/// Appends a record's line and its newline to `out`; returns the line's hash.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    record: &Record,
    seq: u64,
    prev: Digest,
    beginning: &Beginning,
) -> Digest {
    let schema = record.schema();
    let file_hash = schema.file_hash.zip(record.file_hash());
    each_part(record.body(), file_hash, |part| out.extend_from_slice(part));
    let start = out.len();
    if seq == 0 {
        let origin = beginning.origin.as_deref().unwrap_or_default();
        push_member(out, schema.origin, origin.as_bytes());
        if let Some(Import { bytes, sha256 }) = beginning.import() {
            push_key(out, IMPORT_BYTES);
            push_number(out, bytes);
            push_member(out, IMPORT_SHA256, &sha256.to_hex());
        }
    }
    out.extend_from_slice(b",\"Seq\":");
    push_number(out, seq);
    push_member(out, "Prev_Hash", &prev.to_hex());
    let mut hasher = record.hashed();
    hasher.update(out.get(start..).unwrap_or_default());
    let hash = Digest::from_bytes(hasher.finalize().into());
    push_member(out, "Hash", &hash.to_hex());
    out.extend_from_slice(b"}\n");
    hash
}

/// Hashes the beginning of a line that [`encode`] makes of the record, wherever that will be.
pub(crate) fn hash_record(body: &[u8], file_hash: Option<(&str, Digest)>) -> Sha256 {
    let mut hasher = Sha256::new();
    each_part(body, file_hash, |part| hasher.update(part));
    hasher
}

/// What a line begins with: its record, without the closing brace, and the hash of its file.
fn each_part(body: &[u8], file_hash: Option<(&str, Digest)>, mut part: impl FnMut(&[u8])) {
    part(body.strip_suffix(b"}").unwrap_or(body));
    if let Some((key, hash)) = file_hash {
        for text in [b",\"", key.as_bytes(), b"\":\"", &hash.to_hex(), b"\""] {
            part(text);
        }
    }
}

/// 32 lower-case hex digits.
pub(crate) fn is_origin(text: &[u8]) -> bool {
    text.len() == ORIGIN_DIGITS && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The most bytes a line can have besides its record's body.
pub(crate) fn overhead_max(schema: &Schema) -> usize {
    let member = |key: &str, value: usize| r#","":"""#.len() + key.len() + value;
    let file_hash = schema.file_hash.map_or(0, |key| member(key, 64));
    let number = |key: &str| r#","":"#.len() + key.len() + SEQ_MAX.ilog10() as usize + 1;
    file_hash
        + member(schema.origin, ORIGIN_DIGITS)
        + number(IMPORT_BYTES)
        + member(IMPORT_SHA256, 64)
        + number("Seq")
        + member("Prev_Hash", 64)
        + member("Hash", 64)
}

fn push_member(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    for part in [b",\"", key.as_bytes(), b"\":\"", value, b"\""] {
        out.extend_from_slice(part);
    }
}

fn push_key(out: &mut Vec<u8>, key: &str) {
    for part in [b",\"", key.as_bytes(), b"\":"] {
        out.extend_from_slice(part);
    }
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits.iter().skip(20 - used));
}

/// Splits `…,"key":"value"` with a value of known length.
fn last_member<'a>(text: &'a [u8], key: &str, length: usize) -> Option<(&'a [u8], &'a [u8])> {
    let text = text.strip_suffix(b"\"")?;
    let (rest, value) = text.split_at_checked(text.len().checked_sub(length)?)?;
    let rest = rest.strip_suffix(b"\":\"")?.strip_suffix(key.as_bytes())?;
    Some((rest.strip_suffix(b",\"")?, value))
}

/// Splits what line 0 states about an import, if it does; half of it is damage.
fn last_import(text: &[u8]) -> Option<(&[u8], Option<Import>)> {
    let Some((rest, sha256)) = last_member(text, IMPORT_SHA256, 64) else {
        return Some((text, None));
    };
    let sha256 = Digest::from_hex_bytes(sha256)?;
    let (rest, bytes) = last_number(rest)?;
    let rest = rest.strip_suffix(b"\":")?;
    let rest = rest.strip_suffix(IMPORT_BYTES.as_bytes())?;
    let rest = rest.strip_suffix(b",\"")?;
    (bytes > 0).then_some((rest, Some(Import { bytes, sha256 })))
}

/// Splits `…<number>`: no leading zero, at most [`SEQ_MAX`].
fn last_number(text: &[u8]) -> Option<(&[u8], u64)> {
    let digits = text
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_digit())
        .take(17)
        .count();
    let (rest, digits) = text.split_at_checked(text.len() - digits)?;
    if digits.is_empty() || (digits.len() > 1 && digits.first() == Some(&b'0')) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    (number <= SEQ_MAX).then_some((rest, number))
}

fn body_of(raw: &[u8], body_end: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(body_end + 1);
    body.extend_from_slice(raw.get(..body_end).unwrap_or_default());
    body.push(b'}');
    body
}
