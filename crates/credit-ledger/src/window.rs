//! Reading only what may be of a time, severity or scenario.

use crate::beginning::Beginning;
use crate::chain::Chain;
use crate::index::Wanted;
use crate::line::Line;
use crate::reader::{ReadError, line_at};
use crate::record::Schema;
use crate::scan::Scan;
use crate::storage::Storage;

/// What a pass is about; what is `None` is not asked for.
///
/// The keys are those of the schema; one it does not name is not asked for either.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Window<'a> {
    /// Not before this time.
    pub from: Option<&'a str>,
    /// Not after this time.
    pub to: Option<&'a str>,
    /// Of this severity.
    pub severity: Option<&'a str>,
    /// Of this scenario.
    pub scenario: Option<&'a str>,
}

/// A verified pass over parts of a ledger, made by [`Reader::window`](crate::Reader::window).
#[derive(Debug)]
pub struct WindowScan<'r> {
    storage: &'r dyn Storage,
    schema: Schema,
    beginning: Beginning,
    /// What is left, the next stretch last.
    stretches: Vec<(u64, u64)>,
    current: Option<(Scan<'r>, u64)>,
}

impl Window<'_> {
    pub(crate) fn wanted(&self, schema: &Schema) -> Wanted {
        Wanted::new(schema, self)
    }
}

/// The stretches that the index names, and all that it does not know.
pub(crate) fn to_the_end(
    known: Option<(Vec<(u64, u64)>, u64)>,
    beginning: &Beginning,
) -> Vec<(u64, u64)> {
    let (mut stretches, end) = known.unwrap_or((Vec::new(), beginning.start));
    match stretches.last_mut() {
        Some((_, last)) if *last == end => *last = u64::MAX,
        _ => stretches.push((end, u64::MAX)),
    }
    stretches
}

impl<'r> WindowScan<'r> {
    /// `known` are the stretches the index names and where its knowledge ends.
    pub(crate) fn new(
        storage: &'r dyn Storage,
        schema: Schema,
        beginning: Beginning,
        known: Option<(Vec<(u64, u64)>, u64)>,
    ) -> Self {
        let stretches = to_the_end(known, &beginning);
        Self::over(storage, schema, beginning, stretches)
    }

    /// A pass over these stretches.
    pub(crate) fn over(
        storage: &'r dyn Storage,
        schema: Schema,
        beginning: Beginning,
        mut stretches: Vec<(u64, u64)>,
    ) -> Self {
        stretches.reverse();
        Self {
            storage,
            schema,
            beginning,
            stretches,
            current: None,
        }
    }

    /// Where the line that comes next starts; `None` before the first one.
    pub(crate) fn offset(&self) -> Option<u64> {
        self.current.as_ref().map(|(scan, _)| scan.offset())
    }

    /// The next line, or `None` after the last one.
    ///
    /// # Errors
    /// [`ReadError::Broken`] for what is not an intact line, or not the one that follows.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        while self
            .current
            .as_ref()
            .is_none_or(|(scan, end)| scan.offset() >= *end)
        {
            let Some((start, end)) = self.stretches.pop() else {
                return Ok(None);
            };
            self.current = Some((self.scan_from(start)?, end));
        }
        match &mut self.current {
            Some((scan, _)) => scan.next_line(),
            None => Ok(None),
        }
    }

    /// The first line of a stretch says what its predecessor was; from there on the chain does.
    fn scan_from(&self, start: u64) -> Result<Scan<'r>, ReadError> {
        let mut chain = Chain::start(self.beginning.clone());
        let at_end = || -> Result<bool, ReadError> {
            let mut byte = [0];
            let part = crate::Part::Lines;
            Ok(self.storage.read_at(part, start, &mut byte)? == 0)
        };
        if start > self.beginning.start && !at_end()? {
            match line_at(self.storage, &self.schema, start) {
                Ok(first) => chain.resume(first.seq(), first.prev_hash(), start),
                // A torn tail is not handed out, as in every pass.
                Err(ReadError::Broken { .. }) if self.stretches.is_empty() => {
                    chain.end = start;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Scan::new(self.storage, self.schema, start, Some(chain)))
    }
}
