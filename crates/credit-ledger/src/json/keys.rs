//! The keys of the objects being scanned, and the search for duplicates among them.

use std::num::NonZeroU32;

use super::mould::Mould;
use super::{JsonError, JsonProblem};

/// Objects up to this size are searched as they grow; larger ones are sorted at their end.
const SEARCHED_MAX: usize = 64;

/// The keys of all objects that are open at the moment, innermost last.
#[derive(Default)]
pub(crate) struct Keys {
    open: Vec<Key>,
    /// The text of keys with escapes; almost always empty.
    unescaped: Vec<u8>,
    /// What the text before leaves to the next, if there will be one.
    mould: Option<Mould>,
}

/// One object's share of [`Keys`].
pub(super) struct KeySet {
    base: usize,
    seen: Prints,
    /// The place in the mould, as long as all keys were in it.
    place: Option<usize>,
    /// Whether its keys become the mould if they are others.
    moulds: bool,
}

/// Small, because many are written: that is also why a text has at most 4 GiB.
#[derive(Clone, Copy)]
struct Key {
    print: u32,
    start: u32,
    end: u32,
    /// Where the token starts in the input, if its text is in `unescaped`.
    escaped_at: Option<NonZeroU32>,
}

impl KeySet {
    /// The mould is for the outermost object.
    pub(super) fn new(keys: &Keys, outermost: bool) -> Self {
        let moulds = outermost && keys.mould.is_some();
        Self {
            base: keys.open.len(),
            seen: Prints::default(),
            place: moulds.then_some(0),
            moulds,
        }
    }
}

/// A bit of 256 for each fingerprint: a clear bit proves that it is not in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prints([u64; 4]);

impl Prints {
    /// Adds a fingerprint; says whether it may have been in before.
    #[inline]
    pub(crate) fn add(&mut self, print: u64) -> bool {
        let before = self.may_have(print);
        if let Some(bits) = self.0.get_mut((print >> 56) as usize & 3) {
            *bits |= 1 << (print >> 58);
        }
        before
    }

    #[inline]
    pub(crate) fn may_have(&self, print: u64) -> bool {
        let bits = self.0.get((print >> 56) as usize & 3);
        bits.is_none_or(|bits| bits >> (print >> 58) & 1 != 0)
    }
}

impl Keys {
    /// For compact texts, one after the other, most with the keys of the one before.
    pub(crate) fn for_many() -> Self {
        Self {
            mould: Some(Mould::default()),
            ..Self::default()
        }
    }

    /// Forgets what the text before left, and keeps its room.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.open.reserve(SEARCHED_MAX);
        self.unescaped.clear();
    }

    /// Adds the key that starts at `at` if the mould has it: how long it is with its quotes, and
    /// its fingerprint.
    #[inline]
    pub(super) fn meet(
        &mut self,
        set: &mut KeySet,
        input: &[u8],
        at: usize,
    ) -> Option<(usize, u64)> {
        let (place, mould) = (set.place?, self.mould.as_ref()?);
        let text = input.get(at..).unwrap_or_default();
        let Some(met) = mould.meet(place, text) else {
            self.leave_mould(set, input);
            return None;
        };
        set.place = Some(met.next);
        self.open.push(Key {
            print: met.print as u32,
            start: at as u32 + 1,
            end: (at + met.length) as u32 - 1,
            escaped_at: None,
        });
        Some((met.length, met.print))
    }

    /// From here on each key is compared with those before.
    #[cold]
    #[inline(never)]
    fn leave_mould(&self, set: &mut KeySet, input: &[u8]) {
        set.place = None;
        for key in self.open.get(set.base..).unwrap_or_default() {
            set.seen.add(fingerprint(self.bytes(key, input)));
        }
    }

    /// Adds the key whose token starts at `at`, and gives its fingerprint. Duplicates in small objects are found here,
    /// others by [`Keys::close`].
    #[inline]
    pub(super) fn push(
        &mut self,
        set: &mut KeySet,
        input: &[u8],
        at: usize,
        end: usize,
        escaped: bool,
    ) -> Result<u64, Box<JsonError>> {
        let mut key = Key {
            print: 0,
            start: at as u32 + 1,
            end: end as u32 - 1,
            escaped_at: None,
        };
        let bytes = if escaped {
            self.unescape_into(&mut key, input);
            self.bytes(&key, input)
        } else {
            input.get(at + 1..end - 1).unwrap_or_default()
        };
        let print = fingerprint(bytes);
        key.print = print as u32;
        if set.seen.add(print) {
            self.search(set.base, &key, input)?;
        }
        self.open.push(key);
        Ok(print)
    }

    #[cold]
    #[inline(never)]
    fn search(&self, base: usize, key: &Key, input: &[u8]) -> Result<(), Box<JsonError>> {
        let siblings = self.open.get(base..).unwrap_or_default();
        if siblings.len() >= SEARCHED_MAX {
            return Ok(());
        }
        let bytes = self.bytes(key, input);
        let same = |other: &Key| other.print == key.print && self.bytes(other, input) == bytes;
        if siblings.iter().any(same) {
            Err(duplicate(key, bytes))
        } else {
            Ok(())
        }
    }

    /// The unescaped text of the key pushed last.
    pub(super) fn last<'k>(&'k self, input: &'k [u8]) -> &'k [u8] {
        self.open.last().map_or(&[], |key| self.bytes(key, input))
    }

    /// Forgets an object's keys, after a last search if it had many.
    #[inline]
    pub(super) fn close(&mut self, set: &KeySet, input: &[u8]) -> Result<(), Box<JsonError>> {
        if self.open.len() - set.base > SEARCHED_MAX {
            self.search_sorted(set.base, input)?;
        }
        if set.moulds && set.place.is_none() {
            self.cast(set.base, input);
        }
        self.open.truncate(set.base);
        if set.base == 0 {
            self.unescaped.clear();
        }
        Ok(())
    }

    /// Makes the mould of an object's keys, unless one has escapes.
    #[cold]
    #[inline(never)]
    fn cast(&mut self, base: usize, input: &[u8]) {
        let keys = self.open.get(base..).unwrap_or_default();
        if let Some(mould) = &mut self.mould
            && keys.iter().all(|key| key.escaped_at.is_none())
        {
            let text = |key: &Key| input.get(key.start as usize..key.end as usize);
            let keys = keys.iter().map(|key| text(key).unwrap_or_default());
            mould.take(keys);
        }
    }

    #[cold]
    #[inline(never)]
    fn search_sorted(&self, base: usize, input: &[u8]) -> Result<(), Box<JsonError>> {
        let mut sorted = self.open.get(base..).unwrap_or_default().to_vec();
        // The bytes are part of the order, so crafted fingerprints cost no more than sorting.
        sorted.sort_unstable_by(|a, b| {
            a.print
                .cmp(&b.print)
                .then_with(|| self.bytes(a, input).cmp(self.bytes(b, input)))
                .then_with(|| a.at().cmp(&b.at()))
        });
        for pair in sorted.windows(2) {
            let [first, second] = pair else { continue };
            let bytes = self.bytes(second, input);
            if first.print == second.print && self.bytes(first, input) == bytes {
                return Err(duplicate(second, bytes));
            }
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn unescape_into(&mut self, key: &mut Key, input: &[u8]) {
        let token = key.start as usize..key.end as usize;
        let mut rest = input.get(token).unwrap_or_default();
        // The opening quote is before the key; an escape never stands at the very front.
        key.escaped_at = NonZeroU32::new(key.start);
        key.start = self.unescaped.len() as u32;
        while let Some((&byte, after)) = rest.split_first() {
            // The scanner has already refused what does not unescape.
            if let Some((character, length)) = unescape(rest) {
                let mut buffer = [0; 4];
                self.unescaped
                    .extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                rest = rest.get(length..).unwrap_or_default();
            } else {
                self.unescaped.push(byte);
                rest = after;
            }
        }
        key.end = self.unescaped.len() as u32;
    }

    fn bytes<'k>(&'k self, key: &Key, input: &'k [u8]) -> &'k [u8] {
        let text = if key.escaped_at.is_some() {
            &self.unescaped
        } else {
            input
        };
        text.get(key.start as usize..key.end as usize)
            .unwrap_or_default()
    }
}

/// The character an escape at the start of `text` stands for, and the length of the escape.
pub(super) fn unescape(text: &[u8]) -> Option<(char, usize)> {
    let character = match text {
        [b'\\', simple, ..] if *simple != b'u' => match simple {
            b'"' | b'\\' | b'/' => char::from(*simple),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return None,
        },
        _ => {
            let high = code_unit(text)?;
            if !(0xd800..0xe000).contains(&high) {
                return Some((char::from_u32(high)?, 6));
            }
            let low = code_unit(text.get(6..)?)?;
            if high >= 0xdc00 || !(0xdc00..0xe000).contains(&low) {
                return None;
            }
            let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return Some((char::from_u32(code)?, 12));
        }
    };
    Some((character, 2))
}

fn code_unit(text: &[u8]) -> Option<u32> {
    let digits: &[u8; 4] = text.strip_prefix(b"\\u")?.first_chunk()?;
    digits.iter().try_fold(0, |code, &digit| {
        Some(code * 16 + char::from(digit).to_digit(16)?)
    })
}

/// A cheap mix of the length and both ends; equal keys have equal fingerprints.
#[inline]
pub(crate) fn fingerprint(key: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (head, tail) = if let (Some(head), Some(tail)) = (key.first_chunk(), key.last_chunk()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (key.first_chunk(), key.last_chunk()) {
        (
            u64::from(u32::from_le_bytes(*head)),
            u64::from(u32::from_le_bytes(*tail)),
        )
    } else {
        (
            key.iter()
                .fold(0, |word, &byte| (word << 8) | u64::from(byte)),
            0,
        )
    };
    let mixed = (head ^ tail.rotate_left(29) ^ key.len() as u64).wrapping_mul(ODD);
    mixed ^ (mixed >> 32)
}

impl Key {
    /// Where the token starts in the input.
    fn at(&self) -> usize {
        self.escaped_at.map_or(self.start, NonZeroU32::get) as usize - 1
    }
}

#[cold]
fn duplicate(key: &Key, bytes: &[u8]) -> Box<JsonError> {
    let name = String::from_utf8_lossy(bytes).into_owned();
    Box::new(JsonError {
        offset: key.at(),
        problem: JsonProblem::DuplicateKey(name),
    })
}
