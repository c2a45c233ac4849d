//! A window read by several threads: its stretches cut into parts of about the same length.

use crate::line::Line;
use crate::reader::{ReadError, Reader};
use crate::scan::first_line;
use crate::storage::{Storage, StorageError};
use crate::window::{Window, WindowScan, to_the_end};

/// One part of a window, made by [`Reader::window_parts`](crate::Reader::window_parts).
#[derive(Debug)]
pub struct WindowPart<'r> {
    scan: WindowScan<'r>,
    /// The line that starts here belongs to the next part; it is read only to check that it
    /// continues the chain.
    border: Option<u64>,
}

impl Reader {
    /// The pass of [`Reader::window`] in at most so many parts of about the same length, in the ledger's order, each
    /// for a thread of its own. Together they hand out each line once and check what one pass
    /// checks, the links from part to part, too.
    ///
    /// # Errors
    /// As for [`Reader::scan_verified`].
    ///
    /// ```
    /// # use credit_ledger::{Config, Ledger, MemoryStorage, ReadError, Schema, Window};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: None, origin: "Ledger_Origin", time: Some("Timestamp"), severity: None,
    /// #     scenario: None };
    /// # let ledger = Ledger::open(Box::new(MemoryStorage::new()), RUNS, Config::default())?;
    /// let reader = ledger.reader();
    /// let parts = reader.window_parts(&Window::default(), 2)?;
    /// let bytes = std::thread::scope(|scope| {
    ///     let threads: Vec<_> = parts.into_iter().map(|mut part| scope.spawn(move || {
    ///         let mut bytes = 0;
    ///         while let Some(line) = part.next_line()? {
    ///             bytes += line.raw().len() + 1;
    ///         }
    ///         Ok::<usize, ReadError>(bytes)
    ///     })).collect();
    ///     threads.into_iter().map(|thread| thread.join().unwrap()).sum::<Result<usize, _>>()
    /// })?;
    /// assert_eq!(bytes as u64, ledger.stats().bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn window_parts(
        &self,
        window: &Window<'_>,
        parts: usize,
    ) -> Result<Vec<WindowPart<'_>>, ReadError> {
        let size = self.size_past_head()?;
        let beginning = self.beginning()?;
        let stretches = to_the_end(self.stretches(window, size), &beginning);
        let cuts = cut(&*self.storage, &stretches, size, parts)?;
        let scan =
            |stretches| WindowScan::over(&*self.storage, self.schema, beginning.clone(), stretches);
        let parts = cuts.into_iter();
        Ok(parts
            .map(|cut| WindowPart::new(scan(cut.stretches), cut.border))
            .collect())
    }
}

impl<'r> WindowPart<'r> {
    pub(crate) fn new(scan: WindowScan<'r>, border: Option<u64>) -> Self {
        Self { scan, border }
    }

    /// The next line, or `None` after the last one of this part.
    ///
    /// # Errors
    /// As for [`WindowScan::next_line`].
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        if self.border.is_some() && self.scan.offset() == self.border {
            self.border = None;
            self.scan.next_line()?;
            return Ok(None);
        }
        self.scan.next_line()
    }
}

/// The stretches in at most so many parts, each of which ends where a line starts; with a part
/// comes where the next one starts, if that is in the middle of a stretch.
pub(crate) fn cut(
    storage: &dyn Storage,
    stretches: &[(u64, u64)],
    size: u64,
    parts: usize,
) -> Result<Vec<Cut>, StorageError> {
    let length = |(start, end): &(u64, u64)| (*end).min(size).saturating_sub(*start);
    let total: u64 = stretches.iter().map(length).sum();
    let share = total.div_ceil(parts.max(1) as u64).max(PART_BYTES_MIN);
    let mut cuts = vec![Cut::default()];
    let mut filled = 0;
    for stretch in stretches {
        let (mut start, end) = *stretch;
        while filled + length(&(start, end)) > share {
            let from = start + share.saturating_sub(filled) + 1;
            let Some(border) = first_line(storage, &(from..end.min(size)))? else {
                break;
            };
            if let Some(cut) = cuts.last_mut() {
                // One line beyond, so that the link over the border is checked.
                cut.stretches.push((start, border + 1));
                cut.border = Some(border);
            }
            cuts.push(Cut::default());
            (start, filled) = (border, 0);
        }
        filled += length(&(start, end));
        if let Some(cut) = cuts.last_mut() {
            cut.stretches.push((start, end));
        }
    }
    Ok(cuts)
}

/// One part.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) stretches: Vec<(u64, u64)>,
    pub(crate) border: Option<u64>,
}

/// Less is read faster than a thread is started.
const PART_BYTES_MIN: u64 = 256 * 1024;
