//! Which ids a verification has met, in bounded memory.

use std::collections::{HashMap, HashSet};

/// Enough for millions of ids; many more cost a second pass, not memory.
const SEEN_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// With so much for each of a million ids, one verification in a hundred or fewer makes a second
/// pass for nothing. More would be worse: the filter would not fit into the processor's cache.
const SEEN_BYTES_EACH: u64 = 10;

/// So many bits for an id, of nine bits of its hash each.
const PROBES: u32 = 7;

/// An id by its hash.
#[derive(Debug)]
pub(super) struct SeenId {
    pub(super) hash: u64,
    /// The id itself, of a suspect.
    pub(super) text: Option<String>,
}

/// Which ids were met.
#[derive(Debug)]
pub(super) enum Ids {
    /// A filter: what it has not seen was not there, what it has seen is a suspect.
    Rough {
        bits: Vec<[u64; 8]>,
        suspects: HashSet<u64>,
    },
    /// Of suspects only: the line that had the id first.
    Exact(HashMap<String, u64>),
}

impl Ids {
    /// For about so many of them.
    pub(super) fn rough(count: u64) -> Self {
        let bytes = count.saturating_mul(SEEN_BYTES_EACH);
        let blocks = bytes.clamp(4096, SEEN_BYTES_MAX) / 64;
        Self::Rough {
            bits: vec![[0; 8]; blocks as usize],
            suspects: HashSet::new(),
        }
    }

    pub(super) fn exact() -> Self {
        Self::Exact(HashMap::new())
    }

    /// Looks where these ids belong. The filter may be larger than the processor's cache, and
    /// waiting for many places at once takes no longer than for one.
    pub(super) fn look_ahead<'s>(&self, ids: impl Iterator<Item = &'s SeenId>) {
        if let Self::Rough { bits, .. } = self {
            let places = ids.map(|id| bits.get(place(id.hash, bits.len())));
            let seen = places.flatten().fold(0, |seen, [first, ..]| seen ^ first);
            std::hint::black_box(seen);
        }
    }

    /// The line that had the id first, if that is known to be another.
    pub(super) fn first(&mut self, id: &SeenId, seq: u64) -> Option<u64> {
        match self {
            Self::Rough { bits, suspects } => {
                let at = place(id.hash, bits.len());
                let probes = mix(id.hash);
                let mut seen = true;
                for k in 0..PROBES {
                    let probe = probes >> (9 * k) & 511;
                    let word = bits
                        .get_mut(at)
                        .and_then(|line| line.get_mut((probe >> 6) as usize));
                    if let Some(word) = word {
                        seen &= *word & (1 << (probe & 63)) != 0;
                        *word |= 1 << (probe & 63);
                    }
                }
                if seen {
                    suspects.insert(id.hash);
                }
                None
            }
            Self::Exact(first) => {
                let text = id.text.as_ref()?;
                if let Some(first) = first.get(text) {
                    return Some(*first);
                }
                first.insert(text.clone(), seq);
                None
            }
        }
    }
}

/// Which of so many lines of the filter a hash belongs to.
fn place(hash: u64, lines: usize) -> usize {
    ((u128::from(hash) * lines as u128) >> 64) as usize
}

/// Other bits of the same hash: its high ones have chosen the line already.
fn mix(hash: u64) -> u64 {
    let wide = u128::from(hash) * 0x9e37_79b9_7f4a_7c15;
    wide as u64 ^ (wide >> 64) as u64
}
