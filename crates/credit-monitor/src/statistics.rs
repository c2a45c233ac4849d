//! Exact figures over the whole history, or any part of it.

use credit_core::{Period, RunFacts, RunTally, ScenarioId};
use credit_ledger::{Head, Reader, TextPart, Window, WindowPart};
use credit_report::{Statistics, Sums, Tally};

use crate::archive::text;
use crate::live_docket::LiveDocket;
use crate::parallel::{cores, each_on_its_thread};
use crate::partials::{OfDay, Partials, is_of_whole_days};
use crate::weekly::{head_ref, lines::timestamp_of};
use crate::{Archive, Error};

/// Whether lines are checked against the chain before they are counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checked {
    /// They are, or were when the partials were written down.
    Yes,
    /// They are not: the file is believed as it is. Whoever wants to know whether it may be
    /// believed, verifies it.
    No,
}

impl Archive {
    /// What the runs of a period come to, of one scenario if one is given; `None` for all time and
    /// for all scenarios.
    ///
    /// Medians and percentiles are exact, and memory is sixteen bytes a run at most. Days that the
    /// partials know ([`Monitor::save_partials`](crate::Monitor::save_partials)) are not read
    /// again; unchecked, all lines are read and no partials used.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if a ledger is damaged as far as it is read.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Status};
    /// use credit_monitor::{Checked, Monitor, Tree};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// Monitor::init(&tree, Vec::new(), now)?;
    /// let monitor = Monitor::open(&tree, now)?;
    /// for (id, credits) in [("R-1", 10), ("R-2", 30)] {
    ///     let credits = Credits::whole(credits).unwrap();
    ///     monitor.observe(Run::new(id.parse()?, "EXPORT".parse()?, now, Status::Success, credits),
    ///         now)?;
    /// }
    /// let all = monitor.archive().statistics(None, None, Checked::Yes)?;
    /// assert_eq!(all.scenarios[0].median_credits.to_string(), "20");
    /// assert_eq!(all, monitor.archive().statistics(None, None, Checked::No)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn statistics(
        &self,
        period: Option<Period>,
        scenario: Option<&ScenarioId>,
        checked: Checked,
    ) -> Result<Statistics, Error> {
        let _span = tracing::debug_span!("statistics").entered();
        let asked = Asked { period, scenario };
        let Some(head) = self.head()? else {
            crate::archive::refuse_lost_ledger(self.tree())?;
            return Ok(asked.tally().finish(None));
        };
        let reader = self.ledger()?;
        let tally = match checked {
            Checked::Yes => self.tally(&reader, &asked, head)?,
            Checked::No => self.tally_unchecked(&reader, &asked, head)?,
        };
        Ok(tally.finish(Some(head_ref(head))))
    }

    /// What all runs count up to.
    pub(crate) fn sums(&self, live: &LiveDocket) -> Result<Sums, Error> {
        let Some(head) = self.head()? else {
            crate::archive::refuse_lost_ledger(self.tree())?;
            return Ok(Sums::default());
        };
        let reader = self.ledger()?;
        let known = Partials::open(self, live, &reader, head.seq);
        let mut sums = known.as_ref().map(Partials::sums).unwrap_or_default();
        let behind = known.as_ref().map(Partials::head);
        let of_part = |mut part: WindowPart<'_>| {
            let path = self.tree().ledger();
            let mut sums = Sums::default();
            while let Some(line) = part.next_line().map_err(|e| self.ledger_error(e))? {
                let line = text(line.raw(), &path)?;
                let run = RunFacts::scan(line).map_or_else(|| self.facts(line), Ok)?;
                sums.add(run.timestamp, run.credits, run.severity, run.actions);
            }
            Ok::<Sums, Error>(sums)
        };
        let parts = self.parts(&reader, behind, &Window::default())?;
        for part in each_on_its_thread(parts, of_part) {
            sums.join(&part?);
        }
        Ok(sums)
    }

    fn tally(&self, reader: &Reader, asked: &Asked<'_>, head: Head) -> Result<Tally, Error> {
        let live = LiveDocket::open(self)?;
        let known = Partials::open(self, &live, reader, head.seq)
            .filter(|_| asked.period.is_none_or(is_of_whole_days));
        let known = known.and_then(|known| Some((known.head(), asked.known(&known)?)));
        let behind = known.as_ref().map(|(head, _)| *head);
        let mut tally = known.map_or_else(|| asked.tally(), |(_, tally)| tally);
        let (from, to) = match asked.period {
            Some(period) => (Some(period.start.to_string()), Some(period.end.to_string())),
            None => (None, None),
        };
        let window = Window {
            from: from.as_deref(),
            to: to.as_deref(),
            scenario: asked.scenario.map(ScenarioId::as_str),
            ..Window::default()
        };
        let parts = self.parts(reader, behind, &window)?;
        for part in each_on_its_thread(parts, |part| self.tally_lines(part, asked, head.seq)) {
            tally.join(part?);
        }
        Ok(tally)
    }

    fn tally_lines(
        &self,
        mut part: WindowPart<'_>,
        asked: &Asked<'_>,
        last: u64,
    ) -> Result<Tally, Error> {
        let path = self.tree().ledger();
        let mut tally = asked.tally();
        while let Some(line) = part.next_line().map_err(|e| self.ledger_error(e))? {
            if line.seq() > last {
                break;
            }
            asked.count(text(line.raw(), &path)?, &mut tally);
        }
        Ok(tally)
    }

    fn tally_unchecked(
        &self,
        reader: &Reader,
        asked: &Asked<'_>,
        head: Head,
    ) -> Result<Tally, Error> {
        let parts = reader.text_parts(head, cores());
        let parts = parts.map_err(|e| self.ledger_error(e))?;
        let mut tally = asked.tally();
        for part in each_on_its_thread(parts, |part| self.tally_text(part, asked)) {
            tally.join(part?);
        }
        Ok(tally)
    }

    fn tally_text(&self, mut part: TextPart<'_>, asked: &Asked<'_>) -> Result<Tally, Error> {
        let path = self.tree().ledger();
        let mut tally = asked.tally();
        while let Some(lines) = part.next_text().map_err(|e| self.ledger_error(e.into()))? {
            for line in text(lines, &path)?.lines() {
                match RunTally::scan(line) {
                    Some(run) if asked.is_about(run.scenario_id) => {
                        if !tally.add_tally(&run) {
                            asked.count(line, &mut tally);
                        }
                    }
                    Some(_) => {}
                    None => asked.count(line, &mut tally),
                }
            }
        }
        Ok(tally)
    }
}

/// Which runs count.
struct Asked<'a> {
    period: Option<Period>,
    scenario: Option<&'a ScenarioId>,
}

impl Asked<'_> {
    fn tally(&self) -> Tally {
        Tally::new(self.period)
    }

    fn is_about(&self, scenario: &str) -> bool {
        self.scenario
            .is_none_or(|wanted| wanted.as_str() == scenario)
    }

    /// What the partials know; `None` if they turn out to be changed.
    fn known(&self, partials: &Partials) -> Option<Tally> {
        let mut tally = self.tally();
        for OfDay { day, partials } in partials.days(self.period).ok()? {
            for (id, partial) in partials {
                if self.is_about(id.as_str()) {
                    tally.add_partial(&id, day, &partial);
                }
            }
        }
        Some(tally)
    }

    fn count(&self, line: &str, tally: &mut Tally) {
        let facts = RunFacts::scan(line).or_else(|| RunFacts::parse(line).ok());
        match facts {
            Some(facts) if self.is_about(facts.scenario_id.as_str()) => tally.add(&facts),
            Some(_) => {}
            None if self.may_be_of(line) => tally.add_unreadable(),
            None => {}
        }
    }

    /// Whether a line that cannot be read may be one of the period's.
    fn may_be_of(&self, line: &str) -> bool {
        match (self.period, timestamp_of(line)) {
            (Some(period), Some(at)) => period.contains(at),
            _ => true,
        }
    }
}
