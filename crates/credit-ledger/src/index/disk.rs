//! The index in the storage: two manifest pages that take turns, and the segments they list.
//!
//! A manifest vouches for the lines before `end` by the hash of the last of them. Nothing is
//! synced: what a loss of power took away is noticed by the checks, and made again.

use super::IdHash;
use super::marks::{MarksFilter, Wanted};
use super::segment::{
    Block, COUNT_MAX, Filter, IdEntry, IndexError, MANIFEST_PAGES, PAGE_BYTES, Segment, check_of,
    read_exact, write_segment,
};
use super::tail::{Tail, TailLine};
use crate::Digest;
use crate::chain::Position;
use crate::head::HeadRecord;
use crate::reader::line_ending_at;
use crate::record::Schema;
use crate::storage::{IndexStorage, Storage};

const MAGIC: &[u8; 16] = b"credit-index/v1\n";

/// A block of lines starts anew after so many bytes.
const BLOCK_LINES_BYTES: u64 = 64 * 1024;

/// More segments than a page holds are merged whatever their sizes.
const SEGMENTS_MAX: usize = 40;

const SEGMENT_WORDS: usize = 10;

/// Where a manifest once stated a number for the next segment.
const UNUSED: u64 = 0;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Manifest {
    generation: u64,
    /// What it knows the lines up to.
    pub(crate) lines: u64,
    pub(crate) end: u64,
    hash: Digest,
    schema: u64,
    /// In the order of their lines, without gaps.
    segments: Vec<Segment>,
}

/// The index as its writer holds it.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) manifest: Manifest,
    /// One for each segment.
    filters: Vec<Filter>,
}

/// What an index is built on.
#[derive(Debug)]
pub(crate) enum Base {
    /// This, or what another writer made of it meanwhile.
    Newest(Option<Disk>),
    /// Nothing: what the storage keeps is given up.
    Nothing,
}

impl Disk {
    /// What the index knows of the lines before HEAD, if the last of them is still there.
    pub(crate) fn open(storage: &dyn Storage, schema: &Schema, head: &HeadRecord) -> Option<Self> {
        let vouches = |manifest: &Manifest| {
            manifest.lines <= head.lines
                && manifest.end <= head.end
                && (manifest.end < head.end || manifest.hash == head.hash)
                && manifest.start() == Some(head.start)
        };
        let manifest = Manifest::open(storage, schema, vouches)?;
        Self::load(storage.index()?, manifest).ok()
    }

    fn load(store: &dyn IndexStorage, manifest: Manifest) -> Result<Self, IndexError> {
        let filters = manifest
            .segments
            .iter()
            .map(|segment| segment.read_filter(store));
        Ok(Self {
            filters: filters.collect::<Result<_, _>>()?,
            manifest,
        })
    }

    pub(crate) fn position(&self) -> Position {
        Position {
            lines: self.manifest.lines,
            hash: self.manifest.hash,
            end: self.manifest.end,
        }
    }

    /// Where the line of this id may start. It is not looked at.
    pub(crate) fn find(&self, storage: &dyn Storage, id: IdHash) -> Result<Vec<u64>, IndexError> {
        let hash = id.0;
        let mut offsets = Vec::new();
        for (segment, filter) in self.manifest.segments.iter().zip(&self.filters) {
            if filter.may_have(hash) {
                let store = storage.index().ok_or(IndexError)?;
                offsets.extend(segment.find(store, hash)?);
            }
        }
        Ok(offsets)
    }

    /// Adds the lines of `tail` up to `chain` as a segment of their own or merged with those
    /// before. Gives back what it was to be built on if that did not work out.
    pub(crate) fn extend(
        storage: &dyn Storage,
        base: Base,
        schema: &Schema,
        tail: &Tail,
        chain: Position,
    ) -> Result<Self, Option<Self>> {
        let (disk, anew) = match base {
            Base::Newest(disk) => (disk, false),
            Base::Nothing => (None, true),
        };
        let Some(store) = storage.index() else {
            return Err(disk);
        };
        let slots = [0, 1].map(|slot| Manifest::read(store, slot));
        let newest = slots
            .iter()
            .flatten()
            .max_by_key(|manifest| manifest.generation);
        let base = match (disk, newest) {
            (Some(disk), Some(newest)) if disk.manifest == *newest => Some(disk),
            // Another writer went on meanwhile, with lines this one has followed.
            (disk, Some(newest)) if !anew && newest.is_in(schema, tail) => {
                match Self::load(store, newest.clone()) {
                    Ok(disk) => Some(disk),
                    Err(IndexError) => return Err(disk),
                }
            }
            (Some(disk), _) => return Err(Some(disk)),
            (None, _) => None,
        };
        let extended = Self::add(store, base.as_ref(), &slots, schema, tail, chain);
        extended.map_err(|IndexError| base)
    }

    fn add(
        store: &dyn IndexStorage,
        base: Option<&Self>,
        slots: &[Option<Manifest>; 2],
        schema: &Schema,
        tail: &Tail,
        chain: Position,
    ) -> Result<Self, IndexError> {
        let newest = slots
            .iter()
            .flatten()
            .max_by_key(|manifest| manifest.generation);
        let generation = newest.map_or(1, |newest| newest.generation + 1);
        // Never one that was used before, not even by a writer whose manifest a loss of power took
        // back while it left the pages: they would pass for those of this segment.
        let number = random()?;
        let start = base.map_or(tail.start(), |base| base.manifest.end);
        let blocks = blocks_of(tail.lines_in(start..chain.end));
        let ids = tail.lines_in(start..chain.end);
        let mut ids: Vec<IdEntry> = ids.map(|line| id_entry(&line)).collect();
        ids.sort_unstable();

        let mut kept = base
            .map(|base| base.manifest.segments.clone())
            .unwrap_or_default();
        let merged = take_to_merge(&mut kept, ids.len() as u64);
        let sum = |of: fn(&Segment) -> u64| merged.iter().map(of).sum::<u64>();
        let mut segment = Segment::sized(
            number,
            sum(|segment| segment.blocks) + blocks.len() as u64,
            sum(|segment| segment.ids) + ids.len() as u64,
        );
        segment.page = free_page(slots, base, segment.pages());
        segment.start = merged.first().map_or(start, |segment| segment.start);
        segment.end = chain.end;

        let mut sources: Vec<Box<dyn Iterator<Item = _> + '_>> = Vec::new();
        for segment in &merged {
            sources.push(Box::new(segment.ids(store)));
        }
        sources.push(Box::new(ids.into_iter().map(Ok)));
        let all_blocks = merged.iter().flat_map(|segment| segment.blocks(store));
        let all_blocks = all_blocks.chain(blocks.into_iter().map(Ok));
        let (about, filter) = write_segment(store, &segment, all_blocks, sources)?;
        let MarksFilter {
            time_min,
            time_max,
            severities,
            ..
        } = about;
        (segment.time_min, segment.time_max) = (time_min, time_max);
        segment.severities = severities;

        let held = base.map(|base| base.filters.as_slice()).unwrap_or_default();
        let mut filters: Vec<Filter> = held.iter().take(kept.len()).cloned().collect();
        filters.push(filter);
        kept.push(segment);
        let manifest = Manifest {
            generation,
            lines: chain.lines,
            end: chain.end,
            hash: chain.hash,
            schema: fingerprint(schema),
            segments: kept,
        };
        manifest.write(store)?;
        Ok(Self { manifest, filters })
    }
}

impl Manifest {
    /// The newest manifest that fits, if the line it ends with is there.
    pub(crate) fn open(
        storage: &dyn Storage,
        schema: &Schema,
        fits: impl Fn(&Self) -> bool,
    ) -> Option<Self> {
        let store = storage.index()?;
        let mut found: Vec<Self> = [0, 1]
            .into_iter()
            .filter_map(|slot| Self::read(store, slot))
            .filter(|manifest| manifest.schema == fingerprint(schema) && fits(manifest))
            .collect();
        found.sort_by_key(|manifest| manifest.generation);
        let manifest = found.pop()?;
        let line = line_ending_at(storage, schema, manifest.end).ok()?;
        (line.hash() == manifest.hash && line.seq() + 1 == manifest.lines).then_some(manifest)
    }

    /// Where the line of this id may start. It is not looked at.
    pub(crate) fn find(&self, storage: &dyn Storage, id: &[u8]) -> Result<Vec<u64>, IndexError> {
        let store = storage.index().ok_or(IndexError)?;
        let mut offsets = Vec::new();
        for segment in &self.segments {
            offsets.extend(segment.find(store, IdHash::of(id).0)?);
        }
        Ok(offsets)
    }

    /// The stretches of lines that may have what is wanted.
    pub(crate) fn stretches(
        &self,
        storage: &dyn Storage,
        wanted: &Wanted,
    ) -> Result<Vec<(u64, u64)>, IndexError> {
        let store = storage.index().ok_or(IndexError)?;
        let mut stretches: Vec<(u64, u64)> = Vec::new();
        let mut add = |start, end| match stretches.last_mut() {
            Some((_, last)) if *last == start => *last = end,
            _ => stretches.push((start, end)),
        };
        for segment in &self.segments {
            let about = MarksFilter {
                time_min: segment.time_min,
                time_max: segment.time_max,
                severities: segment.severities,
                scenarios: [u64::MAX; 8],
            };
            if !about.may_have(wanted) {
                continue;
            }
            let mut blocks = segment.blocks(store).peekable();
            while let Some(block) = blocks.next() {
                let block = block?;
                let end = match blocks.peek() {
                    Some(Ok(next)) => next.offset,
                    Some(Err(error)) => return Err(*error),
                    None => segment.end,
                };
                if block.filter.may_have(wanted) {
                    add(block.offset, end);
                }
            }
        }
        Ok(stretches)
    }

    /// Where the first line it knows starts.
    fn start(&self) -> Option<u64> {
        self.segments.first().map(|segment| segment.start)
    }

    /// Whether the tail has the line this one ends with.
    fn is_in(&self, schema: &Schema, tail: &Tail) -> bool {
        let line = tail.line_ending_at(self.end);
        self.schema == fingerprint(schema)
            && line.is_some_and(|line| line.hash == self.hash && line.seq + 1 == self.lines)
    }

    fn read(store: &dyn IndexStorage, slot: u64) -> Option<Self> {
        let mut page = [0; PAGE_BYTES];
        read_exact(store, slot * PAGE_BYTES as u64, &mut page).ok()?;
        if !page.ends_with(&check_of(0, slot, &page)) {
            return None;
        }
        let (magic, rest) = page.split_first_chunk::<16>()?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        let mut words = rest
            .as_chunks::<8>()
            .0
            .iter()
            .map(|word| u64::from_le_bytes(*word));
        let mut next = || words.next();
        let (generation, lines, end) = (next()?, next()?, next()?);
        let (schema, _unused, count) = (next()?, next()?, next()?);
        if magic != MAGIC || count > SEGMENTS_MAX as u64 || generation > COUNT_MAX {
            return None;
        }
        let mut segments = Vec::new();
        let mut covered = None;
        for _ in 0..count {
            let segment = Segment {
                number: next()?,
                page: next()?,
                blocks: next()?,
                ids: next()?,
                filter_lines: next()?,
                start: next()?,
                end: next()?,
                time_min: next()?,
                time_max: next()?,
                severities: next()?,
            };
            // The first starts where line 0 does.
            let follows = covered.is_none_or(|covered| covered == segment.start);
            if !follows || !segment.is_sound() {
                return None;
            }
            covered = Some(segment.end);
            segments.push(segment);
        }
        // New segments are written behind those listed, so nothing may be listed behind the index.
        if let Some(behind) = segments.iter().map(|s| s.page + s.pages()).max() {
            let last_byte = behind * PAGE_BYTES as u64 - 1;
            read_exact(store, last_byte, &mut [0]).ok()?;
        }
        (covered == Some(end)).then_some(Self {
            generation,
            lines,
            end,
            hash: Digest::from_bytes(*hash),
            schema,
            segments,
        })
    }

    fn write(&self, store: &dyn IndexStorage) -> Result<(), IndexError> {
        let slot = self.generation % 2;
        let mut words = vec![self.generation, self.lines, self.end, self.schema];
        words.extend([UNUSED, self.segments.len() as u64]);
        for segment in &self.segments {
            let words_of: [u64; SEGMENT_WORDS] = [
                segment.number,
                segment.page,
                segment.blocks,
                segment.ids,
                segment.filter_lines,
                segment.start,
                segment.end,
                segment.time_min,
                segment.time_max,
                segment.severities,
            ];
            words.extend(words_of);
        }
        let words = words.iter().flat_map(|word| word.to_le_bytes());
        let bytes = MAGIC
            .iter()
            .chain(self.hash.as_bytes())
            .copied()
            .chain(words);
        let mut page = [0; PAGE_BYTES];
        for (to, byte) in page.iter_mut().zip(bytes) {
            *to = byte;
        }
        let check = check_of(0, slot, &page);
        if let Some((_, place)) = page.split_last_chunk_mut() {
            *place = check;
        }
        store.write_index(slot * PAGE_BYTES as u64, &page)?;
        Ok(())
    }
}

/// Segments at the end that are small beside what comes are merged with it: few stay, and each
/// line is written again only a few times.
fn take_to_merge(segments: &mut Vec<Segment>, ids: u64) -> Vec<Segment> {
    let mut total = ids;
    let mut from = segments.len();
    for (at, segment) in segments.iter().enumerate().rev() {
        if segment.ids > 2 * total && at + 1 < SEGMENTS_MAX {
            break;
        }
        total += segment.ids;
        from = at;
    }
    segments.split_off(from)
}

/// The first gap of so many pages that neither manifest uses.
fn free_page(slots: &[Option<Manifest>; 2], base: Option<&Disk>, pages: u64) -> u64 {
    // Without a base the index is made anew, and what the manifests list is given up.
    let slots = slots.iter().flatten().filter(|_| base.is_some());
    let mut used: Vec<(u64, u64)> = slots
        .flat_map(|manifest| &manifest.segments)
        .map(|segment| (segment.page, segment.page + segment.pages()))
        .collect();
    used.sort_unstable();
    let mut page = MANIFEST_PAGES;
    for (start, end) in used {
        if start >= page + pages {
            break;
        }
        page = page.max(end);
    }
    page
}

fn blocks_of<'t>(lines: impl Iterator<Item = TailLine<'t>>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in lines {
        match blocks.last_mut() {
            Some(block) if line.end - block.offset <= BLOCK_LINES_BYTES => {
                block.filter.add(line.marks);
            }
            _ => {
                let mut filter = MarksFilter::NONE;
                filter.add(line.marks);
                let offset = line.offset;
                blocks.push(Block { offset, filter });
            }
        }
    }
    blocks
}

fn id_entry(line: &TailLine<'_>) -> IdEntry {
    IdEntry {
        hash: line.id_hash,
        offset: line.offset,
    }
}

/// Which keys an index was made for.
fn fingerprint(schema: &Schema) -> u64 {
    let keys = [
        Some(schema.id),
        schema.time,
        schema.severity,
        schema.scenario,
    ];
    let keys = keys.map(|key| key.unwrap_or("-"));
    IdHash::of(keys.join("\n").as_bytes()).0
}

fn random() -> Result<u64, IndexError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| IndexError)?;
    Ok(u64::from_le_bytes(bytes) >> 1)
}
