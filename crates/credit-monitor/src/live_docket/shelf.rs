//! A file of sorted entries that is searched without being read whole.
//!
//! It is a tree of blocks, written once from the leaves up. A leaf holds entries, a block above it
//! the first key, place and SHA-256 of each block below. Who knows the hash of the root therefore
//! knows every byte: a block is checked when it is read, and what was changed is found.
//!
//! ```text
//! leaf    key TAB value LF …
//! above   first key TAB offset TAB length TAB sha256 LF …
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::iter::Peekable;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use credit_core::Sha256;
use credit_ledger::hashed_file::open_regular;
use serde::{Deserialize, Serialize};

/// A block ends with the entry that makes it this long.
const BLOCK_BYTES: usize = 8 * 1024;

/// Where a block lies and what it must hash to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Pointer {
    offset: u64,
    length: u64,
    sha256: Sha256,
}

/// What one must know of a shelf to trust what it holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Root {
    block: Pointer,
    /// How many blocks lie between the root and an entry.
    height: u32,
    /// How many entries it holds.
    pub(crate) entries: u64,
}

impl Root {
    /// What no other content has.
    pub(crate) fn sha256(&self) -> Sha256 {
        self.block.sha256
    }
}

/// A shelf, opened for reading.
#[derive(Debug)]
pub(crate) struct Shelf {
    file: File,
    root: Root,
}

impl Shelf {
    pub(crate) fn open(path: &Path, root: Root) -> io::Result<Shelf> {
        let file = open_regular(path)?;
        Ok(Shelf { file, root })
    }

    pub(crate) fn root(&self) -> Root {
        self.root
    }

    /// The value of a key, if it is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if a block on the way is not the one that was written.
    pub(crate) fn get(&self, key: &str) -> io::Result<Option<String>> {
        let mut block = self.read(self.root.block)?;
        for _ in 0..self.root.height {
            let below = entries(&block)
                .take_while(|(first, _)| *first <= key)
                .last();
            let Some((_, below)) = below else {
                return Ok(None);
            };
            block = self.read(pointer(below)?)?;
        }
        let found = entries(&block).find(|(found, _)| *found == key);
        Ok(found.map(|(_, value)| value.to_owned()))
    }

    /// Every entry, in order.
    pub(crate) fn iter(&self) -> Entries<'_> {
        Entries {
            shelf: self,
            to_read: vec![(self.root.block, self.root.height)],
            leaf: Vec::new(),
        }
    }

    fn read(&self, block: Pointer) -> io::Result<String> {
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "a block was changed");
        // A length that is too large must not be asked for before it is known to be there.
        let end = block.offset.checked_add(block.length).ok_or_else(changed)?;
        if end > self.file.metadata()?.len() {
            return Err(changed());
        }
        let length = usize::try_from(block.length).map_err(|_| changed())?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, block.offset)?;
        if Sha256::of(&bytes) != block.sha256 {
            return Err(changed());
        }
        String::from_utf8(bytes).map_err(|_| changed())
    }
}

/// Writes a shelf of the entries of another one and `newer` ones, which count where both have a
/// key.
pub(crate) fn write(
    file: File,
    older: Option<&Shelf>,
    newer: BTreeMap<String, String>,
) -> io::Result<Root> {
    let mut writer = Writer {
        out: BufWriter::new(file),
        offset: 0,
        entries: 0,
        levels: vec![Level::default()],
    };
    let mut older = older.map(Shelf::iter).into_iter().flatten().peekable();
    let mut newer = newer.into_iter().peekable();
    while let Some((key, value)) = next(&mut older, &mut newer)? {
        writer.entry(&key, &value)?;
    }
    writer.finish()
}

/// The smaller of two next entries; of the same key the newer one.
fn next(
    older: &mut Peekable<impl Iterator<Item = io::Result<(String, String)>>>,
    newer: &mut Peekable<btree_map::IntoIter<String, String>>,
) -> io::Result<Option<(String, String)>> {
    let Some((key, _)) = newer.peek() else {
        return older.next().transpose();
    };
    match older.peek() {
        Some(Ok((old, _))) if old < key => return older.next().transpose(),
        Some(Ok((old, _))) if old == key => drop(older.next()),
        Some(Err(_)) => return older.next().transpose(),
        _ => {}
    }
    Ok(newer.next())
}

/// Every entry of a shelf, in order.
pub(crate) struct Entries<'s> {
    shelf: &'s Shelf,
    /// The last one is read next.
    to_read: Vec<(Pointer, u32)>,
    /// What is left of the leaf, the last one first.
    leaf: Vec<(String, String)>,
}

impl Iterator for Entries<'_> {
    type Item = io::Result<(String, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.leaf.pop() {
                return Some(Ok(entry));
            }
            let (block, height) = self.to_read.pop()?;
            if let Err(error) = self.descend(block, height) {
                self.to_read.clear();
                return Some(Err(error));
            }
        }
    }
}

impl Entries<'_> {
    fn descend(&mut self, block: Pointer, height: u32) -> io::Result<()> {
        let block = self.shelf.read(block)?;
        match height.checked_sub(1) {
            None => {
                let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
                self.leaf.extend(entries(&block).map(owned));
                self.leaf.reverse();
            }
            Some(below) => {
                let pointers = entries(&block).map(|(_, text)| Ok((pointer(text)?, below)));
                let mut pointers = pointers.collect::<io::Result<Vec<_>>>()?;
                pointers.reverse();
                self.to_read.extend(pointers);
            }
        }
        Ok(())
    }
}

struct Writer {
    out: BufWriter<File>,
    offset: u64,
    entries: u64,
    /// The block that is being filled of each level, leaves first.
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    first: String,
    block: String,
    written: u64,
}

impl Writer {
    fn entry(&mut self, key: &str, value: &str) -> io::Result<()> {
        self.entries += 1;
        self.put(0, key, value)
    }

    fn put(&mut self, level: usize, key: &str, value: &str) -> io::Result<()> {
        if level == self.levels.len() {
            self.levels.push(Level::default());
        }
        let Some(filling) = self.levels.get_mut(level) else {
            return Ok(());
        };
        if filling.block.is_empty() {
            key.clone_into(&mut filling.first);
        }
        filling.block.extend([key, "\t", value, "\n"]);
        if filling.block.len() >= BLOCK_BYTES {
            let (first, pointer) = self.write_block(level)?;
            self.put(level + 1, &first, &shown(pointer))?;
        }
        Ok(())
    }

    fn write_block(&mut self, level: usize) -> io::Result<(String, Pointer)> {
        let filling = self.levels.get_mut(level).map(|level| {
            level.written += 1;
            (
                std::mem::take(&mut level.first),
                std::mem::take(&mut level.block),
            )
        });
        let (first, block) = filling.unwrap_or_default();
        self.out.write_all(block.as_bytes())?;
        let pointer = Pointer {
            offset: self.offset,
            length: block.len() as u64,
            sha256: Sha256::of(block.as_bytes()),
        };
        self.offset += pointer.length;
        Ok((first, pointer))
    }

    /// Writes what is begun, from the leaves up to the first level with one block only.
    fn finish(mut self) -> io::Result<Root> {
        let mut level = 0;
        let (block, height) = loop {
            let is_alone = self.levels.get(level).is_none_or(|l| l.written == 0);
            let is_top = self.levels.len() <= level + 1;
            let begun = self.levels.get(level).is_some_and(|l| !l.block.is_empty());
            if is_alone && is_top {
                break (self.write_block(level)?.1, level);
            }
            if begun {
                let (first, pointer) = self.write_block(level)?;
                self.put(level + 1, &first, &shown(pointer))?;
            }
            level += 1;
        };
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        Ok(Root {
            block,
            height: u32::try_from(height).unwrap_or(u32::MAX),
            entries: self.entries,
        })
    }
}

fn entries(block: &str) -> impl Iterator<Item = (&str, &str)> {
    block.lines().filter_map(|line| line.split_once('\t'))
}

fn shown(pointer: Pointer) -> String {
    let Pointer {
        offset,
        length,
        sha256,
    } = pointer;
    format!("{offset}\t{length}\t{sha256}")
}

fn pointer(text: &str) -> io::Result<Pointer> {
    let mut parts = text.split('\t');
    let mut part = || parts.next().unwrap_or_default();
    let wrong = |_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "a block holds no place of another",
        )
    };
    Ok(Pointer {
        offset: part().parse().map_err(wrong)?,
        length: part().parse().map_err(wrong)?,
        sha256: part().parse().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "a block holds no hash of another",
            )
        })?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may panic"
    )]

    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn shelf(
        dir: &Path,
        name: &str,
        older: Option<&Shelf>,
        newer: BTreeMap<String, String>,
    ) -> Shelf {
        let path = dir.join(name);
        let root = write(File::create(&path).unwrap(), older, newer).unwrap();
        Shelf::open(&path, root).unwrap()
    }

    fn all(shelf: &Shelf) -> BTreeMap<String, String> {
        shelf.iter().map(Result::unwrap).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

        /// Whatever is put on it is found there, and nothing else, whatever was there before.
        #[test]
        fn a_shelf_is_a_sorted_map(
            older in prop::collection::btree_map("[a-d]{1,3}", "[a-z ]{0,2000}", 0..60),
            newer in prop::collection::btree_map("[a-d]{1,3}", "[a-z ]{0,2000}", 0..60),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let one = shelf(dir.path(), "1", None, older.clone());
            prop_assert_eq!(&all(&one), &older);
            let both = shelf(dir.path(), "2", Some(&one), newer.clone());
            let mut expected = older;
            expected.extend(newer);
            prop_assert_eq!(&all(&both), &expected);
            prop_assert_eq!(both.root().entries, expected.len() as u64);
            for key in ["", "a", "aa", "bcd", "dd", "ddd", "e"] {
                prop_assert_eq!(both.get(key).unwrap(), expected.get(key).cloned());
            }
        }
    }

    /// Three levels, and no byte that can be changed without being found by whoever reads it.
    #[test]
    fn a_changed_byte_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let entries: BTreeMap<String, String> = (0..4000)
            .map(|n| (format!("{n:05}"), "x".repeat(400)))
            .collect();
        let root = shelf(dir.path(), "1", None, entries.clone()).root();
        assert_eq!(root.height, 2);
        let path = dir.path().join("1");
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 40) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            let shelf = Shelf::open(&path, root).unwrap();
            let found = shelf.iter().find_map(Result::err).unwrap();
            assert_eq!(found.kind(), io::ErrorKind::InvalidData, "byte {at}");
            for (key, value) in entries.iter().step_by(97) {
                if let Ok(found) = shelf.get(key) {
                    assert_eq!(found.as_ref(), Some(value), "byte {at}");
                }
            }
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(Shelf::open(&path, root).unwrap().get("00000").is_err());
    }
}
