//! Following the chain through what was seen of it, and telling everything that is wrong.

use super::ids::Ids;
use super::{Seen, SeenLine, SeenRecord};
use crate::Digest;
use crate::beginning::Beginning;
use crate::chain::out_of_order;
use crate::finding::{Finding, FindingKind, Verification};
use crate::head::{HeadFile, HeadRecord};
use crate::ledger::Head;

/// What stands before the chain.
#[derive(Debug)]
pub(super) struct Before {
    /// Its hash is known unless the pass goes on from a line in the middle.
    pub(super) beginning: Beginning,
    /// How many lines of the file that is.
    pub(super) imported: u64,
}

/// Takes what the threads saw, in file order.
pub(super) struct Pass<'s> {
    pub(super) before: &'s Before,
    /// The HEAD record that was not met yet.
    head: Option<&'s HeadRecord>,
    /// Whether its line was met in another place than HEAD says.
    head_moved: bool,
    /// How many lines of the chain were seen.
    number: u64,
    /// The number the next line should have, or also the one after it.
    expected: u64,
    either: bool,
    /// The hash the next line should name; `None` after something that is not a line.
    prev: Option<Digest>,
    last_good: Option<Head>,
    pub(super) ids: Ids,
    findings: Vec<Finding>,
}

impl<'s> Pass<'s> {
    pub(super) fn new(
        head: Option<&'s HeadRecord>,
        from: Option<Head>,
        before: &'s Before,
        ids: Ids,
    ) -> Self {
        let lines = from.map_or(0, |from| from.seq + 1);
        let passed = |head: &&HeadRecord| {
            let there = |from: Head| (head.hash, head.end) == (from.hash, from.end);
            head.lines < lines || head.lines == lines && from.is_some_and(there)
        };
        Self {
            before,
            head: head.filter(|head| !passed(head)),
            head_moved: false,
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
    pub(super) fn take(&mut self, seen: &Seen) -> u64 {
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
        let is_heads = |head: &&HeadRecord| (head.lines, head.hash) == (seq + 1, line.hash);
        if let Some(head) = self.head.filter(is_heads) {
            self.head_moved = head.end != line.end;
            self.head = Some(head).filter(|_| self.head_moved);
        }
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
            let id = id.text.clone().unwrap_or_default();
            self.find(
                Some(seq),
                offset,
                FindingKind::DuplicateId { id, first_seq },
            );
        }
    }

    pub(super) fn finish(mut self, head_file: &HeadFile, end: u64) -> Verification {
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
        // That its line is in another place follows from what was found before it, if there is any.
        let explained = self.head_moved && !self.findings.is_empty();
        let missed = self.head.and_then(HeadRecord::head);
        if let Some(head) = missed.filter(|_| !explained) {
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
