//! A run of lines in the index: its blocks in file order, its ids sorted, a filter of the ids.
//!
//! A segment is written once and never changed. Each page of 4,096 bytes ends with 8 bytes of
//! the SHA-256 of its segment's number, its own number and its contents.

use std::iter::Peekable;

use sha2::{Digest as _, Sha256};

use super::marks::{MarksFilter, SCENARIO_WORDS};
use crate::storage::IndexStorage;

pub(crate) const PAGE_BYTES: usize = 4096;

/// The pages before the first segment.
pub(crate) const MANIFEST_PAGES: u64 = 2;

/// More pages, blocks or ids no disk holds.
pub(crate) const COUNT_MAX: u64 = 1 << 48;

/// Pages are written so many bytes at once.
const WRITE_BYTES: usize = 256 * 1024;

const CHECK_BYTES: usize = 8;
const ROOM_BYTES: usize = PAGE_BYTES - CHECK_BYTES;
const ID_BYTES: usize = 16;
const BLOCK_BYTES: usize = 8 * (4 + SCENARIO_WORDS);
const FILTER_LINE_BYTES: usize = 8 * FILTER_WORDS;
const FILTER_WORDS: usize = 8;
const IDS_A_PAGE: u64 = (ROOM_BYTES / ID_BYTES) as u64;
const BLOCKS_A_PAGE: u64 = (ROOM_BYTES / BLOCK_BYTES) as u64;
const FILTER_LINES_A_PAGE: u64 = (ROOM_BYTES / FILTER_LINE_BYTES) as u64;

/// Two bytes an id, up to 8 MiB: what is in memory stays bounded, a fuller filter costs reads.
const IDS_A_FILTER_LINE: u64 = 32;
const FILTER_LINES_MAX: u64 = 128 * 1024;

/// The index is damaged, was changed by another writer, or cannot be read or written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexError;

impl From<std::io::Error> for IndexError {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// Where a segment is and what it is about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// Its first page in the index.
    pub(crate) page: u64,
    pub(crate) blocks: u64,
    pub(crate) ids: u64,
    pub(crate) filter_lines: u64,
    /// The lines it covers.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) time_min: u64,
    pub(crate) time_max: u64,
    pub(crate) severities: u64,
}

/// About 64 KiB of lines; they end where the next block starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) offset: u64,
    pub(crate) filter: MarksFilter,
}

/// An id's hash and where its line starts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct IdEntry {
    pub(crate) hash: u64,
    pub(crate) offset: u64,
}

/// Says for certain that an id is not in a segment, or that it may be.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    lines: Vec<[u64; FILTER_WORDS]>,
}

impl Segment {
    /// Sizes for so many blocks and ids.
    pub(crate) fn sized(number: u64, blocks: u64, ids: u64) -> Self {
        Self {
            number,
            blocks,
            ids,
            filter_lines: ids.div_ceil(IDS_A_FILTER_LINE).clamp(1, FILTER_LINES_MAX),
            ..Self::default()
        }
    }

    /// Whether it lies behind the manifests' pages and reckoning with its numbers cannot overflow,
    /// whoever wrote them.
    pub(crate) fn is_sound(&self) -> bool {
        let Self {
            page, blocks, ids, ..
        } = self;
        let counts = [page, blocks, ids];
        *page >= MANIFEST_PAGES
            && counts.iter().all(|count| **count <= COUNT_MAX)
            && self.filter_lines <= FILTER_LINES_MAX
    }

    pub(crate) fn pages(&self) -> u64 {
        self.filter_page() + self.filter_lines.div_ceil(FILTER_LINES_A_PAGE)
    }

    fn id_page(&self) -> u64 {
        self.blocks.div_ceil(BLOCKS_A_PAGE)
    }

    fn filter_page(&self) -> u64 {
        self.id_page() + self.ids.div_ceil(IDS_A_PAGE)
    }

    /// Where the lines of this id may start.
    pub(crate) fn find(&self, store: &dyn IndexStorage, hash: u64) -> Result<Vec<u64>, IndexError> {
        let pages = self.ids.div_ceil(IDS_A_PAGE);
        // Hashes are spread evenly, so a look at the right place comes close at once; from there
        // in growing steps, and between two bounds by halves.
        let (mut low, mut high) = (0, pages);
        let (mut below, mut above, mut stride) = (false, false, 1);
        let mut probe = ((u128::from(hash) * u128::from(pages)) >> 64) as u64;
        // What the page at `high` holds, once that is not the end.
        let mut at_high = None;
        while low < high {
            if below && above {
                probe = low + (high - low) / 2;
            }
            let page = probe.clamp(low, high - 1);
            let ids = self.ids_of_page(store, page)?;
            if ids.last().is_some_and(|last| last.hash < hash) {
                (low, below) = (page + 1, true);
                probe = page + stride;
            } else if ids.first().is_some_and(|first| first.hash < hash) {
                (low, high) = (page, page);
                at_high = Some(ids);
            } else {
                (high, above) = (page, true);
                at_high = Some(ids);
                probe = page.saturating_sub(stride);
            }
            stride *= 2;
        }
        let mut offsets = Vec::new();
        for page in low..pages {
            let ids = match at_high.take() {
                Some(ids) => ids,
                None => self.ids_of_page(store, page)?,
            };
            let found = ids.iter().filter(|entry| entry.hash == hash);
            offsets.extend(found.map(|entry| entry.offset));
            if ids.last().is_none_or(|last| last.hash > hash) {
                break;
            }
        }
        Ok(offsets)
    }

    pub(crate) fn read_filter(&self, store: &dyn IndexStorage) -> Result<Filter, IndexError> {
        let items =
            Items::<FILTER_LINE_BYTES>::new(store, *self, self.filter_page(), self.filter_lines);
        let lines = items.map(|item| Ok(words(&item?)));
        Ok(Filter {
            lines: lines.collect::<Result<_, IndexError>>()?,
        })
    }

    pub(crate) fn blocks<'s>(
        &self,
        store: &'s dyn IndexStorage,
    ) -> impl Iterator<Item = Result<Block, IndexError>> + use<'s> {
        let items = Items::<BLOCK_BYTES>::new(store, *self, 0, self.blocks);
        items.map(|item| {
            let [offset, time_min, time_max, severities, scenarios @ ..]: [u64; 12] = words(&item?);
            let filter = MarksFilter {
                time_min,
                time_max,
                severities,
                scenarios,
            };
            Ok(Block { offset, filter })
        })
    }

    pub(crate) fn ids<'s>(
        &self,
        store: &'s dyn IndexStorage,
    ) -> impl Iterator<Item = Result<IdEntry, IndexError>> + use<'s> {
        let items = Items::<ID_BYTES>::new(store, *self, self.id_page(), self.ids);
        items.map(|item| {
            let [hash, offset] = words(&item?);
            Ok(IdEntry { hash, offset })
        })
    }

    fn ids_of_page(&self, store: &dyn IndexStorage, n: u64) -> Result<Vec<IdEntry>, IndexError> {
        let page = read_page(store, self, self.id_page() + n)?;
        let count = self.ids.saturating_sub(n * IDS_A_PAGE).min(IDS_A_PAGE);
        let items = page.as_chunks::<ID_BYTES>().0.iter();
        let entry = |item: &[u8; ID_BYTES]| {
            let [hash, offset] = words(item);
            IdEntry { hash, offset }
        };
        Ok(items.take(count as usize).map(entry).collect())
    }
}

impl Filter {
    fn new(lines: u64) -> Self {
        Self {
            lines: vec![[0; FILTER_WORDS]; lines as usize],
        }
    }

    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let line = self.lines.get(self.line(hash));
        line.is_none_or(|line| {
            line.iter()
                .zip(mask(hash))
                .all(|(word, bits)| word & bits == bits)
        })
    }

    fn add(&mut self, hash: u64) {
        let at = self.line(hash);
        if let Some(line) = self.lines.get_mut(at) {
            for (word, bits) in line.iter_mut().zip(mask(hash)) {
                *word |= bits;
            }
        }
    }

    fn line(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.lines.len() as u128) >> 64) as usize
    }
}

/// Six bits of 512.
fn mask(hash: u64) -> [u64; FILTER_WORDS] {
    let mut mask = [0; FILTER_WORDS];
    // The high bits chose the line; the product brings the low ones up.
    let mut bits = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..6 {
        bits = bits.rotate_left(9);
        if let Some(word) = mask.get_mut((bits & 7) as usize) {
            *word |= 1 << ((bits >> 3) & 63);
        }
    }
    mask
}

/// Writes a segment: all blocks, then all ids from the smallest on.
pub(crate) fn write_segment(
    store: &dyn IndexStorage,
    segment: &Segment,
    blocks: impl Iterator<Item = Result<Block, IndexError>>,
    ids: Vec<Box<dyn Iterator<Item = Result<IdEntry, IndexError>> + '_>>,
) -> Result<(MarksFilter, Filter), IndexError> {
    let mut pages = Pages {
        store,
        segment,
        next: 0,
        filled: 0,
        page: [0; PAGE_BYTES],
        ready: Vec::new(),
    };
    let mut about = MarksFilter::NONE;
    for block in blocks {
        let Block { offset, filter } = block?;
        about.time_min = about.time_min.min(filter.time_min);
        about.time_max = about.time_max.max(filter.time_max);
        about.severities |= filter.severities;
        let head = [offset, filter.time_min, filter.time_max, filter.severities];
        pages.push::<BLOCK_BYTES>(head.into_iter().chain(filter.scenarios))?;
    }
    pages.flush()?;
    let mut filter = Filter::new(segment.filter_lines);
    let mut ids: Vec<_> = ids.into_iter().map(Iterator::peekable).collect();
    while let Some(IdEntry { hash, offset }) = smallest(&mut ids)? {
        filter.add(hash);
        pages.push::<ID_BYTES>([hash, offset].into_iter())?;
    }
    pages.flush()?;
    for line in &filter.lines {
        pages.push::<FILTER_LINE_BYTES>(line.iter().copied())?;
    }
    pages.flush()?;
    pages.write()?;
    if pages.next != segment.pages() {
        return Err(IndexError);
    }
    Ok((about, filter))
}

fn smallest<I: Iterator<Item = Result<IdEntry, IndexError>>>(
    sources: &mut [Peekable<I>],
) -> Result<Option<IdEntry>, IndexError> {
    let mut best: Option<(usize, IdEntry)> = None;
    for (at, source) in sources.iter_mut().enumerate() {
        match source.peek() {
            Some(Ok(entry)) if best.is_none_or(|(_, least)| *entry < least) => {
                best = Some((at, *entry));
            }
            Some(Err(error)) => return Err(*error),
            _ => {}
        }
    }
    let Some((at, entry)) = best else {
        return Ok(None);
    };
    sources.get_mut(at).and_then(Iterator::next).transpose()?;
    Ok(Some(entry))
}

struct Pages<'s> {
    store: &'s dyn IndexStorage,
    segment: &'s Segment,
    next: u64,
    filled: usize,
    page: [u8; PAGE_BYTES],
    /// Whole pages that are not written yet.
    ready: Vec<u8>,
}

impl Pages<'_> {
    fn push<const N: usize>(&mut self, words: impl Iterator<Item = u64>) -> Result<(), IndexError> {
        if self.filled + N > ROOM_BYTES {
            self.flush()?;
        }
        let room = self.page.get_mut(self.filled..self.filled + N);
        for (to, word) in room
            .unwrap_or_default()
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .zip(words)
        {
            *to = word.to_le_bytes();
        }
        self.filled += N;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        if self.filled == 0 {
            return Ok(());
        }
        let (used, unused) = self.page.split_at_mut(self.filled);
        let _ = used;
        unused.fill(0);
        let check = check_of(self.segment.number, self.next, &self.page);
        if let Some((_, place)) = self.page.split_last_chunk_mut::<CHECK_BYTES>() {
            *place = check;
        }
        self.ready.extend_from_slice(&self.page);
        self.next += 1;
        self.filled = 0;
        if self.ready.len() >= WRITE_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), IndexError> {
        let end = (self.segment.page + self.next) * PAGE_BYTES as u64;
        let at = end - self.ready.len() as u64;
        self.store.write_index(at, &self.ready)?;
        self.ready.clear();
        Ok(())
    }
}

/// The items of a section, read page by page.
struct Items<'s, const N: usize> {
    store: &'s dyn IndexStorage,
    segment: Segment,
    first_page: u64,
    count: u64,
    next: u64,
    page: Box<[u8; PAGE_BYTES]>,
}

impl<'s, const N: usize> Items<'s, N> {
    const A_PAGE: u64 = (ROOM_BYTES / N) as u64;

    fn new(store: &'s dyn IndexStorage, segment: Segment, first_page: u64, count: u64) -> Self {
        Self {
            store,
            segment,
            first_page,
            count,
            next: 0,
            page: Box::new([0; PAGE_BYTES]),
        }
    }
}

impl<const N: usize> Iterator for Items<'_, N> {
    type Item = Result<[u8; N], IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        let in_page = self.next % Self::A_PAGE;
        if in_page == 0 {
            let page = self.first_page + self.next / Self::A_PAGE;
            match read_page(self.store, &self.segment, page) {
                Ok(page) => self.page = page,
                Err(error) => {
                    self.next = self.count;
                    return Some(Err(error));
                }
            }
        }
        self.next += 1;
        self.page
            .as_chunks::<N>()
            .0
            .get(in_page as usize)
            .map(|item| Ok(*item))
    }
}

fn read_page(
    store: &dyn IndexStorage,
    segment: &Segment,
    n: u64,
) -> Result<Box<[u8; PAGE_BYTES]>, IndexError> {
    let mut page = Box::new([0; PAGE_BYTES]);
    read_exact(store, (segment.page + n) * PAGE_BYTES as u64, &mut *page)?;
    let check = check_of(segment.number, n, &page);
    if page.ends_with(&check) {
        Ok(page)
    } else {
        Err(IndexError)
    }
}

pub(crate) fn read_exact(
    store: &dyn IndexStorage,
    at: u64,
    bytes: &mut [u8],
) -> Result<(), IndexError> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match store.read_index(at + filled as u64, rest)? {
            0 => return Err(IndexError),
            count => filled += count,
        }
    }
    Ok(())
}

/// Also of the manifest's two pages, whose segment is 0.
pub(crate) fn check_of(segment: u64, n: u64, page: &[u8; PAGE_BYTES]) -> [u8; CHECK_BYTES] {
    let (contents, _) = page.split_at(ROOM_BYTES);
    let mut hash = Sha256::new();
    hash.update(segment.to_le_bytes());
    hash.update(n.to_le_bytes());
    hash.update(contents);
    let hash: [u8; 32] = hash.finalize().into();
    *hash.first_chunk().unwrap_or(&[0; CHECK_BYTES])
}

fn words<const W: usize>(bytes: &[u8]) -> [u64; W] {
    let mut words = [0; W];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}
