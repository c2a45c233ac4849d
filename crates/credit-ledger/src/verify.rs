//! Looking at a whole ledger and going on behind what is wrong.
//!
//! Several threads hash pieces of the file, each beginning at a line; one thread takes what they
//! saw in file order and follows the chain. Memory is bounded, whatever the ledger's size.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::Digest;
use crate::beginning::{Beginning, Imported, lines_before};
use crate::chain::out_of_order;
use crate::finding::{Finding, FindingKind, Verification};
use crate::head::{HeadFile, HeadRecord};
use crate::ledger::Head;
use crate::line::Line;
use crate::reader::{ReadError, line_ending_at};
use crate::record::{Record, Schema};
use crate::scan::{Lines, Raw};
use crate::storage::{Part, Storage, StorageError};

/// What one thread looks at before it goes on to its next piece.
const PIECE_BYTES: u64 = 2 * 1024 * 1024;

/// Enough for millions of ids; many more cost a second pass, not memory.
const SEEN_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How much is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// The records themselves, or only the chain.
    pub(crate) records: bool,
    /// Lines up to here are known to be good.
    pub(crate) from: Option<Head>,
}

pub(crate) fn verify(
    storage: &dyn Storage,
    schema: &Schema,
    scope: Scope,
) -> Result<Verification, ReadError> {
    // HEAD first: lines that are added meanwhile come after it.
    let head = HeadFile::read(storage)?;
    let size = match storage.size(Part::Lines)? {
        None if head.is_unborn() => return Err(ReadError::Missing),
        size => size.unwrap_or(0),
    };
    let mut beginning = Beginning::found(storage, schema, head.best.as_ref())?;
    let imported = match (beginning.start, scope.from) {
        (0, _) => 0,
        // What is before that line is not looked at, but its lines are counted.
        (start, Some(_)) => lines_before(storage, start)?,
        (start, None) => {
            let Imported { sha256, lines } = Imported::read(storage, start)?;
            beginning.sha256 = Some(sha256);
            lines
        }
    };
    if let Some(from) = scope.from
        && !is_there(storage, schema, from, size)?
    {
        let kind = if size < from.end {
            FindingKind::RolledBack { head: from }
        } else {
            FindingKind::Forked { head: from }
        };
        let offset = from.end.min(size);
        let finding = Finding {
            seq: None,
            line: imported + from.seq + 1,
            offset,
            kind,
        };
        return Ok(Verification {
            lines: 0,
            imported,
            head: None,
            recorded: head.best.as_ref().and_then(HeadRecord::head),
            findings: vec![finding],
        });
    }
    let before = Before {
        beginning,
        imported,
    };
    let mut pass = Pass::new(head.best.as_ref(), scope.from, &before, Ids::rough(size));
    let end = look(storage, schema, scope, size, &mut pass)?;
    if let Ids::Rough { suspects, .. } = &mut pass.ids
        && !suspects.is_empty()
    {
        // Some ids may be there twice: now only these are remembered, and exactly.
        let ids = Ids::Exact {
            suspects: std::mem::take(suspects),
            first: HashMap::new(),
        };
        pass = Pass::new(head.best.as_ref(), scope.from, &before, ids);
        let end = look(storage, schema, scope, size, &mut pass)?;
        return Ok(pass.finish(&head, end));
    }
    Ok(pass.finish(&head, end))
}

fn is_there(
    storage: &dyn Storage,
    schema: &Schema,
    head: Head,
    size: u64,
) -> Result<bool, ReadError> {
    if size < head.end {
        return Ok(false);
    }
    match line_ending_at(storage, schema, head.end) {
        Ok(line) => Ok(line.seq() == head.seq && line.hash() == head.hash),
        Err(ReadError::Broken { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Has all pieces looked at, and follows the chain; returns where the lines end.
fn look(
    storage: &dyn Storage,
    schema: &Schema,
    scope: Scope,
    size: u64,
    pass: &mut Pass<'_>,
) -> Result<u64, ReadError> {
    let start = scope
        .from
        .map_or(pass.before.beginning.start, |from| from.end)
        .min(size);
    let pieces = (size - start).div_ceil(PIECE_BYTES);
    let cores = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let threads = cores.min(pieces);
    if pieces <= 1 {
        let seen = look_at(storage, schema, scope, start..size, true)?;
        let ends = seen.iter().map(|seen| pass.take(seen));
        return Ok(ends.last().unwrap_or(start));
    }
    thread::scope(|scope_of_threads| {
        let receivers: Vec<Receiver<Result<Vec<Seen>, StorageError>>> = (0..threads)
            .map(|first| {
                // One piece in hand and one waiting: that bounds the memory.
                let (sender, receiver) = sync_channel(1);
                scope_of_threads.spawn(move || {
                    let pieces = (first..pieces).step_by(threads as usize);
                    for piece in pieces.map(|piece| start + piece * PIECE_BYTES) {
                        let range = piece..(piece + PIECE_BYTES).min(size);
                        let at_line = piece == start;
                        if !send(&sender, look_at(storage, schema, scope, range, at_line)) {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        let mut end = start;
        for piece in 0..pieces {
            let receiver = receivers.get((piece % threads) as usize);
            let Some(Ok(seen)) = receiver.map(Receiver::recv) else {
                // The thread panicked, and so does the scope.
                break;
            };
            for seen in seen? {
                end = pass.take(&seen);
            }
        }
        Ok(end)
    })
}

fn send(
    sender: &SyncSender<Result<Vec<Seen>, StorageError>>,
    seen: Result<Vec<Seen>, StorageError>,
) -> bool {
    let failed = seen.is_err();
    sender.send(seen).is_ok() && !failed
}

/// What a thread saw of a line.
#[derive(Debug)]
enum Seen {
    Line(SeenLine),
    NotALine {
        reason: &'static str,
        offset: u64,
        end: u64,
    },
    Tail {
        bytes: u64,
        offset: u64,
    },
}

#[derive(Debug)]
struct SeenLine {
    seq: u64,
    offset: u64,
    end: u64,
    hash: Digest,
    prev: Digest,
    /// What line 0 states.
    beginning: Option<Box<Beginning>>,
    intact: bool,
    /// `None` if only the chain is looked at.
    record: Option<SeenRecord>,
}

#[derive(Debug)]
enum SeenRecord {
    Bad { reason: &'static str },
    Good { id: String, file_hash: bool },
}

/// Looks at the lines that start in a piece of the file.
fn look_at(
    storage: &dyn Storage,
    schema: &Schema,
    scope: Scope,
    piece: Range<u64>,
    at_line: bool,
) -> Result<Vec<Seen>, StorageError> {
    let mut all = Vec::new();
    let first = if at_line {
        Some(piece.start)
    } else {
        first_line(storage, &piece)?
    };
    let Some(first) = first else {
        return Ok(all);
    };
    let mut lines = Lines::new(storage, first);
    while lines.offset() < piece.end {
        let seen = match lines.next()? {
            Raw::Line { bytes, offset } => look_at_line(schema, scope, bytes, offset),
            Raw::Overlong { offset } => Seen::NotALine {
                reason: "it is too long",
                offset,
                end: offset,
            },
            Raw::Tail { bytes, offset } => Seen::Tail { bytes, offset },
            Raw::End => break,
        };
        all.push(seen);
    }
    // Where an overlong line ends is known only now.
    if let Some(Seen::NotALine { end, .. }) = all.last_mut() {
        *end = lines.offset();
    }
    Ok(all)
}

/// Where the first line of a piece starts, if one does.
fn first_line(storage: &dyn Storage, piece: &Range<u64>) -> Result<Option<u64>, StorageError> {
    let mut at = piece.start - 1;
    let mut buffer = [0; 4096];
    while at + 1 < piece.end {
        let count = storage.read_at(Part::Lines, at, &mut buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        if let Some(newline) = memchr::memchr(b'\n', read) {
            let start = at + newline as u64 + 1;
            return Ok((start < piece.end).then_some(start));
        }
        if count == 0 {
            return Ok(None);
        }
        at += count as u64;
    }
    Ok(None)
}

fn look_at_line(schema: &Schema, scope: Scope, raw: &[u8], offset: u64) -> Seen {
    let end = offset + raw.len() as u64 + 1;
    let line = match Line::parse(schema, raw, offset) {
        Ok(line) => line,
        Err(kind) => {
            let reason = match kind {
                FindingKind::NotALine { reason } => reason,
                _ => "its chain fields are damaged",
            };
            return Seen::NotALine {
                reason,
                offset,
                end,
            };
        }
    };
    let intact = line.actual_hash() == line.hash();
    let record = (scope.records && intact).then(|| match Record::of_line(schema, line.body()) {
        Ok(record) => SeenRecord::Good {
            id: record.id().to_owned(),
            file_hash: record.file_hash() == line.file_hash(),
        },
        Err(error) => SeenRecord::Bad {
            reason: error.in_short(),
        },
    });
    Seen::Line(SeenLine {
        seq: line.seq(),
        offset,
        end,
        hash: line.hash(),
        prev: line.prev_hash(),
        beginning: line.beginning().map(Box::new),
        intact,
        record,
    })
}

/// Which ids were met.
#[derive(Debug)]
enum Ids {
    /// A filter: what it has not seen was not there, what it has seen is a suspect.
    Rough {
        bits: Vec<[u64; 8]>,
        suspects: HashSet<u64>,
    },
    Exact {
        suspects: HashSet<u64>,
        first: HashMap<String, u64>,
    },
}

impl Ids {
    fn rough(size: u64) -> Self {
        let lines = (size / 25).clamp(4096, SEEN_BYTES_MAX) / 64;
        Self::Rough {
            bits: vec![[0; 8]; lines as usize],
            suspects: HashSet::new(),
        }
    }

    /// The line that had the id first, if that is known to be another.
    fn first(&mut self, id: &str, seq: u64) -> Option<u64> {
        let hash = Digest::of(id.as_bytes());
        let [high, low, ..] = hash.as_bytes().as_chunks::<8>().0 else {
            return None;
        };
        let (high, low) = (u64::from_le_bytes(*high), u64::from_le_bytes(*low));
        match self {
            Self::Rough { bits, suspects } => {
                let at = ((u128::from(high) * bits.len() as u128) >> 64) as usize;
                let mut seen = true;
                for k in 0..6 {
                    let probe = low >> (9 * k) & 511;
                    let word = bits
                        .get_mut(at)
                        .and_then(|line| line.get_mut((probe >> 6) as usize));
                    if let Some(word) = word {
                        seen &= *word & (1 << (probe & 63)) != 0;
                        *word |= 1 << (probe & 63);
                    }
                }
                if seen {
                    suspects.insert(high);
                }
                None
            }
            Self::Exact { suspects, first } => {
                if !suspects.contains(&high) {
                    return None;
                }
                match first.get(id) {
                    Some(first) => Some(*first),
                    None => {
                        first.insert(id.to_owned(), seq);
                        None
                    }
                }
            }
        }
    }
}

/// What stands before the chain.
#[derive(Debug)]
struct Before {
    /// Its hash is known unless the pass goes on from a line in the middle.
    beginning: Beginning,
    /// How many lines of the file that is.
    imported: u64,
}

struct Pass<'s> {
    before: &'s Before,
    /// The HEAD record that was not met yet.
    head: Option<&'s HeadRecord>,
    /// How many lines of the chain were seen.
    number: u64,
    /// The number the next line should have, or also the one after it.
    expected: u64,
    either: bool,
    /// The hash the next line should name; `None` after something that is not a line.
    prev: Option<Digest>,
    last_good: Option<Head>,
    ids: Ids,
    findings: Vec<Finding>,
}

impl<'s> Pass<'s> {
    fn new(head: Option<&'s HeadRecord>, from: Option<Head>, before: &'s Before, ids: Ids) -> Self {
        let lines = from.map_or(0, |from| from.seq + 1);
        let passed = |head: &&HeadRecord| {
            let there = from.is_some_and(|from| head.lines == lines && head.hash == from.hash);
            head.lines < lines || there
        };
        Self {
            before,
            head: head.filter(|head| !passed(head)),
            number: lines,
            expected: lines,
            either: false,
            prev: from.map(|from| from.hash),
            last_good: from,
            ids,
            findings: Vec::new(),
        }
    }

    /// Takes what was seen next; returns where it ends, or where a torn tail starts.
    fn take(&mut self, seen: &Seen) -> u64 {
        match seen {
            Seen::Line(line) => {
                self.line(line);
                line.end
            }
            Seen::NotALine {
                reason,
                offset,
                end,
            } => {
                self.not_a_line(reason, *offset);
                *end
            }
            Seen::Tail { bytes, offset } => {
                self.number += 1;
                let bytes = *bytes;
                self.find(None, *offset, FindingKind::TornTail { bytes });
                self.number -= 1;
                *offset
            }
        }
    }

    fn line(&mut self, line: &SeenLine) {
        self.number += 1;
        let (seq, offset) = (line.seq, line.offset);
        let before = self.findings.len();
        if !line.intact {
            self.find(Some(seq), offset, FindingKind::Edited);
        }
        let in_order = self.order(line);
        if in_order && let Some(record) = &line.record {
            self.record(line, record);
        }
        if in_order && self.findings.len() == before {
            self.last_good = Some(Head {
                seq,
                hash: line.hash,
                end: line.end,
            });
        }
        self.head = self
            .head
            .filter(|head| head.lines != seq + 1 || head.hash != line.hash);
    }

    fn not_a_line(&mut self, reason: &'static str, offset: u64) {
        self.number += 1;
        self.find(None, offset, FindingKind::NotALine { reason });
        // It stands in the place of a line or between two: both are possible.
        self.either = true;
        self.prev = None;
    }

    /// Compares with the lines before; says whether the line has its place.
    fn order(&mut self, line: &SeenLine) -> bool {
        let (seq, offset, expected) = (line.seq, line.offset, self.expected);
        let replaced = self.either && seq == expected + 1;
        self.either = false;
        if seq < expected {
            // The chain goes on where it was before this line.
            self.find(Some(seq), offset, FindingKind::SeqRepeated { expected });
            return false;
        }
        self.expected = seq + 1;
        let prev = self.prev.replace(line.hash);
        if seq != expected && !replaced {
            self.find(Some(seq), offset, out_of_order(expected, seq));
            return true;
        }
        let stated = line.beginning.as_deref();
        let prev = stated.map(Beginning::genesis).or(prev);
        if prev.is_some_and(|prev| prev != line.prev) {
            self.find(Some(seq), offset, FindingKind::BrokenLink);
        }
        if let Some(stated) = stated {
            self.begins(line, stated);
        }
        true
    }

    /// Compares what line 0 states with HEAD and with what is before it.
    fn begins(&mut self, line: &SeenLine, stated: &Beginning) {
        let (seq, offset) = (Some(line.seq), line.offset);
        let head = self.head;
        if head.is_some_and(|head| Some(&head.origin) != stated.origin.as_ref()) {
            self.find(seq, offset, FindingKind::OtherOrigin);
        }
        if !line.intact {
            return;
        }
        if let Err(kind) = self.before.beginning.imported_as(stated) {
            self.find(seq, offset, kind);
        } else if let Some(head) = head.filter(|head| head.start != stated.start) {
            let bytes = head.start;
            self.find(seq, offset, FindingKind::ImportChanged { bytes });
        }
    }

    /// Looks at the record itself.
    fn record(&mut self, line: &SeenLine, record: &SeenRecord) {
        let (seq, offset) = (line.seq, line.offset);
        let (id, file_hash) = match record {
            SeenRecord::Bad { reason } => {
                return self.find(Some(seq), offset, FindingKind::NotALine { reason });
            }
            SeenRecord::Good { id, file_hash } => (id, *file_hash),
        };
        if !file_hash {
            self.find(Some(seq), offset, FindingKind::FileHash);
        }
        if let Some(first_seq) = self.ids.first(id, seq) {
            let id = id.clone();
            self.find(
                Some(seq),
                offset,
                FindingKind::DuplicateId { id, first_seq },
            );
        }
    }

    fn finish(mut self, head_file: &HeadFile, end: u64) -> Verification {
        // Without a line 0 it is HEAD that says what was imported.
        if let Some(head) = &head_file.best
            && self.expected == 0
            && head.is_of_other_import(&self.before.beginning)
        {
            self.findings.push(Finding {
                seq: None,
                line: 1,
                offset: 0,
                kind: FindingKind::ImportChanged { bytes: head.end },
            });
        }
        let missed = self.head.and_then(HeadRecord::head);
        if let Some(head) = missed {
            let kind = if self.expected > head.seq {
                FindingKind::Forked { head }
            } else {
                FindingKind::RolledBack { head }
            };
            self.find(None, end, kind);
        } else if head_file.best.is_none() && !head_file.is_unborn() {
            self.find(None, end, FindingKind::HeadUnreadable);
        }
        Verification {
            lines: self.number,
            imported: self.before.imported,
            head: self.last_good,
            recorded: head_file.best.as_ref().and_then(HeadRecord::head),
            findings: self.findings,
        }
    }

    fn find(&mut self, seq: Option<u64>, offset: u64, kind: FindingKind) {
        self.findings.push(Finding {
            seq,
            line: self.before.imported + self.number,
            offset,
            kind,
        });
    }
}
