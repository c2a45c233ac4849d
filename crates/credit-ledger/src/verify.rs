//! Looking at a whole ledger and going on behind what is wrong.
//!
//! Several threads hash pieces of the file, each beginning at a line; one thread takes what they
//! saw in file order and follows the chain. Memory is bounded, whatever the ledger's size.

mod ids;
mod pass;

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use self::ids::{Ids, SeenId};
use self::pass::{Before, Pass};
use crate::Digest;
use crate::beginning::{Beginning, Imported, lines_before};
use crate::finding::{Finding, FindingKind, Verification};
use crate::head::{HeadFile, HeadRecord};
use crate::ledger::Head;
use crate::line::Line;
use crate::reader::{ReadError, line_ending_at};
use crate::record::{Checked, Checker, Schema, cores};
use crate::scan::{Lines, Raw, first_line};
use crate::storage::{Part, Storage, StorageError};

/// What one thread looks at before it goes on to its next piece.
const PIECE_BYTES: u64 = 2 * 1024 * 1024;

/// In a small ledger pieces are smaller, so that all threads have about the same to do.
const PIECE_BYTES_MIN: u64 = 256 * 1024;

/// Where HEAD does not know how many lines there are, they are taken to be this long.
const LINE_BYTES_TYPICAL: u64 = 1024;

/// How much is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// The records themselves, or only the chain.
    pub(crate) records: bool,
    /// Lines up to here are known to be good.
    pub(crate) from: Option<Head>,
}

/// Looks at everything in `scope`. `note` is asked about each line, on many threads, and what it
/// says is told to `noted` in the order of the lines.
pub(crate) fn verify<T: Send>(
    storage: &dyn Storage,
    schema: &Schema,
    scope: Scope,
    note: &(impl Fn(&Line<'_>) -> T + Sync),
    noted: &mut impl FnMut(T),
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
            line: (imported + 1).saturating_add(from.seq),
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
    let ids = if scope.records {
        // A wrong guess costs only time.
        let known = head.best.as_ref().map_or(0, |head| head.lines);
        Ids::rough(known.max(size / LINE_BYTES_TYPICAL))
    } else {
        Ids::exact()
    };
    let mut pass = Pass::new(head.best.as_ref(), scope.from, &before, ids);
    let mut work = Work::new(storage, schema, scope);
    let mut end = look(&work, size, &mut pass, note, noted)?;
    if let Ids::Rough { suspects, .. } = &mut pass.ids
        && !suspects.is_empty()
    {
        // Some ids may be there twice: now only these are remembered, and exactly.
        work.suspects = std::mem::take(suspects);
        pass = Pass::new(head.best.as_ref(), scope.from, &before, Ids::exact());
        end = look(&work, size, &mut pass, &|_: &Line<'_>| (), &mut |()| ())?;
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

/// What all threads do.
struct Work<'s> {
    storage: &'s dyn Storage,
    schema: Schema,
    scope: Scope,
    /// Hashes of ids that may be there twice: of these the ids themselves are wanted.
    suspects: HashSet<u64>,
    /// Made anew for each verification: nobody can choose ids that look like others.
    hasher: RandomState,
}

impl<'s> Work<'s> {
    fn new(storage: &'s dyn Storage, schema: &Schema, scope: Scope) -> Self {
        // What a line is about only the index wants to know.
        let schema = Schema {
            time: None,
            severity: None,
            scenario: None,
            ..*schema
        };
        Self {
            storage,
            schema,
            scope,
            suspects: HashSet::new(),
            hasher: RandomState::new(),
        }
    }
}

/// Has all pieces looked at, and follows the chain; returns where the lines end.
fn look<T: Send>(
    work: &Work<'_>,
    size: u64,
    pass: &mut Pass<'_>,
    note: &(impl Fn(&Line<'_>) -> T + Sync),
    noted: &mut impl FnMut(T),
) -> Result<u64, ReadError> {
    let from = work.scope.from;
    let start = from
        .map_or(pass.before.beginning.start, |from| from.end)
        .min(size);
    let threads = cores() as u64;
    let piece_bytes = (size - start) / (4 * threads);
    let piece_bytes = piece_bytes.clamp(PIECE_BYTES_MIN, PIECE_BYTES);
    let pieces = (size - start).div_ceil(piece_bytes);
    let threads = threads.min(pieces);
    if pieces <= 1 {
        let (seen, notes) = Eye::new(work).look_at(start..size, true, note)?;
        notes.into_iter().for_each(noted);
        let ends = seen.iter().map(|seen| pass.take(seen));
        return Ok(ends.last().unwrap_or(start));
    }
    thread::scope(|scope_of_threads| {
        let receivers: Vec<Receiver<Looked<T>>> = (0..threads)
            .map(|first| {
                // One piece in hand and one waiting: that bounds the memory.
                let (sender, receiver) = sync_channel(1);
                scope_of_threads.spawn(move || {
                    let mut eye = Eye::new(work);
                    let pieces = (first..pieces).step_by(threads as usize);
                    for piece in pieces.map(|piece| start + piece * piece_bytes) {
                        let range = piece..(piece + piece_bytes).min(size);
                        let at_line = piece == start;
                        if !send(&sender, eye.look_at(range, at_line, note)) {
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
            let (seen, notes) = seen?;
            pass.ids.look_ahead(seen.iter().filter_map(Seen::id));
            for seen in &seen {
                end = pass.take(seen);
            }
            notes.into_iter().for_each(&mut *noted);
        }
        Ok(end)
    })
}

/// What a thread saw in a piece, and what was noted of its lines.
type Looked<T> = Result<(Vec<Seen>, Vec<T>), StorageError>;

fn send<T>(sender: &SyncSender<Looked<T>>, seen: Looked<T>) -> bool {
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
    Good { id: SeenId, file_hash: bool },
}

impl Seen {
    fn id(&self) -> Option<&SeenId> {
        match self {
            Self::Line(SeenLine {
                record: Some(SeenRecord::Good { id, .. }),
                ..
            }) => Some(id),
            _ => None,
        }
    }
}

impl SeenRecord {
    fn new(work: &Work<'_>, line: &Line<'_>, body: &[u8], checked: Checked) -> Self {
        let (names, file_hash) = match checked {
            Ok(good) => good,
            Err(error) => {
                let reason = error.in_short();
                return Self::Bad { reason };
            }
        };
        let id = names.id.of(body);
        let hash = work.hasher.hash_one(id);
        let suspect = work.suspects.contains(&hash);
        Self::Good {
            id: SeenId {
                hash,
                text: suspect.then(|| String::from_utf8_lossy(id).into_owned()),
            },
            file_hash: file_hash == line.file_hash(),
        }
    }
}

/// One thread's own: what it reads with and writes to, piece after piece.
struct Eye<'w> {
    work: &'w Work<'w>,
    lines: Lines<'w>,
    body: Vec<u8>,
    checker: Checker,
    /// How many lines the last piece had.
    lines_last: usize,
}

impl<'w> Eye<'w> {
    fn new(work: &'w Work<'_>) -> Self {
        Self {
            work,
            lines: Lines::new(work.storage, 0),
            body: Vec::new(),
            checker: Checker::for_many(&work.schema),
            lines_last: 0,
        }
    }

    /// Looks at the lines that start in a piece of the file.
    fn look_at<T>(
        &mut self,
        piece: Range<u64>,
        at_line: bool,
        note: impl Fn(&Line<'_>) -> T,
    ) -> Looked<T> {
        // Pieces hold about as many lines as the one before.
        let (mut all, mut notes) = (Vec::with_capacity(self.lines_last), Vec::new());
        let first = if at_line {
            Some(piece.start)
        } else {
            first_line(self.work.storage, &piece)?
        };
        let Some(first) = first else {
            return Ok((all, notes));
        };
        let Self {
            work,
            lines,
            body,
            checker,
            lines_last,
        } = self;
        lines.go_to(first, piece.end);
        while lines.offset() < piece.end {
            let seen = match lines.next()? {
                Raw::Line { bytes, offset } => match Line::parse(&work.schema, bytes, offset) {
                    Ok(line) => {
                        notes.push(note(&line));
                        look_at_line(work, &line, |line| {
                            line.body_into(body);
                            let checked = checker.check(body);
                            SeenRecord::new(work, line, body, checked)
                        })
                    }
                    Err(kind) => Seen::NotALine {
                        reason: match kind {
                            FindingKind::NotALine { reason } => reason,
                            _ => "its chain fields are damaged",
                        },
                        offset,
                        end: offset + bytes.len() as u64 + 1,
                    },
                },
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
        *lines_last = all.len() + all.len() / 16;
        Ok((all, notes))
    }
}

fn look_at_line(
    work: &Work<'_>,
    line: &Line<'_>,
    check: impl FnOnce(&Line<'_>) -> SeenRecord,
) -> Seen {
    let offset = line.offset();
    let intact = line.actual_hash() == line.hash();
    let record = (work.scope.records && intact).then(|| check(line));
    Seen::Line(SeenLine {
        seq: line.seq(),
        offset,
        end: offset + line.raw().len() as u64 + 1,
        hash: line.hash(),
        prev: line.prev_hash(),
        beginning: line.beginning().map(Box::new),
        intact,
        record,
    })
}
