//! The reading side: what was kept, for anybody who may only look.

use std::fs;
use std::path::Path;

use credit_core::{Action, Day, Period, RiskFlag, RunFacts, RunId, ScenarioId, Severity};
use credit_governance::{Docket, Event};
use credit_ledger::{FileStorage, Head, OwnedLine, ReadError, Reader, Schema, Window, WindowPart};

use crate::gates;
use crate::live_docket::LiveDocket;
use crate::parallel::cores;
use crate::{Error, Tree, events, import};

/// The keys of a run that the ledger looks at.
pub const RUNS: Schema = Schema {
    id: "Run_ID",
    identity: "Input_Sha256",
    file_hash: Some("Run_Sha256"),
    origin: "Ledger_Origin",
    time: Some("Timestamp"),
    severity: Some("Severity"),
    scenario: Some("Scenario_ID"),
};

/// The keys of an event that the ledger looks at.
pub const EVENTS: Schema = Schema {
    id: "Event_ID",
    identity: "Event_Sha256",
    file_hash: None,
    origin: "Ledger_Origin",
    time: Some("Timestamp"),
    severity: None,
    scenario: None,
};

/// Both ledgers of a tree, for reading: needs no lock and no right to write.
///
/// ```
/// use credit_core::{Credits, Run, Status};
/// use credit_monitor::{Archive, Filter, Monitor, Tree};
///
/// let dir = tempfile::tempdir()?;
/// let tree = Tree::new(dir.path());
/// let now = "2025-01-31T10:00:00Z".parse()?;
/// Monitor::init(&tree, Vec::new(), now)?;
/// let monitor = Monitor::open(&tree, now)?;
/// monitor.observe(Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
///     Credits::whole(10).unwrap()), now)?;
///
/// let archive = Archive::new(&tree);
/// let mut found = Vec::new();
/// archive.query(&Filter::default(), |line| found.push(line.to_owned()))?;
/// assert!(found[0].starts_with(r#"{"Run_ID":"R-1""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Archive {
    tree: Tree,
}

/// Which runs a query wants; what is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Of this scenario.
    pub scenario: Option<ScenarioId>,
    /// With this flag.
    pub flag: Option<RiskFlag>,
    /// That finished in this period.
    pub period: Option<Period>,
    /// At most so many, the first ones in the ledger.
    pub limit: Option<usize>,
}

/// Whether anything downstream may use a run's output.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Dispatch {
    /// It may.
    Allowed,
    /// It must not.
    Blocked {
        /// Why.
        reason: String,
    },
}

impl Archive {
    /// The archive of a tree; nothing is opened yet.
    pub fn new(tree: &Tree) -> Archive {
        Archive { tree: tree.clone() }
    }

    /// The tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Calls `found` with each matching ledger line as stored, in ledger order. With an index, a
    /// line that cannot match need not be read.
    ///
    /// # Errors
    /// [`Error::Read`] if the ledger is missing or a line does not continue the chain.
    pub fn query(&self, filter: &Filter, mut found: impl FnMut(&str)) -> Result<(), Error> {
        let mut left = filter.limit.unwrap_or(usize::MAX);
        let severity = filter.severity.map(|severity| severity.to_string());
        let (from, to) = match filter.period {
            Some(period) => (Some(period.start.to_string()), Some(period.end.to_string())),
            None => (None, None),
        };
        let window = Window {
            from: from.as_deref(),
            to: to.as_deref(),
            severity: severity.as_deref(),
            scenario: filter.scenario.as_ref().map(ScenarioId::as_str),
        };
        self.each_run_in(&window, filter.scenario.as_ref(), |facts| {
            let matches = filter.severity.is_none_or(|s| facts.severity == s)
                && filter
                    .scenario
                    .as_ref()
                    .is_none_or(|s| facts.scenario_id == *s)
                && filter.flag.is_none_or(|f| facts.risk_flags.contains(f))
                && filter.period.is_none_or(|p| p.contains(facts.timestamp));
            if matches && left > 0 {
                found(facts.json);
                left -= 1;
            }
            left > 0
        })
    }

    /// The stored line of a run; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Read`] if the ledger is missing or damaged.
    pub fn run(&self, id: &RunId) -> Result<Option<OwnedLine>, Error> {
        self.ledger()?
            .find(id.as_str())
            .map_err(|e| self.ledger_error(e))
    }

    /// Whether anything downstream may use a run's output, answered from its ledger line: an
    /// unknown run, like one whose actions block it, may not be used.
    ///
    /// # Errors
    /// [`Error::Read`] if the ledger cannot be read, which must be taken for a no.
    pub fn may_dispatch(&self, id: &RunId) -> Result<Dispatch, Error> {
        let line = self.run(id)?;
        let by_line = dispatch_of(id, line.as_ref(), &self.tree)?;
        let Some(line) = line else {
            return Ok(by_line);
        };
        let mut live = LiveDocket::open(self)?;
        gates::dispatch(&mut live, self, id, line.seq(), by_line)
    }

    /// The last line of the run ledger; `None` while it has none or is missing.
    ///
    /// # Errors
    /// [`Error::Read`] if it is damaged.
    pub fn head(&self) -> Result<Option<Head>, Error> {
        import::refuse_unchained(&self.tree)?;
        head(self.runs()).map_err(|e| self.ledger_error(e))
    }

    /// The last line of the events; `None` while there are none.
    ///
    /// # Errors
    /// [`Error::Read`] if the file is damaged.
    pub fn events_head(&self) -> Result<Option<Head>, Error> {
        let reader = self.events_if_any()?;
        let head = reader.map(|reader| reader.head()).transpose();
        head.map(Option::flatten).map_err(|source| Error::Read {
            path: self.tree.events(),
            source,
        })
    }

    /// That there is a run ledger.
    ///
    /// # Errors
    /// [`Error::Read`] if there is none, or if it cannot be opened.
    pub fn require_ledger(&self) -> Result<(), Error> {
        self.ledger().map(|_| ())
    }

    /// What is decided so far: the fold of all events.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if the events are damaged.
    pub fn docket(&self) -> Result<Docket, Error> {
        self.docket_up_to(None)
    }

    /// What was decided up to and including the event numbered `last`.
    pub(crate) fn docket_up_to(&self, last: Option<u64>) -> Result<Docket, Error> {
        let mut docket = Docket::default();
        let path = self.tree.events();
        self.events_up_to(last, |_, event| {
            docket.apply(&event).map_err(Error::docket(path.clone()))
        })?;
        Ok(docket)
    }

    /// Calls `each` with every event in order.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if the events are damaged; whatever `each` returns.
    pub fn each_event(
        &self,
        mut each: impl FnMut(Event) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.events_up_to(None, |_, event| each(event))
    }

    /// Calls `each` with every event in order and the number of its line.
    ///
    /// # Errors
    /// As [`Archive::each_event`].
    pub fn each_numbered_event(
        &self,
        each: impl FnMut(u64, Event) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.events_up_to(None, each)
    }

    fn events_up_to(
        &self,
        last: Option<u64>,
        mut each: impl FnMut(u64, Event) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let path = self.tree.events();
        let read = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let Some(reader) = self.events_if_any()? else {
            return Ok(());
        };
        let mut scan = reader.scan_verified().map_err(read)?;
        events::each(&mut scan, &path, |head, event| {
            each(head.seq, event)?;
            Ok(last != Some(head.seq))
        })
    }

    /// Calls `each` with every run, of one scenario if one is given, until it returns `false`.
    /// Every line that is read is checked against the chain on the way.
    pub(crate) fn each_run(
        &self,
        scenario: Option<&ScenarioId>,
        each: impl FnMut(&RunFacts<'_>) -> bool,
    ) -> Result<(), Error> {
        let window = Window {
            scenario: scenario.map(ScenarioId::as_str),
            ..Window::default()
        };
        self.each_run_in(&window, scenario, each)
    }

    fn each_run_in(
        &self,
        window: &Window<'_>,
        scenario: Option<&ScenarioId>,
        mut each: impl FnMut(&RunFacts<'_>) -> bool,
    ) -> Result<(), Error> {
        let needle = scenario.map(|id| format!("\"Scenario_ID\":\"{id}\""));
        self.each_line(window, |line| {
            // Ids have no escapes, so a line without this text is of another scenario.
            if needle
                .as_ref()
                .is_some_and(|needle| !line.contains(needle.as_str()))
            {
                return Ok(true);
            }
            let facts = self.facts(line)?;
            let wanted = scenario.is_none_or(|id| facts.scenario_id == *id);
            Ok(!wanted || each(&facts))
        })
    }

    /// Calls `each` with the verified text of every line of a window, and maybe of others, until
    /// it returns `false`.
    pub(crate) fn each_line(
        &self,
        window: &Window<'_>,
        mut each: impl FnMut(&str) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let reader = self.ledger()?;
        let path = self.tree.ledger();
        let mut scan = reader.window(window).map_err(|e| self.ledger_error(e))?;
        while let Some(line) = scan.next_line().map_err(|e| self.ledger_error(e))? {
            if !each(text(line.raw(), &path)?)? {
                break;
            }
        }
        Ok(())
    }

    /// The lines of a window for as many threads as can work at once: those behind a line, or all.
    pub(crate) fn parts<'r>(
        &self,
        reader: &'r Reader,
        behind: Option<Head>,
        window: &Window<'_>,
    ) -> Result<Vec<WindowPart<'r>>, Error> {
        let parts = match behind {
            Some(head) => reader.window_parts_after(head, window, cores()),
            None => reader.window_parts(window, cores()),
        };
        parts.map_err(|e| self.ledger_error(e))
    }

    pub(crate) fn facts<'a>(&self, line: &'a str) -> Result<RunFacts<'a>, Error> {
        facts(line, &self.tree)
    }

    /// The run ledger; that it is lost is told apart from that there never was one.
    pub(crate) fn ledger(&self) -> Result<Reader, Error> {
        let reader = self.runs();
        if matches!(reader, Err(ReadError::Missing)) {
            refuse_lost_ledger(&self.tree)?;
        }
        import::refuse_unchained(&self.tree)?;
        reader.map_err(|e| self.ledger_error(e))
    }

    pub(crate) fn runs(&self) -> Result<Reader, ReadError> {
        Reader::open(
            Box::new(FileStorage::new(&self.tree.monitoring(), "ledger")),
            RUNS,
        )
    }

    /// The events; `None` where there never were any. That they are lost is an error.
    pub(crate) fn events_if_any(&self) -> Result<Option<Reader>, Error> {
        let path = self.tree.events();
        match self.events() {
            Err(ReadError::Missing) if path.with_extension("HEAD").exists() => {
                let reason = "is missing, but its HEAD is there; restore it from a copy".to_owned();
                Err(Error::Integrity { path, reason })
            }
            Err(ReadError::Missing) => Ok(None),
            reader => reader
                .map(Some)
                .map_err(|source| Error::Read { path, source }),
        }
    }

    pub(crate) fn events(&self) -> Result<Reader, ReadError> {
        Reader::open(
            Box::new(FileStorage::new(&self.tree.monitoring(), "events")),
            EVENTS,
        )
    }

    pub(crate) fn ledger_error(&self, source: ReadError) -> Error {
        Error::Read {
            path: self.tree.ledger(),
            source,
        }
    }
}

pub(crate) fn facts<'a>(line: &'a str, tree: &Tree) -> Result<RunFacts<'a>, Error> {
    RunFacts::parse(line).map_err(|e| Error::Integrity {
        path: tree.ledger(),
        reason: format!("a line is no run record: {e}"),
    })
}

/// The answer that follows from a run's ledger line.
pub(crate) fn dispatch_of(
    id: &RunId,
    line: Option<&OwnedLine>,
    tree: &Tree,
) -> Result<Dispatch, Error> {
    let Some(line) = line else {
        let reason = format!("run `{id}` is not in the ledger");
        return Ok(Dispatch::Blocked { reason });
    };
    let facts = facts(text(line.raw(), &tree.ledger())?, tree)?;
    if !facts.actions.contains(Action::BlockDispatch) {
        return Ok(Dispatch::Allowed);
    }
    let (id, severity) = (&facts.run_id, facts.severity);
    Ok(Dispatch::Blocked {
        reason: format!("run `{id}` is {severity}, which blocks dispatch"),
    })
}

/// A line's bytes as text, borrowed.
pub(crate) fn text<'a>(line: &'a [u8], path: &Path) -> Result<&'a str, Error> {
    std::str::from_utf8(line).map_err(|e| Error::Integrity {
        path: path.to_owned(),
        reason: format!("a line is not UTF-8: {e}"),
    })
}

/// Where there is no run ledger, nothing may tell that there was one: neither its HEAD nor run
/// files.
pub(crate) fn refuse_lost_ledger(tree: &Tree) -> Result<(), Error> {
    let path = tree.ledger();
    let monitoring = tree.monitoring();
    if path.exists() || !monitoring.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(&monitoring).map_err(Error::io("reading", &monitoring))?;
    for entry in entries {
        let entry = entry.map_err(Error::io("reading", &monitoring))?;
        let name = entry.file_name();
        let tells = |name: &str| name == "ledger.HEAD" || name.parse::<Day>().is_ok();
        if name.to_str().is_some_and(tells) {
            return Err(Error::Integrity {
                path,
                reason: format!(
                    "is missing, but {} tells that there was one; restore the ledger from a copy",
                    entry.path().display()
                ),
            });
        }
    }
    Ok(())
}

/// The head of a ledger that may not be there yet.
fn head(reader: Result<Reader, ReadError>) -> Result<Option<Head>, ReadError> {
    match reader {
        Err(ReadError::Missing) => Ok(None),
        other => other?.head(),
    }
}
