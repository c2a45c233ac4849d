//! Looking at a whole ledger and going on behind what is wrong.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::Digest;
use crate::chain::out_of_order;
use crate::finding::{Finding, FindingKind, Verification};
use crate::head::{HeadFile, HeadRecord};
use crate::ledger::Head;
use crate::line::{Line, genesis};
use crate::reader::ReadError;
use crate::record::{Record, Schema};
use crate::scan::{Lines, Raw};
use crate::storage::{Part, Storage};

pub(crate) fn verify(storage: &dyn Storage, schema: &Schema) -> Result<Verification, ReadError> {
    // HEAD first: lines that are added meanwhile come after it.
    let head = HeadFile::read(storage)?;
    if storage.size(Part::Lines)?.is_none() && head.is_unborn() {
        return Err(ReadError::Missing);
    }
    let mut pass = Pass::new(schema, head.best.as_ref());
    let mut lines = Lines::new(storage, 0);
    loop {
        let at = match lines.next()? {
            Raw::Line { bytes, offset } => {
                pass.line(bytes, offset);
                continue;
            }
            Raw::Overlong { offset } => {
                pass.not_a_line("it is too long", offset);
                continue;
            }
            Raw::Tail { bytes, offset } => {
                pass.number += 1;
                pass.find(None, offset, FindingKind::TornTail { bytes });
                pass.number -= 1;
                offset
            }
            Raw::End => lines.offset(),
        };
        return Ok(pass.finish(&head, at));
    }
}

struct Pass<'s> {
    schema: &'s Schema,
    /// The HEAD record that was not met yet.
    head: Option<&'s HeadRecord>,
    /// How many lines were seen.
    number: u64,
    /// The number the next line should have, or also the one after it.
    expected: u64,
    either: bool,
    /// The hash the next line should name; `None` after something that is not a line.
    prev: Option<Digest>,
    last_good: Option<Head>,
    ids: HashMap<String, u64>,
    findings: Vec<Finding>,
}

impl<'s> Pass<'s> {
    fn new(schema: &'s Schema, head: Option<&'s HeadRecord>) -> Self {
        Self {
            schema,
            head,
            number: 0,
            expected: 0,
            either: false,
            prev: None,
            last_good: None,
            ids: HashMap::new(),
            findings: Vec::new(),
        }
    }

    fn line(&mut self, raw: &[u8], offset: u64) {
        let line = match Line::parse(self.schema, raw, offset) {
            Ok(line) => line,
            Err(FindingKind::NotALine { reason }) => return self.not_a_line(reason, offset),
            Err(_) => return,
        };
        self.number += 1;
        let seq = line.seq();
        let before = self.findings.len();
        let intact = line.actual_hash() == line.hash();
        if !intact {
            self.find(Some(seq), offset, FindingKind::Edited);
        }
        let in_order = self.order(&line);
        if in_order && intact {
            self.record(&line);
        }
        if in_order && self.findings.len() == before {
            let end = offset + raw.len() as u64 + 1;
            self.last_good = Some(Head {
                seq,
                hash: line.hash(),
                end,
            });
        }
        self.head = self
            .head
            .filter(|head| head.lines != seq + 1 || head.hash != line.hash());
    }

    fn not_a_line(&mut self, reason: &'static str, offset: u64) {
        self.number += 1;
        self.find(None, offset, FindingKind::NotALine { reason });
        // It stands in the place of a line or between two: both are possible.
        self.either = true;
        self.prev = None;
    }

    /// Compares with the lines before; says whether the line has its place.
    fn order(&mut self, line: &Line<'_>) -> bool {
        let (seq, offset, expected) = (line.seq(), line.offset(), self.expected);
        let replaced = self.either && seq == expected + 1;
        self.either = false;
        if seq < expected {
            // The chain goes on where it was before this line.
            self.find(Some(seq), offset, FindingKind::SeqRepeated { expected });
            return false;
        }
        self.expected = seq + 1;
        let prev = self.prev.replace(line.hash());
        if seq != expected && !replaced {
            self.find(Some(seq), offset, out_of_order(expected, seq));
            return true;
        }
        let prev = line.origin().map(genesis).or(prev);
        if prev.is_some_and(|prev| prev != line.prev_hash()) {
            self.find(Some(seq), offset, FindingKind::BrokenLink);
        }
        let known = self.head.map(|head| head.origin.as_str());
        if line
            .origin()
            .is_some_and(|origin| known.is_some_and(|known| known != origin))
        {
            self.find(Some(seq), offset, FindingKind::OtherOrigin);
        }
        true
    }

    /// Looks at the record itself.
    fn record(&mut self, line: &Line<'_>) {
        let (seq, offset) = (line.seq(), line.offset());
        let record = match Record::new(self.schema, line.body()) {
            Ok(record) => record,
            Err(error) => {
                let reason = error.in_short();
                return self.find(Some(seq), offset, FindingKind::NotALine { reason });
            }
        };
        if record.file_hash() != line.file_hash() {
            self.find(Some(seq), offset, FindingKind::FileHash);
        }
        match self.ids.entry(record.id().to_owned()) {
            Entry::Vacant(entry) => {
                entry.insert(seq);
            }
            Entry::Occupied(entry) => {
                let (id, first_seq) = (entry.key().clone(), *entry.get());
                self.find(
                    Some(seq),
                    offset,
                    FindingKind::DuplicateId { id, first_seq },
                );
            }
        }
    }

    fn finish(mut self, head_file: &HeadFile, end: u64) -> Verification {
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
            head: self.last_good,
            recorded: head_file.best.as_ref().and_then(HeadRecord::head),
            findings: self.findings,
        }
    }

    fn find(&mut self, seq: Option<u64>, offset: u64, kind: FindingKind) {
        self.findings.push(Finding {
            seq,
            line: self.number,
            offset,
            kind,
        });
    }
}
