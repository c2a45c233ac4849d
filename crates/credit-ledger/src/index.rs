//! Which id stands in which line, in memory: about 120 bytes and the id itself for each line.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::Digest;

/// Finds lines by id. The position of an entry is its line's number.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    /// All ids, one after the other: an allocation for each would cost more than the rest.
    ids: Vec<u8>,
    /// Open addressing, linear probing, a power of two. A slot is 0 or an entry's position
    /// plus one below 24 bits of the id's hash.
    table: Vec<u64>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    identity: Digest,
    hash: Digest,
    offset: u64,
    id_end: usize,
}

/// What the index knows of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) seq: u64,
    pub(crate) identity: Digest,
    pub(crate) hash: Digest,
    pub(crate) offset: u64,
}

const POSITION_BITS: u32 = 40;
const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;

impl Index {
    /// Adds the next line. The id must be new.
    pub(crate) fn insert(&mut self, id: &[u8], identity: Digest, hash: Digest, offset: u64) {
        // At most seven eighths full.
        if (self.entries.len() + 1) * 8 > self.table.len() * 7 {
            self.grow();
        }
        let hashed = self.hasher.hash_one(id);
        self.ids.extend_from_slice(id);
        self.entries.push(Entry {
            identity,
            hash,
            offset,
            id_end: self.ids.len(),
        });
        self.place(hashed, self.entries.len() as u64);
    }

    /// Forgets the lines from `len` on. They must be the ones inserted last.
    pub(crate) fn truncate(&mut self, len: usize) {
        while self.entries.len() > len {
            let position = self.entries.len() - 1;
            let hashed = self.hasher.hash_one(self.id(position));
            // The last one placed ends every probe that passes it, so its slot can be cleared.
            let wanted = position as u64 + 1;
            for at in self.probe(hashed) {
                match self.table.get_mut(at) {
                    Some(slot) if *slot & POSITION_MASK == wanted => {
                        *slot = 0;
                        break;
                    }
                    Some(0) | None => break,
                    Some(_) => {}
                }
            }
            self.entries.pop();
            self.ids
                .truncate(self.entries.last().map_or(0, |entry| entry.id_end));
        }
    }

    pub(crate) fn find(&self, id: &[u8]) -> Option<Found> {
        let hashed = self.hasher.hash_one(id);
        for at in self.probe(hashed) {
            let slot = self.table.get(at).copied().unwrap_or(0);
            if slot == 0 {
                return None;
            }
            let position = (slot & POSITION_MASK) as usize - 1;
            if slot & !POSITION_MASK == hashed & !POSITION_MASK && self.id(position) == id {
                let Entry {
                    identity,
                    hash,
                    offset,
                    ..
                } = *self.entries.get(position)?;
                return Some(Found {
                    seq: position as u64,
                    identity,
                    hash,
                    offset,
                });
            }
        }
        None
    }

    fn id(&self, position: usize) -> &[u8] {
        let end = |position: usize| self.entries.get(position).map_or(0, |entry| entry.id_end);
        let start = position.checked_sub(1).map_or(0, end);
        self.ids.get(start..end(position)).unwrap_or_default()
    }

    /// Every place an id with this hash may have, the first choice first.
    fn probe(&self, hashed: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.table.len().wrapping_sub(1);
        (0..self.table.len()).map(move |step| (hashed as usize).wrapping_add(step) & mask)
    }

    fn place(&mut self, hashed: u64, position: u64) {
        for at in self.probe(hashed) {
            if let Some(slot) = self.table.get_mut(at).filter(|slot| **slot == 0) {
                *slot = (hashed & !POSITION_MASK) | position;
                return;
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.table.len() * 2).max(64);
        self.table = vec![0; size];
        // In the order of insertion: `truncate` relies on it.
        for position in 0..self.entries.len() {
            let hashed = self.hasher.hash_one(self.id(position));
            self.place(hashed, position as u64 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_in_and_nothing_else() {
        let mut index = Index::default();
        let digest = |n: usize| Digest::of(&n.to_le_bytes());
        for n in 0..1000 {
            index.insert(
                format!("id-{n}").as_bytes(),
                digest(n),
                digest(n + 1),
                n as u64 * 10,
            );
        }
        for keep in [700, 64, 3, 0] {
            index.truncate(keep);
            for n in 0..1000 {
                let found = index.find(format!("id-{n}").as_bytes());
                assert_eq!(
                    found.map(|f| (f.seq, f.identity, f.hash, f.offset)),
                    (n < keep).then(|| (n as u64, digest(n), digest(n + 1), n as u64 * 10))
                );
            }
        }
        index.insert(b"again", digest(1), digest(2), 7);
        assert_eq!(index.find(b"again").map(|f| f.seq), Some(0));
        assert!(index.find(b"").is_none());
    }
}
