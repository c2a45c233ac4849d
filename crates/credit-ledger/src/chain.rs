//! The chain as far as it was followed, and the one place that decides whether a line is next.

use crate::Digest;
use crate::beginning::Beginning;
use crate::finding::{Finding, FindingKind};
use crate::head::HeadRecord;
use crate::index::{Found, IdHash, Index, When};
use crate::ledger::Head;
use crate::line::Line;
use crate::reader::{ReadError, broken_at, not_a_line};
use crate::record::{Checker, Schema};
use crate::scan::{Lines, Raw};
use crate::storage::{Storage, StorageError};

/// Where a chain stands.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) lines: u64,
    pub(crate) hash: Digest,
    pub(crate) end: u64,
    pub(crate) beginning: Beginning,
}

/// A chain's place without its origin: cheap to keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) lines: u64,
    pub(crate) hash: Digest,
    pub(crate) end: u64,
}

impl Chain {
    pub(crate) fn start(beginning: Beginning) -> Self {
        Self {
            lines: 0,
            hash: beginning.genesis(),
            end: beginning.start,
            beginning,
        }
    }

    /// Goes on in the middle: the next line has this number and names this hash.
    pub(crate) fn resume(&mut self, lines: u64, hash: Digest, end: u64) {
        self.return_to(Position { lines, hash, end });
    }

    pub(crate) fn head(&self) -> Option<Head> {
        let seq = self.lines.checked_sub(1)?;
        Some(Head {
            seq,
            hash: self.hash,
            end: self.end,
        })
    }

    /// Goes one line further, or says why this line is not the next one.
    pub(crate) fn step<'a>(
        &mut self,
        schema: &Schema,
        raw: &'a [u8],
    ) -> Result<Line<'a>, FindingKind> {
        let line = Line::parse(schema, raw, self.end)?;
        let stated = line.beginning().filter(|_| self.lines == 0);
        if stated.as_ref().is_some_and(|it| !self.beginning.is_of(it)) {
            return Err(FindingKind::OtherOrigin);
        }
        if line.actual_hash() != line.hash() {
            return Err(FindingKind::Edited);
        }
        if let Some(stated) = stated {
            self.beginning.imported_as(&stated)?;
            self.hash = stated.genesis();
            self.beginning = stated;
        }
        if line.seq() != self.lines {
            return Err(out_of_order(self.lines, line.seq()));
        }
        if line.prev_hash() != self.hash {
            return Err(FindingKind::BrokenLink);
        }
        self.advance(line.hash(), raw.len() + 1);
        Ok(line)
    }

    pub(crate) fn advance(&mut self, hash: Digest, bytes: usize) {
        self.lines += 1;
        self.hash = hash;
        self.end += bytes as u64;
    }

    pub(crate) fn position(&self) -> Position {
        Position {
            lines: self.lines,
            hash: self.hash,
            end: self.end,
        }
    }

    pub(crate) fn return_to(&mut self, position: Position) {
        Position {
            lines: self.lines,
            hash: self.hash,
            end: self.end,
        } = position;
    }
}

pub(crate) fn out_of_order(expected: u64, found: u64) -> FindingKind {
    if found > expected {
        FindingKind::SeqGap { expected }
    } else {
        FindingKind::SeqRepeated { expected }
    }
}

/// Follows the file from where `chain` and `index` stand to its end or to the first break.
///
/// `head` is compared when its place is passed. What was followed stays followed.
pub(crate) fn follow(
    storage: &dyn Storage,
    schema: &Schema,
    head: Option<&HeadRecord>,
    chain: &mut Chain,
    index: &mut Index,
) -> Result<Option<Finding>, StorageError> {
    let mut lines = Lines::new(storage, chain.end);
    let (mut body, mut checker) = (Vec::new(), Checker::for_many(schema));
    loop {
        let kind = match lines.next()? {
            Raw::End => return Ok(None),
            Raw::Tail { bytes, .. } => FindingKind::TornTail { bytes },
            Raw::Overlong { .. } => not_a_line("it is too long"),
            Raw::Line { bytes, .. } => {
                let before = chain.position();
                let taken = take(
                    storage,
                    schema,
                    bytes,
                    chain,
                    index,
                    (&mut body, &mut checker),
                );
                let fork = || head.and_then(|head| fork_at(head, &before, chain));
                let kind = match taken {
                    Ok(()) => fork(),
                    Err(ReadError::Storage(error)) => return Err(error),
                    Err(ReadError::Broken { offset, kind }) if offset != before.end => {
                        // An earlier line, met while an id was looked up.
                        return Ok(Some(Finding {
                            seq: None,
                            line: 0,
                            offset,
                            kind,
                        }));
                    }
                    Err(ReadError::Broken { kind, .. }) => Some(kind),
                    Err(ReadError::Missing) => return Err(gone()),
                };
                let Some(kind) = kind else {
                    let position = chain.position();
                    if head.is_some_and(|head| position.end <= head.end)
                        && index.is_due(storage, position, When::Now)
                    {
                        index.spill(storage, position);
                    }
                    continue;
                };
                chain.return_to(before);
                index.truncate(before.lines);
                kind
            }
        };
        return Ok(Some(Finding {
            seq: Some(chain.lines),
            line: chain.lines + 1,
            offset: chain.end,
            kind,
        }));
    }
}

fn take(
    storage: &dyn Storage,
    schema: &Schema,
    raw: &[u8],
    chain: &mut Chain,
    index: &mut Index,
    (body, checker): (&mut Vec<u8>, &mut Checker),
) -> Result<(), ReadError> {
    let offset = chain.end;
    let broken = |kind| broken_at(offset, kind);
    let line = chain.step(schema, raw).map_err(broken)?;
    line.body_into(body);
    let names = checker.names(body);
    let names = names.map_err(|error| broken(not_a_line(error.in_short())))?;
    let id = names.id.of(body);
    let id_hash = IdHash::of(id);
    if let Some(first) = index.find(storage, id, id_hash)? {
        let id = String::from_utf8_lossy(id).into_owned();
        return Err(broken(FindingKind::DuplicateId {
            id,
            first_seq: first.seq,
        }));
    }
    let found = Found {
        seq: line.seq(),
        identity: names.identity,
        hash: line.hash(),
        offset,
    };
    index.insert(id, id_hash, names.marks, found, chain.end);
    Ok(())
}

fn gone() -> StorageError {
    StorageError::Io(std::io::ErrorKind::NotFound.into())
}

/// Whether the step from `before` to `after` passed the place HEAD knows without meeting it.
fn fork_at(head: &HeadRecord, before: &Position, after: &Chain) -> Option<FindingKind> {
    let passes = before.end < head.end && head.end <= after.end;
    let meets = (head.lines, head.hash, head.end) == (after.lines, after.hash, after.end);
    let head = head.head().filter(|_| passes && !meets)?;
    Some(FindingKind::Forked { head })
}
