//! The HEAD file: two slots that remember the last acknowledged line.
//!
//! A writer overwrites the newer slot again and again and goes to the other one after a sync:
//! one slot is durable at any moment, so a torn write leaves that one.

use crate::Digest;
use crate::beginning::Beginning;
use crate::ledger::Head;
use crate::line::is_origin;
use crate::storage::{Part, Storage, StorageError};

const SLOT_BYTES: usize = 256;
const CHECK_DIGITS: usize = 16;

/// What a slot says. `lines` rather than the last number, so that an empty ledger has a HEAD.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HeadRecord {
    pub(crate) lines: u64,
    /// The hash of the last line, or what stands in for one before line 0.
    pub(crate) hash: Digest,
    /// Where the last line ends, newline included.
    pub(crate) end: u64,
    pub(crate) origin: String,
    /// Where line 0 starts: behind the imported bytes, if there are any.
    pub(crate) start: u64,
}

/// The HEAD file as it was read.
#[derive(Clone, Debug)]
pub(crate) struct HeadFile {
    /// `None` if there is no file.
    pub(crate) size: Option<u64>,
    /// The intact slot with the most lines.
    pub(crate) best: Option<HeadRecord>,
    best_slot: u64,
    /// Whether both slots are intact.
    both: bool,
}

impl HeadRecord {
    pub(crate) fn empty(beginning: &Beginning) -> Self {
        Self {
            lines: 0,
            hash: beginning.genesis(),
            end: beginning.start,
            origin: beginning.origin.clone().unwrap_or_default(),
            start: beginning.start,
        }
    }

    /// Whether no line is there yet and other bytes than these were imported.
    pub(crate) fn is_of_other_import(&self, beginning: &Beginning) -> bool {
        self.lines == 0 && beginning.sha256.is_some() && beginning.genesis() != self.hash
    }

    /// The last line, if there is one.
    pub(crate) fn head(&self) -> Option<Head> {
        let seq = self.lines.checked_sub(1)?;
        Some(Head {
            seq,
            hash: self.hash,
            end: self.end,
        })
    }

    pub(crate) fn write(&self, storage: &dyn Storage, slot: u64) -> Result<(), StorageError> {
        storage.write_at(
            Part::Head,
            slot * SLOT_BYTES as u64,
            self.to_slot().as_bytes(),
        )
    }

    fn to_slot(&self) -> String {
        let Self {
            lines,
            hash,
            end,
            origin,
            start,
        } = self;
        let mut slot =
            format!(r#"{{"Lines":{lines},"Hash":"{hash}","End":{end},"Origin":"{origin}""#);
        if *start > 0 {
            slot.push_str(&format!(r#","Start":{start}"#));
        }
        let check = check_of(&slot);
        slot.push_str(&format!(r#","Check":"{check}"}}"#));
        format!("{slot:width$}\n", width = SLOT_BYTES - 1)
    }

    /// Reads what [`HeadRecord::to_slot`] writes and nothing else.
    fn from_slot(slot: &str) -> Option<Self> {
        let text = slot.strip_suffix('\n')?.trim_end_matches(' ');
        let (covered, _check) = text.strip_suffix("\"}")?.split_once(",\"Check\":\"")?;
        let rest = covered.strip_prefix("{\"Lines\":")?;
        let (lines, rest) = rest.split_once(",\"Hash\":\"")?;
        let (hash, rest) = rest.split_once("\",\"End\":")?;
        let (end, rest) = rest.split_once(",\"Origin\":\"")?;
        let (origin, rest) = rest.split_once('"')?;
        let start = match rest.strip_prefix(",\"Start\":") {
            Some(start) => start.parse().ok().filter(|start| *start > 0)?,
            None if rest.is_empty() => 0,
            None => return None,
        };
        let record = Self {
            lines: lines.parse().ok()?,
            hash: Digest::from_hex(hash).ok()?,
            end: end.parse().ok()?,
            origin: is_origin(origin.as_bytes()).then(|| origin.to_owned())?,
            start,
        };
        let sound = (record.lines == 0) == (record.end == start) && start <= record.end;
        // A number has more than one text that reads as it; only one is written.
        (sound && record.to_slot() == slot).then_some(record)
    }
}

impl HeadFile {
    pub(crate) fn read(storage: &dyn Storage) -> Result<Self, StorageError> {
        let size = storage.size(Part::Head)?;
        let mut slots = [None, None];
        for (slot, at) in slots.iter_mut().zip([0, SLOT_BYTES as u64]) {
            let mut bytes = [0; SLOT_BYTES];
            if size.is_some() && read_full(storage, at, &mut bytes)? {
                *slot = std::str::from_utf8(&bytes)
                    .ok()
                    .and_then(HeadRecord::from_slot);
            }
        }
        let both = slots.iter().all(Option::is_some);
        let [first, second] = slots;
        let lines = |slot: &Option<HeadRecord>| slot.as_ref().map(|record| record.lines);
        let (best, best_slot) = if lines(&second) > lines(&first) {
            (second, 1)
        } else {
            (first, 0)
        };
        Ok(Self {
            size,
            best,
            best_slot,
            both,
        })
    }

    /// The slot to overwrite next, so that the other one is durable.
    ///
    /// INVARIANT: of two intact slots the older one is durable, and so is one that is alone.
    /// The newer one may not be, unless it is `durable`, which the caller synced.
    pub(crate) fn next_slot(&self, durable: Option<&HeadRecord>) -> u64 {
        match &self.best {
            None => 0,
            Some(best) if self.both && durable != Some(best) => self.best_slot,
            Some(_) => 1 - self.best_slot,
        }
    }

    /// Whether a crash while the very first slot was written explains this file: nothing was
    /// acknowledged yet.
    pub(crate) fn is_unborn(&self) -> bool {
        self.best.is_none() && self.size.unwrap_or(0) <= SLOT_BYTES as u64
    }
}

fn read_full(storage: &dyn Storage, at: u64, bytes: &mut [u8]) -> Result<bool, StorageError> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match storage.read_at(Part::Head, at + filled as u64, rest)? {
            0 => return Ok(false),
            count => filled += count,
        }
    }
    Ok(true)
}

fn check_of(covered: &str) -> String {
    let mut check = Digest::of(covered.as_bytes()).to_string();
    check.truncate(CHECK_DIGITS);
    check
}
