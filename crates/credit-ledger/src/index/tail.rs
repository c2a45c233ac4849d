//! The newest lines, in memory: about 150 bytes and the id itself for each.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::Range;

use super::IdHash;
use super::marks::Marks;
use crate::Digest;

/// Finds lines by id. The position of an entry is its line's number, less that of the first.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The number of the first line, and where it starts.
    first: u64,
    start: u64,
    entries: Vec<Entry>,
    /// All ids, one after the other: an allocation for each would cost more than the rest.
    ids: Vec<u8>,
    /// Open addressing, linear probing, a power of two. A slot is 0 or an entry's position
    /// plus one below 24 bits of the id's hash.
    table: Vec<u64>,
    key: Key,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    identity: Digest,
    hash: Digest,
    offset: u64,
    end: u64,
    id_end: usize,
    id_hash: u64,
    marks: Marks,
}

/// One line of the tail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TailLine<'t> {
    pub(crate) id_hash: u64,
    pub(crate) seq: u64,
    pub(crate) offset: u64,
    pub(crate) hash: Digest,
    pub(crate) end: u64,
    pub(crate) marks: &'t Marks,
}

/// What the index knows of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    pub(crate) seq: u64,
    pub(crate) identity: Digest,
    pub(crate) hash: Digest,
    pub(crate) offset: u64,
}

const POSITION_BITS: u32 = 40;
const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;

impl Tail {
    pub(crate) fn starting_at(first: u64, start: u64) -> Self {
        Self {
            first,
            start,
            ..Self::default()
        }
    }

    /// Where the first line starts.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// All lines that start in a part of the file.
    pub(crate) fn lines_in(&self, part: Range<u64>) -> impl Iterator<Item = TailLine<'_>> {
        let place = |offset| self.entries.partition_point(|entry| entry.offset < offset);
        let (skipped, end) = (place(part.start), place(part.end));
        let entries = self.entries.iter().enumerate().take(end).skip(skipped);
        entries.map(|(position, entry)| TailLine {
            id_hash: entry.id_hash,
            seq: self.first + position as u64,
            offset: entry.offset,
            hash: entry.hash,
            end: entry.end,
            marks: &entry.marks,
        })
    }

    /// The line that ends at `end`.
    pub(crate) fn line_ending_at(&self, end: u64) -> Option<TailLine<'_>> {
        let position = self.entries.partition_point(|entry| entry.end < end);
        let offset = self
            .entries
            .get(position)
            .filter(|entry| entry.end == end)?
            .offset;
        self.lines_in(offset..end).next()
    }

    /// What is left without the lines before `end`, which are so many in the file.
    pub(crate) fn behind(&self, lines: u64, end: u64) -> Self {
        let mut rest = Self::starting_at(lines, end);
        let skipped = self.entries.partition_point(|entry| entry.offset < end);
        rest.extend(self, skipped);
        rest
    }

    /// Adds the lines of another tail, which follow this one's, but for the first so many.
    pub(crate) fn extend(&mut self, other: &Self, skipped: usize) {
        for (position, entry) in other.entries.iter().enumerate().skip(skipped) {
            let found = Found {
                seq: other.first + position as u64,
                identity: entry.identity,
                hash: entry.hash,
                offset: entry.offset,
            };
            let (id, id_hash) = (other.id(position), IdHash(entry.id_hash));
            self.insert(id, id_hash, entry.marks, found, entry.end);
        }
    }

    /// Adds the next line, which ends at `end`. The id must be new.
    pub(crate) fn insert(
        &mut self,
        id: &[u8],
        id_hash: IdHash,
        marks: Marks,
        found: Found,
        end: u64,
    ) {
        let Found {
            identity,
            hash,
            offset,
            ..
        } = found;
        // At most seven eighths full.
        if (self.entries.len() + 1) * 8 > self.table.len() * 7 {
            self.grow();
        }
        let hashed = self.key.hash(id_hash.0);
        self.ids.extend_from_slice(id);
        self.entries.push(Entry {
            identity,
            hash,
            offset,
            end,
            id_end: self.ids.len(),
            id_hash: id_hash.0,
            marks,
        });
        self.place(hashed, self.entries.len() as u64);
    }

    /// Forgets the lines from `len` on. They must be the ones inserted last.
    pub(crate) fn truncate(&mut self, lines: u64) {
        let len = usize::try_from(lines.saturating_sub(self.first)).unwrap_or(usize::MAX);
        while self.entries.len() > len {
            let position = self.entries.len() - 1;
            let hashed = self.hashed(position);
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

    pub(crate) fn find(&self, id: &[u8], id_hash: IdHash) -> Option<Found> {
        let hashed = self.key.hash(id_hash.0);
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
                    seq: self.first + position as u64,
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

    fn hashed(&self, position: usize) -> u64 {
        let id_hash = self.entries.get(position).map_or(0, |entry| entry.id_hash);
        self.key.hash(id_hash)
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
            let hashed = self.hashed(position);
            self.place(hashed, position as u64 + 1);
        }
    }
}

/// What makes a process's table its own: whoever chooses the ids cannot choose their places.
#[derive(Clone, Copy, Debug)]
struct Key {
    add: u64,
    multiply: u64,
}

impl Default for Key {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            add: random.hash_one(0),
            multiply: random.hash_one(1) | 1,
        }
    }
}

impl Key {
    fn hash(self, id_hash: u64) -> u64 {
        let wide = u128::from(id_hash ^ self.add) * u128::from(self.multiply);
        wide as u64 ^ (wide >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_in_and_nothing_else() {
        let digest = |n: u64| Digest::of(&n.to_le_bytes());
        let line = |n: u64| Found {
            seq: n,
            identity: digest(n),
            hash: digest(n + 1),
            offset: n * 10,
        };
        let mut tail = Tail::starting_at(5, 50);
        for n in 5..1000 {
            let id = format!("id-{n}");
            let id = id.as_bytes();
            let id_hash = IdHash::of(id);
            tail.insert(id, id_hash, Marks::default(), line(n), n * 10 + 10);
        }
        assert_eq!(tail.start(), 50);
        for keep in [700, 64, 8, 5] {
            tail.truncate(keep);
            for n in 0..1000 {
                let id = format!("id-{n}");
                let found = tail.find(id.as_bytes(), IdHash::of(id.as_bytes()));
                let wanted = (5..keep).contains(&n).then(|| line(n));
                assert_eq!(found, wanted);
            }
            assert_eq!(tail.lines_in(60..10_000).count() as u64, keep.max(6) - 6);
            let rest = tail.behind(7, 70);
            assert_eq!(rest.start(), 70);
            for n in [6, 7, 64, 699] {
                let id = format!("id-{n}");
                let found = rest.find(id.as_bytes(), IdHash::of(id.as_bytes()));
                assert_eq!(found, (7..keep).contains(&n).then(|| line(n)));
            }
        }
        let id_hash = IdHash::of(b"again");
        tail.insert(b"again", id_hash, Marks::default(), line(5), 60);
        let find = |id: &[u8]| tail.find(id, IdHash::of(id));
        assert_eq!(find(b"again").map(|f| f.seq), Some(5));
        assert!(find(b"").is_none());
    }
}
