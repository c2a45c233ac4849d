//! The runs of a report's time, out of the ledger.
//!
//! Every line that is read is checked against the chain: a report that rests on a line vouches for
//! it. Of the period before only sums are told, so what the partials know of it is taken from them;
//! where there are none, its lines are read and checked as well. What is not read is not checked;
//! `verify` looks at everything.
//! The lines are read, checked and scanned by as many threads as there are cores. Of most runs a
//! few figures are kept; the whole line only of those that a report lists by name, and of what has
//! not the usual form, which the strict parser reads.

use std::borrow::Cow;
use std::collections::HashMap;

use credit_core::{Credits, Period, RunFacts, RunSum, ScenarioId, Timestamp};
use credit_ledger::{Head, Reader, Window, WindowPart};
use credit_report::{Earlier, is_listed};

use crate::archive::text;
use crate::parallel::each_on_its_thread;
use crate::partials::{Partials, is_of_whole_days};
use crate::{Archive, Error, Tree};

/// The runs of a report's time.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Runs of the period that are not listed by name, without their text.
    plain: Vec<RunFacts<'static>>,
    /// The other lines.
    whole: Lines,
    /// Runs of the period before.
    pub(super) earlier: Vec<Earlier>,
    /// Lines whose time could not be read.
    unreadable: u64,
}

impl Gathered {
    /// The runs, and whether every line of their time could be read.
    pub(super) fn runs(&mut self) -> (Vec<RunFacts<'_>>, bool) {
        let mut runs: Vec<RunFacts<'_>> = std::mem::take(&mut self.plain);
        let mut is_whole = self.unreadable == 0;
        for line in self.whole.iter() {
            match RunFacts::parse(line) {
                Ok(facts) => runs.push(facts),
                Err(_) => is_whole = false,
            }
        }
        (runs, is_whole)
    }

    fn add(&mut self, other: Gathered) {
        self.plain.extend(other.plain);
        self.whole.append(&other.whole);
        self.earlier.extend(other.earlier);
        self.unreadable += other.unreadable;
    }
}

/// Lines in one piece of memory.
#[derive(Debug, Default)]
struct Lines {
    text: String,
    ends: Vec<usize>,
}

impl Lines {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.ends.push(self.text.len());
    }

    fn append(&mut self, other: &Lines) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| start + end));
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(start, end)| self.text.get(start..*end))
    }
}

/// Whose runs are to be gathered.
pub(super) struct Asked<'a> {
    /// The report's period; the one before it is asked for, too.
    pub(super) period: Period,
    /// Only this scenario; `None` for all.
    pub(super) scenario: Option<&'a ScenarioId>,
    /// The number of the last line that counts.
    pub(super) last: u64,
}

impl Archive {
    /// The runs of a period and of the one before. Of the latter the partials are taken, as far as
    /// they know it; every line of the period itself is read.
    pub(super) fn gather(
        &self,
        asked: &Asked<'_>,
        partials: Option<&Partials>,
    ) -> Result<Gathered, Error> {
        let reader = self.ledger()?;
        let (period, previous) = (asked.period, asked.period.before());
        let known = partials.filter(|_| is_of_whole_days(previous));
        let earlier = known.and_then(|known| {
            let earlier = known.earlier(previous, asked.scenario).ok()?;
            Some((known.head(), earlier))
        });
        let Some((head, earlier)) = earlier else {
            let both = Wanted::new(self.tree(), asked, Some(period), Some(previous));
            return self.gather_lines(&reader, &both, None);
        };
        let own = Wanted::new(self.tree(), asked, Some(period), None);
        let late = Wanted::new(self.tree(), asked, None, Some(previous));
        let mut gathered = self.gather_lines(&reader, &own, None)?;
        gathered.add(self.gather_lines(&reader, &late, Some(head))?);
        gathered.earlier.extend(earlier);
        Ok(gathered)
    }

    fn gather_lines(
        &self,
        reader: &Reader,
        wanted: &Wanted<'_>,
        behind: Option<Head>,
    ) -> Result<Gathered, Error> {
        let parts = self.parts(reader, behind, &wanted.window())?;
        let mut gathered = Gathered::default();
        for part in each_on_its_thread(parts, |part| wanted.of(part)) {
            gathered.add(part?);
        }
        Ok(gathered)
    }
}

/// What is wanted of the lines.
struct Wanted<'a> {
    tree: &'a Tree,
    /// Whose runs are taken whole, …
    period: Option<Period>,
    /// … and of which only sums are needed.
    previous: Option<Period>,
    /// When both begin and end.
    from: String,
    to: String,
    scenario: Option<&'a ScenarioId>,
    needle: Option<String>,
    last: u64,
}

impl<'a> Wanted<'a> {
    fn new(
        tree: &'a Tree,
        asked: &Asked<'a>,
        period: Option<Period>,
        previous: Option<Period>,
    ) -> Wanted<'a> {
        let first = previous.or(period).unwrap_or(asked.period);
        let last = period.or(previous).unwrap_or(asked.period);
        Wanted {
            tree,
            period,
            previous,
            from: first.start.to_string(),
            to: last.end.to_string(),
            scenario: asked.scenario,
            // Ids have no escapes, so a line without this text is of another scenario.
            needle: asked.scenario.map(|id| format!("\"Scenario_ID\":\"{id}\"")),
            last: asked.last,
        }
    }

    fn window(&self) -> Window<'_> {
        Window {
            from: Some(&self.from),
            to: Some(&self.to),
            scenario: self.scenario.map(ScenarioId::as_str),
            ..Window::default()
        }
    }
}

impl Wanted<'_> {
    fn of(&self, mut part: WindowPart<'_>) -> Result<Gathered, Error> {
        let path = self.tree.ledger();
        let mut gathered = Gathered::default();
        let mut earlier = EarlierRuns::default();
        loop {
            let line = part.next_line().map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?;
            let Some(line) = line.filter(|line| line.seq() <= self.last) else {
                break;
            };
            let text = text(line.raw(), &path)?;
            let mut needle = self.needle.iter();
            if needle.any(|needle| !text.contains(needle.as_str())) {
                continue;
            }
            let lies_in = |period: Option<Period>, at| period.is_some_and(|p| p.contains(at));
            match timestamp_of(text) {
                Some(at) if lies_in(self.period, at) => gathered.take(text),
                Some(at) if lies_in(self.previous, at) => match RunSum::scan(text) {
                    Some(sum) if earlier.take(&sum) => {}
                    _ => gathered.whole.push(text),
                },
                Some(_) => {}
                None if may_be_between(time_text(text), &self.from, &self.to) => {
                    gathered.unreadable += 1;
                }
                None => {}
            }
        }
        gathered.earlier = earlier.runs;
        Ok(gathered)
    }
}

impl Gathered {
    /// A run of the period.
    fn take(&mut self, text: &str) {
        match RunFacts::scan(text) {
            Some(facts) if !is_listed(&facts) => self.plain.push(without_text(facts)),
            _ => self.whole.push(text),
        }
    }
}

/// The facts alone: a report asks for the text of those only that it lists.
fn without_text(facts: RunFacts<'_>) -> RunFacts<'static> {
    RunFacts {
        run_id: facts.run_id,
        timestamp: facts.timestamp,
        scenario_id: facts.scenario_id,
        status: facts.status,
        credits: facts.credits,
        severity: facts.severity,
        reason: facts.reason,
        risk_flags: facts.risk_flags,
        likelihood: facts.likelihood,
        baseline: facts.baseline,
        baseline_status: facts.baseline_status,
        variance: facts.variance,
        summary: Cow::Borrowed(""),
        input_tokens: facts.input_tokens,
        input_item_count: facts.input_item_count,
        retry_count: facts.retry_count,
        actions: facts.actions,
        json: "",
    }
}

/// Runs of the period before, by scenario.
#[derive(Default)]
struct EarlierRuns {
    runs: Vec<Earlier>,
    index: HashMap<ScenarioId, usize>,
}

impl EarlierRuns {
    /// Whether it was taken; what names no scenario is left to the parser.
    fn take(&mut self, sum: &RunSum<'_>) -> bool {
        let run: (Timestamp, Credits) = (sum.timestamp, sum.credits);
        if let Some(of_scenario) = self
            .index
            .get(sum.scenario_id)
            .and_then(|at| self.runs.get_mut(*at))
        {
            of_scenario.runs.push(run);
            return true;
        }
        let Ok(scenario_id) = sum.scenario_id.parse::<ScenarioId>() else {
            return false;
        };
        self.index.insert(scenario_id.clone(), self.runs.len());
        self.runs.push(Earlier {
            scenario_id,
            runs: vec![run],
        });
        true
    }
}

/// The time of a run's line without reading the rest of it: the second member of every record.
pub(crate) fn timestamp_of(line: &str) -> Option<Timestamp> {
    time_text(line)?.parse().ok()
}

fn time_text(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\"Timestamp\":\"")?;
    Some(rest.split_once('"')?.0)
}

/// Whether a time that is none, such as the 30th of February, may be meant to be of a period.
///
/// The index goes by the text of times: without this the same ledger would have unreadable lines
/// or not, depending on which of them the index leaves out.
fn may_be_between(text: Option<&str>, from: &str, to: &str) -> bool {
    const SECOND: &[u8] = b"0000-00-00T00:00:00";
    let second = |text: &str| text.get(..SECOND.len()).map(ToOwned::to_owned);
    let Some(text) = text.and_then(second) else {
        return true;
    };
    let mut bytes = text.bytes().zip(SECOND);
    let is_placed = bytes.all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == *form,
    });
    let text = Some(text);
    !is_placed || (second(from) <= text && text <= second(to))
}
