//! What the ledger's runs come to by day and scenario, written down so that reports need not read
//! them all again.
//!
//! `ledger.partials` follows from the ledger's lines up to one that it names; its form is
//! `docs/partials-format.md`. It is derived from lines that were checked against the chain, and it
//! is not believed by itself: the last event `partials_saved` states the SHA-256 of its directory,
//! which states that of each day. So whoever wants to change what it says must change the chain of
//! events; what does not fit is not used, and everything is read from the ledger as if there were
//! none. `verify` derives it again and compares.

mod code;
mod file;

use std::collections::{BTreeMap, HashMap};
use std::io;

use credit_core::{Day, Period, RunFacts, ScenarioId, Timestamp};
use credit_governance::{Actor, Event, What};
use credit_ledger::{Head, Reader, Window, WindowPart};
use credit_report::{Earlier, Partial, PartialBuilder, Sums};

use self::file::Directory;
use crate::archive::text;
use crate::live_docket::LiveDocket;
use crate::parallel::{each_on_its_thread, parallel};
use crate::{Archive, Error, Monitor};

/// The runs of each day by scenario.
type Days = BTreeMap<Day, BTreeMap<ScenarioId, Partial>>;

/// A day's partials, by scenario.
pub(crate) struct OfDay {
    pub(crate) day: Day,
    pub(crate) partials: Vec<(ScenarioId, Partial)>,
}

/// What is written down and fits the chain of events.
#[derive(Debug)]
pub(crate) struct Partials {
    directory: Directory,
    file: file::Opened,
}

impl Partials {
    /// `None` where nothing is written down, where the last event that tells of it states something
    /// else, and where it is of another ledger or knows more of it than its line numbered `last`.
    pub(crate) fn open(
        archive: &Archive,
        live: &LiveDocket,
        reader: &Reader,
        last: u64,
    ) -> Option<Partials> {
        let sha256 = live.partials()?;
        let file = file::Opened::open(&archive.tree().partials()).ok()?;
        let directory = file.directory(sha256).ok()?;
        let is_of_this_ledger = reader.scan_verified_after(directory.head).is_ok();
        (is_of_this_ledger && directory.head.seq <= last).then_some(Partials { directory, file })
    }

    /// The last line that they know.
    pub(crate) fn head(&self) -> Head {
        self.directory.head
    }

    /// Whether every day is what the directory states.
    fn is_whole(&self) -> bool {
        let mut days = self.directory.days.iter();
        days.all(|day| self.file.block(day).is_ok())
    }

    /// What the runs of all days count up to.
    pub(crate) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        self.directory
            .days
            .iter()
            .for_each(|day| sums.join(&day.sums));
        sums
    }

    /// The partials of the days of a period, of which only whole days can be asked for.
    ///
    /// # Errors
    /// A day that is not what the directory states: none of it must be used.
    pub(crate) fn days(&self, period: Option<Period>) -> io::Result<Vec<OfDay>> {
        let mut days = self.directory.days.clone();
        days.retain(|day| period.is_none_or(|period| period.contains(day.day.start())));
        let read = parallel(days, |day| {
            Ok(OfDay {
                day: day.day,
                partials: self.file.day(&day)?,
            })
        });
        read.into_iter().collect()
    }

    /// The runs of a period, of one scenario if one is given.
    ///
    /// # Errors
    /// As [`Partials::days`].
    pub(crate) fn earlier(
        &self,
        period: Period,
        scenario: Option<&ScenarioId>,
    ) -> io::Result<Vec<Earlier>> {
        let days = self.days(Some(period))?.into_iter();
        let partials = days.flat_map(|of| of.partials);
        let wanted = partials.filter(|(id, _)| scenario.is_none_or(|scenario| id == scenario));
        Ok(wanted
            .map(|(scenario_id, partial)| Earlier {
                scenario_id,
                runs: partial.into_runs(),
            })
            .collect())
    }
}

/// For the fuzz target, and no part of what this crate offers: what a `ledger.partials` with these
/// bytes says, its hashes not looked at, written anew.
#[doc(hidden)]
#[must_use]
pub fn rewritten_partials(bytes: &[u8]) -> Option<Vec<u8>> {
    file::rewritten(bytes)
}

/// Whether days tile a period, so that partials give what its runs would.
pub(crate) fn is_of_whole_days(period: Period) -> bool {
    let starts_a_day = |at: Timestamp| at == at.day().start();
    starts_a_day(period.start) && starts_a_day(period.end)
}

impl Archive {
    /// How many lines of the ledger the partials do not know yet; all of them where there are no
    /// partials that can be used.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if a ledger is damaged.
    pub fn lines_behind_partials(&self) -> Result<u64, Error> {
        let Some(head) = self.head()? else {
            return Ok(0);
        };
        let live = LiveDocket::open(self)?;
        let known = Partials::open(self, &live, &self.ledger()?, head.seq);
        Ok(known.map_or(head.seq + 1, |known| head.seq - known.head().seq))
    }
}

impl Monitor {
    /// Writes down what the runs of each day come to, as far as it is not yet, so that reports and
    /// figures read less. It changes no report. Whether it was done: where a line cannot be read,
    /// nothing is written down.
    ///
    /// It takes as long as reading the lines that are new; once a day is often enough.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if a ledger is damaged, [`Error::Io`] where the file
    /// cannot be written, [`Error::Append`] for the event that vouches for it.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Status};
    /// use credit_monitor::{Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// Monitor::init(&tree, Vec::new(), now)?;
    /// let monitor = Monitor::open(&tree, now)?;
    /// monitor.observe(Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
    ///     Credits::whole(10).unwrap()), now)?;
    /// assert_eq!(monitor.archive().lines_behind_partials()?, 1);
    /// assert!(monitor.save_partials(now)?);
    /// assert_eq!(monitor.archive().lines_behind_partials()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save_partials(&self, now: Timestamp) -> Result<bool, Error> {
        let archive = self.archive();
        let Some(head) = archive.head()? else {
            return Ok(false);
        };
        let _span = tracing::debug_span!("save_partials", seq = head.seq).entered();
        let reader = archive.ledger()?;
        let live = LiveDocket::open(&archive)?;
        let known = Partials::open(&archive, &live, &reader, head.seq);
        let known = known.filter(Partials::is_whole);
        if known.as_ref().is_some_and(|known| known.head() == head) {
            return Ok(true);
        }
        let from = known.as_ref().map(Partials::head);
        let Some(new) = derive(&archive, &reader, from, head.seq)? else {
            return Ok(false);
        };
        let contents = file::Contents::joined(head, known.as_ref(), new);
        let contents = contents.map_err(Error::io("reading", self.tree().partials()))?;
        self.put_in_place(&contents, now)?;
        Ok(true)
    }

    fn put_in_place(&self, contents: &file::Contents, now: Timestamp) -> Result<(), Error> {
        let mut deciding = self.deciding()?;
        let path = self.tree().partials();
        let saving = contents.write(&path).map_err(Error::io("writing", &path))?;
        let sha256 = contents.sha256();
        let vouches = Event::new(now, &Actor::Service, What::PartialsSaved { sha256 });
        match deciding.take(vouches).and_then(|()| deciding.commit()) {
            Ok(_) => saving.finish().map_err(Error::io("writing", &path)),
            Err(error) => {
                saving.abandon();
                Err(error)
            }
        }
    }
}

/// What is wrong with what is written down; `None` if nothing is written down, or if a ledger cannot
/// be read, which is told elsewhere.
pub(crate) fn check(archive: &Archive) -> Result<Option<String>, Error> {
    let path = archive.tree().partials();
    let file = match file::Opened::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Ok(Some(format!("cannot be read: {e}{REMEDY}"))),
    };
    let (Ok(live), Ok(reader), Ok(Some(head))) =
        (LiveDocket::open(archive), archive.ledger(), archive.head())
    else {
        return Ok(None);
    };
    let stated = live.partials().map(|sha256| file.directory(sha256));
    let Some(Ok(directory)) = stated else {
        return Ok(Some(format!(
            "is not what the last event `partials_saved` states, so it is not used{REMEDY}"
        )));
    };
    let known = directory.head;
    let Some(partials) = Partials::open(archive, &live, &reader, head.seq) else {
        return Ok(Some(format!(
            "knows line {known} of another ledger, so it is not used{REMEDY}"
        )));
    };
    let written = match partials.days(None) {
        Ok(days) => days,
        Err(e) => return Ok(Some(format!("is changed: {e}{REMEDY}"))),
    };
    let Ok(derived) = derive(archive, &reader, None, known.seq) else {
        return Ok(None);
    };
    let by_scenario = |of: OfDay| (of.day, of.partials.into_iter().collect());
    let written: Days = written.into_iter().map(by_scenario).collect();
    let mut sums = Sums::default();
    let all = written.values().flat_map(BTreeMap::values);
    all.for_each(|partial| sums.join(partial.sums()));
    if derived.as_ref() != Some(&written) || sums != partials.sums() {
        return Ok(Some(format!(
            "does not follow from the ledger{REMEDY}, and compare the ledger with a copy"
        )));
    }
    Ok(None)
}

const REMEDY: &str = "; remove it, it is made again";

/// The partials of the lines behind one, or of all, up to the one numbered `last`; `None` if one of
/// them cannot be read.
fn derive(
    archive: &Archive,
    reader: &Reader,
    behind: Option<Head>,
    last: u64,
) -> Result<Option<Days>, Error> {
    let parts = archive.parts(reader, behind, &Window::default())?;
    let mut days = Days::new();
    for part in each_on_its_thread(parts, |part| of_part(archive, part, last)) {
        let Some(part) = part? else {
            return Ok(None);
        };
        for (day, partials) in part {
            let day = days.entry(day).or_default();
            for (id, partial) in partials {
                day.entry(id).or_default().join(partial);
            }
        }
    }
    Ok(Some(days))
}

/// Those of a part's lines.
fn of_part(archive: &Archive, mut part: WindowPart<'_>, last: u64) -> Result<Option<Days>, Error> {
    let path = archive.tree().ledger();
    let mut days: BTreeMap<Day, HashMap<ScenarioId, PartialBuilder>> = BTreeMap::new();
    while let Some(line) = part.next_line().map_err(|e| archive.ledger_error(e))? {
        if line.seq() > last {
            break;
        }
        // Read as strictly as a report reads its own week: what that cannot read, nothing here
        // may count.
        let text = text(line.raw(), &path)?;
        let Some(facts) = RunFacts::scan(text).or_else(|| RunFacts::parse(text).ok()) else {
            return Ok(None);
        };
        let day = days.entry(facts.timestamp.day()).or_default();
        match day.get_mut(&facts.scenario_id) {
            Some(partial) => partial.add(&facts),
            None => day
                .entry(facts.scenario_id.clone())
                .or_default()
                .add(&facts),
        }
    }
    let finished = |(id, builder): (ScenarioId, PartialBuilder)| (id, builder.finish());
    let days = days.into_iter();
    Ok(Some(
        days.map(|(day, partials)| (day, partials.into_iter().map(finished).collect()))
            .collect(),
    ))
}
