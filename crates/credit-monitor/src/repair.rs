//! Run files and sidecars are projections of ledger lines: what is lost is written again, what
//! differs is evidence.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use credit_core::{Day, RunId};
use credit_governance::What;
use credit_ledger::hashed_file::{HashedDir, HashedFileError, open_regular};
use credit_ledger::{Digest, Ledger, OwnedLine};

use crate::archive::{self, Archive};
use crate::parallel::parallel;
use crate::run_files::{self, RunFile, RunFileError, Standing};
use crate::tree::run_file_name;
use crate::{Error, Tree, TreeFinding};

/// How many lines are looked at together: bounds the memory.
const CHUNK: usize = 4096;

/// How far back opening looks at most: two of the largest batches of `observe_all`.
const LINES_ON_OPEN: usize = 8192;

/// After so many whole run files in a row, opening believes that those before are whole as well.
const WHOLE_ON_OPEN: usize = 256;

/// More than the longest line.
const WINDOW_BYTES: u64 = 256 * 1024;

/// What a repair did, or would do.
#[derive(Debug, Default)]
pub struct Repair {
    /// Lines that were looked at.
    pub lines: u64,
    /// Run files that were written, or whose sidecars were.
    pub rebuilt: u64,
    /// What differs from its line, by path; it stays.
    pub evidence: Vec<TreeFinding>,
    /// What should have been written and could not be.
    pub failed: Vec<RunFileError>,
}

impl Archive {
    /// What [`Monitor::repair`](crate::Monitor::repair) would do; writes nothing.
    ///
    /// # Errors
    /// [`Error::Read`] if the ledger is missing or a line does not continue the chain.
    pub fn missing_run_files(&self, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Repair, Error> {
        let mut pass = Pass::new(self.tree(), false);
        pass.over(self, progress)?;
        Ok(pass.finish())
    }
}

/// Which run files were written again.
#[derive(Debug, Default)]
pub(crate) struct Rebuilt {
    count: u64,
    span: Option<(u64, u64)>,
}

impl Rebuilt {
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What is recorded, if there is anything to record.
    pub(crate) fn event(&self) -> Option<What> {
        self.span.map(|(first, last)| What::ProjectionsRebuilt {
            rebuilt: self.count,
            first,
            last,
        })
    }

    fn add(&mut self, seq: u64) {
        self.count += 1;
        let (first, last) = self.span.unwrap_or((seq, seq));
        self.span = Some((first.min(seq), last.max(seq)));
    }
}

/// A line and the run file that follows from it.
struct Expected {
    line: OwnedLine,
    day: Day,
    name: String,
    hash: Digest,
}

/// Going over all lines.
pub(crate) struct Pass<'a> {
    tree: &'a Tree,
    write: bool,
    rebuilt: Rebuilt,
    repair: Repair,
    /// How many lines stand before the chain.
    imported: u64,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(tree: &'a Tree, write: bool) -> Pass<'a> {
        Pass {
            tree,
            write,
            rebuilt: Rebuilt::default(),
            repair: Repair::default(),
            imported: 0,
        }
    }

    pub(crate) fn rebuilt(&self) -> &Rebuilt {
        &self.rebuilt
    }

    pub(crate) fn finish(self) -> Repair {
        let mut repair = self.repair;
        repair.rebuilt = self.rebuilt.count;
        // A folder that cannot be opened is told once.
        repair.evidence.sort();
        repair.evidence.dedup();
        repair
    }

    pub(crate) fn over(
        &mut self,
        archive: &Archive,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<(), Error> {
        let reader = archive.ledger()?;
        let total = archive.head()?.map_or(0, |head| head.seq + 1);
        self.imported = archive.imported()?.map_or(0, |found| found.lines);
        let mut scan = reader
            .scan_verified()
            .map_err(|e| archive.ledger_error(e))?;
        loop {
            let mut chunk = Vec::new();
            while chunk.len() < CHUNK
                && let Some(line) = scan.next_line().map_err(|e| archive.ledger_error(e))?
            {
                chunk.push(line.to_owned());
            }
            if chunk.is_empty() {
                return Ok(());
            }
            self.repair.lines += chunk.len() as u64;
            self.chunk(chunk);
            progress(self.repair.lines, total);
        }
    }

    fn chunk(&mut self, lines: Vec<OwnedLine>) {
        let mut all = Vec::with_capacity(lines.len());
        let mut days: BTreeMap<Day, io::Result<Option<HashedDir>>> = BTreeMap::new();
        for line in lines {
            let seq = line.seq();
            match expected(self.tree, line) {
                Ok(Some(expected)) => {
                    let (monitoring, day) = (self.tree.monitoring(), expected.day);
                    days.entry(day)
                        .or_insert_with(|| HashedDir::open_in(&monitoring, &day.to_string()));
                    all.push(expected);
                }
                // A line that states no hash has no run file.
                Ok(None) => {}
                Err(e) => {
                    let line = self.imported + seq + 1;
                    self.evidence(&self.tree.ledger(), Some(line), e.to_string());
                }
            }
        }
        let looked = parallel(all, |expected| {
            let path = self.tree.day(expected.day);
            let standing = match days.get(&expected.day) {
                Some(Ok(Some(dir))) => {
                    run_files::standing(dir, &path, &expected.name, expected.hash)
                }
                // Told for the whole folder.
                Some(Err(_)) => Standing::Whole,
                Some(Ok(None)) | None => Standing::Lost("is missing"),
            };
            (expected, standing)
        });
        for (day, opened) in &days {
            if let Err(e) = opened {
                let problem = format!("is no directory that can be opened: {e}");
                self.evidence(&self.tree.day(*day), None, problem);
            }
        }
        let mut lost = Vec::new();
        for (expected, standing) in looked {
            match standing {
                Standing::Whole => {}
                Standing::Lost(_) => lost.push(expected),
                Standing::Evidence(problem) => {
                    let path = self.tree.day(expected.day).join(&expected.name);
                    self.evidence(&path, None, problem);
                }
            }
        }
        if self.write {
            self.rebuild(&lost);
        } else {
            for expected in &lost {
                self.rebuilt.add(expected.line.seq());
            }
        }
    }

    fn rebuild(&mut self, lost: &[Expected]) {
        let mut bytes = Vec::with_capacity(lost.len());
        for expected in lost {
            match file_bytes(expected) {
                Ok(file) => bytes.push((expected, file)),
                Err(problem) => {
                    let line = self.imported + expected.line.seq() + 1;
                    self.evidence(&self.tree.ledger(), Some(line), problem);
                }
            }
        }
        let files: Vec<RunFile<'_>> = bytes
            .iter()
            .map(|(expected, bytes)| RunFile {
                day: expected.day,
                name: expected.name.clone(),
                bytes,
                hash: expected.hash,
            })
            .collect();
        let failed = run_files::write_told(self.tree, &files, |index| {
            if let Some((expected, _)) = bytes.get(index) {
                self.rebuilt.add(expected.line.seq());
            }
        });
        for failed in failed {
            match failed.source {
                // It came to be there since it was looked at, or the line is doubled.
                HashedFileError::Differs { path } => {
                    let problem = "is not what its ledger line states; keep it and compare";
                    self.evidence(&path, None, problem.to_owned());
                }
                _ => self.repair.failed.push(failed),
            }
        }
    }

    fn evidence(&mut self, path: &Path, line: Option<u64>, problem: String) {
        let path = path.strip_prefix(self.tree.root()).unwrap_or(path);
        self.repair.evidence.push(TreeFinding {
            path: path.to_owned(),
            line,
            problem,
        });
    }
}

/// Writes what a process that was killed, or its system, left out behind the last lines.
///
/// Files are written in the order of their lines, right after their batch and before the next one
/// of the same writer: what a killed writer leaves out is an unbroken stretch up to the end of its
/// last batch. So opening goes back from the head until it has met many whole ones in a row; several
/// writers side by side mix their last batches, which is why the first whole one is not enough.
/// What this misses, after a loss of power or of a writer that others have long overtaken,
/// `repair` finds.
pub(crate) fn after_a_crash(tree: &Tree, ledger: &Ledger) -> Result<Rebuilt, Error> {
    let mut pass = Pass::new(tree, true);
    let Some(head) = ledger.head() else {
        return Ok(pass.rebuilt);
    };
    let path = tree.ledger();
    let mut lost = lost_at_the_end(tree, head.end).map_err(Error::io("reading", &path))?;
    lost.reverse();
    for ids in lost.chunks(WHOLE_ON_OPEN) {
        // Only what is found and intact is written from; verification tells of the rest.
        let found = ids.iter().filter_map(|id| ledger.find(id.as_str()).ok()?);
        pass.chunk(found.collect());
    }
    // What differs or cannot be written is no reason not to open: the lines are safe, and
    // verification tells which files are not as they should be.
    Ok(pass.rebuilt)
}

/// The runs without a run file or sidecar near the ledger's end, the last one first.
fn lost_at_the_end(tree: &Tree, end: u64) -> io::Result<Vec<RunId>> {
    let mut lines = Backwards::new(tree, end)?;
    let mut lost = Vec::new();
    let mut whole = 0;
    for _ in 0..LINES_ON_OPEN {
        let Some(line) = lines.next_line()? else {
            break;
        };
        // What is no run of ours has no file of ours.
        let Ok(facts) = archive::text(&line, &tree.ledger()).and_then(|l| archive::facts(l, tree))
        else {
            break;
        };
        let file = tree.run_file(facts.timestamp.day(), &facts.run_id);
        let mut sidecar = file.clone().into_os_string();
        sidecar.push(".sha256");
        if is_lost(&file) || is_lost(&PathBuf::from(sidecar)) {
            lost.push(facts.run_id.clone());
            whole = 0;
        } else {
            whole += 1;
        }
        if whole == WHOLE_ON_OPEN {
            break;
        }
    }
    Ok(lost)
}

/// Whether a file is absent or empty. Whatever else is in its place is not for us to replace.
fn is_lost(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(there) => there.is_file() && there.len() == 0,
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    }
}

/// The run file that follows from a line, if one does.
fn expected(tree: &Tree, line: OwnedLine) -> Result<Option<Expected>, Error> {
    let Some(hash) = line.file_hash() else {
        return Ok(None);
    };
    let facts = archive::facts(archive::text(line.raw(), &tree.ledger())?, tree)?;
    let (day, name) = (facts.timestamp.day(), run_file_name(&facts.run_id));
    Ok(Some(Expected {
        line,
        day,
        name,
        hash,
    }))
}

/// The bytes of the run file, if they are those the line states.
fn file_bytes(expected: &Expected) -> Result<Vec<u8>, String> {
    let bytes = expected.line.file_bytes();
    let bytes = bytes.map_err(|e| format!("is not strict JSON: {e}; compare with a copy"))?;
    if Digest::of(&bytes) == expected.hash {
        Ok(bytes)
    } else {
        Err("states another SHA-256 of its run file than follows from it".to_owned())
    }
}

/// The lines of a file from its end to its beginning.
pub(crate) struct Backwards {
    file: File,
    /// Where the lines that were not read yet end.
    end: u64,
    lines: Vec<Vec<u8>>,
}

impl Backwards {
    pub(crate) fn new(tree: &Tree, end: u64) -> io::Result<Backwards> {
        Ok(Backwards {
            file: open_regular(&tree.ledger())?,
            end,
            lines: Vec::new(),
        })
    }

    pub(crate) fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.lines.is_empty() && self.end > 0 {
            let start = self.end.saturating_sub(WINDOW_BYTES);
            let length = usize::try_from(self.end - start).unwrap_or_default();
            let mut window = vec![0; length];
            self.file.read_exact_at(&mut window, start)?;
            // The first line of the window may have begun before it.
            let skip = if start == 0 {
                0
            } else {
                let newline = window.iter().position(|byte| *byte == b'\n');
                newline.map_or(window.len(), |at| at + 1)
            };
            let whole = window.get(skip..).unwrap_or_default();
            self.lines = whole
                .split_inclusive(|byte| *byte == b'\n')
                .map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec())
                .collect();
            self.end = start + skip as u64;
        }
        Ok(self.lines.pop())
    }
}
