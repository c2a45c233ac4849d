//! Is everything still as it was written? Needs no secret, no network, no right to write.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use credit_core::{Day, RunFacts, Sha256};
use credit_ledger::hashed_file::{FileCheck, HashedDir};
use credit_ledger::{Digest, Head, Line, ReadError};

use crate::archive::{self, Archive};
use crate::live_docket::check_saved;
use crate::parallel::in_turns;
use crate::partials;
use crate::run_files::{self, Standing};
use crate::tree::run_file_name;
use crate::{Error, Tree, files};

/// What is wrong with one file of a tree, and what to do.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TreeFinding {
    /// The file, relative to the root.
    pub path: PathBuf,
    /// The line in it, counted from 1, where there is one.
    pub line: Option<u64>,
    /// What is wrong and what to do.
    pub problem: String,
}

/// The result of looking at everything.
#[derive(Clone, Debug)]
pub struct TreeVerification {
    /// Lines of the run ledger's chain.
    pub lines: u64,
    /// Lines it was imported with, which were compared with their hash as a whole.
    pub imported: u64,
    /// Its last good line.
    pub head: Option<Head>,
    /// Lines of the events.
    pub events: u64,
    /// Run files that were compared with their lines.
    pub run_files: u64,
    /// Reports that were compared with their sidecars.
    pub reports: u64,
    /// Everything that is wrong, by path.
    pub findings: Vec<TreeFinding>,
}

impl TreeVerification {
    /// Whether nothing is wrong.
    pub fn ok(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Archive {
    /// Checks both chains, every run file and report with its sidecar, and the kept inputs, and
    /// tells everything that is wrong. `head` is a line noted elsewhere that the ledger must still
    /// contain; `progress` is told how many of how many run files are done.
    ///
    /// # Errors
    /// [`Error::Read`] if there is no ledger or something cannot be read; what is wrong is no error
    /// but a finding.
    pub fn verify(
        &self,
        head: Option<(u64, Digest)>,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<TreeVerification, Error> {
        let _span = tracing::debug_span!("verify").entered();
        let mut verifier = Verifier {
            archive: self,
            tree: self.tree(),
            findings: Vec::new(),
            imported: 0,
        };
        let path = self.tree().ledger();
        let mut expected = RunFiles::new();
        let mut no_records = Vec::new();
        let chain = self.ledger()?.verify_noting(
            |line| expected_run_file(self.tree(), &path, line),
            |file| match file {
                Ok(ExpectedFile { day, name, hash }) => {
                    // Of a doubled line the first counts.
                    let files = expected.entry(day).or_default();
                    files.entry(name).or_insert(hash);
                }
                Err(no_record) => no_records.push(no_record),
            },
        );
        let chain = chain.map_err(|e| self.ledger_error(e))?;
        verifier.imported = chain.imported;
        verifier.add_chain(&path, chain.findings);
        for NoRecord { seq, problem } in no_records {
            verifier.add(&path, Some(chain.imported + seq + 1), problem);
        }
        let events = verifier.events()?;
        if let Some((seq, hash)) = head {
            verifier.known_head(seq, hash)?;
        }
        let run_files = expected.values().map(|files| files.len() as u64).sum();
        verifier.run_files(&expected, run_files, progress);
        verifier.orphans(&expected)?;
        let reports = verifier.reports();
        verifier.objects();
        let mut findings = verifier.findings;
        findings.sort();
        Ok(TreeVerification {
            lines: chain.lines,
            imported: chain.imported,
            head: chain.head,
            events,
            run_files,
            reports,
            findings,
        })
    }
}

/// Run files by day: name → hash that the line states.
type RunFiles = BTreeMap<Day, HashMap<String, Digest>>;

/// So many of a day's files are looked at by one thread.
const FILES_IN_TURN: usize = 256;

struct Verifier<'a> {
    archive: &'a Archive,
    tree: &'a Tree,
    findings: Vec<TreeFinding>,
    /// How many lines stand before the chain.
    imported: u64,
}

impl Verifier<'_> {
    fn add(&mut self, path: &Path, line: Option<u64>, problem: impl Into<String>) {
        let finding = self.finding(path, line, problem);
        self.findings.push(finding);
    }

    fn finding(&self, path: &Path, line: Option<u64>, problem: impl Into<String>) -> TreeFinding {
        let path = path.strip_prefix(self.tree.root()).unwrap_or(path);
        TreeFinding {
            path: path.to_owned(),
            line,
            problem: problem.into(),
        }
    }

    fn add_chain(&mut self, path: &Path, findings: Vec<credit_ledger::Finding>) {
        for finding in findings {
            self.add(path, Some(finding.line), finding.kind.to_string());
        }
    }

    fn events(&mut self) -> Result<u64, Error> {
        let path = self.tree.events();
        let read = |source| Error::Read {
            path: path.clone(),
            source,
        };
        match self.archive.events() {
            Ok(reader) => {
                let chain = reader.verify().map_err(read)?;
                if chain.findings.is_empty() {
                    self.decisions(&path)?;
                }
                self.add_chain(&path, chain.findings);
                Ok(chain.lines)
            }
            Err(ReadError::Missing) => {
                let lost = "is missing though the run ledger exists; restore it from a copy";
                self.add(&path, None, lost);
                Ok(0)
            }
            Err(e) => Err(read(e)),
        }
    }

    /// That the events of a whole chain follow from each other, and that what is written down of
    /// them follows from them.
    fn decisions(&mut self, path: &Path) -> Result<(), Error> {
        match self.archive.docket() {
            Ok(_) => {}
            Err(Error::Integrity { reason, .. }) => {
                self.add(path, None, format!("{reason}; compare with a copy"));
                return Ok(());
            }
            Err(e) => return Err(e),
        }
        if let Some(problem) = check_saved(self.archive)? {
            self.add(&self.tree.docket_snapshot(), None, problem);
        }
        if let Some(problem) = partials::check(self.archive)? {
            self.add(&self.tree.partials(), None, problem);
        }
        Ok(())
    }

    fn known_head(&mut self, seq: u64, hash: Digest) -> Result<(), Error> {
        let reader = self.archive.ledger()?;
        // Broken lines are findings of the chain already; here they mean that the head is not
        // reached.
        if !matches!(reader.contains(seq, hash), Ok(true)) {
            let problem = format!(
                "does not contain the remembered line {seq}:{hash}; it was cut, rewritten or \
                 replaced since, compare with a copy"
            );
            let line = (self.imported + 1).saturating_add(seq);
            self.add(&self.tree.ledger(), Some(line), problem);
        }
        Ok(())
    }

    fn run_files(&mut self, expected: &RunFiles, total: u64, progress: &(dyn Fn(u64, u64) + Sync)) {
        let mut turns = Vec::new();
        for (day, files) in expected {
            let mut files = files.iter().peekable();
            let mut is_first = true;
            while files.peek().is_some() {
                let files: Vec<_> = files.by_ref().take(FILES_IN_TURN).collect();
                turns.push((*day, files, is_first));
                is_first = false;
            }
        }
        let done = Mutex::new(0);
        progress(0, total);
        let findings = in_turns(turns, |(day, files, is_first)| {
            let count = files.len() as u64;
            let findings = match HashedDir::open_in(&self.tree.monitoring(), &day.to_string()) {
                Ok(Some(dir)) => self.files_of(day, &dir, files),
                // Told once for all files of the day.
                _ if !is_first => Vec::new(),
                Ok(None) => {
                    let lost = expected.get(&day).map_or(0, HashMap::len);
                    vec![self.of_day(day, format!("is missing with {lost} run files{REPAIR}"))]
                }
                Err(e) => {
                    vec![self.of_day(day, format!("is no directory that can be opened: {e}"))]
                }
            };
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            *done += count;
            progress(*done, total);
            findings
        });
        self.findings.extend(findings.into_iter().flatten());
    }

    fn files_of(
        &self,
        day: Day,
        dir: &HashedDir,
        files: Vec<(&String, &Digest)>,
    ) -> Vec<TreeFinding> {
        let path = self.tree.day(day);
        let look = |(name, hash): (&String, &Digest)| {
            let problem = problem(run_files::standing(dir, &path, name, *hash))?;
            Some(self.finding(&path.join(name), None, problem))
        };
        files.into_iter().filter_map(look).collect()
    }

    fn of_day(&self, day: Day, problem: String) -> TreeFinding {
        self.finding(&self.tree.day(day), None, problem)
    }

    /// Files in day folders that no line knows. Of an imported line only the id is known, so its
    /// file may lie in any of them and is not compared.
    fn orphans(&mut self, expected: &RunFiles) -> Result<(), Error> {
        let imported = self.archive.imported_run_files()?;
        let days = self.list(&self.tree.monitoring());
        let days = days
            .iter()
            .filter_map(|name| name.to_str()?.parse::<Day>().ok());
        let found = in_turns(days.collect(), |day| {
            let known = expected.get(&day);
            let is_orphan = |file: &OsString| {
                let name = file.to_string_lossy();
                let base = name.strip_suffix(".sha256").unwrap_or(&name);
                base.starts_with("run_")
                    && !base.ends_with(".notion.json")
                    && !known.is_some_and(|known| known.contains_key(base))
                    && !imported.contains(base)
            };
            let files = list(&self.tree.day(day));
            let orphans = files.map(|files| files.into_iter().filter(is_orphan).collect());
            (day, orphans)
        });
        for (day, orphans) in found {
            let orphans: Vec<OsString> = match orphans {
                Ok(orphans) => orphans,
                // Where run files belong, it was told with them.
                Err(_) if expected.contains_key(&day) => Vec::new(),
                Err(e) => {
                    let problem =
                        format!("has the name of a day and is no folder of run files: {e}");
                    self.add(&self.tree.day(day), None, problem);
                    Vec::new()
                }
            };
            for file in orphans {
                let problem = "belongs to no line of the ledger; it was put there by hand, or its \
                               line was removed";
                self.add(&self.tree.day(day).join(file), None, problem);
            }
        }
        Ok(())
    }

    fn reports(&mut self) -> u64 {
        let path = self.tree.reviews();
        let mut reports = 0;
        let Ok(Some(dir)) = open_dir(&path) else {
            // Why it cannot be opened is why it cannot be listed.
            self.list(&path);
            return 0;
        };
        for name in self.list(&path) {
            let Some(name) = name.to_str() else { continue };
            let is_report = name.ends_with(".json");
            if !is_report && !name.ends_with(".html") {
                continue;
            }
            reports += u64::from(is_report);
            let problem = match dir.check(name) {
                Ok(FileCheck::Ok { .. }) => None,
                other => Some(describe(other)),
            };
            if let Some(problem) = problem {
                self.add(&path.join(name), None, problem + "; make the report again");
            }
        }
        reports
    }

    /// Kept inputs must be what their names say.
    fn objects(&mut self) {
        let dir = self.tree.objects();
        for name in self.list(&dir) {
            let path = dir.join(&name);
            let Some(stated) = name.to_str().and_then(|n| n.parse::<Sha256>().ok()) else {
                continue;
            };
            match files::read(&path) {
                Ok(bytes) if Sha256::of(&bytes) == stated => {}
                Ok(_) => {
                    let problem =
                        "does not have the SHA-256 that is its name; restore it from a copy";
                    self.add(&path, None, problem);
                }
                Err(e) => {
                    let problem = format!("cannot be read: {e}; restore it from a copy");
                    self.add(&path, None, problem);
                }
            }
        }
    }

    /// The names in a folder; one that cannot be read is a finding and hides no other.
    fn list(&mut self, path: &Path) -> Vec<OsString> {
        list(path).unwrap_or_else(|e| {
            self.add(path, None, format!("cannot be read: {e}"));
            Vec::new()
        })
    }
}

/// What a line says must be there.
struct ExpectedFile {
    day: Day,
    name: String,
    hash: Digest,
}

/// A line that names no run file.
struct NoRecord {
    seq: u64,
    problem: String,
}

fn expected_run_file(tree: &Tree, path: &Path, line: &Line<'_>) -> Result<ExpectedFile, NoRecord> {
    let facts = archive::text(line.raw(), path);
    // A line that is not what the quick reading takes for granted is a finding of the chain.
    let facts =
        facts.and_then(|text| RunFacts::scan(text).map_or_else(|| archive::facts(text, tree), Ok));
    match (facts, line.file_hash()) {
        (Ok(facts), Some(hash)) => Ok(ExpectedFile {
            day: facts.timestamp.day(),
            name: run_file_name(&facts.run_id),
            hash,
        }),
        (facts, _) => {
            let reason = facts
                .err()
                .map_or("it names no run file".into(), |e| e.to_string());
            Err(NoRecord {
                seq: line.seq(),
                problem: format!("is no run record: {reason}; compare with a copy"),
            })
        }
    }
}

const REPAIR: &str = "; `creditctl repair` writes it again from the ledger";

fn problem(standing: Standing) -> Option<String> {
    match standing {
        Standing::Whole => None,
        Standing::Lost(what) => Some(format!("{what}{REPAIR}")),
        Standing::Evidence(problem) => Some(problem),
    }
}

fn describe(check: Result<FileCheck, credit_ledger::hashed_file::HashedFileError>) -> String {
    match check {
        Ok(FileCheck::Ok { .. }) => "agrees with its sidecar".to_owned(),
        Ok(FileCheck::Missing) => "is missing".to_owned(),
        Ok(FileCheck::SidecarMissing { .. }) => "has no .sha256 beside it".to_owned(),
        Ok(FileCheck::Differs { expected, found }) => {
            format!("has the SHA-256 {found}, its sidecar states {expected}")
        }
        Ok(_) => "has a .sha256 beside it that cannot be read".to_owned(),
        Err(e) => format!("cannot be read: {e}"),
    }
}

/// The directory, if it exists; verification makes nothing.
fn open_dir(path: &Path) -> io::Result<Option<HashedDir>> {
    if !path.exists() {
        return Ok(None);
    }
    HashedDir::open_or_create(path).map(Some)
}

/// The names in a directory, in no order; none if there is no such directory.
fn list(path: &Path) -> io::Result<Vec<OsString>> {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}
