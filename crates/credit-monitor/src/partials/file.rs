//! `ledger.partials` as bytes: a directory, and a block for each day.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use credit_core::{Day, ScenarioId, Sha256};
use credit_ledger::hashed_file::open_regular;
use credit_ledger::{Digest, Head};
use credit_report::{Partial, Sums};

use super::code::{Reader, Writer};
use super::{Days, Partials};
use crate::files;

/// The first line; another version is derived anew instead of guessed at.
const MAGIC: &[u8] = b"credit-partials/1\n";

const LENGTH_BYTES: usize = 8;

/// More than the days of a thousand years take. It is read before its hash is known, and a file
/// that claims more, which may have holes, must not cost the memory.
const DIRECTORY_BYTES_MAX: u64 = 1 << 26;

/// What a crash leaves of writing it.
const TEMPORARY_NAME: &str = "partials.unfinished.";

/// What the rest hangs on.
#[derive(Debug)]
pub(super) struct Directory {
    /// The last line that was counted.
    pub(super) head: Head,
    /// The oldest first.
    pub(super) days: Vec<DayEntry>,
}

/// A day's block.
#[derive(Clone, Copy, Debug)]
pub(super) struct DayEntry {
    pub(super) day: Day,
    pub(super) sums: Sums,
    offset: u64,
    length: u64,
    sha256: Sha256,
}

/// A file that is there; nothing in it is believed yet.
#[derive(Debug)]
pub(super) struct Opened {
    file: File,
}

impl Opened {
    pub(super) fn open(path: &Path) -> io::Result<Opened> {
        let file = open_regular(path)?;
        Ok(Opened { file })
    }

    /// The directory, if that is its hash.
    pub(super) fn directory(&self, sha256: Sha256) -> io::Result<Directory> {
        let mut start = [0; MAGIC.len() + LENGTH_BYTES];
        self.file.read_exact_at(&mut start, 0)?;
        let (magic, length) = start.split_at(MAGIC.len());
        let length = length.try_into().map_or(u64::MAX, u64::from_le_bytes);
        let size = self.file.metadata()?.len();
        if magic != MAGIC || length > size.min(DIRECTORY_BYTES_MAX) {
            return Err(changed("it is not in the form of partials"));
        }
        let mut bytes = start.to_vec();
        bytes.resize(
            start.len() + usize::try_from(length).map_err(io::Error::other)?,
            0,
        );
        let (_, directory) = bytes.split_at_mut(start.len());
        self.file.read_exact_at(directory, start.len() as u64)?;
        if Sha256::of(&bytes) != sha256 {
            return Err(changed("its directory has another hash"));
        }
        let (_, directory) = bytes.split_at(start.len());
        parse(directory, bytes.len() as u64)
            .filter(|(_, end)| *end == size)
            .map(|(directory, _)| directory)
            .ok_or_else(|| changed("its directory is of another file"))
    }

    /// The partials of a day, if they are what the directory states.
    pub(super) fn day(&self, entry: &DayEntry) -> io::Result<Vec<(ScenarioId, Partial)>> {
        let no_partial = || changed(&format!("{} holds what is no partial", entry.day));
        partials(&self.block(entry)?).ok_or_else(no_partial)
    }

    pub(super) fn block(&self, entry: &DayEntry) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(entry.length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, entry.offset)?;
        if Sha256::of(&bytes) == entry.sha256 {
            Ok(bytes)
        } else {
            Err(changed(&format!("{} has another hash", entry.day)))
        }
    }
}

/// What a directory says and where the last block ends, if `first` is where the first one starts.
fn parse(directory: &[u8], first: u64) -> Option<(Directory, u64)> {
    let mut rest = Reader(directory);
    let head = Head {
        seq: rest.number()?,
        hash: Digest::from_bytes(rest.array()?),
        end: rest.number()?,
    };
    let mut days = Vec::new();
    let mut offset = first;
    while !rest.0.is_empty() {
        let entry = DayEntry {
            day: Day::from_unix(rest.signed()?)?,
            sums: rest.sums()?,
            offset,
            length: rest.number()?,
            sha256: Sha256::from_bytes(rest.array()?),
        };
        offset = offset.checked_add(entry.length)?;
        days.push(entry);
    }
    Some((Directory { head, days }, offset))
}

/// What a day's block says.
fn partials(block: &[u8]) -> Option<Vec<(ScenarioId, Partial)>> {
    let mut rest = Reader(block);
    let mut partials = Vec::new();
    while !rest.0.is_empty() {
        partials.push(rest.partial()?);
    }
    Some(partials)
}

/// What a file with these bytes says, written anew; its hashes are not looked at.
pub(super) fn rewritten(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (directory, mut rest) = rest.split_at_checked(length)?;
    let (directory, end) = parse(directory, (bytes.len() - rest.len()) as u64)?;
    let mut days = Days::new();
    for entry in &directory.days {
        let (block, others) = rest.split_at_checked(usize::try_from(entry.length).ok()?)?;
        rest = others;
        let day = days.entry(entry.day).or_default();
        for (id, partial) in partials(block)? {
            day.entry(id).or_default().join(partial);
        }
    }
    if end != bytes.len() as u64 {
        return None;
    }
    let contents = Contents::with(directory.head, BTreeMap::new(), days);
    let blocks = contents.blocks.into_values().map(|block| block.bytes);
    Some([contents.start, blocks.collect::<Vec<_>>().concat()].concat())
}

/// What is to be written.
#[derive(Debug)]
pub(super) struct Contents {
    /// Everything before the blocks.
    start: Vec<u8>,
    blocks: BTreeMap<Day, Block>,
}

#[derive(Debug)]
struct Block {
    sums: Sums,
    bytes: Vec<u8>,
}

impl Contents {
    /// What is known already and what is new; what is known of a day is taken apart only where that
    /// day has something new.
    ///
    /// # Errors
    /// What is known turns out to be changed meanwhile.
    pub(super) fn joined(
        head: Head,
        known: Option<&Partials>,
        mut new: Days,
    ) -> io::Result<Contents> {
        let mut blocks = BTreeMap::new();
        let Some(known) = known else {
            return Ok(Contents::with(head, blocks, new));
        };
        for entry in &known.directory.days {
            let Some(partials) = new.get_mut(&entry.day) else {
                let bytes = known.file.block(entry)?;
                let sums = entry.sums;
                blocks.insert(entry.day, Block { sums, bytes });
                continue;
            };
            for (id, partial) in known.file.day(entry)? {
                partials.entry(id).or_default().join(partial);
            }
        }
        Ok(Contents::with(head, blocks, new))
    }

    fn with(head: Head, mut blocks: BTreeMap<Day, Block>, days: Days) -> Contents {
        for (day, partials) in days {
            let mut out = Writer::default();
            let mut sums = Sums::default();
            for (id, partial) in &partials {
                sums.join(partial.sums());
                out.partial(id, partial);
            }
            blocks.insert(day, Block { sums, bytes: out.0 });
        }
        let mut directory = Writer::default();
        directory.number(head.seq);
        directory.bytes(head.hash.as_bytes());
        directory.number(head.end);
        for (day, block) in &blocks {
            directory.signed(day.unix());
            directory.sums(&block.sums);
            directory.number(block.bytes.len() as u64);
            directory.bytes(Sha256::of(&block.bytes).as_bytes());
        }
        let length = (directory.0.len() as u64).to_le_bytes();
        let start = [MAGIC, &length, &directory.0].concat();
        Contents { start, blocks }
    }

    /// What the event must state that vouches for it.
    pub(super) fn sha256(&self) -> Sha256 {
        Sha256::of(&self.start)
    }

    /// Writes a file that is not in its place yet. Whoever does holds the right to decide.
    pub(super) fn write(&self, path: &Path) -> io::Result<Saving> {
        let temporary = path.with_file_name(format!("{TEMPORARY_NAME}{}", std::process::id()));
        let path = path.to_owned();
        let saving = Saving { temporary, path };
        let written = files::create(&saving.temporary).and_then(|file| {
            let mut out = BufWriter::new(file);
            out.write_all(&self.start)?;
            for block in self.blocks.values() {
                out.write_all(&block.bytes)?;
            }
            out.flush()
        });
        match written {
            Ok(()) => Ok(saving),
            Err(error) => {
                saving.abandon();
                Err(error)
            }
        }
    }
}

/// A file that is written, but not in its place yet.
#[derive(Debug)]
pub(super) struct Saving {
    temporary: PathBuf,
    path: PathBuf,
}

impl Saving {
    /// Puts it in its place, once the event is in the chain. It is not synced: what a crash leaves
    /// of it does not have the hash, and is derived again.
    pub(super) fn finish(self) -> io::Result<()> {
        let renamed = fs::rename(&self.temporary, &self.path);
        if renamed.is_err() {
            self.abandon();
            return renamed;
        }
        let dir = self.path.parent().map(fs::read_dir);
        for entry in dir.into_iter().flatten().flatten().flatten() {
            // Whoever saves holds the right to decide, so nobody else writes any of these.
            let name = entry.file_name();
            if name
                .to_str()
                .is_some_and(|name| name.starts_with(TEMPORARY_NAME))
            {
                let _stays = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    pub(super) fn abandon(self) {
        let _stays = fs::remove_file(self.temporary);
    }
}

fn changed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
