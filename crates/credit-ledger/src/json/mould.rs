//! The keys of the text before: most texts have the same ones in the same order.

use super::keys::fingerprint;

/// So many keys may be absent between two.
const ABSENT_MAX: usize = 8;

/// More keys are not remembered.
const KEYS_MAX: usize = 64;

/// Keys without escapes, all different, in an order. An object whose keys are some of them in
/// this order has none twice, and that is seen without looking at what a key is made of.
#[derive(Default)]
pub(super) struct Mould {
    /// Each as a compact text has it, with quotes and colon.
    tokens: Vec<u8>,
    keys: Vec<MouldKey>,
}

struct MouldKey {
    /// Where its token ends.
    end: usize,
    print: u64,
}

/// What a text goes on with.
#[derive(Clone, Copy)]
pub(super) struct Met {
    /// The place in the mould to look at next.
    pub(super) next: usize,
    /// How long the key is with its quotes.
    pub(super) length: usize,
    pub(super) print: u64,
}

impl Mould {
    /// The key that `text` begins with, if it is one of those from this place on.
    #[inline]
    pub(super) fn meet(&self, place: usize, text: &[u8]) -> Option<Met> {
        let before = place
            .checked_sub(1)
            .and_then(|before| self.keys.get(before));
        let mut start = before.map_or(0, |key| key.end);
        let keys = self.keys.iter().enumerate().skip(place);
        for (at, key) in keys.take(1 + ABSENT_MAX) {
            let token = self.tokens.get(start..key.end)?;
            if begins(text, token) {
                return Some(Met {
                    next: at + 1,
                    length: token.len() - 1,
                    print: key.print,
                });
            }
            start = key.end;
        }
        None
    }

    /// Takes the keys of an object that has none twice.
    pub(super) fn take<'k>(&mut self, keys: impl ExactSizeIterator<Item = &'k [u8]>) {
        self.tokens.clear();
        self.keys.clear();
        if keys.len() > KEYS_MAX {
            return;
        }
        for key in keys {
            for part in [b"\"", key, b"\":"] {
                self.tokens.extend_from_slice(part);
            }
            self.keys.push(MouldKey {
                end: self.tokens.len(),
                print: fingerprint(key),
            });
        }
    }
}

/// Whether a text begins with a token. For the lengths of most keys, without a call.
#[inline]
fn begins(text: &[u8], token: &[u8]) -> bool {
    let text = text.get(..token.len()).unwrap_or_default();
    match token.len() {
        8..=16 => ends::<8>(text) == ends::<8>(token),
        17..=32 => ends::<16>(text) == ends::<16>(token),
        _ => text == token,
    }
}

/// The first and the last `N` of `N` to `2 N` bytes.
#[inline]
fn ends<const N: usize>(text: &[u8]) -> Option<([u8; N], [u8; N])> {
    Some((*text.first_chunk()?, *text.last_chunk()?))
}
