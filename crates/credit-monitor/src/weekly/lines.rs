//! The lines of a report's time, out of the ledger.

use credit_core::{Period, ScenarioId, Timestamp};
use credit_ledger::{Head, Window};

use crate::archive::text;
use crate::{Archive, Error};

/// Lines in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: String,
    ends: Vec<usize>,
    /// Lines whose time could not be read.
    pub(super) unreadable: u64,
}

impl Lines {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.ends.push(self.text.len());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(start, end)| self.text.get(start..*end))
    }
}

impl Archive {
    /// The lines of a period up to a head, each checked against the chain; of one scenario if one
    /// is given, and maybe of others.
    pub(super) fn lines_in(
        &self,
        period: Period,
        scenario: Option<&ScenarioId>,
        head: Head,
    ) -> Result<Lines, Error> {
        let reader = self.ledger()?;
        let path = self.tree().ledger();
        let mut lines = Lines::default();
        let (from, to) = (period.start.to_string(), period.end.to_string());
        let window = Window {
            from: Some(&from),
            to: Some(&to),
            scenario: scenario.map(ScenarioId::as_str),
            ..Window::default()
        };
        let needle = scenario.map(|id| format!("\"Scenario_ID\":\"{id}\""));
        let mut scan = reader.window(&window).map_err(|e| self.ledger_error(e))?;
        while let Some(line) = scan.next_line().map_err(|e| self.ledger_error(e))? {
            if line.seq() > head.seq {
                break;
            }
            let text = text(line.raw(), &path)?;
            // Ids have no escapes, so a line without this text is of another scenario.
            if needle.as_ref().is_some_and(|needle| !text.contains(needle)) {
                continue;
            }
            match timestamp_of(text) {
                Some(at) if period.contains(at) => lines.push(text),
                Some(_) => {}
                None if may_be_between(time_text(text), &from, &to) => lines.unreadable += 1,
                None => {}
            }
        }
        Ok(lines)
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
