//! What can be wrong with a ledger, and what to do about each.

use std::fmt;

use crate::ledger::Head;

/// One thing wrong with a ledger. Its text says what, and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// The number the line states, if it can be read.
    pub seq: Option<u64>,
    /// The line in the file, counted from 1 as `sed -n 42p` does, imported lines too.
    pub line: u64,
    /// Where it starts in the file.
    pub offset: u64,
    /// What is wrong.
    pub kind: FindingKind,
}

/// What is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FindingKind {
    /// The line does not state the hash of the line before it.
    BrokenLink,
    /// An id that an earlier line has.
    DuplicateId {
        /// The id.
        id: String,
        /// The line that had it first.
        first_seq: u64,
    },
    /// The line's bytes do not have the hash it states.
    Edited,
    /// The line states another hash for its record's file than the record has.
    FileHash,
    /// HEAD knows another line at its place: this is another history.
    Forked {
        /// What HEAD knows.
        head: Head,
    },
    /// HEAD exists, but neither of its slots is intact.
    HeadUnreadable,
    /// The bytes before line 0 are not the ones that were imported.
    ImportChanged {
        /// How many bytes were imported, as line 0 or else HEAD states.
        bytes: u64,
    },
    /// Not a line of this ledger.
    NotALine {
        /// What it lacks.
        reason: &'static str,
    },
    /// Line 0 or HEAD name another origin: this is another ledger.
    OtherOrigin,
    /// The file ends before the line HEAD knows: acknowledged lines are missing.
    RolledBack {
        /// What HEAD knows.
        head: Head,
    },
    /// Lines are missing before this one.
    SeqGap {
        /// The number that should be here.
        expected: u64,
    },
    /// The number was passed before: a line was doubled or moved.
    SeqRepeated {
        /// The number that should be here.
        expected: u64,
    },
    /// The file does not end with a newline.
    TornTail {
        /// The bytes after the last newline.
        bytes: u64,
    },
}

/// The result of looking at a whole ledger.
///
/// ```
/// # use credit_ledger::{MemoryStorage, Reader, Schema};
/// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
/// #     file_hash: None, origin: "Ledger_Origin", time: None,
/// #     severity: None, scenario: None };
/// # let storage = Box::new(MemoryStorage::with_lines(b"{\"not\":\"ours\"}\n".to_vec()));
/// let verification = Reader::open(storage, RUNS)?.verify()?;
/// assert!(!verification.ok());
/// for finding in &verification.findings {
///     println!("{finding}");
/// }
/// # Ok::<(), credit_ledger::ReadError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Verification {
    /// How many whole lines the file has, good and bad, imported ones not counted.
    pub lines: u64,
    /// How many lines were imported: they stand before the chain and are looked at as bytes only.
    pub imported: u64,
    /// The last good line, for reports and for `verify --head`.
    pub head: Option<Head>,
    /// The head as the HEAD file knows it; without it, missing lines at the end cannot be
    /// noticed.
    pub recorded: Option<Head>,
    /// Everything that is wrong, in file order; what HEAD says comes last.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(seq) = self.seq {
            write!(f, " (seq {seq})")?;
        }
        write!(f, " at byte {}: {}", self.offset, self.kind)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenLink => f.write_str(
                "it does not follow the line before it; compare with a copy to see which lines \
                 were removed, inserted or rewritten",
            ),
            Self::DuplicateId { id, first_seq } => write!(
                f,
                "its id `{id}` is that of seq {first_seq}; count only the first"
            ),
            Self::Edited => f.write_str(
                "its bytes do not have the hash it states; keep the file and compare the line \
                 with a copy",
            ),
            Self::FileHash => f.write_str(
                "it states another hash for its record's file than the record has; the line was \
                 not written by this ledger",
            ),
            Self::Forked { head } => write!(
                f,
                "the HEAD file knows {head} here, so this is another history; find the file \
                 that contains that line"
            ),
            Self::HeadUnreadable => f.write_str(
                "the HEAD file is damaged, so missing lines at the end cannot be noticed; check \
                 a head noted elsewhere",
            ),
            Self::ImportChanged { bytes } => write!(
                f,
                "the bytes before the chain are not the {bytes} that were imported; restore \
                 them from a copy"
            ),
            Self::NotALine { reason } => {
                write!(
                    f,
                    "it is not a line of this ledger: {reason}; compare with a copy"
                )
            }
            Self::OtherOrigin => f.write_str(
                "it belongs to a ledger of another origin; put the files of one ledger together",
            ),
            Self::RolledBack { head } => write!(
                f,
                "the file ends here, but the HEAD file knows {head}; restore the missing lines \
                 from a copy"
            ),
            Self::SeqGap { expected } => {
                write!(
                    f,
                    "seq {expected} should be here; restore what is missing from a copy"
                )
            }
            Self::SeqRepeated { expected } => write!(
                f,
                "seq {expected} should be here; the line was doubled or moved, compare with a \
                 copy"
            ),
            Self::TornTail { bytes } => write!(
                f,
                "the last {bytes} bytes are not a whole line; the next writer sets them aside"
            ),
        }
    }
}
