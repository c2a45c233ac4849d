//! Only what was added behind a line that is known: what a fold of the ledger by several threads
//! needs to go on where it stopped.

use crate::chain::Chain;
use crate::finding::FindingKind;
use crate::ledger::Head;
use crate::parts::{WindowPart, cut};
use crate::reader::{ReadError, Reader, line_ending_at};
use crate::scan::Scan;
use crate::window::{Window, WindowScan, to_the_end};

impl Reader {
    /// The pass of [`Reader::window_parts`] over what comes behind a line that was read before,
    /// which must still be in its place.
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, Record, Schema, Window};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: None, severity: None,
    /// #     scenario: None };
    /// # let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
    /// # let body = |id: &str| format!(r#"{{"Run_ID":"{id}","Input_Sha256":"{}"}}"#, "0".repeat(64));
    /// # ledger.append(Record::new(&RUNS, body("r-1").into_bytes())?)?;
    /// let reader = ledger.reader();
    /// let seen = reader.head()?.unwrap();
    /// # ledger.append(Record::new(&RUNS, body("r-2").into_bytes())?)?;
    /// // … when something was added:
    /// let mut parts = reader.window_parts_after(seen, &Window::default(), 2)?;
    /// assert_eq!(parts[0].next_line()?.unwrap().seq(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Reader::scan_verified_after`].
    pub fn window_parts_after(
        &self,
        head: Head,
        window: &Window<'_>,
        parts: usize,
    ) -> Result<Vec<WindowPart<'_>>, ReadError> {
        let size = self.size_past_head()?;
        self.still_holds(head, size)?;
        let beginning = self.beginning()?;
        let mut stretches = to_the_end(self.stretches(window, size), &beginning);
        stretches.retain_mut(|(start, end)| {
            *start = (*start).max(head.end);
            *start < *end
        });
        if stretches
            .first()
            .is_some_and(|(start, _)| *start == head.end)
        {
            // A stretch takes its first line's word for what came before; here that is known.
            let mut chain = Chain::start(beginning.clone());
            chain.resume(head.seq + 1, head.hash, head.end);
            Scan::new(&*self.storage, self.schema, head.end, Some(chain)).next_line()?;
        }
        let cuts = cut(&*self.storage, &stretches, size, parts)?;
        let scan =
            |stretches| WindowScan::over(&*self.storage, self.schema, beginning.clone(), stretches);
        let parts = cuts.into_iter();
        Ok(parts
            .map(|cut| WindowPart::new(scan(cut.stretches), cut.border))
            .collect())
    }

    /// That a line is where it was.
    pub(crate) fn still_holds(&self, head: Head, size: u64) -> Result<(), ReadError> {
        let broken = |offset, kind| ReadError::Broken { offset, kind };
        if size < head.end {
            return Err(broken(size, FindingKind::RolledBack { head }));
        }
        let line = line_ending_at(&*self.storage, &self.schema, head.end)?;
        if line.seq() == head.seq && line.hash() == head.hash {
            Ok(())
        } else {
            Err(broken(line.offset(), FindingKind::Forked { head }))
        }
    }
}
